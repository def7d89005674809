"""What the tracker decides and writes down, with a judge that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from tinytorch_milestones import verify
from tinytorch_milestones.catalog import Checkpoint, Module
from tinytorch_milestones.catalog.tasks import read_notebook, read_tasks, write_notebook
from tinytorch_milestones.errors import ExportRefused, UnknownName, WorkspaceError
from tinytorch_milestones.export import Exported
from tinytorch_milestones.sandbox import Ending
from tinytorch_milestones.standing import file_hash, notebook_hash
from tinytorch_milestones.state import TestState
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.workspace import Workspace, master_notebook


class Judge:
    """Stands in for the sandboxes: exports `code`, and says `statuses` of a module's tests."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.code = "x = 1\n"
        self.statuses: dict[str, str] = {}
        self.checkpoints: list[list[str]] = []  # of each check
        self.while_exporting: Callable[[], object] = lambda: None
        self.while_checking: Callable[[], object] = lambda: None
        self.refusal: ExportRefused | None = None

    def export(self, root: Path, module: Module) -> Exported:
        if self.refusal is not None:
            raise self.refusal
        path = self.tracker.workspace.export(module)
        changed = not path.exists() or path.read_text() != self.code
        path.write_text(self.code)
        self.while_exporting()
        return Exported(changed=changed, source_hash="", export_hash=file_hash(path), seconds=0.0)

    def check(
        self,
        workspace: Workspace,
        module: Module,
        checkpoints: Sequence[Checkpoint] = (),
        stopper: verify.Stopper | None = None,
    ) -> verify.Checked:
        self.checkpoints.append([checkpoint.id for checkpoint in checkpoints])
        self.while_checking()
        tests = [
            TestState(
                id=task.id,
                title=task.title,
                passed=task.id not in self.statuses,
                status=self.statuses.get(task.id, "passed"),  # type: ignore[arg-type]
                message="so it is" if task.id in self.statuses else "",
                cell_id=task.cell_id,
            )
            for task in read_tasks(master_notebook(module))
        ]
        ending = Ending(
            reason="finished", returncode=0, output="", truncated=False, seconds=0.0, orphans=0
        )
        return verify.Checked(tests=tests, output="", ending=ending, seconds=0.0)


@pytest.fixture
def judge(course: Tracker, monkeypatch: pytest.MonkeyPatch) -> Judge:
    made = Judge(course)
    monkeypatch.setattr("tinytorch_milestones.tracker.export_module", made.export)
    monkeypatch.setattr(verify, "check_module", made.check)
    return made


def task_ids(tracker: Tracker, number: str) -> list[str]:
    return [task for task in tracker.tasks() if task.startswith(f"{number}.")]


def test_a_receipt_names_notebook_export_and_tests(judge: Judge, course: Tracker) -> None:
    module = course.module("01")
    report = course.complete_module("01")
    assert (report.complete, report.changed) == (True, True)
    (receipt,) = course.progress.receipts()
    assert (receipt.kind, receipt.what, receipt.student) == ("module", "01_tensor", "Ada")
    assert receipt.hashes == {
        "notebook": notebook_hash(course.workspace.notebook(module)),
        "export": file_hash(course.workspace.export(module)),
        "tests": file_hash(master_notebook(module)),
    }
    ids = task_ids(course, "01")
    assert receipt.evidence == {"tests": ids, "passed": len(ids)}
    cache = json.loads((course.workspace.state_dir / "progress.json").read_bytes())
    assert cache["completed_modules"] == ["01_tensor"]
    assert cache["last_worked"] == "01_tensor"


def test_one_test_that_does_not_pass_is_no_receipt_and_its_cell_comes_first(
    judge: Judge, course: Tracker
) -> None:
    first, second, *_ = task_ids(course, "01")
    judge.statuses = {first: "not_yet", second: "failed"}
    report = course.complete_module("01")
    assert not report.complete
    assert report.total - report.passed == 2
    assert report.message in report.messages
    assert report.cell_id == course.tasks()[second].cell_id  # begun and wrong, before not begun
    for task in (first, second):
        assert any(line.startswith(task) and "so it is" in line for line in report.messages)
    assert course.progress.receipts() == []
    record = course.progress.checks()["01_tensor"]
    assert not record.complete
    assert {test.id for test in record.tests if not test.passed} == {first, second}


def test_testing_alone_writes_nothing_down(judge: Judge, course: Tracker) -> None:
    before = {path: path.read_bytes() for path in course.workspace.root.rglob("*.json")}
    report = course.test_module("01")
    assert (report.complete, report.exported) == (True, False)
    assert {path: path.read_bytes() for path in course.workspace.root.rglob("*.json")} == before
    assert course.progress.receipts() == []
    assert course.progress.checks() == {}


def test_what_was_exported_during_a_check_is_checked_again(judge: Judge, course: Tracker) -> None:
    path = course.workspace.export(course.module("01"))
    task = task_ids(course, "01")[0]

    def someone_exports() -> None:
        path.write_text("y = 2\n")
        judge.while_checking = lambda: judge.statuses.update({task: "failed"})

    judge.while_checking = someone_exports
    report = course.complete_module("01")
    assert len(judge.checkpoints) == 2
    assert not report.complete
    assert course.progress.receipts() == []


def test_a_notebook_saved_during_its_export_is_stale_afterwards(
    judge: Judge, course: Tracker
) -> None:
    def save() -> None:
        path = course.workspace.notebook(course.module("01"))
        notebook = read_notebook(path)
        code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        code["source"] = "z = 3"
        path.write_bytes(write_notebook(notebook))

    judge.while_exporting = save
    course.complete_module("01")
    assert course.stale() == ["01_tensor"]
    judge.while_exporting = lambda: None
    course.complete_module("01")
    assert course.stale() == []


def test_a_refusal_keeps_what_was_known_of_the_tests(judge: Judge, course: Tracker) -> None:
    course.complete_module("01")
    known = course.progress.checks()["01_tensor"].tests
    judge.refusal = ExportRefused("It has no cells.", "Add one.", cell=1, cell_id="abc")
    report = course.complete_module("01")
    assert (report.exported, report.complete, report.passed) == (False, False, 0)
    assert report.total == len(task_ids(course, "01"))
    record = course.progress.checks()["01_tensor"]
    assert record.tests == known
    for said in (report, record):
        assert (said.refused, said.remedy) == ("It has no cells.", "Add one.")
        assert said.cell_id == "abc"
    assert len(course.progress.receipts()) == 1
    judge.refusal = None
    course.complete_module("01")
    assert course.progress.checks()["01_tensor"].refused == ""


def test_a_checkpoint_is_run_once_all_its_modules_are_complete(
    judge: Judge, course: Tracker
) -> None:
    both = Checkpoint(id="90", title="Both", capability="", needs=("01", "02"))
    later = Checkpoint(id="91", title="Later", capability="", needs=("02",), coming=True)
    course.catalog.checkpoints += [both, later]
    course.complete_module("01")
    course.complete_module("02")
    assert judge.checkpoints == [["01"], ["02", "90"]]
    with pytest.raises(WorkspaceError, match="not written yet"):
        course.test_checkpoint("91")


def test_what_becomes_possible_is_said_once(judge: Judge, course: Tracker) -> None:
    for number in ("00", "01", "02"):
        assert course.complete_module(number).newly_unlocked == []
    report = course.complete_module("03")
    assert report.newly_unlocked == ["perceptron", "xor"]
    unlocked = [line for line in report.messages if line.startswith("Milestone unlocked: ")]
    assert [line[-4:] for line in unlocked] == ["1958", "1969"]
    assert report.messages[-1].startswith("Next: Run Rosenblatt's perceptron. ")
    again = course.complete_module("03")
    assert again.newly_unlocked == []
    assert not [line for line in again.messages if "unlocked: " in line]


def test_the_chosen_track_is_kept_by_its_id_and_a_lost_one_is_no_error(course: Tracker) -> None:
    course.set_track(" History ")
    assert course.progress.settings()["track"] == "history"
    with pytest.raises(UnknownName, match="'history'"):
        course.set_track("histroy")
    course.progress.set_setting("track", "gone")
    assert course.state().track == course.catalog.tracks[0].id


def test_trusting_is_a_change_that_others_see(course: Tracker, own_home: Path) -> None:
    (own_home / "trusted.json").unlink()
    other = Tracker.open(course.workspace.root)
    before = other.state()
    assert not before.workspace.trusted
    course.trust()
    after = other.state()
    assert after.workspace.trusted
    assert after.sequence > before.sequence


def test_a_persons_file_that_cannot_be_written_is_a_warning_only(
    course: Tracker, own_home: Path
) -> None:
    (own_home / "progress.json").unlink()
    (own_home / "progress.json").mkdir()
    course._write_caches()
    course._write_caches()
    (warning,) = course.progress.warnings
    assert "this course is not affected" in warning
    assert course.progress.writable


def test_notebooks_come_back_solved_or_not(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = course.module("01")
    path = course.workspace.notebook(module)
    fresh = path.read_bytes()
    path.unlink()
    assert course.start_module("01") == path
    assert path.read_bytes() == fresh
    path.write_text("my work")
    assert course.start_module("01").read_text() == "my work"
    solved, first = course.solve_module("01")
    assert read_notebook(solved) == read_notebook(master_notebook(module))
    _, second = course.reset_module("01")
    assert path.read_bytes() == fresh
    assert first is not None
    assert second is not None
    assert first.read_text() == "my work"
    assert read_notebook(second) == read_notebook(master_notebook(module))
    # what is kept does not lie beside the notebooks, where nbdev would export it too
    assert set(course.workspace.modules.iterdir()) == {
        course.workspace.notebook(m) for m in course.catalog.modules if not m.coming
    }
    later = msgspec.structs.replace(module, coming=True)
    monkeypatch.setattr(course.catalog, "module", lambda _: later)
    for act in (course.start_module, course.reset_module, course.solve_module):
        with pytest.raises(WorkspaceError, match="not written yet"):
            act("20")
