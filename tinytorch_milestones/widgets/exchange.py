"""A picture drawn in one theme, shown in the colours of another.

Drawing the same figure a second time takes as long as six frames of a run; to exchange the
colours of a picture that has 255 of them takes a millisecond.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from tinytorch_milestones.widgets.theme import Theme

Places = Sequence[tuple[slice, slice]]

_NAMED = ("paper", "text", "muted", "faint", "loss", "accuracy", "gate", "first", "second")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# colours of 255, where there are pictures
_OF_PHOTOGRAPHS, _SHADES = (72, 40), 48
_SHARPNESS = 4  # how fast a known colour's say falls off with distance


def exchanged(colours: Any, old: Theme, new: Theme) -> Any:
    """Colours (n, 3), 0..1, of a picture in `old`, as they are in `new`.

    Those the themes name go over exactly; blends of them go where their neighbours go.
    """
    known = [(to_rgb(getattr(old, name)), to_rgb(getattr(new, name))) for name in _NAMED]
    # the ink of images: the end of their scale that is not the paper
    known.append((_ink(old), _ink(new)))
    before, after = (np.array(side) for side in zip(*known, strict=True))
    distances = ((np.asarray(colours)[:, None] - before) ** 2).sum(axis=2)
    says = 1.0 / np.maximum(distances, 1e-9) ** (_SHARPNESS / 2)
    return (says @ after) / says.sum(axis=1, keepdims=True)


def over_paper(colours: Any, opacity: Any, theme: Theme) -> Any:
    """Colours (n, 3) of that opacity (n, 1), laid over a theme's paper."""
    paper = np.array(to_rgb(theme.paper))
    return paper + (np.asarray(colours) - paper) * opacity


class Paletted:
    """A picture (RGBA) in at most 255 colours, compressed once for all its palettes.

    `photographs` and `inked` are the rows and columns where pictures lie: in colour, which stay as
    they are in every theme, and in shades of a theme's ink. Both get colours of their own, so
    that those around them can be exchanged without touching them, and keep more of their shades.
    """

    def __init__(self, picture: Any, photographs: Places = (), inked: Places = ()) -> None:
        few, counts = _few_colours(np.asarray(picture), photographs, inked)
        buffer = io.BytesIO()
        few.save(buffer, "png", compress_level=6)
        self._chunks = _chunks(buffer.getvalue())
        values = np.frombuffer(few.palette.tobytes(), dtype=np.uint8).reshape(-1, 4) / 255
        self.colours, self.opacity = values[:, :3], values[:, 3:]  # (n, 3) and (n, 1), 0..1
        self._shades = slice(counts[0], counts[0] + counts[1])
        self._around = slice(0, counts[0])

    def colours_in(self, old: Theme, new: Theme) -> Any:
        """The colours (n, 3), drawn in one theme, as they are in another."""
        colours = np.array(self.colours)
        if old != new:
            colours[self._around] = exchanged(colours[self._around], old, new)
        if old.ink != new.ink:
            colours[self._shades] = 1 - colours[self._shades]
        return colours

    def png(self, colours: Any, opacity: Any = None) -> bytes:
        """The picture in these colours, opaque where no opacity is given."""
        palette = [(b"PLTE", _bytes(colours))]
        if opacity is not None:
            palette.append((b"tRNS", _bytes(opacity)))
        head, *rest = self._chunks
        return _SIGNATURE + b"".join(_chunk(*one) for one in (head, *palette, *rest))


def _few_colours(
    pixels: Any, photographs: Places, inked: Places
) -> tuple[Any, tuple[int, int, int]]:
    """The picture with a palette, and how many colours are around pictures, of ink, of colour."""
    from PIL import Image

    kinds = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for kind, places in ((1, inked), (2, photographs)):
        for place in places:
            kinds[place] = kind
    shades = _SHADES if inked else 0
    most = sum(_OF_PHOTOGRAPHS) if photographs else 0
    cleared = np.where(kinds[..., None] > 0, np.uint8(0), pixels)
    around: Any = Image.fromarray(cleared).quantize(
        255 - shades - most, method=Image.Quantize.FASTOCTREE
    )
    palette = around.palette.tobytes()
    first = len(palette) // 4
    indices = np.array(around)
    if shades:
        grey = np.round(np.linspace(0, 255, shades)).astype(np.uint8)
        indices[kinds == 1] = first + np.round(pixels[kinds == 1][:, 0] / 255 * (shades - 1))
        palette += _opaque(np.repeat(grey[:, None], 3, axis=1))
    if most:
        inside, own = _photographed(pixels[kinds == 2][:, :3])
        indices[kinds == 2] = inside + first + shades
        palette += _opaque(own)
        most = len(own)
    few = Image.fromarray(indices, "P")
    few.putpalette(palette, "RGBA")
    return few, (first, shades, most)


def _photographed(pixels: Any) -> tuple[Any, Any]:
    """Pixels (n, 3) in few colours: which one each is, and the colours (k, 3).

    A median cut finds those that are frequent, as in photographs; an octree reaches those that are
    rare and bright, as in filters, which would be dull without them.
    """
    from PIL import Image

    sample: Any = Image.fromarray(pixels[::8][None].copy())
    halves = (
        sample.quantize(count, method=method).palette.tobytes()
        for count, method in zip(
            _OF_PHOTOGRAPHS, (Image.Quantize.MEDIANCUT, Image.Quantize.FASTOCTREE), strict=True
        )
    )
    palette = b"".join(halves)
    colours: Any = Image.new("P", (1, 1))
    colours.putpalette(palette)
    every: Any = Image.fromarray(pixels[None].copy())
    found = every.quantize(palette=colours, dither=Image.Dither.NONE)
    return np.asarray(found)[0], np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)


def _opaque(colours: Any) -> bytes:
    data: bytes = np.insert(colours, 3, 255, axis=1).tobytes()
    return data


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, without its palette."""
    found, at = [], len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind not in (b"PLTE", b"tRNS"):
            found.append((kind, data))
        at += 12 + length
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bytes(values: Any) -> bytes:
    data: bytes = np.round(255 * np.clip(values, 0, 1)).astype(np.uint8).tobytes()
    return data


def _ink(theme: Theme) -> tuple[float, float, float]:
    return (0.0, 0.0, 0.0) if theme.ink == "gray_r" else (1.0, 1.0, 1.0)
