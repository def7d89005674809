"""`core/spatial.py` on random shapes: the seven loops, central differences, windows one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch
from tinytorch.core import spatial
from tinytorch.core.spatial import Convolution, MaxPooling, Normalization, output_size

Tensor = tinytorch.Tensor
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def geometries(draw: st.DrawFn, *, most_padding: Callable[[int], int] = lambda k: 3) -> Any:
    """A kernel, stride, padding and a size that has room for the kernel."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(pairs)
    padding = tuple(draw(st.integers(0, most_padding(k))) for k in kernel)
    size = tuple(
        max(1, k - 2 * p) + draw(st.integers(0, 4)) for k, p in zip(kernel, padding, strict=True)
    )
    return kernel, stride, padding, size


def in_some_order(x: np.ndarray, order: int) -> np.ndarray:
    """The same numbers: plain, images last, channels last, reversed by column, with gaps."""
    if order == 1:
        return np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    if order == 2:
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if order == 3:
        return np.asfortranarray(x)
    if order == 4:
        return np.ascontiguousarray(x[:, :, ::-1])[:, :, ::-1]
    if order == 5:
        return np.repeat(np.repeat(x, 2, axis=3), 2, axis=1)[:, ::2, :, ::2]
    return x


def loops(x: Any, weight: Any, bias: Any, stride: Any, padding: Any) -> np.ndarray:
    """The definition, written here once more, number by number."""
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    oh = (h + 2 * padding[0] - kh) // stride[0] + 1
    ow = (w + 2 * padding[1] - kw) // stride[1] + 1
    y = np.zeros((n, o, oh, ow))
    for i, k, r, s in np.ndindex(n, o, oh, ow):
        y[i, k, r, s] = bias[k]
        for a, u, v in np.ndindex(c, kh, kw):
            row, column = r * stride[0] + u - padding[0], s * stride[1] + v - padding[1]
            if 0 <= row < h and 0 <= column < w:
                y[i, k, r, s] += x[i, a, row, column] * weight[k, a, u, v]
    return y


@settings(max_examples=60, deadline=None)
@given(
    geometry=geometries(),
    counts=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    order=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
def test_convolution_is_the_loops(geometry: Any, counts: Any, order: int, seed: int) -> None:
    (kernel, stride, padding, size), (n, c, o) = geometry, counts
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, c, *size)).astype(np.float32)
    weight, bias = rng.normal(size=(o, c, *kernel)).astype(np.float32), np.float32(range(o))
    expected = loops(x, weight, bias, stride, padding)
    inputs = [Tensor(in_some_order(x, order)), Tensor(weight), Tensor(bias)]
    y = Convolution.apply(*inputs, stride=stride, padding=padding)
    assert y.dtype == np.float32
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-4, atol=1e-4)
    own = spatial.conv2d_loops(x, weight, bias, stride, padding)
    np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(geometry=geometries(), order=st.integers(0, 5), seed=st.integers(0, 1000))
def test_convolution_has_the_gradients_of_the_loops(geometry: Any, order: int, seed: int) -> None:
    """y is linear in x, in weight and in bias: each gradient is exact by unit steps."""
    kernel, stride, padding, size = geometry
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s) for s in ((2, 2, *size), (2, 2, *kernel), (2,))]
    leaves = [Tensor(in_some_order(arrays[0], order), requires_grad=True)]
    leaves += [Tensor(array, requires_grad=True) for array in arrays[1:]]
    y = Convolution.apply(*leaves, stride=stride, padding=padding)
    g = rng.normal(size=y.shape)
    y.backward(in_some_order(g, (order + 2) % 6))
    for number, (leaf, array) in enumerate(zip(leaves, arrays, strict=True)):
        expected = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            ends = []
            for step in (0.5, -0.5):
                moved = [a.copy() for a in arrays]
                moved[number][place] += step
                ends.append((fast(*moved, stride, padding) * g).sum())
            expected[place] = ends[0] - ends[1]
        assert leaf.grad.dtype == np.float64
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-6, atol=1e-6)
    first = [Tensor(array, requires_grad=True) for array in arrays[1:]]
    Convolution.apply(Tensor(arrays[0]), *first, stride=stride, padding=padding).backward(g)
    for leaf, twin in zip(first, leaves[1:], strict=True):
        np.testing.assert_allclose(leaf.grad, twin.grad, rtol=1e-9, atol=1e-9)


def fast(x: Any, weight: Any, bias: Any, stride: Any, padding: Any) -> np.ndarray:
    """`loops`, summed over kernel cells."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    kh, kw = weight.shape[2:]
    oh = (padded.shape[2] - kh) // stride[0] + 1
    ow = (padded.shape[3] - kw) // stride[1] + 1
    y = np.zeros((len(x), len(weight), oh, ow)) + bias.reshape(-1, 1, 1)
    for u, v in np.ndindex(kh, kw):
        met = padded[:, :, u :: stride[0], v :: stride[1]][:, :, :oh, :ow]
        y += np.einsum("nchw,oc->nohw", met, weight[:, :, u, v])
    return y


@settings(max_examples=60, deadline=None)
@given(
    geometry=geometries(most_padding=lambda k: k // 2),
    order=st.integers(0, 5),
    levels=st.sampled_from([2, 1000]),
    seed=st.integers(0, 1000),
)
def test_pooling_is_every_window_by_itself(
    geometry: Any, order: int, levels: int, seed: int
) -> None:
    """With two levels only, nearly every window is a tie: the first in reading order wins."""
    kernel, stride, padding, size = geometry
    rng = np.random.default_rng(seed)
    x = rng.integers(-levels, 0, size=(2, 2, *size)).astype(np.float32)
    options = {"kernel": kernel, "stride": stride, "padding": padding}
    for name, edge in (("MaxPool2d", -np.inf), ("AvgPool2d", 0.0)):
        padded = np.pad(
            x.astype(np.float64),
            ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2),
            constant_values=edge,
        )
        leaf = Tensor(in_some_order(x, order), requires_grad=True)
        layer = getattr(tinytorch, name)(kernel, stride, padding)
        y = layer(leaf)
        g = rng.normal(size=y.shape).astype(np.float32)
        y.backward(in_some_order(g, (order + 1) % 6))
        dx = np.zeros_like(padded)
        for i, a, r, s in np.ndindex(y.shape):
            top, left = r * stride[0], s * stride[1]
            window = padded[i, a, top : top + kernel[0], left : left + kernel[1]]
            spot = dx[i, a, top : top + kernel[0], left : left + kernel[1]]
            if name == "MaxPool2d":
                assert y.data[i, a, r, s] == window.max()
                spot[np.unravel_index(window.argmax(), window.shape)] += g[i, a, r, s]
            else:
                assert np.isclose(y.data[i, a, r, s], window.mean(), rtol=1e-5)
                spot += g[i, a, r, s] / window.size
        inner = dx[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
        assert leaf.grad.dtype == y.dtype == np.float32
        np.testing.assert_allclose(leaf.grad, inner, rtol=1e-4, atol=1e-5, err_msg=str(options))


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(2, 4)),
    order=st.integers(0, 5),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 1000),
)
def test_normalization_is_its_formulas(shape: Any, order: int, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=shape) * 2 + offset).astype(np.float32)
    layer = tinytorch.BatchNorm2d(shape[1], eps=1e-2, momentum=0.3)
    layer.weight.data[:] = rng.uniform(0.5, 2, size=shape[1])
    y = layer(Tensor(in_some_order(x, order)))
    exact = x.astype(np.float64)
    mean, var = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3))
    z = (exact - mean.reshape(-1, 1, 1)) / np.sqrt(var + 1e-2).reshape(-1, 1, 1)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, z * layer.weight.data.reshape(-1, 1, 1), atol=2e-3)
    count = x.size // shape[1]
    np.testing.assert_allclose(layer.running_mean.data, 0.3 * mean, rtol=1e-4, atol=1e-5)
    kept = 0.7 + 0.3 * var * count / (count - 1)
    np.testing.assert_allclose(layer.running_var.data, kept, rtol=1e-3)
    inputs = [rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[1])]
    tinytorch.gradcheck(lambda x, w, b: Normalization.apply(x, w, b, eps=1e-2), inputs, atol=1e-5)


def test_the_layer_uses_what_it_was_given() -> None:
    x = np.random.default_rng(0).normal(size=(2, 2, 7, 6)).astype(np.float32)
    for stride, padding in ((1, 0), (2, 1), ((1, 3), (2, 0))):
        layer = tinytorch.Conv2d(2, 3, (3, 2), stride=stride, padding=padding)
        both = [(v, v) if isinstance(v, int) else v for v in (stride, padding)]
        expected = fast(x, layer.weight.data, layer.bias.data, *both)
        np.testing.assert_allclose(layer(Tensor(x)).data, expected, atol=1e-5)
        bare = tinytorch.Conv2d(2, 3, (3, 2), stride=stride, padding=padding, bias=False)
        expected = fast(x, bare.weight.data, np.zeros(3), *both)
        np.testing.assert_allclose(bare(Tensor(x)).data, expected, atol=1e-5)
        assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
        for name, parameter in (*layer.named_parameters(), *bare.named_parameters()):
            assert np.abs(parameter.data).max() <= 1 / np.sqrt(2 * 3 * 2), name


def test_one_image_and_many_give_the_same() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 3, 17, 17)).astype(np.float32)
    model = tinytorch.Sequential(
        tinytorch.Conv2d(3, 5, 3, padding=1),
        tinytorch.MaxPool2d(2),
        tinytorch.BatchNorm2d(5),
        tinytorch.ReLU(),
        tinytorch.Conv2d(5, 4, 8),  # as large as its input
        tinytorch.Flatten(),
    )
    model(Tensor(x))
    model.eval()
    together = model(Tensor(x)).data
    assert together.shape == (70, 4)
    for i in (0, 33, 69):
        np.testing.assert_allclose(model(Tensor(x[i : i + 1])).data[0], together[i], atol=1e-4)


def test_results_keep_images_last_from_layer_to_layer() -> None:
    """Nothing is copied into another order between two layers."""
    x = Tensor(np.ones((6, 2, 8, 8), dtype=np.float32), requires_grad=True)
    norm = tinytorch.BatchNorm2d(3)
    for layer in (tinytorch.Conv2d(2, 3, 3), norm, tinytorch.ReLU(), tinytorch.MaxPool2d(2)):
        x = layer(x)
        assert x.data.transpose(1, 2, 3, 0).flags.c_contiguous, layer
        inner = spatial.images_last(x.data)
        assert np.shares_memory(inner, x.data), layer
    norm.eval()
    assert norm(x).data.transpose(1, 2, 3, 0).flags.c_contiguous


def test_the_kernels_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension point of module 17: looked up at every call."""
    calls = []

    def counted(name: str) -> Callable[..., Any]:
        before = spatial.kernels[name]

        def kernel(*arrays: Any) -> Any:
            calls.append(name)
            return before(*arrays)

        return kernel

    for name in list(spatial.kernels):
        monkeypatch.setitem(spatial.kernels, name, counted(name))
    layer = tinytorch.Conv2d(1, 1, 2)
    pixels = Tensor(np.ones((1, 1, 3, 3), dtype=np.float32))
    layer(pixels).sum().backward()
    assert calls == ["conv2d", "conv2d_weight"]  # nobody asked for the pixels' gradient
    layer(Tensor(pixels.data, requires_grad=True)).sum().backward()
    assert calls[2:] == ["conv2d", "conv2d_backward"]


@pytest.mark.parametrize("buffer", [1, 1000, 1 << 30])
def test_any_size_of_buffer_gives_the_same(buffer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spatial, "BUFFER", buffer)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=s) for s in ((3, 2, 7, 6), (2, 2, 3, 3), (2,))]
    y = Convolution.apply(*map(Tensor, inputs), stride=(1, 2), padding=(1, 1))
    np.testing.assert_allclose(y.data, fast(*inputs, (1, 2), (1, 1)))
    tinytorch.gradcheck(lambda *t: Convolution.apply(*t, stride=(1, 2), padding=(1, 1)), inputs)


def images(*shape: int) -> Any:
    return Tensor(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: tinytorch.Conv2d(3, 4, 3)(images(2, 4, 8, 8)), r"3 channels.*\(2, 4, 8, 8\)"),
        (lambda: tinytorch.Conv2d(3, 4, 3)(images(3, 8, 8)), r"\(3, 8, 8\)"),
        (lambda: tinytorch.Conv2d(3, 4, 5)(images(2, 3, 4, 9)), r"\(2, 3, 4, 9\).*kernel of 5"),
        (lambda: tinytorch.MaxPool2d(4)(images(2, 3, 3, 9)), r"\(2, 3, 3, 9\).*kernel of 4"),
        (lambda: tinytorch.AvgPool2d(4)(images(3, 3, 9)), r"\(3, 3, 9\)"),
        (lambda: tinytorch.BatchNorm2d(4)(images(2, 3, 3, 9)), r"4 channels.*\(2, 3, 3, 9\)"),
        (lambda: tinytorch.BatchNorm2d(4)(images(1, 4, 1, 1)), r"\(1, 4, 1, 1\).*no variance"),
        (lambda: tinytorch.Conv2d(3, 4, 0), r"kernel_size.*>= 1.*0"),
        (lambda: tinytorch.Conv2d(3, 4, 3, stride=(1, 0)), r"stride.*\(1, 0\)"),
        (lambda: tinytorch.Conv2d(3, 4, 3, padding=-1), r"padding.*>= 0.*-1"),
        (lambda: tinytorch.Conv2d(3, 4, (3, 3, 3)), r"kernel_size"),
        (lambda: tinytorch.Conv2d(3, 4, 2.5), r"kernel_size.*2.5"),
        (lambda: tinytorch.MaxPool2d(2, padding=2), r"padding of 2"),
        (lambda: output_size(2, 3), r"kernel of 3.*2 pixels"),
        (lambda: spatial.view(np.zeros(4), (4, 2), (8, 8)), r"\(4, 2\).*memory"),
        (lambda: spatial.view(np.zeros(4), (2, 2), (-8, 8)), r"\(2, 2\).*memory"),
    ],
)
def test_errors_say_what_came(act: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        act()


def test_state_goes_through_a_file(tmp_path: Any) -> None:
    def model() -> Any:
        return tinytorch.Sequential(tinytorch.Conv2d(2, 3, 3), tinytorch.BatchNorm2d(3))

    first, second = model(), model()
    x = Tensor(np.random.default_rng(0).normal(size=(4, 2, 6, 6)).astype(np.float32))
    first(x)
    np.savez(tmp_path / "model.npz", **first.state_dict())
    with np.load(tmp_path / "model.npz") as file:
        second.load_state_dict(file)
    first.eval()
    second.eval()
    assert np.array_equal(first(x).data, second(x).data)
    assert sorted(first.state_dict()) == sorted(
        ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"]
    )


def test_max_pooling_lets_nan_through() -> None:
    x = Tensor(np.array([[[[np.nan, 1.0], [2.0, 3.0]]]], dtype=np.float32))
    assert np.isnan(MaxPooling.apply(x, kernel=(2, 2), stride=(2, 2), padding=(0, 0)).item())
