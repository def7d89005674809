"""Recipes of LeNet, 1998: filters that look everywhere read digits, small ones and MNIST."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.handwriting import CLASSES, mnist_of, small_digits
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.learner import Learner
from tinytorch_milestones.training.seeing import Gallery, layers_inside
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

_OWN = tuple(name for name in LEARNING if name != "hidden")
OPTIONS: dict[str, tuple[str, ...]] = {"digits": _OWN, "mnist": (*_OWN, "data")}
# with all of MNIST the point is how far it gets, so it goes on after the gates hold
IMPLIED = {"mnist": {("data", "full"): {"patience": 0}}}

_LENET = ("Conv2d", "MaxPool2d")  # what it takes of module 09
_OTHERS = ("AvgPool2d", "BatchNorm2d")  # what a model of the user's may take as well

# how the milestone of 1986 trains its network on these digits
_RIVAL_HIDDEN, _RIVAL_EPOCHS, _RIVAL_BATCH, _RIVAL_RATE = 32, 16, 32, 0.05


def digits(fw: Framework, settings: Settings) -> Iterator[Step]:
    """1,797 digits of 8x8 pixels, beside the network of 1986, trained on the same ones.

    The first step carries `mlp.accuracy`, what that network reads of the held-out digits, and
    every evaluation `lead`, how much more this one does.
    """
    training, held_out = small_digits(settings.seed)
    problem = _problem(fw, settings, training, held_out)
    problem.network = small_lenet
    rival: float | None = None
    with closing(cast(Any, learn(fw, settings, problem))) as steps:
        for step in steps:
            if rival is None and not step.symptom:
                rival = _rival(fw, settings.seed, training, held_out)
                step.metrics["mlp.accuracy"] = rival
            # all of the few held-out digits are asked every time
            if rival is not None and step.accuracy is not None:
                step.metrics["lead"] = step.accuracy - rival
            yield step


def mnist(fw: Framework, settings: Settings) -> Iterator[Step]:
    """MNIST, 28x28 pixels: the bundled 10,000 and 2,000, or all 60,000 and 10,000.

    Every epoch sees every image at another place, up to two pixels away.
    """
    training, held_out = mnist_of(settings)
    problem = _problem(fw, settings, training, held_out, augmented=True)
    problem.network = lenet
    problem.transform = lambda fw: fw.RandomCrop(28, padding=2, seed=settings.seed)
    yield from learn(fw, settings, problem)


def small_lenet(fw: Framework) -> Any:
    """LeNet for 8x8 pixels, with fewer parameters than the network of 1986 has."""
    return fw.Sequential(
        *(fw.Conv2d(1, 12, 3, padding=1), fw.ReLU(), fw.MaxPool2d(2)),
        *(fw.Conv2d(12, 14, 3), fw.ReLU()),
        *(fw.Flatten(), fw.Linear(56, 10)),
    )


def lenet(fw: Framework) -> Any:
    """LeNet-5 with what became usual later: ReLU, and the largest of four instead of the mean."""
    return fw.Sequential(
        *(fw.Conv2d(1, 6, 5, padding=2), fw.ReLU(), fw.MaxPool2d(2)),
        *(fw.Conv2d(6, 16, 5), fw.ReLU(), fw.MaxPool2d(2)),
        *(fw.Flatten(), fw.Linear(400, 120), fw.ReLU()),
        *(fw.Linear(120, 84), fw.ReLU(), fw.Linear(84, 10)),
    )


def _problem(
    fw: Framework,
    settings: Settings,
    training: Examples,
    held_out: Examples,
    *,
    augmented: bool = False,
) -> Problem:
    design = design_of(
        settings,
        activation="ReLU",
        loss="CrossEntropyLoss",
        images=True,
        augmented=augmented,
        spatial=_spatial(fw, settings.model),
    )
    gallery = Gallery(CLASSES, noun="digits")
    full = settings.extra.get("data") == "full"
    return Problem(training, held_out, design, len(CLASSES), picture=gallery, resumable=full)


def _spatial(fw: Framework, model: Any) -> tuple[str, ...]:
    """The layers of module 09 that a run leans on: LeNet's, and those of a given model."""
    inside = set() if model is None else {type(x).__name__ for _, x in layers_inside(fw, model)}
    return (*_LENET, *(name for name in _OTHERS if name in inside))


def _rival(fw: Framework, seed: int, training: Examples, held_out: Examples) -> float:
    """The share of held-out digits that the student's own network of 1986 reads."""
    fw.manual_seed(seed)
    model = fw.Sequential(
        *(fw.Flatten(), fw.Linear(64, _RIVAL_HIDDEN), fw.ReLU(), fw.Linear(_RIVAL_HIDDEN, 10))
    )
    loader = fw.DataLoader(
        fw.TensorDataset(training.inputs, training.labels),
        batch_size=_RIVAL_BATCH,
        shuffle=True,
        seed=seed,
    )
    optimizer = fw.SGD(model.parameters(), lr=_RIVAL_RATE, momentum=0.9)
    trainer = fw.Trainer(model, optimizer, fw.CrossEntropyLoss())
    for _ in trainer.fit(loader, epochs=_RIVAL_EPOCHS):
        pass
    return Learner(fw, model, held_out, binary=False).answers().accuracy
