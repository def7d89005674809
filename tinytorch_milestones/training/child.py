"""The child's side of a run in the sandbox: train there, send steps to the parent."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog.model import Gate
from tinytorch_milestones.errors import (
    DataDamaged,
    DataMissing,
    ImplementationError,
    TinyTorchError,
)
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import Settled
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.recipes import load_recipe, timed
from tinytorch_milestones.training.settings import Resume
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.weights import pack

_STEPS_A_MESSAGE = 200
_SECONDS_A_MESSAGE = 0.05
_LOOKING = 0.01  # of the time may go into pictures of what the network sees and says
_LOOK = 0.01  # seconds that a picture counts as having taken at least: one a second is enough


def run(job: Mapping[str, Any], send: Callable[[object], None]) -> None:
    """Entry of the sandbox: train `job["recipe"]` with the code at `job["root"]`.

    job: root, kind ("yours" or "reference"), recipe, settings (plain values), the part's gates if
    it may stop early, and "keep", the beginning of a path for what is kept of an epoch, if it may
    go on later; "show" where somebody watches what a model of language sees and says;
    "accelerated" where module 17 is to help. To go on: "resume" (`Resume`) and the "evidence"
    there was by then.
    It stops here, instead of being closed by the parent, so that the origin of everything that was
    imported is checked once more before the parent believes any of it.
    Sends `{"steps": [...]}` as they come, `{"saved": {...}}` after an epoch that was kept,
    `{"seen": {...}}` (a view, see `steps.VIEWS`) now and then to whoever watches, then
    one `{"done": {...}}` or `{"error": {...}}`.
    """
    accelerated = bool(job.get("accelerated"))
    implementation = Implementation(job["kind"], Path(job["root"]), accelerated)
    try:
        recipe = load_recipe(job["recipe"])
        settings = recipe.settings(job["settings"])
        with implementation.active() as framework:
            if "resume" in job:
                settings.resume = msgspec.convert(job["resume"], Resume)
            settled = Settled(msgspec.convert(job.get("gates", []), list[Gate]), settings.patience)
            stream = _Stream(job, implementation, settled, send)
            player = stream.pass_on(timed(recipe.function(framework, settings)))
            weights = pack(player, job["recipe"])
        done = {"file": framework.path, "exercised": framework.exercised()}
        if weights is not None:
            done["weights"] = b64encode(weights).decode("ascii")
    except TinyTorchError as error:
        send({"error": {"kind": _kind(error), "message": error.message, "remedy": error.remedy}})
    except (Exception, SystemExit) as error:
        account = explain(error, implementation)
        send(
            {
                "error": {
                    "kind": "student" if account.file else "recipe",
                    "message": account.text,
                    "remedy": "",
                    "module": account.module,
                    "file": account.file,
                    "line": account.line,
                }
            }
        )
    else:
        send({"done": done})


def _kind(error: TinyTorchError) -> str:
    if isinstance(error, ImplementationError):
        return "implementation"
    return "data" if isinstance(error, DataMissing | DataDamaged) else "settings"


def plain(value: Any) -> Any:
    """A view as JSON values: arrays become lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return value if isinstance(value, int) else wire.to_plain(float(value))


class _Stream:
    """Sends steps a few at a time: a message for each would cost more than the step."""

    def __init__(
        self,
        job: Mapping[str, Any],
        implementation: Implementation,
        settled: Settled,
        send: Callable[[object], None],
    ) -> None:
        self._implementation, self._settled, self._send = implementation, settled, send
        self._keep = str(job.get("keep", ""))
        self._shows = bool(job.get("show"))
        self._begun = time.monotonic()
        self._looking = 0.0  # seconds spent on pictures
        earlier = job.get("evidence")
        self._evidence = Evidence() if earlier is None else Evidence.restored(earlier)
        self._waiting: list[Step] = []

    def pass_on(self, steps: Iterator[Step]) -> Any:
        """Send all steps, and each epoch that is to be kept; the trained network, where the
        recipe offers it."""
        player: Any = None
        latest: Step | None = None
        sent = 0.0
        try:
            for step in steps:
                latest = step
                self._waiting.append(step)
                player = step.play
                moment = time.monotonic()
                if len(self._waiting) >= _STEPS_A_MESSAGE or moment - sent >= _SECONDS_A_MESSAGE:
                    self._flush()
                    sent = moment
                self._evidence.fold(step)
                if self._settled.after(self._evidence):
                    break
                in_time = self._looking <= _LOOKING * (moment - self._begun)
                if self._shows and (step.watch or in_time):
                    self._look(step)
                if step.checkpoint is not None and self._keep:
                    self._save(step, step.checkpoint)
            if self._shows and latest is not None:
                self._look(latest)
        finally:
            # also when the student's code raised: what came before it is evidence
            self._flush()
        return player

    def _look(self, step: Step) -> None:
        """Send what the network sees and says; a picture that fails must not end a run."""
        if step.view is None:
            return
        begun = time.monotonic()
        try:
            view = plain(step.view())
        except Exception:
            self._shows = False
        else:
            self._flush()
            self._send({"seen": view})
        self._looking += max(time.monotonic() - begun, _LOOK)

    def _flush(self) -> None:
        if self._waiting:
            self._send({"steps": wire.encode(self._waiting)})
            self._waiting.clear()

    def _save(self, step: Step, checkpoint: Callable[[Path], dict[str, Any]]) -> None:
        """Write what an epoch left behind beside `keep`; a run goes on when that does not work."""
        self._flush()  # the parent's evidence is to end with this step
        try:
            memory = checkpoint(Path(f"{self._keep}{step.epoch}.npz"))
        except Exception as error:
            self._send({"saved": {"error": explain(error, self._implementation).text}})
        else:
            self._send({"saved": {"epoch": step.epoch, "memory": memory}})
