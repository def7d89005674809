"""A course with a small recipe that does as it is told, for the tests of runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones.part_run import Run
from tinytorch_milestones.progress import now
from tinytorch_milestones.records import Attempt, Receipt
from tinytorch_milestones.standing import file_hash
from tinytorch_milestones.state import PartReport, RunReport
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training.steps import Step

RECIPE = """
import os
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.steps import Step

OPTIONS = {"steps": ("kind", "mark")}
closed = []


def steps(fw, settings):
    kind = settings.extra.get("kind", "")
    try:
        for number in range(1, settings.rounds + 1):
            yield Step(
                epoch=number,
                epochs=settings.rounds,
                step=number,
                steps=settings.rounds,
                loss=1 / number,
                accuracy=0.25 if kind == "poor" else 0.75,
                samples=10,
                note=fw.path,
            )
            if kind == "student":
                fw.module("core.tensor").fail()
            if kind == "refuses":
                raise TinyTorchError("This is refused.", "Do that.")
            if kind == "exit":
                raise SystemExit(3)
            if kind == "dies":
                print("last words", flush=True)
                os._exit(0)
    finally:
        closed.append(number)
"""

TRACK = """
id = "mine"
title = "Mine"
description = "A track of my own"

[[milestones]]
id = "trial"
number = "01"
year = 1958
title = "Trial"
headline = "A trial"
people = "me"
story = "Once more."
changed = "Everything."
badge = "Tried"

[[milestones.parts]]
id = "first"
title = "First"
story = "Watch."
needs = ["01"]
recipe = "made.up:steps"
settings = { epochs = 8, seed = 5 }

[[milestones.parts.gates]]
id = "accuracy"
title = "accuracy"
metric = "accuracy"
comparison = ">="
required = 0.5
hint = "Look."
module = "01"

[[milestones.parts.gates]]
id = "loss"
title = "loss"
metric = "loss"
comparison = "<="
required = 1.0
hint = "Look."

[[milestones.parts]]
id = "second"
title = "Second"
story = "Watch."
needs = ["01", "02"]
recipe = "made.up:steps"

[[milestones.parts.gates]]
id = "accuracy"
title = "accuracy"
metric = "accuracy"
comparison = ">="
required = 0.5
hint = "Look."

[[milestones]]
id = "some-day"
number = "02"
year = 1969
title = "Some day"
headline = "Not yet"
people = "me"
story = "Later."
changed = "Nothing."
parts = []
coming = true
"""

CODE = "def fail():\n    raise ValueError('no such luck')\n"


def complete(tracker: Tracker, number: str) -> None:
    """A module whose export is there and proven, as after `complete_module`."""
    module = tracker.module(number)
    path = tracker.workspace.export(module)
    if not path.exists():
        path.write_text(CODE)
    hashes = {"export": file_hash(path)}
    tracker.progress.add_receipt(
        Receipt(kind="module", what=module.id, created=now(), hashes=hashes, evidence={})
    )


def a_trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """A course with a milestone whose recipe is `RECIPE`; module 01 is complete, 02 is not."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "up.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    known = os.environ.get("PYTHONPATH")
    path = f"{tmp_path}{os.pathsep}{known}" if known else str(tmp_path)
    monkeypatch.setenv("PYTHONPATH", path)
    folder = course.workspace.state_dir / "tracks"
    folder.mkdir()
    (folder / "mine.toml").write_text(TRACK)
    tracker = Tracker.open(course.workspace.root)
    complete(tracker, "01")
    yield tracker
    for name in ("made", "made.up"):
        sys.modules.pop(name, None)


def go(tracker: Tracker, in_child: bool = False, **more: Any) -> RunReport:
    return tracker.run_milestone("trial", in_child=in_child, **more)


def doing(kind: str, **more: object) -> Mapping[str, object]:
    return {"kind": kind, **more}


def attempts(tracker: Tracker) -> list[Attempt]:
    return tracker.progress.attempts()


def parts(tracker: Tracker) -> list[Receipt]:
    return [r for r in tracker.progress.receipts() if r.kind != "module"]


class Watcher:
    """An observer that does something at a step."""

    def __init__(self, act: Callable[[Step, Run], None] = lambda step, run: None) -> None:
        self.act = act
        self.runs: list[Run] = []
        self.notes: set[str] = set()
        self.reports: list[PartReport] = []

    def started(self, milestone: object, part: object, run: Run) -> None:
        self.runs.append(run)

    def stepped(self, step: Step, run: Run) -> None:
        self.notes.add(step.note)
        self.act(step, run)

    def finished(self, report: PartReport, run: Run) -> None:
        self.reports.append(report)


def interrupt(step: Step, run: Run) -> None:
    if step.step == 3:
        raise KeyboardInterrupt
