"""The judge's own reader of image data: what the student's parser makes of it is not asked."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinytorch_milestones.data.batches import read_batch
from tinytorch_milestones.data.places import found
from tinytorch_milestones.data.sources import File
from tinytorch_milestones.data.unpack import ready
from tinytorch_milestones.errors import DataDamaged

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images (n, height, width), or (n, channels, height, width) in colour, and labels (n,)."""


def read_digits() -> Images:
    """All 1,797 UCI digits: 8x8 pixels from 0 (paper) to 16 (ink)."""
    text = _read(ready("digits"), "optdigits.tes").decode("ascii")
    rows = np.array([line.split(",") for line in text.split()], dtype=np.uint8)
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64].astype(np.int64)


def read_mnist(name: str = "mnist", *, train: bool = True) -> Images:
    """The training or test part of "mnist" (bundled) or "mnist-full": 28x28 pixels, 0 to 255."""
    folder = ready(name)
    part = "train" if train else "t10k"
    images = _idx(folder, f"{part}-images-idx3-ubyte")
    labels = _idx(folder, f"{part}-labels-idx1-ubyte")
    if len(images) != len(labels):
        raise DataDamaged(
            f"{folder} holds {len(images)} images but {len(labels)} labels.", "Fetch it again."
        )
    return images, labels.astype(np.int64)


def read_cifar(train: bool = True) -> Images:
    """The 50,000 training or 10,000 test photographs of CIFAR-10: (n, 3, 32, 32), 0 to 255.

    Channels are red, green, blue. Read with an unpickler that knows numbers only.
    """
    folder = ready("cifar10")
    names = [f"data_batch_{number}" for number in range(1, 6)] if train else ["test_batch"]
    paths = [folder / name for name in names]
    # a file has more bytes than its images; what is not used of the space costs no memory
    images = np.empty((sum(path.stat().st_size // 3072 for path in paths), 3, 32, 32), np.uint8)
    labels: list[NDArray[np.int64]] = []
    end = 0
    for path in paths:  # one file in memory at a time
        pixels, answers = read_batch(path)
        images[end : end + len(pixels)] = pixels
        end += len(pixels)
        labels.append(answers)
    return images[:end], np.concatenate(labels)


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    # IDX: two zero bytes, the type (8: unsigned byte), the number of axes, their big-endian sizes
    data = _read(folder, name)
    axes = data[3]
    shape = struct.unpack_from(f">{axes}I", data, 4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    if data[:3] != b"\0\0\x08" or values.size != int(np.prod(shape)):
        raise DataDamaged(f"{folder / name} is not a whole IDX file.", "Fetch it again.")
    return values.reshape(shape)


def _read(folder: Path, name: str) -> bytes:
    path = found(folder, File(name=name, content=""))
    assert path is not None  # `ready` looked
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
