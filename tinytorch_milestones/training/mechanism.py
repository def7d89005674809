"""Checks of everything that gradient training leans on, before it starts, in order of building up.

Each stage compares one module with numpy on small arrays and measures one metric; the first stage
that fails is the root cause, and the later ones, which lean on it, are not asked. What a stage
asks follows from the `Design` of the recipe, so that a run is judged by what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.attending import attend
from tinytorch_milestones.training.augmenting import augmenting_problem
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.convolving import convolve, examine_function
from tinytorch_milestones.training.foundations import Foundations
from tinytorch_milestones.training.gates import NOT_COMPARABLE
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.rehearsal import rehearse


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipe is made of, by the names of the student's classes."""

    activation: str  # between its two layers: ReLU or Tanh
    loss: str  # CrossEntropyLoss or BinaryCrossEntropyLoss
    images: bool = False  # whether inputs are images that Flatten turns into rows
    optimizer: str = "sgd"  # or adam, adamw
    momentum: float = 0.0  # of sgd
    nesterov: bool = False
    weight_decay: float = 0.0
    label_smoothing: float = 0.0  # of CrossEntropyLoss
    schedule: str = ""  # or cosine, onecycle
    warm_up: float = 0.3  # the share of all steps in which onecycle rises
    beta2: float = 0.999  # of adam and adamw
    clip: float = 0.0  # the largest joint norm of the gradients, 0: any
    augmented: bool = False  # whether batches are flipped, cropped and normalised
    spatial: tuple[str, ...] = ()  # layers of module 09 that it uses: Conv2d, MaxPool2d, ...
    language: tuple[str, ...] = ()  # of modules 10 to 13: GPT, and perhaps CharTokenizer, ...

    @property
    def binary(self) -> bool:
        return self.loss == "BinaryCrossEntropyLoss"

    def network(self, fw: Framework, inputs: int, hidden: int, outputs: int) -> Any:
        """The standard model: two layers of weights."""
        layers = [fw.Flatten()] if self.images else []
        layers += [fw.Linear(inputs, hidden), getattr(fw, self.activation)()]
        layers += [fw.Linear(hidden, outputs)]
        if self.binary:
            layers.append(fw.Sigmoid())
        return fw.Sequential(*layers)

    def weights(self, model: Any) -> list[Any]:
        """The four parameters of a standard model, whatever its own list says."""
        first = 1 if self.images else 0
        one, two = model[first], model[first + 2]
        return [one.weight, one.bias, two.weight, two.bias]

    def build_optimizer(self, fw: Framework, parameters: Any, rate: float) -> Any:
        """The student's optimizer. Raises `TinyTorchError` for another name."""
        match self.optimizer:
            case "sgd":
                return fw.SGD(
                    parameters,
                    lr=rate,
                    momentum=self.momentum,
                    nesterov=self.nesterov and self.momentum > 0,
                    weight_decay=self.weight_decay,
                )
            case "adam":
                return fw.Adam(parameters, lr=rate, **self._adaptive())
            case "adamw":
                return fw.AdamW(parameters, lr=rate, **self._adaptive())
        raise TinyTorchError(f"optimizer is {self.optimizer!r}.", "Give sgd, adam or adamw.")

    def _adaptive(self) -> dict[str, Any]:
        return {"betas": (0.9, self.beta2), "weight_decay": self.weight_decay}

    def build_loss(self, fw: Framework) -> Any:
        """The student's loss function."""
        if self.label_smoothing:
            return getattr(fw, self.loss)(label_smoothing=self.label_smoothing)
        return getattr(fw, self.loss)()

    def build_schedule(self, fw: Framework, optimizer: Any, rate: float, steps: int) -> Any:
        """The student's schedule over so many steps, None where the rate stays."""
        if self.schedule == "onecycle":
            return fw.OneCycle(optimizer, rate, total_steps=steps, pct_start=self.warm_up)
        return fw.CosineSchedule(optimizer, total_steps=steps) if self.schedule else None

    def rate(self, rate: float, number: int, steps: int) -> float:
        """What a right schedule makes of `rate` for step `number`, from 0."""
        if self.schedule == "onecycle":
            return oracle.one_cycle(rate, number, steps, self.warm_up)
        return oracle.cosine(rate, number, steps) if self.schedule else rate

    def loss_of(self, outputs: Array, targets: Array) -> float:
        """What numpy says about the loss of a batch."""
        return oracle.loss(self.loss, outputs, targets, self.label_smoothing)


class Mechanism(Foundations):
    """The stages, each a method; `examine` runs them."""

    def __init__(self, fw: Framework, seed: int, design: Design) -> None:
        super().__init__(fw, seed)
        self.design = design
        self.rows = bool(design.language)

    def examine(self) -> None:
        """Every stage up to the first that fails."""
        stages: Sequence[Callable[[], None]] = (
            self.tensor,
            self.activations,
            self.layers,
            self.parameters,
            self.loss,
            self.loader,
            self.augmentation,
            self.gradients,
            self.update,
            self.training,
            self.convolutions,
            self.sentences,
        )
        for stage in stages:
            stage()
            if self.failed:
                return

    def activations(self) -> None:
        """`agree.activation` (module 02): the activations of this design, far out as well."""
        for name in (self.design.activation, *(["Sigmoid"] if self.design.binary else [])):
            function = oracle.ACTIVATIONS[name][0]
            far = np.array([[-1000.0, -30.0, -0.0, 1e-3, 30.0, 1000.0]], dtype=np.float32)
            for values in (self.numbers(5, 4), far):
                expected = function(values.astype(np.float64))
                self.same(
                    "agree.activation",
                    name,
                    lambda x, name=name: getattr(self._fw, name)()(x),
                    [values],
                    expected,
                )

    def batch(self, count: int = 7) -> tuple[Array, Array]:
        """A few inputs with targets of this design's kind, as the recipe's data has them."""
        inputs = self.numbers(count, 1, 2, 3) if self.design.images else self.numbers(count, 6)
        if self.design.binary:
            return inputs, self._rng.integers(0, 2, (count, 1)).astype(np.float32)
        return inputs, self._rng.integers(0, 4, count)

    def model(self) -> tuple[Any, list[Any], oracle.Network]:
        """A standard model with known weights, its parameters, and numpy's copy of it."""
        outputs = 1 if self.design.binary else 4
        model = self.design.network(self._fw, 6, 5, outputs)
        tensors = self.design.weights(model)
        for tensor in tensors:
            tensor.data[...] = self.numbers(*tensor.shape)
        values = [np.array(tensor.data) for tensor in tensors]
        design = self.design
        network = oracle.Network(design.activation, design.loss, values, design.label_smoothing)
        return model, tensors, network

    def loss(self) -> None:
        """`agree.loss` (module 04): the loss of a batch, of sure and of wrong answers."""
        kind = self.design.loss
        scores = self.numbers(6, 4) * np.float32(2)
        targets = np.array([0, 3, 1, 2, 2, 0])
        sure = np.zeros((6, 4), dtype=np.float32)
        sure[np.arange(6), targets[::-1]] = 500.0
        pairs = [(scores, targets), (sure, targets), (scores[:1], targets[:1])]
        if self.design.binary:
            answers = oracle.ACTIVATIONS["Sigmoid"][0](scores[:, :1]).astype(np.float32)
            truths = np.array([[0], [1], [1], [0], [1], [0]], dtype=np.float32)
            pairs = [(answers, truths), (np.round(answers), truths), (answers[:1], truths[:1])]
        for outputs, wanted in pairs:
            self.same(
                "agree.loss",
                kind,
                lambda x, wanted=wanted: self.design.build_loss(self._fw)(
                    x, self._fw.Tensor(wanted)
                ),
                [outputs],
                np.array(self.design.loss_of(outputs, wanted)),
            )

    def augmentation(self) -> None:
        """`augment.faults` (module 05): flips, crops and normalises numbered images."""
        if self.design.augmented:
            metric = "augment.faults"
            self.metrics[metric] = 0.0
            problem = self.attempt(metric, "augmentation", lambda: augmenting_problem(self._fw))
            if problem:
                self.fault(metric, problem, 1.0)

    def gradients(self) -> None:
        """`agree.gradients` (module 06): what backward() leaves in every parameter.

        First single operations against finite differences, then this design's network and loss,
        a second backward that adds to the first, and `no_grad`.
        """
        metric = "agree.gradients"
        self._fw.module("core.autograd")  # puts its tape in place
        self.operations(metric)
        if self.failed:
            return
        if self.design.spatial or self.design.language:
            examine_function(self)
        if self.failed:
            return
        model, tensors, network = self.model()
        inputs, targets = self.batch()
        expected = network.gradients(inputs, targets)
        loss_fn = self.design.build_loss(self._fw)

        def backward(factor: float) -> list[Array]:
            x, y = self._fw.Tensor(inputs), self._fw.Tensor(targets)
            (loss_fn(model(x), y) * factor).backward()
            return [gradient_of(tensor) for tensor in tensors]

        names = ("first weight", "first bias", "second weight", "second bias")
        # the second time of twice the loss, and on top of what is there: three times in all
        for factor, times, what in (
            (1.0, 1.0, "backward()"),
            (2.0, 3.0, "a second backward(), of twice the loss"),
        ):
            got = self.attempt(metric, what, partial(backward, factor))
            for name, gradient, right in zip(names, got or [], expected, strict=False):
                self.near(metric, f"{what}, {name}", gradient, times * right)
        if self.failed:
            return

        def silent() -> Array:
            with self._fw.no_grad():
                recorded = model(self._fw.Tensor(inputs)).requires_grad
            after = model(self._fw.Tensor(inputs)).requires_grad
            return np.array([float(recorded), float(after)])

        self.near(metric, "no_grad", self.attempt(metric, "no_grad", silent), np.array([0.0, 1.0]))

    def update(self) -> None:
        """`agree.update` (module 07): three steps of the optimizer on known gradients."""
        metric, rate = "agree.update", 0.1
        fw, design = self._fw, self.design
        start = [self.numbers(3, 2), self.numbers(2)]
        tensors = [fw.Tensor(values.copy(), requires_grad=True) for values in start]
        built = self.attempt(metric, "the optimizer", lambda: self._optimizer(tensors, rate))
        if built is None:
            return
        values = [array.astype(np.float64) for array in start]
        oracles = [
            oracle.Optimizer(
                design.optimizer,
                design.momentum,
                design.weight_decay,
                design.nesterov,
                design.beta2,
            )
            for _ in start
        ]
        handed: list[tuple[Array, Array]] = []
        for number in (1, 2, 3):
            gradients = [self.numbers(*array.shape) for array in start]
            for tensor, gradient in zip(tensors, gradients, strict=True):
                tensor.grad = gradient.copy()
                handed.append((tensor.grad, gradient))
            self.attempt(metric, f"step() {number}", built.step)
            moved = zip(tensors, start, gradients, strict=True)
            for i, (tensor, before, gradient) in enumerate(moved):
                values[i] = oracles[i].step(values[i], gradient.astype(np.float64), rate)
                what = f"{type(built).__name__}, step {number}, parameter {i + 1}"
                data = array_of(tensor)
                if data.dtype != np.float32:
                    self.fault(metric, f"{what} became {data.dtype}, float32 is right")
                # what it moved by, so that a step that does nothing is as wrong as can be
                elif data.shape != before.shape:
                    self.fault(metric, f"{what} has shape {data.shape}, not {before.shape}")
                else:
                    self.near(metric, what, data - before, values[i] - before)
            if any(not np.array_equal(*pair) for pair in handed):
                self.fault(metric, "step() changes a gradient that it was given")
            if self.failed:
                return
        self.attempt(metric, "zero_grad()", built.zero_grad)
        if any(t.grad is not None and np.any(gradient_of(t)) for t in tensors):
            self.fault(metric, "zero_grad() leaves gradients in place")

    def _optimizer(self, tensors: list[Any], rate: float) -> Any:
        return self.design.build_optimizer(self._fw, tensors, rate)

    def training(self) -> None:
        """`agree.training` (module 08): `Trainer` against the five lines it stands for."""
        problem = self.attempt("agree.training", "Trainer", lambda: rehearse(self))
        self.metrics.setdefault("agree.training", 0.0)
        if problem:
            self.fault("agree.training", problem)

    def convolutions(self) -> None:
        """Module 09, where the design uses it: see `convolving`."""
        if self.design.spatial:
            convolve(self)

    def sentences(self) -> None:
        """Modules 10 to 13, where the design uses them: see `attending`."""
        if self.design.language:
            attend(self)


def gradient_of(tensor: Any) -> Array:
    """A parameter's gradient as an array; empty where there is none."""
    if tensor.grad is None:
        return np.empty(0, dtype=np.float32)
    return array_of(tensor.grad)


__all__ = ["NOT_COMPARABLE", "Design", "Mechanism", "gradient_of"]
