"""Small pictures in rows, drawn as pixels: one array for all of them, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from tinytorch_milestones.widgets.placing import inches
from tinytorch_milestones.widgets.theme import Theme

_LARGE = 3  # times its size, from which on a picture's pixels are shown as squares
_OPAQUE = 255
_LONGEST = 11  # characters of a name that is written beside a tile


class Place(NamedTuple):
    """Where a tile stands in its axes: inches from the left, and from the top."""

    left: float
    top: float


CORNER = Place(0.0, 0.0)


class Tiles(Artist):
    """Pictures of one size at given places of an axes made by `measured`.

    Grey ones are drawn in the theme's ink, where 1 is the most ink; colour ones as they are. With
    `border` each has a thin line around it.
    """

    def __init__(
        self,
        axes: Axes,
        theme: Theme,
        places: Sequence[Place],
        size: tuple[float, float],
        *,
        border: bool = False,
    ) -> None:
        super().__init__()
        self._axes, self._theme, self._places, self._size = axes, theme, places, size
        self._border = border
        self.marked = False  # whether something in another colour is drawn over them
        self._images: Any = None
        self._made: tuple[float, Any] | None = None  # the pixels, at so many an inch
        self.set_zorder(1)
        self.set_animated(True)

    @property
    def count(self) -> int:
        """How many there is room for."""
        return len(self._places)

    @property
    def colour(self) -> bool:
        """Whether colour pictures are shown."""
        return self._images is not None and self._images.ndim == 4

    def show(self, images: Any) -> None:
        """Show the first `count` of images (n, h, w) or (n, h, w, 3), 0..1; others are clipped."""
        values = np.nan_to_num(np.asarray(images[: self.count], dtype=np.float32), nan=0.0)
        self._images = (255 * values.clip(0, 1) + 0.5).astype(np.uint8)
        self._made = None

    def draw(self, renderer: Any) -> None:
        """Put the pixels where they belong."""
        if self._images is None or not len(self._images) or not self.get_visible():
            return
        scale = self._scale()
        if self._made is None or self._made[0] != scale:
            self._made = (scale, self._pixels(scale))
        sheet = self._made[1]
        left, top = self._corner(scale)
        # the renderer counts from the lower left, and wants the lowest row first
        renderer.draw_image(renderer.new_gc(), left, top - len(sheet), sheet[::-1])

    def boxes(self, height: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns that hold pictures, in a canvas so many pixels high."""
        if self._images is None:
            return
        scale = self._scale()
        x, y = self._corner(scale)
        line = self._line(scale)
        for top, left, high, wide in self._boxes(scale):
            down, right = height - y + top, x + left
            yield (
                slice(down + line, down + high - line),
                slice(right + line, right + wide - line),
            )

    def _scale(self) -> float:
        figure: Any = self._axes.figure
        return float(figure.dpi)

    def _line(self, scale: float) -> int:
        return max(1, round(scale / 100)) if self._border else 0

    def _corner(self, scale: float) -> tuple[int, int]:
        """The upper left corner of the axes in pixels from the figure's lower left."""
        figure: Any = self._axes.figure
        box, size = self._axes.get_position(), figure.get_size_inches()
        return round(box.x0 * size[0] * scale), round(box.y1 * size[1] * scale)

    def _boxes(self, scale: float) -> Iterator[tuple[int, int, int, int]]:
        """Each shown tile in pixels: top, left, height, width."""
        wide, high = (max(1, round(side * scale)) for side in self._size)
        for place in self._places[: len(self._images)]:
            yield round(place.top * scale), round(place.left * scale), high, wide

    def _pixels(self, scale: float) -> Any:
        boxes = list(self._boxes(scale))
        bottom = max(top + high for top, _, high, _ in boxes)
        right = max(left + wide for _, left, _, wide in boxes)
        sheet = np.zeros((bottom, right, 4), dtype=np.uint8)
        line = self._line(scale)
        edge = [round(255 * part) for part in to_rgb(self._theme.faint)]
        for image, (top, left, high, wide) in zip(self._images, boxes, strict=True):
            tile = sheet[top : top + high, left : left + wide]
            tile[..., :3], tile[..., 3] = edge, _OPAQUE
            inner = tile[line : high - line, line : wide - line, :3]
            inner[...] = self._coloured(_resized(image, inner.shape[0], inner.shape[1]))
        return sheet

    def _coloured(self, image: Any) -> Any:
        if image.ndim == 3:
            return image
        return (255 - image if self._theme.ink == "gray_r" else image)[..., None]


def measured(axes: Axes) -> tuple[float, float]:
    """Make axes count in inches from their upper left corner; how wide and high they are."""
    wide, high = inches(axes)
    axes.set_axis_off()
    axes.set_aspect("auto")
    axes.set_xlim(0, wide)
    axes.set_ylim(high, 0)
    return wide, high


def fitted(
    count: int, wide: float, high: float, *, gap: float, above: float = 0.0
) -> tuple[int, float]:
    """In how many columns square tiles are largest, and how large; `above` each stays free."""
    best = (0.0, 1)
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        side = min((wide + gap) / columns, (high + gap) / rows - above) - gap
        best = max(best, (side, columns))
    return best[1], max(best[0], 0.05)


def rows_of(
    count: int, columns: int, across: float, down: float, corner: Place = CORNER
) -> list[Place]:
    """Places in rows, so far apart across and down."""
    return [
        Place(corner.left + (i % columns) * across, corner.top + (i // columns) * down)
        for i in range(count)
    ]


def short(name: str, most: int = _LONGEST) -> str:
    """A name in at most so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


def _resized(image: Any, high: int, wide: int) -> Any:
    """A picture of uint8 in so many pixels: squares where it grows much, smooth otherwise."""
    from PIL import Image

    grown = min(high / image.shape[0], wide / image.shape[1])
    method = Image.Resampling.NEAREST if grown >= _LARGE else Image.Resampling.HAMMING
    return np.asarray(Image.fromarray(image).resize((wide, high), method))
