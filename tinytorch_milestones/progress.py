"""The only reader and writer of a course's state.

Receipts are the truth: one immutable file per completion. `progress.json`, `milestones.json` and
the person's file in their home folder are caches made from them, for other tools to read; nothing
here reads them back. Writers hold a lock across processes; readers need none, because every file
is replaced in one step.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tinytorch_milestones.errors import Busy
from tinytorch_milestones.files import set_aside, sweep, write_atomic
from tinytorch_milestones.records import Attempt, CheckRecord, Receipt
from tinytorch_milestones.workspace import Workspace

LOCK_SECONDS = 10.0
KEPT_ATTEMPTS = 40
# a run on another machine (a shared home folder) is given up for dead after this long
_SILENCE = 600.0

_T = TypeVar("_T")


def now() -> str:
    """This moment in UTC, to the millisecond, as records and events write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Progress:
    """The state of one workspace.

    `warnings` collects what went wrong without stopping anything: damaged files that were kept
    aside, a disk that cannot be written. When writing fails the state lives on in memory.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.state_dir
        self.warnings: list[str] = []
        self.writable = True
        self._receipts: dict[str, Receipt] = {}
        self._memory: dict[Path, bytes] = {}
        self._memory_sequence = 0
        self._mutex = threading.RLock()  # threads of this process; the lock file is for others
        self._depth = 0

    # receipts

    def receipts(self) -> list[Receipt]:
        """All receipts, oldest first."""
        for path in self._files("receipts"):
            if path.name not in self._receipts:
                receipt = self._read(path, Receipt)
                if receipt is not None:
                    self._receipts[path.name] = receipt
        return sorted(self._receipts.values(), key=lambda receipt: receipt.created)

    def add_receipt(self, receipt: Receipt) -> bool:
        """Keep a receipt. False when an equal one is already there (equal completions merge)."""
        path = self.folder / "receipts" / f"{receipt.key}.json"
        if self._exists(path):
            return False
        with self.lock():
            if self._exists(path):
                return False
            self._write(path, msgspec.json.format(msgspec.json.encode(receipt)))
        self._receipts[path.name] = receipt
        return True

    # checks

    def checks(self) -> dict[str, CheckRecord]:
        """The last check of every module, by module id."""
        found = (self._read(path, CheckRecord) for path in self._files("checks"))
        return {record.module: record for record in found if record is not None}

    def record_check(self, record: CheckRecord) -> None:
        """Replace what is known of a module's last check."""
        path = self.folder / "checks" / f"{record.module}.json"
        with self.lock():
            self._write(path, msgspec.json.encode(record), durable=False)
            self.touch()

    # attempts

    def attempts(self) -> list[Attempt]:
        """All attempts, oldest first; runs whose process is gone are recorded as interrupted."""
        found: list[Attempt] = []
        for path in self._files("attempts"):
            attempt = self._read(path, Attempt)
            if attempt is None:
                continue
            if attempt.result == "running" and not _still_running(attempt):
                attempt.result = "interrupted"
                attempt.why_not_credited = "the run was ended before it was judged"
                self._write(path, msgspec.json.encode(attempt))
                self.touch()
            found.append(attempt)
        return sorted(found, key=lambda attempt: attempt.started)

    def begin_attempt(self, attempt: Attempt) -> None:
        """Write down that a run begins. Fills in who runs it."""
        attempt.pid, attempt.pid_started = os.getpid(), _process_start(os.getpid())
        attempt.host = socket.gethostname()
        self._prune_attempts(attempt)
        self.save_attempt(attempt)

    def save_attempt(self, attempt: Attempt, *, durable: bool = True) -> None:
        """Write an attempt as it stands: at its end, or now and then while it runs."""
        attempt.beat = time.time()
        path = self.folder / "attempts" / f"{attempt.id}.json"
        self._write(path, msgspec.json.encode(attempt), durable=durable)
        self.touch()

    def keep_weights(self, milestone: str, part: str, data: bytes) -> None:
        """Keep the weights of a network that won; those of an earlier win are replaced."""
        self._write(self._weights_path(milestone, part), data)

    def weights(self, milestone: str, part: str) -> bytes | None:
        """The weights that were kept at the last win, None where there are none."""
        path = self._weights_path(milestone, part)
        if path in self._memory:
            return self._memory[path]
        try:
            return path.read_bytes()
        except OSError:
            return None

    def _weights_path(self, milestone: str, part: str) -> Path:
        return self.folder / "weights" / f"{milestone}-{part}.npz"

    def _prune_attempts(self, newest: Attempt) -> None:
        same = [
            attempt
            for attempt in self.attempts()
            if (attempt.milestone, attempt.part) == (newest.milestone, newest.part)
            and attempt.result != "running"
            and not attempt.credited
        ]
        for attempt in same[: max(0, len(same) - KEPT_ATTEMPTS + 1)]:
            path = self.folder / "attempts" / f"{attempt.id}.json"
            self._memory.pop(path, None)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._degrade(error)

    # choices

    def settings(self) -> dict[str, Any]:
        """The course's own choices, such as the track."""
        return self._read(self.folder / "settings.json", dict) or {}

    def set_setting(self, name: str, value: object) -> None:
        """Change one choice."""
        with self.lock():
            chosen = {**self.settings(), name: value}
            self._write(self.folder / "settings.json", msgspec.json.encode(chosen))
            self.touch()

    # caches for other tools

    def write_caches(self, caches: dict[str, dict[str, Any]]) -> None:
        """Write cache files (name → content) if they changed; damaged ones are kept aside."""
        with self.lock():
            for name, content in caches.items():
                path = self.folder / name
                encoded = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
                if self._read(path, dict) != content:
                    self._write(path, encoded)
            self.touch()

    def check_caches(self, names: list[str]) -> list[str]:
        """Put damaged cache files aside; the names that must be written anew."""
        return [name for name in names if self._read(self.folder / name, dict) is None]

    # sequence

    @property
    def sequence(self) -> int:
        """A number that grows with every change of the state, whichever process made it."""
        try:
            on_disk = (self.folder / "sequence").stat().st_mtime_ns // 1_000_000
        except OSError:
            on_disk = 0
        return max(on_disk, self._memory_sequence)

    def touch(self) -> None:
        """Say that the state changed."""
        moment = max(time.time_ns() // 1_000_000, self.sequence + 1)
        self._memory_sequence = moment
        path = self.folder / "sequence"
        try:
            path.touch()
            os.utime(path, ns=(moment * 1_000_000, moment * 1_000_000))
        except OSError as error:
            self._degrade(error)

    # files

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the course's lock; free of cost when this process already holds it.

        Raises `Busy` after `LOCK_SECONDS`. On a disk that cannot be written there is no lock and
        none is needed.
        """
        with self._mutex:
            if self._depth or not self.writable:
                yield
            else:
                with self._lock_file():
                    yield

    @contextmanager
    def _lock_file(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(self.folder / "lock", timeout=LOCK_SECONDS)
            held.acquire()
        except Timeout as error:
            raise Busy(
                f"Another process has held {self.folder / 'lock'} for {LOCK_SECONDS:.0f} s.",
                "Wait for it to finish, or stop it, and try again.",
            ) from error
        except OSError as error:
            self._degrade(error)
            yield
            return
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            held.release()

    def tidy(self) -> int:
        """Remove temporary files that a killed process left behind. Returns how many."""
        if not self.folder.is_dir():
            return 0
        return sweep(self.folder) + sweep(self.workspace.package)

    def _files(self, kind: str) -> list[Path]:
        folder = self.folder / kind
        try:
            on_disk = {path for path in folder.iterdir() if _is_record(path)}
        except OSError:
            on_disk = set()
        return sorted(on_disk | {path for path in self._memory if path.parent == folder})

    def _exists(self, path: Path) -> bool:
        return path in self._memory or path.exists()

    def _read(self, path: Path, kind: type[_T]) -> _T | None:
        try:
            data = self._memory[path] if path in self._memory else path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(f"{path} cannot be read: {error.strerror}.")
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError:
            self._set_aside(path)
            return None

    def _set_aside(self, path: Path) -> None:
        name = path.relative_to(self.folder).as_posix()
        try:
            kept = set_aside(path)
        except FileNotFoundError:
            return  # another process was quicker
        except OSError as error:
            self._degrade(error)
            self._warn(f".tito/{name} is damaged and is ignored.")
            return
        if path.parent.name == "receipts":
            remedy = "Complete that module or milestone again to earn its receipt anew."
        else:
            remedy = "What it held is rebuilt from the receipts."
        self._warn(f".tito/{name} was damaged; it is kept as {kept.name}. {remedy}")

    def _write(self, path: Path, data: bytes, *, durable: bool = True) -> None:
        if self.writable:
            try:
                write_atomic(path, data, durable=durable)
                return
            except OSError as error:
                self._degrade(error)
        self._memory[path] = data

    def _degrade(self, error: OSError) -> None:
        if error.errno == errno.ENOENT:
            return
        self.writable = False
        self._warn(
            f"Progress cannot be saved in {self.folder} ({error.strerror}). It is kept in memory "
            "and lost when this program ends; make the folder writable and start again."
        )

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def new_attempt_id() -> str:
    """A name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


def _is_record(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.startswith(".")


def _process_start(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def _still_running(attempt: Attempt) -> bool:
    if attempt.host != socket.gethostname():
        return time.time() - attempt.beat < _SILENCE
    started = _process_start(attempt.pid)
    return started > 0 and abs(started - attempt.pid_started) < 1.0
