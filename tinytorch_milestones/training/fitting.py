"""The judge beside the student's `Trainer.fit`, whatever is learned: what every engine shares.

The student's loader, loss, optimizer, schedule and `Trainer` do the work. The judge hears every
loss through the loss function it hands over, reads gradients and weights between steps, and asks
the model about what was held out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Learner
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.resuming import order_seed, saver, take_up
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS = (
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "schedule",
    "label_smoothing",
    "seconds",
)
"""What every recipe that learns by gradients takes beside the settings that all recipes take.

`seconds`: end the run, after a last evaluation, when training has taken so long; 0: no limit.
"""

EVERY = 20  # steps between two looks at gradients and weights

View = Callable[[], dict[str, Any]]


def design_of(settings: Settings, **standard: Any) -> Design:
    """A recipe's design with what was chosen about its optimizer."""
    chosen = settings.extra.get("optimizer", "sgd")
    # an optimizer that the user built is taken as it is; the probe asks for the standard one
    name = settings.choice("optimizer", "sgd", "adam", "adamw") if isinstance(chosen, str) else ""
    return Design(
        optimizer=name or "sgd",
        momentum=settings.fraction("momentum", 0.9),
        nesterov=settings.choice("nesterov", "no", "yes") == "yes",
        weight_decay=settings.fraction("weight_decay", 0.0),
        label_smoothing=settings.fraction("label_smoothing", 0.0),
        schedule=settings.choice("schedule", "none", "cosine", "onecycle").removeprefix("none"),
        warm_up=settings.fraction("warm_up", 0.3),
        beta2=settings.fraction("beta2", 0.999),
        clip=settings.number("clip", 0.0),
        **standard,
    )


def examined(fw: Framework, settings: Settings, design: Design) -> Mechanism:
    """The checks of everything that this design leans on, done."""
    judge = Mechanism(fw, settings.seed, design)
    judge.examine()
    return judge


def refused(judge: Mechanism) -> Step:
    """The only step of a run that is not begun, because its checks failed."""
    return Step(
        epoch=1,
        epochs=1,
        step=1,
        steps=1,
        loss=1.0,
        metrics=judge.metrics,
        note=judge.note,
        symptom=judge.note,
    )


def shuffled(settings: Settings, training: Examples, rng: np.random.Generator) -> Examples:
    """What to learn from: as it is, or with labels dealt out at random where that was asked for."""
    if settings.labels == "shuffled":
        return Examples(training.inputs, rng.permutation(training.labels))
    return training


class Found(msgspec.Struct):
    """What the model answered when it was asked about what was held out."""

    accuracy: float
    whole: bool  # whether everything held out was asked
    metrics: dict[str, float]  # besides the accuracy, of everything held out
    note: str = ""
    view: View | None = None


class Fit:
    """The judge's side of one call of `fit`; a subclass says how the model is asked."""

    noun = "samples"  # what `Step.samples` counts
    strict = False  # whether only an accuracy on everything held out may end a run early
    resumable = False  # whether a run that was interrupted should go on at its next epoch
    looks = 4  # evaluations an epoch

    def __init__(
        self,
        settings: Settings,
        design: Design,
        learner: Learner,
        watched: Watched,
        training: Examples,
        transform: Callable[[Array], Array] | None = None,
    ) -> None:
        """`transform` is what the student's loader does to each batch of training inputs."""
        fw = learner.fw
        self.learner, self.watched, self.design = learner, watched, design
        self._loader = fw.DataLoader(
            fw.TensorDataset(training.inputs, training.labels, transform=transform),
            batch_size=settings.batch_size,
            shuffle=True,
            seed=order_seed(settings),
        )
        self._per_epoch = -(-len(training) // settings.batch_size)
        self._epochs = settings.rounds
        steps = self._epochs * self._per_epoch
        optimizer = _optimizer(fw, settings, design, learner.model)
        scheduler = design.build_schedule(fw, optimizer, optimizer.lr, steps)
        clip = {"grad_clip_norm": design.clip} if design.clip else {}
        self._trainer = fw.Trainer(learner.model, optimizer, watched, scheduler=scheduler, **clip)
        self._limit = settings.number("seconds", 0.0) or math.inf  # seconds of training
        self._calls = Calls(fw)
        self._whole: float | None = None  # accuracy on everything held out, last measured
        self._evaluated = False
        self.view: View | None = None
        self.play: Any = None
        # begin where an interrupted run was, if there was one
        memory = take_up(settings, self._trainer, learner)
        self._done = settings.resume.epoch if settings.resume else 0
        self._whole, self._spent = memory.get("whole"), memory.get("spent", 0.0)

    def ask(self, whole: bool) -> Found:
        """Ask the model about everything held out, or about a sample of it."""
        raise NotImplementedError

    def taken(self) -> None:
        """Called after every step of the student's optimizer, before anything is measured."""

    def looked(self) -> dict[str, float]:
        """What is measured besides, whenever gradients and weights are looked at."""
        return {}

    def steps(self, metrics: dict[str, float]) -> Iterator[Step]:
        """Train, and yield a step for every step of the student's Trainer.

        `metrics` go with the first one.
        """
        # broken code may diverge; the evidence says so
        with np.errstate(all="ignore"):
            fit = self._trainer.fit(self._loader, epochs=self._epochs - self._done)
            yield from self._steps(fit, {**metrics, "parameter_count": float(self.learner.size)})

    def _steps(self, fit: Iterator[Any], metrics: dict[str, float]) -> Iterator[Step]:
        looks = {round(self._per_epoch * i / self.looks) for i in range(1, self.looks)} - {0}
        total = self._epochs * self._per_epoch
        spent, first = self._spent, self._done * self._per_epoch + 1
        if self.view is None:
            self.view = self.ask(False).view
        for number in range(first, total + 1):
            before = time.perf_counter()
            self.watched.look = number % self._per_epoch == 1 % self._per_epoch
            with self._calls.counting() if number in (2, total // 2) else nullcontext():
                try:
                    report, diverged = next(fit, None), ""
                    self.taken()
                except FloatingPointError as error:
                    # a Trainer may refuse a loss that is no number; gates judge what it came to
                    report, diverged = None, str(error)
            if report is None and not diverged:
                return
            step = self._step(number, total)
            if diverged:
                step.loss, step.note = math.nan, diverged
                step.metrics = metrics
                yield step
                return
            place = (number - 1) % self._per_epoch + 1
            spent += time.perf_counter() - before
            over = number == total or spent >= self._limit
            whole = over or place == self._per_epoch
            if whole or place in looks:
                self._evaluate(step, whole)
            if number == first or over or number % EVERY == 0:
                step.parameters = self.learner.parameters()
                metrics |= {"gradients_alive": self.learner.alive(), **self.looked()}
            step.metrics, metrics = {**metrics, **step.metrics}, {}
            if self.watched.worst is not None:
                step.metrics["agree.running"] = self.watched.worst
                self.watched.worst = None
            step.exercised = self._calls.take()
            step.view = self.view
            if self.resumable and place == self._per_epoch and not over:
                memory = {"whole": self._whole, "spent": spent}
                step.checkpoint = saver(self._trainer, self.learner, memory)
            yield step
            if over or not math.isfinite(step.loss):
                return

    def _step(self, number: int, total: int) -> Step:
        return Step(
            epoch=(number - 1) // self._per_epoch + 1,
            epochs=self._epochs,
            step=number,
            steps=total,
            loss=self.watched.value,
            samples=self.watched.samples,
            noun=self.noun,
            play=self.play,
        )

    def _evaluate(self, step: Step, whole: bool) -> None:
        # the first evaluation is watched, so that what only an evaluation uses is counted too
        with nullcontext() if self._evaluated else self._calls.counting():
            found = self.ask(whole)
        self._evaluated = True
        step.accuracy = found.accuracy
        if found.whole:
            self._whole = found.accuracy
            step.note = f"epoch {step.epoch}: {found.note}"
            step.metrics = dict(found.metrics)
        elif self._whole is not None:
            # the curve shows the sample; gates are judged on everything that was held out
            step.metrics = {"accuracy": self._whole}
        if self.strict:
            step.metrics["asked"] = 0.0 if self._whole is None else 1.0
        self.view = found.view


class Watched:
    """Stands in for the loss function, and hears what the model said of every batch.

    `value` and `samples` are of the last batch. While `look` is set, the loss is compared with
    numpy's; `worst` is the largest difference since it was last taken, relative to the loss.
    """

    def __init__(self, loss: Any, design: Design) -> None:
        self._loss, self._design = loss, design
        self.value = math.nan
        self.samples = 0
        self.look = False
        self.worst: float | None = None

    def __call__(self, prediction: Any, target: Any) -> Any:
        result = self._loss(prediction, target)
        self.value, self.samples = float(result.data), len(target.data)
        if self.look:
            right = self._design.loss_of(prediction.data, target.data)
            difference = abs(self.value - right) / max(1.0, abs(right))
            self.worst = max(difference, self.worst or 0.0)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loss, name)


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
