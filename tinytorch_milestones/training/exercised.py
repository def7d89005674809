"""Which of the student's modules a run calls, counted while it runs.

A few steps are watched by Python's profiler: it sees every call into a file of the package, so
the report says what ran and not what was meant to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, cast

from tinytorch_milestones.catalog import load
from tinytorch_milestones.training.implementation import Framework
from tinytorch_milestones.training.settings import Settings
from tinytorch_milestones.training.steps import Step


class Calls:
    """Counts calls into each module's file while `counting`."""

    def __init__(self, fw: Framework) -> None:
        package = Path(fw.path).parent
        self._numbers = {str(package / m.exports): m.number for m in load().modules}
        self._counts: dict[str, int] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count inside this block. A profiler of somebody else's pauses meanwhile."""
        numbers, counts = self._numbers, self._counts

        def count(frame: FrameType, event: str, argument: object) -> None:
            if event == "call":
                number = numbers.get(frame.f_code.co_filename)
                if number is not None:
                    counts[number] = counts.get(number, 0) + 1

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(before)

    def take(self) -> dict[str, int]:
        """What was counted since the last call, module number to calls, in order."""
        counts = dict(sorted(self._counts.items()))
        self._counts.clear()
        return counts


def sampled(
    recipe: Callable[[Framework, Settings], Iterator[Step]],
) -> Callable[[Framework, Settings], Iterator[Step]]:
    """A recipe whose second step and middle step are watched."""

    @wraps(recipe)
    def run(fw: Framework, settings: Settings) -> Iterator[Step]:
        calls = Calls(fw)
        with closing(cast(Any, recipe(fw, settings))) as steps:
            last: Step | None = None
            while True:
                watch = last is not None and last.step in (1, last.steps // 2)
                with calls.counting() if watch else nullcontext():
                    step = next(steps, None)
                if step is None:
                    return
                if watch:
                    step.exercised = calls.take()
                last = step
                yield step

    return run
