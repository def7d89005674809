"""One engine for recipes that learn what comes next: windows of tokens, and the tokens after them.

The student's DataLoader, CrossEntropyLoss, optimizer, schedule and Trainer train a GPT. The judge
measures its surprise at what was held out, whether it looks ahead, and whether it heeds the order
of words; what a recipe asks besides, it asks through `Task.judged`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import fitting
from tinytorch_milestones.training.author import Author
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.fitting import View
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.reading import Reader, Reading
from tinytorch_milestones.training.rosenblatt import check_model
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step

OPTIONS = (
    *fitting.OPTIONS,
    *("beta2", "clip", "warm_up"),
    *("width", "heads", "layers", "context", "dropout", "tied"),
)
"""What every recipe of this engine takes beside the settings that all recipes take."""

HABITS = {"optimizer": "adamw", "schedule": "onecycle", "weight_decay": 0.01, "clip": 1.0}
"""What belongs to recipes of this engine unless it was chosen otherwise."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of a GPT, by the names of module 13."""

    vocab_size: int
    context_length: int
    embed_dim: int
    num_heads: int
    num_layers: int
    dropout: float = 0.0
    tie_weights: bool = False

    @classmethod
    def of(cls, settings: Settings, **standard: Any) -> Shape:
        """A recipe's sizes, with what was chosen about them."""
        shape = cls(**standard)
        return msgspec.structs.replace(
            shape,
            context_length=settings.whole("context", shape.context_length),
            embed_dim=settings.whole("width", shape.embed_dim),
            num_heads=settings.whole("heads", shape.num_heads),
            num_layers=settings.whole("layers", shape.num_layers),
            dropout=settings.fraction("dropout", shape.dropout),
            tie_weights=settings.choice("tied", *(("yes", "no")[:: 1 if shape.tie_weights else -1]))
            == "yes",
        )

    def build(self, fw: Framework) -> Any:
        """The student's GPT of this shape. Raises `TinyTorchError` where the sizes do not fit."""
        if self.embed_dim % self.num_heads:
            raise TinyTorchError(
                f"width is {self.embed_dim} and heads is {self.num_heads}.",
                "Give a width that is a multiple of heads: each head gets an equal share.",
            )
        return fw.GPT(**msgspec.structs.asdict(self))


@dataclass
class Task:
    """What a recipe asks the engine to learn.

    Windows are `Examples`: inputs (n, t) are tokens, labels (n, t) the token that follows each of
    them, -1 where nothing is asked.
    """

    training: Examples
    held_out: Examples
    design: Design
    shape: Shape
    # makes what can be asked to write, of the run's model
    author: Callable[[Framework, Any], Author] | None = None
    # characters that the asked tokens of everything held out stand for; 0: one each
    characters: int = 0
    # levels of the loss worth knowing, in nats a token
    lines: dict[str, float] = field(default_factory=dict)
    # whether a window counts as right only where all of it is; else every token counts
    exact: bool = False
    # makes the picture of an evaluation
    picture: Callable[[Reader, Reading], View | None] = field(default=lambda *_: None)
    # what the judge asks besides, whenever everything held out was asked: more metrics, "accuracy"
    # among them where the score is not that of guessing
    judged: Callable[[Reader, Reading], dict[str, float]] = field(default=lambda *_: {})
    # long enough that a run which was interrupted should go on at its next epoch
    resumable: bool = False
    # held-out windows asked within an epoch; all of them are asked at its end
    sample: int = 64
    looks: int = 4  # evaluations an epoch


def settled(settings: Settings) -> Settings:
    """The settings with this engine's habits where nothing was chosen."""
    return msgspec.structs.replace(settings, extra={**HABITS, **settings.extra})


def design_of(settings: Settings, language: tuple[str, ...] = ()) -> Design:
    """The design of a recipe whose settings are `settled`; `language`: what it uses beside GPT."""
    return fitting.design_of(
        settings, activation="GELU", loss="CrossEntropyLoss", language=("GPT", *language)
    )


def windows(tokens: Array, length: int, stride: int | None = None) -> Examples:
    """A long row of tokens as windows of `length`, each with the tokens that follow its own.

    They begin `stride` tokens apart, `length` unless said; what fills no window is left out.
    """
    starts = np.arange(0, len(tokens) - length, stride or length)[:, None]
    places = starts + np.arange(length)
    return Examples(tokens[places], tokens[places + 1])


def learn(
    fw: Framework, settings: Settings, task: Task, judge: Mechanism | None = None
) -> Iterator[Step]:
    """Check the mechanism, then train and yield a step for every step of the student's Trainer.

    `judge`: the checks of this design, where a recipe needed them done before it made its task.
    """
    for what, examples in (("to learn from", task.training), ("held out", task.held_out)):
        if not len(examples):
            raise TinyTorchError(
                f"The text {what} is shorter than one context of {task.shape.context_length} "
                "tokens.",
                "Give more characters, or a smaller context.",
            )
    rng = np.random.default_rng([settings.seed, 9])
    judge = judge or fitting.examined(fw, settings, task.design)
    if judge.failed:
        yield fitting.refused(judge)
        return
    training = fitting.shuffled(settings, task.training, rng)
    for array in (training.inputs, training.labels, task.held_out.inputs, task.held_out.labels):
        array.flags.writeable = False
    fw.manual_seed(settings.seed)
    model = _model(fw, settings, task)
    reader = Reader(fw, model, task.held_out)
    run = _Fit(settings, task, reader, training, rng)
    lines = task.lines
    for step in run.steps(judge.metrics):
        if lines:
            step.lines, lines = lines, {}
        yield step


class _Fit(fitting.Fit):
    """The judge's side of a run that learns what comes next."""

    noun = "tokens"
    strict = True

    def __init__(
        self,
        settings: Settings,
        task: Task,
        reader: Reader,
        training: Examples,
        rng: np.random.Generator,
    ) -> None:
        self._task, self._reader = task, reader
        self.resumable, self.looks = task.resumable, task.looks
        count = len(task.held_out)
        sample = np.sort(rng.permutation(count)[: task.sample])
        self._sample = sample if count > task.sample else None
        watched = Asked(reader.fw, task.design)
        super().__init__(settings, task.design, reader, watched, training)
        if task.author is not None:
            self.play = task.author(reader.fw, reader.model)

    def ask(self, whole: bool) -> fitting.Found:
        task, reader = self._task, self._reader
        reading = reader.read(None if whole else self._sample)
        accuracy = reading.exact if task.exact else reading.right
        metrics: dict[str, float] = {}
        if reading.whole:
            asked = int((task.held_out.labels >= 0).sum())
            metrics["held_out"] = reading.nats
            metrics["bits"] = reading.nats / math.log(2) * asked / (task.characters or asked)
            metrics |= {"causal": reader.causal(), "position": reader.position()}
            metrics |= task.judged(reader, reading)
        accuracy = metrics.pop("accuracy", accuracy)
        note = f"{accuracy:.1%} right"
        if not task.exact and reading.whole:
            note += f", {metrics['bits']:.2f} bits a character"
        return fitting.Found(accuracy, reading.whole, metrics, note, task.picture(reader, reading))


class Asked(fitting.Watched):
    """The student's loss, of those places only where something is asked (a target from 0 on)."""

    def __init__(self, fw: Framework, design: Design) -> None:
        super().__init__(design.build_loss(fw), design)
        self._tensor, self._rows = fw.Tensor, _rows(fw)

    def __call__(self, prediction: Any, target: Any) -> Any:
        targets = target.data
        asked = targets.reshape(-1) >= 0
        if asked.all():
            result = super().__call__(prediction, target)
        else:
            chosen = np.flatnonzero(asked)
            rows = self._rows.apply(prediction, chosen=chosen)
            result = super().__call__(rows, self._tensor(targets.reshape(-1)[chosen]))
        self.samples = targets.size
        return result


def _rows(fw: Framework) -> Any:
    class Rows(fw.Function):  # type: ignore[misc, name-defined]
        """The rows (k, classes) of (..., classes) at these places; the rest gets no gradient."""

        def forward(self, x: Array, chosen: Array) -> Array:
            self.kept = x.shape, chosen
            return x.reshape(-1, x.shape[-1])[chosen]

        def backward(self, gradient: Array) -> Array:
            shape, chosen = self.kept
            whole = np.zeros((math.prod(shape[:-1]), shape[-1]), gradient.dtype)
            whole[chosen] = gradient
            return whole.reshape(shape)

    return Rows


def _model(fw: Framework, settings: Settings, task: Task) -> Any:
    if settings.model is None:
        return task.shape.build(fw)
    check_model(fw, settings.model)
    tokens = task.training.inputs[:2]
    with fw.no_grad():
        shape = tuple(settings.model(fw.Tensor(tokens)).shape)
    expected = (*tokens.shape, task.shape.vocab_size)
    if shape != expected:
        raise TinyTorchError(
            f"For tokens of shape {tokens.shape}, the model given answers with shape {shape}; "
            f"{expected} is needed.",
            f"Build it with GPT({task.shape.vocab_size}, {task.shape.context_length}, ...).",
        )
    return settings.model
