"""Pictures with what the network takes them for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb, to_rgba
from matplotlib.patches import Rectangle

from tinytorch_milestones.widgets.placing import inches
from tinytorch_milestones.widgets.theme import Theme

_CAPTION = 0.18  # inches above a picture, for the guess
_SPACE = 0.07  # between two pictures, at least
_WIDTH_OF_GUESS, _WIDTH_OF_BOTH = 0.3, 0.6  # of a guess, and of one that says how sure it is


class Images:
    """A grid of pictures, each with the guess above it, and the weights as a picture.

    A wrong guess has a cross behind it and a frame around its picture, besides its colour; where
    the network says how sure it is, that stands behind the guess.
    """

    def __init__(self, axes: Axes, theme: Theme, *, rows: int | None = None) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._rows = rows  # at most, None for as many as there are
        self._sheet: Any = None
        self._weights: Any = None
        self._words: list[Any] = []
        self._frames: list[Rectangle] = []
        self._columns = 0
        self._pitch = (0, 0)  # rows and columns of pixels from one picture to the next

    def update(self, picture: dict[str, Any]) -> None:
        """Show the pictures with what they are taken for now."""
        images = np.asarray(picture["images"], dtype=float)
        weights = picture.get("weights")
        if self._sheet is None:
            narrowest = _WIDTH_OF_BOTH if picture.get("confidence") else _WIDTH_OF_GUESS
            self._prepare(images, weights, picture["truths"], narrowest)
        shown = images[: len(self._words)]
        self._sheet.set_data(self._tile(shown))
        sure = picture.get("confidence") or [None] * len(shown)
        for words, frame, guess, truth, share in zip(
            self._words, self._frames, picture["guesses"], picture["truths"], sure, strict=False
        ):
            right = str(guess) == str(truth)
            said = str(guess) if right else f"{guess} \u2717"
            words.set_text(said if share is None else f"{said} {round(100 * float(share))} %")
            words.set_color(self.theme.accuracy if right else self.theme.gate)
            words.set_fontweight("normal" if right else "bold")
            frame.set_visible(not right)
        if self._weights is not None:
            values = np.asarray(weights, dtype=float)
            limit = float(np.abs(values).max()) or 1.0
            self._weights.set_data(values)
            self._weights.set_clim(-limit, limit)

    def _prepare(
        self, images: Any, weights: Any, truths: Sequence[object], narrowest: float
    ) -> None:
        axes, theme = self.axes, self.theme
        _, height, width = images.shape
        share = 0.62 if weights is not None else 1.0
        sheet = axes.inset_axes((0, 0, share, 1))
        sheet.set_axis_off()
        axes.set_axis_off()
        breadth, depth = inches(axes)
        most = max(1, int(share * breadth / narrowest))
        count, self._columns, side = self._grid(len(images), most, share * breadth, depth)
        rows = -(-count // self._columns)
        pixel = side / max(height, width)  # inches of one pixel of an image
        above = round(_CAPTION / pixel)
        across = (share * breadth - self._columns * width * pixel) / self._columns / pixel
        across = max(min(across, 0.45 * width), narrowest / pixel - width, 1)
        self._pitch = (height + above, width + round(across))
        down, right = self._pitch
        self._sheet = sheet.imshow(
            self._tile(images[:count]), cmap=theme.ink, vmin=0, vmax=1, aspect="equal", zorder=1
        )
        for i in range(count):
            top, left = (i // self._columns) * down + above, (i % self._columns) * right
            self._words.append(
                sheet.text(
                    left + width / 2 - 0.5,
                    top - 0.5 - 0.02 / pixel,
                    "",
                    ha="center",
                    va="bottom",
                    fontsize=7.5 if narrowest == _WIDTH_OF_GUESS else 7,
                    zorder=3,
                )
            )
            frame = Rectangle(
                (left - 0.5, top - 0.5),
                width,
                height,
                fill=False,
                edgecolor=theme.gate,
                linewidth=1.4,
                zorder=2,
                clip_on=False,
            )
            frame.set_visible(False)
            sheet.add_patch(frame)
            self._frames.append(frame)
        sheet.set_xlim(-1.5, self._columns * right - (right - width) + 0.5)
        sheet.set_ylim(rows * down + 0.5, -0.5)
        sheet.set_anchor("NW")
        if weights is not None:
            self._prepare_weights(weights, [str(truth) for truth in truths])
        self.moving += [self._sheet, *self._frames, *self._words]
        for artist in self.moving:
            artist.set_animated(True)

    def _grid(
        self, count: int, widest: int, breadth: float, depth: float
    ) -> tuple[int, int, float]:
        """How many pictures, in how many columns, each how large in inches, fill the place best."""
        found = (0.0, 1)
        most = self._rows or count
        for columns in range(1, min(count, widest) + 1):
            rows = min(most, -(-count // columns))
            side = min(breadth / columns - _SPACE, depth / rows - _CAPTION - 0.02)
            # with fewer rows than needed, rather many small ones than few large ones
            side *= min(1.0, columns * rows / count) ** 0.5
            found = max(found, (side, columns))
        columns = found[1]
        rows = min(most, -(-count // columns))
        side = min(breadth / columns - _SPACE, depth / rows - _CAPTION - 0.02)
        return min(count, columns * rows), columns, max(side, 0.1)

    def _prepare_weights(self, weights: Any, truths: Sequence[str]) -> None:
        theme = self.theme
        panel = self.axes.inset_axes((0.68, 0.18, 0.32, 0.62))
        panel.patch.set_visible(False)
        panel.set_xticks([])
        panel.set_yticks([])
        for spine in panel.spines.values():
            spine.set_color(theme.faint)
        panel.set_title("weights", fontsize=8, color=theme.muted, pad=3)
        panel.set_xlabel(_sides(theme, truths), fontsize=7, color=theme.muted, labelpad=3)
        # fading out instead of into the paper, which another theme has in another colour
        ends = [(0.0, theme.first, 1.0), (0.5, theme.first, 0.0), (0.5, theme.second, 0.0)]
        scale = LinearSegmentedColormap.from_list(
            "weights",
            [(at, to_rgba(colour, alpha)) for at, colour, alpha in [*ends, (1, theme.second, 1)]],
        )
        self._weights = panel.imshow(np.asarray(weights, dtype=float), cmap=scale)
        self.moving.append(self._weights)

    def _tile(self, images: Any) -> Any:
        count, height, width = images.shape
        down, right = self._pitch
        rows = -(-count // self._columns)
        sheet = np.full((rows * down, self._columns * right), np.nan)
        for i, image in enumerate(images):
            bottom, left = (i // self._columns + 1) * down, (i % self._columns) * right
            sheet[bottom - height : bottom, left : left + width] = image
        return np.ma.masked_invalid(sheet)


def _sides(theme: Theme, truths: Sequence[str]) -> str:
    names = sorted(set(truths))
    second, first = _name(theme.second), _name(theme.first)
    if len(names) == 2:
        return f"{second} speaks for {names[1]},\n{first} for {names[0]}"
    return f"{second} speaks for it,\n{first} against"


def _name(colour: str) -> str:
    red, _, blue = to_rgb(colour)
    return "blue" if blue > red else "orange"
