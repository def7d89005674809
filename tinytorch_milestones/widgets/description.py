"""The figure in words: for a screen reader, and for front ends that show no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinytorch_milestones.catalog.model import Part
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.widgets import confusion
from tinytorch_milestones.widgets.gradients import layer_norms, state_of

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Run


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
    if report.accuracies:
        first, last = report.accuracies[0][1], report.accuracies[-1][1]
        words.append(f"Accuracy on held-out data from {first:.1%} to {last:.1%}.")
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
    if "guesses" in picture:
        pairs = list(zip(picture["guesses"], picture["truths"], strict=False))
        right = sum(str(guess) == str(truth) for guess, truth in pairs)
        words.append(f"Of {len(pairs)} pictures shown, {right} are read right.")
    if counts := picture.get("confusion"):
        names = [str(name) for name in counts["labels"]]
        words.append(f"All held out: {confusion.said(counts['matrix'], names)}.")
    return words
