"""Checkpoint 12, kernels: the same mathematics, arranged to run faster, and switched on and off.

Only public names are used. The oracles are written out in float64, and the layers as they are
without `accelerate`; nothing here measures time, which depends on who else uses the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _equal(what: str, got: Any, expected: Array, why: str, tolerance: float = 1e-5) -> None:
    """A result against what it should be; errors count relative to the largest number."""
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    scale = max(1e-30, float(np.abs(expected).max(initial=0)))
    far = np.argwhere(~(np.abs(got - expected) <= tolerance * scale))
    place = tuple(int(n) for n in far[0]) if len(far) else ()
    assert not len(far), (
        f"{what}, at {place}: expected {expected[place]:.6g}, got {got[place]:.6g}: {why}"
    )


def _numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def products() -> None:
    """Both products of matrices, for many shapes, against sums made one number at a time."""
    tt = _student()
    for n, k, m in ((1, 1, 1), (2, 3, 4), (5, 1, 2), (6, 9, 7), (17, 12, 5)):
        a, b = _numbers(n, n, k), _numbers(m, k, m)
        expected = np.array(
            [
                [math.fsum(map(float, a[i] * b[:, j].astype(float))) for j in range(m)]
                for i in range(n)
            ]
        )
        what = f"({n}, {k}) times ({k}, {m})"
        got = tt.vectorized_matmul(a, b)
        _equal(f"vectorized_matmul, {what}", got, expected, "the sum over s of a[i, s] * b[s, j]")
        assert got.dtype == np.float32, f"vectorized_matmul: expected float32, got {got.dtype}"
        for tile in (1, 2, 4, 100):
            got = tt.tiled_matmul(a, b, tile)
            _equal(f"tiled_matmul, {what}, tiles of {tile}", got, expected, "pieces must add up")
            assert got.dtype == np.float32, f"tiled_matmul: expected float32, got {got.dtype}"


def columns() -> None:
    """`im2col` puts each pixel of each window in its place; `col2im` adds it all up again."""
    tt = _student()
    for shape, kernel, stride, padding in (
        ((2, 2, 4, 5), (2, 3), (1, 1), (0, 0)),
        ((1, 3, 5, 4), (3, 3), (2, 1), (1, 0)),
        ((3, 1, 4, 4), (1, 2), (1, 2), (0, 1)),
    ):
        n, c, h, w = shape
        (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
        oh, ow = (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1
        x = _numbers(3, *shape)
        wanted = np.zeros((c * kh * kw, oh * ow * n))
        m = _numbers(4, *wanted.shape)
        back = np.zeros(shape)
        for a, u, v, r, s, i in np.ndindex(c, kh, kw, oh, ow, n):
            row, column = r * sh + u - ph, s * sw + v - pw
            if 0 <= row < h and 0 <= column < w:
                place = (a * kh + u) * kw + v, (r * ow + s) * n + i
                wanted[place] = x[i, a, row, column]
                back[i, a, row, column] += m[place]
        what = f"images {shape}, kernel {kernel}, stride {stride}, padding {padding}"
        why = "rows are channel, kernel row, kernel column; columns are row, column, image"
        _equal(f"im2col, {what}", tt.im2col(x, kernel, stride, padding), wanted, why)
        why = "a pixel receives the sum over all windows that it stands in"
        _equal(f"col2im, {what}", tt.col2im(m, shape, kernel, stride, padding), back, why)


def _learned(model: Any, x: Any, g: Array | None = None) -> list[Array]:
    """What a layer gives, and the gradients of its input and its parameters."""
    for parameter in model.parameters():
        parameter.grad = None
    result = model(x)
    slope = np.random.default_rng(5).normal(size=result.shape).astype(np.float32)
    result.backward(slope if g is None else g)
    found = [result.data, *([] if x.grad is None else [x.grad])]
    return found + [p.grad for p in model.parameters() if p.grad is not None]


def _same(what: str, make: Callable[[Any], Any], x: Array) -> None:
    """A layer, and the same one accelerated: equal in everything."""
    tt = _student()
    tt.manual_seed(12)
    model = make(tt)
    differentiable = x.dtype.kind == "f"
    with tt.accelerated(False):
        slow = _learned(model, tt.Tensor(x, requires_grad=differentiable))
    before = x.copy()
    with tt.accelerated():
        fast = _learned(model, tt.Tensor(x, requires_grad=differentiable))
    assert np.array_equal(x, before), f"{what}: accelerated, it changed its input"
    assert len(slow) == len(fast), f"{what}: expected {len(slow)} arrays, got {len(fast)}"
    for number, (expected, got) in enumerate(zip(slow, fast, strict=True)):
        part = "output" if number == 0 else f"gradient {number}"
        assert got.dtype == expected.dtype, (
            f"{what}, {part}: expected {expected.dtype}, got {got.dtype}"
        )
        _equal(f"{what}, {part}", got, expected, "accelerating must change nothing but rounding")


def convolution() -> None:
    """Convolutions of many shapes, small and large enough for two threads, there and back."""
    for n, c, o, size, options in (
        (3, 2, 4, 6, {"padding": 1}),
        (5, 3, 2, 9, {"stride": (2, 1), "padding": (0, 1)}),
        (2, 1, 3, 5, {"bias": False}),
        (32, 16, 24, 16, {"padding": 1}),  # 28 million multiplications: shared out
        (32, 15, 24, 17, {}),  # and so is this one, whose 15 rows do not divide evenly
    ):
        what = f"Conv2d({c}, {o}, 3, {options}) on {n} images of {size} x {size}"

        def layer(tt: Any, given: tuple[Any, ...] = (c, o, 3), options: Any = options) -> Any:
            return tt.Conv2d(*given, **options)

        _same(what, layer, _numbers(6, n, c, size, size))


def images() -> None:
    """Pooling, normalization and ReLU in a network, where neighbours may become one."""

    def small(tt: Any) -> Any:
        blocks = (tt.Conv2d(3, 8, 3), tt.ReLU(), tt.MaxPool2d(2), tt.BatchNorm2d(8), tt.ReLU())
        return tt.Sequential(*blocks, tt.Flatten(), tt.Linear(8 * 9, 12), tt.GELU())

    _same("a small CNN", small, _numbers(7, 6, 3, 8, 8))
    overlapping = lambda tt: tt.Sequential(tt.ReLU(), tt.MaxPool2d(3, 2, 1))  # noqa: E731
    _same("overlapping pools after a ReLU", overlapping, _numbers(8, 3, 2, 7, 7))
    tt = _student()
    norm = tt.Sequential(tt.BatchNorm2d(4), tt.ReLU())
    x = _numbers(9, 6, 4, 5, 5)
    with tt.accelerated():
        norm(tt.Tensor(x))
        norm.eval()
        got = norm(tt.Tensor(x)).data
    mean = 0.1 * x.astype(float).mean(axis=(0, 2, 3), keepdims=True)
    spread = 0.9 + 0.1 * x.astype(float).var(axis=(0, 2, 3), ddof=1, keepdims=True)
    expected = np.maximum((x - mean) / np.sqrt(spread + 1e-5), 0)
    _equal(
        "BatchNorm2d and ReLU in eval mode, after one batch", got, expected, "running statistics"
    )


def language() -> None:
    """Linear with GELU, norms, attention and a whole GPT."""
    _same("Linear(5, 7)", lambda tt: tt.Linear(5, 7), _numbers(10, 3, 2, 5))
    _same("Linear without bias", lambda tt: tt.Linear(5, 7, bias=False), _numbers(11, 4, 5))
    _same("an MLP", lambda tt: tt.MLP(16), _numbers(12, 300, 16) * 3)
    _same("a large MLP", lambda tt: tt.MLP(64), _numbers(13, 48, 64, 64))
    _same("LayerNorm", lambda tt: tt.LayerNorm(33), 5 + 3 * _numbers(14, 7, 11, 33))
    _same("attention", lambda tt: tt.MultiHeadAttention(16, 4), _numbers(15, 3, 10, 16))
    tokens = np.random.default_rng(16).integers(0, 30, (16, 20))
    _same("a GPT", lambda tt: tt.GPT(30, 20, 32, 4, 2), tokens)


def losses() -> None:
    """Cross entropy from logits of any size, with and without smoothing, against float64."""
    tt = _student()
    logits, targets = _numbers(17, 40, 9) * 20, np.random.default_rng(18).integers(0, 9, 40)
    shifted = logits.astype(float) - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    same = tt.Linear(9, 9, bias=False)
    same.weight.data[...] = np.eye(9)
    for smoothing in (0.0, 0.1):
        wanted = np.full((40, 9), smoothing / 9)
        wanted[np.arange(40), targets] += 1 - smoothing
        with tt.accelerated():
            x = tt.Tensor(logits, requires_grad=True)
            loss = tt.CrossEntropyLoss(smoothing)(same(x), tt.Tensor(targets))
            (loss * 3).backward()
        what = f"cross entropy with smoothing {smoothing}"
        _equal(what, np.asarray(loss.data), np.asarray(-(wanted * logs).sum() / 40), "the mean")
        slope = 3 * (np.exp(logs) - wanted) / 40
        _equal(f"{what}, gradient", x.grad, slope, "(probabilities - wanted) / examples, times 3")


def switch() -> None:
    """On and off as often as one likes; inside out; an error changes nothing; nothing is left."""
    tt = _student()
    linear = import_module("tinytorch.core.layers").Linear
    kernels = import_module("tinytorch.core.spatial").kernels
    with tt.accelerated(False):
        plain = vars(linear)["forward"], dict(kernels)
        with tt.accelerated():
            assert dict(kernels) != plain[1], "accelerate() must put other kernels into module 09"
            with tt.accelerated():
                pass
            assert dict(kernels) != plain[1], "an inner `with accelerated()` must not switch it off"
        try:
            with tt.accelerated():
                raise KeyError
        except KeyError:
            pass
        tt.accelerate()
        tt.accelerate()
        tt.accelerate(False)
        images, filters = _numbers(19, 2, 1, 3, 3), _numbers(20, 1, 1, 2, 2)
        options = (1, 1), (0, 0)
        with tt.accelerated():
            fast = kernels["conv2d"](images, filters, None, *options)
        _equal("conv2d", fast, kernels["conv2d"](images, filters, None, *options), "as before")
        left = vars(linear)["forward"], dict(kernels)
        assert left == plain, "accelerate(False) must put back exactly what was there"
        try:
            with tt.accelerated():
                tt.Linear(3, 2)(tt.Tensor(np.ones((4, 5), dtype=np.float32)))
        except ValueError as error:
            told = str(error)
        else:
            told = "nothing"
        assert "(4, 5)" in told, (
            "accelerated too, Linear(3, 2) given (4, 5) must raise ValueError naming that shape, "
            f"it said: {told}"
        )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-12.products": ("Products of matrices, vectorized and in tiles", products),
    "checkpoint-12.columns": ("Windows as columns, and back", columns),
    "checkpoint-12.convolution": ("Convolutions are the same, accelerated", convolution),
    "checkpoint-12.images": ("So are networks for images", images),
    "checkpoint-12.language": ("So are networks for text", language),
    "checkpoint-12.losses": ("The fused loss", losses),
    "checkpoint-12.switch": ("Switched on and off, nothing is left behind", switch),
}
