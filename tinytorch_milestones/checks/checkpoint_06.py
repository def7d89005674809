"""Checkpoint 06, attention: the exported `tinytorch/core/attention.py` from outside.

Only the public names are used. The oracles are sums over pairs of words in Python floats, the
answers to small questions that attention must be able to look up, and finite differences.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _student() -> Any:
    return import_module("tinytorch")


def _pairs(q: Array, k: Array, v: Array, mask: Array | None) -> tuple[Array, Array]:
    """One sentence, pair by pair, in Python floats; a row that may look nowhere stays 0."""
    t, s = len(q), len(k)
    weights, output = np.zeros((t, s)), np.zeros((t, v.shape[1]))
    for i in range(t):
        seen = [j for j in range(s) if mask is None or mask[i][j]]
        scores = [
            math.fsum(float(a) * float(b) for a, b in zip(q[i], k[j], strict=True))
            / math.sqrt(q.shape[1])
            for j in seen
        ]
        shares = [math.exp(score - max(scores)) for score in scores]
        for j, share in zip(seen, shares, strict=True):
            weights[i, j] = share / math.fsum(shares)
            output[i] += weights[i, j] * v[j].astype(np.float64)
    return output, weights


def _equal(what: str, got: Any, expected: Array, why: str, tolerance: float = 1e-4) -> None:
    """A float32 result of the student's against ours."""
    assert got.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {got.shape}"
    assert got.dtype == np.float32, f"{what}: expected float32, got {got.dtype}"
    far = np.argwhere(~np.isclose(got, expected, rtol=tolerance, atol=tolerance))
    place = tuple(int(n) for n in far[0]) if len(far) else ()
    assert not len(far), (
        f"{what}, at {place}: expected {expected[place]:.5f}, got {got[place]:.5f}: {why}"
    )


def _refused(what: str, told_of: tuple[int, ...], act: Callable[[], Any]) -> None:
    told = None
    try:
        act()
    except ValueError as error:
        told = str(error)
    assert told is not None, f"{what}: expected a ValueError, nothing came"
    assert str(told_of) in told, f"{what}: expected an error that names {told_of}, got: {told}"


def _slopes(what: str, function: Callable[[], Any], leaves: dict[str, Any]) -> None:
    """The gradient of each leaf against finite differences, in float64."""
    y = function()
    weights = np.random.default_rng(6).uniform(0.5, 2, size=y.shape)
    y.backward(weights)
    for name, leaf in leaves.items():
        assert leaf.grad is not None, f"{what}: {name} got no gradient"
        got, leaf.grad = np.array(leaf.grad), None
        assert got.shape == leaf.shape, (
            f"{what}: the gradient of {name} should have shape {leaf.shape}, it has {got.shape}"
        )
        for place in np.ndindex(leaf.shape):
            ends, kept = [], leaf.data[place]
            for step in (1e-5, -1e-5):
                leaf.data[place] = kept + step
                ends.append(float((function().data * weights).sum()))
            leaf.data[place] = kept
            expected = (ends[0] - ends[1]) / 2e-5
            assert abs(got[place] - expected) <= 1e-5 + 1e-5 * abs(expected), (
                f"{what}: gradient of {name} at {place}: expected {expected:.6g} (by nudging it), "
                f"got {got[place]:.6g}"
            )


def looks() -> None:
    """scaled_dot_product_attention against sums over pairs: batches, lengths, masks, order."""
    student = _student()
    attention = student.scaled_dot_product_attention
    rng = np.random.default_rng(601)
    for batch, t, s, d, e in (
        ((), 3, 3, 4, 4),
        ((2,), 1, 5, 2, 3),
        ((2, 3), 6, 4, 5, 1),
        ((1, 2), 2, 64, 9, 2),
    ):
        q = rng.normal(size=(*batch, t, d)).astype(np.float32)
        k = 2 * rng.normal(size=(*batch, s, d)).astype(np.float32)
        v = rng.normal(size=(*batch, s, e)).astype(np.float32)
        rows = rng.random((t, s)) < 0.5
        rows[:, -1] = True
        each = rng.random((*batch, t, s)) < 0.5
        each[..., 0] = True
        for mask in (None, rows, each, rows[:1]):
            full = None if mask is None else np.broadcast_to(mask, (*batch, t, s))
            expected = np.zeros((*batch, t, e))
            for place in np.ndindex(batch):
                seen = None if full is None else full[place]
                expected[place], _ = _pairs(q[place], k[place], v[place], seen)
            what = f"q {q.shape}, k {k.shape}, v {v.shape}, mask {getattr(mask, 'shape', None)}"
            why = "each row is the mean of the values, by softmax of q . k / sqrt(d)"
            given = [student.Tensor(np.asfortranarray(array)) for array in (q, k, v)]
            options = {} if mask is None else {"mask": mask}
            _equal(what, attention(*given, **options).data, expected, why)
        for name, tensor, array in zip("qkv", given, (q, k, v), strict=True):
            assert np.array_equal(tensor.data, array), f"{name} was changed; it is not yours"
    x = student.Tensor(rng.normal(size=(2, 3, 4)).astype(np.float32))
    other = student.Tensor(np.ones((2, 3, 5), dtype=np.float32))
    _refused("a key of 5 features for a query of 4", (2, 3, 5), lambda: attention(x, other, x))
    _refused("a mask of 4 words for 3", (4, 4), lambda: attention(x, x, x, student.causal_mask(4)))


def finite() -> None:
    """Scores of any size give weights that are numbers; hidden words have no share at all."""
    student = _student()
    rng = np.random.default_rng(602)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (0.0, 10.0, 300.0, 1e6):
            q = (size * rng.normal(size=(2, 4, 3))).astype(np.float32)
            k, v = rng.normal(size=(2, 2, 4, 3)).astype(np.float32)
            mask = student.causal_mask(4)
            given = [student.Tensor(array) for array in (q, k, v)]
            got = student.scaled_dot_product_attention(*given, mask).data
            expected = np.stack([_pairs(*one, mask)[0] for one in zip(q, k, v, strict=True)])
            what = f"queries around {size:g}, causal mask"
            assert np.isfinite(got).all(), (
                f"{what}: got {got[~np.isfinite(got)][0]}: take the largest score that may be "
                "seen away before exp"
            )
            _equal(what, got, expected, "hide first, then softmax", 1e-3)
        nothing = np.zeros((4, 4), dtype=bool)
        nothing[1:, 0] = True
        got = student.scaled_dot_product_attention(*given, nothing).data
        assert np.isfinite(got).all(), "a row of the mask without any True: got not-a-number"
        assert not got[:, 0].any(), f"a word that may look nowhere: expected zeros, got {got[0, 0]}"


def mask_of_time() -> None:
    """causal_mask: bool, each word sees itself and what came before."""
    student = _student()
    for length in (1, 2, 5, 33):
        got = student.causal_mask(length)
        assert got.dtype == bool, f"causal_mask: expected bool, got {got.dtype}"
        expected = [[j <= i for j in range(length)] for i in range(length)]
        assert np.array_equal(got, expected), (
            f"causal_mask({length}): expected\n{np.array(expected)}\ngot\n{got}"
        )
    x = np.array([[[1.0], [2.0], [6.0]]], dtype=np.float32)
    zeros = student.Tensor(np.zeros_like(x))
    got = student.scaled_dot_product_attention(
        zeros, zeros, student.Tensor(x), mask=student.Tensor(student.causal_mask(3))
    ).data
    _equal("equal scores, causal", got, np.array([[[1.0], [1.5], [3.0]]]), "the mean so far")


def causal() -> None:
    """With the causal mask the future changes nothing; without it, it does."""
    student = _student()
    rng = np.random.default_rng(603)
    student.manual_seed(60)
    layer = student.MultiHeadAttention(8, 2)
    for length in (2, 5, 16):
        x = rng.normal(size=(2, length, 8)).astype(np.float32)
        mask = student.causal_mask(length)
        before = layer(student.Tensor(x), mask=mask).data.copy()
        blind = layer(student.Tensor(x)).data.copy()
        for place in range(length):
            changed = x.copy()
            changed[:, place] = 10 * rng.normal(size=(2, 8))
            after = layer(student.Tensor(changed), mask=mask).data
            moved = np.abs(after - before).max(axis=(0, 2))
            assert (moved[:place] <= 1e-5).all(), (
                f"{length} words, word {place} changed: expected the words before it to stay, "
                f"word {int(moved[:place].argmax())} moved by {moved[:place].max():.2g}: "
                "the future leaks"
            )
            assert (moved[place:] > 1e-5).all(), (
                f"{length} words, word {place} changed: expected it and all later words to "
                f"notice, they moved by {moved[place:]}: who may look must look"
            )
            seen = np.abs(layer(student.Tensor(changed)).data - blind).max(axis=(0, 2))
            assert (seen > 1e-6).all(), "without a mask, every word sees every change"


def heads() -> None:
    """MultiHeadAttention head by head, text by text; its weights; its parameters."""
    student = _student()
    rng = np.random.default_rng(604)
    student.manual_seed(61)
    for dim, count, b, t, bias in ((4, 1, 1, 2, True), (6, 3, 2, 5, True), (8, 2, 3, 4, False)):
        layer, d = student.MultiHeadAttention(dim, count, bias=bias), dim // count
        shapes: dict[str, tuple[int, ...]] = {
            "qkv.weight": (3 * dim, dim),
            "out.weight": (dim, dim),
        }
        shapes |= {"qkv.bias": (3 * dim,), "out.bias": (dim,)} if bias else {}
        state = layer.state_dict()
        assert {name: array.shape for name, array in state.items()} == shapes, (
            f"MultiHeadAttention({dim}, {count}): expected the parameters {shapes}, "
            f"got { {name: array.shape for name, array in state.items()} }"
        )
        exact = {name: array.astype(np.float64) for name, array in state.items()}
        x: Array = rng.normal(size=(b, t, dim)).astype(np.float32)
        rows = x @ exact["qkv.weight"].T + exact.get("qkv.bias", 0)
        for mask in (None, np.tri(t, dtype=bool)):
            found, shares = np.zeros((b, t, dim)), np.zeros((b, count, t, t))
            for i in range(b):
                for h in range(count):
                    q, k, v = (
                        rows[i, :, part * dim + h * d : part * dim + h * d + d] for part in range(3)
                    )
                    found[i, :, h * d : h * d + d], shares[i, h] = _pairs(q, k, v, mask)
            expected = found @ exact["out.weight"].T + exact.get("out.bias", 0)
            what = f"MultiHeadAttention({dim}, {count}) of {x.shape}"
            got = layer(student.Tensor(x), mask=mask)
            _equal(f"{what}, its weights", layer.attention, shares, "each head has its own")
            _equal(what, got.data, expected, "heads side by side, then through out")
    _refused("7 words wide", (2, 3, 7), lambda: layer(student.Tensor(np.ones((2, 3, 7)))))
    told = ""
    try:
        student.MultiHeadAttention(10, 4)
    except ValueError as error:
        told = str(error)
    assert all(number in told for number in ("10", "4")), (
        f"10 features for 4 heads: expected a ValueError that names both, got {told!r}"
    )


def differentiates() -> None:
    """Gradients of the function and of the layer against finite differences; float32 stays."""
    student = _student()
    rng = np.random.default_rng(605)
    for batch, t, s, masked in (((), 2, 3, False), ((2,), 3, 3, True), ((1, 2), 4, 2, True)):
        leaves = {
            name: student.Tensor(rng.normal(size=(*batch, n, 2)), requires_grad=True)
            for name, n in (("q", t), ("k", s), ("v", s))
        }
        mask = np.tri(t, s, dtype=bool) if masked else None
        _slopes(
            f"scaled_dot_product_attention, {t} words looking at {s}, masked {masked}",
            partial(student.scaled_dot_product_attention, *leaves.values(), mask=mask),
            leaves,
        )
    student.manual_seed(62)
    for dim, count, mask in ((4, 2, student.causal_mask(3)), (3, 1, None)):
        layer = student.MultiHeadAttention(dim, count)
        for parameter in layer.parameters():
            parameter.data = parameter.data.astype(np.float64)
        x = student.Tensor(rng.normal(size=(2, 3, dim)), requires_grad=True)
        _slopes(
            f"MultiHeadAttention({dim}, {count})",
            partial(layer, x, mask=mask),
            {"its input": x, **dict(layer.named_parameters())},
        )
    layer = student.MultiHeadAttention(8, 4)
    x = student.Tensor(rng.normal(size=(2, 5, 8)).astype(np.float32), requires_grad=True)
    g = rng.normal(size=(2, 5, 8)).astype(np.float32)
    kept = g.copy()
    layer(x, mask=student.causal_mask(5)).backward(g)
    assert np.array_equal(g, kept), "backward changed the gradient that it was given"
    for name, tensor in [("x", x), *layer.named_parameters()]:
        assert tensor.grad is not None, f"gradient of {name}: nothing came"
        assert tensor.grad.dtype == np.float32, (
            f"gradient of {name}: expected float32, got {tensor.grad.dtype}; the model would "
            "become float64 and twice as slow"
        )


def looks_up() -> None:
    """A layer trained for a moment finds what stands at another place of its text."""
    student = _student()
    rng = np.random.default_rng(606)
    student.manual_seed(63)
    layer = student.MultiHeadAttention(8, 2)
    places = np.broadcast_to(np.eye(4, dtype=np.float32), (32, 4, 4))
    turned = rng.permutation(4)

    def question() -> tuple[Any, Array]:
        told = rng.choice([-1.0, 1.0], size=(32, 4, 4)).astype(np.float32)
        return student.Tensor(np.concatenate([told, places], axis=2)), told[:, turned]

    momentum = {id(p): np.zeros_like(p.data) for p in layer.parameters()}
    for _ in range(250):
        x, answer = question()
        y = layer(x).data
        g = np.zeros_like(y)
        g[:, :, :4] = (y[:, :, :4] - answer) / 16
        layer(x).backward(g)
        for p in layer.parameters():
            momentum[id(p)] = 0.9 * momentum[id(p)] + p.grad
            p.data -= 0.05 * momentum[id(p)]
            p.grad = None
    x, answer = question()
    right = float((np.sign(layer(x).data[:, :, :4]) == answer).mean())
    assert right > 0.95, (
        f"after 250 steps on texts of 4 words, each asking for word {turned.tolist()}: expected "
        f"at least 95 % of the answers right, got {right:.0%}: it does not learn where to look"
    )


TESTS: dict[str, tuple[str, Callable[[], None]]] = {
    "checkpoint-06.looks": ("Attention is the mean of the values by shares", looks),
    "checkpoint-06.finite": ("Any scores, any mask, no infinities", finite),
    "checkpoint-06.mask": ("The causal mask", mask_of_time),
    "checkpoint-06.causal": ("The future changes nothing", causal),
    "checkpoint-06.heads": ("Heads, one by one", heads),
    "checkpoint-06.gradients": ("Gradients, exactly", differentiates),
    "checkpoint-06.learns": ("It learns where to look", looks_up),
}
