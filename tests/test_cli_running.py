"""A milestone's run in a terminal and in a pipe."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator

import msgspec
import pexpect
import pytest

from tinytorch_milestones.cli import main
from tinytorch_milestones.state import MilestoneState, RunReport
from tinytorch_milestones.tracker import Tracker

Capture = pytest.CaptureFixture[str]
Terminal = Callable[..., "pexpect.spawn[str]"]
CURSOR_OFF, CURSOR_ON = "\x1b[?25l", "\x1b[?25h"
BRAILLE = re.compile("[\u2801-\u28ff]")


@pytest.fixture
def ready(make_course: Callable[..., Tracker], monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """A course with 00 to 03 complete, as the current folder."""
    tracker = make_course(solve="03")
    monkeypatch.chdir(tracker.workspace.root)
    for number in ("00", "01", "02", "03"):
        assert tracker.complete_module(number).complete
    return tracker


@pytest.fixture
def terminal(ready: Tracker) -> Iterator[Terminal]:
    """Starts `tito` in a terminal of its own."""
    children: list[pexpect.spawn[str]] = []

    def start(*arguments: str, size: tuple[int, int] = (24, 80), **env: str) -> pexpect.spawn[str]:
        own = ("NO_COLOR", "COLUMNS", "LINES")  # what the test's own terminal would be told
        inherited = {k: v for k, v in os.environ.items() if k not in own}
        child = pexpect.spawn(
            sys.executable,
            ["-m", "tinytorch_milestones", *arguments],
            cwd=str(ready.workspace.root),
            env={**inherited, "TERM": "xterm-256color", **env},
            dimensions=size,
            encoding="utf-8",
            timeout=60,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def everything(child: pexpect.spawn[str]) -> str:
    child.expect(pexpect.EOF)
    child.close()
    return child.before or ""


def attempts(tracker: Tracker) -> list[str]:
    milestone = next(m for m in tracker.state().milestones if m.id == "perceptron")
    return [attempt.result for attempt in milestone.attempts]


def test_a_pipe_gets_plain_lines(ready: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "run", "perceptron", "--part", "trained"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("1958  Rosenblatt's perceptron")
    assert "your code" in out
    shares = [int(m.group(1)) for line in lines if (m := re.match(r" +(\d+) %  step ", line))]
    assert 1 <= len(shares) <= 10
    assert shares == sorted(set(shares))
    assert "✓  passed" in out
    assert "Passed: " in out
    assert "\x1b" not in out
    assert not BRAILLE.search(out)


def test_json_is_one_report_and_nothing_else(ready: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "run", "perceptron", "--part", "trained", "--json"]) == 0
    report = msgspec.json.decode(capsys.readouterr().out, type=RunReport)
    assert report.parts[0].credited
    assert main(["milestone", "status", "--json"]) == 0
    states = msgspec.json.decode(capsys.readouterr().out, type=list[MilestoneState])
    assert states[0].attempts[0].result == "passed"


def test_options_reach_the_recipe(ready: Tracker, capsys: Capture) -> None:
    options = ["--part", "trained", "--seed", "7", "--set", "epochs=1", "--json"]
    code = main(["milestone", "run", "perceptron", *options])
    report = msgspec.json.decode(capsys.readouterr().out, type=RunReport)
    assert report.parts[0].seed == 7
    assert code == (0 if report.parts[0].passed else 1)


def test_a_demo_needs_nothing_and_earns_nothing(
    course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(course.workspace.root)
    assert main(["milestone", "demo", "perceptron", "--part", "trained"]) == 0
    out = capsys.readouterr().out
    assert "the reference code" in out
    assert "No credit" in out
    assert attempts(course) == []


def test_an_unknown_part_suggests_the_nearest(ready: Tracker, capsys: Capture) -> None:
    assert main(["milestone", "run", "perceptron", "--part", "traned"]) == 2
    assert "'trained'" in capsys.readouterr().err


def test_skipping_checks_without_code_is_no_credit_and_no_traceback(
    course: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(course.workspace.root)
    assert main(["milestone", "run", "perceptron", "--skip-checks"]) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    assert "Passed" not in captured.out


def test_a_terminal_sees_the_curves_move(terminal: Terminal, ready: Tracker) -> None:
    child = terminal("milestone", "run", "perceptron", "--part", "trained")
    screen = everything(child)
    assert child.exitstatus == 0
    frames = [frame for frame in re.split("step [0-9,]+ of", screen) if BRAILLE.search(frame)]
    assert len({"".join(BRAILLE.findall(frame)) for frame in frames}) >= 3
    assert "accuracy, held out" in screen
    assert screen.rindex(CURSOR_ON) > screen.rindex(CURSOR_OFF)
    assert attempts(ready) == ["passed"]


def test_control_c_stops_records_and_gives_the_terminal_back(
    terminal: Terminal, ready: Tracker
) -> None:
    child = terminal("milestone", "run", "perceptron", "--part", "trained", "--epochs", "100000")
    child.expect("step [0-9,]+ of")
    child.sendintr()
    screen = everything(child)
    assert child.exitstatus == 130
    assert "Stopped." in screen
    assert "Traceback" not in screen
    assert CURSOR_ON in screen
    assert attempts(ready) == ["interrupted"]


def test_no_color_is_respected(terminal: Terminal) -> None:
    coloured = everything(terminal("status"))
    plain = everything(terminal("status", NO_COLOR="1"))
    colours = re.compile(r"\x1b\[[\d;]*(3[0-7]|9[0-7])m")
    assert colours.search(coloured)
    assert not colours.search(plain)


@pytest.mark.parametrize("size", [(10, 80), (24, 30)])
def test_a_tiny_terminal_gets_plain_lines(terminal: Terminal, size: tuple[int, int]) -> None:
    child = terminal("milestone", "run", "perceptron", "--part", "trained", size=size)
    screen = everything(child)
    assert child.exitstatus == 0
    assert not BRAILLE.search(screen)
    assert "100 %" in screen


@pytest.mark.parametrize("size", [(14, 40), (24, 60), (50, 160)])
def test_a_frame_never_overflows_the_terminal(terminal: Terminal, size: tuple[int, int]) -> None:
    child = terminal("milestone", "run", "perceptron", "--part", "trained", size=size)
    screen = everything(child)
    assert child.exitstatus == 0
    assert BRAILLE.search(screen)
    # the cursor goes up by at most a screen to draw the next frame over the last
    frames = re.findall(r"(?:\x1b\[1A\x1b\[2K)+", screen)
    assert frames
    assert max(frame.count("\x1b[1A") for frame in frames) < size[0]
    # and the last line of the picture is not cut off
    assert "Ctrl-C stops the run" in screen


def test_data_that_is_not_here_is_nobodys_fault(
    make_course: Callable[..., Tracker], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    course = make_course(solve="08")
    monkeypatch.chdir(course.workspace.root)
    monkeypatch.delenv("TINYTORCH_DATA", raising=False)
    for number in ("01", "02", "03", "04", "05", "06", "07", "08"):
        course.complete_module(number)
    options = ["--part", "mnist", "--set", "data=full"]
    assert main(["milestone", "run", "mlp", *options]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "tito data fetch mnist-full" in said
    assert "TINYTORCH_DATA" in said
    assert "error in the code" not in said
    assert "diagnose" not in said
