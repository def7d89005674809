"""`perf/profiling.py`: counts by formula and by loops, times by a clock that the test moves."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import tinytorch as tt
from tinytorch.core.autograd import Function
from tinytorch.perf import profiling
from tinytorch.perf.profiling import (
    FLOPS,
    LayerProfile,
    layers_of,
    own_seconds,
    owner,
    watched,
)

sizes = st.integers(1, 4)


def profiled(model: Any, *inputs: Any, **options: Any) -> Any:
    """A profile that is after counts only: one step, not warmed up."""
    return tt.Profiler(model, repeats=1, warmup=0).run(*inputs, **options)


def flops_of(layer: Any, x: np.ndarray) -> int:
    return profiled(tt.Sequential(layer), x).total_flops


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(sizes, max_size=2), n=sizes, m=sizes, bias=st.booleans())
def test_linear(rows: list[int], n: int, m: int, bias: bool) -> None:
    count = 0
    for _ in range(math.prod(rows)):
        for _ in range(m):
            count += sum(2 for _ in range(n)) + bias
    assert flops_of(tt.Linear(n, m, bias=bias), numbers(*rows, n)) == count


@settings(max_examples=60, deadline=None)
@given(
    n=sizes,
    c=st.integers(1, 3),
    o=st.integers(1, 3),
    size=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.integers(0, 1),
    bias=st.booleans(),
)
def test_windows_are_counted_place_by_place(
    n: int, c: int, o: int, size: Any, kernel: Any, stride: Any, padding: int, bias: bool
) -> None:
    places = 0
    for r in range(0, size[0] + 2 * padding - kernel[0] + 1, stride[0]):
        for _ in range(0, size[1] + 2 * padding - kernel[1] + 1, stride[1]):
            assert r + kernel[0] <= size[0] + 2 * padding
            places += 1
    x = numbers(n, c, *size)
    layer = tt.Conv2d(c, o, kernel, stride=stride, padding=padding, bias=bias)
    each = c * kernel[0] * kernel[1]
    assert flops_of(layer, x) == n * o * places * (2 * each + bias)
    if 2 * padding <= min(kernel):
        largest, mean = (kind(kernel, stride, padding) for kind in (tt.MaxPool2d, tt.AvgPool2d))
        assert flops_of(largest, x) == n * c * places * (kernel[0] * kernel[1] - 1)
        assert flops_of(mean, x) == n * c * places * kernel[0] * kernel[1]


@pytest.mark.parametrize(
    ("layer", "each"),
    [
        (tt.ReLU(), 1), (tt.Step(), 1), (tt.Tanh(), 1), (tt.Sigmoid(), 4), (tt.GELU(), 9),
        (tt.Softmax(), 5), (tt.LogSoftmax(), 5), (tt.Dropout(0.5), 1), (tt.Dropout(0.0), 0),
        (tt.Flatten(), 0), (tt.LayerNorm(4), 7), (tt.PositionalEncoding(5, 4), 1),
    ],
    ids=repr,
)  # fmt: skip
def test_so_many_for_each_number(layer: Any, each: int) -> None:
    assert flops_of(layer, numbers(2, 3, 4)) == each * 24


def test_modes_differ() -> None:
    norm, dropout = tt.BatchNorm2d(3), tt.Dropout(0.5)
    assert flops_of(norm, numbers(2, 3, 4, 4)) == 7 * 96
    assert flops_of(norm.eval(), numbers(2, 3, 4, 4)) == 2 * 96
    assert flops_of(dropout.eval(), numbers(5, 6)) == 0
    assert flops_of(tt.Embedding(7, 4), np.array([[1, 2], [0, 6]])) == 0


@settings(max_examples=15, deadline=None)
@given(
    b=sizes,
    t=st.integers(1, 6),
    heads=st.integers(1, 3),
    width=st.integers(1, 3),
    layers=st.integers(0, 2),
    vocab=st.integers(2, 9),
    tied=st.booleans(),
)
def test_a_whole_gpt(
    b: int, t: int, heads: int, width: int, layers: int, vocab: int, tied: bool
) -> None:
    dim = heads * width
    model = tt.GPT(vocab, 6, dim, heads, layers, tie_weights=tied)
    words = b * t
    block = (
        2 * 12 * dim * dim * words  # the four matrices of a block
        + (3 + 1 + 4 + 1) * dim * words  # their biases
        + 4 * b * t * t * dim + 6 * b * heads * t * t  # attention
        + 2 * 7 * dim * words  # norms
        + 9 * 4 * dim * words  # GELU
        + 2 * dim * words  # what is added to x
    )  # fmt: skip
    expected = layers * block + dim * words + 7 * dim * words + 2 * dim * vocab * words
    tokens = np.random.default_rng(1).integers(0, vocab, size=(b, t))
    got = profiled(model, tokens)
    assert got.total_flops == expected
    assert got.parameters == sum(p.size for p in model.parameters())
    assert got.parameter_bytes == 4 * got.parameters
    assert sum(row.parameters for row in got.layers) == got.parameters
    assert all(row.counted for row in got.layers)


def test_what_has_no_rule_is_said_and_rules_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cube(tt.Layer):
        def forward(self, x: Any) -> Any:
            return x * x * x

    class Wide(tt.Linear):
        pass

    class Conv2d(tt.Layer):  # only the name is that of module 09's
        def forward(self, x: Any) -> Any:
            return x

    assert not profiled(tt.Sequential(Conv2d()), numbers(4, 3)).layers[1].counted
    x = numbers(4, 3)
    profile = profiled(tt.Sequential(Cube(), Wide(3, 2)), x)
    assert [row.counted for row in profile.layers] == [True, False, True]
    assert profile.total_flops == 4 * 2 * 7
    line = next(line for line in str(profile).splitlines() if "Cube" in line)
    assert "?" in line
    monkeypatch.setitem(FLOPS, "Cube", lambda layer, x, y: 2 * math.prod(y))
    assert profiled(tt.Sequential(Cube(), Wide(3, 2)), x).total_flops == 24 + 56


def test_shared_layers_and_tied_tensors_count_once() -> None:
    middle = tt.Linear(4, 4)
    profile = profiled(tt.Sequential(middle, tt.ReLU(), middle), numbers(5, 4))
    assert profile.parameters == 20
    row = profile.layers[1]
    assert (row.name, row.calls, row.parameters, row.flops) == ("0", 2, 20, 2 * 5 * 4 * 9)


def lenet() -> Any:
    return tt.Sequential(
        tt.Conv2d(1, 3, 3), tt.BatchNorm2d(3), tt.ReLU(), tt.MaxPool2d(2), tt.Flatten(),
        tt.Linear(27, 8), tt.Dropout(0.2), tt.GELU(), tt.Linear(8, 2),
    )  # fmt: skip


def test_a_model_is_left_as_it_was() -> None:
    model, x = lenet(), numbers(4, 1, 8, 8)
    model(x).sum().backward()
    state = model.state_dict()
    gradients = [p.grad for p in model.parameters()]
    kept = [p.grad.copy() for p in model.parameters()]
    attributes = [dict(vars(layer)) for _, layer in layers_of(model)]
    tt.Profiler(model).run(x)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)
    for parameter, gradient, copy in zip(model.parameters(), gradients, kept, strict=True):
        assert parameter.grad is gradient
        np.testing.assert_array_equal(gradient, copy)
    for (_, layer), before in zip(layers_of(model), attributes, strict=True):
        assert vars(layer).keys() == before.keys()
    assert not tracemalloc.is_tracing()


class Failing(Function):
    def forward(self, x: np.ndarray) -> np.ndarray:
        return x + 0

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        raise ArithmeticError("on the way back")


class Fragile(tt.Layer):
    def forward(self, x: Any) -> Any:
        return Failing.apply(x)


@pytest.mark.parametrize("where", ["there", "back"])
def test_and_after_errors_too(where: str) -> None:
    last = Fragile() if where == "back" else tt.Linear(5, 2)
    model = tt.Sequential(tt.Conv2d(1, 2, 3), tt.BatchNorm2d(2), tt.Flatten(), last)
    state = model.state_dict()
    with pytest.raises((ArithmeticError, ValueError)):
        tt.Profiler(model).run(numbers(2, 1, 5, 5))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)
    assert all(p.grad is None for p in model.parameters())
    assert not any("forward" in vars(layer) for _, layer in layers_of(model))
    assert not tracemalloc.is_tracing()


def test_watching_changes_no_number() -> None:
    x = numbers(4, 1, 8, 8)
    results = []
    for watch in (False, True):
        tt.manual_seed(3)
        model = lenet()
        if watch:
            around = profiling.Watch(profiling.now).around
            with watched(model, around):
                y = model(x)
                y.backward(np.ones_like(y.data))
        else:
            y = model(x)
            y.backward(np.ones_like(y.data))
        results.append([y.data, *(p.grad for p in model.parameters())])
    for bare, seen in zip(*results, strict=True):
        np.testing.assert_array_equal(bare, seen)


class Clock:
    """Moves only when it is told to; processor time goes at half of the speed."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> tuple[float, float]:
        return self.time, self.time / 2


class Timed(Function):
    def forward(self, x: np.ndarray, clock: Clock, there: float, back: float) -> np.ndarray:
        self.clock, self.back = clock, back
        clock.time += there
        return x * 1

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        self.clock.time += self.back
        return gradient


class Working(tt.Layer):
    """Takes a given time there and back, by a clock of ours, around what is inside it."""

    def __init__(self, clock: Clock, there: float, back: float, *inner: Any) -> None:
        self.clock, self.there, self.back, self.inner = clock, there, back, list(inner)

    def forward(self, x: Any) -> Any:
        x = Timed.apply(x, clock=self.clock, there=self.there, back=self.back)
        for layer in self.inner:
            x = layer(x)
        return Timed.apply(x, clock=self.clock, there=self.there, back=self.back)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), wants=st.booleans())
def test_each_layer_gets_its_own_time_to_the_second(data: st.DataObject, wants: bool) -> None:
    clock, expected = Clock(), {}

    def made(name: str, depth: int) -> Working:
        there, back = (float(data.draw(st.integers(0, 9))) for _ in range(2))
        expected[name] = 2 * there, 2 * back
        count = data.draw(st.integers(0, 3 if depth < 2 else 0))
        prefix = f"{name}." if name else ""
        return Working(
            clock, there, back, *(made(f"{prefix}inner.{i}", depth + 1) for i in range(count))
        )

    profile = tt.Profiler(made("", 0), repeats=2, clock=clock).run(
        tt.Tensor(numbers(3), requires_grad=True)
    )
    assert len(profile.layers) == len(expected)
    for row in profile.layers:
        assert (row.forward_seconds, row.backward_seconds) == expected[row.name], row.name
        np.testing.assert_array_equal(row.forward[:, 1], row.forward[:, 0] / 2)
    there, back = (sum(pair[i] for pair in expected.values()) for i in range(2))
    assert (profile.forward_seconds, profile.backward_seconds) == (there, back)
    assert profile.processor_seconds == (there + back) / 2
    np.testing.assert_array_equal(profile.bare, there + back)
    np.testing.assert_array_equal(profile.watched, there + back)
    assert profile.observer == 0


def test_layers_fed_with_data_are_never_left_and_still_measured() -> None:
    class Head(tt.Layer):
        def __init__(self, clock: Clock) -> None:
            self.clock = clock
            self.weight = tt.Tensor(np.ones(3, np.float32), requires_grad=True)

        def forward(self, x: Any) -> Any:
            assert self.weight.grad is None  # or adding to it would take time
            return Timed.apply(self.weight, clock=self.clock, there=2.0, back=5.0) * x

    clock = Clock()
    twice = Working(clock, 1.0, 3.0)
    model = tt.Sequential(Head(clock), twice, twice)
    profile = tt.Profiler(model, repeats=1, clock=clock).run(numbers(2, 3))
    found = {row.name: (row.forward_seconds, row.backward_seconds) for row in profile.layers}
    assert found == {"": (0, 0), "0": (2, 5), "1": (4, 12)}


def test_only_forward() -> None:
    profile = profiled(lenet(), numbers(4, 1, 8, 8), backward=False)
    assert profile.activation_bytes == profile.backward_seconds == 0
    assert profile.total_flops == profiled(lenet(), numbers(4, 1, 8, 8)).total_flops


@pytest.mark.parametrize("n", [1, 2, 8])
def test_activations_grow_with_the_batch_and_agree_with_tracemalloc(n: int) -> None:
    model, x = lenet(), numbers(64 * n, 1, 8, 8)
    one = profiled(model, numbers(64, 1, 8, 8)).activation_bytes
    profile = profiled(model, x)
    # batch-norm keeps three numbers a channel, whatever the batch
    assert abs(profile.activation_bytes - n * one) <= 3 * 4 * 3 * n
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = model(x)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert result.shape == (64 * n, 2)
    assert 0 <= grown - profile.activation_bytes < 0.05 * grown + 20_000  # nodes, tensors, ...
    assert profile.peak_bytes > profile.activation_bytes


def test_attention_keeps_its_weights_itself() -> None:
    model = tt.GPT(9, 16, 8, 2, 1)
    rows = {r.name: r for r in profiled(model, np.zeros((3, 16), dtype=np.int64)).layers}
    weights, output = 3 * 2 * 16 * 16 * 4, 3 * 16 * 8 * 4
    mask = 16 * 16
    got = rows["blocks.0.attention"].activation_bytes
    assert weights + output <= got <= weights + output + mask
    assert rows["blocks.0"].activation_bytes == 2 * output  # both sums
    assert rows["blocks.0.mlp"].activation_bytes == 0


def test_memory_is_found_behind_views() -> None:
    whole = np.zeros((4, 6), dtype=np.float32)
    windows = np.lib.stride_tricks.as_strided(whole, (2, 2), (4, 4))
    for view in (whole[1:], whole.T, whole.reshape(-1)[3:].reshape(3, 7), windows, whole[0][::2]):
        assert owner(view) is whole
    assert owner(whole) is whole


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_own_times_add_up(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    parents = [-1] + [data.draw(st.integers(-1, call - 1)) for call in range(1, count)]
    seconds = np.array([float(data.draw(st.integers(0, 99))) for _ in range(count)])
    own = own_seconds(seconds, parents)
    outermost = sum(s for s, parent in zip(seconds, parents, strict=True) if parent == -1)
    assert own.sum() == outermost


def test_no_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a Layer, got GELU"):
        tt.Profiler(tt.GELU())


def test_kinds_add_up_and_are_drawn() -> None:
    profile = tt.Profiler(lenet(), repeats=3).run(numbers(4, 1, 8, 8))
    kinds = profile.by_kind()
    assert {row.kind for row in kinds} == {row.kind for row in profile.layers}
    for field in ("parameters", "flops", "activation_bytes", "calls"):
        total = sum(getattr(row, field) for row in profile.layers)
        assert sum(getattr(row, field) for row in kinds) == total, field
    linear = next(row for row in kinds if row.kind == "Linear")
    own = [row for row in profile.layers if row.kind == "Linear"]
    np.testing.assert_allclose(linear.forward, sum(row.forward for row in own))
    assert len(profile.table().splitlines()) == len(profile.layers) + 3
    assert len(profile.table(kinds).splitlines()) == len(kinds) + 3
    axis = Figure().subplots()
    profile.draw(axis, most=4)
    assert len(axis.get_yticklabels()) == 4
    assert len(axis.patches) == 12


def test_intensity_of_a_layer_without_traffic_is_zero() -> None:
    assert LayerProfile("a", "b").intensity == 0
    row = profiled(tt.Sequential(tt.Linear(4, 3)), numbers(5, 4)).layers[1]
    assert row.moved_bytes == 4 * (20 + 15 + 15)
    assert row.intensity == row.flops / row.moved_bytes
