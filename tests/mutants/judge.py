"""Judge one framework folder in a process of its own: the module's tests, then its checkpoint.

    python judge.py ROOT 01_tensor core.tensor

prints a JSON object, test id -> [status, message]. `verdicts` runs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def verdicts(root: Path, module: str, target: str) -> dict[str, tuple[str, str]]:
    """What each test of the module and of its checkpoint says about the `tinytorch` in `root`."""
    done = subprocess.run(
        [sys.executable, __file__, str(root), module, target],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the judge failed: {done.stderr}")
    return {name: (status, message) for name, (status, message) in json.loads(done.stdout).items()}


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
    print(json.dumps(judge(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
