"""`Step`: what a recipe yields for every update, and what a dashboard can draw of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec


class Step(msgspec.Struct, kw_only=True):
    """One optimizer step of a recipe.

    A recipe is a generator of steps, so that a notebook, a terminal, a test and a grader drive
    the same one; stopping a run is closing its generator.
    """

    epoch: int  # from 1
    epochs: int
    step: int  # from 1, over the whole part
    steps: int  # how many there will be if nothing stops early
    loss: float
    accuracy: float | None = None  # on held-out data, 0..1, when it was just measured
    samples: int = 0  # examples processed by this step, or what `noun` says
    noun: str = "samples"  # what was counted: "tokens" where a model reads text
    seconds: float = 0.0  # time the recipe took for it, set by whoever drives the recipe
    # values for gates, merged into the evidence (the last one of a name counts)
    metrics: dict[str, float] = {}
    # per parameter: (norm of its gradient or update, norm of its change since the start)
    parameters: dict[str, tuple[float, float]] = {}
    # module number -> calls into the student's code, where this step was watched
    exercised: dict[str, int] = {}
    # levels of the loss worth knowing, drawn as horizontal lines in its plot, in its own unit; sent
    # once, with the first step: {"bigram": 2.4}
    lines: dict[str, float] = {}
    # a short line about what just happened, for the terminal and the dashboard
    note: str = ""
    # what was found wrong before training, in a few words: it goes before the failed gate's hint
    symptom: str = ""
    # makes the picture of this moment; called only when someone draws. Never sent between
    # processes. Returns a plain dict, see VIEWS.
    view: Callable[[], dict[str, Any]] | None = None
    # the network as it is, to be asked about one example after another (`player.Player`) or to
    # write (`author.Author`), where a recipe offers it. Never sent between processes.
    play: Any = None
    # given with the last step of an epoch by recipes that can go on after one: writes what the
    # student's Trainer knows to a path (".npz") and returns what the recipe must know besides, as
    # JSON values. Called before the next step or not at all. Never sent between processes.
    checkpoint: Callable[[Path], dict[str, Any]] | None = None
    # worth a picture of its own, whenever the last one was: such steps are few, or the race is on
    watch: bool = False


VIEWS = {
    "boundary": "points (n,2), labels (n,), lines [(w0, w1, bias, caption)], title; surface",
    "images": "images (n,h,w) or (n,h,w,3) 0..1, guesses [str], truths [str], weights (h,w) or "
    "None, title; confidence, confusion, classes, extremes, filters, maps",
    "table": "rows [[str]], columns [str], title",
    "heads": "tokens [str], heads (k, t, t) 0..1, names [str], title; rows, expected, table",
    "texts": "samples [{prompt, text, note, good}], title; heads, names, tokens",
    "pareto": "points [{name, bytes, accuracy, speed}] in the order they came, title",
    "roofline": "flops, bandwidth, points [{name, label, intensity, flops}], title",
    "intervals": "rows [{name, told, ratio, low, high}], the first one the baseline; title, table",
    "race": "prompt, lanes [{name, text, tokens, of, seconds}] of two writers, title; rate",
}
"""What the dict of a view holds, beside its "kind"; after the semicolon what it may hold.

surface: {"values": (n, n) answers 0..1, the first row at the lowest y, "extent": (left, right,
bottom, top)}. confidence: [float] 0..1 beside guesses. confusion, where everything held out was
just asked: {"matrix": (k, k) counts, a row for each truth, "labels": [str]}; from then, too:
classes: [(label, accuracy 0..1, count)], extremes: {"best": ..., "worst": ...}, each with images,
truths, guesses, confidence. Of the first convolution: filters: {"weights": (o, c, kh, kw),
"start": the same as the run began or None, "layer": its name}, and what it makes of one image,
maps: {"image": (h, w) or (h, w, 3), "label": str, "maps": (k, h, w), "layer": its name}.

heads: how much each token (row) takes from each (column); tokens names the columns, rows the rows
where they differ; expected: [(row, column)], the places where a mechanism should look; table:
{"columns": [str], "rows": [[str]]}, examples and what the model answered. samples: {"prompt": str,
"text": what was written after it, "note": "right", "wrong: ..." or "", "good": bool or None}.

pareto: bytes of a file, accuracy 0..1 of what was loaded from it, speed as a multiple of the first
point's. roofline: what the machine can do at best, in float operations and in bytes a second; of
each point its operations for each byte and a second. race: tokens written so far `of` all; rate:
tokens a second, measured by itself.
"""
