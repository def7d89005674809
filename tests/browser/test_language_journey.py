"""The student trains attention, sees where its heads look, and asks the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import ON_SCREEN
from tests.browser.test_foundation_journey import station, switch_track

CHECK_SECONDS = 300  # fourteen modules are checked one after the other, another test beside them
RUN_SECONDS = 180


def test_a_transformer_is_trained_and_asked(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "13")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    station(here, "transformer", "ready").wait_for(timeout=CHECK_SECONDS * 1000)
    # many were unlocked, one after the other: one toast tells of all
    here.toast("milestones unlocked: Rosenblatt's perceptron, ")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.Toastify__toast')]"
        ".filter(toast => toast.textContent.includes('unlocked')).length === 1"
    )
    page.screenshot(path=shots / "00-unlocked.png")
    here.open_notebook("notebooks/05_transformer.ipynb")
    here.run_cell("%load_ext tinytorch_milestones\n%milestone run transformer")
    here.figure_moved(here.figure())
    page.screenshot(path=shots / "01-running.png")
    station(here, "transformer", "complete").wait_for(timeout=RUN_SECONDS * 1000)
    here.idle(RUN_SECONDS)
    pictures = here.pictures()
    told = [str(image.get_attribute("alt")) for image in pictures.all()]
    assert len(told) == 2
    assert all("Attention maps" in words and "looks where it should" in words for words in told)
    for number, picture in enumerate(pictures.all(), start=1):
        picture.scroll_into_view_if_needed()
        page.screenshot(path=shots / f"02-part-{number}.png")

    here.run_cell("%milestone play transformer")
    here.ask()
    page.screenshot(path=shots / "03-asked.png")
    here.theme("Dark")
    pictures.first.scroll_into_view_if_needed()
    page.screenshot(path=shots / "04-dark.png")


@pytest.mark.long
@pytest.mark.parametrize(
    ("milestone", "notebook", "track"),
    [
        ("language-generation", "language_generation", "capabilities"),
        ("built-gpt", "built_gpt", "epics"),
    ],
)
def test_a_gpt_is_trained_and_writes(
    lab: Callable[[Path], Any],
    tito: Callable[..., Any],
    tmp_path: Path,
    shots: Path,
    milestone: str,
    notebook: str,
    track: str,
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "13")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    switch_track(here, track)
    station(here, milestone, "ready").wait_for(timeout=CHECK_SECONDS * 1000)
    here.open_notebook(f"notebooks/{notebook}.ipynb")
    here.run_cell(f"%load_ext tinytorch_milestones\n%milestone run {milestone}")
    here.figure_moved(here.figure())
    page.wait_for_timeout(60_000)  # to see it half-way; nothing below depends on it
    page.screenshot(path=shots / "01-running.png")
    station(here, milestone, "complete").wait_for(timeout=900_000)
    here.idle(RUN_SECONDS)
    picture = page.locator(f"{ON_SCREEN} .jp-OutputArea-output img:visible").first
    picture.scroll_into_view_if_needed()
    page.screenshot(path=shots / "02-won.png")
    picture.screenshot(path=shots / "02-figure.png")

    here.run_cell(f"%milestone play {milestone}")
    here.ask()
    page.screenshot(path=shots / "03-written.png")
