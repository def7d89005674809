"""Checkpoint 00, environment: the exported `tinytorch/setup.py` tells what it runs on."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import Any


def _student() -> Any:
    return import_module("tinytorch")


@contextmanager
def _course(name: str) -> Iterator[Path]:
    """A course of a student called `name`, inside a folder that is somebody else's course.

    The current folder is three levels inside.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder).resolve() / "course"
        inside = course / "notebooks" / "drafts" / "old"
        inside.mkdir(parents=True)
        outer = Path(folder, "pyproject.toml")
        outer.write_text('[tool.tinytorch]\nname = "the outer folder"\n', encoding="utf-8")
        (course / "pyproject.toml").write_text(
            f'[project]\nname = "not this one"\n\n[tool.tinytorch]\nname = "{name}"\n',
            encoding="utf-8",
        )
        os.chdir(inside)
        try:
            yield course
        finally:
            os.chdir(before)


def reports_versions() -> None:
    report = _student().check_environment()
    assert isinstance(report, dict), f"check_environment() should be a dict, got {report!r}"
    expected = {"python": platform.python_version()}
    for package in ("numpy", "jupyterlab", "nbdev"):
        try:
            expected[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            expected[package] = "not installed"
    for name, version in expected.items():
        got = report.get(name)
        assert got == version, (
            f"check_environment()[{name!r}]: expected {version!r}, got {got!r}: "
            "a wrong version sends whoever helps you the wrong way"
        )


def reports_threads() -> None:
    import numpy as np
    import threadpoolctl

    assert np.ones((2, 2)).shape == (2, 2)  # numpy, and with it the BLAS, is loaded
    for limit in (1, 2):
        with threadpoolctl.threadpool_limits(limits=limit, user_api="blas"):
            pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
            report = _student().check_environment()
        threads = {pool["num_threads"] for pool in pools} or {1}
        assert report.get("threads") in threads, (
            f"with the BLAS limited to {limit} thread(s), check_environment()['threads'] should "
            f"be one of {sorted(threads)}, got {report.get('threads')!r}"
        )
        names = {pool["internal_api"] for pool in pools} or {"unknown"}
        assert any(name in str(report.get("blas")) for name in names), (
            f"check_environment()['blas'] should name {sorted(names)}, got {report.get('blas')!r}"
        )
    cores = report.get("cores")
    assert cores in range(1, (os.cpu_count() or 1) + 1), (
        f"check_environment()['cores']: expected 1 to {os.cpu_count()}, got {cores!r}"
    )


def finds_problems() -> None:
    setup = import_module("tinytorch.setup")
    before = dict(setup.NEEDED)
    try:
        setup.NEEDED.clear()
        setup.NEEDED.update(python="3.2", numpy="0.10")
        problems = setup.check_environment()["problems"]
        old = [text for text in problems if "must be" in text]
        assert not old, (
            f"Python {platform.python_version()} is newer than 3.2, so nothing should be wrong, "
            f"got {old}: compare versions as numbers, 11 is more than 2"
        )
        setup.NEEDED.update(python="99.1")
        problems = setup.check_environment()["problems"]
        assert any("python" in text and "99.1" in text for text in problems), (
            f"had Python 99.1 been needed, the problems should say so, got {problems}"
        )
    finally:
        setup.NEEDED.clear()
        setup.NEEDED.update(before)


def finds_the_course() -> None:
    with _course("Noor Åberg") as course:
        got = _student().whoami()
        assert got == "Noor Åberg", (
            f"three folders inside the course of Noor Åberg, whoami() said {got!r}: "
            "go up to the nearest pyproject.toml with [tool.tinytorch]"
        )
        inner = course / "notebooks" / "pyproject.toml"
        inner.write_text("[tool.ruff]\nline-length = 90\n", encoding="utf-8")
        got = _student().whoami()
        assert got == "Noor Åberg", (
            f"a pyproject.toml of another tool lies between, and whoami() said {got!r}: "
            "only one with [tool.tinytorch] counts"
        )


def says_when_there_is_no_course() -> None:
    with _course("nobody") as course:
        for file in (course / "pyproject.toml", course.parent / "pyproject.toml"):
            file.unlink()
        try:
            got = _student().whoami()
        except FileNotFoundError as error:
            said = str(error)
        else:
            raise AssertionError(f"no course anywhere: expected FileNotFoundError, got {got!r}")
        assert str(Path.cwd()) in said, (
            f"the error should name the folder where the search began, {Path.cwd()}, got {said!r}"
        )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-00.versions": ("Reports the installed versions", reports_versions),
    "checkpoint-00.threads": ("Reports the BLAS and its threads", reports_threads),
    "checkpoint-00.problems": ("Finds what is too old, and only that", finds_problems),
    "checkpoint-00.course": ("Finds the course from inside it", finds_the_course),
    "checkpoint-00.no-course": ("Says when there is no course", says_when_there_is_no_course),
}
