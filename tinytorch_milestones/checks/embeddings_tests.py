"""Checkpoint 15, its part on `core/embeddings.py`: tokens to vectors, and their places.

Only the public names are used. The oracles are loops that take or add one row at a time, finite
differences, and the math module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _equal(what: str, got: Any, expected: Array, why: str) -> None:
    """A float32 result of the student's against ours."""
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    assert got.dtype == np.float32, f"{what}: expected float32, got {got.dtype}"
    far = np.argwhere(~np.isclose(got, expected, rtol=1e-4, atol=1e-4))
    place = tuple(int(n) for n in far[0]) if len(far) else ()
    assert not len(far), (
        f"{what}, at {place}: expected {expected[place]:.5f}, got {got[place]:.5f}: {why}"
    )


def _refused(what: str, told_of: str, act: Callable[[], Any]) -> None:
    told = None
    try:
        act()
    except ValueError as error:
        told = str(error)
    assert told is not None, f"{what}: expected a ValueError, nothing came"
    assert told_of in told, f"{what}: expected an error that names {told_of}, got: {told}"


def embeds() -> None:
    """Embedding: rows by index, gradients that add up, and tokens that do not exist."""
    student = _student()
    rng = np.random.default_rng(1511)
    student.manual_seed(15)
    for count, dim, shape in ((7, 3, (5,)), (4, 2, (3, 6)), (90, 8, (16, 20)), (5, 1, (1, 2, 2))):
        layer = student.Embedding(count, dim)
        table = layer.weight.data.copy()
        assert table.shape == (count, dim), f"weight: expected {(count, dim)}, got {table.shape}"
        tokens = rng.integers(0, count, size=shape)
        tokens.reshape(-1)[-1] = count - 1
        g = rng.normal(size=(*shape, dim)).astype(np.float32)
        found, slopes = np.zeros((*shape, dim)), np.zeros((count, dim))
        for place in np.ndindex(shape):
            found[place] = table[int(tokens[place])]
            slopes[int(tokens[place])] += g[place]
        got = layer(student.Tensor(tokens))
        _equal(f"Embedding({count}, {dim}) of {shape}", got.data, found, "row by row of weight")
        got.backward(g)
        assert layer.weight.grad is not None, "weight got no gradient: it would never learn"
        why = "a row gets the sum over all places where its token stands"
        _equal(f"Embedding({count}, {dim}), gradient of weight", layer.weight.grad, slopes, why)
        for wrong in (-1, count):
            tokens.reshape(-1)[0] = wrong
            _refused(f"token {wrong} of {count}", str(wrong), partial(layer, tokens))
    student.manual_seed(16)
    weights = [student.Embedding(400, 40).weight.data for _ in range(2)]
    student.manual_seed(16)
    again = student.Embedding(400, 40).weight.data
    assert np.array_equal(weights[0], again), "the same seed must give the same table"
    assert not np.array_equal(weights[0], weights[1]), "two tables must not be the same"
    assert abs(weights[0].std() - 1) < 0.05, (
        f"expected numbers spread by 1, as PyTorch's, got {weights[0].std():.3f}"
    )


def places() -> None:
    """PositionalEncoding: each place its row, in every text; gradients by nudging."""
    student = _student()
    rng = np.random.default_rng(1512)
    for longest, dim, shape in ((5, 3, (2, 4, 3)), (4, 2, (3, 4, 2)), (6, 1, (1, 1, 1))):
        layer = student.PositionalEncoding(longest, dim)
        x = rng.normal(size=shape).astype(np.float32)
        expected = np.stack([text + layer.weight.data[: shape[1]] for text in x])
        what = f"PositionalEncoding({longest}, {dim}) of {shape}"
        _equal(what, layer(student.Tensor(x)).data, expected, "row i is added to word i")
        layer.weight.data = layer.weight.data.astype(np.float64)
        leaf = student.Tensor(x.astype(np.float64), requires_grad=True)
        g = rng.normal(size=shape)
        layer(leaf).backward(g)
        for name, tensor in (("x", leaf), ("weight", layer.weight)):
            assert tensor.grad is not None, f"{what}: {name} got no gradient"
            for place in np.ndindex(tensor.shape):
                ends, kept = [], tensor.data[place]
                for step in (0.5, -0.5):
                    tensor.data[place] = kept + step
                    ends.append(float((layer(student.Tensor(leaf.data)).data * g).sum()))
                tensor.data[place] = kept
                got = float(tensor.grad[place])
                assert abs(got - (ends[0] - ends[1])) < 1e-6, (
                    f"{what}: gradient of {name} at {place}: expected {ends[0] - ends[1]:.6g} "
                    f"(by nudging it), got {got:.6g}"
                )
        longer: Array = np.zeros((1, longest + 1, dim), dtype=np.float32)
        _refused(
            f"{longest + 1} words for {longest} places",
            str(longer.shape),
            partial(layer, longer),
        )


def waves() -> None:
    """sinusoidal_positions, number by number."""
    student = _student()
    for length, dim in ((1, 2), (9, 6), (200, 16), (5, 3)):
        expected = np.zeros((length, dim))
        for place in range(length):
            for column in range(dim):
                angle = place / 10000 ** (2 * (column // 2) / dim)
                expected[place, column] = math.cos(angle) if column % 2 else math.sin(angle)
        got = np.asarray(student.sinusoidal_positions(length, dim))
        _equal(f"sinusoidal_positions({length}, {dim})", got, expected, "sine, cosine in turn")


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-15.embedding": ("Looks tokens up, and learns them", embeds),
    "checkpoint-15.places": ("Gives every word its place", places),
    "checkpoint-15.waves": ("Knows places as waves", waves),
}
