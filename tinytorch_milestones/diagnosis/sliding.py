"""Windows that slide over images: their options, drawn at random and put into words and code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytorch_milestones.diagnosis.source import Array, Source
from tinytorch_milestones.training.spatial_oracle import Two


@dataclass(frozen=True)
class Window:
    """How large a window is, how far it moves on, and how many pixels it is given at each edge."""

    size: Two
    stride: Two = (1, 1)
    padding: Two = (0, 0)

    def arguments(self, usual: Two = (1, 1)) -> str:
        """As arguments of a layer whose stride is `usual` unless given: `2, padding=1`."""
        given = [pair_text(self.size)]
        if self.stride != usual:
            given.append(f"stride={pair_text(self.stride)}")
        if self.padding != (0, 0):
            given.append(f"padding={pair_text(self.padding)}")
        return ", ".join(given)

    def outputs(self, height: int, width: int) -> Two:
        """At how many places it fits into an image, down and to the right."""
        rows, columns = (
            (size + 2 * padding - window) // stride + 1
            for size, window, stride, padding in zip(
                (height, width), self.size, self.stride, self.padding, strict=True
            )
        )
        return rows, columns


def pair_text(pair: Two) -> str:
    """`2` for (2, 2), `(1, 2)` for others."""
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def two(source: Source, options: Sequence[int]) -> Two:
    """One number for both axes, or one for each."""
    first = source.pick(options)
    return (first, first) if source.pick((True, False)) else (first, source.pick(options))


def sizes(source: Source, window: Window, extra: Sequence[int] = (0, 1, 2)) -> Two:
    """A height and a width that the window fits into, with some pixels to spare."""
    height, width = (
        max(1, n - 2 * p) + source.pick(extra)
        for n, p in zip(window.size, window.padding, strict=True)
    )
    return height, width


def distinct(source: Source, shape: Sequence[int]) -> Array:
    """Whole numbers from 0 in some order, no two of them equal."""
    left = [float(i) for i in range(math.prod(shape))]
    picked = [left.pop(source.pick(range(len(left)))) for _ in range(len(left))]
    return np.array(picked).reshape(tuple(shape))
