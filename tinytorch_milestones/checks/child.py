"""The judge's side in the child process: run a module's tests on the exported package.

Importing this file brings numpy and the checkpoints, so that a spare child has them ready; nothing
here imports `tinytorch` before a job says from which folder.
"""

from __future__ import annotations

import contextlib
import importlib
import linecache
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import numpy as np

from tinytorch_milestones import checks
from tinytorch_milestones.checks import Outcome, checkpoint_tests, examine
from tinytorch_milestones.checks.blame import TEST_FILE

# one test that never ends must not take the others' time
SECONDS_PER_TEST = 8.0
PACKAGE = "tinytorch"
# what a framework built by hand cannot lean on
FORBIDDEN = frozenset(
    {
        *("torch", "tensorflow", "jax", "jaxlib", "keras", "sklearn", "mxnet", "autograd"),
        *("tinygrad", "cupy", "theano", "paddle", "chainer", "mlx", "lightning", "flax"),
    }
)

Send = Callable[[object], None]


class Test(msgspec.Struct, kw_only=True):
    """One test cell of the course."""

    __test__ = False  # not a pytest class

    id: str
    source: str
    title: str = ""
    cell_id: str = ""
    points: float = 0.0


class CheckpointJob(msgspec.Struct, kw_only=True):
    """One checkpoint, and the modules that are not there as far as it is concerned."""

    id: str
    hidden: list[str] = []


class CheckJob(msgspec.Struct, kw_only=True):
    """What to check: the tests of one module, then checkpoints.

    `hidden` are the export targets of modules that come later: what is judged must do without
    them, whatever state a student has left them in.
    """

    root: str
    module: str = ""
    target: str = ""
    hidden: list[str] = []
    tests: list[Test] = []
    checkpoints: list[CheckpointJob] = []
    seconds_per_test: float = SECONDS_PER_TEST


class _TooLong(BaseException):
    """Raised inside a test that has used up its time. No `except Exception` catches it."""


def run(job: object, send: Send) -> None:
    """Entry for the sandbox. Sends {"id", "status", "message", "seconds"} once for every test."""
    wanted = msgspec.convert(job, CheckJob)
    root = Path(wanted.root).resolve()
    _prepare(root)
    judge = Judge(root, send, wanted.seconds_per_test)
    later = Later()
    sys.meta_path.insert(0, later)
    try:
        if wanted.tests:
            later.hide(wanted.hidden)
            judge.module(wanted.target, wanted.tests)
        for checkpoint in wanted.checkpoints:
            later.hide(checkpoint.hidden)
            judge.checkpoint(checkpoint.id)
    except Exception as error:
        # every test runs guarded, so this is our fault, and must not be told as the student's
        send({"judge": f"{type(error).__name__}: {error}"})
        raise


def _prepare(root: Path) -> None:
    sys.path.insert(0, str(root))
    # bytecode is matched by the second and the size: two saves within a second could be mixed up
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(root / ".tito" / "no-bytecode")
    _forget()
    importlib.invalidate_caches()


def _forget() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == PACKAGE]:
        del sys.modules[name]


class Later:
    """An import hook that knows nothing of the modules which come later in the course."""

    def __init__(self) -> None:
        self._hidden: frozenset[str] = frozenset()

    def hide(self, targets: list[str]) -> None:
        """Hide these and show all others; what was imported so far is forgotten."""
        self._hidden = frozenset(f"{PACKAGE}.{target}" for target in targets)
        _forget()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse a hidden module as one that does not exist; leave others to Python."""
        if name in self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class Judge:
    """Runs tests one by one and sends what came of each."""

    def __init__(self, root: Path, send: Send, seconds: float) -> None:
        self.root = root
        self.send = send
        self.seconds = seconds  # for one test

    def module(self, target: str, tests: list[Test]) -> None:
        """Import the exported module and run the course's test cells in its namespace."""
        name = f"{PACKAGE}.{target}"
        where = f"{PACKAGE}/{target.replace('.', '/')}.py"
        if (self.root / where).is_file():
            outcome = self._guarded(lambda: examine(lambda: _import(name)))
        else:
            outcome = Outcome("failed", "it is not there yet, save its notebook to export it")
        if outcome.status != "passed":
            message = f"{where} cannot be imported: {outcome.message}"
            for test in tests:
                self._say(test.id, Outcome(outcome.status, message), 0.0)
            return
        for test in tests:
            self._report(test.id, partial(_run_cell, test, name))

    def checkpoint(self, number: str) -> None:
        """Run the tests of one checkpoint."""
        for id_, (_, test) in checkpoint_tests(number).items():
            self._report(id_, partial(examine, test))

    def _report(self, id_: str, look: Callable[[], Outcome]) -> None:
        start = time.perf_counter()
        outcome = self._guarded(look)
        self._say(id_, outcome, time.perf_counter() - start)

    def _say(self, id_: str, outcome: Outcome, seconds: float) -> None:
        status, message = outcome
        self.send({"id": id_, "status": status, "message": message, "seconds": seconds})

    def _guarded(self, look: Callable[[], Outcome]) -> Outcome:
        """What `look` says, whatever happens in it, unless the code is not the student's own."""
        try:
            with _time_limit(self.seconds):
                outcome = look()
        except _TooLong:
            outcome = self._too_long("")
        except BaseException as error:
            outcome = Outcome("failed", f"stopped by {type(error).__name__}")
        if outcome.message.startswith(_TooLong.__name__):
            outcome = self._too_long(outcome.message.removeprefix(_TooLong.__name__))
        strange = _not_own(self.root)
        return Outcome("failed", strange) if strange else outcome

    def _too_long(self, where: str) -> Outcome:
        limit = f"not finished after {self.seconds:g} s{where}"
        return Outcome("failed", f"{limit}: is there a loop that never ends?")


def _import(name: str) -> None:
    importlib.import_module(name)


def _run_cell(test: Test, module: str) -> Outcome:
    """Execute the course's copy of a test cell in the exported module's namespace."""
    found: list[Outcome] = []

    def recording(task_id: str, function: Callable[[], object], points: float = 10) -> float:
        # a cell reports for its own task only
        if task_id == test.id:
            found.append(examine(function))
        return 0.0

    # a test cell that imports `check` itself gets ours too
    checks.check = recording  # type: ignore[assignment]
    namespace: dict[str, Any] = dict(vars(sys.modules[module]))
    namespace |= {"check": recording, "np": np, "__name__": module}
    file = f"{TEST_FILE}{test.id}>"
    linecache.cache[file] = (len(test.source), None, test.source.splitlines(True), file)
    code = compile(test.source, file, "exec", dont_inherit=True)
    outcome = examine(lambda: exec(code, namespace))
    if outcome.status != "passed":
        return outcome
    if not found:
        return Outcome("failed", "the course's test never ran its check")
    return next((one for one in found if one.status != "passed"), found[0])


def _not_own(root: Path) -> str:
    """Why what is loaded is not the student's own work; empty when it is."""
    used = sorted(FORBIDDEN.intersection(name.split(".")[0] for name in list(sys.modules)))
    if used:
        return f"the code imports {used[0]}: TinyTorch is built with numpy alone"
    home = root / PACKAGE
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != PACKAGE:
            continue
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).resolve().is_relative_to(home):
            return f"{name} was loaded from {file or 'nowhere'} instead of {home}"
    return ""


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows: the limit on the whole job remains
        yield
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong

    signal.signal(signal.SIGALRM, expire)
    # and again and again, for code that catches everything
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _preload() -> None:
    """Import the checkpoints while nobody waits."""
    for file in os.listdir(Path(__file__).parent):
        if file.startswith("checkpoint_") and file.endswith(".py"):
            # one that cannot be imported says so when it is asked for
            with contextlib.suppress(Exception):
                importlib.import_module(f"tinytorch_milestones.checks.{file[:-3]}")


_preload()
