"""The words of a diagnosis: who is to blame, how sure that is, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tinytorch_milestones.catalog import Catalog, Milestone, Module, Part
from tinytorch_milestones.catalog.tasks import read_tasks
from tinytorch_milestones.diagnosis.child import NOT_THERE, Found
from tinytorch_milestones.errors import WorkspaceError
from tinytorch_milestones.state import Diagnosis, Finding, SwapState
from tinytorch_milestones.workspace import master_notebook

Sure = Literal["both", "operations", "swap", "none"]


class Facts(msgspec.Struct, kw_only=True):
    """Everything that was found out."""

    catalog: Catalog
    milestone: Milestone
    part: Part | None  # the one that fails
    own: list[Found]  # wrong by itself
    later: list[Found]  # what follows from that
    swaps: list[SwapState]
    checked: list[str]
    seconds: float
    why_unrun: str = ""  # why that part was never run, "" where it was


def conclude(facts: Facts) -> Diagnosis:
    """Name the culprit where there is one, and say why."""
    guilty = sorted({found.module for found in facts.own})
    helped = [swap.modules for swap in facts.swaps if swap.modules and (swap.passed or swap.begun)]
    alone = [modules[0] for modules in helped if len(modules) == 1]
    culprit, sure = _culprit(facts, guilty, alone)
    said = _Words(facts, guilty, alone, helped).message(culprit, sure)
    findings = [_finding(facts.catalog, found, follows=False) for found in facts.own]
    findings += [_finding(facts.catalog, found, follows=True) for found in facts.later]
    findings.sort(key=_order(culprit, [finding.task for finding in findings]))
    clean = not findings and facts.part is None
    return Diagnosis(
        milestone=facts.milestone.id,
        title=facts.milestone.title,
        part="" if facts.part is None else facts.part.id,
        culprit=culprit,
        sure=sure,
        findings=findings,
        swaps=facts.swaps,
        message=said,
        next_command=_next(facts, culprit, findings),
        seconds=facts.seconds,
        clean=clean,
        checked=facts.checked,
    )


def _order(culprit: str, tasks: list[str]) -> Callable[[Finding], tuple[object, ...]]:
    """The culprit's own first, those of a task together, wrong numbers before exceptions."""

    def key(finding: Finding) -> tuple[object, ...]:
        return (
            finding.follows,
            finding.module != culprit,
            finding.module,
            tasks.index(finding.task),
            " raises " in finding.message,
        )

    return key


def _culprit(facts: Facts, guilty: Sequence[str], alone: Sequence[str]) -> tuple[str, Sure]:
    both = [number for number in alone if number in guilty]
    if both:
        return both[0], "both"
    if alone:
        return alone[0], "swap"
    if guilty:
        return guilty[0], "operations"
    return "", "none"


class _Words:
    def __init__(
        self,
        facts: Facts,
        guilty: Sequence[str],
        alone: Sequence[str],
        helped: Sequence[list[str]],
    ) -> None:
        self._facts = facts
        self._guilty, self._alone, self._helped = guilty, alone, helped
        self._begun = any(swap.begun for swap in facts.swaps)
        self._passes = "gets through its first steps" if self._begun else "passes"

    def message(self, culprit: str, sure: Sure) -> str:
        facts = self._facts
        name = self._name(culprit) if culprit else ""
        part = "" if facts.part is None else f'"{facts.part.title}"'
        if facts.part is None:
            return self._passing(name)
        unfinished = [number for number in self._guilty if self._unfinished(number)]
        if unfinished:
            return self._not_there(unfinished, part)
        if sure == "both":
            return (
                f"The mistake is in {name}. Its results are wrong by themselves, and with the "
                f"reference's in its place {part} {self._passes}.{self._others(culprit)}"
            )
        if sure == "swap":
            more = [n for n in self._alone if n != culprit]
            also = f" So it does with {_and(self._names(more))}." if more else ""
            if self._guilty:
                wrong = f"What was found wrong in {_and(self._names(self._guilty))} is not why"
            else:
                wrong = "Every result that was tried is right"
            return (
                f"Look at {name}. {wrong}, but with the reference's {name} in place of yours "
                f"{part} {self._passes}.{also}"
            )
        if sure == "operations":
            together = [modules for modules in self._helped if len(modules) > 1]
            if together:
                return (
                    f"{_and(self._names(together[0]))} are wrong. With the reference's in place "
                    f"of all of them {part} {self._passes}. Begin with {name}."
                )
            if self._unknown():
                return f"The results of {name} are wrong. {self._not_run(part)}"
            untried = any(swap.passed is None and swap.modules for swap in facts.swaps)
            why = "there was no time for every swap" if untried else "no swap alone mends it"
            return f"The results of {name} are wrong. {part} does not pass, and {why}."
        if self._unknown():
            return f"Every result that was tried is right. {self._not_run(part)}"
        if any(swap.passed is None and swap.modules for swap in facts.swaps):
            return (
                f"Every result that was tried is right, but {part} does not pass, and there was "
                "no time to try every module's swap."
            )
        return (
            f"Every result that was tried is right, and no module's swap alone makes {part} pass. "
            "If the run was changed in a cell, try it without."
        )

    def _not_there(self, unfinished: Sequence[str], part: str) -> str:
        wrong = [number for number in self._guilty if number not in unfinished]
        names = _and(self._names(unfinished))
        is_, it = ("is", "it") if len(unfinished) == 1 else ("are", "them")
        if wrong:
            return (
                f"The results of {_and(self._names(wrong))} are wrong, and {names} {is_} not "
                f"finished yet. {part} needs both."
            )
        return f"{names} {is_} not finished yet, and {part} needs {it}."

    def _unknown(self) -> bool:
        """Whether the part itself was never run."""
        return bool(self._facts.why_unrun)

    def _not_run(self, part: str) -> str:
        if self._begun:
            why = self._facts.why_unrun
            return f"Of {part} only the first steps were run, where nothing fails: {why}."
        return f"{part} was not run: {self._facts.why_unrun}."

    def _passing(self, name: str) -> str:
        facts = self._facts
        tried = [swap for swap in facts.swaps if not swap.modules]
        passes = "The milestone passes" if tried else "No part was run"
        if not name:
            return "All operations agree with numpy, and the milestone passes."
        return f"{passes}, but there is a mistake in {name} that it does not lean on."

    def _unfinished(self, culprit: str) -> bool:
        kinds = {found.kind for found in self._facts.own if found.module == culprit}
        return bool(kinds) and kinds <= set(NOT_THERE)

    def _others(self, culprit: str) -> str:
        others = [number for number in self._guilty if number != culprit]
        if not others:
            return ""
        return f" There is something wrong in {_and(self._names(others))} too."

    def _names(self, numbers: Sequence[str]) -> list[str]:
        return [self._name(number) for number in numbers]

    def _name(self, number: str) -> str:
        module = self._facts.catalog.module(number)
        return f"{module.number} {module.title}"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _next(facts: Facts, culprit: str, findings: Sequence[Finding]) -> str:
    if not culprit:
        passes = facts.part is None or any(swap.begun for swap in facts.swaps)
        return f"%milestone run {facts.milestone.id}" if passes else "%milestone status"
    hint = next((f.hint for f in findings if f.module == culprit and f.hint), "")
    return hint or f"%milestone check {culprit}"


def _finding(catalog: Catalog, found: Found, *, follows: bool) -> Finding:
    module = catalog.module(found.module)
    cells = _cells(module)
    known = found.task in cells
    return Finding(
        module=found.module,
        task=found.task if known else "",
        message=found.message,
        snippet=found.snippet,
        notebook=f"modules/{module.id}.ipynb" if cells else "",
        cell_id=cells.get(found.task, ""),
        hint=f"%hint {found.task}" if known else "",
        follows=follows,
    )


def _cells(module: Module) -> dict[str, str]:
    """The cell of each task of a module; nothing where its notebook is not written yet."""
    try:
        return {task.id: task.cell_id for task in read_tasks(master_notebook(module))}
    except WorkspaceError:
        return {}
