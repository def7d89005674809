"""What comes of a run, with a small recipe that does as it is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tinytorch_milestones.errors import Locked, TinyTorchError, UnknownName
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


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
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


# which parts


def test_only_the_parts_whose_modules_are_complete_run(trial: Tracker) -> None:
    report = go(trial)
    assert [(p.part, p.credited) for p in report.parts] == [("first", True)]
    assert not report.complete
    assert report.changed_history == ""
    assert trial.state("mine").milestones[0].status == "locked"


def test_skip_checks_runs_the_locked_part_too_without_credit(trial: Tracker) -> None:
    report = go(trial, skip_checks=True)
    assert [(p.part, p.passed, p.credited) for p in report.parts] == [
        ("first", True, True),
        ("second", True, False),
    ]
    assert report.parts[1].why_not_credited == "it is locked: 02_activations not complete"
    assert [r.what for r in parts(trial)] == ["trial/first"]
    assert [a.credited for a in attempts(trial)] == [True, False]


def test_a_part_that_fails_is_the_last_that_runs(trial: Tracker) -> None:
    complete(trial, "02")
    report = go(trial, overrides=doing("poor"))
    assert [(p.part, p.passed) for p in report.parts] == [("first", False)]


def test_one_part_can_be_asked_for(trial: Tracker) -> None:
    complete(trial, "02")
    assert [p.part for p in go(trial, part="second").parts] == ["second"]
    with pytest.raises(UnknownName, match="'second'"):
        go(trial, part="seconds")
    with pytest.raises(TinyTorchError, match="not here yet"):
        trial.run_milestone("some-day")


def test_a_part_that_is_coming_cannot_be_asked_for(trial: Tracker) -> None:
    path = trial.workspace.state_dir / "tracks" / "mine.toml"
    path.write_text(path.read_text().replace('id = "second"', 'id = "second"\ncoming = true'))
    complete(trial, "02")
    tracker = Tracker.open(trial.workspace.root)
    with pytest.raises(TinyTorchError, match="Trial: Second is not here yet"):
        go(tracker, part="second")
    report = go(tracker)
    assert [p.part for p in report.parts] == ["first"]
    assert not report.complete


def test_without_a_gate_there_is_nothing_to_pass(trial: Tracker) -> None:
    track = trial.catalog.track("mine")
    milestone = track.milestones[0]
    open_part = msgspec.structs.replace(milestone.parts[0], gates=())
    open_milestone = msgspec.structs.replace(milestone, parts=(open_part,))
    trial.catalog.tracks.remove(track)
    trial.catalog.tracks.append(msgspec.structs.replace(track, milestones=(open_milestone,)))
    (report,) = go(trial).parts
    assert (report.steps, report.passed, report.credited) == (8, False, False)
    assert parts(trial) == []


def test_a_locked_part_that_is_asked_for_names_what_is_missing(trial: Tracker) -> None:
    with pytest.raises(Locked) as caught:
        go(trial, part="second")
    assert caught.value.missing == ["02_activations"]
    assert attempts(trial) == []


def test_the_last_part_completes_the_milestone_once(trial: Tracker) -> None:
    complete(trial, "02")
    go(trial, part="first")
    report = go(trial, part="second")
    assert (report.complete, report.newly_complete) == (True, True)
    assert (report.changed_history, report.badge) == ("Everything.", "Tried")
    assert report.next is not None
    first, second, whole = parts(trial)
    assert (whole.kind, whole.what) == ("milestone", "trial")
    assert whole.hashes == {r.what: r.key for r in (first, second)}
    assert whole.evidence == {"parts": ["trial/first", "trial/second"], "checkpoints": []}
    again = go(trial)
    assert (again.complete, again.newly_complete) == (True, False)
    assert len(parts(trial)) == 3


def test_a_run_without_credit_completes_nothing(trial: Tracker) -> None:
    complete(trial, "02")
    go(trial)
    (receipt,) = (trial.workspace.state_dir / "receipts").glob("milestone-*")
    receipt.unlink()
    tracker = Tracker.open(trial.workspace.root)
    report = go(tracker, part="first", overrides=doing("poor"))
    assert not report.complete
    assert not list((trial.workspace.state_dir / "receipts").glob("milestone-*"))


# what is written down


@pytest.mark.parametrize("in_child", [False, True])
def test_a_credited_run_leaves_a_receipt_and_an_attempt(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child).parts
    assert (report.passed, report.credited, report.why_not_credited) == (True, True, "")
    assert (report.steps, report.seed, report.score) == (8, 5, 0.75)
    (receipt,) = parts(trial)
    assert (receipt.kind, receipt.what, receipt.student) == ("part", "trial/first", "Ada")
    export = trial.workspace.export(trial.module("01"))
    assert set(receipt.hashes) == {"01_tensor", "gates"}
    assert receipt.hashes["01_tensor"] == file_hash(export)
    assert receipt.hashes["gates"]
    assert receipt.evidence["metrics"]["accuracy"] == 0.75
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.credited, attempt.score) == ("passed", True, 0.75)
    assert (attempt.seed, attempt.step, attempt.seconds_left) == (5, 8, None)
    assert attempt.losses == report.losses == [1 / n for n in range(1, 9)]
    assert attempt.accuracies == report.accuracies
    assert [(gate.id, gate.passed) for gate in attempt.gates] == [
        ("accuracy", True),
        ("loss", True),
    ]
    assert attempt.seconds == report.seconds > 0


def test_the_receipt_names_the_code_that_ran_not_what_was_saved_meanwhile(trial: Tracker) -> None:
    export = trial.workspace.export(trial.module("01"))
    ran = file_hash(export)

    def save(step: Step, run: Run) -> None:
        export.write_text(CODE + f"# {step.step} lines were added while it trained\n")

    go(trial, observer=Watcher(save))
    (receipt,) = parts(trial)
    assert receipt.hashes["01_tensor"] == ran


def test_other_gates_are_another_proof(trial: Tracker) -> None:
    go(trial)
    path = trial.workspace.state_dir / "tracks" / "mine.toml"
    path.write_text(path.read_text().replace("required = 0.5", "required = 0.6"))
    go(Tracker.open(trial.workspace.root))
    first, second = parts(trial)
    assert first.hashes["01_tensor"] == second.hashes["01_tensor"]
    assert first.hashes["gates"] != second.hashes["gates"]


def test_one_gate_that_fails_is_enough(trial: Tracker) -> None:
    (report,) = go(trial, overrides=doing("poor")).parts
    assert [verdict.passed for verdict in report.verdicts] == [False, True]
    assert (report.passed, report.credited) == (False, False)
    assert report.why_not_credited == "not every gate was passed"
    assert parts(trial) == []
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.credited) == ("failed", False)
    assert attempt.why_not_credited == report.why_not_credited


@pytest.mark.parametrize("in_child", [False, True])
def test_an_interrupted_run_earns_nothing_though_its_gates_hold(
    trial: Tracker, in_child: bool
) -> None:
    watcher = Watcher(interrupt)
    try:
        (report,) = go(trial, in_child, observer=watcher).parts
    except KeyboardInterrupt:
        pytest.fail("the interruption went through")
    assert all(verdict.passed for verdict in report.verdicts)
    assert (report.interrupted, report.passed, report.credited) == (True, False, False)
    assert report.why_not_credited == "it was stopped"
    assert watcher.reports == [report]
    assert parts(trial) == []
    (attempt,) = attempts(trial)
    assert (attempt.result, attempt.step) == ("interrupted", 3)


def test_an_interrupted_run_closes_its_recipe(trial: Tracker) -> None:
    import made.up  # type: ignore[import-not-found]

    made.up.closed.clear()
    go(trial, observer=Watcher(interrupt))
    assert made.up.closed == [3]


@pytest.mark.parametrize("in_child", [False, True])
@pytest.mark.parametrize(
    ("kind", "module", "said"),
    [("student", "01", "ValueError: no such luck"), ("exit", "", "SystemExit")],
)
def test_an_error_earns_nothing_and_names_the_module(
    trial: Tracker, in_child: bool, kind: str, module: str, said: str
) -> None:
    (report,) = go(trial, in_child, overrides=doing(kind)).parts
    assert all(verdict.passed for verdict in report.verdicts)
    assert (report.passed, report.credited) == (False, False)
    assert said in report.error
    assert report.error_module == module
    assert report.steps == 1
    assert parts(trial) == []
    assert [a.result for a in attempts(trial)] == ["error"]


def test_a_process_that_ends_early_earns_nothing_and_its_last_words_are_shown(
    trial: Tracker,
) -> None:
    (report,) = go(trial, in_child=True, overrides=doing("dies")).parts
    assert not report.passed
    assert "ended early (exited)" in report.error
    assert "last words" in report.error
    assert parts(trial) == []
    assert [a.result for a in attempts(trial)] == ["error"]


@pytest.mark.parametrize("in_child", [False, True])
def test_a_setting_that_makes_no_sense_is_an_error_of_the_run(
    trial: Tracker, in_child: bool
) -> None:
    (report,) = go(trial, in_child, overrides={"epochs": 0}).parts
    assert "epochs" in report.error
    assert not report.passed
    assert [a.result for a in attempts(trial)] == ["error"]


@pytest.mark.parametrize("in_child", [False, True])
def test_a_recipe_that_refuses_says_what_to_do(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child, overrides=doing("refuses")).parts
    assert report.error == "This is refused.\nDo that."
    assert not report.passed


# what is chosen


@pytest.mark.parametrize("in_child", [False, True])
def test_overrides_and_quick_reach_the_recipe(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child, overrides={"epochs": 12, "seed": 7}, quick=True).parts
    assert (report.steps, report.seed) == (3, 7)


@pytest.mark.parametrize("in_child", [False, True])
def test_a_run_stops_when_its_gates_held_for_long_enough(trial: Tracker, in_child: bool) -> None:
    (report,) = go(trial, in_child, overrides={"epochs": 5000, "patience": 20}).parts
    assert report.passed
    assert report.steps < 5000


def test_a_cell_chooses_what_it_bound_itself_and_sees_the_users_names(trial: Tracker) -> None:
    names = {"rounds": 3, "seed": 99}
    (report,) = go(trial, cell="epochs = rounds + 1", names=names).parts
    assert (report.steps, report.seed) == (4, 5)
    (report,) = go(trial, cell="epochs = 2", names=names, overrides={"seed": 6}).parts
    assert (report.steps, report.seed) == (2, 6)


def test_the_last_run_is_drawn_behind_the_next(trial: Tracker) -> None:
    first, second, demo = Watcher(), Watcher(), Watcher()
    go(trial, observer=first)
    go(trial, overrides={"epochs": 2}, observer=second)
    assert first.runs[0].ghosts == {}
    (ghost,) = second.runs[0].ghosts.values()
    assert ghost.losses == [1 / n for n in range(1, 9)]
    assert ghost.steps == 8
    go(trial, demo=True, observer=demo)
    go(trial, observer=first)
    assert set(first.runs[1].ghosts) == {"last run"}
    assert first.runs[1].ghosts["last run"].losses == [1.0, 0.5]


@pytest.mark.parametrize("demo", [False, True])
def test_whose_code_runs(trial: Tracker, demo: bool) -> None:
    watcher = Watcher()
    (report, *_) = go(trial, demo=demo, observer=watcher).parts
    ours = str(trial.workspace.root / "tinytorch")
    assert report.implementation == ("reference" if demo else "yours")
    assert (watcher.runs[0].path == ours) is not demo
    (imported,) = watcher.notes
    assert imported == str(Path(watcher.runs[0].path) / "__init__.py")


def test_while_it_runs_others_see_how_far_it_is(
    trial: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinytorch_milestones.part_run._BEAT_SECONDS", 0.0)
    seen: list[tuple[object, ...]] = []

    def look(step: Step, run: Run) -> None:
        state = Tracker.open(trial.workspace.root).state("mine").milestones[0]
        assert state.status == "running"
        assert state.parts[0].status == "running"
        assert state.running is not None
        seen.append((state.running.step, state.running.steps, state.running.epoch))

    go(trial, observer=Watcher(look))
    # what is seen at a step was written after the one before it
    assert seen == [(0, 0, 0), *((n, 8, n) for n in range(1, 8))]


@pytest.mark.parametrize("in_child", [False, True])
def test_an_observer_knows_the_process_that_trains(trial: Tracker, in_child: bool) -> None:
    watcher = Watcher()
    go(trial, in_child, observer=watcher)
    pid = watcher.runs[0].pid
    assert (pid is not None and pid != os.getpid()) if in_child else pid is None


def test_in_the_kernel_one_blas_thread_trains(trial: Tracker) -> None:
    import numpy  # noqa: F401  # its BLAS must be loaded to be asked
    from threadpoolctl import threadpool_info, threadpool_limits

    threads: set[int] = set()

    def look(step: Step, run: Run) -> None:
        threads.update(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

    with threadpool_limits(2, "blas"):
        go(trial, observer=Watcher(look))
    assert threads <= {1}


def test_other_programs_read_how_it_went(trial: Tracker) -> None:
    complete(trial, "02")
    go(trial, overrides=doing("poor"))
    go(trial)
    kept = json.loads((trial.workspace.state_dir / "milestones.json").read_bytes())
    assert kept["completed_milestones"] == ["trial"]
    assert kept["unlocked_milestones"] == ["trial"]
    first, *_, last = attempts(trial)
    assert kept["milestones"] == {
        "trial": {
            "started": first.started,
            "completed": parts(trial)[-1].created,
            "best_score": last.score,
            "achievements": ["first", "second", "Tried"],
            "attempts": 3,
        }
    }
