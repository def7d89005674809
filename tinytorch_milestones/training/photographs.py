"""CIFAR-10 as recipes use it: photographs kept as bytes, normalised a few at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch_milestones.data.images import read_cifar
from tinytorch_milestones.training.clouds import Array, Examples
from tinytorch_milestones.training.implementation import Framework

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

# of red, green and blue over all 50,000 training images, in the units of the bytes
MEAN = np.array([125.3, 123.0, 113.9], dtype=np.float32)
STD = np.array([63.0, 62.1, 66.7], dtype=np.float32)

SIZE = 32
_EDGE = 2  # pixels by which a crop may be shifted
_FLOOR = 1e-2  # added to variances, so that directions with hardly any are not blown up to noise


def photographs() -> tuple[Examples, Examples]:
    """The 50,000 to learn from and the 10,000 held out: uint8 (n, 3, 32, 32), labels (n,).

    They stay bytes: as float32 they would need 740 MB. Raises `DataMissing`, saying what to fetch
    and what works without, where they are not on this machine.
    """
    return Examples(*read_cifar(train=True)), Examples(*read_cifar(train=False))


def normalised(images: Array) -> Array:
    """What a model is given of held-out images: float32 around 0, spread about 1."""
    result = images.astype(np.float32)
    result -= MEAN.reshape(-1, 1, 1)
    result /= STD.reshape(-1, 1, 1)
    return result


def augmentation(fw: Framework, seed: int) -> Any:
    """The student's transforms: mirrored half the time, shifted by up to two pixels, normalised.

    Normalising comes last, so that the others move bytes.
    """
    return fw.Compose(
        [
            fw.RandomHorizontalFlip(seed=seed),
            fw.RandomCrop(SIZE, padding=_EDGE, seed=seed + 1),
            fw.Normalize(MEAN, STD),
        ]
    )


def whitening(images: Array, size: int = 2) -> Array:
    """Filters (3 * size * size, 3, size, size) that make patches of photographs uncorrelated.

    Neighbouring pixels are much alike, so that plain filters mostly see brightness. These are the
    directions in which small patches vary (eigenvectors of their covariance), each divided by how
    much they do.
    """
    inputs = normalised(images[:2000])
    windows = np.lib.stride_tricks.sliding_window_view(inputs, (size, size), axis=(2, 3))
    patches = windows[:, :, ::size, ::size].transpose(0, 2, 3, 1, 4, 5)
    rows = patches.reshape(-1, inputs.shape[1] * size * size)
    rows = rows - rows.mean(axis=0)
    variances, directions = np.linalg.eigh((rows.T @ rows / len(rows)).astype(np.float64))
    filters = (directions / np.sqrt(np.maximum(variances, 0.0) + _FLOOR)).T[::-1]
    return np.asarray(filters.reshape(-1, inputs.shape[1], size, size), dtype=np.float32)
