"""Other machines than this one, as the fast switches see them: fixtures to import by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinytorch_milestones import speed

Monkey = pytest.MonkeyPatch

MEMORY = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
OURS = (speed.CORETYPE, *MEMORY, "TINYTORCH_SWITCHES")
ALL_FLAGS = "fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.fixture
def nobody_chose(monkeypatch: Monkey) -> None:
    """An environment without any choice, and a module that has done nothing yet."""
    for name in (*OURS, "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES", "TINYTORCH_SPEED"):
        # set first, so that what a test sets is taken back even where nothing was
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(speed, "_told", False)
    monkeypatch.setattr(speed, "_kept", False)


Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: Monkey, tmp_path: Path) -> Iterator[Machine]:
    """Makes this one look like another: by default Linux with glibc and two wide processors."""

    def make(
        *flags: str, platform: str = "linux", kind: str = "x86_64", libc: str = "glibc 2.36"
    ) -> None:
        cpuinfo = tmp_path / "cpuinfo"
        each = flags or (ALL_FLAGS, ALL_FLAGS)
        cpuinfo.write_text("".join(f"processor\t: 0\nflags\t\t: {f}\nbugs\t\t:\n\n" for f in each))
        monkeypatch.setattr(speed, "_CPUINFO", cpuinfo)
        monkeypatch.setattr(sys, "platform", platform)
        names = SimpleNamespace(machine=kind, nodename="here")
        monkeypatch.setattr(os, "uname", lambda: names, raising=False)
        monkeypatch.setattr(os, "confstr", lambda _: libc, raising=False)
        speed._processors.cache_clear()

    yield make
    speed._processors.cache_clear()


def without_numpy(monkeypatch: Monkey) -> None:
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
