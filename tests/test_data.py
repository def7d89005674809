"""Data sets: bundled, found, refused when altered, fetched from a server that misbehaves."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.mirror import Mirror, serving
from tinytorch_milestones.data import data_folder, fetch, places, sources
from tinytorch_milestones.data.images import read_digits, read_mnist
from tinytorch_milestones.data.sources import File, Source
from tinytorch_milestones.errors import DataDamaged, DataMissing, UnknownName

# random, so that compression leaves it long enough to break off in the middle
CONTENT = {
    name: np.random.default_rng(i).bytes(300_000) for i, name in enumerate(("images", "labels"))
}
PACKED = {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in CONTENT.items()}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A server with one data set, "toy", and a home folder of its own."""
    with serving(PACKED) as made:
        toy = Source(
            name="toy",
            title="Toy data",
            files=tuple(
                File(
                    name=name,
                    content=f"sha256:{hashlib.sha256(data).hexdigest()}",
                    download=f"md5:{hashlib.md5(PACKED[f'{name}.gz']).hexdigest()}",
                )
                for name, data in CONTENT.items()
            ),
            folders=("toys",),
            mirrors=("http://127.0.0.1:9/", made.url),  # nothing listens at the first
        )
        monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, toy))
        monkeypatch.setenv("TINYTORCH_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("TINYTORCH_DATA", raising=False)
        yield made


def test_bundled_data_is_there_and_whole() -> None:
    images, labels = read_digits()
    assert images.shape == (1797, 8, 8)
    assert images.max() == 16
    assert np.bincount(labels).min() > 170
    for train, count in ((True, 10_000), (False, 2_000)):
        pixels, digits = read_mnist(train=train)
        assert pixels.shape == (count, 28, 28)
        assert pixels.dtype == np.uint8
        assert digits.shape == (count,)
        assert set(digits) == set(range(10))
        # a digit is ink in the middle and paper at the rim
        assert pixels[:, 8:20, 8:20].mean() > 50 > 1 > pixels[:, 0].mean()
    for name in ("digits", "mnist"):
        assert (data_folder(name) / "ORIGIN.txt").exists()
    assert sum(f.stat().st_size for f in places.BUNDLED.rglob("*.gz")) < 3_000_000


def test_the_subset_is_what_the_script_makes(real_data: Path, tmp_path: Path) -> None:
    full, labels = read_mnist("mnist-full", train=False)
    some, known = read_mnist("mnist", train=False)
    positions = {image.tobytes(): i for i, image in enumerate(full)}
    found = [positions[image.tobytes()] for image in some]
    assert found == sorted(found)
    assert (labels[found] == known).all()


def test_unknown_data_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="mnist"):
        data_folder("minst")


def test_fetching_uses_the_second_mirror_and_then_the_cache(server: Mirror) -> None:
    with pytest.raises(DataMissing, match="tito data fetch toy"):
        data_folder("toy")
    told: list[tuple[str, int, int | None]] = []
    folder = fetch("toy", lambda *news: told.append(news))
    assert told[-1] == ("labels.gz", len(PACKED["labels.gz"]), len(PACKED["labels.gz"]))
    assert {f.name for f in folder.iterdir()} == set(PACKED)
    count = len(server.asked)
    assert fetch("toy") == folder == data_folder("toy")
    assert len(server.asked) == count == 2


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(server: Mirror, ranges: bool) -> None:
    server.ranges = ranges
    server.break_off = 200_000
    with pytest.raises(DataMissing, match="Toy data is not on this machine"):
        fetch("toy")
    folder = fetch("toy")
    assert (folder / "images.gz").read_bytes() == PACKED["images.gz"]
    name, asked_for = server.asked[1]
    assert name == "images.gz"
    assert asked_for is not None
    assert 100_000 < int(asked_for.removeprefix("bytes=").rstrip("-")) <= 200_000
    assert not list(folder.glob("*.part"))


def test_an_altered_download_is_refused(server: Mirror) -> None:
    server.altered = True
    with pytest.raises(DataMissing, match="sent another file"):
        fetch("toy")
    server.altered = False
    assert fetch("toy")


def test_without_a_network_it_says_what_to_bring_and_where_to_put_it(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = sources.source("toy")
    monkeypatch.setattr(
        sources, "SOURCES", (Source(**{**_fields(offline), "mirrors": offline.mirrors[:1]}),)
    )
    with pytest.raises(DataMissing) as caught:
        fetch("toy")
    said = str(caught.value)
    assert "images.gz, labels.gz" in said
    assert "TINYTORCH_DATA" in said
    assert str(tmp_path / "home" / "data" / "toy") in said
    assert "cannot be reached" in said


def _fields(source: Source) -> dict[str, Any]:
    return {name: getattr(source, name) for name in source.__struct_fields__}


def test_a_folder_of_the_users_is_searched_first_and_checked(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine" / "toys"
    folder.mkdir(parents=True)
    (folder / "images").write_bytes(CONTENT["images"])  # not compressed
    (folder / "labels.gz").write_bytes(gzip.compress(CONTENT["labels"], 1))  # compressed otherwise
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path / "mine"))
    assert data_folder("toy") == folder
    packed = (folder / "labels.gz").read_bytes()
    (folder / "labels.gz").write_bytes(packed[:-20])
    with pytest.raises(DataDamaged, match=r"labels\.gz is not the original file"):
        data_folder("toy")
    with pytest.raises(DataDamaged):
        fetch("toy")  # it is not ours to replace
    assert (folder / "labels.gz").read_bytes() == packed[:-20]
    (folder / "labels.gz").write_bytes(packed)
    altered = CONTENT["images"].replace(b"\x07", b"\x08", 1)  # one byte
    (folder / "images").write_bytes(altered)
    with pytest.raises(DataDamaged, match="checksum"):
        data_folder("toy")
    shutil.rmtree(folder)
    assert not server.asked
