"""A small folder in CIFAR-10's original format, with pictures that a network can learn."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

FOLDER = "cifar-10-batches-py"


def write_photos(root: Path, each: int = 160, held_out: int = 500, seed: int = 0) -> Path:
    """Five batches of `each` pictures and a test batch below `root`; returns `root`.

    A class is a coarse pattern of colours, the same seen in a mirror, under much noise.
    """
    rng = np.random.default_rng(seed)
    half = rng.integers(40, 216, (10, 3, 4, 2))
    patterns = np.concatenate([half, half[..., ::-1]], axis=3).repeat(8, axis=2).repeat(8, axis=3)
    folder = root / FOLDER
    folder.mkdir(parents=True)
    names = {f"data_batch_{number}": each for number in range(1, 6)} | {"test_batch": held_out}
    for name, count in names.items():
        labels = rng.permutation(np.arange(count) % 10)
        noise = rng.normal(0.0, 40.0, (count, 3, 32, 32))
        pixels = np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8)
        batch = {
            b"batch_label": name.encode(),
            b"labels": [int(label) for label in labels],
            b"data": pixels.reshape(count, -1),
            b"filenames": [b"picture.png"] * count,
        }
        # the first protocol in which Python 3 writes bytes as bytes, as Python 2 wrote its strings
        (folder / name).write_bytes(pickle.dumps(batch, protocol=3))
    return root
