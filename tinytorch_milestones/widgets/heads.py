"""Attention: which words each word looks at, a map for every head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from tinytorch_milestones.widgets.filters import title
from tinytorch_milestones.widgets.letters import ADVANCE, FAMILY, label
from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import Place, Tiles, measured, short

MOST = 8  # heads shown
ROW = 4  # of them beside each other
_LETTERS = 6  # of a token
_LARGEST, _LEAST = 7.0, 5.5  # size of a token's letters, in points
_NAME = 0.2  # inches above a map, for the head's name
_GAP = 0.16  # between two maps
_EDGE = 0.05  # between a token and its row
_FINE = 4.0  # points; cells smaller than this are not outlined one by one

Spot = tuple[int, int]


class Shown(NamedTuple):
    """What of a picture's heads is drawn."""

    maps: Any  # (k, rows, columns), 0..1
    names: list[str]
    rows: list[str]
    columns: list[str]
    expected: list[Spot]
    total: int  # heads there are


class Heads:
    """The maps of up to eight heads: the more ink, the more a row looks at a column.

    Where a mechanism is expected to look, the places are outlined, and each head's name says how
    much of its attention lies there.
    """

    def __init__(self, axes: Axes, theme: Theme, *, titled: bool = False) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self.still = 0  # how often what does not move was drawn anew
        self._words: list[Artist] = []  # tokens and marks, which do not move
        self._titled = titled  # whether to say what the maps are
        self._tiles: Tiles | None = None
        self._names: list[Any] = []
        self._marks: LineCollection | None = None
        self._drawn: tuple[Any, ...] = ()

    def update(self, picture: dict[str, Any]) -> None:
        """Show the maps of this moment; other tokens than before are written anew."""
        shown = shown_of(picture)
        if shown is None:
            return
        drawn = (shown.maps.shape, shown.rows, shown.columns, shown.expected)
        if drawn != self._drawn:
            self._drawn = drawn
            self._prepare(shown)
        assert self._tiles is not None
        # a share of a twentieth is a lot among many, and is to be seen
        self._tiles.show(np.sqrt(shown.maps))
        shares: list[float | None] = [*aims(shown)] or [None] * len(shown.names)
        best = max((share for share in shares if share is not None), default=None)
        for words, name, share in zip(self._names, shown.names, shares, strict=False):
            words.set_text(name if share is None else f"{name}: {_percent(share)}")
            strong = share is not None and share == best and len(shares) > 1
            words.set_fontweight("bold" if strong else "normal")

    def _prepare(self, shown: Shown) -> None:
        axes, theme = self.axes, self.theme
        for artist in (*self.moving, *self._words):
            artist.remove()
        self.still += 1
        for known in (self.moving, self._words, self._names):
            known.clear()
        wide, high = measured(axes)
        if self._titled:
            title(axes, theme, heading(shown))
        grid = Grid(shown, wide, high, named=len(shown.maps) > 1 or bool(shown.expected))
        self._tiles = Tiles(axes, theme, grid.places, grid.size, border=True)
        self._tiles.marked = bool(shown.expected)
        axes.add_artist(self._tiles)
        self.moving.append(self._tiles)
        for name, place in zip(shown.names, grid.places, strict=False):
            if not grid.named:
                break
            words = axes.text(
                place.left, place.top - 0.05, name, fontsize=7.5, color=theme.text, va="bottom"
            )
            self._names.append(words)
        self._label(shown, grid)
        self._outline(shown, grid)
        self.moving += self._names
        for artist in self.moving:
            artist.set_animated(True)

    def _label(self, shown: Shown, grid: Grid) -> None:
        """The tokens: before the first map of a row, and under the last map of a column."""
        count = len(grid.places)
        for number, place in enumerate(grid.places):
            if number % grid.columns == 0:
                for i in range(0, len(shown.rows), grid.stride):
                    at = place.left - _EDGE, place.top + (i + 0.5) * grid.cell
                    self._token(grid, at, shown.rows[i], ha="right", va="center_baseline")
            if number + grid.columns >= count:
                for i in range(0, len(shown.columns), grid.stride):
                    at = place.left + (i + 0.5) * grid.cell, place.top + grid.size[1] + _EDGE
                    turned = 90 if grid.turned else 0
                    self._token(grid, at, shown.columns[i], ha="center", va="top", rotation=turned)

    def _token(self, grid: Grid, at: tuple[float, float], token: str, **how: Any) -> None:
        words = self.axes.text(
            *at,
            label(token, _LETTERS),
            fontsize=grid.letters,
            family=FAMILY,
            color=self.theme.muted,
            parse_math=False,
            **how,
        )
        self._words.append(words)

    def _outline(self, shown: Shown, grid: Grid) -> None:
        if not shown.expected:
            return
        paths = [
            [(p.left + x * grid.cell, p.top + y * grid.cell) for x, y in outline]
            for p in grid.places
            for outline in outlines(shown.expected, fine=72 * grid.cell < _FINE)
        ]
        marks = LineCollection(
            paths,
            colors=self.theme.gate,
            linewidths=min(1.3, max(0.6, 7 * grid.cell)),
            zorder=3,
            clip_on=False,
        )
        self.axes.add_collection(marks, autolim=False)
        self._marks = marks
        self.moving.append(marks)


class Grid:
    """Where maps stand in a place so wide and high, and how large their cells and letters are."""

    def __init__(self, shown: Shown, wide: float, high: float, *, named: bool) -> None:
        count, rows, columns = shown.maps.shape
        self.named = named
        longest = max((len(label(t, _LETTERS)) for t in shown.columns), default=1)
        self.turned = longest > 1
        across = max((len(label(t, _LETTERS)) for t in shown.rows), default=1)
        above = _NAME if named else 0.04
        best = (0.0, 1)
        # as large as they can be, at a size of letters that fits the cells
        for tried in range(1, min(count, ROW) + 1):
            lines = -(-count // tried)
            before, below = _room(across, _LARGEST), _room(longest, _LARGEST)
            cell = min(
                ((wide - before - (tried - 1) * _GAP) / tried) / columns,
                ((high - below - lines * above - (lines - 1) * _EDGE) / lines) / rows,
            )
            best = max(best, (cell, tried))
        self.cell, self.columns = max(best[0], 0.005), best[1]
        self.letters = min(_LARGEST, max(_LEAST, 72 * self.cell * 0.9))
        # where cells are smaller than letters only every so-manieth token is written
        self.stride = max(1, -(-int(100 * self.letters * 0.95) // int(7200 * self.cell)))
        self.size = (columns * self.cell, rows * self.cell)
        before = _room(across, self.letters)
        # what is left beside the maps goes between them, so that they do not huddle
        free = wide - before - self.columns * self.size[0]
        gap = min(max(_GAP, free / max(1, self.columns - 1)), 0.8) if self.columns > 1 else 0.0
        self.places = [
            Place(
                before + (i % self.columns) * (self.size[0] + gap),
                above + (i // self.columns) * (self.size[1] + above + _EDGE),
            )
            for i in range(count)
        ]


def shown_of(picture: dict[str, Any]) -> Shown | None:
    """What is drawn of a picture's heads, however strange they are; None where there are none."""
    values = picture.get("heads")
    if values is None:
        return None
    maps = np.asarray(values, dtype=np.float32)
    if maps.ndim != 3 or not maps.size:
        return None
    total = len(maps)
    maps = np.nan_to_num(maps[:MOST], nan=0.0, posinf=0.0, neginf=0.0).clip(0.0, 1.0)
    columns = [str(token) for token in picture.get("tokens") or ()]
    rows = [str(token) for token in picture.get("rows") or columns]
    names = [str(name) for name in picture.get("names") or ()]
    names += [f"head {i + 1}" for i in range(len(names), len(maps))]
    high, wide = maps.shape[1:]
    expected = [
        (int(row), int(column))
        for row, column in picture.get("expected") or ()
        if 0 <= row < high and 0 <= column < wide
    ]
    return Shown(
        maps,
        [short(name, 20) for name in names[: len(maps)]],
        _filled(rows, high),
        _filled(columns, wide),
        expected,
        total,
    )


def aims(shown: Shown) -> list[float]:
    """For each head, how much of the attention of the rows in question lies where it should."""
    if not shown.expected:
        return []
    rows, columns = (np.array(side) for side in zip(*shown.expected, strict=True))
    asked = len(set(rows.tolist()))
    return [float(head[rows, columns].sum() / asked) for head in shown.maps]


def heading(shown: Shown) -> str:
    """What the maps are, in a line."""
    count = len(shown.maps)
    which = "" if shown.total <= count else f", the first {count} of {shown.total} heads"
    marks = "; outlined: where they should, with the share that does" if shown.expected else ""
    return f"attention{which}: rows look at columns{marks}"


def outlines(spots: Sequence[Spot], *, fine: bool) -> list[list[tuple[float, float]]]:
    """Closed lines around places, in cells: (column, row) corners.

    One around each place; where cells are `fine`, one around each run of places that follow each
    other, with a distance that leaves the cells to be seen.
    """
    if not fine:
        return [
            [(c, r), (c + 1, r), (c + 1, r + 1), (c, r + 1), (c, r)] for r, c in map(_float, spots)
        ]
    found = []
    for run in _runs(sorted(spots)):
        places = [(c + 0.5, r + 0.5) for r, c in map(_float, run)]
        slope = run[-1][1] - run[0][1]
        # the ends reach on in the direction of the run
        lean = 0.8 if slope > 0 else -0.8 if slope < 0 else 0.0
        (x0, y0), (x1, y1) = places[0], places[-1]
        left = [(x0 - lean - 1.6, y0 - 0.8), (x1 + lean - 1.6, y1 + 0.8)]
        right = [(x1 + lean + 1.6, y1 + 0.8), (x0 - lean + 1.6, y0 - 0.8)]
        found.append([*left, *right, left[0]])
    return found


def _runs(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Places in runs: from row to row, always the same way."""
    runs = [[spots[0]]]
    step: int | None = None
    for before, after in pairwise(spots):
        way = after[1] - before[1]
        if after[0] == before[0] + 1 and abs(way) <= 1 and step in (None, way):
            runs[-1].append(after)
            step = way
        else:
            runs.append([after])
            step = None
    return runs


def _float(spot: Spot) -> tuple[float, float]:
    return float(spot[0]), float(spot[1])


def _room(letters: int, size: float) -> float:
    """Inches that so many letters take beside or below a map."""
    return ADVANCE * size * letters / 72 + _EDGE + 0.02


def _filled(tokens: list[str], count: int) -> list[str]:
    """As many tokens as there are rows or columns."""
    return [*tokens, *[""] * count][:count]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
