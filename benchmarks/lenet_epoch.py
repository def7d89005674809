"""An epoch of LeNet, batches of 32, on the bundled MNIST, against torch on the CPU.

The network is the recipe's: two convolutions of 5x5 with 6 and 16 filters, three linear layers.
Ours runs with one BLAS thread, torch with its default. Both shuffle, use SGD with momentum 0.9 and
read the loss of every step. With ACCELERATED=1 in the environment ours uses module 17's kernels.

    python benchmarks/lenet_epoch.py
"""

from __future__ import annotations

from mlp_epoch import images_and_labels
from peers import HEADER, Measured, accelerated, compare

BATCH = 32


def ours() -> Measured:
    """The student's framework as the reference has it."""
    from threadpoolctl import threadpool_limits

    from tinytorch_milestones.training.cnn import lenet
    from tinytorch_milestones.training.implementation import Implementation

    threadpool_limits(1, "blas")
    active = Implementation.reference(accelerated()).active()
    fw = active.__enter__()
    fw.manual_seed(0)
    model = lenet(fw)
    optimizer = fw.SGD(model.parameters(), lr=0.05, momentum=0.9)
    trainer = fw.Trainer(model, optimizer, fw.CrossEntropyLoss())
    images, labels = images_and_labels()
    data = fw.TensorDataset(images.reshape(-1, 1, 28, 28), labels)
    loader = fw.DataLoader(data, batch_size=BATCH, shuffle=True, seed=0)

    def epoch() -> None:
        for _ in trainer.fit(loader, epochs=1):
            pass

    epoch.active = active  # type: ignore[attr-defined]  # the framework stays imported with it
    return epoch


def torch_cpu() -> Measured:
    """The same in torch, its batches indexed from whole tensors (its DataLoader is slower)."""
    import torch
    from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU

    images, labels = (torch.from_numpy(array) for array in images_and_labels())
    images = images.reshape(-1, 1, 28, 28)
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        *(Conv2d(1, 6, 5, padding=2), ReLU(), MaxPool2d(2)),
        *(Conv2d(6, 16, 5), ReLU(), MaxPool2d(2)),
        *(Flatten(), Linear(400, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, 10)),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss_fn = torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), BATCH):
            chosen = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = loss_fn(model(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
            loss.item()

    return epoch


WORK = {"tinytorch": ours, "torch": torch_cpu}

if __name__ == "__main__":
    print(HEADER)
    for figure in compare(
        __file__, "LeNet, epoch of 10,000 images", rounds=7, target=1.6 if accelerated() else 2.0
    ):
        print(figure.row())
