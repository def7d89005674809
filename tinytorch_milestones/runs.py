"""Run a milestone: which parts, in which order, and what they add up to."""

from __future__ import annotations

import msgspec

from tinytorch_milestones import __version__, resume
from tinytorch_milestones.catalog import Catalog, Milestone, Part
from tinytorch_milestones.errors import Locked, TinyTorchError
from tinytorch_milestones.part_run import Observer, PartRun, Request, Run
from tinytorch_milestones.progress import Progress, now
from tinytorch_milestones.records import Receipt
from tinytorch_milestones.standing import Standing
from tinytorch_milestones.state import PartReport, RunReport
from tinytorch_milestones.training.implementation import ACCELERATION, Implementation
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.workspace import Workspace


class _Silent:
    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        pass

    def stepped(self, step: Step, run: Run) -> None:
        pass

    def finished(self, report: PartReport, run: Run) -> None:
        pass


def run_milestone(
    workspace: Workspace,
    catalog: Catalog,
    progress: Progress,
    milestone: Milestone,
    request: Request,
    observer: Observer | None = None,
) -> RunReport:
    """Run the parts that are asked for, in order, until one does not pass.

    Credit needs the student's own code, complete modules, and every gate. Raises `Locked` when
    modules are missing and neither `demo` nor `skip_checks` was asked for. With `resume` the run
    that was interrupted goes on; raises `TinyTorchError` where there is none or it is another.
    """
    standing = Standing(catalog, workspace, progress)
    saved = None
    if request.resume:
        saved = resume.newest(workspace, milestone, request.part)
        resume.check(
            saved,
            workspace,
            catalog,
            overrides=request.overrides,
            quick=request.quick,
            cell=request.cell,
        )
        request = msgspec.structs.replace(
            request, overrides=saved.overrides, quick=saved.quick, part=saved.part
        )
    parts = _choose(standing, milestone, request)
    if saved is not None and not saved.alone:
        # the run that was interrupted would have gone on to the parts that follow
        after = msgspec.structs.replace(request, part=None)
        request = after
        follow = _choose(standing, milestone, after)
        parts = follow[follow.index(parts[0]) :] if parts[0] in follow else parts
    implementation = (
        Implementation.reference(accelerated=True)
        if request.demo
        else Implementation.student(
            workspace.root, accelerated=standing.module_complete(ACCELERATION)
        )
    )
    report = RunReport(
        milestone=milestone.id,
        title=milestone.title,
        parts=[],
        complete=False,
        newly_complete=False,
    )
    for part in parts:
        goes_on = saved if saved is not None and saved.part == part.id else None
        done = PartRun(
            workspace, progress, standing, milestone, part, implementation, request, goes_on
        )
        report.parts.append(done.go(observer or _Silent()))
        if not report.parts[-1].passed:
            break
    earned = any(part.credited for part in report.parts)
    report.newly_complete = earned and conclude(workspace, catalog, progress, milestone)
    report.complete = (
        Standing(catalog, workspace, progress).milestone_receipt(milestone) is not None
    )
    if report.complete:
        report.changed_history, report.badge = milestone.changed, milestone.badge
    return report


def _choose(standing: Standing, milestone: Milestone, request: Request) -> list[Part]:
    written = [part for part in milestone.parts if not part.coming]
    if request.part is not None:
        part = standing.catalog.part(milestone, request.part)
        if part.coming:
            raise _coming(f"{milestone.title}: {part.title}")
        written = [part]
    if not written:
        raise _coming(milestone.title)
    if request.demo or request.skip_checks:
        return written
    ready = [part for part in written if not standing.missing(part.needs)]
    if not ready:
        missing = standing.missing(written[0].needs)
        raise Locked(
            milestone.title,
            missing,
            f"Complete {', '.join(missing)} first; `%milestone demo {milestone.id}` or "
            f"`tito milestone demo {milestone.id}` shows it with the reference code.",
        )
    return ready


def _coming(what: str) -> TinyTorchError:
    return TinyTorchError(f"{what} is not here yet.", "It comes with an update of this course.")


def conclude(
    workspace: Workspace, catalog: Catalog, progress: Progress, milestone: Milestone
) -> bool:
    """Write a milestone's receipt when everything it asks for is there. True when it is new."""
    standing = Standing(catalog, workspace, progress)
    if standing.milestone_receipt(milestone) is not None or not standing.earned(milestone):
        return False
    receipts = [r for r in standing.receipts if r.what.startswith(f"{milestone.id}/")]
    return progress.add_receipt(
        Receipt(
            kind="milestone",
            what=milestone.id,
            created=now(),
            hashes={r.what: r.key for r in receipts},
            evidence={
                "parts": [r.what for r in receipts],
                "checkpoints": [c.id for c in standing.checkpoints(milestone)],
            },
            student=workspace.student,
            product=__version__,
        )
    )


__all__ = ["Observer", "Request", "Run", "conclude", "run_milestone"]
