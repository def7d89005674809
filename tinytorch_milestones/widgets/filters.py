"""What a convolution looks for, and what it makes of one image."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import Place, Tiles, fitted, measured, rows_of, short

_MOST = 24  # filters shown
_GAP = 0.05  # inches between two tiles
_NAME = 0.36  # inches for the words before a row
_LABEL = 0.16  # and for those below the image
_ARROW = 0.3


class Filters:
    """The filters of a layer as tiles; at the end with how they began.

    Each is drawn on its own scale: what it looks for is seen, not how strongly. Of colour images
    a tile is the colours that the filter answers to, of grey ones ink where it wants ink. Filters
    that see more than that (other layers' channels) are drawn as how much they weigh each place.
    """

    def __init__(self, axes: Axes, theme: Theme, *, start: bool = False) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._both = start
        self._groups: list[Tiles] = []

    def update(self, filters: dict[str, Any]) -> None:
        """Show the weights (o, c, kh, kw) of this moment."""
        now = pictures_of(filters["weights"])
        groups = [now]
        if self._both and filters.get("start") is not None:
            groups.insert(0, pictures_of(filters["start"]))
        if not self._groups:
            self._prepare(filters, [min(_MOST, len(group)) for group in groups])
        for tiles, group in zip(self._groups, groups, strict=False):
            tiles.show(group)

    def _prepare(self, filters: dict[str, Any], counts: list[int]) -> None:
        axes, theme = self.axes, self.theme
        wide, high = measured(axes)
        total = len(np.asarray(filters["weights"]))
        what = "filters" if counts[-1] == total else f"{counts[-1]} of {total} filters"
        layer = layer_of(filters)
        title(axes, theme, f"{what} of {layer}" if layer else what)
        named = len(counts) > 1
        before = _NAME if named else 0.0
        share = (high - (0.08 if named else 0.0)) / len(counts)
        columns, side = fitted(max(counts), wide - before, share, gap=_GAP)
        rows = -(-max(counts) // columns)
        pitch = side + _GAP
        for number, count in enumerate(counts):
            top = number * (rows * pitch + (0.06 if named else 0.0))
            places = rows_of(count, columns, pitch, pitch, Place(before, top))
            self._groups.append(Tiles(axes, theme, places, (side, side), border=True))
            if named:
                axes.text(
                    0,
                    top + (rows * pitch - _GAP) / 2,
                    ("start", "now")[number],
                    fontsize=7.5,
                    color=theme.muted,
                    va="center",
                )
        self.moving += self._groups


class Maps:
    """One held-out image, and what the layer makes of it: the more ink, the stronger the answer."""

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._image: Tiles | None = None
        self._maps: Tiles | None = None

    def update(self, maps: dict[str, Any]) -> None:
        """Show the feature maps (k, h, w), on one scale for all of them."""
        values = np.asarray(maps["maps"], dtype=np.float32)
        if self._image is None or self._maps is None:
            self._prepare(maps, values)
        assert self._image is not None
        assert self._maps is not None
        self._image.show(np.asarray(maps["image"])[None])
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low = min(0.0, float(values.min()))  # a bare convolution answers below zero too
        top = float(values.max()) - low
        self._maps.show((values - low) / top if top > 0 else np.zeros_like(values))

    def _prepare(self, maps: dict[str, Any], values: Any) -> None:
        axes, theme = self.axes, self.theme
        wide, high = measured(axes)
        title(axes, theme, f"what {layer_of(maps) or 'the first layer'} makes of one image")
        side = high - _LABEL
        self._image = Tiles(axes, theme, [Place(0, 0)], (side, side), border=True)
        said = str(maps.get("label", ""))
        axes.text(
            side / 2, side + 0.03, said, va="top", ha="center", color=theme.muted, fontsize=7.5
        )
        axes.annotate(
            "",
            (side + _ARROW - 0.06, side / 2),
            (side + 0.06, side / 2),
            arrowprops={"arrowstyle": "->", "color": theme.muted, "lw": 1},
        )
        begin = side + _ARROW
        columns, small = fitted(len(values), wide - begin, side, gap=_GAP)
        pitch = small + _GAP
        # in the middle of the image's height, so that the arrow points at them
        rows = -(-len(values) // columns)
        top = max(0.0, (side - rows * pitch + _GAP) / 2)
        places = rows_of(len(values), columns, pitch, pitch, Place(begin, top))
        self._maps = Tiles(axes, theme, places, (small, small), border=True)
        self.moving += [self._image, self._maps]


def pictures_of(weights: Any) -> Any:
    """Filters (o, c, kh, kw) as pictures, (o, kh, kw) or (o, kh, kw, 3), 0..1, zero in between."""
    values = np.nan_to_num(np.asarray(weights, dtype=np.float32), nan=0.0, posinf=0, neginf=0)
    values = np.moveaxis(values, 1, -1)
    if values.shape[-1] not in (1, 3):
        strength = np.sqrt((values**2).mean(axis=-1))
        return strength / _limits(strength)
    pictures = 0.5 + values / (2 * _limits(values))
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures


def layer_of(told: dict[str, Any]) -> str:
    """What a layer is called: `layer 0`, `features.0`; empty where it has no name."""
    name = str(told.get("layer", ""))
    return f"layer {name}" if name[:1].isdigit() else short(name, 14)


def title(axes: Axes, theme: Theme, words: str) -> None:
    """The heading of a panel, as those of the curves."""
    axes.set_title(words, loc="left", fontsize=9, color=theme.muted, pad=5)


def _limits(values: Any) -> Any:
    """The largest absolute value of each picture, in a shape that divides them."""
    largest = np.abs(values).reshape(len(values), -1).max(axis=1)
    largest[largest == 0] = 1.0
    return largest.reshape(-1, *[1] * (values.ndim - 1))
