"""The line of `%milestone`: how it is read, and how it is completed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.magic_line import COMMANDS, parse
from tinytorch_milestones.tracker import Tracker

Shell = Callable[[Path], InteractiveShell]


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


def test_a_track_is_no_setting_of_the_recipe() -> None:
    command = parse("run 1 --track epics --part victory")
    assert command.track == "epics"
    assert command.overrides == {}
    assert parse("list").track is None


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
        ("check --all", "takes no options, and got --all"),
        ("list --al", "There is no option 'al'"),
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
    assert "epics" in completions(made, "%milestone list --track e")
    assert "perceptron" in completions(made, "%milestone celebrate per")
    assert "--horizontal" in completions(made, "%milestone timeline --h")
    assert "--epochs" in completions(made, "%milestone run perceptron --e")
    assert "01_tensor" in completions(made, "%milestone check 01")
    assert "perceptron" in completions(made, "%%milestone run per")


def test_completion_outside_a_course_is_silent(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    completions(shell(tmp_path), "%milestone run per")
    assert capsys.readouterr().out == ""
