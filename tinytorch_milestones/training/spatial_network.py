"""A small convolutional network, forward and backward, beside the same one written in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.training import oracle
from tinytorch_milestones.training import spatial_oracle as right
from tinytorch_milestones.training.clouds import Array, array_of

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

_CLASSES = 4
_ONE, _NONE, _TWO = (1, 1), (0, 0), (2, 2)


def examine_network(judge: Mechanism) -> None:
    """`agree.network`: its answers, its loss and the gradient of every parameter."""
    metric = "agree.network"
    judge.metrics[metric] = 0.0
    inputs, targets = judge.numbers(6, 2, 6, 8), judge._rng.integers(0, _CLASSES, 6)
    built = judge.attempt(metric, "a small convolutional network", lambda: _built(judge))
    if built is None:
        return
    model, tensors = built
    values = [np.array(array_of(tensor), dtype=np.float64) for _, tensor in tensors]
    small = _Network(judge, values)
    expected = small.forward(inputs.astype(np.float64))
    judge.same(metric, "a small convolutional network", model, [inputs], expected)
    if judge.failed:
        return
    for _, tensor in tensors:
        tensor.grad = None

    def backward() -> Array:
        fw = judge._fw
        loss = fw.CrossEntropyLoss()(model(fw.Tensor(inputs)), fw.Tensor(targets))
        loss.backward()
        return array_of(loss)

    what = "of a small convolutional network"
    loss = judge.attempt(metric, f"backward() {what}", backward)
    number = oracle.loss("CrossEntropyLoss", expected, targets)
    judge.near(metric, f"the loss {what}", loss, np.array(number))
    if loss is None:
        return
    for (name, tensor), gradient in zip(tensors, small.backward(expected, targets), strict=True):
        got = np.empty(0) if tensor.grad is None else array_of(tensor.grad)
        if got.shape == gradient.shape and np.abs(gradient).max() < 1e-12:
            # a shift before batch normalisation changes nothing: a gradient of 0 but for rounding
            got, gradient = got + 1.0, gradient + 1.0
        judge.near(metric, f"the gradient of the {name} {what}", got, gradient)


def _built(judge: Mechanism) -> tuple[Any, list[tuple[str, Any]]]:
    """The student's network, and its parameters in order, with known values."""
    fw, used = judge._fw, judge.design.spatial
    activation = getattr(fw, judge.design.activation)
    normal = "BatchNorm2d" in used
    # normalisation takes a bias before it away, whose gradient would be nothing but rounding
    first, second = fw.Conv2d(2, 3, 3, padding=1, bias=not normal), fw.Conv2d(3, 4, 2)
    layers, weighing = [first], [("first convolution", first)]
    if normal:
        layers.append(fw.BatchNorm2d(3))
        weighing.append(("BatchNorm2d", layers[-1]))
    layers += [activation(), *([getattr(fw, _pooling(judge))(2)] if _pooling(judge) else [])]
    linear = fw.Linear(24 if _pooling(judge) else 140, _CLASSES)
    layers += [second, activation(), fw.Flatten(), linear]
    weighing += [("second convolution", second), ("Linear", linear)]
    tensors = [
        (f"{name}'s {part}", getattr(layer, part))
        for name, layer in weighing
        for part in ("weight", "bias")
        if getattr(layer, part) is not None
    ]
    for _, tensor in tensors:
        tensor.data[...] = judge.numbers(*tensor.shape)
    model = fw.Sequential(*layers)
    model.train()
    return model, tensors


def _pooling(judge: Mechanism) -> str:
    """The pooling layer that the design uses, "" where there is none."""
    return next((n for n in ("MaxPool2d", "AvgPool2d") if n in judge.design.spatial), "")


class _Network:
    """The same network in float64."""

    def __init__(self, judge: Mechanism, values: list[Array]) -> None:
        self._values = values
        self._normal = "BatchNorm2d" in judge.design.spatial
        self._pool = {"MaxPool2d": "max", "AvgPool2d": "average"}.get(_pooling(judge), "")
        self._function, self._slope = oracle.ACTIVATIONS[judge.design.activation]

    def forward(self, inputs: Array) -> Array:
        # between the filters: the first bias, or weight and bias of the normalisation
        (w1, *middle, w2, b2, w3, b3) = self._values
        self._x = inputs
        self._a1 = right.convolve(inputs, w1, None if self._normal else middle[0], _ONE, _ONE)
        standard = self._a1
        if self._normal:
            standard = right.normalize(self._a1, middle[0], middle[1], *right.statistics(self._a1))
        self._s1, self._h1 = standard, self._function(standard)
        self._p1 = right.pool(self._pool, self._h1, _TWO, _TWO, _NONE) if self._pool else self._h1
        self._a2 = right.convolve(self._p1, w2, b2, _ONE, _NONE)
        self._h2 = self._function(self._a2)
        self._rows = self._h2.reshape(len(inputs), -1)
        return np.asarray(self._rows @ w3.T + b3)

    def backward(self, outputs: Array, targets: Array) -> list[Array]:
        """Derivatives of the mean cross-entropy with respect to each parameter, in order."""
        (w1, *middle, w2, _, w3, _) = self._values
        error = oracle.softmax(outputs)
        error[np.arange(len(error)), targets] -= 1.0
        error /= len(error)
        inner = (error @ w3).reshape(self._h2.shape) * self._slope(self._a2, self._h2)
        inner, *second = right.convolve_back(inner, self._p1, w2, _ONE, _NONE)
        if self._pool:
            (inner,) = right.pool_back(inner, self._pool, self._h1, _TWO, _TWO, _NONE)
        inner = inner * self._slope(self._s1, self._h1)
        between: list[Array] = []
        if self._normal:
            inner, *between = right.normalize_back(inner, self._a1, middle[0])
        _, first, bias = right.convolve_back(inner, self._x, w1, _ONE, _ONE)
        return [first, *(between or [bias]), *second, error.T @ self._rows, error.sum(axis=0)]
