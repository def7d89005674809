"""The child's side: examine a student's modules, send what is found as it is found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones.catalog import Module, load
from tinytorch_milestones.diagnosis.book import claims
from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.examiner import (
    Find,
    TooLong,
    first_problem,
    shrunk,
    silence,
    time_limit,
)
from tinytorch_milestones.diagnosis.trial import Absent, Problem
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.training.implementation import Framework, Implementation

Send = Callable[[object], None]
SECONDS_A_CLAIM = 5.0
_SECONDS_AFTERWARDS = 1.5
_SECONDS_TO_SHRINK = 4.0
_SHRUNK = 3  # of a module; what fails besides is usually the same mistake
_TOLD = 12


NOT_THERE = ("missing", "not yet")
"""Kinds of what is found where a module is not finished, rather than wrong."""
ENDLESS = ("endless", "ended")
"""Kinds of what is found where code does not come back."""


class Job(msgspec.Struct):
    """What to examine."""

    root: str
    modules: list[str]  # numbers
    seconds: float = SECONDS_A_CLAIM


class Found(msgspec.Struct, kw_only=True):
    """One thing that is wrong, as it travels to the parent."""

    module: str
    claim: str = ""
    task: str = ""
    message: str
    snippet: str = ""
    kind: str = "wrong"  # "wrong", "raises", "not yet", "missing", "endless", "ended"


def run(job: dict[str, Any], send: Send) -> None:
    """Entry of the sandbox: `job` is a `Job`.

    Sends `{"claim": id}` before each claim, `{"found": ...}` for what is wrong, `{"module": "01"}`
    after a module, and at the end `{"done": true}` or, when the package as a whole cannot be used,
    `{"refused": {"message", "remedy"}}`.
    """
    wanted = msgspec.convert(job, Job)
    _keep_hypothesis_out(Path(tempfile.gettempdir()))
    try:
        with silence(), Implementation.student(Path(wanted.root)).active() as framework:
            Examination(framework, wanted.seconds, send).modules(wanted.modules)
    except TinyTorchError as error:
        send({"refused": {"message": error.message, "remedy": error.remedy}})
    else:
        send({"done": True})


def _keep_hypothesis_out(folder: Path) -> None:
    """What hypothesis keeps between runs must not end up in a course."""
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(folder / "tinytorch-hypothesis")


class Examination:
    """Goes through modules in the order of the course."""

    def __init__(self, framework: Framework, seconds: float, send: Send) -> None:
        self._framework = framework
        self._seconds = seconds
        self._send = send
        self._guilty = False  # an earlier module has a fault of its own
        self._examined: set[str] = set()  # numbers
        self._module = ""  # whose turn it is
        self._homes = {name: module.number for module in load().modules for name in module.public}

    def modules(self, numbers: list[str]) -> None:
        """Examine each, with the ones before it as they are."""
        known = {module.number: module for module in load().modules}
        self._examined = set(numbers)
        if "06" not in self._examined and max(numbers, default="") > "06":
            self._record()
        for number in numbers:
            self._module = number
            found = self._import(known[number])
            for claim in () if found else claims():
                if claim.module == number and len(found) < _TOLD:
                    self._send({"claim": claim.id})
                    found += self._claim(claim, shrink=len(found) < _SHRUNK and not self._guilty)
            for one in found:
                self._send({"found": msgspec.to_builtins(one)})
            self._guilty = self._guilty or bool(found)
            self._send({"module": number})

    def _record(self) -> None:
        """Have operations recorded, where module 06 is there: later modules may count on it.

        Those that use its `Function` import it themselves, those that only compute need not.
        """
        with suppress(ImplementationError, TooLong), time_limit(self._seconds):
            self._framework.module("core.autograd")

    def _import(self, module: Module) -> list[Found]:
        """Import a module's file; what stands in the way of that, if anything does."""
        self._send({"claim": f"{module.number} import"})
        if not Path(self._framework.path).parent.joinpath(module.exports).is_file():
            message = (
                f"tinytorch/{module.exports} does not exist yet: save the notebook of module "
                f"{module.number} {module.title} to export it."
            )
            return [Found(module=module.number, message=message, kind="missing")]
        try:
            with time_limit(self._seconds):
                self._framework.module(module.target)
                for name in module.public:
                    getattr(self._framework, name)
        except TooLong:
            message = f"Importing tinytorch/{module.exports} does not come to an end."
            return [Found(module=module.number, message=message, kind="endless")]
        except ImplementationError as error:
            message = f"{error.message} {error.remedy}".strip()
            return [Found(module=module.number, message=message, kind="raises")]
        return []

    def _claim(self, claim: Claim, *, shrink: bool) -> list[Found]:
        find = self._find
        try:
            with _tape_kept(find), time_limit(self._seconds):
                problem = first_problem(claim, find)
                if problem is None:
                    return []
        except TooLong:
            seconds = self._seconds
            # whatever else leans on this does not end either; no need to wait as long again
            self._seconds = min(seconds, _SECONDS_AFTERWARDS)
            message = (
                f"Your code does not come to an end within {seconds:g} s when "
                f"{_subject(claim, find)} is tried: is there a loop that never ends?"
            )
            return [
                Found(
                    module=claim.module,
                    claim=claim.id,
                    task=claim.task,
                    message=message,
                    kind="endless",
                )
            ]
        except ImplementationError as error:
            message = f"{error.message} {error.remedy}".strip()
            return [Found(module=claim.module, claim=claim.id, message=message, kind="missing")]
        if problem.task and problem.task[:2] not in self._examined:
            return []  # unsolved, in a module that nobody asks about
        if shrink and problem.kind != "not yet":
            problem = self._smaller(claim, find, problem)
        task = problem.task or claim.task
        module = problem.task[:2] if problem.task else claim.module
        snippet = "" if problem.kind == "not yet" else problem.trial.snippet(problem.right)
        return [
            Found(
                module=module,
                claim=claim.id,
                task=task,
                message=problem.sentence,
                snippet=snippet,
                kind=problem.kind,
            )
        ]

    def _find(self, name: str) -> Any:
        """A public name, or a helper by its module: "core.spatial.windows".

        Raises `Absent` also for a name of another module than the one that is examined: that it
        is not there is said of that module, where anybody asks about it.
        """
        target, dot, helper = name.rpartition(".")
        if not dot:
            try:
                return getattr(self._framework, name)
            except ImplementationError:
                if self._homes.get(name) == self._module:
                    raise
                raise Absent(name) from None
        module = self._framework.module(target)
        if not hasattr(module, helper):
            raise Absent(name)
        return getattr(module, helper)

    def _smaller(self, claim: Claim, find: Find, problem: Problem) -> Problem:
        try:
            with _tape_kept(find), time_limit(_SECONDS_TO_SHRINK + 1):
                return shrunk(claim, find, problem, _SECONDS_TO_SHRINK)
        except TooLong:
            return problem


def _subject(claim: Claim, find: Find) -> str:
    """What a claim is about, in words: from its first trial, which is not run."""
    from tinytorch_milestones.diagnosis.source import Dice

    trial = next(iter(claim.trials(Dice(0, len(claim.id)))))
    return trial.says.rstrip(":")


class _tape_kept:
    """Put module 06's recorder back, whatever a trial left in its place."""

    def __init__(self, find: Find) -> None:
        self._operation: Any = find("Operation")

    def __enter__(self) -> None:
        self._tape = self._operation.tape

    def __exit__(self, *error: object) -> None:
        self._operation.tape = self._tape
