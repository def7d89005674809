"""A diagnosis where the data of a part is not here: it says so and keeps its findings."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from tinytorch_milestones.catalog import load
from tinytorch_milestones.diagnosis.diagnose import diagnose
from tinytorch_milestones.diagnosis_words import swap_rows
from tinytorch_milestones.state import Diagnosis

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with the reference's code, on a machine without data."""
    shutil.copytree(
        REPOSITORY / "tinytorch",
        tmp_path / "tinytorch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path / "nothing"))
    return tmp_path


def diagnosed(root: Path, *names: str) -> Diagnosis:
    """Parts of `mlp`, the second of which needs data that is not there."""
    catalog = load()
    milestone = catalog.milestone("mlp", "history")
    full = {"data": "full", "epochs": 1}
    parts = [
        msgspec.structs.replace(p, settings={**p.settings, **full}) if p.id == "mnist" else p
        for p in milestone.parts
        if p.id in names
    ]
    return diagnose(root, catalog, milestone, parts)


def test_what_is_wrong_is_told_without_the_data(root: Path) -> None:
    file = root / "tinytorch" / "core" / "losses.py"
    text = file.read_text()
    file.write_text(text + "\n\nmse.forward = lambda prediction, target: (prediction * 0).sum()\n")
    diagnosis = diagnosed(root, "mnist")
    assert diagnosis.culprit == "04"
    assert diagnosis.findings
    assert not diagnosis.clean
    assert "was not run: MNIST, all 70,000 images is not on this machine" in diagnosis.message
    ((whose, what),) = swap_rows(diagnosis, load().modules)
    assert whose == "your own code"
    assert what == "not tried: MNIST, all 70,000 images is not on this machine"


def test_nothing_wrong_is_not_called_a_pass(root: Path) -> None:
    diagnosis = diagnosed(root, "mnist")
    assert (diagnosis.culprit, diagnosis.part, diagnosis.clean) == ("", "mnist", False)
    assert diagnosis.message.startswith("Every result that was tried is right.")
    assert "is not on this machine" in diagnosis.message
