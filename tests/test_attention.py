"""`core/attention.py` on random shapes: float64, central differences, causality, no copies."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch
from tinytorch.core import attention
from tinytorch.core.attention import (
    attend,
    attention_loops,
    causal_mask,
    scaled_dot_product_attention,
    softmax_rows,
    split_heads,
)
from tinytorch.core.autograd import gradcheck, no_grad

Tensor, MultiHeadAttention = tinytorch.Tensor, tinytorch.MultiHeadAttention
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 5)


@st.composite
def questions(draw: st.DrawFn) -> Any:
    """q, k, v in float64 and some order of memory, and a mask or None."""
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    t, s, d, e = (draw(sizes) for _ in range(4))
    rng = np.random.default_rng(draw(seeds))
    arrays = [rng.normal(size=(*batch, *shape)) for shape in ((t, d), (s, d), (s, e))]
    if draw(st.booleans()):
        arrays = [np.asfortranarray(array) for array in arrays]
    kind = draw(st.sampled_from(["none", "rows", "texts", "columns"]))
    shapes = {"rows": (t, s), "texts": (*batch, t, s), "columns": (s,)}
    mask = None if kind == "none" else rng.random(shapes[kind]) < 0.6
    return arrays, mask


def exact(q: Any, k: Any, v: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """(output, weights) in float64, by whole arrays; zeros where a row may look nowhere."""
    scores = np.einsum("...id,...jd->...ij", q, k).astype(np.float64) / np.sqrt(q.shape[-1])
    seen = np.broadcast_to(True if mask is None else mask, scores.shape)
    top = np.where(seen, scores, -np.inf).max(axis=-1, keepdims=True)
    grown = np.where(seen, np.exp(np.where(seen, scores - np.where(seen, top, 0), 0)), 0)
    total = grown.sum(axis=-1, keepdims=True)
    weights = np.divide(grown, total, out=np.zeros_like(grown), where=total > 0)
    return weights @ v, weights


@settings(max_examples=80, deadline=None)
@given(question=questions())
def test_it_is_the_definition(question: Any) -> None:
    arrays, mask = question
    single = [array.astype(np.float32) for array in arrays]
    output, weights = exact(*single, mask)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = scaled_dot_product_attention(*map(Tensor, single), mask=mask)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got.data, output, rtol=1e-4, atol=1e-5)
        found, shares = attend(*single, mask)
        assert found.dtype == shares.dtype == np.float32
        np.testing.assert_allclose(shares, weights, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found, output, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(question=questions())
def test_its_gradients_are_exact(question: Any) -> None:
    arrays, mask = question
    assert gradcheck(lambda *qkv: scaled_dot_product_attention(*qkv, mask=mask), arrays)


@settings(max_examples=40, deadline=None)
@given(t=sizes, s=sizes, d=sizes, e=sizes, seed=seeds)
def test_the_loops_are_the_definition(t: int, s: int, d: int, e: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=shape) for shape in ((t, d), (s, d), (s, e)))
    mask = rng.random((t, s)) < 0.5
    mask[np.arange(t), rng.integers(0, s, t)] = True
    for seen in (None, mask):
        for got, expected in zip(attention_loops(q, k, v, seen), exact(q, k, v, seen), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 40),
    size=st.sampled_from([0.0, 1.0, 1e3, 1e30]),
    double=st.booleans(),
    seed=seeds,
)
def test_softmax_survives_anything(
    rows: int, columns: int, size: float, double: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float64 if double else np.float32
    scores = (size * rng.normal(size=(2, rows, columns))).astype(dtype)
    mask = rng.random((rows, columns)) < rng.random()
    scores[:, ~mask] = rng.choice([np.nan, np.inf, -np.inf, 7.0], size=(~mask).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = softmax_rows(scores, mask)
    assert got is scores
    assert got.dtype == dtype
    assert (got >= 0).all()
    assert not got[:, ~mask].any()
    np.testing.assert_allclose(got.sum(axis=-1), np.tile(mask.any(axis=1), (2, 1)), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(b=sizes, t=sizes, heads=st.integers(1, 4), d=st.integers(1, 4), seed=seeds)
def test_heads_are_views_that_come_back(b: int, t: int, heads: int, d: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(b, t, 3 * heads * d))
    q, k, v = split_heads(x, 3, heads)
    for part, array in enumerate((q, k, v)):
        assert np.shares_memory(array, x)
        columns = x[:, :, part * heads * d : (part + 1) * heads * d]
        back = np.concatenate([array[:, h] for h in range(heads)], axis=-1)
        np.testing.assert_array_equal(back, columns)


@settings(max_examples=30, deadline=None)
@given(b=sizes, t=st.integers(2, 6), heads=st.integers(1, 3), seed=seeds)
def test_the_future_changes_nothing(b: int, t: int, heads: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tinytorch.manual_seed(seed)
    layer = MultiHeadAttention(4 * heads, heads)
    x = rng.normal(size=(b, t, 4 * heads)).astype(np.float32)
    now = int(rng.integers(0, t - 1))
    other = x.copy()
    other[:, now + 1 :] = 100 * rng.normal(size=other[:, now + 1 :].shape)
    first, second = (layer(Tensor(a), mask=causal_mask(t)).data for a in (x, other))
    np.testing.assert_array_equal(first[:, : now + 1], second[:, : now + 1])
    short = layer(Tensor(x[:, : now + 1]), mask=causal_mask(now + 1)).data
    np.testing.assert_allclose(first[:, : now + 1], short, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(t=st.integers(1, 6), heads=st.integers(1, 3), seed=seeds)
def test_it_knows_no_order(t: int, heads: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = MultiHeadAttention(2 * heads, heads)
    x = rng.normal(size=(2, t, 2 * heads)).astype(np.float32)
    order = rng.permutation(t)
    plain, mixed = layer(Tensor(x)).data, layer(Tensor(x[:, order])).data
    np.testing.assert_allclose(mixed, plain[:, order], rtol=1e-4, atol=1e-5)


def test_the_layer_has_exact_gradients_and_is_a_layer() -> None:
    tinytorch.manual_seed(3)
    layer = MultiHeadAttention(6, 3)
    mask = causal_mask(4)
    mask[3, 1] = False

    def of(x: Any, *values: Any) -> Any:
        layer.qkv.weight, layer.qkv.bias, layer.out.weight, layer.out.bias = values
        return layer(x, mask=mask)

    named = dict(layer.named_parameters())
    assert list(named) == ["qkv.weight", "qkv.bias", "out.weight", "out.bias"]
    x = np.random.default_rng(1).normal(size=(2, 4, 6))
    assert gradcheck(of, [x, *named.values()])
    assert len(MultiHeadAttention(6, 3, bias=False).parameters()) == 2
    assert layer.attention.shape == (2, 3, 4, 4)


def test_what_does_not_fit_is_refused_by_name() -> None:
    x, y = np.ones((2, 3, 4), dtype=np.float32), np.ones((2, 3, 5), dtype=np.float32)
    for inputs, told in (
        ((x, y, x), r"\(2, 3, 5\).*equally many features"),
        ((x, x, np.ones((2, 4, 4))), r"one value for each key"),
        ((x, x[0], x[0]), r"\(3, 4\).*same axes"),
        ((x[0, 0], x[0, 0], x[0, 0]), r"\(4,\).*same axes"),
    ):
        with pytest.raises(ValueError, match=told):
            scaled_dot_product_attention(*inputs)
    for mask, told in (
        (np.ones((3, 3)), "must be bool.*float64"),
        (causal_mask(4), r"\(4, 4\) does not fit scores of shape \(2, 3, 3\)"),
        (np.ones((1, 2, 3, 3), dtype=bool), r"\(1, 2, 3, 3\) does not fit"),
    ):
        with pytest.raises(ValueError, match=told):
            scaled_dot_product_attention(x, x, x, mask=mask)
        if np.ndim(mask) == 2:
            with pytest.raises(ValueError, match=told.split(r"\(2")[0]):
                MultiHeadAttention(4, 2)(x, mask=mask)
    with pytest.raises(ValueError, match=r"10 features.*4 heads"):
        MultiHeadAttention(10, 4)
    for wrong in (x[0], y):
        with pytest.raises(ValueError, match="needs"):
            MultiHeadAttention(4, 2)(Tensor(wrong))


def test_nothing_is_copied() -> None:
    """Memory of all heads at once: the weights, the output, and little besides."""
    rng = np.random.default_rng(0)
    b, t, heads, d = 4, 64, 4, 16
    qkv = Tensor(rng.normal(size=(b, t, 3 * heads * d)).astype(np.float32), requires_grad=True)
    weights, output, rows = b * heads * t * t * 4, b * t * heads * d * 4, b * heads * t * 4
    mask = causal_mask(t)
    slope = np.ones((b, t, heads * d), dtype=np.float32)
    attention.SelfAttention.apply(qkv, heads=heads, mask=mask).backward(slope)
    tracemalloc.start()
    try:
        result = attention.SelfAttention.apply(qkv, heads=heads, mask=mask)
        _, peak = tracemalloc.get_traced_memory()
        assert peak < weights + output + 3 * rows + 30_000
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        qkv.grad = None
        result.backward(slope)
        _, peak = tracemalloc.get_traced_memory()
        # the slopes of the weights, those of qkv, and a copy each of two gradients
        assert peak - before < weights + 3 * output + 2 * output + 3 * rows + 30_000
    finally:
        tracemalloc.stop()


def test_float32_stays_and_nothing_given_is_changed() -> None:
    rng = np.random.default_rng(2)
    layer = MultiHeadAttention(8, 2)
    x = Tensor(rng.normal(size=(2, 3, 8)).astype(np.float32), requires_grad=True)
    kept, slope = x.data.copy(), rng.normal(size=(2, 3, 8)).astype(np.float32)
    given_slope = slope.copy()
    y = layer(x, mask=Tensor(causal_mask(3)))
    assert y.dtype == layer.attention.dtype == np.float32
    y.backward(slope)
    for tensor in (x, *layer.parameters()):
        assert tensor.grad.dtype == np.float32
        assert tensor.grad.shape == tensor.shape
    np.testing.assert_array_equal(x.data, kept)
    np.testing.assert_array_equal(slope, given_slope)
    with no_grad():
        np.testing.assert_array_equal(layer(x, mask=causal_mask(3)).data, y.data)


def test_kernels_are_looked_up_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Module 17 may replace them, for the function and for the layer."""
    used = []

    def counted(name: str) -> Any:
        kernel = attention.kernels[name]

        def run(*inputs: Any, **options: Any) -> Any:
            used.append(name)
            return kernel(*inputs, **options)

        return run

    for name in list(attention.kernels):
        monkeypatch.setitem(attention.kernels, name, counted(name))
    x = Tensor(np.ones((1, 2, 4), dtype=np.float32), requires_grad=True)
    scaled_dot_product_attention(x, x, x).sum().backward()
    MultiHeadAttention(4, 2)(x).sum().backward()
    assert used == ["attention", "attention_backward"] * 2
