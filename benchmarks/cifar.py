"""CIFAR-10: a training step against torch on the CPU, and whole runs of the recipes.

    python benchmarks/cifar.py
    python benchmarks/cifar.py --recipe vision --seeds 3

The first prints the time and the peak memory of a step of the recipe's network (batches of 64 and
128, made up data), ours and torch's, each in a process of its own. The second trains on the real
photographs (`TINYTORCH_DATA`, or the user's cache), a process for each seed, with the settings
and gates of the catalog, and prints accuracy on all 10,000 test images, wall time and peak memory.
With ACCELERATED=1 in the environment ours uses the kernels of module 17.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from peers import HEADER, Measured, accelerated, compare

MILESTONES = {"converge": "full-training", "objects": "train-real-ai", "vision": "advanced-vision"}
WIDTHS = (24, 48, 96)
STEPS = 10  # a measurement
TARGET = 1.6 if accelerated() else 2.0  # of our time / torch's with images first


def _batch(size: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.normal(size=(size, 3, 32, 32)).astype(np.float32)
    return images, rng.integers(0, 10, size)


def ours(size: int) -> Measured:
    """The recipe's step in the reference: forward, loss, backward, update."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from tinytorch_milestones.training.cifar import network
    from tinytorch_milestones.training.implementation import Implementation

    threadpool_limits(1, "blas")
    active = Implementation.reference(accelerated()).active()
    fw = active.__enter__()
    images, labels = _batch(size)
    photographs = np.random.default_rng(1).integers(0, 256, (100, 3, 32, 32), dtype=np.uint8)
    model = network(fw, photographs, WIDTHS, signs=True)
    optimizer = fw.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss_fn = fw.CrossEntropyLoss(label_smoothing=0.1)
    x, y = fw.Tensor(images), fw.Tensor(labels)

    def steps() -> float:
        begin = time.perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
        return (time.perf_counter() - begin) / STEPS

    steps.active = active  # type: ignore[attr-defined]
    return steps


def torch_cpu(size: int, channels_last: bool) -> Measured:
    """The same network and update in torch, with its own choice of threads."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    images, labels = _batch(size)
    first = nn.Conv2d(3, 24, 2, bias=False)
    first.weight.requires_grad_(False)
    layers: list[Any] = [first, nn.ReLU()]
    channels = 24
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.MaxPool2d(2)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 9, 10))
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)

    def steps() -> float:
        begin = time.perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
        return (time.perf_counter() - begin) / STEPS

    return steps


SIZE = int(os.environ.get("CIFAR_BATCH", "64"))
WORK = {
    "tinytorch": lambda: ours(SIZE),
    "torch, NCHW": lambda: torch_cpu(SIZE, channels_last=False),
    "torch, channels-last": lambda: torch_cpu(SIZE, channels_last=True),
}


def train(recipe: str, seed: int, overrides: dict[str, Any]) -> dict[str, Any]:
    """One run in this process, as the product drives it."""
    from threadpoolctl import threadpool_limits

    from tinytorch_milestones.catalog import load
    from tinytorch_milestones.training.evidence import Evidence
    from tinytorch_milestones.training.gates import Settled, judge_all
    from tinytorch_milestones.training.implementation import Implementation
    from tinytorch_milestones.training.recipes import load_recipe, timed

    part = load().milestone(MILESTONES[recipe]).parts[0]
    found = load_recipe(part.recipe)
    settings = found.settings(part.settings, {**overrides, "seed": seed})
    evidence, settled = Evidence(), Settled(part.gates, settings.patience)
    begin = time.perf_counter()
    with (
        threadpool_limits(1, "blas"),
        Implementation.reference(accelerated()).active() as framework,
    ):
        for step in timed(found.function(framework, settings)):
            evidence.fold(step)
            if step.note:
                print(f"  {step.note}, {time.perf_counter() - begin:.1f} s", file=sys.stderr)
            if settled.after(evidence):
                break
    verdicts = judge_all(part.gates, evidence)
    return {
        "seed": seed,
        "accuracy": evidence.metrics.get("accuracy", 0.0),
        "epochs": evidence.epoch,
        "wall": time.perf_counter() - begin,
        "cpu": time.process_time(),
        "samples_per_second": evidence.samples_per_second,
        "memory": _peak(),
        "failed": [verdict.id for verdict in verdicts if not verdict.passed],
        "metrics": evidence.metrics,
    }


def _peak() -> float:
    """The most memory this process has held, in MB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=MILESTONES)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--set", default="{}", metavar="JSON", help="other settings")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--peak", choices=WORK, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak is not None:
        WORK[chosen.peak]()()
        print(_peak())
        return
    if chosen.one is not None:
        print(json.dumps(train(chosen.recipe, chosen.one, json.loads(chosen.set))))
        return
    if chosen.recipe is None:
        _steps()
        return
    print("| recipe | seed | accuracy | epochs | wall | CPU | images/s | peak memory | gates |")
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        command = [sys.executable, __file__, "--recipe", chosen.recipe, "--one", str(seed)]
        output = subprocess.run(
            [*command, "--set", chosen.set], check=True, stdout=subprocess.PIPE, env=_environment()
        ).stdout
        run = json.loads(output)
        gates = "all hold" if not run["failed"] else f"failed: {', '.join(run['failed'])}"
        print(
            f"| {chosen.recipe} | {seed} | {run['accuracy']:.2%} | {run['epochs']} | "
            f"{run['wall']:.1f} s | {run['cpu']:.1f} s | {run['samples_per_second']:,.0f} | "
            f"{run['memory']:.0f} MB | {gates} |",
            flush=True,
        )
        if log := os.environ.get("CIFAR_LOG"):
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps({"recipe": chosen.recipe, **run}) + "\n")


def _environment() -> dict[str, str]:
    """As the product starts a process that trains."""
    try:
        from tinytorch_milestones.speed import environment
    except ImportError:
        return dict(os.environ)
    return {**os.environ, **environment()}


def _steps() -> None:
    memory = {}
    print(HEADER)
    for size in (64, 128):
        os.environ["CIFAR_BATCH"] = str(size)
        what = f"CIFAR step, batch of {size}"
        for figure in compare(__file__, what, rounds=9):
            if figure.peer == "torch, NCHW":  # what the limits were set for
                figure = replace(figure, target=TARGET)
            print(figure.row(), flush=True)
        memory[what] = {name: _peak_of(name) for name in WORK}
    print("\n| peak memory (MB) | " + " | ".join(WORK) + " |\n|---|" + "---|" * len(WORK))
    for what, peaks in memory.items():
        print(f"| {what} | " + " | ".join(f"{value:.0f}" for value in peaks.values()) + " |")


def _peak_of(name: str) -> float:
    """The most memory, in MB, of a process that does nothing but one peer's steps."""
    python = (
        os.environ.get("TORCH_PYTHON", sys.executable)
        if name.startswith("torch")
        else sys.executable
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [python, os.path.abspath(__file__), "--peak", name]
    environment = {**os.environ, "PYTHONPATH": path}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return float(output)


if __name__ == "__main__":
    main()
