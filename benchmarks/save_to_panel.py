"""From Lab's save to a settled panel: how long a student waits for the answer to a save.

    python benchmarks/save_to_panel.py [--module 01] [--runs 20]

Opens a real JupyterLab in a real Chromium on a fresh course, changes a module's notebook through
Lab's own model, saves, and waits until the panel shows the result of that check. Prints median,
minimum and maximum, and beside them what one check costs inside the server.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser.conftest import CHROMIUM_FLAGS
from tests.browser.lab import Lab
from tinytorch_milestones.tracker import Tracker

WAIT_FOR_CHECK = """([module, before]) => {
    const row = document.querySelector(`[data-module="${module}"][data-status="complete"]`);
    const footer = document.querySelector('.jp-TinyTorch-footer');
    return row !== null && footer !== null && footer.dataset.checkedAt !== before;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", default="01")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as running:
        folder = Path(scratch)
        os.environ["TINYTORCH_HOME"] = str(folder / "home")
        tracker = Tracker.create(folder / "course", solve="03")
        module = tracker.module(options.module)
        for known in tracker.catalog.modules[: int(module.number) + 1]:
            tracker.complete_module(known.id)
        lab = Lab(folder / "course", folder, folder / "home")
        lab.start()
        try:
            chromium = running.chromium.launch(
                executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
            )
            page = lab.open(chromium.new_context(viewport={"width": 1280, "height": 860}))
            lab.open_notebook(f"modules/{module.id}.ipynb")
            cell = page.evaluate(
                """() => {
                    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                    for (let i = 0; i < cells.length; i++) {
                        if (cells.get(i).sharedModel.getSource().startsWith('#| export')) {
                            return cells.get(i).id;
                        }
                    }
                }"""
            )
            source = lab.cell_source(cell)
            page.wait_for_selector(f'[data-module="{module.id}"][data-status="complete"]')
            waits, checks = [], []
            for number in range(options.runs + 1):
                before = tracker.state().checked_at
                shown = page.evaluate(
                    "() => document.querySelector('.jp-TinyTorch-footer').dataset.checkedAt"
                )
                lab.set_cell(cell, f"{source}\n# save {number}")
                start = time.perf_counter()
                lab.run("docmanager:save")
                page.wait_for_function(WAIT_FOR_CHECK, arg=[module.id, shown], polling=10)
                seconds = time.perf_counter() - start
                state = tracker.state()
                assert state.checked_at > before
                if number:  # the first save warms caches that every later one has
                    waits.append(seconds)
                    checks.append(state.checked_seconds or 0.0)
                time.sleep(1.0)  # a student's next save is not sooner
            chromium.close()
        finally:
            lab.stop()
    print(f"save to settled panel, module {module.id}, {len(waits)} saves")
    for name, values in (("save to panel", waits), ("export and check", checks)):
        print(
            f"  {name:<17} median {statistics.median(values):.3f} s,"
            f" min {min(values):.3f} s, max {max(values):.3f} s"
        )
    ratio = statistics.median(waits) / statistics.median(checks)
    print(f"  ratio of the medians {ratio:.2f}")


if __name__ == "__main__":
    main()
