"""What a `%%milestone run` cell may say, and what it says in vain."""

from __future__ import annotations

import pytest

from tinytorch_milestones.cell_settings import run_cell
from tinytorch_milestones.errors import UnknownName

KNOWN = ("epochs", "learning_rate", "model", "context")


def test_what_the_cell_binds_itself_counts() -> None:
    found = run_cell("rate = 0.1\nlearning_rate = rate / 2\nepochs += 1", {"epochs": 4}, KNOWN)
    assert found == {"learning_rate": 0.05, "epochs": 5}
    assert run_cell("print(context)", {"context": 64}, KNOWN) == {}


@pytest.mark.parametrize("line", ["context_size = 3", "lernrate: float = 0.1", "a = epochs = 2"])
def test_a_line_that_would_do_nothing_is_an_error(line: str) -> None:
    with pytest.raises(UnknownName) as caught:
        run_cell(line, {}, KNOWN)
    assert line.split()[0].rstrip(":") in str(caught.value)


def test_the_nearest_setting_is_suggested_before_anything_runs() -> None:
    with pytest.raises(UnknownName) as caught:
        run_cell("raise SystemExit\ncontext_size = 3", {}, KNOWN)
    assert "'context'" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "layers = [1, 2]\nmodel = build(layers)",
        "def build():\n    return width\nwidth = 3\nmodel = build()",
        "_ = 3",
        "for size in (1, 2):\n    epochs = size",
        "hidden = 8",  # another part's
    ],
)
def test_helpers_are_no_mistake(source: str) -> None:
    found = run_cell(source, {"build": len}, KNOWN, {"hidden"})
    assert set(found) <= {"model", "epochs"}
