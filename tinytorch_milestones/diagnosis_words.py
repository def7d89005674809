"""The words that terminal and notebook share about a diagnosis: what to show of it, in order."""

from __future__ import annotations

from collections.abc import Sequence

from tinytorch_milestones.catalog.model import Module
from tinytorch_milestones.state import Diagnosis, Finding, SwapState

_SHOWN = 2  # findings of the culprit in full; of any other module one

WAITING = "Looking at your code, module by module. This takes a few seconds, a minute at most."


def shown(diagnosis: Diagnosis) -> list[Finding]:
    """What to show in full: of every module wrong by itself the first, of the culprit two tasks."""
    chosen: list[Finding] = []
    for finding in diagnosis.findings:
        if finding.follows:
            continue
        of_module = [one for one in chosen if one.module == finding.module]
        most = _SHOWN if finding.module == diagnosis.culprit else 1
        if len(of_module) < most and all(one.task != finding.task for one in of_module):
            chosen.append(finding)
    return chosen


def besides(diagnosis: Diagnosis, modules: Sequence[Module]) -> str:
    """What was found besides, in a sentence; "" for nothing."""
    named = {id(finding) for finding in shown(diagnosis)}
    rest = [f for f in diagnosis.findings if id(f) not in named]
    if not rest:
        return ""
    told = []
    for follows, words in ((False, "More of the same"), (True, "Follows from it")):
        counts: dict[str, int] = {}
        for finding in rest:
            if finding.follows == follows:
                counts[finding.module] = counts.get(finding.module, 0) + 1
        if counts:
            each = [f"{count} in {name_of(n, modules)}" for n, count in sorted(counts.items())]
            told.append(f"{words}: {', '.join(each)}.")
    return " ".join(told)


def swap_rows(diagnosis: Diagnosis, modules: Sequence[Module]) -> list[tuple[str, str]]:
    """For each run: whose code it was, and what came of it."""
    return [(_whose(swap, modules), _result(swap)) for swap in diagnosis.swaps]


def name_of(number: str, modules: Sequence[Module]) -> str:
    """`06 Autograd`."""
    return next((f"{m.number} {m.title}" for m in modules if m.number == number), number)


def place(finding: Finding) -> str:
    """Where to look: `06.matmul, cell 06-matmul of modules/06_autograd.ipynb`."""
    cell = f"cell {finding.cell_id} of {finding.notebook}" if finding.cell_id else finding.notebook
    return ", ".join(word for word in (finding.task, cell) if word)


def _whose(swap: SwapState, modules: Sequence[Module]) -> str:
    if not swap.modules:
        return "your own code"
    return "with " + " and ".join(name_of(number, modules) for number in swap.modules)


def _result(swap: SwapState) -> str:
    if swap.begun:
        return "nothing fails in its first steps"
    if swap.passed is None:
        return f"not tried: {swap.failed}"
    return "passes" if swap.passed else f"fails at: {swap.failed}"
