"""`%milestone timeline`, `test`, `celebrate`, `start`, `status --detailed` and tracks."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tinytorch_milestones.state import State
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.widgets import tables

Shell = Callable[[Path], InteractiveShell]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def example() -> State:
    """The course of `tests/fixtures`: one milestone of every kind."""
    stored = Path(__file__).parent / "fixtures" / "state.json"
    return msgspec.json.decode(stored.read_bytes(), type=State)


@pytest.fixture
def ready(make_course: Callable[..., Tracker]) -> Tracker:
    """A course with 00 to 03 complete."""
    tracker = make_course(solve="03")
    for number in ("00", "01", "02", "03"):
        assert tracker.complete_module(number).complete
    return tracker


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was put on screen, as MIME bundles."""
    bundles: list[dict[str, Any]] = []

    class Kept:
        live = False

        def put(self, slot: str, bundle: dict[str, Any], metadata: object = None) -> None:
            bundles.append(bundle)

    monkeypatch.setattr(tables, "this_screen", Kept)
    return bundles


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in order; keeps the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""
        self.tags: set[str] = set()
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data + " "


@pytest.mark.parametrize("command", ["start", "next", "list", "timeline", "status"])
def test_a_track_that_is_shown_is_remembered(
    command: str, shell: Shell, course: Tracker, capsys: Capture
) -> None:
    made = shell(course.workspace.notebooks)
    assert made.run_cell(f"%milestone {command} --track epics").success
    assert Tracker.open(course.workspace.root).state().track == "epics"
    capsys.readouterr()
    assert made.run_cell("%milestone timeline").success
    assert "Machines can see" in capsys.readouterr().out


def test_an_unknown_track_suggests_the_nearest(
    shell: Shell, course: Tracker, capsys: Capture
) -> None:
    made = shell(course.workspace.notebooks)
    assert not made.run_cell("%milestone list --track epcis").success
    assert "Did you mean 'epics'?" in capsys.readouterr().out
    assert course.state().track == "history"


def test_a_number_counts_in_the_track_that_is_named(
    shell: Shell, course: Tracker, capsys: Capture
) -> None:
    made = shell(course.workspace.notebooks)
    assert made.run_cell("%milestone info 1 --track capabilities").success
    assert "Basic inference" in capsys.readouterr().out
    assert course.state().track == "history"


@pytest.mark.parametrize("options", ["", " --horizontal"])
def test_the_timeline_is_text_where_there_is_no_page(
    options: str, shell: Shell, course: Tracker, capsys: Capture
) -> None:
    assert shell(course.workspace.notebooks).run_cell(f"%milestone timeline{options}").success
    said = capsys.readouterr().out
    assert max(map(len, said.split("\nNext:")[0].splitlines())) <= 80
    for milestone in course.state().milestones:
        assert str(milestone.year) in said
    assert ("\u2500" in said) == bool(options)


@pytest.mark.parametrize("lying", [True, False])
def test_the_timeline_is_a_list_in_a_notebook(
    lying: bool, example: State, shown: list[dict[str, Any]]
) -> None:
    example.milestones[0].title = "<script>alert(1)</script>"
    tables.show_timeline(example, lying=lying)
    page = Balanced(shown[0]["text/html"])
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words
    for milestone in example.milestones:
        assert str(milestone.year) in page.words
        assert milestone.title in page.words
    assert "2 of 5 checkpoints, 40 %" in page.words


def test_testing_checks_without_training(shell: Shell, ready: Tracker, capsys: Capture) -> None:
    made = shell(ready.workspace.notebooks)
    assert made.run_cell("%milestone test").success
    said = capsys.readouterr().out
    for title in ("01 Tensor", "02 Activations", "03 Layers"):
        assert title in said
    assert "%milestone run perceptron" in said
    assert not ready.progress.attempts()


def test_what_fails_is_named_with_its_place(
    example: State, shown: list[dict[str, Any]], course: Tracker
) -> None:
    reports = course.test_milestone("perceptron")
    tables.show_checks(example.milestones[0], reports)
    page = Balanced(shown[0]["text/html"])
    assert "a" in page.tags
    first = reports[0].tests[0]
    assert first.id in page.words
    assert first.id in shown[0]["text/plain"]
    assert "Not yet: 0 of 3 pass." in shown[0]["text/plain"]


def test_a_win_is_celebrated_and_nothing_else_is(
    shell: Shell, ready: Tracker, capsys: Capture
) -> None:
    made = shell(ready.workspace.notebooks)
    assert not made.run_cell("%milestone celebrate").success
    assert "No milestone of this track is won yet." in capsys.readouterr().out
    assert made.run_cell("%milestone celebrate xor").success
    assert "is not won yet" in capsys.readouterr().out
    assert ready.run_milestone("perceptron").complete
    for name in ("", "perceptron", "1"):
        assert made.run_cell(f"%milestone celebrate {name}").success
        assert ready.milestone("perceptron").badge in capsys.readouterr().out


def test_details_have_gates_runs_and_checkpoints(
    example: State, shown: list[dict[str, Any]]
) -> None:
    tables.show_detailed(example)
    text = shown[0]["text/plain"]
    page = Balanced(shown[0]["text/html"])
    assert "\u2717  failed   72 %  \u2265 90 %  accuracy, held out" in text
    for words in ("72 %", "\u2265 90 %", "failed, no credit", "Tensor operations", "02.softmax"):
        assert words in page.words
        assert words in text
    assert "2 of 5 checkpoints, 40 %" in text


def test_the_welcome_says_what_where_and_what_first(
    example: State, shown: list[dict[str, Any]]
) -> None:
    tables.show_welcome(example)
    page = Balanced(shown[0]["text/html"])
    for words in ("Welcome to TinyTorch Milestones", "capabilities", example.next.title):
        assert words in page.words
        assert words in shown[0]["text/plain"]


def test_where_nothing_is_left_to_do_there_is_nothing_to_open(
    example: State, shown: list[dict[str, Any]]
) -> None:
    example.next = msgspec.structs.replace(example.next, kind="done", title="You are up to date")
    tables.show_welcome(example)
    assert "a" not in Balanced(shown[0]["text/html"]).tags
