"""The dashboard: what it shows of a run, when it draws, and what stays at the end."""

from __future__ import annotations

import base64
import json
import re
import timeit
from pathlib import Path
from typing import Any

import pytest

from tests.board import (
    HOSTILE,
    MILESTONE,
    MODULES,
    PART,
    Clock,
    Recorder,
    boundary,
    drive,
    opened,
    steps,
    words,
)
from tinytorch_milestones.catalog.model import Gate, Milestone, Part
from tinytorch_milestones.part_run import Run
from tinytorch_milestones.state import NextStep, RunReport
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.widgets import Dashboard, dashboard
from tinytorch_milestones.widgets.theme import DARK, LIGHT, lab_theme


def test_a_run_shows_head_progress_figure_gates_and_summary() -> None:
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), steps(40))
    head = words(screen.last("head")["text/html"])
    assert "1958 A machine that learns: trained" in head
    assert "Your code runs: /course/tinytorch" in head
    moving = [words(b["text/html"]) for name, b in screen.calls if name == "progress"]
    assert any("step 1 of 40" in said for said in moving)
    assert "done after 40 steps" in moving[-1]
    gates = words(screen.last("gates")["text/html"])
    assert "\u2713 accuracy 100 % \u2265 90 %" in gates
    assert "Every gate passed." in words(screen.last("ending")["text/html"])
    for slot in ("head", "progress", "figure", "gates", "ending"):
        assert screen.last(slot)["text/plain"].strip(), slot


def test_the_stop_button_stands_in_the_head_only_while_the_run_lasts() -> None:
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), steps(3))
    heads = [bundle["text/html"] for name, bundle in screen.calls if name == "head"]
    assert len(heads) == 2
    assert re.search(r'<button class="tinytorch-stop" data-run="\w+" type="button"', heads[0])
    assert "<button" not in heads[1]
    # the slots that change all the time never hold it: a click must meet the element it began on
    assert not any("<button" in b["text/html"] for n, b in screen.calls if n == "progress")
    # it is disarmed before anything else is drawn at the end
    names = [name for name, _ in screen.calls]
    assert names[-5:] == ["head", "progress", "figure", "gates", "ending"]


def test_stop_leaves_the_last_frame_and_says_that_nothing_was_credited() -> None:
    screen = Recorder()

    def interrupt(step: Step) -> None:
        if step.step == 7:
            raise KeyboardInterrupt

    report = drive(Dashboard(fast=True, screen=screen), steps(40), before_step=interrupt)
    assert report.interrupted
    ending = words(screen.last("ending")["text/html"])
    assert "Stopped after step 7 of 40; not credited." in ending
    assert "<button" not in screen.last("head")["text/html"]
    assert "text/html" in screen.last("figure")


def test_an_interrupt_in_a_frame_is_not_swallowed() -> None:
    clicks = iter([KeyboardInterrupt])

    def look() -> dict[str, Any]:
        for click in clicks:
            raise click
        return boundary(1)

    step = next(steps(5))
    step.view = look
    assert drive(Dashboard(fast=True, screen=Recorder()), iter([step])).interrupted


def test_a_picture_that_cannot_be_made_does_not_end_a_run() -> None:
    def look() -> dict[str, Any]:
        raise ValueError("the student's forward is broken")

    source = list(steps(5))
    for step in source:
        step.view = look
    screen = Recorder()
    assert not drive(Dashboard(fast=True, screen=screen), iter(source)).interrupted
    assert "text/html" in screen.last("figure")


def test_a_figure_that_cannot_be_drawn_does_not_end_a_run() -> None:
    source = list(steps(5))
    for step in source:
        step.view = lambda: {"points": "no points", "labels": [], "lines": []}
    screen = Recorder()
    report = drive(Dashboard(fast=True, screen=screen), iter(source))
    assert report.credited
    assert "could not be drawn" in screen.last("figure")["text/plain"]
    assert "Every gate passed." in words(screen.last("ending")["text/html"])


def test_a_failed_gate_shows_its_hint_and_links_to_the_module() -> None:
    screen = Recorder()
    board = Dashboard(fast=True, modules=MODULES, screen=screen)
    drive(board, steps(20, learns=False))
    html = screen.last("ending")["text/html"]
    assert "Not passed: accuracy 50 %, required \u2265 90 %." in words(html)
    assert "Look at the step function." in words(html)
    link = '<a class="tinytorch-open" href="../modules/02_activations.ipynb" '
    assert link + 'data-notebook="modules/02_activations.ipynb"' in html
    assert "\u2717" in words(screen.last("gates")["text/html"])
    assert "failed" in screen.last("gates")["text/plain"]


def test_an_error_of_the_students_code_does_not_look_like_success() -> None:
    screen = Recorder()
    board = Dashboard(fast=True, modules=MODULES, screen=screen)
    drive(
        board,
        steps(20),
        passed=False,
        error="ValueError: shapes (2,) and (3,)",
        error_module="02",
    )
    html = screen.last("ending")["text/html"]
    assert 'class="tinytorch-card tinytorch-lost"' in html
    assert "ValueError: shapes (2,) and (3,)" in words(html)
    assert "Open 02 Activations" in words(html)


def test_names_from_files_are_escaped() -> None:
    gate = Gate(
        id="g", title=HOSTILE, metric="accuracy", comparison=">=", required=2.0, hint=HOSTILE
    )
    part = Part(id="p", title=HOSTILE, story=HOSTILE, needs=(), gates=(gate,))
    milestone = Milestone(
        id=HOSTILE,
        number="1",
        year=1958,
        title=HOSTILE,
        headline=HOSTILE,
        people=HOSTILE,
        story=HOSTILE,
        changed=HOSTILE,
        parts=(part,),
        badge=HOSTILE,
    )
    screen = Recorder()
    board = Dashboard(fast=True, screen=screen)
    report = drive(board, steps(5), part=part, milestone=milestone, path=f"/x/{HOSTILE}")
    step = NextStep(kind="module", id="x", title=HOSTILE, why=HOSTILE, button="", notebook=HOSTILE)
    whole = RunReport(
        milestone=HOSTILE,
        title=HOSTILE,
        parts=[report],
        complete=True,
        newly_complete=True,
        changed_history=HOSTILE,
        badge=HOSTILE,
        next=step,
        warnings=[HOSTILE],
    )
    board.conclude(milestone, whole)
    drive(board, steps(5), part=part, milestone=milestone, error=HOSTILE, passed=False)
    for _, bundle in screen.calls:
        html = re.sub(r'src="data:[^"]*"', "", bundle.get("text/html", ""))
        assert "<img src=x" not in html
        words(html)


def test_the_final_picture_comes_for_both_themes_and_for_paper() -> None:
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), steps(30))
    final = screen.last("figure")
    light, dark = re.findall(r'src="data:image/png;base64,([^"]+)"', final["text/html"])
    assert opened(base64.b64decode(light)).size == opened(base64.b64decode(dark)).size
    assert light != dark
    # without a style sheet (an output not trusted yet) only the light one is visible
    assert re.search(r'<img class="tinytorch-dark" style="display: none"', final["text/html"])
    assert 'data-jp-theme-light="false"' in final["text/html"]
    assert "@media print" in final["text/html"]
    paper = opened(final["image/png"]).convert("RGBA").getpixel((2, 2))
    assert isinstance(paper, tuple)
    assert min(paper) >= 250
    assert "Accuracy on held-out data from" in final["text/plain"]
    assert len(json.dumps(final, default=lambda b: base64.b64encode(b).decode())) < 250_000


def test_the_picture_while_running_is_png_in_labs_theme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYTORCH_HOME", str(tmp_path))
    (tmp_path / "appearance.json").write_text('{"theme": "dark"}')
    screen = Recorder()
    drive(Dashboard(fast=True, screen=screen), steps(3))
    place, first = [bundle for name, bundle in screen.calls if name == "figure"][:2]
    assert "The first step is under way." in place["text/html"]
    assert "text/html" not in first
    assert opened(first["image/png"]).getpixel((2, 2)) == (0x11, 0x11, 0x11)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"theme": 3}', '{"theme": "light"}'])
def test_the_theme_is_light_unless_lab_said_dark(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYTORCH_HOME", str(tmp_path))
    assert lab_theme() == LIGHT
    (tmp_path / "appearance.json").write_text(content)
    assert lab_theme() == LIGHT
    (tmp_path / "appearance.json").write_text('{"theme": "dark"}')
    assert lab_theme() == DARK


# when it draws


def test_a_short_run_is_stretched_for_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, screen = Clock(monkeypatch), Recorder()
    report = drive(Dashboard(screen=screen), steps(1000, seconds=0.0001))
    assert sum(clock.slept) == pytest.approx(dashboard.WATCHING_SECONDS, rel=0.05)
    assert report.seconds == pytest.approx(0.1)  # the sleep is nobody's training time
    assert 20 <= screen.count("progress") <= 80
    assert re.search(r"shown in (2\.9|3\.0) s", screen.last("ending")["text/plain"])


def test_a_slow_first_step_does_not_make_a_run_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, screen = Clock(monkeypatch), Recorder()
    source = list(steps(240, seconds=0.0002))
    source[0].seconds = 0.5  # it imported the student's code
    drive(Dashboard(screen=screen), iter(source))
    assert sum(clock.slept) == pytest.approx(dashboard.WATCHING_SECONDS, rel=0.05)
    assert screen.count("progress") > 20


def test_a_run_of_few_steps_is_stretched_less(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    drive(Dashboard(screen=Recorder()), steps(4))
    assert sum(clock.slept) == pytest.approx(0.6)
    clock.slept.clear()
    drive(Dashboard(screen=Recorder()), steps(1))
    assert not clock.slept


def test_fast_runs_long_runs_and_unseen_runs_are_not_stretched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    drive(Dashboard(fast=True, screen=Recorder()), steps(100))
    drive(Dashboard(screen=Recorder(live=False)), steps(100))
    drive(Dashboard(screen=Recorder()), steps(100, seconds=0.1))
    assert not clock.slept


def test_stop_cuts_the_stretching_short(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dashboard.time, "sleep", interrupted)
    screen = Recorder()
    report = drive(Dashboard(screen=screen), steps(200))
    assert report.interrupted
    assert "not credited" in words(screen.last("ending")["text/html"])


def test_drawing_takes_at_most_three_percent_of_a_long_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, cost = Clock(monkeypatch), 0.028
    frames: list[float] = []

    def draw(self: Dashboard, run: Run, step: Step | None) -> None:
        clock.now += cost
        frames.append(clock.now)

    monkeypatch.setattr(Dashboard, "_frame", draw)

    def train(step: Step) -> None:
        clock.now += step.seconds

    count, seconds = 6000, 0.01
    screen = Recorder()
    drive(Dashboard(screen=screen), steps(count, seconds), before_step=train)
    assert len(frames) * cost <= 0.03 * count * seconds
    assert len(frames) > 20
    # the bar moves in between, which costs next to nothing
    assert screen.count("progress") > 80


def test_a_step_that_is_not_drawn_costs_next_to_nothing() -> None:
    screen = Recorder()
    board = Dashboard(fast=True, screen=screen)
    run = Run(PART, "yours", "/course/tinytorch", {})
    board.started(MILESTONE, PART, run)
    source = list(steps(100, seconds=10.0))
    for step in source[:50]:
        run.take(step)
        board.stepped(step, run)
    drawn = screen.count("progress")
    board._due = board._figure_due = float("inf")
    step = source[60]
    taken = min(timeit.repeat(lambda: board.stepped(step, run), number=1000, repeat=3)) / 1000
    assert screen.count("progress") == drawn
    # 2 microseconds are what is asked for; the margin is for a machine that does other things
    assert taken < 2e-5


def test_without_a_notebook_text_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    from tinytorch_milestones.widgets.screen import this_screen

    screen = this_screen()
    assert not screen.live
    drive(Dashboard(screen=screen), steps(50))
    out = capsys.readouterr().out
    assert out.count("1958  A machine that learns: trained") == 1
    assert "passed   accuracy 100 % (>= 90 %)" in out
    assert "Every gate passed." in out
    assert "<" not in out
