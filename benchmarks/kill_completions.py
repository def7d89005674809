"""Kill a process at random moments of many real completions, then count what is left.

    python benchmarks/kill_completions.py [--completions 300] [--seed 0]

A worker changes a module's notebook, completes the module (export, sandboxed tests, receipt) and
reports it, over and over; SIGKILL hits it at a random moment. Afterwards every reported receipt
must be there, every state file readable, and no temporary file left.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tinytorch_milestones.files import TEMPORARY
from tinytorch_milestones.tracker import Tracker

WORKER = """
import json, sys
from pathlib import Path
from tinytorch_milestones.catalog.tasks import read_notebook, write_notebook
from tinytorch_milestones.files import write_atomic
from tinytorch_milestones.tracker import Tracker

tracker = Tracker.open(Path(sys.argv[1]))
module = tracker.module("00")
path = tracker.workspace.notebook(module)
tracker.prepare()
for i in range(100000):
    notebook = read_notebook(path)
    cell = next(c for c in notebook["cells"] if "".join(c["source"]).startswith("#| export"))
    lines = [l for l in "".join(cell["source"]).splitlines() if not l.startswith("# round")]
    cell["source"] = "\\n".join([*lines, f"# round {sys.argv[2]}.{i}"])
    write_atomic(path, write_notebook(notebook))
    print("begin", flush=True)
    report = tracker.complete_module("00")
    tracker.prepare()
    newest = tracker.progress.receipts()[-1]
    print(newest.key if report.complete else f"failed {report.message}", flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--completions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    begun = kills = 0
    reported: set[str] = set()
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        tracker = Tracker.create(Path(scratch) / "course", solve="00")
        start = time.perf_counter()
        while begun < options.completions:
            command = [sys.executable, "-c", WORKER, str(tracker.workspace.root), str(kills)]
            worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert worker.stdout is not None
            for _ in range(2 * chance.randrange(0, 12) + 1):
                line = worker.stdout.readline().strip()
                begun += line == "begin"
                problems += [line] if line.startswith("failed") else []
                reported |= {line} - {"begin", ""}
            time.sleep(chance.random() * 0.5)
            worker.send_signal(signal.SIGKILL)
            kills += 1
            for line in worker.stdout:
                begun += line.strip() == "begin"
                reported |= {line.strip()} - {"begin", ""}
            worker.wait()
        seconds = time.perf_counter() - start
        time.sleep(2)  # children notice that their parent is gone
        after = Tracker.open(tracker.workspace.root)
        kept = {receipt.key for receipt in after.progress.receipts()}
        after.state()
        root = after.workspace.root
        for path in (root / ".tito").rglob("*.json"):
            json.loads(path.read_bytes())
        leftovers = list(root.rglob(f"{TEMPORARY}*"))
        orphans = [
            p for p in psutil.process_iter(["cmdline"]) if str(root) in str(p.info["cmdline"])
        ]
    print(f"{begun} completions begun, {kills} processes killed, {seconds:.0f} s")
    print(f"{len(reported)} receipts reported, {len(reported - kept)} of them lost")
    print(f"{len(after.progress.warnings)} damaged files {after.progress.warnings}")
    print(f"{len(leftovers)} temporary files left after the next start, {len(orphans)} orphans")
    print(f"{len(problems)} completions failed {problems[:3]}")
    sys.exit(bool(reported - kept or leftovers or orphans or problems or after.progress.warnings))


if __name__ == "__main__":
    main()
