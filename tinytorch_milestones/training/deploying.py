"""What the parts of MLPerf share: a network that reads digits, trained in stages, then measured.

A part is one run to whoever watches it: first the student's Trainer, a step for each of its own,
then acts in which something is done with the trained network and measured. All of them are counted
through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.training import fitting, oracle
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.exercised import Calls
from tinytorch_milestones.training.fitting import View
from tinytorch_milestones.training.handwriting import CLASSES, mnist_of
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.seeing import Gallery
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import Problem, design_of, model_of

WIDTHS = (512, 256)  # hidden units of the network that is measured
_SAMPLE = 500  # held-out examples asked within an epoch


def digits(settings: Settings) -> Problem:
    """The bundled MNIST, and a network of three Linears to read it."""
    training, held_out = mnist_of(settings)
    design = design_of(settings, activation="ReLU", loss="CrossEntropyLoss", images=True)
    gallery = Gallery(CLASSES, noun="digits")
    return Problem(training, held_out, design, len(CLASSES), picture=gallery, network=network)


def network(fw: Framework) -> Any:
    """784 pixels, two hidden layers, ten digits."""
    first, second = WIDTHS
    return fw.Sequential(
        fw.Flatten(),
        *(fw.Linear(28 * 28, first), fw.ReLU()),
        *(fw.Linear(first, second), fw.ReLU()),
        fw.Linear(second, len(CLASSES)),
    )


class Stage(fitting.Fit):
    """One call of the student's `Trainer.fit`; `after` is called behind every optimizer step."""

    looks = 2

    def __init__(
        self,
        settings: Settings,
        problem: Problem,
        learner: Learner,
        training: Examples,
        after: Callable[[], object] | None = None,
        view: View | None = None,
    ) -> None:
        self._problem, self._after = problem, after
        count = len(problem.held_out)
        order = np.random.default_rng([settings.seed, 11]).permutation(count)
        self._sample = np.sort(order[:_SAMPLE]) if count > _SAMPLE else None
        watched = fitting.Watched(problem.design.build_loss(learner.fw), problem.design)
        super().__init__(settings, problem.design, learner, watched, training)
        self._kept = view

    def taken(self) -> None:
        if self._after is not None:
            self._after()

    def ask(self, whole: bool) -> fitting.Found:
        answers = self.learner.answers(None if whole else self._sample)
        # once something of the network was measured, that is what there is to see
        view = self._kept or self._problem.picture(self.learner, answers)
        return fitting.Found(
            answers.accuracy, answers.whole, {}, f"{answers.accuracy:.1%} right", view
        )


class Deployment:
    """One run of a part: its network, what it learns from, and the numbers of its steps."""

    def __init__(self, fw: Framework, settings: Settings, problem: Problem, acts: int) -> None:
        """`acts` is how many steps come beside those of the Trainer."""
        self.fw, self.settings, self.problem = fw, settings, problem
        self.calls = Calls(fw)
        self.training = problem.training
        self.model: Any = None
        self.view: View | None = None
        self._acts = acts
        self._stages: list[Settings] = []
        self._epoch = 0
        self._latest: Step | None = None
        self.last = math.nan  # loss on what is held out of what was trained last

    @property
    def per_epoch(self) -> int:
        return -(-len(self.training) // self.settings.batch_size)

    def stages(self, *epochs: int, rate: float = 0.3) -> None:
        """What will be trained: as the settings say, then so many epochs each to recover.

        `rate`: of the learning rate with which it recovers.
        """
        later = [max(1, count // 4) if self.settings.quick else count for count in epochs]
        slow = self.settings.learning_rate * rate
        self._stages = [self.settings] + [
            msgspec.structs.replace(self.settings, epochs=count, learning_rate=slow, quick=False)
            for count in later
        ]

    def examined(self) -> Generator[Step, None, dict[str, float] | None]:
        """Check the mechanism and build the model; its metrics, or None where that failed."""
        judge = fitting.examined(self.fw, self.settings, self.problem.design)
        if judge.failed:
            yield fitting.refused(judge)
            return None
        rng = np.random.default_rng([self.settings.seed, 8])
        self.training = fitting.shuffled(self.settings, self.problem.training, rng)
        for array in (
            self.training.inputs,
            self.training.labels,
            self.problem.held_out.inputs,
        ):
            array.flags.writeable = False
        self.fw.manual_seed(self.settings.seed)
        self.model = model_of(self.fw, self.settings, self.problem)
        return judge.metrics

    def train(
        self,
        model: Any,
        stage: int,
        metrics: dict[str, float] | None = None,
        after: Callable[[], object] | None = None,
    ) -> Generator[Step, None, Learner]:
        """Let a model learn as this stage says; who it was that learned."""
        settings = self._stages[stage]
        learner = Learner(self.fw, model, self.problem.held_out, binary=False)
        fit = Stage(settings, self.problem, learner, self.training, after, self.view)
        for step in fit.steps(metrics or {}):
            yield self._counted(step, self._epoch)
        self._epoch += settings.rounds
        _, self.last = asked(self.fw, model, self.problem.held_out)
        return learner

    def act(
        self,
        note: str,
        metrics: dict[str, float] | None = None,
        *,
        loss: float | None = None,
        accuracy: float | None = None,
        samples: int = 0,
        symptom: str = "",
    ) -> Step:
        """A step in which the network is not trained."""
        assert self._latest is not None
        step = following(self._latest, note, self.last if loss is None else loss)
        step.accuracy, step.samples, step.symptom = accuracy, samples, symptom
        step.metrics = dict(metrics or {})
        step.view, step.exercised = self.view, self.calls.take()
        if accuracy is not None:
            step.metrics["accuracy"] = accuracy
        self._latest = step
        return step

    def _counted(self, step: Step, epochs: int) -> Step:
        planned = sum(stage.rounds for stage in self._stages)
        before = 0 if self._latest is None else self._latest.step
        step.step, step.steps = before + 1, planned * self.per_epoch + self._acts
        step.epoch, step.epochs = epochs + step.epoch, planned
        self._latest = step
        return step

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count which modules are called in here; what is timed must not be in here."""
        with self.calls.counting():
            yield


def following(last: Step, note: str, loss: float) -> Step:
    """The step after this one, in which nothing is trained; `loss` is that on what is held out."""
    return Step(
        epoch=last.epoch,
        epochs=last.epochs,
        step=last.step + 1,
        steps=last.steps,
        loss=loss,
        noun=last.noun,
        note=note,
        play=last.play,
        watch=True,
    )


def stopped(metrics: dict[str, float], problem: str) -> Step:
    """The only step of a run whose instrument cannot be trusted, so that nothing is measured."""
    return Step(
        epoch=1,
        epochs=1,
        step=1,
        steps=1,
        loss=1.0,
        metrics=metrics,
        note=problem,
        symptom=problem,
    )


def asked(fw: Framework, model: Any, held_out: Examples) -> tuple[Answers, float]:
    """What a model says about everything held out, and its loss there by numpy's own formula."""
    learner = Learner(fw, model, held_out, binary=False)
    outputs = learner.outputs(held_out.inputs).astype(np.float64)
    loss = oracle.loss("CrossEntropyLoss", outputs, held_out.labels, 0.0)
    return learner.answers(), float(loss)


def arrays(fw: Framework, model: Any) -> dict[str, Array]:
    """Copies of all trainable arrays of a model by name, found without asking it."""
    found = Learner(fw, model, Examples(np.empty((0, 1)), np.empty(0, np.int64)), binary=False)
    return {name: np.array(tensor.data) for name, tensor in found.tensors.items()}
