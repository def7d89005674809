"""The prompt box in a real Lab: text streams in, Stop stops it, tokens tell what was likely."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import ON_SCREEN, REPOSITORY
from tests.prompting import FUNCTION, learner, slow_writer
from tinytorch_milestones.catalog import load
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.weights import pack

SLOW = 60_000  # milliseconds that writing may take beside other work


class Box:
    """The prompt box in the notebook on screen, as somebody with mouse and keyboard meets it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.root = page.locator(f"{ON_SCREEN} .tinytorch-prompt-box").last
        self.root.wait_for(timeout=SLOW)
        self.root.scroll_into_view_if_needed()
        self.text = self.root.locator("textarea")
        self.write = self.root.get_by_role("button", name="Write")
        self.stop = self.root.get_by_role("button", name="Stop")
        self.tokens = self.root.locator("[data-token]")

    def wait_for_tokens(self, count: int) -> None:
        """Wait until so many tokens at least are there."""
        self.tokens.nth(count - 1).wait_for(state="attached", timeout=SLOW)

    def ended(self, word: str) -> str:
        """Wait until the writing came to its end, which begins with that word; what is said."""
        hint = self.root.locator(".tinytorch-tools .tinytorch-muted", has_text=word)
        hint.wait_for(timeout=SLOW)
        return str(hint.text_content())

    def likely(self) -> str:
        """What is told of the token that is pointed at."""
        return str(self.root.locator(".tinytorch-likely").inner_text())

    def slide(self, name: str, key: str, times: int) -> str:
        """Move a slider by the keyboard; its value in words."""
        row = self.root.locator(".tinytorch-slider", has_text=name)
        slider = row.locator("input")
        slider.focus()
        for _ in range(times):
            self.page.keyboard.press(key)
        words = str(row.locator("output").text_content())
        assert slider.get_attribute("aria-valuetext") == words
        return words


def keep(course: Path, plays: str, make: Callable[[Any], Any]) -> str:
    """Put the weights of a network into a course, as a win does; the milestone's name.

    What the box offers depends on the network, so that any milestone which writes will do where
    none is there for its kind.
    """
    writing = [
        (m, p) for m in load().all_milestones() for p in m.parts if p.plays not in (None, "digits")
    ]
    milestone, part = max(writing, key=lambda place: place[1].plays == plays)
    with Implementation.reference().active() as framework:
        data = pack(make(framework), part.recipe)
    assert data is not None
    folder = course / ".tito" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{milestone.id}-{part.id}.npz").write_bytes(data)
    return milestone.id


@pytest.fixture
def course(tito: Callable[..., Any], tmp_path: Path) -> Path:
    """A solved course, whose package is there before Lab has exported it."""
    folder = tmp_path / "course"
    tito("init", str(folder), "--solve", "13")
    shutil.copytree(REPOSITORY / "tinytorch", folder / "tinytorch", dirs_exist_ok=True)
    return folder


def test_a_network_goes_on_with_a_prompt(
    lab: Callable[[Path], Any], course: Path, shots: Path
) -> None:
    name = keep(course, "python", learner)
    here = lab(course)
    page = here.page
    here.idle()
    here.run_cell(f"%load_ext tinytorch_milestones\n%milestone play {name}")
    box = Box(page)
    assert not page.locator(f"{ON_SCREEN} .tinytorch-play").last.is_visible()
    assert box.text.input_value() == FUNCTION.prompt.expandtabs(4)
    assert box.stop.is_disabled()
    box.root.screenshot(path=shots / "01-empty.png")

    # it writes the function, and the function is run
    box.write.click()
    box.wait_for_tokens(5)
    said = box.ended("Done: ")
    assert "tokens" in said
    verdict = box.root.locator(".tinytorch-judged")
    verdict.locator("p").first.wait_for()
    text = verdict.inner_text()
    assert ("Right: all 16 calls" in text) != ("Wrong: " in text)
    spoken = box.root.locator("[aria-live]", has_text="Done: ")
    spoken.wait_for(state="attached")
    assert "return" in spoken.text_content()

    # what else was likely, by mouse and by keyboard
    box.tokens.nth(1).hover()
    first = box.likely()
    assert "✓ written" in first
    assert first.count("%") == 5
    assert box.tokens.nth(1).get_attribute("aria-selected") == "true"
    page.screenshot(path=shots / "02-written.png")
    box.tokens.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert box.tokens.nth(2).evaluate("e => e === document.activeElement")
    assert box.tokens.nth(2).get_attribute("aria-selected") == "true"
    assert "Likeliest here" in str(box.tokens.nth(2).get_attribute("aria-label"))
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert box.tokens.nth(0).get_attribute("tabindex") == "0"

    # the sliders say their values, and the network is asked with them
    assert box.slide("Temperature", "ArrowRight", 12) == "1.2: daring"
    assert box.slide("Top-k", "Home", 1) == "1: only the likeliest"
    cells = page.locator(f"{ON_SCREEN} .jp-Cell").count()
    box.text.fill("")
    box.text.press_sequentially('def dd(x):\n    """Return x plus 7."""\n')
    assert box.root.locator("select").evaluate("e => e.selectedOptions[0].text") == (
        "a prompt of your own"
    )
    assert page.locator(f"{ON_SCREEN} .jp-Cell").count() == cells
    page.keyboard.press("Control+Enter")
    box.wait_for_tokens(3)
    box.ended("Done: ")
    once = box.root.locator(".tinytorch-page").inner_text()
    page.keyboard.press("Control+Enter")
    box.root.locator("[aria-busy='true']").wait_for(state="attached")
    box.ended("Done: ")
    assert box.root.locator(".tinytorch-page").inner_text() == once
    page.screenshot(path=shots / "03-own-prompt.png")

    # an empty prompt is told so
    box.text.fill("")
    box.write.click()
    box.root.locator(".tinytorch-judged", has_text="Type the beginning").wait_for()

    # another theme, a narrow page
    box.root.locator("select").select_option("0")
    box.write.click()
    verdict.locator("b").wait_for(timeout=SLOW)
    box.tokens.nth(3).hover()
    here.theme("Dark")
    box.root.screenshot(path=shots / "04-dark.png")
    here.theme("Light")
    page.set_viewport_size({"width": 760, "height": 900})
    box.root.scroll_into_view_if_needed()
    assert box.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    box.root.screenshot(path=shots / "05-narrow.png")
    page.set_viewport_size({"width": 1440, "height": 900})

    # a page that is loaded again finds the text in the kernel
    written = box.root.locator(".tinytorch-page").inner_text()
    here.run("docmanager:save")
    page.reload()
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    here.open_notebook("notebooks/start_here.ipynb")
    assert Box(page).root.locator(".tinytorch-page").inner_text() == written

    kept = json.loads((course / "notebooks" / "start_here.ipynb").read_text())
    outputs = [o for c in kept["cells"] for o in c.get("outputs", [])]
    command = f"%milestone play {name}"
    assert any(command in "".join(o.get("data", {}).get("text/plain", "")) for o in outputs)


def test_stop_stops_it_and_cells_run_meanwhile(
    lab: Callable[[Path], Any], course: Path, shots: Path
) -> None:
    name = keep(course, "text", slow_writer)
    here = lab(course)
    page = here.page
    here.idle()
    here.run_cell(f"%load_ext tinytorch_milestones\n%milestone play {name}")
    box = Box(page)
    box.text.fill("Once upon a time")
    box.write.click()
    box.wait_for_tokens(3)
    assert box.root.locator("[aria-busy='true']").count() == 1
    box.root.screenshot(path=shots / "01-streaming.png")

    # a cell runs while it writes
    here.run_cell("print(6 * 7)")
    here.last_output().get_by_text("42").wait_for()
    before = box.tokens.count()
    box.wait_for_tokens(before + 2)

    box.stop.click()
    said = box.ended("Stopped: ")
    count = box.tokens.count()
    assert 0 < count < 600
    assert f"{count} tokens" in said
    assert box.stop.is_disabled()
    here.run_cell("print(6 * 8)")
    here.last_output().get_by_text("48").wait_for()
    assert box.tokens.count() == count
    box.root.screenshot(path=shots / "02-stopped.png")

    # Escape stops too, and what is written anew begins from nothing
    box.root.get_by_role("button", name="Write").click()
    box.root.locator("[aria-busy='true']").wait_for(state="attached")
    box.wait_for_tokens(2)
    page.keyboard.press("Escape")
    box.ended("Stopped: ")

    # a kernel that a cell keeps busy goes on writing, and hears of Stop when that ends
    box.write.click()
    box.wait_for_tokens(2)
    here.run_cell("import time\nwhile True:\n    time.sleep(0.01)")
    before = box.tokens.count()
    box.wait_for_tokens(before + 2)
    box.stop.click()
    box.ended("The kernel is busy")
    here.run("notebook:interrupt-kernel")
    box.ended("Stopped: ")
    here.idle()
