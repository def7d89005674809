"""The bundled handwritten digits as the first recipes use them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinytorch_milestones.data.images import read_digits
from tinytorch_milestones.training.clouds import Array, Examples


@lru_cache(maxsize=1)
def load_digits() -> tuple[Array, Array]:
    """All 1,797 images, float32 (n, 8, 8) from 0 (paper) to 1 (ink), and labels, int64 (n,).

    The arrays are shared and read-only.
    """
    pixels, labels = read_digits()
    images = pixels.astype(np.float32) / np.float32(16)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def two_digits(
    first: int, second: int, held_out: int, rng: np.random.Generator
) -> tuple[Examples, Examples]:
    """The images of two digits as rows of 64 pixels, split at random: training and held out.

    `second` has label 1.
    """
    images, labels = load_digits()
    chosen = rng.permutation(np.flatnonzero((labels == first) | (labels == second)))
    inputs = images[chosen].reshape(len(chosen), -1)
    targets = (labels[chosen] == second).astype(np.float32)[:, None]
    cut = len(chosen) - held_out
    return Examples(inputs[:cut], targets[:cut]), Examples(inputs[cut:], targets[cut:])
