"""Checkpoint 08, differentiation: the exported `tinytorch/core/autograd.py`.

Everything goes through `backward`. The oracles are finite differences of the framework's own
forward pass in float64, taken here, and a network's gradients worked out by hand in numpy.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    """All names of modules 01 to 06. Raises whatever keeps the tape from recording."""
    student = import_module("tinytorch")
    autograd = import_module("tinytorch.core.autograd")
    operations = import_module("tinytorch.core.tensor")
    leaf = operations.Tensor([1.0], requires_grad=True)
    autograd.tape(operations.add, (leaf, 1.0), {}, operations.Tensor([2.0]))
    assert student.Operation.tape is not None, (
        "Operation.tape is None: module 01 has nobody to tell what it computes, so no derivative "
        "can be found"
    )
    names = SimpleNamespace()
    for home in ("autograd", "layers", "losses", "activations", "tensor"):  # each over the last
        vars(names).update(vars(import_module(f"tinytorch.core.{home}")))
    return names


def _compare(what: str, student: Any, function: Callable[..., Any], *arrays: Array) -> None:
    """Each input's gradient against central differences, with a random gradient to start from."""
    arrays = tuple(np.asarray(array, dtype=np.float64) for array in arrays)
    leaves = [student.Tensor(array.copy(), requires_grad=True) for array in arrays]
    result = function(*leaves)
    weights = np.random.default_rng(len(arrays)).uniform(0.5, 2, size=result.shape)
    before = result.data.copy()
    result.backward(weights)
    assert np.array_equal(result.data, before), f"{what}: backward changed the result itself"
    for position, (leaf, array) in enumerate(zip(leaves, arrays, strict=True)):
        shapes = " and ".join(str(a.shape) for a in arrays)
        name = f"{what} of {shapes}, input {position + 1}"
        assert leaf.grad is not None, f"{name}: expected a gradient, got None"
        assert leaf.grad.shape == array.shape, (
            f"{name}: expected a gradient of shape {array.shape}, got {leaf.grad.shape}"
        )
        for place in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [a.copy() for a in arrays]
                moved[position][place] += step
                ends.append((function(*map(student.Tensor, moved)).data * weights).sum())
            expected = (ends[0] - ends[1]) / 2e-6
            got = leaf.grad[place]
            assert abs(got - expected) <= 1e-6 + 1e-5 * abs(expected), (
                f"{name}, element {place}: expected {expected:.6g} (by nudging it), got {got:.6g}"
            )


def differentiates_arithmetic() -> None:
    """Every elementwise operation, broadcast in many ways, with numbers on either side."""
    student = _student()
    rng = np.random.default_rng(801)
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((4, 1, 2), (3, 1))]
    pairs: dict[str, Callable[..., Any]] = {
        "a + b": lambda a, b: a + b,
        "a - b": lambda a, b: a - b,
        "a * b": lambda a, b: a * b,
        "a / b": lambda a, b: a / b,
        "a ** b": lambda a, b: a**b,
    }
    for first, second in shapes:
        for name, function in pairs.items():
            a, b = (rng.uniform(0.5, 2, size=s) for s in (first, second))
            _compare(name, student, function, a, b)
            _compare(name, student, function, b, a)
    singles: dict[str, Callable[..., Any]] = {
        "-x": lambda x: -x,
        "3 - x": lambda x: 3 - x,
        "2 / x": lambda x: 2 / x,
        "x ** 3": lambda x: x**3,
        "2 ** x": lambda x: 2**x,
        "exp": lambda x: x.exp(),
        "log": lambda x: x.log(),
        "sqrt": lambda x: x.sqrt(),
        "x * x (the same tensor twice)": lambda x: x * x,
    }
    for name, function in singles.items():
        _compare(name, student, function, rng.uniform(0.5, 2, size=(2, 3)))


def differentiates_matrix_products() -> None:
    """Matrices, square ones too, vectors, batches, and transposed factors."""
    student = _student()
    rng = np.random.default_rng(802)
    plain: list[Any] = [((2, 4), (4, 3)), ((3, 3), (3, 3)), ((4,), (4, 2)), ((2, 4), (4,))]
    batches: list[Any] = [((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 3)), ((2, 1, 2, 3), (3, 3, 2))]
    for first, second in [*plain, ((3,), (3,)), *batches, ((2, 3, 4), (2, 4, 3))]:
        a, b = rng.normal(size=first), rng.normal(size=second)
        _compare("a @ b", student, lambda a, b: a @ b, a, b)
    a, b = rng.normal(size=(2, 4)), rng.normal(size=(3, 4))
    _compare("a @ b.T", student, lambda a, b: a @ b.T, a, b)
    _compare("a.T @ b.T", student, lambda a, b: a.T @ b.T, a.T @ a, b)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    _compare("a @ b.T", student, lambda a, b: a @ b.T, a, b)


def differentiates_shapes() -> None:
    """Sums, means, maxima, reshape, transpose, and indexing that reads a place many times."""
    student = _student()
    rng = np.random.default_rng(803)
    x = rng.permutation(24).reshape(2, 3, 4) / 8 - 1
    axes: list[Any] = [None, 0, 2, -2, (0, 1), (-1, 0)]
    for name in ("sum", "mean", "max"):
        for axis in axes:
            for keepdims in (False, True):
                _compare(
                    f"{name}(axis={axis}, keepdims={keepdims})",
                    student,
                    lambda x, n=name, a=axis, k=keepdims: getattr(x, n)(axis=a, keepdims=k),
                    x,
                )
    _compare("reshape", student, lambda x: x.reshape(4, -1), x)
    _compare("transpose", student, lambda x: x.transpose(0, 2), x)
    _compare("x.T", student, lambda x: x.T, x)
    indices: list[Any] = [
        1,
        (0, slice(1, 3)),
        (..., 0),
        [1, 0, 1, 1],
        (slice(None), [2, 2]),
        x > 0,
        (np.array([0, 1, 0]), np.array([2, 2, 2])),
        (slice(None), slice(None, None, -2)),
    ]
    for index in indices:
        _compare(f"x[{index}]", student, lambda x, i=index: x[i], x)
    ties = student.Tensor([[1.0, 4.0, 4.0, 4.0], [2.0, 2.0, 0.0, 1.0]], requires_grad=True)
    ties.max(axis=1).backward([3.0, 1.0])
    expected = [[0.0, 1.0, 1.0, 1.0], [0.5, 0.5, 0.0, 0.0]]
    assert np.allclose(ties.grad, expected), (
        f"max where several are largest: they share the gradient, expected {expected}, got "
        f"{ties.grad.tolist()}"
    )


def differentiates_activations_and_losses() -> None:
    """Every function of modules 02 and 04, along several axes, with label smoothing."""
    student = _student()
    rng = np.random.default_rng(804)
    x = rng.normal(size=(3, 4)) * 2
    x += 0.1 * np.sign(x)
    for name in ("relu", "sigmoid", "tanh", "gelu", "step", "softmax", "log_softmax"):
        _compare(name, student, getattr(student, name), x)
    for axis in (0, 1):
        _compare("softmax", student, lambda x, a=axis: student.softmax(x, axis=a), x)
        _compare("log_softmax", student, lambda x, a=axis: student.log_softmax(x, axis=a), x)
    corner = student.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    student.relu(corner).backward([1.0, 1.0, 1.0])
    got = corner.grad.tolist()
    assert got == [0, 0, 1], f"relu at -1, 0, 2: expected slopes 0, 0, 1, got {got}"
    _compare("mse", student, student.mse, x, rng.normal(size=x.shape))
    p, t = rng.uniform(0.1, 0.9, size=5), rng.uniform(0.2, 0.8, size=5)
    _compare("binary_cross_entropy", student, student.binary_cross_entropy, p, t)
    for shape in ((6, 3), (2, 3, 4)):
        targets = student.Tensor(rng.integers(0, shape[-1], size=shape[:-1]))
        for smoothing in (0.0, 0.2):
            loss = student.CrossEntropyLoss(label_smoothing=smoothing)
            _compare(
                f"cross entropy, label smoothing {smoothing}",
                student,
                lambda x, loss=loss, targets=targets: loss(x, targets),
                rng.normal(size=shape),
            )
    wrong = student.Tensor([[0.0, 500.0]], requires_grad=True)
    with np.errstate(all="ignore"):
        student.CrossEntropyLoss()(wrong, student.Tensor(np.array([0]))).backward()
    assert np.allclose(wrong.grad, [[-1, 1]]), (
        f"scores [0, 500] with class 0 right: expected [[-1, 1]], got {wrong.grad.tolist()}: "
        "subtract the largest score before exp"
    )


def agrees_with_a_network_by_hand() -> None:
    """All gradients of a two-layer network, as the formulas in numpy give them, in float32."""
    student = _student()
    rng = np.random.default_rng(805)
    images = rng.normal(size=(9, 5)).astype(np.float32)
    labels = rng.integers(0, 3, size=9)
    student.manual_seed(5)
    model = student.Sequential(student.Linear(5, 7), student.ReLU(), student.Linear(7, 3))
    loss = student.CrossEntropyLoss()(model(student.Tensor(images)), student.Tensor(labels))
    loss.backward()

    w1, b1, w2, b2 = (p.data.astype(np.float64) for p in model.parameters())
    before = images @ w1.T + b1
    hidden = np.maximum(before, 0)
    scores = hidden @ w2.T + b2
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    d_scores = (shares - np.eye(3)[labels]) / 9
    d_before = (d_scores @ w2) * (before > 0)
    expected = [d_before.T @ images, d_before.sum(axis=0), d_scores.T @ hidden, d_scores.sum(0)]
    for (name, parameter), value in zip(model.named_parameters(), expected, strict=True):
        got = parameter.grad
        assert got is not None, f"{name} got no gradient: it would never be trained"
        assert isinstance(got, np.ndarray), f"{name}.grad: expected an array, got {type(got)}"
        assert got.shape == value.shape, f"{name}.grad: expected {value.shape}, got {got.shape}"
        assert got.dtype == np.float32, f"{name}.grad: expected float32, got {got.dtype}"
        assert np.allclose(got, value, atol=1e-5), (
            f"{name}.grad: expected {value.ravel()[:3]} ..., got {got.ravel()[:3]} ..."
        )
    weight = student.Tensor(np.ones((2, 2), dtype=np.float32), requires_grad=True)
    (student.Tensor(np.ones((2, 2))) * weight).sum().backward()
    assert weight.grad.dtype == np.float32, (
        f"a float32 weight beside float64 data: expected a float32 gradient, got "
        f"{weight.grad.dtype}; the optimizer would turn the whole model into float64"
    )


def goes_through_any_graph() -> None:
    """Long chains, diamonds, tensors used twice, several calls of backward."""
    student = _student()
    length = 20_000
    y = x = student.Tensor([1.0], requires_grad=True)
    for _ in range(length):
        y = y + 0.25
    y.backward()
    assert x.grad.tolist() == [1.0], f"{length} additions: expected a slope of 1, got {x.grad}"
    del y

    visits = []

    def half_rule(g: Array, y: Array, a: Array) -> Array:
        visits.append(1)
        assert len(visits) <= 60, (
            "60 operations, each using the last result twice: expected 60 visits, got more; a "
            "node that is visited once for every path takes 2^60 visits"
        )
        return g * 0.5

    half = student.operation(lambda a: a * 0.5)
    half.derivative = (half_rule,)
    y = x = student.Tensor([1.0], requires_grad=True)
    for _ in range(60):
        y = half(y)
        y = y + y
    y.backward()
    assert x.grad.tolist() == [1.0], (
        f"60 times x/2 + x/2: expected a slope of 1, got {x.grad}: add up what arrives at a node"
    )

    x = student.Tensor([3.0], requires_grad=True)
    square = x * x
    later = square * x
    (square + later * square).backward()  # x^2 + x^5
    expected = 2 * 3.0 + 5 * 3.0**4
    assert x.grad.tolist() == [expected], (
        f"x^2 + x^5 at 3 through shared results: expected {expected}, got {x.grad}: visit a node "
        "when all that uses its result has been visited"
    )
    (x * 2).backward()
    assert x.grad.tolist() == [expected + 2], (
        f"a second loss: expected the gradients to add up to {expected + 2}, got {x.grad}"
    )
    first, second = (student.Tensor([1.0, 1.0], requires_grad=True) for _ in range(2))
    start = np.array([1.0, 2.0], dtype=np.float32)
    (first + second).backward(start)
    assert not np.shares_memory(first.grad, second.grad), (
        "two leaves got the same array as their gradient: whoever changes one changes the other"
    )
    assert not np.shares_memory(first.grad, start), "a leaf must not keep the caller's array"
    held, value = first.grad, first.grad.copy()
    (first * 5).backward(start)
    assert np.array_equal(held, value), (
        "a gradient array was changed in place: add into a new array, others may hold the old one"
    )
    fixed = student.Tensor([4.0])
    (fixed * first).sum().backward()
    assert fixed.grad is None, "a tensor that requires no gradient must get none"


def frees_and_pauses() -> None:
    """The graph is let go after backward; a second backward raises; no_grad records nothing."""
    student = _student()
    x = student.Tensor(np.ones(1000, dtype=np.float32), requires_grad=True)
    middle = x * 2.0
    array = weakref.ref(middle.data)
    loss = (middle * middle).sum()
    del middle
    assert array() is not None, "the graph must keep the arrays that the way back needs"
    loss.backward()
    gc.collect()
    assert array() is None, (
        "after backward, the graph still holds its arrays: a training run would need more and more "
        "memory"
    )

    def recorded() -> bool:
        result = x + 1.0
        return bool(result.requires_grad) or result.node is not None

    assert recorded(), "expected operations to be recorded outside no_grad()"
    with student.no_grad():
        assert not recorded(), "inside no_grad() nothing is to be recorded"
        with student.no_grad():
            assert not recorded(), "nor in a block inside a block"
        assert not recorded(), "an inner no_grad() ended, the outer one still holds"
    assert recorded(), "after no_grad(), recording must go on"
    try:
        with student.no_grad():
            raise LookupError("on purpose")
    except LookupError:
        pass
    assert recorded(), "no_grad() that ends by an error must switch recording back on"

    @student.no_grad()  # type: ignore[untyped-decorator]
    def inside(depth: int) -> bool:
        return recorded() or (depth > 0 and inside(depth - 1))

    assert not inside(2), "a function decorated with @no_grad() must not record"
    assert recorded(), "after a decorated function that called itself, recording must go on"
    counted = (x > 0) * 1
    assert counted.node is None, "a result of whole numbers has no derivative: nothing to record"
    constant = student.Tensor([1.0]) + 1.0
    assert constant.node is None, "made from constants only: nothing to record"
    refused = {"a constant": constant, "1000 numbers at once": x * 2.0, "a freed graph": loss}
    for what, tensor in refused.items():
        try:
            tensor.backward()
        except RuntimeError:
            continue
        raise AssertionError(f"backward() from {what} must raise a RuntimeError")


def judges_derivatives() -> None:
    """gradcheck accepts what is right and rejects what is wrong; Function goes its own way back."""
    student = _student()
    rng = np.random.default_rng(808)
    function_class: Any = student.Function

    class Scaled(function_class):  # type: ignore[misc]
        """a times b times `factor`; `lie` makes its backward wrong for the second input."""

        def forward(self, a: Array, b: Array, factor: float, lie: float = 1.0) -> Array:
            self.kept = (a, b, factor, lie)
            return np.asarray(a * b * factor)

        def backward(self, gradient: Array) -> tuple[Array, Array]:
            a, b, factor, lie = self.kept
            return gradient * b * factor, gradient * a * factor * lie

    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3,))
    assert student.gradcheck(lambda a, b: Scaled.apply(a, b, factor=3.0), [a, b]) is True, (
        "gradcheck of a right derivative must return True"
    )
    said = ""
    try:
        student.gradcheck(lambda a, b: Scaled.apply(a, b, factor=3.0, lie=1.01), [a, b])
    except AssertionError as error:
        said = str(error)
    assert said, "gradcheck accepted a derivative that is wrong by one percent"
    assert "1" in said, f"gradcheck should say that input 1 is wrong, it says: {said}"
    single = [student.Tensor(array.astype(np.float32)) for array in (a, b)]
    assert student.gradcheck(lambda a, b: (a * b).exp() / (b * b + 1.0), single) is True, (
        "gradcheck must compute in float64, whatever it is given: float32 has too few digits"
    )
    assert student.gradcheck(lambda a: a * a.sum(), [a], eps=0.25) is True, (
        "gradcheck of squares with eps = 0.25: central differences are exact here, if one element "
        "is nudged at a time and put back; one-sided differences are not"
    )
    left = student.Tensor(a, requires_grad=True)
    Scaled.apply(left, student.Tensor(b), factor=2.0).sum().backward()
    assert np.allclose(left.grad, np.broadcast_to(2 * b, a.shape)), (
        f"a Function's backward: expected {2 * b} in each row, got {left.grad}"
    )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-08.arithmetic": ("Differentiates arithmetic, broadcast", differentiates_arithmetic),
    "checkpoint-08.matmul": ("Differentiates matrix products", differentiates_matrix_products),
    "checkpoint-08.shapes": ("Differentiates sums, shapes, indexing", differentiates_shapes),
    "checkpoint-08.functions": (
        "Differentiates activations and losses",
        differentiates_activations_and_losses,
    ),
    "checkpoint-08.network": ("Agrees with a network by hand", agrees_with_a_network_by_hand),
    "checkpoint-08.graphs": ("Goes through any graph", goes_through_any_graph),
    "checkpoint-08.frees": ("Frees the graph and pauses", frees_and_pauses),
    "checkpoint-08.judge": ("Judges derivatives; Function", judges_derivatives),
}
