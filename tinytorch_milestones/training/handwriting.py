"""Handwritten digits to learn from, and those that are held out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinytorch_milestones.data.images import read_digits, read_mnist
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.settings import Settings

CLASSES = [str(digit) for digit in range(10)]

_HELD_OUT_DIGITS = 360


def small_digits(seed: int) -> tuple[Examples, Examples]:
    """1,797 digits (n, 1, 8, 8) in 0..1, a fifth of them held out at random."""
    images, labels = read_digits()
    order = np.random.default_rng([seed, 5]).permutation(len(images))
    inputs = images[order, None].astype(np.float32) / np.float32(16)
    labels = labels[order]
    cut = len(images) - _HELD_OUT_DIGITS
    return Examples(inputs[:cut], labels[:cut]), Examples(inputs[cut:], labels[cut:])


def mnist_of(settings: Settings) -> tuple[Examples, Examples]:
    """MNIST as the option `data` says: the bundled 10,000 and 2,000, or 60,000 and 10,000."""
    full = settings.choice("data", "bundled", "full") == "full"
    return read_split("mnist-full" if full else "mnist")


@lru_cache(maxsize=1)
def read_split(name: str) -> tuple[Examples, Examples]:
    """Training and held-out part of a data set in MNIST's format, (n, 1, 28, 28) in 0..1."""
    parts = []
    for train in (True, False):
        images, labels = read_mnist(name, train=train)
        inputs = images[:, None].astype(np.float32)
        inputs /= np.float32(255)
        parts.append(Examples(inputs, labels))
    return parts[0], parts[1]
