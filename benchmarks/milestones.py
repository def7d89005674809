"""Whole runs of milestones with the reference: time, speed, memory, gate by gate, samples.

    python benchmarks/milestones.py transformer language-generation built-gpt --seeds 3

Each seed is a process of its own, driven as the product does it, with the settings and the gates
of the catalog.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()


def report(name: str, seed: int, chosen: str) -> None:
    """One run of every part, in a process of its own, as Markdown."""
    path = os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(HERE), name, "--seed", str(seed), "--set", chosen]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, check=True
    )
    for run in json.loads(ran.stdout):
        print(f"### {name}, {run['title']}, seed {seed}\n")
        print(
            f"{run['wall']:.1f} s of wall time ({run['cpu']:.1f} s of one processor), "
            f"{run['steps']:,} steps, {run['samples'] / run['wall']:,.0f} {run['noun']}/s over "
            f"all, {run['speed']:,.0f} while training; peak memory {run['peak']:.0f} MB\n"
        )
        print("| gate | required | measured | holds |\n|---|---|---|---|")
        for title, required, measured, passed in run["gates"]:
            print(f"| {title} | {required} | {measured} | {'yes' if passed else 'NO'} |")
        print("\n" + "\n\n".join(run["written"]), flush=True)


def run_part(part: Any, chosen: dict[str, Any]) -> dict[str, Any]:
    """Train one part in this process."""
    from threadpoolctl import threadpool_limits

    from tinytorch_milestones.training.evidence import Evidence
    from tinytorch_milestones.training.gates import Settled, judge_all
    from tinytorch_milestones.training.implementation import Implementation
    from tinytorch_milestones.training.recipes import load_recipe, timed

    recipe = load_recipe(part.recipe)
    settings = recipe.settings(part.settings, chosen)
    evidence, settled = Evidence(), Settled(part.gates, settings.patience)
    begin, used, view = time.perf_counter(), time.process_time(), None
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        for step in timed(recipe.function(framework, settings)):
            evidence.fold(step)
            view = step.view or view
            if step.note:
                spent = time.perf_counter() - begin
                print(f"  {step.note}, {spent:.1f} s", file=sys.stderr, flush=True)
            if settled.after(evidence):
                break
    wall, cpu = time.perf_counter() - begin, time.process_time() - used
    seen = view() if view else {}
    written = seen["samples"] if seen.get("kind") == "texts" else []
    return {
        "title": part.title,
        "wall": wall,
        "cpu": cpu,
        "steps": evidence.steps,
        "samples": evidence.samples,
        "noun": evidence.noun,
        "speed": evidence.samples_per_second,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "gates": [
            [v.title, v.required, v.measured, v.passed] for v in judge_all(part.gates, evidence)
        ],
        "written": [
            f"```\n{w['prompt']}{w['text'].rstrip()}\n```\n{w['note']}".rstrip() for w in written
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("milestones", nargs="+")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--set", default="{}", metavar="JSON", help="other settings")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.seed is None:
        for name in chosen.milestones:
            for seed in range(chosen.first, chosen.first + chosen.seeds):
                report(name, seed, chosen.set)
        return
    from tinytorch_milestones.catalog import load

    options = {**json.loads(chosen.set), "seed": chosen.seed}
    parts = load().milestone(chosen.milestones[0]).parts
    print(json.dumps([run_part(part, options) for part in parts]))


if __name__ == "__main__":
    main()
