"""Checkpoint 14, deployment: modules 15, 18 and 20 from outside, one file each."""

from __future__ import annotations

from collections.abc import Callable

from tinytorch_milestones.checks import memoization_tests, quantization_tests, tinygpt_tests

TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    **quantization_tests.TESTS,
    **memoization_tests.TESTS,
    **tinygpt_tests.TESTS,
}
