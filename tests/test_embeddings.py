"""`core/embeddings.py` on random shapes: one row at a time, differences, the math module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch
from tinytorch.core import embeddings
from tinytorch.core.autograd import gradcheck
from tinytorch.core.embeddings import (
    AddRows,
    Lookup,
    as_indices,
    lookup_backward,
    normal_parameter,
    one_hot,
    similarity,
)

Tensor, Embedding = tinytorch.Tensor, tinytorch.Embedding
PositionalEncoding = tinytorch.PositionalEncoding
seeds = st.integers(0, 10_000)
shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)


@settings(max_examples=100, deadline=None)
@given(shape=shapes, count=st.integers(1, 9), dim=st.integers(1, 4), seed=seeds)
def test_lookup_is_a_product_with_one_hot_rows(shape: Any, count: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    indices = np.array(rng.integers(0, count, size=shape))
    table = rng.normal(size=(count, dim)).astype(np.float32)
    hot = one_hot(indices, count)
    assert hot.dtype == np.float32
    leaf = Tensor(table, requires_grad=True)
    found = Lookup.apply(leaf, indices=indices)
    assert found.dtype == np.float32
    assert found.shape == (*shape, dim)
    np.testing.assert_allclose(hot @ table, found.data, rtol=1e-6)
    g = rng.normal(size=found.shape).astype(np.float32)
    kept = g.copy()
    found.backward(g)
    expected = np.zeros((count, dim))
    for place in np.ndindex(tuple(shape)):
        expected[indices[place]] += g[place]
    assert leaf.grad.dtype == np.float32
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(g, kept)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4),
    more=st.integers(0, 3),
    dim=st.integers(1, 3),
    texts=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    seed=seeds,
)
def test_gradients_are_exact(rows: int, more: int, dim: int, texts: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows + more, dim))
    assert gradcheck(AddRows.apply, [rng.normal(size=(*texts, rows, dim)), table])
    indices = rng.integers(0, rows + more, size=(*texts, 2))
    assert gradcheck(lambda leaf: Lookup.apply(leaf, indices=indices), [table])


def test_a_batch_of_text_is_not_summed_in_float64_nor_loses_rows() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 100, size=(32, 64))
    g = rng.normal(size=(32, 64, 64)).astype(np.float32)
    got = lookup_backward(g, tokens, 300)
    expected = np.zeros((300, 64))
    np.add.at(expected, tokens, g)
    assert got.dtype == np.float32
    assert not got[100:].any()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    turned = np.ascontiguousarray(g.transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_array_equal(lookup_backward(turned, tokens, 300), got)


@pytest.mark.parametrize(
    ("indices", "told"),
    [
        ([0, -1], "index -1 is outside of a table with 4 rows, 0 to 3"),
        ([[4]], "index 4"),
        ([0.5], "whole numbers"),
        ([float("nan")], "whole numbers"),
        ([True], "whole numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_indices_that_are_none_are_refused(indices: Any, told: str) -> None:
    for tokens in (np.array(indices), Tensor(np.array(indices))):
        with pytest.raises(ValueError, match=told):
            Embedding(4, 2)(tokens)


def test_indices_may_come_in_any_form() -> None:
    layer = Embedding(4, 2)
    for tokens in (
        [1, 3],
        np.array([1, 3], dtype=np.uint8),
        np.array([1.0, 3.0]),
        Tensor([1, 3]),
        Tensor(np.array([1, 3])),
    ):
        np.testing.assert_array_equal(as_indices(tokens, 4), [1, 3])
        if not isinstance(tokens, list):
            np.testing.assert_array_equal(layer(tokens).data, layer.weight.data[[1, 3]])


def test_tables_start_normal_by_the_seed_of_the_layers() -> None:
    tinytorch.manual_seed(5)
    first, second = Embedding(300, 50).weight, PositionalEncoding(300, 50).weight
    tinytorch.manual_seed(5)
    again = Embedding(300, 50).weight
    np.testing.assert_array_equal(first.data, again.data)
    assert np.abs(first.data - second.data).max() > 1
    for table in (first, second):
        assert table.dtype == np.float32
        assert table.requires_grad
        assert abs(table.data.mean()) < 0.05
        assert abs(table.data.std() - 1) < 0.03
        assert abs((np.abs(table.data) < 1).mean() - 0.683) < 0.02
    assert abs(normal_parameter((5000,), std=0.02).data.std() - 0.02) < 0.002


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 6), dim=st.integers(1, 5), size=st.floats(1e-3, 1e3), seed=seeds)
def test_similarity_is_a_cosine(n: int, dim: int, size: float, seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(n, dim))
    got = similarity(table * size)
    np.testing.assert_allclose(np.diag(got), 1, rtol=1e-9)
    np.testing.assert_allclose(got, similarity(table), rtol=1e-9, atol=1e-12)
    for i in range(n):
        for j in range(n):
            expected = table[i] @ table[j] / np.linalg.norm(table[i]) / np.linalg.norm(table[j])
            assert abs(got[i, j] - expected) < 1e-9


@settings(max_examples=30, deadline=None)
@given(
    length=st.integers(0, 40),
    dim=st.integers(1, 9),
    place=st.integers(0, 39),
    gap=st.integers(0, 9),
)
def test_waves(length: int, dim: int, place: int, gap: int) -> None:
    table = tinytorch.sinusoidal_positions(length, dim)
    assert table.shape == (length, dim)
    assert table.dtype == np.float32
    for p in range(length):
        for column in range(dim):
            angle = p / 10000 ** (column // 2 * 2 / dim)
            wave = math.cos(angle) if column % 2 else math.sin(angle)
            assert abs(table[p, column] - wave) < 1e-5
    even = tinytorch.sinusoidal_positions(60, 2 * dim)
    assert abs(even[place] @ even[place + gap] - even[0] @ even[gap]) < 1e-3  # distance only


def test_positions_that_do_not_fit_are_refused_by_name() -> None:
    layer = PositionalEncoding(4, 2)
    for shape in ((1, 5, 2), (1, 4, 3), (2,)):
        with pytest.raises(ValueError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
            layer(Tensor(np.zeros(shape, dtype=np.float32)))
    x = Tensor(np.zeros((2, 4, 2), dtype=np.float32))
    np.testing.assert_array_equal(layer(x).data, np.stack([layer.weight.data] * 2))
    np.testing.assert_array_equal(layer(Tensor(x.data[0, :3])).data, layer.weight.data[:3])


def test_they_are_layers() -> None:
    model = tinytorch.Sequential(Embedding(7, 4), PositionalEncoding(5, 4), tinytorch.Linear(4, 7))
    assert [name for name, _ in model.named_parameters()] == [
        "0.weight",
        "1.weight",
        "2.weight",
        "2.bias",
    ]
    out = model(np.array([[1, 1, 2], [0, 6, 1]]))
    assert out.shape == (2, 3, 7)
    out.sum().backward()
    for parameter in model.parameters():
        assert parameter.grad.shape == parameter.shape
        assert parameter.grad.dtype == np.float32
    other = tinytorch.Sequential(Embedding(7, 4), PositionalEncoding(5, 4), tinytorch.Linear(4, 7))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other(np.array([[3, 3]])).data, model(np.array([[3, 3]])).data)
    assert repr(embeddings.Embedding(7, 4)) == "Embedding(7, 4)"
