"""Judge Python functions that a model wrote: run each on hidden examples, in a sandboxed child.

    verdicts = judge([Attempt.of(function, completion), ...])
    share = sum(verdict.right for verdict in verdicts) / len(verdicts)

What a completion returns is compared here. The child that runs it never learns what is expected,
so nothing that is patched, printed or forged in there can make a wrong answer right. A completion
that ends its child counts as wrong and the others are judged in another one.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tinytorch_milestones import sandbox
from tinytorch_milestones.corpora.functions import Function
from tinytorch_milestones.training.python_tasks import MEMORY, SECONDS, Job, Outcome, Task, Why

ENTRY = "tinytorch_milestones.training.python_child:run"
LONGEST = 2000
"""Characters of a completion; whatever is longer is not run."""
# until the whole child is stopped: it starts, and each completion may wait for a processor
_START = 30.0
_EACH = 3.0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt, what a model wrote after it, and the calls to try."""

    name: str
    prompt: str
    completion: str
    examples: list[tuple[str, str]]  # the arguments and what must be returned, as Python text

    @classmethod
    def of(cls, function: Function, completion: str) -> Attempt:
        return cls(
            name=function.name,
            prompt=function.prompt,
            completion=completion,
            examples=[(example.arguments, example.returns) for example in function.examples()],
        )

    @property
    def source(self) -> str:
        """The function as it is run: up to where the completion leaves it."""
        return self.prompt.expandtabs(4) + body_of(self.completion)


class Call(msgspec.Struct, frozen=True):
    """One example call and what came of it."""

    written: str  # such as "add(3)"
    expected: str
    returned: str  # "" where it returned nothing


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said about one completion."""

    right: bool
    why: Why
    detail: str = ""
    calls: list[Call] = []


def body_of(completion: str) -> str:
    """The lines of a completion that belong to the function, indented by blanks.

    It ends where a line begins at the margin: there a model has begun the next function.
    """
    lines = []
    for line in completion.expandtabs(4).split("\n"):
        if line.strip() and not line.startswith(" "):
            break
        lines.append(line)
    return "\n".join(lines).rstrip() + "\n"


def judge(
    attempts: Sequence[Attempt],
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    look: bool = True,
    fork: bool = True,
) -> list[Verdict]:
    """One verdict for each attempt, in their order. Takes a few seconds for hundreds.

    `seconds` of processor time and `memory` in bytes are what one completion may use.
    """
    verdicts: dict[int, Verdict] = {}
    waiting: list[Task] = []
    for number, attempt in enumerate(attempts):
        if len(attempt.completion) > LONGEST:
            detail = f"It has more than {LONGEST} characters."
            verdicts[number] = Verdict(right=False, why="syntax", detail=detail)
        else:
            arguments = [arguments for arguments, _ in attempt.examples]
            waiting.append(Task(number, attempt.name, attempt.source, arguments))
    alone: list[Task] = []
    while waiting or alone:
        group = waiting or [alone.pop()]
        job = Job(tasks=group, seconds=seconds, memory=memory, look=look, fork=fork)
        begun: set[int] = set()
        detail = ""
        for item in _run(job):
            if isinstance(item, Outcome):
                verdicts[item.number] = _compare(attempts[item.number], item)
            elif isinstance(item, int):
                begun.add(item)
            else:
                detail = item
        left = [task for task in group if task.number not in verdicts]
        suspects = [task for task in left if task.number in begun]
        if not begun:
            # a child that does not even begin must not be asked for ever
            suspects = left[:1]
        if len(suspects) == 1:
            culprit = suspects[0].number
            verdicts[culprit] = Verdict(right=False, why="ended", detail=detail)
        else:
            # one of those that were running ended the child: each is tried again by itself
            alone += suspects
        done = {task.number for task in suspects}
        waiting = [task for task in left if task.number not in done]
    return [verdicts[number] for number in range(len(attempts))]


def _run(job: Job) -> Iterator[Outcome | int | str]:
    """What a child reports: numbers that have begun, outcomes; at last, in words, how it ended."""
    limits = sandbox.Limits(
        seconds=_START + _EACH * len(job.tasks),
        memory=max(1 << 30, 4 * job.memory),
        processes=32,
    )
    child = sandbox.spawn(ENTRY, limits=limits)
    with tempfile.TemporaryDirectory(prefix="tinytorch-", ignore_cleanup_errors=True) as folder:
        numbers = {task.number for task in job.tasks}
        for message in child.run(msgspec.to_builtins(job), Path(folder)):
            if isinstance(message, int):
                yield message
            else:
                outcome = msgspec.convert(message, Outcome)
                if outcome.number in numbers:
                    numbers.discard(outcome.number)
                    yield outcome
    yield child.ending.detail if job.fork else "It took too long or ended the process that ran it."


def _compare(attempt: Attempt, outcome: Outcome) -> Verdict:
    calls = []
    wrong = ""
    for place, (arguments, expected) in enumerate(attempt.examples):
        returned = outcome.returned[place] if place < len(outcome.returned) else ""
        call = Call(_call(attempt.name, arguments), expected, returned)
        calls.append(call)
        if returned and not wrong and not same(returned, expected):
            wrong = f"{call.written} returned {returned}, not {expected}."
    if wrong:
        return Verdict(right=False, why="wrong", detail=wrong, calls=calls)
    if outcome.why != "right":
        return Verdict(right=False, why=outcome.why, detail=outcome.detail, calls=calls)
    if len(outcome.returned) != len(attempt.examples):
        return Verdict(right=False, why="ended", detail="Not every call returned.", calls=calls)
    return Verdict(right=True, why="right", calls=calls)


def _call(name: str, arguments: str) -> str:
    return name + re.sub(r",\)$", ")", arguments)


def same(returned: str, expected: str) -> bool:
    """Whether two results, written as Python text, are equal and of the same types."""
    if returned == expected:
        return True
    try:
        # other spellings of the same value: a dict in another order
        return _equal(ast.literal_eval(returned), ast.literal_eval(expected))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, float):
        # the same mean, computed in another order
        return bool(abs(one - other) <= 1e-9 * max(1.0, abs(other)))
    return bool(one == other)
