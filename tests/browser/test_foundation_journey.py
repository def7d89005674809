"""The student goes on: from a perceptron to a network that reads MNIST, on three tracks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.lab import ON_SCREEN
from tests.browser.test_student_journey import find_milestones, solutions, wait_complete

MODULES = ["04_losses", "05_dataloader", "06_autograd", "07_optimizers", "08_training"]
RUN_SECONDS = 120  # for both parts with a browser and another test beside them


def station(here: Any, milestone: str, status: str = "") -> Any:
    """A milestone on the rail, in this state if one is given."""
    place = here.page.locator(f'.jp-TinyTorch-station[data-milestone="{milestone}"]')
    return place.and_(here.page.locator(f'[data-status="{status}"]')) if status else place


def switch_track(here: Any, track: str) -> None:
    """Choose a track as a student does, in the select on top of the panel."""
    here.page.locator(
        "select.jp-TinyTorch-trackSwitch, .jp-TinyTorch-trackSwitch select"
    ).first.select_option(track)


def test_the_student_goes_on_to_a_network_that_reads(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "03")
    for number in ("00", "01", "02", "03"):
        tito("module", "complete", number, cwd=course)
    tito("milestone", "run", "perceptron", cwd=course)
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    station(here, "perceptron", "complete").wait_for()
    station(here, "mlp", "locked").wait_for()
    page.screenshot(path=shots / "01-where-it-was.png")

    for module in MODULES:
        here.open_notebook(f"modules/{module}.ipynb")
        for cell, source in solutions(module).items():
            here.set_cell(cell, source)
        here.save()
        toast = here.toast("tests passed in " + module[:2])
        counts = re.search(r"(\d+) of (\d+) tests passed", toast.text_content())
        assert counts, toast.text_content()
        assert counts[1] == counts[2] != "0"
        wait_complete(here, module)
        page.screenshot(path=shots / f"02-saved-{module}.png")

    unlocked = here.toast("Back-propagation")
    page.screenshot(path=shots / "03-unlocked.png")
    unlocked.get_by_text("Run it").click()
    panel = page.locator(ON_SCREEN)
    here.figure_moved(here.figure())
    page.screenshot(path=shots / "04-running.png")
    station(here, "mlp", "complete").wait_for(timeout=RUN_SECONDS * 1000)
    here.idle(RUN_SECONDS)
    conclusion = panel.get_by_text("Your code at work").first
    conclusion.scroll_into_view_if_needed()
    # Lab lays tables out with columns of fixed width; the words must not lie on the bars
    title = panel.get_by_text("01 Tensor").bounding_box()
    bar = panel.locator(".tinytorch-bar").first.bounding_box()
    assert title["x"] + title["width"] <= bar["x"]
    page.screenshot(path=shots / "05-won.png")
    here.toast("Milestone complete").get_by_text("Celebrate").click()
    page.locator('.jp-TinyTorch-celebration[data-celebration="mlp"]').wait_for()
    page.screenshot(path=shots / "06-celebrated.png")

    for track, milestone in (("capabilities", "basic-inference"), ("epics", "machines-can-see")):
        switch_track(here, track)
        station(here, milestone, "ready").wait_for()
        page.screenshot(path=shots / f"07-{track}.png")
        # the only thing there is to do on this track, so it is what comes next
        page.locator(".jp-TinyTorch-next").get_by_text("Run it", exact=True).click()
        station(here, milestone, "complete").wait_for(timeout=RUN_SECONDS * 1000)
        here.idle(RUN_SECONDS)
        page.screenshot(path=shots / f"08-{milestone}.png")
        assert tito("status", "--json", cwd=course)["track"] == track

    kept = json.loads((course / ".tito" / "milestones.json").read_text())
    won = {"perceptron", "mlp", "basic-inference", "machines-can-see"}
    assert won <= set(kept["completed_milestones"])
    status = json.dumps(tito("milestone", "list", "--track", "capabilities", "--json", cwd=course))
    found = {m["id"]: m for m in find_milestones(json.loads(status))}
    assert found["basic-inference"]["percent"] == 1.0


def test_two_tabs_of_one_server_show_the_same(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course))
    here = lab(course)
    first = here.page
    here.run("tinytorch:open-panel")
    second = first.context.new_page()
    # a workspace of its own: in one that is open already, Lab moves on to a new one while it loads
    second.goto(first.url.split("/lab")[0] + f"/lab/workspaces/second?token={here.token}")
    second.wait_for_function("window.jupyterapp !== undefined")
    second.evaluate("() => window.jupyterapp.restored.then(() => null)")
    second.evaluate("() => window.jupyterapp.commands.execute('tinytorch:open-panel')")
    here.open_notebook("modules/00_setup.ipynb")
    for cell, source in solutions("00_setup").items():
        here.set_cell(cell, source)
    here.save()
    for page in (first, second):
        row = page.locator('.jp-TinyTorch-module[data-module="00_setup"][data-status="complete"]')
        row.wait_for()
    second.screenshot(path=shots / "01-second-tab.png")
