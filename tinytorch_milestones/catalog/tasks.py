"""Read the tasks of a module notebook, and make a student's copy of it.

A notebook is plain JSON here: reading one with nbformat would cost a tenth of a second and tell us
nothing more. Cells say what they are in their metadata (`tinytorch.task`, `tinytorch.test`).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.errors import WorkspaceError

_REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*$",
    re.MULTILINE | re.DOTALL,
)

Notebook = dict[str, Any]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a module: its stub, its test, its hints, bound by one id."""

    id: str  # "01.matmul"
    title: str
    todo: str  # one line that says what to do
    hints: tuple[str, ...]
    cell_id: str
    test_cell_id: str
    test_source: str
    points: float


def read_notebook(path: Path) -> Notebook:
    """The notebook's JSON. Raises `WorkspaceError` naming the file when it is not a notebook."""
    try:
        notebook = json.loads(path.read_bytes())
    except OSError as error:
        raise WorkspaceError(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise WorkspaceError(
            f"{path.name} is not a notebook: {error}.",
            f"`tito module reset {path.name[:2]}` makes it anew and keeps this one beside it.",
        ) from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise WorkspaceError(f"{path.name} is not a notebook: it has no list of cells.")
    return notebook


def source_of(cell: dict[str, Any]) -> str:
    """A cell's source as one string, however the file stores it."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def course_metadata(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell's `tinytorch` metadata, empty when there is none."""
    metadata = cell.get("metadata")
    found = metadata.get("tinytorch") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def hash_code(notebook: Notebook) -> str:
    """A hash of the code cells' sources: what a save must change before anything is checked."""
    digest = hashlib.sha256()
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "code":
            digest.update(source_of(cell).encode())
            digest.update(b"\0")
    return digest.hexdigest()


def tasks_of(notebook: Notebook) -> list[Task]:
    """The tasks in notebook order."""
    tests: dict[str, tuple[str, str, float]] = {}
    for cell in notebook["cells"]:
        task_id = course_metadata(cell).get("test")
        if task_id:
            points = float(cell["metadata"].get("nbgrader", {}).get("points", 0))
            tests[task_id] = (str(cell.get("id", "")), source_of(cell), points)
    found: list[Task] = []
    for cell in notebook["cells"]:
        about = course_metadata(cell)
        task_id = about.get("task")
        if task_id in tests:
            test_cell, test_source, points = tests[task_id]
            found.append(
                Task(
                    id=task_id,
                    title=about["title"],
                    todo=about["todo"],
                    hints=tuple(about.get("hints", ())),
                    cell_id=str(cell.get("id", "")),
                    test_cell_id=test_cell,
                    test_source=test_source,
                    points=points,
                )
            )
    return found


@lru_cache(maxsize=64)
def _tasks(path: Path, stamp: tuple[int, int]) -> tuple[list[Task], str]:
    notebook = read_notebook(path)
    return tasks_of(notebook), hash_code(strip_solutions(notebook))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise WorkspaceError(f"{path.name} cannot be read: {error.strerror}.") from error
    return status.st_mtime_ns, status.st_size


def read_tasks(path: Path) -> list[Task]:
    """The tasks of the notebook at `path`, cached until the file changes."""
    return _tasks(path, _stamp(path))[0]


def untouched_hash(path: Path) -> str:
    """`hash_code` of the student's copy of the master notebook at `path` before any work."""
    return _tasks(path, _stamp(path))[1]


def strip_solutions(notebook: Notebook) -> Notebook:
    """A student's copy: solutions become `NotImplementedError` with task and instruction."""
    stripped = copy.deepcopy(notebook)
    for cell in stripped["cells"]:
        if cell.get("cell_type") != "code":
            continue
        cell["outputs"] = []
        cell["execution_count"] = None
        about = course_metadata(cell)
        if "task" in about:
            line = json.dumps(f"{about['task']}: {about['todo']}", ensure_ascii=False)
            stub = rf"\g<indent>raise NotImplementedError({_escape(line)})"
            cell["source"] = _REGION.sub(stub, source_of(cell)).splitlines(keepends=True)
    return stripped


def _escape(replacement: str) -> str:
    return replacement.replace("\\", "\\\\")


def write_notebook(notebook: Notebook) -> bytes:
    """The bytes Jupyter itself would write."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
