"""The recipes of 2018: what the judge counts, times and weighs by himself, and what is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tinytorch_milestones.catalog import Part, load
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import cached, clocks
from tinytorch_milestones.training.author import Author, Bound, describe
from tinytorch_milestones.training.cached import Raced
from tinytorch_milestones.training.clocks import HandClock, machine_roof, paired, times_as_fast
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.compared import Bench, kernels
from tinytorch_milestones.training.compressed import Scales, check_row
from tinytorch_milestones.training.counting_work import kept_bytes, parts_of, work_of
from tinytorch_milestones.training.deploying import arrays, network
from tinytorch_milestones.training.evidence import Evidence
from tinytorch_milestones.training.gates import judge_all
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.recipes import load_recipe
from tinytorch_milestones.training.steps import Step
from tinytorch_milestones.training.weights import pack, rebuild
from tinytorch_milestones.training.wordlist import Words

SMALL = "Sequential(Flatten(), Linear(784, 64), ReLU(), Linear(64, 32), ReLU(), Linear(32, 10))"
QUICK = {"epochs": 1, "batch_size": 250}


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        framework.module("core.autograd")  # puts its tape in place
        yield framework


def part_of(name: str) -> Part:
    milestone = next(m for m in load().all_milestones() if m.id == "mlperf")
    return next(part for part in milestone.parts if part.id == name)


def steps(fw: Framework, name: str, **overrides: Any) -> list[Step]:
    part = part_of(name)
    recipe = load_recipe(part.recipe)
    return list(recipe.function(fw, recipe.settings(part.settings, overrides)))


def failed(name: str, run: list[Step]) -> dict[str, str]:
    evidence = Evidence()
    for step in run:
        evidence.fold(step)
    return {v.id: v.measured for v in judge_all(part_of(name).gates, evidence) if not v.passed}


def digits(count: int = 300) -> Examples:
    rng = np.random.default_rng(3)
    images = rng.random((count, 1, 28, 28), dtype=np.float32)
    return Examples(images, rng.integers(0, 10, count))


# what the judge counts


def test_work_is_that_of_the_formulas(fw: Framework) -> None:
    x = digits(7).inputs
    work = {layer.name: layer for layer in work_of(fw, network(fw), x)}
    assert list(work) == ["", "0", "1", "2", "3", "4", "5"]
    assert work["1"].parameters == 784 * 512 + 512
    assert work["1"].flops == 7 * 512 * (2 * 784 + 1)
    assert work["2"].flops == 7 * 512
    assert work["0"].flops == work[""].flops == work[""].parameters == 0
    assert work["5"].carried == 4 * (7 * 256 + 256 * 10 + 10 + 7 * 10)


def test_names_are_those_of_state_dict(fw: Framework) -> None:
    model = fw.Sequential(fw.Linear(4, 3), fw.Sequential(fw.ReLU(), fw.Linear(3, 2)))
    named = {name for name, layer in parts_of(fw, model) if type(layer).__name__ == "Linear"}
    assert named == {"0", "1.1"}
    assert {f"{name}.weight" for name in named} <= set(model.state_dict())


def test_kept_bytes_count_each_piece_of_memory_once(fw: Framework) -> None:
    x = digits(5).inputs
    model = fw.Sequential(fw.Flatten(), fw.Linear(784, 6), fw.ReLU())
    # the product, the product with its bias, and what ReLU lets through; the rows are a view
    assert kept_bytes(fw, model, x) == 3 * 5 * 6 * 4
    before = [id(layer.forward.__func__) for _, layer in parts_of(fw, model)]
    work_of(fw, model, x)
    assert [id(layer.forward.__func__) for _, layer in parts_of(fw, model)] == before


# clocks


def test_a_hand_clock_shows_what_it_was_moved_by() -> None:
    hand = HandClock(drift=0.5)
    hand.move(2.0)
    hand.move(2.0)
    assert hand() == (5.0, 5.0)


def test_paired_measurements_come_in_turns() -> None:
    order: list[int] = []
    seconds = paired([lambda: order.append(0), lambda: order.append(1)], 4, shortest=0.0)
    assert seconds.shape == (2, 4)
    assert order[-8:] == [0, 1, 1, 0, 0, 1, 1, 0]
    assert times_as_fast(np.array([2.0, 9.0, 2.0]), np.array([1.0, 1.0, 2.0])) == 2.0


def test_the_roof_counts_operations_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert min(machine_roof()) > 0
    calls: list[Any] = []

    def quarter_of_a_second(programs: list[Any], rounds: int) -> Any:
        calls.extend(programs)
        return np.array([[0.5, 0.25, 0.25]])

    monkeypatch.setattr(clocks, "paired", quarter_of_a_second)
    flops, bandwidth = machine_roof()
    side = len(calls[0]())
    assert flops == 4 * (2 * side**3)  # a product and a sum for each, four times a second
    assert bandwidth == 4 * (2 * 4 * (1 << 22))  # every number is read and written


# words


def test_words_come_back_as_they_were() -> None:
    text = 'One day Mia saw a "dog", and ran.\n\nThe end.'
    words = Words.of(text)
    assert words.decode(words.encode(text)) == text
    assert len(words.encode(" dog Mia")) == 5  # one word, and one that is spelled with its blank
    assert words.decode(words.encode("Zebras ran.")) == "Zebras ran."
    with pytest.raises(TinyTorchError, match="'é'"):
        words.encode("né")
    again = Words(words.describe()["words"])
    assert again.encode(text) == words.encode(text)


# the scales


def test_scales_measure_the_file_and_what_was_loaded(fw: Framework) -> None:
    scales = Scales(fw, digits())
    model = network(fw)
    try:
        first = scales.weigh("float32", model)
        assert first.bytes == (scales._folder / "0.npz").stat().st_size
        assert first.model is not model
        smaller = fw.module("perf.compression").structured_prune(model, 0.5)
        scales.cut(model, arrays(fw, model), smaller, 0.5)
        second = scales.weigh("half", smaller)
        folder = scales._folder
    finally:
        scales.close()
    assert not folder.exists()
    assert scales.metrics == {"cut.kept": 0.0, "cut.units": 0.0}
    assert scales.problem == ""
    assert first.bytes > 2 * second.bytes
    points = scales.picture()["points"]
    assert [point["name"] for point in points] == ["float32", "half"]


def test_zeros_are_counted_and_must_be_the_smallest(fw: Framework) -> None:
    model = fw.Sequential(fw.Linear(6, 5), fw.ReLU(), fw.Linear(5, 4))
    before = arrays(fw, model)
    scales = Scales(fw, digits(10))
    try:
        masks = fw.module("perf.compression").magnitude_prune(model, 0.3)
        scales.zeros(model, before, 0.3)
        assert scales.metrics["zeros.off"] == 0.0
        model[0].weight.data[...] += 1.0
        scales.held(model, 0.3)
        assert scales.metrics["zeros.lost"] > 0
        masks.apply()
        scales.held(model, 0.3)
        assert scales.metrics["zeros.lost"] == 0.0
        scales.zeros(model, before, 0.3)
        assert scales.metrics["zeros.off"] > 0, "weights that stay must not change"
    finally:
        scales.close()


def test_a_model_that_cannot_be_cut_by_hand_is_refused_with_a_word(fw: Framework) -> None:
    check_row(fw, network(fw))
    with pytest.raises(TinyTorchError, match="Tanh in it"):
        check_row(fw, fw.Sequential(fw.Flatten(), fw.Linear(784, 10), fw.Tanh()))


# the cache


def author(fw: Framework) -> Author:
    words = Words.of("One day Mia saw a dog and a cat . The dog ran after the cat .")
    shape = {"vocab_size": words.vocab_size, "context_length": 24, "embed_dim": 16}
    shape |= {"num_heads": 2, "num_layers": 2}
    fw.manual_seed(2)
    bound = Bound(
        kind="text",
        shape=shape,
        tokenizer=describe(words),
        prompts=("One day",),
        cached=True,
    )
    return Author(fw, fw.GPT(**shape), words, bound, {})


def test_a_race_ends_with_the_same_text(fw: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "NEW", 16)
    monkeypatch.setattr(cached, "SLICES", 4)
    writer = author(fw)
    judge = Raced(fw, writer, 7)
    rows = np.random.default_rng(1).integers(0, writer.tokenizer.vocab_size, (3, 24))
    judge.logits(rows[:2])
    judge.memory()
    assert len(list(judge.race())) == 4
    judge.tokens(rows)
    assert judge.problem == ""
    assert judge.metrics["cache.logits"] <= 1e-5
    assert judge.metrics["cache.memory"] == judge.metrics["cache.tokens"] == 0.0
    assert judge.metrics["cache.bytes"] == 2 * 2 * 24 * 16 * 4
    slow, fast = judge.picture()["lanes"]
    assert slow["text"] == fast["text"]
    assert slow["tokens"] == fast["tokens"] == 16
    judge.speed()
    assert judge.picture()["lanes"][1]["rate"] == judge.metrics["rate.cached"]


def test_a_draw_on_the_edge_of_two_tokens_is_no_difference(fw: Framework) -> None:
    judge = Raced(fw, author(fw), 7)
    given = judge._tokens
    chances = np.asarray(judge._model.next_probabilities(given))
    low = int(np.argmax(chances[1:-2])) + 1
    assert judge._on_edge([*given, low], [*given, low + 1], len(given), {"temperature": 1.0})
    assert not judge._on_edge([*given, 0], [*given, len(chances) - 1], len(given), {})
    assert not judge._on_edge([*given, low], given, len(given), {})


def test_what_writes_with_a_cache_writes_the_same(fw: Framework) -> None:
    writer = author(fw)
    plain = Author(fw, writer.model, writer.tokenizer, Bound(kind="text", shape={}, tokenizer={}))
    options = {"temperature": 0.9, "seed": 3}
    assert writer.write("One day", 12, **options) == plain.write("One day", 12, **options)
    assert writer.best(writer.tokenizer.encode("One day")) == [
        (text, pytest.approx(share, abs=1e-5))
        for text, share in plain.best(plain.tokenizer.encode("One day"))
    ]


def test_what_was_kept_of_a_win_writes_with_the_cache_again(fw: Framework) -> None:
    writer = author(fw)
    data = pack(writer, "mlperf:generate")
    assert data is not None
    again = rebuild(fw, data, "kept.npz", {})
    assert isinstance(again, Author)
    assert isinstance(again._writer, fw.KVCache)
    assert again.write("One day", 9, seed=4) == writer.write("One day", 9, seed=4)


# the benchmark


def test_the_reference_passes_every_proof_and_tells_the_truth(fw: Framework) -> None:
    bench = Bench(fw)
    bench.plant()
    assert bench.problem == ""
    assert bench.metrics["bench.ratio"] <= 0.03
    assert bench.metrics["bench.warm"] <= 1.0
    numbers = np.arange(3000.0)
    bench.run({"one": lambda: numbers.sum(), "other": lambda: np.sort(numbers).sum()}, 1e-4)
    assert bench.metrics["bench.json"] == 0.0
    assert math.isfinite(bench.metrics["bench.truth"])


def test_faster_kernels_are_put_in_place_and_taken_away(fw: Framework) -> None:
    forward = fw.Linear.forward
    off, wrong = kernels(fw, network(fw), digits(20).inputs)
    assert off <= 1e-4
    assert wrong == ""
    assert fw.Linear.forward is forward


# whole runs


def test_profile_shows_its_layers_under_the_roof(fw: Framework) -> None:
    model = eval(SMALL, fw.names())
    run = steps(fw, "profile", model=model, **QUICK)
    assert set(failed("profile", run)) <= {"accuracy", "loss", "slowest", "clock"}
    view = run[-1].view()  # type: ignore[misc]
    assert view["kind"] == "roofline"
    assert len(view["points"]) == 3 * 5
    assert [step.step for step in run] == list(range(1, len(run) + 1))
    assert run[-1].steps == run[-1].step
    assert {"08", "14"} <= {number for step in run for number in step.exercised}


def test_compress_walks_to_the_left(fw: Framework) -> None:
    run = steps(fw, "compress", quick=True, **QUICK)
    assert set(failed("compress", run)) <= {"accuracy", "loss", "faster", "lost"}
    view = run[-1].view()  # type: ignore[misc]
    sizes = [point["bytes"] for point in view["points"]]
    assert view["kind"] == "pareto"
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 4
    assert run[-1].steps == run[-1].step
    assert {"15", "16"} <= {number for step in run for number in step.exercised}


def test_report_leaves_a_table(fw: Framework) -> None:
    run = steps(fw, "report", model=eval(SMALL, fw.names()), **QUICK)
    assert set(failed("report", run)) <= {"accuracy", "loss", "truth"}
    view = run[-1].view()  # type: ignore[misc]
    assert view["kind"] == "intervals"
    assert [row["name"] for row in view["rows"]][:2] == ["float32", "half the units"]
    table = view["table"]
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    exercised = {number for step in run for number in step.exercised}
    assert {"14", "15", "16", "17", "19"} <= exercised


def test_an_instrument_that_is_not_to_be_trusted_measures_nothing(
    fw: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fw.module("perf.benchmarking"), "apart", lambda expected, got: 0.0)
    (only,) = steps(fw, "report", **QUICK)
    assert only.symptom == "it does not refuse a program that computes something else"
    assert failed("report", [only])["refused"] == "1"


@pytest.mark.parametrize("chosen", [{"characters": 10}, {"context": 100_000}])
def test_a_text_that_is_too_short_is_told(fw: Framework, chosen: dict[str, int]) -> None:
    recipe = load_recipe("mlperf:generate")
    part = next(part for part in load().milestone("mlperf").parts if part.id == "generate")
    with pytest.raises(TinyTorchError, match="shorter than one context") as caught:
        next(recipe.function(fw, recipe.settings(part.settings, {"characters": 20_000, **chosen})))
    assert "smaller context" in caught.value.remedy
