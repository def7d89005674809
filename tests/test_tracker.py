"""The pipeline from a saved notebook to an unlocked milestone, with good input and bad."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tinytorch_milestones import verify
from tinytorch_milestones.catalog.tasks import (
    course_metadata,
    read_notebook,
    source_of,
    write_notebook,
)
from tinytorch_milestones.errors import Locked, Stopped, UnknownName, WorkspaceError
from tinytorch_milestones.sandbox import Limits
from tinytorch_milestones.tracker import Tracker

MODULES = ["00", "01", "02", "03"]


def edit(tracker: Tracker, number: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a module's notebook as a student (or a vandal) would."""
    path = tracker.workspace.notebook(tracker.module(number))
    notebook = read_notebook(path)
    change(notebook)
    path.write_bytes(write_notebook(notebook))


def exported_cell(notebook: dict[str, Any]) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if source_of(c).startswith("#| export"))


def append(code: str) -> Callable[[dict[str, Any]], None]:
    def change(notebook: dict[str, Any]) -> None:
        cell = exported_cell(notebook)
        cell["source"] = source_of(cell) + "\n" + code

    return change


@pytest.fixture
def solved(make_course: Callable[..., Tracker]) -> Tracker:
    return make_course(solve="03")


def state_files(tracker: Tracker) -> dict[str, bytes]:
    """What must not change when something is refused."""
    root = tracker.workspace.root
    kept = [*(root / "tinytorch").rglob("*.py"), *(root / ".tito" / "receipts").glob("*")]
    return {str(path): path.read_bytes() for path in kept}


def test_closing_ends_a_check_and_records_nothing(
    make_course: Callable[..., Tracker],
) -> None:
    course = make_course(solve="01")
    export = course.workspace.export(course.module("01"))
    course.complete_module("01")
    records, receipts = course.progress.checks(), course.progress.receipts()
    export.write_text("while True:\n    pass\n")
    threading.Timer(1.0, course.close).start()
    with pytest.raises(Stopped, match="nothing was recorded"):
        course.test_module("01")
    assert (course.progress.checks(), course.progress.receipts()) == (records, receipts)
    with pytest.raises(Stopped, match="closed"):
        course.complete_module("01")


def test_from_nothing_to_a_milestone(solved: Tracker) -> None:
    assert solved.next_step().id == "00_setup"
    for number in MODULES[:-1]:
        report = solved.complete_module(number)
        assert report.complete, report.messages
        assert report.newly_unlocked == []
        assert report.passed == report.total == len(report.tests)
    with pytest.raises(Locked, match="03_layers"):
        solved.run_milestone("perceptron")
    report = solved.complete_module("03")
    assert report.newly_unlocked == ["perceptron", "xor"]
    assert solved.next_step().id == "perceptron"
    result = solved.run_milestone("perceptron")
    assert [part.passed for part in result.parts] == [True] * len(result.parts)
    assert result.newly_complete
    assert solved.state().milestones[0].status == "complete"
    assert not solved.run_milestone("perceptron").newly_complete
    assert len(Tracker.open(solved.workspace.root).progress.receipts()) == 4 + len(result.parts) + 1


def test_an_unsolved_module_reports_not_yet(course: Tracker) -> None:
    report = course.complete_module("01")
    assert report.exported
    assert not report.complete
    assert {t.status for t in report.tests if not t.id.startswith("checkpoint")} == {"not_yet"}
    assert all(t.message for t in report.tests)
    assert course.state().modules[1].status == "in_progress"


def test_a_second_completion_changes_nothing(solved: Tracker) -> None:
    assert solved.complete_module("00").changed
    before = state_files(solved)
    assert not solved.complete_module("00").changed
    assert state_files(solved) == before
    assert solved.stale() == ["01_tensor", "02_activations", "03_layers"]


def test_an_export_in_a_plain_terminal_counts(solved: Tracker) -> None:
    exported = subprocess.run(
        [str(Path(sys.executable).with_name("nbdev-export"))],
        cwd=solved.workspace.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    reports = solved.reconcile()
    # what is not solved was exported too, and is told from what is
    assert {r.module[:2]: r.complete for r in reports} == {
        m.number: m.number in MODULES for m in solved.catalog.modules if not m.coming
    }
    assert not any(report.changed for report in reports)
    assert solved.stale() == []


def test_a_changed_export_needs_a_recheck_and_credit_stays(solved: Tracker) -> None:
    for number in MODULES:
        solved.complete_module(number)
    solved.run_milestone("perceptron")
    edit(solved, "01", append("class Spare:\n    pass"))
    solved.complete_module("01")
    assert solved.state().modules[1].status == "complete"
    path = solved.workspace.export(solved.module("01"))
    path.write_text(path.read_text().replace("class Spare", "class Other"))
    state = solved.state()
    assert state.modules[1].status == "recheck"
    assert state.milestones[0].status == "complete"
    assert "01_tensor" in solved.stale()


def break_syntax(notebook: dict[str, Any]) -> None:
    cell = exported_cell(notebook)
    cell["source"] = source_of(cell) + "\ndef broken(:"


def drop_exports(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["source"] = source_of(cell).replace("#| export\n", "")


def redirect(target: str) -> Callable[[dict[str, Any]], None]:
    def change(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            cell["source"] = source_of(cell).replace(
                "#| default_exp core.tensor", f"#| default_exp {target}"
            )

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (break_syntax, "syntax error"),
        (drop_exports, "export"),
        (redirect("/etc/evil"), "/etc/evil"),
        (redirect("..evil"), "..evil"),
        (redirect("core.layers"), "core.layers"),
    ],
)
def test_refused_exports_say_why_and_change_nothing(
    solved: Tracker, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    solved.complete_module("00")
    solved.complete_module("01")
    before = state_files(solved)
    edit(solved, "01", change)
    report = solved.complete_module("01")
    assert not report.exported
    assert said in report.refused
    assert report.remedy
    assert state_files(solved) == before
    assert solved.state().modules[1].problem == report.refused
    assert not list(solved.workspace.root.parent.glob("**/evil*"))


HOSTILE = {
    "loop": ("while True: pass", "never ends"),
    "exit": ("import os; os._exit(0)", "before"),
    "system_exit": ("raise SystemExit(0)", "SystemExit"),
    "flood": ("print('x' * 100_000_000)", "print"),
    "fork": (
        (
            "import os\npid = os.fork()\nif pid == 0:\n    while True: pass\n"
            "with open('child.pid', 'w') as file: file.write(str(pid))"
        ),
        "",
    ),
}


@pytest.mark.usefixtures("nothing_survives")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_modules_end_with_a_clear_message(
    solved: Tracker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(verify, "LIMITS", Limits(seconds=4.0))
    code, said = HOSTILE[kind]
    edit(solved, "00", append(code))
    report = solved.complete_module("00")
    if kind == "fork":  # the tests themselves are not its fault, but what it left behind is ended
        pid = int((solved.workspace.root / "child.pid").read_text())
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return
    assert not report.complete
    assert report.passed == 0
    assert all(said in test.message for test in report.tests), report.tests[0].message
    assert not solved.progress.receipts()


@pytest.mark.parametrize("what", ["deleted", "weakened"])
def test_the_original_test_judges(solved: Tracker, what: str) -> None:
    solved.complete_module("00")

    def change(notebook: dict[str, Any]) -> None:
        tests = [c for c in notebook["cells"] if course_metadata(c).get("test") == "01.matmul"]
        assert tests
        if what == "deleted":
            notebook["cells"].remove(tests[0])
        else:
            tests[0]["source"] = 'check("01.matmul", lambda: None, points=10)'
        for cell in notebook["cells"]:
            if course_metadata(cell).get("task") == "01.matmul":
                cell["source"] = source_of(cell).replace("return ", "return 2 * ")

    edit(solved, "01", change)
    report = solved.complete_module("01")
    failed = {test.id for test in report.tests if not test.passed}
    assert "01.matmul" in failed
    assert not report.complete


def test_unknown_and_coming_names(solved: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'perceptron'"):
        solved.run_milestone("perceptorn")
    with pytest.raises(UnknownName, match="Did you mean '01_tensor'"):
        solved.complete_module("01_tensro")
    later = msgspec.structs.replace(solved.module("20"), coming=True)
    monkeypatch.setattr(solved.catalog, "module", lambda _: later)
    with pytest.raises(WorkspaceError, match="not written yet"):
        solved.complete_module("20")


def test_a_read_only_course_still_checks(solved: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    solved.complete_module("00")
    monkeypatch.setattr(
        "tinytorch_milestones.progress.write_atomic",
        lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")),
    )
    report = solved.complete_module("00")
    assert report.complete
    assert "Read-only file system" in report.warnings[0]
    assert not solved.state().workspace.writable


def test_hints_come_one_by_one_and_stop_at_the_last(course: Tracker) -> None:
    texts = [course.hint("01.matmul", shown)[0] for shown in range(4)]
    assert len(set(texts)) == 3
    assert texts[3] == texts[2]
    assert course.hint("01.matmul", 0)[1:] == (1, 3)
    with pytest.raises(UnknownName, match=r"01\.matmul"):
        course.hint("01.matmull", 0)


def test_a_demo_is_never_locked_and_never_credited(course: Tracker) -> None:
    report = course.run_milestone("perceptron", demo=True)
    assert all(part.passed and not part.credited for part in report.parts)
    assert course.progress.receipts() == []
    assert course.progress.attempts() == []


def test_a_demo_earns_nothing_even_when_everything_is_complete(solved: Tracker) -> None:
    for number in MODULES:
        solved.complete_module(number)
    before = solved.progress.receipts()
    report = solved.run_milestone("perceptron", demo=True)
    assert all(part.passed and not part.credited for part in report.parts)
    assert all("reference" in part.why_not_credited for part in report.parts)
    assert not report.complete
    assert solved.progress.receipts() == before
    assert solved.progress.attempts() == []


def test_skip_checks_runs_what_is_locked_without_credit(solved: Tracker) -> None:
    for number in MODULES:
        solved.complete_module(number)
    (solved.workspace.state_dir / "receipts").rename(solved.workspace.root / "elsewhere")
    tracker = Tracker.open(solved.workspace.root)
    with pytest.raises(Locked):
        tracker.run_milestone("perceptron")
    report = tracker.run_milestone("perceptron", skip_checks=True)
    assert all(part.passed and not part.credited for part in report.parts)
    assert "locked" in report.parts[0].why_not_credited
    assert tracker.progress.receipts() == []
