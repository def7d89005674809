"""`perf/quantization.py` on random tensors: the bound, exact sums, trees, files, what it keeps."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinytorch
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Flatten, Layer, Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d
from tinytorch.core.transformers import GPT
from tinytorch.perf import quantization
from tinytorch.perf.quantization import (
    Grid,
    QuantizedLinear,
    QuantizedWeight,
    affine_grid,
    calibrate,
    dequantize,
    integer_product,
    layer_errors,
    load,
    quantize,
    quantize_model,
    replaced,
    save,
    size_in_memory,
    symmetric_grid,
)

Tensor = tinytorch.Tensor
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 6)
LARGE = float(np.float32(1e30))
numbers = st.floats(-LARGE, LARGE, width=32)
# half a step, and what float32 itself cannot resolve at 255 steps
HALF = 0.5 + 1e-4


@settings(max_examples=300, deadline=None)
@given(x=hnp.arrays(np.float32, hnp.array_shapes(max_dims=3), elements=numbers))
def test_no_number_in_range_moves_by_more_than_half_a_scale(x: Any) -> None:
    grid = affine_grid(float(x.min()), float(x.max()))
    q = quantize(x, grid)
    back = dequantize(q, grid)
    assert q.dtype == np.int8
    assert back.dtype == np.float32
    assert q.shape == back.shape == x.shape
    error = np.abs(back.astype(np.float64) - x) / float(grid.scale)
    assert error.max() <= HALF
    assert dequantize(quantize(np.zeros(1, np.float32), grid), grid)[0] == 0


@settings(max_examples=200, deadline=None)
@given(
    low=numbers,
    width=st.floats(0, LARGE, width=32),
    beyond=st.floats(0, 5, width=32),
)
def test_what_is_beyond_the_range_becomes_its_end(low: float, width: float, beyond: float) -> None:
    high = low + width
    grid = affine_grid(low, high)
    ends = dequantize(np.array([-128, 127], dtype=np.int8), grid).astype(np.float64)
    assert ends[0] <= 0 <= ends[1]
    reach = (max(high, 0) - min(low, 0)) * (1 + beyond)
    outside = np.array([ends[0] - reach, ends[1] + reach], dtype=np.float32)
    assume(np.isfinite(outside).all())
    np.testing.assert_array_equal(dequantize(quantize(outside, grid), grid), ends.astype("f4"))


@settings(max_examples=200, deadline=None)
@given(
    weight=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4), elements=numbers),
    per_channel=st.booleans(),
)
def test_weights_stay_within_half_a_scale_of_their_own_grid(weight: Any, per_channel: bool) -> None:
    grid = symmetric_grid(weight, per_channel)
    q = quantize(weight, grid)
    error = np.abs(dequantize(q, grid).astype(np.float64) - weight) / grid.scale.astype(np.float64)
    assert error.max() <= HALF
    assert q.min() >= -127
    wanted = len(weight) if per_channel else 1
    assert grid.scale.shape == grid.zero.shape == (wanted,) + (1,) * (weight.ndim - 1)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 4), m=st.integers(0, 4), k=st.integers(0, 5000), seed=seeds, far=st.booleans()
)
def test_products_of_integers_are_exact(n: int, m: int, k: int, seed: int, far: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(120 if far else -128, 128, size=(r, k)).astype(np.int8) for r in (n, m))
    got = integer_product(a, b)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, a.astype(np.int64) @ b.astype(np.int64).T)


def test_the_largest_sum_of_one_piece_is_exact() -> None:
    low = np.full((1, quantization.EXACT), -128, dtype=np.int8)
    odd = low.copy()
    odd[0, 0] = -127
    assert integer_product(low, low)[0, 0] == 2**24
    assert integer_product(low, odd)[0, 0] == 2**24 - 128


@settings(max_examples=100, deadline=None)
@given(
    inputs=st.integers(1, 40),
    outputs=sizes,
    lead=st.lists(sizes, max_size=2),
    size=st.sampled_from([1e-3, 1.0, 1e3]),
    shift=st.sampled_from([-3.0, 0.0, 0.7]),
    known=st.booleans(),
    per_channel=st.booleans(),
    bias=st.booleans(),
    seed=seeds,
)
def test_a_linear_errs_no_more_than_rounding_explains(
    inputs: int,
    outputs: int,
    lead: list[int],
    size: float,
    shift: float,
    known: bool,
    per_channel: bool,
    bias: bool,
    seed: int,
) -> None:
    tinytorch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    linear = Linear(inputs, outputs, bias=bias)
    x = (size * (rng.normal(size=(*lead, inputs)) + shift)).astype(np.float32)
    low, high = float(x.min()), float(x.max())
    layer = QuantizedLinear(linear, (low, high) if known else None, per_channel)
    got = layer(Tensor(x))
    assert got.dtype == np.float32
    assert not got.requires_grad
    weight = linear.weight.data.astype(np.float64)
    exact = x.astype(np.float64) @ weight.T + (linear.bias.data if bias else 0)
    half_x = (max(high, 0) - min(low, 0)) / 510
    half_w = np.broadcast_to(layer.scale.data.astype(np.float64), (outputs, 1))[:, 0] / 2
    bound = half_w * np.abs(x).sum(axis=-1, keepdims=True)
    bound = bound + half_x * (np.abs(weight).sum(axis=1) + inputs * half_w)
    slack = 1e-5 * (np.abs(exact).max() + np.abs(x).max() * np.abs(weight).sum(axis=1).max())
    assert (np.abs(got.data - exact) <= bound * 1.001 + slack).all()
    np.testing.assert_array_equal(layer.weight.data, layer.codes.data * layer.scale.data)


def test_ranges_that_are_none_are_refused() -> None:
    for low, high in ((1.0, -1.0), (0.0, math.inf), (math.nan, 1.0), (-math.inf, 0.0)):
        with pytest.raises(ValueError, match="finite"):
            affine_grid(low, high)
    with pytest.raises(ValueError, match="percent"):
        quantization.central_range(np.ones(3), 0)
    layer = QuantizedLinear(Linear(3, 2))
    with pytest.raises(ValueError, match="finite"):
        layer(Tensor(np.array([[1, np.nan, 0]], dtype=np.float32)))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        layer(Tensor(np.ones((2, 4), dtype=np.float32)))


def test_percent_leaves_out_both_ends_alike() -> None:
    x = np.arange(1001, dtype=np.float32).reshape(7, -1) - 500
    assert quantization.central_range(x, 90) == (-450.0, 450.0)
    watch = quantization.Watch()
    for part in x:
        watch.see(part)
    assert watch.range(90) == (-450.0, 450.0)
    assert watch.range(100) == (-500.0, 500.0)


class Net(Layer):
    """Lists, layers in layers, one layer in two places, a tensor of its own, other things."""

    def __init__(self) -> None:
        self.start = Sequential(Conv2d(1, 3, 3), BatchNorm2d(3), Flatten())
        self.rows = [Linear(12, 8), Linear(8, 8, bias=False)]
        self.again = self.rows[1]
        self.gain = Tensor(np.ones(8, dtype=np.float32), requires_grad=True)
        self.name, self.nothing, self.table = "net", None, {"a": 1}

    def forward(self, x: Any) -> Any:
        x = self.start(x)
        for row in self.rows:
            x = row(x)
        return self.again(x) * self.gain


def test_a_tree_is_copied_and_the_model_is_left_as_it_was() -> None:
    tinytorch.manual_seed(3)
    rng = np.random.default_rng(3)
    net = Net()
    x = rng.normal(size=(20, 1, 4, 4)).astype(np.float32)
    net(Tensor(x)).sum().backward()  # running statistics, gradients
    before = net.state_dict()
    grads = [p.grad.copy() for p in net.parameters()]
    small = quantize_model(net, [x])
    assert [type(layer) for layer in small.rows] == [QuantizedLinear, QuantizedLinear]
    assert small.again is small.rows[1]
    assert isinstance(small.start[0], QuantizedWeight)
    assert small.table is net.table
    assert small.parameters() == []
    assert net.training
    assert net.start[1].training
    assert "training" not in vars(net.rows[0])
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for parameter, grad in zip(net.parameters(), grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, grad)
    net.eval()
    exact = net(Tensor(x)).data
    with no_grad():
        assert np.abs(small(Tensor(x)).data - exact).max() < 0.03 * np.abs(exact).max()
    said = small(Tensor(x)).data
    assert np.array_equal(replaced(net, lambda name, layer: None)(Tensor(x)).data, exact)
    for tensor in (net.gain, net.start[1].running_var, net.rows[0].bias):
        tensor.data += 1  # training goes on, and the copy does not follow
    assert np.array_equal(small(Tensor(x)).data, said)


def test_calibration_listens_to_all_batches_and_to_tuples() -> None:
    model = Sequential(Linear(4, 3))
    x = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    assert calibrate(model, x) == {"0": (0.0, 23.0)}
    assert calibrate(model, [(Tensor(b), np.zeros(2)) for b in x]) == {"0": (0.0, 23.0)}
    assert calibrate(model[0], x) == {"": (0.0, 23.0)}
    assert quantize_model(model, {"0": (0.0, 51.0)})[0].input_scale.item() == np.float32(0.2)


def test_a_subclass_with_a_forward_of_its_own_is_not_replaced() -> None:
    class Doubling(Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 2

    model = Sequential(Doubling(3, 3), Linear(3, 3))
    small = quantize_model(model)
    assert type(small[0]) is Doubling
    assert type(small[1]) is QuantizedLinear


@pytest.mark.parametrize("tied", [False, True])
def test_a_language_model_writes_with_int8(tied: bool) -> None:
    tinytorch.manual_seed(5)
    model = GPT(40, 8, 32, 4, 2, tie_weights=tied)
    tokens = np.random.default_rng(5).integers(0, 40, size=(6, 8))
    small = quantize_model(model, [tokens])
    assert isinstance(small.token_embedding, QuantizedWeight)
    exact = model(tokens).data
    assert np.abs(small(tokens).data - exact).max() < 0.1 * np.abs(exact).max()
    assert len(small.generate([1, 2], 12, seed=1)) == 14
    errors = layer_errors(model, small, tokens)
    names = {n.removesuffix(".codes") for n in small.state_dict() if n.endswith(".codes")}
    assert set(errors) == names
    assert 0 < max(errors.values()) < 0.2


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_what_is_saved_and_loaded_is_the_same_model(
    tmp_path: Path, per_channel: bool, calibrated: bool
) -> None:
    tinytorch.manual_seed(6)
    net = Net()
    x = np.random.default_rng(6).normal(size=(9, 1, 4, 4)).astype(np.float32)
    small = quantize_model(net, [x] if calibrated else None, per_channel)
    path = tmp_path / "net.npz"
    assert save(small, path) == path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]
    tinytorch.manual_seed(7)
    back = load(path, Net())
    assert np.array_equal(back(Tensor(x)).data, small(Tensor(x)).data)
    for name, array in back.state_dict().items():
        assert array.dtype == small.state_dict()[name].dtype, name
    save(net, path)
    plain = load(path, Net())
    assert np.array_equal(plain(Tensor(x)).data, net.eval()(Tensor(x)).data)
    with pytest.raises(ValueError, match="does not fit"):
        load(path, Sequential(Linear(3, 3)))


def test_it_is_smaller_at_rest_and_as_a_file(tmp_path: Path) -> None:
    model = Sequential(Linear(512, 512), Linear(512, 512))
    small = quantize_model(model)
    assert size_in_memory(model) / size_in_memory(small) > 3.9
    large, little = (save(net, tmp_path / "m.npz") for net in (model, small))
    assert large / little > 3.5
    tracemalloc.start()
    copy = quantize_model(model)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1.1 * size_in_memory(copy) + 20_000


def test_tables_are_unfolded_row_by_row() -> None:
    table = Embedding(6, 3)
    table.weight.data[2] *= 1000
    small = QuantizedWeight(table)
    tokens = np.array([[0, 5], [2, 2]])
    got = small(tokens).data
    step = np.abs(table.weight.data).max(axis=1) / 127
    assert (np.abs(got - table.weight.data[tokens]).max(axis=-1) <= step[tokens] * HALF).all()
    with pytest.raises(ValueError, match="outside"):
        small(np.array([6]))


def test_grids_broadcast() -> None:
    grid = Grid(np.float32([[1], [10]]), np.int8([[0], [5]]))
    q = quantize(np.float32([[20, -4], [20, -40]]), grid)
    assert q.tolist() == [[20, -4], [7, 1]]
    assert dequantize(q, grid).tolist() == [[20, -4], [20, -40]]
