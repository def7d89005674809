"""Checkpoint 15, its part on `core/transformers.py`: a model that reads, learns and writes.

Only the public names are used, and the names of parameters in `state_dict`. The oracle is a GPT
written out in float64 numpy, one text and one head at a time; gradients are found by nudging.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _equal(what: str, got: Any, expected: Array, why: str, tolerance: float = 1e-3) -> None:
    """A float32 result of the student's against ours."""
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    assert got.dtype == np.float32, f"{what}: expected float32, got {got.dtype}"
    far = np.argwhere(~np.isclose(got, expected, rtol=tolerance, atol=tolerance))
    place = tuple(int(n) for n in far[0]) if len(far) else ()
    assert not len(far), (
        f"{what}, at {place}: expected {expected[place]:.5f}, got {got[place]:.5f}: {why}"
    )


def _stirred(model: Any, seed: int, spread: float = 0.3) -> Any:
    """The model with every parameter moved, so that nothing is 0 or 1 by chance."""
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data += rng.normal(0, spread, size=parameter.shape).astype(np.float32)
    return model


def _normed(x: Array, state: Mapping[str, Array], name: str, eps: float = 1e-5) -> Array:
    rows = []
    for row in x:
        mean = math.fsum(row) / len(row)
        variance = math.fsum((number - mean) ** 2 for number in row) / len(row)
        rows.append([(number - mean) / math.sqrt(variance + eps) for number in row])
    return np.array(rows) * state[f"{name}.weight"] + state[f"{name}.bias"]


def _attended(x: Array, state: Mapping[str, Array], name: str, heads: int) -> Array:
    t, dim = x.shape
    d = dim // heads
    rows = x @ state[f"{name}.qkv.weight"].T + state[f"{name}.qkv.bias"]
    found: Array = np.zeros((t, dim))
    for h in range(heads):
        q, k, v = (rows[:, p * dim + h * d : p * dim + (h + 1) * d] for p in range(3))
        for i in range(t):
            shares = np.exp(q[i] @ k[: i + 1].T / math.sqrt(d))  # nobody looks ahead
            found[i, h * d : (h + 1) * d] = shares @ v[: i + 1] / shares.sum()
    return found @ state[f"{name}.out.weight"].T + state[f"{name}.out.bias"]


def _thought(x: Array, state: Mapping[str, Array], name: str) -> Array:
    x = x @ state[f"{name}.up.weight"].T + state[f"{name}.up.bias"]
    x = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x @ state[f"{name}.down.weight"].T + state[f"{name}.down.bias"]


def _block(x: Array, state: Mapping[str, Array], name: str, heads: int) -> Array:
    x = x + _attended(_normed(x, state, f"{name}norm1"), state, f"{name}attention", heads)
    return x + _thought(_normed(x, state, f"{name}norm2"), state, f"{name}mlp")


def _logits(tokens: Array, state: Mapping[str, Array], heads: int, layers: int) -> Array:
    """What a GPT with these weights says to (b, t) tokens, in float64."""
    said = []
    for text in tokens:
        x = np.stack([state["token_embedding.weight"][token] for token in text])
        x = x + state["position_embedding.weight"][: len(text)]
        for layer in range(layers):
            x = _block(x, state, f"blocks.{layer}.", heads)
        table = state.get("head.weight", state["token_embedding.weight"])
        said.append(_normed(x, state, "norm") @ table.T)
    return np.array(said)


def _loss(tokens: Array, state: Mapping[str, Array], heads: int, layers: int) -> float:
    """The mean surprise at each next token."""
    logits = _logits(tokens[:, :-1], state, heads, layers)
    likely = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    right = np.take_along_axis(likely, tokens[:, 1:, np.newaxis], axis=-1)
    return float(-np.log(right).mean())


def _weights(model: Any) -> dict[str, Array]:
    return {name: array.astype(np.float64) for name, array in model.state_dict().items()}


def norms() -> None:
    """LayerNorm, number by number, and its gradients by nudging."""
    student = _student()
    rng = np.random.default_rng(1521)
    for dim, shape, size in ((3, (3,), 1.0), (5, (4, 5), 20.0), (8, (2, 3, 8), 0.05)):
        layer = student.LayerNorm(dim)
        start = [(p.data.min(), p.data.max()) for p in (layer.weight, layer.bias)]
        assert start == [(1, 1), (0, 0)], (
            f"LayerNorm({dim}): expected weight ones and bias zeros at first, got {start}"
        )
        _stirred(layer, dim)
        x = (size * rng.normal(size=shape) + 2 * size).astype(np.float32)
        state = {f"norm.{name}": array for name, array in _weights(layer).items()}
        rows = x.reshape(-1, dim).astype(np.float64)
        what = f"LayerNorm({dim}) of {shape}"
        got = layer(student.Tensor(x))
        why = "each word by its own mean and variance, then weight and bias"
        _equal(what, got.data, _normed(rows, state, "norm").reshape(shape), why)
        slope = rng.normal(size=shape).astype(np.float32)
        leaf = student.Tensor(x, requires_grad=True)
        layer(leaf).backward(slope)
        state["x"] = rows
        for name, tensor in {
            "x": leaf,
            "norm.weight": layer.weight,
            "norm.bias": layer.bias,
        }.items():
            assert tensor.grad is not None, f"{what}: {name} got no gradient"
            nudged: Array = np.zeros(state[name].shape)
            for place in np.ndindex(nudged.shape):
                kept, ends = state[name][place], []
                for step in (1e-5, -1e-5):
                    state[name][place] = kept + step
                    ends.append(_normed(state["x"], state, "norm") * slope.reshape(-1, dim))
                state[name][place] = kept
                nudged[place] = (ends[0] - ends[1]).sum() / 2e-5
            _equal(
                f"{what}, gradient of {name}",
                tensor.grad,
                nudged.reshape(tensor.shape),
                "by nudging",
                2e-3 * max(1.0, float(np.abs(nudged).max())),
            )


def blocks() -> None:
    """MLP and TransformerBlock against float64, and dropout only in training."""
    student = _student()
    rng = np.random.default_rng(1522)
    student.manual_seed(15)
    mlp = _stirred(student.MLP(4, 6), 1)
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    state = {f"mlp.{name}": array for name, array in _weights(mlp).items()}
    expected = np.stack([_thought(text, state, "mlp") for text in x])
    _equal("MLP(4, 6)", mlp(student.Tensor(x)).data, expected, "up, GELU, down, word by word")
    wide = student.MLP(4).state_dict()["up.weight"].shape
    assert wide == (16, 4), f"MLP(4): expected 16 features inside, four times as many, got {wide}"
    for heads in (1, 2):
        block = _stirred(student.TransformerBlock(4, heads), heads)
        x = (2 * rng.normal(size=(3, 5, 4))).astype(np.float32)
        expected = np.stack([_block(text, _weights(block), "", heads) for text in x])
        got = block(student.Tensor(x), mask=student.causal_mask(5))
        why = "x + attention(norm1(x)), then that + mlp(norm2(that))"
        _equal(f"TransformerBlock(4, {heads})", got.data, expected, why)
    for layer in (student.MLP(8, dropout=0.5), student.TransformerBlock(8, 2, dropout=0.5)):
        x = rng.normal(size=(2, 4, 8)).astype(np.float32)
        name = type(layer).__name__
        first, second = (layer(student.Tensor(x)).data for _ in range(2))
        assert not np.allclose(first, second), f"{name}: dropout 0.5 must act while training"
        layer.eval()
        first, second = (layer(student.Tensor(x)).data for _ in range(2))
        assert np.array_equal(first, second), f"{name}: nothing may be dropped in use (eval)"


def predicts() -> None:
    """The whole GPT against float64; the future changes nothing; the past does."""
    student = _student()
    rng = np.random.default_rng(1523)
    for tied, heads, layers in ((False, 2, 1), (True, 1, 2)):
        student.manual_seed(16)
        model = _stirred(student.GPT(6, 5, 4, heads, layers, tie_weights=tied), 3)
        names = set(model.state_dict())
        assert ("head.weight" in names) != tied, (
            f"tie_weights={tied}: the parameters are {sorted(names)}"
        )
        for shape in ((1, 1), (3, 5), (2, 4)):
            tokens = rng.integers(0, 6, size=shape)
            expected = _logits(tokens, _weights(model), heads, layers)
            got = model(tokens)
            what = f"GPT with {layers} block(s), tied {tied}, tokens {shape}"
            _equal(what, got.data, expected, "rows + places, blocks in turn, norm, scores")
        other = tokens.copy()
        other[:, 2] = (other[:, 2] + 1) % 6
        changed = np.abs(model(other).data - got.data).max(axis=(0, 2))
        assert (changed[:2] < 1e-5).all(), f"token 2 changed, and so did places before: {changed}"
        assert (changed[2:] > 1e-5).all(), f"token 2 changed, and places after did not: {changed}"
        for wrong in (np.zeros((1, 6), dtype=int), np.array([[0, 6]])):
            refused = False
            try:
                model(wrong)
            except ValueError:
                refused = True
            assert refused, f"tokens {wrong.tolist()}: expected a ValueError, context 5, 6 tokens"
    model = student.GPT(6, 5, 4, 2, 0, dropout=0.5)
    first, second = (model(tokens).data for _ in range(2))
    assert not np.allclose(first, second), (
        "dropout 0.5 must act on the words that come in, also where there is no block"
    )


def learns() -> None:
    """Every parameter's gradient by nudging, tied and untied; then a rule is learned."""
    student = _student()
    rng = np.random.default_rng(1524)
    for tied in (False, True):
        student.manual_seed(17)
        model = _stirred(student.GPT(5, 4, 4, 2, 1, tie_weights=tied), 4)
        tokens = rng.integers(0, 5, size=(2, 5))
        loss = student.CrossEntropyLoss()(model(tokens[:, :-1]), student.Tensor(tokens[:, 1:]))
        loss.backward()
        state = _weights(model)
        ours = _loss(tokens, state, 2, 1)
        assert abs(loss.item() - ours) < 1e-3, f"loss: expected {ours:.5f}, got {loss.item():.5f}"
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"tied {tied}: {name} got no gradient"
            chosen = rng.integers(0, parameter.size, size=6)
            for place in (np.unravel_index(int(n), parameter.shape) for n in chosen):
                kept, ends = state[name][place], []
                for step in (1e-4, -1e-4):
                    state[name][place] = kept + step
                    ends.append(_loss(tokens, state, 2, 1))
                state[name][place] = kept
                nudged, got = (ends[0] - ends[1]) / 2e-4, float(parameter.grad[place])
                where = tuple(int(n) for n in place)
                assert abs(got - nudged) < 2e-3 * max(1.0, abs(nudged)), (
                    f"tied {tied}, gradient of {name} at {where}: expected {nudged:.5f} "
                    f"(by nudging it), got {got:.5f}"
                )
    student.manual_seed(18)
    model = student.GPT(6, 8, 16, 2, 2)
    optimizer = student.Adam(model.parameters(), lr=0.01)
    for _ in range(150):  # the second half repeats the first: to know it, one must look back
        half = rng.integers(0, 6, size=(32, 4))
        texts = np.concatenate([half, half, half[:, :1]], axis=1)
        out = model(texts[:, :-1])
        loss = student.CrossEntropyLoss()(out, student.Tensor(texts[:, 1:]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (out.data.argmax(axis=-1) == texts[:, 1:])[:, 3:].mean()
    assert right > 0.9, f"copying four tokens after 150 steps: expected 90 % right, got {right:.0%}"


def writes() -> None:
    """Greedy, drawn, cut off and seeded; beyond the context; in eval mode; the prompt is kept."""
    student = _student()
    student.manual_seed(19)
    model = _stirred(student.GPT(8, 4, 8, 2, 2, dropout=0.5), 5)
    state = _weights(model)
    expected = [3, 1]
    for _ in range(8):
        expected.append(int(_logits(np.array([expected[-4:]]), state, 2, 2)[0, -1].argmax()))
    got = model.generate([3, 1], 8, temperature=0)
    assert [int(token) for token in got] == expected, (
        f"temperature 0, a context of 4: expected {expected}, got {list(got)}: always the best "
        "token after the last 4, nothing dropped"
    )
    modes = {model.training, model.dropout.training, model.blocks[1].training}
    assert modes == {True}, f"after writing, the model must be in training as before, got {modes}"
    logits = _logits(np.array([[5, 2, 7]]), state, 2, 2)[0, -1]
    best = np.argsort(-logits)
    for temperature, top_k in ((1.0, None), (0.01, None), (2.0, 3), (1.0, 1), (0.7, 99)):
        shares = np.exp((logits - logits.max()) / temperature)
        shares[best[top_k:] if top_k else []] = 0
        shares /= shares.sum()
        got = model.next_probabilities([5, 2, 7], temperature, top_k)
        what = f"next_probabilities, temperature {temperature}, top_k {top_k}"
        _equal(what, got, shares, "softmax of logits / temperature among the best")
        assert (got > 0).sum() <= min(top_k or 8, 8), f"{what}: {(got > 0).sum()} tokens share"
    drawn = partial(model.generate, [5, 2, 7], 30, temperature=1.0)
    assert drawn(seed=1) == drawn(seed=1), "the same seed must give the same text"
    assert len({tuple(drawn(seed=seed)) for seed in range(4)}) == 4, "four seeds: four texts"
    only = {int(t) for s in range(60) for t in model.generate([5, 2, 7], 1, top_k=2, seed=s)[3:]}
    assert only == {int(token) for token in best[:2]}, (
        f"top_k=2, 60 texts: expected {sorted(best[:2].tolist())} to come next, got {sorted(only)}"
    )
    stream = model.stream([5, 2, 7], 30, seed=1)
    assert [5, 2, 7, next(stream), *stream] == drawn(seed=1), "stream must write what generate does"
    said: list[Any] = []
    forward = model.forward

    def listening(tokens: Any) -> Any:
        said.append(forward(tokens))
        return said[-1]

    model.forward = listening
    model.next_probabilities([5, 2, 7])
    assert not any(logits.requires_grad for logits in said), (
        "while writing nothing is to be recorded: there will be no backward"
    )
    model.eval().norm.weight.data[...] = 0
    model.norm.bias.data[...] = 0  # now all tokens are equally likely
    got = model.next_probabilities([5, 2, 7], 1.0, 3)
    assert (got > 0).sum() == 3, f"top_k=3 of eight equals: expected 3 shares, got {got}"
    assert not model.training, "a model that was in use (eval) must stay in use"


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-15.norms": ("Puts every word on the same scale", norms),
    "checkpoint-15.blocks": ("Looks around and thinks, and adds both", blocks),
    "checkpoint-15.predicts": ("Scores every token, at every place", predicts),
    "checkpoint-15.learns": ("Learns from what comes next", learns),
    "checkpoint-15.writes": ("Writes, warmer or colder", writes),
}
