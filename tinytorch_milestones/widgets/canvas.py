"""A surface in the notebook to draw a digit on, which the student's own network reads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from tinytorch_milestones.training.drawing import image_of

if TYPE_CHECKING:
    from tinytorch_milestones.training.clouds import Array
    from tinytorch_milestones.training.player import Player

_HERE = Path(__file__).parent


class Canvas(anywidget.AnyWidget):
    """The widget; canvas.js says what `drawing` and `answer` hold."""

    _esm = _HERE / "canvas.js"
    _css = _HERE / "canvas.css"
    title = traitlets.Unicode().tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, player: Player, title: str, about: str) -> None:
        self._player = player
        # a kernel may serve the front end from another thread while a cell runs
        self._one_at_a_time = threading.Lock()
        super().__init__(title=title, about=about)
        self.observe(self._drawn, names=["drawing"])

    def _drawn(self, change: Mapping[str, Any]) -> None:
        with self._one_at_a_time:
            self.answer = read(self._player, change["new"])


def read(player: Player, drawing: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a drawing, whatever it is: what went wrong is part of it."""
    key = {"key": drawing.get("key", "")}
    try:
        strokes = [list(zip(s[::2], s[1::2], strict=False)) for s in drawing.get("strokes", [])]
        image = image_of(strokes, player.shape)
        if image is None:
            return key
        with np.errstate(all="ignore"):
            probabilities = player.answer(image[None])[0]
            tiles = _seen(player, image)
        if not np.isfinite(probabilities).all():
            return {**key, "problem": "The network answers with something that is no number."}
        return {**key, "probabilities": [float(p) for p in probabilities], "tiles": tiles}
    except Exception as error:
        # raised by the student's code, which would otherwise leave the surface without a word
        return {**key, "problem": f"The network cannot answer: {type(error).__name__}: {error}"}


def _seen(player: Player, image: Array) -> list[dict[str, Any]]:
    """What the network is given, and what its first layer makes of it."""
    high, wide = image.shape[1:]
    given = {
        "title": f"What it is given: {wide} x {high} pixels",
        "images": [_grey(image[0], 1.0)],
    }
    maps = player.maps(image)
    if maps is not None:
        top = float(np.abs(maps).max())
        tile = _signed if (maps < 0).any() else _grey
        title = f"What its first convolution makes of it: {len(maps)} feature maps"
        return [given, {"title": title, "images": [tile(each, top) for each in maps]}]
    units = player.units(image)
    if units is None or not units.numbers:
        return [given]
    title = (
        "The hidden units that it stirs most: ink on blue speaks for the unit, on orange against it"
    )
    captions = [f"{value:.1f}" for value in units.activations]
    # one scale for all, and one bright pixel must not leave the others in the dark
    top = float(np.percentile(np.abs(units.weights), 99))
    images = [
        {**_signed(weight, top), "caption": caption}
        for weight, caption in zip(units.weights, captions, strict=True)
    ]
    return [given, {"title": title, "images": images}]


def _grey(values: Array, top: float) -> dict[str, Any]:
    scaled = (values / max(top, 1e-12)).clip(0.0, 1.0) * 255
    return _picture(scaled.round().astype(np.uint8), signed=False)


def _signed(values: Array, top: float) -> dict[str, Any]:
    scaled = (values / max(top, 1e-12)).clip(-1.0, 1.0) * 127
    return _picture(scaled.round().astype(np.int8), signed=True)


def _picture(values: Array, *, signed: bool) -> dict[str, Any]:
    height, width = values.shape
    return {"width": width, "height": height, "signed": signed, "data": values.tobytes()}
