"""What the dashboard costs: one recipe with and without it, interleaved, in a real kernel.

Both runs go through the tracker in the same kernel and differ in the observer alone. The run with
the dashboard sends its frames over the kernel's own display path, and the client receives them. A
run is compared by its wall time, which holds everything that drawing costs, in training and beside
it. Prints the ratio of the medians, which is to be at most 1.03, and the same of the kernel's
processor time, which says more where other programs keep the machine busy.

    python benchmarks/dashboard_cost.py [--pairs 5] [--seconds 60]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

TARGET = 1.03

_SETUP = """
import json, time
from pathlib import Path
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.widgets import Dashboard

tracker = Tracker.create(Path("course"), name="benchmark")

class Silent:
    # keeps the observer's place and draws nothing
    def started(self, milestone, part, run): pass
    def stepped(self, step, run): pass
    def finished(self, report, run): pass

def run(observer, milestone, part, epochs):
    begin, used = time.perf_counter(), time.process_time()
    report = tracker.run_milestone(
        milestone, part=part, observer=observer, demo=True, in_child=False,
        overrides={"epochs": epochs, "patience": 0, "labels": "shuffled"},
    )
    part = report.parts[0]
    assert not part.error, part.error
    print(json.dumps({"wall": time.perf_counter() - begin, "steps": part.steps,
                      "training": part.seconds, "cpu": time.process_time() - used}))
"""


def measure(client: Any, code: str) -> dict[str, float]:
    """Run `code` in the kernel; what it printed last, with what came over the display path."""
    frames = 0
    printed = ""

    def receive(message: dict[str, Any]) -> None:
        nonlocal frames, printed
        content = message["content"]
        if message["msg_type"] in ("display_data", "update_display_data"):
            frames += "image/png" in content["data"]
        elif message["msg_type"] == "stream":
            printed += content["text"]

    reply = client.execute_interactive(code, output_hook=receive, timeout=600)
    if reply["content"]["status"] != "ok":
        sys.exit("\n".join(reply["content"]["traceback"]))
    result: dict[str, float] = json.loads(printed.strip().splitlines()[-1]) if printed else {}
    return {**result, "frames": frames}


def main() -> int:
    """Measure, print, and return 1 when the dashboard costs more than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="training time of one run")
    parser.add_argument("--milestone", default="perceptron")
    parser.add_argument("--part", default="trained")
    chosen = parser.parse_args()

    from jupyter_client.manager import start_new_kernel

    repository = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "TINYTORCH_HOME": folder, "PYTHONPATH": path}
        manager, client = start_new_kernel(cwd=folder, env=env)
        try:
            measure(client, _SETUP)
            kinds = {"without": "Silent()", "with": "Dashboard(fast=True)"}
            what = f"{chosen.milestone!r}, {chosen.part!r}"
            # the first figure imports matplotlib, the first run its data
            measure(client, f"run({kinds['with']}, {what}, 2)")
            epochs, trial = 1, {"training": 0.0}
            while trial["training"] < 1.0:
                epochs *= 4
                trial = measure(client, f"run(Silent(), {what}, {epochs})")
            epochs = max(1, round(epochs * chosen.seconds / trial["training"]))
            found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
            for pair in range(chosen.pairs):
                # every other pair the other way round, so that a drift favours neither
                for name in sorted(kinds, reverse=bool(pair % 2)):
                    found[name].append(measure(client, f"run({kinds[name]}, {what}, {epochs})"))
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    medians = {
        clock: {name: statistics.median(r[clock] for r in runs) for name, runs in found.items()}
        for clock in ("wall", "cpu", "training")
    }
    walls, cpu = medians["wall"], medians["cpu"]
    ratio = walls["with"] / walls["without"]
    steps = found["with"][0]["steps"]
    frames = statistics.median(run["frames"] for run in found["with"])
    for name in kinds:
        print(f"{name:<8} {walls[name]:7.2f} s   {[round(r['wall'], 2) for r in found[name]]}")
    print(
        f"{chosen.milestone}/{chosen.part}: {steps:,.0f} steps a run, {frames:.0f} frames received"
    )
    training = medians["training"]
    print(f"ratio of the recipe's own seconds    {training['with'] / training['without']:.3f}")
    print(f"ratio of the kernel's processor time {cpu['with'] / cpu['without']:.3f}")
    print(f"ratio    {ratio:7.3f}     at most {TARGET}")
    return int(ratio > TARGET)


if __name__ == "__main__":
    sys.exit(main())
