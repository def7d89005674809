"""Compare a student's operations with numpy on one small batch, before a run leans on them.

Each `agree.*` metric is the largest difference found, or `NOT_COMPARABLE` for another shape or an
exception. A gate on it fails where the mechanism is wrong, whatever score the run reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch_milestones.training.clouds import Array
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework

TOLERANCE = 1e-5


class Probe:
    """Collects differences. `note` names the first operation that disagrees."""

    def __init__(self, fw: Framework, seed: int) -> None:
        self._fw = fw
        self._rng = np.random.default_rng([seed, 58])
        self.metrics: dict[str, float] = {}
        self.note = ""

    @property
    def hopeless(self) -> bool:
        """Whether something gave another shape or an exception, so that training cannot work."""
        return any(value >= NOT_COMPARABLE for value in self.metrics.values())

    def compare(self, metric: str, what: str, got: Callable[[], Any], expected: Array) -> None:
        """Measure one operation. A task that is not solved yet raises NotImplementedError."""
        try:
            value = _difference(got(), expected)
        except NotImplementedError:
            raise
        except Exception as error:
            value = NOT_COMPARABLE
            problem = f"{what} raised {type(error).__name__}: {error}"
        else:
            problem = f"{what} does not agree with numpy"
        if value > TOLERANCE and not self.note:
            self.note = problem
        self.metrics[metric] = max(value, self.metrics.get(metric, 0.0))

    def _batch(self, *shape: int) -> tuple[Array, Any]:
        array = self._rng.normal(size=shape).astype(np.float32)
        return array, self._fw.Tensor(array)

    def error(self) -> None:
        """`agree.error`: targets minus outputs, and the mean of its square (module 01)."""
        a, ta = self._batch(6, 1)
        b, tb = self._batch(6, 1)
        self.compare("agree.error", "targets - outputs", lambda: ta - tb, a - b)
        self.compare("agree.error", "error * error", lambda: ta * ta, a * a)
        self.compare("agree.error", "mean()", lambda: ta.mean(), np.array(np.mean(a)))

    def update(self) -> None:
        """`agree.update`: what Rosenblatt's rule does with the error (module 01)."""
        self.product("agree.update")
        e, te = self._batch(6, 2)
        self.compare("agree.update", "sum(axis=0)", lambda: te.sum(axis=0), e.sum(axis=0))
        self.compare("agree.update", "number * tensor", lambda: 0.5 * te, np.float32(0.5) * e)

    def product(self, metric: str = "agree.product") -> None:
        """What a layer is made of: transpose, matrix product and broadcast addition (module 01)."""
        e, te = self._batch(6, 2)
        x, tx = self._batch(6, 3)
        b, tb = self._batch(3)
        self.compare(metric, "transpose()", lambda: te.transpose(), e.T)
        left, tleft = self._batch(2, 6)
        self.compare(metric, "the matrix product @", lambda: tleft @ tx, left @ x)
        self.compare(metric, "adding a row to every row", lambda: tx + tb, x + b)

    def activation(self) -> None:
        """`agree.activation`: Step, 1 from 0 upwards, else 0 (module 02)."""
        values = np.array([[-2.0, -1e-3, 0.0, 1e-3, 3.0]], dtype=np.float32)
        self.compare(
            "agree.activation",
            "Step",
            lambda: self._fw.Step()(self._fw.Tensor(values)),
            (values >= 0).astype(np.float32),
        )

    def layer(self) -> None:
        """`agree.layer`: Linear, with a bias that matters, and Sequential (module 03)."""
        x, tx = self._batch(6, 3)

        def linear() -> Any:
            return self._fw.Linear(3, 2)

        try:
            layer = linear()
            weight = self._rng.normal(size=(2, 3)).astype(np.float32)
            bias = np.array([0.7, -1.3], dtype=np.float32)
            layer.weight.data[...] = weight
            layer.bias.data[...] = bias
        except NotImplementedError:
            raise
        except Exception as error:
            self.metrics["agree.layer"] = NOT_COMPARABLE
            self.note = self.note or f"Linear raised {type(error).__name__}: {error}"
            return
        expected = x @ weight.T + bias
        self.compare("agree.layer", "Linear", lambda: layer(tx), expected)
        fired = (expected >= 0).astype(np.float32)
        step = self._fw.Step()
        # numbers that decide by a hair may be rounded to either side
        clear = np.abs(expected) > TOLERANCE
        self.compare(
            "agree.layer",
            "Sequential",
            lambda: np.where(clear, self._fw.Sequential(layer, step)(tx).data, fired),
            fired,
        )

    def rule(self) -> dict[str, float]:
        """Everything that Rosenblatt's rule leans on, in the order in which it builds up."""
        self.error()
        self.update()
        self.activation()
        self.layer()
        return self.metrics


def _difference(got: Any, expected: Array) -> float:
    array = np.asarray(getattr(got, "data", got))
    if array.shape != np.shape(expected):
        return NOT_COMPARABLE
    difference = float(np.max(np.abs(array.astype(np.float64) - expected)))
    return difference if np.isfinite(difference) else NOT_COMPARABLE
