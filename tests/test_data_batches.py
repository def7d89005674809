"""CIFAR-10's batches: of every age they are read, and nothing in a file is ever run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinytorch_milestones.data.batches import read_batch
from tinytorch_milestones.data.images import read_cifar
from tinytorch_milestones.errors import DataDamaged


def python_2(data: np.ndarray, labels: list[int]) -> bytes:
    """A batch as the original files are written: protocol 2, text of eight bits, numpy 1."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    state = b"".join(
        [
            b"(K\x01",
            *(b"(", *(b"M" + size.to_bytes(2, "little") for size in data.shape), b"t"),
            b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R",
            b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + data.nbytes.to_bytes(4, "little") + data.tobytes() + b"t",
        ]
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
        b"cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R" + state + b"b"
    )
    answers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + answers + b"u."


def test_the_real_photographs(real_data: Path) -> None:
    if not (real_data / "cifar-10-batches-py" / "test_batch").is_file():
        pytest.skip("needs CIFAR-10: unpack it into the folder that TINYTORCH_DATA names")
    for train, count in ((True, 50_000), (False, 10_000)):
        images, labels = read_cifar(train)
        assert images.shape == (count, 3, 32, 32)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert np.bincount(labels).tolist() == [count // 10] * 10
        # red, green and blue as everybody reports them
        means = images.mean(axis=(0, 2, 3)) / 255
        assert np.abs(means - [0.491, 0.482, 0.447]).max() < 0.006


def test_batches_of_every_age_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (4, 3072), np.uint8)
    labels = [9, 0, 3, 3]
    plain = {b"data": data, b"labels": labels}
    files = {f"protocol {n}": pickle.dumps(plain, n) for n in (3, 4, 5)}
    files["labels in an array"] = pickle.dumps({b"data": data, b"labels": np.array(labels)})
    turned = {b"data": np.asfortranarray(data), b"labels": labels}
    files |= {f"by column, protocol {n}": pickle.dumps(turned, n) for n in (3, 5)}
    files["python 2"] = python_2(data, labels)
    assert b"numpy._core." in files["protocol 3"]
    files["numpy 1"] = files["protocol 3"].replace(b"numpy._core.", b"numpy.core.")
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        images, answers = read_batch(path)
        assert np.array_equal(images, data.reshape(4, 3, 32, 32)), name
        assert answers.dtype == np.int64, name
        assert answers.tolist() == labels, name
    assert images[1, 2, 5, 7] == data[1, 2 * 1024 + 5 * 32 + 7]  # blue, row 5, column 7


class Trap:
    """Its pickle asks for a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


GOOD = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2]}
WRONG: dict[str, tuple[object, str]] = {
    "an object array": ({**GOOD, b"data": np.array([[{}]])}, "array of"),
    "text": ({**GOOD, b"data": np.array([["a"]])}, "array of"),
    "floats": ({**GOOD, b"data": np.zeros((2, 3072))}, "array of 'f8'"),
    "narrow": ({**GOOD, b"data": np.zeros((2, 3071), np.uint8)}, "3071"),
    "no images": ({b"data": np.zeros((0, 3072), np.uint8), b"labels": []}, "shape"),
    "too few labels": ({**GOOD, b"labels": [1]}, "2 images"),
    "a label of 10": ({**GOOD, b"labels": [1, 10]}, "0 to 9"),
    "true and false": ({**GOOD, b"labels": [True, False]}, "list"),
    "no labels": ({b"data": GOOD[b"data"]}, "missing"),
    "a list": ([1, 2], "list indices"),
    "text as images": ({**GOOD, b"data": "x"}, "str"),
}


@pytest.mark.parametrize("what", WRONG)
def test_other_pickles_are_refused_with_the_files_name(what: str, tmp_path: Path) -> None:
    value, said = WRONG[what]
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(DataDamaged, match=said) as caught:
        read_batch(path)
    assert str(path) in caught.value.message


def test_a_pickle_that_wants_to_run_something_runs_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    traps = {
        "posix.mkdir": Trap(os.mkdir, str(made)),
        "builtins.exec": Trap(exec, f"import os; os.mkdir({str(made)!r})"),
        "builtins.getattr": Trap(getattr, 1, "real"),
        "numpy.savetxt": Trap(np.savetxt, str(made), [1]),
    }
    path = tmp_path / "test_batch"
    for name, trap in traps.items():
        path.write_bytes(pickle.dumps({**GOOD, b"more": trap}))
        with pytest.raises(DataDamaged, match="it asks for"):
            read_batch(path)
        assert not made.exists(), name


@pytest.mark.parametrize("length", [0, 1, 100, 5000])
def test_half_a_batch_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(python_2(np.ones((2, 3072), np.uint8), [1, 2])[:length])
    with pytest.raises(DataDamaged, match="data_batch_1 is not a batch"):
        read_batch(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1"
    with path.open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(DataDamaged, match="bytes"):
        read_batch(path)
