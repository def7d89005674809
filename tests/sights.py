"""A view as recipes on images give it, and its figure: what the tests of such figures share."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.board import PART, steps
from tinytorch_milestones.watching import Run
from tinytorch_milestones.widgets.figure import RunFigure
from tinytorch_milestones.widgets.layout import panels_of
from tinytorch_milestones.widgets.theme import LIGHT, Theme

CIFAR = [
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
]
DIGITS = [str(digit) for digit in range(10)]
LAYERS = ("0", "3", "7", "9", "11")


def view(
    names: list[str] = CIFAR,
    *,
    side: int = 32,
    filters: tuple[int, ...] = (24, 3, 3, 3),
    count: int = 16,
    ended: bool = True,
) -> dict[str, Any]:
    """A view as a recipe on images gives it; grey where the filters see one channel."""
    rng = np.random.default_rng(3)
    shape = (side, side) if filters[1] == 1 else (side, side, 3)

    def told(number: int, right: bool) -> dict[str, Any]:
        truths = [names[i % 10] for i in range(number)]
        guesses = truths if right else [names[(i + 1) % 10] for i in range(number)]
        images = rng.random((number, *shape), dtype=np.float32)
        sure = [0.99 - 0.01 * i for i in range(number)]
        return {"images": images, "truths": truths, "guesses": guesses, "confidence": sure}

    mixed = told(count, right=False)
    mixed["guesses"] = [t if i % 2 else names[0] for i, t in enumerate(mixed["truths"])]
    found: dict[str, Any] = {
        "kind": "images",
        **mixed,
        "weights": None,
        "title": "12.3% of 10,000 held-out photographs right",
        "filters": {
            "weights": rng.normal(size=filters),
            "start": rng.normal(size=filters),
            "layer": "0",
        },
        "maps": {
            "image": rng.random(shape),
            "label": names[1],
            "maps": rng.random((12, side - 2, side - 2)),
            "layer": "0",
        },
    }
    if ended:
        matrix = rng.integers(1, 99, (10, 10)) + 900 * np.eye(10, dtype=int)
        found["confusion"] = {"matrix": matrix, "labels": names}
        found["classes"] = [(n, 0.05 + 0.1 * i, 1000) for i, n in enumerate(names)]
        found["extremes"] = {"best": told(8, right=True), "worst": told(8, right=False)}
    return found


def figure_of(
    picture: dict[str, Any],
    *,
    final: bool = False,
    theme: Theme = LIGHT,
    layers: tuple[str, ...] = LAYERS,
) -> Any:
    run = Run(PART, "yours", "/course/tinytorch", {})
    for step in steps(30):
        step.parameters = {f"{layer}.weight": (0.1, 1.0) for layer in layers}
        run.take(step)
    panels = panels_of(picture, final=final)
    figure = RunFigure(PART, theme, layers=layers, panels=panels, final=final)
    figure.update(run, picture, final=final)
    return figure
