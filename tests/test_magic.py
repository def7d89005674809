"""The magics in a real IPython shell: what they say, and how they fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tinytorch_milestones import checks
from tinytorch_milestones.magic import CourseMessage
from tinytorch_milestones.magic_line import COMMANDS
from tinytorch_milestones.tracker import Tracker

Shell = Callable[[Path], InteractiveShell]


def pass_task(task: str) -> None:
    checks.check(task, lambda: None)


# without a course


def test_loading_needs_no_course_and_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from types import SimpleNamespace\n"
        "import tinytorch_milestones\n"
        "shell = SimpleNamespace(register_magic_function=lambda *a: None,"
        " set_hook=lambda *a, **k: None)\n"
        "tinytorch_milestones.load_ipython_extension(shell)\n"
        "heavy = {'numpy', 'matplotlib', 'tornado', 'ipywidgets', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_without_a_course_the_message_is_calm_and_the_cell_fails(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(tmp_path)
    result = made.run_cell("%milestone")
    assert isinstance(result.error_in_exec, CourseMessage)
    out = capsys.readouterr().out
    assert "There is no TinyTorch course at or above" in out
    assert "Traceback" not in out
    assert "File" not in out
    assert made.run_cell("1 + 1").result == 2


def test_help_needs_no_course(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(tmp_path).run_cell("%milestone help").success
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert f"%milestone {command.usage}" in out


def test_a_broken_installation_leaves_module_work_alone(
    shell: Shell, course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    made = shell(course.workspace.notebooks)
    monkeypatch.setitem(sys.modules, "tinytorch_milestones.tracker", None)
    assert not made.run_cell("%milestone").success
    out = capsys.readouterr().out
    assert "Module notebooks work without them" in out
    assert "Traceback" not in out
    pass_task("01.matmul")
    assert made.run_cell("%%after 01.matmul\nvalue = 5").success
    assert made.user_ns["value"] == 5


# %%after


def test_a_cell_waits_until_its_tasks_have_passed(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(tmp_path)
    cell = "%%after 01.matmul 01.add\nseen = 1"
    assert made.run_cell(cell).success
    assert "This cell waits for 01.matmul and 01.add." in capsys.readouterr().out
    assert "seen" not in made.user_ns
    pass_task("01.matmul")
    capsys.readouterr()
    made.run_cell(cell)
    assert "This cell waits for 01.add." in capsys.readouterr().out
    pass_task("01.add")
    made.run_cell(cell)
    assert made.user_ns["seen"] == 1


def test_a_task_that_fails_again_makes_its_cells_wait_again(shell: Shell, tmp_path: Path) -> None:
    made = shell(tmp_path)
    pass_task("01.add")

    def broken() -> None:
        raise AssertionError("no longer")

    checks.check("01.add", broken)
    made.run_cell("%%after 01.add\nseen = 1")
    assert "seen" not in made.user_ns


def test_the_last_value_of_a_cell_that_waited_is_shown(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(tmp_path)
    pass_task("01.add")
    capsys.readouterr()
    made.run_cell("%%after 01.add\n40 + 2")
    assert "42" in capsys.readouterr().out


def test_an_error_in_a_cell_that_waited_fails_it(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(tmp_path)
    pass_task("01.add")
    capsys.readouterr()
    result = made.run_cell("%%after 01.add\n1 / 0")
    assert not result.success
    out = capsys.readouterr().out
    assert out.count("ZeroDivisionError: division by zero") == 1
    assert "magic.py" not in out


def test_after_needs_tasks(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not shell(tmp_path).run_cell("%%after\n1").success
    assert "For example: %%after 01.matmul" in capsys.readouterr().out


# %hint


def test_hints_come_one_after_the_other(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(course.workspace.modules)
    said = []
    for _ in range(4):
        assert made.run_cell("%hint 01.matmul").success
        said.append(capsys.readouterr().out)
    assert ["hint 1 of 3" in said[0], "hint 2 of 3" in said[1], "hint 3 of 3" in said[2]] == [
        True
    ] * 3
    assert said[3] == said[2]
    assert "again shows the next one" in said[0]
    assert "again shows the next one" not in said[2]


def test_a_hint_for_an_unknown_task_suggests_one(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(course.workspace.modules)
    assert not made.run_cell("%hint 01.matmal").success
    assert "01.matmul" in capsys.readouterr().out
    assert not made.run_cell("%hint").success
    assert "For example" in capsys.readouterr().out
