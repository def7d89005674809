"""The folder watch, on real folders."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones.server_watch import FolderWatch

LONG = 10.0  # seconds after which something that should happen counts as not happening


class Reports:
    """Collects what a FolderWatch reports."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self.came = threading.Condition()

    def __call__(self, paths: set[Path]) -> None:
        with self.came:
            self.paths |= paths
            self.came.notify_all()

    def wait_for(self, path: Path) -> None:
        with self.came:
            assert self.came.wait_for(lambda: path in self.paths, LONG), self.paths


def write_until_reported(reports: Reports, path: Path) -> None:
    """Write until the watch has started and seen it: it begins some time after `watch`."""
    for _ in range(200):
        path.write_text(os.urandom(4).hex())
        with reports.came:
            if reports.came.wait_for(lambda: path in reports.paths, 0.1):
                return
    raise AssertionError(f"{path} was never reported")


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def watch(reports: Reports) -> Any:
    watch = FolderWatch(reports, logging.getLogger("tinytorch-test"))
    yield watch
    watch.close()
    assert not [t for t in threading.enumerate() if t.name == "tinytorch-watch"]


def test_changes_are_reported_and_noise_is_not(
    tmp_path: Path, reports: Reports, watch: FolderWatch
) -> None:
    for folder in ("a/.ipynb_checkpoints", "a/__pycache__", "b"):
        (tmp_path / folder).mkdir(parents=True)
    assert watch.watch([tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    write_until_reported(reports, tmp_path / "a" / "x.ipynb")
    noise = ["a/.tmp-1-x", "a/lock", "a/__pycache__/x.pyc", "a/.ipynb_checkpoints/x.ipynb"]
    for name in noise:
        (tmp_path / name).write_text("x")
    write_until_reported(reports, tmp_path / "b" / "y.py")
    assert not {tmp_path / name for name in noise} & reports.paths


def test_a_folder_that_was_replaced_is_watched_again(
    tmp_path: Path, reports: Reports, watch: FolderWatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    assert watch.watch([folder])
    assert not watch.watch([folder])
    write_until_reported(reports, folder / "x")
    folder.rename(tmp_path / "old")
    folder.mkdir()
    assert watch.watch([folder])
    write_until_reported(reports, folder / "y")
