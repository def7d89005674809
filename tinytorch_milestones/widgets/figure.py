"""The one figure of a run: loss, held-out accuracy, gradients, and what the network sees.

Drawn on an Agg canvas without pyplot, because callbacks of a kernel may run on other threads.
Artists are made once and moved. What stands still (axes, ticks, words) is drawn once and kept as
pixels; a frame only draws what moves on top of it, which takes a fifth of the time.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tinytorch_milestones.widgets.classes import ClassBars, Extremes
from tinytorch_milestones.widgets.confusion import Confusion
from tinytorch_milestones.widgets.exchange import Paletted, over_paper
from tinytorch_milestones.widgets.filters import Filters, Maps
from tinytorch_milestones.widgets.gradients import GradientStrip
from tinytorch_milestones.widgets.heads import Heads
from tinytorch_milestones.widgets.layout import WIDTH, Box, Layout
from tinytorch_milestones.widgets.panels import AccuracyPanel, LossPanel
from tinytorch_milestones.widgets.theme import DARK, LIGHT, Theme
from tinytorch_milestones.widgets.tiles import Tiles
from tinytorch_milestones.widgets.views import KINDS, View, kind_of

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Part
    from tinytorch_milestones.tracker import Ghost, Run


class Keepsakes(NamedTuple):
    """One figure as three PNGs: two on a transparent ground, one on white paper."""

    light: bytes
    dark: bytes
    paper: bytes


class Panel(Protocol):
    """Draws one key of a picture."""

    moving: list[Artist]

    def __init__(self, axes: Axes, theme: Theme) -> None: ...

    def update(self, shown: Any) -> None:
        """Show what the picture holds under the panel's name."""


class RunFigure:
    """The figure of one part's run in one theme.

    `layers` are those whose gradients are shown below the curves: from two layers on there is
    something to compare. `panels` are those beside the view, as `panels_of` a picture found them.
    """

    def __init__(
        self,
        part: Part,
        theme: Theme,
        *,
        ghosts: Mapping[str, Ghost] | None = None,
        layers: Sequence[str] = (),
        panels: Collection[str] = (),
        final: bool = False,
    ) -> None:
        self.theme, self.panels, self.final = theme, frozenset(panels), final
        layout = Layout(panels, len(layers) if len(layers) > 1 else 0, final=final)
        self.height = layout.height
        self._figure = Figure(figsize=(WIDTH, self.height), dpi=100, facecolor=theme.paper)
        self._canvas: Any = FigureCanvasAgg(self._figure)  # its methods carry no types
        self._loss = LossPanel(self._axes(layout.loss), theme, ghosts or {})
        self._accuracy = AccuracyPanel(self._axes(layout.accuracy), theme, part, ghosts or {})
        self._strip: GradientStrip | None = None
        if layout.strip is not None:
            strip = self._axes(layout.strip)
            self._strip = GradientStrip(strip, theme, list(layers), layout.heading)
        self._beside = {name: self._panel(name, box) for name, box in layout.beside.items()}
        self._view_axes = self._axes(layout.view)
        self._view_axes.set_facecolor(theme.paper)
        self._view_axes.set_axis_off()
        self._view: View | None = None
        self._view_kind = ""
        self._title: Any = None  # of the view: it tells of the last evaluation
        self._still: Any = None  # pixels of everything that does not move

    def _axes(self, box: Box) -> Axes:
        shares = (
            box.left / WIDTH,
            box.bottom / self.height,
            box.width / WIDTH,
            box.height / self.height,
        )
        return self._figure.add_axes(shares)

    def _panel(self, name: str, box: Box) -> Panel:
        axes = self._axes(box)
        if name == "filters":
            return Filters(axes, self.theme, start=self.final)
        if name == "classes":
            return ClassBars(axes, self.theme, named="confusion" not in self.panels)
        if name == "heads":
            return Heads(axes, self.theme, titled=True)
        kinds: dict[str, type[Panel]] = {
            "maps": Maps,
            "confusion": Confusion,
            "extremes": Extremes,
        }
        return kinds[name](axes, self.theme)

    def update(self, run: Run, picture: dict[str, Any] | None, *, final: bool = False) -> None:
        """Show where `run` stands; `picture` is what the step's view gave, None to keep the last.

        With `final` the axes end where the run ended, and a confusion is shown where there is one.
        """
        evidence = run.evidence
        steps = max(2, evidence.steps if final else max(evidence.planned, evidence.steps))
        changed = [panel.set_steps(steps) for panel in (self._loss, self._accuracy)]
        changed.append(self._loss.show(evidence.losses, final=final, lines=evidence.lines))
        judged = evidence.metrics.get("accuracy")
        self._accuracy.show(evidence.accuracies, final=final, judged=judged)
        if any(changed):
            self._loss.settle()
            self._accuracy.settle()
            self._still = None
        if self._strip is not None:
            self._strip.update(evidence.parameters)
        if picture:
            self._show_view(picture, final)
            self._show_beside(picture)

    def _show_beside(self, picture: dict[str, Any]) -> None:
        for name, panel in self._beside.items():
            told = picture.get(name)
            if told is not None and len(told):
                prepared, still = bool(panel.moving), _still_of(panel)
                # a map of attention needs its tokens and names too
                panel.update(picture if name == "heads" else told)
                if not prepared or _still_of(panel) != still:
                    self._still = None

    def _show_view(self, picture: dict[str, Any], final: bool) -> None:
        # a confusion that has its own panel needs none within the view
        kind = kind_of(picture, final=final and "confusion" not in self.panels)
        if kind == "heads" and "heads" in self.panels:
            # they have a panel of their own; here is what is told of them
            kind = "table" if "table" in self.panels else ""
            picture = {"title": picture.get("title", ""), **(picture.get("table") or {})}
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
            self._title = self._view_axes.set_title(
                "", loc="left", fontsize=9, color=self.theme.muted, pad=7
            )
            self._title.set_animated(True)
            self._view = KINDS[kind](self._view_axes, self.theme)
            self._view_kind = kind
            self._still = None
        if self._view is not None:
            still = _still_of(self._view)
            self._view.update(picture)
            if _still_of(self._view) != still:
                self._still = None
        self._title.set_text(str(picture.get("title", "")))

    def png(self) -> bytes:
        """The figure as PNG, made fast: for a frame that the next one replaces."""
        return _encode(self._pixels(alpha=1.0).convert("RGB"))

    def sharpen(self, scale: float) -> None:
        """Draw with more pixels from now on: for a picture that stays."""
        self._figure.set_dpi(100 * scale)
        self._still = None

    def keepsakes(self) -> Keepsakes:
        """The figure made small, in both themes and for paper."""
        picture = self._pixels(alpha=0.0)
        every = [artist for artist in self._moving() if isinstance(artist, Tiles)]
        # shades of ink alone would leave nothing of what is marked in colour
        tiles = [artist for artist in every if not artist.marked]
        photographs, inked = (
            [place for one in tiles if one.colour == colour for place in one.boxes(picture.height)]
            for colour in (True, False)
        )
        few = Paletted(picture, photographs, inked)
        light, dark = few.colours_in(self.theme, LIGHT), few.colours_in(self.theme, DARK)
        return Keepsakes(
            light=few.png(light, few.opacity),
            dark=few.png(dark, few.opacity),
            paper=few.png(over_paper(light, few.opacity, LIGHT)),
        )

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
        renderer = self._canvas.get_renderer()
        for artist in sorted(self._moving(), key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)

    def _moving(self) -> list[Artist]:
        moving: list[Artist] = [*self._loss.moving, *self._accuracy.moving]
        moving += self._strip.moving if self._strip is not None else []
        moving += self._view.moving if self._view is not None else []
        moving += [artist for panel in self._beside.values() for artist in panel.moving]
        return moving if self._title is None else [*moving, self._title]


def _still_of(panel: object) -> int:
    """How often a panel drew anew what does not move, where it says so."""
    return int(getattr(panel, "still", 0))


def _encode(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png", compress_level=1)
    return buffer.getvalue()
