"""What a completion may do: calculate, and nothing else. Its text is looked at before it runs, the
built-in functions that reach outside are taken away, and a hook and the system's limits hold it.
"""

from __future__ import annotations

import ast
import builtins
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tinytorch_milestones.training.python_tasks import Job, Why

Report = Callable[[Why, str], NoReturn]
"""Tells what was found, and does not come back."""

_PRINTS = 20_000  # characters
_REFUSED = (
    *("open", "input", "exec", "eval", "compile", "breakpoint", "help", "__import__"),
    *("globals", "locals", "vars", "getattr", "setattr", "delattr", "exit", "quit", "memoryview"),
)


def shape_fault(tree: ast.Module, name: str) -> str:
    """Why this is not one function of that name with a body, or an empty string."""
    match tree.body:
        case [ast.FunctionDef(name=found, decorator_list=[]) as function] if found == name:
            # the docstring is the prompt's
            return "" if len(function.body) > 1 else "There is no body."
    return "There is something other than the function."


def forbidden(tree: ast.Module) -> str:
    """What in the text goes beyond calculating, or an empty string."""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                return "It may not import."
            case ast.Global() | ast.Nonlocal() | ast.ClassDef():
                return "It may only calculate and return."
            case ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.AsyncFunctionDef():
                return "It may not wait."
            case ast.Name(id=str(name)) | ast.Attribute(attr=str(name)):
                # one underscore alone is a usual name for what nobody needs
                if name.startswith("_") and name != "_":
                    return f"It may not use {name}."
    return ""


def allowed_builtins() -> dict[str, Any]:
    """The built-in names; those that reach outside refuse."""
    allowed = dict(vars(builtins))
    for name in _REFUSED:
        allowed[name] = _refusing(name)
    return allowed


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        assert _armed is not None
        _armed("forbidden", f"It may not call {name}.")

    return refuse


class _Sink(io.TextIOBase):
    """Where a completion prints to: nowhere, and not without end."""

    def __init__(self, report: Report) -> None:
        self.count = 0
        self.report = report

    def write(self, text: str) -> int:
        self.count += len(text)
        if self.count > _PRINTS:
            self.report("output", f"It printed more than {_PRINTS} characters.")
        return len(text)


_armed: Report | None = None
_hooked = False


def arm(report: Report) -> None:
    """From here on, whoever asks the operating system for something is ended."""
    global _armed, _hooked
    sys.stdout = sys.stderr = _Sink(report)
    if not _hooked:
        sys.addaudithook(_refuse)
        _hooked = True
    _armed = report


def disarm() -> None:
    """The hook stays, and lets everything pass."""
    global _armed
    _armed = None


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed is not None and event != "builtins.id":
        _armed("forbidden", f"It may only calculate; it tried: {event}.")


def limit(job: Job) -> None:
    """Limits of the operating system for this process, which nothing in it can raise again."""
    import resource

    wanted = [
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open; nothing more opens
        (resource.RLIMIT_CPU, 2 + int(job.seconds)),
        (resource.RLIMIT_CORE, 0),
    ]
    used = _address_space()
    if used:
        wanted.append((resource.RLIMIT_AS, used + job.memory))
    if os.getuid() != 0 and hasattr(resource, "RLIMIT_NPROC"):
        wanted.append((resource.RLIMIT_NPROC, 0))
    for kind, amount in wanted:
        try:
            resource.setrlimit(kind, (amount, amount))
        except (OSError, ValueError):  # macOS refuses some
            pass
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, job.seconds)


def _address_space() -> int:
    """Bytes of address space in use; 0 where that is not known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


__all__ = [
    "Report",
    "allowed_builtins",
    "arm",
    "disarm",
    "forbidden",
    "limit",
    "shape_fault",
]
