"""Module 17 in runs: its kernels are used by themselves, and what a run leaves behind is clean."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trial_course import a_trial, go
from tinytorch_milestones.catalog import load
from tinytorch_milestones.standing import Standing
from tinytorch_milestones.tracker import Tracker
from tinytorch_milestones.training import wire
from tinytorch_milestones.training.child import run
from tinytorch_milestones.training.implementation import Implementation, reference_root
from tinytorch_milestones.training.recipes import load_recipe


def _steps(implementation: Implementation, count: int) -> Iterator[Any]:
    part = load().part(load().milestone("cnn", "history"), "digits")
    recipe = load_recipe(part.recipe)
    with implementation.active() as framework:
        steps = recipe.function(framework, recipe.settings(part.settings, {}))
        for _ in range(count):
            yield next(steps)


def test_a_run_learns_the_same_and_counts_the_calls() -> None:
    plain = list(_steps(Implementation.reference(), 6))
    fast = list(_steps(Implementation.reference(accelerated=True), 6))
    losses = [[step.loss for step in steps] for steps in (plain, fast)]
    assert np.allclose(*losses, rtol=1e-4)
    called = [{n for step in steps for n in step.exercised} for steps in (plain, fast)]
    assert "17" not in called[0]
    assert "17" in called[1]
    assert called[0] <= called[1]


def test_the_kernels_are_there_only_meanwhile() -> None:
    implementation = Implementation.reference(accelerated=True)
    with implementation.active() as framework:
        spatial, linear = framework.module("core.spatial"), framework.Linear
        assert spatial.kernels["conv2d"] is not spatial.conv2d
        used = vars(linear)["forward"]
    assert spatial.kernels["conv2d"] is spatial.conv2d
    assert vars(linear)["forward"] is not used


def test_they_are_put_back_after_an_error_and_an_early_end() -> None:
    seen = []

    def failing() -> None:
        with Implementation.reference(accelerated=True).active() as framework:
            seen.append(framework.module("core.spatial"))
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    steps = _steps(Implementation.reference(accelerated=True), 5)
    next(steps)
    seen.append(sys.modules["tinytorch.core.spatial"])
    steps.close()
    assert [module.kernels["conv2d"] is module.conv2d for module in seen] == [True, True]


def test_without_module_17_nothing_is_asked_of_it() -> None:
    with Implementation.reference().active() as framework:
        framework.Conv2d(1, 1, 2)
        assert "tinytorch.perf.acceleration" not in sys.modules


@pytest.fixture
def trial(course: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    yield from a_trial(course, tmp_path, monkeypatch)


@pytest.mark.parametrize("proven", [True, False])
def test_a_student_s_is_used_when_it_was_proven(
    proven: bool, trial: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    complete, student = Standing.module_complete, Implementation.student

    def watched(root: Path, accelerated: bool = False) -> Implementation:
        asked.append(accelerated)
        return student(root)  # the trial's course has no module 17

    monkeypatch.setattr(Implementation, "student", watched)
    monkeypatch.setattr(
        Standing, "module_complete", lambda self, n: proven if n == "17" else complete(self, n)
    )
    assert go(trial).parts[0].passed
    assert asked == [proven]


def test_a_training_process_is_told() -> None:
    part = load().part(load().milestone("cnn", "history"), "digits")
    job = {"root": str(reference_root()), "kind": "reference", "recipe": part.recipe}
    job |= {"settings": {**part.settings, "epochs": 1}, "accelerated": True}
    sent: list[Any] = []
    run(job, sent.append)
    assert "17" in sent[-1]["done"]["exercised"]
    steps = [step for message in sent for step in wire.decode(message.get("steps", []))]
    assert any("17" in step.exercised for step in steps)
