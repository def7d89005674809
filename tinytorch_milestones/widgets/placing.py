"""Where a label goes so that it lies on no other label and on as little of a curve as possible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.axes import Axes

_WIDE, _WIDE_BOLD = 0.57, 0.68  # of its size, that a character is wide on average
_GAP = 3.0
_CLOSE = 4.0  # points, less than half the height of a letter


class Box(NamedTuple):
    """A rectangle in points (1/72 inch), from the lower left corner of its axes."""

    left: float
    bottom: float
    right: float
    top: float

    def shared(self, other: Box) -> float:
        """The area it has in common with another, square points."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, wide) * max(0.0, high)

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies in it."""
        return self.left <= x <= self.right and self.bottom <= y <= self.top


class Ground:
    """The axes as labels see them: what is taken already, and where curves run."""

    def __init__(self, axes: Axes) -> None:
        wide, high = inches(axes)
        self.width, self.height = 72 * wide, 72 * high
        (self._x0, x1), (self._y0, y1) = axes.get_xlim(), axes.get_ylim()
        self._per_x = self.width / (x1 - self._x0)
        self._per_y = self.height / (y1 - self._y0)
        self.taken: list[Box] = []
        self.curves: list[tuple[float, float]] = []

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place on the axes, in points."""
        return (x - self._x0) * self._per_x, (y - self._y0) * self._per_y

    def level(self, y: float) -> None:
        """A line across the whole axes."""
        self.curve([(self._x0, y), (self._x0 + self.width / self._per_x, y)])

    def curve(self, points: Iterable[tuple[float, float]]) -> None:
        """A curve that labels had better not cover, taken in at points close to each other."""
        places = [self.point(x, y) for x, y in points]
        self.curves += places[-1:]
        for (x0, y0), (x1, y1) in pairwise(places):
            count = 1 + int(math.hypot(x1 - x0, y1 - y0) / _CLOSE)
            self.curves += [
                (x0 + i / count * (x1 - x0), y0 + i / count * (y1 - y0)) for i in range(count)
            ]

    def place(
        self, words: Any, anchors: Sequence[tuple[float, float]], *, below: bool = False
    ) -> Box:
        """Move a text to the best place at one of the anchors (in data), and take that place.

        All else being equal that is the first anchor, and above it, or `below`.
        """
        tried = (
            self._tried(words, anchor, dx, dy, rank + (0.4 if (dy < 0) != below else 0.0))
            for rank, anchor in enumerate(anchors)
            for dy in (1, -1)
            for dx in (1, -1, 0)
        )
        _, box, x, y = min(tried)
        words.set_position((self._x0 + x / self._per_x, self._y0 + y / self._per_y))
        words.set_horizontalalignment("left")
        words.set_verticalalignment("bottom")
        self.taken.append(box)
        return box

    def _tried(
        self, words: Any, anchor: tuple[float, float], dx: int, dy: int, rank: float
    ) -> tuple[float, Box, float, float]:
        wide, high = extent(words)
        x, y = self.point(*anchor)
        left = x + _GAP if dx > 0 else x - wide - _GAP if dx < 0 else x - wide / 2
        bottom = y + _GAP if dy > 0 else y - high - _GAP
        box = Box(left, bottom, left + wide, bottom + high)
        outside = max(0.0, -left, box.right - self.width - 4) + max(
            0.0, -bottom, box.top - self.height - 4
        )
        cost = 50.0 * outside + 10.0 * sum(box.shared(other) for other in self.taken)
        cost += 4.0 * sum(box.holds(*point) for point in self.curves)
        return cost + 0.5 * rank + (0.1 if dx <= 0 else 0.0), box, left, bottom


def inches(axes: Axes) -> tuple[float, float]:
    """How wide and high axes are, whatever the resolution."""
    figure: Any = axes.figure  # never a sub-figure here, nor none
    box, size = axes.get_position(), figure.get_size_inches()
    return box.width * float(size[0]), box.height * float(size[1])


def extent(words: Any) -> tuple[float, float]:
    """About how wide and high a text is, in points."""
    size = words.get_fontsize()
    wide = _WIDE_BOLD if words.get_fontweight() == "bold" else _WIDE
    return wide * size * len(words.get_text()), 1.15 * size
