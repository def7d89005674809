"""Export: what is refused, what is written, and that it is what nbdev-export writes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones import catalog, export, sandbox
from tinytorch_milestones.catalog import Module
from tinytorch_milestones.errors import ExportRefused
from tinytorch_milestones.export import Exported, export_module, hash_export, hash_notebook

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = """\
[project]
name = "tinytorch-course"
version = "0.1.0"

[tool.nbdev]
lib_path = "tinytorch"
nbs_path = "modules"
put_version_in_init = false
"""


def code(id_: str, source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": id_,
        "metadata": metadata,
        "source": source.splitlines(keepends=True),
        "outputs": [],
        "execution_count": None,
    }


def text(id_: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": id_, "metadata": {}, "source": source}


TARGET = code("01-target", "#| default_exp core.tensor")
SUM = code("01-sum", "#| export\ndef total(a):\n    return sum(a)\n")


class Course:
    """A course of one notebook."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.module: Module = catalog.load().module("01")
        self.notebook = root / "modules" / "01_tensor.ipynb"
        self.file = root / "tinytorch" / "core" / "tensor.py"
        self.notebook.parent.mkdir(parents=True)
        self.file.parent.mkdir(parents=True)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "tinytorch" / "__init__.py").write_text("")
        (self.file.parent / "__init__.py").write_text("")

    def write(self, *cells: dict[str, Any], **metadata: Any) -> None:
        notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        data = json.dumps(notebook).encode()
        # as JupyterLab does: nobody reads half of it
        temporary = self.notebook.with_suffix(".tmp")
        temporary.write_bytes(data)
        os.replace(temporary, self.notebook)

    def export(self) -> Exported:
        return export_module(self.root, self.module)

    def refused(self) -> ExportRefused:
        before = snapshot(self.root)
        with pytest.raises(ExportRefused) as caught:
            self.export()
        assert snapshot(self.root) == before, "a refused export changed something"
        return caught.value

    def nbdev_export(self) -> bytes:
        """What plain nbdev-export writes."""
        subprocess.run(
            [sys.executable, "-c", "from nbdev.cli import nbdev_export; nbdev_export()"],
            cwd=self.root,
            check=True,
            capture_output=True,
        )
        return self.file.read_bytes()


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path / "course")


@pytest.fixture(autouse=True, scope="module")
def no_spares_left() -> Iterator[None]:
    yield
    sandbox.cool()


# what is written


def test_an_export(course: Course) -> None:
    course.write(TARGET, SUM)
    done = course.export()
    assert done.changed
    data = course.file.read_bytes()
    assert b"__all__ = ['total']" in data
    assert done.export_hash == hash_export(course.root, course.module)
    assert done.export_hash == hashlib.sha256(data).hexdigest()
    assert done.source_hash == hash_notebook(course.notebook)
    assert {p.name for p in course.root.rglob("*.py")} == {"__init__.py", "tensor.py"}


def test_an_export_of_the_same_code_leaves_the_file_alone(course: Course) -> None:
    course.write(TARGET, SUM)
    course.export()
    os.utime(course.file, (1, 1))
    course.write(TARGET, SUM, code("01-play", "print('not exported')"))
    assert not course.export().changed
    assert course.file.stat().st_mtime == 1


TYPICAL = [
    text("01-intro", "# Tensor\n\n> The question: what is an array?\n\nA picture."),
    TARGET,
    code("01-setup", "%load_ext tinytorch_milestones\nimport math"),
    code("01-imports", "#| export\nfrom __future__ import annotations\nimport numpy as np"),
    SUM,
    code(
        "01-class",
        "#|export\n@property\nclass _Hidden: pass\nclass Shown:\n    x, y = 1, 2\nA = B = 3",
    ),
    code("01-relative", "#| export\nfrom tinytorch.setup import whoami\nfrom os import path"),
    code("01-after", "%%after 01.sum\nprint(total([1]))"),
    code("01-magic-first", "#| export\n\n#| hide\n_all_ = ['later']\nwords = 'ä ∑ 🙂'\n"),
    code("01-internal", "#| exporti\nsecret = 1"),
    code("01-both", "#| exports\npublic = 1"),
    code("01-empty", ""),
    code("01-only-directive", "#| export\n"),
]


def test_the_bytes_are_those_of_nbdev_export(course: Course) -> None:
    course.write(*TYPICAL)
    course.export()
    ours = course.file.read_bytes()
    course.file.write_text("something else")
    assert course.nbdev_export() == ours
    assert "ä ∑ 🙂".encode() in ours


@pytest.mark.parametrize("number", ["00", "01", "02", "03"])
def test_the_courses_modules_export_as_nbdev_export_does(course: Course, number: str) -> None:
    course.module = catalog.load().module(number)
    course.notebook = course.notebook.with_name(f"{course.module.id}.ipynb")
    course.file = course.root / "tinytorch" / course.module.exports
    source = ROOT / "modules" / course.notebook.name
    if not source.exists():
        pytest.skip(f"{source.name} is not written yet")
    course.notebook.write_bytes(source.read_bytes())
    course.export()
    ours = course.file.read_bytes()
    course.file.unlink()
    assert course.nbdev_export() == ours


def test_settings_of_the_course_show_in_the_export_as_in_nbdev(course: Course) -> None:
    address = '[project.urls]\nDocumentation = "https://example.org/docs"\n'
    (course.root / "pyproject.toml").write_text(PYPROJECT + address)
    course.write(*TYPICAL)
    course.export()
    ours = course.file.read_bytes()
    assert b"https://example.org/docs" in ours
    course.file.unlink()
    assert course.nbdev_export() == ours


def test_cells_without_ids_export_the_same_every_time(course: Course) -> None:
    cells = [dict(cell) for cell in (TARGET, SUM)]
    for cell in cells:
        del cell["id"]
    course.write(*cells)
    course.export()
    assert not course.export().changed


def test_missing_package_files_are_made(course: Course) -> None:
    course.write(TARGET, SUM)
    (course.file.parent / "__init__.py").unlink()
    (course.root / "tinytorch" / "__init__.py").unlink()
    course.export()
    assert (course.file.parent / "__init__.py").read_bytes() == b""
    assert b"_EXPORTS" in (course.root / "tinytorch" / "__init__.py").read_bytes()


# what is refused


@pytest.mark.parametrize(
    "target", ["core.other", "/tmp/evil", "..evil", "core/tensor", "core.tensor extra", ""]
)
def test_another_target_is_refused(course: Course, target: str) -> None:
    course.write(code("01-target", f"#| default_exp {target}"), SUM)
    refusal = course.refused()
    assert (refusal.cell, refusal.cell_id) == (0, "01-target")
    assert "cell 1" in refusal.message
    assert "#| default_exp core.tensor" in refusal.remedy


def test_nbdev_never_sees_a_refused_notebook(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(sandbox, "take", take)
    course.write(code("01-target", "#| default_exp /tmp/evil"), SUM)
    course.refused()
    course.write(TARGET, SUM)
    with pytest.raises(AssertionError, match="a child was started"):
        course.export()


@pytest.mark.parametrize(
    "line",
    [
        "#| export core.other",
        "#| export: /tmp/evil",
        "#|exporti ..evil",
        " # | exports core.tensor",
        "#| hide\n\n#| export core.other",
        "%%time\n#| export core.other",
        "#| exportd",
        "#| _call_ x\n#| export",
    ],
)
def test_an_export_elsewhere_is_refused(course: Course, line: str) -> None:
    course.write(TARGET, SUM, code("01-evil", f"{line}\nx = 1"))
    assert course.refused().cell_id == "01-evil"


def test_directives_in_metadata_are_refused(course: Course) -> None:
    course.write(TARGET, SUM, code("01-evil", "x = 1", nbdev={"export": "core.other"}))
    assert course.refused().cell_id == "01-evil"
    course.write(TARGET, SUM, nbdev={"export": "core.other"})
    assert "metadata" in course.refused().message
    course.write(TARGET, SUM, kernelspec={"language": "julia"})
    assert "julia" in course.refused().message


def test_a_directive_that_nbdev_reads_differently_is_refused(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    course.write(TARGET, SUM)
    real = export.notebook_check.read

    def blind(path: Path, module: Module) -> Any:
        found = real(path, module)
        found.cells[1].directives = {}
        return found

    monkeypatch.setattr(export.notebook_check, "read", blind)
    assert course.refused().cell_id == "01-sum"


def test_no_target_and_no_exports(course: Course) -> None:
    course.write(SUM)
    assert "#| default_exp core.tensor" in course.refused().remedy
    course.write(TARGET, code("01-sum", "x = 1"))
    assert "no cell to export" in course.refused().message


def test_a_directive_below_other_lines_is_refused(course: Course) -> None:
    course.write(TARGET, SUM, code("01-late", "# my code\n#| export\nx = 1"))
    assert course.refused().cell_id == "01-late"


def test_a_syntax_error_names_cell_and_line(course: Course) -> None:
    broken = code("01-broken", "#| export\nx = 1\ny = (2\nz = 3\n")
    course.write(text("01-intro", "# Tensor"), TARGET, SUM, broken)
    refusal = course.refused()
    assert (refusal.cell, refusal.cell_id) == (3, "01-broken")
    assert "01_tensor.ipynb, cell 4" in refusal.message
    assert "line 3" in refusal.message
    # a cell that is not exported may be wrong
    course.write(TARGET, SUM, code("01-broken", "y = (2"))
    assert course.export().changed


def test_code_that_only_compiling_finds_wrong(course: Course) -> None:
    course.write(TARGET, SUM, code("01-broken", "#| export\nreturn 1"))
    assert course.refused().cell_id == "01-broken"
    # each cell is right, together they are not
    late = code("01-late", "#| export\nglobal total\n")
    course.write(TARGET, SUM, late)
    assert course.refused().cell_id == "01-late"


def test_notebook_commands_in_exported_cells(course: Course) -> None:
    course.write(TARGET, SUM, code("01-magic", "#| export\n%timeit total([1])"))
    refusal = course.refused()
    assert refusal.cell_id == "01-magic"
    assert "%timeit" in refusal.message
    course.write(TARGET, SUM, code("01-magic", "%timeit total([1])\n!ls"))
    assert course.export().changed


def test_a_relative_import_is_refused(course: Course) -> None:
    course.write(TARGET, code("01-sum", "#| export\nfrom .other import x\n"))
    assert "relative import" in course.refused().message


def test_merge_conflicts(course: Course) -> None:
    sides = "#| export\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n"
    course.write(TARGET, SUM, code("01-both", sides))
    assert "merge conflicts" in course.refused().message
    course.notebook.write_text(f"<<<<<<< HEAD\n{course.notebook.read_text()}\n>>>>>>> theirs\n")
    assert "merge conflicts" in course.refused().message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"cells": 1}',
        b'{"cells": [1]}',
        b'{"cells": [{"cell_type": "code"}, {"cell_type": "code", "source": 3}]}',
        b'{"cells": [{"cell_type": "code", "id": "a\\nimport os", "source": "#| export"}]}',
        b'{"cells": [{"cell_type": "code", "metadata": []}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook(course: Course, data: bytes) -> None:
    course.notebook.write_bytes(data)
    refusal = course.refused()
    assert "01_tensor.ipynb" in refusal.message
    assert refusal.remedy


def test_a_missing_notebook(course: Course) -> None:
    assert "missing" in course.refused().message


def test_two_cells_with_the_same_id(course: Course) -> None:
    course.write(TARGET, SUM, SUM)
    assert course.refused().cell == 2


def test_a_notebook_that_is_too_large(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.notebook_check, "LARGEST_NOTEBOOK", 100)
    course.write(TARGET, SUM)
    assert "Clear its outputs" in course.refused().remedy


@pytest.mark.skipif(os.name != "posix", reason="needs links")
@pytest.mark.parametrize("name", ["modules", "tinytorch", "tinytorch/core", "notebook"])
def test_links_out_of_the_course_are_refused(course: Course, name: str) -> None:
    course.write(TARGET, SUM)
    link = course.notebook if name == "notebook" else course.root / name
    elsewhere = course.root.parent / "elsewhere"
    link.rename(elsewhere)
    link.symlink_to(elsewhere)
    before = snapshot(elsewhere)
    course.refused()
    assert snapshot(elsewhere) == before


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_inside_the_course_does_not_lead_out_of_the_package(course: Course) -> None:
    course.write(TARGET, SUM)
    victim = course.root / "modules" / "mine.py"
    victim.write_text("precious")
    course.file.symlink_to(victim)
    course.export()
    assert victim.read_text() == "precious"
    assert not course.file.is_symlink()


# readers and other exports at the same time


def test_a_reader_never_sees_half_a_file(course: Course) -> None:
    versions = []
    for value in range(2):
        body = "".join(f"x{i} = {value}\n" for i in range(2000))
        versions.append([TARGET, code("01-many", f"#| export\n{body}")])
    known = set()
    for cells in versions:
        course.write(*cells)
        course.export()
        known.add(course.file.read_bytes())
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(course.file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(6):
            course.write(*versions[number % 2])
            assert course.export().changed
    finally:
        stop.set()
        reader.join()
    assert seen <= known


def test_exports_at_the_same_time_end_with_the_newest_notebook(course: Course) -> None:
    problems: list[BaseException] = []

    def many(start: int) -> None:
        try:
            for number in range(4):
                course.write(TARGET, code("01-x", f"#| export\nx = {start + number}"))
                course.export()
        except BaseException as error:
            problems.append(error)

    # one writer and two exporters that cross it
    def exporting() -> None:
        try:
            for _ in range(4):
                course.export()
        except BaseException as error:
            problems.append(error)

    course.write(TARGET, SUM)
    threads = [threading.Thread(target=many, args=(0,))]
    threads += [threading.Thread(target=exporting) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert b"x = 3" in course.file.read_bytes()
    assert not list(course.file.parent.glob(".tmp-*"))


def test_a_notebook_saved_during_its_export_is_exported_again(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export._export
    later = [[TARGET, code("01-x", f"#| export\nx = {number}")] for number in (1, 2)]

    def slow(*arguments: Any) -> bytes:
        data = real(*arguments)
        if later:
            course.write(*later.pop(0))
        return data

    monkeypatch.setattr(export, "_export", slow)
    course.write(TARGET, SUM)
    done = course.export()
    assert b"x = 2" in course.file.read_bytes()
    assert done.export_hash == hash_export(course.root, course.module)
    assert done.source_hash == hash_notebook(course.notebook)
