"""Judge gates on evidence, and say it in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tinytorch_milestones.catalog.model import Gate
from tinytorch_milestones.state import VerdictState
from tinytorch_milestones.training.evidence import Evidence

NOT_COMPARABLE = 1e9
"""Stands for a difference that could not be measured: another shape, or an exception."""


def judge(gate: Gate, evidence: Evidence, *, final: bool = True) -> VerdictState:
    """Judge one gate.

    `passed` is None where its metric was never measured. With `final=False` (a run in progress)
    it is also None as long as more steps may still bring what is asked for; a limit that was
    broken (`<=`, `<`) cannot be mended by more steps and is False at once.
    """
    value = evidence.metrics.get(gate.metric)
    verdict = VerdictState(id=gate.id, title=gate.title, required=required_text(gate), value=value)
    if value is None:
        return verdict
    verdict.measured = measured_text(gate, value)
    if holds(gate, value):
        verdict.passed = True if final or gate.comparison != "within" else None
    elif final or gate.comparison in ("<=", "<"):
        verdict.passed = False
        verdict.hint = gate.hint
        verdict.module = gate.module
    if not math.isfinite(value):
        verdict.value = None
    return verdict


def judge_all(
    gates: Iterable[Gate], evidence: Evidence, *, final: bool = True
) -> list[VerdictState]:
    """Judge all gates, in the catalog's order: the first that failed is the root cause.

    What the run found wrong stands before that one's hint.
    """
    verdicts = [judge(gate, evidence, final=final) for gate in gates]
    failed = next((verdict for verdict in verdicts if verdict.passed is False), None)
    if failed is not None and evidence.symptom:
        symptom = evidence.symptom
        if symptom.startswith(("the ", "a ", "an ", "every ", "inputs ", "some ")):
            symptom = symptom[0].upper() + symptom[1:]
        failed.hint = f"{symptom}. {failed.hint}"
    return verdicts


def holds(gate: Gate, value: float) -> bool:
    """Whether a measured value satisfies a gate; not-a-number never does."""
    match gate.comparison:
        case ">=":
            return value >= gate.required
        case "<=":
            return value <= gate.required
        case ">":
            return value > gate.required
        case "<":
            return value < gate.required
        case "within":
            return gate.upper is not None and gate.required <= value <= gate.upper


def required_text(gate: Gate) -> str:
    """What a gate asks for: `>= 90 %`, `40 % to 60 %`, `<= 1e-5`."""
    if gate.comparison == "within":
        upper = gate.required if gate.upper is None else gate.upper
        return f"{number_text(gate.required, gate.unit)} to {number_text(upper, gate.unit)}"
    return f"{gate.comparison} {number_text(gate.required, gate.unit)}"


def measured_text(gate: Gate, value: float) -> str:
    """A measured value in the gate's unit, never rounded across the threshold."""
    text = number_text(value, gate.unit)
    if not holds(gate, value) and text == number_text(gate.required, gate.unit):
        return number_text(value, gate.unit, digits=4)
    return text


def number_text(value: float, unit: str = "", digits: int = 1) -> str:
    """A number for people: `96.1 %`, `3.2x`, `0.4 s`, `2.4e-7`, `17`.

    Percent values are fractions. Non-numbers and incomparable values are said in words.
    """
    if math.isnan(value):
        return "not a number"
    if abs(value) >= NOT_COMPARABLE:
        return "cannot be compared"
    if unit == "%":
        return f"{_decimal(100 * value, digits)} %"
    if unit == "x":
        return f"{_decimal(value, digits)}x"
    if unit == "s":
        return f"{_decimal(value, digits)} s"
    if value != 0 and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return _decimal(value, max(3, digits))


def _decimal(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Settled:
    """Says when a run may stop early: every gate has held for `patience` steps in a row."""

    def __init__(self, gates: Sequence[Gate], patience: int) -> None:
        self._gates = gates
        self._patience = patience
        self._held = 0

    def after(self, evidence: Evidence) -> bool:
        """Call once after each fold."""
        if not self._patience or not self._gates:
            return False
        values = evidence.metrics
        # what a recipe measured on a sample of what is held out, so far, ends no run
        if values.get("asked", 1.0) < 1.0:
            self._held = 0
        elif all(g.metric in values and holds(g, values[g.metric]) for g in self._gates):
            self._held += 1
        else:
            self._held = 0
        return self._held >= self._patience
