"""Claims about module 13: how likely each token is to come next, and what a GPT writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.scoring import (
    LONGEST,
    WORDS,
    gpt_shapes,
    made,
    model_lines,
    scores,
)
from tinytorch_milestones.diagnosis.source import Array, Source
from tinytorch_milestones.diagnosis.transforming import fill, filled
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal
from tinytorch_milestones.training import language_oracle as right

_FILE = "core.transformers"
_GPT = ("GPT",)


def _probabilities(source: Source) -> Iterator[Trial]:
    """No two logits alike, so that there is no doubt about the largest; far apart as well."""
    count = source.pick((1, 2, 3, 5))
    left = [0.0, 1.0, 2.0, -1.0, 3.0, 500.0, -500.0]
    logits = np.array([left.pop(source.pick(range(len(left)))) for _ in range(count)])
    temperature, top_k = source.pick((1.0, 0.5, 2.0, 0.0)), source.pick((None, 1, 2, 9))
    yield Trial(
        says=f"`probabilities({literal(logits)}, {temperature:g}, top_k={top_k})`",
        lines=(f"logits = np.array({literal(logits)}, dtype=np.float32)",),
        shown=f"probabilities(logits, {temperature:g}, top_k={top_k})",
        right=right.distribution(logits, temperature, top_k),
        names=(f"{_FILE}.probabilities",),
        dtype="float32",
        kept={"logits": logits},
    )


def _shared(source: Source) -> Iterator[Trial]:
    """Of equal ones no more than `top_k`; impossible wishes are refused."""
    for call, shown, expected in (
        ("probabilities(logits, 1, top_k=2)", "int((shares > 0).sum())", 2),
        ("probabilities(logits, 0)", "int((shares > 0).sum())", 1),
        ("probabilities(logits, -1)", "shares", Raises("ValueError")),
        ("probabilities(logits, 1, top_k=0)", "shares", Raises("ValueError")),
    ):
        yield Trial(
            says=f"`{call}` of [1, 1, 1]",
            fault="" if isinstance(expected, Raises) else "lets another number of tokens share",
            lines=("logits = np.array([1.0, 1.0, 1.0])", f"shares = {call}"),
            shown=shown,
            right=expected,
            names=(f"{_FILE}.probabilities",),
            label="" if isinstance(expected, Raises) else "it",
        )


def _last(prompt: Sequence[int]) -> Array:
    """What is right after a prompt, of which only the end can be seen."""
    values = filled(gpt_shapes(1, tied=False))
    return np.asarray(scores(np.array([list(prompt)[-LONGEST:]]), values, 1)[0, -1])


def _prompt(source: Source) -> list[int]:
    return [source.pick(range(WORDS)) for _ in range(source.pick((1, 2, 3, 4, 5)))]


def _next(source: Source) -> Iterator[Trial]:
    prompt = _prompt(source)
    given = source.pick((f"{prompt}", f"{prompt}, 0.5", f"{prompt}, 2.0, 2"))
    temperature, top_k = {1: (1.0, None), 2: (0.5, None), 3: (2.0, 2)}[
        1 + given.count(",", given.index("]"))
    ]
    yield Trial(
        says=f"`{made(1)}.next_probabilities({given})`",
        lines=tuple(model_lines(1)),
        shown=f"model.next_probabilities({given})",
        right=right.distribution(_last(prompt), temperature, top_k),
        names=_GPT,
        dtype="float32",
        tolerance=5e-3,
    )


def _asked(source: Source) -> Iterator[Trial]:
    """Nothing dropped, nothing recorded, and everything afterwards as it was before."""
    model = (f"model = {made(1, 'dropout=0.5')}", *fill("model"))
    call = "model.next_probabilities([1, 2])"
    heard = (
        "heard, forward = [], model.forward",
        "model.forward = lambda x: heard.append(forward(x)) or heard[-1]",
        call,
    )
    for lines, shown, expected, fault in (
        (["model.train()"], call, right.distribution(_last([1, 2]), 1.0, None), ""),
        (
            ["model.train()", call],
            "model.training",
            True,
            "leaves a model that learns in eval mode",
        ),
        (["model.eval()", call], "model.training", False, "leaves a model in use in training mode"),
        (
            heard,
            "heard[0].requires_grad",
            False,
            "records what it does, for a backward that never comes",
        ),
    ):
        yield Trial(
            says="`next_probabilities` of a GPT with dropout",
            fault=fault,
            lines=(*model, *lines),
            shown=shown,
            right=expected,
            names=_GPT,
            tolerance=5e-3,
        )


# writing


_COUNTING = (
    "model = GPT(4, 3, 4, 1, 1)",
    "for p in model.parameters(): p.data[...] = 0",
    "model.token_embedding.weight.data[...] = np.eye(4)",
    "model.norm.weight.data[...] = 1",
    "model.head.weight.data[...] = np.roll(np.eye(4), 1, axis=0)",
)
"""A GPT that has learned to count: after 0 comes 1, after 3 comes 0."""


def _written(source: Source) -> Iterator[Trial]:
    """The most probable token again and again: at temperature 0, and where only one may share."""
    prompt = [source.pick(range(4)) for _ in range(source.pick((1, 2, 3, 4, 5)))]
    count = source.pick((1, 2, 4, 6))
    text = [*prompt, *((prompt[-1] + i) % 4 for i in range(1, count + 1))]
    options = source.pick(("temperature=0", "top_k=1"))
    for call, expected in (
        (f"generate({prompt}, {count}, {options})", text),
        (f"stream({prompt}, {count}, {options})", text[len(prompt) :]),
    ):
        yield Trial(
            says=f"`{call}` of a GPT that counts 0, 1, 2, 3",
            lines=_COUNTING,
            shown=f"list(model.{call})",
            right=expected,
            names=_GPT,
        )


def _seeded(source: Source) -> Iterator[Trial]:
    text = "model.generate([1], 8, temperature=2.0, seed={})"
    texts = f"[tuple({text.format('seed')}) for seed in range(20)]"
    for shown, fault, label in (
        (
            f"list({text.format(3)}) == list({text.format(3)})",
            "writes two texts with one and the same seed",
            "that they are equal",
        ),
        (
            f"len(set({texts})) > 5",
            "hardly ever writes another text when the seed is another",
            "that there are more than 5 in 20",
        ),
        ("prompt == [1]", "changes the prompt it is given", "that it is the same"),
    ):
        yield Trial(
            says="`generate`",
            fault=fault,
            lines=(*model_lines(1), "prompt = [1]", "text = model.generate(prompt, 2)"),
            shown=shown,
            right=True,
            names=_GPT,
            label=label,
        )


def _drawn(source: Source) -> Iterator[Trial]:
    """Tokens come as often as they are probable: within four times what chance explains."""
    shares = right.distribution(_last([1, 2]), 1.0, 3)
    yield Trial(
        says=f"`{made(1)}.generate([1, 2], 1, top_k=3)`, drawn 200 times,",
        fault="does not draw tokens as often as they are probable",
        lines=(
            *model_lines(1),
            "texts = [model.generate([1, 2], 1, top_k=3, seed=seed) for seed in range(200)]",
            f"shares = np.bincount([text[-1] for text in texts], minlength={WORDS}) / 200",
        ),
        shown=f"bool(np.abs(shares - {literal(np.round(shares, 3))}).max() < 0.15)",
        right=True,
        names=_GPT,
        label="that they agree",
    )


CLAIMS = [
    Claim("13 probabilities", "13", "13.probabilities", _probabilities, tries=30),
    Claim("13 probabilities of equals", "13", "13.probabilities", _shared, tries=1),
    Claim("13 next_probabilities", "13", "13.next", _next, tries=6),
    Claim("13 next_probabilities keeps", "13", "13.next", _asked, tries=1),
    Claim("13 generate", "13", "13.generate", _written, tries=6),
    Claim("13 generate by chance", "13", "13.generate", _seeded, tries=1),
    Claim("13 generate by shares", "13", "13.generate", _drawn, tries=1),
]
