"""Put an examination and swaps together, and say which module is to blame."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tinytorch_milestones.catalog import Catalog, Milestone, Part
from tinytorch_milestones.diagnosis.child import ENDLESS, Found
from tinytorch_milestones.diagnosis.examination import Examined, examine
from tinytorch_milestones.diagnosis.swaps import Outcome, overlay, run_part
from tinytorch_milestones.diagnosis.verdict import Facts, conclude
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.state import Diagnosis, RunReport, SwapState

SECONDS = 60.0
"""For a whole diagnosis."""
_LONGEST_RUN = 30.0
_SHORTER_RUN = 8.0  # where it is known that the code does not come back
_NO_TIME = "no time was left to try it"
_BEGUN = "a whole run takes minutes"
_LEAST = 2.0  # seconds that a run or an examination is worth beginning with


def choose_parts(
    catalog: Catalog,
    milestone: Milestone,
    name: str | None,
    report: RunReport | None,
    missing: Callable[[tuple[str, ...]], Sequence[str]],
) -> list[Part]:
    """The part asked for, else the one that failed in a report, else those that can be run.

    `missing` says which of some modules are not complete. Raises `UnknownName` for a part that
    does not exist and `TinyTorchError` for one that is still coming.
    """
    if name is None and report is not None:
        name = next((done.part for done in report.parts if not done.passed), None)
    parts = [catalog.part(milestone, name)] if name is not None else list(milestone.parts)
    written = [part for part in parts if not part.coming]
    if not written:
        raise TinyTorchError(
            f"{milestone.title} is not here yet.", "It comes with an update of this course."
        )
    ready = [part for part in written if not missing(part.needs)]
    return ready or written[:1]


def diagnose(
    root: Path,
    catalog: Catalog,
    milestone: Milestone,
    parts: Sequence[Part],
    seconds: float = SECONDS,
) -> Diagnosis:
    """Examine the code at `root` and, where a part fails, re-run it with modules swapped.

    `parts` are tried in order until one fails; one whose data is not here is passed over. Raises
    `ImplementationError` when the package cannot be used at all.
    """
    return _Inquiry(root, catalog, milestone, parts, seconds).result()


class _Inquiry:
    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        milestone: Milestone,
        parts: Sequence[Part],
        seconds: float,
    ) -> None:
        self._root, self._catalog, self._milestone = root, catalog, milestone
        self._parts = parts
        self._start = time.monotonic()
        self._seconds = seconds
        self._longest = _LONGEST_RUN
        self._swaps: list[SwapState] = []
        self._unrun: Part | None = None  # whose data is not here
        self._why_unrun = ""  # why the part that is told of was not run
        self._pointed = ""  # the module that the first failed gate points to

    def result(self) -> Diagnosis:
        needs = sorted({number for part in self._parts for number in part.needs})
        examined = examine(self._root, needs, self._left())
        if examined.unfinished():
            # nothing can be run, so there is nothing to swap
            return self._conclude(self._parts[0], examined.found, [], examined.checked)
        if any(found.kind in ENDLESS for found in examined.found):
            self._longest = _SHORTER_RUN
        # the likeliest swap comes first: where it helps, nothing else need be asked
        suspect = examined.guilty()[0] if examined.found else ""
        if suspect:
            # what leans on it shows whether it matters; there may be no time for the others
            self._parts = sorted(self._parts, key=lambda part: suspect not in part.needs)
        failing = self._failing_part()
        if failing is None and self._unrun is not None:
            # nobody can run it here: what is wrong by itself is all there is to say
            own, later = self._own_faults(examined, "")
            return self._conclude(self._unrun, own, later, examined.checked)
        proven = failing is not None and bool(suspect) and self._helps(failing, suspect)
        own, later = self._own_faults(examined, suspect if proven else "")
        if failing is not None and not proven:
            self._swap(failing, own)
        return self._conclude(failing, own, later, examined.checked)

    def _conclude(
        self, part: Part | None, own: list[Found], later: list[Found], checked: list[str]
    ) -> Diagnosis:
        return conclude(
            Facts(
                catalog=self._catalog,
                milestone=self._milestone,
                part=part,
                own=own,
                later=later,
                swaps=self._swaps,
                why_unrun=self._why_unrun if part is not None else "",
                checked=checked,
                seconds=time.monotonic() - self._start,
            )
        )

    def _left(self) -> float:
        return self._start + self._seconds - time.monotonic()

    # whose mistake

    def _own_faults(self, examined: Examined, proven: str) -> tuple[list[Found], list[Found]]:
        """What is wrong by itself, and what only follows from it; `proven` is known to be wrong.

        The first module in the order of the course with something wrong, everything below it
        being right, is wrong by itself. What fails above it is tried again with the reference's
        in its place.
        """
        own: list[Found] = []
        later: list[Found] = []
        replaced: list[str] = []
        waiting = examined
        while waiting.found:
            suspect = waiting.guilty()[0]
            culprit = suspect if suspect == proven else self._below(suspect, replaced) or suspect
            own += [found for found in waiting.found if found.module == culprit]
            if culprit != suspect:
                # its own claims all hold: what it breaks above is all there is to show
                shown = [found for found in waiting.found if found.module == suspect]
                own += [_moved(found, culprit) for found in shown]
            replaced.append(culprit)
            above = [number for number in waiting.guilty() if number not in replaced]
            if not above:
                break
            if self._left() < _LEAST or len(replaced) > 3:
                later += [found for found in waiting.found if found.module in above]
                break
            with overlay(self._root, self._catalog, replaced) as root:
                again = examine(root, above, self._left())
            still = set(again.guilty())
            later += [
                found
                for found in waiting.found
                if found.module in above and found.module not in still
            ]
            waiting = again
        return own, later

    def _below(self, suspect: str, replaced: list[str]) -> str:
        """The module below a suspect that its faults go back to; "" when they are its own."""
        lower = [m.number for m in self._catalog.modules if "00" < m.number < suspect]
        if not lower or self._left() < 4 * _LEAST:
            return ""
        with overlay(self._root, self._catalog, [*lower, *replaced]) as root:
            alone = examine(root, [suspect], self._left())
        if alone.found:
            return ""
        for number in reversed(lower):
            if self._left() < 4 * _LEAST:
                return ""
            with overlay(self._root, self._catalog, [number, *replaced]) as root:
                if not examine(root, [suspect], self._left()).found:
                    return number
        return ""

    # which swap helps

    def _failing_part(self) -> Part | None:
        """The first part that fails; what each said is kept as a swap of nothing."""
        for part in self._parts:
            outcome = self._try(part, [])
            if outcome is None:
                self._why_unrun = _NO_TIME
                return part
            if outcome.passed is None:
                self._unrun, self._why_unrun = self._unrun or part, outcome.failed or _BEGUN
            elif not outcome.passed:
                self._why_unrun, self._pointed = "", outcome.module
                return part
        return None

    def _swap(self, part: Part, own: Sequence[Found]) -> None:
        """Put one reference module at a time in place of the student's, the likeliest first.

        Those are the guilty ones, then the one that the failed gate points to.
        """
        guilty = sorted({found.module for found in own})
        tried = [swap.modules[0] for swap in self._swaps if len(swap.modules) == 1]
        rest = [number for number in part.needs if number not in guilty]
        rest.sort(key=lambda number: number != self._pointed)
        helped = False
        for number in [*(n for n in guilty if n in part.needs), *rest]:
            if number not in tried and self._helps(part, number):
                helped = True
                if number in guilty:
                    break  # what its own results say as well needs no more proof
        if not helped and len(guilty) > 1:
            self._try(part, guilty)

    def _helps(self, part: Part, number: str) -> bool:
        """Whether the part passes with the reference's module in place of this one."""
        if number not in part.needs:
            return False
        outcome = self._try(part, [number])
        return outcome is not None and (outcome.passed is True or outcome.begun)

    def _try(self, part: Part, modules: list[str]) -> Outcome | None:
        left = self._left()
        if left < _LEAST:
            state = SwapState(modules=modules, passed=None, failed=_NO_TIME)
            self._swaps.append(state)
            return None
        seconds = min(left, self._longest)
        if modules:
            with overlay(self._root, self._catalog, modules) as root:
                outcome = run_part(root, part, seconds)
        else:
            outcome = run_part(self._root, part, seconds)
        state = SwapState(modules=modules, passed=outcome.passed, failed=outcome.failed)
        state.begun = outcome.begun
        self._swaps.append(state)
        return outcome


def _moved(found: Found, module: str) -> Found:
    return Found(
        module=module,
        claim=found.claim,
        task="",
        message=found.message,
        snippet=found.snippet,
        kind=found.kind,
    )
