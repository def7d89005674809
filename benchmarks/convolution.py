"""Convolution, pooling and batch normalization, forward and backward, batch 64, one thread.

python benchmarks/convolution.py [name of a case ...]

Beside torch with images first, (n, c, h, w), and with channels last. The time is for one call and
its way back, the memory the highest point of a process that does nothing else. With ACCELERATED=1
in the environment ours uses the kernels of module 17, and more than one thread where that pays.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from typing import Any

from peers import HEADER, Measured, accelerated, compare

BATCH = 64
# of our time / torch's with images first
TARGET = 2.0 if accelerated() else 3.0

# name: the layer, its arguments, its options, channels and size, whether images want a gradient
CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, int, int], bool]] = {
    "conv 3 to 32, 3x3 @ 32": ("Conv2d", (3, 32, 3), {"padding": 1}, (3, 32, 32), False),
    "conv 32 to 64, 3x3 @ 16": ("Conv2d", (32, 64, 3), {"padding": 1}, (32, 16, 16), True),
    "conv 64 to 128, 3x3 @ 8": ("Conv2d", (64, 128, 3), {"padding": 1}, (64, 8, 8), True),
    "conv 1 to 6, 5x5 @ 28": ("Conv2d", (1, 6, 5), {"padding": 2}, (1, 28, 28), False),
    "conv 6 to 16, 5x5 @ 14": ("Conv2d", (6, 16, 5), {}, (6, 14, 14), True),
    "max pool 2x2, 32 @ 32": ("MaxPool2d", (2,), {}, (32, 32, 32), True),
    "max pool 3x3 / 2, 32 @ 32": ("MaxPool2d", (3, 2, 1), {}, (32, 32, 32), True),
    "mean pool 2x2, 32 @ 32": ("AvgPool2d", (2,), {}, (32, 32, 32), True),
    "batch norm 32 @ 32": ("BatchNorm2d", (32,), {}, (32, 32, 32), True),
    "batch norm 128 @ 8": ("BatchNorm2d", (128,), {}, (128, 8, 8), True),
}
CASE = "CONVOLUTION_CASE"  # how a peer's process is told which one


def ours() -> Measured:
    """The reference; images arrive as the layer before would have left them."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np

    import tinytorch

    if accelerated():
        tinytorch.accelerate()
    kind, arguments, options, (c, h, w), wanted = CASES[os.environ[CASE]]
    layer = getattr(tinytorch, kind)(*arguments, **options)
    x = np.random.default_rng(0).normal(size=(BATCH, c, h, w)).astype(np.float32)
    if wanted:  # else they come from a loader, images first
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    images = tinytorch.Tensor(x, requires_grad=wanted)
    g = np.ones_like(layer(images).data)

    def once() -> None:
        images.grad = None
        for parameter in layer.parameters():
            parameter.grad = None
        layer(images).backward(g)

    return once


def _torch(channels_last: bool) -> Measured:
    import torch

    torch.set_num_threads(1)
    kind, arguments, options, (c, h, w), wanted = CASES[os.environ[CASE]]
    layer = getattr(torch.nn, kind)(*arguments, **options)
    images = torch.randn(BATCH, c, h, w)
    if channels_last:
        layer = layer.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    images.requires_grad_(wanted)
    g = torch.ones_like(layer(images))

    def once() -> None:
        images.grad = None
        layer.zero_grad()
        layer(images).backward(g)

    return once


def torch_first() -> Measured:
    """torch as it comes."""
    return _torch(channels_last=False)


def torch_last() -> Measured:
    """torch with memory_format=torch.channels_last."""
    return _torch(channels_last=True)


WORK = {"tinytorch": ours, "torch": torch_first, "torch channels_last": torch_last}


def peak(name: str) -> float:
    """The highest point of memory, in MB, of a process in which one peer works."""
    python = sys.executable
    if name.startswith("torch"):
        python = os.environ.get("TORCH_PYTHON", python)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [python, os.path.abspath(__file__), "--peak", name],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def _own_peak(name: str) -> None:
    once = WORK[name]()
    for _ in range(5):
        once()
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        _own_peak(sys.argv[2])
        sys.exit()
    chosen = sys.argv[1:] or list(CASES)
    if unknown := [name for name in chosen if name not in CASES]:
        sys.exit(f"no case is called {unknown[0]!r}; there are: {'; '.join(CASES)}")
    memory = {}
    print(HEADER)
    for case in chosen:
        os.environ[CASE] = case
        for figure in compare(__file__, case, rounds=15):
            if figure.peer == "torch" and case.startswith("conv"):
                figure = replace(figure, target=TARGET)
            print(figure.row(), flush=True)
        memory[case] = {name: peak(name) for name in WORK}
    print("\n| peak memory (MB) | " + " | ".join(WORK) + " |\n|---|" + "---|" * len(WORK))
    for case, peaks in memory.items():
        print(f"| {case} | " + " | ".join(f"{value:.0f}" for value in peaks.values()) + " |")
