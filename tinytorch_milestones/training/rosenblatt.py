"""Rosenblatt's machine and his rule, computed with the student's own tensors and layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.implementation import Framework


class Machine:
    """One `Linear` and a `Step`, trained by showing it examples and correcting its errors."""

    def __init__(self, fw: Framework, features: int, model: Any = None) -> None:
        """`model`: one that the user built; otherwise a fresh one with all weights at zero.

        Raises `TinyTorchError` for a model that Rosenblatt's rule cannot train.
        """
        self._fw = fw
        if model is None:
            self.model = fw.Sequential(fw.Linear(features, 1), fw.Step())
            self.layer = self.model[0]
            for tensor in self._tensors().values():
                if tensor is not None:
                    tensor.data[...] = 0
        else:
            self.model = model
            self.layer = _only_linear(fw, model, features)
        self._start = self._values()

    def __call__(self, inputs: Array) -> Array:
        """The machine's answers as an array (n, 1)."""
        with _overflow_expected():
            return np.asarray(self.model(self._fw.Tensor(inputs)).data)

    def correct(self, batch: Examples, rate: float) -> dict[str, tuple[float, float]]:
        """Rosenblatt's rule on one batch: weight += rate * error * input, bias += rate * error.

        Returns for each parameter the norm of its update and how far it has come from its start,
        both read from the layer itself: a parameter that the model forgot to list has 0 and 0.
        """
        x, targets = self._fw.Tensor(batch.inputs), self._fw.Tensor(batch.labels)
        before = self._values()
        with _overflow_expected():
            error = targets - self.model(x)
            weight_update = error.transpose() @ x
            bias_update = error.sum(axis=0)
            for _, parameter in self.model.named_parameters():
                update = weight_update if parameter.ndim == 2 else bias_update
                parameter.data[...] = (parameter + rate * update).data
        after = self._values()
        return {
            name: (_norm(after[name], before[name]), _norm(after[name], self._start[name]))
            for name in after
        }

    def loss(self, examples: Examples) -> float:
        """The share of examples it gets wrong, as the mean of the squared error (0 or 1)."""
        with _overflow_expected():
            error = self._fw.Tensor(examples.labels) - self.model(self._fw.Tensor(examples.inputs))
            return float((error * error).mean().data)

    def accuracy(self, examples: Examples) -> float:
        """The share of right answers, counted by the judge."""
        return float(np.mean((self(examples.inputs) >= 0.5) == (examples.labels >= 0.5)))

    def line(self, caption: str = "") -> tuple[float, float, float, str]:
        """Its decision line w0 x + w1 y + bias = 0 at this moment."""
        weight = np.asarray(self.layer.weight.data).reshape(-1)
        bias = 0.0 if self.layer.bias is None else float(np.sum(self.layer.bias.data))
        return float(weight[0]), float(weight[1]), bias, caption

    def _tensors(self) -> dict[str, Any]:
        return {"weight": self.layer.weight, "bias": getattr(self.layer, "bias", None)}

    def _values(self) -> dict[str, Array | None]:
        return {
            name: None if tensor is None else np.array(tensor.data, dtype=np.float32)
            for name, tensor in self._tensors().items()
        }


def _norm(after: Array | None, before: Array | None) -> float:
    if after is None or before is None or after.shape != before.shape:
        return 0.0
    with _overflow_expected():
        distance = (after - before).reshape(-1)
        return math.sqrt(float(distance @ distance))


def _overflow_expected() -> np.errstate:
    """Broken code may diverge; the evidence says so better than a warning a step would."""
    return np.errstate(over="ignore", invalid="ignore")


def _only_linear(fw: Framework, model: Any, features: int) -> Any:
    check_model(fw, model)
    layers = [model[i] for i in range(len(model))] if isinstance(model, fw.Sequential) else [model]
    linear = [layer for layer in layers if isinstance(layer, fw.Linear)]
    if len(linear) != 1 or tuple(linear[0].weight.shape) != (1, features):
        raise TinyTorchError(
            f"Rosenblatt's rule trains one Linear({features}, 1), not {model!r}.",
            f"Give model = Sequential(Linear({features}, 1), Step()).",
        )
    return linear[0]


def check_model(fw: Framework, model: Any) -> None:
    """Refuse a model that was not built from the framework that runs now."""
    if not isinstance(model, fw.Layer):
        raise TinyTorchError(
            f"The model given is a {type(model).__name__} that was not built from the tinytorch "
            "that runs now.",
            "Build it in the same cell from Linear, Step and Sequential, without importing them "
            "from anywhere else.",
        )
