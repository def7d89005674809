"""A line of years with a station for every milestone: where everything goes, in columns.

Front ends draw it: the terminal in colour, a notebook as plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_YEARS_A_ROW = 8  # of the upright line, where distance is time
_MOST_ROWS = 3
_LEAST_GAP = 6  # columns between two stations: a year and a space at least
_NARROWEST, _WIDEST = 10, 26  # columns of a label


class Stop(NamedTuple):
    """One station: the year, its mark, and what is written beside it."""

    year: int
    mark: str
    title: str
    words: str


class Piece(NamedTuple):
    """Some text at a column of a row; `stop` is the station it belongs to, -1 for the line."""

    column: int
    text: str
    stop: int
    kind: str  # "year", "title", "words", "mark" or "line"


def rows_between(years: Sequence[int]) -> list[int]:
    """How many empty rows of an upright line follow each station but the last.

    Tracks that are no history (years that do not grow) are spaced evenly.
    """
    gaps = [after - before for before, after in pairwise(years)]
    if any(gap < 0 for gap in gaps) or not any(gaps):
        return [1] * len(gaps)
    return [max(0, min(_MOST_ROWS, round(gap / _YEARS_A_ROW))) for gap in gaps]


def fits_across(count: int, width: int) -> bool:
    """Whether so many labels can stand along a lying line of this width."""
    return _label_width(count, width) >= _NARROWEST and (count - 1) * _LEAST_GAP < width


def across(stops: Sequence[Stop], width: int) -> list[list[Piece]]:
    """The rows of a lying line, labels above and below it in turn; none is wider than `width`.

    Ask `fits_across` first.
    """
    columns = _columns([stop.year for stop in stops], width)
    upper = _labels(stops, columns, range(0, len(stops), 2), width, above=True)
    lower = _labels(stops, columns, range(1, len(stops), 2), width, above=False)
    height = max(map(len, upper))
    rows: list[list[Piece]] = [[] for _ in range(height + 1 + max(map(len, lower), default=0))]
    for label in upper:
        for row, piece in enumerate(label, height - len(label)):
            rows[row].append(piece)
    rows[height] = _line(stops, columns)
    for label in lower:
        for row, piece in enumerate(label, height + 1):
            rows[row].append(piece)
    return [sorted(row) for row in rows]


def written(rows: Sequence[Sequence[Piece]]) -> str:
    """Rows of pieces as plain text."""
    lines = []
    for row in rows:
        line = ""
        for piece in row:
            line = line.ljust(piece.column) + piece.text
        lines.append(line.rstrip())
    return "\n".join(lines)


def _label_width(count: int, width: int) -> int:
    beside = max(1, (count + 1) // 2)
    return min(_WIDEST, width // beside - 2)


def _columns(years: Sequence[int], width: int) -> list[int]:
    """A column for each station, as far apart as the years where there is room for that."""
    count, last = len(years), width - 1
    if count == 1:
        return [0]
    span = years[-1] - years[0]
    if span <= 0 or any(b < a for a, b in pairwise(years)):
        return [round(i * last / (count - 1)) for i in range(count)]
    columns = [round((year - years[0]) * last / span) for year in years]
    for i in range(1, count):
        columns[i] = max(columns[i], columns[i - 1] + _LEAST_GAP)
    limit = last
    for i in range(count - 1, -1, -1):
        columns[i] = min(columns[i], limit)
        limit = columns[i] - _LEAST_GAP
    return columns


def _labels(
    stops: Sequence[Stop], columns: list[int], side: range, width: int, *, above: bool
) -> list[list[Piece]]:
    """The labels of one side: each begins at its station, moved where it would not fit."""
    widest = _label_width(len(stops), width)
    texts = [_label(stops[stop], widest, above=above) for stop in side]
    broad = [max(len(text) for _, text in lines) for lines in texts]
    starts: list[int] = []
    limit = width
    for stop, length in zip(reversed(side), reversed(broad), strict=True):
        starts.insert(0, min(columns[stop], limit - length))
        limit = starts[0] - 2
    least = 0
    labels: list[list[Piece]] = []
    for stop, lines, length, wanted in zip(side, texts, broad, starts, strict=True):
        start, at = max(wanted, least), columns[stop]
        least = start + length + 2
        pieces = []
        for kind, text in lines:
            # a label that had to move stands around its station instead of beginning there
            middle = max(start, min(at - len(text) // 2, start + length - len(text)))
            pieces.append(Piece(start if start == at else middle, text, stop, kind))
        labels.append(pieces)
    return labels


def _label(stop: Stop, widest: int, *, above: bool) -> list[tuple[str, str]]:
    """The lines of a label; the year stands next to the line of time."""
    lines = [
        (kind, line)
        for kind, text in (("title", stop.title), ("words", stop.words))
        for line in textwrap.wrap(text, widest)
    ]
    year = ("year", str(stop.year))
    return [*lines, year] if above else [year, *lines]


def _line(stops: Sequence[Stop], columns: list[int]) -> list[Piece]:
    pieces = [
        Piece(column, stop.mark, i, "mark")
        for i, (stop, column) in enumerate(zip(stops, columns, strict=True))
    ]
    for here, there in pairwise(columns):
        pieces.append(Piece(here + 1, "─" * (there - here - 1), -1, "line"))
    return pieces
