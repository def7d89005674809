"""Module 06: every derivative against finite differences, on random shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch.core import activations, losses
from tinytorch.core.autograd import Function, gradcheck, tape, unbroadcast
from tinytorch.core.layers import Dropout, Flatten, Linear, Sequential, manual_seed
from tinytorch.core.tensor import Operation, Tensor

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)
PAIRS = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)
SEEDS = st.integers(0, 2**32 - 1)
some = settings(deadline=None, max_examples=60)

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "neg": lambda x: -x,
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "sqrt": lambda x: x.sqrt(),
    "square": lambda x: x**2,
    "root": lambda x: x**0.5,
    "inverse": lambda x: x**-1,
    "less": lambda x: 3 - x,
    "over": lambda x: 2 / x,
    "power": lambda x: 2**x,
}


@pytest.fixture(autouse=True, scope="module")
def _recording() -> Iterator[None]:
    """Other tests put tapes of their own in place."""
    before, Operation.tape = Operation.tape, tape
    yield
    Operation.tape = before


def positive(seed: int, *shape: int) -> Any:
    """Numbers from 1/2 to 2, where every operation has a slope."""
    return np.random.default_rng(seed).uniform(0.5, 2, size=shape)


def apart(seed: int, *shape: int) -> Any:
    """Numbers of both signs, all different and none near 0: away from every corner."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    distinct = rng.permutation(size) / max(size, 1) - 0.5
    return (distinct + 0.3 * np.sign(distinct + 1e-9)).reshape(shape)


def leaf(array: Any) -> Tensor:
    return Tensor(array, requires_grad=True)


# derivatives


@some
@given(PAIRS, SEEDS, st.sampled_from(sorted(ARITHMETIC)))
def test_arithmetic_broadcast(pair: Any, seed: int, name: str) -> None:
    first, second = pair.input_shapes
    assert gradcheck(ARITHMETIC[name], [positive(seed, *first), positive(seed + 1, *second)])


@some
@given(SHAPES, SEEDS, st.sampled_from(sorted(ELEMENTWISE)))
def test_elementwise(shape: Any, seed: int, name: str) -> None:
    assert gradcheck(ELEMENTWISE[name], [positive(seed, *shape)])


@some
@given(hnp.mutually_broadcastable_shapes(signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2), SEEDS)
def test_matmul(shapes: Any, seed: int) -> None:
    first, second = shapes.input_shapes
    arrays = [apart(seed, *first), apart(seed + 1, *second)]
    assert gradcheck(lambda a, b: a @ b, arrays)
    if len(second) > 1:  # the same factor, laid out the other way round in memory
        turned = [arrays[0], np.swapaxes(arrays[1], -1, -2)]
        assert gradcheck(lambda a, b: a @ b.T, turned)


@st.composite
def reductions(draw: Any) -> Any:
    shape = draw(hnp.array_shapes(max_dims=3, max_side=4))
    axes = st.integers(-len(shape), len(shape) - 1)
    some_axes = st.lists(axes, unique_by=lambda a: a % len(shape), min_size=1).map(tuple)
    return shape, draw(st.one_of(st.none(), axes, some_axes)), draw(st.booleans())


@some
@given(reductions(), SEEDS, st.sampled_from(["sum", "mean", "max"]))
def test_reductions(reduction: Any, seed: int, name: str) -> None:
    shape, axis, keepdims = reduction
    assert gradcheck(
        lambda x: getattr(x, name)(axis=axis, keepdims=keepdims), [apart(seed, *shape)]
    )


@some
@given(hnp.array_shapes(min_dims=2, max_dims=3, max_side=4), SEEDS, st.data())
def test_shapes_and_indexing(shape: Any, seed: int, data: Any) -> None:
    x = apart(seed, *shape)
    axes = st.integers(-len(shape), len(shape) - 1)
    first, second = data.draw(axes), data.draw(axes)
    assert gradcheck(lambda x: x.transpose(first, second).reshape(-1), [x])
    basic = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    assert gradcheck(lambda x: x[basic], [x])
    repeated = data.draw(hnp.integer_array_indices(shape))
    assert gradcheck(lambda x: x[repeated], [x])
    assert gradcheck(lambda x: x[x.data > 0], [x])


@some
@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), SEEDS, st.data())
def test_activations(shape: Any, seed: int, data: Any) -> None:
    x = 3 * apart(seed, *shape)
    for name in ("step", "relu", "sigmoid", "tanh", "gelu"):
        assert gradcheck(getattr(activations, name), [x])
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    for made in (activations.Softmax(axis), activations.LogSoftmax(axis)):
        assert gradcheck(made, [x])


@some
@given(
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=4),
    SEEDS,
    st.sampled_from([0.0, 0.1, 0.5]),
)
def test_losses(shape: Any, seed: int, smoothing: float) -> None:
    x = apart(seed, *shape)
    assert gradcheck(losses.mse, [x, apart(seed + 1, *shape)])
    shares = [np.random.default_rng(seed + i).uniform(0.1, 0.9, size=shape) for i in range(2)]
    assert gradcheck(losses.binary_cross_entropy, shares)
    labels = Tensor(np.random.default_rng(seed).integers(0, shape[-1], size=shape[:-1]))
    loss = losses.CrossEntropyLoss(label_smoothing=smoothing)
    assert gradcheck(lambda x: loss(x, labels), [5 * x])


@some
@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 4), st.integers(1, 4), SEEDS)
def test_layers(batch: list[int], inputs: int, outputs: int, seed: int) -> None:
    """By the input, and by every parameter of a network that holds all layers of module 03."""
    x = apart(seed, *batch, inputs)
    manual_seed(seed)
    layer, drop = Linear(inputs, outputs), Dropout(0.5)
    weight, bias = (p.data.astype(np.float64) for p in layer.parameters())

    def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        layer.weight, layer.bias = w, b
        manual_seed(seed)  # the same mask every time
        return drop(layer(x)) * 2.0

    assert gradcheck(linear, [x, weight, bias])
    model = Sequential(Flatten(), Linear(2 * inputs, outputs), activations.Tanh())
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    assert gradcheck(model, [apart(seed, 3, 2, inputs)])


@some
@given(PAIRS, SEEDS)
def test_unbroadcast_adds_up_what_broadcasting_repeated(pair: Any, seed: int) -> None:
    large = np.broadcast_shapes(*pair.input_shapes)
    gradient = np.random.default_rng(seed).normal(size=large)
    for shape in pair.input_shapes:
        places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), large)
        expected = np.bincount(places.ravel(), gradient.ravel(), minlength=int(np.prod(shape)))
        got = unbroadcast(gradient, shape)
        np.testing.assert_allclose(got, expected.reshape(shape), atol=1e-12, strict=True)


# operations of one's own


class Affine(Function):
    def forward(self, a: Any, b: Any, scale: float = 1.0) -> Any:
        self.kept = (a, b, scale)
        return a * b * scale

    def backward(self, gradient: Any) -> Any:
        a, b, scale = self.kept
        left = gradient * b * scale if self.needs[0] else None
        return left, gradient * a * scale if self.needs[1] else None


class Forgetful(Affine):
    def backward(self, gradient: Any) -> Any:
        return gradient


@some
@given(PAIRS, SEEDS)
def test_a_function_goes_its_own_way_back(pair: Any, seed: int) -> None:
    a, b = (positive(seed + i, *shape) for i, shape in enumerate(pair.input_shapes))
    assert gradcheck(lambda a, b: Affine.apply(a, b, scale=3.0) * 1.0, [a, b])
    left = leaf(a)
    Affine.apply(left, b).sum().backward()
    assert left.grad.shape == a.shape
    with pytest.raises(RuntimeError, match="1 gradients for 2 inputs"):
        Forgetful.apply(left, b).sum().backward()


def test_gradcheck_names_what_is_wrong() -> None:
    class Wrong(Affine):
        def backward(self, gradient: Any) -> Any:
            left, right = super().backward(gradient)
            right = right.copy()
            right[1] *= 1.001
            return left, right

    with pytest.raises(AssertionError, match=r"input 1, element \(1,\): backward says .* nudging"):
        gradcheck(Wrong.apply, [positive(0, 3), positive(1, 3)])
