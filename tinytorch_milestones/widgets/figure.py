"""The one figure of a run: loss, held-out accuracy, gradients, and what the network sees.

Drawn on an Agg canvas without pyplot, because callbacks of a kernel may run on other threads.
Artists are made once and moved. What stands still (axes, ticks, words) is drawn once and kept as
pixels; a frame only draws what moves on top of it, which takes a fifth of the time.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tinytorch_milestones.widgets.exchange import Paletted, exchanged, over_paper
from tinytorch_milestones.widgets.gradients import GradientStrip, height_of
from tinytorch_milestones.widgets.panels import AccuracyPanel, LossPanel
from tinytorch_milestones.widgets.theme import DARK, LIGHT, Theme
from tinytorch_milestones.widgets.views import KINDS, View, kind_of

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Part
    from tinytorch_milestones.tracker import Ghost, Run

WIDTH, HEIGHT = 9.6, 2.9  # inches, at 100 pixels an inch, without the gradients
_ABOVE, _BELOW = 0.46, 0.38  # inches around the curves, for title and numbers
_STRIP_ABOVE, _STRIP_BELOW = 0.3, 0.2  # and around the bars of the gradients


class Keepsakes(NamedTuple):
    """One figure as three PNGs: two on a transparent ground, one on white paper."""

    light: bytes
    dark: bytes
    paper: bytes


class RunFigure:
    """The figure of one part's run in one theme.

    `layers` are those whose gradients are shown below the curves: from two layers on there is
    something to compare.
    """

    def __init__(
        self,
        part: Part,
        theme: Theme,
        *,
        ghosts: Mapping[str, Ghost] | None = None,
        layers: Sequence[str] = (),
    ) -> None:
        self.theme = theme
        bars = height_of(len(layers)) if len(layers) > 1 else 0.0
        below = bars + _STRIP_ABOVE + _STRIP_BELOW if bars else 0.0
        self.height = HEIGHT + below
        self._figure = Figure(figsize=(WIDTH, self.height), dpi=100, facecolor=theme.paper)
        self._canvas: Any = FigureCanvasAgg(self._figure)  # its methods carry no types
        curves = (below + _BELOW, HEIGHT - _ABOVE - _BELOW)
        self._loss = LossPanel(self._axes(0.045, 0.262, *curves), theme, ghosts or {})
        self._accuracy = AccuracyPanel(self._axes(0.362, 0.262, *curves), theme, part, ghosts or {})
        self._strip: GradientStrip | None = None
        if bars:
            place = self._axes(0.105, 0.519, _STRIP_BELOW, bars)
            self._strip = GradientStrip(place, theme, list(layers), (0.045 - 0.105) / 0.519)
        self._view_axes = self._axes(0.672, 0.322, 0.15, self.height - _ABOVE - 0.15)
        self._view_axes.set_facecolor(theme.paper)
        self._view_axes.set_axis_off()
        self._view: View | None = None
        self._view_kind = ""
        self._still: Any = None  # pixels of everything that does not move

    def _axes(self, left: float, width: float, bottom: float, height: float) -> Axes:
        """Axes at a share of the width, and at inches of the height."""
        box = (left, bottom / self.height, width, height / self.height)
        return self._figure.add_axes(box)

    def update(self, run: Run, picture: dict[str, Any] | None, *, final: bool = False) -> None:
        """Show where `run` stands; `picture` is what the step's view gave, None to keep the last.

        With `final` the axes end where the run ended, and a confusion is shown where there is one.
        """
        evidence = run.evidence
        steps = max(2, evidence.steps if final else max(evidence.planned, evidence.steps))
        changed = [panel.set_steps(steps) for panel in (self._loss, self._accuracy)]
        changed.append(self._loss.show(evidence.losses, final=final))
        self._accuracy.show(evidence.accuracies, final=final)
        if any(changed):
            self._loss.settle()
            self._accuracy.settle()
            self._still = None
        if self._strip is not None:
            self._strip.update(evidence.parameters)
        if picture:
            self._show_view(picture, final)

    def _show_view(self, picture: dict[str, Any], final: bool) -> None:
        kind = kind_of(picture, final=final)
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
        return _encode(self._pixels(alpha=1.0).convert("RGB"))

    def sharpen(self, scale: float) -> None:
        """Draw with more pixels from now on: for a picture that stays."""
        self._figure.set_dpi(100 * scale)
        self._still = None

    def keepsakes(self) -> Keepsakes:
        """The figure made small, in both themes and for paper."""
        few = Paletted(self._few())
        drawn = {self.theme.name: few.colours}
        for theme in (LIGHT, DARK):
            if theme.name not in drawn:
                drawn[theme.name] = exchanged(few.colours, self.theme, theme)
        return Keepsakes(
            light=few.png(drawn[LIGHT.name], few.opacity),
            dark=few.png(drawn[DARK.name], few.opacity),
            paper=few.png(over_paper(drawn[LIGHT.name], few.opacity, LIGHT)),
        )

    def _few(self) -> Any:
        from PIL import Image

        return self._pixels(alpha=0.0).quantize(255, method=Image.Quantize.FASTOCTREE)

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
        moving: list[Artist] = [*self._loss.moving, *self._accuracy.moving]
        moving += self._strip.moving if self._strip is not None else []
        moving += self._view.moving if self._view is not None else []
        renderer = self._canvas.get_renderer()
        for artist in sorted(moving, key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)


def _encode(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png", compress_level=1)
    return buffer.getvalue()
