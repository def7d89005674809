"""The magics in a real IPython shell: what they read, what they say, and how they fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tinytorch_milestones import checks
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.magic import CourseMessage
from tinytorch_milestones.magic_line import COMMANDS, parse
from tinytorch_milestones.state import Completion
from tinytorch_milestones.tracker import Tracker


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], InteractiveShell]]:
    """Makes a shell that was started in a folder and has the extension loaded."""
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


Shell = Callable[[Path], InteractiveShell]


def pass_task(task: str) -> None:
    checks.check(task, lambda: None)


# reading a line


def test_an_empty_line_asks_what_is_next() -> None:
    assert parse("").name == "next"
    assert parse("   ").name == "next"


def test_options_become_settings_of_the_recipe() -> None:
    command = parse("run perceptron --part trained --epochs 5 --learning-rate=0.1 --seed 3 --quick")
    assert command.words == ["perceptron"]
    assert command.part == "trained"
    assert command.overrides == {"epochs": 5, "learning_rate": 0.1, "seed": 3}
    assert command.flag("quick")
    assert not command.flag("fast")


def test_a_part_may_be_a_second_word_and_names_may_be_quoted() -> None:
    assert parse("run xor by-hand").part == "by-hand"
    assert parse('run xor --part "by hand"').part == "by hand"
    assert parse("run xor --learning_rate 1").overrides == {"learning_rate": 1.0}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rnu perceptron", "Did you mean 'run'"),
        ("run perceptron --epoch 3", "Did you mean 'epochs'"),
        ("run perceptron --epochs", "--epochs needs a value"),
        ("run perceptron --epochs many", "'many', which is not a whole number"),
        ("run perceptron --epochs 1.5", "not a whole number"),
        ("run perceptron --learning-rate fast", "not a number"),
        ("run perceptron trained photo", "does not know what to do with 'photo'"),
        ("list everything", "does not know what to do with 'everything'"),
        ("list --all", "takes no options, and got --all"),
        ("run 'perceptron", "quotation"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: str, says: str) -> None:
    with pytest.raises(TinyTorchError) as caught:
        parse(line)
    assert says in str(caught.value)


def test_only_run_and_demo_take_a_cell() -> None:
    assert parse("run perceptron", has_cell=True).name == "run"
    with pytest.raises(TinyTorchError, match="one percent sign"):
        parse("status", has_cell=True)


def test_every_command_has_a_method() -> None:
    from tinytorch_milestones.magic import CourseMagics

    for command in COMMANDS:
        assert command.name == "help" or callable(getattr(CourseMagics, f"_{command.name}"))


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


# in a course


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
    assert "<" not in out.replace("<=", "")


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


# completion


def completions(made: InteractiveShell, line: str) -> list[str]:
    assert made.Completer is not None
    return made.Completer.complete(line_buffer=line, cursor_pos=len(line))[1]


def test_tab_completes_commands_names_parts_and_options(shell: Shell, course: Tracker) -> None:
    made = shell(course.workspace.notebooks)
    assert {"run", "list", "info", "demo", "status"} <= set(completions(made, "%milestone "))
    assert "status" in completions(made, "%milestone st")
    assert "perceptron" in completions(made, "%milestone run per")
    assert "rosenblatt" in completions(made, "%milestone info ro")
    assert "trained" in completions(made, "%milestone run perceptron --part t")
    assert "trained" in completions(made, "%milestone run perceptron ")
    assert "trained" in completions(made, "%milestone run perceptron --seed 3 --part t")
    assert "--epochs" in completions(made, "%milestone run perceptron --e")
    assert "01_tensor" in completions(made, "%milestone check 01")
    assert "perceptron" in completions(made, "%%milestone run per")


def test_completion_outside_a_course_is_silent(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    completions(shell(tmp_path), "%milestone run per")
    assert capsys.readouterr().out == ""
