"""What a network costs: size against accuracy, and its layers under the roof of the machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from tinytorch_milestones.widgets.placing import Box, Ground, inches
from tinytorch_milestones.widgets.theme import Theme

_SMALL, _LABEL = 7.5, 8.0  # points
_LEFT, _BELOW = 0.42, 0.42  # inches kept free for numbers and what they count
_LEAST = 0.03  # of accuracy: a smaller span would make a tenth of a point look like a fall
_AREA = 34.0  # square points of a marker at the speed of the first
_MARKERS = ("o", "s", "^", "D", "v")


class _Chart:
    """A plot of its own axes in the place of a view, drawn anew whenever it changes."""

    def __init__(self, axes: Axes, theme: Theme, left: float = _LEFT) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []  # nothing: it changes now and then, and stands meanwhile
        self.still = 0  # how often it changed
        self._drawn: list[Artist] = []
        # keeps words apart from a line that they stand on
        self._halo: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground=theme.paper)]
        self._told: Any = None
        box, (wide, high) = axes.get_position(), inches(axes)
        left, below = left / wide * box.width, _BELOW / high * box.height
        axes.set_position((box.x0 + left, box.y0 + below, box.width - left, box.height - below))
        axes.tick_params(
            labelcolor=theme.muted, color=theme.faint, labelsize=_SMALL, length=2.5, pad=2
        )
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.faint)

    def _anew(self, told: Any) -> bool:
        """Whether there is something else to show; then what is there is taken away."""
        if told == self._told:
            return False
        self._told = told
        self.still += 1
        for artist in self._drawn:
            artist.remove()
        self._drawn.clear()
        return True

    def _below(self, what: str) -> None:
        self.axes.set_xlabel(what, fontsize=_SMALL, color=self.theme.muted, labelpad=2)

    def _line(self, points: Sequence[tuple[float, float]], colour: str, **how: Any) -> None:
        (line,) = self.axes.plot(*zip(*points, strict=True), color=colour, **how)
        self._drawn.append(line)

    def _words(
        self,
        ground: Ground,
        text: str,
        colour: str,
        anchors: Sequence[tuple[float, float]],
        *,
        size: float = _SMALL,
        weight: str = "normal",
        below: bool = False,
    ) -> None:
        words = self.axes.text(
            0, 0, text, fontsize=size, fontweight=weight, color=colour, zorder=6, parse_math=False
        )
        self._drawn.append(words)
        ground.place(words, anchors, below=below)


class Pareto(_Chart):
    """One point for each version of a network: further left is smaller, further up is better.

    A marker is as large as its network is fast. Dashed are the two limits that a small network
    has to keep, a quarter of the first one's bytes and a point below its accuracy: what keeps both
    lies in the tinted corner.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        super().__init__(axes, theme)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size_text(10**value)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        self._below("size of the file; upwards accuracy")

    def update(self, picture: dict[str, Any]) -> None:
        """Show the versions so far."""
        points = [
            (str(p["name"]), float(p["bytes"]), float(p["accuracy"]), float(p.get("speed", 1.0)))
            for p in picture.get("points") or ()
        ]
        points = [p for p in points if p[1] > 0 and math.isfinite(p[2])]
        if not points or not self._anew(points):
            return
        axes, theme = self.axes, self.theme
        places = [(math.log10(size), accuracy) for _, size, accuracy, _ in points]
        self._limit(places)
        small, worst = places[0][0] - math.log10(4), places[0][1] - 0.01
        corner = axes.fill_between(
            [axes.get_xlim()[0], small],
            worst,
            axes.get_ylim()[1],
            color=theme.accuracy,
            alpha=0.12,
            linewidth=0,
            zorder=0,
        )
        self._drawn.append(corner)
        dashed = {"linewidth": 1.1, "linestyle": (0, (5, 3)), "zorder": 1}
        self._line([(small, y) for y in axes.get_ylim()], theme.gate, **dashed)
        self._line([(x, worst) for x in axes.get_xlim()], theme.gate, **dashed)
        ground = Ground(axes)
        for level in ([(small, y) for y in axes.get_ylim()], [(x, worst) for x in axes.get_xlim()]):
            ground.curve(level)
        if len(places) > 1:
            self._line(places, theme.muted, linewidth=1.2, zorder=2)
            ground.curve(places)
        self._markers(points, places)
        for number, (name, _, accuracy, speed) in enumerate(points):
            said = [name, f"{100 * accuracy:.1f} %"]
            if number:
                said[1] += f", {speed:.1f}x as fast"
            self._beside(ground, said, places[number], above=number % 2 == 0)
        top, (left, right) = axes.get_ylim()[1], axes.get_xlim()
        self._words(ground, "4 times smaller", theme.gate, [(small, top), (small, worst)])
        spread = [(left + share * (right - left), worst) for share in (0.98, 0.5, 0.05)]
        self._words(ground, "1 point lost", theme.gate, spread, below=True)

    def _beside(
        self, ground: Ground, said: Sequence[str], place: tuple[float, float], *, above: bool
    ) -> None:
        """A name and what is told of it over or under its point: neighbours take turns."""
        x, y = ground.point(*place)
        wide = max(0.57 * _LABEL * len(line) for line in said)
        left = max(2.0, min(x - 6.0, ground.width - wide))
        pitch = 1.25 * _LABEL
        for number, line in enumerate(said):
            bottom = y + 9 + pitch * (1 - number) if above else y - 10 - pitch * (number + 0.8)
            words = self.axes.annotate(
                line,
                (left / ground.width, bottom / ground.height),
                xycoords="axes fraction",
                fontsize=_LABEL,
                fontweight="normal" if number else "bold",
                color=self.theme.muted if number else self.theme.text,
                zorder=6,
                parse_math=False,
                path_effects=self._halo,
            )
            self._drawn.append(words)
            ground.taken.append(Box(left, bottom, left + wide, bottom + pitch))

    def _limit(self, places: Sequence[tuple[float, float]]) -> None:
        axes = self.axes
        xs, ys = [x for x, _ in places], [y for _, y in places]
        low, high = min([*xs, xs[0] - math.log10(16)]) - 0.22, max(xs) + 0.22
        axes.set_xlim(low, high)
        halves = range(math.floor(low / math.log10(2)), math.ceil(high / math.log10(2)) + 1)
        marks = [xs[0] + i * math.log10(2) for i in range(-len(halves), len(halves))]
        inside = [mark for mark in marks if low <= mark <= high]
        axes.xaxis.set_major_locator(FixedLocator(inside[:: 1 + len(inside) // 6]))
        bottom, top = min([*ys, ys[0] - 0.015]), max(ys) + 0.008
        rest = max(0.0, _LEAST - (top - bottom))
        axes.set_ylim(bottom - 0.6 * rest - 0.002, min(1.005, top + 0.4 * rest))

    def _markers(
        self,
        points: Sequence[tuple[str, float, float, float]],
        places: Sequence[tuple[float, float]],
    ) -> None:
        theme = self.theme
        cloud = self.axes.scatter(
            [x for x, _ in places],
            [y for _, y in places],
            s=[_AREA * min(6.0, max(0.4, speed)) for *_, speed in points],
            c=[theme.muted, *[theme.loss] * (len(points) - 2), theme.accuracy][-len(points) :]
            if len(points) > 1
            else [theme.muted],
            edgecolors=theme.paper,
            linewidths=0.8,
            zorder=4,
        )
        self._drawn.append(cloud)


class Roofline(_Chart):
    """What each layer achieves, under what this machine can do at best.

    To the right the numbers that are fetched serve for more and more operations; under the slope
    memory is the limit, under the flat part the processor. A layer has a point for each size of
    batch, joined in their order.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        super().__init__(axes, theme)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{10 ** (value - 9):g}"))
        self._below("FLOP for each byte; upwards GFLOP/s")

    def update(self, picture: dict[str, Any]) -> None:
        """Show the points so far."""
        points = [
            (str(p["name"]), str(p.get("label", "")), float(p["intensity"]), float(p["flops"]))
            for p in picture.get("points") or ()
            if float(p["intensity"]) > 0 and float(p["flops"]) > 0
        ]
        flops, bandwidth = float(picture["flops"]), float(picture["bandwidth"])
        if not self._anew((points, flops, bandwidth)):
            return
        axes, theme = self.axes, self.theme
        ridge = math.log10(flops / bandwidth)
        xs = [math.log10(x) for _, _, x, _ in points] + [ridge - 1.2, ridge + 0.8]
        ys = [math.log10(y) for *_, y in points] + [math.log10(flops) - 1.5]
        axes.set_xlim(min(xs) - 0.15, max(xs) + 0.2)
        axes.set_ylim(min(ys) - 0.25, math.log10(flops) + 0.35)
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            axis.set_major_locator(FixedLocator(_decades(*limits)))
        left, right = axes.get_xlim()
        top = math.log10(flops)
        start = (left, left + math.log10(bandwidth))
        roof = [start, (ridge, top), (right, top)]
        self._line(roof, theme.gate, linewidth=1.6, zorder=3)
        ground = Ground(axes)
        ground.curve(roof)
        self._series(ground, points, str(picture.get("noun", "")))
        self._words(
            ground,
            f"processor: {flops / 1e9:.0f} GFLOP/s",
            theme.gate,
            [(right, top), (ridge, top)],
        )
        middle = (0.5 * (start[0] + ridge), 0.5 * (start[1] + top))
        self._words(ground, f"memory: {bandwidth / 1e9:.0f} GB/s", theme.gate, [middle, start])

    def _series(
        self, ground: Ground, points: Sequence[tuple[str, str, float, float]], noun: str
    ) -> None:
        theme = self.theme
        colours = (theme.loss, theme.second, theme.accuracy, theme.muted)
        names = list(dict.fromkeys(name for name, *_ in points))
        paths = {
            name: [(math.log10(x), math.log10(y)) for other, _, x, y in points if other == name]
            for name in names
        }
        for path in paths.values():
            ground.curve(path)
        for number, (name, path) in enumerate(paths.items()):
            colour = colours[number % len(colours)]
            marker = _MARKERS[number % len(_MARKERS)]
            self._line(path, colour, linewidth=1.1, marker=marker, markersize=4.5, zorder=4)
            self._words(ground, name, colour, [path[-1], path[0]], size=_LABEL, weight="bold")
        if not names:
            return
        labels = [label for name, label, *_ in points if name == names[0]]
        for number, (label, place) in enumerate(zip(labels, paths[names[0]], strict=True)):
            if label:
                said = label if number else f"{noun} {label}".strip()
                self._words(ground, said, theme.muted, [place], size=6.5)


class Intervals(_Chart):
    """How many times as fast each program is as the first, with the interval of that.

    What crosses the line at 1 shows no difference, and is drawn quietly.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        super().__init__(axes, theme, left=0.1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        self._below("times as fast, with the 95 % interval")

    def update(self, picture: dict[str, Any]) -> None:
        """Show the rows, the first one at the top."""
        rows = [
            (str(r["name"]), str(r["told"]), float(r["ratio"]), float(r["low"]), float(r["high"]))
            for r in picture.get("rows") or ()
        ]
        rows = [row for row in rows if all(map(math.isfinite, row[2:]))]
        if not rows or not self._anew(rows):
            return
        axes, theme = self.axes, self.theme
        axes.set_xlim(min(0.5, *(row[3] for row in rows)) - 0.1, max(row[4] for row in rows) + 0.15)
        axes.set_ylim(len(rows) - 0.45, -0.75)
        self._line([(1.0, y) for y in axes.get_ylim()], theme.gate, linewidth=1.1, zorder=1)
        left = axes.get_xlim()[0]
        for place, (name, told, ratio, low, high) in enumerate(rows):
            sure = place > 0 and not low <= 1.0 <= high
            colour = theme.muted if not sure else theme.accuracy if low > 1.0 else theme.second
            if place:
                self._line([(low, place), (high, place)], colour, linewidth=4.5, alpha=0.45)
                said = f"{ratio:.2f}x"
                label = axes.annotate(
                    said, (ratio, place), (0, -12), textcoords="offset points", ha="center"
                )
                label.set(fontsize=_SMALL, color=colour)
                self._drawn.append(label)
            self._line([(ratio, place)], colour, marker="o", markersize=6, zorder=4)
            for text, size, shade, up in (
                (name, _LABEL, theme.text, 0.42),
                (told, _SMALL, theme.muted, 0.2),
            ):
                words = axes.text(
                    left, place - up, text, fontsize=size, color=shade, parse_math=False, zorder=6
                )
                words.set_path_effects(self._halo)
                words.set_fontweight("bold" if text is name else "normal")
                self._drawn.append(words)


def size_text(count: float) -> str:
    """Bytes for people: `1.9 MB`, `81 kB`."""
    if count >= 999_500:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.0f} kB" if count >= 999.5 else f"{count:.0f} B"


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten within these, and halves of the way where there are only few."""
    whole = np.arange(math.ceil(low), math.floor(high) + 1)
    if len(whole) >= 3:
        return [float(value) for value in whole]
    steps: Iterable[float] = (math.log10(step) for step in (1, 2, 5))
    fine = [math.floor(low) + i + step for step in steps for i in range(int(high - low) + 2)]
    return sorted(value for value in fine if low <= value <= high)
