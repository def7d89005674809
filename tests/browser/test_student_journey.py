"""From `tito init` to a milestone won, in a real JupyterLab: what a student does and sees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MODULES = ["00_setup", "01_tensor", "02_activations", "03_layers"]


def solutions(module: str) -> dict[str, str]:
    """Source of every solution cell of the solved notebook, by cell id."""
    notebook = json.loads((REPOSITORY / "modules" / f"{module}.ipynb").read_text())
    return {
        cell["id"]: "".join(cell["source"])
        for cell in notebook["cells"]
        if "task" in cell["metadata"].get("tinytorch", {})
    }


def test_a_student_wins_the_first_milestone(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course))
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    page.locator('.jp-TinyTorch-module[data-module="03_layers"]').wait_for()
    page.screenshot(path=shots / "01-start.png")

    typed = 0
    for module in MODULES:
        here.open_notebook(f"modules/{module}.ipynb")
        # opened and saved as it was handed out: nothing to say
        before = len(here.heard("checking"))
        for cell, source in solutions(module).items():
            if typed == 0 and source.count("\n") > 3:
                here.type_cell(cell, source)
                assert here.cell_source(cell) == source
                page.screenshot(path=shots / "02-typed.png")
                typed += 1
            else:
                here.set_cell(cell, source)
        here.save()
        toast = here.toast("tests passed in " + module[:2])
        counts = re.search(r"(\d+) of (\d+) tests passed", toast.text_content())
        assert counts, toast.text_content()
        assert counts[1] == counts[2] != "0"
        toast.click(trial=True)  # waits until it has slid in
        page.screenshot(path=shots / f"03-saved-{module}.png")
        assert len(here.heard("checking")) == before + 1
        wait_complete(here, module)
    assert typed == 1

    unlocked = here.toast("Milestone unlocked: Rosenblatt")
    checked = next(e["at"] for e in here.heard("checked") if e["module"] == "03_layers")
    toasts = page.evaluate("() => window.tinytorchToasts")
    shown = next(t["at"] for t in toasts if "Milestone unlocked: Rosenblatt" in t["words"])
    print(f"\ncheck of 03 finished -> unlock toast on screen: {shown - checked:.0f} ms")
    unlocked.click(trial=True)
    page.screenshot(path=shots / "04-unlocked.png")

    unlocked.get_by_text("Run it").click()
    first = here.figure()
    page.screenshot(path=shots / "05-running.png")
    here.figure_moved(first)
    page.screenshot(path=shots / "06-moved.png")
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path").endswith(
        "notebooks/01_perceptron.ipynb"
    )

    station = page.locator('.jp-TinyTorch-station[data-milestone="perceptron"]')
    station.and_(page.locator('[data-status="complete"]')).wait_for()
    here.idle()
    page.screenshot(path=shots / "07-won.png")
    station.locator("button").first.click()
    page.screenshot(path=shots / "08-panel.png")

    kept = json.loads((course / ".tito" / "milestones.json").read_text())
    assert "perceptron" in kept["completed_milestones"]
    status = json.dumps(tito("milestone", "status", "--json", cwd=course))
    milestones = {m["id"]: m for m in find_milestones(json.loads(status))}
    assert milestones["perceptron"]["status"] == "complete"


def find_milestones(document: Any) -> list[dict[str, Any]]:
    found: Any = document if isinstance(document, list) else document["milestones"]
    assert isinstance(found, list)
    return found


def attempts(course: Path) -> list[dict[str, Any]]:
    """Records of runs, oldest first."""
    return [json.loads(p.read_text()) for p in sorted((course / ".tito/attempts").glob("*.json"))]


def begin_long_run(here: Any) -> None:
    """Start a run that would take minutes, and wait until its figure is on screen and moves."""
    # without patience it would go on after every gate was reached
    here.run_cell("%%milestone run perceptron --part trained\nepochs = 1_000_000\npatience = 0")
    output = here.last_output()
    output.locator("button.tinytorch-stop").wait_for()
    figure = output.locator("img").first
    figure.wait_for()
    here.page.wait_for_function(
        """first => {
            const shown = document.querySelectorAll(
                '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell .jp-Cell-outputArea');
            const image = shown[shown.length - 1].querySelector('img');
            return image && image.src !== first;
        }""",
        arg=figure.get_attribute("src"),
    )


# Remembers when the kernel last was done with a cell, by the page's own clock. Its status would not
# do: another request that is answered meanwhile, on the control channel, ends with "idle" as well,
# and then the end of the cell is no change.
WATCH_KERNEL = """
() => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    window.tinytorchIdle = 0;
    kernel.iopubMessage.connect((_, message) => {
        const of = message.parent_header.msg_type;
        if (of === 'execute_request' && message.content.execution_state === 'idle') {
            window.tinytorchIdle = performance.now();
        }
    });
    document.addEventListener('click', () => {
        window.tinytorchAsked = performance.now();
    }, { capture: true });
}
"""
INTERRUPT = """
() => {
    window.tinytorchAsked = performance.now();
    return window.jupyterapp.commands.execute('notebook:interrupt-kernel').then(() => null);
}
"""
RESTART = """
async () => {
    window.tinytorchAsked = performance.now();
    await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel();
    window.tinytorchIdle = performance.now();
}
"""


@pytest.mark.parametrize("how", ["stop", "interrupt", "restart"])
def test_a_run_can_be_ended_in_its_middle(
    lab: Callable[[Path], Any],
    tito: Callable[..., Any],
    tmp_path: Path,
    shots: Path,
    how: str,
) -> None:
    course = tmp_path / "course"
    tito("init", str(course), "--solve", "03")
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    station = page.locator('.jp-TinyTorch-station[data-milestone="perceptron"]')
    # the solved modules are checked as soon as Lab is there
    station.and_(page.locator('[data-status="ready"]')).wait_for()
    here.open_notebook("notebooks/01_perceptron.ipynb")
    here.run_cell("%load_ext tinytorch_milestones")
    here.idle()
    begin_long_run(here)
    page.screenshot(path=shots / "01-running.png")
    page.evaluate(WATCH_KERNEL)
    if how == "stop":
        here.last_output().locator("button.tinytorch-stop").click()
    else:
        page.evaluate(INTERRUPT if how == "interrupt" else RESTART)
    page.wait_for_function("() => window.tinytorchIdle > window.tinytorchAsked")
    took = page.evaluate("() => window.tinytorchIdle - window.tinytorchAsked")
    print(f"\n{how} -> kernel idle: {took:.0f} ms")
    station.and_(page.locator('[data-status="ready"]')).wait_for()
    page.screenshot(path=shots / "02-ended.png")
    state = tito("status", "--json", cwd=course)
    assert state["milestones_complete"] == 0
    assert [(a["result"], a["credited"]) for a in attempts(course)] == [("interrupted", False)]
    assert not [p for p in (course / ".tito/receipts").iterdir() if "perceptron" in p.read_text()]

    if how == "restart":
        # the picture of the dead run is still there; its button must not reach the new kernel
        dead = here.last_output().locator("button.tinytorch-stop")
        dead.click()
        page.get_by_text("Nothing is running").wait_for()
        here.run_cell("%load_ext tinytorch_milestones")
        here.idle()
    here.run_cell("print(6 * 7)")
    here.last_output().get_by_text("42").wait_for()
    if how != "restart":
        # disarmed: a late click would interrupt the wrong cell
        assert page.locator("button.tinytorch-stop").count() == 0


def test_a_course_from_elsewhere_waits_until_it_is_trusted(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    tito("init", str(tmp_path / "made"), "--solve", "01")
    course = tmp_path / "from elsewhere"
    shutil.move(tmp_path / "made", course)
    here = lab(course)
    page = here.page
    here.run("tinytorch:open-panel")
    card = page.locator('.jp-TinyTorch-next[data-kind="trust"]')
    card.wait_for()
    page.screenshot(path=shots / "01-asked.png")

    here.open_notebook("modules/01_tensor.ipynb")
    here.set_cell("01-intro", "Changed and saved, and still nothing runs.")
    here.save()
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    # the server has answered a request that came after the save
    here.run("tinytorch:refresh")
    card.wait_for()
    assert here.heard() == []
    assert not (course / "tinytorch" / "core" / "tensor.py").exists()
    assert not (course / ".tito" / "checks").exists()

    card.get_by_text("Trust this course", exact=True).click()
    for module in MODULES[:2]:
        wait_complete(here, module)
    page.screenshot(path=shots / "02-trusted.png")
    assert {e["module"] for e in here.heard("checked")} == set(MODULES[:2])


def test_two_servers_and_a_terminal_agree(
    lab: Callable[[Path], Any], tito: Callable[..., Any], tmp_path: Path, shots: Path
) -> None:
    course = tmp_path / "course"
    tito("init", str(course))
    # a second server, not a second tab: it hears of the first one's work through files alone
    first, second = lab(course), lab(course)
    for here in (first, second):
        here.run("tinytorch:open-panel")

    first.open_notebook("modules/00_setup.ipynb")
    for cell, source in solutions("00_setup").items():
        first.set_cell(cell, source)
    first.save()
    wait_complete(first, "00_setup")
    wait_complete(second, "00_setup")

    tito("module", "solve", "01", cwd=course)
    subprocess.run(
        [Path(sys.executable).with_name("nbdev-export")],
        cwd=course,
        check=True,
        capture_output=True,
        timeout=120,
    )
    wait_complete(first, "01_tensor")
    wait_complete(second, "01_tensor")
    second.page.screenshot(path=shots / "01-second.png")
    state = tito("status", "--json", cwd=course)
    assert [m["status"] for m in state["modules"][:2]] == ["complete", "complete"]
    receipts = [json.loads(p.read_text()) for p in (course / ".tito/receipts").iterdir()]
    assert sorted(r["what"] for r in receipts) == ["00_setup", "01_tensor"]


def wait_complete(here: Any, module: str) -> None:
    """Wait until the panel shows a module as complete."""
    row = here.page.locator(f'.jp-TinyTorch-module[data-module="{module}"]')
    row.and_(here.page.locator('[data-status="complete"]')).wait_for()
