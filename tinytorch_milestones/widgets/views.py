"""The right-hand panel: what the network sees and says at this moment.

One class a kind of view. Each makes its artists once and then only moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.lines import Line2D

from tinytorch_milestones.widgets.theme import Theme

_TRAIL = 5  # earlier positions of a decision line that stay visible
_GRID = 48


class View(Protocol):
    """Draws one kind of view into its axes."""

    moving: list[Artist]  # drawn anew in every frame, on top of what stands still

    def __init__(self, axes: Axes, theme: Theme) -> None: ...

    def update(self, picture: dict[str, Any]) -> None:
        """Show `picture`, a dict as `training.steps.VIEWS` describes it."""


class Boundary:
    """Two clouds of points and the lines that divide them.

    Lines with a caption are the ones to look at; those without stand behind them. A line that is
    alone needs none. Where exactly one is to be looked at, its two sides are tinted, and its
    earlier positions stay visible for a while.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._strong: list[Line2D] = []
        self._captions: list[Any] = []
        self._faint: list[Line2D] = []
        self._trail: list[tuple[float, float, float]] = []
        self._shade: Any = None

    def update(self, picture: dict[str, Any]) -> None:
        lines = [(float(a), float(b), float(c), str(t)) for a, b, c, t in picture["lines"]]
        if self._shade is None:
            points = np.asarray(picture["points"], dtype=float)
            self._prepare(points, np.asarray(picture["labels"]).ravel() > 0.5)
        alone = len(lines) == 1
        strong = [line for line in lines if line[3] or alone]
        others = [line[:3] for line in lines if not (line[3] or alone)]
        self._tint(strong)
        self._draw_strong(strong)
        self._draw_faint([*reversed(others), *reversed(self._trail[:-1])], bool(strong))

    def _prepare(self, points: Any, labels: Any) -> None:
        axes, theme = self.axes, self.theme
        low, high = points.min(axis=0), points.max(axis=0)
        middle = (low + high) / 2
        # the same scale on both axes, so that a line stands as steep as its weights say
        reach = 0.62 * max(float((high - low).max()), 1e-6)
        axes.set_xlim(middle[0] - 1.36 * reach, middle[0] + 1.36 * reach)
        axes.set_ylim(middle[1] - reach, middle[1] + reach)
        tints = LinearSegmentedColormap.from_list("sides", [theme.first, theme.second])
        self._shade = axes.imshow(
            np.zeros((_GRID, _GRID)),
            cmap=tints,
            vmin=0,
            vmax=1,
            extent=(*axes.get_xlim(), *axes.get_ylim()),
            origin="lower",
            aspect="auto",
            zorder=0,
        )
        self._add(self._shade)
        size = 14 if len(points) > 40 else 60
        for chosen, marker, colour in ((~labels, "o", theme.first), (labels, "s", theme.second)):
            cloud = axes.scatter(
                points[chosen, 0],
                points[chosen, 1],
                s=size,
                marker=marker,
                facecolors=colour,
                edgecolors=theme.paper,
                linewidths=0.5,
                zorder=2,
            )
            self._add(cloud)

    def _add(self, artist: Artist) -> None:
        artist.set_animated(True)
        self.moving.append(artist)

    def _line(self, colour: str, width: float, zorder: float) -> Line2D:
        (line,) = self.axes.plot([], [], color=colour, linewidth=width, zorder=zorder)
        self._add(line)
        return line

    def _ends(self, a: float, b: float, c: float) -> tuple[list[float], list[float]]:
        return _clip(a, b, c, self.axes.get_xlim(), self.axes.get_ylim())

    def _tint(self, strong: Sequence[tuple[float, float, float, str]]) -> None:
        self._shade.set_alpha(0.13 if len(strong) == 1 else 0.0)
        if len(strong) != 1:
            self._trail.clear()
            return
        a, b, c, _ = strong[0]
        (x0, x1), (y0, y1) = self.axes.get_xlim(), self.axes.get_ylim()
        xs, ys = np.meshgrid(np.linspace(x0, x1, _GRID), np.linspace(y0, y1, _GRID))
        self._shade.set_data((a * xs + b * ys + c >= 0).astype(float))
        if not self._trail or self._trail[-1] != (a, b, c):
            self._trail = [*self._trail, (a, b, c)][-_TRAIL - 1 :]

    def _draw_strong(self, strong: Sequence[tuple[float, float, float, str]]) -> None:
        theme = self.theme
        while len(self._strong) < len(strong):
            self._strong.append(self._line(theme.text, 1.8, 4))
            words = self.axes.text(
                0,
                0,
                "",
                color=theme.text,
                fontsize=8,
                zorder=5,
                ha="center",
                va="center",
                clip_on=True,
                bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
            self._captions.append(words)
            self._add(words)
        for i, (line, words) in enumerate(zip(self._strong, self._captions, strict=True)):
            xs, ys = self._ends(*strong[i][:3]) if i < len(strong) else ([], [])
            line.set_data(xs, ys)
            words.set_text(strong[i][3] if xs else "")
            if xs:
                words.set_position((0.25 * xs[0] + 0.75 * xs[1], 0.25 * ys[0] + 0.75 * ys[1]))

    def _draw_faint(self, lines: Sequence[tuple[float, float, float]], behind: bool) -> None:
        while len(self._faint) < len(lines):
            self._faint.append(self._line(self.theme.muted, 0.9, 3))
        for age, line in enumerate(self._faint):
            line.set_data(*(self._ends(*lines[age]) if age < len(lines) else ([], [])))
            # behind another line they fade with age; alone they are what there is to see
            line.set_alpha(0.5 / (1 + 0.4 * age) if behind else 0.6)


def _animate(artists: Sequence[Artist]) -> None:
    for artist in artists:
        artist.set_animated(True)


def _clip(
    a: float, b: float, c: float, xs: tuple[float, float], ys: tuple[float, float]
) -> tuple[list[float], list[float]]:
    """The ends of `a x + b y + c = 0` inside a box; nothing where it does not pass through."""
    found: list[tuple[float, float]] = []
    if b:
        found += [(x, -(a * x + c) / b) for x in xs if ys[0] <= -(a * x + c) / b <= ys[1]]
    if a:
        found += [(-(b * y + c) / a, y) for y in ys if xs[0] <= -(b * y + c) / a <= xs[1]]
    if len(found) < 2:
        return [], []
    found.sort()
    return [found[0][0], found[-1][0]], [found[0][1], found[-1][1]]


class Images:
    """Pictures with what the network takes them for, and its weights as a picture."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._sheet: Any = None
        self._weights: Any = None
        self._words: list[Any] = []
        self._columns = 0

    def update(self, picture: dict[str, Any]) -> None:
        images = np.asarray(picture["images"], dtype=float)
        weights = picture.get("weights")
        if self._sheet is None:
            self._prepare(images, weights, picture["truths"])
        self._sheet.set_data(self._tile(images))
        for words, guess, truth in zip(
            self._words, picture["guesses"], picture["truths"], strict=False
        ):
            right = str(guess) == str(truth)
            words.set_text(str(guess) if right else f"{guess} \u2717")
            words.set_color(self.theme.accuracy if right else self.theme.gate)
            words.set_fontweight("normal" if right else "bold")
        if self._weights is not None:
            values = np.asarray(weights, dtype=float)
            limit = float(np.abs(values).max()) or 1.0
            self._weights.set_data(values)
            self._weights.set_clim(-limit, limit)

    def _prepare(self, images: Any, weights: Any, truths: Sequence[object]) -> None:
        axes, theme = self.axes, self.theme
        count = len(images)
        self._columns = max(1, min(count, 4 if weights is not None else 6))
        rows = -(-count // self._columns)
        width = 0.62 if weights is not None else 1.0
        sheet = axes.inset_axes((0, 0, width, 1))
        sheet.set_axis_off()
        axes.set_axis_off()
        self._sheet = sheet.imshow(
            self._tile(images), cmap=theme.ink, vmin=0, vmax=1, aspect="equal"
        )
        height, breadth = images.shape[1] + 4, images.shape[2] + 2
        for i in range(count):
            row, column = divmod(i, self._columns)
            self._words.append(
                sheet.text(
                    column * breadth + images.shape[2] / 2 - 0.5,
                    row * height + 2.6,
                    "",
                    ha="center",
                    va="bottom",
                    fontsize=8,
                )
            )
        sheet.set_xlim(-1, self._columns * breadth - 1)
        sheet.set_ylim(rows * height, -0.5)
        if weights is not None:
            panel = axes.inset_axes((0.68, 0.18, 0.32, 0.62))
            panel.set_xticks([])
            panel.set_yticks([])
            for spine in panel.spines.values():
                spine.set_color(theme.faint)
            panel.set_title("weights", fontsize=8, color=theme.muted, pad=3)
            panel.set_xlabel(
                _sides(theme, [str(truth) for truth in truths]),
                fontsize=7,
                color=theme.muted,
                labelpad=3,
            )
            scale = LinearSegmentedColormap.from_list(
                "weights", [theme.first, theme.paper, theme.second]
            )
            self._weights = panel.imshow(np.asarray(weights, dtype=float), cmap=scale)
            self.moving.append(self._weights)
        self.moving += [self._sheet, *self._words]
        _animate(self.moving)

    def _tile(self, images: Any) -> Any:
        count, height, width = images.shape
        rows = -(-count // self._columns)
        sheet = np.full((rows * (height + 4), self._columns * (width + 2)), np.nan)
        for i, image in enumerate(images):
            row, column = divmod(i, self._columns)
            top, left = row * (height + 4) + 3, column * (width + 2)
            sheet[top : top + height, left : left + width] = image
        return np.ma.masked_invalid(sheet)


def _sides(theme: Theme, truths: Sequence[str]) -> str:
    names = sorted(set(truths))
    second, first = _name(theme.second), _name(theme.first)
    if len(names) == 2:
        return f"{second} speaks for {names[1]},\n{first} for {names[0]}"
    return f"{second} speaks for it,\n{first} against"


def _name(colour: str) -> str:
    red, _, blue = to_rgb(colour)
    return "blue" if blue > red else "orange"


class Table:
    """Rows of words, each column as wide as its longest."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._cells: list[list[Any]] = []

    def update(self, picture: dict[str, Any]) -> None:
        columns = [str(name) for name in picture["columns"]]
        lines = [columns, *([str(value) for value in row] for row in picture["rows"])]
        if len(self._cells) != len(lines):
            self._prepare(len(columns), len(lines))
        widths = [max(len(line[i]) for line in lines) + 2 for i in range(len(columns))]
        for cells, line in zip(self._cells, lines, strict=True):
            for i, (cell, value) in enumerate(zip(cells, line, strict=True)):
                cell.set_text(value)
                cell.set_x(sum(widths[:i]) / sum(widths))

    def _prepare(self, columns: int, count: int) -> None:
        axes, theme = self.axes, self.theme
        for artist in self.moving:
            artist.remove()
        self.moving.clear()
        self._cells.clear()
        axes.set_axis_off()
        pitch = 1 / max(count, 5)
        for number in range(count):
            y = 1 - (number + 0.5) * pitch
            cells = [
                axes.text(
                    0,
                    y,
                    "",
                    transform=axes.transAxes,
                    fontsize=8.5,
                    va="center",
                    color=theme.text if number else theme.muted,
                )
                for _ in range(columns)
            ]
            (rule,) = axes.plot(
                [0, 1],
                [y - pitch / 2] * 2,
                transform=axes.transAxes,
                color=theme.faint,
                linewidth=0.6,
                clip_on=False,
            )
            self._cells.append(cells)
            self.moving += [*cells, rule]
        _animate(self.moving)


KINDS: dict[str, type[View]] = {"boundary": Boundary, "images": Images, "table": Table}


def kind_of(picture: dict[str, Any]) -> str:
    """Which kind of view a picture is: it says so, or its keys do."""
    named = str(picture.get("kind", ""))
    if named in KINDS:
        return named
    for key, kind in (("points", "boundary"), ("images", "images"), ("rows", "table")):
        if key in picture:
            return kind
    return ""
