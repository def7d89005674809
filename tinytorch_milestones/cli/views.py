"""How the parts of a `State` read in a terminal: the panel's order and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinytorch_milestones.cli.output import MARKS, Cell, Screen, count, duration
from tinytorch_milestones.milestone_words import checkpoints_text, numbers

if TYPE_CHECKING:
    from tinytorch_milestones.state import (
        Completion,
        GateState,
        MilestoneState,
        ModuleState,
        NextStep,
        PartReport,
        State,
    )

STYLES = {"complete": "green", "ready": "bold cyan", "recheck": "yellow", "locked": "dim"}
_WAITING_SHOWN = 6


def show_header(screen: Screen, state: State) -> None:
    """Where am I."""
    name = f"{state.student} in {state.workspace.name}" if state.student else state.workspace.name
    track = next((t.title for t in state.tracks if t.id == state.track), state.track)
    screen.line(("TinyTorch", "bold"), f"  {name}, {track}")
    screen.line(
        f"{state.milestones_complete} of {count(len(state.milestones), 'milestone')}, "
        f"{state.modules_complete} of {count(state.modules_available, 'module')} complete"
    )
    for warning in state.workspace.warnings:
        screen.line(("Note: " + warning, "yellow"))
    if not state.workspace.writable:
        screen.line(("Note: this folder is read-only, so progress cannot be saved.", "yellow"))


def show_next(screen: Screen, step: NextStep, *, gap: bool = True) -> None:
    """The one next step."""
    if gap:
        screen.blank()
    screen.line(("Next: ", "dim"), (step.title, "bold cyan"))
    if step.why:
        screen.line(step.why, indent=6)
    if step.command:
        screen.line((step.command, "cyan"), indent=6)


def show_rail(screen: Screen, state: State, *, heading: bool = True) -> None:
    """One station a milestone."""
    if heading:
        screen.heading("Milestones")
    screen.table([_station(milestone) for milestone in state.milestones])


def _station(milestone: MilestoneState) -> list[Cell]:
    word, style = milestone.status, STYLES.get(milestone.status, "")
    return [
        str(milestone.year),
        MARKS[milestone.status],
        (milestone.title, style),
        (word, style),
        detail(milestone),
    ]


def detail(milestone: MilestoneState) -> str:
    """What there is to say about a milestone in a few words."""
    parts = len(milestone.parts)
    if milestone.running is not None:
        running = milestone.running
        left = duration(running.seconds_left)
        return f"{running.part}, step {running.step:,} of {running.steps:,}" + (
            f", {left} left" if left else ""
        )
    if milestone.status == "complete":
        words = [milestone.score_text, duration(milestone.seconds)]
        return ", ".join(word for word in words if word)
    far = checkpoints_text(milestone)
    if not far and milestone.parts_complete > 0:
        far = f"{milestone.parts_complete} of {parts} parts"
    locked = milestone.status == "locked" and milestone.missing
    needs = f"needs {numbers(milestone.missing)}" if locked else ""
    return ", ".join(word for word in (far, needs) if word)


def show_modules(screen: Screen, state: State) -> None:
    """One line a module; those still coming share one."""
    screen.heading("Modules")
    written = [module for module in state.modules if module.status != "coming"]
    screen.table([module_row(module) for module in written])
    coming = [module.id for module in state.modules if module.status == "coming"]
    if coming:
        screen.line((f"Coming: {numbers(coming)}", "dim"), indent=2)
    if state.checked_at:
        took = duration(state.checked_seconds)
        screen.blank()
        screen.line((f"Checked {clock(state.checked_at)}" + (f" in {took}" if took else ""), "dim"))


def module_row(module: ModuleState) -> list[Cell]:
    """A module as number, mark, title and its one state."""
    return [
        module.number,
        MARKS[module.status],
        module.title,
        (module_words(module), STYLES.get(module.status, "")),
    ]


def module_words(module: ModuleState) -> str:
    """The one state of a module, in words."""
    tests = f"{module.tests_passed}/{module.tests_total} tests"
    if module.problem and module.status in ("in_progress", "recheck"):
        return f"not exported: {module.problem}"
    return {
        "coming": "coming",
        "not_started": "not started",
        "in_progress": tests,
        "checking": "changed, checking …",
        "recheck": f"{tests}, changed since it was complete",
        "complete": f"complete, {tests}",
    }[module.status]


def clock(moment: str) -> str:
    """An ISO time as local date and time."""
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return moment


def show_parts(screen: Screen, state: State, *, attempts: bool = False) -> None:
    """Every milestone with its parts and gates, on request with the runs there were."""
    for milestone in state.milestones:
        screen.blank()
        show_milestone(screen, milestone)
        if attempts and milestone.attempts:
            screen.line(("Runs", "bold"), indent=6)
            screen.table(
                [
                    [
                        clock(attempt.started),
                        attempt.part,
                        attempt.result + ("" if attempt.credited else ", no credit"),
                        "" if attempt.score is None else f"{100 * attempt.score:.1f} %",
                        duration(attempt.seconds),
                    ]
                    for attempt in milestone.attempts
                ],
                indent=8,
            )


def show_milestone(screen: Screen, milestone: MilestoneState) -> None:
    """One station with its parts and gates."""
    screen.table([_station(milestone)], indent=0)
    if milestone.era:
        screen.line((milestone.era, "dim"), indent=6)
    show_checkpoints(screen, milestone, indent=6)
    for part in milestone.parts:
        words: str = part.status
        if part.status == "locked" and part.missing:
            words += f", needs {numbers(part.missing)}"
        if part.status == "complete" and part.best_score is not None:
            words += f", {100 * part.best_score:.1f} %"
        style = STYLES.get(part.status, "")
        screen.line(MARKS[part.status], f" {part.title} ({part.id})  ", (words, style), indent=6)
        show_gates(screen, part.gates, indent=8)


def show_checkpoints(screen: Screen, milestone: MilestoneState, *, indent: int = 2) -> None:
    """The checkpoints a milestone counts, a line each."""
    if not milestone.checkpoints:
        return
    rows: list[list[Cell]] = [
        [MARKS[c.status], c.id, c.title, (c.status, STYLES.get(c.status, ""))]
        for c in milestone.checkpoints
    ]
    screen.table(rows, indent=indent)


def show_gates(screen: Screen, gates: list[GateState], *, indent: int = 2) -> None:
    """A line a gate: state, measured, required, and what it is about."""
    rows: list[list[Cell]] = []
    for gate in gates:
        mark, word = gate_mark(gate)
        rows.append([mark, word, gate.measured or "-", gate.required, gate.title])
    screen.table(rows, indent=indent)


def show_hints(screen: Screen, report: PartReport) -> None:
    """What the first failed gate says about the cause; the others often follow from it."""
    failed = [verdict for verdict in report.verdicts if verdict.passed is False and verdict.hint]
    for verdict in failed[:1]:
        where = f" Look in module {verdict.module}." if verdict.module else ""
        screen.line((f"{verdict.title}: ", "bold"), verdict.hint + where, indent=2, hang=4)


def gate_mark(gate: GateState) -> tuple[tuple[str, str], str]:
    """The shape of a gate and its word."""
    if gate.passed is None:
        return MARKS["running"], "waiting"
    return (MARKS["passed"], "passed") if gate.passed else (MARKS["failed"], "failed")


def show_completion(screen: Screen, report: Completion, *, exported: bool) -> None:
    """What came of checking a module: exported, tests, unlocked, next."""
    if report.refused:
        screen.line(MARKS["failed"], f" {report.title} was not exported; nothing changed.")
        screen.line(report.refused, indent=2)
        if report.remedy:
            screen.line(report.remedy, indent=2)
        _show_place(screen, report.cell_id, report.module)
        return
    mark = MARKS["complete"] if report.complete else MARKS["failed"]
    screen.line(mark, " ", (report.message, "bold"), f" ({duration(report.seconds)})")
    if exported:
        screen.line("exported" + ("" if report.changed else ", nothing had changed"), indent=2)
    open_tests = [test for test in report.tests if not test.passed]
    # what failed first and in full; of what was not begun, only what comes next
    begun = [test for test in open_tests if test.status != "not_yet"]
    for number, test in enumerate(begun, 1):
        word = "no result" if test.status == "missing" else "failed"
        screen.line((word, "red"), f"  {test.id}  {test.title}", indent=2)
        following = begun[number] if number < len(begun) else None
        if following and (following.status, following.message) == (test.status, test.message):
            continue  # the same reason for several is said once, after the last
        for line in test.message.splitlines():
            screen.line(line, indent=6)
        _show_place(screen, test.cell_id, report.module, indent=6)
    waiting = [test for test in open_tests if test.status == "not_yet"]
    for test in waiting[:_WAITING_SHOWN]:
        screen.line(("not yet", "dim"), f"  {test.id}  {test.title}", indent=2)
    if len(waiting) > _WAITING_SHOWN:
        more = count(len(waiting) - _WAITING_SHOWN, "test")
        screen.line((f"and {more} more not begun", "dim"), indent=2)
    output = report.output.strip().splitlines()
    if open_tests and output:
        screen.line(("Your code printed:", "dim"), indent=2)
        for line in output[:12]:
            screen.line((line, "dim"), indent=4)
        if len(output) > 12:
            screen.line((f"and {count(len(output) - 12, 'line')} more", "dim"), indent=4)
    for warning in report.warnings:
        screen.line(("Note: " + warning, "yellow"))


def _show_place(screen: Screen, cell: str, module: str, *, indent: int = 2) -> None:
    if cell and not module.startswith("checkpoint"):
        screen.line((f"look at cell {cell} of modules/{module}.ipynb", "cyan"), indent=indent)
