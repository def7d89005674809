"""Export: what is written, and that it is what nbdev-export writes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exporting import PYPROJECT, ROOT, SUM, TARGET, Course, code, text
from tinytorch_milestones import catalog, export, sandbox
from tinytorch_milestones.export import hash_export, hash_notebook


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
