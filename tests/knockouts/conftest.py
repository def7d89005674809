"""Photographs to learn from: few, made up, in the original's format."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.photos import write_photos


@pytest.fixture(scope="session")
def few_photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(autouse=True)
def _photographs(few_photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(few_photographs))
