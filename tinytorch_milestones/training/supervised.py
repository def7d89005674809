"""One engine for recipes that learn by gradients: the student's loader, loss, optimizer, Trainer.

The student's `Trainer.fit` drives the run. The judge stands beside it: it chose what is held out
and counts the answers itself, hears every prediction and loss through the loss function it hands
over, and reads gradients and weights between steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.rosenblatt import check_model
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS = ("hidden", "optimizer", "momentum", "weight_decay", "schedule")
"""What every recipe of this engine takes beside the settings that all recipes take."""

_SUBSET = 500  # examples asked within an epoch; all of them are asked at its end
_LOOKS = 4  # evaluations an epoch
_EVERY = 20  # steps between two looks at gradients and weights

View = Callable[[], dict[str, Any]]


@dataclass
class Problem:
    """What a recipe asks the engine to learn."""

    training: Examples
    held_out: Examples
    design: Design
    classes: int
    hidden: int = 32
    # makes the picture of an evaluation
    picture: Callable[[Learner, Answers], View | None] = field(default=lambda *_: None)


def design_of(settings: Settings, **standard: Any) -> Design:
    """A recipe's design with what was chosen about its optimizer."""
    chosen = settings.extra.get("optimizer", "sgd")
    # an optimizer that the user built is taken as it is; the probe asks for the standard one
    name = settings.choice("optimizer", "sgd", "adam", "adamw") if isinstance(chosen, str) else ""
    return Design(
        optimizer=name or "sgd",
        momentum=settings.fraction("momentum", 0.9),
        weight_decay=settings.fraction("weight_decay", 0.0),
        schedule="" if settings.choice("schedule", "none", "cosine") == "none" else "cosine",
        **standard,
    )


def learn(fw: Framework, settings: Settings, problem: Problem) -> Iterator[Step]:
    """Check the mechanism, then train and yield a step for every step of the student's Trainer."""
    rng = np.random.default_rng([settings.seed, 8])
    judge = Mechanism(fw, settings.seed, problem.design)
    judge.examine()
    if judge.failed:
        yield Step(
            epoch=1,
            epochs=1,
            step=1,
            steps=1,
            loss=1.0,
            metrics=judge.metrics,
            note=judge.note,
            symptom=judge.note,
        )
        return
    training = problem.training
    if settings.labels == "shuffled":
        training = Examples(training.inputs, rng.permutation(training.labels))
    for array in (training.inputs, training.labels, problem.held_out.inputs):
        array.flags.writeable = False
    fw.manual_seed(settings.seed)
    model = _model(fw, settings, problem)
    learner = Learner(fw, model, problem.held_out, binary=problem.design.binary)
    watched = Watched(getattr(fw, problem.design.loss)(), problem.design.loss)
    loader = fw.DataLoader(
        fw.TensorDataset(training.inputs, training.labels),
        batch_size=settings.batch_size,
        shuffle=True,
        seed=settings.seed,
    )
    per_epoch = -(-len(training) // settings.batch_size)
    optimizer = _optimizer(fw, settings, problem.design, model)
    steps = settings.rounds * per_epoch
    schedule = problem.design.schedule
    scheduler = fw.CosineSchedule(optimizer, total_steps=steps) if schedule else None
    trainer = fw.Trainer(model, optimizer, watched, scheduler=scheduler)
    run = _Run(learner, watched, problem, per_epoch, settings.rounds, judge.metrics)
    with np.errstate(all="ignore"):  # broken code may diverge; the evidence says so
        yield from run.steps(trainer.fit(loader, epochs=settings.rounds), rng)


class _Run:
    """The judge's side of one call of `fit`."""

    def __init__(
        self,
        learner: Learner,
        watched: Watched,
        problem: Problem,
        per_epoch: int,
        epochs: int,
        metrics: dict[str, float],
    ) -> None:
        self._learner, self._watched, self._problem = learner, watched, problem
        self._per_epoch, self._epochs = per_epoch, epochs
        self._metrics = dict(metrics)  # for the next step
        self._calls = Calls(learner.fw)
        self._view: View | None = None
        self._whole: float | None = None  # accuracy on everything held out, last measured
        self._evaluated = False
        self._looks = {round(per_epoch * i / _LOOKS) for i in range(1, _LOOKS)} - {0}

    def steps(self, fit: Iterator[Any], rng: np.random.Generator) -> Iterator[Step]:
        count = len(self._problem.held_out)
        subset = np.sort(rng.permutation(count)[:_SUBSET]) if count > _SUBSET else None
        total = self._epochs * self._per_epoch
        self._view = self._picture(self._learner.answers(subset))
        for number in range(1, total + 1):
            self._watched.look = number % self._per_epoch == 1 % self._per_epoch
            with self._calls.counting() if number in (2, total // 2) else nullcontext():
                try:
                    report, diverged = next(fit, None), ""
                except FloatingPointError as error:
                    # a Trainer may refuse a loss that is no number; gates judge what it came to
                    report, diverged = None, str(error)
            if report is None and not diverged:
                return
            step = self._step(number, total)
            if diverged:
                step.loss, step.note = math.nan, diverged
                step.metrics = self._metrics
                yield step
                return
            place = (number - 1) % self._per_epoch + 1
            if place == self._per_epoch or place in self._looks:
                self._evaluate(step, None if place == self._per_epoch else subset)
            if number == 1 or number == total or number % _EVERY == 0:
                step.parameters = self._learner.parameters()
                self._metrics["gradients_alive"] = self._learner.alive()
            step.metrics, self._metrics = {**self._metrics, **step.metrics}, {}
            if self._watched.worst is not None:
                step.metrics["agree.running"] = self._watched.worst
                self._watched.worst = None
            step.exercised = self._calls.take()
            step.view = self._view
            yield step
            if not math.isfinite(step.loss):
                return

    def _step(self, number: int, total: int) -> Step:
        return Step(
            epoch=(number - 1) // self._per_epoch + 1,
            epochs=self._epochs,
            step=number,
            steps=total,
            loss=self._watched.value,
            samples=self._watched.samples,
        )

    def _evaluate(self, step: Step, subset: Array | None) -> None:
        # the first evaluation is watched, so that what only an evaluation uses is counted too
        with nullcontext() if self._evaluated else self._calls.counting():
            answers = self._learner.answers(subset)
        self._evaluated = True
        step.accuracy = answers.accuracy
        if answers.whole:
            self._whole = answers.accuracy
            step.note = f"epoch {step.epoch}: {answers.accuracy:.1%} right"
        elif self._whole is not None:
            # the curve shows the sample; gates are judged on everything that was held out
            step.metrics = {"accuracy": self._whole}
        self._view = self._picture(answers)

    def _picture(self, answers: Answers) -> View | None:
        return self._problem.picture(self._learner, answers)


class Watched:
    """Stands in for the loss function, and hears what the model said of every batch.

    `value` and `samples` are of the last batch. While `look` is set, the loss is compared with
    numpy's; `worst` is the largest difference since it was last taken, relative to the loss.
    """

    def __init__(self, loss: Any, kind: str) -> None:
        self._loss, self._kind = loss, kind
        self.value = math.nan
        self.samples = 0
        self.look = False
        self.worst: float | None = None

    def __call__(self, prediction: Any, target: Any) -> Any:
        result = self._loss(prediction, target)
        self.value, self.samples = float(result.data), len(target.data)
        if self.look:
            right = oracle.loss(self._kind, prediction.data, target.data)
            difference = abs(self.value - right) / max(1.0, abs(right))
            self.worst = max(difference, self.worst or 0.0)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loss, name)


def _model(fw: Framework, settings: Settings, problem: Problem) -> Any:
    inputs = problem.training.inputs
    outputs = 1 if problem.design.binary else problem.classes
    if settings.model is None:
        hidden = settings.whole("hidden", problem.hidden)
        return problem.design.network(fw, int(np.prod(inputs.shape[1:])), hidden, outputs)
    check_model(fw, settings.model)
    with fw.no_grad():
        shape = tuple(settings.model(fw.Tensor(inputs[:2])).shape)
    if shape != (2, outputs):
        raise TinyTorchError(
            f"For a batch of 2 inputs, shape {(2, *inputs.shape[1:])}, the model given answers "
            f"with shape {shape}; {(2, outputs)} is needed.",
            "Let its last layer have that many outputs"
            + (", and start with Flatten()." if problem.design.images else "."),
        )
    return settings.model


def _optimizer(fw: Framework, settings: Settings, design: Design, model: Any) -> Any:
    chosen = settings.extra.get("optimizer")
    if chosen is None or isinstance(chosen, str):
        return design.build_optimizer(fw, model.parameters(), settings.learning_rate)
    if settings.model is None or not isinstance(chosen, fw.module("core.optimizers").Optimizer):
        raise TinyTorchError(
            "optimizer was given as an object that does not train the model of this run.",
            "Define model in the same cell, and give SGD, Adam or AdamW its parameters; or write "
            'optimizer = "adam".',
        )
    return chosen
