"""Prompts read back into the functions that they ask for."""

from __future__ import annotations

import pytest

from tinytorch_milestones.corpora.functions import HELD_OUT, held_out_functions
from tinytorch_milestones.training.python_prompts import function_of


@pytest.mark.parametrize("kind", HELD_OUT)
@pytest.mark.parametrize("tabs", [True, False])
def test_a_prompt_of_the_corpus_means_what_it_meant(kind: str, tabs: bool) -> None:
    for function in held_out_functions(kind, 40, seed=5):
        prompt = function.prompt if tabs else function.prompt.expandtabs(4)
        found = function_of(prompt)
        assert found is not None, prompt
        assert (found.name, found.parameters) == (function.name, function.parameters)
        assert [e.returns for e in found.examples()] == [e.returns for e in function.examples()]


def test_names_and_constants_may_be_any() -> None:
    found = function_of('def hive(bees):\n    """Return bees plus 31."""\n')
    assert found is not None
    assert found.constants == ("31",)
    assert found.body == "\treturn bees + 31\n"


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Once upon a time",
        "def f(x):\n    return x\n",
        'def f(x):\n    """Do something clever."""\n',
        'def f(x):\n    """Return y plus 7."""\n',
        'def f(x, y, z):\n    """Return x plus 7."""\n',
        'def f(x):\n    """Return x plus seven."""\n',
        'def f(x):\n    """Return x to the power of 99999999."""\n',
        'def f(x):\n    """Return the remainder of x divided by 0."""\n',
        'def f(x):\n    """Return x plus 7."""\nimport os\n',
    ],
)
def test_nothing_is_known_of_others(prompt: str) -> None:
    assert function_of(prompt) is None
