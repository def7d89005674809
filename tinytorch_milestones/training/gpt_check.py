"""A small GPT beside the same one in numpy: its answers, its gradients, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle
from tinytorch_milestones.training.clouds import Array, array_of

if TYPE_CHECKING:
    from tinytorch_milestones.training.mechanism import Mechanism

_WORDS, _LONGEST, _WIDTH, _HEADS, _LAYERS = 7, 5, 4, 2, 2
_ODDS = ((1.0, None), (0.5, None), (2.0, 3), (1.0, 1), (0.0, None), (1.0, 99))


def examine_gpt(judge: Mechanism) -> None:
    """`agree.transformer`: the loss of a small GPT and the gradient of every parameter."""
    metric = "agree.transformer"
    tokens, targets = (judge._rng.integers(0, _WORDS, (3, _LONGEST)) for _ in range(2))
    for tied in (False, True):
        what = "a small GPT" + (" with tied weights" if tied else "")
        built = _built(judge, metric, what, tied)
        if built is None:
            return
        model, tensors = built
        values = {name: np.array(array_of(t), np.float64) for name, t in tensors.items()}
        for given in (tokens, tokens[:2, :3], tokens[:1, :1]):
            shape = " of shape (" + ", ".join(map(str, given.shape)) + ")"
            judge.same(
                metric,
                f"{what}, for tokens{shape},",
                model,
                [given],
                right.gpt(given, values, _HEADS, _LAYERS),
            )
        if judge.failed:
            return
        _gradients(judge, metric, what, model, tensors, (tokens, targets))
        if judge.failed:
            return


def _gradients(
    judge: Mechanism,
    metric: str,
    what: str,
    model: Any,
    tensors: Mapping[str, Any],
    examples: tuple[Array, Array],
) -> None:
    fw, (tokens, targets) = judge._fw, examples
    for tensor in tensors.values():
        tensor.grad = None
    names = list(tensors)

    def loss(*arrays: Array) -> float:
        logits = right.gpt(tokens, dict(zip(names, arrays, strict=True)), _HEADS, _LAYERS)
        return oracle.loss("CrossEntropyLoss", logits, targets)

    def backward() -> Array:
        result = fw.CrossEntropyLoss()(model(fw.Tensor(tokens)), fw.Tensor(targets))
        result.backward()
        return array_of(result)

    values = [np.array(array_of(tensor), np.float64) for tensor in tensors.values()]
    got = judge.attempt(metric, f"backward() of {what}", backward)
    judge.near(metric, f"the loss of {what}", got, np.array(loss(*values)))
    if judge.failed:
        return
    slopes = oracle.slope(loss, values)
    largest = max(float(np.abs(slope).max()) for slope in slopes)
    for (name, tensor), slope in zip(tensors.items(), slopes, strict=True):
        got = np.empty(0, np.float32) if tensor.grad is None else array_of(tensor.grad)
        said = f"the gradient of {name} of {what}"
        # a bias of the keys moves all scores of a word alike, which changes nothing: beside such
        # numbers of rounding stand the largest of all gradients
        if got.shape == slope.shape:
            got, slope = np.append(got, largest), np.append(slope, largest)
        judge.near(metric, said, got, slope)
        if judge.failed:
            return


def _built(
    judge: Mechanism, metric: str, what: str, tied: bool, dropout: float = 0.0
) -> tuple[Any, dict[str, Any]] | None:
    """The student's GPT with known numbers, and its parameters by name."""
    fw = judge._fw
    sizes = (_WORDS, _LONGEST, _WIDTH, _HEADS, _LAYERS)
    model = judge.attempt(metric, what, lambda: fw.GPT(*sizes, dropout=dropout, tie_weights=tied))
    if model is None:
        return None
    tensors = judge.attempt(metric, what, lambda: _parameters(model, tied))
    if tensors is None:
        return None
    listed = {id(t) for t in model.parameters()}
    missing = [name for name, tensor in tensors.items() if id(tensor) not in listed]
    if missing or len(listed) != len(tensors):
        said = f"misses {missing[0]}" if missing else f"lists {len(listed) - len(tensors)} too many"
        judge.fault(metric, f"parameters() of {what} {said}", 1.0)
        return None
    fresh = [np.array(array_of(t)) for n, t in tensors.items() if n.endswith("weight")]
    if any(array.ndim > 1 and array.std() == 0 for array in fresh):
        judge.fault(metric, f"the weights of {what} are not random at the start", 1.0)
        return None
    known(judge, tensors)
    return model, tensors


def known(judge: Mechanism, leaves: Mapping[str, Any]) -> None:
    """Known numbers for parameters, of a size that keeps sums near 1."""
    for name, leaf in leaves.items():
        values = judge.numbers(*array_of(leaf).shape) * np.float32(0.5)
        # a gain near 1 that differs from place to place
        gain = "norm" in name and name.endswith("weight")
        leaf.data[...] = values + np.float32(1) if gain else values


def _parameters(model: Any, tied: bool) -> dict[str, Any]:
    """Every parameter of a GPT by the names that module 13 gives its parts."""
    found = {
        "token_embedding.weight": model.token_embedding.weight,
        "position_embedding.weight": model.position_embedding.weight,
    }
    for number, block in enumerate(model.blocks):
        layers = {
            "norm1": block.norm1,
            "attention.qkv": block.attention.qkv,
            "attention.out": block.attention.out,
            "norm2": block.norm2,
            "mlp.up": block.mlp.up,
            "mlp.down": block.mlp.down,
        }
        for name, layer in layers.items():
            found[f"blocks.{number}.{name}.weight"] = layer.weight
            found[f"blocks.{number}.{name}.bias"] = layer.bias
    found["norm.weight"], found["norm.bias"] = model.norm.weight, model.norm.bias
    if not tied:
        found["head.weight"] = model.head.weight
    return found


def examine_generation(judge: Mechanism) -> None:
    """`agree.generation`: chances of the next token, and texts that are written with them."""
    metric = "agree.generation"
    judge.metrics[metric] = 0.0
    # with dropout, which must be off while it writes
    built = _built(judge, metric, "a small GPT with dropout", False, dropout=0.3)
    if built is None:
        return
    model, tensors = built
    values = {name: np.array(array_of(t), np.float64) for name, t in tensors.items()}
    model.train()

    def logits(tokens: list[int]) -> Array:
        given = np.array([tokens[-_LONGEST:]])
        return np.asarray(right.gpt(given, values, _HEADS, _LAYERS)[0, -1])

    short, long = [3, 1], [0, 5, 2, 6, 6, 1, 4, 3]  # longer than it can look back
    for prompt in (short, long):
        for temperature, top_k in _ODDS:
            what = f"next_probabilities at temperature {temperature:g}, top_k={top_k}"
            got = judge.attempt(
                metric,
                what,
                partial(
                    model.next_probabilities, list(prompt), temperature=temperature, top_k=top_k
                ),
            )
            expected = right.distribution(logits(prompt), temperature, top_k)
            judge.near(metric, what, None if got is None else array_of(got), expected)
            if judge.failed:
                return
    for prompt in (short, long):
        expected_text = list(prompt)
        for _ in range(7):
            expected_text.append(int(logits(expected_text).argmax()))
        written = judge.attempt(
            metric, "generate", partial(model.generate, list(prompt), 7, temperature=0.0)
        )
        if written is not None and [int(token) for token in written] != expected_text:
            said = f"writes {written} at temperature 0, {expected_text} is right"
            judge.fault(metric, f"generate({prompt}, 7) {said}", 1.0)
            return
    _chance(judge, metric, model, logits(short), short)
    if not judge.failed and not model.training:
        judge.fault(metric, "generate leaves the model in eval mode in the middle of training", 1.0)


def _chance(judge: Mechanism, metric: str, model: Any, logits: Array, prompt: list[int]) -> None:
    """Chance by a seed: the same one writes the same, others follow the probabilities."""

    def texts(seed: int) -> list[list[int]]:
        drawn = [
            model.generate(list(prompt), 6, temperature=1.0, seed=seed),
            [*prompt, *model.stream(list(prompt), 6, temperature=1.0, seed=seed)],
            model.generate(list(prompt), 6, temperature=1.0, seed=seed),
        ]
        return [[int(token) for token in text] for text in drawn]

    one = judge.attempt(metric, "generate with a seed", partial(texts, 1))
    if one is None:
        return
    if not one[0] == one[1] == one[2]:
        judge.fault(metric, "generate and stream write two texts with one and the same seed", 1.0)
        return

    def shares() -> Array:
        drawn = [
            int(model.generate(list(prompt), 1, temperature=0.7, top_k=3, seed=seed)[-1])
            for seed in range(200)
        ]
        return np.bincount(drawn, minlength=_WORDS) / len(drawn)

    found = judge.attempt(metric, "generate with a seed", shares)
    expected = right.distribution(logits, 0.7, 3)
    # of 200 draws a share is off by 0.035 as a rule, and by four times that hardly ever
    if found is not None and float(np.abs(found - expected).max()) > 0.15:
        token = int(np.abs(found - expected).argmax())
        said = f"in {found[token]:.0%} of 200 texts, {expected[token]:.0%} is right"
        judge.fault(metric, f"generate at temperature 0.7, top_k=3 draws token {token} {said}", 1.0)
