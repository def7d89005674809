"""`tito` as its user meets it: what it prints, where, and with which exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import nbformat
import pytest

from tinytorch_milestones.cli import main
from tinytorch_milestones.cli.course import lab_command
from tinytorch_milestones.state import (
    CheckpointState,
    Completion,
    MilestoneState,
    ModuleState,
    NextStep,
    State,
)
from tinytorch_milestones.tracker import Tracker

MakeCourse = Callable[..., Tracker]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def inside(course: Tracker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh course as the current folder."""
    monkeypatch.chdir(course.workspace.root)
    return course.workspace.root


@pytest.fixture
def solved(make_course: MakeCourse, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with 00 to 03 filled in, as the current folder."""
    root = make_course(solve="03", name="solved").workspace.root
    monkeypatch.chdir(root)
    return root


def replace_in(notebook: Path, cell_id: str, old: str, new: str) -> None:
    book = nbformat.read(notebook, as_version=4)
    cell = next(cell for cell in book.cells if cell["id"] == cell_id)
    assert old in cell["source"]
    cell["source"] = cell["source"].replace(old, new)
    nbformat.write(book, notebook)


def stubs(notebook: Path) -> int:
    cells = nbformat.read(notebook, as_version=4).cells
    return sum("raise NotImplementedError(" in c["source"] for c in cells if c.cell_type == "code")


def test_help_names_every_command_and_exit_code(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for word in ("init", "lab", "doctor", "trust", "status", "next", "module", "checkpoint"):
        assert f"\n  {word} " in out
    for line in ("0  done", "1  not passed", "2  the command", "3  there is no", "130  stopped"):
        assert line in out


def test_init_makes_a_course_and_never_overwrites_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "course", "--name", "Ada"]) == 0
    assert "cd course && tito lab" in capsys.readouterr().out
    assert (tmp_path / "course" / "modules" / "01_tensor.ipynb").is_file()
    assert 'name = "Ada"' in (tmp_path / "course" / "pyproject.toml").read_text()
    before = sorted(p.name for p in (tmp_path / "course").iterdir())
    assert main(["init", "course"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "not empty" in " ".join(captured.err.split())
    assert sorted(p.name for p in (tmp_path / "course").iterdir()) == before


def test_init_solve_takes_a_number_and_refuses_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "a", "--solve", "1"]) == 0
    assert stubs(tmp_path / "a/modules/01_tensor.ipynb") == 0
    assert stubs(tmp_path / "a/modules/02_activations.ipynb") > 0
    assert main(["init", "b", "--solve", "tensr"]) == 2
    assert not (tmp_path / "b").exists()
    assert "01_tensor" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["status"], ["next"], ["module", "list"], ["milestone", "run", "perceptron"], ["lab"]],
)
def test_without_a_course_the_code_is_three(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "tito init" in captured.err


@pytest.mark.parametrize(
    ("command", "suggestion"),
    [
        (["statsu"], "'status'"),
        (["module", "complet", "01"], "'complete'"),
        (["milestone", "run", "perceptrn"], "'perceptron'"),
        (["milestone", "info", "perceptrn"], "'perceptron'"),
        (["module", "start", "01_tensr"], "'01_tensor'"),
        (["checkpoint", "test", "99"], "'09'"),
        (["milestone", "list", "--track", "histroy"], "'history'"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(
    command: list[str], suggestion: str, inside: Path, capsys: Capture
) -> None:
    assert main(command) == 2
    assert suggestion in capsys.readouterr().err


def test_a_wrong_option_is_a_usage_error(inside: Path, capsys: Capture) -> None:
    assert main(["status", "--jsn"]) == 2
    assert "tito status --help" in capsys.readouterr().err
    assert main(["milestone", "run", "perceptron", "--epochs", "0"]) == 2


@pytest.mark.parametrize(
    ("command", "shape"),
    [
        (["status"], State),
        (["status", "--milestones"], State),
        (["next"], NextStep),
        (["module", "list"], list[ModuleState]),
        (["module", "status"], list[ModuleState]),
        (["module", "status", "01"], ModuleState),
        (["checkpoint", "list"], list[CheckpointState]),
        (["checkpoint", "status"], list[CheckpointState]),
        (["milestone", "list"], list[MilestoneState]),
        (["milestone", "status"], list[MilestoneState]),
        (["milestone", "info", "perceptron"], MilestoneState),
        (["milestone", "next"], NextStep),
        (["doctor"], list[dict[str, str]]),
    ],
)
def test_json_has_the_shape_of_state(
    command: list[str], shape: type, inside: Path, capsys: Capture
) -> None:
    main([*command, "--json"])
    captured = capsys.readouterr()
    assert msgspec.json.decode(captured.out, type=shape)


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["status", "--milestones"],
        ["next"],
        ["module", "list"],
        ["module", "status"],
        ["checkpoint", "list"],
        ["checkpoint", "status"],
        ["milestone", "list"],
        ["milestone", "list", "--simple"],
        ["milestone", "info", "perceptron"],
        ["milestone", "status", "--detailed"],
        ["--help"],
        ["milestone", "run", "--help"],
    ],
)
def test_output_in_a_pipe_is_plain_and_narrow(
    command: list[str], inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.strip()
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert all(line == line.rstrip() for line in out.splitlines())


def test_a_path_stays_in_one_piece(inside: Path, capsys: Capture) -> None:
    assert main(["module", "start", "tensor"]) == 0
    path = inside / "modules" / "01_tensor.ipynb"
    assert str(path) in [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_completing_a_module_says_what_it_unlocks(solved: Path, capsys: Capture) -> None:
    for number in ("00", "01", "02"):
        assert main(["module", "complete", number]) == 0
    capsys.readouterr()
    assert main(["module", "complete", "03"]) == 0
    out = capsys.readouterr().out
    assert "03 Layers" in out
    assert "exported" in out
    assert "Milestone unlocked: Rosenblatt's perceptron, 1958" in out
    assert "Next: Run Rosenblatt's perceptron" in out
    assert main(["module", "list", "--json"]) == 0
    modules = msgspec.json.decode(capsys.readouterr().out, type=list[ModuleState])
    assert [m.status for m in modules[:4]] == ["complete"] * 4


def test_a_failing_test_is_shown_with_its_place(solved: Path, capsys: Capture) -> None:
    replace_in(solved / "modules/01_tensor.ipynb", "01-matmul", "return", "return 2.0 *")
    assert main(["module", "complete", "01"]) == 1
    out = capsys.readouterr().out
    assert "failed  01.matmul" in out
    assert "expected" in out
    assert "look at cell 01-matmul-test of modules/01_tensor.ipynb" in out
    assert "Next:" not in out
    assert main(["module", "complete", "01", "--json"]) == 1
    report = msgspec.json.decode(capsys.readouterr().out, type=Completion)
    assert not report.complete


def test_a_refused_export_names_the_cell(solved: Path, capsys: Capture) -> None:
    replace_in(solved / "modules/01_tensor.ipynb", "01-matmul", "return", "return )(")
    before = sorted(p.name for p in (solved / "tinytorch" / "core").iterdir())
    assert main(["module", "complete", "01"]) == 1
    out = capsys.readouterr().out
    assert "not exported" in out
    assert "look at cell 01-matmul of modules/01_tensor.ipynb" in out
    assert sorted(p.name for p in (solved / "tinytorch" / "core").iterdir()) == before


def test_an_unsolved_module_is_not_begun(inside: Path, capsys: Capture) -> None:
    assert main(["module", "complete", "01"]) == 1
    out = capsys.readouterr().out
    assert "not yet  01." in out
    assert "more not begun" in out


def test_status_catches_up_with_what_nobody_watched(solved: Path, capsys: Capture) -> None:
    assert main(["status", "--json"]) == 0
    captured = capsys.readouterr()
    state = msgspec.json.decode(captured.out, type=State)
    assert "Changed since the last check: 00, 01, 02, 03." in captured.err
    assert state.modules_complete == 4
    assert main(["status"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "complete, 17/17 tests" in captured.out or "complete, " in captured.out


def test_a_course_from_elsewhere_runs_nothing_until_trusted(
    solved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("TINYTORCH_HOME", str(tmp_path / "someone-else"))
    assert main(["status", "--json"]) == 0
    captured = capsys.readouterr()
    state = msgspec.json.decode(captured.out, type=State)
    assert captured.err == ""
    assert state.modules_complete == 0
    assert state.next.kind == "trust"
    assert main(["trust"]) == 0
    assert main(["trust"]) == 0
    assert "trusted already" in " ".join(capsys.readouterr().out.split())
    assert main(["status"]) == 0
    assert re.search(r"\b4 of \d+ modules complete", capsys.readouterr().out)


def test_resetting_and_solving_keep_the_notebook(inside: Path, capsys: Capture) -> None:
    notebook = inside / "modules/01_tensor.ipynb"
    before = notebook.read_bytes()
    assert main(["module", "solve", "01"]) == 0
    assert stubs(notebook) == 0
    assert "is kept" in capsys.readouterr().out
    kept = list((inside / ".tito" / "kept").iterdir())
    assert [path.read_bytes() for path in kept] == [before]
    assert main(["module", "reset", "01"]) == 0
    assert notebook.read_bytes() == before


def test_a_locked_milestone_says_what_is_missing(inside: Path, capsys: Capture) -> None:
    assert main(["milestone", "run", "perceptron"]) == 1
    err = capsys.readouterr().err
    assert "locked" in err
    assert "01_tensor" in err
    assert "Traceback" not in err


def test_lab_puts_the_course_first_and_extra_arguments_last(inside: Path) -> None:
    command = lab_command(inside, ["--no-browser", "--port=9"], is_root=True)
    assert command[1:4] == ["-P", "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={inside}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/start_here.ipynb" in command
    assert command.index("--allow-root") < command.index("--no-browser")
    assert command[-2:] == ["--no-browser", "--port=9"]
    assert "--allow-root" not in lab_command(inside, [], is_root=False)
    assert lab_command(inside, ["--allow-root"], is_root=True).count("--allow-root") == 1


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tinytorch_milestones", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_lab_passes_arguments_on(inside: Path) -> None:
    result = run("lab", "--", "--version", cwd=inside)
    assert result.returncode == 0
    assert result.stdout.strip()[0].isdigit()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        assert "--allow-root" in result.stderr


def test_a_reader_that_stops_reading_is_no_error(inside: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "tinytorch_milestones", "module", "list"],
            cwd=inside,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_screen_without_unicode_shows_question_marks_not_a_traceback(inside: Path) -> None:
    result = run("status", cwd=inside, PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["--help", "status"])
def test_starting_is_light(command: str, inside: Path) -> None:
    script = (
        "import sys; from tinytorch_milestones.cli import main; "
        f"code = main([{command!r}]); print('MODULES', *sys.modules); sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=inside, capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.partition("MODULES")[2].split())
    heavy = {"numpy", "matplotlib", "nbdev", "nbformat", "jupyterlab", "jupyter_server"}
    heavy |= {"jupyter_client", "IPython", "ipykernel", "tornado", "execnb", "fastcore"}
    assert not loaded & heavy
    if command == "--help":
        assert not loaded & {"rich", "msgspec", "psutil"}


def test_one_reason_for_many_tests_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "course", "--solve", "03"]) == 0
    monkeypatch.chdir(tmp_path / "course")
    capsys.readouterr()
    # 02 needs what 01 exports, and 01 is not exported
    assert main(["module", "complete", "02"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("02.") > 3
    assert said.count("cannot be imported") == 1
