"""Claims about module 15: grids of 256 numbers, what is put on them, and products of int8.

Inputs keep away from the middle between two places, where either one is right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, shape, size
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text

_FILE = "perf.quantization"
_PLACES = (0, 1, -1, 2, 100, 127, -128, 130, -140, 300)


def _grid(source: Source, rows: int) -> tuple[Array, Array, str]:
    """Scales and zeros, one of each or one for each row, and the line that makes the grid."""
    if source.pick((False, True)):
        scale = np.array([[source.pick((1.0, 0.5, 0.25, 8.0))] for _ in range(rows)])
        zero = np.array([[source.pick((0, 1, -3, 127, -128))] for _ in range(rows)])
        given = f"np.float32({literal(scale)}), np.int8({literal(zero)})"
        return scale, zero, f"grid = Grid({given})"
    single, place = source.pick((1.0, 0.5, 0.25, 8.0)), source.pick((0, 1, -3, 127, -128))
    line = f"grid = Grid(np.float32({single:g}), np.int8({place}))"
    return np.array(single), np.array(place), line


def _quantize(source: Source) -> Iterator[Trial]:
    """The nearest place, and the end of the grid for what lies beyond it."""
    n, m = size(source, 2), size(source)
    scale, zero, line = _grid(source, n)
    places = np.array([[source.pick(_PLACES) for _ in range(m)] for _ in range(n)])
    x = (places - zero + source.pick((0.0, 0.25, -0.25, 0.375))) * scale
    yield Trial(
        says=f"`quantize({literal(x)}, grid)` with `{line}`",
        lines=(line, f"x = np.array({literal(x)}, dtype=np.float32)"),
        shown="quantize(x, grid)",
        right=np.clip(places, -128, 127),
        names=(f"{_FILE}.Grid", f"{_FILE}.quantize"),
        dtype="int8",
        kept={"x": x},
    )


def _dequantize(source: Source) -> Iterator[Trial]:
    n, m = size(source, 2), size(source)
    scale, zero, line = _grid(source, n)
    q = np.array([[source.pick((0, 1, -1, 127, -128)) for _ in range(m)] for _ in range(n)])
    yield Trial(
        says=f"`dequantize({literal(q)}, grid)` with `{line}`",
        lines=(line, f"q = np.array({literal(q)}, dtype=np.int8)"),
        shown="dequantize(q, grid)",
        right=(q - zero) * scale,
        names=(f"{_FILE}.Grid", f"{_FILE}.dequantize"),
        dtype="float32",
        kept={"q": q},
    )


_RANGES = (
    (0.0, 255.0, -128),
    (-255.0, 0.0, 127),
    (-1.0, 2.0, -43),
    (-2.0, 1.0, 42),
    (-1.0, 1.55, -28),
    (0.0, 0.51, -128),
    (51.0, 510.0, -128),
    (-5.0, -2.0, 127),
)
"""Ranges, and the place of 0 on the finest grid that holds them."""


def _affine(source: Source) -> Iterator[Trial]:
    """The finest grid with places for both ends and for 0."""
    low, high, zero = source.pick(_RANGES)
    scale = (max(high, 0.0) - min(low, 0.0)) / 255
    for part, expected, kind in (
        ("scale", np.array(scale), "float32"),
        ("zero", np.array(zero), "int8"),
    ):
        yield Trial(
            says=f"`affine_grid({low:g}, {high:g})`",
            lines=(f"grid = affine_grid({low:g}, {high:g})",),
            shown=f"grid.{part}",
            right=expected,
            names=(f"{_FILE}.affine_grid",),
            label=part,
            dtype=kind,
            tolerance=1e-5,
        )


def _affine_edges(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`affine_grid(0, 0)`",
        fault="has a scale that nothing can be divided by",
        lines=("grid = affine_grid(0, 0)",),
        shown="bool(np.isfinite(grid.scale) and grid.scale > 0)",
        right=True,
        names=(f"{_FILE}.affine_grid",),
        label="that it is above 0",
    )
    yield Trial(
        says="`affine_grid(1, -1)`",
        lines=(),
        shown="affine_grid(1, -1)",
        right=Raises("ValueError"),
        names=(f"{_FILE}.affine_grid",),
    )


def _bounded(source: Source) -> Iterator[Trial]:
    """Rounding moves a number by half a scale at most."""
    x = numbers(source, (size(source, 4),), (0.0, 1.0, -1.0, 2.5, -0.3, 0.7, 40.0))
    yield Trial(
        says=f"`dequantize` of `quantize` of {literal(x)} on the grid for its own range",
        fault="is further away than half a scale",
        lines=(
            f"x = np.array({literal(x)}, dtype=np.float32)",
            "grid = affine_grid(float(x.min()), float(x.max()))",
            "moved = np.abs(dequantize(quantize(x, grid), grid) - x)",
        ),
        shown="bool(moved.max() <= 0.501 * grid.scale)",
        right=True,
        names=tuple(f"{_FILE}.{name}" for name in ("affine_grid", "dequantize", "quantize")),
        label="that it is not",
    )


def _symmetric(source: Source) -> Iterator[Trial]:
    """The largest size of each row, or of all, is 127 scales."""
    sizes = (size(source, 2), *shape(source, 1, 2))
    weight = numbers(source, sizes, (1.27, 0.0, -1.0, 0.5, -12.7, 127.0))
    weight.reshape(len(weight), -1)[:, 0] += (weight.reshape(len(weight), -1) == 0).all(axis=1)
    per_channel = source.pick((True, False))
    axes = tuple(range(int(per_channel), weight.ndim))
    scale = np.abs(weight).max(axis=axes, keepdims=True) / 127
    call = "symmetric_grid(weight)" if per_channel else "symmetric_grid(weight, False)"
    for part, expected, kind in (("scale", scale, "float32"), ("zero", scale * 0, "int8")):
        yield Trial(
            says=f"`{call}` of {literal(weight)}",
            lines=(f"weight = np.array({literal(weight)}, dtype=np.float32)",),
            shown=f"{call}.{part}",
            right=expected if part == "scale" else expected.astype(int),
            names=(f"{_FILE}.symmetric_grid",),
            label=part,
            dtype=kind,
            tolerance=1e-5,
        )


def _zeros(source: Source) -> Iterator[Trial]:
    yield Trial(
        says="`symmetric_grid` of a row of zeros",
        fault="has a scale that nothing can be divided by",
        lines=("scale = symmetric_grid(np.zeros((1, 2), dtype=np.float32)).scale",),
        shown="bool(np.isfinite(scale).all() and (scale > 0).all())",
        right=True,
        names=(f"{_FILE}.symmetric_grid",),
        label="that it is above 0",
    )


def _product(source: Source) -> Iterator[Trial]:
    """Each row of the one with each row of the other, exactly."""
    n, m, k = size(source, 2), size(source, 2), size(source)
    a, b = (
        np.array([source.pick((1, 0, 2, -1, 100, -128)) for _ in range(r * k)]).reshape(r, k)
        for r in (n, m)
    )
    yield Trial(
        says=f"`integer_product` of {size_text(a)} and {size_text(b)}",
        lines=(
            f"a = np.array({literal(a)}, dtype=np.int8)",
            f"b = np.array({literal(b)}, dtype=np.int8)",
        ),
        shown="integer_product(a, b)",
        right=a @ b.T,
        names=(f"{_FILE}.integer_product",),
        dtype="int32",
        kept={"a": a, "b": b},
    )


def _long_product(source: Source) -> Iterator[Trial]:
    """Sums that float32 cannot hold any more."""
    k = source.pick((1041, 1025, 2049, 3001))
    yield Trial(
        says=f"`integer_product` of rows of {k} times 127",
        lines=(f"a = np.full((1, {k}), 127, dtype=np.int8)",),
        shown="integer_product(a, a)",
        right=np.array([[k * 127 * 127]]),
        names=(f"{_FILE}.integer_product",),
        dtype="int32",
    )


def _central(source: Source) -> Iterator[Trial]:
    """As much is left out below as above."""
    count, percent = source.pick((3, 5, 11, 101)), source.pick((100, 50, 90, 99))
    sizes = (1, count) if source.pick((False, True)) else (count,)
    x = np.cos(np.arange(1.0, count + 1) ** 2).reshape(sizes)
    outside = (100 - percent) / 2
    yield Trial(
        says=f"`central_range` of {count} numbers, {percent} percent,",
        lines=(f"x = np.cos(np.arange(1.0, {count + 1}) ** 2).reshape{sizes}",),
        shown=f"central_range(x, {percent})",
        right=np.percentile(x, [outside, 100 - outside]),
        names=(f"{_FILE}.central_range",),
    )


CLAIMS = [
    Claim("15 quantize", "15", "15.quantize", _quantize, tries=40),
    Claim("15 dequantize", "15", "15.dequantize", _dequantize, tries=24),
    Claim("15 affine_grid", "15", "15.affine", _affine, tries=24),
    Claim("15 affine_grid at its edges", "15", "15.affine", _affine_edges, tries=1),
    Claim("15 quantization error", "15", "15.affine", _bounded, tries=16),
    Claim("15 symmetric_grid", "15", "15.symmetric", _symmetric, tries=24),
    Claim("15 symmetric_grid of zeros", "15", "15.symmetric", _zeros, tries=1),
    Claim("15 integer_product", "15", "15.product", _product, tries=24),
    Claim("15 integer_product of long rows", "15", "15.product", _long_product, tries=12),
    Claim("15 central_range", "15", "15.range", _central, tries=16),
]
