"""`tito milestone` where nothing runs: `start`, `next`, `list`, `timeline`, `info` and others."""

from __future__ import annotations

import click

from tinytorch_milestones.cli import NOT_PASSED, OK
from tinytorch_milestones.cli.milestone import (
    chosen_state,
    id_argument,
    id_or_next,
    numbers_option,
    track_option,
)
from tinytorch_milestones.cli.output import (
    MARKS,
    Screen,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import (
    show_checkpoints,
    show_gates,
    show_header,
    show_next,
    show_parts,
    show_rail,
)
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.milestone_words import (
    checkpoints_text,
    find_entry,
    numbers,
    won_last,
)


@click.command()
@track_option
@json_option
def start(track: str | None, as_json: bool) -> int:
    """Welcome: what this is, where you are, what to do first."""
    from tinytorch_milestones.cli.journey import show_welcome

    state = chosen_state(track)
    if as_json:
        print_json(state)
    else:
        show_welcome(Screen(), state)
    return OK


@click.command(name="next")
@track_option
@json_option
def next_(track: str | None, as_json: bool) -> int:
    """Say what leads to the next milestone."""
    step = chosen_state(track).next
    if as_json:
        print_json(step)
    else:
        show_next(Screen(), step, gap=False)
    return OK


@click.command(name="list")
@click.option("--simple", is_flag=True, help="One name and status a line.")
@track_option
@json_option
def list_(simple: bool, track: str | None, as_json: bool) -> int:
    """List the milestones of a track."""
    state = chosen_state(track)
    if as_json:
        print_json(state.milestones)
        return OK
    screen = Screen()
    if simple:
        screen.table([[m.id, m.status] for m in state.milestones], indent=0)
        return OK
    shown = next(t for t in state.tracks if t.id == state.track)
    screen.line((shown.title, "bold"))
    if shown.description:
        screen.line((shown.description, "dim"))
    show_rail(screen, state, heading=False)
    others = [t.id for t in state.tracks if t.id != state.track]
    if others:
        screen.blank()
        screen.line((f"Other tracks, with --track: {', '.join(others)}", "dim"))
    return OK


@click.command()
@click.option("--horizontal", is_flag=True, help="From left to right instead of downwards.")
@track_option
@json_option
def timeline(horizontal: bool, track: str | None, as_json: bool) -> int:
    """Draw the milestones of a track on a line of years."""
    from tinytorch_milestones.cli.journey import show_timeline

    state = chosen_state(track)
    if as_json:
        print_json(state.milestones)
    else:
        show_timeline(Screen(), state, lying=horizontal)
    return OK


@click.command()
@id_argument
@numbers_option
@json_option
def info(name: str, track: str | None, as_json: bool) -> int:
    """Tell a milestone's story, and what it takes."""
    entry = find_entry(open_tracker(), name, track)
    if as_json:
        print_json(entry)
        return OK
    screen = Screen()
    screen.line((f"{entry.year}  {entry.title}", "bold"))
    if entry.era:
        screen.line((entry.era, "dim"))
    screen.line(entry.headline)
    screen.line((entry.people, "dim"))
    screen.blank()
    screen.line(entry.story)
    if entry.checkpoints:
        screen.heading("Checkpoints" + (f": {far}" if (far := checkpoints_text(entry)) else ""))
        show_checkpoints(screen, entry)
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


@click.command()
@id_or_next
@numbers_option
@json_option
def celebrate(name: str | None, track: str | None, as_json: bool) -> int:
    """Look at a milestone that was won (default: the last one)."""
    from tinytorch_milestones.cli.journey import show_celebration, show_not_won

    tracker = open_tracker()
    if name is None:
        entry = won_last(tracker.state(track))
        if entry is None:
            raise TinyTorchError(
                "No milestone of this track is won yet.", "`tito milestone next` leads to one."
            )
    else:
        entry = find_entry(tracker, name, track)
    won = entry.status == "complete"
    if as_json:
        print_json(entry)
    elif won:
        screen = Screen()
        show_celebration(screen, entry)
        show_next(screen, tracker.next_step(track))
    else:
        show_not_won(Screen(), entry, tracker.next_step(track))
    return OK if won else NOT_PASSED


@click.command()
@click.option("--detailed", is_flag=True, help="Show parts, gates and runs.")
@track_option
@json_option
def status(detailed: bool, track: str | None, as_json: bool) -> int:
    """Show how far the milestones are."""
    state = chosen_state(track)
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
