"""CIFAR-10's pickled batches, read without running anything a pickle may ask for."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch_milestones.errors import DataDamaged

_PIXELS = 3 * 32 * 32
_LARGEST = 64 << 20  # bytes of a batch; the original's have 31 million
_NUMBERS = re.compile(r"[biu][1248]")  # as numpy names them: bool, signed, unsigned; bytes


def read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, 3, 32, 32) and labels (n,) of one batch; the images cannot be written to.

    Raises `DataDamaged`, naming the file, when it is anything else.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ValueError(f"it has {size:,} bytes")
        with path.open("rb") as file:
            batch = _NumbersOnly(file, encoding="bytes").load()
        images = _array(batch[b"data"])
        labels = _array(batch[b"labels"])
        if images.dtype != np.uint8 or images.shape[1:] != (_PIXELS,) or len(images) == 0:
            raise ValueError(f"its images are {images.dtype} of shape {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"it has {len(images)} images and labels of shape {labels.shape}")
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
            raise ValueError("its labels are not whole numbers from 0 to 9")
    except Exception as error:  # what a damaged pickle raises can be anything
        problem = "a key is missing" if isinstance(error, KeyError) else str(error)
        raise DataDamaged(
            f"{path} is not a batch of CIFAR-10: {problem or type(error).__name__}.",
            "Delete it and bring it again, or run `tito data fetch cifar10`.",
        ) from error
    return images.reshape(-1, 3, 32, 32), labels.astype(np.int64)


class _Kind:
    """Stands for numpy.dtype in a pickle: what kind of number an array holds."""

    def __init__(self, code: str | bytes = "", *_copy: object) -> None:
        self.code = _text(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def dtype(self) -> np.dtype[Any]:
        if not _NUMBERS.fullmatch(self.code) or self.order not in "<>=|":
            raise pickle.UnpicklingError(f"it holds an array of {self.code!r}")
        return np.dtype(self.order + self.code)


class _Stored:
    """Stands for numpy.ndarray in a pickle: the bytes of an array, not yet looked at."""

    def __init__(self, *_empty: object) -> None:
        self.kind = _Kind("u1")
        self.shape: tuple[int, ...] = ()
        self.by_column = False
        self.data = b"\0"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, self.kind, self.by_column, self.data = state

    @classmethod
    def from_buffer(cls, data: bytes, kind: _Kind, shape: tuple[int, ...], order: str) -> _Stored:
        stored = cls()
        stored.__setstate__((1, shape, kind, order == "F", data))
        return stored

    def array(self) -> NDArray[Any]:
        values = np.frombuffer(self.data, self.kind.dtype())
        return values.reshape(self.shape, order="F" if self.by_column else "C")


# numpy moved these in version 2; files are written by both
_STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _Stored,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _Stored,
    ("numpy._core.multiarray", "_reconstruct"): _Stored,
    ("numpy.core.numeric", "_frombuffer"): _Stored.from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _Stored.from_buffer,
}


class _NumbersOnly(pickle.Unpickler):
    """Loads plain values and arrays of numbers; imports nothing, whatever a file names."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def _array(value: object) -> NDArray[Any]:
    if isinstance(value, _Stored):
        return value.array()
    if isinstance(value, list) and all(type(item) is int for item in value):
        return np.array(value, dtype=np.int64)
    raise ValueError(f"it holds {type(value).__name__} where an array belongs")


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value
