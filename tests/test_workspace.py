"""Course folders: made, found, moved, never overwritten."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tinytorch_milestones.catalog import load
from tinytorch_milestones.catalog.tasks import (
    hash_code,
    read_notebook,
    read_tasks,
    strip_solutions,
    tasks_of,
)
from tinytorch_milestones.errors import FolderNotEmpty, NoWorkspace, WorkspaceError
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.workspace import Workspace, find, home, master_notebook, shipped_root

WRITTEN = [module for module in load().modules if not module.coming]


def test_a_course_has_everything_and_no_solution(course: Tracker) -> None:
    root = course.workspace.root
    for module in WRITTEN:
        notebook = read_notebook(course.workspace.notebook(module))
        text = json.dumps(notebook)
        assert "BEGIN SOLUTION" not in text
        for task in tasks_of(notebook):
            assert f'raise NotImplementedError(\\"{task.id}: ' in text
    assert (root / "tinytorch" / "__init__.py").is_file()
    assert not list((root / "tinytorch").rglob("tensor.py"))
    assert (root / "notebooks" / "start_here.ipynb").is_file()


def test_stubs_are_valid_python(course: Tracker) -> None:
    for module in WRITTEN:
        for cell in read_notebook(course.workspace.notebook(module))["cells"]:
            if "task" in cell["metadata"].get("tinytorch", {}):
                ast.parse("".join(cell["source"]))


def test_solve_fills_in_up_to_the_module(make_course: Callable[..., Tracker]) -> None:
    workspace = make_course(solve="02").workspace
    for module in WRITTEN:
        solved = "BEGIN SOLUTION" in workspace.notebook(module).read_text()
        assert solved == (int(module.number) <= 2)


def test_an_update_of_the_course_makes_no_notebook_look_edited(
    course: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert course.stale() == []
    monkeypatch.setattr("tinytorch_milestones.standing.untouched_hash", lambda _: "of an update")
    assert course.stale() == []
    assert {m.status for m in course.state().modules} <= {"not_started", "coming"}


def test_found_from_any_folder_inside(course: Tracker) -> None:
    for folder in ("", "modules", "tinytorch/core", ".tito"):
        assert find(course.workspace.root / folder).root == course.workspace.root


def test_no_course_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NoWorkspace) as caught:
        find(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "tito init" in caught.value.remedy


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        Tracker.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_not_made_into_a_course(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        Tracker.create(tmp_path / "thesis.txt")
    with pytest.raises(WorkspaceError, match="No course could be made") as caught:
        Tracker.create(tmp_path / "thesis.txt" / "course")
    assert not isinstance(caught.value, FolderNotEmpty)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_was_not_finished_is_no_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tinytorch_milestones.workspace._copy_clean", fail)
    with pytest.raises(WorkspaceError, match="No space left"):
        Tracker.create(tmp_path / "half")
    assert not (tmp_path / "half").exists()
    (tmp_path / "half").mkdir()
    with pytest.raises(WorkspaceError, match="No space left"):
        Tracker.create(tmp_path / "half")
    assert list((tmp_path / "half").iterdir()) == []
    monkeypatch.undo()
    assert Tracker.create(tmp_path / "half").workspace.root == tmp_path / "half"


def test_every_course_is_another_one(make_course: Callable[..., Tracker]) -> None:
    first, second = make_course(name="a").workspace, make_course(name="b").workspace
    assert first.id
    assert first.id != second.id


def test_what_is_generated_is_kept_out_of_git(course: Tracker) -> None:
    ignored = (course.workspace.root / ".gitignore").read_text().splitlines()
    assert {"__pycache__/", ".ipynb_checkpoints/", ".tito/lock*", ".tmp-*"} <= set(ignored)


def test_every_package_of_the_curriculum_is_there(course: Tracker) -> None:
    for module in load().modules:
        assert (course.workspace.export(module).parent / "__init__.py").is_file()


@pytest.mark.parametrize(
    "content",
    [
        b"[tool.black]\nline-length = 100\n",
        b"# about [tool.tinytorch]\n",
        b"# about [tool.tinytorch]\n[tool]\ntinytorch = 3\n",
        b"\xff[tool.tinytorch]\n",
    ],
)
def test_a_pyproject_of_something_else_is_passed_by(course: Tracker, content: bytes) -> None:
    inner = course.workspace.root / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_bytes(content)
    assert find(inner).root == course.workspace.root


def test_a_course_that_lost_its_table_says_so(course: Tracker) -> None:
    (course.workspace.root / "pyproject.toml").write_text("")
    with pytest.raises(WorkspaceError, match=r"no \[tool.tinytorch\] table any more"):
        course.state()


def test_a_course_reached_through_a_link_is_the_same_course(
    course: Tracker, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(course.workspace.root, target_is_directory=True)
    assert find(link).root == course.workspace.root
    assert Workspace(link).root == course.workspace.root
    assert Tracker.open(link).trusted


def test_what_belongs_to_a_person_lies_where_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYTORCH_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"
    monkeypatch.delenv("TINYTORCH_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert home() == tmp_path / ".tinytorch"


def test_names_are_written_as_toml(make_course: Callable[..., Tracker], tmp_path: Path) -> None:
    name = 'Ada "the\\ countess"\nof [Lovelace]'
    tracker = Tracker.create(tmp_path / "quoted", name=name)
    assert tracker.workspace.student == name.replace("\n", " ")


def test_a_broken_pyproject_is_named(course: Tracker) -> None:
    path = course.workspace.root / "pyproject.toml"
    path.write_text(path.read_text() + "\n[tool.tinytorch")
    with pytest.raises(WorkspaceError, match=r"pyproject\.toml is not valid TOML"):
        find(course.workspace.root)


def test_a_moved_course_works_and_must_be_trusted_again(
    make_course: Callable[..., Tracker],
) -> None:
    course = make_course(solve="00")
    assert course.trusted
    moved = course.workspace.root.rename(course.workspace.root.with_name("moved"))
    tracker = Tracker.open(moved)
    assert not tracker.trusted
    assert tracker.stale() == ["00_setup"]
    assert tracker.reconcile() == []
    assert tracker.next_step().kind == "trust"
    tracker.trust()
    assert tracker.next_step().kind == "module"
    assert [report.module for report in tracker.reconcile()] == ["00_setup"]


def test_a_course_from_elsewhere_is_not_trusted_whatever_it_says(
    course: Tracker, own_home: Path
) -> None:
    (own_home / "trusted.json").unlink()
    assert not Tracker.open(course.workspace.root).trusted


def test_reset_keeps_what_was_there(course: Tracker) -> None:
    module = course.module("01")
    path = course.workspace.notebook(module)
    path.write_text("my work")
    fresh, kept = course.reset_module("01")
    assert kept is not None
    assert kept.read_text() == "my work"
    assert hash_code(read_notebook(fresh)) == hash_code(
        strip_solutions(read_notebook(master_notebook(module)))
    )


def test_the_repository_is_a_course_that_cannot_be_reset() -> None:
    tracker = Tracker(find(shipped_root()))
    assert tracker.trusted
    with pytest.raises(WorkspaceError, match="only source"):
        tracker.reset_module("01")


def test_a_file_that_is_no_notebook_is_named(course: Tracker) -> None:
    path = course.workspace.notebook(course.module("01"))
    path.write_text("{")
    with pytest.raises(WorkspaceError, match=r"01_tensor\.ipynb is not a notebook"):
        read_tasks(path)
