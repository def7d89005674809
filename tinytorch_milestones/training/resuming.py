"""Save a run at the end of an epoch, and go on from there: the engine's part of it.

The student's own `Trainer.save_checkpoint` and `load_checkpoint` carry model, optimizer, schedule
and Dropout's random numbers. The order of the examples after that comes from the seed and the
epoch: the same every time a run is resumed there, but not the order an unbroken run would have had.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch_milestones.errors import ImplementationError
from tinytorch_milestones.training.learner import Learner
from tinytorch_milestones.training.settings import Settings

_REMEDY = (
    "Look at save_checkpoint and load_checkpoint of module 08, or start the run anew without "
    "--resume."
)


def order_seed(settings: Settings) -> int:
    """The seed of the loader's order: the run's, or for a resumed run one of seed and epoch."""
    if settings.resume is None:
        return settings.seed
    mixed = np.random.SeedSequence([settings.seed, settings.resume.epoch])
    return int(mixed.generate_state(1)[0])


def saver(
    trainer: Any, learner: Learner, memory: dict[str, Any]
) -> Callable[[Path], dict[str, Any]]:
    """What a step carries as its `checkpoint`; `memory` are the engine's own JSON values."""

    def save(path: Path) -> dict[str, Any]:
        trainer.save_checkpoint(path)
        if not path.is_file():
            raise ImplementationError(
                "Trainer.save_checkpoint of module 08 wrote no file at the path it was given.",
                "Let it write one file, at exactly that path.",
            )
        return {**memory, **learner.memory()}

    return save


def take_up(settings: Settings, trainer: Any, learner: Learner) -> dict[str, Any]:
    """Bring a trainer back to where a run was saved; the engine's own memory, {} in a new run.

    Raises `ImplementationError` where the weights are not those that were saved.
    """
    resume = settings.resume
    if resume is None:
        return {}
    trainer.load_checkpoint(Path(resume.model))
    if learner.fingerprint() != resume.memory["weights"]:
        raise ImplementationError(
            "Trainer.load_checkpoint of module 08 did not bring back the weights that "
            "save_checkpoint was to keep.",
            _REMEDY,
        )
    learner.remember(resume.memory)
    return dict(resume.memory)
