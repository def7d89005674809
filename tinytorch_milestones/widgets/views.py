"""The right-hand panel: what the network sees and says at this moment.

One class a kind of view. Each makes its artists once and then only moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D

from tinytorch_milestones.widgets.charts import Intervals, Pareto, Roofline
from tinytorch_milestones.widgets.confusion import Evaluation
from tinytorch_milestones.widgets.heads import Heads
from tinytorch_milestones.widgets.images import Images
from tinytorch_milestones.widgets.placing import inches
from tinytorch_milestones.widgets.race import Race
from tinytorch_milestones.widgets.texts import Texts
from tinytorch_milestones.widgets.theme import Theme

_TRAIL = 5  # earlier positions of a decision line that stay visible
_GRID = 48
_LETTERS, _SMALLEST, _WIDE = 8.5, 6.0, 0.56  # size of a table's letters, and how wide one is


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
    earlier positions stay visible for a while. A network of several layers has no one line: what
    it answers all over the plane is its surface, tinted, with a line where it is undecided; the
    lines given beside it are those of its hidden units and stand behind.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._strong: list[Line2D] = []
        self._captions: list[Any] = []
        self._faint: list[Line2D] = []
        self._trail: list[tuple[float, float, float]] = []
        self._shade: Any = None
        self._undecided: Any = None

    def update(self, picture: dict[str, Any]) -> None:
        lines = [(float(a), float(b), float(c), str(t)) for a, b, c, t in picture["lines"]]
        if self._shade is None:
            points = np.asarray(picture["points"], dtype=float)
            self._prepare(points, np.asarray(picture["labels"]).ravel() > 0.5)
        alone = len(lines) == 1
        strong = [line for line in lines if line[3] or alone]
        others = [line[:3] for line in lines if not (line[3] or alone)]
        surface = picture.get("surface")
        if surface is None:
            self._tint(strong)
        else:
            self._show_surface(surface, bool(lines))
            strong, others = [], [line[:3] for line in lines]
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

    def _show_surface(self, surface: dict[str, Any], units: bool) -> None:
        values = np.asarray(surface["values"], dtype=float)
        left, right, bottom, top = (float(edge) for edge in surface["extent"])
        if self._undecided is None:
            if units:
                words = "thin lines: hidden units"
                self.axes.set_xlabel(words, loc="left", fontsize=7, color=self.theme.muted)
            self.axes.set_xlim(left, right)
            self.axes.set_ylim(bottom, top)
        else:
            self._undecided.remove()
            self.moving.remove(self._undecided)
        self._shade.set_extent((left, right, bottom, top))
        self._shade.set_data(values)
        self._shade.set_interpolation("bilinear")
        self._shade.set_alpha(0.45)
        high, wide = values.shape
        self._undecided = self.axes.contour(
            np.linspace(left, right, wide),
            np.linspace(bottom, top, high),
            # finite, and never level: a plane of one value has no line to draw
            np.nan_to_num(values, nan=0.0),
            levels=[0.5],
            colors=self.theme.text,
            linewidths=1.6,
            zorder=3,
        )
        self._add(self._undecided)

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
        # smaller letters where a row would not fit
        size = min(_LETTERS, max(_SMALLEST, 72 * inches(self.axes)[0] / (_WIDE * sum(widths))))
        for cells, line in zip(self._cells, lines, strict=True):
            for i, (cell, value) in enumerate(zip(cells, line, strict=True)):
                cell.set_text(value)
                cell.set_fontsize(size)
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
                    parse_math=False,
                    transform=axes.transAxes,
                    fontsize=_LETTERS,
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


KINDS: dict[str, type[View]] = {
    "boundary": Boundary,
    "images": Images,
    "table": Table,
    "evaluation": Evaluation,
    "heads": Heads,
    "texts": Texts,
    "pareto": Pareto,
    "roofline": Roofline,
    "intervals": Intervals,
    "race": Race,
}


def kind_of(picture: dict[str, Any], *, final: bool = False) -> str:
    """Which kind of view a picture is: it says so, or its keys do.

    At the end a picture that counts confusions shows them too.
    """
    kind = str(picture.get("kind", ""))
    if kind not in KINDS:
        keys = (("points", "boundary"), ("images", "images"), ("rows", "table"))
        kind = next((kind for key, kind in keys if key in picture), "")
    return "evaluation" if final and kind == "images" and picture.get("confusion") else kind
