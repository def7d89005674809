"""A course of one notebook, for the tests of export."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones import catalog
from tinytorch_milestones.catalog import Module
from tinytorch_milestones.errors import ExportRefused
from tinytorch_milestones.export import Exported, export_module

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
