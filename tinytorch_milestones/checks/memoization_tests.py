"""Checkpoint 14, its part on `perf/memoization.py`: remembers what it read, writes the same.

Only `KVCache` and the GPT are used. The oracle is the model itself, which reads everything again
for each token.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _model(student: Any, seed: int, spread: float = 0.2, **options: Any) -> Any:
    """A GPT with a context of 10 whose parameters are all moved, so that nothing is 0 or 1."""
    student.manual_seed(seed)
    sizes = {"vocab": 17, "context": 10, "dim": 12, "heads": 3, "layers": 2}
    sizes.update({name: options.pop(name) for name in list(options) if name in sizes})
    model = student.GPT(*sizes.values(), **options)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, spread, size=parameter.shape).astype(np.float32)
    return model


def _said(model: Any, tokens: Array) -> Array:
    """The model's logits in use, whatever mode it is in, which it keeps."""
    training = model.training
    logits: Array = model.eval()(tokens).data
    if training:
        model.train()
    return logits


def _near(what: str, got: Any, expected: Array) -> None:
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    assert got.dtype == np.float32, f"{what}: expected float32, got {got.dtype}"
    limit = 1e-5 * max(1.0, float(np.abs(expected).max()))
    off = np.abs(got - expected)
    place = np.unravel_index(int(off.argmax()), off.shape)
    assert off.max() < limit, (
        f"{what}: at {tuple(int(n) for n in place)} expected {expected[place]:.6f}, got "
        f"{got[place]:.6f}: with a cache the logits must be those of the whole text"
    )


def logits() -> None:
    """Every place of every text, read in portions of any size, as by the model."""
    student = _student()
    rng = np.random.default_rng(1821)
    makes: list[dict[str, Any]] = [{}, {"tie_weights": True}, {"layers": 1, "heads": 1}]
    makes.append({"layers": 3, "dropout": 0.5})
    for seed, options in enumerate(makes):
        model = _model(student, seed, **options)
        for texts, portions in ((1, (1,) * 10), (3, (1, 4, 2, 3)), (2, (10,)), (1, (9, 1))):
            tokens = rng.integers(0, 17, size=(texts, 10))
            cache, start = student.KVCache(model, texts=texts), 0
            expected = _said(model, tokens)
            for t in portions:
                got = cache.read(tokens[:, start : start + t])
                what = f"GPT {options}, {texts} text(s), words {start} to {start + t - 1}"
                _near(what, got, expected[:, start : start + t])
                start += t
        assert model.training, "the model was in training mode, and must stay in it"
    for name, parameter in model.named_parameters():
        if name.endswith("qkv.weight"):
            parameter.data *= 60
    finite = np.isfinite(student.KVCache(model).read(tokens)).all()
    assert finite, "scores of some thousands: the largest must be taken away before exp"


def tokens() -> None:
    """The same text as the model, cold and warm, for one prompt after the other."""
    student = _student()
    for seed, tied in ((5, False), (6, True)):
        model = _model(student, seed, 0.4, tie_weights=tied)
        cache = student.KVCache(model)
        for prompt in ([3], [3, 1, 4], [3, 1, 4], [1, 5, 9, 2], [3, 1]):
            for options in ({"temperature": 0}, {"seed": 1}, {"top_k": 3, "seed": 2}):
                expected = model.generate(prompt, 10 - len(prompt), **options)
                got = cache.generate(prompt, 10 - len(prompt), **options)
                assert [int(token) for token in got] == expected, (
                    f"prompt {prompt}, {options}: expected {expected}, got {list(got)}"
                )
        stream = cache.stream([3, 1, 4], 7, seed=3)
        assert [3, 1, 4, next(stream), *stream] == model.generate([3, 1, 4], 7, seed=3), (
            "stream must give what the model's generate gives"
        )
        shares = cache.next_probabilities([3, 1, 4], 0.7, 4)
        expected_shares = model.next_probabilities([3, 1, 4], 0.7, 4)
        assert np.allclose(shares, expected_shares, atol=1e-5), (
            f"next_probabilities: expected {expected_shares}, got {shares}"
        )


def remembers() -> None:
    """What was read is not read again; what is another text, from the first other word on, is."""
    student = _student()
    model = _model(student, 7)
    cache = student.KVCache(model)
    asked: list[list[int]] = [
        [3, 1, 4],
        [3, 1, 4, 1],
        [3, 1, 4, 1],
        [3, 1, 5],
        [3, 2, 7, 1],
        [2, 7],
    ]
    known: list[int] = []
    for text in asked:
        fresh = next((i for i, (a, b) in enumerate(zip(known, text)) if a != b), None)  # noqa: B905
        same = min(len(known), len(text)) if fresh is None else fresh
        same = min(same, len(text) - 1)
        keys = cache.keys
        if same:
            kept = keys[:, :, :, :same].copy()
            keys[:, :, :, :same] += 1  # a mark on what need not be computed again
        got = cache.next_logits(text)
        assert cache.keys is keys, "keys are kept in one array, made once"
        if same:
            moved = keys[:, :, :, :same] - kept
            assert np.allclose(moved, 1, atol=1e-4), (
                f"{known} were read, then {text}: the first {same} word(s) were known, and were "
                "read again all the same"
            )
            keys[:, :, :, :same] = kept
            cache.cut(same)
            got = cache.next_logits(text)
        _near(f"{known} were read, then {text}", got, _said(model, np.array([text]))[0, -1])
        assert cache.length == len(text), f"after {text} the cache says {cache.length} words"
        known = text


def beyond() -> None:
    """A full context: with stride 1 the model's tokens; with more, what the shorter window says."""
    student = _student()
    model = _model(student, 8, 0.4, context=6)
    for seed in (1, 2):
        expected = model.generate([3, 1], 20, seed=seed)
        got = student.KVCache(model).generate([3, 1], 20, seed=seed)
        assert [int(token) for token in got] == expected, (
            f"20 tokens, a context of 6: expected {expected}, got {list(got)}: the model reads the "
            "last 6 words, at places 0 to 5"
        )
    text = np.random.default_rng(0).integers(0, 17, size=16).tolist()
    for stride in (1, 2, 4, 6):
        cache = student.KVCache(model, stride=stride)
        for n in range(1, 17):
            start = 0
            while n - start > 6:
                start += stride
            expected_logits = _said(model, np.array([text[start:n]]))[0, -1]
            what = f"context 6, stride {stride}, {n} words, of which {n - start} are read"
            _near(what, cache.next_logits(text[:n]), expected_logits)


def memory() -> None:
    """Its size, by the formula and before the first word; without room nothing is read."""
    student = _student()
    model = _model(student, 9)
    cache = student.KVCache(model, texts=3)
    wanted = 2 * 2 * 3 * 10 * 12 * 4
    assert cache.nbytes == wanted, (
        f"keys and values, 2 layers, 3 texts, 10 words of 12 numbers of 4 bytes: expected "
        f"{wanted} bytes, got {cache.nbytes}"
    )
    for which, array in (("keys", cache.keys), ("values", cache.values)):
        assert array.shape == (2, 3, 3, 10, 4), f"{which}: (2, 3, 3, 10, 4), got {array.shape}"
        assert array.dtype == np.float32, f"{which}: expected float32, got {array.dtype}"
    cache.read(np.ones((3, 4), dtype=int))
    assert cache.nbytes == wanted, "made once, it does not grow"
    assert not cache.keys[:, :, :, 4:].any(), "4 words were read: places from 4 on must be free"
    assert cache.keys[:, :, :, :4].all(), "4 words were read: their keys must be there"
    for wrong in (np.ones((3, 7), dtype=int), np.ones((2, 1), dtype=int), np.full((3, 1), 17)):
        refused = False
        try:
            cache.read(wrong)
        except ValueError:
            refused = True
        assert refused, f"tokens {wrong.shape}, up to {wrong.max()}: expected a ValueError"
        assert cache.length == 4, f"a reading was refused, and the cache says {cache.length} words"


def fresh() -> None:
    """After more training it writes as the model does now; the weights are left as they are."""
    student = _student()
    model = _model(student, 10, 0.4)
    before = model.state_dict()
    cache = student.KVCache(model)
    first = cache.generate([3], 9, temperature=0)
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]), f"writing changed {name} of the model"
    assert first == model.generate([3], 9, temperature=0), "the model's tokens were expected"
    rng = np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, 0.5, size=parameter.shape).astype(np.float32)
    now = model.generate([3], 9, temperature=0)
    got = cache.generate([3], 9, temperature=0)
    assert got == now, f"the weights have changed: expected {now}, got {got}, as of before {first}"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-14.logits": ("Says the same at every place", logits),
    "checkpoint-14.tokens": ("Writes the same text", tokens),
    "checkpoint-14.remembers": ("Reads only what is new", remembers),
    "checkpoint-14.beyond": ("Goes on when the context is full", beyond),
    "checkpoint-14.memory": ("Knows what it takes", memory),
    "checkpoint-14.fresh": ("Follows the model's training", fresh),
}
