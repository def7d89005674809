"""The bundled handwritten digits; `data/ORIGIN.txt` says where they come from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.clouds import Array, Examples

_FILE = Path(__file__).parent / "data" / "digits.npz"


@lru_cache(maxsize=1)
def load_digits() -> tuple[Array, Array]:
    """All 1,797 images, float32 (n, 8, 8) from 0 (paper) to 1 (ink), and labels, int64 (n,).

    The arrays are shared and read-only. Raises `TinyTorchError` when the file is missing.
    """
    try:
        with np.load(_FILE, allow_pickle=False) as archive:
            images = archive["images"].astype(np.float32) / np.float32(16)
            labels = archive["labels"].astype(np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise TinyTorchError(
            f"The bundled digits cannot be read: {error}", "Install tinytorch-milestones again."
        ) from error
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
