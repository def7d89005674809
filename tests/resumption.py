"""A course with a milestone that is saved once an epoch, for the tests of `--resume`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones.progress import now
from tinytorch_milestones.records import Attempt, Receipt
from tinytorch_milestones.resume import Keeper
from tinytorch_milestones.standing import file_hash
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.tracker import Run, Tracker
from tinytorch_milestones.training.steps import Step

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = [f"{number:02d}" for number in range(1, 9)]
EPOCHS, PER_EPOCH = 5, 23

RECIPE = """
import os, signal
from tinytorch_milestones.training.handwriting import CLASSES, small_digits
from tinytorch_milestones.training.supervised import OPTIONS as LEARNING
from tinytorch_milestones.training.supervised import Problem, design_of, learn

OPTIONS = {"digits": (*LEARNING, "dies")}


def digits(fw, settings):
    training, held_out = small_digits(settings.seed)
    design = design_of(settings, activation="ReLU", loss="CrossEntropyLoss", images=True)
    problem = Problem(training, held_out, design, len(CLASSES), 16, resumable=True)
    for step in learn(fw, settings, problem):
        if step.epoch == settings.extra.get("dies") and step.checkpoint:
            save = step.checkpoint

            def dying(path):
                save(path)
                with open(path, "r+b") as file:
                    file.truncate(100)
                os.kill(os.getpid(), signal.SIGKILL)

            step.checkpoint = dying
        yield step
"""

TRACK = """
id = "mine"
title = "Mine"
description = "A track of my own"

[[milestones]]
id = "trial"
number = "01"
year = 1986
title = "Trial"
headline = "A trial"
people = "me"
story = "Once more."
changed = "Everything."

[[milestones.parts]]
id = "first"
title = "First"
story = "Watch."
needs = ["01", "02", "03", "04", "05", "06", "07", "08"]
recipe = "made.again:digits"
settings = { epochs = 5, batch_size = 64, learning_rate = 0.05, optimizer = "sgd" }

[[milestones.parts.gates]]
id = "accuracy"
title = "accuracy"
metric = "accuracy"
comparison = ">="
required = 0.7
unit = "%"
hint = "Look."
module = "08"

[[milestones.parts]]
id = "second"
title = "Second"
story = "Watch."
needs = ["01", "02", "03", "04", "05", "06", "07", "08"]
recipe = "made.again:digits"
settings = { epochs = 2, batch_size = 64, learning_rate = 0.05 }

[[milestones.parts.gates]]
id = "fell"
title = "loss fell"
metric = "loss_drop"
comparison = ">"
required = 0.01
unit = "%"
hint = "Look."
"""


def a_trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """A course whose modules are solved, with a milestone that takes a second."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "again.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    known = os.environ.get("PYTHONPATH")
    path = f"{tmp_path}{os.pathsep}{known}" if known else str(tmp_path)
    monkeypatch.setenv("PYTHONPATH", path)
    folder = course.workspace.state_dir / "tracks"
    folder.mkdir()
    (folder / "mine.toml").write_text(TRACK)
    tracker = Tracker.open(course.workspace.root)
    tracker.set_track("mine")
    for number in MODULES:
        module = tracker.module(number)
        tracker.workspace.notebook(module).unlink()  # or a command would export it first
        source = REPOSITORY / "tinytorch" / module.exports
        shutil.copyfile(source, tracker.workspace.export(module))
        prove(tracker, number)
    yield tracker
    for name in ("made", "made.again"):
        sys.modules.pop(name, None)


def prove(tracker: Tracker, number: str) -> None:
    """Let a module's export count as complete."""
    module = tracker.module(number)
    hashes = {"export": file_hash(tracker.workspace.export(module))}
    tracker.progress.add_receipt(
        Receipt(kind="module", what=module.id, created=now(), hashes=hashes, evidence={})
    )


def change(tracker: Tracker, number: str, old: str, new: str) -> None:
    """Change a module's export, and let it count as complete again."""
    path = tracker.workspace.export(tracker.module(number))
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    prove(tracker, number)


class Watcher:
    """An observer that remembers, and stops the run at a step."""

    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.steps: list[tuple[int, float]] = []
        self.begun: list[tuple[int, list[float], float]] = []
        self.ghosts: list[set[str]] = []

    def started(self, milestone: object, part: object, run: Run) -> None:
        self.begun.append((run.resumed, list(run.evidence.losses), run.seconds))
        self.ghosts.append(set(run.ghosts))

    def stepped(self, step: Step, run: Run) -> None:
        self.steps.append((step.step, step.loss))
        if step.step == self.stop_at:
            raise KeyboardInterrupt

    def finished(self, report: PartReport, run: Run) -> None:
        pass


IN_EPOCH_3 = 2 * PER_EPOCH + 5


def go(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    """The first part that ran, and what an observer saw."""
    watcher = Watcher(stop_at)
    options = {"in_child": False, **more}
    report = tracker.run_milestone("trial", observer=watcher, **options)
    return report.parts[0], watcher


def first(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    return go(tracker, stop_at, part="first", **more)


def on(tracker: Tracker, stop_at: int = 0, **more: Any) -> tuple[PartReport, Watcher]:
    return go(tracker, stop_at, resume=True, **more)


def kept(tracker: Tracker, part: str = "first") -> Path:
    return Keeper(tracker.workspace, "trial", part).file


def attempts(tracker: Tracker) -> list[Attempt]:
    return tracker.progress.attempts()


def part_receipts(tracker: Tracker) -> list[Receipt]:
    return [r for r in tracker.progress.receipts() if r.kind == "part"]
