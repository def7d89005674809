"""The two curves of a run, loss and held-out accuracy, with the ghosts of other runs behind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tinytorch_milestones.widgets.placing import Ground
from tinytorch_milestones.widgets.theme import Theme

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Part
    from tinytorch_milestones.tracker import Ghost

_POINTS = 700  # a line of more points than pixels only costs time
_NEAR = 40  # points of the curve that its value must keep clear of
_SMALL = 7.5
_DASHES: dict[str, Any] = {"reference": (0, (6, 2))}
_FEW, _JUMP = 30, 0.004  # shorter curves, and smaller jumps relative to the top, are not noise
_ALIKE = 0.02  # of the height: two ghosts this close share one label

Points = Sequence[tuple[float, float]]


class Panel:
    """One curve with its last value, and ghosts that stand still behind it."""

    def __init__(
        self, axes: Axes, theme: Theme, title: str, colour: str, ghosts: Mapping[str, Points]
    ) -> None:
        self.axes, self.theme = axes, theme
        self._steps = 0
        self._ghosts = {name: list(points) for name, points in ghosts.items() if len(points) > 1}
        self._dress(title)
        (self._line,) = axes.plot([], [], color=colour, linewidth=1.7, zorder=3)
        (self._end,) = axes.plot([], [], "o", color=colour, markersize=4.5, zorder=4, clip_on=False)
        self._value = axes.text(0, 0, "", color=colour, fontsize=8.5, fontweight="bold", zorder=5)
        self.moving: list[Artist] = [self._line, self._end, self._value]
        for artist in self.moving:
            artist.set_animated(True)
        for name, points in self._ghosts.items():
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=theme.faint,
                linewidth=1.2,
                linestyle=_DASHES.get(name, "-"),
                zorder=1,
            )
        self._words: list[Any] = []
        self._ground: Ground | None = None

    def _dress(self, title: str) -> None:
        axes, theme = self.axes, self.theme
        axes.set_facecolor(theme.paper)
        axes.set_title(title, loc="left", fontsize=9, color=theme.muted, pad=7)
        axes.tick_params(colors=theme.muted, labelsize=_SMALL, length=2.5, color=theme.faint)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.faint)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(5))

    def set_steps(self, steps: int) -> bool:
        """How far the axis goes; whether that changed."""
        if steps == self._steps:
            return False
        self._steps = steps
        self.axes.set_xlim(0, steps * 1.04)
        self._ground = None
        return True

    def _draw(self, points: Points, text: str, *, final: bool) -> None:
        self._line.set_data([x for x, _ in points], [y for _, y in points])
        last = points[-1]
        self._end.set_data(last[:1], last[1:])
        self._value.set_text(text)
        if final:
            # the curve is whole: its value comes first, and labels keep clear of all of it
            self._settle(points, [last])
            return
        ground = self._ground or self._settle()
        fixed, behind = len(ground.taken), ground.curves
        ground.curves = [*behind]
        ground.curve(points[-_NEAR:])
        ground.place(self._value, [last])
        ground.curves = behind
        del ground.taken[fixed:]

    def _settle(self, curve: Points = (), value: Points = ()) -> Ground:
        """Put every label that stands still into its place, around what is drawn already."""
        for words in self._words:
            words.remove()
        self._words.clear()
        ground = self._ground = Ground(self.axes)
        for points in (*self._ghosts.values(), curve):
            ground.curve(points[:: 1 + len(points) // 120])
        self._prepare_levels(ground)
        if value:
            ground.place(self._value, value)
        self._label_levels(ground)
        self._label_ghosts(ground)
        return ground

    def settle(self) -> None:
        """Put the labels that stand still into their places, where they are not yet."""
        if self._ground is None:
            self._settle()

    def _prepare_levels(self, ground: Ground) -> None:
        """Tell the ground of lines that gates and chance draw; the loss has none."""

    def _label_levels(self, ground: Ground) -> None:
        """Name those lines."""

    def _label_ghosts(self, ground: Ground) -> None:
        named = list(self._ghosts.items())
        low, high = self.axes.get_ylim()
        if len(named) == 2 and _distance(named[0][1], named[1][1]) < _ALIKE * (high - low):
            named = [(" and ".join(self._ghosts), named[0][1])]
        for number, (name, points) in enumerate(named):
            shown = [point for point in points if point[0] <= self._steps]
            if len(shown) < 2:
                continue
            # the second ghost is named further on, where the curves have parted
            order = (0.4, 0.55, 0.25, 0.7, 0.85) if number == 0 else (0.75, 0.6, 0.45, 0.3, 0.9)
            anchors = [shown[round(share * (len(shown) - 1))] for share in order]
            self._add(ground, name, self.theme.muted, anchors)

    def _add(
        self, ground: Ground, text: str, colour: str, anchors: Points, *, below: bool = False
    ) -> None:
        words = self.axes.text(0, 0, text, color=colour, fontsize=_SMALL, zorder=5)
        self._words.append(words)
        ground.place(words, list(anchors), below=below)


class LossPanel(Panel):
    """The loss, from zero up to the largest that matters now.

    Where it jumps from batch to batch the line is the mean that gates are judged on, over the last
    twentieth of the steps and at most 20 of them; behind it, faint, what single steps gave.
    """

    def __init__(self, axes: Axes, theme: Theme, ghosts: Mapping[str, Ghost]) -> None:
        curves = {name: _losses(ghost) for name, ghost in ghosts.items()}
        super().__init__(axes, theme, "loss", theme.loss, curves)
        self._top = 0.0
        self._lines: dict[str, float] = {}
        (self._single,) = axes.plot([], [], color=theme.loss, linewidth=0.7, alpha=0.3, zorder=2)
        self._single.set_animated(True)
        self.moving.append(self._single)

    def show(
        self,
        losses: Sequence[float],
        *,
        final: bool = False,
        lines: Mapping[str, float] | None = None,
    ) -> bool:
        """Draw the losses so far; whether what stands still changed.

        `lines` are levels to compare them with, by name, such as what counting words achieves.
        """
        if not losses:
            return False
        new = self._compare(lines or {})
        stride = -(-len(losses) // _POINTS)
        numbers = [*range(1, len(losses), stride), len(losses)]
        single = [(x, losses[x - 1]) for x in numbers if math.isfinite(losses[x - 1])]
        if not single:
            return False
        window = min(20, max(1, len(losses) // 20)) if _noisy(single) else 1
        means = _finite([(x, _mean(losses[max(0, x - window) : x])) for x in numbers])
        behind = single if window > 1 else []
        self._single.set_data([x for x, _ in behind], [y for _, y in behind])
        top = max(y for curve in (single, *self._ghosts.values()) for _, y in curve)
        top = max(top, *self._lines.values()) if self._lines else top
        changed = new or final or top > self._top or top < 0.5 * self._top or not self._top
        if changed:
            self._top = 1.1 * top if top > 0 else 1.0
            self.axes.set_ylim(0, self._top)
            self._ground = None
        points = means or single
        self._draw(points, f"{points[-1][1]:.3g}", final=final)
        return changed

    def _compare(self, lines: Mapping[str, float]) -> bool:
        """Draw the levels that are not drawn yet; whether there were some."""
        new = {n: v for n, v in lines.items() if n not in self._lines and math.isfinite(v)}
        for name, level in new.items():
            self._lines[name] = level
            self.axes.axhline(
                level, color=self.theme.gate, linewidth=1.1, linestyle=(0, (5, 3)), zorder=2
            )
        return bool(new)

    def _prepare_levels(self, ground: Ground) -> None:
        for level in self._lines.values():
            ground.level(level)

    def _label_levels(self, ground: Ground) -> None:
        right = self.axes.get_xlim()[1]
        for name, level in self._lines.items():
            anchors = [(share * right, level) for share in (1.0, 0.8, 0.6, 0.4)]
            self._add(ground, name, self.theme.gate, anchors)


class AccuracyPanel(Panel):
    """Held-out accuracy against chance and against what the gates ask for."""

    def __init__(self, axes: Axes, theme: Theme, part: Part, ghosts: Mapping[str, Ghost]) -> None:
        curves = {name: _finite(ghost.accuracies) for name, ghost in ghosts.items()}
        super().__init__(axes, theme, "accuracy on held-out data", theme.accuracy, curves)
        axes.set_ylim(0, 1.16)  # room for a value above a curve at 100 %
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
        self._levels = [(level, words, theme.gate) for level, words in accuracy_gates(part)]
        for level, _, colour in self._levels:
            axes.axhline(level, color=colour, linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
        if part.chance is not None:
            axes.axhline(part.chance, color=theme.muted, linewidth=1, linestyle=":", zorder=1)
            self._levels.append((part.chance, "chance", theme.muted))

    def show(
        self,
        accuracies: Sequence[tuple[int, float]],
        *,
        final: bool = False,
        judged: float | None = None,
    ) -> None:
        """Draw what was measured so far.

        `judged` is what gates are judged on. A run that stopped between two evaluations of
        everything ends with one of a sample, whose figure is another; at the end it says so.
        """
        if not accuracies:
            return
        stride = -(-len(accuracies) // _POINTS)
        kept = [*accuracies[:-1:stride], accuracies[-1]]
        text = f"{100 * kept[-1][1]:.1f} %"
        if final and judged is not None and judged != kept[-1][1]:
            text += " of a sample"
        self._draw(kept, text, final=final)

    def _prepare_levels(self, ground: Ground) -> None:
        for level, _, _ in self._levels:
            ground.level(level)

    def _label_levels(self, ground: Ground) -> None:
        right = self.axes.get_xlim()[1]
        for level, words, colour in self._levels:
            order = (0.5, 0.2, 0.8) if words == "chance" else (1.0, 0.8, 0.6, 0.4)
            # a run that passes ends above the gate, with its value above the curve
            self._add(ground, words, colour, [(x * right, level) for x in order], below=True)


def accuracy_gates(part: Part) -> list[tuple[float, str]]:
    """The levels of held-out accuracy that a part's gates name, each with its words."""
    found: list[tuple[float, str]] = []
    for gate in part.gates:
        if gate.metric not in ("accuracy", "best_accuracy"):
            continue
        level = f"{100 * gate.required:.0f} %"
        if gate.comparison in (">=", ">"):
            found.append((gate.required, f"{level} to pass"))
        elif gate.comparison in ("<=", "<"):
            found.append((gate.required, f"{level} at most"))
        else:
            found.append((gate.required, f"{level} at least"))
            if gate.upper is not None:
                found.append((gate.upper, f"{100 * gate.upper:.0f} % at most"))
    return found


def _losses(ghost: Ghost) -> Points:
    """A stored curve on its own scale of steps, over which its values were spread evenly.

    Smoothed about as the curve in front is, since a ghost is to be quiet.
    """
    values = ghost.losses
    stride = (ghost.steps - 1) / max(1, len(values) - 1)
    noisy = _noisy(_finite(list(enumerate(values))))
    window = 1 + round(max(2, len(values) / 40)) if noisy else 1
    return _finite(
        [
            (1 + i * stride, _mean(values[max(0, i + 1 - window) : i + 1]))
            for i in range(len(values))
        ]
    )


def _noisy(points: Points) -> bool:
    """Whether a curve jumps at most of its points, rather than at a few."""
    if len(points) < _FEW:
        return False
    jumps = sorted(abs(b[1] - a[1]) for a, b in pairwise(points))
    return jumps[len(jumps) // 2] > _JUMP * (max(y for _, y in points) or 1.0)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(y)]


def _distance(one: Points, other: Points) -> float:
    """How far two curves are apart where they are furthest, and both are known."""
    import numpy as np

    last = min(one[-1][0], other[-1][0])
    xs = np.linspace(max(one[0][0], other[0][0]), last, 50)
    ys = [np.interp(xs, [x for x, _ in points], [y for _, y in points]) for points in (one, other)]
    return float(np.abs(ys[0] - ys[1]).max())
