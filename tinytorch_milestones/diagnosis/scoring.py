"""Claims about module 13: scores of tokens, and a whole GPT, there and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Array, Source, numbers, size
from tinytorch_milestones.diagnosis.transforming import block_shapes, fill, filled
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training import oracle

_FILE = "core.transformers"
_GPT = ("GPT",)
WORDS, LONGEST, _DIM, _HEADS = 5, 3, 4, 2


def gpt_shapes(layers: int, tied: bool) -> dict[str, tuple[int, ...]]:
    """The parameters of a GPT, by name."""
    shapes: dict[str, tuple[int, ...]] = {
        "token_embedding.weight": (WORDS, _DIM),
        "position_embedding.weight": (LONGEST, _DIM),
        "norm.weight": (_DIM,),
        "norm.bias": (_DIM,),
    }
    for number in range(layers):
        shapes |= block_shapes(_DIM, f"blocks.{number}.")
    if not tied:
        shapes["head.weight"] = (WORDS, _DIM)
    return shapes


def made(layers: int, options: str = "") -> str:
    """How it is built: with `options` given by name."""
    more = f", {options}" if options else ""
    return f"GPT({WORDS}, {LONGEST}, {_DIM}, {_HEADS}, {layers}{more})"


def model_lines(layers: int, options: str = "") -> list[str]:
    """The lines that make one with known numbers."""
    return [f"model = {made(layers, options)}", *fill("model")]


def scores(tokens: Array, values: dict[str, Array], layers: int) -> Array:
    """Its logits for any numbers."""
    return right.gpt(tokens, values, _HEADS, layers)


def _tokens(source: Source) -> Array:
    n, length = source.pick((1, 2)), source.pick((1, 2, 3))
    picked = [source.pick(range(WORDS)) for _ in range(n * length)]
    return np.array(picked).reshape(n, length)


def _size(source: Source) -> tuple[int, bool, str]:
    """How many blocks, whether scores are made with the table, and the option that says so."""
    layers, tied = source.pick((1, 2)), source.pick((False, True))
    return layers, tied, "tie_weights=True" if tied else ""


def _parameters(source: Source) -> Iterator[Trial]:
    for tied in (False, True):
        options = "tie_weights=True" if tied else ""
        yield Trial(
            says=f"`{made(2, options)}`",
            fault="has other parameters",
            lines=(f"model = {made(2, options)}",),
            shown="sorted(name for name, _ in model.named_parameters())",
            right=sorted(gpt_shapes(2, tied)),
            names=_GPT,
            label="the list",
        )


def _logits(source: Source) -> Iterator[Trial]:
    """By a head and by the table, and what both hear of it on the way back."""
    n, words, dim, tied = (
        size(source, 2),
        size(source, 3),
        size(source, 2),
        source.pick((True, False)),
    )
    table, rows = numbers(source, (words, dim)), numbers(source, (n, dim))
    seed = numbers(source, (n, words), (1.0, 0.0, 2.0))
    owner = "model.token_embedding" if tied else "model.head"
    lines = [
        f"model = GPT({words}, 1, {dim}, 1, 1{', tie_weights=True' if tied else ''})",
        f"{owner}.weight.data[...] = {literal(table)}",
        f"rows = Tensor({literal(rows)}, requires_grad=True)",
    ]
    back = f"logits_of(model, rows).backward({literal(seed)})"
    for more, shown, expected, label in (
        ([], "logits_of(model, rows).data", rows @ table.T, ""),
        ([back], "rows.grad", seed @ table, "drows"),
        ([back], f"{owner}.weight.grad", seed.T @ rows, f"d{owner[6:]}.weight"),
    ):
        yield Trial(
            says=f"`logits_of`{' with tied weights' if tied else ''}{' backward' if more else ''}",
            lines=(*lines, *more),
            shown=shown,
            right=expected,
            names=("GPT", "Tensor", f"{_FILE}.logits_of"),
            label=label,
            dtype="float32",
            kept={"rows": rows},
        )


def _causal(source: Source) -> Iterator[Trial]:
    tokens = _tokens(source)[:1]
    tokens = tokens if tokens.size > 1 else np.array([[0, 1]])
    other = tokens.copy()
    other[0, -1] = (other[0, -1] + 1) % WORDS
    yield Trial(
        says=f"`{made(1)}`",
        fault=(
            f"says something else of token {tokens.size - 2} when the one after it changes, so it "
            "sees the future"
        ),
        lines=(
            *model_lines(1),
            f"one = model(np.array({literal(tokens)})).data",
            f"other = model(np.array({literal(other)})).data",
        ),
        shown="np.abs(one - other)[0, :-1].max()",
        right=np.float64(0),
        names=_GPT,
        label="the difference",
    )


def _forward(source: Source) -> Iterator[Trial]:
    layers, tied, options = _size(source)
    tokens = _tokens(source)
    yield Trial(
        says=f"`{made(layers, options)}` on tokens {literal(tokens)}",
        lines=(*model_lines(layers, options), f"tokens = np.array({literal(tokens)})"),
        shown="model(tokens).data",
        right=scores(tokens, filled(gpt_shapes(layers, tied)), layers),
        names=_GPT,
        label="logits",
        dtype="float32",
        kept={"tokens": tokens},
        tolerance=2e-3,
    )


def _backward(source: Source) -> Iterator[Trial]:
    """The gradient of every parameter, for a loss of the next token."""
    layers, tied, options = _size(source)
    tokens = _tokens(source)
    targets = np.array([source.pick(range(WORDS)) for _ in range(tokens.size)])
    targets = targets.reshape(tokens.shape)
    values = filled(gpt_shapes(layers, tied))

    def loss(*arrays: Array) -> float:
        logits = scores(tokens, dict(zip(values, arrays, strict=True)), layers)
        return oracle.loss("CrossEntropyLoss", logits, targets)

    lines = (
        *model_lines(layers, options),
        f"logits = model(np.array({literal(tokens)}))",
        f"CrossEntropyLoss()(logits, Tensor(np.array({literal(targets)}))).backward()",
        "slopes = {name: p.grad for name, p in model.named_parameters()}",
    )
    slopes = oracle.slope(loss, [array.copy() for array in values.values()])
    for name, slope in zip(values, slopes, strict=True):
        yield Trial(
            says=f"`{made(layers, options)}` backward on tokens {literal(tokens)}",
            lines=lines,
            shown=f"slopes['{name}']",
            right=np.round(slope, 6),
            names=("CrossEntropyLoss", "GPT", "Tensor"),
            label=f"d{name}",
            dtype="float32",
            tolerance=5e-3,
        )


def _drops(source: Source) -> Iterator[Trial]:
    """The words that come in; the blocks keep still."""
    for quiet, expected, fault in (
        (
            "for block in model.blocks: block.eval()",
            False,
            "drops nothing of the words that come in",
        ),
        ("model.eval()", True, "drops something after `eval()`"),
    ):
        yield Trial(
            says=f"`{made(1, 'dropout=0.5')}`",
            fault=fault,
            lines=(
                "manual_seed(0)",
                *model_lines(1, "dropout=0.5"),
                quiet,
                "tokens = np.zeros((20, 3), dtype=int)",
            ),
            shown="np.array_equal(model(tokens).data, model(tokens).data)",
            right=expected,
            names=("GPT", "manual_seed"),
            label="that two answers are equal",
        )


def _refused(source: Source) -> Iterator[Trial]:
    for call in ("model(np.array([[0, 1, 2, 3]]))", "model(np.array([[5]]))"):
        yield Trial(
            says=f"`{made(1)}`, asked for `{call}`,",
            lines=(f"model = {made(1)}",),
            shown=call,
            right=Raises("ValueError"),
            names=_GPT,
        )


CLAIMS = [
    Claim("13 GPT parameters", "13", "", _parameters, tries=1),
    Claim("13 logits_of", "13", "13.logits", _logits),
    Claim("13 GPT refuses", "13", "", _refused, tries=1),
    Claim("13 GPT causal", "13", "13.gpt", _causal, tries=2),
    Claim("13 GPT", "13", "13.gpt", _forward, tries=6),
    Claim("13 GPT backward", "13", "13.gpt", _backward, tries=2),
    Claim("13 GPT drops", "13", "13.gpt", _drops, tries=1),
]
