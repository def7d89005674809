"""Two clouds of points in the plane that a straight line can tell apart."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

# Both clouds lie on one ray from the origin, so that no line through the origin separates them:
# a machine without a working bias cannot succeed.
CENTRES = ((1.0, 0.8), (2.6, 2.2))
SPREAD = 0.45
REACH = 1.0  # no point lies farther from its centre, so the clouds never touch

Array = np.ndarray[Any, np.dtype[Any]]


class Examples(msgspec.Struct):
    """Inputs (n, features) and labels (n, 1), both float32, labels 0 or 1."""

    inputs: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.inputs)


def two_clouds(count: int, rng: np.random.Generator) -> Examples:
    """`count` points, as good as half of them in each cloud, in random order."""
    labels = (np.arange(count) % 2).astype(np.float32)
    rng.shuffle(labels)
    offsets = rng.normal(0.0, SPREAD, (count, 2))
    distance = np.linalg.norm(offsets, axis=1, keepdims=True)
    offsets *= np.minimum(1.0, REACH / np.maximum(distance, 1e-12))
    centres = np.array(CENTRES)[labels.astype(int)]
    return Examples((centres + offsets).astype(np.float32), labels[:, None])


def shuffle_labels(examples: Examples, rng: np.random.Generator) -> Examples:
    """The same inputs with their labels dealt out at random: nothing is left to learn."""
    return Examples(examples.inputs, rng.permutation(examples.labels))


def array_of(value: Any) -> Array:
    """The array in a tensor, or what numpy makes of anything else."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    return np.asarray(getattr(value, "data", value))
