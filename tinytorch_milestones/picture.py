"""Turn a `Standing` into the `State` document that every front end shows."""

from __future__ import annotations

import re

from tinytorch_milestones import resume
from tinytorch_milestones.catalog import Checkpoint, Milestone, Module, Part, Track
from tinytorch_milestones.records import Attempt
from tinytorch_milestones.standing import Standing, task_count
from tinytorch_milestones.state import (
    STATE_VERSION,
    AttemptState,
    CheckpointState,
    GateState,
    MilestoneState,
    ModuleState,
    NextStep,
    PartState,
    RunningState,
    State,
    TrackState,
    WorkspaceState,
)
from tinytorch_milestones.training.evidence import thin
from tinytorch_milestones.training.gates import required_text

_CURVE_POINTS = 60
_ATTEMPTS_SHOWN = 20


def build_state(
    standing: Standing,
    track: Track,
    *,
    sequence: int,
    trusted: bool,
    writable: bool,
    warnings: list[str],
) -> State:
    """The whole document for one track."""
    catalog, workspace = standing.catalog, standing.workspace
    modules = [_module(standing, module, track) for module in catalog.modules]
    milestones = [_milestone(standing, milestone) for milestone in track.milestones]
    latest = max(standing.checks.values(), key=lambda r: r.checked_at, default=None)
    return State(
        version=STATE_VERSION,
        sequence=sequence,
        student=workspace.student,
        workspace=WorkspaceState(
            name=workspace.name,
            path=str(workspace.root),
            trusted=trusted,
            writable=writable,
            warnings=[*warnings, *(problem.message for problem in catalog.problems)],
        ),
        track=track.id,
        tracks=[
            TrackState(id=t.id, title=t.title, description=t.description) for t in catalog.tracks
        ],
        next=next_step(standing, track, trusted=trusted),
        milestones=milestones,
        modules=modules,
        checkpoints=[_checkpoint(standing, checkpoint) for checkpoint in catalog.checkpoints],
        milestones_complete=sum(m.status == "complete" for m in milestones),
        modules_complete=sum(m.status == "complete" for m in modules),
        modules_available=sum(m.status != "coming" for m in modules),
        checked_at=latest.checked_at if latest else "",
        checked_seconds=latest.seconds if latest else None,
    )


def next_step(standing: Standing, track: Track, *, trusted: bool = True) -> NextStep:
    """The one thing to do next: trust, a run that was just cut off, an unlocked milestone, a module
    in progress, a new one."""
    if not trusted:
        return NextStep(
            kind="trust",
            id="",
            title="Trust this course",
            why="Checking runs the code in its notebooks. Trust it if you know where it came from.",
            button="Trust this course",
            command="tito trust",
        )
    for milestone in track.milestones:
        cut_off = resume.waiting(standing, milestone)
        if cut_off is not None and cut_off is standing.attempts[-1]:
            return _go_on(milestone, cut_off)
    for milestone in track.milestones:
        statuses = {p.id: standing.part_status(milestone, p) for p in milestone.parts}
        ready = [p for p in milestone.parts if statuses[p.id] in ("ready", "running")]
        if ready and standing.milestone_receipt(milestone) is None:
            return _milestone_next(standing, milestone, ready[0])
    modules = [m for m in standing.catalog.modules if not m.coming]
    for wanted in (("recheck", "in_progress"), ("not_started",)):
        for module in modules:
            if standing.module_status(module) in wanted:
                return _module_next(standing, module, track)
    return _nothing_next(standing, track)


def _go_on(milestone: Milestone, cut_off: Attempt) -> NextStep:
    done = f"epoch {cut_off.saved_epoch} of {cut_off.epochs}"
    return NextStep(
        kind="milestone",
        id=milestone.id,
        title=f"Go on with {milestone.title}",
        why=f"Its last run was interrupted after {done}: add --resume to go on from there.",
        button="Run it",
        notebook=f"notebooks/{milestone.notebook}" if milestone.notebook else "",
        command=f"tito milestone run {milestone.id} --resume",
    )


def _milestone_next(standing: Standing, milestone: Milestone, part: Part) -> NextStep:
    begun = any(standing.part_complete(milestone, p) for p in milestone.parts)
    last = standing.catalog.module(part.needs[-1]) if part.needs else None
    if begun:
        why = f"Next part: {part.title}."
        title = f"Go on with {milestone.title}"
    else:
        why = f"Unlocked by {last.number} {last.title}." if last else "Nothing is missing for it."
        title = f"Run {milestone.title}"
    return NextStep(
        kind="milestone",
        id=milestone.id,
        title=title,
        why=why,
        button="Run it",
        notebook=f"notebooks/{milestone.notebook}" if milestone.notebook else "",
        command=f"tito milestone run {milestone.id}",
    )


def _module_next(standing: Standing, module: Module, track: Track) -> NextStep:
    record = standing.checks.get(module.id)
    status = standing.module_status(module)
    if record is not None and record.refused:
        title, why = f"Mend {module.number} {module.title}", record.refused
    elif status == "not_started":
        title, why = f"Start {module.number} {module.title}", module.question
    else:
        title = f"Go on with {module.number} {module.title}"
        passed = sum(t.passed for t in record.tests) if record else 0
        total = len(record.tests) if record and record.tests else task_count(module)
        why = f"{passed} of {total} tests pass."
        if status == "recheck":
            why += " It was complete before its code changed."
    waiting = standing.waiting_for(module, track)
    if waiting and status != "not_started":
        why += f" Leads to {standing.catalog.milestone(waiting[0], track.id).title}."
    return NextStep(
        kind="module",
        id=module.id,
        title=title,
        why=why,
        button="Open notebook",
        notebook=f"modules/{module.id}.ipynb",
        command=f"tito module start {module.number}",
    )


def _nothing_next(standing: Standing, track: Track) -> NextStep:
    done = sum(standing.milestone_receipt(m) is not None for m in track.milestones)
    why = f"{done} of {len(track.milestones)} milestones are yours."
    coming = next((m for m in standing.catalog.modules if m.coming), None)
    if coming is not None:
        why += f" {coming.number} {coming.title} is being written and comes with an update."
    return NextStep(
        kind="done",
        id="",
        title="You are up to date" if coming else "You have done it all",
        why=why,
        button="Look back",
        notebook="notebooks/start_here.ipynb",
        command="tito status",
    )


def _module(standing: Standing, module: Module, track: Track) -> ModuleState:
    status = standing.module_status(module)
    record = standing.checks.get(module.id)
    tests = record.tests if record else []
    return ModuleState(
        id=module.id,
        number=module.number,
        title=module.title,
        question=module.question,
        status=status,
        notebook="" if module.coming else f"modules/{module.id}.ipynb",
        tests_passed=sum(t.passed for t in tests),
        tests_total=len(tests) or (0 if module.coming else task_count(module)),
        failed=[t for t in tests if not t.passed],
        problem=record.refused if record else "",
        problem_cell=record.cell_id if record else "",
        checked_at=record.checked_at if record else "",
        seconds=record.seconds if record else None,
        unlocks=standing.waiting_for(module, track),
    )


def _milestone(standing: Standing, milestone: Milestone) -> MilestoneState:
    catalog = standing.catalog
    receipt = standing.milestone_receipt(milestone)
    best = standing.best_attempt(milestone)
    parts = [_part(standing, milestone, part) for part in milestone.parts]
    running = standing.running(milestone)
    return MilestoneState(
        id=milestone.id,
        number=milestone.number,
        year=milestone.year,
        title=milestone.title,
        headline=milestone.headline,
        people=milestone.people,
        story=milestone.story,
        status=standing.milestone_status(milestone),
        needs=[catalog.module(n).id for n in milestone.needs],
        missing=_missing(standing, milestone),
        parts=parts,
        parts_complete=sum(p.status == "complete" for p in parts),
        best_score=best.score if best else None,
        score_text=score_text(best.score) if best else "",
        seconds=best.seconds if best else None,
        curve=thin(best.losses, _CURVE_POINTS) if best else [],
        attempts=[
            AttemptState(
                part=a.part,
                started=a.started,
                seconds=a.seconds,
                result=a.result,
                score=a.score,
                credited=a.credited,
            )
            for a in standing.attempts_of(milestone)[:_ATTEMPTS_SHOWN]
        ],
        notebook=f"notebooks/{milestone.notebook}" if milestone.notebook else "",
        badge=milestone.badge,
        says=milestone.says,
        era=milestone.era,
        percent=standing.share(milestone),
        checkpoints=[
            _checkpoint(standing, catalog.checkpoint(name)) for name in milestone.checkpoints
        ],
        changed=milestone.changed,
        completed=receipt.created if receipt else "",
        running=_running(running) if running else None,
    )


def _missing(standing: Standing, milestone: Milestone) -> list[str]:
    """What stands before the next part: a later part's modules are not asked for yet."""
    open_parts = [p for p in milestone.parts if not standing.part_complete(milestone, p)]
    return standing.missing(open_parts[0].needs) if open_parts else []


def _running(attempt: Attempt) -> RunningState:
    return RunningState(
        part=attempt.part,
        step=attempt.step,
        steps=attempt.steps,
        seconds_left=attempt.seconds_left,
        epoch=attempt.epoch,
        epochs=attempt.epochs,
    )


def _part(standing: Standing, milestone: Milestone, part: Part) -> PartState:
    best = standing.best_attempt(milestone, part)
    shown = best or next(iter(standing.attempts_of(milestone, part)), None)
    measured = {gate.id: gate for gate in shown.gates} if shown else {}
    return PartState(
        id=part.id,
        title=part.title,
        story=part.story,
        status=standing.part_status(milestone, part),
        gates=[
            measured.get(
                gate.id, GateState(id=gate.id, title=gate.title, required=required_text(gate))
            )
            for gate in part.gates
        ],
        missing=standing.missing(part.needs),
        best_score=best.score if best else None,
        seconds=best.seconds if best else None,
    )


def _checkpoint(standing: Standing, checkpoint: Checkpoint) -> CheckpointState:
    return CheckpointState(
        id=checkpoint.id,
        title=checkpoint.title,
        capability=checkpoint.capability,
        status=standing.checkpoint_status(checkpoint),
        needs=[standing.catalog.module(n).id for n in checkpoint.needs],
    )


def score_text(score: float | None) -> str:
    """A share as a per cent, `96.1 %`; `100 %` without a useless decimal."""
    if score is None:
        return ""
    return re.sub(r"\.0 %$", " %", f"{100 * score:.1f} %")
