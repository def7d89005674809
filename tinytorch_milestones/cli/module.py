"""`tito module`: one notebook of the curriculum at a time."""

from __future__ import annotations

import click

from tinytorch_milestones.cli import NOT_PASSED, OK
from tinytorch_milestones.cli.commands import SuggestingGroup
from tinytorch_milestones.cli.output import (
    MARKS,
    Screen,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import (
    clock,
    module_row,
    module_words,
    show_completion,
    show_next,
)


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from tinytorch_milestones.errors import TinyTorchError

    try:
        modules = open_tracker().catalog.modules
    except TinyTorchError:
        return []
    known = [name for m in modules if not m.coming for name in (m.number, m.id)]
    return [name for name in known if name.startswith(incomplete)]


_which = click.argument("name", metavar="NN", shell_complete=_names)


@click.group(cls=SuggestingGroup)
def module() -> None:
    """Work through the modules: NN is a number or a name."""


@module.command(name="list")
@json_option
def list_(as_json: bool) -> int:
    """List the modules of the curriculum."""
    modules = open_tracker().state().modules
    if as_json:
        print_json(modules)
    else:
        Screen().table([module_row(module) for module in modules], indent=0)
    return OK


@module.command()
@click.argument("name", metavar="[NN]", required=False, shell_complete=_names)
@json_option
def status(name: str | None, as_json: bool) -> int:
    """Show what is open in one module, or in all that were begun."""
    tracker = open_tracker()
    state = tracker.state()
    if name is None:
        quiet = ("coming", "not_started", "complete")
        shown = [m for m in state.modules if m.status not in quiet]
    else:
        wanted = tracker.module(name).id
        shown = [m for m in state.modules if m.id == wanted]
    if as_json:
        print_json(shown[0] if name is not None else state.modules)
        return OK
    screen = Screen()
    if name is None:
        screen.line(f"{state.modules_complete} of {state.modules_available} modules complete")
    for entry in shown:
        if name is None:
            screen.blank()
        screen.line(MARKS[entry.status], f" {entry.number} ", (entry.title, "bold"))
        screen.line((entry.question, "italic"), indent=2)
        screen.line(module_words(entry), indent=2)
        if entry.notebook:
            screen.line(entry.notebook, indent=2)
        for test in entry.failed:
            word = {"not_yet": "not yet", "missing": "no result"}.get(test.status, "failed")
            screen.line((word, "dim"), f"  {test.id}  {test.title}", indent=4)
        if entry.unlocks:
            screen.line(f"leads to {', '.join(entry.unlocks)}", indent=2)
        if entry.checked_at:
            screen.line((f"checked {clock(entry.checked_at)}", "dim"), indent=2)
    if name is None:
        show_next(screen, state.next)
    return OK


@module.command()
@_which
def start(name: str) -> int:
    """Say where a module's notebook is; made anew when it was deleted."""
    tracker = open_tracker()
    path = tracker.start_module(name)
    found = tracker.module(name)
    screen = Screen()
    screen.line((f"{found.number} {found.title}", "bold"))
    screen.line((found.question, "italic"), indent=2)
    screen.line(str(path), indent=2)
    screen.line("Open it in JupyterLab (`tito lab`) and solve its tasks. Then:", indent=2)
    screen.line((f"tito module complete {found.number}", "cyan"), indent=4)
    return OK


@module.command()
@_which
@json_option
def test(name: str, as_json: bool) -> int:
    """Run a module's tests on the package as it was last exported."""
    report = open_tracker().test_module(name)
    if as_json:
        print_json(report)
    else:
        show_completion(Screen(), report, exported=False)
    return OK if report.complete else NOT_PASSED


@module.command()
@_which
@json_option
def complete(name: str, as_json: bool) -> int:
    """Export a module, check it, and see what that unlocks."""
    tracker = open_tracker()
    report = tracker.complete_module(name)
    if as_json:
        print_json(report)
        return OK if report.complete else NOT_PASSED
    screen = Screen()
    show_completion(screen, report, exported=True)
    if report.newly_unlocked:
        screen.blank()
    for id_ in report.newly_unlocked:
        milestone = tracker.milestone(id_)
        screen.line(("Milestone unlocked: ", "bold green"), f"{milestone.title}, {milestone.year}")
        screen.line((f"tito milestone run {milestone.id}", "cyan"), indent=2)
    if report.complete:
        show_next(screen, tracker.next_step())
    return OK if report.complete else NOT_PASSED


@module.command()
@_which
def reset(name: str) -> int:
    """Start a module's notebook again; the old one is kept."""
    return _replace(name, solved=False)


@module.command()
@_which
def solve(name: str) -> int:
    """Fill a module's notebook with the reference solution; the old one is kept."""
    return _replace(name, solved=True)


def _replace(name: str, *, solved: bool) -> int:
    tracker = open_tracker()
    found = tracker.module(name)
    path, kept = tracker.solve_module(name) if solved else tracker.reset_module(name)
    screen = Screen()
    how = "now holds the reference solution" if solved else "is as it was handed out"
    screen.line((f"{found.number} {found.title} {how}: ", "bold"), str(path))
    if kept is not None:
        screen.line("Your notebook is kept: ", str(kept))
    if solved:
        screen.line(f"`tito module complete {found.number}` exports and checks it.")
    return OK
