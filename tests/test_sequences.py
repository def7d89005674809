"""The engine for language: windows, what is asked, the judge's readings, the checks, the author."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.mutants import all_mutants
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle, wire
from tinytorch_milestones.training.clouds import Examples
from tinytorch_milestones.training.implementation import Framework, Implementation
from tinytorch_milestones.training.mechanism import Design, Mechanism
from tinytorch_milestones.training.reading import Reader
from tinytorch_milestones.training.sequences import (
    OPTIONS,
    Asked,
    Shape,
    Task,
    design_of,
    learn,
    settled,
    windows,
)
from tinytorch_milestones.training.settings import Resume, Settings
from tinytorch_milestones.training.steps import Step

DESIGN = Design(
    activation="GELU",
    loss="CrossEntropyLoss",
    optimizer="adamw",
    schedule="onecycle",
    clip=1.0,
    beta2=0.99,
    language=("GPT", "CharTokenizer", "BPETokenizer"),
)
SHAPE = Shape(vocab_size=5, context_length=6, embed_dim=8, num_heads=2, num_layers=1)


@pytest.fixture
def fw() -> Iterator[Framework]:
    with threadpool_limits(1, "blas"), Implementation.reference().active() as framework:
        framework.manual_seed(1)
        yield framework


def counting(count: int) -> Examples:
    """Rows that count upwards from anywhere: each token is followed by the next one."""
    rows = (np.arange(count)[:, None] + np.arange(7)) % 5
    return Examples(rows[:, :-1].copy(), rows[:, 1:].copy())


def run(fw: Framework, overrides: dict[str, Any] | None = None, **more: Any) -> list[Step]:
    chosen = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, **(overrides or {})}
    settings = settled(Settings.of(chosen, {}, OPTIONS))
    settings.resume = more.pop("resume", None)
    task = Task(counting(60), counting(10), design_of(settings), SHAPE, **more)
    return list(learn(fw, settings, task))


# the checks before a run


def test_the_checks_of_modules_10_to_13_accept_the_reference(fw: Framework) -> None:
    for seed in range(4):
        judge = Mechanism(fw, seed, DESIGN)
        judge.examine()
        assert not judge.failed, judge.note
    assert list(judge.metrics)[-5:] == [
        *("agree.tokens", "agree.embedding", "agree.attention"),
        *("agree.transformer", "agree.generation"),
    ]
    without = Mechanism(fw, 1, msgspec.structs.replace(DESIGN, language=("GPT",)))
    without.examine()
    assert "agree.tokens" not in without.metrics


def test_mistakes_of_module_10_are_noticed_and_are_its_own(tmp_path: Any) -> None:
    import shutil

    from tinytorch_milestones.training.implementation import reference_root

    shutil.copytree(reference_root() / "tinytorch", tmp_path / "tinytorch")
    file = tmp_path / "tinytorch" / "core" / "tokenization.py"
    source, noticed = file.read_text(), 0
    for mutant in [m for m in all_mutants() if m.module == "10_tokenization"]:
        file.write_text(mutant.applied(source))
        with Implementation.student(tmp_path).active() as framework:
            judge = SimpleJudge(framework)
            judge.tokens()
        noticed += judge.failed
    assert noticed >= 8


class SimpleJudge(Mechanism):
    """Asks for tokens only."""

    def __init__(self, fw: Framework) -> None:
        super().__init__(fw, 1, DESIGN)

    def tokens(self) -> None:
        from tinytorch_milestones.training.token_check import examine_characters, examine_pairs

        examine_characters(self)
        if not self.failed:
            examine_pairs(self)
        assert set(self.metrics) == {"agree.tokens"}


def test_the_oracle_of_merges_is_byte_pair_encoding() -> None:
    words = right.words_of("aaab aaab aab")
    assert words == ["aaab", " aaab", " aab"]
    # "aa" stands five times in them, no other pair more than three times
    assert right.merges(words, 1) == [(97, 97)]
    assert right.joined([97, 97, 97, 98], (97, 97), 256) == [256, 97, 98]
    pairs = right.merges(words, 3)
    text = b"".join(bytes([token]) if token < 256 else b"" for token in right.encoded(["b"], pairs))
    assert text == b"b"


def test_the_oracle_of_attention_weighs_by_hand() -> None:
    q = np.array([[1.0, 0.0], [0.0, 2.0]])
    output, weights = right.attention(q, q, q, right.causal(2))
    assert weights[0].tolist() == [1.0, 0.0]
    share = 1 / (1 + math.exp(-4 / math.sqrt(2)))
    np.testing.assert_allclose(weights[1], [1 - share, share])
    np.testing.assert_allclose(output[1], weights[1] @ q)


def test_the_slope_of_gelu_is_its_derivative() -> None:
    function, slope = oracle.ACTIVATIONS["GELU"]
    x = np.linspace(-4, 4, 9)
    (expected,) = oracle.slope(lambda given: float(function(given).sum()), [x])
    np.testing.assert_allclose(slope(x, function(x)), expected, atol=1e-8)


# windows and what is asked


def test_windows_are_followed_by_what_comes_next() -> None:
    found = windows(np.arange(20), 6)
    assert found.inputs.tolist() == [[*range(6)], [*range(6, 12)], [*range(12, 18)]]
    assert (found.labels == found.inputs + 1).all()
    assert windows(np.arange(20), 6, 4).inputs[:, 0].tolist() == [0, 4, 8, 12]
    assert len(windows(np.arange(7), 6)) == 1


def test_only_what_is_asked_counts_for_loss_and_gradient(fw: Framework) -> None:
    rng = np.random.default_rng(3)
    scores, targets = rng.normal(size=(2, 4, 5)).astype(np.float32), np.full((2, 4), -1)
    targets[0, 2:], targets[1, 3] = (1, 4), 2
    asked = Asked(fw, DESIGN)
    asked.look = True
    logits = fw.Tensor(scores, requires_grad=True)
    loss = asked(logits, fw.Tensor(targets))
    loss.backward()
    few = [scores[0, 2], scores[0, 3], scores[1, 3]]
    expected = oracle.loss("CrossEntropyLoss", np.array(few), np.array([1, 4, 2]))
    assert float(loss.data) == pytest.approx(expected, rel=1e-6)
    assert asked.worst is not None
    assert asked.worst < 1e-6
    assert asked.samples == 8
    slopes = np.abs(logits.grad).sum(axis=2) > 0
    assert (slopes == (targets >= 0)).all()
    plain = Asked(fw, DESIGN)
    whole = plain(logits, fw.Tensor(np.maximum(targets, 0)))
    assert float(whole.data) == pytest.approx(
        oracle.loss("CrossEntropyLoss", scores, np.maximum(targets, 0)), rel=1e-6
    )


# a run


def test_a_run_learns_what_comes_next(fw: Framework) -> None:
    steps = run(fw, {"epochs": 12}, lines={"bigram": 1.25})
    last = steps[-1]
    assert [step.step for step in steps] == list(range(1, 97))
    assert {step.noun for step in steps} == {"tokens"}
    assert {step.samples for step in steps} == {48, 24}
    assert steps[0].lines == {"bigram": 1.25}
    assert not any(step.lines for step in steps[1:])
    assert last.accuracy == 1.0
    assert last.metrics["held_out"] < 0.2
    assert last.metrics["bits"] == pytest.approx(last.metrics["held_out"] / math.log(2))
    assert last.metrics["causal"] <= 1e-6
    assert last.metrics["asked"] == 1.0
    assert steps[0].metrics["asked"] == 0.0 if "asked" in steps[0].metrics else True
    counted = {number for step in steps for number in step.exercised}
    assert {"11", "12", "13"} <= counted


def test_bits_are_of_characters_not_of_tokens(fw: Framework) -> None:
    plain = run(fw)[-1].metrics
    double = run(fw, characters=120)[-1].metrics
    assert double["bits"] == pytest.approx(plain["bits"] / 2)


def test_the_seed_decides_everything(fw: Framework) -> None:
    losses = [[step.loss for step in run(fw, {"seed": seed})] for seed in (3, 3, 4)]
    assert losses[0] == losses[1] != losses[2]


def test_a_recipe_may_judge_for_itself(fw: Framework) -> None:
    asked: list[bool] = []

    def judged(reader: Any, reading: Any) -> dict[str, float]:
        asked.append(reading.whole)
        return {"accuracy": 0.25, "words": 1.0}

    steps = run(fw, judged=judged, sample=4, looks=2)
    assert asked == [True, True]
    assert steps[-1].accuracy == 0.25
    assert steps[-1].metrics["words"] == 1.0
    assert "accuracy" not in steps[-1].metrics


def test_what_is_found_before_a_run_stops_it(fw: Framework, monkeypatch: Any) -> None:
    monkeypatch.setitem(
        fw.module("core.attention").kernels,
        "attention",
        lambda q, k, v, mask=None, out=None: (np.matmul(q @ k.swapaxes(-1, -2), v, out=out), q),
    )
    (only,) = run(fw)
    assert "attention" in only.symptom
    assert only.metrics["agree.attention"] > 1e-2
    assert "agree.transformer" not in only.metrics


def test_an_interrupted_run_goes_on_at_its_next_epoch(fw: Framework, tmp_path: Any) -> None:
    steps = run(fw, {"epochs": 3}, resumable=True)
    kept = [step for step in steps if step.checkpoint is not None]
    assert [step.epoch for step in kept] == [1, 2]
    path = tmp_path / "kept.npz"
    settings = settled(
        Settings.of({"epochs": 3, "batch_size": 8, "learning_rate": 0.01}, {}, OPTIONS)
    )
    task = Task(counting(60), counting(10), design_of(settings), SHAPE, resumable=True)
    for step in learn(fw, settings, task):
        if step.checkpoint is not None:
            memory = step.checkpoint(path)
            break
    rest = run(
        fw,
        {"epochs": 3},
        resumable=True,
        resume=Resume(model=str(path), epoch=1, memory=memory),
    )
    assert [step.step for step in rest] == list(range(9, 25))


def test_a_model_of_another_shape_is_refused(fw: Framework) -> None:
    with pytest.raises(TinyTorchError, match="answers with shape"):
        run(fw, {"model": fw.GPT(4 + 2, 6, 8, 2, 1)})
    with pytest.raises(TinyTorchError, match="multiple of heads"):
        Shape.of(settled(Settings.of({"heads": 3}, {}, OPTIONS)), **asdict()).build(fw)


def asdict() -> dict[str, Any]:
    return msgspec.structs.asdict(SHAPE)


def test_sizes_can_be_chosen() -> None:
    chosen = {"width": 12, "heads": 3, "layers": 2, "tied": "yes", "dropout": 0.1}
    shape = Shape.of(settled(Settings.of(chosen, {}, OPTIONS)), **asdict())
    assert (shape.embed_dim, shape.num_heads, shape.num_layers) == (12, 3, 2)
    assert (shape.tie_weights, shape.dropout, shape.vocab_size) == (True, 0.1, 5)
    assert Shape.of(settled(Settings.of({}, {}, OPTIONS)), **asdict()) == SHAPE


# readings


def test_causality_and_order_are_measured(fw: Framework) -> None:
    held_out = counting(12)

    def reader(change: Any) -> Reader:
        model = SHAPE.build(fw)
        change(model)
        return Reader(fw, model, held_out)

    honest = reader(lambda model: None)
    assert honest.causal() <= 1e-6
    assert honest.position() > 0.05

    class Plain(fw.Layer):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x

    def forget(model: Any) -> None:
        model.position_embedding = Plain()

    assert reader(forget).position() < 1e-4

    def deeper(model: Any) -> None:
        """Two layers: the mask tells the second one an order, and still no place."""
        model.blocks += SHAPE.build(fw).blocks
        forget(model)

    assert reader(deeper).position() < 1e-4

    class Unmasked(fw.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, block: Any) -> None:
            self.block = block

        def forward(self, x: Any, mask: Any = None) -> Any:
            return self.block(x)

    def look_ahead(model: Any) -> None:
        model.blocks = [Unmasked(block) for block in model.blocks]

    assert reader(look_ahead).causal() > 1e-4

    def spoil(model: Any) -> None:
        model.token_embedding.weight.data[2] = np.nan

    assert reader(spoil).causal() == math.inf


def test_maps_are_what_the_heads_look_at(fw: Framework) -> None:
    model = Shape(**{**asdict(), "num_layers": 2}).build(fw)
    reader = Reader(fw, model, counting(12))
    maps = reader.maps(counting(3).inputs)
    assert [name for name, _ in maps] == [
        *("layer 1, head 1", "layer 1, head 2", "layer 2, head 1", "layer 2, head 2")
    ]
    for _, shares in maps:
        assert shares.shape == (3, 6, 6)
        np.testing.assert_allclose(shares.sum(axis=2), 1, rtol=1e-5)
        assert np.triu(shares, 1).max() == 0.0
    assert model.training


def test_lines_and_nouns_reach_the_parent() -> None:
    step = Step(epoch=1, epochs=1, step=1, steps=2, loss=1.0, noun="tokens", lines={"bigram": 2.5})
    plain = Step(epoch=1, epochs=1, step=2, steps=2, loss=1.0)
    sent = wire.decode(wire.encode([step, plain]))
    assert sent[0].lines == {"bigram": 2.5}
    assert [each.noun for each in sent] == ["tokens", "samples"]
    assert SimpleNamespace(**wire.encode([plain])[0]).loss == 1.0
