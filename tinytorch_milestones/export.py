"""From a module notebook to its file of the package, safely.

The notebook is read and checked by us, then exported by nbdev in a child process into a staging
folder laid out like the course (nbdev's header lines hold relative paths, so the result is byte for
byte what `nbdev-export` in the course writes), compiled, and moved into place in one step.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
import tomllib
import warnings
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones import notebook_check, sandbox
from tinytorch_milestones.catalog.model import Module
from tinytorch_milestones.catalog.tasks import hash_code, read_notebook
from tinytorch_milestones.errors import ExportRefused
from tinytorch_milestones.files import write_atomic
from tinytorch_milestones.notebook_check import Readable
from tinytorch_milestones.workspace import shipped_root

ENTRY = "tinytorch_milestones.export_child:run"
LIMITS = sandbox.Limits(seconds=30.0)
LARGEST_EXPORT = 8 << 20
# a notebook that is saved again while it is exported is exported again, but not for ever
_ATTEMPTS = 5
_CELL = re.compile(r"# %% \S.*\.ipynb #(?P<id>[\w-]+)$")
_CONFIG = '[project]\nname = "tinytorch"\n\n[tool.nbdev]\nlib_path = "tinytorch"\n'


class Exported(msgspec.Struct, kw_only=True):
    """What an export did."""

    changed: bool  # the file's bytes are new
    source_hash: str  # of the notebook's code cells
    export_hash: str  # sha256 of the file
    seconds: float


def prepare_export() -> None:
    """Keep a process with nbdev imported ready, so that a save need not wait for it."""
    sandbox.warm(ENTRY, limits=LIMITS)


def hash_export(root: Path, module: Module) -> str:
    """sha256 of the module's file of the package, "" when there is none."""
    try:
        return hashlib.sha256((root / "tinytorch" / module.exports).read_bytes()).hexdigest()
    except OSError:
        return ""


def hash_notebook(path: Path) -> str:
    """A hash of a notebook's code, whatever its outputs. Raises `WorkspaceError`."""
    return hash_code(read_notebook(path))


def export_module(workspace_root: Path, module: Module) -> Exported:
    """Export one module's notebook to its file of the package.

    Raises `ExportRefused`, naming cell and reason, for a notebook that must not or cannot be
    exported; the package is then as it was.
    """
    start = time.perf_counter()
    root = workspace_root.resolve()
    notebook_path = root / "modules" / f"{module.id}.ipynb"
    target = root / "tinytorch" / module.exports
    _confine(root, notebook_path, target)
    changed = False
    for _ in range(_ATTEMPTS):
        notebook = notebook_check.read(notebook_path, module)
        data = _export(root, module, notebook)
        changed = _replace(root, target, data) or changed
        # two exports may cross: whoever wrote makes sure that the newest notebook is what is there
        if _unchanged(notebook_path, module, notebook):
            break
    return Exported(
        changed=changed,
        source_hash=hash_code(notebook.json),
        export_hash=hashlib.sha256(data).hexdigest(),
        seconds=time.perf_counter() - start,
    )


def _unchanged(path: Path, module: Module, known: Readable) -> bool:
    try:
        return notebook_check.read(path, module).cells == known.cells
    except ExportRefused:
        # what it says now is the business of the export that its save asks for
        return True


def _confine(root: Path, notebook: Path, target: Path) -> None:
    package = root / "tinytorch"
    for folder in (notebook.parent, package, target.parent):
        if not folder.resolve().is_relative_to(root):
            raise ExportRefused(
                f"{folder.relative_to(root).as_posix()} is a link that leads out of the course.",
                "Replace it by a folder.",
            )
    if not notebook.resolve().is_relative_to(root):
        raise ExportRefused(
            f"modules/{notebook.name} is a link that leads out of the course.",
            "Replace it by a copy of the notebook.",
        )
    if not target.parent.resolve().is_relative_to(package.resolve()):
        raise ExportRefused(
            f"tinytorch/{target.parent.name} is a link that leads out of the package.",
            "Replace it by a folder.",
        )


def _export(root: Path, module: Module, notebook: Readable) -> bytes:
    name = f"{module.id}.ipynb"
    with tempfile.TemporaryDirectory(prefix="tinytorch-export-") as folder:
        staging = Path(folder).resolve()
        (staging / "modules").mkdir()
        (staging / "tinytorch").mkdir()
        (staging / "modules" / name).write_text(_staged(notebook), encoding="utf-8")
        (staging / "pyproject.toml").write_text(_config(root), encoding="utf-8")
        child = sandbox.take(ENTRY, limits=LIMITS)
        job = {
            "staging": str(staging),
            "notebook": f"modules/{name}",
            "directives": [cell.directives for cell in notebook.cells],
        }
        answers = list(child.run(job, staging))
        if not answers:
            said = child.ending.output.strip().splitlines()
            why = said[-1] if said else child.ending.detail
            raise ExportRefused(
                f"{name} could not be exported: {why or 'nbdev gave no answer'}.", _DOCTOR
            )
        _check_answer(name, notebook, answers[-1])
        file = staging / "tinytorch" / module.exports
        if not file.is_file() or file.is_symlink() or file.stat().st_size > LARGEST_EXPORT:
            raise ExportRefused(f"{name}: nbdev did not write {module.exports}.", _DOCTOR)
        data = file.read_bytes()
    _compile(name, notebook, data)
    return data


_DOCTOR = "`tito doctor` checks the installation."


def _check_answer(name: str, notebook: Readable, answer: Any) -> None:
    problem, index = answer["problem"], answer["cell"]
    if not problem:
        return
    if index is None:
        raise ExportRefused(f"{name} could not be exported: {problem}.", _DOCTOR)
    cell = notebook.cells[index]
    raise ExportRefused(
        f"{name}, cell {index + 1}: {problem}.",
        "Write its directives as plain lines, `#| export`, at the top of the cell.",
        cell=index,
        cell_id=cell.id,
    )


def _staged(notebook: Readable) -> str:
    """The notebook without outputs, which nbdev does not need and which may be large."""
    cells: list[dict[str, Any]] = [
        {"cell_type": cell.kind, "id": cell.id, "metadata": {}, "source": cell.source}
        | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {})
        for cell in notebook.cells
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _config(root: Path) -> str:
    """The course's own pyproject.toml, whose settings show in what nbdev writes."""
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
        if isinstance(tomllib.loads(text).get("tool", {}).get("nbdev"), dict):
            return text
    except (OSError, ValueError, AttributeError):
        pass
    return _CONFIG


def _compile(name: str, notebook: Readable, data: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        reason = getattr(error, "msg", None) or str(error)
        above = data.decode("utf-8", "replace").splitlines()[:line]
        found = next((m["id"] for text in reversed(above) if (m := _CELL.match(text))), "")
        cell = next((cell for cell in notebook.cells if cell.id == found), None)
        where = f", cell {cell.index + 1}" if cell else ""
        raise ExportRefused(
            f"{name}{where}: what it exports is not valid Python: {reason}.",
            "Correct it and save.",
            cell=cell.index if cell else None,
            cell_id=cell.id if cell else None,
        ) from error


def _restore_package(file: Path) -> None:
    """The package's own file offers the public names; nbdev would put an empty one in its place."""
    if not file.exists():
        write_atomic(file, (shipped_root() / "tinytorch" / "__init__.py").read_bytes())


def _replace(root: Path, target: Path, data: bytes) -> bool:
    try:
        if not target.is_symlink() and target.read_bytes() == data:
            return False
    except OSError:
        pass
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _restore_package(root / "tinytorch" / "__init__.py")
        folder = target.parent
        while folder != root / "tinytorch":
            # nbdev-export adds these too
            (folder / "__init__.py").touch()
            folder = folder.parent
        write_atomic(target, data)
    except OSError as error:
        raise ExportRefused(
            f"{target.relative_to(root).as_posix()} cannot be written: {error.strerror}.",
            "Check the disk's space and the folder's permissions.",
        ) from error
    return True
