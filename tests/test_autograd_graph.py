"""Module 06: the graph. Its size, its memory, its types, and when it is recorded."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinytorch.core import activations, losses
from tinytorch.core.autograd import no_grad, tape
from tinytorch.core.layers import Dropout, Linear, Sequential, manual_seed
from tinytorch.core.tensor import Operation, Tensor, operation


@pytest.fixture(autouse=True, scope="module")
def _recording() -> Iterator[None]:
    """Other tests put tapes of their own in place."""
    before, Operation.tape = Operation.tape, tape
    yield
    Operation.tape = before


def leaf(array: Any) -> Tensor:
    return Tensor(array, requires_grad=True)


# the walk


def test_a_chain_of_100_000_operations() -> None:
    y = x = leaf([1.0])
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_a_long_chain_is_dropped_without_harm() -> None:
    """One that nobody walked, too: letting go of it must not recurse either."""
    y = leaf([1.0])
    for _ in range(100_000):
        y = y * 1.0
    del y


def test_a_diamond_of_depth_60() -> None:
    visits = []

    def rule(g: Any, y: Any, a: Any) -> Any:
        visits.append(1)
        assert len(visits) <= 60
        return g * 0.5

    half = operation(lambda a: a * 0.5)
    half.derivative = (rule,)
    y = x = leaf([1.0])
    for _ in range(60):
        y = half(y)
        y = y + y
    y.backward()
    assert (x.grad.tolist(), len(visits)) == ([1.0], 60)


def test_a_tensor_used_in_many_places_and_at_many_depths() -> None:
    x = leaf(np.array([3.0]))
    square = x * x
    (square + square * x * square + x).backward()  # x^2 + x^5 + x
    assert x.grad.tolist() == [6 + 5 * 81 + 1]


def test_gradients_accumulate_in_new_arrays() -> None:
    x = leaf([1.0, 2.0])
    (x * 3.0).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert (first.tolist(), x.grad.tolist()) == ([3.0, 3.0], [5.0, 7.0])
    x.backward([1.0, 1.0])  # a leaf's own backward
    assert x.grad.tolist() == [6.0, 8.0]


@pytest.mark.parametrize(
    "together",
    [
        lambda a, b: a + b,
        lambda a, b: a.T + b.T,
        lambda a, b: a.reshape(-1) + b.reshape(-1),
        lambda a, b: (a + b) + (a + b),
        lambda a, b: a.sum() + b.sum(),
        lambda a, b: a.sum(axis=0) + b.sum(axis=0),
        lambda a, b: a + b.T,
    ],
)
def test_no_two_leaves_share_a_gradient(together: Any) -> None:
    a, b = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    result = together(a, b)
    start = np.ones(result.shape)
    result.backward(start)
    for one, other in ((a.grad, b.grad), (a.grad, start), (b.grad, start)):
        assert not np.shares_memory(one, other)
    a.grad[0, 0] = 5  # an array of its own, that can be written to
    assert start.max() == 1


def test_a_transposed_weight_gets_a_gradient_in_its_own_layout() -> None:
    weight = leaf(np.ones((3, 5), dtype=np.float32))
    for x in (np.ones((4, 5)), np.ones((2, 4, 5))):
        weight.grad = None
        (Tensor(x.astype(np.float32)) @ weight.T).sum().backward()
        assert weight.grad.flags.c_contiguous


def test_the_graph_is_freed_and_a_second_backward_raises() -> None:
    x = leaf(np.ones(10))
    middle = x * 2.0
    gone = weakref.ref(middle.data)
    loss = (middle * middle).sum()
    del middle
    assert gone() is not None
    loss.backward()
    assert gone() is None  # without the help of the cycle collector
    with pytest.raises(RuntimeError, match="freed"):
        loss.backward()
    shared = x * 1.0
    (shared * 2.0).sum().backward()
    with pytest.raises(RuntimeError, match="compute the result again"):
        (shared * 3.0).sum().backward()


def test_a_thousand_training_steps_need_no_more_memory() -> None:
    manual_seed(0)
    model = Sequential(Linear(64, 32), activations.ReLU(), Dropout(0.1), Linear(32, 10))
    loss_fn, rng = losses.CrossEntropyLoss(), np.random.default_rng(0)
    images, labels = rng.random((64, 64), dtype=np.float32), rng.integers(0, 10, 64)

    def train(steps: int) -> None:
        for _ in range(steps):
            loss = loss_fn(model(Tensor(images)), Tensor(labels))
            loss.backward()
            for parameter in model.parameters():
                parameter.data -= 0.1 * parameter.grad
                parameter.grad = None

    train(20)
    gc.collect()
    gc.disable()  # nothing may wait for the cycle collector
    tracemalloc.start()
    try:
        train(20)
        before = tracemalloc.get_traced_memory()[0]
        train(1000)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 50_000
    assert peak - before < 2_000_000


# types


def test_float32_stays_float32() -> None:
    seen = set()

    def rule(g: Any, y: Any, a: Any) -> Any:
        seen.add(g.dtype)
        return g

    probe = operation(lambda a: a + 0)
    probe.derivative = (rule,)
    x = leaf(np.array([[0.5, 1.5], [2.5, 3.5]], dtype=np.float32))
    functions = (
        lambda x: 2**x / 3 - x**-1,
        lambda x: x.exp().log() * x.sqrt(),
        lambda x: x @ x.T,
        lambda x: x.mean(),
        lambda x: x.max(axis=0),
        lambda x: x[[0, 0]],
        activations.gelu,
        activations.softmax,
        lambda x: losses.cross_entropy(x, Tensor(np.array([0, 1]))),
    )
    for function in functions:
        x.grad = None
        probe(function(probe(x)) * np.float64(2)).sum().backward()
        assert x.grad.dtype == np.float32
    (x * Tensor(np.ones(2))).sum().backward()  # beside float64 data
    assert x.grad.dtype == np.float32
    assert seen == {np.dtype(np.float32)}
    wide = leaf(np.ones(2))
    (wide * 2.0).sum().backward()
    assert wide.grad.dtype == np.float64


def test_what_cannot_be_differentiated_says_so() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        Tensor([1.0]).backward()
    with pytest.raises(RuntimeError, match=r"shape \(2,\)"):
        (x * 2.0).backward()
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        (x * 2.0).backward([1.0, 1.0, 1.0])

    def odd_one(a: Any) -> Any:
        return a + 0

    odd = operation(odd_one)
    with pytest.raises(RuntimeError, match="odd_one has no rule for its input 0"):
        odd(x).sum().backward()
    assert (x > 1.0).node is None
    whole = Tensor(np.array([1, 2]), requires_grad=True)
    with pytest.raises(RuntimeError, match="int64 cannot have a gradient"):
        (whole * 0.5).sum().backward()


# recording


def test_no_grad_nests_survives_exceptions_and_decorates() -> None:
    x = leaf([1.0])

    def recorded() -> bool:
        return (x + 1.0).node is not None

    with no_grad():
        with no_grad():
            assert not recorded()
        with pytest.raises(KeyError), no_grad():
            raise KeyError
        assert not recorded()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert recorded()

    @no_grad()
    def again(depth: int) -> bool:
        return recorded() or (depth > 0 and again(depth - 1))

    assert not again(3)
    assert recorded()
    paused = no_grad()
    with paused, paused:
        assert not recorded()
    assert tape.recording
    assert Operation.tape is tape


def test_the_walk_does_not_recurse() -> None:
    frame, used = sys._getframe(), 0
    while frame is not None:
        used, frame = used + 1, frame.f_back
    y = x = leaf([1.0])
    for _ in range(1000):
        y = y * 1.0
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(used + 200)  # a recursive walk would need a thousand
    try:
        y.backward()
    finally:
        sys.setrecursionlimit(limit)
    assert x.grad.tolist() == [1.0]


def test_no_grad_in_another_thread_leaves_this_one_recording() -> None:
    inside, leave = threading.Event(), threading.Event()

    def elsewhere() -> None:
        with no_grad():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=elsewhere)
    other.start()
    try:
        assert inside.wait(10)
        x = Tensor([2.0], requires_grad=True)
        (x * x).sum().backward()
    finally:
        leave.set()
        other.join()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0]
