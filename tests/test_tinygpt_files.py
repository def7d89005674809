"""Safetensors by `tinytorch/tinygpt.py`: any tensors, any damage; the package itself beside it."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import tinytorch as tt
from tinytorch.tinygpt import (
    DTYPES,
    load_tensors,
    pack_tensors,
    read_tensors,
    save_tensors,
    unpack_tensors,
)

some_array = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda kind: arrays_of.arrays(DTYPES[kind], arrays_of.array_shapes(min_dims=0, min_side=0))
)
names = st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__")
some_arrays = st.dictionaries(names, some_array, max_size=5)


def same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert (got[name].dtype, got[name].shape) == (array.dtype, array.shape), name
        assert got[name].tobytes() == array.tobytes(), name


@settings(max_examples=150, deadline=None)
@given(some_arrays, st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_any_tensors_survive_bit_for_bit(
    arrays: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    got, words = unpack_tensors(pack_tensors(arrays, metadata))
    same(got, arrays)
    assert words == metadata
    if arrays:
        (length,) = struct.unpack("<Q", pack_tensors(arrays)[:8])
        places = json.loads(pack_tensors(arrays)[8 : 8 + length])
        for name, array in arrays.items():
            assert (8 + length + places[name]["data_offsets"][0]) % array.itemsize == 0


@settings(max_examples=80, deadline=None)
@given(some_arrays)
def test_the_package_reads_ours_and_we_read_its(arrays: dict[str, np.ndarray]) -> None:
    peer = pytest.importorskip("safetensors.numpy", reason="needs the package safetensors")
    same(peer.load(pack_tensors(arrays, {"by": "us"})), arrays)
    same(unpack_tensors(peer.save(arrays, {"by": "them"}))[0], arrays)


@settings(max_examples=60, deadline=None)
@given(some_arrays, st.data())
def test_what_the_package_refuses_we_refuse(arrays: dict[str, np.ndarray], data: Any) -> None:
    """Of files with a few bytes changed: whatever we read, the package reads, and the same."""
    safetensors = pytest.importorskip("safetensors", reason="needs the package safetensors")
    from safetensors.numpy import load

    file = bytearray(pack_tensors(arrays))
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        file = file[: data.draw(st.integers(0, len(file)))]
    try:
        ours, _ = unpack_tensors(bytes(file))
    except ValueError:
        return
    try:
        theirs = load(bytes(file))
    except (safetensors.SafetensorError, ValueError) as error:
        pytest.fail(f"we read what the package refuses ({error}): {bytes(file)!r}")
    same(theirs, ours)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.booleans())
@example(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, true]}}', True)
@example(b'{"a": {"dtype": [], "shape": {}, "data_offsets": 3}}', True)
@example(b'{"a": 3, "a": 3}', True)
@example(b'{"__metadata__": {"a": 1}}', True)
@example(b"[" * 9000, True)
@example(b"[]", True)
@example(b"1e999", True)
def test_any_bytes_are_read_or_refused(data: bytes, as_header: bool) -> None:
    if as_header:
        data = struct.pack("<Q", len(data)) + data
    with suppress(ValueError):
        unpack_tensors(data)


def test_what_has_no_name_in_the_format_is_refused(tmp_path: Path) -> None:
    for arrays, metadata in (
        ({"a": np.zeros(2, dtype=complex)}, None),
        ({"a": np.array(["text"])}, None),
        ({"a": np.array([object()])}, None),
        ({"__metadata__": np.zeros(1)}, None),
        ({"a": np.zeros(1)}, {"n": 3}),
    ):
        with pytest.raises(ValueError, match=r"."):
            save_tensors(tmp_path / "x", arrays, metadata)
    assert not list(tmp_path.iterdir())
    save_tensors(tmp_path / "x", {"t": tt.Tensor([1, 2])})
    save_tensors(tmp_path / "x", {"t": tt.Tensor([3, 4])}, {"second": "yes"})
    arrays, words = read_tensors(tmp_path / "x")
    assert arrays["t"].tolist() == [3, 4]
    assert words == {"second": "yes"}
    (tmp_path / "y").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"y: 5 bytes are too few"):
        load_tensors(tmp_path / "y")
