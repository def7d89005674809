"""A small course and a screen that remembers: what the tests of the dashboard share."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinytorch_milestones.catalog.model import Gate, Milestone, Module, Part
from tinytorch_milestones.part_run import Ghost, Run
from tinytorch_milestones.state import PartReport
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.widgets import Dashboard, dashboard

HOSTILE = '<img src=x onerror="alert(1)">'

GATES = (
    Gate(
        id="accuracy",
        title="accuracy",
        metric="accuracy",
        comparison=">=",
        required=0.9,
        unit="%",
        hint="Look at the step function.",
        module="02",
    ),
    Gate(
        id="drop",
        title="loss fell",
        metric="loss_drop",
        comparison=">",
        required=0.5,
        unit="%",
        hint="",
    ),
)
PART = Part(id="trained", title="Trained", story="Watch the line.", needs=("01",), gates=GATES)
MILESTONE = Milestone(
    id="perceptron",
    number="01",
    year=1958,
    title="Rosenblatt's perceptron",
    headline="A machine that learns",
    people="Frank Rosenblatt",
    story="",
    changed="Machines could be shown instead of told.",
    parts=(PART,),
    badge="First neuron",
)
MODULES = [
    Module(id="02_activations", title="Activations", question="", exports="core/a.py", public=())
]


class Recorder:
    """A screen that remembers everything put on it."""

    def __init__(self, live: bool = True) -> None:
        self.live = live
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def put(self, slot: str, bundle: Any, metadata: Any = None) -> None:
        self.calls.append((slot.split("/", 1)[1], dict(bundle)))

    def last(self, slot: str) -> dict[str, Any]:
        return next(bundle for name, bundle in reversed(self.calls) if name == slot)

    def count(self, slot: str) -> int:
        return sum(name == slot for name, _ in self.calls)


class Clock:
    """Time that passes only when someone sleeps or says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        monkeypatch.setattr(dashboard.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(dashboard.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def boundary(step: int) -> dict[str, Any]:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.2, 0.1], [0.9, 0.8]])
    return {
        "points": points,
        "labels": np.array([0, 1, 0, 1]),
        "lines": [(1.0, 1.0, -0.01 * step, "line")],
        "title": "the line",
    }


def steps(count: int, seconds: float = 0.001, learns: bool = True) -> Iterator[Step]:
    for number in range(1, count + 1):
        share = number / count if learns else 0.0
        yield Step(
            epoch=1,
            epochs=1,
            step=number,
            steps=count,
            loss=1.0 - 0.99 * share,
            accuracy=0.5 + 0.5 * share,
            samples=10,
            seconds=seconds,
            view=lambda number=number: boundary(number),  # type: ignore[misc]
        )


def drive(
    board: Dashboard,
    source: Iterator[Step],
    *,
    part: Part = PART,
    milestone: Milestone = MILESTONE,
    path: str = "/course/tinytorch",
    before_step: Callable[[Step], None] = lambda step: None,
    **report: Any,
) -> PartReport:
    """What the tracker does around an observer, in a few lines."""
    run = Run(part, "yours", path, {"last run": Ghost(losses=[1.0, 0.5, 0.25], steps=3)})
    interrupted = False
    try:
        board.started(milestone, part, run)
        for step in source:
            run.take(step)
            before_step(step)
            board.stepped(step, run)
    except KeyboardInterrupt:
        interrupted = True
    verdicts = judge_all(part.gates, run.evidence)
    passed = not interrupted and all(verdict.passed for verdict in verdicts)
    values: dict[str, Any] = {
        "milestone": milestone.id,
        "part": part.id,
        "title": part.title,
        "passed": passed,
        "interrupted": interrupted,
        "credited": passed,
        "verdicts": verdicts,
        "seconds": run.seconds,
        "samples_per_second": run.samples_per_second,
        "steps": run.latest.step if run.latest else 0,
        "score": None,
        "losses": run.evidence.losses,
        "accuracies": run.evidence.accuracies,
    }
    result = PartReport(**{**values, **report})
    board.finished(result, run)
    return result


def words(html: str) -> str:
    """What a reader sees of some HTML, and proof that its tags are balanced."""
    seen: list[str] = []
    stack: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert tag not in ("script",), f"unexpected <{tag}>"
            assert not any(name.startswith("on") for name, _ in attrs), attrs
            if tag not in ("img", "br"):
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

        def handle_data(self, data: str) -> None:
            if "style" not in stack:
                seen.append(data)

    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not stack, stack
    return " ".join(" ".join(seen).split())


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))
