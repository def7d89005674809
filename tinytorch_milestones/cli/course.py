"""`tito init`, `lab`, `doctor`, `trust`, `status` and `next`: the course as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from tinytorch_milestones.cli import NOT_PASSED, OK
from tinytorch_milestones.cli.output import (
    MARKS,
    Screen,
    complain,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import (
    show_header,
    show_modules,
    show_next,
    show_parts,
    show_rail,
)

START = "notebooks/start_here.ipynb"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--solve", metavar="N", help="Fill in the reference solution of modules up to this one."
)
@click.option("--name", default="", help="Your name, as the course should know it.")
def init(folder: Path, solve: str | None, name: str) -> int:
    """Make a course in DIR, which must be new or empty."""
    from tinytorch_milestones.tracker import Tracker

    tracker = Tracker.create(folder, solve=solve, name=name)
    screen = Screen()
    screen.line(("Your course is ready: ", "bold"), str(tracker.workspace.root))
    if solve is not None:
        last = tracker.module(solve)
        screen.line(
            f"Modules up to {last.number} {last.title} are filled in. "
            f"`tito module complete {last.number}` exports and checks one."
        )
    screen.table(
        [
            ("modules/", "the notebooks you work in"),
            ("tinytorch/", "your package, exported from them"),
            ("notebooks/", "where milestones are run"),
        ]
    )
    screen.line("Open it in JupyterLab with:")
    screen.line((f"cd {_quoted(folder)} && tito lab", "cyan"), indent=2)
    return OK


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[DIR] [-- ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> int:
    """Open JupyterLab on the course at DIR (default: here).

    Further ARGUMENTS go to JupyterLab, for example `tito lab -- --no-browser --port 9999`.
    """
    from importlib.util import find_spec

    from tinytorch_milestones.workspace import find

    folder, extra = None, list(arguments)
    if extra and not extra[0].startswith("-"):
        folder = Path(extra.pop(0))
        if not folder.is_dir():
            raise click.UsageError(f"There is no folder {folder}.")
    root = find(folder).root
    if find_spec("jupyterlab") is None:
        complain("JupyterLab is not installed.", "`pip install jupyterlab` installs it.")
        return NOT_PASSED
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    command = lab_command(root, extra, is_root=is_root)
    if is_root and "--allow-root" not in extra:
        Screen(error=True).line(
            "You are root, which JupyterLab refuses unless told otherwise: adding --allow-root."
        )
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        # JupyterLab takes this process's place, so that Ctrl-C and signals are its own
        os.execv(command[0], command)
    return subprocess.call(command)


def lab_command(root: Path, extra: list[str], *, is_root: bool) -> list[str]:
    """The command that opens JupyterLab on a course; `extra` has the last word."""
    # -P: the current folder must not shadow installed packages
    command = [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if not any(word.startswith("--LabApp.news_url") for word in extra):
        # a course phones nobody; without this, Lab begins by asking whether it may fetch news
        command.append("--LabApp.news_url=None")
    if (root / START).is_file():
        command.append(f"--LabApp.default_url=/lab/tree/{START}")
    if is_root and "--allow-root" not in extra:
        command.append("--allow-root")
    return [*command, *extra]


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Look for what could stand in the way on this machine."""
    from tinytorch_milestones.tracker import doctor as examine

    findings = examine()
    problems = sum(level == "problem" for _, level, _ in findings)
    if as_json:
        print_json([{"name": n, "level": level, "text": text} for n, level, text in findings])
        return NOT_PASSED if problems else OK
    screen = Screen()
    marks = {"ok": MARKS["passed"], "warning": MARKS["recheck"], "problem": MARKS["failed"]}
    screen.table([(marks[level], name, level, text) for name, level, text in findings])
    screen.blank()
    if problems:
        what = "problem stands" if problems == 1 else "problems stand"
        screen.line((f"{problems} {what} in the way.", "red"))
    else:
        screen.line(("Nothing stands in the way.", "green"))
    return NOT_PASSED if problems else OK


@click.command()
def trust() -> int:
    """Allow this course to be checked by itself from now on.

    Checking runs the code in its notebooks, so a course that came from elsewhere asks once.
    """
    tracker = open_tracker()
    screen = Screen()
    if tracker.trusted:
        screen.line(f"{tracker.workspace.root} is trusted already.")
        return OK
    tracker.trust()
    screen.line(("Trusted: ", "bold"), str(tracker.workspace.root))
    screen.line("What changes in it is checked from now on.")
    show_next(screen, tracker.next_step())
    return OK


@click.command()
@click.option("--milestones", is_flag=True, help="Show parts and gates instead of modules.")
@json_option
def status(milestones: bool, as_json: bool) -> int:
    """Show where you are: the next step, milestones and modules."""
    state = open_tracker(catch_up=True).state()
    if as_json:
        print_json(state)
        return OK
    screen = Screen()
    show_header(screen, state)
    show_next(screen, state.next)
    if milestones:
        show_parts(screen, state)
    else:
        show_rail(screen, state)
        show_modules(screen, state)
    return OK


@click.command(name="next")
@json_option
def next_(as_json: bool) -> int:
    """Say the one thing to do next."""
    step = open_tracker(catch_up=True).next_step()
    if as_json:
        print_json(step)
    else:
        show_next(Screen(), step, gap=False)
    return OK
