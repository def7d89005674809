"""The recipes that write: what they read, what they are asked, how what they wrote is judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinytorch_milestones import sandbox
from tinytorch_milestones.corpora.functions import END, FAMILIES, HELD_OUT, held_out_functions
from tinytorch_milestones.corpora.stories import stories
from tinytorch_milestones.corpora.vocabulary import CONSTANTS, NAMES
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import marking, programs
from tinytorch_milestones.training.implementation import (
    Framework,
    Implementation,
    reference_root,
)
from tinytorch_milestones.training.language import Waves
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.steps import Step


@pytest.fixture(scope="module")
def fw() -> Iterator[Framework]:
    with Implementation.reference().active() as framework:
        yield framework


@pytest.fixture(scope="module")
def tokenizer(fw: Framework) -> Any:
    return programs.tokenizer(fw, 640)


def test_a_name_is_spelled_the_same_wherever_it_stands(tokenizer: Any) -> None:
    for name in ("price", "zebra", "k", *NAMES["number"].held):
        (after_bracket, after_blank) = (tokenizer.encode(text) for text in (f"({name}", f" {name}"))
        assert after_bracket[1:] == after_blank[1:], name
        assert tokenizer.decode(after_blank[:1]) == " "


def test_digits_are_tokens_by_themselves(tokenizer: Any) -> None:
    tokens = [tokenizer.decode([token]) for token in tokenizer.encode("x += 27 * 13")]
    assert [token for token in tokens if token.strip(" ").isdigit()] == ["2", "7", "1", "3"]


def test_what_functions_share_takes_few_tokens(tokenizer: Any) -> None:
    functions = programs.exercises(300, seed=3)
    letters = sum(len(function.text) for function in functions)
    assert sum(len(tokenizer.encode(f.text)) for f in functions) < 0.6 * letters
    assert all(tokenizer.decode(tokenizer.encode(f.text)) == f.text for f in functions)


def test_exercises_hold_nothing_that_is_held_out() -> None:
    functions = programs.exercises(3000, seed=5, invented=0.5)
    held = {name for pool in NAMES.values() for name in pool.held}
    numbers = set(CONSTANTS["number"].held)
    for function in functions:
        assert not held & set(function.parameters)
        assert not numbers & set(function.constants)
        assert not function.family.unseen
    known = {name for pool in NAMES.values() for name in pool.known}
    made_up = [f for f in functions if not set(f.parameters) <= known]
    assert 0.35 < len(made_up) / len(functions) < 0.65
    for function in functions[:400]:
        compile(function.source, "a function", "exec")


def test_exercises_are_the_same_for_the_same_seed() -> None:
    one, again, other = (programs.exercises(90, seed, invented=0.3) for seed in (7, 7, 8))
    assert [f.text for f in one] == [f.text for f in again]
    assert [f.text for f in one] != [f.text for f in other]


def test_made_up_functions_do_what_their_examples_say() -> None:
    functions = programs.exercises(120, seed=9, invented=1.0)
    attempts = [marking.Attempt.of(function, function.body + "\n") for function in functions]
    wrong = [verdict.detail for verdict in marking.judge(attempts) if not verdict.right]
    assert not wrong


def test_only_bodies_are_asked_for(tokenizer: Any) -> None:
    functions = programs.exercises(40, seed=2)
    found = programs.examples(functions, tokenizer, 96)
    assert len(found) == len(functions)
    for function, labels in zip(functions, found.labels, strict=True):
        asked = tokenizer.decode(labels[labels != programs.NOTHING])
        assert asked == function.body + "\n"
    assert programs.characters(found, tokenizer) == sum(len(f.body) + 1 for f in functions)


def test_functions_that_are_too_long_are_left_out(tokenizer: Any) -> None:
    functions = programs.exercises(200, seed=2)
    found = programs.examples(functions, tokenizer, 40)
    fitting = [f for f in functions if len(tokenizer.encode(f.text)) <= 41]
    assert 0 < len(found) == len(fitting) < len(functions)


def test_rows_are_cut_and_filled() -> None:
    found = programs.filled([[5, 6, 7], [1, 2, 3, 4, 5, 6]], 4)
    assert found.inputs.tolist() == [[5, 6, 0, 0], [1, 2, 3, 4]]
    assert found.labels.tolist() == [[6, 7, -1, -1], [2, 3, 4, 5]]
    assert programs.filled([[5, 6, 7, 8]], 3, [2]).labels.tolist() == [[-1, 7, 8]]


def test_places_begin_as_waves_that_turn_alike_everywhere(fw: Framework) -> None:
    shape = Waves(vocab_size=9, context_length=20, embed_dim=8, num_heads=2, num_layers=1)
    places = shape.build(fw).position_embedding.weight.data
    assert places.dtype == np.float32
    alike = places @ places.T
    near = np.diagonal(alike, 1)
    assert np.allclose(near, near[0], rtol=1e-4)
    assert (near > np.diagonal(alike, 3)[0]).all()


class Parrot:
    """Stands for a model that writes what it was told to, whatever the prompt."""

    def __init__(self, tokenizer: Any, text: str) -> None:
        self.tokens = tokenizer.encode(text)
        self.asked: list[int] = []

    def generate(self, prompt: list[int], count: int, **options: Any) -> list[int]:
        done = sum(self.asked)
        self.asked.append(count)
        new = [self.tokens[(done + i) % len(self.tokens)] for i in range(count)]
        return [*prompt, *new]


def test_a_scribe_stops_where_a_function_ends(tokenizer: Any) -> None:
    text = "\treturn x + 3\n\ndef other(x):\n" * 4
    parrot = Parrot(tokenizer, text)
    written = marking.Scribe(tokenizer).write(parrot, "def add(x):\n", 60, ends=END)
    assert written == "\treturn x + 3\n\n"
    assert sum(parrot.asked) < 30


def test_a_scribe_gives_up_in_time(tokenizer: Any) -> None:
    parrot = Parrot(tokenizer, "pass ")
    marking.Scribe(tokenizer).write(parrot, "def add(x):\n", 30, ends=END)
    assert 30 <= sum(parrot.asked) < 50


def test_a_marker_asks_every_prompt_only_at_the_end(tokenizer: Any) -> None:
    asked = {kind: held_out_functions(kind, 10) for kind in HELD_OUT}
    marker = marking.Marker(asked, tokenizer, rounds=2)
    reader: Any = SimpleNamespace(model=Parrot(tokenizer, "\treturn 1\n\n"))
    nothing: Any = None
    first, last = marker.judged(reader, nothing), marker.judged(reader, nothing)
    assert (first["prompts"], last["prompts"]) == (24.0, 30.0)
    assert last["accuracy"] < 0.2
    view = marker.picture(reader, nothing)()
    assert [sample["good"] for sample in view["samples"]] == [False] * 3
    assert all(sample["note"].startswith("wrong: ") for sample in view["samples"])


def test_what_is_copied_is_found() -> None:
    corpus = stories(30_000, held_out=3000)
    assert marking.copied(corpus.training[500:900], corpus.training) == 1.0
    assert marking.copied("xyz" * 100, corpus.training) == 0.0
    assert 0.0 < marking.copied(corpus.held_out, corpus.training) < 0.9


def test_cut_words_do_not_count() -> None:
    assert marking.whole_words("ther went. She had a cat and a do") == [
        *("went", "she", "had", "a", "cat", "and", "a"),
    ]


LITTLE = {
    "language:stories": {"characters": 30_000, "vocabulary": 320, "context": 32, "batch_size": 32},
    "language:python": {"functions": 192, "prompts": 2, "batch_size": 32},
}


def run(fw: Framework, recipe: str, **more: Any) -> list[Step]:
    found = load_recipe(recipe)
    chosen = {"width": 16, "heads": 2, "layers": 1, "learning_rate": 0.003, "seed": 4}
    settings = found.settings({**LITTLE[recipe], **chosen, **more})
    return list(found.function(fw, settings))


@pytest.mark.parametrize("recipe", LITTLE)
def test_too_small_a_vocabulary_is_nobodys_module(fw: Framework, recipe: str) -> None:
    with pytest.raises(TinyTorchError, match="vocabulary is 256") as refused:
        run(fw, recipe, vocabulary=256)
    assert "Give more than 256" in refused.value.remedy


@pytest.mark.parametrize("recipe", LITTLE)
def test_a_small_run_is_measured_and_drawn(fw: Framework, recipe: str) -> None:
    steps = run(fw, recipe)
    last = steps[-1]
    assert not last.symptom, last.symptom
    assert last.noun == "tokens"
    assert last.samples == last.metrics.get("samples", last.samples) > 0
    wanted = {"bits", "causal", "position"}
    wanted |= {"words", "copied", "different"} if "stories" in recipe else {"parsed", "prompts"}
    assert wanted <= set(last.metrics)
    assert last.metrics["causal"] < 1e-5
    assert last.view is not None
    view = last.view()
    assert view["kind"] == "texts"
    assert len(view["samples"]) == 3
    assert all(isinstance(value, float) for value in last.metrics.values())


def test_counted_models_are_lines_in_nats_a_token(fw: Framework) -> None:
    first, *_, last = run(fw, "language:stories")
    assert set(first.lines) == {"bigram", "trigram"}
    assert first.lines["bigram"] > first.lines["trigram"] > 0
    bits = last.metrics["held_out"] / first.lines["bigram"]
    assert bits == pytest.approx(last.metrics["beside.bigram"])


def test_what_was_trained_can_be_asked_to_write(fw: Framework) -> None:
    author = run(fw, "language:python")[-1].play
    assert author.writes
    assert author.kind == "python"
    assert len(author.bound.prompts) == 6
    pieces = list(author.stream(author.bound.prompts[0], 5, temperature=0.0))
    assert len(pieces) <= 5
    assert all(len(piece.best) >= 1 for piece in pieces)


def test_a_run_in_a_child_may_start_the_one_that_judges(tmp_path: Path) -> None:
    """A sandbox within a sandbox: the outer one must be able to end the inner one."""
    child = sandbox.spawn(
        "tinytorch_milestones.training.child:run", limits=sandbox.Limits(seconds=240)
    )
    chosen = {**LITTLE["language:python"], "functions": 64, "prompts": 1}
    chosen |= {"width": 16, "heads": 2, "layers": 1, "learning_rate": 0.003}
    job = {"root": str(reference_root()), "kind": "reference", "recipe": "language:python"}
    messages: list[Any] = list(child.run({**job, "settings": chosen}, tmp_path))
    assert child.ending.reason == "finished", child.ending
    assert "done" in messages[-1]


def test_all_families_may_be_asked_for(fw: Framework) -> None:
    assert len(programs.exercises(len(FAMILIES), seed=1)) == len(FAMILIES)
