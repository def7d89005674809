"""What comes of a run, with a small recipe that does as it is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.trial_course import (
    Watcher,
    a_trial,
    attempts,
    complete,
    doing,
    go,
    parts,
)
from tinytorch_milestones.errors import Locked, TinyTorchError, UnknownName
from tinytorch_milestones.part_run import Run
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training.steps import Step


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    yield from a_trial(course, tmp_path, monkeypatch)


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
