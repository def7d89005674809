"""Checkpoint 14, its part on `perf/quantization.py`: models of int8 that say nearly the same.

Only the public names are used, and the tensors' names in `state_dict`. The oracles are whole
numbers of Python's own, bounds on what rounding can do, and the float32 model itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _linear(student: Any, inputs: int, outputs: int, seed: int, bias: bool = True) -> Any:
    """A Linear whose rows are of very different sizes."""
    rng = np.random.default_rng(seed)
    linear = student.Linear(inputs, outputs, bias=bias)
    sizes = 10.0 ** rng.uniform(-2, 1, size=(outputs, 1))
    linear.weight.data[...] = rng.normal(size=(outputs, inputs)) * sizes
    return linear


def _places(x: Array, low: float, high: float) -> tuple[Array, float]:
    """(q - zero) for each number on the affine grid from low to high, and the scale."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    zero = round(-128 - low / ((high - low) / 255))
    q = np.clip(np.rint(x / np.float32(scale)).astype(np.int64) + zero, -128, 127)
    return q - zero, scale


def _relative(got: Array, expected: Array) -> float:
    """The root of the mean square of the difference, as a share of the expected numbers'."""
    return float(np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean()))


def _images(student: Any) -> Any:
    return student.Sequential(
        student.Conv2d(2, 6, 3, padding=1),
        student.ReLU(),
        student.MaxPool2d(2),
        student.Flatten(),
        student.Dropout(0.5),
        student.Linear(96, 24),
        student.ReLU(),
        student.Linear(24, 5),
    )


def codes() -> None:
    """Weights on their grids: the nearest code, ends used, no error above half a scale."""
    student = _student()
    for per_channel in (True, False):
        linear = _linear(student, 40, 6, seed=1, bias=False)
        linear.weight.data[2] = -np.abs(linear.weight.data[2])
        layer = student.QuantizedLinear(linear, per_channel=per_channel)
        state = layer.state_dict()
        found, scale = state["codes"], state["scale"]
        assert found.dtype == np.int8, f"codes: expected int8, got {found.dtype}"
        assert found.shape == (6, 40), f"codes: expected shape (6, 40), got {found.shape}"
        exact = linear.weight.data.astype(np.float64)
        grids = np.abs(exact).max(axis=1 if per_channel else None, keepdims=True) / 127
        assert scale.dtype == np.float32, f"scale: expected float32, got {scale.dtype}"
        assert scale.shape == grids.shape, f"scale: expected {grids.shape}, got {scale.shape}"
        assert np.allclose(scale, grids, rtol=1e-4), (
            f"per_channel {per_channel}: expected the scales {grids.ravel()}, the largest size of "
            f"a weight / 127, got {scale.ravel()}"
        )
        worst = (np.abs(found * scale.astype(np.float64) - exact) / grids).max()
        assert worst < 0.51, f"a weight was put {worst:.2f} scales away; rounding is half of one"
    silent = student.Linear(3, 2)
    silent.weight.data[...] = 0
    layer = student.QuantizedLinear(silent)
    scale = layer.state_dict()["scale"]
    assert (scale > 0).all(), f"weights of 0 need a small scale above 0 to divide by, got {scale}"
    got = layer(student.Tensor(np.ones((1, 3), dtype=np.float32))).data
    assert np.allclose(got, silent.bias.data), f"weights of 0: expected the bias, got {got}"


def integers() -> None:
    """Every output against Python's whole numbers, with all kinds of ranges; dtype; long rows."""
    student = _student()
    rng = np.random.default_rng(1402)
    for inputs, outputs, low, high in (
        (5, 3, -1.0, 1.0),
        (7, 2, 0.0, 6.0),
        (4, 4, 2.0, 5.0),
        (3, 2, -9.0, -4.0),
        (2600, 2, 0.0, 1.0),
    ):
        linear = _linear(student, inputs, outputs, seed=inputs, bias=inputs != 7)
        for given in ((low, high), None):
            layer = student.QuantizedLinear(linear, given)
            wide = 1.5 if given else 1.0  # beyond the range: cut off at its ends
            x = (rng.uniform(low, high, size=(3, 2, inputs)) * wide).astype(np.float32)
            got = layer(student.Tensor(x)).data
            assert got.dtype == np.float32, f"expected float32, got {got.dtype}"
            assert got.shape == (3, 2, outputs), f"expected (3, 2, {outputs}), got {got.shape}"
            places, step = _places(x, *(given or (float(x.min()), float(x.max()))))
            state = layer.state_dict()
            weights = [[int(code) for code in row] for row in state["codes"]]
            for i, j, o in np.ndindex(got.shape):
                total = sum(int(p) * c for p, c in zip(places[i, j], weights[o], strict=True))
                exact = total * step * float(state["scale"][o, 0])
                exact += 0.0 if linear.bias is None else float(linear.bias.data[o])
                size = float(np.abs(linear.weight.data[o]).max() * np.abs(x).max()) * inputs**0.5
                assert abs(got[i, j, o] - exact) <= 2e-5 * size + 1e-5 * abs(exact), (
                    f"Linear({inputs}, {outputs}), range {given}: in whole numbers the sum is "
                    f"{total}, so expected {exact:.5f}, got {got[i, j, o]:.5f}"
                )
    refused = False
    try:
        layer(student.Tensor(np.zeros((2, 3), dtype=np.float32)))
    except ValueError:
        refused = True
    assert refused, f"3 inputs for {layer}: expected a ValueError"


def calibrated() -> None:
    """Ranges come from the batches, in eval mode, and may leave the outermost numbers out."""
    student = _student()
    student.manual_seed(14)
    rng = np.random.default_rng(1403)
    model = student.Sequential(student.Dropout(0.5), _linear(student, 8, 4, 3), student.ReLU())
    model = student.Sequential(model, student.Linear(4, 2))
    batches = [
        (rng.uniform(-2, 1 + i, size=(32, 8)).astype(np.float32), np.zeros(32)) for i in range(3)
    ]
    small = student.quantize_model(model, batches)
    state = small.state_dict()
    low = min(float(x.min()) for x, _ in batches)
    high = max(float(x.max()) for x, _ in batches)
    got, expected = state["0.1.input_scale"].item(), (high - low) / 255
    assert abs(got - expected) < 1e-3 * expected, (
        f"batches with numbers from {low:.3f} to {high:.3f}: expected an input scale of "
        f"{expected:.5f}, got {got:.5f}: all batches count, and nothing is dropped"
    )
    first = student.Tensor(np.concatenate([x for x, _ in batches]))
    inner = model.eval()[0](first).data
    got, expected = state["1.input_scale"].item(), float(inner.max()) / 255
    assert abs(got - expected) < 1e-2 * expected, (
        f"the second Linear sees numbers up to {inner.max():.3f}: expected an input scale of "
        f"{expected:.5f}, got {got:.5f}"
    )
    odd = rng.normal(size=(100, 8)).astype(np.float32)
    odd[0] = 500
    middle = float(np.subtract(*np.percentile(odd, [98, 2]))) / 255
    state = student.quantize_model(model, [odd], percent=96.0).state_dict()
    got = state["0.1.input_scale"].item()
    assert abs(got - middle) < 0.05 * middle, (
        f"percent=96 leaves out 2 % at each end: expected a scale near {middle:.4f}, got {got:.4f}"
    )


def models() -> None:
    """Any tree of layers: close to the original, which is left as it was; a language model too."""
    student = _student()
    student.manual_seed(15)
    rng = np.random.default_rng(1404)
    x = rng.normal(size=(12, 2, 8, 8)).astype(np.float32)
    images = _images(student)
    before = images.state_dict()
    copies = {
        "measured each time": student.quantize_model(images),
        "calibrated": student.quantize_model(images, [x]),
        "per tensor": student.quantize_model(images, [x], per_channel=False),
    }
    modes = {images.training, images[4].training}
    assert modes == {True}, f"the model must still be in training mode, got {modes}"
    for name, array in images.state_dict().items():
        assert np.array_equal(array, before[name]), f"{name} of the model was changed"
    exact = images.eval()(student.Tensor(x)).data
    for name, small in copies.items():
        kinds = {n: a.dtype for n, a in small.state_dict().items() if n.endswith("codes")}
        assert set(kinds) == {"0.codes", "5.codes", "7.codes"}, (
            f"{name}: a Conv2d and two Linear hold weights; codes were found in {sorted(kinds)}"
        )
        seen = small[0](student.Tensor(x)).dtype
        assert seen == np.float32, f"{name}: what a Conv2d makes should be float32, got {seen}"
        shape = small.state_dict()["5.scale"].shape
        wanted = (1, 1) if name == "per tensor" else (24, 1)
        assert shape == wanted, f"{name}: expected scales of shape {wanted}, got {shape}"
        off = _relative(small(student.Tensor(x)).data, exact)
        assert 1e-7 < off < 0.03, (
            f"{name}: the answers differ from the model's by {off:.2%}: expected about 1 %"
        )
    for parameter in images.parameters():
        parameter.data += 1
    off = _relative(copies["calibrated"](student.Tensor(x)).data, exact)
    assert off < 0.03, "training the model on must not change a copy that was made of it before"
    for tied in (False, True):
        gpt = student.GPT(20, 8, 32, 4, 2, tie_weights=tied)
        tokens = rng.integers(0, 20, size=(4, 8))
        small = student.quantize_model(gpt, [tokens])
        off = _relative(small(tokens).data, gpt(tokens).data)
        assert off < 0.06, f"GPT, tied {tied}: its scores are off by {off:.1%}"
        found = [n for n, a in small.state_dict().items() if n.endswith("codes")]
        assert len(found) == (9 if tied else 10), f"GPT, tied {tied}: codes only in {found}"
        one = "blocks.1.attention.qkv"
        state = student.quantize_model(gpt, [tokens], only=[one]).state_dict()
        found = [n for n, a in state.items() if n.endswith("codes")]
        assert found == [f"{one}.codes"], f"only={[one]}: codes were found in {found}"


def serves() -> None:
    """It really is smaller, in memory and as a file, and a trained one loses at most a point."""
    student = _student()
    student.manual_seed(16)
    rng = np.random.default_rng(1405)
    centres = rng.normal(size=(10, 64))
    labels = np.arange(1500) % 10
    x = (centres[labels] + 0.9 * rng.normal(size=(1500, 64))).astype(np.float32)
    model = student.Sequential(
        student.Linear(64, 256), student.ReLU(), student.Linear(256, 256), student.ReLU()
    )
    model = student.Sequential(model, student.Linear(256, 10))
    optimizer = student.Adam(model.parameters(), lr=0.003)
    for _ in range(40):
        some = rng.integers(0, 1000, size=64)
        loss = student.CrossEntropyLoss()(model(x[some]), student.Tensor(labels[some]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    small = student.quantize_model(model, [x[:200]])

    def right(net: Any) -> float:
        return float(100 * (net(x[1000:]).data.argmax(axis=1) == labels[1000:]).mean())

    points = right(model), right(small)
    assert points[0] > 90, f"the model should have learned: {points[0]:.1f} % right"
    assert points[0] - points[1] <= 1, f"{points[0]:.1f} % became {points[1]:.1f} % with int8"
    sizes, files = [], []
    for net in (model, small):
        state = net.state_dict()
        sizes.append(sum(array.nbytes for array in state.values()))
        files.append(io.BytesIO())
        np.savez(files[-1], **state)
    for what, (large, little) in (
        ("in memory", sizes),
        ("as a file", [len(file.getvalue()) for file in files]),
    ):
        assert large / little > 3.3, (
            f"{what}: {large:,} bytes became {little:,}; with a byte instead of four for each "
            "weight at least 3.3 times less was expected"
        )
    files[1].seek(0)
    with np.load(files[1]) as stored:
        state = dict(stored)
    again = student.quantize_model(model, [x[:10]])
    for parameter in model.parameters():
        parameter.data[...] = 0
    again.load_state_dict(state)
    same = np.array_equal(again(x[:50]).data, small(x[:50]).data)
    assert same, "what was saved and loaded must give the same answers, to the last bit"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-14.codes": ("Puts every weight on its grid", codes),
    "checkpoint-14.integers": ("Computes in whole numbers, exactly", integers),
    "checkpoint-14.calibrated": ("Learns from batches what to expect", calibrated),
    "checkpoint-14.models": ("Shrinks any model, and keeps the original", models),
    "checkpoint-14.serves": ("Is smaller, and as good", serves),
}
