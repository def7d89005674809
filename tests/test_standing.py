"""Where a student stands, computed from records that are written by hand: nothing here runs."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec

from tinytorch_milestones.catalog import Milestone
from tinytorch_milestones.progress import new_attempt_id
from tinytorch_milestones.records import Attempt, CheckRecord, Receipt
from tinytorch_milestones.standing import Standing, file_hash, notebook_hash
from tinytorch_milestones.state import TestState
from tinytorch_milestones.tracker import Tracker


def export(tracker: Tracker, number: str, code: str = "x = 1\n") -> str:
    """Write a module's package file; its hash."""
    path = tracker.workspace.export(tracker.module(number))
    path.write_text(code)
    return file_hash(path)


def receipt(tracker: Tracker, kind: Any, what: str, second: int = 0, **hashes: str) -> None:
    created = f"2031-01-01T00:00:{second:02}.000Z"
    tracker.progress.add_receipt(
        Receipt(kind=kind, what=what, created=created, hashes=hashes, evidence={})
    )


def complete(tracker: Tracker, *numbers: str) -> None:
    for number in numbers:
        code = export(tracker, number)
        receipt(tracker, "module", tracker.module(number).id, export=code)


def check(tracker: Tracker, number: str, **more: Any) -> None:
    """Write down a check of a module as it is now."""
    module = tracker.module(number)
    values = {
        "module": module.id,
        "notebook_hash": notebook_hash(tracker.workspace.notebook(module)),
        "export_hash": file_hash(tracker.workspace.export(module)),
        "checked_at": "2031-01-01T00:00:00.000Z",
        "seconds": 1.0,
    }
    tracker.progress.record_check(CheckRecord(**{**values, **more}))


def attempt(tracker: Tracker, part: str, second: int = 0, **more: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": new_attempt_id(),
        "milestone": "perceptron",
        "part": part,
        "started": f"2031-01-01T00:00:{second:02}.000Z",
        "implementation": "yours",
        "result": "failed",
    }
    made = Attempt(**{**values, **more})
    tracker.progress.save_attempt(made)
    return made


def status(tracker: Tracker, number: str) -> str:
    return tracker.standing().module_status(tracker.module(number))


def perceptron(tracker: Tracker) -> Milestone:
    return tracker.milestone("perceptron")


# modules


def test_a_module_is_complete_with_any_code_that_was_ever_proven(course: Tracker) -> None:
    first, second = export(course, "01", "x = 1\n"), export(course, "01", "x = 2\n")
    receipt(course, "module", "01_tensor", export=first)
    receipt(course, "module", "01_tensor", export=second)
    for code in ("x = 1\n", "x = 2\n"):
        export(course, "01", code)
        assert status(course, "01") == "complete"
    export(course, "01", "x = 3\n")
    assert status(course, "01") == "recheck"
    course.workspace.export(course.module("01")).unlink()
    assert status(course, "01") == "recheck"


def test_a_file_that_changed_is_read_again(course: Tracker) -> None:
    first, second = export(course, "01", "x = 1\n"), export(course, "01", "x = 10\n")
    assert first != second
    path = course.workspace.export(course.module("01"))
    os.utime(path, ns=(0, 0))
    before = file_hash(path)
    path.write_text("x = 20\n")  # as long as before, at another time
    assert file_hash(path) != before


def test_a_refused_notebook_is_not_complete_whatever_the_package_holds(course: Tracker) -> None:
    complete(course, "01")
    check(course, "01")
    assert status(course, "01") == "complete"
    check(course, "01", refused="It has a syntax error.")
    assert status(course, "01") == "recheck"


def test_an_export_or_a_check_is_a_beginning(course: Tracker) -> None:
    assert status(course, "01") == "not_started"
    export(course, "01")
    assert status(course, "01") == "in_progress"
    check(course, "02")
    assert status(course, "02") == "in_progress"
    standing = course.standing()
    assert standing.started_modules == ["01_tensor", "02_activations"]
    assert standing.completed_modules == []


def test_a_module_that_is_not_written_is_coming(course: Tracker) -> None:
    later = msgspec.structs.replace(course.module("20"), coming=True)
    assert course.standing().module_status(later) == "coming"


def test_what_is_stale(course: Tracker) -> None:
    assert course.stale() == []
    export(course, "01")  # somebody exported in a terminal
    assert course.stale() == ["01_tensor"]
    check(course, "01")
    assert course.stale() == []
    export(course, "01", "x = 2\n")
    assert course.stale() == ["01_tensor"]
    check(course, "01")
    notebook = course.workspace.notebook(course.module("01"))
    notebook.write_text("{")
    assert notebook_hash(notebook) == "unreadable"
    assert course.stale() == ["01_tensor"]
    notebook.unlink()  # there is nothing to check
    assert course.stale() == []


# milestones


def test_a_run_makes_its_part_and_its_milestone_running(course: Tracker) -> None:
    complete(course, "01", "02", "03")
    run = attempt(course, "trained")
    course.progress.begin_attempt(run)
    run.result = "running"
    course.progress.save_attempt(run)
    standing, milestone = course.standing(), perceptron(course)
    states = {part.id: standing.part_status(milestone, part) for part in milestone.parts}
    assert states.pop("trained") == "running"
    assert set(states.values()) == {"ready"}
    assert standing.milestone_status(milestone) == "running"
    assert [m.id for m in standing.unlocked()] == ["perceptron", "xor"]
    run.result = "failed"
    course.progress.save_attempt(run)
    assert course.standing().milestone_status(milestone) == "ready"


def test_a_milestone_is_complete_when_all_its_parts_are(course: Tracker) -> None:
    milestone = perceptron(course)
    *parts, last = milestone.parts
    for part in parts:
        receipt(course, "part", f"perceptron/{part.id}")
    standing = course.standing()
    assert not standing.all_parts_complete(milestone)
    assert standing.milestone_status(milestone) == "locked"
    assert standing.part_status(milestone, parts[0]) == "complete"
    assert standing.part_status(milestone, last) == "locked"
    receipt(course, "part", f"perceptron/{last.id}")
    standing = course.standing()
    assert standing.all_parts_complete(milestone)
    assert standing.milestone_status(milestone) == "complete"
    assert standing.milestone_receipt(milestone) is None
    receipt(course, "milestone", "perceptron")
    assert course.standing().milestone_receipt(milestone) is not None


def test_what_is_coming_is_not_unlocked(course: Tracker) -> None:
    complete(course, "01", "02", "03")
    whole = perceptron(course)
    first, second = whole.parts[:2]
    half = msgspec.structs.replace(
        whole, parts=(first, msgspec.structs.replace(second, coming=True))
    )
    track = msgspec.structs.replace(course.catalog.tracks[0], milestones=(half,))
    course.catalog.tracks[:] = [track]
    standing = course.standing()
    assert standing.unlocked_parts() == {f"perceptron/{first.id}"}
    assert standing.part_status(half, half.parts[1]) == "coming"
    assert standing.milestone_status(half) == "ready"
    receipt(course, "part", f"perceptron/{first.id}")
    assert course.standing().milestone_status(half) == "coming"


def test_a_checkpoint_that_is_not_written_is_not_asked_for(course: Tracker) -> None:
    catalog = course.catalog
    catalog.checkpoints[:] = [
        msgspec.structs.replace(c, coming=c.id == "01") for c in catalog.checkpoints
    ]
    whole = msgspec.structs.replace(perceptron(course), checkpoints=("00", "01"))
    for part in whole.parts:
        receipt(course, "part", f"perceptron/{part.id}")
    assert [c.id for c in course.standing().open_checkpoints(whole)] == ["00"]
    assert course.standing().share(whole) == 0.0
    test = TestState(id="checkpoint-00.python", title="Python", passed=True, status="passed")
    check(course, "00", tests=[test])
    standing = course.standing()
    assert [c.id for c in standing.checkpoints(whole)] == ["00"]
    assert standing.share(whole) == 1.0
    assert standing.earned(whole)


def test_a_module_says_what_waits_for_it(course: Tracker) -> None:
    track = course.catalog.track("history")
    tensor = course.module("01")
    waiting = course.standing().waiting_for(tensor, track)
    assert waiting[:1] == ["perceptron"]
    receipt(course, "milestone", "perceptron")
    assert "perceptron" not in course.standing().waiting_for(tensor, track)
    assert "perceptron" not in course.standing().waiting_for(course.module("00"), track)


# attempts


def test_the_best_run_is_the_credited_one_with_the_best_score(course: Tracker) -> None:
    attempt(course, "trained", 1, score=0.99)
    low = attempt(course, "trained", 2, score=0.90, credited=True)
    high = attempt(course, "trained", 3, score=0.95, credited=True)
    other = attempt(course, "forward", 4, score=0.98, credited=True)
    attempt(course, "trained", 5, score=1.0, credited=True, milestone="xor")
    demo = attempt(course, "trained", 6, score=1.0, credited=True, implementation="reference")
    standing, milestone = course.standing(), perceptron(course)
    forward, trained = milestone.parts[:2]
    best = standing.best_attempt(milestone)
    assert best is not None
    assert best.id == high.id  # of the last part that was credited
    best = standing.best_attempt(milestone, forward)
    assert best is not None
    assert best.id == other.id
    ids = [a.id for a in standing.attempts_of(milestone)]
    assert ids[:3] == [other.id, high.id, low.id]  # newest first
    assert demo.id not in ids
    assert len(ids) == 4
    assert [a.part for a in standing.attempts_of(milestone, trained)] == ["trained"] * 3


def test_a_run_without_a_score_can_be_the_best_there_is(course: Tracker) -> None:
    only = attempt(course, "trained", credited=True, score=None)
    best = course.standing().best_attempt(perceptron(course))
    assert best is not None
    assert best.id == only.id


# for other programs


def caches(tracker: Tracker) -> tuple[dict[str, Any], dict[str, Any]]:
    tracker._write_caches()
    folder = tracker.workspace.state_dir
    read = [
        json.loads((folder / f"{name}.json").read_bytes()) for name in ("progress", "milestones")
    ]
    return read[0], read[1]


def test_other_programs_read_where_a_student_stands(course: Tracker) -> None:
    progress, milestones = caches(course)
    assert progress == {
        "version": 1,
        "completed_modules": [],
        "started_modules": [],
        "last_worked": None,
        "last_checked": None,
    }
    assert milestones == {
        "version": 1,
        "unlocked_milestones": [],
        "completed_milestones": [],
        "milestones": {},
    }
    complete(course, "01", "02", "03")
    check(course, "01", checked_at="2031-01-01T00:00:02.000Z")
    check(course, "02", checked_at="2031-01-01T00:00:01.000Z")
    export(course, "00")
    progress, milestones = caches(course)
    assert progress["completed_modules"] == ["01_tensor", "02_activations", "03_layers"]
    assert progress["started_modules"] == ["00_setup", *progress["completed_modules"]]
    assert progress["last_worked"] == "01_tensor"
    assert progress["last_checked"] == "2031-01-01T00:00:02.000Z"
    assert milestones["unlocked_milestones"] == ["perceptron", "xor"]
    assert milestones["completed_milestones"] == []


def test_caches_are_written_only_when_they_say_something_new(course: Tracker) -> None:
    course._write_caches()
    path = course.workspace.state_dir / "progress.json"
    os.utime(path, ns=(0, 0))
    course._write_caches()
    assert path.stat().st_mtime_ns == 0
    complete(course, "01")
    course._write_caches()
    assert path.stat().st_mtime_ns != 0


def test_a_standing_is_one_moment(course: Tracker) -> None:
    before = Standing(course.catalog, course.workspace, course.progress)
    assert not before.module_complete("01")
    complete(course, "01")
    assert not before.module_complete("01")
    assert course.standing().module_complete("01")
    assert course.standing().missing(("01", "02", "1")) == ["02_activations"]
