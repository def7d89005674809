"""What int8 and a cache of keys and values bring: points lost, bytes, tokens a second.

    python benchmarks/deployment.py quantization [--seeds 3]
    python benchmarks/deployment.py generation [--repeats 7]

`quantization`: an MLP on the digits and LeNet on the bundled MNIST, trained for seconds, then
quantized with ranges from 512 images: points before and after, bytes in memory and as a file, and
the time for all test images. `generation`: a GPT of 2 layers, 64 wide, context 256, with and
without `KVCache`: tokens a second by the wall clock and by processor time (medians), whether the
tokens are the same, and how far the logits are apart at any place.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CALIBRATION = 512  # images
LENGTHS = (64, 128, 256)
STARTED = "TINYTORCH_BENCHMARK_STARTED"


def again_with_switches() -> None:
    """Start this program again as the product starts one that computes, and end with it."""
    from tinytorch_milestones.speed import environment

    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    env = {"OPENBLAS_NUM_THREADS": "1", **os.environ, **environment()}
    env |= {"PYTHONPATH": path, STARTED: "1"}
    sys.exit(subprocess.run([sys.executable, *sys.argv], env=env, check=False).returncode)


def timed(function: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Medians of wall seconds and of processor seconds, after one call that does not count."""
    function()
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return statistics.median(walls), statistics.median(processors)


def trained(model: Any, images: Any, labels: Any, epochs: int, seed: int) -> Any:
    import tinytorch as tt

    loader = tt.DataLoader(tt.TensorDataset(images, labels), 64, shuffle=True, seed=seed)
    trainer = tt.Trainer(model, tt.Adam(model.parameters(), 0.002), tt.CrossEntropyLoss())
    for _ in trainer.fit(loader, epochs):
        pass
    return model.eval()


def points(model: Any, images: Any, labels: Any) -> float:
    import tinytorch as tt

    right = 0
    with tt.no_grad():
        for i in range(0, len(images), 500):
            right += (model(images[i : i + 500]).data.argmax(axis=1) == labels[i : i + 500]).sum()
    return float(100 * right / len(images))


def models(seed: int) -> dict[str, tuple[Any, Any, Any, Any]]:
    """Name -> (model, images to calibrate with, test images, test labels)."""
    import numpy as np

    import tinytorch as tt
    from tinytorch_milestones.data import data_folder

    order = np.random.default_rng(seed).permutation(1797)
    digits, labels = tt.Digits(data_folder("digits")).batch(order)
    mnist = tt.MNIST(data_folder("mnist"))
    images, targets = mnist.batch(np.arange(len(mnist)))
    test = tt.MNIST(data_folder("mnist"), train=False).batch(np.arange(2000))
    tt.manual_seed(seed)
    mlp = tt.Sequential(tt.Flatten(), tt.Linear(64, 128), tt.ReLU(), tt.Linear(128, 10))
    eyes = [tt.Conv2d(1, 6, 5, padding=2), tt.ReLU(), tt.MaxPool2d(2)]
    eyes += [tt.Conv2d(6, 16, 5), tt.ReLU(), tt.MaxPool2d(2), tt.Flatten()]
    head = [tt.Linear(400, 120), tt.ReLU(), tt.Linear(120, 84), tt.ReLU(), tt.Linear(84, 10)]
    lenet = tt.Sequential(*eyes, *head)
    return {
        "MLP, digits": (
            trained(mlp, digits[:1400], labels[:1400], 25, seed),
            digits[:CALIBRATION],
            digits[1400:],
            labels[1400:],
        ),
        "LeNet, MNIST": (
            trained(lenet, images, targets, 4, seed),
            images[:CALIBRATION],
            *test,
        ),
    }


def quantization(seeds: int) -> None:
    import tinytorch as tt
    from tinytorch.perf.quantization import save, size_in_memory

    print("| model, seed | float32 | int8 | lost | in memory | as a file | test, ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            for name, (model, some, images, labels) in models(seed).items():
                batches = [some[i : i + 64] for i in range(0, len(some), 64)]
                both = [model, tt.quantize_model(model, batches)]
                scores = [points(net, images, labels) for net in both]
                memory = [size_in_memory(net) / 1e3 for net in both]
                files = [save(net, Path(folder, "model.npz")) / 1e3 for net in both]
                times = [1e3 * timed(partial(points, net, images, labels), 5)[1] for net in both]
                print(
                    f"| {name}, {seed} | {scores[0]:.2f} | {scores[1]:.2f} "
                    f"| {scores[0] - scores[1]:.2f} "
                    f"| {memory[0]:.0f} / {memory[1]:.0f} KB = {memory[0] / memory[1]:.2f}x "
                    f"| {files[0]:.0f} / {files[1]:.0f} KB = {files[0] / files[1]:.2f}x "
                    f"| {times[0]:.1f} / {times[1]:.1f} |",
                    flush=True,
                )


def generation(repeats: int) -> None:
    import numpy as np

    import tinytorch as tt

    tt.manual_seed(0)
    model = tt.GPT(70, 256, 64, 4, 2).eval()
    cache = tt.KVCache(model)
    tokens = np.random.default_rng(0).integers(0, 70, size=(1, 256))
    said = np.concatenate([cache.read(tokens[:, i : i + 1]) for i in range(256)], axis=1)
    apart = float(np.abs(said - model(tokens).data).max())
    print(f"logits of 256 places, read one by one: at most {apart:.1e} apart")
    print(f"{cache.nbytes:,} bytes of keys and values\n")
    print("| tokens | same | without, a second | with, a second | with, by processor time | gain |")
    print("|---|---|---|---|---|---|")
    for length in LENGTHS:
        new = length - 1
        same = model.generate([1], new, seed=0) == cache.generate([1], new, seed=0)
        slow = timed(partial(model.generate, [1], new, seed=0), repeats)
        fast = timed(partial(cache.generate, [1], new, seed=0), repeats)
        print(
            f"| {length} | {'yes' if same else 'NO'} | {new / slow[0]:,.0f} | {new / fast[0]:,.0f} "
            f"| {new / fast[1]:,.0f} | {slow[1] / fast[1]:.1f}x |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("mode", choices=("quantization", "generation"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args()
    if STARTED not in os.environ:
        again_with_switches()
    if chosen.mode == "quantization":
        quantization(chosen.seeds)
    else:
        generation(chosen.repeats)


if __name__ == "__main__":
    main()
