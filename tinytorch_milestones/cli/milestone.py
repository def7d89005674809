"""`tito milestone`: look at milestones, and run them with your own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinytorch_milestones.cli import INTERRUPTED, NOT_PASSED, OK
from tinytorch_milestones.cli.commands import SuggestingGroup
from tinytorch_milestones.cli.output import (
    MARKS,
    Screen,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import (
    numbers,
    show_gates,
    show_header,
    show_next,
    show_parts,
    show_rail,
)

if TYPE_CHECKING:
    from tinytorch_milestones.state import PartReport


def _ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from tinytorch_milestones.errors import TinyTorchError

    try:
        names = open_tracker().names()
    except TinyTorchError:
        return []
    return [name for name in names if name.startswith(incomplete)]


_which = click.argument("name", metavar="ID", shell_complete=_ids)
_part = click.option("--part", metavar="P", help="Run this part only.")
_track = click.option("--track", metavar="T", help="Show this track instead of the chosen one.")
_quick = click.option("--quick", is_flag=True, help="A shorter run, to see whether it works.")


@click.group(cls=SuggestingGroup)
def milestone() -> None:
    """Recreate famous results: ID is a name or a number."""


@milestone.command(name="list")
@click.option("--simple", is_flag=True, help="One name and status a line.")
@_track
@json_option
def list_(simple: bool, track: str | None, as_json: bool) -> int:
    """List the milestones of a track."""
    state = open_tracker().state(track)
    if as_json:
        print_json(state.milestones)
        return OK
    screen = Screen()
    if simple:
        screen.table([[m.id, m.status] for m in state.milestones], indent=0)
        return OK
    title = next((t.title for t in state.tracks if t.id == state.track), state.track)
    screen.line((title, "bold"))
    show_rail(screen, state, heading=False)
    return OK


@milestone.command()
@_which
@json_option
def info(name: str, as_json: bool) -> int:
    """Tell a milestone's story, and what it takes."""
    tracker = open_tracker()
    found = tracker.milestone(name)
    # a milestone may stand in another track than the one that is shown
    for track in tracker.state().tracks:
        entries = [m for m in tracker.state(track.id).milestones if m.id == found.id]
        if entries:
            break
    entry = entries[0]
    if as_json:
        print_json(entry)
        return OK
    screen = Screen()
    screen.line((f"{entry.year}  {entry.title}", "bold"))
    screen.line(entry.headline)
    screen.line((entry.people, "dim"))
    screen.blank()
    screen.line(entry.story)
    for part in entry.parts:
        screen.blank()
        screen.line(MARKS[part.status], " ", (part.title, "bold"), f" ({part.id}): {part.status}")
        screen.line(part.story, indent=2)
        if part.missing:
            screen.line(f"needs {numbers(part.missing)}", indent=2)
        show_gates(screen, part.gates, indent=4)
    screen.blank()
    if entry.status in ("ready", "running", "complete"):
        screen.line("Run it: ", (f"tito milestone run {entry.id}", "cyan"))
    elif entry.missing:
        screen.line(f"It waits for {numbers(entry.missing)}.")
    screen.line("See it with the reference code: ", (f"tito milestone demo {entry.id}", "cyan"))
    return OK


@milestone.command()
@_which
@_part
@click.option("--epochs", type=click.IntRange(min=1), help="Train for so many epochs.")
@click.option("--seed", type=click.IntRange(min=0), help="Start from other random numbers.")
@_quick
@click.option("--skip-checks", is_flag=True, help="Run what is locked too, without credit.")
@json_option
def run(
    name: str,
    part: str | None,
    epochs: int | None,
    seed: int | None,
    quick: bool,
    skip_checks: bool,
    as_json: bool,
) -> int:
    """Run a milestone with your own code; Ctrl-C stops it."""
    chosen = {"epochs": epochs, "seed": seed}
    overrides: dict[str, object] = {k: v for k, v in chosen.items() if v is not None}
    return _run(
        name,
        part=part,
        overrides=overrides,
        quick=quick,
        skip_checks=skip_checks,
        as_json=as_json,
    )


@milestone.command()
@_which
@_part
@_quick
@json_option
def demo(name: str, part: str | None, quick: bool, as_json: bool) -> int:
    """See a milestone run with the reference code; never locked, no credit."""
    return _run(name, part=part, quick=quick, demo=True, as_json=as_json)


def _run(
    name: str,
    *,
    as_json: bool,
    part: str | None = None,
    overrides: dict[str, object] | None = None,
    quick: bool = False,
    skip_checks: bool = False,
    demo: bool = False,
) -> int:
    from tinytorch_milestones.cli.running import observer

    tracker = open_tracker(catch_up=not demo)
    tracker.milestone(name)  # an unknown name is said before anything starts
    if as_json:
        report = tracker.run_milestone(
            name,
            part=part,
            overrides=overrides,
            quick=quick,
            skip_checks=skip_checks,
            demo=demo,
        )
        print_json(report)
    else:
        screen = Screen()
        with observer(screen) as view:
            report = tracker.run_milestone(
                name,
                part=part,
                observer=view,
                overrides=overrides,
                quick=quick,
                skip_checks=skip_checks,
                demo=demo,
            )
        for warning in report.warnings:
            screen.line(("Note: " + warning, "yellow"))
        if report.newly_complete:
            screen.line(("Milestone complete: ", "bold green"), (report.title, "bold"))
            if report.changed_history:
                screen.line(report.changed_history, indent=2)
            if report.badge:
                screen.line("Badge: ", (report.badge, "bold"), indent=2)
        if report.next is not None and not demo and not _interrupted(report.parts):
            show_next(screen, report.next, gap=False)
    if _interrupted(report.parts):
        return INTERRUPTED
    return OK if report.parts and all(p.passed for p in report.parts) else NOT_PASSED


def _interrupted(parts: list[PartReport]) -> bool:
    return any(part.interrupted for part in parts)


@milestone.command()
@click.option("--detailed", is_flag=True, help="Show parts, gates and runs.")
@_track
@json_option
def status(detailed: bool, track: str | None, as_json: bool) -> int:
    """Show how far the milestones are."""
    state = open_tracker().state(track)
    if as_json:
        print_json(state.milestones)
        return OK
    screen = Screen()
    show_header(screen, state)
    if detailed:
        show_parts(screen, state, attempts=True)
    else:
        show_rail(screen, state)
    show_next(screen, state.next)
    return OK


@milestone.command(name="next")
@json_option
def next_(as_json: bool) -> int:
    """Say what leads to the next milestone."""
    step = open_tracker().next_step()
    if as_json:
        print_json(step)
    else:
        show_next(Screen(), step, gap=False)
    return OK
