"""Claims about module 20: examples of a text, scores, text piece by piece, drift, and all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.packing import in_a_folder
from tinytorch_milestones.diagnosis.source import Array, Source
from tinytorch_milestones.diagnosis.trial import Raises, Trial, literal

_FILE = "tinygpt"


def _batches(source: Source) -> Iterator[Trial]:
    """Every piece that fits, each with what comes after it."""
    length = source.pick((2, 1, 3, 4))
    count, seed = source.pick(range(length + 1, 12)), source.pick((0, 1))
    starts = range(0, count - length, max(1, length // 2))
    pieces = [list(range(10 + start, 11 + start + length)) for start in starts]
    call = f"batches_of(np.arange(10, {10 + count}), {length}, 2, seed={seed})"
    lines = (
        f"loader = {call}",
        "found = [(x.tolist(), y.tolist()) for a, b in loader for x, y in zip(a.data, b.data)]",
    )
    yield Trial(
        says=f"`{call}`",
        lines=lines,
        shown="sorted(found)",
        right=[(piece[:-1], piece[1:]) for piece in pieces],
        names=(f"{_FILE}.batches_of",),
        label="inputs and targets",
    )


def _shuffled(source: Source) -> Iterator[Trial]:
    call = "batches_of(np.arange(40), 2, 4, seed={})"
    lines = (
        "def order(loader): return [int(row[0]) for x, _ in loader for row in x.data]",
        f"loader = {call.format(1)}",
    )
    for shown, right, fault in (
        ("order(loader) == order(loader)", False, "gives the same order in every epoch"),
        ("order(loader) == sorted(order(loader))", False, "does not shuffle"),
        (
            f"order(loader) == order({call.format(1)})",
            True,
            "gives another order for the same seed",
        ),
    ):
        yield Trial(
            says="`batches_of`",
            fault=fault,
            lines=lines,
            shown=shown,
            right=right,
            names=(f"{_FILE}.batches_of",),
            label="that both are the same",
        )
    yield Trial(
        says="`batches_of` of 4 tokens in pieces of 4",
        lines=(),
        shown="batches_of(np.arange(4), 4)",
        right=Raises("ValueError"),
        names=(f"{_FILE}.batches_of",),
    )


def _score(source: Source) -> Iterator[Trial]:
    """A model that knows for each token what comes next, and forgets half while it learns."""
    text = "".join(source.pick("ab") for _ in range(source.pick((2, 4, 5, 8))))
    tokens = ["ab".index(letter) for letter in text]
    table = np.cos(np.arange(18.0 * 18) ** 2).reshape(18, 18)  # two letters and sixteen halves
    rows = table[tokens[:-1]]
    nats = np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(len(rows)), tokens[1:]]
    loss = float(nats.mean())
    lines = (
        "class Says(Layer):",
        "    context_length = 3",
        "    def __init__(self): self.drop = Dropout(0.5)",
        "    def forward(self, x): return self.drop(Tensor(table[x.data.astype(int)]))",
        "table = np.cos(np.arange(18.0 * 18) ** 2).reshape(18, 18).astype('float32')",
    )
    for name, right in (
        ("loss", loss),
        ("perplexity", math.exp(loss)),
        ("bits_per_character", float(nats.sum()) / math.log(2) / (len(text) - 1)),
    ):
        yield Trial(
            says=f"`score` of {text!r}, by a model that reads 3 letters,",
            lines=lines,
            shown=f"score(Says(), CharTokenizer('ab'), {text!r})[{name!r}]",
            right=np.float64(right),
            names=("CharTokenizer", "Dropout", "Layer", "Tensor", f"{_FILE}.score"),
            label=name,
            tolerance=1e-3,
        )


def _streamed(source: Source) -> Iterator[Trial]:
    """Characters as soon as they are whole; what breaks off comes at the end."""
    text = "".join(source.pick(("a", "b", "é", "猫", "🐈")) for _ in range(source.pick((1, 2, 3))))
    kind, made = source.pick((("BPETokenizer", ""), ("CharTokenizer", "'ab'")))
    broken = kind == "BPETokenizer" and source.pick((False, True))
    more, pieces = (" + [195]", [*text, "\ufffd"]) if broken else ("", list(text))
    yield Trial(
        says=f"`as_text` of the tokens of {text!r}{more}, one by one,",
        lines=(f"tokenizer = {kind}({made})", f"tokens = list(tokenizer.encode({text!r})){more}"),
        shown="list(as_text(tokenizer, iter(tokens)))",
        right=pieces,
        names=(kind, f"{_FILE}.as_text"),
        label="pieces",
    )


# drift


def _bits(counts: Array, expected: Array) -> float:
    p, q = counts / counts.sum(), expected / expected.sum()
    total = 0.0
    for share in (p, q):
        for mine, one, other in zip(share, p, q, strict=True):
            total += 0.0 if mine == 0 else mine * math.log2(2 * mine / (one + other)) / 2
    return total


def _divergence(source: Source) -> Iterator[Trial]:
    size = source.pick((2, 3))
    counts, expected = (
        np.array([source.pick((1, 0, 2, 5)) for _ in range(size)]) for _ in range(2)
    )
    counts[0] += not counts.any()
    expected[-1] += not expected.any()
    yield Trial(
        says=f"`divergence({literal(counts)}, {literal(expected)})`",
        lines=(f"a, b = np.array({literal(counts)}), np.array({literal(expected)})",),
        shown="divergence(a, b)",
        right=np.float64(_bits(counts, expected)),
        names=(f"{_FILE}.divergence",),
        kept={"a": counts, "b": expected},
    )


def _threshold(source: Source) -> Iterator[Trial]:
    """Of all windows, each begun an eighth after the one before it."""
    count, window = source.pick((4, 9, 20)), source.pick((1, 2, 4, 16))
    window, quantile = min(window, count), source.pick((0.5, 0.99))
    tokens = np.array([source.pick((0, 1, 2)) for _ in range(count)])
    expected = np.array([3, 2, 1])
    found = [
        _bits(np.bincount(tokens[start : start + window], minlength=3), expected)
        for start in range(0, count - window + 1, max(1, window // 8))
    ]
    yield Trial(
        says=f"`drift_threshold({literal(tokens)}, [3, 2, 1], {window}, {quantile})`",
        lines=(f"tokens = np.array({literal(tokens)})",),
        shown=f"drift_threshold(tokens, np.array([3, 2, 1]), {window}, {quantile})",
        right=np.float64(np.quantile(found, quantile)),
        names=(f"{_FILE}.drift_threshold",),
        kept={"tokens": tokens},
    )


# all of it

_GPT = (
    "words = 'the cat sat on the mat. '",
    "gpt = TinyGPT(words, 8, 8, 2, 1, vocab_size=None)",
    "steps = len(list(gpt.fit(words * 8, epochs=1)))",
    "gpt.watch(words * 8, window=16)",
    "same = TinyGPT.load(gpt.save(home / 'gpt'))",
)


def _whole(source: Source) -> Iterator[Trial]:
    """Trained, watched, saved and loaded, it writes what it wrote."""
    written = "generate('the ', 12, seed=1)"
    for shown, right, fault, label in (
        (f"gpt.{written} == same.{written}", True, "writes something else", "that it is equal"),
        (
            "bool(np.array_equal(gpt.counts, same.counts))",
            True,
            "has other counts",
            "that they are equal",
        ),
        (
            "same.monitor is not None and same.monitor.threshold == gpt.monitor.threshold",
            True,
            "does not watch as before",
            "that it does",
        ),
        ("gpt.quantize(words).precision", "int8", "cannot be quantized", "its precision"),
    ):
        yield Trial(
            says="`TinyGPT`, saved and loaded,",
            fault=fault,
            lines=in_a_folder(_GPT, shown),
            shown="found",
            right=right,
            names=("TinyGPT",),
            label=label,
        )


CLAIMS = [
    Claim("20 batches_of", "20", "20.batches", _batches, tries=16),
    Claim("20 batches_of in order", "20", "20.batches", _shuffled, tries=1),
    Claim("20 score", "20", "20.score", _score, tries=8),
    Claim("20 as_text", "20", "20.stream", _streamed, tries=30),
]
WATCHING = [
    Claim("20 divergence", "20", "20.drift", _divergence, tries=24),
    Claim("20 drift_threshold", "20", "20.drift", _threshold, tries=16),
    Claim("20 TinyGPT", "20", "", _whole, tries=1),
]
