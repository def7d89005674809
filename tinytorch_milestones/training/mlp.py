"""Recipes of the multilayer perceptron, 1986: handwritten digits, small ones and MNIST."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from tinytorch_milestones.data.images import read_digits, read_mnist
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

OPTIONS: dict[str, tuple[str, ...]] = {"digits": LEARNING, "mnist": (*LEARNING, "data")}
# with all of MNIST the point is how far it gets, so it goes on after the gates hold
IMPLIED = {"mnist": {("data", "full"): {"patience": 0}}}

_HELD_OUT_DIGITS = 360
_SHOWN = 16  # images in the picture
_WRONG = 12  # of them at most so many that it still gets wrong

_CLASSES = [str(digit) for digit in range(10)]


def digits(fw: Framework, settings: Settings) -> Iterator[Step]:
    """1,797 handwritten digits of 8x8 pixels, a fifth of them held out at random."""
    images, labels = read_digits()
    order = np.random.default_rng([settings.seed, 5]).permutation(len(images))
    inputs = images[order, None].astype(np.float32) / np.float32(16)
    labels = labels[order]
    cut = len(images) - _HELD_OUT_DIGITS
    training, held_out = Examples(inputs[:cut], labels[:cut]), Examples(inputs[cut:], labels[cut:])
    yield from learn(fw, settings, _problem(settings, training, held_out, 32))


def mnist(fw: Framework, settings: Settings) -> Iterator[Step]:
    """MNIST, 28x28 pixels: the bundled 10,000 and 2,000, or all 60,000 and 10,000."""
    full = settings.choice("data", "bundled", "full") == "full"
    training, held_out = _mnist("mnist-full" if full else "mnist")
    yield from learn(fw, settings, _problem(settings, training, held_out, 128))


@lru_cache(maxsize=1)
def _mnist(name: str) -> tuple[Examples, Examples]:
    parts = []
    for train in (True, False):
        images, labels = read_mnist(name, train=train)
        inputs = images[:, None].astype(np.float32)
        inputs /= np.float32(255)
        parts.append(Examples(inputs, labels))
    return parts[0], parts[1]


def _problem(settings: Settings, training: Examples, held_out: Examples, hidden: int) -> Problem:
    design = design_of(settings, activation="ReLU", loss="CrossEntropyLoss", images=True)
    return Problem(training, held_out, design, len(_CLASSES), hidden, _Gallery())


class _Gallery:
    """Sixteen held-out images with the model's guesses, first those it still gets wrong."""

    def __init__(self) -> None:
        self._matrix: Any = None  # of the last time that everything held out was asked

    def __call__(self, learner: Learner, answers: Answers) -> Callable[[], dict[str, Any]]:
        wrong = np.flatnonzero(~answers.right)[:_WRONG]
        right = np.flatnonzero(answers.right)[: _SHOWN - len(wrong)]
        shown = np.concatenate([wrong, right])
        images = learner.held_out.inputs[answers.chosen[shown], 0]
        truths = learner.held_out.labels[answers.chosen[shown]]
        guesses, confidence = answers.guesses[shown], answers.confidence[shown]
        title = f"{answers.accuracy:.1%} of {len(answers.right):,} held-out digits right"
        if answers.whole:
            self._matrix = learner.confusion(answers, len(_CLASSES))
        # a run that stops early may end between two such times: its picture keeps the last one
        matrix = self._matrix
        return lambda: _images(images, truths, guesses, confidence, title, matrix)


def _images(
    images: Array, truths: Array, guesses: Array, confidence: Array, title: str, matrix: Any
) -> dict[str, Any]:
    view: dict[str, Any] = {
        "kind": "images",
        "images": images,
        "guesses": [_CLASSES[guess] if guess >= 0 else "?" for guess in guesses],
        "truths": [_CLASSES[truth] for truth in truths],
        "confidence": [float(value) for value in confidence],
        "weights": None,
        "title": title,
    }
    if matrix is not None:
        view["confusion"] = {"matrix": matrix, "labels": _CLASSES}
    return view
