"""Modules 02 and 03 against numpy, on random shapes, numbers and nested models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch.core import activations
from tinytorch.core.layers import (
    Dropout,
    Flatten,
    Layer,
    Linear,
    Sequential,
    manual_seed,
    named_tensors,
)
from tinytorch.core.tensor import Operation, Tensor


def numbers(size: float, shape: Any = None, dtype: Any = None) -> st.SearchStrategy[Any]:
    shape = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4) if shape is None else shape
    dtype = st.sampled_from([np.float32, np.float64]) if dtype is None else dtype
    return hnp.arrays(dtype, shape, elements=st.floats(-size, size, width=32))


@settings(deadline=None)
@given(numbers(1e6), st.sampled_from(["step", "sigmoid", "relu", "tanh", "gelu"]))
def test_elementwise_functions_stay_finite_keep_type_and_range(x: Any, name: str) -> None:
    bounds = {"step": (0, 1), "sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 1e6)}
    low, high = bounds.get(name, (-0.2, 1e6))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = getattr(activations, name)(Tensor(x))
    assert got.dtype == x.dtype
    assert got.shape == x.shape
    assert (got.data >= low).all()
    assert (got.data <= high).all()


@settings(deadline=None)
@given(numbers(1e4), st.data())
def test_softmax_is_a_share_and_ignores_a_shift(x: Any, data: Any) -> None:
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        shares = activations.softmax(Tensor(x), axis=axis).data
        logs = activations.log_softmax(Tensor(x), axis=axis).data
    assert shares.dtype == logs.dtype == x.dtype
    np.testing.assert_allclose(shares.sum(axis=axis), 1, atol=1e-5)
    np.testing.assert_allclose(np.exp(logs), shares, atol=2e-3 if x.dtype == np.float32 else 1e-9)
    assert np.isfinite(logs).all()
    wide = x.astype(np.float64)
    moved = activations.softmax(Tensor(wide + 64), axis=axis).data
    np.testing.assert_allclose(moved, activations.softmax(Tensor(wide), axis=axis).data, atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 9))
def test_linear_is_numpys(n: int, inputs: int, outputs: int, bias: bool, seed: int) -> None:
    manual_seed(seed)
    layer = Linear(inputs, outputs, bias=bias)
    x = np.random.default_rng(seed).normal(size=(2, n, inputs)).astype(np.float32)
    expected = x @ layer.weight.data.T + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(layer(x).data, expected, atol=1e-5, strict=True)
    with pytest.raises(ValueError, match=rf"last axis is {inputs}, got shape \(2, {inputs + 1}\)"):
        layer(Tensor(np.zeros((2, inputs + 1), dtype=np.float32)))


TREES = st.recursive(
    st.sampled_from(["linear", "relu", "dropout"]), lambda t: st.lists(t, max_size=3), max_leaves=8
)


def grown(tree: Any) -> Any:
    if isinstance(tree, list):
        return Sequential(*(grown(branch) for branch in tree))
    made = {"linear": lambda: Linear(3, 3), "relu": activations.ReLU, "dropout": Dropout}
    return made[tree]()


@settings(deadline=None)
@given(st.lists(TREES, max_size=4))
def test_any_tree_of_layers_saves_loads_and_switches(tree: Any) -> None:
    model, other = grown(tree), grown(tree)
    linears = str(tree).count("linear")
    assert len(model.parameters()) == len(model.state_dict()) == 2 * linears
    other.load_state_dict(model.state_dict())
    x = np.ones((2, 3), dtype=np.float32)
    np.testing.assert_array_equal(model.eval()(Tensor(x)).data, other.eval()(Tensor(x)).data)
    if linears:
        name = named_tensors(model)[0][0]
        with pytest.raises(ValueError, match=f"{name} is missing"):
            model.load_state_dict({n: v for n, v in model.state_dict().items() if n != name})


def test_operations_reach_the_tape() -> None:
    """Module 06 sees every activation and everything inside Linear and Dropout."""
    told: list[str] = []

    class Tape:
        def __call__(self, operation: Operation, inputs: Any, options: Any, result: Tensor) -> None:
            told.append(operation.name)

    names = ["step", "sigmoid", "relu", "tanh", "gelu", "softmax", "log_softmax"]
    before, Operation.tape = Operation.tape, Tape()
    try:
        for name in names:
            getattr(activations, name)(Tensor([[1.0, 2.0]]))
        assert told == names
        told.clear()
        Sequential(Linear(2, 2), Dropout(0.5), Flatten())(Tensor([[1.0, 2.0]]))
    finally:
        Operation.tape = before
    assert told == ["transpose", "matmul", "add", "mul", "reshape"]


def test_mistakes_of_use_are_named() -> None:
    with pytest.raises(ValueError, match="at least one input"):
        Linear(0, 3)
    with pytest.raises(ValueError, match="0 <= p < 1"):
        Dropout(1.0)
    with pytest.raises(TypeError, match=r"Sequential\(a, b\); got list"):
        Sequential([Linear(1, 1)])
    with pytest.raises(NotImplementedError, match="Layer has no forward"):
        Layer()(Tensor([1.0]))
    with pytest.raises(NotImplementedError, match="Activation has no forward"):
        activations.Activation()(Tensor([1.0]))
