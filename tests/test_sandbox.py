"""The sandbox, with real children that misbehave."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tinytorch_milestones import sandbox, sandbox_child
from tinytorch_milestones.sandbox import Child, Ending, Limits

HERE = Path(__file__).resolve().parent
ENV = {"PYTHONPATH": str(HERE)}
posix = pytest.mark.skipif(os.name != "posix", reason="needs processes as POSIX has them")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


pytestmark = pytest.mark.usefixtures("nothing_survives")


def start(job: str, **limits: object) -> Child:
    chosen = Limits(**{"seconds": 20.0, **limits})  # type: ignore[arg-type]
    return sandbox.spawn(f"hostile:{job}", limits=chosen, env=ENV)


def run(name: str, job: object, folder: Path, **limits: object) -> tuple[list[object], Ending]:
    child = start(name, **limits)
    messages = list(child.run(job, folder))
    assert not psutil.pid_exists(child.pid), "the child is still there"
    return messages, child.ending


def test_messages_output_folder_and_input(tmp_path: Path) -> None:
    messages, ending = run("works", {"a": [1, 2.5, None]}, tmp_path)
    assert messages == [
        {"you said": {"a": [1, 2.5, None]}},
        {"folder": str(tmp_path), "input": "", "threads": "1"},
    ]
    assert ending.reason == "finished"
    assert ending.returncode == 0
    assert sorted(ending.output.splitlines()) == ["a line", "an error"]
    assert (ending.orphans, ending.truncated) == (0, False)


def test_an_endless_loop_is_stopped(tmp_path: Path) -> None:
    messages, ending = run("never_ends", None, tmp_path, seconds=1.0)
    assert messages == ["started"]
    assert ending.reason == "timeout"
    assert "1 s" in ending.detail


@pytest.mark.parametrize("limit", [1 << 20, 1 << 14])
def test_a_flood_is_cut(tmp_path: Path, limit: int) -> None:
    _, ending = run("floods", None, tmp_path, output=limit)
    assert ending.reason == "killed"
    assert ending.truncated
    assert limit <= len(ending.output) < limit + 200
    assert "print" in ending.detail


def test_a_flood_of_the_channel_is_stopped(tmp_path: Path) -> None:
    messages, ending = run("floods_the_channel", None, tmp_path)
    assert messages == []
    assert ending.reason == "killed"


def test_leaving_at_once_is_not_finishing(tmp_path: Path) -> None:
    for code in (0, 3):
        messages, ending = run("leaves", code, tmp_path)
        assert messages == []
        assert (ending.reason, ending.returncode) == ("exited", code)


def test_sys_exit_is_not_finishing(tmp_path: Path) -> None:
    assert run("calls_exit", None, tmp_path)[1].reason == "exited"


def test_an_exception_is_shown_in_the_output(tmp_path: Path) -> None:
    _, ending = run("raises", None, tmp_path)
    assert ending.reason == "crashed"
    assert "ValueError: no such luck" in ending.output


@posix
def test_a_crash_of_python(tmp_path: Path) -> None:
    _, ending = run("crashes", None, tmp_path)
    assert ending.reason == "crashed"
    assert "crashed" in ending.detail


@linux
def test_memory_is_limited(tmp_path: Path) -> None:
    messages, ending = run("wants_memory", 10 << 30, tmp_path)
    assert (messages, ending.reason) == ([], "memory")
    messages, ending = run("wants_memory", 10 << 20, tmp_path)
    assert (messages, ending.reason) == ([10 << 20], "finished")


@posix
@pytest.mark.parametrize(
    "name",
    [
        "leaves_daemon",
        pytest.param("leaves_unmarked_daemon", marks=linux),
        "leaves_daemon_and_exits",
    ],
)
def test_daemons_do_not_outlive_the_run(tmp_path: Path, name: str) -> None:
    file = tmp_path / "pid"
    _, ending = run(name, str(file), tmp_path)
    daemon = psutil.Process(pid) if psutil.pid_exists(pid := int(file.read_text())) else None
    alive = daemon is not None and daemon.status() != psutil.STATUS_ZOMBIE
    if daemon is not None and alive:
        daemon.kill()
    assert not alive
    assert ending.orphans >= 1


@posix
def test_a_fork_bomb_is_stopped(tmp_path: Path) -> None:
    child = start("forks_without_end", processes=16)
    assert list(child.run(None, tmp_path)) == []
    assert child.ending.reason == "killed"
    assert "16 processes" in child.ending.detail
    mine = [p for p in psutil.pids() if _session(p) == child.pid]
    assert [p for p in mine if psutil.Process(p).status() != psutil.STATUS_ZOMBIE] == []


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def test_writing_to_the_channel_forges_nothing(tmp_path: Path) -> None:
    messages, ending = run("forges", None, tmp_path)
    assert (messages, ending.reason) == (["real"], "finished")


def test_a_message_counts_once_and_in_order() -> None:
    key = b"k" * 32
    lines = [b"\n" + sandbox_child.seal(key, i, "message", i) + b"\n" for i in range(4)]
    receiver = sandbox_child.Receiver(key)
    assert receiver.feed(lines[0]) == [("message", 0)]
    assert receiver.feed(lines[0] + lines[2]) == []
    # in pieces, and with half a line of somebody else's before it
    assert receiver.feed(b"half a line" + lines[1][:20]) == []
    assert receiver.feed(lines[1][20:] + lines[2]) == [("message", 1), ("message", 2)]
    other = sandbox_child.seal(b"another key", 3, "message", "forged")
    assert receiver.feed(b"\n" + other + b"\n") == []
    assert receiver.feed(lines[3]) == [("message", 3)]


def test_bytes_that_are_not_ours_are_not_kept() -> None:
    receiver = sandbox_child.Receiver(b"k")
    for _ in range(20):
        assert receiver.feed(b"x" * (1 << 20)) == []
    assert len(receiver._rest) <= sandbox_child.LARGEST_MESSAGE
    assert receiver.noise >= 8 << 20


@posix
def test_a_fork_cannot_speak_for_its_parent(tmp_path: Path) -> None:
    messages, ending = run("fork_reports", None, tmp_path)
    assert (messages, ending.reason) == ([["from the parent", 0]], "finished")


def test_closing_all_files_ends_the_run(tmp_path: Path) -> None:
    _, ending = run("closes_everything", None, tmp_path)
    assert ending.reason in ("killed", "timeout")


@posix
def test_signals_reach_only_its_own_group(tmp_path: Path) -> None:
    messages, ending = run("signals", None, tmp_path)
    assert messages == ["refused"] * 3
    assert ending.reason == "killed"


def test_a_thread_that_goes_on_does_not_delay_the_end(tmp_path: Path) -> None:
    messages, ending = run("keeps_a_thread", None, tmp_path)
    assert (messages, ending.reason) == (["done"], "finished")


@linux
def test_the_key_is_neither_in_the_environment_nor_in_the_arguments(tmp_path: Path) -> None:
    child = start("looks_for_secrets")
    (found,) = child.run(None, tmp_path)
    assert child._key.decode() not in repr(found)


def test_a_signature_is_checked() -> None:
    key = b"k" * 32
    line = sandbox_child.seal(key, 4, "message", {"a": 1})
    assert sandbox_child.unseal(key, line) == (4, "message", {"a": 1})
    assert sandbox_child.unseal(b"other", line) is None
    assert sandbox_child.unseal(key, line.replace(b'"a":1', b'"a":2')) is None
    assert sandbox_child.unseal(key, b"") is None


@linux
def test_limits_are_set(tmp_path: Path) -> None:
    code = tmp_path / "limits_of.py"
    code.write_text(
        "import resource\n"
        "def run(job, send):\n"
        "    for name in ('AS', 'CORE', 'CPU', 'FSIZE'):\n"
        "        send(resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[0])\n"
    )
    limits = Limits(seconds=5.0, memory=2 << 30, output=1 << 14)
    child = sandbox.spawn("limits_of:run", limits=limits, env={"PYTHONPATH": str(tmp_path)})
    space, core, cpu, file = child.run(None, tmp_path)
    assert (space, core) == (2 << 30, 0)
    assert 5 < cpu < 10_000  # type: ignore[operator]
    assert file == (1 << 14) + sandbox_child.FILE_ALLOWANCE


def test_closing_the_generator_ends_the_child(tmp_path: Path) -> None:
    child = start("never_ends")
    messages = child.run(None, tmp_path)
    assert next(messages) == "started"
    messages.close()
    assert child.ending.reason == "killed"
    assert not psutil.pid_exists(child.pid)


def test_kill_ends_a_run(tmp_path: Path) -> None:
    child = start("never_ends")
    messages = child.run(None, tmp_path)
    assert next(messages) == "started"
    child.kill()
    assert list(messages) == []
    assert child.ending.reason == "killed"


def test_the_ending_is_known_only_at_the_end(tmp_path: Path) -> None:
    child = start("works")
    with pytest.raises(RuntimeError):
        _ = child.ending
    list(child.run(1, tmp_path))
    with pytest.raises(RuntimeError):
        next(child.run(2, tmp_path))


def test_an_entry_that_cannot_be_imported_says_so(tmp_path: Path) -> None:
    child = sandbox.spawn("no_such_module:run")
    assert list(child.run(None, tmp_path)) == []
    assert child.ending.reason == "exited"
    assert "no_such_module" in child.ending.output


@posix
def test_a_child_ends_when_its_parent_dies(tmp_path: Path) -> None:
    program = f"""
        import os, sys
        from pathlib import Path
        sys.path[:0] = [{str(HERE.parent)!r}]
        from tinytorch_milestones import sandbox
        limits = sandbox.Limits(seconds=None)
        child = sandbox.spawn("hostile:loses_its_parent", limits=limits, env={ENV!r})
        messages = child.run(None, Path.cwd())
        print(next(messages), flush=True)
        os._exit(0)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=True
    )
    pid = int(result.stdout)
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        pass


def test_a_spare_is_used_once_and_replaced(tmp_path: Path) -> None:
    entry, limits = "hostile:works", Limits(seconds=20.0)
    sandbox.warm(entry, limits=limits, env=ENV)
    sandbox.warm(entry, limits=limits, env=ENV)
    assert len(sandbox._spares) == 1
    spare = next(iter(sandbox._spares.values())).child
    child = sandbox.take(entry, limits, ENV)
    assert child is spare
    assert not sandbox._spares
    assert len(list(child.run(1, tmp_path))) == 2
    follower = next(iter(sandbox._spares.values())).child
    assert follower is not spare
    assert sandbox.take(entry, limits, ENV) is follower
    follower.kill()


def test_a_dead_or_stale_spare_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, limits = "hostile:works", Limits(seconds=20.0)
    sandbox.warm(entry, limits=limits, env=ENV)
    dead = next(iter(sandbox._spares.values())).child
    psutil.Process(dead.pid).kill()
    dead._process.wait()
    child = sandbox.take(entry, limits, ENV)
    assert child is not dead
    assert len(list(child.run(1, tmp_path))) == 2
    stale = next(iter(sandbox._spares.values())).child
    monkeypatch.setattr(sandbox, "_stamp", lambda: 1)
    child = sandbox.take(entry, limits, ENV)
    assert child is not stale
    assert not psutil.pid_exists(stale.pid)
    child.kill()


def test_an_idle_spare_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, limits = "hostile:works", Limits()
    sandbox.warm(entry, limits=limits, env=ENV)
    kind, spare = next(iter(sandbox._spares.items()))
    sandbox._retire(kind, spare.child)
    assert sandbox._spares, "it was wanted a moment ago"
    monkeypatch.setattr(sandbox, "IDLE_SECONDS", -1.0)
    sandbox._retire(kind, spare.child)
    assert not sandbox._spares
    assert not psutil.pid_exists(spare.child.pid)


def test_spares_end_with_the_program() -> None:
    program = f"""
        import sys
        sys.path[:0] = [{str(HERE.parent)!r}]
        from tinytorch_milestones import sandbox
        sandbox.warm("hostile:works", env={ENV!r})
        print(next(iter(sandbox._spares.values())).child.pid)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=True
    )
    assert not psutil.pid_exists(int(result.stdout))
