"""A small Python API for other tools, over the same tracker as every front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import msgspec

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.runs import Observer
from tinytorch_milestones.state import RunReport
from tinytorch_milestones.tracker import Tracker


class ModuleExport(TypedDict):
    """What `check_module_export` returns."""

    module: str
    complete: bool
    newly_unlocked: list[str]
    messages: list[str]


def check_module_export(module: str, console: Any = None, path: Path | None = None) -> ModuleExport:
    """Export and check a module, mark it when it is complete, and work out unlocks.

    `console` is anything with a `print` method (rich's Console). Nothing here raises for a course
    that is missing or broken: other tools' module work goes on, and the message says why.
    """
    try:
        report = Tracker.open(path).complete_module(module)
        result = ModuleExport(
            module=report.module,
            complete=report.complete,
            newly_unlocked=report.newly_unlocked,
            messages=report.messages,
        )
    except TinyTorchError as error:
        messages = [line for line in (error.message, error.remedy) if line]
        result = ModuleExport(module=module, complete=False, newly_unlocked=[], messages=messages)
    if console is not None:
        for line in result["messages"]:
            console.print(line)
    return result


def can_run_milestone(name: str, path: Path | None = None) -> tuple[bool, list[str]]:
    """Whether a milestone can be run for credit, and the modules that are missing for it."""
    tracker = Tracker.open(path)
    milestone = tracker.milestone(name)
    standing = tracker.standing()
    status = standing.milestone_status(milestone)
    return status in ("ready", "running", "complete"), standing.missing(milestone.needs)


def run_milestone(
    name: str,
    *,
    part: str | None = None,
    observer: Observer | None = None,
    path: Path | None = None,
) -> RunReport:
    """Run a milestone with the student's code in a limited child process."""
    return Tracker.open(path).run_milestone(name, part=part, observer=observer)


def list_milestones(track: str | None = None, path: Path | None = None) -> list[dict[str, Any]]:
    """The milestones of a track with their state, as plain dictionaries."""
    state = Tracker.open(path).state(track)
    return [dict(msgspec.to_builtins(milestone)) for milestone in state.milestones]


def show_progress(path: Path | None = None) -> str:
    """Progress in a few lines of text."""
    state = Tracker.open(path).state()
    lines = [
        (
            f"{state.milestones_complete} of {len(state.milestones)} milestones, "
            f"{state.modules_complete} of {state.modules_available} modules complete"
        )
    ]
    lines += [f"{m.year}  {m.title}: {m.status}" for m in state.milestones]
    lines.append(f"Next: {state.next.title}. {state.next.why}")
    return "\n".join(lines)
