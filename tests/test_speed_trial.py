# ruff: noqa: F401, F811 - fixtures are imported by name
"""What the fast switches gain: the trial, what follows from it, and what `tito doctor` tells."""

from __future__ import annotations

import json

import pytest

from tests.machines import (
    OURS,
    Machine,
    Monkey,
    machine,
    nobody_chose,
    without_numpy,
)
from tinytorch_milestones import doctor, speed, speed_trial
from tinytorch_milestones.cli import main
from tinytorch_milestones.speed_trial import Timing, Trial
from tinytorch_milestones.workspace import home

pytestmark = pytest.mark.usefixtures("nobody_chose")


def timing(kernels: str, rate: float, step: float = 0.02, memory: int = 90 << 20) -> Timing:
    return Timing(kernels, rate * 1e9, step, memory)


def findings(trial: Trial, monkeypatch: Monkey) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr(speed_trial, "measure", lambda: trial)
    return {name: (level, text) for name, level, text in doctor._switches()}


def test_the_trial_tells_that_the_users_choice_costs(machine: Machine, monkeypatch: Monkey) -> None:
    machine()
    monkeypatch.setenv(speed.CORETYPE, "Haswell")
    trial = Trial(timing("Haswell", 100), timing("SkylakeX", 180))
    level, text = findings(trial, monkeypatch)["BLAS kernels"]
    assert level == "warning"
    assert text == (
        "set by you: OPENBLAS_CORETYPE=Haswell; without it, matrix products are 1.8 times as fast "
        "here (180 against 100 GFLOP/s): unset it"
    )
    assert not (home() / "blas-kernels").exists()
    level, text = findings(Trial(trial.fast, trial.fast), monkeypatch)["BLAS kernels"]
    assert level == "ok"
    assert "no faster" in text


@pytest.mark.parametrize(
    ("plain", "fast", "given", "words"),
    [
        (timing("SkylakeX", 180), timing("SkylakeX", 180), False, "chooses SkylakeX kernels by it"),
        (timing("Zen", 100), timing("SkylakeX", 180), True, "on from the next start"),
        (timing("Zen", 100), timing("Zen", 101), False, "gains nothing"),
        (timing("Zen", 100), None, False, "fails"),
        (None, None, False, "could not be measured"),
    ],
)
def test_the_trial_decides_whether_kernels_are_set(
    plain: Timing | None,
    fast: Timing | None,
    given: bool,
    words: str,
    machine: Machine,
    monkeypatch: Monkey,
) -> None:
    machine()
    level, text = findings(Trial(plain, fast), monkeypatch)["BLAS kernels"]
    assert level == "ok"
    assert words in text
    assert (speed.CORETYPE in speed.environment()) == given


def test_the_trial_of_memory_tells_time_and_peak(machine: Machine, monkeypatch: Monkey) -> None:
    machine()
    trial = Trial(timing("Zen", 9, 0.031), timing("Zen", 9, 0.018, 91 << 20))
    text = findings(trial, monkeypatch)["kept memory"][1]
    assert text.endswith("takes 18 ms with it, 31 ms without, and 91 against 90 MB at most")


def test_doctor_measures_here_and_says_so_as_text_and_json(capsys: pytest.CaptureFixture) -> None:
    assert main(["doctor", "--json"]) in (0, 1)
    told = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert {"BLAS kernels", "kept memory", "threads"} < set(told)
    assert all(told[name]["level"] == "ok" for name in ("BLAS kernels", "kept memory", "threads"))
    assert "could not be measured" not in told["BLAS kernels"]["text"]
    assert "GFLOP/s" in told["BLAS kernels"]["text"]
    if speed.is_glibc():
        assert "a textbook convolution takes" in told["kept memory"]["text"]
    main(["doctor"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "kept memory" in shown
    assert "BLAS kernels" in shown


def test_a_trial_has_the_users_environment_and_then_the_switches(
    machine: Machine, monkeypatch: Monkey
) -> None:
    seen: list[dict[str, str]] = []

    def child(environment: dict[str, str]) -> None:
        seen.append(environment)

    monkeypatch.setattr(speed_trial, "_child", child)
    machine()
    speed.record("gains")
    without_numpy(monkeypatch)
    speed.apply()
    speed_trial.measure()
    plain, fast = seen
    assert not set(OURS) & set(plain)
    assert set(OURS) - {"TINYTORCH_SWITCHES"} == set(fast) - set(plain)
    monkeypatch.setenv(speed.CORETYPE, "Zen")
    speed_trial.measure()
    assert seen[2][speed.CORETYPE] == "Zen"
    assert speed.CORETYPE not in seen[3]  # what OpenBLAS would choose without the user's choice
    machine("fpu avx2")
    monkeypatch.delenv(speed.CORETYPE)
    speed_trial.measure()
    assert speed.CORETYPE not in seen[5]  # it would end the child
