"""Files are never torn, and what was reported is on the disk."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tests.test_progress import attempt, receipt
from tinytorch_milestones import files
from tinytorch_milestones.tracker import Tracker


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


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the disk, in order, with what the target holds at that moment."""
    asked: list[str] = []
    fsync, replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        asked.append("sync folder" if is_folder else "sync file")
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        old = target.read_bytes() if target.exists() else b"nothing"
        asked.append(f"rename over {old.decode()}")
        replace(source, target)

    monkeypatch.setattr("os.fsync", sync)
    monkeypatch.setattr("os.replace", rename)
    return asked


posix = pytest.mark.skipif(os.name != "posix", reason="folders are not synced on Windows")


@posix
def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_we_go_on(
    tmp_path: Path, disk: list[str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    files.write_atomic(path, b"new")
    assert disk == ["sync file", "rename over old", "sync folder"]
    assert path.read_bytes() == b"new"
    disk.clear()
    files.write_atomic(path, b"newer", durable=False)
    assert disk == ["rename over new"]


@posix
def test_a_receipt_and_the_end_of_a_run_survive_a_power_cut(
    course: Tracker, disk: list[str]
) -> None:
    course.progress.add_receipt(receipt())
    assert disk == ["sync file", "rename over nothing", "sync folder"]
    run = attempt()
    course.progress.save_attempt(run, durable=False)
    disk.clear()
    course.progress.save_attempt(run)
    assert (disk[0], disk[-1]) == ("sync file", "sync folder")


def test_two_writers_of_one_file_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    replace = os.replace

    def overtaken(source: Path, target: Path) -> None:
        monkeypatch.setattr("os.replace", replace)
        files.write_atomic(path, b"the other writer's")
        replace(source, target)

    monkeypatch.setattr("os.replace", overtaken)
    files.write_atomic(path, b"ours")
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]
