"""What all tests share: a home folder of their own, and courses to work in."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from tinytorch_milestones import sandbox
from tinytorch_milestones.tracker import Tracker

# a shell starts what it puts into the background with interrupts ignored, and that is inherited
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the real home folder."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TINYTORCH_HOME", str(home))
    return home


@pytest.fixture(autouse=True, scope="module")
def own_imports() -> Iterator[None]:
    """The `tinytorch` that one file of tests imported from a course is not the next one's."""
    before, path = _tinytorch(), list(sys.path)
    yield
    for name in _tinytorch():
        del sys.modules[name]
    sys.modules.update(before)
    sys.path[:] = path


def _tinytorch() -> dict[str, ModuleType]:
    return {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "tinytorch"}


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


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the original data sets that `TINYTORCH_DATA` names."""
    named = os.environ.get("TINYTORCH_DATA")
    if not named or not (Path(named) / "mnist").is_dir():
        pytest.skip("needs the original MNIST: set TINYTORCH_DATA to the folder that holds it")
    return Path(named)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Any]]:
    """Makes an IPython shell that was started in a folder and has the extension loaded."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from tinytorch_milestones import checks

    # the extension puts the course first on the import path
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"

    def make(folder: Path) -> InteractiveShell:
        monkeypatch.chdir(folder)
        made = InteractiveShell.instance(config=config)
        made.run_line_magic("load_ext", "tinytorch_milestones")
        return made

    checks.forget()
    yield make
    InteractiveShell.clear_instance()
    checks.forget()


# after this many seconds a test that waits for a process is helped out, and fails
PATIENCE = 60.0


def _end_marked(value: str) -> list[int]:
    """End every process whose environment carries `value`; their ids."""
    ended = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("TINYTORCH_TEST") == value:
                process.kill()
                ended.append(process.pid)
        except (psutil.Error, OSError):
            pass
    return ended


@pytest.fixture
def nothing_survives(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sandbox that leaves processes alone fails the test: no hanging, and none left behind."""
    value = secrets.token_hex(8)
    monkeypatch.setenv("TINYTORCH_TEST", value)
    ended: list[int] = []
    timer = threading.Timer(PATIENCE, lambda: ended.extend(_end_marked(value)))
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()
    sandbox.cool()
    left = _end_marked(value)
    assert not ended, f"processes {ended} went on until the test ended them"
    assert not left, f"processes {left} are still there"
