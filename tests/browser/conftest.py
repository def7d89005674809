"""A real JupyterLab in a real Chromium.

`lab(root)` starts JupyterLab on a folder with Jupyter and TinyTorch folders of its own, and opens
it in a fresh browser page. Pictures go to `$TINYTORCH_SCREENSHOTS`, or to the test's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.browser.lab import BUILT, Lab, own_environment

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def missing(what: str) -> NoReturn:
    """Skip here, fail where tests must not be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium. One for each test file: Playwright keeps an event loop that others would meet."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    chosen = os.environ.get("TINYTORCH_CHROMIUM")
    path = chosen or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        missing("no Chromium here: install one, or name it in TINYTORCH_CHROMIUM")
    if not (BUILT / "package.json").is_file():
        missing("the Lab extension is not built here: run `make setup`")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def shots(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Where this test keeps its pictures."""
    chosen = os.environ.get("TINYTORCH_SCREENSHOTS")
    folder = Path(chosen) / request.node.name if chosen else tmp_path / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def lab(
    browser: Any, tmp_path: Path, own_home: Path, shots: Path
) -> Iterator[Callable[[Path], Lab]]:
    """`lab(root)` opens JupyterLab on a folder. Afterwards it must end by itself."""
    running: list[Lab] = []
    context = browser.new_context(viewport={"width": 1440, "height": 900})

    def open_lab(root: Path) -> Lab:
        found = Lab(root, tmp_path / f"jupyter{len(running)}", own_home)
        found.folder.mkdir(exist_ok=True)
        running.append(found)
        found.start()
        found.open(context)
        return found

    yield open_lab
    for each in running:
        if each.page is not None:
            with contextlib.suppress(Exception):
                each.page.screenshot(path=shots / "99-end.png")
                # nothing it asks for must be under way when its server is stopped
                each.page.wait_for_load_state("networkidle", timeout=15_000)
    context.close()
    for each in running:
        each.stop()


@pytest.fixture
def tito(own_home: Path, tmp_path: Path) -> Callable[..., Any]:
    """Runs `tito` as a student does; answers the JSON that it printed, or its text."""
    environment = own_environment(tmp_path / "terminal", own_home)

    def run(*arguments: str, cwd: Path | None = None) -> Any:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tinytorch_milestones", *arguments],
            cwd=cwd or tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run
