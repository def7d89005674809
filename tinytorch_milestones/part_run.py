"""One run of one part: drive its recipe, judge the evidence, write down what came of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Mapping
from typing import Any, Literal, Protocol

import msgspec
from threadpoolctl import threadpool_limits

from tinytorch_milestones import __version__, sandbox
from tinytorch_milestones.catalog import Milestone, Part
from tinytorch_milestones.catalog.curves import reference_curve
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.picture import score_text
from tinytorch_milestones.progress import Progress, new_attempt_id, now
from tinytorch_milestones.records import Attempt, Receipt
from tinytorch_milestones.sandbox import Limits
from tinytorch_milestones.standing import Standing, file_hash
from tinytorch_milestones.state import GateState, PartReport, VerdictState
from tinytorch_milestones.threads import others_served
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.evidence import Evidence, thin
from tinytorch_milestones.training.gates import Settled, judge_all
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import Recipe, load_recipe, timed
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.workspace import Workspace

RECIPE_ENTRY = "tinytorch_milestones.training.child:run"
# training has no time limit of its own: the person who started it can stop it
RECIPE_LIMITS = Limits(seconds=None)
_BEAT_SECONDS = 1.0


class Observer(Protocol):
    """Whoever draws a run: the dashboard, the terminal, or nobody."""

    def started(self, milestone: Milestone, part: Part, run: Run) -> None:
        """A part is about to begin."""

    def stepped(self, step: Step, run: Run) -> None:
        """One step was taken. Called for every step: cheap unless it draws."""

    def finished(self, report: PartReport, run: Run) -> None:
        """The part ended, for whatever reason."""


class Ghost(msgspec.Struct, frozen=True, kw_only=True):
    """The curves of another run of the same part, to be drawn behind this one."""

    losses: list[float]  # evenly spaced over `steps`, the first and the last among them
    steps: int
    accuracies: list[tuple[int, float]] = []  # step, and what was right on held-out data


class Run:
    """One run of one part, as an observer sees it."""

    def __init__(
        self,
        part: Part,
        implementation: Literal["yours", "reference"],
        path: str,
        ghosts: dict[str, Ghost],
    ) -> None:
        self.part = part
        self.implementation = implementation
        self.path = path  # the tinytorch package that runs
        self.ghosts = ghosts  # by the words that name them: "last run", "reference"
        self.evidence = Evidence()
        self.latest: Step | None = None
        self.pid: int | None = None  # of the process that trains, None for this one

    def take(self, step: Step) -> None:
        """Fold one step into the evidence."""
        self.latest = step
        self.evidence.fold(step)

    def verdicts(self) -> list[VerdictState]:
        """Every gate as it stands now; None where more steps may still bring it."""
        return judge_all(self.part.gates, self.evidence, final=False)

    @property
    def seconds(self) -> float:
        """Time spent training; drawing and pacing do not count."""
        return self.evidence.seconds

    @property
    def samples_per_second(self) -> float:
        return self.evidence.samples_per_second

    def seconds_left(self) -> float | None:
        """Training time left if nothing stops early, None before the first step."""
        return self.evidence.seconds_left()

    @property
    def memory(self) -> int:
        """Resident memory of the training process in bytes, 0 where it cannot be told."""
        import psutil

        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0


class Request(msgspec.Struct, kw_only=True):
    """How a milestone is to be run."""

    part: str | None = None
    overrides: Mapping[str, object] = {}
    cell: str | None = None  # Python that replaces the model or hyper-parameters
    names: Mapping[str, object] = {}  # what that Python can see
    quick: bool = False
    skip_checks: bool = False  # run what is locked, without credit
    demo: bool = False  # the reference runs
    in_child: bool = True


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
    ) -> None:
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
        path = str(implementation.root / "tinytorch")
        self.run = Run(part, implementation.kind, path, self._ghosts())
        self.interrupted = False
        self.error = ""
        self.error_module = ""
        self.error_in_code = True
        self._last_beat = 0.0

    def _ghosts(self) -> dict[str, Ghost]:
        ghosts: dict[str, Ghost] = {}
        for attempt in self.standing.attempts_of(self.milestone, self.part):
            if len(attempt.losses) > 1:
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
        steps = self._steps()
        try:
            for step in steps:
                self.run.take(step)
                observer.stepped(step, self.run)
                self._beat(step)
        finally:
            steps.close()

    def _steps(self) -> Generator[Step, None, None]:
        if self.request.in_child:
            return self._steps_in_child()
        return self._steps_here()

    def _steps_here(self) -> Generator[Step, None, None]:
        recipe = load_recipe(self.part.recipe)
        try:
            # one BLAS thread, as in the child: these matrices are small, for which two are slower,
            # and a second one spins on the core that sends the dashboard's frames
            with (
                others_served(),
                threadpool_limits(1, "blas"),
                self.implementation.active() as framework,
            ):
                chosen = dict(self.request.overrides)
                if self.request.cell is not None:
                    chosen |= run_cell(
                        self.request.cell, {**self.request.names, **framework.names()}, recipe.known
                    )
                settings = self._settings(recipe, chosen)
                settled = Settled(self.part.gates, settings.patience)
                for step in timed(recipe.function(framework, settings)):
                    yield step
                    if settled.after(self.run.evidence):
                        break
        except (TinyTorchError, GeneratorExit):
            raise
        except (Exception, SystemExit) as error:
            account = explain(error, self.implementation)
            self.error, self.error_module = account.text, account.module

    def _steps_in_child(self) -> Generator[Step, None, None]:
        recipe = load_recipe(self.part.recipe)
        settings = self._settings(recipe, self.request.overrides)
        job = {
            "root": str(self.implementation.root),
            "kind": self.implementation.kind,
            "recipe": self.part.recipe,
            "settings": {**self.part.settings, **self.request.overrides, "quick": settings.quick},
            "gates": msgspec.to_builtins(self.part.gates),
        }
        child = sandbox.take(RECIPE_ENTRY, limits=RECIPE_LIMITS)
        self.run.pid = child.pid
        done = False
        messages = child.run(job, self.workspace.root)
        try:
            for message in messages:
                if not isinstance(message, dict):
                    continue
                if "steps" in message:
                    yield from wire.decode(message["steps"])
                elif "error" in message:
                    self._child_error(message["error"])
                done = done or "done" in message or "error" in message
        finally:
            messages.close()
        if not done:
            self.error = f"The training process ended early ({child.ending.reason})."
            if child.ending.output.strip():
                self.error += f" It printed: {child.ending.output.strip()[-500:]}"

    def _child_error(self, error: dict[str, Any]) -> None:
        if error["kind"] == "implementation":
            raise ImplementationError(error["message"], error.get("remedy", ""))
        if error["kind"] == "settings":
            raise TinyTorchError(error["message"], error.get("remedy", ""))
        self.error, self.error_module = error["message"], error.get("module", "")

    def _settings(self, recipe: Recipe, chosen: Mapping[str, Any]) -> Settings:
        if self.request.quick:
            chosen = {**chosen, "quick": True}
        settings = recipe.settings(self.part.settings, chosen)
        self.attempt.seed = settings.seed
        return settings

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
            samples_per_second=self.run.samples_per_second,
            steps=self.run.latest.step if self.run.latest else 0,
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
        )

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
                    evidence=self.run.evidence.summary(),
                    student=self.workspace.student,
                    product=__version__,
                )
            )
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


def run_cell(
    source: str, names: Mapping[str, object], known: Mapping[str, object] | Any
) -> dict[str, Any]:
    """Run the Python of a `%%milestone run` cell; the settings and the model it defined.

    Names it merely found are not taken for a choice: only what it bound itself counts.
    """
    namespace = dict(names)
    before = {name: namespace.get(name) for name in known}
    exec(compile(source, "<%%milestone cell>", "exec"), namespace)
    return {
        name: namespace[name]
        for name in known
        if name in namespace and namespace[name] is not before[name]
    }


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
