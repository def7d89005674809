"""The child's side of `python_judge.py`: run completions that nobody has read.

Each runs in a process of its own, a fork that has: a text that was looked at (no import, no name
that begins with an underscore), dangerous built-in functions taken away, a hook that ends the
process when anything is asked of the operating system, no files or sockets to open, and limits on
processor time, memory and printing. It can tell us results; it does not know which are right.

Where there is no fork (Windows) completions run here one after the other, with a watch on time: one
that misbehaves ends this process, and the parent starts another.
"""

from __future__ import annotations

import ast
import faulthandler
import gc
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import msgspec

from tinytorch_milestones.training.python_guard import (
    Report,
    allowed_builtins,
    arm,
    disarm,
    forbidden,
    limit,
    shape_fault,
)
from tinytorch_milestones.training.python_tasks import Job, Outcome, Task, Why

Send = Callable[[object], None]

_RESULT = 10_000  # characters of one result
_PIECES = 5_000  # values inside one result
_REPORT = 1 << 18  # bytes of all results of a completion
# wall time after which a completion is ended that uses no processor
_PATIENCE = 8.0
_PLAIN = (int, float, str, bool, type(None))


def run(job: Any, send: Send) -> None:
    """Entry of the child: an `Outcome` for each task, and its number when it begins."""
    told = msgspec.convert(job, Job)
    # of completions, and of forking beside the thread that watches our parent
    warnings.simplefilter("ignore")
    if told.fork and hasattr(os, "fork"):
        _in_forks(told, send)
    else:
        for task in told.tasks:
            _here(task, told, send)


def _in_forks(job: Job, send: Send) -> None:
    """Run the tasks, as many at a time as there are processors."""
    waiting = list(reversed(job.tasks))
    running: dict[int, _Fork] = {}
    abreast = min(4, os.cpu_count() or 1)
    # a collection in a fork would touch, and so copy, all that it shares with us
    gc.disable()
    gc.freeze()
    while waiting or running:
        while waiting and len(running) < abreast:
            task = waiting.pop()
            send(task.number)
            fork = _Fork(task, job)
            running[fork.pipe] = fork
        ready, _, _ = select.select(list(running), [], [], 0.1)
        for pipe in [*ready, *(p for p, fork in running.items() if fork.late)]:
            if pipe in running and running[pipe].ended():
                send(msgspec.to_builtins(running.pop(pipe).outcome()))


class _Fork:
    """A process that runs one completion, and what it has said so far."""

    def __init__(self, task: Task, job: Job) -> None:
        self.number = task.number
        self.begun = time.monotonic()
        self.data = b""
        self.status = 0
        self.flooded = False
        self.pipe, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _be_alone(writing)
                _attempt(task, job, writing)
            finally:
                os._exit(1)
        os.close(writing)

    @property
    def late(self) -> bool:
        return time.monotonic() - self.begun > _PATIENCE

    def ended(self) -> bool:
        """Read what there is; True once the process has ended, which may be by us."""
        if not self.late and not self.flooded:
            piece = os.read(self.pipe, 1 << 16)
            self.data += piece
            self.flooded = len(self.data) > _REPORT
            if piece and not self.flooded:
                return False
        self.status = self._reap()
        os.close(self.pipe)
        return True

    def _reap(self) -> int:
        # end of file does not mean the end: it may have closed the pipe and gone on
        pause = 1.0 if self.late or self.flooded else 0.0002
        while pause < 0.5:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(pause)
            pause *= 2
        os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def outcome(self) -> Outcome:
        if self.flooded:
            return self._say("output", "It returned more than anyone can read.")
        if self.status in (-signal.SIGPROF, -signal.SIGXCPU):
            return self._say("time", "It calculated too long: is there a loop that never ends?")
        if self.late:
            return self._say("time", f"It was stopped after {_PATIENCE:g} s.")
        try:
            said = msgspec.json.decode(self.data, type=Outcome)
        except msgspec.DecodeError:
            return self._say("ended", f"Its process ended ({self.status}) without a result.")
        # whatever it says, it speaks for itself only
        return msgspec.structs.replace(said, number=self.number)

    def _say(self, why: Why, detail: str) -> Outcome:
        return Outcome(number=self.number, why=why, detail=detail)


def _be_alone(writing: int) -> None:
    """Keep nothing of our parent's open but the pipe."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    largest = max(256, writing + 1)
    os.closerange(3, writing)
    os.closerange(writing + 1, largest)


def _attempt(task: Task, job: Job, writing: int) -> NoReturn:
    """In the fork: run one completion, report, end."""

    def report(why: Why, detail: str, returned: list[str] | None = None) -> NoReturn:
        outcome = Outcome(number=task.number, why=why, detail=detail, returned=returned or [])
        data = memoryview(msgspec.json.encode(outcome))
        while data:
            data = data[os.write(writing, data) :]
        os._exit(0)

    prepared = _prepare(task, job, report)
    limit(job)
    arm(report)
    returned: list[str] = []
    why, detail = _calls(prepared, returned)
    report(why, detail, returned)


def _here(task: Task, job: Job, send: Send) -> None:
    """Without a fork: run one completion in this process."""
    send(task.number)

    def report(why: Why, detail: str) -> NoReturn:
        send(msgspec.to_builtins(Outcome(number=task.number, why=why, detail=detail)))
        os._exit(0)

    def late() -> None:
        report("time", "It took too long: is there a loop that never ends?")

    def refuse(why: Why, detail: str) -> NoReturn:
        raise _Refused(why, detail)

    # wall time, for other processes may want the processor; where one long operation keeps the
    # interpreter to itself, the second watch ends us without a word
    watch = threading.Timer(4 * job.seconds, late)
    watch.daemon = True
    returned: list[str] = []
    printed = sys.stdout, sys.stderr
    why: Why
    try:
        prepared = _prepare(task, job, refuse)
        faulthandler.dump_traceback_later(8 * job.seconds, exit=True, file=2)
        watch.start()
        arm(report)
        why, detail = _calls(prepared, returned)
    except _Refused as refused:
        why, detail = refused.why, refused.detail
    finally:
        disarm()
        watch.cancel()
        faulthandler.cancel_dump_traceback_later()
        sys.stdout, sys.stderr = printed
    outcome = Outcome(number=task.number, why=why, detail=detail, returned=returned)
    send(msgspec.to_builtins(outcome))


class _Refused(Exception):
    """A completion that is not run."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail


class _Prepared(msgspec.Struct):
    function: Callable[..., Any]
    arguments: list[tuple[Any, ...]]


def _prepare(task: Task, job: Job, report: Report) -> _Prepared:
    """Everything that needs more than plain calculation, before the limits are set."""
    try:
        tree = ast.parse(task.source)
        problem = shape_fault(tree, task.name) or (forbidden(tree) if job.look else "")
        if problem:
            report("forbidden" if not problem.startswith("There") else "syntax", problem)
        code = compile(tree, "<completion>", "exec")
        arguments = [ast.literal_eval(text) for text in task.arguments]
    except (SyntaxError, ValueError) as error:
        report("syntax", f"It is not Python: {error}.")
    except (RecursionError, MemoryError):
        report("syntax", "It is nested too deeply to be read.")
    scope: dict[str, Any] = {"__name__": "completion"}
    if job.look:
        scope["__builtins__"] = allowed_builtins()
    exec(code, scope)
    return _Prepared(scope[task.name], arguments)


def _calls(prepared: _Prepared, returned: list[str]) -> tuple[Why, str]:
    """Make the calls, adding each result to `returned`; what is to be said about the last one."""
    try:
        for arguments in prepared.arguments:
            value = prepared.function(*arguments)
            if sum(1 for _ in _pieces(value)) > _PIECES:
                return "wrong", "It returned more than anyone can read."
            text = repr(value)
            if len(text) > _RESULT:
                return "wrong", "It returned more than anyone can read."
            returned.append(text)
    except _Strange as strange:
        return "wrong", str(strange)
    except MemoryError:
        return "memory", "It wanted more memory than it may have."
    except RecursionError:
        return "error", "It called itself too often."
    except (SystemExit, KeyboardInterrupt):
        return "forbidden", "It may not end the program."
    except Exception as error:
        return "error", f"{type(error).__name__}: {str(error)[:200]}"
    except BaseException as error:
        return "forbidden", f"It raised {type(error).__name__}."
    return "right", ""


class _Strange(Exception):
    """A result that is not made of plain values."""


def _pieces(value: object, depth: int = 0) -> Iterator[object]:
    """Everything inside a result; only values whose text can be trusted."""
    yield value
    kind = type(value)
    if depth > 20:
        raise _Strange("It returned something nested too deeply.")
    if kind in (list, tuple, set):
        for item in value:  # type: ignore[attr-defined]
            yield from _pieces(item, depth + 1)
    elif kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            yield from _pieces(key, depth + 1)
            yield from _pieces(item, depth + 1)
    elif kind not in _PLAIN:
        raise _Strange(f"It returned a {kind.__name__}.")
    elif kind is int and value.bit_length() > 12_000:  # type: ignore[attr-defined]
        raise _Strange("It returned a number that is too long.")
