"""Claims about module 11: rows of a table, gradients that add up, places, and waves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import NONZERO, Array, Source, numbers, size
from tinytorch_milestones.diagnosis.trial import FLOAT64, Raises, Trial, literal, size_text

_FILE = "core.embeddings"
_EMBEDDING = ("Embedding", "Tensor")
_PLACES = ("PositionalEncoding", "Tensor")


def _indices(source: Source, count: int, *, fewest: int = 0) -> Array:
    """Whole numbers below `count`, of a shape with up to two axes."""
    sizes = tuple(size(source) for _ in range(source.pick(range(fewest, 3))))
    picked = [source.pick(range(count)) for _ in range(int(np.prod(sizes)))]
    return np.array(picked, dtype=np.int64).reshape(sizes)


def _filled(name: str, table: Array) -> list[str]:
    """The lines that make a layer with a table of known numbers."""
    count, dim = table.shape
    return [f"layer = {name}({count}, {dim})", f"layer.weight.data[...] = {literal(table)}"]


def _added(seed: Array, indices: Array, count: int) -> Array:
    """Row by row, the sum of all gradients that belong to it."""
    total = np.zeros((count, seed.shape[-1]))
    for place in np.ndindex(indices.shape):
        total[indices[place]] += seed[place]
    return total


def _one_hot(source: Source) -> Iterator[Trial]:
    count = size(source)
    indices = _indices(source, count)
    yield Trial(
        says=f"`one_hot({literal(indices)}, {count})`",
        lines=(f"indices = np.array({literal(indices)})",),
        shown=f"one_hot(indices, {count})",
        right=np.eye(count)[indices],
        names=(f"{_FILE}.one_hot",),
        dtype="float32",
        kept={"indices": indices},
    )


def _slopes(source: Source) -> Iterator[Trial]:
    count, dim, kind = size(source), size(source, 2), source.pick(("float32", "float64"))
    indices = _indices(source, count, fewest=1)
    g = numbers(source, (*indices.shape, dim), (1.0, 2.0, -1.0, 0.0))
    yield Trial(
        says=f"`lookup_backward` for rows {literal(indices)} of {count}",
        lines=(
            f"g = np.array({literal(g)}, dtype=np.{kind})",
            f"indices = np.array({literal(indices)})",
        ),
        shown=f"lookup_backward(g, indices, {count})",
        right=_added(g, indices, count),
        names=(f"{_FILE}.lookup_backward",),
        dtype=kind,
        kept={"g": g, "indices": indices},
    )


def _rows(source: Source) -> Iterator[Trial]:
    """Forward, for any shape, from a Tensor and from an array."""
    table = numbers(source, (size(source), size(source, 2)))
    indices = _indices(source, len(table))
    given = source.pick(("Tensor(np.array({}))", "np.array({})", "Tensor({})"))
    yield Trial(
        says=f"`Embedding{table.shape}` of {literal(indices)}",
        lines=(*_filled("Embedding", table), f"x = {given.format(literal(indices))}"),
        shown="layer(x).data",
        right=table[indices],
        names=_EMBEDDING,
        dtype="float32",
        kept={"x": indices},
    )


def _outside(source: Source) -> Iterator[Trial]:
    for given in ("[2]", "[-1]", "[0.5]", "[[0, 1], [7, 0]]"):
        yield Trial(
            says=f"`Embedding(2, 1)` of {given}",
            lines=("layer = Embedding(2, 1)", f"x = Tensor(np.array({given}))"),
            shown="layer(x).data",
            right=Raises("ValueError"),
            names=_EMBEDDING,
        )


def _gradients(source: Source) -> Iterator[Trial]:
    """Rows that come twice get the sum, rows nobody asked for get 0; a second time adds up."""
    table = numbers(source, (size(source), size(source, 2)))
    indices = _indices(source, len(table), fewest=1)
    seed = numbers(source, (*indices.shape, table.shape[1]), (1.0, 2.0, 0.0, -1.0))
    once = (
        f"x = Tensor(np.array({literal(indices)}))",
        f"layer(x).backward({literal(seed)})",
    )
    for words, times in (("", 1), (" twice", 2)):
        yield Trial(
            says=f"`Embedding{table.shape}` backward{words}, rows {literal(indices)},",
            lines=(*_filled("Embedding", table), *once * times),
            shown="layer.weight.grad",
            right=times * _added(seed, indices, len(table)),
            names=_EMBEDDING,
            label="dweight",
            dtype="float32",
        )


def _start(source: Source) -> Iterator[Trial]:
    name = source.pick(("Embedding", "PositionalEncoding"))
    for shown, right, fault in (
        ("layer.weight.shape", (100, 20), "has a weight of another shape"),
        ("layer.weight.data.dtype.name", "float32", "has a weight of another type"),
        ("layer.weight.requires_grad", True, "has a weight that is not trained"),
        ("[name for name, _ in layer.named_parameters()]", ["weight"], "has other parameters"),
        ("len(np.unique(layer.weight.data)) > 1000", True, "starts with rows that are alike"),
        ("bool(0.5 < layer.weight.data.std() < 2)", True, "starts with a spread far from 1"),
        ("bool(abs(layer.weight.data.mean()) < 0.2)", True, "does not start around 0"),
        (
            "np.array_equal(layer.weight.data, again.weight.data)",
            True,
            "starts otherwise although `manual_seed` was given the same number",
        ),
    ):
        yield Trial(
            says=f"`{name}(100, 20)`",
            fault=fault,
            lines=(
                "manual_seed(1)",
                f"layer = {name}(100, 20)",
                "manual_seed(1)",
                f"again = {name}(100, 20)",
            ),
            shown=shown,
            right=right,
            names=(name, "manual_seed"),
        )


def _similarity(source: Source) -> Iterator[Trial]:
    table = numbers(source, (size(source), size(source, 2)), NONZERO)
    lengths = np.sqrt((table * table).sum(axis=1))
    yield Trial(
        says=f"`similarity` of {size_text(table)} table",
        lines=(f"table = np.array({literal(table)})",),
        shown="similarity(table)",
        right=table @ table.T / np.outer(lengths, lengths),
        names=(f"{_FILE}.similarity",),
        kept={"table": table},
        tolerance=FLOAT64 * 100,
    )


def _texts(source: Source) -> tuple[Array, Array]:
    """Words as vectors, also of several texts at once, and a table with places to spare."""
    words, dim = size(source), size(source, 2)
    sizes = source.pick(((words, dim), (2, words, dim), (2, 2, words, dim), (3, words, dim)))
    table = numbers(source, (words + source.pick((0, 1, 2)), dim))
    return numbers(source, sizes), table


def _places(source: Source) -> Iterator[Trial]:
    x, table = _texts(source)
    yield Trial(
        says=f"`PositionalEncoding{table.shape}` on {size_text(x)} input",
        lines=(*_filled("PositionalEncoding", table), f"x = Tensor({literal(x)})"),
        shown="layer(x).data",
        right=x + table[: x.shape[-2]],
        names=_PLACES,
        dtype="float32",
        kept={"x": x},
    )


def _places_backward(source: Source) -> Iterator[Trial]:
    x, table = _texts(source)
    seed = numbers(source, x.shape, (1.0, 2.0, 0.0, -1.0))
    slope = np.zeros_like(table)
    slope[: x.shape[-2]] = seed.reshape(-1, *x.shape[-2:]).sum(axis=0)
    lines = (
        *_filled("PositionalEncoding", table),
        f"x = Tensor({literal(x)}, requires_grad=True)",
        f"layer(x).backward({literal(seed)})",
    )
    for shown, right, label in (("x.grad", seed, "dx"), ("layer.weight.grad", slope, "dweight")):
        yield Trial(
            says=f"`PositionalEncoding{table.shape}` backward on {size_text(x)} input",
            lines=lines,
            shown=shown,
            right=right,
            names=_PLACES,
            label=label,
            dtype="float32",
        )


def _no_place(source: Source) -> Iterator[Trial]:
    for shape in ((3, 1), (1, 3, 1), (2, 2), (1,)):
        x = np.zeros(shape)
        yield Trial(
            says=f"`PositionalEncoding(2, 1)` on {size_text(x)} input",
            lines=("layer = PositionalEncoding(2, 1)", f"x = Tensor({literal(x)})"),
            shown="layer(x).data",
            right=Raises("ValueError"),
            names=_PLACES,
        )


def _waves(source: Source) -> Iterator[Trial]:
    length, dim = source.pick((1, 2, 3, 6)), source.pick((1, 2, 3, 4, 6))
    table = np.empty((length, dim))
    for place, column in np.ndindex(length, dim):
        angle = place / 10000 ** (2 * (column // 2) / dim)
        table[place, column] = np.cos(angle) if column % 2 else np.sin(angle)
    yield Trial(
        says=f"`sinusoidal_positions({length}, {dim})`",
        lines=(),
        shown=f"sinusoidal_positions({length}, {dim})",
        right=table,
        names=("sinusoidal_positions",),
        dtype="float32",
    )


CLAIMS = [
    Claim("11 one_hot", "11", "11.one_hot", _one_hot),
    Claim("11 lookup_backward", "11", "11.backward", _slopes, tries=24),
    Claim("11 parameters", "11", "", _start, tries=3),
    Claim("11 Embedding", "11", "11.embedding", _rows, tries=16),
    Claim("11 Embedding refuses", "11", "11.embedding", _outside, tries=1),
    Claim("11 Embedding backward", "11", "11.embedding", _gradients, tries=16),
    Claim("11 similarity", "11", "11.similarity", _similarity),
    Claim("11 PositionalEncoding", "11", "11.positions", _places, tries=16),
    Claim("11 PositionalEncoding refuses", "11", "", _no_place, tries=1),
    Claim("11 PositionalEncoding backward", "11", "11.positions", _places_backward, tries=16),
    Claim("11 sinusoidal_positions", "11", "11.sinusoidal", _waves, tries=16),
]
