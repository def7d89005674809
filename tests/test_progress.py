"""Receipts are never lost, files are never torn, damage is kept aside and said."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinytorch_milestones import files
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


def writer(course: Tracker, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(course.workspace.root), who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_equal_completions_merge(course: Tracker) -> None:
    progress = course.progress
    assert progress.add_receipt(receipt(export="a"))
    assert not progress.add_receipt(receipt(export="a"))
    assert progress.add_receipt(receipt(export="b"))
    assert len(Progress(course.workspace).receipts()) == 2


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
    assert [r.what for r in progress.receipts()] == ["00_setup"]
    assert not progress.writable
    assert os.strerror(error) in progress.warnings[0]
    monkeypatch.undo()
    assert Progress(course.workspace).receipts() == []


def test_a_run_whose_process_is_gone_is_interrupted(course: Tracker) -> None:
    progress = course.progress
    attempt = Attempt(
        id=new_attempt_id(),
        milestone="perceptron",
        part="trained",
        started=now(),
        implementation="yours",
    )
    progress.begin_attempt(attempt)
    assert progress.attempts()[0].result == "running"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    attempt.pid = dead.pid
    progress.save_attempt(attempt)
    assert progress.attempts()[0].result == "interrupted"
    assert Progress(course.workspace).attempts()[0].result == "interrupted"


def test_sequence_grows_with_every_change_of_any_process(course: Tracker) -> None:
    other = Progress(course.workspace)
    seen = [course.progress.sequence]
    for progress in (course.progress, other, course.progress):
        progress.record_check(
            CheckRecord(
                module="01_tensor", notebook_hash="", export_hash="", checked_at=now(), seconds=0
            )
        )
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


def test_write_atomic_leaves_no_trace_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="broken"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
