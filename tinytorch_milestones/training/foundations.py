"""Stages that every gradient recipe shares: tensors, layers, data loading, single derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinytorch_milestones.training import derivatives
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.loading import loading_problem, rows_problem

TOLERANCE = 1e-4
"""Largest difference, relative to the largest number expected, that rounding may explain."""


class Foundations:
    """Collects the largest difference of each metric; `note` says what differed first."""

    rows = False  # whether examples are rows of tokens, with a target for each

    def __init__(self, fw: Framework, seed: int) -> None:
        self._fw = fw
        self._rng = np.random.default_rng([seed, 86])
        self.metrics: dict[str, float] = {}
        self.note = ""
        self.failed = False

    def numbers(self, *shape: int) -> Array:
        """float32 numbers around zero."""
        return self._rng.normal(size=shape).astype(np.float32)

    def fault(self, metric: str, note: str, value: float = NOT_COMPARABLE) -> None:
        """Something is wrong; the first note is kept."""
        self.metrics[metric] = max(value, self.metrics.get(metric, 0.0))
        self.note = self.note or note
        self.failed = True

    def attempt(self, metric: str, what: str, run: Callable[[], Any]) -> Any:
        """What `run` returns, None where it raises. An unsolved task is not caught."""
        try:
            with np.errstate(all="ignore"):
                return run()
        except NotImplementedError:
            raise
        except Exception as error:
            self.fault(metric, f"{what} raised {type(error).__name__}: {error}")
            return None

    def near(self, metric: str, what: str, got: Array | None, expected: Array) -> None:
        """Measure one array against numpy's, relative to the largest number expected."""
        if got is None:
            return
        if got.shape != np.shape(expected):
            self.fault(metric, f"{what} has shape {got.shape}, {np.shape(expected)} is right")
            return
        scale = float(np.max(np.abs(expected), initial=0.0)) or 1.0
        difference = float(np.max(np.abs(got - np.asarray(expected)), initial=0.0)) / scale
        if not math.isfinite(difference):
            self.fault(metric, f"{what} is not a finite number")
        elif difference > TOLERANCE:
            self.fault(metric, f"{what}{_one_wrong(got, np.asarray(expected))}", difference)
        else:
            self.metrics[metric] = max(difference, self.metrics.get(metric, 0.0))

    def same(
        self,
        metric: str,
        what: str,
        compute: Callable[..., Any],
        inputs: Sequence[Array],
        expected: Array,
    ) -> None:
        """Measure one operation on float32 inputs: its numbers, its dtype, its inputs untouched."""
        given = [array.copy() for array in inputs]
        result = self.attempt(metric, what, lambda: compute(*map(self._fw.Tensor, given)))
        if result is None:
            return
        got = array_of(result)
        self.near(metric, what, got, expected)
        if got.dtype != np.float32:
            self.fault(metric, f"{what} gives {got.dtype}, float32 is right")
        if any(not np.array_equal(a, b) for a, b in zip(given, inputs, strict=True)):
            self.fault(metric, f"{what} changes its input")

    def tensor(self) -> None:
        """`agree.tensor` (module 01): what the other modules compute with."""
        metric = "agree.tensor"
        a, b = self.numbers(4, 3), self.numbers(3, 2)
        row, c, stack = self.numbers(3), self.numbers(4, 3), self.numbers(2, 4, 3)
        positive = np.abs(c) + np.float32(0.5)
        cases: list[tuple[str, Callable[..., Any], list[Array], Array]] = [
            ("the matrix product @", lambda x, y: x @ y, [a, b], a @ b),
            ("the matrix product of a stack", lambda x, y: x @ y, [stack, b], stack @ b),
            (
                "the matrix product of two stacks",
                lambda x, y: x @ y,
                [stack, stack.swapaxes(1, 2).copy()],
                stack @ stack.swapaxes(1, 2),
            ),
            ("transpose()", lambda x: x.transpose(), [a], a.T),
            (".T of a stack", lambda x: x.T, [stack], np.swapaxes(stack, -1, -2)),
            ("transpose(0, 1)", lambda x: x.transpose(0, 1), [stack], np.swapaxes(stack, 0, 1)),
            ("adding a row to every row", lambda x, y: x + y, [a, row], a + row),
            ("+", lambda x, y: x + y, [a, c], a + c),
            ("-", lambda x, y: x - y, [a, c], a - c),
            ("*", lambda x, y: x * y, [a, c], a * c),
            ("/", lambda x, y: x / y, [a, positive], a / positive),
            ("number - tensor", lambda x: 1 - x, [a], 1 - a),
            ("number * tensor", lambda x: 0.5 * x, [a], np.float32(0.5) * a),
            ("unary -", lambda x: -x, [a], -a),
            ("**", lambda x: x**2, [a], a**2),
            ("exp()", lambda x: x.exp(), [a], np.exp(a)),
            ("log()", lambda x: x.log(), [positive], np.log(positive)),
            ("sqrt()", lambda x: x.sqrt(), [positive], np.sqrt(positive)),
            ("reshape(6, 2)", lambda x: x.reshape(6, 2), [a], a.reshape(6, 2)),
            ("indexing", lambda x: x[1:3], [a], a[1:3]),
        ]
        for what, compute, inputs, expected in cases:
            self.same(metric, what, compute, inputs, expected)
        for name in ("sum", "mean", "max"):
            for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
                words = ", ".join(f"{key}={value}" for key, value in options.items())
                self.same(
                    metric,
                    f"{name}({words})",
                    lambda x, name=name, options=options: getattr(x, name)(**options),
                    [-positive],
                    getattr(np, name)(-positive, **options),
                )
        self.kept(metric)
        self.heard(metric)

    def kept(self, metric: str) -> None:
        """Numbers and lists become float32; an array keeps its dtype."""
        dtypes: list[tuple[str, Any, str]] = [
            ("a list of floats", [0.5, 1.0], "float32"),
            ("a list of whole numbers", [1, 2], "float32"),
            ("an array of whole numbers", np.arange(3), "int64"),
            ("a float64 array", np.zeros(3), "float64"),
        ]
        for what, value, dtype in dtypes:
            got = self.attempt(metric, f"Tensor of {what}", partial(self._fw.Tensor, value))
            if got is not None and array_of(got).dtype != dtype:
                self.fault(metric, f"{what} becomes {array_of(got).dtype}, {dtype} is right")

    def heard(self, metric: str) -> None:
        """Every operation must tell the tape, or module 06 has nothing to go back through."""
        heard: list[tuple[Any, ...]] = []
        operation = self._fw.Operation
        before = operation.tape
        a, b = self._fw.Tensor(self.numbers(2, 2)), self._fw.Tensor(self.numbers(2, 2))
        operation.tape = lambda *told: heard.append(told)
        try:
            result = self.attempt(metric, "@ with a tape", lambda: a @ b)
        finally:
            operation.tape = before
        if result is None:
            return
        told = heard[0] if heard else ()
        if len(told) != 4 or told[3] is not result or list(told[1]) != [a, b]:
            self.fault(metric, "an operation does not tell the tape its inputs and its result")

    def layers(self) -> None:
        """`agree.layer` (module 03): Linear, Flatten and Sequential, with known weights."""
        metric = "agree.layer"
        fw = self._fw
        x = self.numbers(5, 1, 2, 3)
        rows = x.reshape(5, 6)
        built = self.attempt(
            metric, "Linear", lambda: (fw.Flatten(), fw.Linear(6, 4), fw.Linear(4, 2))
        )
        if built is None:
            return
        flatten, one, two = built
        expected = rows
        for layer, shape in ((one, (4, 6)), (two, (2, 4))):
            weight, bias = self.numbers(*shape), self.numbers(shape[0])
            if array_of(layer.weight).shape != shape or array_of(layer.bias).shape != shape[:1]:
                self.fault(metric, f"Linear({shape[1]}, {shape[0]}) has weights of another shape")
                return
            layer.weight.data[...] = weight
            layer.bias.data[...] = bias
            given, expected = expected, expected @ weight.T + bias
            self.same(metric, "Linear", layer, [given], expected)
        self.same(metric, "Flatten", flatten, [x], rows)
        stack = fw.Sequential(flatten, one, two)
        self.same(metric, "Sequential", stack, [x], expected)
        for mode, switch in (("eval", stack.eval), ("train", stack.train)):
            self.attempt(metric, f"{mode}()", switch)
            if any(bool(layer.training) != (mode == "train") for layer in (stack, one)):
                self.fault(metric, f"{mode}() does not switch every layer inside")
            self.same(metric, f"Sequential after {mode}()", stack, [x], expected)

    def parameters(self) -> None:
        """`agree.parameters` (module 03): listed, trainable, and random with a sensible spread."""
        metric = "agree.parameters"
        self.metrics[metric] = 0.0
        fw = self._fw
        fw.manual_seed(7)
        one, two = fw.Linear(256, 64), fw.Linear(256, 64)
        inner = fw.Sequential(fw.Linear(6, 5), fw.Flatten(), fw.Sequential(fw.Linear(5, 4)))
        own = [inner[0].weight, inner[0].bias, inner[2][0].weight, inner[2][0].bias]
        listed = self.attempt(metric, "parameters()", lambda: list(inner.parameters()))
        if listed is None:
            return
        ids = {id(tensor) for tensor in listed}
        missing = sum(id(tensor) not in ids for tensor in own)
        if missing:
            self.fault(metric, f"parameters() misses {missing} of 4 tensors", float(missing))
        if len(listed) > len(own):
            extra = len(listed) - len(own)
            self.fault(metric, f"parameters() lists {extra} tensors too many", float(extra))
        frozen = sum(not tensor.requires_grad for tensor in own)
        if frozen:
            self.fault(metric, f"{frozen} of 4 parameters do not require a gradient", float(frozen))
        weight = array_of(one.weight)
        if weight.dtype != np.float32:
            self.fault(metric, f"weights are {weight.dtype}, float32 is right", 1.0)
        # PyTorch's uniform numbers have a spread of 1 / sqrt(3 * inputs); others are as good
        spread = float(weight.std()) * math.sqrt(3 * 256)
        if not 0.25 <= spread <= 4.0:
            self.fault(metric, f"initial weights are {spread:.2g} times as spread as usual", 1.0)
        elif abs(float(weight.mean())) > float(weight.std()) / 2:
            self.fault(metric, "initial weights do not lie around zero", 1.0)
        elif np.array_equal(weight, array_of(two.weight)):
            self.fault(metric, "two layers start with the same weights", 1.0)
        fw.manual_seed(7)
        if not np.array_equal(weight, array_of(fw.Linear(256, 64).weight)):
            self.fault(metric, "the same manual_seed gives other weights", 1.0)

    def loader(self) -> None:
        """`loader.faults` (module 05): every example once, with its own label, in a new order."""
        metric = "loader.faults"
        self.metrics[metric] = 0.0
        for find in (loading_problem, *([rows_problem] if self.rows else [])):
            problem = self.attempt(metric, "DataLoader", partial(find, self._fw))
            if problem and not self.failed:
                self.fault(metric, problem, 1.0)

    def operations(self, metric: str) -> None:
        """Derivatives of single operations in float64 against finite differences."""
        for what, function, arrays in derivatives.cases(self._rng):
            expected = derivatives.expected(function, arrays)

            def backward(
                function: Callable[..., Any] = function, arrays: Sequence[Array] = arrays
            ) -> list[Array]:
                leaves = [self._fw.Tensor(x.copy(), requires_grad=True) for x in arrays]
                function(*leaves).backward()
                empty = np.empty(0)
                return [empty if leaf.grad is None else array_of(leaf.grad) for leaf in leaves]

            got = self.attempt(metric, f"backward through {what}", backward)
            for place, right in enumerate(expected):
                if got is not None:
                    side = f", input {place + 1}" if len(expected) > 1 else ""
                    self.near(metric, f"the gradient of {what}{side}", got[place], right)
            if self.failed:
                return


def _one_wrong(got: Array, expected: Array) -> str:
    """The element that is farthest off, in words."""
    if got.ndim == 0:
        return f" gives {got:.4g} where {float(expected):.4g} is right"
    place = np.unravel_index(int(np.argmax(np.abs(got - expected))), got.shape)
    where = ", ".join(str(int(i)) for i in place)
    return f" gives {got[place]:.4g} at [{where}] where {expected[place]:.4g} is right"
