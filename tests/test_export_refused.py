"""Export: what is refused, and that it changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exporting import SUM, TARGET, Course, code, snapshot, text
from tinytorch_milestones import export, sandbox
from tinytorch_milestones.catalog import Module


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path / "course")


@pytest.fixture(autouse=True, scope="module")
def no_spares_left() -> Iterator[None]:
    yield
    sandbox.cool()


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
