"""`tito milestone diagnose`: which module is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tinytorch_milestones.cli import NOT_PASSED, OK
from tinytorch_milestones.cli.milestone import id_argument, numbers_option
from tinytorch_milestones.cli.output import MARKS, Screen, json_option, open_tracker, print_json
from tinytorch_milestones.diagnosis_words import WAITING, besides, name_of, place, shown, swap_rows

if TYPE_CHECKING:
    from tinytorch_milestones.catalog.model import Module
    from tinytorch_milestones.state import Diagnosis


@click.command()
@id_argument
@click.option("--part", metavar="P", help="Look at this part only.")
@numbers_option
@json_option
def diagnose(name: str, part: str | None, track: str | None, as_json: bool) -> int:
    """Find the module to blame when a milestone does not pass."""
    tracker = open_tracker(catch_up=True)
    found = tracker.milestone(name, track)
    if not as_json:
        Screen(error=True).line((WAITING, "dim"))
    diagnosis = tracker.diagnose(found.id, part, track=track)
    if as_json:
        print_json(diagnosis)
    else:
        show_diagnosis(Screen(), diagnosis, tracker.catalog.modules)
    return OK if diagnosis.clean else NOT_PASSED


def show_diagnosis(screen: Screen, diagnosis: Diagnosis, modules: Sequence[Module]) -> None:
    """Who is to blame, what shows it, what the swaps said, what to do next."""
    screen.line(MARKS["passed" if diagnosis.clean else "failed"], " ", (diagnosis.message, "bold"))
    module = ""
    for finding in shown(diagnosis):
        if finding.module != module:
            screen.heading(name_of(module := finding.module, modules))
        else:
            screen.blank()
        screen.line(finding.message, indent=2)
        for line in finding.snippet.splitlines():
            screen.line((line, "dim"), indent=6, hang=10)
        if where := place(finding):
            screen.line(("look at ", "dim"), (where, "cyan"), indent=2)
    if more := besides(diagnosis, modules):
        screen.blank()
        screen.line((more, "dim"))
    if len(diagnosis.swaps) > 1:
        screen.heading("Run again with the reference's module in place of yours")
        screen.table([list(row) for row in swap_rows(diagnosis, modules)])
    if not diagnosis.clean:
        screen.blank()
        screen.line(("Next, in a notebook: ", "dim"), (diagnosis.next_command, "cyan"))
