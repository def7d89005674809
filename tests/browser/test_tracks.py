"""Tracks switched and wins celebrated, in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

STATION = '.jp-TinyTorch-station[data-milestone="{}"]'


def test_a_track_is_chosen_with_the_keyboard_and_kept(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "02")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    page.locator(STATION.format("perceptron")).wait_for()
    switch = page.get_by_role("combobox", name="Track")
    switch.focus()
    page.keyboard.press("ArrowDown")
    station = page.locator(STATION.format("basic-inference"))
    station.wait_for()
    assert switch.input_value() == "capabilities"
    # the modules handed out solved are checked by now or soon: two of its checkpoints pass
    station.get_by_text("checkpoints").wait_for()
    station.locator("button").first.click()
    row = station.locator('[data-checkpoint="01"]')
    row.and_(page.locator('[data-status="passed"]')).wait_for()
    assert station.get_by_role("progressbar").count() == 1
    page.screenshot(path=shots / "01-capabilities.png")

    assert tito("status", "--json", cwd=course)["track"] == "capabilities"
    page.reload()
    page.locator(STATION.format("basic-inference")).wait_for()

    tito("milestone", "list", "--track", "epics", cwd=course)
    page.locator(STATION.format("machines-can-see")).wait_for()
    assert page.get_by_role("combobox", name="Track").input_value() == "epics"


def test_a_win_is_told_and_can_be_celebrated(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "03")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    station = page.locator(STATION.format("perceptron"))
    station.and_(page.locator('[data-status="ready"]')).wait_for()
    # won in a terminal: the page hears of it all the same
    tito("milestone", "run", "perceptron", cwd=course)
    toast = here.toast("Milestone complete: Rosenblatt's perceptron, 1958")
    toast.click(trial=True)  # waits until it has slid in
    page.screenshot(path=shots / "01-toast.png")
    toast.get_by_text("Celebrate").click()
    celebration = page.locator('[data-celebration="perceptron"]')
    celebration.wait_for()
    badge = next(
        m["badge"]
        for m in tito("milestone", "list", "--json", cwd=course)
        if m["id"] == "perceptron"
    )
    assert badge in celebration.text_content()
    assert "What this changed" in celebration.text_content()
    page.screenshot(path=shots / "02-celebration.png")
