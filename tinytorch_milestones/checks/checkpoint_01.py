"""Checkpoint 01, tensor operations: the exported `tinytorch/core/tensor.py` against numpy.

Every test draws shapes and numbers at random (from a fixed seed), so that no typed-in answer can
pass. The notebook's own tests use loops; these use numpy in float64 as oracle. numpy is imported
where it is used, because a front end reads `TESTS` only for its titles.
"""

from __future__ import annotations

import operator
import re
import weakref
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

_SHAPE = re.compile(r"\(\d+, \d+\)")


def _student() -> Any:
    return import_module("tinytorch")


def _array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    return rng.uniform(0.5, 2.0, size=shape).astype(dtype)


def _shape(rng: np.random.Generator, ndim: int) -> tuple[int, ...]:
    return tuple(int(size) for size in rng.integers(1, 5, size=ndim))


def _fitting(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast, often by stretching one of them."""
    shape = _shape(rng, int(rng.integers(0, 4)))
    other = tuple(1 if rng.random() < 0.3 else size for size in shape)
    return shape, other[int(rng.integers(0, len(other) + 1)) :]


def _same(what: str, got: Any, expected: Array, dtype: str | None = "float32") -> None:
    """Assert that `got` is a Tensor with the values, shape and dtype of the oracle."""
    import numpy as np

    tensor = _student().Tensor
    assert isinstance(got, tensor), f"{what}: expected a Tensor, got {type(got).__name__}"
    assert got.shape == expected.shape, (
        f"{what}: expected the shape {expected.shape}, got {got.shape}"
    )
    if dtype is not None:
        assert got.dtype == np.dtype(dtype), (
            f"{what}: expected {dtype}, got {got.dtype}: a type that changes on the way costs "
            "memory and digits"
        )
    assert np.allclose(got.data, expected, rtol=1e-4, atol=1e-5), (
        f"{what}: expected {expected.tolist()}, got {got.data.tolist()}"
    )


def _refuses(what: str, kind: type[Exception], action: Callable[[], Any]) -> str:
    """The message of the error that `action` must raise."""
    try:
        got = action()
    except kind as error:
        return str(error)
    raise AssertionError(f"{what}: expected a {kind.__name__}, got {got!r}")


def holds_numbers() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(101)
    for ndim in range(4):
        shape = _shape(rng, ndim)
        values = _array(rng, shape, "float64")
        _same(f"Tensor of a nested list of shape {shape}", tensor(values.tolist()), values)
        for dtype in ("float32", "float64", "int64", "bool"):
            kept = tensor(values.astype(dtype))
            _same(f"Tensor of an array of {dtype}", kept, values.astype(dtype), dtype)
        made = tensor(values)
        assert (made.size, made.ndim) == (values.size, ndim), (
            f"a tensor of shape {shape}: expected size {values.size} and ndim {ndim}, "
            f"got {made.size} and {made.ndim}"
        )
        assert np.array_equal(made.numpy(), values), "numpy() should give the array back"
    assert tensor(2.5).item() == 2.5, f"item() of 2.5: got {tensor(2.5).item()!r}"
    plain = tensor([1.0])
    assert (plain.grad, plain.requires_grad) == (None, False), (
        "a new tensor has no grad and asks for none"
    )
    assert tensor([1.0], requires_grad=True).requires_grad is True, "requires_grad was lost"
    for wrong in ("1.5", None, ["a", "b"]):
        _refuses(f"Tensor({wrong!r})", TypeError, partial(tensor, wrong))


def computes_element_by_element() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(102)
    signs = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "**": operator.pow,
    }
    for _ in range(12):
        first, second = _fitting(rng)
        if rng.random() < 0.5:
            first, second = second, first
        a, b = _array(rng, first), _array(rng, second)
        number = float(rng.uniform(0.5, 2.0))
        for sign, function in signs.items():
            exact = function(a.astype("float64"), b.astype("float64"))
            _same(f"{first} {sign} {second}", function(tensor(a), tensor(b)), exact)
            exact = function(a.astype("float64"), number)
            _same(f"tensor {sign} {number}", function(tensor(a), number), exact)
            _same(f"tensor {sign} a numpy number", function(tensor(a), np.float64(number)), exact)
            exact = function(number, b.astype("float64"))
            _same(f"{number} {sign} tensor", function(number, tensor(b)), exact)
        signed = a - np.float32(1.2)
        _same(f"-x of {signed.tolist()}", -tensor(signed), np.float32(0) - signed)
        for name, oracle in (("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt)):
            _same(name, getattr(tensor(a), name)(), oracle(a.astype("float64")))
        double = a.astype("float64")
        _same("float64 * 0.1", tensor(double) * 0.1, double * 0.1, "float64")
        _same("float64 exp", tensor(double).exp(), np.exp(double), "float64")


def multiplies_matrices() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(103)
    for _ in range(12):
        n, k, m = _shape(rng, 3)
        lead, other = _fitting(rng)
        cases = [((n, k), (k, m)), ((k,), (k, m)), ((n, k), (k,)), ((k,), (k,))]
        cases.append(((*lead, n, k), (*other, k, m)))
        for first, second in cases:
            a, b = _array(rng, first), _array(rng, second)
            exact = np.asarray(np.matmul(a.astype("float64"), b.astype("float64")))
            _same(f"{first} @ {second}", tensor(a) @ tensor(b), exact)


def changes_shapes() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(104)
    for _ in range(12):
        ndim = int(rng.integers(2, 5))
        a = _array(rng, _shape(rng, ndim))
        shape = tuple(int(size) for size in rng.permutation(a.shape))
        _same(f"{a.shape} to {shape}", tensor(a).reshape(*shape), a.reshape(shape))
        _same(f"{a.shape} to ({shape[0]}, -1)", tensor(a).reshape((shape[0], -1)),
              a.reshape(shape[0], -1))  # fmt: skip
        first, second = (int(axis) for axis in rng.integers(-ndim, ndim, size=2))
        places = list(range(ndim))
        places[first], places[second] = places[second], places[first]
        what = f"transpose({first}, {second}) of {a.shape}"
        _same(what, tensor(a).transpose(first, second), np.transpose(a, places))
        _same(f"T of {a.shape}", tensor(a).T, np.moveaxis(a, -1, -2))


def reduces() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(105)
    for _ in range(12):
        ndim = int(rng.integers(1, 5))
        a = _array(rng, _shape(rng, ndim)) * np.float32(-1 if rng.random() < 0.5 else 1)
        axes: list[Any] = [None, *range(-ndim, ndim)]
        axes.append(tuple(sorted({0, ndim - 1})))
        axis = axes[int(rng.integers(0, len(axes)))]
        for keepdims in (False, True):
            for name, oracle in (("sum", np.sum), ("mean", np.mean), ("max", np.max)):
                exact = np.asarray(oracle(a.astype("float64"), axis=axis, keepdims=keepdims))
                got = getattr(tensor(a), name)(axis=axis, keepdims=keepdims)
                _same(f"{name}(axis={axis}, keepdims={keepdims}) of {a.shape}", got, exact)
    right = rng.random(40) < 0.7
    _same("accuracy, the mean of 40 answers", tensor(right).mean(), np.asarray(right.mean()))


def compares_and_selects() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(106)
    signs = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
    for _ in range(12):
        first, second = _fitting(rng)
        a = rng.integers(0, 3, size=first).astype("float32")
        b = rng.integers(0, 3, size=second).astype("float32")
        for sign, function in signs.items():
            what = f"{first} {sign} {second}"
            _same(what, function(tensor(a), tensor(b)), np.asarray(function(a, b)), "bool")
        a = _array(rng, (int(rng.integers(3, 6)), 4, 2))
        row = int(rng.integers(-3, 3))
        indices: list[Any] = [row, slice(None, None, 2), [2, 0], (row, 1), (..., 1), (None, row)]
        for index in indices:
            _same(f"x[{index}]", tensor(a)[index], np.asarray(a[index]))
        _same("x[x > 1]", tensor(a)[tensor(a) > 1.0], a[a > 1.0])
    key = tensor([1.0, 2.0])
    assert {key: "found"}.get(key) == "found", (
        "a tensor as a dictionary key should find itself: optimizers keep their state that way"
    )


def names_both_shapes() -> None:
    import numpy as np

    tensor = _student().Tensor
    rng = np.random.default_rng(107)
    for _ in range(8):
        n, m = (int(size) for size in rng.choice(np.arange(2, 9), size=2, replace=False))
        a, b = tensor(np.ones((4, n))), tensor(np.ones((4, m)))
        for sign, function in (("+", operator.add), ("*", operator.mul), ("@", operator.matmul)):
            right = b.T if sign == "@" else b
            what = f"{a.shape} {sign} {right.shape}"
            text = _refuses(what, ValueError, partial(function, a, right))
            assert {str(a.shape), str(right.shape)} <= set(_SHAPE.findall(text)), (
                f"the error for {what} should name both shapes, got {text!r}: "
                "they are what you need to find the mistake"
            )
        text = _refuses("reshape", ValueError, partial(a.reshape, 4 * n + 1))
        assert str(a.shape) in text, f"the error of reshape should name {a.shape}, got {text!r}"
        text = _refuses("sum(axis=2)", ValueError, partial(a.sum, axis=2))
        assert str(a.shape) in text, f"the error of sum should name {a.shape}, got {text!r}"


def lets_a_tape_listen() -> None:
    import numpy as np

    fw = _student()
    rng = np.random.default_rng(108)
    assert fw.Operation.tape is None, "nobody listens yet: Operation.tape should be None"
    x, w = fw.Tensor(_array(rng, (3, 4))), fw.Tensor(_array(rng, (4, 2)))
    calls: list[tuple[Any, ...]] = []
    fw.Operation.tape = lambda *call: calls.append(call)
    try:
        product = x @ w
        total = product.sum(axis=0, keepdims=True)
        scaled = 2.0 * total
    finally:
        fw.Operation.tape = None
    names = [call[0].name for call in calls]
    assert names == ["matmul", "sum", "mul"], (
        f"(2 * (x @ w).sum()) is matmul, sum, mul in this order, the tape heard {names}"
    )
    chain = [(x, w), (product,), (total,)]
    for (_, inputs, _, result), tensors, made in zip(
        calls, chain, (product, total, scaled), strict=True
    ):
        seen = [id(value) for value in inputs if isinstance(value, fw.Tensor)]
        assert seen == [id(value) for value in tensors], (
            "the tape should be given the very tensors that went in, or the chain is broken"
        )
        assert result is made, "the tape should be given the very tensor that came out"
    assert calls[1][2] == {"axis": 0, "keepdims": True}, (
        f"the tape should hear sum's options, got {calls[1][2]}"
    )
    assert all(call[0].derivative is None for call in calls), (
        "derivative is filled in by module 06; until then it is None"
    )

    @fw.operation  # type: ignore[untyped-decorator]
    def cube(a: Array) -> Array:
        return a * a * a

    _same("a new operation", cube(x), x.data**3)
    assert len(calls) == 3, "with the tape taken away nothing more should be recorded"
    alive = weakref.ref(x)
    result = cube(x)
    calls.clear()
    del x, chain, tensors, inputs, product
    assert alive() is None, (
        "without a tape a result should not keep its inputs alive: that would cost memory"
    )
    assert result.shape == (3, 4), f"a new operation on (3, 4): got the shape {result.shape}"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-01.arrays": ("Holds numbers and keeps their type", holds_numbers),
    "checkpoint-01.elementwise": (
        "Computes element by element, broadcast",
        computes_element_by_element,
    ),
    "checkpoint-01.matmul": ("Multiplies matrices, vectors and batches", multiplies_matrices),
    "checkpoint-01.shapes": ("Reshapes and transposes", changes_shapes),
    "checkpoint-01.reductions": ("Sums, averages and finds the largest", reduces),
    "checkpoint-01.select": ("Compares and selects", compares_and_selects),
    "checkpoint-01.errors": ("Names both shapes when they do not fit", names_both_shapes),
    "checkpoint-01.extension": ("Lets a tape listen, and costs nothing else", lets_a_tape_listen),
}
