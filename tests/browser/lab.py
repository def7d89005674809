"""A JupyterLab of its own, and one page that shows it: what tests do there, as a person would."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BUILT = REPOSITORY / "tinytorch_milestones" / "labextension"
START_SECONDS = 60.0
WAIT = 60_000  # milliseconds after which something that should show counts as not showing
ON_SCREEN = ".jp-NotebookPanel:not(.lm-mod-hidden)"


class Lab:
    """A running JupyterLab and one page that shows it."""

    def __init__(self, root: Path, folder: Path, home: Path) -> None:
        self.root = root
        self.folder = folder
        self.environment = own_environment(folder, home)
        self.token = os.urandom(16).hex()
        self.port = free_port()
        self.log = folder / "lab.log"
        self.page: Any = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "tinytorch_milestones",
            "lab",
            str(self.root),
            "--",
            "--no-browser",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers("status"):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"JupyterLab does not answer:\n{self.log.read_text()[-5000:]}")
            time.sleep(0.1)

    def _answers(self, what: str, seconds: float = 5.0) -> bool:
        request = urllib.request.Request(
            f"{self.url}/api/{what}", headers={"Authorization": f"token {self.token}"}
        )
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(request, timeout=seconds) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def stop(self) -> int:
        """End the server as Ctrl-C twice would; its exit code."""
        assert self.process is not None
        # A page asks for nbconvert's formats when it is loaded. While a thread still collects them,
        # a server that is stopped never ends (jupyterlab issue 10442). This waits behind it.
        self._answers("nbconvert", 30.0)
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"JupyterLab did not end:\n{self.log.read_text()[-5000:]}"
            ) from None

    def open(self, context: Any) -> Any:
        """A page with Lab in it, and the course panel on screen."""
        page = context.new_page()
        page.set_default_timeout(WAIT)
        self.page = page
        start = "notebooks/start_here.ipynb"
        place = f"/tree/{start}" if (self.root / start).is_file() else ""
        page.goto(f"{self.url}/lab{place}?token={self.token}&reset")
        page.wait_for_function("window.jupyterapp !== undefined")
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        if place:
            self._wait_for_notebook(start)
        page.evaluate(LISTEN)
        return page

    # what tests do in Lab

    def run(self, command: str, **arguments: object) -> Any:
        """Execute a command of Lab; answers nothing, waits until it is done."""
        script = "([c, a]) => window.jupyterapp.commands.execute(c, a).then(() => null)"
        return self.page.evaluate(script, [command, arguments])

    def open_notebook(self, path: str) -> None:
        """Open a notebook and wait until its cells and its kernel are there."""
        self.page.evaluate(
            """async path => {
                const { commands, shell } = window.jupyterapp;
                const panel = await commands.execute(
                    'docmanager:open', { path, factory: 'Notebook' });
                shell.activateById(panel.id);
                await panel.context.ready;
                await panel.revealed;
                await panel.sessionContext.ready;
                await panel.sessionContext.session?.kernel?.info;
            }""",
            path,
        )
        self._wait_for_notebook(path)

    def _wait_for_notebook(self, path: str) -> None:
        self.page.wait_for_function(
            "path => window.jupyterapp.shell.currentWidget?.context?.path === path", arg=path
        )

    def set_cell(self, cell: str, source: str) -> None:
        """Replace a cell's source through Lab's own model."""
        self.page.evaluate(
            """([id, source]) => {
                const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                for (let i = 0; i < cells.length; i++) {
                    if (cells.get(i).id === id) {
                        cells.get(i).sharedModel.setSource(source);
                        return;
                    }
                }
                throw new Error(`no cell ${id}`);
            }""",
            [cell, source],
        )

    def cell_source(self, cell: str) -> str:
        """A cell's source as Lab's model has it."""
        source: str = self.page.evaluate(
            """id => {
                const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                for (let i = 0; i < cells.length; i++) {
                    if (cells.get(i).id === id) {
                        return cells.get(i).sharedModel.getSource();
                    }
                }
                throw new Error(`no cell ${id}`);
            }""",
            cell,
        )
        return source

    def type_cell(self, cell: str, source: str) -> None:
        """Replace a cell's source key by key."""
        page = self.page
        page.evaluate(
            """id => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const index = notebook.widgets.findIndex(cell => cell.model.id === id);
                notebook.activeCellIndex = index;
                return notebook.scrollToCell(notebook.widgets[index], 'center');
            }""",
            cell,
        )
        editor = page.locator(f"{ON_SCREEN} .jp-Cell.jp-mod-active .cm-content")
        editor.click()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        for number, line in enumerate(source.split("\n")):
            if number:
                page.keyboard.press("Enter")
                # what the editor indented by itself
                page.keyboard.press("Shift+Home")
                page.keyboard.press("Delete")
            page.keyboard.type(line)
        page.keyboard.press("Escape")

    def save(self) -> None:
        """Save with the keyboard, as a student does."""
        self.page.keyboard.press("Control+s")

    def toast(self, words: str) -> Any:
        """The toast that says these words, on screen."""
        toast = self.page.locator(".Toastify__toast", has_text=words).first
        toast.wait_for(state="visible")
        return toast

    def heard(self, kind: str = "") -> list[dict[str, Any]]:
        """The course's events that this page heard, with `at`, the page's clock in milliseconds."""
        events: list[dict[str, Any]] = self.page.evaluate("() => window.tinytorchHeard")
        return [event for event in events if not kind or event["kind"] == kind]

    def idle(self, seconds: float = WAIT / 1000) -> None:
        """Wait until the kernel of the notebook on screen has nothing to do.

        Its status alone is no proof: an answer on the control channel ends with "idle" too.
        """
        self.page.wait_for_function(
            """() => {
                const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
                const kernel = sessionContext.session && sessionContext.session.kernel;
                const running = content.widgets.some(
                    cell => cell.model.executionState === 'running'
                );
                return kernel && kernel.status === 'idle' && !running;
            }""",
            timeout=seconds * 1000,
        )

    def figure(self) -> str:
        """The picture of the run in the notebook on screen, once there is one."""
        image = self.page.locator(f"{ON_SCREEN} .jp-OutputArea-output img").first
        image.wait_for()
        return str(image.get_attribute("src"))

    def figure_moved(self, before: str) -> None:
        """Wait until another picture stands where this one was."""
        self.page.wait_for_function(
            "([image, before]) => (document.querySelector(image)?.src ?? before) !== before",
            arg=[f"{ON_SCREEN} .jp-OutputArea-output img", before],
        )

    def run_cell(self, source: str) -> None:
        """Put code into a new cell at the end of the notebook on screen and run it; no waiting."""
        self.page.evaluate(
            """source => {
                const { commands, shell } = window.jupyterapp;
                const notebook = shell.currentWidget.content;
                const { sharedModel } = notebook.model;
                const at = sharedModel.cells.length;
                sharedModel.insertCell(at, { cell_type: 'code', source });
                notebook.activeCellIndex = at;
                void notebook.scrollToCell(notebook.widgets[at], 'start');
                void commands.execute('notebook:run-cell');
            }""",
            source,
        )

    def pictures(self) -> Any:
        """The pictures on screen; of one in a light and a dark form the one that is shown."""
        return self.page.locator(f"{ON_SCREEN} .jp-OutputArea-output img:visible")

    def ask(self) -> None:
        """Let the prompt box that comes last write what it proposes, to its end."""
        box = self.page.locator(f"{ON_SCREEN} .tinytorch-prompt-box").last
        box.wait_for()
        box.scroll_into_view_if_needed()
        box.get_by_role("button", name="Write").click()
        box.locator(".tinytorch-tools .tinytorch-muted", has_text="Done").wait_for()

    def theme(self, name: str) -> None:
        """Switch to Lab's theme, "Light" or "Dark", and wait until it is there."""
        self.run("apputils:change-theme", theme=f"JupyterLab {name}")
        light = "true" if name == "Light" else "false"
        self.page.locator(f"body[data-jp-theme-light='{light}']").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def last_output(self) -> Any:
        """The output area of the last cell of the notebook on screen."""
        return self.page.locator(f"{ON_SCREEN} .jp-Cell .jp-Cell-outputArea").last


# Remembers the course's events, and when toasts appeared, by the page's own clock.
LISTEN = """
() => {
    window.tinytorchHeard = [];
    window.tinytorchToasts = [];
    window.jupyterapp.serviceManager.events.stream.connect((_, event) => {
        if (event.schema_id === 'https://tinytorch-milestones.org/events/v1') {
            window.tinytorchHeard.push({ ...event, at: performance.now() });
        }
    });
    const seen = new Set();
    new MutationObserver(() => {
        for (const toast of document.querySelectorAll('.Toastify__toast')) {
            const words = toast.textContent;
            if (words && !seen.has(words) && toast.getClientRects().length > 0) {
                seen.add(words);
                window.tinytorchToasts.push({ words, at: performance.now() });
            }
        }
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def own_environment(folder: Path, home: Path) -> dict[str, str]:
    """Folders of its own for everything Jupyter and TinyTorch keep, and this checkout's code."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
    for name, place in {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
    }.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        environment[name] = str(folder / place)
    environment["TINYTORCH_HOME"] = str(home)
    # this checkout's extension, also where another one is installed beside Python
    environment["JUPYTER_PREFER_ENV_PATH"] = "0"
    # our package alone, so that nobody finds the repository's solved `tinytorch` beside it
    link(folder / "python" / "tinytorch_milestones", REPOSITORY / "tinytorch_milestones")
    environment["PYTHONPATH"] = str(folder / "python")
    link(folder / "data" / "labextensions" / "tinytorch-milestones", BUILT)
    enable = folder / "config" / "jupyter_server_config.d"
    enable.mkdir(exist_ok=True)
    shutil.copy(
        REPOSITORY / "jupyter-config" / "server-config" / "tinytorch_milestones.json", enable
    )
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    return environment


def link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(target)
