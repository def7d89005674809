"""One engine for recipes that learn by gradients: the student's loader, loss, optimizer, Trainer.

The student's `Trainer.fit` drives the run. The judge stands beside it: it chose what is held out
and counts the answers itself, hears every prediction and loss through the loss function it hands
over, and reads gradients and weights between steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.player import Player
from tinytorch_milestones.training.resuming import order_seed, saver, take_up
from tinytorch_milestones.training.rosenblatt import check_model
from tinytorch_milestones.training.seeing import Gallery
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS = (
    "hidden",
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "schedule",
    "label_smoothing",
    "seconds",
)
"""What every recipe of this engine takes beside the settings that all recipes take.

`seconds`: end the run, after a last evaluation, when training has taken so long; 0: no limit.
"""

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
    # builds the recipe's own model; without it, two layers as the design says
    network: Callable[[Framework], Any] | None = None
    # what the student's loader does to each batch of training inputs
    transform: Callable[[Framework], Callable[[Array], Array]] | None = None
    # long enough that a run which was interrupted should go on at its next epoch
    resumable: bool = False
    # makes what the model is given of held-out inputs, a chunk at a time, as they are otherwise:
    # images may be kept as bytes
    given: Callable[[Array], Array] | None = None
    # whether only an accuracy on everything held out may end a run early
    strict: bool = False


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
    learner = Learner(
        fw, model, problem.held_out, binary=problem.design.binary, given=problem.given
    )
    watched = Watched(problem.design.build_loss(fw), problem.design)
    transform = problem.transform(fw) if problem.transform is not None else None
    loader = fw.DataLoader(
        fw.TensorDataset(training.inputs, training.labels, transform=transform),
        batch_size=settings.batch_size,
        shuffle=True,
        seed=order_seed(settings),
    )
    per_epoch = -(-len(training) // settings.batch_size)
    optimizer = _optimizer(fw, settings, problem.design, model)
    steps = settings.rounds * per_epoch
    scheduler = problem.design.build_schedule(fw, optimizer, optimizer.lr, steps)
    trainer = fw.Trainer(model, optimizer, watched, scheduler=scheduler)
    run = _Run(learner, watched, problem, per_epoch, settings.rounds, judge.metrics)
    run.limit = settings.number("seconds", 0.0) or math.inf
    run.player = Player(fw, model, training.inputs.shape[1:], settings.options())
    run.go_on(settings, trainer)
    with np.errstate(all="ignore"):  # broken code may diverge; the evidence says so
        yield from run.steps(trainer.fit(loader, epochs=settings.rounds - run.done), rng)


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
        # for the next step
        self._metrics = {**metrics, "parameter_count": float(learner.size)}
        self._calls = Calls(learner.fw)
        self._view: View | None = None
        self._whole: float | None = None  # accuracy on everything held out, last measured
        self._evaluated = False
        self.limit = math.inf  # seconds of training
        self.done = 0  # epochs that an interrupted run had finished
        self.player: Player | None = None
        self._looks = {round(per_epoch * i / _LOOKS) for i in range(1, _LOOKS)} - {0}

    def go_on(self, settings: Settings, trainer: Any) -> None:
        """Begin where an interrupted run was, if there was one, and keep what the next may need."""
        self._trainer = trainer
        memory = take_up(settings, trainer, self._learner)
        self.done = settings.resume.epoch if settings.resume else 0
        self._whole, self._spent = memory.get("whole"), memory.get("spent", 0.0)

    def steps(self, fit: Iterator[Any], rng: np.random.Generator) -> Iterator[Step]:
        count = len(self._problem.held_out)
        subset = np.sort(rng.permutation(count)[:_SUBSET]) if count > _SUBSET else None
        total = self._epochs * self._per_epoch
        spent, first = self._spent, self.done * self._per_epoch + 1
        self._view = self._picture(self._learner.answers(subset))
        for number in range(first, total + 1):
            before = time.perf_counter()
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
            spent += time.perf_counter() - before
            over = number == total or spent >= self.limit
            whole = over or place == self._per_epoch
            if whole or place in self._looks:
                self._evaluate(step, None if whole else subset)
            if number == first or over or number % _EVERY == 0:
                step.parameters = self._learner.parameters()
                self._metrics["gradients_alive"] = self._learner.alive()
                if self._problem.design.spatial:
                    self._metrics["filters_moved"] = self._learner.filters_moved()
            step.metrics, self._metrics = {**self._metrics, **step.metrics}, {}
            if self._watched.worst is not None:
                step.metrics["agree.running"] = self._watched.worst
                self._watched.worst = None
            step.exercised = self._calls.take()
            step.view = self._view
            if self._problem.resumable and place == self._per_epoch and not over:
                memory = {"whole": self._whole, "spent": spent}
                step.checkpoint = saver(self._trainer, self._learner, memory)
            yield step
            if over or not math.isfinite(step.loss):
                return

    def _step(self, number: int, total: int) -> Step:
        return Step(
            epoch=(number - 1) // self._per_epoch + 1,
            epochs=self._epochs,
            step=number,
            steps=total,
            loss=self._watched.value,
            samples=self._watched.samples,
            play=self.player,
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
            if "BatchNorm2d" in self._problem.design.spatial:
                step.metrics = self._learner.statistics()
        elif self._whole is not None:
            # the curve shows the sample; gates are judged on everything that was held out
            step.metrics = {"accuracy": self._whole}
        if self._problem.strict:
            step.metrics["asked"] = 0.0 if self._whole is None else 1.0
        self._view = self._picture(answers)
        if answers.whole and isinstance(self._problem.picture, Gallery):
            step.metrics = {**step.metrics, **self._problem.picture.shares()}

    def _picture(self, answers: Answers) -> View | None:
        return self._problem.picture(self._learner, answers)


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


def _model(fw: Framework, settings: Settings, problem: Problem) -> Any:
    inputs = problem.training.inputs
    outputs = 1 if problem.design.binary else problem.classes
    if settings.model is None and problem.network is not None:
        return problem.network(fw)
    if settings.model is None:
        hidden = settings.whole("hidden", problem.hidden)
        return problem.design.network(fw, int(np.prod(inputs.shape[1:])), hidden, outputs)
    check_model(fw, settings.model)
    given = inputs[:2] if problem.given is None else problem.given(inputs[:2])
    with fw.no_grad():
        shape = tuple(settings.model(fw.Tensor(given)).shape)
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
