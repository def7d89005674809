"""Unpack a data set's archive: the files it should hold, and nothing else, all of them or none."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tinytorch_milestones.data import Report
from tinytorch_milestones.data.places import cache, kept, locate, packed
from tinytorch_milestones.data.sources import Archive, Source, source
from tinytorch_milestones.errors import DataDamaged, DataMissing, TinyTorchError
from tinytorch_milestones.files import TEMPORARY, sync_folder

_CHUNK = 1 << 20


def ready(name: str) -> Path:
    """The folder of a data set; one whose archive lies there is unpacked into the cache first."""
    try:
        return locate(name)
    except DataMissing:
        wanted = source(name)
        archive = packed(wanted)
        if archive is None:
            raise
    with working(wanted):
        try:
            return locate(name)  # by another process, while this one waited
        except DataMissing:
            unpack(archive, wanted)
    return locate(name)


@contextmanager
def working(wanted: Source, report: Report | None = None) -> Iterator[Path]:
    """The data set's folder in the cache, which only this process writes to meanwhile.

    The lock ends with the process that holds it, however that ends.
    """
    from filelock import FileLock, Timeout

    folder = cache() / wanted.name
    lock = FileLock(cache() / f"{wanted.name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if report is not None:
                report(f"{wanted.name}: another process is fetching it", 0, None)
            lock.acquire()
    except OSError as error:
        raise TinyTorchError(
            f"{folder} cannot be made: {error.strerror or error}",
            "Set TINYTORCH_HOME to a folder that can be written.",
        ) from error
    try:
        yield folder
    finally:
        lock.release()


def unpack(path: Path, wanted: Source, report: Report | None = None) -> None:
    """Put an archive's files into the cache; the caller holds `working`.

    They go into a temporary folder, are compared with their checksums and reach the disk before
    the folder gets its name: what has the name is whole. What an earlier try left is removed.
    Raises `DataDamaged` for an archive that holds anything else and `DataMissing` when the disk
    does not take it; then nothing is left of it.
    """
    assert wanted.archive is not None
    target = kept(wanted)
    fresh = target.with_name(f"{TEMPORARY}{target.name}")
    old = target.with_name(f"{TEMPORARY}{target.name}-old")
    try:
        for leftover in (fresh, old):
            if leftover.exists():
                shutil.rmtree(leftover)
        fresh.mkdir()
        _extract(path, wanted, wanted.archive, fresh, report)
        sync_folder(fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise unwritable(wanted, fresh, error) from error
    finally:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)


def unwritable(wanted: Source, path: Path, error: OSError) -> DataMissing:
    """The disk would not take a data set."""
    needed = wanted.megabytes
    if wanted.archive is not None:
        needed += wanted.archive.unpacked // 1_000_000
    return DataMissing(
        f"{wanted.title} cannot be written to {path}: {error.strerror or error}.",
        f"Make room for {needed} MB there, or set TINYTORCH_HOME to a folder on another disk, and "
        f"run `tito data fetch {wanted.name}` again.",
    )


class _Refused(Exception):
    """What is wrong with an archive."""


class _Bounded:
    """What is in a gzip file, up to so many bytes: a small file can unpack to any size."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.total = 0

    def read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise _Refused(f"it cannot be unpacked ({error})") from error
        self.total += len(data)
        if self.total > self._limit:
            raise _Refused(f"it holds more than {self._limit:,} bytes")
        return data


def _extract(
    path: Path, wanted: Source, archive: Archive, folder: Path, report: Report | None
) -> None:
    files = {f"{archive.folder}/{file.name}": file for file in (*wanted.files, *archive.others)}
    seen: set[str] = set()
    try:
        with _opened(path) as stream:
            reader = _Bounded(stream, archive.unpacked)
            with tarfile.open(fileobj=reader, mode="r|") as members:  # type: ignore[call-overload]
                for member in members:
                    if member.isdir() and member.name == archive.folder:
                        continue
                    file = files.get(member.name)
                    plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
                    if file is None or not plain or file.name in seen:
                        raise _Refused(f"it holds {member.name!r}, which does not belong there")
                    if member.size > archive.unpacked:  # holes take no room in the archive
                        raise _Refused(f"its {member.name} has {member.size:,} bytes")
                    seen.add(file.name)
                    if report is not None:
                        report(f"{archive.name}, unpacking", reader.total, archive.unpacked)
                    digest = _copy(members.extractfile(member), folder / file.name, file.content)
                    if digest != file.content:
                        raise _Refused(f"its {member.name} is another file than the original's")
    except (_Refused, tarfile.TarError) as problem:
        raise DataDamaged(
            f"{path} is not the original archive: {problem}.",
            "Delete it and bring it again; a download that was broken off leaves such a file.",
        ) from problem
    absent = [file.name for file in files.values() if file.content and file.name not in seen]
    if absent:
        raise DataDamaged(
            f"{path} is not the original archive: it lacks {', '.join(absent)}.",
            "Delete it and bring it again.",
        )


def _opened(path: Path) -> gzip.GzipFile:
    try:
        return gzip.open(path)
    except OSError as error:
        raise _Refused(f"it cannot be read ({error.strerror or error})") from error


def _copy(stream: IO[bytes] | None, path: Path, content: str) -> str:
    """Write a member to a new file and return its checksum, of the kind that `content` is."""
    assert stream is not None  # a regular file has one
    method = content.partition(":")[0]
    digest = hashlib.new(method, usedforsecurity=False) if method else None
    with path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            file.write(chunk)
            if digest is not None:
                digest.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    return "" if digest is None else f"{method}:{digest.hexdigest()}"
