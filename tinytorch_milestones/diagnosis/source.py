"""Where the numbers of a trial come from: dice to find a failure quickly, hypothesis to shrink it.

Both draw through one interface, so that what is shrunk is what failed. Options stand in order of
simplicity: shrinking moves to the front of the list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_T = TypeVar("_T")

SMALL = (0.0, 1.0, 2.0, -1.0, 3.0, -2.0, 0.5)
POSITIVE = (1.0, 2.0, 4.0, 0.5, 3.0)
NONZERO = (1.0, 2.0, -1.0, -2.0, 0.5, 3.0)
FAR = (0.0, 1.0, 2.0, -1.0, -2.0, 30.0, -30.0, 1000.0, -1000.0)
WHOLE = (0.0, 1.0, 2.0, 3.0)


class Source(Protocol):
    """Draws from lists."""

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options."""


class Dice:
    """Random picks, the same ones for the same seed."""

    def __init__(self, *seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options, each as likely as any other."""
        return options[int(self._rng.integers(len(options)))]


class Drawn:
    """Picks that hypothesis chooses and can make simpler."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw

    def pick(self, options: Sequence[_T]) -> _T:
        """One of the options."""
        chosen: _T = options[self._draw(_places(len(options)))]
        return chosen


@lru_cache(maxsize=64)
def _places(count: int) -> Any:
    from hypothesis.strategies import sampled_from

    return sampled_from(range(count))


def numbers(source: Source, shape: Sequence[int], options: Sequence[float] = SMALL) -> Array:
    """A float64 array of picked numbers."""
    picked = [source.pick(options) for _ in range(math.prod(shape))]
    return np.array(picked, dtype=np.float64).reshape(tuple(shape))


def size(source: Source, largest: int = 3) -> int:
    """The size of an axis, from 1."""
    return source.pick(range(1, largest + 1))


def shape(source: Source, fewest: int = 1, most: int = 3) -> tuple[int, ...]:
    """A shape of so many axes."""
    return tuple(size(source) for _ in range(source.pick(range(fewest, most + 1))))


def fitting(source: Source, whole: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts to `whole`: axes missing in front, others of size 1."""
    kept = list(whole)[source.pick(range(len(whole) + 1)) :]
    return tuple(source.pick((n, 1)) for n in kept)
