"""An epoch of the MLP 784-128-10, batches of 64, on the bundled MNIST, against torch on the CPU.

Ours runs with one BLAS thread, torch with its default. Both shuffle, use SGD with momentum 0.9 and
read the loss of every step.

    python benchmarks/mlp_epoch.py
"""

from __future__ import annotations

from typing import Any

from peers import HEADER, Measured, compare


def images_and_labels() -> tuple[Any, Any]:
    """The 10,000 training images, one row each, 0..1, and their labels."""
    import gzip
    from pathlib import Path

    import numpy as np

    # read by hand: the peer's interpreter need not have the product installed
    bundled = Path(__file__).resolve().parent.parent / "tinytorch_milestones/data/bundled/mnist"
    images = gzip.decompress((bundled / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((bundled / "train-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def ours() -> Measured:
    """The student's framework as the reference has it."""
    from threadpoolctl import threadpool_limits

    from tinytorch import (
        SGD,
        CrossEntropyLoss,
        DataLoader,
        Linear,
        ReLU,
        Sequential,
        TensorDataset,
        Trainer,
        manual_seed,
    )

    threadpool_limits(1, "blas")
    manual_seed(0)
    model = Sequential(Linear(784, 128), ReLU(), Linear(128, 10))
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    trainer = Trainer(model, optimizer, CrossEntropyLoss())
    loader = DataLoader(TensorDataset(*images_and_labels()), batch_size=64, shuffle=True, seed=0)

    def epoch() -> None:
        for _ in trainer.fit(loader, epochs=1):
            pass

    return epoch


def torch_cpu() -> Measured:
    """The same in torch, its batches indexed from whole tensors (its DataLoader is slower)."""
    import torch

    images, labels = (torch.from_numpy(array) for array in images_and_labels())
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss_fn = torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), 64):
            chosen = order[start : start + 64]
            optimizer.zero_grad()
            loss = loss_fn(model(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
            loss.item()

    return epoch


WORK = {"tinytorch": ours, "torch": torch_cpu}

if __name__ == "__main__":
    print(HEADER)
    for figure in compare(__file__, "MLP 784-128-10, epoch of 10,000", rounds=15, target=1.0):
        print(figure.row())
