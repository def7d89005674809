"""What all tests share: a home folder of their own, and courses to work in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinytorch_milestones.tracker import Tracker

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the real home folder."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TINYTORCH_HOME", str(home))
    return home


@pytest.fixture
def make_course(tmp_path: Path) -> Callable[..., Tracker]:
    """Makes courses: `make_course(solve="03")`."""

    def make(solve: str | None = None, name: str = "course") -> Tracker:
        return Tracker.create(tmp_path / name, solve=solve, name="Ada")

    return make


@pytest.fixture
def course(make_course: Callable[..., Tracker]) -> Tracker:
    """A fresh course with nothing solved."""
    return make_course()
