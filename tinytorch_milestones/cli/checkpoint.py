"""`tito checkpoint`: independent tests of what the exported package can do."""

from __future__ import annotations

import click

from tinytorch_milestones.cli import NOT_PASSED, OK
from tinytorch_milestones.cli.commands import SuggestingGroup
from tinytorch_milestones.cli.output import (
    MARKS,
    Cell,
    Screen,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import show_completion
from tinytorch_milestones.milestone_words import numbers


@click.group(cls=SuggestingGroup)
def checkpoint() -> None:
    """Test one capability of your package at a time."""


@checkpoint.command(name="list")
@json_option
def list_(as_json: bool) -> int:
    """List the checkpoints and the modules they need."""
    checkpoints = open_tracker().state().checkpoints
    if as_json:
        print_json(checkpoints)
        return OK
    rows: list[list[Cell]] = [
        [c.id, MARKS[c.status], c.title, f"needs {numbers(c.needs)}", (c.status, "dim")]
        for c in checkpoints
    ]
    Screen().table(rows, indent=0)
    return OK


@checkpoint.command()
@json_option
def status(as_json: bool) -> int:
    """Show what your package can do by now."""
    checkpoints = open_tracker().state().checkpoints
    if as_json:
        print_json(checkpoints)
        return OK
    screen = Screen()
    passed = sum(c.status == "passed" for c in checkpoints)
    screen.line(f"{passed} of {len(checkpoints)} checkpoints passed")
    screen.table(
        [
            [c.id, MARKS[c.status], c.status, c.capability]
            for c in checkpoints
            if c.status != "coming"
        ]
    )
    return OK


@checkpoint.command()
@click.argument("name", metavar="NN")
@json_option
def test(name: str, as_json: bool) -> int:
    """Run one checkpoint on the package as it was last exported."""
    report = open_tracker().test_checkpoint(name)
    if as_json:
        print_json(report)
    else:
        show_completion(Screen(), report, exported=False)
    return OK if report.complete else NOT_PASSED
