"""Read a module notebook the way nbdev will, and refuse what must not or cannot be exported."""

from __future__ import annotations

import ast
import json
import re
import stat
import warnings
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog.model import Module
from tinytorch_milestones.catalog.tasks import source_of
from tinytorch_milestones.errors import ExportRefused

LARGEST_NOTEBOOK = 64 << 20
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# the same expressions as fastcore.nbio, which nbdev reads directives with
_PREFIX = re.compile(r"\s*#\s*\|")
_LEADING = re.compile(r"^(\s*#\s*\||\s*%%\w+|\s*$)")
_DIRECTIVE = re.compile(r"([^\s:]+)\s*:?\s?(.*?)\s*$", re.DOTALL)
_MISPLACED = re.compile(r"\s*#\s*\|\s*(export\w*|default_exp)\b")
_EXPORTS = ("export", "exports", "exporti", "exportd")
_CONFLICT = re.compile(r"^(<{7}|>{7})( |$)", re.MULTILINE)


class Cell(msgspec.Struct, kw_only=True):
    """One cell as nbdev sees it."""

    index: int
    kind: str
    id: str
    source: str
    directives: dict[str, str]
    body: str  # the source without directives

    @property
    def exported(self) -> bool:
        return self.kind == "code" and any(name in self.directives for name in _EXPORTS)


class Readable(msgspec.Struct, kw_only=True):
    """A notebook that may be exported."""

    json: dict[str, Any]
    cells: list[Cell]


def read(path: Path, module: Module) -> Readable:
    """The notebook at `path`, checked. Raises `ExportRefused` naming file, cell and reason."""
    name = path.name
    notebook = _parse(path)
    cells = [_cell(name, index, cell) for index, cell in enumerate(notebook["cells"])]
    _check_language(name, notebook)
    seen: dict[str, int] = {}
    for cell in cells:
        if cell.id in seen:
            raise _refuse(
                name,
                cell,
                f"has the same id ({cell.id}) as cell {seen[cell.id] + 1}.",
                "Cut it, paste it back (which gives it a new id) and save.",
            )
        seen[cell.id] = cell.index
        _check_directives(name, cell, module)
    if not any("default_exp" in cell.directives for cell in cells if cell.kind == "code"):
        raise ExportRefused(
            f"{name} does not say where it is exported to.",
            f"Put `#| default_exp {module.target}` alone into its first code cell.",
        )
    exported = [cell for cell in cells if cell.exported and cell.body.strip()]
    if not exported:
        raise ExportRefused(
            f"{name} has no cell to export.",
            "Begin the cells that belong to the package with `#| export`.",
        )
    for cell in exported:
        _check_code(name, cell)
    return Readable(json=notebook, cells=cells)


def _parse(path: Path) -> dict[str, Any]:
    name = path.name
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ExportRefused(f"{name} is not a file.", _RESET.format(path=path))
        if status.st_size > LARGEST_NOTEBOOK:
            raise ExportRefused(
                f"{name} is larger than {LARGEST_NOTEBOOK >> 20} MB.",
                "Clear its outputs (Edit > Clear Outputs of All Cells) and save.",
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ExportRefused(
            f"modules/{name} is missing.", f"`tito module start {name[:2]}` makes it."
        ) from error
    except OSError as error:
        raise ExportRefused(f"{name} cannot be read: {error.strerror}.") from error
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        if _CONFLICT.search(data.decode("utf-8", "replace")):
            raise ExportRefused(
                f"{name} has unresolved merge conflicts.",
                "Resolve the lines marked <<<<<<< and >>>>>>> in it, or check out one side.",
            ) from error
        raise ExportRefused(
            f"{name} is not a notebook: {error}.", _RESET.format(path=path)
        ) from error
    if (
        not isinstance(notebook, dict)
        or not isinstance(notebook.get("cells"), list)
        or not all(isinstance(cell, dict) for cell in notebook["cells"])
    ):
        raise ExportRefused(
            f"{name} is not a notebook: it has no list of cells.", _RESET.format(path=path)
        )
    return notebook


_RESET = "`tito module reset {path.stem}` makes it anew and keeps this one."


def _check_language(name: str, notebook: dict[str, Any]) -> None:
    # directives are comments, and what a comment is depends on the language
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kernel = metadata.get("kernelspec")
    language = kernel.get("language", "python") if isinstance(kernel, dict) else "python"
    if language != "python":
        raise ExportRefused(
            f"{name} is a notebook for {language}.", "Choose a Python kernel for it and save."
        )
    if metadata.get("nbdev"):
        raise ExportRefused(
            f"{name} has `nbdev` settings in its metadata, which this course does not use.",
            "Remove them (Property Inspector > Advanced Tools) and save.",
        )


def _cell(name: str, index: int, raw: dict[str, Any]) -> Cell:
    kind, source, metadata = raw.get("cell_type"), raw.get("source", ""), raw.get("metadata", {})
    whole = isinstance(source, str) or (
        isinstance(source, list) and all(isinstance(line, str) for line in source)
    )
    id_ = raw.get("id", f"cell-{index + 1}")
    if (
        kind not in ("code", "markdown", "raw")
        or not whole
        or not isinstance(metadata, dict)
        or not isinstance(id_, str)
        or not _CELL_ID.fullmatch(id_)
    ):
        raise ExportRefused(
            f"{name}, cell {index + 1}: this is not a valid notebook cell.",
            "Delete the cell, or reset the module.",
            cell=index,
        )
    text = source_of(raw)
    directives, body = _split(text)
    cell = Cell(index=index, kind=kind, id=id_, source=text, directives=directives, body=body)
    if metadata.get("nbdev") or metadata.get("language", "python") != "python":
        raise _refuse(
            name,
            cell,
            "has nbdev or language settings in its metadata, which this course does not use.",
            "Remove them (Property Inspector > Advanced Tools) and save.",
        )
    return cell


def _split(source: str) -> tuple[dict[str, str], str]:
    lines = source.splitlines(keepends=True)
    count = 0
    while count < len(lines) and _LEADING.search(lines[count]):
        count += 1
    found: dict[str, str] = {}
    kept = []
    for line in lines[:count]:
        prefix = _PREFIX.match(line)
        if prefix is None:
            if line.strip():
                kept.append(line)
            continue
        match = _DIRECTIVE.match(line[prefix.end() :].strip())
        if match:
            name, value = match.groups()
            found[name] = "" if value == "true" else value
    return found, "".join(kept + lines[count:])


def _refuse(name: str, cell: Cell, problem: str, remedy: str) -> ExportRefused:
    # students see neither ids nor numbers from zero
    return ExportRefused(
        f"{name}, cell {cell.index + 1} ({_begin(cell)}) {problem}",
        remedy,
        cell=cell.index,
        cell_id=cell.id,
    )


def _begin(cell: Cell) -> str:
    line = next((line.strip() for line in cell.body.splitlines() if line.strip()), "")
    line = line or next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
    if not line:
        return "empty"
    return f"`{line[:40]}...`" if len(line) > 40 else f"`{line}`"


def _check_directives(name: str, cell: Cell, module: Module) -> None:
    exports = [d for d in _EXPORTS if d in cell.directives]
    if cell.kind != "code":
        if exports and cell.kind == "markdown":
            raise _refuse(
                name, cell, "is a text cell with an export directive.", "Remove that line."
            )
        return
    target = cell.directives.get("default_exp")
    if target is not None and target != module.target:
        raise _refuse(
            name,
            cell,
            f"exports to {target!r}, but {module.id} belongs in {module.target!r}.",
            f"Write `#| default_exp {module.target}`.",
        )
    for directive in exports:
        value = cell.directives[directive]
        if value:
            raise _refuse(
                name,
                cell,
                f"has `#| {directive} {value}`, which would write to another file.",
                "Write `#| export` alone.",
            )
        if directive == "exportd":
            raise _refuse(
                name, cell, "uses `#| exportd`, which exports no code.", "Write `#| export`."
            )
    private = next((d for d in cell.directives if d.startswith("_")), None)
    if private:
        raise _refuse(name, cell, f"has an unknown directive `{private}`.", "Remove that line.")
    for line in cell.body.splitlines():
        if not exports and _MISPLACED.match(line):
            raise _refuse(
                name,
                cell,
                f"has `{line.strip()}` below other lines, where it has no effect.",
                "Move it to the first line of the cell.",
            )


def _check_code(name: str, cell: Cell) -> None:
    if _CONFLICT.search(cell.body):
        raise _refuse(
            name,
            cell,
            "has unresolved merge conflicts.",
            "Keep one side of the lines between <<<<<<< and >>>>>>>.",
        )
    # a line number as JupyterLab shows it, counted with the directives
    above = cell.source.count("\n") - cell.body.count("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(cell.body, "<cell>", "exec", dont_inherit=True)
        tree = ast.parse(cell.body)
    except SyntaxError as error:
        line = cell.body.splitlines()[(error.lineno or 1) - 1 : error.lineno or 1]
        text = line[0].strip() if line else ""
        if text.startswith(("%", "!", "?")) or text.endswith("?"):
            raise _refuse(
                name,
                cell,
                f"has the notebook command `{text}` among the code that is exported.",
                "Move that line to a cell of its own without `#| export`.",
            ) from error
        number = (error.lineno or 1) + above
        where = f"line {number}: `{text}`" if text else f"line {number}"
        raise _refuse(
            name, cell, f"has a syntax error in {where}: {error.msg}.", "Correct it and save."
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise _refuse(
            name, cell, f"cannot be read as Python: {error}.", "Simplify it and save."
        ) from error
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            raise _refuse(
                name,
                cell,
                f"has a relative import in line {node.lineno + above}.",
                "Write `from tinytorch.core... import ...`.",
            )
