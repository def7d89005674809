"""Checkpoint 05, convolution: the exported `tinytorch/core/spatial.py` from outside.

Only public layers are used. The oracles are the seven loops of the definition, windows pooled one
by one, batch normalization by its formulas in float64, and finite differences, all taken here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _framed(x: Array, padding: tuple[int, int], value: float = 0.0) -> Array:
    down, right = padding
    edges = ((0, 0), (0, 0), (down, down), (right, right))
    return np.pad(x.astype(np.float64), edges, constant_values=value)


def _windows(x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Any:
    """Row and column of every place, and the window there."""
    for row, top in enumerate(range(0, x.shape[2] - kernel[0] + 1, stride[0])):
        for column, left in enumerate(range(0, x.shape[3] - kernel[1] + 1, stride[1])):
            yield row, column, x[:, :, top : top + kernel[0], left : left + kernel[1]]


def _loops(
    x: Array, weight: Array, bias: Array, stride: tuple[int, int], padding: tuple[int, int]
) -> Array:
    """The convolution by its definition, in float64."""
    found = {}
    kernel = (weight.shape[2], weight.shape[3])
    for row, column, window in _windows(_framed(x, padding), kernel, stride):
        for i in range(len(x)):
            for k in range(len(weight)):
                total = float(bias[k])
                for place in np.ndindex(window.shape[1:]):
                    total += float(window[i][place]) * float(weight[k][place])
                found[i, k, row, column] = total
    shape = tuple(1 + max(index[axis] for index in found) for axis in range(4))
    y = np.empty(shape)
    for index, value in found.items():
        y[index] = value
    return y


def _equal(what: str, got: Any, expected: Array, tolerance: float, why: str) -> None:
    """A float32 result of the student's against ours."""
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    assert got.dtype == np.float32, f"{what}: expected float32, got {got.dtype}"
    far = np.argwhere(~np.isclose(got, expected, rtol=tolerance, atol=tolerance))
    place = tuple(int(n) for n in far[0]) if len(far) else ()
    assert not len(far), (
        f"{what}, at {place}: expected {expected[place]:.5f}, got {got[place]:.5f}: {why}"
    )


def _slopes(what: str, student: Any, layer: Any, x: Array) -> None:
    """Gradients of x and of all parameters against finite differences, in float64."""
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    leaf = student.Tensor(x.astype(np.float64), requires_grad=True)
    y = layer(leaf)
    weights = np.random.default_rng(5).uniform(0.5, 2, size=y.shape)
    y.backward(weights)
    for name, tensor in [("its input", leaf), *layer.named_parameters()]:
        assert tensor.grad is not None, f"{what}: {name} got no gradient"
        assert tensor.grad.shape == tensor.shape, (
            f"{what}: the gradient of {name} should have shape {tensor.shape}, "
            f"it has {tensor.grad.shape}"
        )
        got, tensor.grad = np.array(tensor.grad), None
        for place in np.ndindex(tensor.shape):
            ends, kept = [], tensor.data[place]
            for step in (1e-5, -1e-5):
                tensor.data[place] = kept + step
                ends.append(float((layer(student.Tensor(leaf.data)).data * weights).sum()))
            tensor.data[place] = kept
            expected = (ends[0] - ends[1]) / 2e-5
            assert abs(got[place] - expected) <= 1e-5 + 1e-5 * abs(expected), (
                f"{what}: gradient of {name} at {place}: expected {expected:.6g} (by nudging it), "
                f"got {got[place]:.6g}"
            )


def _refused(what: str, shape: tuple[int, ...], act: Callable[[], Any]) -> None:
    told = None
    try:
        act()
    except ValueError as error:
        told = str(error)
    assert told is not None, f"{what}, images of shape {shape}: expected a ValueError, nothing came"
    assert str(shape) in told or all(str(n) in told for n in shape[2:]), (
        f"{what}: expected an error that names the shape {shape}, got: {told}"
    )


CONVOLUTIONS: list[tuple[int, int, Any, Any, Any, tuple[int, int]]] = [
    (1, 2, 3, 1, 0, (5, 6)),
    (3, 4, 3, 1, 1, (4, 5)),
    (2, 3, (2, 4), (2, 1), (0, 2), (5, 4)),
    (4, 2, (4, 3), (1, 3), (2, 1), (4, 7)),
    (2, 5, 1, 2, 0, (5, 5)),
    (2, 3, (3, 5), 1, 0, (3, 5)),
]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def convolves() -> None:
    """Conv2d against the seven loops: sizes, strides, paddings, channels, orders of memory."""
    student = _student()
    rng = np.random.default_rng(501)
    student.manual_seed(50)
    for c, o, kernel, stride, padding, size in CONVOLUTIONS:
        layer = student.Conv2d(c, o, kernel, stride=stride, padding=padding)
        kh, kw = _pair(kernel)
        assert layer.weight.shape == (o, c, kh, kw), (
            f"Conv2d({c}, {o}, {kernel}).weight: expected {(o, c, kh, kw)}, "
            f"got {layer.weight.shape}"
        )
        x = rng.normal(size=(2, c, *size)).astype(np.float32)
        options = (_pair(stride), _pair(padding))
        expected = _loops(x, layer.weight.data, layer.bias.data, *options)
        what = f"Conv2d({c}, {o}, {kernel}, stride={stride}, padding={padding}) of {x.shape}"
        turned = x.transpose(2, 3, 0, 1).copy().transpose(2, 3, 0, 1)
        for images in (x, turned, np.repeat(x, 2, axis=3)[:, :, :, ::2]):
            got = layer(student.Tensor(images)).data
            _equal(what, got, expected, 1e-4, "each output is one window times one filter")
        one = layer(student.Tensor(x[1:])).data
        _equal(f"{what}, one image", one, expected[1:], 1e-4, "images do not see each other")
    plain = student.Conv2d(2, 3, 3, bias=False)
    x = rng.normal(size=(70, 2, 20, 30)).astype(np.float32)  # more than fits into a small buffer
    expected = _loops(x[68:], plain.weight.data, np.zeros(3), (1, 1), (0, 0))
    got = plain(student.Tensor(x)).data[68:]
    _equal("the last of 70 images, no bias", got, expected, 1e-4, "all images count")
    assert student.Conv2D is student.Conv2d, "Conv2D is to be another name of Conv2d"


def starts_well() -> None:
    """New filters: bounds by fan in, the layers' seed, float32, trainable."""
    student = _student()
    for c, kernel in ((3, (5, 3)), (16, (3, 3)), (1, (7, 7))):
        student.manual_seed(7)
        layer = student.Conv2d(c, 32, kernel)
        bound = 1 / np.sqrt(c * kernel[0] * kernel[1])
        named = dict(layer.named_parameters())
        assert set(named) == {"weight", "bias"}, (
            f"expected the trainable tensors weight and bias, got {sorted(named)}: the others "
            "would stay as they are for ever"
        )
        for name, parameter in named.items():
            what = f"Conv2d({c}, 32, {kernel}).{name}"
            assert parameter.dtype == np.float32, f"{what}: expected float32, got {parameter.dtype}"
            low, high = parameter.data.min(), parameter.data.max()
            assert -bound * 1.001 <= low < -0.7 * bound, (
                f"{what}: expected numbers down to {-bound:.4f}, got {low:.4f}: the fan in is "
                "channels times cells of the kernel"
            )
            assert 0.7 * bound < high <= bound * 1.001, (
                f"{what}: expected numbers up to {bound:.4f}, got {high:.4f}"
            )
        student.manual_seed(7)
        again = student.Conv2d(c, 32, kernel)
        assert np.array_equal(again.weight.data, layer.weight.data), (
            "the same seed must give the same filters"
        )
        layer(student.Tensor(np.ones((1, c, 8, 8), dtype=np.float32)))


def differentiates() -> None:
    """Every gradient of Conv2d against finite differences; float32 stays float32."""
    student = _student()
    rng = np.random.default_rng(502)
    student.manual_seed(51)
    for c, o, kernel, stride, padding, size in CONVOLUTIONS:
        layer = student.Conv2d(c, o, kernel, stride=stride, padding=padding)
        what = f"Conv2d({c}, {o}, {kernel}, stride={stride}, padding={padding})"
        _slopes(what, student, layer, rng.normal(size=(2, c, *size)))
    _slopes("Conv2d without bias", student, student.Conv2d(2, 2, 2, bias=False),
            rng.normal(size=(1, 2, 3, 3)))  # fmt: skip
    layer = student.Conv2d(2, 3, 3, padding=1)
    x = student.Tensor(rng.normal(size=(40, 2, 30, 30)).astype(np.float32), requires_grad=True)
    weights = rng.normal(size=(40, 3, 30, 30)).astype(np.float32)
    layer(x).backward(weights)
    parts = [("x", x), ("weight", layer.weight), ("bias", layer.bias)]
    for name, tensor in parts:
        assert tensor.grad.dtype == np.float32, (
            f"gradient of {name}: expected float32, got {tensor.grad.dtype}; the model would "
            "become float64 and twice as slow"
        )
    framed = _framed(x.data, (1, 1))
    for u, v in np.ndindex(3, 3):
        met = framed[:, :, u : u + 30, v : v + 30]
        expected = np.einsum("nohw,nchw->oc", weights.astype(np.float64), met)
        got = layer.weight.grad[:, :, u, v]
        _equal(f"a large batch: weight.grad[:, :, {u}, {v}]", got, expected, 1e-2, "add all places")
    first = [tensor.grad for _, tensor in parts[1:]]
    for tensor in (layer.weight, layer.bias):
        tensor.grad = None
    layer(student.Tensor(x.data)).backward(
        weights
    )  # as a first layer: nobody asks for x's gradient
    for (name, tensor), expected in zip(parts[1:], first, strict=True):
        assert tensor.grad is not None, f"as a first layer: {name} got no gradient"
        _equal(f"as a first layer: {name}.grad", tensor.grad, expected, 1e-2, "it is the same sum")


POOLS: list[tuple[Any, Any, Any]] = [
    (2, None, 0),
    (3, 2, 1),
    ((2, 3), (1, 2), (1, 0)),
    ((1, 2), (2, 1), (0, 1)),
    (3, 1, 0),
    ((5, 7), None, 0),
]


def pools() -> None:
    """Largest and mean of every window, taken one by one, among negative numbers."""
    student = _student()
    rng = np.random.default_rng(503)
    for kernel, stride, padding in POOLS:
        steps = _pair(kernel if stride is None else stride)
        x = (-3 - rng.permutation(2 * 3 * 5 * 7) / 50).reshape(2, 3, 5, 7).astype(np.float32)
        for layer, edge, reduce in (
            (student.MaxPool2d(kernel, stride, padding), -np.inf, np.max),
            (student.AvgPool2d(kernel, stride, padding), 0.0, np.mean),
        ):
            framed = _framed(x, _pair(padding), edge)
            found = {
                (r, s): reduce(w, axis=(2, 3)) for r, s, w in _windows(framed, _pair(kernel), steps)
            }
            rows, columns = (1 + max(place[axis] for place in found) for axis in (0, 1))
            expected = np.stack(
                [np.stack([found[r, s] for s in range(columns)], -1) for r in range(rows)], -2
            )
            name = type(layer).__name__
            what = f"{name}({kernel}, stride={stride}, padding={padding})"
            why = "padding must never win" if name == "MaxPool2d" else "zeros of the padding count"
            for images in (x, np.asfortranarray(x)):
                _equal(what, layer(student.Tensor(images)).data, expected, 1e-5, why)
            assert layer.parameters() == [], f"{what}: pooling has nothing to learn"
            _slopes(what, student, layer, x[:1])
    assert student.MaxPool2D is student.MaxPool2d, "MaxPool2D is to be another name of MaxPool2d"
    tie = student.Tensor(np.zeros((1, 1, 2, 2), dtype=np.float32), requires_grad=True)
    student.MaxPool2d(2)(tie).backward(np.full((1, 1, 1, 1), 8, dtype=np.float32))
    assert tie.grad.ravel().tolist() == [8, 0, 0, 0], (
        "four equal numbers: expected the first to get the whole gradient, [8, 0, 0, 0], got "
        f"{tie.grad.ravel().tolist()}"
    )
    assert tie.grad.dtype == np.float32, f"its gradient: expected float32, got {tie.grad.dtype}"


def normalizes() -> None:
    """BatchNorm2d in training and in use, with its running statistics, and its gradients."""
    student = _student()
    rng = np.random.default_rng(504)
    layer = student.BatchNorm2d(3, eps=1e-3, momentum=0.25)
    named = [name for name, _ in layer.named_parameters()]
    assert named == ["weight", "bias"], f"expected weight and bias to be trained, got {named}"
    layer.weight.data[:], layer.bias.data[:] = [2.0, -1.0, 0.5], [0.0, 3.0, -2.0]
    scale = layer.weight.data.astype(np.float64).reshape(3, 1, 1)
    shift = layer.bias.data.astype(np.float64).reshape(3, 1, 1)
    mean, var = np.zeros(3), np.ones(3)
    for number in range(3):
        x = rng.normal(size=(3, 3, 2, 2)) * [[[3.0]], [[0.2]], [[1.0]]] + [
            [[50.0]],
            [[0.0]],
            [[-4.0]],
        ]
        x = x.astype(np.float32)
        exact = x.astype(np.float64)
        level, spread = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3))
        z = (exact - level.reshape(3, 1, 1)) / np.sqrt(spread + 1e-3).reshape(3, 1, 1)
        got = layer(student.Tensor(np.asfortranarray(x))).data
        _equal("in training", got, z * scale + shift, 2e-3, "use the batch's mean and variance")
        mean += 0.25 * (level - mean)
        var += 0.25 * (spread * 12 / 11 - var)
        for name, expected in (("running_mean", mean), ("running_var", var)):
            _equal(
                f"{name} after {number + 1} batches",
                getattr(layer, name).data,
                expected,
                1e-3,
                "a quarter of the way to the batch's mean, and to its variance by count - 1",
            )
    state = layer.state_dict()
    assert {"running_mean", "running_var"} <= set(state), (
        f"a saved model needs its running statistics, state_dict has {sorted(state)}"
    )
    other = student.BatchNorm2d(3, eps=1e-3)
    other.load_state_dict(state)
    other.eval()
    fresh: Array = (rng.normal(size=(2, 3, 4, 2)) * 5 - 1).astype(np.float32)
    root = np.sqrt(var + 1e-3).reshape(3, 1, 1)
    used = (fresh.astype(np.float64) - mean.reshape(3, 1, 1)) / root * scale + shift
    for images, wanted in ((fresh, used), (fresh[:1], used[:1])):
        got = other(student.Tensor(images)).data
        _equal("after eval()", got, wanted, 1e-3, "use running statistics, not the batch's")
    after = other.state_dict()
    assert all(np.array_equal(state[name], after[name]) for name in state), (
        "after eval(), using the layer must not change it"
    )
    _slopes("BatchNorm2d after eval()", student, other, rng.normal(size=(2, 3, 2, 2)))
    scaled = student.BatchNorm2d(2)
    scaled.weight.data[:], scaled.bias.data[:] = [0.5, -3.0], [1.0, 2.0]
    _slopes("BatchNorm2d", student, scaled, rng.normal(size=(3, 2, 2, 3)) * 2)
    layer = student.BatchNorm2d(2)
    x = student.Tensor(rng.normal(size=(2, 2, 3, 3)).astype(np.float32), requires_grad=True)
    layer(x).sum().backward()
    for name, tensor in (("x", x), ("weight", layer.weight), ("bias", layer.bias)):
        assert tensor.grad.dtype == np.float32, f"gradient of {name} is {tensor.grad.dtype}"


def refuses() -> None:
    """Images that do not fit are refused, and the error says what came."""
    student = _student()

    def images(*shape: int) -> Any:
        return student.Tensor(np.zeros(shape, dtype=np.float32))

    layer = student.Conv2d(3, 4, 5, padding=1)
    layer(images(1, 3, 3, 3))
    for shape in ((2, 4, 8, 8), (3, 8, 8), (2, 3, 8), (1, 3, 2, 9)):
        _refused("Conv2d(3, 4, 5, padding=1)", shape, lambda s=shape: layer(images(*s)))  # type: ignore[misc]
    for pool in (student.MaxPool2d(4), student.AvgPool2d(4)):
        pool(images(1, 2, 4, 4))
        _refused(repr(pool), (1, 2, 3, 5), lambda p=pool: p(images(1, 2, 3, 5)))  # type: ignore[misc]
    norm = student.BatchNorm2d(4)
    norm(images(1, 4, 1, 2))
    _refused("BatchNorm2d(4)", (2, 3, 5, 5), lambda: norm(images(2, 3, 5, 5)))


def learns_to_see() -> None:
    """A stroke that may lie anywhere: horizontal or vertical? Only a filter can tell so soon."""
    student = _student()
    rng = np.random.default_rng(505)
    images = np.zeros((600, 1, 10, 10), dtype=np.float32)
    labels = rng.integers(0, 2, size=600)
    for image, label in zip(images[:, 0], labels, strict=True):
        line, begin = rng.integers(0, 10), rng.integers(0, 7)
        (image if label else image.T)[line, begin : begin + 4] = rng.uniform(0.5, 1)
    images += rng.normal(size=images.shape).astype(np.float32) * 0.05
    student.manual_seed(52)
    model = student.Sequential(
        student.Conv2d(1, 4, 3, padding=1), student.BatchNorm2d(4), student.ReLU(),
        student.Conv2d(4, 4, 3, padding=1), student.ReLU(), student.MaxPool2d(10),
        student.Flatten(), student.Linear(4, 2),
    )  # fmt: skip
    before = model.state_dict()
    optimizer = student.Adam(model.parameters(), lr=0.02)
    loss_fn = student.CrossEntropyLoss()
    for _ in range(8):
        for start in range(0, 400, 50):
            optimizer.zero_grad()
            part = slice(start, start + 50)
            loss = loss_fn(model(student.Tensor(images[part])), student.Tensor(labels[part]))
            loss.backward()
            optimizer.step()
    after = model.state_dict()
    for name in before:
        assert not np.array_equal(before[name], after[name]), (
            f"{name} is as it was before training: it is frozen"
        )
        assert after[name].dtype == np.float32, f"{name} became {after[name].dtype} while training"
    model.eval()
    guesses = model(student.Tensor(images[400:])).data.argmax(axis=1)
    right = float((guesses == labels[400:]).mean())
    assert right >= 0.9, (
        f"200 strokes at places never seen: expected at least 90 % right, got {right:.0%}"
    )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-05.convolves": ("Agrees with seven loops", convolves),
    "checkpoint-05.starts": ("Starts with filters of the right size", starts_well),
    "checkpoint-05.gradients": ("Finds every gradient of a convolution", differentiates),
    "checkpoint-05.pools": ("Pools, and knows who won", pools),
    "checkpoint-05.normalizes": ("Normalizes a batch, and a single image", normalizes),
    "checkpoint-05.refuses": ("Refuses images that do not fit", refuses),
    "checkpoint-05.sees": ("Learns to see strokes anywhere", learns_to_see),
}
