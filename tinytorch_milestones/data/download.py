"""Fetch a data set through pooch: mirrors, checksums, resuming."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tinytorch_milestones.data import Report
from tinytorch_milestones.data.places import (
    cache,
    candidates,
    complete,
    kept,
    locate,
    missing,
    packed,
)
from tinytorch_milestones.data.sources import Archive, Source, source
from tinytorch_milestones.data.unpack import unpack, unwritable, working
from tinytorch_milestones.errors import DataDamaged

_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte


def fetch(name: str, report: Report | None = None) -> Path:
    """See `tinytorch_milestones.data.fetch`."""
    wanted = source(name)
    with working(wanted, report) if not wanted.bundled else nullcontext(cache()) as folder:
        if wanted.bundled or any(complete(place, wanted) for place in candidates(wanted)):
            try:
                return locate(name)
            except DataDamaged:
                if wanted.bundled or not complete(kept(wanted), wanted):
                    raise  # somebody else's folder: it is theirs to mend
        _sweep(folder)
        if wanted.archive is None:
            for file in wanted.files:
                _retrieve(wanted, file.remote, file.arrival, file.download, folder, report)
        else:
            _fetch_archive(wanted, wanted.archive, folder, report)
    return locate(name)


def _fetch_archive(wanted: Source, archive: Archive, folder: Path, report: Report | None) -> None:
    fetched = folder / archive.name
    brought = packed(wanted)
    if brought is None or brought == fetched:  # else somebody's own, who keeps it
        _retrieve(wanted, archive.name, archive.name, archive.download, folder, report)
        unpack(fetched, wanted, report)
        fetched.unlink()
    else:
        unpack(brought, wanted, report)


def _sweep(folder: Path) -> None:
    """Remove what pooch leaves when it is killed while it compares a checksum."""
    for file in folder.glob("tmp????????"):
        file.unlink(missing_ok=True)


def _retrieve(
    wanted: Source, remote: str, name: str, checksum: str, folder: Path, report: Report | None
) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    problems = []
    for mirror in wanted.mirrors:
        try:
            pooch.retrieve(
                f"{mirror}{remote}",
                known_hash=checksum,
                fname=name,
                path=folder,
                downloader=Resuming(folder / f"{name}.part", report),
            )
        except requests.RequestException as error:
            problems.append(f"{mirror} {_short(error)}")
        except OSError as error:
            raise unwritable(wanted, folder, error) from error
        except ValueError as error:  # pooch: the checksum is not the known one
            problems.append(f"{mirror} sent another file ({_short(error)})")
        else:
            return
    raise missing(wanted, "; ".join(problems))


def _short(error: Exception) -> str:
    import requests

    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    if isinstance(error, requests.Timeout):
        return "does not answer"
    return " ".join(str(error).split())[:200]


class Resuming:
    """A downloader for pooch that goes on where the last try broke off.

    What has arrived is kept in a file of its own. The server is asked for the rest;
    one that sends everything again is taken at its word.
    """

    def __init__(self, part: Path, report: Report | None) -> None:
        self._part = part  # what has arrived so far
        self._report = report

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        import requests

        name, part = url.rsplit("/", 1)[-1], self._part
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
                part.unlink()  # longer than the file: of another one
                return self(url, output_file, pooch, check_only)
            answer.raise_for_status()
            resumed = answer.status_code == requests.codes.partial_content
            kept = have if resumed else 0
            total = kept + int(answer.headers.get("content-length", 0))
            with part.open("ab" if resumed else "wb") as stream:
                for chunk in answer.iter_content(_CHUNK):
                    stream.write(chunk)
                    if self._report is not None:
                        self._report(name, stream.tell(), total or None)
        if part.stat().st_size < total:
            raise requests.ConnectionError(f"{url} ended early")
        shutil.move(part, output_file)
        return None
