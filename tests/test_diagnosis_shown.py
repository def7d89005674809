"""What is asked of a diagnosis, and what terminal and notebook show of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell

from tests.board import HOSTILE
from tinytorch_milestones.catalog import load
from tinytorch_milestones.cli import main
from tinytorch_milestones.cli.commands import tito
from tinytorch_milestones.diagnosis.diagnose import choose_parts
from tinytorch_milestones.diagnosis_words import besides, shown, swap_rows
from tinytorch_milestones.errors import TinyTorchError, UnknownName
from tinytorch_milestones.state import Diagnosis, Finding, PartReport, RunReport, SwapState
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.widgets import blocks
from tinytorch_milestones.widgets.diagnosis import diagnosis as block

Shell = Callable[[Path], InteractiveShell]
MODULES = load().modules
SNIPPET = "from tinytorch import Tensor\nx = Tensor([[1.0, 2.0]])\nprint(x.T.data)  # [[1], [2]]"


def finding(module: str, task: str, **more: Any) -> Finding:
    about: dict[str, Any] = {
        "message": f"Your `{task}` on a (1, 2) input gives dweight = [[0, 1]] where [[1, 0]] is "
        "right, which is a sentence of more than eighty columns.",
        "snippet": SNIPPET,
        "notebook": f"modules/{load().module(module).id}.ipynb",
        "cell_id": task.replace(".", "-"),
        "hint": f"%hint {task}",
    }
    return Finding(module=module, task=task, **{**about, **more})


FOUND = Diagnosis(
    milestone="mlp",
    title="Back-propagation and the MLP",
    part="digits",
    culprit="06",
    sure="both",
    findings=[
        finding("06", "06.matmul"),
        finding("06", "06.matmul", message="Another of the same task."),
        finding("06", "06.backward", message="Of another task."),
        finding("06", "06.losses", message="Of a third task."),
        finding("04", "04.mse", message="Of another module."),
        finding("08", "08.fit", message="What follows.", follows=True),
    ],
    swaps=[
        SwapState(modules=[], passed=False, failed="every gradient agrees with numpy"),
        SwapState(modules=["06"], passed=True),
        SwapState(modules=["01", "02"], passed=None, failed="no time was left to try it"),
    ],
    message='The mistake is in 06 Autograd. With the reference\'s in its place "Small digits" '
    "passes.",
    next_command="%hint 06.matmul",
    seconds=9.0,
    clean=False,
    checked=["01"],
)
CLEAN = Diagnosis(
    milestone="mlp",
    title="Back-propagation and the MLP",
    part="",
    culprit="",
    sure="none",
    findings=[],
    swaps=[SwapState(modules=[], passed=True)],
    message="All operations agree with numpy, and the milestone passes.",
    next_command="%milestone run mlp",
    seconds=4.0,
    clean=True,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the tracker was asked for; it answers with `FOUND`, or `CLEAN` for xor."""
    calls: list[Any] = []

    def answer(self: Tracker, name: str, part: str | None = None, **more: Any) -> Diagnosis:
        calls.append((name, part))
        return CLEAN if name == "xor" else FOUND

    monkeypatch.setattr(Tracker, "diagnose", answer)
    return calls


def test_two_tasks_of_the_culprit_and_one_of_every_other_module() -> None:
    assert [one.message.split()[0] for one in shown(FOUND)] == ["Your", "Of", "Of"]
    assert [one.task for one in shown(FOUND)] == ["06.matmul", "06.backward", "04.mse"]
    assert besides(FOUND, MODULES) == (
        "More of the same: 2 in 06 Autograd. Follows from it: 1 in 08 Training."
    )
    assert besides(CLEAN, MODULES) == ""


def test_swaps_in_words() -> None:
    assert swap_rows(FOUND, MODULES) == [
        ("your own code", "fails at: every gradient agrees with numpy"),
        ("with 06 Autograd", "passes"),
        ("with 01 Tensor and 02 Activations", "not tried: no time was left to try it"),
    ]


# which parts


def no_module_is_missing(needs: tuple[str, ...]) -> list[str]:
    return []


def report_of(**passed: bool) -> RunReport:
    def part(name: str, won: bool) -> PartReport:
        return PartReport(
            milestone="xor",
            part=name,
            title=name,
            passed=won,
            interrupted=False,
            credited=won,
            verdicts=[],
            seconds=0.0,
            samples_per_second=0.0,
            steps=1,
            score=None,
        )

    parts = [part(name.replace("_", "-"), won) for name, won in passed.items()]
    return RunReport(milestone="xor", title="", parts=parts, complete=False, newly_complete=False)


def test_the_parts_that_are_tried() -> None:
    xor = load().milestone("xor", "history")

    def names(part: str | None, report: RunReport | None = None, **more: Any) -> list[str]:
        missing = more.get("missing", no_module_is_missing)
        return [p.id for p in choose_parts(load(), xor, part, report, missing)]

    assert names(None) == ["crisis", "by-hand", "learned"]
    assert names("learned") == ["learned"]
    assert names(None, report_of(crisis=True, by_hand=False)) == ["by-hand"]
    assert names(None, report_of(crisis=True)) == ["crisis", "by-hand", "learned"]
    assert names(None, missing=lambda needs: [n for n in needs if n > "03"]) == [
        "crisis",
        "by-hand",
    ]
    assert names(None, missing=lambda needs: list(needs)) == ["crisis"]
    with pytest.raises(UnknownName):
        names("learnt")


def test_a_milestone_that_is_not_written_yet_is_refused() -> None:
    xor = load().milestone("xor")
    later = msgspec.structs.replace(
        xor, parts=[msgspec.structs.replace(part, coming=True) for part in xor.parts]
    )
    with pytest.raises(TinyTorchError, match="not here yet"):
        choose_parts(load(), later, None, None, no_module_is_missing)


# the terminal


def test_the_terminal_tells_it_in_eighty_columns(
    course: Tracker, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(course.workspace.root)
    result = CliRunner().invoke(tito, ["milestone", "diagnose", "mlp", "--part", "digits"])
    assert asked == [("mlp", "digits")]
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "The mistake is in 06 Autograd." in result.stdout
    for line in SNIPPET.splitlines():
        assert f"      {line}\n" in result.stdout
    assert "look at 06.matmul, cell 06-matmul of modules/06_autograd.ipynb" in result.stdout
    assert "with 06 Autograd" in result.stdout
    assert result.stdout.rstrip().endswith("%hint 06.matmul")
    assert "Looking at your code" in result.stderr


def test_exit_codes_and_json(
    course: Tracker,
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(course.workspace.root)
    assert main(["milestone", "diagnose", "3", "--json"]) == 1
    said = capsys.readouterr()
    assert msgspec.json.decode(said.out, type=Diagnosis) == FOUND
    assert json.loads(said.out)["findings"][0]["snippet"] == SNIPPET
    assert said.err == ""
    assert main(["milestone", "diagnose", "xor"]) == 0
    assert "All operations agree with numpy" in capsys.readouterr().out
    assert main(["milestone", "diagnose", "mpl"]) == 2
    assert "'mlp'" in capsys.readouterr().err
    assert asked == [("mlp", None), ("xor", None)]


# the notebook


def test_the_notebook_says_that_it_looks_and_then_what_it_found(
    course: Tracker, shell: Shell, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = shell(course.workspace.root).run_cell("%milestone diagnose mlp digits")
    assert ran.success
    assert asked == [("mlp", "digits")]
    printed = capsys.readouterr().out
    assert printed.index("Looking at your code") < printed.index("The mistake is in 06 Autograd")
    assert "Next: %hint 06.matmul" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_name_is_needed_and_a_wrong_one_is_said_first(
    course: Tracker, shell: Shell, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    opened = shell(course.workspace.root)
    assert not opened.run_cell("%milestone diagnose").success
    assert "Which milestone?" in capsys.readouterr().out
    assert not opened.run_cell("%milestone diagnose mpl").success
    assert "Looking" not in capsys.readouterr().out
    assert asked == []


def test_the_block_links_to_the_cell_and_escapes_what_it_shows() -> None:
    html = block(FOUND, MODULES)["text/html"]
    assert 'data-notebook="modules/06_autograd.ipynb" data-cell="06-matmul"' in html
    assert "tinytorch-lost" in html
    assert "<code>%hint 06.matmul</code>" in html
    assert "tinytorch-won" in block(CLEAN, MODULES)["text/html"]
    evil = msgspec.structs.replace(
        FOUND, findings=[finding("06", "06.matmul", message=HOSTILE, snippet=HOSTILE)]
    )
    assert HOSTILE not in block(evil, MODULES)["text/html"]


def test_a_failed_run_points_to_it() -> None:
    report = PartReport(
        milestone="mlp",
        part="digits",
        title="Small digits",
        passed=False,
        interrupted=False,
        credited=False,
        verdicts=[],
        seconds=1.0,
        samples_per_second=0.0,
        steps=1,
        score=None,
        error="ValueError: shapes",
        error_in_code=True,
    )
    pointer = "%milestone diagnose mlp --part digits"
    ended = blocks.ending(report, 1, 1.0, {})
    assert pointer in ended["text/plain"]
    assert f"<code>{pointer}</code>" in ended["text/html"]
    demo = msgspec.structs.replace(report, implementation="reference")
    assert pointer not in blocks.ending(demo, 1, 1.0, {})["text/plain"]


# from end to end


def test_a_course_with_a_mistake_is_diagnosed(
    course: Tracker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from tests.mutants.judge import REPOSITORY

    root = course.workspace.root
    found = course.diagnose("perceptron")
    assert (found.culprit, found.part, found.swaps) == ("01", "forward", [])
    assert found.message == (
        "01 Tensor, 02 Activations and 03 Layers are not finished yet, and "
        '"Before learning" needs them.'
    )
    shutil.rmtree(root / "tinytorch", ignore_errors=True)
    shutil.copytree(REPOSITORY / "tinytorch", root / "tinytorch")
    file = root / "tinytorch" / "core" / "activations.py"
    source = file.read_text(encoding="utf-8")
    file.write_text(source.replace("return (x >= 0)", "return (x < 0)"), encoding="utf-8")
    before = sorted((root / ".tito").rglob("*"))
    found = course.diagnose("rosenblatt", "photo")
    assert (found.culprit, found.sure) == ("02", "both")
    assert found.findings[0].task == "02.step"
    assert sorted((root / ".tito").rglob("*")) == before
