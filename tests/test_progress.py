"""Receipts are never lost, files are never torn, damage is kept aside and said."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tinytorch_milestones import files
from tinytorch_milestones.errors import Busy
from tinytorch_milestones.progress import Progress, new_attempt_id, now
from tinytorch_milestones.records import Attempt, CheckRecord, Receipt
from tinytorch_milestones.tracker import Tracker

WRITER = """
import sys
from pathlib import Path
from tinytorch_milestones.progress import Progress, now
from tinytorch_milestones.records import Receipt
from tinytorch_milestones.tracker import Tracker

who, count = sys.argv[2], int(sys.argv[3])
tracker = Tracker.open(Path(sys.argv[1]))
for i in range(count):
    what, hashes = f"{who}_{i}", {"export": who}
    receipt = Receipt(kind="module", what=what, created=now(), hashes=hashes, evidence={})
    tracker.progress.add_receipt(receipt)
    tracker._write_caches()
    print(receipt.what, flush=True)
"""


def receipt(what: str = "01_tensor", **hashes: str) -> Receipt:
    return Receipt(
        kind="module", what=what, created=now(), hashes=hashes or {"export": "a"}, evidence={}
    )


def check(module: str = "01_tensor") -> CheckRecord:
    return CheckRecord(module=module, notebook_hash="", export_hash="", checked_at=now(), seconds=0)


def attempt(part: str = "trained", **more: Any) -> Attempt:
    values = {
        "id": new_attempt_id(),
        "milestone": "perceptron",
        "part": part,
        "started": now(),
        "implementation": "yours",
    }
    return Attempt(**{**values, **more})


def writer(course: Tracker, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(course.workspace.root), who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


CHANGES: dict[str, Callable[[Progress], object]] = {
    "check": lambda progress: progress.record_check(check()),
    "setting": lambda progress: progress.set_setting("track", "history"),
    "caches": lambda progress: progress.write_caches({"progress.json": {"version": 0}}),
}
LOCKED: dict[str, Callable[[Progress], object]] = {
    **CHANGES,
    "receipt": lambda progress: progress.add_receipt(receipt()),
}


def state_files(course: Tracker) -> dict[Path, bytes]:
    folder = course.workspace.state_dir
    return {path: path.read_bytes() for path in folder.rglob("*.json")}


def test_equal_completions_merge(course: Tracker) -> None:
    progress = course.progress
    assert progress.add_receipt(receipt(export="a"))
    assert not progress.add_receipt(receipt(export="a"))
    assert progress.add_receipt(receipt(export="b"))
    assert len(Progress(course.workspace).receipts()) == 2


@pytest.mark.parametrize("kind", LOCKED)
def test_while_another_process_holds_the_lock_nothing_changes(
    course: Tracker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tinytorch_milestones.progress.LOCK_SECONDS", 0.05)
    before = state_files(course)
    with (
        FileLock(course.workspace.state_dir / "lock"),
        pytest.raises(Busy, match="Another process"),
    ):
        LOCKED[kind](course.progress)
    assert state_files(course) == before
    LOCKED[kind](course.progress)
    assert state_files(course) != before


def test_the_lock_is_free_to_whoever_holds_it_and_shut_to_other_threads(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinytorch_milestones.progress.LOCK_SECONDS", 5.0)
    progress = course.progress
    done = threading.Event()

    def other() -> None:
        progress.add_receipt(receipt("00_setup"))
        done.set()

    thread = threading.Thread(target=other)
    with progress.lock():
        assert progress.add_receipt(receipt("01_tensor"))
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    assert {r.what for r in Progress(course.workspace).receipts()} == {"00_setup", "01_tensor"}


def test_a_receipt_that_appears_while_we_wait_for_the_lock_is_not_replaced(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress, other = course.progress, Progress(course.workspace)
    ours, theirs = receipt(), receipt()

    @contextmanager
    def lock() -> Iterator[None]:
        other.add_receipt(theirs)  # theirs is written first, by a hair
        yield

    monkeypatch.setattr(progress, "lock", lock)
    assert not progress.add_receipt(ours)
    (path,) = (course.workspace.state_dir / "receipts").iterdir()
    assert json.loads(path.read_bytes())["created"] == theirs.created


def test_four_processes_lose_nothing(course: Tracker) -> None:
    writers = [writer(course, who, 10) for who in "abcd"]
    for process in writers:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(output.splitlines()) == 10
    kept = {r.what for r in Progress(course.workspace).receipts()}
    assert kept == {f"{who}_{i}" for who in "abcd" for i in range(10)}


def test_kill_at_random_moments_loses_no_reported_receipt(course: Tracker) -> None:
    # 300 completions under fire: `benchmarks/kill_completions.py`; this is its short form
    chance = random.Random(0)
    reported: set[str] = set()
    for round_number in range(6):
        process = writer(course, f"r{round_number}", 200)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            reported.add(process.stdout.readline().strip())
        time.sleep(chance.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        reported |= {line.strip() for line in process.stdout}
        process.wait()
    tracker = Tracker.open(course.workspace.root)
    assert reported - {""} <= {r.what for r in tracker.progress.receipts()}
    assert tracker.progress.warnings == []
    for name in ("progress.json", "milestones.json"):
        json.loads((tracker.workspace.state_dir / name).read_bytes())
    assert not list(tracker.workspace.root.rglob(f"{files.TEMPORARY}*"))


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\xff", b"[1, 2]"])
@pytest.mark.parametrize("name", ["progress.json", "milestones.json"])
def test_a_damaged_cache_is_kept_aside_rebuilt_and_said(
    course: Tracker, name: str, content: bytes
) -> None:
    course.progress.add_receipt(receipt())
    course._write_caches()
    path = course.workspace.state_dir / name
    good = path.read_bytes()
    path.write_bytes(content)
    again = Tracker.open(course.workspace.root)
    assert path.read_bytes() == good
    (kept,) = path.parent.glob(f"{name}.damaged-*")
    assert kept.read_bytes() == content
    assert name in again.progress.warnings[0]
    assert again.state().workspace.warnings == again.progress.warnings


def test_a_damaged_receipt_harms_no_other(course: Tracker) -> None:
    course.progress.add_receipt(receipt("00_setup"))
    course.progress.add_receipt(receipt("01_tensor"))
    folder = course.workspace.state_dir / "receipts"
    (damaged,) = folder.glob("*00_setup*")
    damaged.write_text("{")
    progress = Progress(course.workspace)
    assert [r.what for r in progress.receipts()] == ["01_tensor"]
    assert "00_setup" in progress.warnings[0]
    assert "again" in progress.warnings[0]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_cannot_be_written_degrades_to_memory(
    course: Tracker, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("tinytorch_milestones.progress.write_atomic", refuse)
    progress = course.progress
    progress.add_receipt(receipt("00_setup"))
    progress.record_check(check())
    progress.set_setting("track", "mine")
    progress.begin_attempt(attempt())
    assert [r.what for r in progress.receipts()] == ["00_setup"]
    assert list(progress.checks()) == ["01_tensor"]
    assert progress.settings() == {"track": "mine"}
    assert [a.part for a in progress.attempts()] == ["trained"]
    assert not progress.writable
    assert os.strerror(error) in progress.warnings[0]
    assert len(progress.warnings) == 1
    monkeypatch.undo()
    assert Progress(course.workspace).receipts() == []


def test_a_run_whose_process_is_gone_is_interrupted(course: Tracker) -> None:
    progress = course.progress
    run = attempt()
    progress.begin_attempt(run)
    assert progress.attempts()[0].result == "running"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    run.pid = dead.pid
    progress.save_attempt(run)
    assert progress.attempts()[0].result == "interrupted"
    (file,) = (course.workspace.state_dir / "attempts").iterdir()
    kept = json.loads(file.read_bytes())
    assert kept["result"] == "interrupted"
    assert "before it was judged" in kept["why_not_credited"]


def test_a_process_that_got_the_number_of_a_dead_one_is_not_its_run(course: Tracker) -> None:
    run = attempt()
    course.progress.begin_attempt(run)
    run.pid_started -= 3600
    course.progress.save_attempt(run)
    assert course.progress.attempts()[0].result == "interrupted"


def test_a_run_on_another_machine_is_believed_for_a_while(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = attempt(host="another machine", pid=1, result="running")
    course.progress.save_attempt(run)
    assert course.progress.attempts()[0].result == "running"
    monkeypatch.setattr("tinytorch_milestones.progress._SILENCE", -1.0)
    assert course.progress.attempts()[0].result == "interrupted"


def test_old_attempts_go_but_never_a_credited_or_running_one_nor_another_parts(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinytorch_milestones.progress.KEPT_ATTEMPTS", 3)
    progress = course.progress

    def add(part: str, second: int, result: str, credited: bool = False) -> None:
        run = attempt(part, started=f"2031-01-01T00:00:{second:02}.000Z", credited=credited)
        progress.begin_attempt(run)
        run.result = result  # type: ignore[assignment]
        progress.save_attempt(run)

    add("trained", 1, "passed", credited=True)
    add("forward", 2, "failed")
    add("trained", 3, "running")
    for second in range(10, 15):
        add("trained", second, "failed")
    left = Progress(course.workspace).attempts()
    assert [(run.part, int(run.started[17:19]), run.result) for run in left] == [
        ("trained", 1, "passed"),
        ("forward", 2, "failed"),
        ("trained", 3, "running"),
        *(("trained", second, "failed") for second in (12, 13, 14)),
    ]


def test_attempts_of_one_moment_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moment(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Moment:
            return cls(2031, 1, 1, tzinfo=tz)

    monkeypatch.setattr("tinytorch_milestones.progress.datetime", Moment)
    assert new_attempt_id().startswith("20310101T")
    assert new_attempt_id() != new_attempt_id()


def test_a_course_that_was_deleted_meanwhile_is_not_made_anew(course: Tracker) -> None:
    shutil.rmtree(course.workspace.root)
    course.progress.touch()
    assert course.progress.checks() == {}
    assert course.progress.warnings == []
    assert course.progress.writable


def test_a_moment_that_cannot_be_written_is_remembered(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    before = course.progress.sequence
    monkeypatch.setattr("os.utime", refuse)
    course.progress.touch()
    assert course.progress.sequence > before
    assert "Progress cannot be saved" in course.progress.warnings[0]


def test_receipts_come_oldest_first_whatever_their_names(course: Tracker) -> None:
    for second, what in ((3, "a"), (1, "b"), (2, "c")):
        made = Receipt(
            kind="module",
            what=what,
            created=f"2031-01-01T00:00:0{second}.000Z",
            hashes={},
            evidence={},
        )
        course.progress.add_receipt(made)
    assert [r.what for r in Progress(course.workspace).receipts()] == ["b", "c", "a"]


def test_one_choice_leaves_the_others_alone(course: Tracker) -> None:
    course.progress.set_setting("track", "mine")
    Progress(course.workspace).set_setting("check_on_save", False)
    assert course.progress.settings() == {"track": "mine", "check_on_save": False}


def test_files_that_are_no_records_are_left_alone(course: Tracker) -> None:
    course.progress.add_receipt(receipt())
    folder = course.workspace.state_dir / "receipts"
    strangers = [folder / ".tmp-1-ab-x.json", folder / "notes.txt", folder / "x.json.damaged-1"]
    for stranger in strangers:
        stranger.write_text("{")
    progress = Progress(course.workspace)
    assert [r.what for r in progress.receipts()] == ["01_tensor"]
    assert progress.warnings == []
    assert all(stranger.exists() for stranger in strangers)


def test_damage_at_the_same_moment_keeps_every_file(tmp_path: Path) -> None:
    kept = []
    for content in "abc":
        (tmp_path / "file").write_text(content)
        kept.append(files.set_aside(tmp_path / "file"))
    assert [path.read_text() for path in kept] == ["a", "b", "c"]
    assert not (tmp_path / "file").exists()


def test_damage_that_cannot_be_put_aside_is_said_and_stops_nothing(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Path:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tinytorch_milestones.progress.set_aside", refuse)
    course.progress.add_receipt(receipt("00_setup"))
    course.progress.add_receipt(receipt("01_tensor"))
    (damaged,) = (course.workspace.state_dir / "receipts").glob("*00_setup*")
    damaged.write_text("{")
    progress = Progress(course.workspace)
    assert [r.what for r in progress.receipts()] == ["01_tensor"]
    assert any("is damaged and is ignored" in warning for warning in progress.warnings)
    assert not progress.writable


def test_a_file_that_cannot_be_read_is_said_once(course: Tracker) -> None:
    course.progress.record_check(check())
    (path,) = (course.workspace.state_dir / "checks").iterdir()
    path.unlink()
    path.mkdir()
    progress = Progress(course.workspace)
    assert progress.checks() == {}
    assert progress.checks() == {}
    (warning,) = progress.warnings
    assert "cannot be read" in warning
    assert path.name in warning


def test_a_lock_that_cannot_be_made_is_no_reason_to_stop(course: Tracker) -> None:
    lock = course.workspace.state_dir / "lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    progress = course.progress
    assert progress.add_receipt(receipt())
    assert [r.what for r in progress.receipts()] == ["01_tensor"]
    assert not progress.writable
    assert "Progress cannot be saved" in progress.warnings[0]


def test_sequence_grows_with_every_change_of_any_process(course: Tracker) -> None:
    other = Progress(course.workspace)
    seen = [course.progress.sequence]
    for progress in (course.progress, other, course.progress):
        progress.record_check(check())
        seen.append(other.sequence)
    for change in CHANGES.values():
        change(course.progress)
        seen.append(other.sequence)
    course.progress.begin_attempt(attempt())
    seen.append(other.sequence)
    assert seen == sorted(set(seen))


def test_stale_temporary_files_go_and_live_ones_stay(course: Tracker) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = course.workspace.state_dir
    left = folder / f"{files.TEMPORARY}{dead.pid}-ab-x.json"
    live = folder / f"{files.TEMPORARY}{os.getpid()}-ab-x.json"
    left.touch()
    live.touch()
    Tracker.open(course.workspace.root)
    assert not left.exists()
    assert live.exists()
