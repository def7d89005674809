"""One run of one part: drive its recipe, judge the evidence, write down what came of it."""

from __future__ import annotations

import hashlib
import time

import msgspec

from tinytorch_milestones import __version__
from tinytorch_milestones.catalog import Milestone, Part
from tinytorch_milestones.catalog.curves import reference_curve
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.part_steps import Epoch, Request, Training, plain
from tinytorch_milestones.picture import score_text
from tinytorch_milestones.progress import Progress, new_attempt_id, now
from tinytorch_milestones.records import Attempt, Receipt
from tinytorch_milestones.resume import Keeper, Saved, cell_hash
from tinytorch_milestones.standing import Standing, file_hash
from tinytorch_milestones.state import GateState, PartReport, VerdictState
from tinytorch_milestones.training.evidence import Evidence, thin
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.watching import Ghost, Observer, Run
from tinytorch_milestones.workspace import Workspace

_BEAT_SECONDS = 1.0


class PartRun:
    """Everything around one run of one part."""

    def __init__(
        self,
        workspace: Workspace,
        progress: Progress,
        standing: Standing,
        milestone: Milestone,
        part: Part,
        implementation: Implementation,
        request: Request,
        saved: Saved | None = None,
    ) -> None:
        """`saved` is the interrupted run that this one goes on with."""
        self.workspace = workspace
        self.progress = progress
        self.standing = standing
        self.milestone = milestone
        self.part = part
        self.implementation = implementation
        self.request = request
        missing = standing.missing(part.needs)
        self.why_not_credited = ""
        if request.demo:
            self.why_not_credited = "this was the reference code; run it with yours"
        elif missing:
            self.why_not_credited = f"it is locked: {', '.join(missing)} not complete"
        self.hashes = {
            module.id: file_hash(workspace.export(module))
            for module in map(standing.catalog.module, part.needs)
        }
        self.attempt = Attempt(
            id=new_attempt_id(),
            milestone=milestone.id,
            part=part.id,
            started=now(),
            implementation=implementation.kind,
        )
        self.saved = saved
        self.keeper = Keeper(workspace, milestone.id, part.id)
        path = str(implementation.root / "tinytorch")
        self.run = Run(part, implementation.kind, path, self._ghosts())
        if saved is not None:
            self.run.evidence = Evidence.restored(saved.evidence)
            self.run.resumed = saved.epoch
            self.attempt.resumed_from = saved.attempts[-1]
            self.attempt.resumed_epoch = self.attempt.saved_epoch = saved.epoch
        keep = None if request.demo or not progress.writable else self._keep
        self.training = Training(
            workspace.root,
            milestone,
            part,
            implementation,
            request,
            self.run,
            self.keeper,
            saved,
            keep,
        )
        self.interrupted = False
        self.error = ""
        self.error_module = ""
        self.error_in_code = True
        self._last_beat = 0.0

    def _keep(self, epoch: Epoch) -> None:
        """Keep the run as it is at the end of an epoch. Raises `OSError` and TypeError."""
        settings = self.training.settings
        if settings is None:
            return
        self.keeper.keep(
            Saved(
                milestone=self.milestone.id,
                part=self.part.id,
                epoch=epoch.number,
                epochs=settings.rounds,
                attempts=[*(self.saved.attempts if self.saved else ()), self.attempt.id],
                alone=self.request.part is not None,
                overrides=dict(self.request.overrides),
                quick=self.request.quick,
                cell=cell_hash(self.request.cell),
                options=plain(settings.options()),
                hashes=self.hashes,
                evidence=self.run.evidence.state(),
                memory=epoch.memory,
                model=epoch.model,
            )
        )
        self.attempt.saved_epoch = self.attempt.epoch = epoch.number
        self.attempt.epochs = settings.rounds
        self.progress.save_attempt(self.attempt, durable=False)

    def _ghosts(self) -> dict[str, Ghost]:
        ghosts: dict[str, Ghost] = {}
        # a resumed run goes on with its own curve; what it had before is not another run's
        own = self.saved.attempts if self.saved is not None else []
        for attempt in self.standing.attempts_of(self.milestone, self.part):
            if len(attempt.losses) > 1 and attempt.id not in own:
                ghosts["last run"] = Ghost(
                    losses=attempt.losses,
                    steps=max(attempt.step, len(attempt.losses)),
                    accuracies=attempt.accuracies,
                )
                break
        # where the reference itself runs, its own curve behind it would say nothing
        if self.implementation.kind == "yours":
            curve = reference_curve(self.milestone.id, self.part.id)
            if curve is not None:
                ghosts["reference"] = msgspec.convert(curve, Ghost, from_attributes=True)
        return ghosts

    def go(self, observer: Observer) -> PartReport:
        if not self.request.demo:
            self.progress.begin_attempt(self.attempt)
        try:
            self._drive(observer)
        except KeyboardInterrupt:
            self.interrupted = True
        except TinyTorchError as error:
            self.error = str(error)
            self.error_in_code = isinstance(error, ImplementationError)
        report = self._judge()
        self._write_down(report)
        observer.finished(report, self.run)
        return report

    def _drive(self, observer: Observer) -> None:
        observer.started(self.milestone, self.part, self.run)
        steps = self.training.steps()
        try:
            for step in steps:
                self.run.take(step)
                observer.stepped(step, self.run)
                self._beat(step)
        finally:
            steps.close()
            training = self.training
            if training.settings is not None:
                self.attempt.seed = training.settings.seed
        self.error, self.error_module = training.error, training.error_module

    def _beat(self, step: Step) -> None:
        moment = time.monotonic()
        if self.request.demo or moment - self._last_beat < _BEAT_SECONDS:
            return
        self._last_beat = moment
        attempt = self.attempt
        attempt.step, attempt.steps = step.step, step.steps
        attempt.epoch, attempt.epochs = step.epoch, step.epochs
        attempt.seconds_left = self.run.seconds_left()
        self.progress.save_attempt(attempt, durable=False)

    def _judge(self) -> PartReport:
        evidence = self.run.evidence
        verdicts = judge_all(self.part.gates, evidence)
        passed = (
            not self.interrupted
            and not self.error
            and bool(verdicts)
            and all(verdict.passed for verdict in verdicts)
        )
        if not passed and not self.why_not_credited:
            self.why_not_credited = (
                "it was stopped" if self.interrupted else "not every gate was passed"
            )
        score = evidence.metrics.get(self.part.score)
        return PartReport(
            milestone=self.milestone.id,
            part=self.part.id,
            title=self.part.title,
            passed=passed,
            interrupted=self.interrupted,
            credited=passed and not self.why_not_credited,
            verdicts=verdicts,
            seconds=self.run.seconds,
            samples_per_second=evidence.samples_per_second,
            steps=evidence.steps,
            score=score,
            score_text=score_text(score),
            why_not_credited=self.why_not_credited,
            losses=thin(evidence.losses),
            accuracies=thin(evidence.accuracies),
            seed=self.attempt.seed,
            implementation=self.implementation.kind,
            error=self.error,
            error_module=self.error_module,
            error_in_code=bool(self.error) and self.error_in_code,
            exercised=dict(sorted(evidence.exercised.items())),
            epochs=evidence.epochs,
            saved_epoch=self.attempt.saved_epoch if self._can_go_on() else 0,
            resumed_epoch=self.attempt.resumed_epoch,
            memory=self.run.memory,
            noun=evidence.noun,
        )

    def _can_go_on(self) -> bool:
        """Whether the run was cut off by something else than the code that ran."""
        return self.interrupted or self.training.ended_early

    def _write_down(self, report: PartReport) -> None:
        if self.request.demo:
            return
        if report.credited:
            hashes = {**self.hashes, "gates": _gates_hash(self.part)}
            self.progress.add_receipt(
                Receipt(
                    kind="part",
                    what=f"{self.milestone.id}/{self.part.id}",
                    created=now(),
                    hashes=hashes,
                    evidence=self._evidence(),
                    student=self.workspace.student,
                    product=__version__,
                )
            )
            weights = self.run.weights()
            if weights is not None:
                self.progress.keep_weights(self.milestone.id, self.part.id, weights)
        attempt = self.attempt
        if report.interrupted:
            attempt.result = "interrupted"
        elif report.error:
            attempt.result = "error"
        else:
            attempt.result = "passed" if report.passed else "failed"
        attempt.seconds = report.seconds
        attempt.samples_per_second = report.samples_per_second
        attempt.score = report.score
        attempt.credited = report.credited
        attempt.why_not_credited = report.why_not_credited
        attempt.losses, attempt.accuracies = report.losses, report.accuracies
        attempt.step, attempt.seconds_left = report.steps, None
        attempt.gates = [_gate_state(verdict) for verdict in report.verdicts]
        self.progress.save_attempt(attempt)
        if not report.interrupted and not report.error:
            self.keeper.drop()
        if self.training.unsaved:
            why = self.training.unsaved.rstrip(".")
            self.progress.warnings.append(
                f"The run could not be kept at the end of an epoch, so it could not have gone on "
                f"after an interruption: {why}."
            )

    def _evidence(self) -> dict[str, object]:
        found = self.run.evidence.summary()
        if self.saved is not None:
            found["resumed"] = {"epoch": self.saved.epoch, "attempts": self.saved.attempts}
        return found


def _gates_hash(part: Part) -> str:
    return hashlib.sha256(msgspec.json.encode(part.gates)).hexdigest()[:16]


def _gate_state(verdict: VerdictState) -> GateState:
    return GateState(
        id=verdict.id,
        title=verdict.title,
        required=verdict.required,
        measured=verdict.measured,
        passed=verdict.passed,
        hint=verdict.hint,
        module=verdict.module,
    )


__all__ = ["Ghost", "Observer", "PartRun", "Request", "Run"]
