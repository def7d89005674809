"""Two programs that do the same work, each in a process of its own, measured turn by turn.

A benchmark defines `WORK`, a dictionary from a peer's name to a function that prepares and returns
a function to measure. `compare` starts this file once for each peer, lets them take turns, and
gives the measurements. Torch need not be installed where the product is: `TORCH_PYTHON` names an
interpreter that has it.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ACCELERATED = "ACCELERATED"
"""Set to 1 in the environment, ours runs with the kernels of module 17."""
Measured = Callable[[], float | None]
"""Does the work once; returns its own seconds, or None to be timed from outside."""


class Peer:
    """One program, waiting to be asked."""

    def __init__(self, script: Path, name: str) -> None:
        python = os.environ.get("TORCH_PYTHON", sys.executable) if name.startswith("torch") else ""
        root = HERE.parent.parent
        path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [python or sys.executable, str(HERE), str(script), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.ask("ready?")

    def ask(self, question: str) -> dict[str, float]:
        """Let it work once: seconds of wall and of processor time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(question, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a peer ended early; is torch installed? Set TORCH_PYTHON.")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


@dataclass(frozen=True)
class Figure:
    """One line of a table: ours against a peer."""

    what: str
    ours: float  # seconds, median
    peer: str
    theirs: float
    target: float | None  # of ours / theirs, at most

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    def row(self) -> str:
        """The line in Markdown."""
        wanted = "" if self.target is None else f"<= {self.target:g}"
        met = "" if self.target is None else ("yes" if self.ratio <= self.target else "no")
        times = f"{_time(self.ours)} | {self.peer} {_time(self.theirs)}"
        return f"| {self.what} | {times} | {self.ratio:.3g} | {wanted} | {met} |"


HEADER = "| what | tinytorch | peer | ratio | at most | met |\n|---|---|---|---|---|---|"


def compare(
    script: str, what: str, *, rounds: int = 7, target: float | None = None
) -> list[Figure]:
    """Measure `WORK` of a script: the first peer named is ours, each other is compared with it."""
    path = Path(script).resolve()
    names = list(_load(path).WORK)
    peers = {name: Peer(path, name) for name in names}
    found: dict[str, list[float]] = {name: [] for name in names}
    try:
        for number in range(rounds):
            # every other round the other way round, so that a drift favours nobody
            for name in names if number % 2 else reversed(names):
                found[name].append(peers[name].ask("go")["wall"])
    finally:
        for peer in peers.values():
            peer.close()
    medians = {name: statistics.median(values) for name, values in found.items()}
    ours, *others = names
    return [Figure(what, medians[ours], other, medians[other], target) for other in others]


def accelerated() -> bool:
    """Whether ours is to run with the kernels of module 17."""
    return os.environ.get(ACCELERATED, "") not in ("", "0")


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("work", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(path: Path, name: str) -> None:
    measured: Measured = _load(path).WORK[name]()
    measured()  # warm up
    for _ in sys.stdin:
        gc.collect()
        begin, used = time.perf_counter(), time.process_time()
        own = measured()
        wall = time.perf_counter() - begin
        cpu = time.process_time() - used
        print(json.dumps({"wall": wall if own is None else own, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
