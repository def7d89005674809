"""`tito milestone run`, `demo` and `test`: what runs code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinytorch_milestones.cli import INTERRUPTED, NOT_PASSED, OK
from tinytorch_milestones.cli.milestone import (
    id_argument,
    id_or_next,
    numbers_option,
    part_option,
    quick_option,
)
from tinytorch_milestones.cli.output import (
    Screen,
    json_option,
    open_tracker,
    print_json,
)
from tinytorch_milestones.cli.views import (
    show_next,
)
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.milestone_words import (
    aimed_at,
    find_entry,
    missing,
)

if TYPE_CHECKING:
    from tinytorch_milestones.state import PartReport


@click.command()
@id_argument
@part_option
@click.option("--epochs", type=click.IntRange(min=1), help="Train for so many epochs.")
@click.option("--seed", type=click.IntRange(min=0), help="Start from other random numbers.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Another setting of the recipe: data=full, learning_rate=0.01.",
)
@quick_option
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted.")
@click.option("--skip-checks", is_flag=True, help="Run what is locked too, without credit.")
@numbers_option
@json_option
def run(
    name: str,
    part: str | None,
    epochs: int | None,
    seed: int | None,
    settings: tuple[str, ...],
    quick: bool,
    resume: bool,
    skip_checks: bool,
    track: str | None,
    as_json: bool,
) -> int:
    """Run a milestone with your own code; Ctrl-C stops it."""
    chosen = {**dict(map(_setting, settings)), "epochs": epochs, "seed": seed}
    overrides: dict[str, object] = {k: v for k, v in chosen.items() if v is not None}
    return _run(
        name,
        part=part,
        overrides=overrides,
        quick=quick,
        resume=resume,
        skip_checks=skip_checks,
        track=track,
        as_json=as_json,
    )


def _setting(text: str) -> tuple[str, object]:
    """`data=full` as a name and a value: a number where it reads as one, else the words."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--set")
    for kind in (int, float):
        try:
            return name.strip(), kind(value)
        except ValueError:
            pass
    return name.strip(), value.strip()


@click.command()
@id_argument
@part_option
@quick_option
@numbers_option
@json_option
def demo(name: str, part: str | None, quick: bool, track: str | None, as_json: bool) -> int:
    """See it run with the reference code: never locked, no credit."""
    return _run(name, part=part, quick=quick, demo=True, track=track, as_json=as_json)


def _run(
    name: str,
    *,
    as_json: bool,
    track: str | None,
    part: str | None = None,
    overrides: dict[str, object] | None = None,
    quick: bool = False,
    resume: bool = False,
    skip_checks: bool = False,
    demo: bool = False,
) -> int:
    from tinytorch_milestones.cli.running import observer

    tracker = open_tracker(catch_up=not demo)
    found = tracker.milestone(name, track)  # an unknown name is said before anything starts
    if as_json:
        report = tracker.run_milestone(
            found.id,
            part=part,
            overrides=overrides,
            quick=quick,
            resume=resume,
            skip_checks=skip_checks,
            demo=demo,
        )
        print_json(report)
    else:
        screen = Screen()
        with observer(screen, tracker.catalog.modules) as view:
            report = tracker.run_milestone(
                found.id,
                part=part,
                observer=view,
                overrides=overrides,
                quick=quick,
                resume=resume,
                skip_checks=skip_checks,
                demo=demo,
            )
        for warning in report.warnings:
            screen.line(("Note: " + warning, "yellow"))
        if report.newly_complete:
            from tinytorch_milestones.cli.journey import show_celebration

            show_celebration(screen, find_entry(tracker, found.id, track))
            screen.blank()
        elif found.checkpoints and not demo and _passed(report.parts):
            for sentence in missing(find_entry(tracker, found.id, track)):
                screen.line(sentence)
        if report.next is not None and not demo and not _interrupted(report.parts):
            show_next(screen, report.next, gap=False)
    if _interrupted(report.parts):
        return INTERRUPTED
    return OK if _passed(report.parts) else NOT_PASSED


def _passed(parts: list[PartReport]) -> bool:
    return bool(parts) and all(part.passed for part in parts)


def _interrupted(parts: list[PartReport]) -> bool:
    return any(part.interrupted for part in parts)


@click.command()
@id_or_next
@numbers_option
@json_option
def test(name: str | None, track: str | None, as_json: bool) -> int:
    """Check what a milestone needs (default: the next), no training."""
    from tinytorch_milestones.cli.journey import show_checks

    tracker = open_tracker()
    if name is None:
        entry = aimed_at(tracker.state(track))
        if entry is None:
            raise TinyTorchError(
                "Every milestone of this track is complete or still coming.",
                "Name one to check it all the same: `tito milestone test ID`.",
            )
    else:
        entry = find_entry(tracker, name, track)
    reports = tracker.test_milestone(entry.id)
    if as_json:
        print_json(reports)
    else:
        show_checks(Screen(), entry, reports)
    passed = bool(reports) and all(report.complete for report in reports)
    return OK if passed and not entry.missing else NOT_PASSED
