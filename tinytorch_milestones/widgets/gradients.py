"""How much gradient reaches each layer, as bars over powers of ten."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tinytorch_milestones.widgets.placing import inches
from tinytorch_milestones.widgets.theme import Theme

if TYPE_CHECKING:
    from tinytorch_milestones.training.evidence import ParameterRecord

_LOW, _HIGH = 1e-7, 1e4
_VANISHING, _EXPLODING = 1e-5, 1e2
_DEEPEST = 3  # parts of a layer's name
_NAMED = 8  # more layers than this are not each named, unless they have room:
_LONGEST = 14  # letters of a layer's name
_READABLE = 0.09  # inches
_PITCH = 0.145  # inches between two layers
_MOST = 1.2  # inches for all of them
_GAP = 0.05  # inches between a bar and its number
_NARROW = 3.0  # inches of width, below which there is less room for numbers


class GradientStrip:
    """One bar a layer, from the input down to the output, each as long as its gradient's norm.

    A bar that ends in one of the tinted zones has next to no gradient, or far too much of it, and
    says so in a word. The title begins at `start`, a share of the axes' width.
    """

    def __init__(self, axes: Axes, theme: Theme, layers: list[str], start: float = 0.0) -> None:
        self.axes, self.theme, self._layers = axes, theme, layers
        count = len(layers)
        axes.set_facecolor(theme.paper)
        axes.set_title(
            "gradient flow by layer", loc="left", x=start, fontsize=9, color=theme.muted, pad=5
        )
        axes.set_xscale("log")
        axes.set_xlim(_LOW, _HIGH)
        axes.set_ylim(count - 0.5, -0.5)
        wide, high = inches(axes)
        axes.xaxis.set_major_locator(FixedLocator([1e-2, 1] if wide < _NARROW else [1e-4, 1e-2, 1]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.tick_params(colors=theme.muted, labelsize=7, length=0, pad=2)
        axes.grid(axis="x", color=theme.faint, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        roomy = count <= _NAMED or high / count >= _READABLE
        named = range(count) if roomy else (0, count - 1)
        few = count <= _NAMED and max(map(len, layers)) <= _LONGEST
        size, most = (7.0, _LONGEST) if few else (6.0, _LONGEST + 4)
        axes.set_yticks(list(named), [_short(layers[i], most) for i in named])
        axes.tick_params(axis="y", labelsize=size)
        for left, right, words in (
            (_LOW, _VANISHING, "vanishing"),
            (_EXPLODING, _HIGH, "exploding"),
        ):
            axes.axvspan(left, right, color=theme.gate, alpha=0.1, linewidth=0)
            axes.text(
                math.sqrt(left * right),
                count - 0.5,
                words,
                color=theme.muted,
                fontsize=7,
                ha="center",
                va="top",
            )
        # the same distance behind a bar, however many decades an inch has
        self._behind = (_HIGH / _LOW) ** (_GAP / wide)
        self._bars = axes.barh(range(count), [0.0] * count, height=0.62, left=_LOW, zorder=2)
        self._words = [
            axes.text(
                _LOW, i, "", fontsize=size - (size < 7) * 0.5, va="center", zorder=3, clip_on=False
            )
            for i in range(count)
        ]
        self.moving: list[Artist] = [*self._bars, *self._words]
        for artist in self.moving:
            artist.set_animated(True)

    def update(self, parameters: Mapping[str, ParameterRecord]) -> None:
        """Show the gradients of the last step that told of them."""
        norms = layer_norms(parameters)
        for layer, bar, words in zip(self._layers, self._bars, self._words, strict=True):
            norm = norms.get(layer, 0.0)
            self._draw(norm, bar, words)

    def _draw(self, norm: float, bar: Any, words: Any) -> None:
        theme = self.theme
        said = state_of(norm)
        end = min(max(norm, _LOW), 0.2 * _HIGH) if math.isfinite(norm) else 0.2 * _HIGH
        bar.set_width(end - _LOW)
        bar.set_color(theme.gate if said else theme.loss)
        value = f"{norm:.2g}" if norm else "0"
        words.set_text(f"{value}  \u2717 {said}" if said else value)
        words.set_color(theme.gate if said else theme.muted)
        words.set_fontweight("bold" if said else "normal")
        # an exploding layer's words stand within its bar, which leaves no room behind it
        inside = end > _EXPLODING
        words.set_x(end * 0.8 if inside else end * self._behind)
        words.set_horizontalalignment("right" if inside else "left")
        if inside:
            words.set_color(theme.paper)


def layer_names(parameters: Mapping[str, object]) -> list[str]:
    """The layers that parameters belong to, in order: `0.weight` belongs to `0`."""
    return list(dict.fromkeys(_layer(name) for name in parameters))


def layer_norms(parameters: Mapping[str, ParameterRecord]) -> dict[str, float]:
    """The norm of each layer's gradient, over all its parameters."""
    squares: dict[str, float] = {}
    for name, record in parameters.items():
        layer = _layer(name)
        squares[layer] = squares.get(layer, 0.0) + record.update**2
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def state_of(norm: float) -> str:
    """A word for a gradient that is out of hand, empty for one that is as it should be."""
    if not math.isfinite(norm):
        return "not a number" if math.isnan(norm) else "exploding"
    if norm == 0.0:
        return "none"
    return "vanishing" if norm < _VANISHING else "exploding" if norm > _EXPLODING else ""


def height_of(count: int) -> float:
    """Inches that the bars of so many layers need."""
    return min(_MOST, _PITCH * count)


def _layer(parameter: str) -> str:
    # of layers within layers, those down to `blocks.0.attention`
    return ".".join(parameter.split(".")[:-1][:_DEEPEST])


def _short(layer: str, most: int) -> str:
    name = f"layer {layer}" if layer.isdigit() else layer
    return name if len(name) <= most else f"\u2026{name[1 - most :]}"
