"""Where a part's steps come from: training here or in a child process, anew or resumed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from threadpoolctl import threadpool_limits

from tinytorch_milestones import sandbox
from tinytorch_milestones.catalog import Milestone, Part
from tinytorch_milestones.cell_settings import run_cell
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.interrupting import interrupts_heard
from tinytorch_milestones.resume import Keeper, Saved
from tinytorch_milestones.sandbox import Limits
from tinytorch_milestones.speed import keep_memory
from tinytorch_milestones.threads import others_served
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.gates import Settled
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import Recipe, load_recipe, timed
from tinytorch_milestones.training.settings import Resume, Settings
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.watching import Run

RECIPE_ENTRY = "tinytorch_milestones.training.child:run"
# training has no time limit of its own: the person who started it can stop it
RECIPE_LIMITS = Limits(seconds=None)


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
    resume: bool = False  # go on with the run that was interrupted


class Training:
    """The steps of one run, and what ended it before its time.

    `run` holds the evidence, which whoever takes the steps folds. At the end of an epoch that a
    run can go on from, `keep` is called with what to keep. What the student's code raises ends up
    in `error`; `TinyTorchError` is for what somebody else must mend.
    """

    def __init__(
        self,
        course: Path,
        milestone: Milestone,
        part: Part,
        implementation: Implementation,
        request: Request,
        run: Run,
        keeper: Keeper,
        saved: Saved | None,
        keep: Callable[[Epoch], None] | None,
    ) -> None:
        self._course, self._milestone, self._part = course, milestone, part
        self._implementation = implementation
        self._request, self._run = request, run
        self._keeper, self._saved, self._keep = keeper, saved, keep
        self.settings: Settings | None = None
        self.error = ""
        self.error_module = ""
        self.ended_early = False  # the training process was gone before it could say why
        self.unsaved = ""  # why an epoch could not be kept

    def steps(self) -> Generator[Step, None, None]:
        """Train; closing the generator stops it."""
        steps = self._in_child() if self._request.in_child else self._here()
        try:
            yield from steps
        finally:
            steps.close()
            self._keeper.clear()

    def _here(self) -> Generator[Step, None, None]:
        recipe = load_recipe(self._part.recipe)
        request = self._request
        keep_memory()
        try:
            # one BLAS thread, as in the child: these matrices are small, for which two are slower,
            # and a second one spins on the core that sends the dashboard's frames
            with (
                interrupts_heard() as check_interrupt,
                others_served(),
                threadpool_limits(1, "blas"),
                self._implementation.active() as framework,
            ):
                chosen = dict(request.overrides)
                if request.cell is not None:
                    # a cell is for all parts that run; what another one knows does nothing here
                    parts = [load_recipe(part.recipe) for part in self._milestone.parts]
                    chosen |= run_cell(
                        request.cell,
                        {**request.names, **framework.names()},
                        recipe.known,
                        {name for other in parts for name in other.known},
                    )
                settings = self._settings(recipe, chosen)
                settings.resume = self._resume()
                settled = Settled(self._part.gates, settings.patience)
                for step in timed(recipe.function(framework, settings)):
                    check_interrupt()
                    yield step
                    if settled.after(self._run.evidence):
                        break
                    self._save(step)
        except (TinyTorchError, GeneratorExit):
            raise
        except (Exception, SystemExit) as error:
            account = explain(error, self._implementation)
            self.error, self.error_module = account.text, account.module

    def _save(self, step: Step) -> None:
        """Keep an epoch in this process. A run goes on when that does not work."""
        if step.checkpoint is None or self._keep is None:
            return
        try:
            path = self._keeper.scratch(f"{step.epoch}.npz")
            memory = step.checkpoint(path)
            self._keep_file(path, step.epoch, memory)
        except Exception as error:
            self._could_not_save(explain(error, self._implementation).text)

    def _keep_file(self, path: Path, epoch: int, memory: dict[str, Any]) -> None:
        assert self._keep is not None
        model = path.read_bytes()
        path.unlink()
        self._keep(Epoch(number=epoch, memory=memory, model=model))

    def _could_not_save(self, why: str) -> None:
        self.unsaved = self.unsaved or why

    def _in_child(self) -> Generator[Step, None, None]:
        recipe = load_recipe(self._part.recipe)
        overrides = self._request.overrides
        settings = self._settings(recipe, overrides)
        resume = self._resume()
        job = {
            "root": str(self._implementation.root),
            "kind": self._implementation.kind,
            "accelerated": self._implementation.accelerated,
            "recipe": self._part.recipe,
            "settings": {**self._part.settings, **overrides, "quick": settings.quick},
            "gates": msgspec.to_builtins(self._part.gates),
            "keep": "" if self._keep is None else str(self._keeper.scratch("")),
        }
        if self._run.shows and self._part.pictured:
            job["show"] = True
        if resume is not None:
            job["resume"] = msgspec.to_builtins(resume)
            job["evidence"] = self._run.evidence.state()
        child = sandbox.take(RECIPE_ENTRY, limits=RECIPE_LIMITS)
        self._run.pid = child.pid
        done = False
        messages = child.run(job, self._course)
        try:
            for message in messages:
                if not isinstance(message, dict):
                    continue
                if "steps" in message:
                    yield from wire.decode(message["steps"])
                elif "seen" in message:
                    self._run.seen = message["seen"]
                elif "saved" in message:
                    self._saved_in_child(message["saved"])
                elif "error" in message:
                    self._child_error(message["error"])
                elif "done" in message:
                    self._run.packed = message["done"].get("weights", "")
                done = done or "done" in message or "error" in message
        finally:
            messages.close()
        if not done:
            self.ended_early = True
            self.error = f"The training process ended early ({child.ending.reason})."
            if child.ending.output.strip():
                self.error += f" It printed: {child.ending.output.strip()[-500:]}"

    def _saved_in_child(self, said: dict[str, Any]) -> None:
        if self._keep is None:
            return
        if "error" in said:
            self._could_not_save(str(said["error"]))
            return
        epoch = int(said["epoch"])
        try:
            self._keep_file(self._keeper.scratch(f"{epoch}.npz"), epoch, said["memory"])
        except (OSError, TypeError) as error:
            self._could_not_save(str(error))

    def _child_error(self, error: dict[str, Any]) -> None:
        if error["kind"] == "implementation":
            raise ImplementationError(error["message"], error.get("remedy", ""))
        if error["kind"] in ("settings", "data"):
            raise TinyTorchError(error["message"], error.get("remedy", ""))
        self.error, self.error_module = error["message"], error.get("module", "")

    def _settings(self, recipe: Recipe, chosen: Mapping[str, Any]) -> Settings:
        if self._request.quick:
            chosen = {**chosen, "quick": True}
        settings = recipe.settings(self._part.settings, chosen)
        self.settings = settings
        if self._saved is not None and plain(settings.options()) != self._saved.options:
            now, then = plain(settings.options()), self._saved.options
            names = sorted(n for n in {*now, *then} if now.get(n) != then.get(n))
            raise TinyTorchError(
                f"The interrupted run was begun with other settings: {', '.join(names)}.",
                "Give it the same ones, or leave out --resume to start anew.",
            )
        return settings

    def _resume(self) -> Resume | None:
        saved = self._saved
        if saved is None:
            return None
        path = self._keeper.scratch("begin.npz")
        path.write_bytes(saved.model)
        return Resume(model=str(path), epoch=saved.epoch, memory=saved.memory)


class Epoch(msgspec.Struct, kw_only=True):
    """What an epoch left behind that a later run goes on from."""

    number: int
    memory: dict[str, Any]  # what the recipe must know
    model: bytes  # what the student's Trainer saved


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are read back from a file."""
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(options))
    return decoded
