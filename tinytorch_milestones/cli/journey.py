"""The way through a track in a terminal: the line of years, a win, the welcome."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from tinytorch_milestones.cli.output import MARKS, Cell, Screen, count, duration, join
from tinytorch_milestones.cli.views import (
    STYLES,
    clock,
    detail,
    show_completion,
    show_header,
    show_next,
)
from tinytorch_milestones.milestone_words import checkpoints_text, missing, numbers, to_play
from tinytorch_milestones.timeline import Stop, across, fits_across, rows_between

if TYPE_CHECKING:
    from tinytorch_milestones.state import Completion, MilestoneState, NextStep, State

_BLOCKS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 24


def show_timeline(screen: Screen, state: State, *, lying: bool) -> None:
    """The track as a line of years, from top to bottom or from left to right."""
    title = next((t.title for t in state.tracks if t.id == state.track), state.track)
    done = f"{state.milestones_complete} of {count(len(state.milestones), 'milestone')} complete"
    screen.line((title, "bold"), f", {done}")
    screen.blank()
    if lying and fits_across(len(state.milestones), screen.width):
        _show_lying(screen, state.milestones)
    else:
        if lying:
            screen.line(("Too many stations to lie side by side here.", "dim"))
        _show_upright(screen, state.milestones)
    show_next(screen, state.next)


def _show_lying(screen: Screen, milestones: list[MilestoneState]) -> None:
    stops = [Stop(m.year, MARKS[m.status][0], m.title, words(m)) for m in milestones]
    for row in across(stops, screen.width):
        cells: list[Cell] = []
        at = 0
        for piece in row:
            cells.append(" " * (piece.column - at))
            at = piece.column + len(piece.text)
            status = milestones[piece.stop].status if piece.stop >= 0 else ""
            style = {
                "mark": MARKS.get(status, ("", ""))[1],
                "title": STYLES.get(status, "") or "bold",
                "line": "dim",
                "year": "dim",
                "words": "dim",
            }[piece.kind]
            cells.append((piece.text, style))
        screen.console.print(join(*cells), no_wrap=True, overflow="ignore", crop=False)


def _show_upright(screen: Screen, milestones: list[MilestoneState]) -> None:
    empty = [*rows_between([m.year for m in milestones]), 0]
    last = len(milestones) - 1
    for place, (milestone, rows) in enumerate(zip(milestones, empty, strict=True)):
        style = STYLES.get(milestone.status, "")
        rail = "│" if place < last else " "
        screen.line(
            (f"{milestone.year}  ", "dim"),
            MARKS[milestone.status],
            "  ",
            (milestone.title, style or "bold"),
            (f"  {milestone.era}" if milestone.era else "", "dim"),
            hang=9,
        )
        below = [(milestone.headline, ""), (words(milestone), style or "dim")]
        if milestone.status == "complete" and milestone.badge:
            below.append((f"Badge: {milestone.badge}", style))
        for text, look in below:
            for line in textwrap.wrap(text, max(20, screen.width - 9)):
                screen.line((rail, "dim"), "  ", (line, look), indent=6)
        for _ in range(max(rows, 1) if place < last else 0):
            screen.line((rail, "dim"), indent=6)


def words(milestone: MilestoneState) -> str:
    """The state of a station in words, with what there is to say about it."""
    return ", ".join(word for word in (milestone.status, detail(milestone)) if word)


def show_celebration(screen: Screen, milestone: MilestoneState) -> None:
    """What was won: the words, what it changed, the badge, the best run."""
    screen.line(
        MARKS["complete"],
        " ",
        ("Milestone complete: ", "bold green"),
        (f"{milestone.title}, {milestone.era or milestone.year}", "bold"),
    )
    if milestone.says:
        screen.line((f"“{milestone.says}”", "italic"), indent=2)
    if milestone.changed:
        screen.blank()
        screen.line(("What this changed", "bold"), indent=2)
        screen.line(milestone.changed, indent=2)
    screen.blank()
    rows: list[list[Cell]] = []
    if milestone.badge:
        rows.append(["Badge", (milestone.badge, "bold")])
    took = duration(milestone.seconds)
    best = [milestone.score_text, f"in {took} of training" if took else ""]
    if any(best):
        rows.append(["Best run", " ".join(word for word in best if word)])
    if screen.draws and (curve := sparkline(milestone.curve)):
        rows.append(["Its loss", (curve, "green")])
    if milestone.checkpoints:
        rows.append(["Checkpoints", checkpoints_text(milestone)])
    if milestone.completed:
        rows.append(["Completed", clock(milestone.completed)])
    if found := to_play(milestone.id):
        words, command = found
        rows.append(["Play", f"{words}: {command} in a notebook"])
    screen.table(rows)


def show_not_won(screen: Screen, milestone: MilestoneState, step: NextStep) -> None:
    """What a milestone that is not complete still asks for."""
    screen.line(MARKS[milestone.status], " ", (milestone.title, "bold"), " is not won yet.")
    for sentence in missing(milestone):
        screen.line(sentence, indent=2)
    if milestone.status in ("ready", "running"):
        screen.line((f"tito milestone run {milestone.id}", "cyan"), indent=2)
    else:
        show_next(screen, step)


def sparkline(curve: list[float], width: int = _CURVE_WIDTH) -> str:
    """A curve in block characters, as small as a word; empty for fewer than two values."""
    values = [value for value in curve if value == value and abs(value) != float("inf")]
    if len(values) < 2:
        return ""
    width = min(width, len(values))
    taken = [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
    low, high = min(taken), max(taken)
    span = (high - low) or 1.0
    return "".join(_BLOCKS[round((value - low) / span * (len(_BLOCKS) - 1))] for value in taken)


def show_checks(screen: Screen, milestone: MilestoneState, reports: list[Completion]) -> None:
    """What came of checking the modules and checkpoints of a milestone."""
    screen.line((milestone.title, "bold"), ": the checks of what it needs; nothing is trained.")
    for report in reports:
        show_completion(screen, report, exported=False)
    passed = sum(report.complete for report in reports)
    screen.blank()
    if passed < len(reports):
        screen.line(("Not yet: ", "bold red"), f"{passed} of {len(reports)} pass.")
    elif not reports:
        screen.line("There is nothing to check for it.")
    elif milestone.missing:
        needs = numbers(milestone.missing)
        screen.line(("What is there passes. ", "green"), f"It still needs {needs}.")
    elif milestone.status == "complete":
        screen.line(("All pass, and the milestone is complete.", "green"))
    else:
        screen.line(("All pass. ", "green"), "The run decides:")
        screen.line((f"tito milestone run {milestone.id}", "cyan"), indent=2)


def show_welcome(screen: Screen, state: State) -> None:
    """What this is, where you are, and what to do first."""
    screen.line(("Welcome to TinyTorch Milestones", "bold"))
    screen.line(
        "You build a small PyTorch in numpy, one notebook at a time, and your own code recreates "
        "famous results of AI. A milestone is won by what a run measures, never by a promise."
    )
    screen.heading("How it goes")
    screen.table(
        [
            ["1", "Open a module's notebook (`tito lab`) and solve its tasks."],
            ["2", "Save it: your code is exported to tinytorch/ and checked."],
            ["3", "When a milestone is unlocked, run it: `tito milestone run ID`."],
        ]
    )
    screen.line("Curious first? `tito milestone demo ID` shows any of them with our code.")
    if len(state.tracks) > 1:
        screen.heading("Ways through")
        rows: list[list[Cell]] = []
        for track in state.tracks:
            chosen = track.id == state.track
            mark: Cell = MARKS["ready"] if chosen else " "
            rows.append([mark, (track.id, "bold" if chosen else ""), track.description])
        screen.table(rows)
        screen.line("`tito milestone list --track NAME` chooses one.")
    screen.heading("Where you are")
    show_header(screen, state)
    show_next(screen, state.next)
