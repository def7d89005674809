"""Training time until a small network reads 95 % of held-out 8x8 digits, against torch.

A network 64-64-10, Adam, batches of 64; after every 5 steps the held-out 360 images are read, and
that counts. The time is the framework's own: data and model are ready before it starts.

    python benchmarks/digits_to_95.py
"""

from __future__ import annotations

import time
from typing import Any

from peers import HEADER, Measured, compare

LEARNING_RATE = 0.01
MOST_STEPS = 2000


def _digits() -> tuple[Any, Any, Any, Any]:
    import gzip
    from pathlib import Path

    import numpy as np

    bundled = Path(__file__).resolve().parent.parent / "tinytorch_milestones/data/bundled/digits"
    text = gzip.decompress((bundled / "optdigits.tes.gz").read_bytes()).decode()
    rows = np.array([line.split(",") for line in text.split()], dtype=np.int64)
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    images, labels = rows[:, :64].astype(np.float32) / 16, rows[:, 64]
    return images[360:], labels[360:], images[:360], labels[:360]


def ours() -> Measured:
    """The student's framework as the reference has it."""
    from threadpoolctl import threadpool_limits

    import tinytorch as tt

    threadpool_limits(1, "blas")
    images, labels, held_images, held_labels = _digits()
    held = tt.Tensor(held_images)

    def train() -> float:
        tt.manual_seed(0)
        model = tt.Sequential(tt.Linear(64, 64), tt.ReLU(), tt.Linear(64, 10))
        optimizer = tt.Adam(model.parameters(), lr=LEARNING_RATE)
        trainer = tt.Trainer(model, optimizer, tt.CrossEntropyLoss())
        loader = tt.DataLoader(tt.TensorDataset(images, labels), 64, shuffle=True, seed=0)
        begin = time.perf_counter()
        for step in trainer.fit(loader, epochs=90):
            if step.step % 5 == 0:
                with tt.no_grad():
                    answers = model(held).data.argmax(axis=1)
                if (answers == held_labels).mean() >= 0.95:
                    return time.perf_counter() - begin
        raise SystemExit("tinytorch did not reach 95 %")

    return train


def torch_cpu() -> Measured:
    """The same in torch."""
    import torch

    images, labels, held, held_labels = (torch.from_numpy(array) for array in _digits())
    loss_fn = torch.nn.CrossEntropyLoss()

    def train() -> float:
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        begin = time.perf_counter()
        step = 0
        while step < MOST_STEPS:
            order = torch.randperm(len(images))
            for start in range(0, len(images), 64):
                chosen = order[start : start + 64]
                optimizer.zero_grad()
                loss = loss_fn(model(images[chosen]), labels[chosen])
                loss.backward()
                optimizer.step()
                loss.item()
                step += 1
                if step % 5 == 0:
                    with torch.no_grad():
                        answers = model(held).argmax(dim=1)
                    if (answers == held_labels).float().mean() >= 0.95:
                        return time.perf_counter() - begin
        raise SystemExit("torch did not reach 95 %")

    return train


WORK = {"tinytorch": ours, "torch": torch_cpu}

if __name__ == "__main__":
    print(HEADER)
    for figure in compare(__file__, "8x8 digits to 95 %", rounds=9):
        print(figure.row())
