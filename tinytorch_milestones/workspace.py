"""Find, make and mend course folders.

A workspace is a folder whose `pyproject.toml` has a `[tool.tinytorch]` table. The repository root
is one, with every module solved.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinytorch_milestones.catalog.loader import load
from tinytorch_milestones.catalog.model import Module
from tinytorch_milestones.catalog.tasks import (
    hash_code,
    read_notebook,
    strip_solutions,
    write_notebook,
)
from tinytorch_milestones.errors import FolderNotEmpty, NoWorkspace, WorkspaceError
from tinytorch_milestones.files import write_atomic

_PYPROJECT = """\
# A TinyTorch course. `modules/` holds the notebooks you work in; saving one exports its code to
# `tinytorch/`, which is generated: change the notebooks, never the package.
[project]
name = "tinytorch-course"
version = "0.1.0"

[tool.nbdev]
lib_path = "tinytorch"
nbs_path = "modules"
put_version_in_init = false
update_pyproject = false

[tool.tinytorch]
name = {name}
id = "{id}"
"""

_GITIGNORE = (
    "__pycache__/\n.ipynb_checkpoints/\ntinytorch/_modidx.py\n.tito/lock*\n.tmp-*\n"
    "notebooks/weights/\n"
)


def home() -> Path:
    """Where TinyTorch keeps what belongs to a person rather than to a course.

    `$TINYTORCH_HOME`, else `~/.tinytorch`.
    """
    chosen = os.environ.get("TINYTORCH_HOME")
    return Path(chosen) if chosen else Path.home() / ".tinytorch"


def shipped_root() -> Path:
    """The folder with the product's own `modules/`, `notebooks/` and solved `tinytorch/`.

    Inside the package in an installed wheel, the repository root in a checkout.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "course", package.parent):
        if (root / "modules").is_dir() and (root / "tinytorch" / "__init__.py").is_file():
            return root
    raise WorkspaceError(
        "The course that ships with tinytorch-milestones is missing from this installation.",
        "Install the package again.",
    )


def master_notebook(module: Module) -> Path:
    """The course's own solved copy of a module's notebook."""
    return shipped_root() / "modules" / f"{module.id}.ipynb"


class Workspace:
    """One course folder. Reading an attribute never writes."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def modules(self) -> Path:
        return self.root / "modules"

    @property
    def package(self) -> Path:
        return self.root / "tinytorch"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def state_dir(self) -> Path:
        return self.root / ".tito"

    def notebook(self, module: Module) -> Path:
        """The student's notebook of a module."""
        return self.modules / f"{module.id}.ipynb"

    def handed_out(self, module: Module) -> str:
        """`hash_code` of the notebook as it was handed out, "" where that is not known."""
        try:
            return (self.state_dir / "handed_out" / f"{module.id}.sha256").read_text()
        except OSError:
            return ""

    def export(self, module: Module) -> Path:
        """The package file a module is exported to."""
        return self.package / module.exports

    def config(self) -> dict[str, Any]:
        """The `[tool.tinytorch]` table. Raises `WorkspaceError` when pyproject.toml is broken."""
        table = read_config(self.root)
        if table is None:
            raise WorkspaceError(
                f"{self.root / 'pyproject.toml'} has no [tool.tinytorch] table any more.",
                "Put it back (it holds `name` and `id`), or make a new course with `tito init`.",
            )
        return table

    @property
    def student(self) -> str:
        return str(self.config().get("name", ""))

    @property
    def id(self) -> str:
        """The course's own id, made by `tito init`; empty where there is none."""
        return str(self.config().get("id", ""))

    def relative(self, path: Path) -> str:
        """A path below the workspace with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def start(self, module: Module) -> Path:
        """The module's notebook, made from the shipped one when it is missing."""
        target = self.notebook(module)
        if not target.exists():
            _copy_notebook(self, module, solved=False)
        return target

    def reset(self, module: Module, *, solved: bool = False) -> tuple[Path, Path | None]:
        """Replace a notebook by a fresh copy; the old one is kept. Returns (new, kept)."""
        target = self.notebook(module)
        kept: Path | None = None
        if self.root == shipped_root():
            raise WorkspaceError(
                f"{target} is the course's own copy of {module.id}, and its only source.",
                "Work in a course made by `tito init DIR`.",
            )
        if target.exists():
            stamp = time.strftime("%Y%m%d-%H%M%S")
            folder = self.state_dir / "kept"
            folder.mkdir(parents=True, exist_ok=True)
            kept = folder / f"{module.id}-{stamp}-{secrets.token_hex(2)}.ipynb"
            shutil.copy2(target, kept)
        _copy_notebook(self, module, solved=solved)
        return target, kept


def read_config(folder: Path) -> dict[str, Any] | None:
    """The `[tool.tinytorch]` table of the folder's pyproject.toml, None when it has none."""
    path = folder / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if "[tool.tinytorch]" not in text:
        return None
    try:
        table = tomllib.loads(text)["tool"]["tinytorch"]
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(
            f"{path} is not valid TOML: {error}.", "Correct that line and try again."
        ) from error
    except KeyError:
        return None
    return table if isinstance(table, dict) else None


def find(path: Path | None = None) -> Workspace:
    """The workspace at or above `path` (default: the current folder).

    Raises `NoWorkspace` saying where it looked.
    """
    start = (path or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if read_config(folder) is not None:
            return Workspace(folder)
    raise NoWorkspace(
        f"There is no TinyTorch course at or above {start}.",
        "Go to your course folder, or make one with `tito init course`.",
    )


def create(folder: Path, modules: list[Module], *, solve: int = -1, name: str = "") -> Workspace:
    """Make a course in `folder`, which must not exist or be empty.

    Notebooks of modules up to number `solve` are filled in with the reference solution; the others
    have their solutions stripped. Raises `FolderNotEmpty`, and leaves such a folder as it is.
    """
    folder = folder.resolve()
    try:
        existed = folder.exists()
        if existed and (not folder.is_dir() or any(folder.iterdir())):
            raise FolderNotEmpty(
                f"{folder} is not empty, so no course was made there.",
                "Choose a new folder: `tito init my-course`.",
            )
        try:
            return _fill(folder, modules, solve, name)
        except BaseException:
            _undo(folder, existed)
            raise
    except OSError as error:
        raise WorkspaceError(
            f"No course could be made in {folder}: {error.strerror or error}.",
            "Choose a folder you can write to.",
        ) from error


def _fill(folder: Path, modules: list[Module], solve: int, name: str) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    source = shipped_root()
    workspace = Workspace(folder)
    for module in modules:
        if not module.coming:
            _copy_notebook(workspace, module, solved=int(module.number) <= solve)
    coming = {milestone.notebook for milestone in load().all_milestones() if milestone.coming}
    for file in sorted((source / "notebooks").glob("*.ipynb")):
        if file.name not in coming:
            _copy_clean(file, workspace.notebooks / file.name)
    for name_ in ("__init__.py", "core/__init__.py", "perf/__init__.py"):
        write_atomic(workspace.package / name_, (source / "tinytorch" / name_).read_bytes())
    write_atomic(folder / ".gitignore", _GITIGNORE.encode())
    # last, because it is what makes the folder a course
    write_atomic(
        folder / "pyproject.toml",
        _PYPROJECT.format(name=_toml_string(name), id=secrets.token_hex(16)).encode(),
    )
    workspace.state_dir.mkdir(exist_ok=True)
    return workspace


def _undo(folder: Path, existed: bool) -> None:
    """Remove what `_fill` made, and nothing else, so that the same command can be tried again."""
    workspace = Workspace(folder)
    for made in (workspace.modules, workspace.notebooks, workspace.package, workspace.state_dir):
        shutil.rmtree(made, ignore_errors=True)
    with suppress(OSError):
        (folder / ".gitignore").unlink(missing_ok=True)
        (folder / "pyproject.toml").unlink(missing_ok=True)
        if not existed:
            folder.rmdir()


def _toml_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'


def _copy_notebook(workspace: Workspace, module: Module, *, solved: bool) -> None:
    if module.coming:
        raise WorkspaceError(f"{module.id} {module.title} is not written yet.")
    notebook = read_notebook(master_notebook(module))
    stripped = strip_solutions(notebook)
    # remembered, because after an update of the course this copy no longer looks like its master
    record = workspace.state_dir / "handed_out" / f"{module.id}.sha256"
    write_atomic(record, hash_code(stripped).encode())
    write_atomic(workspace.notebook(module), write_notebook(notebook if solved else stripped))


def _copy_clean(source: Path, target: Path) -> None:
    write_atomic(target, source.read_bytes())
