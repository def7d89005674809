"""The student measures, compresses and lets the network write: the last milestone of history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.lab import ON_SCREEN
from tests.browser.test_foundation_journey import station

CHECK_SECONDS = 400  # twenty modules are checked one after the other, another test beside them
RUN_SECONDS = 300


def test_the_same_answers_for_less(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "19")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    # its first parts are ready before the modules are complete that the others need
    page.get_by_text("modules 20 of 21").wait_for(timeout=CHECK_SECONDS * 1000)
    station(here, "mlperf", "ready").wait_for()
    here.open_notebook("notebooks/06_mlperf.ipynb")
    here.run_cell("%load_ext tinytorch_milestones\n%milestone run mlperf")
    here.figure_moved(here.figure())
    page.screenshot(path=shots / "01-running.png")
    here.idle(RUN_SECONDS)
    page.screenshot(path=shots / "02-ended.png")
    failed = page.locator(f"{ON_SCREEN} .tinytorch-chip.tinytorch-failed")
    assert failed.all_text_contents() == []
    station(here, "mlperf", "complete").wait_for()
    pictures = here.pictures()
    told = [str(image.get_attribute("alt")) for image in pictures.all()]
    assert len(told) == 4
    shown = ("of what is possible", "as fast as the first", "without the cache", "module 17")
    assert all(words in picture for words, picture in zip(shown, told, strict=True)), told
    for number, picture in enumerate(pictures.all(), start=1):
        picture.scroll_into_view_if_needed()
        page.screenshot(path=shots / f"02-part-{number}.png")

    here.run_cell("%milestone play mlperf")
    here.ask()
    page.screenshot(path=shots / "03-written.png")
    here.theme("Dark")
    for number, picture in enumerate(pictures.all(), start=1):
        picture.scroll_into_view_if_needed()
        page.screenshot(path=shots / f"04-dark-{number}.png")
