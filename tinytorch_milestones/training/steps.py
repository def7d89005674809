"""`Step`: what a recipe yields for every update, and what a dashboard can draw of it."""

from __future__ import annotations

from collections.abc import Callable
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
    samples: int = 0  # examples processed by this step
    seconds: float = 0.0  # time the recipe took for it, set by whoever drives the recipe
    # values for gates, merged into the evidence (the last one of a name counts)
    metrics: dict[str, float] = {}
    # per parameter: (norm of its gradient or update, norm of its change since the start)
    parameters: dict[str, tuple[float, float]] = {}
    # module number -> calls into the student's code, where this step was watched
    exercised: dict[str, int] = {}
    # a short line about what just happened, for the terminal and the dashboard
    note: str = ""
    # what was found wrong before training, in a few words: it goes before the failed gate's hint
    symptom: str = ""
    # makes the picture of this moment; called only when someone draws. Never sent between
    # processes. Returns a plain dict, see VIEWS.
    view: Callable[[], dict[str, Any]] | None = None


VIEWS = {
    "boundary": "points (n,2), labels (n,), lines [(w0, w1, bias, caption)], title; surface",
    "images": "images (n,h,w) 0..1, guesses [str], truths [str], weights (h,w) or None, title; "
    "confidence, confusion",
    "table": "rows [[str]], columns [str], title",
}
"""What the dict of a view holds, beside its "kind"; after the semicolon what it may hold.

surface: {"values": (n, n) answers 0..1, the first row at the lowest y, "extent": (left, right,
bottom, top)}. confidence: [float] 0..1 beside guesses. confusion, where everything held out was
just asked: {"matrix": (k, k) counts, a row for each truth, "labels": [str]}.
"""
