"""Checks of modules 10 to 13 before a run that leans on them: tokens, embeddings, attention, GPT.

They come after those of modules 01 to 08, so that what fails here is not theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, array_of
from tinytorch_milestones.training.gpt_check import examine_generation, examine_gpt, known
from tinytorch_milestones.training.token_check import examine_characters, examine_pairs

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

Leaves = Mapping[str, Any]


def attend(judge: Mechanism) -> None:
    """Every stage up to the first that fails."""
    used = judge.design.language
    stages: list[Callable[[Mechanism], None]] = []
    if "CharTokenizer" in used:
        stages.append(examine_characters)
    if "BPETokenizer" in used:
        stages.append(examine_pairs)
    stages += [_table, _places, _mask, _attention, _heads]
    stages += [_normalization, _inner, examine_gpt, examine_generation]
    for stage in stages:
        stage(judge)
        if judge.failed:
            return


def compare_slopes(
    judge: Mechanism,
    metric: str,
    what: str,
    compute: Callable[[], Any],
    leaves: Leaves,
    formula: Callable[..., Array],
) -> None:
    """What backward() leaves in every leaf, beside finite differences of `formula`.

    `compute` gives a Tensor made of the leaves, `formula` the same of their values as arrays, in
    their order.
    """
    values = [np.array(array_of(leaf), dtype=np.float64) for leaf in leaves.values()]
    expected = formula(*values)
    for leaf in leaves.values():
        leaf.grad = None
    outer = judge.numbers(*expected.shape)

    def backward() -> Array:
        result = compute()
        (result * judge._fw.Tensor(outer)).sum().backward()
        return array_of(result)

    got = judge.attempt(metric, f"{what} and its backward()", backward)
    judge.near(metric, what, got, expected)
    if judge.failed:
        return
    slopes = oracle.slope(lambda *given: float((formula(*given) * outer).sum()), values)
    for (name, leaf), slope in zip(leaves.items(), slopes, strict=True):
        compare_gradient(judge, metric, f"the gradient of {name} of {what}", leaf, slope)


def compare_gradient(judge: Mechanism, metric: str, what: str, leaf: Any, slope: Array) -> None:
    """One leaf's gradient beside the right one; one that is 0 but for rounding is 0."""
    got = np.empty(0, np.float32) if leaf.grad is None else array_of(leaf.grad)
    if got.shape == slope.shape and np.abs(slope).max() < 1e-7:
        got, slope = got + np.float32(1), slope + 1.0
    judge.near(metric, what, got, slope)
    if got.dtype != np.float32:
        judge.fault(metric, f"{what} is {got.dtype}, not float32")


def _listed(judge: Mechanism, metric: str, name: str, layer: Any, own: Sequence[Any]) -> None:
    """parameters() of a layer are these tensors, all float32 and trainable."""
    listed = judge.attempt(metric, f"parameters() of {name}", lambda: list(layer.parameters()))
    if listed is None:
        return
    if {id(t) for t in listed} != {id(t) for t in own}:
        judge.fault(metric, f"parameters() of {name} lists {len(listed)} tensors, not its own", 1.0)
    elif not all(t.requires_grad for t in own):
        judge.fault(metric, f"a parameter of {name} does not require a gradient", 1.0)
    elif any(array_of(t).dtype != np.float32 for t in own):
        judge.fault(metric, f"a parameter of {name} is not float32", 1.0)


def _table(judge: Mechanism) -> None:
    """`agree.embedding` (module 11): rows of a table, and gradients where a row comes twice."""
    metric = "agree.embedding"
    judge.metrics[metric] = 0.0
    fw = judge._fw
    fw.manual_seed(7)
    layer = judge.attempt(metric, "Embedding", lambda: fw.Embedding(7, 5))
    if layer is None:
        return
    start = np.array(array_of(layer.weight))
    if start.shape != (7, 5):
        judge.fault(metric, f"the weight of Embedding(7, 5) has shape {start.shape}")
        return
    _listed(judge, metric, "Embedding", layer, [layer.weight])
    if len(np.unique(start)) < start.size or not 0.001 < start.std() < 10.0:
        judge.fault(metric, "the rows of a new Embedding are not random, or far too large", 1.0)
    layer.weight.data[...] = judge.numbers(7, 5)
    tokens = np.array([[3, 0, 3, 6], [6, 6, 1, 3]])  # rows that come twice, and some never
    for what, given in (("Embedding", tokens), ("Embedding of a single row", tokens[:1, :1])):
        compare_slopes(
            judge,
            metric,
            what,
            partial(layer, fw.Tensor(given)),
            {"the table": layer.weight},
            partial(np.take, indices=given, axis=0),
        )
        if judge.failed:
            return


def _places(judge: Mechanism) -> None:
    """`agree.embedding` again: places are added, the same for every text."""
    metric = "agree.embedding"
    fw = judge._fw
    layer = judge.attempt(metric, "PositionalEncoding", lambda: fw.PositionalEncoding(6, 4))
    if layer is None:
        return
    if array_of(layer.weight).shape != (6, 4):
        judge.fault(metric, f"the weight of PositionalEncoding(6, 4) is {layer.weight.shape}")
        return
    _listed(judge, metric, "PositionalEncoding", layer, [layer.weight])
    layer.weight.data[...] = judge.numbers(6, 4)
    for length in (4, 6):
        x = fw.Tensor(judge.numbers(3, length, 4), requires_grad=True)
        compare_slopes(
            judge,
            metric,
            f"PositionalEncoding(6, 4) of {length} tokens",
            partial(layer, x),
            {"the tokens": x, "the places": layer.weight},
            lambda words, table: words + table[: words.shape[1]],
        )
        if judge.failed:
            return


def _mask(judge: Mechanism) -> None:
    """`agree.attention` (module 12): who may look where."""
    metric = "agree.attention"
    judge.metrics[metric] = 0.0
    for length in (1, 2, 5):
        got = judge.attempt(metric, "causal_mask", partial(judge._fw.causal_mask, length))
        if got is None:
            return
        mask = array_of(got)
        if mask.dtype != bool or not np.array_equal(mask, right.causal(length)):
            said = "must be bool, True where the column is the row or before it"
            judge.fault(metric, f"causal_mask({length}) {said}", 1.0)
            return


def _attention(judge: Mechanism) -> None:
    """`agree.attention` again: the formula, with masks and without, there and back."""
    metric, fw = "agree.attention", judge._fw
    some = judge._rng.random((3, 5)) < 0.5
    some[:, 2] = True
    cases: list[tuple[str, tuple[int, int, int], Any]] = [
        ("attention", (3, 5, 4), None),
        ("attention with a mask", (3, 5, 4), some),
        ("attention with a causal mask", (4, 4, 4), right.causal(4)),
    ]
    for what, (t, s, d), mask in cases:
        shapes = {"the queries": (2, t, d), "the keys": (2, s, d), "the values": (2, s, 3)}
        leaves = {
            name: fw.Tensor(judge.numbers(*shape), requires_grad=True)
            for name, shape in shapes.items()
        }
        compare_slopes(
            judge,
            metric,
            what,
            partial(fw.scaled_dot_product_attention, *leaves.values(), mask=mask),
            leaves,
            partial(_attended, mask=mask),
        )
        if judge.failed:
            return
    large = [judge.numbers(2, 4, 4) * np.float32(scale) for scale in (30, 30, 1)]
    mask = right.causal(4)
    compute = partial(fw.scaled_dot_product_attention, mask=mask)
    q, k, v = (array.astype(np.float64) for array in large)
    expected = _attended(q, k, v, mask)
    judge.same(metric, "attention with scores of hundreds", compute, large, expected)


def _attended(q: Array, k: Array, v: Array, mask: Array | None) -> Array:
    return right.attention(q, k, v, mask)[0]


def _heads(judge: Mechanism) -> None:
    """`agree.attention` again: several heads at once, and the weights that are kept."""
    metric, fw = "agree.attention", judge._fw
    for heads, mask in ((1, None), (2, right.causal(5)), (3, right.causal(5))):
        what = f"MultiHeadAttention(6, {heads})" + (" with a causal mask" if heads > 1 else "")
        layer = judge.attempt(metric, what, partial(fw.MultiHeadAttention, 6, heads))
        if layer is None:
            return
        own = {
            "qkv.weight": layer.qkv.weight,
            "qkv.bias": layer.qkv.bias,
            "out.weight": layer.out.weight,
            "out.bias": layer.out.bias,
        }
        _listed(judge, metric, what, layer, list(own.values()))
        known(judge, own)
        x = fw.Tensor(judge.numbers(2, 5, 6), requires_grad=True)
        formula = partial(_in_heads, heads=heads, mask=mask)
        leaves = {"the words": x, **own}
        compare_slopes(judge, metric, what, partial(layer, x, mask), leaves, formula)
        if judge.failed:
            return
        values = {name: np.array(array_of(t), np.float64) for name, t in own.items()}
        weights = right.multi_head(array_of(x).astype(np.float64), values, heads, mask)[1]
        kept = np.empty(0) if layer.attention is None else array_of(layer.attention)
        judge.near(metric, f"the attention that {what} keeps", kept, weights)
        if judge.failed:
            return


_ATTENTION = ("qkv.weight", "qkv.bias", "out.weight", "out.bias")


def _in_heads(x: Array, *values: Array, heads: int, mask: Array | None) -> Array:
    return right.multi_head(x, dict(zip(_ATTENTION, values, strict=True)), heads, mask)[0]


def _normalization(judge: Mechanism) -> None:
    """`agree.transformer` (module 13): LayerNorm, with a gain and a bias, there and back."""
    metric, fw = "agree.transformer", judge._fw
    judge.metrics[metric] = 0.0
    layer = judge.attempt(metric, "LayerNorm", lambda: fw.LayerNorm(6))
    if layer is None:
        return
    _listed(judge, metric, "LayerNorm", layer, [layer.weight, layer.bias])
    x = judge.numbers(2, 3, 6)
    plain = right.normalize(x.astype(np.float64), np.ones(6), np.zeros(6))
    judge.same(metric, "a new LayerNorm", layer, [x], plain)
    known(judge, {"norm.weight": layer.weight, "bias": layer.bias})
    # vectors that lie far from 0, that hardly differ within, and that differ much
    scales = np.array([[1.0], [0.01], [20.0]], np.float32)
    for what, given in (("LayerNorm", x), ("LayerNorm of small and large", x * scales + scales)):
        leaf = fw.Tensor(given.copy(), requires_grad=True)
        compare_slopes(
            judge,
            metric,
            what,
            partial(layer, leaf),
            {"the vectors": leaf, "the weight": layer.weight, "the bias": layer.bias},
            right.normalize,
        )
        if judge.failed:
            return


def _inner(judge: Mechanism) -> None:
    """`agree.transformer` again: the MLP and a whole block, forward."""
    metric, fw = "agree.transformer", judge._fw
    x, mask = judge.numbers(2, 4, 6), right.causal(4)
    block = partial(right.block, heads=2)
    cases: list[tuple[str, Any, tuple[int, ...], Any, Any]] = [
        ("MLP(6, 10)", fw.MLP, (6, 10), {}, right.mlp),
        ("MLP(6)", fw.MLP, (6,), {}, right.mlp),
        ("TransformerBlock(6, 2)", fw.TransformerBlock, (6, 2), {}, block),
        ("TransformerBlock(6, 2) with a mask", fw.TransformerBlock, (6, 2), {"mask": mask}, block),
    ]
    for what, kind, sizes, options, formula in cases:
        layer = judge.attempt(metric, what, partial(kind, *sizes))
        if layer is None:
            return
        named = judge.attempt(metric, what, partial(_named, layer))
        if named is None:
            return
        known(judge, named)
        values = {name: np.array(array_of(t), np.float64) for name, t in named.items()}
        given = partial(formula, x.astype(np.float64), values, **options)
        expected = judge.attempt(metric, what, given)
        if expected is None:
            return
        judge.same(metric, what, partial(layer, **options), [x], expected)
        if judge.failed:
            return


def _named(layer: Any) -> dict[str, Any]:
    return dict(layer.named_parameters())
