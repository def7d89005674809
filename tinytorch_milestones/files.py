"""Write files so that a reader, a crash or a second writer never meets half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

TEMPORARY = ".tmp-"


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`: temporary file beside it, fsync, rename, fsync of the folder.

    With `durable=False` the fsyncs are left out: still never torn, but a power cut may lose it.
    Raises `OSError`; the temporary file is removed then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk."""
    # a folder cannot be opened on Windows, where a rename is durable by other means
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Rename a damaged file so that it is kept but no longer read. Returns the new name."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    number = 1
    while kept.exists():
        kept = kept.with_name(f"{kept.name}-{number}")
        number += 1
    path.rename(kept)
    return kept


def sweep(folder: Path) -> int:
    """Remove temporary files whose writer is gone. Returns how many."""
    removed = 0
    for file in folder.rglob(f"{TEMPORARY}*"):
        pid = file.name.removeprefix(TEMPORARY).split("-")[0]
        if pid.isdigit() and _alive(int(pid)):
            continue
        with contextlib.suppress(OSError):
            file.unlink()
            removed += 1
    return removed


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return True
    import psutil

    return bool(psutil.pid_exists(pid))
