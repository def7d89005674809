"""Switches that make numpy faster without changing a result.

They are environment variables, read once: the allocator's when a process starts, the BLAS's when
numpy is loaded. So they are given to processes that start (`environment`, `inherited`); for one
that runs, `apply` does what still can be done. A variable that somebody set is never changed, and
TINYTORCH_SPEED=0 turns all of them off. This file loads nothing beyond the standard library.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal["on", "off", "set by you", "not for this machine"]
Verdict = Literal["gains", "no use", ""]

CORETYPE = "OPENBLAS_CORETYPE"
KERNELS = "SkylakeX"
# on a processor without one of these, those kernels end the process with an illegal instruction
FLAGS = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"})
# what OpenBLAS calls its kernels of half that width
SLOWER = frozenset({"Haswell", "Zen"})
# Arrays up to glibc's largest threshold stay with the process when they are freed, so that the
# next one of that size needs no fresh pages. Larger ones go back at once. Keeping those too
# (MALLOC_MMAP_MAX_=0) is a little faster in one thread, but not in two: each thread has an arena
# of its own, too small for them, and memory grows by half.
_KEEP = {
    "MALLOC_MMAP_THRESHOLD_": 32 << 20,
    "MALLOC_TRIM_THRESHOLD_": 512 << 20,
    "MALLOC_TOP_PAD_": 64 << 20,
}
# the same, as numbered by mallopt(3)
_MALLOPT = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_TOP_PAD_": -2, "MALLOC_MMAP_THRESHOLD_": -3}
_OTHERS = ("MALLOC_MMAP_MAX_", "MALLOC_ARENA_MAX", "MALLOC_ARENA_TEST")
# tells a descendant which values come from here and not from its user
_GIVEN = "TINYTORCH_SWITCHES"
_CPUINFO = Path("/proc/cpuinfo")

_told = False
_kept = False


class Switch(NamedTuple):
    """One switch as it stands in this process."""

    name: str
    value: str
    state: State
    why: str


def switches() -> list[Switch]:
    """Every switch, and why it is as it is."""
    return [_kernels(), _memory(), _threads()]


def environment() -> dict[str, str]:
    """What to add to the environment of a process that starts; nothing that is set already."""
    if _is_off():
        return {}
    added: dict[str, str] = {}
    if not lacking() and not _is_users(CORETYPE) and _recorded() == "gains":
        added[CORETYPE] = KERNELS
    if is_glibc() and not _memory_chosen():
        added |= keep_variables()
    if added:
        added[_GIVEN] = " ".join(f"{name}={value}" for name, value in added.items())
    return added


def inherited() -> dict[str, str]:
    """The whole environment for a process that starts: ours, with the switches that are on."""
    return {**(without_ours() if _is_off() else os.environ), **environment()}


def without_ours() -> dict[str, str]:
    """This process's environment as it would be had no switch ever been set."""
    return {name: value for name, value in os.environ.items() if not _is_ours(name)}


def apply() -> None:
    """Set in this process what still has an effect; processes it starts inherit it.

    Where numpy is not loaded this costs next to nothing, and there are no arrays to keep yet.
    """
    added = environment()
    if "numpy" in sys.modules and not _is_ours(CORETYPE):
        # too late here, and `switches` must not say that it is on
        added.pop(CORETYPE, None)
        if _GIVEN in added:
            words = added[_GIVEN].split()
            added[_GIVEN] = " ".join(word for word in words if not word.startswith(CORETYPE))
    os.environ.update(added)
    if "numpy" in sys.modules:
        keep_memory()


def keep_memory() -> bool:
    """Tell the allocator of this process, which is running, to keep freed memory.

    Returns whether it does. Where it was started with other wishes, they stay.
    """
    global _kept
    if _kept or _is_off() or not is_glibc() or _memory_chosen():
        return _kept
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    accepted = [mallopt(number, _KEEP[name]) for name, number in _MALLOPT.items()]
    _kept = all(accepted)
    return _kept


def late() -> str:
    """A line to show, once, where numpy's BLAS was loaded with slower kernels than it could use.

    Else "". It is written down, so that processes which start from now on get the faster ones.
    """
    global _told
    if _told or _is_off() or lacking() or _is_users(CORETYPE):
        return ""
    kernels = loaded_kernels()
    if kernels not in SLOWER:
        return ""
    _told = True
    if _is_ours(CORETYPE):  # it was told and cannot: a BLAS without such kernels
        record("no use")
        return ""
    if _recorded() == "no use":
        return ""
    record("gains")
    return (
        f"numpy's BLAS was started with {kernels} kernels; this processor can do more. Start "
        "JupyterLab again with `tito lab`, and matrix products are faster."
    )


def loaded_kernels() -> str:
    """The kernels that the loaded OpenBLAS chose, "" where there is none or it does not say."""
    if "numpy" not in sys.modules:
        return ""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    return str(pools[0].get("architecture") or "") if pools else ""


def record(verdict: Verdict) -> None:
    """Write down whether `OPENBLAS_CORETYPE` helps the numpy that is installed on this machine."""
    place = _record_file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".tmp-{os.getpid()}-{place.name}")
        temporary.write_text(f"{verdict}\n{_this_numpy()}\n", encoding="utf-8")
        temporary.replace(place)
    except OSError:
        pass  # a home folder that cannot be written: it stays as it was


def lacking() -> str:
    """Why this machine cannot run the wide kernels, "" where it can."""
    if not sys.platform.startswith("linux") or os.uname().machine != "x86_64":
        return "only for Linux on x86-64"
    found = _processors()
    if not found:
        return f"{_CPUINFO} does not tell what the processor can do"
    absent = FLAGS - frozenset.intersection(*found)
    return f"the processor has no {', '.join(sorted(absent))}" if absent else ""


def is_glibc() -> bool:
    """Whether the C library is the one whose allocator these variables are for."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False


def keep_variables() -> dict[str, str]:
    """The allocator's variables."""
    return {name: str(value) for name, value in _KEEP.items()}


def _kernels() -> Switch:
    def switch(state: State, why: str) -> Switch:
        return Switch("BLAS kernels", f"{CORETYPE}={KERNELS}", state, why)

    if why := lacking():
        return switch("not for this machine", why)
    if _is_users(CORETYPE):
        return switch("set by you", f"{CORETYPE}={os.environ[CORETYPE]}")
    if _is_off():
        return switch("off", "TINYTORCH_SPEED=0")
    if _is_ours(CORETYPE):
        return switch("on", "OpenBLAS would choose narrower kernels than the processor has")
    if _recorded() != "gains":
        return switch("not for this machine", "OpenBLAS is left to choose by itself")
    if "numpy" in sys.modules:
        return switch("off", "numpy was loaded before it could be set; processes started now do")
    return switch("off", "not set yet; processes started now have it")


def _memory() -> Switch:
    value = " ".join(f"{name}={value}" for name, value in keep_variables().items())

    def switch(state: State, why: str) -> Switch:
        return Switch("kept memory", value, state, why)

    if not is_glibc():
        return switch("not for this machine", "only for glibc's allocator, on Linux")
    if chosen := _memory_chosen():
        return switch("set by you", chosen)
    if _is_off():
        return switch("off", "TINYTORCH_SPEED=0")
    if _kept or all(map(_is_ours, _KEEP)):
        return switch("on", "arrays that come and go reuse their pages")
    return switch("off", "this process was started without it; a run turns it on")


def _threads() -> Switch:
    why = "one BLAS thread while a milestone trains: for small matrices two are slower"
    return Switch("threads", "one for training", "on", why)


def _is_off() -> bool:
    return os.environ.get("TINYTORCH_SPEED") == "0"


def _is_ours(name: str) -> bool:
    if name == _GIVEN:
        return True
    return f"{name}={os.environ.get(name)}" in os.environ.get(_GIVEN, "").split()


def _is_users(name: str) -> bool:
    return name in os.environ and not _is_ours(name)


def _memory_chosen() -> str:
    """What the user chose about the allocator, "" for nothing."""
    chosen = [f"{name}={os.environ[name]}" for name in (*_KEEP, *_OTHERS) if _is_users(name)]
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "glibc.malloc." in tunables:
        chosen.append(f"GLIBC_TUNABLES={tunables}")
    return " ".join(chosen)


@cache
def _processors() -> frozenset[frozenset[str]]:
    """The flags of every processor; alike ones once."""
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    lines = {line for line in text.splitlines() if line.startswith("flags")}
    return frozenset(frozenset(line.partition(":")[2].split()) for line in lines)


def _recorded() -> str:
    """What was written down about this numpy on this machine: "gains", "no use" or ""."""
    try:
        verdict, _, about = _record_file().read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return ""
    return verdict if about.strip() == _this_numpy() else ""


def _record_file() -> Path:
    # the same folder as `workspace.home`, which would load too much for a start of the CLI
    chosen = os.environ.get("TINYTORCH_HOME")
    return (Path(chosen) if chosen else Path.home() / ".tinytorch") / "blas-kernels"


def _this_numpy() -> str:
    """Another numpy, or a home folder that another machine shares, begins anew."""
    from importlib.util import find_spec

    try:
        spec = find_spec("numpy")
        place = (spec and spec.origin) or ""
        stamp = os.stat(place).st_mtime_ns
    except (ImportError, OSError, ValueError):
        return "unknown"
    return f"{place} {stamp} on {os.uname().nodename}"
