"""Run a part with the reference's modules in place of some of the student's.

What runs then is an overlay: a copy of the student's package in a temporary folder, with files of
the reference in it. It is never credited: it lives outside every course.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from tinytorch_milestones import sandbox
from tinytorch_milestones.catalog import Catalog, Gate, Part
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.sandbox import Limits
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import reference_root
from tinytorch_milestones.training.origin import PACKAGE

_ENTRY = "tinytorch_milestones.training.child:run"
_OUTPUT = 32 << 20

BEGINNINGS: dict[str, dict[str, int]] = {
    "language:stories": {"characters": 100_000, "vocabulary": 300},
    "language:python": {"functions": 400, "prompts": 4},
    "mlperf:generate": {"characters": 200_000},
}
"""Recipes whose whole run takes minutes, with settings that let their first steps come at once.

What they lean on is checked before the first step, so that a mistake is seen there.
"""
_CHECKED = ("agree.", "loader.")  # metrics of those checks, which no further step can mend


class Outcome(msgspec.Struct, kw_only=True):
    """How a part ended."""

    passed: bool | None  # None: nobody can run it here, or it was only begun
    failed: str = ""  # the first gate that failed, or what stopped it
    begun: bool = False  # its first steps came, and nothing fails there
    module: str = ""  # that this points to


@contextmanager
def overlay(root: Path, catalog: Catalog, modules: Sequence[str]) -> Iterator[Path]:
    """A root whose package is the student's, with these modules' files from the reference."""
    with tempfile.TemporaryDirectory(prefix="tinytorch-swap-") as folder:
        package = Path(folder) / PACKAGE
        shutil.copytree(root / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        for number in modules:
            file = catalog.module(number).exports
            target = package / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(reference_root() / PACKAGE / file, target)
        yield Path(folder)


def run_part(root: Path, part: Part, seconds: float) -> Outcome:
    """Run a part's recipe on the code at `root` and judge it; nothing is written down.

    Of a run that takes minutes only the first steps are taken. Data that is not here is the
    outcome's `failed`. Raises `TinyTorchError` when the part's own
    settings cannot be used.
    """
    beginning = BEGINNINGS.get(part.recipe)
    job = {
        "root": str(root),
        "kind": "yours",
        "recipe": part.recipe,
        "settings": {**part.settings, **(beginning or {})},
        "gates": msgspec.to_builtins(part.gates),
    }
    child = sandbox.take(_ENTRY, limits=Limits(seconds=seconds, output=_OUTPUT))
    evidence, done = Evidence(), False
    with closing(child.run(job, root)) as messages:
        for message in messages:
            if not isinstance(message, dict):
                continue
            if "steps" in message:
                for step in wire.decode(message["steps"]):
                    evidence.fold(step)
            elif "error" in message:
                error = message["error"]
                if error["kind"] == "data":
                    # its first sentence names the data; what to fetch is said by a run
                    return Outcome(passed=None, failed=_line(error["message"]).rstrip("."))
                if error["kind"] == "settings":
                    raise TinyTorchError(error["message"], error.get("remedy", ""))
                module = str(error.get("module", ""))
                return Outcome(passed=False, failed=_line(error["message"]), module=module)
            done = done or "done" in message
            # the only step of a run that is refused says that there will be no other
            if beginning is not None and 0 < evidence.steps < evidence.planned:
                return _begun(part, evidence)
    if not done:
        late = child.ending.reason == "timeout"
        failed = f"not finished after {seconds:.0f} s" if late else "it ended Python"
        return Outcome(passed=False, failed=failed)
    verdicts = judge_all(part.gates, evidence)
    first = next((verdict for verdict in verdicts if not verdict.passed), None)
    if first is None:
        return Outcome(passed=bool(verdicts))
    return Outcome(passed=False, failed=first.title, module=first.module)


def checks_of(part: Part) -> list[Gate]:
    """The gates that are judged on what is checked before the first step."""
    return [gate for gate in part.gates if gate.metric.startswith(_CHECKED)]


def _begun(part: Part, evidence: Evidence) -> Outcome:
    verdicts = judge_all(checks_of(part), evidence)
    first = next((verdict for verdict in verdicts if verdict.passed is False), None)
    if first is None:
        return Outcome(passed=None, begun=True)
    return Outcome(passed=False, failed=first.title, module=first.module)


def _line(text: str, longest: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 4] + " ..."
