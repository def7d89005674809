"""The figure in words: for a screen reader, and for front ends that show no pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.catalog.model import Part
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.widgets import confusion
from tinytorch_milestones.widgets.charts import size_text
from tinytorch_milestones.widgets.filters import layer_of
from tinytorch_milestones.widgets.gradients import layer_norms, state_of
from tinytorch_milestones.widgets.heads import Shown, aims, shown_of
from tinytorch_milestones.widgets.letters import written
from tinytorch_milestones.widgets.race import pace_text
from tinytorch_milestones.widgets.texts import note_of

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Run

_MISTAKES = 3  # that are named
_TEXT = 300  # letters of a sample


def describe(
    part: Part,
    report: PartReport,
    run: Run,
    layers: Sequence[str],
    picture: dict[str, Any] | None,
) -> str:
    """What the final figure shows, in a few sentences."""
    words = [f"Figure: {part.title}."]
    if report.losses:
        words.append(f"Loss from {report.losses[0]:.3g} to {report.losses[-1]:.3g}.")
    if run.evidence.lines:
        levels = (f"{name} {level:.3g}" for name, level in run.evidence.lines.items())
        words.append(f"To compare it with: {', '.join(levels)}.")
    if report.accuracies:
        first, last = report.accuracies[0][1], report.accuracies[-1][1]
        judged = run.evidence.metrics.get("accuracy", last)
        whole = "" if judged == last else f" of a sample, {judged:.1%} of all"
        words.append(f"Accuracy on held-out data from {first:.1%} to {last:.1%}{whole}.")
    if len(layers) > 1:
        words.append(_gradients(run, layers))
    if picture:
        words += _seen(picture)
    return " ".join(words)


def _gradients(run: Run, layers: Sequence[str]) -> str:
    norms = layer_norms(run.evidence.parameters)
    told = []
    for layer in layers:
        norm = norms.get(layer, 0.0)
        state = state_of(norm)
        told.append(f"{layer} {norm:.2g}" + (f" ({state})" if state else ""))
    return f"Gradients from the first layer to the last: {', '.join(told)}."


def _seen(picture: dict[str, Any]) -> list[str]:
    words = []
    if (shown := shown_of(picture)) is not None:
        words.append(_heads(shown))
    words += [_sample(sample) for sample in picture.get("samples") or ()]
    words += costs(picture)
    if table := picture.get("table"):
        words += [", ".join(str(cell) for cell in row if cell) + "." for row in table["rows"]]
    if "guesses" in picture:
        pairs = list(zip(picture["guesses"], picture["truths"], strict=False))
        right = sum(str(guess) == str(truth) for guess, truth in pairs)
        words.append(f"Of {len(pairs)} pictures shown, {right} are read right.")
    if counts := picture.get("confusion"):
        names = [str(name) for name in counts["labels"]]
        words.append(f"All held out: {confusion.said(counts['matrix'], names)}.")
    if classes := picture.get("classes"):
        shares = ", ".join(f"{name} {share:.1%}" for name, share, _ in classes)
        words.append(f"Right of each class: {shares}.")
    if filters := picture.get("filters"):
        words.append(_filters(filters))
    if maps := picture.get("maps"):
        words.append(_maps(maps))
    if worst := (picture.get("extremes") or {}).get("worst"):
        words += _mistakes(worst)
    return words


def costs(picture: Mapping[str, Any]) -> list[str]:
    """What a network weighs, does and writes, a sentence for each point or lane of a picture."""
    match picture.get("kind"):
        case "pareto":
            return [
                f"{p['name']}: {size_text(p['bytes'])}, {p['accuracy']:.1%} right, "
                f"{p['speed']:.1f} times as fast as the first."
                for p in picture["points"]
            ]
        case "roofline":
            last = {p["name"]: p for p in picture["points"]}
            noun = picture.get("noun", "")
            roof = picture["flops"], picture["bandwidth"]
            told = [f"At best {roof[0] / 1e9:.0f} GFLOP/s and {roof[1] / 1e9:.0f} GB/s."]
            for name, p in last.items():
                share = p["flops"] / min(roof[0], p["intensity"] * roof[1])
                told.append(
                    f"{name}, {noun} {p['label']}: {p['intensity']:.2g} FLOP a byte, "
                    f"{p['flops'] / 1e9:.2g} GFLOP/s, {share:.0%} of what is possible."
                )
            return told
        case "race":
            return [f"{lane['name']}: {pace_text(lane)}." for lane in picture["lanes"]]
        case "table":
            rows = [picture["columns"], *picture["rows"]]
            return [", ".join(str(cell) for cell in row if cell) + "." for row in rows]
        # what intervals show stands in their table too, which is told as any other is
    return []


def _heads(shown: Shown) -> str:
    """How many heads there are, and which of them looks where it should."""
    count = "1 head" if shown.total == 1 else f"{shown.total} heads"
    text = f"Attention maps of {count} over {len(shown.columns)} tokens"
    if shares := aims(shown):
        best = max(range(len(shares)), key=shares.__getitem__)
        text += f"; {shown.names[best]} looks where it should with {shares[best]:.0%} of it"
    return text + "."


def _sample(sample: dict[str, Any]) -> str:
    """A prompt, what was written after it, and what was said of that, on one line."""
    prompt, text = (
        " ".join(" ".join(written(str(sample.get(key, "")))).split()) for key in ("prompt", "text")
    )
    note = note_of(sample).lstrip("\u2713\u2717 ")
    return f"After \u201c{prompt}\u201d: \u201c{text[:_TEXT]}\u201d" + (
        f" ({note})." if note else "."
    )


def _filters(filters: dict[str, Any]) -> str:
    """How many filters there are, of what size, and how far they have come."""
    weights = np.asarray(filters["weights"], dtype=float)
    count, _, high, wide = weights.shape
    layer = layer_of(filters)
    text = f"{count} filters of {wide} by {high} pixels" + (f" in {layer}" if layer else "")
    start = filters.get("start")
    if start is not None and (before := float(np.linalg.norm(start))) > 0:
        change = float(np.linalg.norm(weights - start)) / before
        text += f", changed by {change:.0%} of what they were at the start"
    return text + "."


def _maps(maps: dict[str, Any]) -> str:
    """How many of the filters answer to the image that is shown."""
    values = np.asarray(maps["maps"], dtype=float)
    answering = int((np.abs(values).max(axis=(1, 2)) > 0).sum())
    label = str(maps.get("label", ""))
    image = f"one image ({label})" if label else "one image"
    return f"Of {len(values)} feature maps of {image}, {answering} answer to it."


def _mistakes(worst: dict[str, Any]) -> list[str]:
    told = [
        f"{truth} taken for {guess} ({float(sure):.0%} sure)"
        for truth, guess, sure in zip(
            worst["truths"], worst["guesses"], worst.get("confidence") or (), strict=False
        )
    ]
    return [f"Surest mistakes: {', '.join(told[:_MISTAKES])}."] if told else []
