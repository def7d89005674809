"""Shuffled passes over 10,000 images of 784 numbers in batches of 64, against torch's loader.

    python benchmarks/loader.py

Both make ten passes whenever it is their turn, as epochs follow each other: right after the other
had its turn, the images (31 MB) are in no cache, and a single pass would measure mostly that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from peers import HEADER, Measured, compare


def _arrays() -> tuple[Any, Any]:
    import numpy as np

    generator = np.random.default_rng(0)
    images = generator.random((10_000, 784), dtype=np.float32)
    return images, generator.integers(0, 10, 10_000)


PASSES = 10


def _passes(loader: Iterable[Any]) -> Measured:
    """Seconds of one pass, as the mean of ten in a row."""

    def once() -> float:
        begin = time.perf_counter()
        for _ in range(PASSES):
            for _ in loader:
                pass
        return (time.perf_counter() - begin) / PASSES

    return once


def ours() -> Measured:
    """The student's DataLoader as the reference has it."""
    from tinytorch import DataLoader, TensorDataset

    return _passes(DataLoader(TensorDataset(*_arrays()), batch_size=64, shuffle=True, seed=0))


def torch_loader() -> Measured:
    """torch.utils.data.DataLoader as its documentation shows it, in the process."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    images, labels = (torch.from_numpy(array) for array in _arrays())
    return _passes(DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True))


WORK = {"tinytorch": ours, "torch DataLoader": torch_loader}

if __name__ == "__main__":
    print(HEADER)
    for figure in compare(__file__, "DataLoader, pass over 10,000 images", target=0.1):
        print(figure.row())
