"""Find a data set on this machine, and refuse one that is not what it should be."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import msgspec

from tinytorch_milestones.data.sources import File, Source, source
from tinytorch_milestones.errors import DataDamaged, DataMissing
from tinytorch_milestones.files import write_atomic
from tinytorch_milestones.workspace import home

BUNDLED = Path(__file__).parent / "bundled"
_KNOWN = "verified.json"


def cache() -> Path:
    """Where downloads are kept for all courses of a person."""
    return home() / "data"


def locate(name: str) -> Path:
    """See `data_folder`."""
    wanted = source(name)
    if wanted.bundled:
        folder = BUNDLED / wanted.name
        if complete(folder, wanted):
            return folder
        raise DataMissing(
            f"The bundled data {wanted.title} is not where it should be.",
            "Install tinytorch-milestones again.",
        )
    for folder in candidates(wanted):
        if complete(folder, wanted):
            copy = wanted.batches and folder != kept(wanted)
            for file in wanted.files:
                verify(found(folder, file), file, batch=copy)
            return folder
    raise missing(wanted)


def candidates(wanted: Source) -> list[Path]:
    """Folders to look in: `TINYTORCH_DATA` and what people keep there, then the cache."""
    places = []
    if named := os.environ.get("TINYTORCH_DATA"):
        places += [Path(named) / folder for folder in wanted.folders] + [Path(named)]
    return [*places, kept(wanted)]


def kept(wanted: Source) -> Path:
    """The folder in the cache that holds a data set's files once they have been fetched."""
    folder = cache() / wanted.name
    return folder if wanted.archive is None else folder / wanted.archive.folder


def packed(wanted: Source) -> Path | None:
    """The archive of a data set, where somebody has put it."""
    if wanted.archive is None:
        return None
    for folder in candidates(wanted):
        beside = folder.with_name(wanted.archive.name)
        if folder.name == wanted.archive.folder and beside.is_file():
            return beside
    return None


def found(folder: Path, file: File) -> Path | None:
    """The file in a folder, gzipped or not."""
    for name in (file.name, f"{file.name}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def complete(folder: Path, wanted: Source) -> bool:
    """Whether every file of a data set is there."""
    return all(found(folder, file) is not None for file in wanted.files)


def verify(path: Path | None, file: File, *, batch: bool = False) -> None:
    """Refuse a file that is truncated or altered, by the checksum of what is in it.

    A user's own `batch` of CIFAR-10 may have been made from pictures: it need only be readable.
    A file that was found right is not read again until its size or time changes.
    """
    if path is None or not file.content:
        return
    status = path.stat()
    stamp = f"{status.st_size} {status.st_mtime_ns} {'readable' if batch else file.content}"
    known = _verified()
    if known.get(str(path)) == stamp:
        return
    if batch:
        from tinytorch_milestones.data.batches import read_batch

        read_batch(path)
    else:
        _compare(path, file.content)
    try:
        cache().mkdir(parents=True, exist_ok=True)
        write_atomic(cache() / _KNOWN, msgspec.json.encode({**known, str(path): stamp}))
    except OSError:
        pass  # a home that cannot be written costs a second reading, nothing else


def _compare(path: Path, expected: str) -> None:
    method, _, wanted = expected.partition(":")
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            digest = hashlib.file_digest(stream, method).hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error
    if digest != wanted:
        raise _damaged(path, f"its checksum is {digest[:12]}, not {wanted[:12]}")


def _verified() -> dict[str, str]:
    try:
        return msgspec.json.decode((cache() / _KNOWN).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _damaged(path: Path, problem: str) -> DataDamaged:
    return DataDamaged(
        f"{path} is not the original file: {problem}.",
        "Delete it and fetch it again; a download that was broken off leaves such a file.",
    )


def missing(wanted: Source, why: str = "") -> DataMissing:
    """The error that says what to fetch, where to put it and what works without it."""
    if wanted.archive is not None:
        bring = f"{wanted.mirrors[0]}{wanted.archive.name} and put it"
    elif any(file.address for file in wanted.files):
        pairs = (f"{wanted.mirrors[0]}{file.remote} as {file.name}" for file in wanted.files)
        bring = f"{', '.join(pairs)} and put it"
    else:
        files = ", ".join(file.arrival for file in wanted.files)
        bring = f"{files} from {wanted.mirrors[0]} and put them"
    return DataMissing(
        f"{wanted.title} is not on this machine" + (f": {why}." if why else "."),
        f"With a network, run `tito data fetch {wanted.name}` ({wanted.megabytes} MB). Without "
        f"one, bring {bring} into {cache() / wanted.name}, or into the folder that the "
        f"environment variable TINYTORCH_DATA names. {wanted.instead}".rstrip(),
    )
