"""What checkpoint 10 measures with: oracles, a spy, and a disk that is full."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Random float32 numbers of size about 1."""
    return rng.normal(size=shape).astype(np.float32)


def regression(weight: Array, bias: Array, x: Array, y: Array) -> tuple[float, Array, Array]:
    """Loss of a softmax regression, and the gradients of weight and bias, in float64."""
    scores = x.astype(np.float64) @ weight.T + bias
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    picked = shares[np.arange(len(y)), y]
    shares[np.arange(len(y)), y] -= 1
    return float(-np.log(picked).mean()), shares.T @ x / len(y), shares.mean(axis=0)


def torch_one_cycle(step: int, top: float, total: int, options: dict[str, float]) -> float:
    """The rate as torch.optim.lr_scheduler.OneCycleLR computes it, phase by phase."""
    first = top / options["div_factor"]
    phases = [
        (options["pct_start"] * total - 1, first, top),
        (total - 1, top, first / options["final_div_factor"]),
    ]
    start = 0.0
    for end_step, from_lr, to_lr in phases:
        if step <= end_step or end_step == total - 1:
            share = (step - start) / (end_step - start)
            return to_lr + (from_lr - to_lr) / 2.0 * (math.cos(math.pi * share) + 1)
        start = end_step
    raise AssertionError("no phase")


def spy(student: Any) -> Any:
    """A layer that notes how it was called: in which mode, and whether that was recorded."""

    class Spy(student.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seen: list[tuple[bool, bool]] = []
            self.fails_at = 0

        def forward(self, x: Any) -> Any:
            self.seen.append((bool(self.training), bool(x.requires_grad)))
            if len(self.seen) == self.fails_at:
                raise OSError("the data could not be read")
            return x

    return Spy()


def trainer(student: Any, seed: int, hidden: int = 6, kind: str = "Adam") -> Any:
    """A trainer with dropout, one cycle over 12 steps and clipping: all there is to keep."""
    student.manual_seed(seed)
    model = student.Sequential(
        student.Linear(5, hidden), student.Dropout(0.4), student.Linear(hidden, 3)
    )
    optimizer = getattr(student, kind)(model.parameters(), lr=0.02)
    schedule = student.OneCycle(optimizer, 0.1, 12)
    return student.Trainer(model, optimizer, student.CrossEntropyLoss(), schedule, 1.0)


def batches(seed: int) -> list[tuple[Array, Array]]:
    """Three batches of eight examples."""
    rng = np.random.default_rng(seed)
    return [(normal(rng, 8, 5), rng.integers(0, 3, size=8)) for _ in range(3)]


def difference(student: Any) -> Any:
    """A layer with two inputs and one parameter: `(a - b) * scale`."""

    class Difference(student.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.scale = student.Tensor(np.ones(1, np.float32), requires_grad=True)

        def forward(self, a: Any, b: Any) -> Any:
            return (a - b) * self.scale

    return Difference()


class Loader:
    """Batches in a fixed order."""

    def __init__(self, student: Any, arrays: list[tuple[Array, Array]]) -> None:
        self.batches = [tuple(map(student.Tensor, batch)) for batch in arrays]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.batches)


def account(held: Any) -> tuple[Any, ...]:
    """What a refused checkpoint must not change."""
    weights = {name: value.tobytes() for name, value in held.model.state_dict().items()}
    counts = held.optimizer.lr, held.scheduler.steps, held.epochs_done
    return weights, repr(held.optimizer.state_dict()), counts


def with_a_full_disk(action: Callable[[], object]) -> bool:
    """Whether `action` raises the OSError of a disk that is full when an archive is finished."""
    close = zipfile.ZipFile.close

    def full(archive: zipfile.ZipFile) -> None:
        writing = archive.mode == "w" and archive.fp is not None
        close(archive)
        if writing:
            raise OSError("no space left on this device (the check pretends)")

    zipfile.ZipFile.close = full  # type: ignore[method-assign, assignment]
    try:
        action()
    except OSError:
        return True
    finally:
        zipfile.ZipFile.close = close  # type: ignore[method-assign]
    return False
