"""Checks of a student's work: `check` for the test cells of a notebook.

Imports nothing heavy, because every module notebook imports it in its first cells. The judge
(`checks/child.py`) looks at a test with the same `examine`, so that a notebook, a terminal and the
panel say the same about the same code.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable
from typing import Literal, NamedTuple

from tinytorch_milestones.checks.blame import own_line, readable

__all__ = [
    "Outcome",
    "Status",
    "check",
    "checkpoint_tests",
    "examine",
    "forget",
    "passed",
    "results",
]

Status = Literal["passed", "failed", "not_yet"]

# what each task's check said last in this process: in a notebook, in this kernel
_results: dict[str, Status] = {}


class Outcome(NamedTuple):
    """What one run of one test came to; `message` is one line, empty when it passed."""

    status: Status
    message: str = ""


def check(task_id: str, test: Callable[[], object], points: float = 10) -> float:
    """Run `test`, print one line about it and return the points earned.

    The value is a plain Python float, `points` or 0.0, which is what nbgrader reads from the last
    line of a graded cell. Nothing goes to stderr, since nbgrader scores a cell with stderr as 0.
    Never raises, whatever the tested code does; only an interrupt of the kernel passes through.
    """
    # until this run has ended, what an earlier version of the code achieved no longer counts
    _results.pop(task_id, None)
    with contextlib.redirect_stderr(sys.stdout):
        outcome = examine(test)
    _results[task_id] = outcome.status
    full = float(points)
    if outcome.status == "passed":
        print(f"{task_id}  passed  {full:g} of {full:g} points")
        return full
    label = "not yet" if outcome.status == "not_yet" else "failed"
    # a stub's message starts with its own task id, which the line already shows
    message = outcome.message.removeprefix(f"{task_id}:").strip()
    print(f"{task_id}  {label}: {message}" if message else f"{task_id}  {label}")
    return 0.0


def examine(test: Callable[[], object]) -> Outcome:
    """Run `test` and say what came of it.

    Passed when it returns; "not yet" when it meets a stub (`NotImplementedError`); failed with the
    assertion's message, or with type, message and the student's own line of any other exception.
    Only `KeyboardInterrupt` is raised.
    """
    try:
        returned = test()
    except KeyboardInterrupt:
        raise
    except NotImplementedError as error:
        return Outcome("not_yet", readable(error))
    except AssertionError as error:
        return Outcome("failed", readable(error) or f"this did not hold: {own_line(error)[0]}")
    except BaseException as error:
        return Outcome("failed", _account(error))
    if inspect.isgenerator(returned) or inspect.iscoroutine(returned):
        returned.close()
        return Outcome("failed", "the test was never run: it must be a plain function")
    return Outcome("passed")


def passed(task_id: str) -> bool:
    """Whether the task's check passed when it last ran in this kernel."""
    return _results.get(task_id) == "passed"


def results() -> dict[str, Status]:
    """What every check that ran in this kernel said last."""
    return dict(_results)


def forget() -> None:
    """Forget all results, as a restarted kernel would."""
    _results.clear()


def checkpoint_tests(number: str) -> dict[str, tuple[str, Callable[[], None]]]:
    """The tests of checkpoint `number` ("01"): title and function by id, in order.

    A test imports the student's `tinytorch` only when it runs.
    """
    from importlib import import_module

    module = import_module(f"tinytorch_milestones.checks.checkpoint_{number}")
    tests: dict[str, tuple[str, Callable[[], None]]] = module.TESTS
    return tests


def _account(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        account = "your code called sys.exit(), which ends the program"
    else:
        message = readable(error)
        account = f"{kind}: {message}" if message else kind
    line, from_test = own_line(error)
    if not line:
        return account
    return (
        f"{account}, in the test's line {line}" if from_test else f"{account}, in your line {line}"
    )
