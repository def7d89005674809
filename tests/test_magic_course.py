"""`%milestone` in a course: looking, running, checking."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tinytorch_milestones.state import Completion
from tinytorch_milestones.tracker import Tracker

Shell = Callable[[Path], InteractiveShell]


def test_the_course_is_the_one_the_notebook_was_opened_in(
    shell: Shell, course: Tracker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(course.workspace.notebooks)
    made.run_cell(f"import os; os.chdir({str(tmp_path)!r})")
    assert made.run_cell("%milestone").success
    assert "00 " in capsys.readouterr().out


@pytest.mark.parametrize("line", ["list", "status", "status --detailed", "next", "info perceptron"])
def test_looking_works_in_a_fresh_course(
    line: str, shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(course.workspace.notebooks).run_cell(f"%milestone {line}").success
    out = capsys.readouterr().out
    assert out.strip()
    assert not re.search(r"</?[a-z]", out), "a tag of HTML in plain text"


def test_list_names_every_milestone_and_what_it_needs(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    shell(course.workspace.notebooks).run_cell("%milestone list")
    out = capsys.readouterr().out
    for milestone in course.state().milestones:
        assert milestone.title in out
        assert milestone.id in out
    assert "needs 01" in out


def test_info_tells_parts_and_gates_by_any_name(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(course.workspace.notebooks)
    seen = []
    for name in ("perceptron", "rosenblatt", "01", "1", "PERCEPTRON"):
        made.run_cell(f"%milestone info {name}")
        seen.append(capsys.readouterr().out)
    assert len(set(seen)) == 1
    for part in course.milestone("perceptron").parts:
        assert part.title in seen[0]
        for gate in part.gates:
            assert gate.title in seen[0]


@pytest.mark.parametrize("line", ["run percepton", "info percepton", "demo percepton"])
def test_a_wrong_name_suggests_the_nearest(
    line: str, shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not shell(course.workspace.notebooks).run_cell(f"%milestone {line}").success
    out = capsys.readouterr().out
    assert "There is no milestone 'percepton'." in out
    assert "Did you mean 'perceptron'" in out
    assert "Traceback" not in out


def test_what_is_locked_says_what_is_missing(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not shell(course.workspace.notebooks).run_cell("%milestone run perceptron").success
    out = capsys.readouterr().out
    assert "locked" in out
    assert "01" in out
    assert "%milestone demo perceptron" in out


def test_a_demo_runs_the_reference_in_a_fresh_course(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(sys.modules)
    assert shell(course.workspace.notebooks).run_cell("%milestone demo perceptron").success
    out = capsys.readouterr().out
    assert "The reference code runs" in out
    for part in course.milestone("perceptron").parts:
        assert part.title[1:] in out
    assert "failed " not in out
    assert not [name for name in set(sys.modules) - before if name.split(".")[0] == "tinytorch"]
    assert not course.progress.receipts()


def test_a_cell_replaces_settings_and_sees_the_users_names(
    shell: Shell, make_course: Callable[..., Tracker], capsys: pytest.CaptureFixture[str]
) -> None:
    course = make_course(solve="03")
    made = shell(course.workspace.notebooks)
    made.run_cell("rounds = 2")
    made.run_cell("%%milestone demo perceptron --part trained\nepochs = rounds\nseed = 5")
    out = capsys.readouterr().out
    assert "seed 5" in out
    assert "epochs" not in made.user_ns


def test_a_cell_with_an_error_ends_calmly(
    shell: Shell, course: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shell(course.workspace.notebooks)
    made.run_cell("%%milestone demo perceptron --part trained\nepochs = 1 / 0")
    out = capsys.readouterr().out
    assert "ZeroDivisionError" in out
    assert "passed" not in out.replace("Not passed", "")


def test_check_needs_a_number_outside_a_module_notebook(
    shell: Shell, course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    made = shell(course.workspace.notebooks)
    for name in ("", "/somewhere/notebooks/01_perceptron.ipynb", "kernel-1234"):
        monkeypatch.setenv("JPY_SESSION_NAME", name)
        assert not made.run_cell("%milestone check").success
        assert "%milestone check 01" in capsys.readouterr().out


def test_check_knows_the_module_whose_notebook_it_stands_in(
    shell: Shell, course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    asked: list[str] = []

    def complete(self: Tracker, name: str) -> Completion:
        asked.append(name)
        return Completion(
            module=name,
            title="01 Tensor",
            exported=True,
            changed=True,
            passed=3,
            total=9,
            complete=False,
            tests=[],
            seconds=0.1,
            message="01 Tensor: 3 of 9 tests passed",
            cell_id="01-matmul-test",
            output="<b>printed</b>",
        )

    monkeypatch.setattr(Tracker, "complete_module", complete)
    monkeypatch.setenv("JPY_SESSION_NAME", "/course/modules/01_tensor.ipynb")
    made = shell(course.workspace.modules)
    assert made.run_cell("%milestone check").success
    assert made.run_cell("%milestone check 2").success
    assert asked == ["01_tensor", "2"]
    out = capsys.readouterr().out
    assert "01 Tensor: 3 of 9 tests passed" in out
    assert "<b>printed</b>" in out
