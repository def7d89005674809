"""CIFAR-10: found, fetched, and an archive that is unpacked whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.mirror import Mirror, serving
from tests.test_data_batches import python_2
from tinytorch_milestones.data import data_folder, fetch, sources
from tinytorch_milestones.data.batches import read_batch
from tinytorch_milestones.data.images import read_cifar
from tinytorch_milestones.data.sources import Archive, File, Source
from tinytorch_milestones.errors import DataDamaged, DataMissing

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
COUNT = 30  # images in a batch


def batch(number: int) -> bytes:
    """A small batch; its pixels and labels follow from its number."""
    rng = np.random.default_rng(number)
    data = rng.integers(0, 256, (COUNT, 3072), np.uint8)
    return python_2(data, [(number + i) % 10 for i in range(COUNT)])


BATCHES = {name: batch(number) for number, name in enumerate(NAMES)}
OTHERS = {"batches.meta": b"names", "readme.html": b"<a>"}


def packed(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar.gz with a folder and these members in it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        folder = tarfile.TarInfo(FOLDER)
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


WHOLE = {f"{FOLDER}/{name}": content for name, content in {**BATCHES, **OTHERS}.items()}
PACKED = packed(WHOLE)


def known(name: str, content: bytes) -> File:
    return File(name=name, content=f"md5:{hashlib.md5(content).hexdigest()}")


SMALL = Source(
    name="cifar10",
    title="Small photographs",
    files=tuple(known(name, content) for name, content in BATCHES.items()),
    batches=True,
    archive=Archive(
        name=ARCHIVE,
        download=f"sha256:{hashlib.sha256(PACKED).hexdigest()}",
        folder=FOLDER,
        others=(
            known("batches.meta", OTHERS["batches.meta"]),
            File(name="readme.html", content=""),
        ),
        unpacked=1_000_000,
    ),
    folders=(FOLDER, f"cifar10/{FOLDER}"),
    megabytes=1,
)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror with a small CIFAR-10, which takes the place of the large one."""
    with serving({ARCHIVE: PACKED}) as made:
        small = msgspec.structs.replace(SMALL, mirrors=(made.url,))
        monkeypatch.setattr(sources, "SOURCES", (small,))
        monkeypatch.delenv("TINYTORCH_DATA", raising=False)
        yield made


@pytest.fixture
def mine(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that TINYTORCH_DATA names."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("TINYTORCH_DATA", str(folder))
    return folder


@pytest.fixture
def cached(own_home: Path) -> Path:
    """The cache's folder of the data set."""
    return own_home / "data" / "cifar10"


def left(cached: Path) -> list[str]:
    return sorted(path.name for path in cached.iterdir())


def test_fetching_unpacks_and_keeps_no_archive(mirror: Mirror, cached: Path) -> None:
    with pytest.raises(DataMissing, match=f"{mirror.url}{ARCHIVE}"):
        data_folder("cifar10")
    told: list[tuple[str, int, int | None]] = []
    folder = fetch("cifar10", lambda *news: told.append(news))
    assert folder == cached / FOLDER
    assert left(cached) == [FOLDER]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {**BATCHES, **OTHERS}
    assert (ARCHIVE, len(PACKED), len(PACKED)) in told
    assert told[-1][0] == f"{ARCHIVE}, unpacking"
    assert 0 < told[-1][1] <= 1_000_000
    images, labels = read_cifar()
    assert images.shape == (5 * COUNT, 3, 32, 32)
    assert labels[:COUNT].tolist() == [i % 10 for i in range(COUNT)]
    assert np.array_equal(images[-COUNT:], read_batch(folder / "data_batch_5")[0])
    assert np.array_equal(read_cifar(train=False)[0], read_batch(folder / "test_batch")[0])
    assert fetch("cifar10") == folder
    assert len(mirror.asked) == 1


def test_a_broken_download_of_the_archive_goes_on(mirror: Mirror, cached: Path) -> None:
    mirror.break_off = 200_000
    with pytest.raises(DataMissing, match="not on this machine"):
        fetch("cifar10")
    with pytest.raises(DataMissing):
        data_folder("cifar10")
    assert left(cached) == [f"{ARCHIVE}.part"]
    assert fetch("cifar10") == cached / FOLDER
    assert mirror.asked[1][1] is not None
    assert left(cached) == [FOLDER]


def test_an_altered_archive_is_not_unpacked(mirror: Mirror, cached: Path) -> None:
    mirror.altered = True
    with pytest.raises(DataMissing, match="sent another file"):
        fetch("cifar10")
    assert left(cached) == []


@pytest.mark.parametrize("below", [".", "cifar10"])
def test_an_archive_that_was_brought_is_unpacked_into_the_cache(
    below: str, mine: Path, mirror: Mirror, cached: Path
) -> None:
    place = mine / below
    place.mkdir(exist_ok=True)
    # compressed anew, it is as good
    (place / ARCHIVE).write_bytes(gzip.compress(gzip.decompress(PACKED), 1))
    assert data_folder("cifar10") == cached / FOLDER
    assert left(cached) == [FOLDER]
    assert left(place) == [ARCHIVE]
    assert not mirror.asked


@pytest.mark.parametrize("below", [FOLDER, f"cifar10/{FOLDER}", "."])
def test_a_users_own_copy_may_have_other_bytes_but_must_be_readable(
    below: str, mine: Path, mirror: Mirror
) -> None:
    place = mine / below
    place.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(NAMES):
        (place / name).write_bytes(batch(number + 50))
    assert data_folder("cifar10") == place
    assert read_cifar(train=False)[1][0] == 5
    short = batch(51)[:9000]
    (place / "data_batch_2").write_bytes(short)
    with pytest.raises(DataDamaged, match="data_batch_2"):
        data_folder("cifar10")
    with pytest.raises(DataDamaged):
        fetch("cifar10")  # it is not ours to replace
    assert (place / "data_batch_2").read_bytes() == short
    assert not mirror.asked


def test_the_cache_must_hold_the_original_and_is_mended(mirror: Mirror, cached: Path) -> None:
    folder = fetch("cifar10")
    (folder / "test_batch").write_bytes(batch(77))  # readable, but not the original
    with pytest.raises(DataDamaged, match="test_batch is not the original file"):
        data_folder("cifar10")
    assert fetch("cifar10") == folder
    assert (folder / "test_batch").read_bytes() == BATCHES["test_batch"]
    assert left(cached) == [FOLDER]


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def bomb() -> bytes:
    """A member whose name alone unpacks to 64 MB."""
    info = tarfile.TarInfo("name")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 64 << 20
    return gzip.compress(info.tobuf() + bytes(info.size))


def instead(name: str, content: bytes | tarfile.TarInfo) -> bytes:
    """The archive with one member replaced."""
    return packed({**WHOLE, f"{FOLDER}/{name}": content})


def sparse() -> bytes:
    """A regular file, by its type, that claims holes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(f"{FOLDER}/test_batch")
        info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    return stream.getvalue()


TEST = f"{FOLDER}/test_batch"
BAD_ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a name above": (lambda: packed({**WHOLE, "../evil": b"x"}), "'../evil'"),
    "a name above, inside": (lambda: packed({f"{FOLDER}/../../evil": b"x"}), "evil"),
    "another file": (lambda: packed({**WHOLE, f"{FOLDER}/evil.py": b"x"}), r"evil\.py"),
    "another folder": (lambda: packed({"evil": special("evil", tarfile.DIRTYPE)}), "evil"),
    "a symbolic link": (
        lambda: instead("test_batch", special(TEST, tarfile.SYMTYPE, "/etc/passwd")),
        "test_batch",
    ),
    "a folder that is a link": (
        lambda: packed({FOLDER: special(FOLDER, tarfile.SYMTYPE, "/"), **WHOLE}),
        FOLDER,
    ),
    "a hard link": (
        lambda: instead("test_batch", special(TEST, tarfile.LNKTYPE, f"{FOLDER}/data_batch_1")),
        "test_batch",
    ),
    "a device": (lambda: instead("test_batch", special(TEST, tarfile.CHRTYPE)), "test_batch"),
    "a pipe": (lambda: instead("test_batch", special(TEST, tarfile.FIFOTYPE)), "test_batch"),
    "a file with holes": (sparse, "1,099,511,627,776 bytes"),
    "a name twice": (lambda: packed({**WHOLE, "again": tarfile.TarInfo(TEST)}), "test_batch"),
    "an altered file": (lambda: instead("data_batch_3", batch(99)), "data_batch_3 is another"),
    "a file too few": (lambda: packed(dict(list(WHOLE.items())[1:])), "lacks data_batch_1"),
    "a long file": (lambda: instead("readme.html", bytes(2_000_000)), "2,000,000 bytes"),
    "a long name": (bomb, "more than 1,000,000"),
    "half of it": (lambda: PACKED[: len(PACKED) // 2], "cannot be unpacked"),
    "all but its end": (lambda: PACKED[:-2000], "cannot be unpacked"),
    "not gzip": (lambda: b"hello" * 500, "cannot be unpacked"),
    "not tar": (lambda: gzip.compress(b"hello" * 500), "not the original archive"),
    "nothing": (lambda: b"", "not the original archive"),
}


@pytest.mark.parametrize("what", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_and_leaves_nothing(
    what: str, mine: Path, cached: Path, tmp_path: Path
) -> None:
    make, said = BAD_ARCHIVES[what]
    content = make()
    (mine / ARCHIVE).write_bytes(content)
    for get in (data_folder, fetch):
        with pytest.raises(DataDamaged, match=said) as caught:
            get("cifar10")
        assert str(mine / ARCHIVE) in caught.value.message
        assert "bring it again" in caught.value.remedy
    assert left(cached) == []
    assert (mine / ARCHIVE).read_bytes() == content
    assert not list(tmp_path.rglob("evil*"))


def test_an_absolute_name_writes_nowhere(mine: Path, cached: Path, tmp_path: Path) -> None:
    there = tmp_path / "evil"
    (mine / ARCHIVE).write_bytes(packed({**WHOLE, str(there): b"x"}))
    with pytest.raises(DataDamaged, match="evil"):
        data_folder("cifar10")
    assert not there.exists()
    assert left(cached) == []


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The disk takes no more than that of any file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_while_unpacking_leaves_nothing(mine: Path, cached: Path) -> None:
    (mine / ARCHIVE).write_bytes(PACKED)
    with no_file_longer_than(50_000), pytest.raises(DataMissing) as caught:
        data_folder("cifar10")
    assert f"cannot be written to {cached}" in caught.value.message
    assert "Make room" in caught.value.remedy
    assert left(cached) == []
    assert data_folder("cifar10") == cached / FOLDER


def test_a_disk_that_fills_while_downloading_keeps_what_came(mirror: Mirror, cached: Path) -> None:
    with no_file_longer_than(200_000), pytest.raises(DataMissing) as caught:
        fetch("cifar10")
    assert f"cannot be written to {cached}" in caught.value.message
    assert left(cached) == [f"{ARCHIVE}.part"]
    assert fetch("cifar10") == cached / FOLDER
    assert mirror.asked[1] == (ARCHIVE, "bytes=200000-")


KILLED = """
import pickle, sys
from tinytorch_milestones.data import fetch, sources
sources.SOURCES = (pickle.load(sys.stdin.buffer),)
def report(name, done, total):
    if "unpacking" in name and done > 300_000:
        print("half", flush=True)
        sys.stdin.buffer.read()
fetch("cifar10", report)
"""


def test_what_a_killed_process_left_is_cleared(mirror: Mirror, cached: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(pickle.dumps(sources.SOURCES[0]))
        child.stdin.flush()
        assert child.stdout.readline() == b"half\n"
        child.kill()
    half = next(cached.glob(".tmp-*"))
    assert 0 < len(left(half)) < len(WHOLE)
    with pytest.raises(DataMissing):
        data_folder_without_archive(cached)
    assert fetch("cifar10") == cached / FOLDER
    assert left(cached) == [FOLDER]


def data_folder_without_archive(cached: Path) -> Path:
    """What is found when the archive has gone, too."""
    away = cached.parent / "away"
    (cached / ARCHIVE).rename(away)
    try:
        return data_folder("cifar10")
    finally:
        away.rename(cached / ARCHIVE)


def test_two_that_fetch_at_once_do_it_once(mirror: Mirror, cached: Path) -> None:
    told: list[str] = []

    def get(_: int) -> Path:
        return fetch("cifar10", lambda name, done, total: told.append(name))

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(get, range(4))) == {cached / FOLDER}
    assert len(mirror.asked) == 1
    assert left(cached) == [FOLDER]


def test_the_list_says_what_is_here(mine: Path, cached: Path) -> None:
    assert "tito data fetch cifar10 (1 MB)" in listed()
    (mine / ARCHIVE).write_bytes(PACKED)
    assert "unpacked when it is first used" in " ".join(listed().split())
    assert not cached.exists()  # looking costs nothing
    data_folder("cifar10")
    assert "first used" not in " ".join(listed().split())


def listed() -> str:
    from click.testing import CliRunner

    from tinytorch_milestones.cli.data import data

    result: Any = CliRunner().invoke(data, ["list"], standalone_mode=False)
    assert result.exception is None
    return str(result.output)
