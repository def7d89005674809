"""`perf/memoization.py` on random models: every place, every cut of a text, every window."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch
from tinytorch.core.transformers import GPT
from tinytorch.perf.memoization import (
    KVCache,
    agreeing,
    attend_new,
    folded,
    gelu_rows,
    put,
    window_start,
    write_many,
)
from tinytorch.perf.quantization import quantize_model

seeds = st.integers(0, 10_000)


def gpt(seed: int, spread: float = 0.2, **options: Any) -> GPT:
    """A small GPT with every parameter moved."""
    tinytorch.manual_seed(seed)
    sizes = {"vocab": 13, "context": 8, "dim": 8, "heads": 2, "layers": 2}
    sizes.update({name: options.pop(name) for name in list(options) if name in sizes})
    model = GPT(*sizes.values(), **options)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, spread, size=parameter.shape).astype(np.float32)
    return model.eval()


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    heads=st.integers(1, 3),
    layers=st.integers(0, 3),
    tied=st.booleans(),
    texts=st.integers(1, 3),
    cuts=st.sets(st.integers(1, 7)),
)
def test_logits_at_every_place_are_the_models(
    seed: int, heads: int, layers: int, tied: bool, texts: int, cuts: set[int]
) -> None:
    model = gpt(seed, dim=4 * heads, heads=heads, layers=layers, tie_weights=tied)
    tokens = np.random.default_rng(seed).integers(0, 13, size=(texts, 8))
    expected = model(tokens).data
    cache = KVCache(model, texts=texts)
    ends = [0, *sorted(cuts), 8]
    got = [cache.read(tokens[:, start:end]) for start, end in itertools.pairwise(ends)]
    whole = np.concatenate(got, axis=1)
    assert whole.dtype == np.float32
    assert np.abs(whole - expected).max() < 1e-5 * max(1.0, float(np.abs(expected).max()))


def test_logits_of_the_model_that_is_measured_are_within_a_hundred_thousandth() -> None:
    tinytorch.manual_seed(0)
    model = GPT(70, 256, 64, 4, 2).eval()
    tokens = np.random.default_rng(0).integers(0, 70, size=(2, 256))
    cache = KVCache(model, texts=2)
    got = np.concatenate([cache.read(tokens[:, i : i + 1]) for i in range(256)], axis=1)
    assert np.abs(got - model(tokens).data).max() < 1e-5


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds,
    prompt=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    count=st.integers(0, 12),
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    top_k=st.sampled_from([None, 1, 4]),
)
def test_the_same_tokens_within_the_context_and_beyond(
    seed: int, prompt: list[int], count: int, temperature: float, top_k: int | None
) -> None:
    model = gpt(seed, 0.4)
    options = {"temperature": temperature, "top_k": top_k, "seed": seed}
    given_prompt = list(prompt)
    got = KVCache(model).generate(prompt, count, **options)
    assert got == model.generate(prompt, count, **options)
    assert prompt == given_prompt


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), max_size=6),
    stride=st.integers(1, 8),
)
def test_any_text_after_any_other(texts: list[list[int]], stride: int) -> None:
    model = gpt(1, vocab=3)
    cache = KVCache(model, stride=stride)
    for text in texts:
        window = text[window_start(len(text), 8, stride) :]
        expected = model(np.array([window])).data[0, -1]
        np.testing.assert_allclose(cache.next_logits(text), expected, atol=2e-5)
        assert cache.length == len(window) <= 8
        assert cache.tokens == window


@given(
    known=st.lists(st.integers(0, 1), max_size=8),
    window=st.lists(st.integers(0, 1), min_size=1, max_size=8),
)
def test_what_agrees_is_the_longest_common_beginning(known: list[int], window: list[int]) -> None:
    got = agreeing(known, window)
    common = list(itertools.takewhile(lambda ab: ab[0] == ab[1], zip(known, window)))  # noqa: B905
    assert got == min(len(common), len(window) - 1)


@given(length=st.integers(1, 200), context=st.integers(1, 50), stride=st.integers(1, 50))
def test_windows_fit_and_move_no_further_than_they_must(
    length: int, context: int, stride: int
) -> None:
    stride = min(stride, context)
    start = window_start(length, context, stride)
    assert start % stride == 0
    assert context - stride < length - start <= context or start == 0
    assert length - start <= context


@settings(max_examples=60, deadline=None)
@given(seed=seeds, t=st.integers(1, 5), more=st.integers(0, 5), size=st.sampled_from([1.0, 100.0]))
def test_new_words_look_as_in_float64(seed: int, t: int, more: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    n = t + more
    q = (size * rng.normal(size=(2, t, 4))).astype(np.float32)
    k, v = rng.normal(size=(2, 2, n, 4)).astype(np.float32)
    scores = (q.astype(np.float64) @ k.astype(np.float64).swapaxes(1, 2)) / 2
    scores[:, ~np.tri(t, n, n - t, dtype=bool)] = -np.inf
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    exact = (shares / shares.sum(axis=-1, keepdims=True)) @ v
    np.testing.assert_allclose(attend_new(q, k, v), exact, atol=1e-3)


def test_a_store_is_written_in_place() -> None:
    store = np.zeros((1, 1, 4, 2), dtype=np.float32)
    seen = put(store, 1, np.ones((1, 1, 2, 2), dtype=np.float32))
    assert np.shares_memory(seen, store)
    assert store[0, 0, :, 0].tolist() == [0, 1, 1, 0]
    assert seen.shape == (1, 1, 3, 2)


def test_folding_leaves_the_model_as_it_was() -> None:
    model = gpt(2)
    before = model.state_dict()
    cache = KVCache(model)
    cache.generate([1, 2], 12, seed=0)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    matrix, _ = folded(model.blocks[0].mlp.down)
    assert matrix.flags.c_contiguous
    x = np.random.default_rng(0).normal(size=(3, 9)).astype(np.float32)
    kept = x.copy()
    exact = tinytorch.GELU()(tinytorch.Tensor(x)).data
    np.testing.assert_allclose(gelu_rows(x), exact, atol=1e-6)
    np.testing.assert_array_equal(x, kept)


def test_training_in_between_is_noticed_and_its_mode_is_kept() -> None:
    model = gpt(3, 0.4, dropout=0.5).train()
    cache = KVCache(model)
    assert cache.generate([1], 9, temperature=0) == model.generate([1], 9, temperature=0)
    for parameter in model.parameters():
        parameter.data = parameter.data * np.float32(-0.7)  # another array, not written in place
    assert cache.generate([1], 9, temperature=0) == model.generate([1], 9, temperature=0)
    assert model.training
    assert model.dropout.training


def test_the_model_itself_is_never_run() -> None:
    model = gpt(4)
    expected = model.generate([1, 2], 10, seed=1)
    model.forward = None  # type: ignore[assignment, method-assign]
    assert KVCache(model).generate([1, 2], 10, seed=1) == expected


def test_streams_may_be_read_alternately_and_given_up() -> None:
    model = gpt(5, 0.4)
    cache = KVCache(model)
    expected = [list(model.stream([n], 10, seed=n)) for n in (1, 2)]
    first, second = (cache.stream([n], 10, seed=n) for n in (1, 2))
    got = list(zip(first, second, strict=True))
    assert [list(tokens) for tokens in zip(*got, strict=True)] == expected
    next(cache.stream([3], 5))
    assert list(cache.stream([1], 10, seed=1)) == expected[0]


def test_each_token_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, portions = KVCache(gpt(10)), []
    go_on = KVCache.go_on

    def counted(self: KVCache, tokens: Any, first: list[int]) -> Any:
        portions.append(tokens.shape[1])
        return go_on(self, tokens, first)

    monkeypatch.setattr(KVCache, "go_on", counted)
    cache.generate([1, 2, 3], 5, seed=0)
    assert portions == [3, 1, 1, 1, 1]


def test_several_texts_are_what_each_is_alone() -> None:
    model = gpt(6, 0.4)
    prompts = np.random.default_rng(6).integers(0, 13, size=(4, 3))
    got = write_many(KVCache(model, texts=4), prompts, 6, 0.8, 5, seeds=[1, 2, 3, 4])
    for i, row in enumerate(got.tolist()):
        alone = model.generate(prompts[i].tolist(), 6, temperature=0.8, top_k=5, seed=i + 1)
        assert row == alone
    with pytest.raises(ValueError, match="context"):
        write_many(KVCache(model, texts=4), prompts, 7)
    with pytest.raises(ValueError, match=r"2 text\(s\)"):
        write_many(KVCache(model, texts=2), prompts, 2)


def test_a_quantized_model_can_be_remembered_too() -> None:
    for tied in (False, True):
        model = gpt(7, tie_weights=tied)
        tokens = np.random.default_rng(7).integers(0, 13, size=(1, 8))
        small = quantize_model(model)
        got, expected = KVCache(small).read(tokens), small(tokens).data
        # the cache takes the weights' codes, but does not round what goes in
        assert np.abs(got - expected).max() < 0.03 * np.abs(expected).max()


def test_memory_is_made_once_and_reported() -> None:
    model = gpt(8, context=200, dim=32, heads=4)
    cache = KVCache(model, texts=2)
    assert cache.nbytes == 2 * 2 * 2 * 200 * 32 * 4
    assert cache.used == 0
    cache.read(np.ones((2, 50), dtype=int))
    assert cache.used == cache.nbytes // 4
    assert "50 of 200" in repr(cache)
    cache.cut(0)
    tracemalloc.start()
    for _ in range(200):
        cache.read(np.ones((2, 1), dtype=int))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20_000


def test_what_cannot_be_read_is_refused() -> None:
    model = gpt(9)
    for options in ({"texts": 0}, {"stride": 0}, {"stride": 9}):
        with pytest.raises(ValueError, match="stride from 1 to 8"):
            KVCache(model, **options)
    cache = KVCache(model)
    cache.read(np.array([[1, 2, 3, 4, 5]]))
    for wrong in ([[1, 2, 3, 4]], [[1], [2]], [1], [[13]], [[]]):
        with pytest.raises(ValueError, match=r"cannot read|outside"):
            cache.read(np.array(wrong, dtype=int))
    assert cache.length == 5
    for text in ([13], [-1], [1.5], [1, 2, 13]):
        with pytest.raises((ValueError, IndexError)):
            cache.next_probabilities(text)
    with pytest.raises(ValueError, match="at least one token"):
        cache.next_probabilities([])
