"""What numpy says about a network of two layers: outputs, loss, gradients, optimizer steps.

Everything here is float64 and written out by hand, so that it shares nothing with the code it
judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array

_WIDTH = math.sqrt(2.0 / math.pi)


def _gelu(x: Array) -> Array:
    """The tanh form, as in module 02."""
    return np.asarray(0.5 * x * (1.0 + np.tanh(_WIDTH * (x + 0.044715 * x**3))))


def _gelu_slope(x: Array, y: Array) -> Array:
    bend = np.tanh(_WIDTH * (x + 0.044715 * x**3))
    inner = _WIDTH * (1.0 + 3 * 0.044715 * x * x)
    return np.asarray(0.5 * (1.0 + bend) + 0.5 * x * (1.0 - bend * bend) * inner)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    # the function, and its derivative given its input and its output
    "ReLU": (lambda x: np.maximum(x, 0.0), lambda x, y: (y > 0.0).astype(np.float64)),
    "Tanh": (np.tanh, lambda x, y: 1.0 - y * y),
    "Sigmoid": (lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)), lambda x, y: y * (1.0 - y)),
    "GELU": (_gelu, _gelu_slope),
}


def softmax(logits: Array) -> Array:
    """Probabilities of each row."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def loss(kind: str, outputs: Array, targets: Array, smoothing: float = 0.0) -> float:
    """The mean loss of a batch; `kind` is the name of the student's class.

    `smoothing` is the share of a target that is spread over all classes.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if kind == "CrossEntropyLoss":
        outputs, targets = outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1)
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1))
        chosen = shifted[np.arange(len(shifted)), targets.astype(np.int64)]
        chosen = (1.0 - smoothing) * chosen + smoothing * shifted.mean(axis=-1)
        return float(np.mean(total - chosen))
    with np.errstate(divide="ignore"):
        yes = np.maximum(np.log(outputs), -100.0)
        no = np.maximum(np.log1p(-outputs), -100.0)
    return float(-np.mean(targets * yes + (1.0 - targets) * no))


class Network:
    """Linear, activation, Linear and, for binary cross-entropy, Sigmoid; weights as in PyTorch."""

    def __init__(
        self, activation: str, kind: str, weights: Sequence[Array], smoothing: float = 0.0
    ) -> None:
        self._function, self._slope = ACTIVATIONS[activation]
        self._kind, self._smoothing = kind, smoothing
        self.weights = [np.asarray(w, dtype=np.float64) for w in weights]

    def forward(self, inputs: Array) -> Array:
        """Outputs as the loss wants them: logits, or probabilities."""
        w1, b1, w2, b2 = self.weights
        self._inputs = np.asarray(inputs, dtype=np.float64).reshape(len(inputs), -1)
        self._before = self._inputs @ w1.T + b1
        self._hidden = self._function(self._before)
        outputs = self._hidden @ w2.T + b2
        if self._kind == "BinaryCrossEntropyLoss":
            outputs = ACTIVATIONS["Sigmoid"][0](outputs)
        return np.asarray(outputs)

    def gradients(self, inputs: Array, targets: Array) -> list[Array]:
        """Derivatives of the mean loss with respect to each weight and bias."""
        w2 = self.weights[2]
        outputs = self.forward(inputs)
        if self._kind == "CrossEntropyLoss":
            error = softmax(outputs)
            error -= self._smoothing / error.shape[1]
            error[np.arange(len(error)), targets.astype(np.int64)] -= 1.0 - self._smoothing
        else:
            error = outputs - targets
        error /= error.size if self._kind == "BinaryCrossEntropyLoss" else len(error)
        inner = (error @ w2) * self._slope(self._before, self._hidden)
        return [
            inner.T @ self._inputs,
            inner.sum(axis=0),
            error.T @ self._hidden,
            error.sum(axis=0),
        ]


class Optimizer:
    """PyTorch's formulas of sgd, adam (Kingma and Ba, 2015) and adamw, for one parameter."""

    def __init__(
        self,
        name: str,
        momentum: float,
        decay: float,
        nesterov: bool = False,
        beta2: float = 0.999,
    ) -> None:
        self._name, self._momentum, self._decay, self._beta2 = name, momentum, decay, beta2
        self._nesterov = nesterov and momentum > 0
        self._velocity: Any = None
        self._mean: Any = 0.0
        self._square: Any = 0.0
        self._steps = 0

    def step(self, value: Array, gradient: Array, rate: float) -> Array:
        """The parameter after one step."""
        if self._name == "adamw":
            value = value * (1.0 - rate * self._decay)
        else:
            gradient = gradient + self._decay * value
        if self._name == "sgd":
            old = self._velocity
            self._velocity = gradient if old is None else self._momentum * old + gradient
            if self._nesterov:
                return np.asarray(value - rate * (gradient + self._momentum * self._velocity))
            return np.asarray(value - rate * self._velocity)
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = self._beta2 * self._square + (1.0 - self._beta2) * gradient * gradient
        mean = self._mean / (1.0 - 0.9**self._steps)
        square = self._square / (1.0 - self._beta2**self._steps)
        return np.asarray(value - rate * mean / (np.sqrt(square) + 1e-8))


def cosine(rate: float, step: int, steps: int) -> float:
    """The rate of the step after `step` steps: from `rate` to 0 along half a cosine."""
    return rate * (1.0 + math.cos(math.pi * step / steps)) / 2.0


def one_cycle(rate: float, step: int, steps: int, rising: float) -> float:
    """The rate of the step after `step` steps: half a cosine up to `rate`, and half a one down.

    From a 25th of it, in the share `rising` of all steps, and down to a 250,000th.
    """
    first, last, top = rate / 25.0, rate / 25e4, rising * steps - 1.0
    if step < top:
        start, end, progress = first, rate, step / top
    else:
        start, end, progress = rate, last, (step - top) / (steps - 1.0 - top)
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0


def slope(function: Callable[..., float], arrays: Sequence[Array]) -> list[Array]:
    """Derivatives of a number by central differences, with respect to every element."""
    found = []
    for array in arrays:
        result = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept = array[place]
            array[place] = kept + 1e-6
            above = function(*arrays)
            array[place] = kept - 1e-6
            below = function(*arrays)
            array[place] = kept
            result[place] = (above - below) / 2e-6
        found.append(result)
    return found
