"""A long run in a real JupyterLab: stopped with the button, gone on with later, stopped again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.photos import write_photos

CELL = """%%milestone run full-training {}
labels = "shuffled"  # nothing to learn, so that no gate ends it early
epochs = 200
patience = 0"""
MANY = 200_000  # milliseconds: ten modules are checked before, and epochs must pass


def attempts(course: Path) -> list[dict[str, Any]]:
    """Records of runs, oldest first."""
    return [json.loads(p.read_text()) for p in sorted((course / ".tito/attempts").glob("*.json"))]


def bar_reaches(here: Any, epoch: int) -> str:
    """Wait until the last cell's progress line tells this epoch or a later one; the line."""
    line = here.page.wait_for_function(
        """least => {
            const shown = document.querySelectorAll(
                '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell .jp-Cell-outputArea');
            const rows = shown[shown.length - 1].querySelectorAll('.tinytorch-row');
            for (const row of rows) {
                const found = /epoch (\\d+) of/.exec(row.textContent);
                if (found && Number(found[1]) >= least) return row.textContent;
            }
            return null;
        }""",
        arg=epoch,
        timeout=MANY,
    )
    return str(line.json_value())


def stop(here: Any) -> str:
    """Click Stop, and wait for what the run says at its end."""
    output = here.last_output()
    output.locator("button.tinytorch-stop").click()
    output.get_by_text("not credited").wait_for()
    here.idle()
    return str(output.text_content())


def test_stop_and_resume(
    lab: Callable[[Path], Any],
    tito: Callable[..., Any],
    tmp_path: Path,
    shots: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINYTORCH_DATA", str(write_photos(tmp_path / "photos")))
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "09")
    tito("milestone", "next", "--track", "capabilities", cwd=course)
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    # the solved modules are checked as soon as Lab is there
    station = page.locator('.jp-TinyTorch-station[data-milestone="full-training"]')
    station.and_(page.locator('[data-status="ready"]')).wait_for(timeout=MANY)
    here.open_notebook("notebooks/full_training.ipynb")
    here.run_cell("%load_ext tinytorch_milestones")
    here.idle()
    here.run_cell(CELL.format(""))
    line = bar_reaches(here, 4)
    for fact in (r"samples/s", r" left", r"peak [\d,]+ MB"):
        assert re.search(fact, line), line
    page.screenshot(path=shots / "01-running.png")
    said = stop(here)
    kept = re.search(r"Epochs 1 to (\d+) of 200 are kept\.", said)
    assert kept, said
    assert "%milestone run full-training --resume" in said
    page.screenshot(path=shots / "02-stopped.png")
    (first,) = attempts(course)
    assert (first["result"], first["saved_epoch"]) == ("interrupted", int(kept[1]))
    assert "--resume" in tito("milestone", "next", cwd=course)

    here.run_cell(CELL.format("--resume"))
    here.last_output().get_by_text(f"Going on after epoch {kept[1]} of 200.").wait_for()
    bar_reaches(here, int(kept[1]) + 3)
    page.screenshot(path=shots / "03-resumed.png")
    said = stop(here)
    assert f"gone on with after epoch {kept[1]}" in said
    _, second = attempts(course)
    assert second["resumed_from"] == first["id"]
    assert second["resumed_epoch"] == int(kept[1]) < second["saved_epoch"]
    assert second["seconds"] > 0
    assert second["step"] > first["step"]

    here.run_cell("%milestone run full-training --resume")
    here.last_output().get_by_text("begun with a cell of its own").wait_for()
    here.run_cell("print(6 * 7)")
    here.last_output().get_by_text("42").wait_for()
