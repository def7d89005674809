"""Checkpoint 07, data pipeline: the exported `tinytorch/core/dataloader.py` from file to batch.

Images here carry their own number and the place of every pixel in their values, so that where a
crop was cut out can be read from it. Files are written byte by byte into a temporary folder.
"""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _refused(make: Callable[[], object], what: str, file: str) -> None:
    """`make` must raise a ValueError that names the file."""
    said = None
    try:
        make()
    except ValueError as error:
        said = str(error)
    assert said is not None, f"{what}: expected a ValueError, it was accepted"
    assert file in said, f"{what}: the error should name the file {file}, it says: {said}"


def _labels_of(loader: Any) -> list[int]:
    """The labels of one epoch, after checking that every input came with its own."""
    found: list[int] = []
    for inputs, labels in loader:
        assert inputs.dtype == np.float32, f"expected float32 inputs, got {inputs.dtype}"
        assert labels.dtype == np.int64, f"expected int64 labels to stay, got {labels.dtype}"
        wrong = inputs.data[:, 1] != -3 * labels.data
        assert not wrong.any(), (
            f"{int(wrong.sum())} of {len(wrong)} inputs came with another example's label: "
            "what should be learnt is noise then"
        )
        found += labels.data.tolist()
    return found


def _numbered(student: Any, count: int) -> Any:
    """A dataset whose inputs say which label they belong to."""
    labels = np.arange(count, dtype=np.int64)
    inputs = np.stack([np.ones(count), -3.0 * labels], axis=1).astype(np.float32)
    return student.TensorDataset(inputs, labels)


def picks_rows() -> None:
    """A batch holds the rows asked for, in order, from every array; a list of examples too."""
    student = _student()
    rng = np.random.default_rng(701)
    table = rng.integers(0, 99, size=(30, 3)).astype(np.float32)
    labels, weights = rng.integers(0, 9, size=30), rng.normal(size=(30, 1))
    sizes: list[int] = []

    def negative(rows: Array) -> Array:
        sizes.append(len(rows))
        return -rows

    plain = student.TensorDataset(table, labels, weights)
    changed = student.TensorDataset(student.Tensor(table), labels, transform=negative)
    for _ in range(20):
        start, length = int(rng.integers(0, 20)), int(rng.integers(1, 10))
        for indices in (rng.integers(0, 30, size=length), np.arange(start, start + length)):
            rows = [int(i) for i in indices]
            arrays: tuple[Array, ...] = (table, labels, weights)
            for part, whole in zip(plain.batch(indices), arrays, strict=True):
                got, expected = part.tolist(), [whole[i].tolist() for i in rows]
                assert got == expected, f"rows {rows}: expected {expected[:1]}, got {got[:1]}"
                assert part.dtype == whole.dtype, f"expected {whole.dtype}, got {part.dtype}"
            sizes.clear()
            first, second = changed.batch(indices)
            assert sizes == [length], (
                f"a transform gets the whole batch in one call: expected one of {length} rows, "
                f"got calls with {sizes}"
            )
            assert np.array_equal(first, -table[rows]), "the first array must be transformed"
            assert np.array_equal(second, labels[rows]), "labels must not be transformed"
    sizes.clear()
    next(iter(student.DataLoader(changed, batch_size=2)))
    assert sum(sizes) <= 8, (
        f"{sum(sizes)} rows were fetched for a first batch of 2: fetch when asked"
    )


def every_example_once() -> None:
    """Each epoch holds every example once, in full batches; drop_last leaves out a short one."""
    student = _student()
    rng = np.random.default_rng(702)
    cases = [(24, 8), (25, 8), (7, 8), (8, 1)]
    cases += [(int(rng.integers(1, 200)), int(rng.integers(1, 40))) for _ in range(10)]
    for (count, size), shuffle, drop_last in product(cases, (False, True), (False, True)):
        said = f"{count} examples, batches of {size}, drop_last={drop_last}"
        loader = student.DataLoader(_numbered(student, count), size, shuffle, drop_last, seed=1)
        expected = count // size if drop_last else -(-count // size)
        assert len(loader) == expected, f"{said}: expected len {expected}, got {len(loader)}"
        for _ in range(2):
            lengths = [len(labels) for _, labels in loader]
            assert len(lengths) == expected, f"{said}: expected {expected}, got {len(lengths)}"
            assert set(lengths[:-1]) <= {size}, f"{said}: got batches of {lengths}"
            seen = np.bincount(_labels_of(loader), minlength=count)
            missing, extra = int((seen == 0).sum()), int((seen > 1).sum())
            left_out = count % size if drop_last else 0
            assert (missing, extra) == (left_out, 0), (
                f"{said}: expected {left_out} examples left out and none twice, got {missing} left "
                f"out and {extra} more than once"
            )


def draws_orders() -> None:
    """Orders are new each epoch, repeatable by seed, and favour nobody."""
    student = _student()

    def epochs(seed: int | None, number: int, count: int = 60, size: int = 7) -> list[list[int]]:
        loader = student.DataLoader(_numbered(student, count), size, shuffle=True, seed=seed)
        return [_labels_of(loader) for _ in range(number)]

    loader = student.DataLoader(_numbered(student, 60), 7)
    for _ in range(2):
        assert _labels_of(loader) == list(range(60)), "without shuffle: expected the data's order"
    np.random.seed(5)
    first = epochs(11, 3)
    np.random.seed(6)
    assert epochs(11, 3) == first, "the same seed must give the same orders, or no run repeats"
    assert len({tuple(order) for order in first}) == 3, "two epochs came in the same order"
    assert epochs(12, 3) != first, "two seeds must give two orders"
    np.random.seed(5)
    unseeded = epochs(None, 1)
    np.random.seed(5)
    assert epochs(None, 1) != unseeded, "without a seed, every loader has an order of its own"
    places = np.zeros((5, 5))
    for order in epochs(13, 500, count=5, size=2):
        places[np.arange(5), order] += 1
    # 500 epochs put each of five examples 100 times at each place, give or take 9
    assert np.abs(places - 100).max() < 45, (
        f"in 500 epochs each example should be at each place about 100 times, got "
        f"{int(places.min())} to {int(places.max())} times: examples must be mixed one by one"
    )


def _coded(count: int, height: int, width: int) -> Array:
    """Images of two channels: 1 + row * width + column, and the same + 1000 * image number."""
    grid = 1 + np.arange(height * width, dtype=np.float32).reshape(height, width)
    numbers = 1000 * np.arange(count, dtype=np.float32)[:, None, None]
    return np.stack([np.broadcast_to(grid, (count, height, width)), numbers + grid], axis=1)


def augments() -> None:
    """Every image gets its own flip and its own crop, channels and labels stay together."""
    student = _student()
    count, height, width, size, edge = 1200, 6, 7, 6, 1
    images = _coded(count, height, width)
    given = images.copy()
    flip = student.RandomHorizontalFlip(0.3, seed=3)
    crop = student.RandomCrop(size, padding=edge, seed=4)
    both = student.Compose([crop, flip])
    dataset = student.TensorDataset(images, np.arange(count), transform=both)
    result, labels = next(iter(student.DataLoader(dataset, batch_size=count)))
    assert np.array_equal(images, given), "augmenting changed the data set itself"
    assert result.shape == (count, 2, size, size), f"got the shape {result.shape}"
    assert result.dtype == np.float32, f"expected float32 to stay, got {result.dtype}"
    tops, lefts, flips = [], [], []
    for i, (place, numbered) in enumerate(result.data):
        inside = place > 0
        own = numbered[inside] - place[inside] == 1000 * labels.data[i]
        assert own.all(), "a pixel's channels, or an image and its label, were separated"
        assert not numbered[~inside].any(), "outside the image a crop must hold zeros"
        flips.append(bool(place[3, 2] > place[3, 3]))  # numbers grow to the right, unless mirrored
        y, x = divmod(int(place[3, 2]) - 1, width)
        top, left = y + edge - 3, x + edge - (size - 3 if flips[-1] else 2)
        tops.append(top)
        lefts.append(left)
        window = np.pad(images[i], ((0, 0), (edge, edge), (edge, edge)))
        window = window[:, top : top + size, left : left + size]
        expected = window[:, :, ::-1] if flips[-1] else window
        assert np.array_equal(result.data[i], expected), (
            "a result is not a piece of its padded image, mirrored left to right or not"
        )
    share = float(np.mean(flips))
    assert 0.2 < share < 0.4, f"p=0.3: expected about 30 % of the images mirrored, got {share:.0%}"
    places = np.zeros((height + 2 * edge - size + 1, width + 2 * edge - size + 1))
    np.add.at(places, (tops, lefts), 1)
    # 1,200 images over 3 x 4 places: 100 each, give or take 10
    assert places.min() > 50, (
        f"expected about 100 crops at each of {places.size} places, got {places.tolist()}: "
        "every image needs a top and a left of its own, up to the last place"
    )
    for make in (partial(student.RandomHorizontalFlip, 0.5), partial(student.RandomCrop, 6, 1)):
        one, same, other = make(seed=6), make(seed=6), make(seed=7)
        first = one(images)
        assert np.array_equal(same(images), first), f"{one}: the same seed, other results"
        assert not np.array_equal(one(images), first), f"{one}: every call must draw anew"
        assert not np.array_equal(other(images), first), f"{one}: two seeds, the same results"
    whole = student.RandomHorizontalFlip(1.0)(images)
    assert np.array_equal(whole, images[..., ::-1]), "p=1: expected all images mirrored"


def normalizes() -> None:
    """Each channel by its own mean and deviation, against float64; float32 comes out."""
    student = _student()
    rng = np.random.default_rng(705)
    for shape in ((4, 3, 6, 5), (3, 3, 3, 3), (2, 1, 3, 3), (2, 4, 4, 4)):
        channels = shape[1]
        mean, std = rng.normal(size=channels), rng.uniform(0.3, 2, size=channels)
        for dtype in (np.float32, np.float64, np.uint8):
            images = rng.uniform(0, 9, size=shape).astype(dtype)
            given = images.copy()
            result = student.Normalize(mean.tolist(), std.tolist())(images)
            assert np.array_equal(images, given), "the batch that was given was changed"
            assert result.dtype == np.float32, f"expected float32, got {result.dtype}"
            expected = np.empty(shape)
            for c in range(channels):
                expected[:, c] = (given[:, c] - mean[c]) / std[c]
            assert result.shape == shape, f"expected the shape {shape}, got {result.shape}"
            worst = np.unravel_index(np.abs(result - expected).argmax(), shape)
            assert np.allclose(result, expected, atol=1e-4), (
                f"images {shape}, channel {worst[1]}: expected (x - mean) / std = "
                f"{expected[worst]:.4f}, got {result[worst]:.4f}"
            )


def _idx(array: Array) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def reads_mnist() -> None:
    """IDX files, gzipped or not, become float32 batches; damaged ones are refused by name."""
    student = _student()
    rng = np.random.default_rng(706)
    images = rng.integers(0, 200, size=(300, 28, 28), dtype=np.uint8)
    images[0, 0, :2] = 0, 255
    labels = rng.integers(0, 10, size=300, dtype=np.uint8)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for train, part, n in ((True, "train", 300), (False, "t10k", 3)):
            (root / f"{part}-images-idx3-ubyte").write_bytes(_idx(images[:n]))
            (root / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(_idx(labels[:n])))
            mnist = student.MNIST(root, train=train)
            assert len(mnist) == n, f"MNIST(train={train}): expected {n} images, got {len(mnist)}"
            kinds = mnist.images.dtype, mnist.labels.dtype
            assert kinds == (np.uint8, np.int64), f"expected uint8 and int64 in memory, got {kinds}"
            assert np.array_equal(mnist.images, images[:n, None]), "the images differ"
            assert mnist.labels.tolist() == labels[:n].tolist(), "the labels differ"
        negatives = student.MNIST(root, transform=lambda batch: -batch)
        known = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
        for batch, found in student.DataLoader(negatives, batch_size=64, shuffle=True, seed=2):
            assert batch.dtype == np.float32, f"expected float32, got {batch.dtype}: twice the cost"
            back = np.rint(batch.data * -255)
            assert np.allclose(batch.data, -back / 255, atol=1e-6), "expected bytes / 255, negated"
            for image, label in zip(back.clip(0, 255).astype(np.uint8), found.data, strict=True):
                assert known.get(image.tobytes()) == label, (
                    "a batch does not hold images of the file, divided by 255 and transformed, "
                    "each with its own label"
                )
        name = "train-images-idx3-ubyte"
        good = _idx(images)
        swapped = struct.pack("<4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
        for what, data in {
            "numbers of another kind": bytes([0, 0, 13]) + good[3:],
            "a file that ends early": good[:-100],
            "a file that goes on too long": good + b"more",
            "sizes with the smallest part first": swapped,
            "an empty file": b"",
        }.items():
            (root / name).write_bytes(data)
            _refused(lambda: student.MNIST(root), what, name)


def reads_digits() -> None:
    """The lines of the UCI file become images and labels; a broken line is refused by name."""
    student = _student()
    rng = np.random.default_rng(707)
    table = rng.integers(0, 17, size=(40, 65))
    table[:, 64] %= 10
    text = "".join(",".join(str(number) for number in row) + "\n" for row in table.tolist())
    with TemporaryDirectory() as folder:
        root = Path(folder)
        packed, file = root / "optdigits.tes.gz", root / "optdigits.tes"
        packed.write_bytes(gzip.compress(text.encode()))
        zipped = student.Digits(root)
        packed.unlink()
        file.write_text(text, encoding="ascii")
        for digits in (zipped, student.Digits(str(root))):
            assert digits.images.shape == (40, 1, 8, 8), f"got the shape {digits.images.shape}"
            order = np.array([7, 3, 39])
            images, labels = digits.batch(order)
            expected = table[order, :64].reshape(3, 1, 8, 8) / 16
            assert np.allclose(images, expected, atol=1e-6), "expected the 64 numbers divided by 16"
            assert labels.tolist() == table[order, 64].tolist(), "the last number is the label"
        for what, line in {
            "a line with 64 numbers": ",".join(["1"] * 64),
            "a line with a word": ",".join(["1"] * 64 + ["two"]),
            "a pixel of 17": ",".join(["17"] + ["1"] * 64),
            "a digit of 10": ",".join(["1"] * 64 + ["10"]),
        }.items():
            file.write_text(text + line + "\n", encoding="ascii")
            _refused(lambda: student.Digits(root), what, "optdigits.tes")


def _written_by_python_2(images: Array, labels: list[int]) -> bytes:
    """The pickle, opcode by opcode, that Python 2 and numpy 1 wrote of a batch in 2009."""
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + b"J\xff\xff\xff\xff" * 2
    shape = b"".join(b"J" + struct.pack("<i", size) for size in images.shape) + b"\x86"
    raw = images.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
    array += shape + dtype + b"K\x00tb\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def dtype(path: str) -> None:
    """Called like a part of an array, but from another module."""
    os.mkdir(path)


class _Trap:
    """Its pickle asks for a call: `function(*arguments)`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def reads_cifar_and_runs_nothing() -> None:
    """CIFAR-10's pickles become images; one that wants to run a function is refused unread."""
    student = _student()
    rng = np.random.default_rng(708)
    data = rng.integers(0, 256, size=(6, 2, 3072), dtype=np.uint8)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        inner = root / "cifar-10-batches-py"
        inner.mkdir()
        for number, rows in enumerate(data[:5], start=1):
            batch = {b"labels": [number, number + 4], b"data": rows}
            file = inner / f"data_batch_{number}"
            file.write_bytes(pickle.dumps(batch, protocol=3 + number % 3))
        test = inner / "test_batch"
        test.write_bytes(_written_by_python_2(data[5], [9, 0]))
        for place in (root, inner):
            train, held_out = (student.CIFAR10Dataset(place, train=t) for t in (True, False))
            assert train.images.shape == (10, 3, 32, 32), f"got the shape {train.images.shape}"
            got, expected = train.labels.tolist(), [1, 5, 2, 6, 3, 7, 4, 8, 5, 9]
            assert got == expected, f"expected the labels {expected} file by file, got {got}"
            assert held_out.labels.tolist() == [9, 0], f"got {held_out.labels.tolist()}"
            for dataset, rows in ((train, data[:5].reshape(10, 3072)), (held_out, data[5])):
                images, _ = dataset.batch(np.array([1, 0]))
                assert images.dtype == np.float32, f"expected float32, got {images.dtype}"
                pixel, byte = float(images[0, 2, 5, 7]), rows[1, 2 * 1024 + 5 * 32 + 7]
                assert abs(pixel - byte / 255) < 1e-6, (
                    f"blue, row 5, column 7: expected {byte / 255:.4f}, got {pixel:.4f}: a file "
                    "holds all red bytes of an image, then all green, then all blue ones"
                )
        made = root / "made"
        traps = {
            "os.mkdir": _Trap(os.mkdir, str(made)),
            "a function named dtype": _Trap(dtype, str(made)),
            "builtins.exec": _Trap(exec, f"import os; os.mkdir({str(made)!r})"),
            "numpy.savetxt": _Trap(np.savetxt, str(made), [1]),
            "numpy's file reader": _Trap(np.fromfile, str(test)),
            "an array made of addresses": _Trap(np.ndarray, (1,), np.dtype(object), bytes(8)),
        }
        for what, trap in traps.items():
            batch = {b"data": data[5], b"labels": [1, 2], b"extra": trap}
            test.write_bytes(pickle.dumps(batch, protocol=4))
            _refused(lambda: student.CIFAR10Dataset(root, train=False), what, "test_batch")
            assert not made.exists(), f"{what}: opening the file ran it; refuse before it is called"
        for what, content in {"half a file": test.read_bytes()[:3000], "text": b"hello"}.items():
            test.write_bytes(content)
            _refused(lambda: student.CIFAR10Dataset(root, train=False), what, "test_batch")


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-07.rows": ("Picks the rows asked for", picks_rows),
    "checkpoint-07.epochs": ("Every example once an epoch", every_example_once),
    "checkpoint-07.orders": ("Draws new orders, repeatably", draws_orders),
    "checkpoint-07.augments": ("Flips and crops each image by itself", augments),
    "checkpoint-07.normalizes": ("Normalizes channel by channel", normalizes),
    "checkpoint-07.mnist": ("Reads MNIST's files", reads_mnist),
    "checkpoint-07.digits": ("Reads the UCI digits", reads_digits),
    "checkpoint-07.cifar": ("Reads CIFAR-10 and runs nothing", reads_cifar_and_runs_nothing),
}
