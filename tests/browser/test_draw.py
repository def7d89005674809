"""After the win: digits drawn with the mouse, read by the network that was just trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import ON_SCREEN
from tests.digit_strokes import DIGITS, drawn
from tinytorch_milestones.catalog import load

RUN_SECONDS = 180  # to train a milestone's parts beside other work
# where on the surface each digit is drawn, and how large
PLACES = [
    *((40, 40, 200), (10, 10, 120), (190, 60, 80), (20, 150, 110), (60, 20, 240)),
    *((150, 150, 120), (100, 90, 100), (30, 80, 160), (90, 10, 180), (5, 170, 90)),
]


class Surface:
    """The canvas in the notebook on screen, as somebody with a mouse meets it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.root = page.locator(f"{ON_SCREEN} .tinytorch-canvas")
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()
        self.clear = self.root.get_by_role("button", name="Clear")

    def draw(self, digit: int, left: float, top: float, size: float) -> None:
        """Stroke by stroke with the mouse, in the surface's own 280 by 280."""
        mouse = self.page.mouse
        box = self.place()
        scale = box["width"] / 280
        for stroke in drawn(digit, left, top, size):
            places = [(box["x"] + scale * x, box["y"] + scale * y) for x, y in stroke]
            mouse.move(*places[0])
            mouse.down()
            for place in places[1:]:
                mouse.move(*place)
            mouse.up()

    def place(self) -> dict[str, float]:
        """Where the surface is on the page."""
        box: dict[str, float] = self.root.locator(".tinytorch-surface").bounding_box()
        return box

    def draw_by_finger(self, digit: int, left: float, top: float, size: float) -> None:
        """The same with touches, as Chromium gets them from a screen."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        box = self.place()
        scale = box["width"] / 280
        for stroke in drawn(digit, left, top, size):
            for number, (x, y) in enumerate(stroke):
                place = {"x": box["x"] + scale * x, "y": box["y"] + scale * y}
                kind = "touchMove" if number else "touchStart"
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        session.detach()

    def settled(self) -> None:
        """Wait until the newest drawing has its answer."""
        self.root.locator("ol:not([aria-busy])").wait_for()

    def read(self) -> int | None:
        """The digit that has the largest share, None without an answer."""
        self.settled()
        best = self.root.locator("li.tinytorch-best")
        return int(best.get_attribute("data-digit")) if best.count() else None


def win(here: Any, tito: Callable[..., Any], course: Path, milestone: str) -> None:
    """Run a milestone in a new cell of the notebook on screen, up to the canvas below it."""
    here.run_cell(f"%load_ext tinytorch_milestones\n%milestone run {milestone}")
    here.page.locator(f"{ON_SCREEN} .tinytorch-canvas").wait_for(timeout=RUN_SECONDS * 1000)
    here.idle(RUN_SECONDS)


@pytest.mark.parametrize("milestone", ["mlp", "cnn"])
def test_ten_digits_drawn_with_the_mouse_are_read(
    lab: Callable[[Path], Any],
    tito: Callable[..., Any],
    tmp_path: Path,
    shots: Path,
    milestone: str,
) -> None:
    known = load().milestone(milestone)
    course = tmp_path / "course"
    tito("init", str(course), "--solve", max(known.needs))
    for number in ["00", *known.needs]:
        tito("module", "complete", number, cwd=course)
    here = lab(course)
    page = here.page
    here.open_notebook(f"notebooks/{known.notebook}")
    win(here, tito, course, milestone)
    surface = Surface(page)
    assert surface.read() is None
    assert surface.root.locator(".tinytorch-prompt").is_visible()
    surface.root.screenshot(path=shots / "01-empty.png")

    said = {}
    for digit, place in zip(DIGITS, PLACES, strict=True):
        surface.draw(digit, *place)
        said[digit] = surface.read()
        surface.root.screenshot(path=shots / f"02-drawn-{digit}.png")
        surface.clear.click()
        assert surface.read() is None
        assert not surface.root.locator("path").count()
    right = sum(digit == answer for digit, answer in said.items())
    print(f"\n{milestone}: {right} of 10 right: {said}")
    assert right >= 9, said

    # a finger draws too, and does not scroll the page
    before = surface.place()
    surface.draw_by_finger(7, 60, 30, 200)
    assert surface.read() == 7
    assert surface.place() == before
    surface.clear.click()

    if milestone == "cnn":  # the surface is the same for both
        used_otherwise(here, surface, shots)
        kept_and_found_again(here, course, shots, milestone, f"notebooks/{known.notebook}")


def used_otherwise(here: Any, surface: Surface, shots: Path) -> None:
    """By keyboard and screen reader, in the dark, on a narrow page."""
    page = here.page
    # what a screen reader is told, and what the keyboard does
    surface.draw(2, 40, 40, 200)
    assert surface.read() == 2
    spoken = surface.root.locator("[aria-live]", has_text="It reads a 2.")
    spoken.wait_for(state="attached")
    assert "2: " in spoken.text_content()
    cells = page.locator(f"{ON_SCREEN} .jp-Cell").count()
    surface.root.locator(".tinytorch-surface").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert surface.read() is None
    surface.draw(2, 40, 40, 200)
    page.keyboard.press("Delete")
    assert surface.read() is None
    assert page.locator(f"{ON_SCREEN} .jp-Cell").count() == cells
    page.keyboard.type("dd")  # Lab deletes a cell for this in command mode
    assert page.locator(f"{ON_SCREEN} .jp-Cell").count() == cells

    surface.draw(3, 60, 40, 190)
    assert surface.read() == 3
    page.screenshot(path=shots / "03-light.png")
    here.theme("Dark")
    surface.root.screenshot(path=shots / "04-dark.png")
    page.screenshot(path=shots / "05-dark-page.png")
    here.theme("Light")
    page.set_viewport_size({"width": 760, "height": 900})
    surface.root.scroll_into_view_if_needed()
    assert surface.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    surface.root.screenshot(path=shots / "06-narrow.png")
    page.set_viewport_size({"width": 1440, "height": 900})


def kept_and_found_again(
    here: Any, course: Path, shots: Path, milestone: str, notebook: str
) -> None:
    """After the page was loaded again, and after the kernel is gone."""
    page = here.page
    # a page that is loaded again finds drawing and answer in the kernel
    here.run("docmanager:save")
    page.reload()
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    here.open_notebook(notebook)
    surface = Surface(page)
    assert surface.root.locator("path").count() == 1
    assert surface.read() == 3

    # without the kernel that trained it, words stand in its place; tomorrow it comes back
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => 0)"
    )
    page.reload()
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    here.open_notebook(notebook)
    note = page.locator(f"{ON_SCREEN} .tinytorch-play")
    note.wait_for(state="visible")
    command = f"%milestone play {milestone}"
    assert command in note.text_content()
    assert not page.locator(f"{ON_SCREEN} .tinytorch-canvas").count()
    assert not page.get_by_text("Error displaying widget").is_visible()
    assert not page.get_by_text("Loading widget").is_visible()
    here.idle()
    note.scroll_into_view_if_needed()
    page.screenshot(path=shots / "07-without-kernel.png")
    here.run_cell(f"%load_ext tinytorch_milestones\n{command}")
    surface = Surface(page)
    assert not note.last.is_visible()
    surface.draw(5, 40, 40, 200)
    assert surface.read() == 5

    kept = json.loads((course / notebook).read_text())
    outputs = [o for c in kept["cells"] for o in c.get("outputs", [])]
    assert any(command in "".join(o.get("data", {}).get("text/plain", "")) for o in outputs)
