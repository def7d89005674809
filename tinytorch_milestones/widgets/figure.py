"""The one figure of a run: loss, held-out accuracy, and what the network sees.

Drawn on an Agg canvas without pyplot, because callbacks of a kernel may run on other threads.
Artists are made once and moved. What stands still (axes, ticks, words) is drawn once and kept as
pixels; a frame only draws what moves on top of it, which takes a fifth of the time.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.views import KINDS, View, kind_of

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Part
    from tinytorch_milestones.tracker import Run

WIDTH, HEIGHT = 9.6, 2.9  # inches, at 100 pixels an inch
_POINTS = 700  # a line of more points than pixels only costs time


class RunFigure:
    """The figure of one part's run in one theme."""

    def __init__(
        self,
        part: Part,
        theme: Theme,
        *,
        ghosts: Mapping[str, Sequence[float]] | None = None,
        scale: float = 1.0,
    ) -> None:
        self.theme = theme
        self._part = part
        self._figure = Figure(figsize=(WIDTH, HEIGHT), dpi=100 * scale, facecolor=theme.paper)
        self._canvas: Any = FigureCanvasAgg(self._figure)  # its methods carry no types
        self._ghosts = {
            name: [value for value in values if math.isfinite(value)]
            for name, values in (ghosts or {}).items()
        }
        self._loss_axes = self._axes((0.045, 0.13, 0.262, 0.71), "loss")
        self._accuracy_axes = self._axes((0.362, 0.13, 0.262, 0.71), "accuracy on held-out data")
        self._view_axes = self._figure.add_axes((0.672, 0.05, 0.322, 0.79))
        self._view_axes.set_facecolor(theme.paper)
        self._view_axes.set_axis_off()
        self._view: View | None = None
        self._view_kind = ""
        self._steps = 0
        self._top = 0.0
        self._loss, self._loss_end, self._loss_text = self._curve(self._loss_axes, theme.loss)
        self._accuracy, self._accuracy_end, self._accuracy_text = self._curve(
            self._accuracy_axes, theme.accuracy
        )
        self._still: Any = None  # pixels of everything that does not move
        self._ghost_lines = [
            (self._loss_axes.plot([], [], color=theme.faint, linewidth=1.2, zorder=1)[0], values)
            for values in self._ghosts.values()
        ]
        self._ghost_words = [
            self._loss_axes.text(
                0, 0, name, color=theme.muted, fontsize=7.5, ha="left", va="bottom"
            )
            for name in self._ghosts
        ]
        self._prepare_accuracy()

    def _axes(self, box: tuple[float, float, float, float], title: str) -> Axes:
        theme = self.theme
        axes = self._figure.add_axes(box)
        axes.set_facecolor(theme.paper)
        axes.set_title(title, loc="left", fontsize=9, color=theme.muted, pad=7)
        axes.tick_params(colors=theme.muted, labelsize=7.5, length=2.5, color=theme.faint)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.faint)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        return axes

    def _curve(self, axes: Axes, colour: str) -> tuple[Any, Any, Any]:
        (line,) = axes.plot([], [], color=colour, linewidth=1.7, zorder=3)
        (end,) = axes.plot([], [], "o", color=colour, markersize=4.5, zorder=4, clip_on=False)
        words = axes.text(0, 0, "", color=colour, fontsize=8.5, fontweight="bold", zorder=5)
        for artist in (line, end, words):
            artist.set_animated(True)
        return line, end, words

    def _prepare_accuracy(self) -> None:
        axes, theme = self._accuracy_axes, self.theme
        axes.set_ylim(0, 1.16)  # room for a value above a curve at 100 %
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
        for level, words in _accuracy_gates(self._part):
            axes.axhline(level, color=theme.gate, linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
            axes.text(
                0.99,
                level - 0.02,
                words,
                transform=axes.get_yaxis_transform(),
                color=theme.gate,
                fontsize=7.5,
                ha="right",
                va="top",
                zorder=5,
            )
        if self._part.chance is not None:
            axes.axhline(self._part.chance, color=theme.muted, linewidth=1, linestyle=":", zorder=1)
            axes.text(
                0.5,
                self._part.chance - 0.02,
                "chance",
                transform=axes.get_yaxis_transform(),
                color=theme.muted,
                fontsize=7.5,
                ha="center",
                va="top",
            )

    def update(self, run: Run, picture: dict[str, Any] | None, *, final: bool = False) -> None:
        """Show where `run` stands; `picture` is what the step's view gave, None to keep the last.

        With `final` the axes end where the run ended.
        """
        evidence = run.evidence
        self._set_steps(max(2, evidence.steps if final else max(evidence.planned, evidence.steps)))
        self._show_loss(evidence.losses)
        self._show_accuracy(evidence.accuracies)
        if picture:
            self._show_view(picture)

    def _set_steps(self, steps: int) -> None:
        if steps == self._steps:
            return
        self._steps = steps
        self._still = None
        for axes in (self._loss_axes, self._accuracy_axes):
            axes.set_xlim(0, steps * 1.04)
        for (line, values), words in zip(self._ghost_lines, self._ghost_words, strict=True):
            # a stored curve of 400 values was thinned from a longer run: it spans the axis
            last = len(values) if len(values) < 400 else steps
            count = max(1, len(values) - 1)
            line.set_data([1 + i * (last - 1) / count for i in range(len(values))], values)
            if values:
                middle = len(values) * 2 // 5
                words.set_position(
                    (1.02 * (1 + middle * (last - 1) / count), values[middle] + 0.09 * max(values))
                )

    def _show_loss(self, losses: Sequence[float]) -> None:
        if not losses:
            return
        stride = -(-len(losses) // _POINTS)
        xs = [*range(1, len(losses) + 1, stride), len(losses)]
        ys = [losses[x - 1] for x in xs]
        self._loss.set_data(xs, ys)
        values = [value for value in ys if math.isfinite(value)]
        if not values:
            return
        known = [max(v) for v in (values, *self._ghosts.values()) if v]
        top = max(known)
        if top > self._top or top < 0.5 * self._top:
            self._top = 1.1 * top if top > 0 else 1.0
            self._loss_axes.set_ylim(0, self._top)
            self._still = None
        self._mark(self._loss_end, self._loss_text, len(losses), values[-1], f"{values[-1]:.3g}")

    def _show_accuracy(self, accuracies: Sequence[tuple[int, float]]) -> None:
        if not accuracies:
            return
        stride = -(-len(accuracies) // _POINTS)
        kept = [*accuracies[::stride], accuracies[-1]]
        self._accuracy.set_data([step for step, _ in kept], [value for _, value in kept])
        step, value = accuracies[-1]
        self._mark(self._accuracy_end, self._accuracy_text, step, value, f"{100 * value:.1f} %")

    def _mark(self, end: Any, words: Any, x: float, y: float, text: str) -> None:
        end.set_data([x], [y])
        words.set_text(text)
        low, high = end.axes.get_ylim()
        at_right = x > 0.75 * self._steps
        words.set_position((x + (0.0 if at_right else 0.02) * self._steps, y + (high - low) * 0.04))
        words.set_horizontalalignment("right" if at_right else "left")

    def _show_view(self, picture: dict[str, Any]) -> None:
        kind = kind_of(picture)
        if not kind:
            return
        if kind != self._view_kind:
            self._view_axes.clear()
            self._view_axes.set_axis_on()
            self._view_axes.set_facecolor(self.theme.paper)
            self._view_axes.set_xticks([])
            self._view_axes.set_yticks([])
            for spine in self._view_axes.spines.values():
                spine.set_color(self.theme.faint)
            self._view = KINDS[kind](self._view_axes, self.theme)
            self._view_kind = kind
            self._still = None
        if self._view is not None:
            self._view.update(picture)
        title = str(picture.get("title", ""))
        if self._view_axes.get_title(loc="left") != title:
            self._view_axes.set_title(title, loc="left", fontsize=9, color=self.theme.muted, pad=7)
            self._still = None

    def png(self) -> bytes:
        """The figure as PNG, made fast: for a frame that the next one replaces."""
        return _encode(self._pixels(alpha=1.0).convert("RGB"), level=1)

    def keepsake(self) -> tuple[bytes, bytes]:
        """The figure as PNG made small, on a transparent ground and on its theme's paper."""
        from PIL import Image

        clear = self._pixels(alpha=0.0)
        paper = Image.new("RGBA", clear.size, self.theme.paper)
        paper.alpha_composite(clear)
        few = [image.quantize(255, method=Image.Quantize.FASTOCTREE) for image in (clear, paper)]
        return _encode(few[0], level=6), _encode(few[1], level=6)

    def _pixels(self, alpha: float) -> Any:
        from PIL import Image

        if self._figure.patch.get_alpha() != alpha:
            self._figure.patch.set_alpha(alpha)
            for axes in self._figure.axes:
                axes.patch.set_alpha(alpha)
            self._still = None
        self._draw()
        size = self._canvas.get_width_height(physical=True)
        return Image.frombuffer("RGBA", size, self._canvas.buffer_rgba(), "raw", "RGBA", 0, 1)

    def _draw(self) -> None:
        if self._still is None:
            self._canvas.draw()  # leaves out what is marked as moving
            self._still = self._canvas.copy_from_bbox(self._figure.bbox)
        else:
            self._canvas.restore_region(self._still)
        moving: list[Artist] = [self._loss, self._loss_end, self._loss_text]
        moving += [self._accuracy, self._accuracy_end, self._accuracy_text]
        moving += self._view.moving if self._view is not None else []
        renderer = self._canvas.get_renderer()
        for artist in sorted(moving, key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)


def _encode(picture: Any, *, level: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png", compress_level=level)
    return buffer.getvalue()


def _accuracy_gates(part: Part) -> list[tuple[float, str]]:
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
