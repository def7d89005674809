"""`core/transformers.py` on random shapes: float64, nudging, causality, drawing, what it keeps."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinytorch
from tinytorch.core import transformers
from tinytorch.core.autograd import Operation, gradcheck, no_grad
from tinytorch.core.transformers import (
    GPT,
    MLP,
    LayerNorm,
    RowNormalization,
    TransformerBlock,
    normalize,
    probabilities,
)

Tensor = tinytorch.Tensor
seeds = st.integers(0, 10_000)
sizes = st.integers(1, 5)


def stirred(model: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, 0.3, size=parameter.shape).astype(np.float32)
    return model


@st.composite
def models(draw: st.DrawFn) -> Any:
    """A small GPT with parameters of all sizes, and tokens for it."""
    heads, context, vocab = draw(st.integers(1, 3)), draw(st.integers(2, 6)), draw(sizes) + 1
    seed = draw(seeds)
    tinytorch.manual_seed(seed)
    layers, tied = draw(st.integers(0, 3)), draw(st.booleans())
    model = GPT(vocab, context, 4 * heads, heads, layers, tie_weights=tied)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, vocab, size=(draw(sizes), draw(st.integers(1, context))))
    return stirred(model, seed), tokens


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(sizes, max_size=2),
    dim=st.integers(1, 40),
    size=st.sampled_from([1e-3, 1.0, 1e4]),
    shift=st.sampled_from([0.0, 3.0]),
    seed=seeds,
)
def test_a_norm_is_its_definition(
    shape: list[int], dim: int, size: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = (size * (rng.normal(size=(*shape, dim)) + shift)).astype(np.float32)
    layer = stirred(LayerNorm(dim), seed)
    given, exact = x.copy(), x.astype(np.float64)
    exact = exact - exact.mean(axis=-1, keepdims=True)
    exact /= np.sqrt((exact**2).mean(axis=-1, keepdims=True) + 1e-5)
    got = layer(Tensor(x))
    assert got.dtype == np.float32
    np.testing.assert_allclose(
        got.data, exact * layer.weight.data + layer.bias.data, rtol=2e-3, atol=2e-3
    )
    np.testing.assert_array_equal(x, given)


@settings(max_examples=40, deadline=None)
@given(shape=st.lists(sizes, max_size=2), dim=st.integers(1, 6), seed=seeds)
def test_the_gradients_of_a_norm_are_exact(shape: list[int], dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=n) for n in ((*shape, dim), (dim,), (dim,))]
    assert gradcheck(lambda *arrays: RowNormalization.apply(*arrays, eps=1e-2), inputs)


@pytest.mark.parametrize(
    "layer", [MLP(4, 6), TransformerBlock(4, 2)], ids=lambda x: type(x).__name__
)
def test_the_gradients_of_a_layer_are_exact(layer: Any) -> None:
    rng = np.random.default_rng(0)
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Any, *values: Any) -> Any:
        for name, value in zip(names, values, strict=True):
            *path, last = name.split(".")
            owner = layer
            for step in path:
                owner = getattr(owner, step)
            setattr(owner, last, value)
        return layer(x)

    values = [rng.normal(0, 0.5, size=p.shape) for p in layer.parameters()]
    assert gradcheck(run, [rng.normal(size=(2, 3, 4)), *values])


@settings(max_examples=40, deadline=None)
@given(drawn=models(), seed=seeds)
def test_the_future_changes_nothing(drawn: Any, seed: int) -> None:
    model, tokens = drawn
    rng = np.random.default_rng(seed)
    now = int(rng.integers(0, tokens.shape[1]))
    other = tokens.copy()
    other[:, now + 1 :] = rng.integers(0, model.vocab_size, size=other[:, now + 1 :].shape)
    first, second = model(tokens).data, model(other).data
    np.testing.assert_array_equal(first[:, : now + 1], second[:, : now + 1])
    short = model(tokens[:, : now + 1]).data
    np.testing.assert_allclose(first[:, : now + 1], short, rtol=1e-3, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(drawn=models())
def test_texts_know_nothing_of_each_other(drawn: Any) -> None:
    model, tokens = drawn
    together = model(tokens).data
    assert together.shape == (*tokens.shape, model.vocab_size)
    assert together.dtype == np.float32
    for text, said in zip(tokens, together, strict=True):
        np.testing.assert_allclose(model(text[np.newaxis]).data[0], said, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(model(Tensor(tokens.astype(np.float32))).data, together)


@settings(max_examples=30, deadline=None)
@given(drawn=models(), seed=seeds)
def test_every_parameter_is_reached(drawn: Any, seed: int) -> None:
    model, tokens = drawn
    logits = model(tokens)
    logits.backward(np.random.default_rng(seed).normal(size=logits.shape).astype(np.float32))
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == np.float32, name
        assert parameter.grad.shape == parameter.shape, name


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 40),
    size=st.sampled_from([0.0, 1.0, 1e3, 1e30]),
    temperature=st.sampled_from([0.0, 1e-3, 0.5, 1.0, 7.0]),
    top_k=st.none() | st.integers(1, 50),
    seed=seeds,
)
def test_shares_are_shares(
    n: int, size: float, temperature: float, top_k: int | None, seed: int
) -> None:
    logits = (size * np.random.default_rng(seed).normal(size=n)).astype(np.float32)
    kept = logits.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = probabilities(logits, temperature, top_k)
    np.testing.assert_array_equal(logits, kept)
    assert got.dtype == np.float32
    assert (got >= 0).all()
    assert abs(got.sum() - 1) < 1e-5
    assert (got > 0).sum() <= min(top_k or n, n)
    assert got[logits.argmax()] == got.max()
    order = np.argsort(-logits, kind="stable")[::-1]
    assert (np.diff(got[order]) >= 0).all()  # a larger logit never has a smaller share


@settings(max_examples=20, deadline=None)
@given(drawn=models(), seed=seeds, count=st.integers(0, 12), top_k=st.none() | sizes)
def test_a_seed_is_a_text(drawn: Any, seed: int, count: int, top_k: int | None) -> None:
    model, tokens = drawn
    prompt = tokens[0].tolist()
    written = model.generate(prompt, count, 0.9, top_k, seed)
    assert written[: len(prompt)] == prompt
    assert len(written) == len(prompt) + count
    assert all(type(token) is int and 0 <= token < model.vocab_size for token in written)
    assert written == model.generate(np.array(prompt), count, 0.9, top_k, seed)
    assert written[len(prompt) :] == list(model.stream(iter(prompt), count, 0.9, top_k, seed))


def test_what_is_refused() -> None:
    model = GPT(5, 3, 4, 2, 1)
    for tokens in (np.zeros((1, 4), int), np.zeros(3, int), np.zeros((1, 0), int)):
        with pytest.raises(ValueError, match="1 to 3 tokens"):
            model(tokens)
    with pytest.raises(ValueError, match="index 5"):
        model(np.array([[5]]))
    with pytest.raises(ValueError, match="at least one token"):
        model.next_probabilities([])
    for options in ({"temperature": -0.1}, {"temperature": float("nan")}, {"top_k": 0}):
        with pytest.raises(ValueError, match="temperature must be"):
            next(model.stream([0], 1, **options))
    with pytest.raises(ValueError, match=r"\(\.\.\., 4\)"):
        LayerNorm(4)(Tensor(np.ones((2, 3))))
    with pytest.raises(ValueError, match="shared out"):
        GPT(5, 3, 6, 4, 1)


def test_a_stream_is_lazy_and_training_may_go_on_between_its_tokens() -> None:
    model = GPT(5, 3, 4, 2, 1, dropout=0.5)
    stream = model.stream([0], 10**9, seed=0)
    for _ in range(3):
        next(stream)
        assert model.training
        assert model.blocks[0].mlp.dropout.training
    stream.close()


def test_how_it_starts() -> None:
    tinytorch.manual_seed(0)
    model = GPT(100, 50, 64, 4, 8)
    spread = 0.55 / 8
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.data.any(), name
        elif "norm" in name:
            assert (parameter.data == 1).all(), name
        else:
            added = name.endswith(("attention.out.weight", "mlp.down.weight"))
            assert abs(parameter.data.std() / (spread / (4 if added else 1)) - 1) < 0.06, name
    tokens = np.random.default_rng(0).integers(0, 100, size=(4, 51))
    loss = tinytorch.CrossEntropyLoss()(model(tokens[:, :-1]), Tensor(tokens[:, 1:])).item()
    assert abs(loss - np.log(100)) < 0.3  # as one who knows nothing
    again = model.state_dict()
    tinytorch.manual_seed(0)
    for name, array in GPT(100, 50, 64, 4, 8).state_dict().items():
        np.testing.assert_array_equal(array, again[name])


def test_a_tied_model_has_one_table() -> None:
    model = GPT(9, 4, 8, 2, 1, tie_weights=True)
    assert model.head is None
    assert not [name for name in model.state_dict() if name.startswith("head")]
    own = GPT(9, 4, 8, 2, 1)
    more = sum(p.size for p in own.parameters()) - sum(p.size for p in model.parameters())
    assert more == 9 * 8
    # its gradient is the sum of what an own head and an own table would get
    state = model.state_dict()
    own.load_state_dict({**state, "head.weight": state["token_embedding.weight"]})
    for one in (model, own):
        one(np.array([[1, 2, 2]])).backward(np.ones((1, 3, 9), dtype=np.float32))
    both = own.token_embedding.weight.grad + own.head.weight.grad
    np.testing.assert_allclose(model.token_embedding.weight.grad, both, rtol=1e-4, atol=1e-5)
    model(np.array([[1, 2, 3]]))
    assert model.blocks[0].attention.attention.shape == (1, 2, 3, 3)


def test_a_norm_keeps_one_array_and_needs_few() -> None:
    x = Tensor(np.ones((2000, 64), dtype=np.float32), requires_grad=True)
    layer = LayerNorm(64)
    slope, one = np.ones(x.shape, dtype=np.float32), x.data.nbytes
    layer(x).backward(slope)
    x.grad = None
    tracemalloc.start()
    try:
        y = layer(x)
        now, peak = tracemalloc.get_traced_memory()
        assert now < 2.1 * one  # z and y
        assert peak < 3.2 * one
        tracemalloc.reset_peak()
        y.backward(slope)
        _, peak = tracemalloc.get_traced_memory()
        assert peak < now + 4.2 * one  # the slope, dx, a product and the copy that a leaf may need
    finally:
        tracemalloc.stop()


def test_nothing_is_recorded_while_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is written does not depend on the tape."""
    model = GPT(9, 4, 8, 2, 1)
    text = model.generate([1], 9, seed=1)
    before = next(Operation.tape.numbers)
    with no_grad():
        assert model.generate([1], 9, seed=1) == text
    assert model.generate([1], 9, seed=1) == text
    assert next(Operation.tape.numbers) == before + 1
    assert Operation.tape.recording


def test_kernels_are_looked_up_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Module 17 may replace them."""
    used = []

    def counted(name: str) -> Any:
        kernel = transformers.kernels[name]

        def run(*inputs: Any) -> Any:
            used.append(name)
            return kernel(*inputs)

        return run

    for name in list(transformers.kernels):
        monkeypatch.setitem(transformers.kernels, name, counted(name))
    x = Tensor(np.ones((1, 2, 4), dtype=np.float32), requires_grad=True)
    LayerNorm(4)(x).sum().backward()
    assert used == ["layer_norm", "layer_norm_backward"]


def test_float64_stays() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for array in normalize(x, np.ones(4), np.zeros(4)):
        assert array.dtype == np.float64
