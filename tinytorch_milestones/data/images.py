"""The judge's own reader of image data: what the student's parser makes of it is not asked."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinytorch_milestones.data.places import found, locate
from tinytorch_milestones.data.sources import File
from tinytorch_milestones.errors import DataDamaged

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images (n, height, width) and labels (n,)."""


def read_digits() -> Images:
    """All 1,797 UCI digits: 8x8 pixels from 0 (paper) to 16 (ink)."""
    text = _read(locate("digits"), "optdigits.tes").decode("ascii")
    rows = np.array([line.split(",") for line in text.split()], dtype=np.uint8)
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64].astype(np.int64)


def read_mnist(name: str = "mnist", *, train: bool = True) -> Images:
    """The training or test part of "mnist" (bundled) or "mnist-full": 28x28 pixels, 0 to 255."""
    folder = locate(name)
    part = "train" if train else "t10k"
    images = _idx(folder, f"{part}-images-idx3-ubyte")
    labels = _idx(folder, f"{part}-labels-idx1-ubyte")
    if len(images) != len(labels):
        raise DataDamaged(
            f"{folder} holds {len(images)} images but {len(labels)} labels.", "Fetch it again."
        )
    return images, labels.astype(np.int64)


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
    assert path is not None  # `locate` looked
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
