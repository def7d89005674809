"""`tito milestone`: the group, and the options its commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinytorch_milestones.cli.commands import LazyGroup
from tinytorch_milestones.cli.output import Screen, open_tracker
from tinytorch_milestones.errors import TinyTorchError

if TYPE_CHECKING:
    from tinytorch_milestones.state import State
    from tinytorch_milestones.tracker import Tracker


def _ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    try:
        names = open_tracker().names()
    except TinyTorchError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def _tracks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    try:
        tracks = open_tracker().catalog.tracks
    except TinyTorchError:
        return []
    return [track.id for track in tracks if track.id.startswith(incomplete)]


id_argument = click.argument("name", metavar="ID", shell_complete=_ids)
id_or_next = click.argument("name", metavar="[ID]", required=False, shell_complete=_ids)
part_option = click.option("--part", metavar="P", help="Run this part only.")
track_option = click.option(
    "--track", metavar="T", shell_complete=_tracks, help="Show this track, now and from now on."
)
numbers_option = click.option(
    "--track", metavar="T", shell_complete=_tracks, help="The track whose numbers ID counts."
)
quick_option = click.option(
    "--quick", is_flag=True, help="A quarter of the epochs, to see whether it works."
)


def choose_track(tracker: Tracker, name: str | None) -> None:
    """Show this track from now on, and say so where that is a change."""
    if name is None:
        return
    chosen = tracker.catalog.track(name).id
    if chosen == (before := tracker.state().track):
        return
    tracker.set_track(chosen)
    note = f"This track is shown from now on; `--track {before}` goes back."
    Screen(error=True).line((note, "dim"))


def chosen_state(track: str | None) -> State:
    """The state of the course, with this track shown from now on."""
    tracker = open_tracker()
    choose_track(tracker, track)
    return tracker.state()


milestone = LazyGroup(
    "milestone",
    help="Recreate famous results: ID is a name or a number.",
    places={
        "start": "milestone_look:start",
        "next": "milestone_look:next_",
        "list": "milestone_look:list_",
        "timeline": "milestone_look:timeline",
        "info": "milestone_look:info",
        "run": "milestone_run:run",
        "demo": "milestone_run:demo",
        "test": "milestone_run:test",
        "diagnose": "milestone_diagnose:diagnose",
        "celebrate": "milestone_look:celebrate",
        "status": "milestone_look:status",
    },
)
