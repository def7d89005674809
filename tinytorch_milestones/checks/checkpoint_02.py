"""Checkpoint 02, activations: the exported `tinytorch/core/activations.py` against numpy.

Shapes and numbers are drawn at random from a fixed seed. The notebook's own tests compare with
Python's `math` and with loops; these compare with numpy in extended precision.
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


def _shapes(rng: np.random.Generator) -> list[tuple[int, ...]]:
    return [tuple(int(size) for size in rng.integers(1, 6, size=ndim)) for ndim in (1, 2, 3, 4)]


def _apply(layer: Any, x: Array) -> Array:
    """What the layer makes of `x`, after checking that shape, dtype and input were kept."""
    tensor = _student().Tensor
    before = x.copy()
    result = layer(tensor(x))
    assert isinstance(result, tensor), (
        f"{layer}: expected a Tensor, got {type(result).__name__}: the next layer needs one"
    )
    assert result.shape == x.shape, f"{layer}: expected the shape {x.shape}, got {result.shape}"
    assert result.dtype == x.dtype, (
        f"{layer}: expected {x.dtype} to stay, got {result.dtype}: a type that changes on the way "
        "costs memory and digits"
    )
    assert np.array_equal(x, before), f"{layer} changed its input; others may still need it"
    values: Array = result.data
    return values


def _same(layer: Any, oracle: Callable[[Array], Array], scale: float = 3.0) -> None:
    rng = np.random.default_rng(202)
    for shape in _shapes(rng):
        for dtype in ("float32", "float64"):
            x = rng.normal(scale=scale, size=shape).astype(dtype)
            got, expected = _apply(layer, x), oracle(x.astype(np.longdouble))
            assert np.allclose(got, expected.astype(np.float64), rtol=1e-4, atol=2e-6), (
                f"{layer} of {x.ravel()[:4]}: expected {expected.astype(float).ravel()[:4]}, "
                f"got {got.ravel()[:4]}"
            )


def _quietly(layer: Any, x: Array) -> Array:
    """The result for extreme numbers, where nothing on the way may overflow or become nan."""
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            got = _apply(layer, x)
    except FloatingPointError as error:
        raise AssertionError(
            f"{layer} of {x.ravel().tolist()}: expected finite numbers all the way, got {error}: "
            "one nan spreads through the whole network"
        ) from None
    assert np.isfinite(got).all(), (
        f"{layer} of {x.ravel().tolist()}: expected finite numbers, got {got.ravel().tolist()}"
    )
    return got


def decides_at_zero() -> None:
    """Step: 1.0 from zero on, a float."""
    step = _student().Step()
    _same(step, lambda x: np.heaviside(x, 1.0))
    for zero in (0.0, -0.0):
        got = _apply(step, np.full((3, 2), zero, dtype=np.float32))
        assert (got == 1.0).all(), (
            f"Step of {zero}: expected 1.0, got {got.ravel()[0]}: reaching the threshold is enough"
        )


def agrees_with_numpy() -> None:
    """Sigmoid, ReLU, Tanh and GELU on random tensors of one to four axes."""
    student = _student()
    _same(student.Sigmoid(), lambda x: 1 / (1 + np.exp(-x)))
    _same(student.ReLU(), lambda x: np.where(x > 0, x, 0))
    _same(student.Tanh(), lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)))
    root = np.sqrt(np.longdouble(2) / np.pi)
    _same(student.GELU(), lambda x: 0.5 * x * (1 + np.tanh(root * (x + 0.044715 * x**3))))


def survives_large_numbers() -> None:
    """All element-wise functions at +-1000."""
    student = _student()
    x = np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0], dtype=np.float32)
    limits: dict[str, list[float]] = {
        "Step": [0, 0, 1, 1, 1],
        "Sigmoid": [0, 0, 0.5, 1, 1],
        "ReLU": [0, 0, 0, 100, 1000],
        "Tanh": [-1, -1, 0, 1, 1],
        "GELU": [0, 0, 0, 100, 1000],
    }
    for name, expected in limits.items():
        got = _quietly(getattr(student, name)(), x)
        assert np.allclose(got, expected, atol=1e-6), (
            f"{name} of {x.tolist()}: expected {expected}, got {got.tolist()}"
        )


def keeps_digits_near_zero() -> None:
    """Tanh is accurate relative to its size, also for tiny numbers."""
    x = np.float32(10.0) ** -np.arange(1, 13, dtype=np.float32)
    got = _apply(_student().Tanh(), np.concatenate([x, -x]))
    expected = np.tanh(np.concatenate([x, -x]).astype(np.float64))
    relative = np.abs(got / expected - 1)
    worst = int(relative.argmax())
    assert relative[worst] < 1e-5, (
        f"Tanh near zero: expected {expected[worst]:.6g}, got {got[worst]:.6g}: subtracting nearly "
        "equal numbers loses the digits"
    )


def makes_probabilities() -> None:
    """Softmax and LogSoftmax along every axis, negative ones too."""
    student = _student()
    rng = np.random.default_rng(203)
    for shape in [(4, 4), (3, 5, 2), (2, 3, 4, 5)]:
        x = rng.normal(scale=4, size=shape).astype(np.float32)
        for axis in range(-len(shape), len(shape)):
            weights = np.exp(x.astype(np.float64))
            expected = weights / weights.sum(axis=axis, keepdims=True)
            got = _apply(student.Softmax(axis=axis), x)
            assert np.allclose(got, expected, atol=1e-6), (
                f"Softmax(axis={axis}) of shape {shape}: expected shares that sum to 1 along that "
                f"axis, got sums {got.sum(axis=axis).ravel()[:3]}"
            )
            logs = _apply(student.LogSoftmax(axis=axis), x)
            assert np.allclose(logs, np.log(expected), atol=1e-4), (
                f"LogSoftmax(axis={axis}) of shape {shape}: expected the log of softmax, "
                f"{np.log(expected).ravel()[:3]}, got {logs.ravel()[:3]}"
            )
    square = rng.normal(size=(4, 4)).astype(np.float32)
    assert np.allclose(_apply(student.Softmax(), square).sum(axis=-1), 1, atol=1e-6), (
        "Softmax() without an axis: expected every row (last axis) to sum to 1"
    )


def stays_finite_when_sure() -> None:
    """Softmax and LogSoftmax of scores far apart and far from zero."""
    student = _student()
    x = np.array([[0, 300], [1000, 999], [-1000, -999], [1000, -1000]], dtype=np.float32)
    got = _quietly(student.Softmax(), x)
    near = 1 / (1 + np.exp(-1.0))
    expected = np.array([[0, 1], [near, 1 - near], [1 - near, near], [1, 0]])
    assert np.allclose(got, expected, atol=1e-6), (
        f"Softmax of {x.tolist()}: expected {expected.round(4).tolist()}, got {got.tolist()}"
    )
    logs = _quietly(student.LogSoftmax(), x)
    expected = np.array(
        [[-300, 0], [np.log(near), np.log(1 - near)], [np.log(1 - near), np.log(near)], [0, -2000]]
    )
    assert np.allclose(logs, expected, rtol=1e-4, atol=1e-4), (
        f"LogSoftmax of {x.tolist()}: expected {expected.round(4).tolist()}, got {logs.tolist()}"
    )


def has_nothing_to_learn() -> None:
    """No activation has parameters, and each can be told what it is."""
    student = _student()
    for name in ("Step", "Sigmoid", "ReLU", "Tanh", "GELU", "Softmax", "LogSoftmax"):
        layer = getattr(student, name)()
        assert layer.parameters() == [], f"{name}().parameters(): expected [], nothing to learn"
        assert name in repr(layer), f"repr({name}()): expected its name in it, got {layer!r}"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-02.step": ("Decides at zero", decides_at_zero),
    "checkpoint-02.values": ("Agrees with numpy on tensors of any shape", agrees_with_numpy),
    "checkpoint-02.limits": ("Survives numbers of 1000 and -1000", survives_large_numbers),
    "checkpoint-02.tiny": ("Keeps its digits near zero", keeps_digits_near_zero),
    "checkpoint-02.softmax": ("Makes probabilities along any axis", makes_probabilities),
    "checkpoint-02.sure": ("Stays finite when a network is sure", stays_finite_when_sure),
    "checkpoint-02.parameters": ("Has nothing to learn", has_nothing_to_learn),
}
