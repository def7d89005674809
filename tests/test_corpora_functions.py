"""The generated Python functions: right, many, different, and with something held out."""

from __future__ import annotations

import ast
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tinytorch_milestones.corpora.functions import (
    END,
    FAMILIES,
    HELD_OUT,
    Function,
    Functions,
    fitting,
    functions,
    held_out_functions,
    is_held_combination,
    longest,
    training_function,
)
from tinytorch_milestones.corpora.vocabulary import CONSTANTS, NAMES

HELD_NAMES = {name for pool in NAMES.values() for name in pool.held}


@pytest.fixture(scope="module")
def corpus() -> Functions:
    return functions()


def passes(function: Function, body: str) -> bool:
    """Whether a body gives what the function's examples ask for."""
    scope: dict[str, Any] = {}
    exec(function.prompt + body, scope)
    for example in function.examples():
        got = scope[function.name](*ast.literal_eval(example.arguments))
        wanted = ast.literal_eval(example.returns)
        if type(got) is not type(wanted) or got != wanted:
            return False
    return True


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
def test_bodies_do_what_their_families_mean(family: Any) -> None:
    rng = random.Random(7)
    drawn = [Function(family, *_parts(family, rng)) for _ in range(10)]
    for function in drawn:
        assert passes(function, function.body), function.text


def _parts(family: Any, rng: random.Random) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    from tinytorch_milestones.corpora.functions import _draw

    drawn = _draw(family, rng)
    return drawn.name, drawn.parameters, drawn.constants


def test_every_prompt_is_answered_by_its_own_body(corpus: Functions) -> None:
    for kind in HELD_OUT:
        for function in corpus.prompts[kind]:
            assert passes(function, function.body), function.text


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


SLIPS = (
    *((" > ", " >= "), (" > ", " < "), (" < ", " <= "), (" + ", " - "), (" - ", " + ")),
    *((" * ", " + "), ("//", "/"), ("%", "//"), (" and ", " or "), (" or ", " and "), ("==", "!=")),
    *(
        ("max", "min"),
        ("min", "max"),
        ("+=", "-="),
        ("-=", "+="),
        ("[::-1]", ""),
        ("sorted", "list"),
    ),
)


def slips(function: Function) -> Iterator[str]:
    """Bodies with one constant or one operator wrong."""
    body = function.body
    for constant in function.constants:
        if constant.isdecimal():
            for other in (int(constant) + 1, int(constant) - 1):
                yield re.sub(rf"\b{constant}\b", str(other), body)
        else:
            yield body.replace(f"'{constant}'", "'Q'")
    for old, new in SLIPS:
        if old in body:
            yield body.replace(old, new, 1)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="some slips never end")
def test_examples_tell_slightly_wrong_bodies_from_right_ones() -> None:
    rng = random.Random(3)
    caught: list[tuple[str, bool]] = []
    for family in FAMILIES:
        function = Function(family, *_parts(family, rng))
        for body in slips(function):
            if body == function.body:
                continue
            try:
                with no_longer_than(0.1):
                    found = not passes(function, body)
            except (Exception, TimeoutError):
                found = True
            caught.append((function.text + body, found))
    missed = [text for text, found in caught if not found]
    # a few slips change nothing: the larger of two equal numbers may be either
    assert len(caught) > 400
    assert len(missed) <= 0.03 * len(caught), "\n".join(missed)


def test_there_are_enough_of_them(corpus: Functions) -> None:
    assert len(FAMILIES) >= 60
    assert len({family.id for family in FAMILIES}) == len(FAMILIES)
    assert corpus.distinct >= 20_000
    texts = corpus.training.split(END)
    assert texts.pop() == ""
    assert len(set(texts)) == corpus.distinct
    counts = {family.id: 0 for family in FAMILIES}
    for kind in HELD_OUT:
        for function in corpus.prompts[kind]:
            counts[function.family.id] += 1
    assert sum(counts.values()) == 300
    assert sum(count > 0 for count in counts.values()) >= 60


def test_they_are_short_and_readable(corpus: Functions) -> None:
    assert max(longest(family) for family in FAMILIES) <= 128
    texts = corpus.training.split(END)[:-1]
    assert max(map(len, texts)) + len(END) <= 128
    for text in texts[::50]:
        function = ast.parse(text).body[0]
        assert isinstance(function, ast.FunctionDef)
        says = ast.get_docstring(function)
        assert says is not None
        assert re.fullmatch(r"[A-Z].*\.", says), says
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        assert {argument.arg for argument in function.args.args} <= used
        assert 1 <= text.count("\n") - 1 <= 5


def test_what_is_held_out_is_not_in_the_training_text(corpus: Functions) -> None:
    trained = set(re.findall(r"[A-Za-z_]+|\d+", corpus.training))
    held_numbers = set(CONSTANTS["number"].held)
    held_words = set(CONSTANTS["word"].held)
    assert not trained & (held_numbers | held_words)
    assert not trained & {name for name in HELD_NAMES if len(name) > 1}
    # single letters are also constants
    parameters = set()
    for line in re.findall(r"def \w+\((.*)\):", corpus.training):
        parameters |= set(line.split(", "))
    assert not parameters & HELD_NAMES
    texts = set(corpus.training.split(END))
    for function in corpus.prompts["names"]:
        assert set(function.parameters) & HELD_NAMES
    for function in corpus.prompts["constants"]:
        assert set(function.constants) & {c for pool in CONSTANTS.values() for c in pool.held}
        assert not set(function.parameters) & HELD_NAMES
    for function in corpus.prompts["combinations"]:
        assert is_held_combination(function)
        assert function.text.rstrip("\n") not in texts


def test_pairs_of_steps_are_held_out(corpus: Functions) -> None:
    unseen = {family.id for family in FAMILIES if family.unseen}
    assert len(unseen) == 5
    asked = {function.family.id for function in held_out_functions("combinations", 400)}
    assert unseen <= asked
    assert "Subtract" in corpus.training
    assert not re.search(r"Subtract \d+ from \w+, then add", corpus.training)


def test_names_of_parameters_never_meet_those_of_bodies() -> None:
    names = {name for pool in NAMES.values() for name in pool.known + pool.held}
    for family in FAMILIES:
        body = Function(family, "f", ("A", "B"), ("1", "2", "3")).body
        tree = ast.parse("def f():\n" + body)
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"A", "B"}
        assert not own & names, family.id


def test_a_seed_gives_the_same_corpus() -> None:
    one = functions(3000, seed=4, prompts=20)
    assert functions(3000, seed=4, prompts=20) == one
    other = functions(3000, seed=5, prompts=20)
    assert other.training != one.training
    assert other.prompts != one.prompts
    function = one.prompts["names"][0]
    assert function.examples() == function.examples()


def test_a_training_function_has_nothing_held_out() -> None:
    rng = random.Random(1)
    for family in FAMILIES:
        if family.unseen:
            with pytest.raises(AssertionError):
                training_function(family, rng)
        else:
            assert not is_held_combination(training_function(family, rng))


def test_families_are_chosen_by_length() -> None:
    chosen = fitting(96)
    assert 40 < len(chosen) < len(FAMILIES) == len(fitting(128))
    corpus = functions(2000, prompts=30, families=chosen)
    texts = (corpus.training + corpus.held_out).split(END)
    assert max(map(len, texts)) + len(END) <= 96
    asked = {function.family for held in corpus.prompts.values() for function in held}
    assert asked <= set(chosen)


def test_nothing_but_python_is_needed() -> None:
    names = "functions", "stories"
    statement = "; ".join(f"import tinytorch_milestones.corpora.{name}" for name in names)
    command = f"import sys; {statement}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert not {"numpy", "msgspec"} & set(result.stdout.decode().split())
