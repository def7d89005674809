"""How each class fares, and the answers given with most confidence, right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from tinytorch_milestones.widgets.filters import title
from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import Place, Tiles, measured, rows_of, short

_COLUMNS = 4  # of the most confident answers


class ClassBars:
    """One bar a class, with its number behind it; the least one is bold.

    `named` is off where the bars stand beside rows that have the names already.
    """

    def __init__(self, axes: Axes, theme: Theme, *, named: bool = True) -> None:
        self.axes, self.theme, self._named = axes, theme, named
        self.moving: list[Artist] = []

    def update(self, classes: Sequence[tuple[str, float, int]]) -> None:
        """Draw the bars: they come once, at the end."""
        axes, theme = self.axes, self.theme
        axes.clear()
        axes.set_facecolor(theme.paper)
        count = len(classes)
        shares = [float(share) for _, share, _ in classes]
        axes.barh(range(count), [1.0] * count, height=0.62, color=theme.faint, alpha=0.25)
        axes.barh(range(count), shares, height=0.62, color=theme.accuracy)
        axes.set_title("right, of each", loc="left", fontsize=7.5, color=theme.muted, pad=4)
        axes.set_xlim(0, 1)
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(range(count), [short(str(name)) for name, _, _ in classes])
        axes.tick_params(colors=theme.muted, labelsize=7.5, length=0, pad=2, labelleft=self._named)
        for spine in axes.spines.values():
            spine.set_visible(False)
        least = min(shares, default=0.0)
        digits = 1 if sum(shares) > 0.9 * count else 0  # near the top, tenths tell them apart
        for row, share in enumerate(shares):
            axes.text(
                1.04,
                row,
                f"{100 * share:.{digits}f} %",
                fontsize=7.5,
                va="center_baseline",
                color=theme.text,
                fontweight="bold" if share == least and len(set(shares)) > 1 else "normal",
                clip_on=False,
            )


class Extremes:
    """The most confident right answers, and below them the most confident mistakes.

    Over a mistake stands what was said, under it what it was.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []

    def update(self, extremes: dict[str, Any]) -> None:
        """Show both kinds: they come once, at the end."""
        axes, theme = self.axes, self.theme
        wide, high = measured(axes)
        kinds = [extremes.get("best"), extremes.get("worst")]
        rows = [-(-len(kind["images"]) // _COLUMNS) if kind else 0 for kind in kinds]
        heading, word, gap = 0.24, 0.155, 0.07
        words = rows[0] * word + rows[1] * 2 * word
        room = high - heading * (rows[1] > 0) - words - sum(rows) * gap
        side = min(room / max(1, sum(rows)), wide / _COLUMNS - 0.1, 0.62)
        across = wide / _COLUMNS
        first = f"surest when right{_least(kinds[0])}" if rows[0] else ""
        second = f"surest when wrong{_least(kinds[1])}" if rows[1] else ""
        title(axes, theme, first or second)
        top = 0.0
        for kind, worst in zip(kinds, (False, True), strict=True):
            if not kind or not len(kind["images"]):
                continue
            if worst and first:
                top += heading
                axes.text(0, top - 0.08, second, fontsize=9, color=theme.muted, va="bottom")
            pitch = side + word * (2 if worst else 1) + gap
            places = rows_of(
                len(kind["images"]),
                _COLUMNS,
                across,
                pitch,
                Place((across - side) / 2, top + word),
            )
            tiles = Tiles(axes, theme, places, (side, side))
            tiles.show(kind["images"])
            self.moving.append(tiles)
            self._say(kind, worst, places, side)
            top += -(-len(places) // _COLUMNS) * pitch

    def _say(self, kind: dict[str, Any], worst: bool, places: Sequence[Any], side: float) -> None:
        theme = self.theme
        for guess, truth, place in zip(kind["guesses"], kind["truths"], places, strict=False):
            middle = place.left + side / 2
            said = f"{short(str(guess))} \u2717" if worst else short(str(guess))
            colour = theme.gate if worst else theme.accuracy
            self._word(middle, place.top - 0.02, said, colour, "bottom")
            if worst:
                below = place.top + side + 0.02
                self._word(middle, below, f"is {short(str(truth))}", theme.muted, "top")

    def _word(self, x: float, y: float, words: str, colour: str, va: Any) -> None:
        self.axes.text(x, y, words, fontsize=7, color=colour, ha="center", va=va)


def _least(kind: dict[str, Any] | None) -> str:
    """How sure the network was at least of these: `, 97 % and more`."""
    sure = np.asarray(kind.get("confidence") or [] if kind else [], dtype=float)
    sure = sure[np.isfinite(sure)]
    if not len(sure):
        return ""
    return f": {int(100 * float(sure.min()))} % sure or more"
