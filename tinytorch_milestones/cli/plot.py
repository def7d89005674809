"""Curves in braille characters, two by four dots to a cell.

Why not a library: plotext, the well-kept one, draws into one figure of the whole process, needs
12 ms for a panel of 2,000 points, and version 6 replaced its interface. A training run wants two
panels, a dim curve behind a bright one, labels on the lines, and a frame in about a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.text import Text

_BUCKETS = 400
_BLANK = 0x2800
# the bit of each dot of a braille cell, by row and column
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LABEL = 6
_NUMBER = 7  # characters of `100.0 %`
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"  # of a block, from the left
_SHORTEST_BAR, _LONGEST_BAR, _BETWEEN = 8, 24, 4

Points = Sequence[tuple[float, float]]
"""Where along the run (0 to 1), and the value there."""


class Curve:
    """Values along a run, kept as means of equal stretches, so that memory and the cost of a
    frame stay the same however long the run."""

    def __init__(self) -> None:
        self._sums = [0.0] * _BUCKETS
        self._counts = [0] * _BUCKETS
        self.last: float | None = None

    def add(self, position: float, value: float) -> None:
        """Take in a value at a position from 0 to 1. Values that are not finite are left out."""
        self.last = value
        if math.isfinite(value):
            bucket = min(_BUCKETS - 1, max(0, int(position * _BUCKETS)))
            self._sums[bucket] += value
            self._counts[bucket] += 1

    def points(self) -> list[tuple[float, float]]:
        """What was seen so far."""
        return [
            ((bucket + 0.5) / _BUCKETS, self._sums[bucket] / number)
            for bucket, number in enumerate(self._counts)
            if number
        ]


class Canvas:
    """A grid of character cells to set dots and words on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._words: dict[tuple[int, int], tuple[str, str]] = {}

    def dot(self, x: int, y: int, style: str = "") -> None:
        """Set a dot; x counts from the left, y from the top, in dots. Outside is ignored."""
        if 0 <= x < 2 * self.width and 0 <= y < 4 * self.height:
            column, row = x // 2, y // 4
            self._bits[row][column] |= _BITS[y % 4][x % 2]
            self._styles[row][column] = style

    def line(self, x0: int, y0: int, x1: int, y1: int, style: str = "") -> None:
        """A straight line of dots between two dots."""
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(steps + 1):
            share = step / steps if steps else 0.0
            self.dot(round(x0 + share * (x1 - x0)), round(y0 + share * (y1 - y0)), style)

    def write(self, column: int, row: int, words: str, style: str = "") -> None:
        """Words over the dots, cut off at the edge."""
        for offset, character in enumerate(words):
            if 0 <= column + offset < self.width and 0 <= row < self.height:
                self._words[row, column + offset] = (character, style)

    def is_free(self, column: int, row: int, length: int) -> bool:
        """Whether no dot is set where words of this length would stand."""
        return 0 <= row < self.height and not any(self._bits[row][column : column + length])

    def rows(self) -> list[Text]:
        """The picture, a text for every row."""
        pictures = []
        for row in range(self.height):
            text = Text()
            for column in range(self.width):
                known = self._words.get((row, column))
                bits = self._bits[row][column]
                if known is not None:
                    text.append(*known)
                elif bits:
                    text.append(chr(_BLANK + bits), self._styles[row][column])
                else:
                    text.append(" ")
            pictures.append(text)
        return pictures


@dataclass(frozen=True)
class Level:
    """A dotted line across a chart, with a caption."""

    value: float
    caption: str
    style: str = "dim"


def chart(
    curves: Sequence[tuple[Points, str]],
    *,
    width: int,
    height: int,
    low: float,
    high: float,
    levels: Sequence[Level] = (),
    percent: bool = False,
) -> list[Text]:
    """Curves with a vertical scale, later ones over earlier ones; a text for every row.

    `curves` are points with a style; `width` and `height` are in characters, scale included.
    """
    inner = max(4, width - _LABEL - 1)
    canvas = Canvas(inner, height)
    span = high - low or 1.0

    def place(position: float, value: float) -> tuple[int, int]:
        share = min(1.0, max(0.0, (value - low) / span))
        return round(position * (2 * inner - 1)), round((1.0 - share) * (4 * height - 1))

    for level in levels:
        _, y = place(0.0, level.value)
        for x in range(0, 2 * inner, 3):
            canvas.dot(x, y, level.style)
    for points, style in curves:
        spots = [place(position, value) for position, value in points]
        for (x0, y0), (x1, y1) in pairwise(spots):
            canvas.line(x0, y0, x1, y1, style)
        if len(spots) == 1:
            canvas.dot(*spots[0], style)
    for level in levels:
        _caption(canvas, level, place(0.0, level.value)[1] // 4)
    return [
        Text.assemble((label.rjust(_LABEL), "dim"), " ", row)
        for label, row in zip(_labels(low, high, height, percent), canvas.rows(), strict=True)
    ]


def bars(shares: Sequence[tuple[str, float]], *, width: int, style: str = "") -> list[Text]:
    """Shares from 0 to 1 as bars with names and numbers, in as many columns as are readable.

    They are read down the columns; a text for every row, at most `width` wide.
    """
    if not shares:
        return []
    name = max(cell_len(word) for word, _ in shares)
    least = name + _NUMBER + 2 + _SHORTEST_BAR
    columns = max(1, min((width + _BETWEEN) // (least + _BETWEEN), -(-len(shares) // 5), 2))
    each = (width + _BETWEEN) // columns - _BETWEEN
    length = min(_LONGEST_BAR, max(4, each - name - _NUMBER - 2))
    digits = 1 if sum(share for _, share in shares) > 0.9 * len(shares) else 0
    cells = []
    for word, share in shares:
        full, part = divmod(round(8 * length * min(1.0, max(0.0, share))), 8)
        bar = "\u2588" * full + (_EIGHTHS[part] if part else "")
        number = f"{100 * share:.{digits}f} %".rjust(_NUMBER)
        padding = " " * (name - cell_len(word))
        rest = ("\u00b7" * (length - len(bar)), "dim")
        cells.append(Text.assemble(word, padding, " ", (bar, style), rest, " ", number))
    rows = -(-len(cells) // columns)
    return [Text(" " * _BETWEEN).join(cells[row::rows]) for row in range(rows)]


def _caption(canvas: Canvas, level: Level, row: int) -> None:
    # beside its line, where no curve is; a caption without room is left out
    column = canvas.width - len(level.caption)
    for candidate in (row + 1, row - 1, row + 2, row - 2):
        if column >= 0 and canvas.is_free(column, candidate, len(level.caption)):
            canvas.write(column, candidate, level.caption, level.style)
            return


def _labels(low: float, high: float, height: int, percent: bool) -> list[str]:
    labels = [""] * height
    labels[0], labels[-1] = _number(high, percent), _number(low, percent)
    if height >= 7 and height % 2:
        labels[height // 2] = _number((low + high) / 2, percent)
    return labels


def _number(value: float, percent: bool) -> str:
    if percent:
        return f"{100 * value:.0f} %"
    if value == 0:
        return "0"
    if abs(value) >= 1e4 or abs(value) < 1e-2:
        return f"{value:.0e}"
    return f"{value:.3g}"
