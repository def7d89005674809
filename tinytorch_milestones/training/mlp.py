"""Recipes of the multilayer perceptron, 1986: handwritten digits, small ones and MNIST."""

from __future__ import annotations

from collections.abc import Iterator

from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.handwriting import CLASSES, mnist_of, small_digits
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.seeing import Gallery
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

OPTIONS: dict[str, tuple[str, ...]] = {"digits": LEARNING, "mnist": (*LEARNING, "data")}
# with all of MNIST the point is how far it gets, so it goes on after the gates hold
IMPLIED = {"mnist": {("data", "full"): {"patience": 0}}}


def digits(fw: Framework, settings: Settings) -> Iterator[Step]:
    """1,797 handwritten digits of 8x8 pixels, a fifth of them held out at random."""
    training, held_out = small_digits(settings.seed)
    yield from learn(fw, settings, _problem(settings, training, held_out, 32))


def mnist(fw: Framework, settings: Settings) -> Iterator[Step]:
    """MNIST, 28x28 pixels: the bundled 10,000 and 2,000, or all 60,000 and 10,000."""
    training, held_out = mnist_of(settings)
    yield from learn(fw, settings, _problem(settings, training, held_out, 128))


def _problem(settings: Settings, training: Examples, held_out: Examples, hidden: int) -> Problem:
    design = design_of(settings, activation="ReLU", loss="CrossEntropyLoss", images=True)
    gallery = Gallery(CLASSES, noun="digits")
    full = settings.extra.get("data") == "full"
    return Problem(
        training, held_out, design, len(CLASSES), hidden, picture=gallery, resumable=full
    )
