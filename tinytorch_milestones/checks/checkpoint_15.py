"""Checkpoint 15, language modelling: modules 10, 11 and 13 from outside, one file each."""

from __future__ import annotations

from collections.abc import Callable

from tinytorch_milestones.checks import embeddings_tests, tokenization_tests, transformers_tests

TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    **tokenization_tests.TESTS,
    **embeddings_tests.TESTS,
    **transformers_tests.TESTS,
}
