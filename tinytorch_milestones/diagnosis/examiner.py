"""Run the claims of a module on a student's code, and shrink what fails."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Dice, Drawn, Source
from tinytorch_milestones.diagnosis.trial import Problem, judge

_EXAMPLES = 400
Find = Callable[[str], Any]


class TooLong(BaseException):
    """A claim took longer than it may; not an Exception, so that ordinary code lets it pass."""


class _Enough(BaseException):
    """Shrinking has had its time."""


def first_problem(claim: Claim, find: Find) -> Problem | None:
    """The first problem that dice come across, None where there is none."""
    for number in range(claim.tries):
        problem = _look(claim, Dice(number, len(claim.id)), find)
        if problem is not None:
            return problem
    return None


def shrunk(claim: Claim, find: Find, first: Problem, seconds: float) -> Problem:
    """The smallest failing trial that can be found in so many seconds."""
    import hypothesis
    from hypothesis import strategies

    best = first
    until = time.monotonic() + seconds

    @strategies.composite
    def found(draw: Callable[[Any], Any]) -> Problem | None:
        if time.monotonic() > until:
            raise _Enough
        return _look(claim, Drawn(draw), find)

    def fails(problem: Problem | None) -> bool:
        nonlocal best
        # a wrong number says more than an exception, which is no smaller form of it
        if problem is None or problem.kind not in (first.kind, "wrong"):
            return False
        if (problem.kind != "wrong", problem.size) <= (best.kind != "wrong", best.size):
            best = problem
        return True

    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    # what it raises (nothing found again, code that is not deterministic) leaves the best there is
    with contextlib.suppress(_Enough, Exception):
        simplest = hypothesis.find(found(), fails, settings=settings)
        # simple in numbers and axes, which is not always short to write
        if simplest is not None and (simplest.kind == "wrong" or best.kind != "wrong"):
            return simplest
    if best.kind == "wrong" != first.kind:
        # a wrong number was seen on the way to a simpler exception: that is what to make simpler
        return shrunk(claim, find, best, until - time.monotonic())
    return best


def _look(claim: Claim, source: Source, find: Find) -> Problem | None:
    with np.errstate(all="ignore"):
        for trial in claim.trials(source):
            problem = judge(trial, find)
            if problem is not None:
                return problem
    return None


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooLong` inside after so many seconds, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, expire)
    # and again and again, for code that catches everything
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Let what student code prints go nowhere: hundreds of trials would print hundreds of times."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
    sys.stdout.flush()
