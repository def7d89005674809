"""One engine for recipes that learn classes by gradients: the student's Trainer, the judge beside.

What it shares with other engines is in `fitting`. Here are the examples, the standard model, and
the counting of right answers about what is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import fitting
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.fitting import View, design_of
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Answers, Learner
from tinytorch_milestones.training.mechanism import Design
from tinytorch_milestones.training.player import Player
from tinytorch_milestones.training.rosenblatt import check_model
from tinytorch_milestones.training.seeing import Gallery
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS = ("hidden", *fitting.OPTIONS)
"""What every recipe of this engine takes beside the settings that all recipes take."""

_SUBSET = 500  # examples asked within an epoch; all of them are asked at its end


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


def learn(fw: Framework, settings: Settings, problem: Problem) -> Iterator[Step]:
    """Check the mechanism, then train and yield a step for every step of the student's Trainer."""
    rng = np.random.default_rng([settings.seed, 8])
    judge = fitting.examined(fw, settings, problem.design)
    if judge.failed:
        yield fitting.refused(judge)
        return
    training = fitting.shuffled(settings, problem.training, rng)
    for array in (training.inputs, training.labels, problem.held_out.inputs):
        array.flags.writeable = False
    fw.manual_seed(settings.seed)
    model = model_of(fw, settings, problem)
    learner = Learner(
        fw, model, problem.held_out, binary=problem.design.binary, given=problem.given
    )
    yield from _Fit(settings, problem, learner, training, rng).steps(judge.metrics)


class _Fit(fitting.Fit):
    """The judge's side of a run that learns classes."""

    def __init__(
        self,
        settings: Settings,
        problem: Problem,
        learner: Learner,
        training: Examples,
        rng: np.random.Generator,
    ) -> None:
        fw, self._problem = learner.fw, problem
        self.strict, self.resumable = problem.strict, problem.resumable
        count = len(problem.held_out)
        self._subset = np.sort(rng.permutation(count)[:_SUBSET]) if count > _SUBSET else None
        watched = fitting.Watched(problem.design.build_loss(fw), problem.design)
        transform = problem.transform(fw) if problem.transform is not None else None
        super().__init__(settings, problem.design, learner, watched, training, transform)
        self.play = Player(fw, learner.model, training.inputs.shape[1:], settings.options())

    def ask(self, whole: bool) -> fitting.Found:
        answers = self.learner.answers(None if whole else self._subset)
        picture = self._problem.picture
        view = picture(self.learner, answers)
        metrics: dict[str, float] = {}
        if answers.whole:
            if "BatchNorm2d" in self.design.spatial:
                metrics |= self.learner.statistics()
            if isinstance(picture, Gallery):
                metrics |= picture.shares()
        note = f"{answers.accuracy:.1%} right"
        return fitting.Found(answers.accuracy, answers.whole, metrics, note, view)

    def looked(self) -> dict[str, float]:
        if self.design.spatial:
            return {"filters_moved": self.learner.filters_moved()}
        return {}


def model_of(fw: Framework, settings: Settings, problem: Problem) -> Any:
    """The model that learns: the one that was given, the recipe's own, or the standard one."""
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


__all__ = ["OPTIONS", "Problem", "design_of", "learn", "model_of"]
