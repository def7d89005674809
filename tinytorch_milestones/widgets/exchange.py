"""A picture drawn in one theme, shown in the colours of another.

Drawing the same figure a second time takes as long as six frames of a run; to exchange the
colours of a picture that has 255 of them takes a millisecond.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from tinytorch_milestones.widgets.theme import Theme

_NAMED = ("paper", "text", "muted", "faint", "loss", "accuracy", "gate", "first", "second")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
    """A picture of at most 255 colours, whose pixels are compressed once for all its palettes."""

    def __init__(self, picture: Any) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, "png", compress_level=6)
        self._chunks = _chunks(buffer.getvalue())
        values = np.frombuffer(picture.palette.tobytes(), dtype=np.uint8).reshape(-1, 4) / 255
        self.colours, self.opacity = values[:, :3], values[:, 3:]  # (n, 3) and (n, 1), 0..1

    def png(self, colours: Any, opacity: Any = None) -> bytes:
        """The picture in these colours, opaque where no opacity is given."""
        palette = [(b"PLTE", _bytes(colours))]
        if opacity is not None:
            palette.append((b"tRNS", _bytes(opacity)))
        head, *rest = self._chunks
        return _SIGNATURE + b"".join(_chunk(*one) for one in (head, *palette, *rest))


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
