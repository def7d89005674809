"""Judge one framework folder in a process of its own: the module's tests, then its checkpoint.

    python judge.py ROOT 01_tensor core.tensor

prints a JSON object, test id -> [status, message]. `verdicts` gets the same from a process that has
imported all but a framework once, and is forked for each folder: there are a thousand of them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 120  # seconds


def verdicts(root: Path, module: str, target: str) -> dict[str, tuple[str, str]]:
    """What each test of the module and of its checkpoint says about the `tinytorch` in `root`."""
    nursery = _nursery()
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(json.dumps([str(root), module, target]) + "\n")
    nursery.stdin.flush()
    found = json.loads(nursery.stdout.readline())
    if isinstance(found, str):
        raise RuntimeError(f"the judge failed: {found}")
    return {name: (status, message) for name, (status, message) in found.items()}


@cache
def _nursery() -> subprocess.Popen[str]:
    """The process that is forked; it ends with this one, whose pipe it reads."""
    return subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # a fork has no other thread than the one that asked for it
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def _serve() -> None:
    """Answer each line, [root, module, target], with one: the verdicts, or why there are none."""
    sys.path.insert(0, str(REPOSITORY))
    import numpy  # noqa: F401

    from tinytorch_milestones import checks  # noqa: F401
    from tinytorch_milestones.catalog import load, tasks  # noqa: F401

    load()
    for line in sys.stdin:
        print(json.dumps(_forked(*json.loads(line))), flush=True)


def _forked(root: str, module: str, target: str) -> object:
    """`judge` in a fork of this process; a text where it did not come to its end in time."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(root)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)  # what tests print is nobody's answer
        status = 1
        try:
            with os.fdopen(theirs, "w") as answer:
                answer.write(json.dumps(judge(Path(root), module, target)))
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    os.close(theirs)
    told, over = b"", False
    with os.fdopen(ours, "rb", buffering=0) as answer:
        while not over and select.select([answer], [], [], LIMIT)[0]:
            piece = answer.read(65536)
            told, over = told + piece, not piece
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL) if not over else None
    _, status = os.waitpid(child, 0)
    if not over:
        return f"{module} took more than {LIMIT} seconds"
    return json.loads(told) if status == 0 else f"{module} ended with {status}"


def judge(root: Path, module: str, target: str) -> dict[str, tuple[str, str]]:
    """The same, in this process, which has imported nothing of a framework yet."""
    sys.path[:0] = [str(root), str(REPOSITORY)]
    from tinytorch_milestones.catalog import load
    from tinytorch_milestones.catalog.tasks import read_tasks
    from tinytorch_milestones.checks import checkpoint_tests, examine

    exported = importlib.import_module(f"tinytorch.{target}")
    origin = Path(str(exported.__file__)).resolve()
    if not origin.is_relative_to(root.resolve()):
        raise RuntimeError(f"{origin} was imported instead of the code in {root}")
    found: dict[str, tuple[str, str]] = {}

    def check(task_id: str, test: object, points: float = 10) -> float:
        found[task_id] = tuple(examine(test))  # type: ignore[arg-type, assignment]
        return 0.0

    for task in read_tasks(REPOSITORY / "modules" / f"{module}.ipynb"):
        namespace = dict(vars(exported), check=check)
        exec(compile(task.test_source, task.test_cell_id, "exec"), namespace)
    own = f"tinytorch_milestones.checks.{target.rpartition('.')[2]}_tests"
    for checkpoint in load().checkpoints:
        if module[:2] not in checkpoint.needs:
            continue
        if importlib.util.find_spec(own) is not None:
            # a checkpoint of several modules has a file for each: those about this one
            tests = importlib.import_module(own).TESTS
        elif max(checkpoint.needs) == module[:2] and not checkpoint.coming:
            tests = checkpoint_tests(checkpoint.id)
        else:
            continue
        for test_id, (_, test) in tests.items():
            found[test_id] = tuple(examine(test))  # type: ignore[assignment]
    return found


if __name__ == "__main__":
    if len(sys.argv) == 1:
        _serve()
    else:
        print(json.dumps(judge(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
