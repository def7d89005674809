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


class CheckJob(msgspec.Struct, kw_only=True):
    """What to check: the tests of one module, then checkpoints."""

    root: str
    module: str = ""
    target: str = ""
    tests: list[Test] = []
    checkpoints: list[str] = []


class _TooLong(BaseException):
    """Raised inside a test that has used up its time. No `except Exception` catches it."""


def run(job: object, send: Send) -> None:
    """Entry for the sandbox. Sends {"id", "status", "message", "seconds"} once for every test."""
    wanted = msgspec.convert(job, CheckJob)
    root = Path(wanted.root).resolve()
    _prepare(root)
    if wanted.tests:
        _run_module(wanted, root, send)
    for number in wanted.checkpoints:
        for id_, (_, test) in checkpoint_tests(number).items():
            _report(id_, lambda test=test: examine(test), root, send)  # type: ignore[misc]


def _prepare(root: Path) -> None:
    sys.path.insert(0, str(root))
    # bytecode is matched by the second and the size: two saves within a second could be mixed up
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(root / ".tito" / "no-bytecode")
    for name in [n for n in sys.modules if n.split(".")[0] == PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _run_module(job: CheckJob, root: Path, send: Send) -> None:
    name = f"{PACKAGE}.{job.target}"
    where = f"{PACKAGE}/{job.target.replace('.', '/')}.py"
    if (root / where).is_file():
        outcome = _guarded(lambda: examine(lambda: importlib.import_module(name) and None), root)
    else:
        outcome = Outcome("failed", "it is not there yet, save its notebook to export it")
    if outcome.status != "passed":
        message = f"{where} cannot be imported: {outcome.message}"
        for test in job.tests:
            send({"id": test.id, "status": outcome.status, "message": message, "seconds": 0.0})
        return
    for test in job.tests:
        _report(test.id, lambda test=test: _run_cell(test, name), root, send)  # type: ignore[misc]


def _report(id_: str, look: Callable[[], Outcome], root: Path, send: Send) -> None:
    start = time.perf_counter()
    outcome = _guarded(look, root)
    send(
        {
            "id": id_,
            "status": outcome.status,
            "message": outcome.message,
            "seconds": time.perf_counter() - start,
        }
    )


def _guarded(look: Callable[[], Outcome], root: Path) -> Outcome:
    """What `look` says, whatever happens in it, unless the code is not the student's own."""
    try:
        with _time_limit():
            outcome = look()
    except _TooLong:
        outcome = _too_long("")
    except BaseException as error:
        outcome = Outcome("failed", f"stopped by {type(error).__name__}")
    if outcome.message.startswith(_TooLong.__name__):
        outcome = _too_long(outcome.message.removeprefix(_TooLong.__name__))
    strange = _not_own(root)
    return Outcome("failed", strange) if strange else outcome


def _too_long(where: str) -> Outcome:
    limit = f"not finished after {SECONDS_PER_TEST:g} s{where}"
    return Outcome("failed", f"{limit}: is there a loop that never ends?")


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
def _time_limit() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows: the limit on the whole job remains
        yield
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong

    signal.signal(signal.SIGALRM, expire)
    # and again and again, for code that catches everything
    signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_TEST, 0.5)
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
