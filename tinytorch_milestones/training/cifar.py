"""Recipes on CIFAR-10, 2012: a convolutional network names what is in a photograph.

All three train the same kind of network, at three sizes of ambition: `converge` to see that
everything works together, `objects` for two in three, `vision` for three in four.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.photographs import (
    CLASSES,
    SIZE,
    augmentation,
    normalised,
    photographs,
    whitening,
)
from tinytorch_milestones.training.resuming import order_seed
from tinytorch_milestones.training.seeing import Gallery, layers_inside
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

_OWN = tuple(name for name in LEARNING if name != "hidden")
OPTIONS: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("converge", "objects", "vision"), (*_OWN, "widths")
)

_QUICK = 10_000  # photographs that a quick run learns from
_HABITS = {
    "schedule": "onecycle",
    "label_smoothing": 0.1,
    "weight_decay": 5e-4,
    "nesterov": "yes",
}
"""What belongs to the recipe unless it was chosen otherwise."""


def converge(fw: Framework, settings: Settings) -> Iterator[Step]:
    """A small network, trained from scratch until it clearly works."""
    yield from _train(fw, settings, "16-32-64", signs=False)


def objects(fw: Framework, settings: Settings) -> Iterator[Step]:
    """A larger one, for two photographs in three."""
    yield from _train(fw, settings, "24-48-96", signs=False)


def vision(fw: Framework, settings: Settings) -> Iterator[Step]:
    """The same with twice the channels to begin with, trained longer, for three in four."""
    yield from _train(fw, settings, "24-48-96", signs=True)


def _train(fw: Framework, settings: Settings, standard: str, signs: bool) -> Iterator[Step]:
    settings = msgspec.structs.replace(settings, extra={**_HABITS, **settings.extra})
    widths = _widths(settings.extra.get("widths", standard))
    training, held_out = photographs()
    if settings.quick:
        training = Examples(training.inputs[:_QUICK], training.labels[:_QUICK])
    design = design_of(
        settings,
        activation="ReLU",
        loss="CrossEntropyLoss",
        images=True,
        augmented=True,
        spatial=_spatial(fw, settings.model),
    )
    problem = Problem(
        training,
        held_out,
        design,
        len(CLASSES),
        picture=Gallery(CLASSES, colour=True, noun="photographs", given=normalised),
        network=partial(network, images=training.inputs, widths=widths, signs=signs),
        transform=partial(augmentation, seed=order_seed(settings)),
        given=normalised,
        strict=True,
        resumable=True,
    )
    yield from learn(fw, settings, problem)


def network(fw: Framework, images: Array, widths: tuple[int, ...], *, signs: bool) -> Any:
    """Whitening, which stays as it is, then blocks of convolution and pooling, then one layer.

    With `signs` what a whitening filter likes and what it dislikes become channels of their own:
    every filter stands beside its negative, and a ReLU follows. Pooling comes before normalisation
    and ReLU, which then have a quarter of the work.
    """
    filters = whitening(images)
    if signs:
        filters = np.concatenate([filters, -filters])
    first = fw.Conv2d(filters.shape[1], len(filters), filters.shape[2], bias=False)
    first.weight.data[...] = filters
    first.weight.requires_grad = False
    layers = [first, fw.ReLU()] if signs else [first]
    channels, side = len(filters), SIZE - filters.shape[2] + 1
    for width in widths:
        # a bias would be taken away again by the normalisation
        layers.append(fw.Conv2d(channels, width, 3, padding=1, bias=False))
        layers += [fw.MaxPool2d(2), fw.BatchNorm2d(width), fw.ReLU()]
        channels, side = width, side // 2
    return fw.Sequential(*layers, fw.Flatten(), fw.Linear(channels * side * side, len(CLASSES)))


def _spatial(fw: Framework, model: Any) -> tuple[str, ...]:
    """The layers of module 09 that a run leans on: the recipe's, and one more a model may have."""
    inside = set() if model is None else {type(x).__name__ for _, x in layers_inside(fw, model)}
    return ("Conv2d", "MaxPool2d", "BatchNorm2d", *({"AvgPool2d"} & inside))


def _widths(chosen: object) -> tuple[int, ...]:
    """Channels of the blocks, from "24-48-96" or a list of numbers."""
    parts = chosen.split("-") if isinstance(chosen, str) else chosen
    try:
        found = tuple(int(part) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        found = ()
    if not 1 <= len(found) <= 4 or not all(1 <= width <= 512 for width in found):
        raise TinyTorchError(
            f"widths is {chosen!r}.", 'Give the channels of one to four blocks, such as "24-48-96".'
        )
    return found
