"""Module 17 for any shape: kernels equal those of 09, 12 and 13, and fused nodes their parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import Tensor, accelerated, col2im, im2col, manual_seed, tiled_matmul
from tinytorch.core import attention, spatial, transformers
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.autograd import gradcheck
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.spatial import BatchNorm2d, MaxPool2d
from tinytorch.perf import acceleration as fast

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)


@pytest.fixture(autouse=True, scope="module")
def shared_out() -> Iterator[None]:
    """Even tiny work goes to several threads, in tiny blocks."""
    kept = fast.SMALL, fast.CACHE, fast.workers
    fast.SMALL, fast.CACHE, fast.workers = 0, 300, 3
    yield
    fast.SMALL, fast.CACHE, fast.workers = kept


def _close(got: Any, expected: Any) -> None:
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert np.allclose(got, expected, rtol=1e-9, atol=1e-9)


@given(seeds, *[sizes] * 7, st.tuples(st.integers(1, 3), st.integers(1, 3)), st.booleans())
@settings(deadline=None, max_examples=60)
def test_convolutions(
    seed: int,
    n: int,
    c: int,
    o: int,
    kh: int,
    kw: int,
    more: int,
    room: int,
    stride: tuple[int, int],
    biased: bool,
) -> None:
    rng = np.random.default_rng(seed)
    padding = (more % kh, room % kw)
    x = rng.normal(size=(n, c, kh + more, kw + room))
    weight = rng.normal(size=(o, c, kh, kw))
    bias = rng.normal(size=o) if biased else None
    y = spatial.conv2d(x, weight, bias, stride, padding)
    _close(fast.convolve(x, weight, bias, stride, padding), y)
    g = rng.normal(size=y.shape)
    dx, dw = spatial.conv2d_backward(g, x, weight, stride, padding)
    got = fast.convolve_backward(g, x, weight, stride, padding)
    _close(got[0], dx)
    _close(got[1], dw)
    _close(fast.convolve_weight(g, x, (kh, kw), stride, padding), dw)
    columns = im2col(x, (kh, kw), stride, padding)
    m = rng.normal(size=columns.shape)
    back = col2im(m, x.shape, (kh, kw), stride, padding)
    assert np.isclose((columns * m).sum(), (x * back).sum())


@given(seeds, *[st.integers(1, 20)] * 4)
@settings(deadline=None, max_examples=40)
def test_products(seed: int, n: int, k: int, m: int, tile: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, k)), rng.normal(size=(k, m))
    _close(fast.vectorized_matmul(a, b), a @ b)
    _close(tiled_matmul(a, b, tile), a @ b)


@given(seeds, sizes, sizes, sizes, st.sampled_from([None, "causal", "random"]))
@settings(deadline=None, max_examples=40)
def test_attention(seed: int, b: int, t: int, d: int, kind: str | None) -> None:
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(3, b, 2, t, d))
    masks = {None: None, "causal": np.tril(np.ones((t, t), bool))}
    mask = masks.get(kind, rng.random((b, 1, t, t)) < 0.7)
    y, weights = attention.attend(q, k, v, mask)
    got = fast.attend_parts(q, k, v, mask)
    _close(got[0], y)
    _close(got[1], weights)
    g = rng.normal(size=y.shape)
    for mine, theirs in zip(
        fast.attend_backward_parts(g, q, k, v, weights),
        attention.attend_backward(g, q, k, v, weights),
        strict=True,
    ):
        _close(mine, theirs)


@given(seeds, st.integers(1, 30), st.integers(2, 20))
@settings(deadline=None, max_examples=40)
def test_layer_norm(seed: int, n: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=(2, n, dim))
    weight, bias = rng.normal(size=(2, dim))
    expected = transformers.normalize(x, weight, bias)
    got = fast.layer_norm(x, weight, bias)
    for mine, theirs in zip(got, expected, strict=True):
        _close(mine, theirs)
    back = fast.layer_norm_backward(g, got[1], got[2], weight)
    for mine, theirs in zip(
        back, transformers.normalize_backward(g, expected[1], expected[2], weight), strict=True
    ):
        _close(mine, theirs)


@given(seeds, sizes, sizes, st.booleans())
@settings(deadline=None, max_examples=25)
def test_fused_nodes_and_their_gradients(seed: int, n: int, wide: int, curve: bool) -> None:
    rng = np.random.default_rng(seed)
    x, weight, bias = rng.normal(size=(n, 3)), rng.normal(size=(wide, 3)), rng.normal(size=wide)
    assert gradcheck(lambda *t: fast.Affine.apply(*t, curve=curve), [x, weight, bias])
    assert gradcheck(fast.FusedGELU.apply, [x])
    targets = rng.integers(0, wide, n)
    loss = CrossEntropyLoss(0.1 if curve else 0.0)
    logits = rng.normal(size=(n, wide))
    with accelerated():
        assert gradcheck(lambda t: loss(t, Tensor(targets)), [logits])
        value = loss(Tensor(logits), Tensor(targets)).item()
    assert value == pytest.approx(loss(Tensor(logits), Tensor(targets)).item(), rel=1e-9)


@given(seeds, st.integers(2, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1))
@settings(deadline=None, max_examples=25)
def test_pools_and_norms(seed: int, n: int, c: int, stride: int, padding: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, c, 5, 6)).astype(np.float32)
    manual_seed(seed)
    norm = BatchNorm2d(c)
    norm.weight.data[...] = np.linspace(0.5, 2, c)
    model = Sequential(ReLU(), MaxPool2d(2, stride, padding), norm, ReLU())
    found = []
    for on in (False, True):
        norm.running_mean.data[...] = 0
        with accelerated(on):
            images = Tensor(x, requires_grad=True)
            result = model(images)
            result.backward(np.cos(np.arange(result.size, dtype=np.float32)).reshape(result.shape))
            found.append(
                [result.data, images.grad, norm.weight.grad, norm.running_mean.data.copy()]
            )
        norm.weight.grad = norm.bias.grad = None
    for slow, quick in zip(*found, strict=True):
        assert slow.dtype == quick.dtype == np.float32
        assert np.allclose(slow, quick, rtol=1e-4, atol=1e-5)


def test_equal_numbers_in_a_window_give_the_gradient_to_the_first() -> None:
    x = np.array([[[[1, 1], [1, 1]]]], dtype=np.float32)
    for on in (False, True):
        with accelerated(on):
            images = Tensor(x, requires_grad=True)
            MaxPool2d(2)(images).sum().backward()
            assert images.grad.tolist() == [[[[1, 0], [0, 0]]]]


def test_a_layer_with_a_forward_of_its_own_is_left_alone() -> None:
    norm, relu = BatchNorm2d(2), ReLU()
    assert len(fast.plan([norm, relu])) == 1
    norm.forward = lambda x: x + 1  # type: ignore[method-assign]
    assert fast.plan([norm, relu]) == [norm, relu]
    assert fast.plan([Linear(2, 2), ReLU(), GELU()])[1:]
    assert fast.plan([]) == []


def test_shared_buffers_belong_to_one_thread() -> None:
    meeting = threading.Barrier(3)

    def buffer(part: slice) -> int:
        meeting.wait(timeout=30)  # so that no thread does two parts
        return id(fast.scratch((4,), np.float32).base)

    assert len(set(fast.in_parts(buffer, 3))) == 3
