# ruff: noqa: F401, F811 - fixtures are imported by name
"""Fast switches: set only where they are safe and wanted, and really in the processes we start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machines import (
    ALL_FLAGS,
    MEMORY,
    OURS,
    Machine,
    Monkey,
    machine,
    nobody_chose,
    without_numpy,
)
from tinytorch_milestones import sandbox, speed
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.workspace import home

pytestmark = pytest.mark.usefixtures("nobody_chose")

needs_glibc = pytest.mark.skipif(not speed.is_glibc(), reason="about glibc's allocator")


def state_of(name: str) -> tuple[str, str]:
    switch = next(switch for switch in speed.switches() if switch.name == name)
    return switch.state, switch.why


# what is set, and where not


def test_both_are_given_to_processes_where_the_kernels_were_seen_to_gain(machine: Machine) -> None:
    machine()
    speed.record("gains")
    added = speed.environment()
    assert added.pop("TINYTORCH_SWITCHES")
    assert added[speed.CORETYPE] == "SkylakeX"
    assert set(added) == {speed.CORETYPE, *MEMORY}
    assert all(added[name].isdigit() for name in MEMORY)


def test_kernels_are_left_alone_until_they_were_seen_to_gain(machine: Machine) -> None:
    machine()
    assert speed.CORETYPE not in speed.environment()
    assert state_of("BLAS kernels")[0] == "not for this machine"
    speed.record("no use")
    assert speed.CORETYPE not in speed.environment()


def test_what_was_seen_with_another_numpy_does_not_count(machine: Machine) -> None:
    machine()
    speed.record("gains")
    place = home() / "blas-kernels"
    assert place.is_file()  # in the folder that belongs to the person
    place.write_text("gains\n/elsewhere/numpy/__init__.py 1 on here\n")
    assert speed.CORETYPE not in speed.environment()


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        (("fpu avx2 fma",), "avx512bw, avx512cd, avx512dq, avx512f, avx512vl"),
        (("fpu avx2 avx512f avx512cd avx512dq",), "avx512bw, avx512vl"),
        ((ALL_FLAGS, ALL_FLAGS.replace("avx512vl", "")), "avx512vl"),  # one of two processors
        ((ALL_FLAGS.replace("avx512f ", ""),), "avx512f"),
    ],
)
def test_no_wide_kernels_where_a_processor_lacks_something(
    flags: tuple[str, ...], missing: str, machine: Machine
) -> None:
    machine(*flags)
    speed.record("gains")
    assert speed.CORETYPE not in speed.environment()
    state, why = state_of("BLAS kernels")
    assert state == "not for this machine"
    assert why.endswith(missing)


def test_no_wide_kernels_where_the_processor_is_not_told(
    machine: Machine, monkeypatch: Monkey, tmp_path: Path
) -> None:
    machine()
    speed.record("gains")
    for cpuinfo in (tmp_path / "absent", tmp_path / "empty"):
        (tmp_path / "empty").write_text("processor : 0\n")
        monkeypatch.setattr(speed, "_CPUINFO", cpuinfo)
        speed._processors.cache_clear()
        assert speed.CORETYPE not in speed.environment()
        assert "does not tell" in state_of("BLAS kernels")[1]


@pytest.mark.parametrize(("platform", "kind"), [("darwin", "arm64"), ("win32", "AMD64")])
def test_nothing_is_set_on_other_systems(
    platform: str, kind: str, machine: Machine, monkeypatch: Monkey
) -> None:
    machine(platform=platform, kind=kind)
    if platform == "win32":
        monkeypatch.delattr(os, "uname")
        monkeypatch.delattr(os, "confstr")
    assert speed.environment() == {}
    assert not speed.keep_memory()
    assert state_of("BLAS kernels")[0] == "not for this machine"
    assert state_of("kept memory")[0] == "not for this machine"
    assert speed.late() == ""


def test_no_wide_kernels_on_another_processor_with_linux(machine: Machine) -> None:
    machine(kind="aarch64")
    speed.record("gains")
    assert speed.CORETYPE not in speed.environment()
    assert set(MEMORY) < set(speed.environment())  # the allocator is the same there


def test_no_allocator_variables_without_glibc(machine: Machine, monkeypatch: Monkey) -> None:
    machine(libc="")
    assert speed.environment() == {}

    def refuse(name: str) -> str:
        raise ValueError(f"unrecognized configuration name {name}")

    monkeypatch.setattr(os, "confstr", refuse)  # musl
    assert speed.environment() == {}
    assert state_of("kept memory")[0] == "not for this machine"


def test_what_the_user_set_stays(machine: Machine, monkeypatch: Monkey) -> None:
    machine()
    speed.record("gains")
    monkeypatch.setenv(speed.CORETYPE, "Haswell")
    assert speed.CORETYPE not in speed.environment()
    speed.apply()
    assert speed.inherited()[speed.CORETYPE] == os.environ[speed.CORETYPE] == "Haswell"
    assert state_of("BLAS kernels") == ("set by you", "OPENBLAS_CORETYPE=Haswell")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "1000"),
        ("MALLOC_MMAP_MAX_", "0"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ],
)
def test_an_allocator_the_user_tuned_is_left_whole(
    name: str, value: str, machine: Machine, monkeypatch: Monkey
) -> None:
    machine()
    monkeypatch.setenv(name, value)
    assert speed.environment() == {}
    assert not speed.keep_memory()
    assert state_of("kept memory") == ("set by you", f"{name}={value}")


def test_kernels_are_not_set_once_numpy_is_loaded(machine: Machine, monkeypatch: Monkey) -> None:
    import numpy as np

    machine()
    speed.record("gains")
    assert np.__name__ in sys.modules
    monkeypatch.setattr(speed, "keep_memory", lambda: True)
    speed.apply()
    assert speed.CORETYPE not in os.environ
    state, why = state_of("BLAS kernels")
    assert state == "off"
    assert "numpy was loaded before" in why
    assert speed.inherited()[speed.CORETYPE] == "SkylakeX"  # not too late for those that start


def test_what_was_applied_is_told_from_what_the_user_set(
    machine: Machine, monkeypatch: Monkey
) -> None:
    machine()
    speed.record("gains")
    without_numpy(monkeypatch)
    speed.apply()
    assert state_of("BLAS kernels")[0] == state_of("kept memory")[0] == "on"
    assert not set(OURS) & set(speed.without_ours())
    assert speed.environment()[speed.CORETYPE] == "SkylakeX"  # a descendant gives it on
    monkeypatch.setenv(speed.CORETYPE, "Zen")  # in a terminal below us
    assert state_of("BLAS kernels")[0] == "set by you"
    assert speed.without_ours()[speed.CORETYPE] == "Zen"


def test_one_variable_turns_all_off(machine: Machine, monkeypatch: Monkey) -> None:
    machine()
    speed.record("gains")
    without_numpy(monkeypatch)
    speed.apply()
    monkeypatch.setenv("TINYTORCH_SPEED", "0")
    assert speed.environment() == {}
    assert not set(OURS) & set(speed.inherited())  # also what was on before
    assert not speed.keep_memory()
    assert speed.late() == ""
    assert state_of("BLAS kernels") == state_of("kept memory") == ("off", "TINYTORCH_SPEED=0")


# a process that was started otherwise


def test_a_process_with_narrow_kernels_hears_it_once_and_the_next_is_given_wide_ones(
    machine: Machine, monkeypatch: Monkey
) -> None:
    machine()
    monkeypatch.setattr(speed, "loaded_kernels", lambda: "Zen")
    assert speed.CORETYPE not in speed.environment()
    assert "Zen" in speed.late()
    assert speed.late() == ""
    assert speed.environment()[speed.CORETYPE] == "SkylakeX"


@pytest.mark.parametrize("kernels", ["SkylakeX", "Cooperlake", "SapphireRapids", ""])
def test_nothing_is_said_where_it_would_not_gain(
    kernels: str, machine: Machine, monkeypatch: Monkey
) -> None:
    machine()
    monkeypatch.setattr(speed, "loaded_kernels", lambda: kernels)
    assert speed.late() == ""
    assert speed.CORETYPE not in speed.environment()


def test_nothing_is_said_about_the_users_choice_or_a_narrow_processor(
    machine: Machine, monkeypatch: Monkey
) -> None:
    monkeypatch.setattr(speed, "loaded_kernels", lambda: "Haswell")
    machine("fpu avx2")
    assert speed.late() == ""
    machine()
    monkeypatch.setenv(speed.CORETYPE, "Haswell")
    assert speed.late() == ""


def test_a_blas_without_wide_kernels_is_not_asked_again(
    machine: Machine, monkeypatch: Monkey
) -> None:
    machine()
    speed.record("gains")
    with monkeypatch.context() as patch:
        without_numpy(patch)
        speed.apply()
    monkeypatch.setattr(speed, "loaded_kernels", lambda: "Haswell")
    assert speed.late() == ""
    assert speed.CORETYPE not in speed.environment()


# children


def python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


# three arrays of 24 MB come and go: without the switch, glibc gives them back each time
CHURN = """
import ctypes, resource, sys
from tinytorch_milestones import speed
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # count small pages, whatever the system prefers
if sys.argv[1:] == ["keep"]:
    assert speed.keep_memory()
    assert speed.switches()[1].state == "on"
def churn():
    arrays = [bytearray(24 << 20) for _ in range(3)]
churn(); churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@needs_glibc
def test_freed_memory_is_used_again_without_new_pages() -> None:
    plain, keep = CHURN.replace("sys.argv[1:]", "[]"), CHURN.replace("sys.argv[1:]", "['keep']")
    assert int(python(plain, dict(os.environ))) > 1000
    assert int(python(keep, dict(os.environ))) < 100  # a process that runs already
    assert int(python(plain, speed.inherited())) < 100  # one that starts


def seen_in_sandbox(folder: Path) -> dict[str, str]:
    (folder / "peeping.py").write_text(
        "import os\ndef peep(job, send):\n    send(dict(os.environ))\n", encoding="utf-8"
    )
    child = sandbox.spawn("peeping:peep", env={"PYTHONPATH": str(folder)})
    messages = list(child.run({}, folder))
    assert child.ending.reason == "finished", child.ending.output
    found = messages[0]
    assert isinstance(found, dict)
    return found


def test_sandboxed_children_get_what_this_machine_can_bear(
    tmp_path: Path, monkeypatch: Monkey
) -> None:
    speed.record("gains")
    seen = seen_in_sandbox(tmp_path)
    assert (seen.get(speed.CORETYPE) == "SkylakeX") == (not speed.lacking())
    assert all((name in seen) == speed.is_glibc() for name in MEMORY)
    assert seen["OPENBLAS_NUM_THREADS"] == os.environ.get("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("TINYTORCH_SPEED", "0")
    assert not set(OURS) & set(seen_in_sandbox(tmp_path))


def test_the_command_line_sets_them_before_numpy_and_gives_them_to_jupyterlab() -> None:
    speed.record("gains")
    code = (
        "import json, os, sys\n"
        "from tinytorch_milestones.cli import main\n"
        "assert main(['--version']) == 0\n"
        "assert 'numpy' not in sys.modules\n"
        "os.execv(sys.executable, [sys.executable, '-c', "
        "'import json, os; print(json.dumps(dict(os.environ)))'])\n"
    )
    seen = json.loads(python(code, dict(os.environ)).splitlines()[-1])
    assert (seen.get(speed.CORETYPE) == "SkylakeX") == (not speed.lacking())
    assert all((name in seen) == speed.is_glibc() for name in MEMORY)
    assert seen.get("TINYTORCH_SWITCHES", "") == speed.environment().get("TINYTORCH_SWITCHES", "")


def test_a_run_in_this_process_keeps_memory(
    make_course: Callable[..., Tracker], monkeypatch: Monkey
) -> None:
    calls: list[str] = []
    monkeypatch.setattr("tinytorch_milestones.part_steps.keep_memory", lambda: calls.append("kept"))
    tracker = make_course(solve="03")
    tracker.run_milestone("perceptron", part="forward", in_child=False, skip_checks=True)
    assert calls == ["kept"]


@pytest.mark.skipif(bool(speed.lacking()), reason="only where the processor has AVX-512")
def test_wide_kernels_compute_the_same() -> None:
    speed.record("gains")
    code = (
        "import numpy as np\n"
        "from tinytorch_milestones.speed import loaded_kernels\n"
        "r = np.random.default_rng(1)\n"
        "for n, k, m in [(1, 1, 1), (7, 3, 5), (64, 288, 32), (129, 257, 65)]:\n"
        "    a, b = r.standard_normal((n, k)), r.standard_normal((k, m))\n"
        "    exact = np.einsum('nk,km->nm', a, b, optimize=False)\n"
        "    for dtype, close in ((np.float32, 1e-4), (np.float64, 1e-11)):\n"
        "        got = a.astype(dtype) @ b.astype(dtype)\n"
        "        assert np.allclose(got, exact, rtol=close, atol=close), (n, k, m, dtype)\n"
        "print(loaded_kernels())\n"
    )
    environment = speed.inherited()
    assert environment[speed.CORETYPE] == "SkylakeX"
    kernels = python(code, environment).strip()
    assert kernels in ("SkylakeX", "")  # another BLAS does not say
