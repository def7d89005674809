"""Checkpoint 09, optimizers: the exported `tinytorch/core/optimizers.py` against closed forms.

The notebook's own tests repeat each formula in a loop, step by step. These know the result of many
steps without taking them: powers of a factor, and sums over the whole history in float64.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _parameter(values: Array) -> Any:
    return _student().Tensor(values.astype(np.float32), requires_grad=True)


def _history(seed: int, steps: int, *shape: int) -> Array:
    """Gradients of very different sizes, one set for each step."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-2, 1, size=shape)
    return (rng.normal(size=(steps, *shape)) * sizes).astype(np.float32)


def _follow(optimizer: Any, parameter: Any, gradients: Array) -> Array:
    """Feed the gradients to the optimizer; where the parameter ends. Checks what must stay."""
    array = parameter.data
    for gradient in gradients:
        held = gradient.copy()
        parameter.grad = held
        optimizer.step()
        assert np.array_equal(held, gradient), (
            f"{type(optimizer).__name__} changed a gradient in place; others may still need it"
        )
    assert parameter.data is array, (
        f"{type(optimizer).__name__}: expected the parameter to keep its own array, it got a new "
        "one: the model would go on with the old"
    )
    assert array.dtype == np.float32, f"expected float32 to stay, got {array.dtype}"
    values: Array = array.astype(np.float64)
    return values


def _close(got: Array, expected: Array, what: str, atol: float = 1e-4) -> None:
    worst = int(np.abs(got - expected).argmax())
    assert np.allclose(got, expected, rtol=1e-4, atol=atol), (
        f"{what}: expected {expected.ravel()[worst]:.6g}, got {got.ravel()[worst]:.6g}"
    )


def _sums(gradients: Array, share: float) -> Array:
    """After each step: the sum of all gradients so far, older ones times a power of `share`."""
    wide = gradients.astype(np.float64)
    steps = len(wide)
    ages = np.arange(steps)[:, None] - np.arange(steps)[None, :]
    weights = np.where(ages >= 0, float(share) ** np.maximum(ages, 0), 0.0)
    sums: Array = np.tensordot(weights, wide, axes=1)
    return sums


def _adam_moves(gradients: Array, lr: float, betas: Sequence[float], eps: float) -> Array:
    """The sum of Adam's moves: a corrected average is a weighted mean of the history."""
    ones = np.ones(len(gradients)).reshape(-1, *(1,) * (gradients.ndim - 1))
    squares = gradients.astype(np.float64) ** 2
    mean = _sums(gradients, betas[0]) / _sums(ones, betas[0])
    square = _sums(squares, betas[1]) / _sums(ones, betas[1])
    moves: Array = (lr * mean / (np.sqrt(square) + eps)).sum(axis=0)
    return moves


def _refuses(make: Callable[[], object], kind: type[Exception], what: str) -> None:
    try:
        made = make()
    except kind as error:
        said = str(error)
    else:
        raise AssertionError(f"{what}: expected a {kind.__name__}, got {made!r}")
    assert said, f"{what}: expected a {kind.__name__} that says what to do, it says nothing"


def goes_downhill() -> None:
    """SGD multiplies the distance by 1 - lr * steepness in every step, and changes the model."""
    student = _student()
    steepness = np.array([0.5, 1.0, 4.0], dtype=np.float32)
    for lr in (0.05, 0.3, 0.49):
        w = _parameter(np.array([1.0, -2.0, 3.0]))
        array, optimizer = w.data, student.SGD([w], lr=lr)
        for _ in range(10):
            w.grad = steepness * w.data
            optimizer.step()
        assert w.data is array, (
            "expected the parameter to keep its array: the model holds that one, and learns nothing"
        )
        expected = np.array([1.0, -2.0, 3.0]) * (1 - lr * steepness.astype(np.float64)) ** 10
        _close(w.data, expected, f"10 steps in a bowl with lr {lr}", atol=1e-6)
    layer = student.Linear(3, 2)
    optimizer = student.SGD(iter(layer.parameters()), lr=np.float64(1.0))
    before = layer.state_dict()
    layer.weight.grad = np.ones((2, 3), dtype=np.float64)  # a wider type must not leak in
    optimizer.step()
    assert np.allclose(layer.weight.data, before["weight"] - 1, atol=1e-6), (
        "expected the layer's own weight to move by -1: it holds the array that SGD changes"
    )
    assert layer.weight.dtype == np.float32, f"expected float32, got {layer.weight.dtype}"
    assert np.array_equal(layer.bias.data, before["bias"]), "no gradient: the bias must stay"


def forgets_and_passes_over() -> None:
    """zero_grad clears every parameter; one without a gradient is passed over, count included."""
    student = _student()
    tensors = [_parameter(np.ones(n)) for n in (1, 4, 2, 3)]
    optimizer = student.Adam(tensors, lr=0.1)
    histories = [_history(910 + k, 8, tensor.size) for k, tensor in enumerate(tensors)]
    used: list[list[int]] = [[] for _ in tensors]
    for step in range(8):
        optimizer.zero_grad()
        left = [k for k, tensor in enumerate(tensors) if tensor.grad is not None]
        assert not left, f"zero_grad: expected None everywhere, parameters {left} keep a gradient"
        for k, tensor in enumerate(tensors):
            if (step + k) % 4:
                held = histories[k][step].copy()
                tensor.grad = held
                used[k].append(step)
        optimizer.step()
    assert np.array_equal(held, histories[3][7]), "a gradient's array was written to"
    for k, tensor in enumerate(tensors):
        moves = _adam_moves(histories[k][used[k]], 0.1, (0.9, 0.999), 1e-8)
        what = f"parameter {k} of 4, without a gradient in every fourth step"
        _close(tensor.data, 1 - moves, what)


def gathers_momentum() -> None:
    """Velocity is the sum of all gradients, older ones times a power of momentum."""
    student = _student()
    start = np.linspace(-1, 1, 6).reshape(2, 3)
    for momentum in (0.5, 0.9):
        gradients = _history(920, 12, 2, 3)
        velocity = _sums(gradients, momentum)
        w = _parameter(start)
        got = _follow(student.SGD([w], lr=0.05, momentum=momentum), w, gradients)
        _close(got, start - 0.05 * velocity.sum(axis=0), f"12 steps with momentum {momentum}")
        w = _parameter(start)
        optimizer = student.SGD([w], lr=0.05, momentum=momentum, nesterov=True)
        ahead = gradients + momentum * velocity
        got = _follow(optimizer, w, gradients)
        _close(got, start - 0.05 * ahead.sum(axis=0), f"12 Nesterov steps, momentum {momentum}")
    pair = [_parameter(np.zeros(3)), _parameter(np.zeros(3))]
    optimizer = student.SGD(pair, lr=1.0, momentum=0.9)
    for _ in range(4):
        pair[0].grad, pair[1].grad = np.ones(3, np.float32), np.zeros(3, np.float32)
        optimizer.step()
    assert not pair[1].data.any(), (
        "a parameter without any slope was carried along by another one's velocity"
    )


def decays_weights() -> None:
    """Decay through the gradient in SGD and Adam, apart from it in AdamW."""
    student = _student()
    start = np.array([3.0, -2.0, 0.5])
    zeros = np.zeros((7, 3), dtype=np.float32)
    for name in ("SGD", "AdamW"):
        w = _parameter(start)
        got = _follow(getattr(student, name)([w], lr=0.2, weight_decay=0.5), w, zeros)
        what = f"{name}, no slope: shrinking by 1 - lr * weight_decay in each of 7 steps"
        _close(got, start * 0.9**7, what, atol=1e-5)
    w = _parameter(start)
    got = _follow(student.Adam([w], lr=0.01, weight_decay=0.5), w, zeros[:1])
    _close(got, start - 0.01 * np.sign(start), "Adam, no slope: one step of lr towards 0")
    steep = np.array([[100.0, -0.01, 1.0]], dtype=np.float32)
    w = _parameter(start)
    got = _follow(student.AdamW([w], lr=0.1, weight_decay=0.5), w, steep)
    expected = start * 0.95 - 0.1 * np.sign(steep[0])
    _close(got, expected, "AdamW: the decay must not depend on the gradient's size", atol=1e-5)
    w = _parameter(start)
    got = _follow(student.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.5), w, zeros[:2])
    first = start - 0.1 * 0.5 * start
    second = first - 0.1 * (0.9 * 0.5 * start + 0.5 * first)
    _close(got, second, "SGD with momentum: the decay goes into the velocity", atol=1e-5)


def adapts_its_steps() -> None:
    """Adam's averages, corrected, are weighted means of the whole history."""
    student = _student()
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    for name in ("Adam", "AdamW"):
        for betas, eps in (((0.9, 0.999), 1e-8), ((0.5, 0.9), 1e-3), ((0.0, 0.99), 0.1)):
            gradients = _history(930, 15, 3, 4)
            w = _parameter(start)
            options = {"lr": 0.03, "betas": betas, "eps": eps, "weight_decay": 0.0}
            got = _follow(getattr(student, name)([w], **options), w, gradients)
            expected = start - _adam_moves(gradients, 0.03, betas, eps)
            _close(got, expected, f"15 steps of {name} with betas {betas} and eps {eps:g}")
    tiny = _parameter(np.zeros(3))
    slopes = np.array([[1e-8, 1e-6, 1.0]], dtype=np.float32)
    got = _follow(student.Adam([tiny], lr=0.1), tiny, slopes)
    _close(got, -0.1 * np.array([0.5, 1 / 1.01, 1.0]), "gradients as small as eps = 1e-8")
    turned = _parameter(np.zeros((4, 3)))
    gradients = _history(931, 5, 3, 4).transpose(0, 2, 1)  # laid out by columns
    got = _follow(student.Adam([turned], lr=0.1), turned, gradients)
    expected = -_adam_moves(gradients, 0.1, (0.9, 0.999), 1e-8)
    _close(got, expected, "gradients laid out by columns")


def goes_on_where_it_stopped() -> None:
    """Saved to a file and loaded into a new optimizer, a run goes on as if it had never stopped."""
    student = _student()
    makers: dict[str, Callable[[list[Any]], Any]] = {
        "SGD": lambda p: student.SGD(p, lr=0.1, momentum=0.8),
        "Adam": lambda p: student.Adam(p, lr=0.1, weight_decay=0.1),
        "AdamW": lambda p: student.AdamW(p, lr=0.1),
    }
    shapes = [(3, 2), (5,), ()]
    for name, make in makers.items():
        gradients = [_history(940 + k, 10, *shape) for k, shape in enumerate(shapes)]

        def run(tensors: list[Any], optimizer: Any, steps: range, given: list[Array]) -> None:
            for step in steps:
                for k, tensor in enumerate(tensors):
                    # the last parameter has a gradient in every other step only
                    missing = k == 2 and step % 2 == 0
                    tensor.grad = None if missing else np.asarray(given[k][step])
                optimizer.step()

        straight = [_parameter(np.ones(shape)) for shape in shapes]
        optimizer = make(straight)
        run(straight, optimizer, range(6), gradients)
        optimizer.lr = 0.02
        file = io.BytesIO()
        state = optimizer.state_dict()
        np.savez(file, **state)
        wide = [key for key, value in state.items() if value.ndim and value.dtype != np.float32]
        assert not wide, f"{name}: {wide} are not float32, as the parameters are: twice the memory"
        resumed = [_parameter(tensor.data.copy()) for tensor in straight]
        run(straight, optimizer, range(6, 10), gradients)
        file.seek(0)
        loaded = dict(np.load(file))
        assert all(np.array_equal(loaded[key], state[key]) for key in loaded), (
            f"{name}: what was saved changed as training went on: it must be copies"
        )
        other = make(resumed)
        other.load_state_dict(loaded)
        assert other.lr == 0.02, f"{name}: expected lr 0.02 to come back, got {other.lr}"
        run(resumed, other, range(6, 10), gradients)
        for k, (tensor, again) in enumerate(zip(straight, resumed, strict=True)):
            worst = int(np.abs(tensor.data - again.data).argmax())
            assert np.array_equal(tensor.data, again.data), (
                f"{name}, parameter {k}: expected {tensor.data.flat[worst]:.6f} as without a stop, "
                f"got {again.data.flat[worst]:.6f}: the optimizer forgot something"
            )
        assert all(np.array_equal(loaded[key], state[key]) for key in loaded), (
            f"{name}: training on changed the loaded dictionary: copy, do not share"
        )
        key = max(state)
        before = other.state_dict()
        less = {other_key: value for other_key, value in state.items() if other_key != key}
        _refuses(partial(other.load_state_dict, less), ValueError, f"{name}: a state without {key}")
        after = other.state_dict()
        assert all(np.array_equal(before[each], after[each]) for each in before), (
            f"{name}: a refused state must change nothing"
        )


def refuses_nonsense() -> None:
    """Errors for what cannot work, before anything is changed."""
    student = _student()
    w = _parameter(np.ones(2))
    for kind in (student.SGD, student.Adam, student.AdamW):
        name = kind.__name__
        _refuses(partial(kind, []), ValueError, f"{name} without parameters")
        _refuses(partial(kind, [w], lr=-0.1), ValueError, f"{name} with lr -0.1")
        for wrong in ([w.data], [w, 1.0], [student.Linear(1, 1)]):
            what = f"{name} of a {type(wrong[-1]).__name__}"
            _refuses(partial(kind, wrong), TypeError, what)
        _refuses(partial(kind, w), TypeError, f"{name} of one Tensor instead of a list")
    v = _parameter(np.ones((2, 2)))
    optimizer = student.SGD([w, v], lr=0.1)
    w.grad, v.grad = np.ones(2, np.float32), np.ones(2, np.float32)
    _refuses(optimizer.step, ValueError, "a gradient of shape (2,) for a parameter of (2, 2)")
    assert (w.data == 1).all(), "a refused step must change no parameter, not even the first"
    v.grad = np.ones((2, 2), np.float32)
    optimizer.step()
    assert np.allclose(v.data, 0.9), f"expected 1 - 0.1 * 1 = 0.9, got {v.data.ravel()}"


def trains_a_network() -> None:
    """With gradients from module 06, each optimizer learns XOR, which no single layer can."""
    student = _student()
    import_module("tinytorch.core.autograd")
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    labels = np.array([0, 1, 1, 0])
    loss_fn = student.CrossEntropyLoss()
    makers: dict[str, Callable[[list[Any]], Any]] = {
        "SGD with momentum": lambda p: student.SGD(p, lr=0.2, momentum=0.9),
        "SGD with Nesterov": lambda p: student.SGD(p, lr=0.2, momentum=0.9, nesterov=True),
        "Adam": lambda p: student.Adam(p, lr=0.05),
        "AdamW": lambda p: student.AdamW(p, lr=0.05),
    }
    for name, make in makers.items():
        student.manual_seed(0)
        model = student.Sequential(student.Linear(2, 16), student.Tanh(), student.Linear(16, 2))
        start = model.state_dict()
        optimizer = make(model.parameters())
        losses = []
        for _ in range(150):
            optimizer.zero_grad()
            loss = loss_fn(model(student.Tensor(corners)), student.Tensor(labels))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        still = [key for key, value in model.state_dict().items() if (value == start[key]).all()]
        assert not still, f"{name}: {still} did not change in 150 steps"
        assert losses[-1] < 0.1, (
            f"{name}: expected the loss on XOR to fall below 0.1 within 150 steps, it went from "
            f"{losses[0]:.3f} to {losses[-1]:.3f}"
        )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-09.downhill": ("Goes downhill, in the model's own arrays", goes_downhill),
    "checkpoint-09.forgets": ("Forgets, and passes over what is idle", forgets_and_passes_over),
    "checkpoint-09.momentum": ("Gathers momentum and looks ahead", gathers_momentum),
    "checkpoint-09.decay": ("Decays weights as asked", decays_weights),
    "checkpoint-09.adam": ("Adapts its steps to every number", adapts_its_steps),
    "checkpoint-09.state": ("Goes on where it stopped", goes_on_where_it_stopped),
    "checkpoint-09.refuses": ("Refuses what cannot work", refuses_nonsense),
    "checkpoint-09.network": ("Trains a network", trains_a_network),
}
