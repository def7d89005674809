"""Pictures with what the network takes them for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb, to_rgba
from matplotlib.patches import Rectangle

from tinytorch_milestones.widgets.theme import Theme
from tinytorch_milestones.widgets.tiles import Place, Tiles, measured, rows_of, short

_CAPTION = 0.18  # inches above a picture, for the guess
_SPACE = 0.07  # between two pictures, at least
_WIDTH_OF_GUESS, _WIDTH_OF_BOTH = 0.3, 0.6  # of a guess, and of one that says how sure it is
_SHORT = 3  # characters of a name that those widths are for
_LETTER = 0.055  # inches of a letter of longer names
_LARGE = 0.5  # inches of a picture with a longer name over it, at least
_EDGE = 0.012  # between a picture and the middle of its frame


class Images:
    """A grid of pictures, each with the guess above it, and the weights as a picture.

    A wrong guess has a cross behind it and a frame around its picture, besides its colour; where
    the network says how sure it is, that stands behind the guess.
    """

    def __init__(self, axes: Axes, theme: Theme, *, rows: int | None = None) -> None:
        self.axes, self.theme = axes, theme
        self.moving: list[Artist] = []
        self._rows = rows  # at most, None for as many as there are
        self._tiles: Tiles | None = None
        self._weights: Any = None
        self._words: list[Any] = []
        self._frames: list[Rectangle] = []
        self._long = False  # whether guesses are words rather than digits

    def update(self, picture: dict[str, Any]) -> None:
        """Show the pictures with what they are taken for now."""
        weights = picture.get("weights")
        if self._tiles is None:
            self._prepare(picture, weights)
        assert self._tiles is not None
        if len(picture["images"]) > self._tiles.count:
            picture = mixed(picture)
        self._tiles.show(picture["images"])
        sure = picture.get("confidence") or [None] * len(self._words)
        for words, frame, guess, truth, share in zip(
            self._words, self._frames, picture["guesses"], picture["truths"], sure, strict=False
        ):
            right = str(guess) == str(truth)
            name = short(str(guess))
            said = name if right else f"{name} \u2717"
            words.set_text(said if share is None else f"{said} {round(100 * float(share))} %")
            words.set_color(self.theme.accuracy if right else self.theme.gate)
            words.set_fontweight("normal" if right or self._long else "bold")
            frame.set_visible(not right)
        if self._weights is not None:
            values = np.asarray(weights, dtype=float)
            limit = float(np.abs(values).max()) or 1.0
            self._weights.set_data(values)
            self._weights.set_clim(-limit, limit)

    def _prepare(self, picture: dict[str, Any], weights: Any) -> None:
        axes, theme = self.axes, self.theme
        images = np.asarray(picture["images"])
        height, width = images.shape[1:3]
        breadth, depth = measured(axes)
        breadth *= 0.62 if weights is not None else 1.0
        narrowest = self._narrowest(picture)
        most = max(1, int(breadth / narrowest + 0.02))
        if self._long and self._rows is None:
            # few of them, so that there is something to see under so many letters
            self._rows = max(1, int(depth / (_LARGE + _CAPTION)))
        count, columns, side = self._grid(len(images), most, breadth, depth)
        wide, high = side * width / max(height, width), side * height / max(height, width)
        across = (breadth - columns * wide) / columns
        pitch = max(wide + min(across, 0.45 * wide), narrowest, wide + 0.02)
        left = max(0.0, (narrowest - wide) / 2) if self._long else 0.0
        places = rows_of(count, columns, pitch, high + _CAPTION, Place(left, _CAPTION))
        self._tiles = Tiles(axes, theme, places, (wide, high))
        for place in places:
            self._words.append(
                axes.text(
                    place.left + wide / 2,
                    place.top - 0.02,
                    "",
                    ha="center",
                    va="bottom",
                    fontsize=7.5 if narrowest == _WIDTH_OF_GUESS else 7,
                    zorder=3,
                )
            )
            frame = Rectangle(
                (place.left - _EDGE, place.top - _EDGE),
                wide + 2 * _EDGE,
                high + 2 * _EDGE,
                fill=False,
                edgecolor=theme.gate,
                linewidth=1.4,
                zorder=2,
                clip_on=False,
            )
            frame.set_visible(False)
            axes.add_patch(frame)
            self._frames.append(frame)
        if weights is not None:
            self._prepare_weights(weights, [str(truth) for truth in picture["truths"]])
        self.moving += [self._tiles, *self._frames, *self._words]
        for artist in self.moving:
            artist.set_animated(True)

    def _narrowest(self, picture: dict[str, Any]) -> float:
        """Inches that a picture and the words over it need."""
        sure = bool(picture.get("confidence"))
        known = (picture.get("confusion") or {}).get("labels", ())
        names = [short(str(name)) for name in (*known, *picture["truths"], *picture["guesses"])]
        longest = max(map(len, names), default=0)
        self._long = longest > _SHORT
        if self._long:
            return _LETTER * (longest + (7 if sure else 2)) + _SPACE
        return _WIDTH_OF_BOTH if sure else _WIDTH_OF_GUESS

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


def mixed(picture: dict[str, Any]) -> dict[str, Any]:
    """The pictures in an order whose beginning shows mistakes and right guesses in proportion.

    A recipe gives those it gets wrong first, and there may be room for the first few only.
    """
    pairs = zip(picture["guesses"], picture["truths"], strict=False)
    right = [str(guess) == str(truth) for guess, truth in pairs]
    ranks: dict[int, float] = {}
    for kind in (True, False):
        members = [i for i, value in enumerate(right) if value == kind]
        ranks |= {i: (place + 0.5) / len(members) for place, i in enumerate(members)}
    order = sorted(ranks, key=lambda i: ranks[i])
    lists = {
        name: [picture[name][i] for i in order]
        for name in ("images", "guesses", "truths", "confidence")
        if picture.get(name) is not None
    }
    return {**picture, **lists}


def _sides(theme: Theme, truths: Sequence[str]) -> str:
    names = sorted(set(truths))
    second, first = _name(theme.second), _name(theme.first)
    if len(names) == 2:
        return f"{second} speaks for {names[1]},\n{first} for {names[0]}"
    return f"{second} speaks for it,\n{first} against"


def _name(colour: str) -> str:
    red, _, blue = to_rgb(colour)
    return "blue" if blue > red else "orange"
