"""A drawing as the data sets would have it: strokes of a pen become an image of a digit.

MNIST's rule (LeCun, Cortes and Burges): what was written is scaled to fit a box of 20x20 pixels,
keeping its shape, with antialiased edges, and moved so that its centre of mass lies in the middle
of 28x28. The UCI digits instead fill a bitmap of 32x32 and are a little narrowed; each pixel counts
a block of 4x4. All hold about as much ink, so that a one is a broad beam.

The strokes are scaled before they are drawn, not the picture after it: the forms of NIST were all
written about as large, so a digit drawn small or large is given the same breadth of stroke.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinytorch_milestones.training.clouds import Array

Stroke = Sequence[Sequence[float]]
"""Points (x, y) along a stroke, y downwards. A single point is a dot."""

SURFACE = 280.0  # the side of the surface that is drawn on ...
PEN = 18.0  # ... and the breadth of the pen there

_MNIST_SIZE, _MNIST_BOX = 28, 20.0
_MNIST_PEN = 2.3  # ink per row of MNIST's upright ones
_MNIST_MIDDLE = 14.0  # of the index of pixels: where MNIST's centres of mass lie
_UCI_BITMAP, _UCI_BLOCK = 32, 4
_UCI_BREADTH = 23.0  # columns of the bitmap, which a digit seldom exceeds
_UCI_NARROWED = 0.85
_UCI_INK = 19.6 / 64  # the mean of all of them, and nearly of each
_NEAR = 0.2  # pixels: points nearer to each other add nothing to see
_MOST = 2000  # points of a drawing that are looked at
_FARTHEST = 1e6  # a coordinate beyond it is no drawing


def image_of(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> Array | None:
    """The drawing as an example of `shape`, (1, 28, 28) or (1, 8, 8), ink 1, paper 0, float32.

    None where nothing was drawn. Raises ValueError for another shape.
    """
    if shape == (1, _MNIST_SIZE, _MNIST_SIZE):
        image = like_mnist(strokes)
    elif shape == (1, 8, 8):
        image = like_uci(strokes)
    else:
        raise ValueError(f"a drawing cannot be made an example of shape {shape}")
    return None if image is None else image[None]


def like_mnist(strokes: Sequence[Stroke]) -> Array | None:
    """The drawing as MNIST has it, (28, 28)."""
    lines = _fitted(strokes, _MNIST_BOX, _MNIST_PEN)
    if lines is None:
        return None
    # the whole box lies within the field, wherever its mass is
    field = _ink([line + _MNIST_MIDDLE for line in lines], _MNIST_SIZE, _MNIST_PEN)
    shift = 2 * _MNIST_MIDDLE - centre_of_mass(field)
    image: Array = _ink([line + shift for line in lines], _MNIST_SIZE, _MNIST_PEN)
    return image.astype(np.float32)


def like_uci(strokes: Sequence[Stroke]) -> Array | None:
    """The drawing as the UCI digits have it, (8, 8): how full each block of a bitmap is."""
    thin, broad = 2.0, 14.0
    bitmap = None
    for _ in range(5):
        pen = (thin + broad) / 2
        bitmap = _uci_bitmap(strokes, pen)
        if bitmap is None:
            return None
        thin, broad = (thin, pen) if bitmap.mean() > _UCI_INK else (pen, broad)
    assert bitmap is not None
    side = _UCI_BITMAP // _UCI_BLOCK
    blocks = bitmap.reshape(side, _UCI_BLOCK, side, _UCI_BLOCK)
    full: Array = blocks.mean(axis=(1, 3)).astype(np.float32)
    return full


def _uci_bitmap(strokes: Sequence[Stroke], pen: float) -> Array | None:
    lines = _fitted(strokes, float(_UCI_BITMAP), pen)
    if lines is None:
        return None
    breadth = max(float(np.ptp(np.concatenate(lines)[:, 0])), 1e-9)
    narrowed = min((_UCI_BREADTH - pen) / breadth, _UCI_NARROWED)
    middle = (_UCI_BITMAP - 1) / 2
    lines = [line * (narrowed, 1.0) + middle for line in lines]
    return _ink(lines, _UCI_BITMAP, pen) > 0.5


def centre_of_mass(image: Array) -> Array:
    """(x, y) of the ink's centre, in indices of pixels."""
    ink = image / image.sum()
    along = np.arange(len(image))
    return np.array([ink.sum(axis=0) @ along, ink.sum(axis=1) @ along])


def _fitted(strokes: Sequence[Stroke], box: float, pen: float) -> list[Array] | None:
    """The strokes around (0, 0), scaled so that they fill the box with ink as broad as `pen`."""
    lines = [line for line in map(_points, strokes) if len(line)]
    if not lines:
        return None
    everything = np.concatenate(lines)
    if len(everything) > _MOST:
        lines = [line[:: 1 + len(everything) // _MOST] for line in lines]
    low, high = everything.min(axis=0), everything.max(axis=0)
    # a dot stays a dot: what is smaller than the pen is not made to fill the box
    scale = (box - pen) / max(float((high - low).max()), PEN)
    return [_thinned((line - (low + high) / 2) * scale) for line in lines]


def _points(stroke: Stroke) -> Array:
    """A stroke as an array (n, 2), without points that are no numbers."""
    points = np.array([point[:2] for point in stroke if len(point) >= 2], dtype=np.float64)
    points = points.reshape(-1, 2)
    return points[(np.abs(points) < _FARTHEST).all(axis=1)]


def _thinned(line: Array) -> Array:
    """The line without points too near to the one before."""
    kept = [line[0]]
    for point in line[1:]:
        if np.abs(point - kept[-1]).max() >= _NEAR:
            kept.append(point)
    if len(line) > 1 and kept[-1] is not line[-1]:
        kept.append(line[-1])
    return np.array(kept)


def _ink(lines: Sequence[Array], size: int, pen: float) -> Array:
    """How far the pen covers each pixel of a square field, 0..1, antialiased."""
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    reach = pen / 2 + 1.0
    nearest = np.full((size, size), np.inf)
    for start, end in zip(starts, ends, strict=True):
        # only the pixels around a segment are near enough to be covered by it
        low = np.floor(np.minimum(start, end) - reach).astype(int).clip(0, size)
        high = np.ceil(np.maximum(start, end) + reach).astype(int).clip(0, size) + 1
        across = np.arange(low[0], min(high[0], size), dtype=np.float64)
        down = np.arange(low[1], min(high[1], size), dtype=np.float64)[:, None]
        way = end - start
        length = float(way @ way)
        if length > 0:
            part = ((across - start[0]) * way[0] + (down - start[1]) * way[1]) / length
            part = part.clip(0.0, 1.0)
        else:
            part = np.zeros((len(down), len(across)))
        away = np.hypot(across - start[0] - part * way[0], down - start[1] - part * way[1])
        place = nearest[low[1] : low[1] + len(down), low[0] : low[0] + len(across)]
        np.minimum(place, away, out=place)
    # an edge that passes through the middle of a pixel covers half of it
    return (pen / 2 + 0.5 - nearest).clip(0.0, 1.0)
