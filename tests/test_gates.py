"""Judging gates: when they pass, fail or wait, and how it is said."""

from __future__ import annotations

import math

import pytest

from tinytorch_milestones.catalog.model import Gate
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import NOT_COMPARABLE, Settled, judge, judge_all
from tinytorch_milestones.training.steps import Step


def gate(comparison: str = ">=", required: float = 0.9, **more: object) -> Gate:
    values = {
        "id": "g",
        "title": "a gate",
        "metric": "m",
        "comparison": comparison,
        "required": required,
        "hint": "look there",
        "module": "02",
        **more,
    }
    return Gate(**values)


def measured(value: float | None) -> Evidence:
    evidence = Evidence()
    if value is not None:
        evidence.metrics["m"] = value
    return evidence


@pytest.mark.parametrize(
    ("comparison", "value", "passed"),
    [
        (">=", 0.9, True),
        (">=", 0.89999, False),
        (">", 0.9, False),
        (">", 0.91, True),
        ("<=", 0.9, True),
        ("<=", 0.91, False),
        ("<", 0.9, False),
        ("<", 0.1, True),
        ("within", 0.9, True),
        ("within", 0.95, True),
        ("within", 0.96, False),
        ("within", 0.89, False),
        (">=", math.nan, False),
        ("<=", math.nan, False),
        ("<=", math.inf, False),
    ],
)
def test_comparisons(comparison: str, value: float, passed: bool) -> None:
    verdict = judge(gate(comparison, upper=0.95), measured(value))
    assert verdict.passed is passed
    assert (verdict.hint, verdict.module) == (("", "") if passed else ("look there", "02"))


def test_what_was_never_measured_neither_passes_nor_fails() -> None:
    for final in (True, False):
        verdict = judge(gate(), measured(None), final=final)
        assert verdict.passed is None
        assert (verdict.measured, verdict.value) == ("", None)


@pytest.mark.parametrize(
    ("comparison", "value", "passed"),
    [
        (">=", 0.5, None),  # may still come
        (">=", 0.95, True),
        ("<=", 0.95, False),  # cannot be mended
        ("<=", 0.5, True),
        ("within", 0.92, None),  # decided at the end
        ("within", 0.1, None),
    ],
)
def test_while_a_run_goes_on(comparison: str, value: float, passed: bool | None) -> None:
    verdict = judge(gate(comparison, upper=0.95), measured(value), final=False)
    assert verdict.passed is passed
    assert verdict.measured
    assert bool(verdict.hint) is (passed is False)


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("%", 0.961, "96.1 %"),
        ("%", 1.0, "100 %"),
        ("%", 0.89999, "89.999 %"),  # never rounded to the threshold it missed
        ("x", 3.24, "3.2x"),
        ("s", 0.44, "0.4 s"),
        ("", 2.4e-7, "2.4e-7"),
        ("", 17.0, "17"),
        ("", math.nan, "not a number"),
        ("", NOT_COMPARABLE, "cannot be compared"),
    ],
)
def test_measured_in_words(unit: str, value: float, text: str) -> None:
    assert judge(gate(unit=unit), measured(value)).measured == text


@pytest.mark.parametrize(
    ("a_gate", "text"),
    [
        (gate(unit="%"), ">= 90 %"),
        (gate("within", 0.35, upper=0.65, unit="%"), "35 % to 65 %"),
        (gate("<=", 1e-5), "<= 1e-5"),
    ],
)
def test_required_in_words(a_gate: Gate, text: str) -> None:
    assert judge(a_gate, measured(None)).required == text


def test_what_was_found_wrong_stands_before_the_first_failed_hint() -> None:
    evidence = measured(0.5)
    gates = [gate("<="), gate(), gate()]
    assert [v.hint for v in judge_all(gates, evidence)] == ["", "look there", "look there"]
    evidence.symptom = "the loss is 3 where 2 is right"
    hints = [verdict.hint for verdict in judge_all(gates, evidence)]
    assert hints == ["", "The loss is 3 where 2 is right. look there", "look there"]
    evidence.symptom = "sum() raised ValueError: x"
    assert judge_all(gates, evidence)[1].hint.startswith("sum() raised")
    assert judge_all(gates, measured(None))[0].hint == ""


def run(values: list[float], patience: int) -> int | None:
    """After how many steps a run with these losses would stop."""
    settled = Settled([gate("<=", 0.5, metric="loss")], patience)
    evidence = Evidence()
    for number, value in enumerate(values, start=1):
        evidence.fold(Step(epoch=1, epochs=1, step=number, steps=99, loss=value))
        if settled.after(evidence):
            return number
    return None


def test_a_run_stops_when_all_gates_held_for_a_while() -> None:
    assert run([1.0, 0.4, 0.4, 0.9, 0.4, 0.4, 0.4, 0.4], patience=3) == 7
    assert run([0.1] * 50, patience=0) is None
