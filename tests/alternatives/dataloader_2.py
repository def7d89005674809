"""`core/dataloader.py` with index grids, masks, generators and one reader for all files."""

from __future__ import annotations

import gzip
import io
import itertools
import pickle
import struct
from functools import reduce
from math import ceil
from pathlib import Path

import numpy as np

from .tensor import Tensor, to_array


class Dataset:
    def __len__(self):
        raise NotImplementedError("__len__")

    def __getitem__(self, index):
        raise NotImplementedError("__getitem__")

    def batch(self, indices):
        rows = list(zip(*map(self.__getitem__, map(int, indices)), strict=True))
        return tuple(np.stack([_numbers(part) for part in parts]) for parts in rows)


def _numbers(part):
    # whole numbers stay whole, other plain numbers are float32
    return np.asarray(part) if isinstance(part, int) else to_array(part)


class TensorDataset(Dataset):
    def __init__(self, *arrays, transform=None):
        self.parts = tuple(to_array(array) for array in arrays)
        self.transform = (lambda rows: rows) if transform is None else transform
        try:
            (self.count,) = {part.shape[0] for part in self.parts}
        except (ValueError, IndexError):
            shapes = [part.shape for part in self.parts]
            raise ValueError(f"one number of rows is needed, got {shapes}") from None

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return tuple(part[0] for part in self.batch([index]))

    def batch(self, indices):
        picked = [part.take(indices, axis=0) for part in self.parts]
        return (self.transform(picked[0]), *picked[1:])


def split_batches(order, batch_size, drop_last):
    end = len(order) - len(order) % batch_size if drop_last else len(order)
    return np.split(order[:end], range(batch_size, end, batch_size)) if end else []


class DataLoader:
    def __init__(self, dataset, batch_size=32, shuffle=False, drop_last=False, seed=None):
        if not float(batch_size).is_integer() or batch_size <= 0:
            raise ValueError(f"{batch_size} examples cannot make a batch")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._states = itertools.count()
        self._seed = np.random.SeedSequence(seed).entropy

    def __len__(self):
        count = len(self.dataset) / self.batch_size
        return int(count) if self.drop_last else ceil(count)

    def __iter__(self):
        keys = np.arange(len(self.dataset))
        if self.shuffle:
            draws = np.random.default_rng([self._seed, next(self._states)]).random(len(keys))
            keys = np.argsort(draws, kind="stable")
        pieces = split_batches(keys, self.batch_size, self.drop_last)
        return (tuple(map(Tensor, self.dataset.batch(piece))) for piece in pieces)


class ImageDataset(Dataset):
    def __init__(self, images, labels, transform=None, white=255):
        images, labels = np.asarray(images), np.asarray(labels).astype(np.int64)
        if images.ndim != 4 or labels.shape != (images.shape[0],):
            raise ValueError(f"images {images.shape} do not go with labels {labels.shape}")
        self.images, self.labels = images, labels
        self.transform = transform or (lambda pictures: pictures)
        self.scale = np.float32(1 / white)

    def __len__(self):
        return self.labels.size

    def __getitem__(self, index):
        picture, label = self.batch(slice(index, index + 1 or None))
        return picture[0], label[0]

    def batch(self, indices):
        pictures = np.multiply(self.images[indices], self.scale, dtype=np.float32)
        return self.transform(pictures), self.labels[indices]


def _read(root, name, parse):
    """What `parse` makes of a file, or a ValueError that names it."""
    path = Path(root, name)
    packed = path.with_name(name + ".gz")
    if not path.exists() and not packed.exists():
        raise FileNotFoundError(f"{path} (or {packed.name}) is missing")
    try:
        return parse(path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes()))
    except NotImplementedError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error


def _parse_digits(text):
    table = np.array([line.split(b",") for line in text.splitlines()]).astype(int)
    if table.ndim != 2 or table.shape[1] != 65:
        raise ValueError("every line needs 65 numbers")
    limits = np.array([16] * 64 + [9])
    if ((table < 0) | (table > limits)).any():
        raise ValueError("a number is out of range")
    return table


class Digits(ImageDataset):
    def __init__(self, root, transform=None):
        table = _read(root, "optdigits.tes", _parse_digits)
        pictures = table[:, :-1].astype(np.uint8)
        super().__init__(pictures.reshape(-1, 1, 8, 8), table[:, -1], transform, white=16)


class RandomHorizontalFlip:
    def __init__(self, p=0.5, seed=None):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{p} is no probability")
        self.p = p
        self.draws = np.random.RandomState(seed)

    def __call__(self, images):
        mirrored = self.draws.binomial(1, self.p, size=(images.shape[0], 1, 1, 1)).astype(bool)
        return np.where(mirrored, np.flip(images, -1), images)


class RandomCrop:
    def __init__(self, size, padding=0, seed=None):
        if size <= 0 or padding < 0:
            raise ValueError("size must be positive, padding not negative")
        self.size = size
        self.margin = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        self.draws = np.random.RandomState(seed)

    def __call__(self, images):
        padded = np.pad(images, self.margin)
        places = np.array(padded.shape[2:]) - self.size + 1
        if places.min() < 1:
            raise ValueError(f"{self.size} pixels are more than {padded.shape[2:]}")
        corners = (self.draws.random_sample((len(images), 2)) * places).astype(int)
        steps = corners[:, :, None] + np.arange(self.size)
        rows, columns = steps[:, 0, :, None], steps[:, 1, None, :]
        channels_last = np.moveaxis(padded, 1, 3)
        cut = channels_last[np.arange(len(images))[:, None, None], rows, columns]
        return np.ascontiguousarray(np.moveaxis(cut, 3, 1))


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = (np.atleast_1d(np.array(v, dtype=np.float64)) for v in (mean, std))
        if self.std.min() <= 0:
            raise ValueError("standard deviations are positive")

    def __call__(self, images):
        if {self.mean.size, self.std.size} - {1, images.shape[1]}:
            raise ValueError(f"{self.mean.size} means for images {images.shape}")
        # x / std - mean / std, with the channels moved to the end, where broadcasting begins
        last = np.moveaxis(images, 1, -1)
        return np.moveaxis(last / self.std - self.mean / self.std, -1, 1).astype(np.float32)


class Compose:
    def __init__(self, transforms):
        self.steps = tuple(transforms)

    def __call__(self, images):
        return reduce(lambda value, step: step(value), self.steps, images)


def parse_idx(data):
    if not data.startswith(b"\0\0\x08") or len(data) < 4:
        raise ValueError("the first bytes are not those of an IDX file")
    try:
        shape = struct.unpack_from(f">{data[3]}I", data, 4)
    except struct.error as error:
        raise ValueError(f"the header is cut off: {error}") from None
    values = np.array(memoryview(data)[4 + struct.calcsize(f"{data[3]}I") :], dtype=np.uint8)
    return values.reshape(shape)  # refuses another number of values


class MNIST(ImageDataset):
    def __init__(self, root, train=True, transform=None):
        stem = ("t10k", "train")[train]
        pictures = _read(root, f"{stem}-images-idx3-ubyte", parse_idx)
        labels = _read(root, f"{stem}-labels-idx1-ubyte", parse_idx)
        super().__init__(np.expand_dims(pictures, 1), labels, transform)


class _Record:
    """Keeps what a pickle says about a type or an array; nothing is done with it while loading."""

    def __init__(self, *said):
        self.said, self.state = said, ()

    def __setstate__(self, state):
        self.state = state

    def kind(self):
        words = [word.decode() if isinstance(word, bytes) else word for word in self.said[:1]]
        found = np.dtype(words[0])
        if not (np.issubdtype(found, np.number) or found.kind == "b"):
            raise pickle.UnpicklingError(f"{found} is not a number")
        swapped = self.state and self.state[1] in (">", b">")
        return found.newbyteorder(">") if swapped else found

    def array(self):
        if self.state:
            _, shape, record, by_column, data = self.state
            order = "F" if by_column else "C"
        else:
            data, record, shape, order = self.said
        return np.ndarray(shape, record.kind(), bytearray(data), order=order)


def _finished(value):
    """The same value with every record of an array turned into that array."""
    if isinstance(value, dict):
        return {key: _finished(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_finished, value))
    return value.array() if isinstance(value, _Record) else value


_NAMES = {"numpy dtype": _Record, "numpy ndarray": None} | {
    f"numpy.{core}.{rest}": _Record
    for core in ("core", "_core")
    for rest in ("multiarray _reconstruct", "numeric _frombuffer")
}


class ArrayUnpickler(pickle.Unpickler):
    def find_class(self, *name):
        try:
            return _NAMES[" ".join(name)]
        except KeyError:
            said = f"only arrays may be loaded, not {'.'.join(name)}"
            raise pickle.UnpicklingError(said) from None

    def load(self):
        return _finished(super().load())


def _parse_cifar(data):
    content = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    return content[b"data"].reshape(-1, 3, 32, 32), np.array(content[b"labels"])


class CIFAR10Dataset(ImageDataset):
    def __init__(self, root, train=True, transform=None):
        names = [f"data_batch_{i + 1}" for i in range(5)] if train else ["test_batch"]
        folder = next(Path(root).glob("cifar-10-batches-py"), Path(root))
        files = [_read(folder, name, _parse_cifar) for name in names]
        super().__init__(*map(np.concatenate, zip(*files, strict=True)), transform)
