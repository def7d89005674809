"""What was taken for what, counted over everything held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from tinytorch_milestones.widgets.images import Images, mixed
from tinytorch_milestones.widgets.placing import inches
from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import short

_READABLE = 16  # classes; with more of them the counts are left out
_UPRIGHT = 3  # characters of a name that stand over a column; longer ones are slanted
_MANY = 40  # cells of mistakes, from which on only the common ones are bold


class Confusion:
    """A table of counts: the diagonal quiet, every mistake in colour and bold."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []

    def update(self, picture: dict[str, Any]) -> None:
        """Draw the counts anew: they come once, at the end."""
        counts = np.asarray(picture["matrix"])
        names = [str(name) for name in picture["labels"]]
        axes, theme = self.axes, self.theme
        axes.clear()
        count = len(counts)
        axes.imshow(self._tints(counts), aspect="auto", interpolation="nearest")
        axes.xaxis.tick_top()
        shown = [short(name) for name in names]
        slanted = max(map(len, shown), default=0) > _UPRIGHT
        axes.set_xticks(range(count), shown)
        axes.set_yticks(range(count), shown)
        axes.tick_params(colors=theme.muted, labelsize=7.5, length=0, pad=2)
        axes.set_ylabel("what it was", fontsize=7.5, color=theme.muted, labelpad=3)
        axes.set_xlabel(said(counts, names), fontsize=7.5, color=theme.muted, labelpad=4)
        if slanted:
            for label in axes.get_xticklabels():
                label.set(rotation=35, ha="left", rotation_mode="anchor")
        axes.set_title("what the network said", fontsize=7.5, color=theme.muted, pad=4)
        for spine in axes.spines.values():
            spine.set_color(theme.faint)
        if count > _READABLE:
            return
        mistakes = counts * (1 - np.eye(count, dtype=int))
        common = 0.2 * mistakes.max() if np.count_nonzero(mistakes) > _MANY else 0
        for (row, column), number in np.ndenumerate(counts):
            if number:
                mistake = row != column and number > common
                axes.text(
                    column,
                    row,
                    f"{int(number)}",
                    ha="center",
                    va="center_baseline",
                    fontsize=7 if count > 5 else 9,
                    color=theme.text if mistake else theme.muted,
                    fontweight="bold" if mistake else "normal",
                )

    def _tints(self, counts: Any) -> Any:
        """Colours of the cells, (k, k, 4): mistakes the stronger the more there are."""
        mistakes = counts.astype(float) * (1 - np.eye(len(counts)))
        most = max(1.0, float(mistakes.max()))
        tints = np.zeros((*counts.shape, 4))
        tints[...] = to_rgba(self.theme.gate)
        share = mistakes / most
        if np.count_nonzero(mistakes) > _MANY:
            tints[..., 3] = 0.65 * share  # where hardly a cell is empty, a few stand out
        else:
            tints[..., 3] = np.where(mistakes > 0, 0.15 + 0.5 * np.sqrt(share), 0.0)
        diagonal = np.arange(len(counts))
        tints[diagonal, diagonal] = to_rgba(self.theme.faint, 0.25)
        return tints


class Evaluation:
    """Some pictures with their guesses, and below them the confusion of all that was held out."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.moving: list[Artist] = []
        axes.set_axis_off()
        box = axes.get_position()
        height = 72 * inches(axes)[1]
        # the pictures' share is a matter of inches: two rows where there is room for them
        above = 0.37 if height > 190 else 0.27
        figure: Any = axes.figure
        samples = figure.add_axes(
            (box.x0, box.y0 + (1 - above) * box.height, box.width, above * box.height)
        )
        counts = figure.add_axes(
            (
                box.x0 + 0.09 * box.width,
                box.y0 + 14 / height * box.height,
                0.91 * box.width,
                (1 - above) * box.height - 50 / height * box.height,
            )
        )
        counts.set_facecolor(theme.paper)
        self._samples = Images(samples, theme, rows=2 if height > 190 else 1)
        self._counts = Confusion(counts, theme)

    def update(self, picture: dict[str, Any]) -> None:
        """Show both."""
        self._samples.update({**mixed(picture), "weights": None})
        self._counts.update(picture["confusion"])
        self.moving = self._samples.moving


def said(counts: Any, names: list[str]) -> str:
    """A matrix in one line: how many mistakes, and which is made most often."""
    values = np.asarray(counts)
    wrong = int(values.sum() - np.trace(values))
    text = f"{wrong:,} of {int(values.sum()):,} wrong"
    mistakes = values * (1 - np.eye(len(values), dtype=int))
    row, column = np.unravel_index(int(mistakes.argmax()), mistakes.shape)
    if mistakes[row, column] > 1:
        text += f", most often {names[row]} taken for {names[column]} ({mistakes[row, column]})"
    return text
