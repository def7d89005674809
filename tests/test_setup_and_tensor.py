"""Modules 00 and 01 against numpy, on random shapes and numbers."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.mutants.judge import REPOSITORY
from tinytorch.core import tensor as exported
from tinytorch.core.tensor import Operation, Tensor, broadcast_shape

FLOATS = st.floats(-100, 100, width=32)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def arrays(shape: Any = SHAPES, dtype: Any = np.float32) -> st.SearchStrategy[Any]:
    return hnp.arrays(dtype, shape, elements=FLOATS)


@settings(deadline=None)
@given(
    st.lists(
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3), min_size=2, max_size=2
    )
)
def test_broadcast_shape_is_numpys_rule(shapes: list[tuple[int, ...]]) -> None:
    first, second = shapes
    try:
        expected = np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ValueError, match="do not broadcast") as caught:
            broadcast_shape(first, second)
        assert str(first) in str(caught.value)
        assert str(second) in str(caught.value)
    else:
        assert broadcast_shape(first, second) == expected


@settings(deadline=None)
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3),
    st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv]),
    st.sampled_from(["float32", "float64"]),
    st.data(),
)
def test_arithmetic_is_numpys(shapes: Any, function: Any, dtype: str, data: Any) -> None:
    a, b = (data.draw(arrays(shape, dtype)) for shape in shapes.input_shapes)
    with np.errstate(all="ignore"):
        expected = function(a, b)
        for got in (function(Tensor(a), Tensor(b)), function(Tensor(a), b), function(a, Tensor(b))):
            np.testing.assert_array_equal(
                got.data, expected, strict=isinstance(expected, np.ndarray)
            )
        number = data.draw(FLOATS)
        assert function(Tensor(a), number).dtype == a.dtype
        assert function(number, Tensor(a)).dtype == a.dtype
        assert function(np.float64(number), Tensor(a)).dtype == a.dtype
        np.testing.assert_array_equal(function(number, Tensor(a)).data, function(number, a))


@settings(deadline=None)
@given(arrays(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)), st.booleans(), st.data())
def test_reductions_are_numpys(a: Any, keepdims: bool, data: Any) -> None:
    axis = data.draw(st.none() | st.integers(-a.ndim, a.ndim - 1) | hnp.valid_tuple_axes(a.ndim))
    for name in ("sum", "mean", "max"):
        expected = np.asarray(getattr(a, name)(axis=axis, keepdims=keepdims))
        got = getattr(Tensor(a), name)(axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(got.data, expected, strict=True)


@settings(deadline=None)
@given(arrays(), st.data())
def test_indexing_is_numpys(a: Any, data: Any) -> None:
    index = data.draw(hnp.basic_indices(a.shape, allow_newaxis=True))
    np.testing.assert_array_equal(Tensor(a)[index].data, np.asarray(a[index]), strict=True)
    np.testing.assert_array_equal(Tensor(a)[Tensor(a) > 0].data, a[a > 0], strict=True)


@settings(deadline=None)
@given(arrays(hnp.array_shapes(min_dims=2, max_dims=4, max_side=4)), st.data())
def test_shapes_are_numpys(a: Any, data: Any) -> None:
    first, second = (data.draw(st.integers(-a.ndim, a.ndim - 1)) for _ in range(2))
    swapped = Tensor(a).transpose(first, second)
    np.testing.assert_array_equal(swapped.data, np.swapaxes(a, first, second), strict=True)
    np.testing.assert_array_equal(swapped.transpose(first, second).data, a)
    np.testing.assert_array_equal(swapped.reshape(-1).data, swapped.data.ravel(), strict=True)
    assert np.shares_memory(Tensor(a).T.data, a) or a.size == 0


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.data())
def test_matmul_is_numpys(n: int, k: int, m: int, data: Any) -> None:
    left = data.draw(arrays(data.draw(st.sampled_from([(n, k), (k,), (2, n, k)]))))
    right = data.draw(arrays(data.draw(st.sampled_from([(k, m), (k,), (1, k, m)]))))
    expected = np.asarray(left @ right)
    np.testing.assert_allclose(
        (Tensor(left) @ Tensor(right)).data, expected, rtol=1e-6, strict=True
    )


def test_float64_leaves_only_if_it_entered() -> None:
    whole = Tensor(np.array([1, 2, 4]))
    assert (whole / 2).dtype == np.float32
    assert whole.mean().dtype == np.float32
    assert whole.sqrt().dtype == np.float32
    assert (whole + Tensor([0.5, 0.5, 0.5])).dtype == np.float32
    assert (whole + 1).dtype == np.int64
    assert (Tensor(np.zeros(3)) + Tensor([1.0, 1.0, 1.0])).dtype == np.float64


def test_a_tensor_behaves_like_a_value_where_python_expects_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Operation, "tape", None)  # as it is before module 06
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.data.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert float(x.sum()) == 10.0
    assert bool(Tensor(1.0) < 2.0)
    assert (x == None) is False  # noqa: E711 - what is tested is the operator
    assert x in {x: 1}
    assert repr(x) == "Tensor([[1., 2.],\n        [3., 4.]], shape=(2, 2), float32)"
    np.testing.assert_array_equal(np.asarray(x), x.data)
    with pytest.raises(ValueError, match=r"\(2, 2\) is neither true nor false"):
        bool(x == x)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        x.item()
    with pytest.raises(TypeError, match="no length"):
        list(Tensor(1.0))
    with pytest.raises(RuntimeError, match="module 06"):
        x.backward()
    with pytest.raises(TypeError):
        np.exp(x)


def test_a_tape_is_told_everything_and_can_run_backward() -> None:
    class Tape:
        def __init__(self) -> None:
            self.told: list[str] = []

        def __call__(self, operation: Operation, inputs: Any, options: Any, result: Tensor) -> None:
            self.told.append(operation.name)

        def backward(self, tensor: Tensor, gradient: Any) -> None:
            self.told.append("backward")

    x = Tensor([[1.0, 2.0]])
    operations = [v for v in vars(exported).values() if isinstance(v, Operation)]
    tape = Tape()
    before, Operation.tape = Operation.tape, tape
    try:
        (-(x + 1 - x) * 2 / 3) ** 2
        x @ x.T
        for name in ("sum", "mean", "max", "exp", "log", "sqrt"):
            getattr(x, name)()
        x.reshape(2)[0]
        for compare in (
            operator.eq,
            operator.ne,
            operator.lt,
            operator.le,
            operator.gt,
            operator.ge,
        ):
            compare(x, 1)
        x.backward()
    finally:
        Operation.tape = before
    assert {op.name for op in operations} | {"backward"} == set(tape.told)


def test_this_file_runs_the_repositorys_own_code() -> None:
    assert Path(os.path.realpath(str(exported.__file__))) == (
        REPOSITORY / "tinytorch" / "core" / "tensor.py"
    )
