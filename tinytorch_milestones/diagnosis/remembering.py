"""Claims about module 18: with what was kept of earlier words a GPT says what it says without."""

from __future__ import annotations

from collections.abc import Iterator

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
from tinytorch_milestones.diagnosis.source import NONZERO, Source, numbers, size
from tinytorch_milestones.diagnosis.transforming import filled
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal, size_text
from tinytorch_milestones.training import language_oracle as right

_FILE = "perf.memoization"
_CACHE = ("GPT", "KVCache")
_DIM, _HEADS = 4, 2
_FEW = (1.0, 0.0, 2.0, -1.0)


def _put(source: Source) -> Iterator[Trial]:
    """What is there and what is new, without a copy; the rest stays as it was."""
    heads, length, t = size(source, 2), source.pick((0, 1, 2)), size(source, 2)
    spare = source.pick((0, 1))
    store = numbers(source, (1, heads, length + t + spare, 1), NONZERO)
    new = numbers(source, (1, heads, t, 1), (7.0, 8.0, 9.0))
    after = store.copy()
    after[:, :, length : length + t] = new
    lines = (
        f"store = np.array({literal(store)}, dtype=np.float32)",
        f"new = np.array({literal(new)}, dtype=np.float32)",
        f"got = put(store, {length}, new)",
    )
    for shown, expected, fault in (
        ("got", after[:, :, : length + t], ""),
        ("store", after, "leaves something else in the store"),
        ("np.shares_memory(got, store)", True, "copies what it holds already"),
    ):
        yield Trial(
            says=f"`put({literal(store)}, {length}, {literal(new)})`",
            fault=fault,
            lines=lines,
            shown=shown,
            right=expected,
            names=(f"{_FILE}.put",),
            label="that memory is shared" if expected is True else "",
        )


def _attend(source: Source) -> Iterator[Trial]:
    """The last rows of causal attention over all words; scores that are far apart as well."""
    n, d = size(source, 4), size(source, 2)
    t = source.pick(range(1, n + 1))
    front = source.pick(((), (1, 2)))
    far = source.pick((1.0, 300.0))
    q, keys, values = (
        numbers(source, (*front, count, d), _FEW) * (far if count == t else 1.0)
        for count in (t, n, n)
    )
    mask = right.causal(n)[n - t :]
    given = {"q": q, "keys": keys, "values": values}
    yield Trial(
        says=f"`attend_new` of {size_text(q)} with keys and values of {size_text(keys)}",
        lines=tuple(f"{k} = np.array({literal(a)}, dtype=np.float32)" for k, a in given.items()),
        shown="attend_new(q, keys, values)",
        right=right.attention(q, keys, values, mask)[0],
        names=(f"{_FILE}.attend_new",),
        dtype="float32",
        kept=given,
        tolerance=2e-3,
    )


def _fold(source: Source) -> Iterator[Trial]:
    """A Linear alone, and one behind the weight and bias of a norm."""
    inputs, outputs, normed = source.pick((2, 3)), size(source, 2), source.pick((True, False))
    weight = numbers(source, (outputs, inputs), _FEW)
    lines = [
        f"linear = Linear({inputs}, {outputs})",
        f"linear.weight.data[...] = {literal(weight)}",
    ]
    matrix, bias = weight.T, np.zeros(outputs)
    if source.pick((True, False)):
        bias = numbers(source, (outputs,), _FEW)
        lines.append(f"linear.bias.data[...] = {literal(bias)}")
    else:
        lines[0] = f"linear = Linear({inputs}, {outputs}, bias=False)"
    if normed:
        scaled, moved = numbers(source, (inputs,), NONZERO), numbers(source, (inputs,), _FEW)
        lines += [
            f"norm = LayerNorm({inputs})",
            f"norm.weight.data[...] = {literal(scaled)}",
            f"norm.bias.data[...] = {literal(moved)}",
        ]
        matrix, bias = matrix * scaled[:, np.newaxis], bias + weight @ moved
    names = ("LayerNorm", "Linear") if normed else ("Linear",)
    call = "folded(linear, norm)" if normed else "folded(linear)"
    about = f"`{call}` of `{lines[0][9:]}`"
    for shown, expected, label in (
        (f"{call}[0]", matrix, "matrix"),
        (f"{call}[1]", bias, "bias"),
        (f"({call}, linear.weight.data)[1]", weight, ""),
    ):
        yield Trial(
            says=about,
            fault="" if label else "changes the weight of the Linear",
            lines=tuple(lines),
            shown=shown,
            right=expected,
            names=(*names, f"{_FILE}.folded"),
            label=label or "it",
            dtype="float32",
        )


# a block, and all of them


def _portions(source: Source, length: int) -> list[int]:
    """Where a text is cut: the ends of its portions."""
    return [*(i for i in range(1, length) if source.pick((True, False))), length]


def _block(source: Source) -> Iterator[Trial]:
    """In portions what the block gives for all words at once; the cache holds its layer only."""
    texts, length, number = size(source, 2), size(source), source.pick((1, 0))
    x = numbers(source, (texts, length, _DIM), _FEW)
    x[..., 0] += np.ptp(x, axis=-1) == 0
    values = right.within(filled(gpt_shapes(2, False)), f"blocks.{number}.")
    expected = right.block(x, values, _HEADS, right.causal(length))
    ends = _portions(source, length)
    given = "" if texts == 1 else f", texts={texts}"
    lines = [
        *model_lines(2),
        f"cache = KVCache(model{given})",
        f"x = np.array({literal(x)}, dtype=np.float32)",
    ]
    for start, end in zip([0, *ends], ends, strict=False):
        part = "x" if length == end - start else f"x[:, {start}:{end}]"
        words = "all words" if length == end - start else f"words {start} to {end - 1}"
        call = f"read_block({part}, cache.blocks[{number}], cache, {number})"
        yield Trial(
            says=f"`read_block` on {size_text(x)} input, {words},",
            lines=tuple(lines),
            shown=call,
            right=expected[:, start:end],
            names=(*_CACHE, f"{_FILE}.read_block"),
            dtype="float32",
            kept={"x": x},
            tolerance=5e-3,
        )
        lines += [f"y = {call}", f"cache.length = {end}"]
    yield Trial(
        says=f"`read_block` of block {number}",
        fault="puts keys or values where those of another block belong",
        lines=tuple(lines),
        shown="[bool(cache.keys[i].any()) for i in (0, 1)]",
        right=[i == number for i in (0, 1)],
        names=(*_CACHE, f"{_FILE}.read_block"),
        label="which blocks' room is used",
    )


def _read(source: Source) -> Iterator[Trial]:
    """The logits at every place, however the text is cut."""
    layers, tied = source.pick((1, 2)), source.pick((False, True))
    texts, length = size(source, 2), source.pick(range(1, LONGEST + 1))
    picked = [source.pick(range(WORDS)) for _ in range(texts * length)]
    tokens = np.array(picked).reshape(texts, length)
    expected = scores(tokens, filled(gpt_shapes(layers, tied)), layers)
    options = "tie_weights=True" if tied else ""
    ends = _portions(source, length)
    given = "" if texts == 1 else f", texts={texts}"
    lines = [*model_lines(layers, options), f"cache = KVCache(model{given})"]
    for start, end in zip([0, *ends], ends, strict=False):
        call = f"cache.read({literal(tokens[:, start:end])})"
        after = f", after {literal(tokens[:, :start])}," if start else ""
        yield Trial(
            says=f"`KVCache({made(layers, options)}{given}).read"
            f"({literal(tokens[:, start:end])})`{after}",
            lines=tuple(lines),
            shown=call,
            right=expected[:, start:end],
            names=_CACHE,
            dtype="float32",
            tolerance=5e-3,
        )
        lines.append(call)


def _no_room(source: Source) -> Iterator[Trial]:
    for tokens in (f"[[0] * {LONGEST + 1}]", f"[[{WORDS}]]", "[[0], [1]]"):
        yield Trial(
            says=f"`KVCache({made(1)}).read({tokens})`",
            lines=(f"cache = KVCache({made(1)})",),
            shown=f"cache.read({tokens})",
            right=Raises("ValueError"),
            names=_CACHE,
        )


# what need not be read again


def _words(source: Source, fewest: int) -> list[int]:
    return [source.pick((1, 2)) for _ in range(source.pick(range(fewest, 5)))]


def _agree(source: Source) -> Iterator[Trial]:
    known, window = _words(source, 0), _words(source, 1)
    if source.pick((False, True)):
        window = known + window  # going on
    same = 0
    while same < min(len(known), len(window) - 1) and known[same] == window[same]:
        same += 1
    yield Trial(
        says=f"`agreeing({known}, {window})`",
        lines=(f"known, window = {known}, {window}",),
        shown="agreeing(known, window)",
        right=same,
        names=(f"{_FILE}.agreeing",),
    )


def _window(source: Source) -> Iterator[Trial]:
    """The smallest multiple of the stride from which the rest fits."""
    context = source.pick((1, 2, 4, 5))
    stride, length = source.pick(range(1, context + 1)), source.pick(range(1, 12))
    start = 0
    while length - start > context:
        start += stride
    yield Trial(
        says=f"`window_start({length}, {context}, {stride})`",
        lines=(),
        shown=f"window_start({length}, {context}, {stride})",
        right=start,
        names=(f"{_FILE}.window_start",),
    )


def _same(source: Source) -> Iterator[Trial]:
    """The tokens of the model itself, beyond its context too; asked twice; asked about others."""
    write = "def write(by): return [by.generate([1, 2], 6, seed=seed) for seed in range(4)]"
    yield Trial(
        says=f"`KVCache` of `{made(2)}`",
        fault="does not write the tokens that the model writes",
        lines=(*model_lines(2), "cache = KVCache(model)", write),
        shown="write(cache) == write(model)",
        right=True,
        names=_CACHE,
        label="that they are the same",
    )
    values = filled(gpt_shapes(1, False))
    lines = [*model_lines(1), "cache = KVCache(model)"]
    for asked in ([1, 2], [1, 2], [1, 3], [4], [1, 2, 3], [0, 1, 2, 3]):
        last = np.array([asked[-LONGEST:]])
        yield Trial(
            says=f"`next_logits({asked})` of a KVCache that was asked before",
            lines=tuple(lines),
            shown=f"cache.next_logits({asked})",
            right=scores(last, values, 1)[0, -1],
            names=_CACHE,
            tolerance=5e-3,
        )
        lines.append(f"cache.next_logits({asked})")


def _many(source: Source) -> Iterator[Trial]:
    """Each text as it would become alone."""
    count, length = source.pick((1, 2, 0)), source.pick((1, 2))
    options = source.pick(("", ", temperature=0", ", temperature=5.0", ", top_k=2"))
    prompts = [[source.pick(range(WORDS)) for _ in range(length)] for _ in range(2)]
    seeds = [source.pick((3, 4)), source.pick((5, 6))]
    told = f"{prompts}, {count}{options}, seeds={seeds}"
    alone = [
        f"write_many(KVCache(model), [{prompt}], {count}{options}, seeds=[{seed}])[0].tolist()"
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    yield Trial(
        says=f"`write_many(KVCache(model, 2), {told})`",
        fault="does not write what each text becomes alone",
        lines=(
            *model_lines(1),
            f"both = write_many(KVCache(model, 2), {told}).tolist()",
            f"alone = [{', '.join(alone)}]",
        ),
        shown="both == alone",
        right=True,
        names=(*_CACHE, f"{_FILE}.write_many"),
        label="that it does",
    )
    values = filled(gpt_shapes(1, False))
    expected = [list(prompt) for prompt in prompts]
    for text in expected:
        for _ in range(count):
            text.append(int(scores(np.array([text]), values, 1)[0, -1].argmax()))
    yield Trial(
        says=f"`write_many(KVCache(model, 2), {prompts}, {count}, temperature=0)`",
        lines=tuple(model_lines(1)),
        shown=f"write_many(KVCache(model, 2), {prompts}, {count}, temperature=0)",
        right=np.array(expected),
        names=(*_CACHE, f"{_FILE}.write_many"),
    )


CLAIMS = [
    Claim("18 put", "18", "18.put", _put, tries=12),
    Claim("18 attend_new", "18", "18.attend", _attend, tries=24),
    Claim("18 folded", "18", "18.fold", _fold, tries=16),
    Claim("18 read_block", "18", "18.block", _block, tries=6),
    Claim("18 read", "18", "18.read", _read, tries=10),
    Claim("18 read refuses", "18", "", _no_room, tries=1),
    Claim("18 agreeing", "18", "18.agree", _agree, tries=60),
    Claim("18 window_start", "18", "18.window", _window, tries=40),
    Claim("18 write_many", "18", "18.many", _many, tries=24),
    Claim("18 KVCache writes", "18", "18.read", _same, tries=1),
]
