"""Fetch a data set through pooch: mirrors, checksums, resuming."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tinytorch_milestones.data import Report
from tinytorch_milestones.data.places import cache, candidates, complete, locate, missing
from tinytorch_milestones.data.sources import File, Source, source
from tinytorch_milestones.errors import DataDamaged, TinyTorchError

_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte


def fetch(name: str, report: Report | None = None) -> Path:
    """See `tinytorch_milestones.data.fetch`."""
    wanted = source(name)
    if wanted.bundled or any(complete(folder, wanted) for folder in candidates(wanted)):
        try:
            return locate(name)
        except DataDamaged:
            if wanted.bundled or not complete(cache() / wanted.name, wanted):
                raise  # somebody else's folder: it is theirs to mend
    folder = cache() / wanted.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TinyTorchError(
            f"{folder} cannot be made: {error.strerror or error}",
            "Set TINYTORCH_HOME to a folder that can be written.",
        ) from error
    for file in wanted.files:
        _fetch_file(wanted, file, folder, report)
    return locate(name)


def _fetch_file(wanted: Source, file: File, folder: Path, report: Report | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    problems = []
    for mirror in wanted.mirrors:
        try:
            pooch.retrieve(
                f"{mirror}{file.name}.gz",
                known_hash=f"md5:{file.download}",
                fname=f"{file.name}.gz",
                path=folder,
                downloader=Resuming(folder / f"{file.name}.gz.part", report),
            )
        except (requests.RequestException, OSError) as error:
            problems.append(f"{mirror} {_short(error)}")
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
