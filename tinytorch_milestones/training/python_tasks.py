"""What `python_judge.py` and its child tell each other about completions."""

from __future__ import annotations

from typing import Literal

import msgspec

Why = Literal["right", "wrong", "syntax", "error", "time", "memory", "output", "forbidden", "ended"]

# what one completion may use; a right one needs a thousandth of it
SECONDS = 0.25
MEMORY = 256 << 20


class Task(msgspec.Struct, frozen=True):
    """What the child is told of an attempt; not what its calls must return."""

    number: int
    name: str
    source: str
    arguments: list[str]  # of each call, as Python text


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to run."""

    tasks: list[Task]
    seconds: float = SECONDS
    memory: int = MEMORY
    # without a look at the text, so that a test sees the limits hold alone
    look: bool = True
    # without a process of its own for each completion, as where there is no fork
    fork: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the child reports: a result as Python text for each call that returned."""

    number: int
    why: Why
    detail: str = ""
    returned: list[str] = []
