"""Claims about module 10: bytes and characters, pairs that are joined, and texts that come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tinytorch_milestones.diagnosis.claims import Claim
from tinytorch_milestones.diagnosis.source import Source
from tinytorch_milestones.diagnosis.trial import Raises, Trial
from tinytorch_milestones.training import language_oracle as right
from tinytorch_milestones.training.language_oracle import Pair

_FILE = "core.tokenization"
_PLAIN = ("a", "b", "c")
_ANY = ("a", "b", " ", "é", "1", "!", "\n", "東", "🙂", "_", "\x00", "\ud800")
"""One, two, three and four bytes, all kinds of words, and half of a surrogate pair."""
_FIRST = 256  # the first token that is no byte


def _text(source: Source, letters: Sequence[str] = _ANY, most: int = 5) -> str:
    return "".join(source.pick(letters) for _ in range(source.pick(range(most + 1))))


def _sentence(source: Source) -> str:
    """Short words of few letters, so that pairs come again."""
    count = source.pick((1, 2, 3, 4, 5, 6))
    return " ".join(source.pick(_PLAIN) + _text(source, _PLAIN, 4) for _ in range(count))


def _words(source: Source) -> tuple[list[list[int]], list[int]]:
    """Distinct words as tokens 1 to 3, and how often each occurs."""
    count = source.pick((1, 2, 3, 4))
    words = [
        [source.pick((1, 2, 3)) for _ in range(source.pick((2, 3, 4, 5)))] for _ in range(count)
    ]
    words = [list(word) for word in dict.fromkeys(map(tuple, words))]
    return words, [source.pick((1, 2, 3)) for _ in words]


def _counted(words: Sequence[Sequence[int]], repeats: Sequence[int]) -> Counter[Pair]:
    counts: Counter[Pair] = Counter()
    for word, times in zip(words, repeats, strict=True):
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def _best(words: Sequence[Sequence[int]], repeats: Sequence[int]) -> tuple[Pair, int] | None:
    """The pair to join next and its count: the most frequent, of equal ones the smallest."""
    frequent = [(-count, pair) for pair, count in _counted(words, repeats).items() if count > 1]
    return (min(frequent)[1], -min(frequent)[0]) if frequent else None


# bytes and characters


def _bytes(source: Source) -> Iterator[Trial]:
    """Every text comes back, and damage costs no more than what is damaged."""
    text = _text(source)
    whole = text.encode("utf-8", "surrogatepass")
    yield _decoded(whole, text)
    before, after = (_text(source, ("a", "é", "🙂"), 2) for _ in range(2))
    yield _decoded(before.encode() + b"\xff" + after.encode(), f"{before}\ufffd{after}")


def _decoded(data: bytes, text: str) -> Trial:
    return Trial(
        says=f"`to_text({data!r})`",
        lines=(f"text = to_text({data!r})",),
        shown="ascii(text)",
        right=ascii(text),
        names=(f"{_FILE}.to_text",),
    )


def _characters(source: Source) -> Iterator[Trial]:
    """Known characters by their place in order, others as two halves of each byte."""
    known, text = _text(source, _ANY[:8], 3), _text(source, most=3)
    characters = sorted(set(known))
    tokens: list[int] = []
    for character in text:
        if character in characters:
            tokens.append(characters.index(character))
        else:
            for byte in character.encode("utf-8", "surrogatepass"):
                tokens += [len(characters) + half for half in divmod(byte, 16)]
    made = f"CharTokenizer({known!a})"
    for what, shown, expected in (
        (f"encode({text!a})", "list({})", tokens),
        ("vocab_size", "{}", len(characters) + 16),
        (f"decode({tokens})", "ascii({})", ascii(text)),
    ):
        yield Trial(
            says=f"`{made}.{what}`",
            lines=(f"tokenizer = {made}",),
            shown=shown.format(f"tokenizer.{what}"),
            right=expected,
            names=("CharTokenizer",),
        )


def _no_character(source: Source) -> Iterator[Trial]:
    """Tokens that the vocabulary has not."""
    for tokens in ([18], [-1]):
        yield Trial(
            says=f"`CharTokenizer('ab').decode({tokens})`",
            lines=("tokenizer = CharTokenizer('ab')",),
            shown=f"ascii(tokenizer.decode({tokens}))",
            right=Raises("ValueError"),
            names=("CharTokenizer",),
        )


# pairs


def _pairs(source: Source) -> Iterator[Trial]:
    words, repeats = _words(source)
    yield Trial(
        says=f"`count_pairs({words}, {repeats})`",
        lines=(f"counts = count_pairs({words}, {repeats})",),
        shown="sorted(counts.items())",
        right=sorted(_counted(words, repeats).items()),
        names=(f"{_FILE}.count_pairs",),
        label="the counts",
    )


def _merge(source: Source) -> Iterator[Trial]:
    tokens = [source.pick((1, 2)) for _ in range(source.pick(range(7)))]
    pair = (1, source.pick((2, 1)))
    lines = (f"tokens = {tokens}", f"merged = merge_pair(tokens, {pair}, {_FIRST})")
    for shown, expected, fault in (
        ("list(merged)", right.joined(tokens, pair, _FIRST), ""),
        ("tokens", tokens, "changes the tokens it is given"),
    ):
        yield Trial(
            says=f"`merge_pair({tokens}, {pair}, {_FIRST})`",
            fault=fault,
            lines=lines,
            shown=shown,
            right=expected,
            names=(f"{_FILE}.merge_pair",),
        )


def _index(source: Source) -> Iterator[Trial]:
    """Words, counts and what changed, after one merge and after two."""
    words, repeats = _words(source)
    made = f"PairIndex({words}, {repeats})"
    lines = [f"index = {made}"]
    for number in range(2):
        before = _counted(words, repeats)
        if not before:
            return
        pair = sorted(before, reverse=True)[source.pick(range(len(before)))]
        token = _FIRST + number
        lines.append(f"changed = index.merge({pair}, {token})")
        words = [right.joined(word, pair, token) for word in words]
        after = _counted(words, repeats)
        changed = sorted(p for p in {*before, *after} if before[p] != after[p])
        for shown, expected, label in (
            ("[list(word) for word in index.words]", words, "words"),
            (
                "sorted((pair, n) for pair, n in index.counts.items() if n)",
                sorted((p, n) for p, n in after.items() if n),
                "counts",
            ),
            ("sorted(set(changed))", changed, "the changed pairs"),
        ):
            yield Trial(
                says=f"`{made}.merge({pair}, {token})`" + (", the second merge," if number else ""),
                lines=tuple(lines),
                shown=shown,
                right=expected,
                names=(f"{_FILE}.PairIndex",),
                label=label,
            )


def _learn(source: Source) -> Iterator[Trial]:
    """The most frequent pair again and again, each with its count."""
    words, repeats = _words(source)
    most = source.pick((1, 2, 3, 5, 9))
    made = f"PairIndex({words}, {repeats})"
    lines = (f"index = {made}", f"learned = learn_merges(index, {_FIRST}, {_FIRST + most})")
    expected: list[tuple[Pair, int]] = []
    while len(expected) < most and (best := _best(words, repeats)):
        words = [right.joined(word, best[0], _FIRST + len(expected)) for word in words]
        expected.append(best)
    yield Trial(
        says=f"`learn_merges({made}, {_FIRST}, {_FIRST + most})`",
        lines=lines,
        shown="list(learned)",
        right=expected,
        names=(f"{_FILE}.PairIndex", f"{_FILE}.learn_merges"),
        label="pairs and counts",
    )


def _merges(source: Source) -> list[Pair]:
    """Pairs of a and b and of what was joined before."""
    found: list[Pair] = []
    for number in range(source.pick((1, 2, 3, 4))):
        known = (97, 98, *range(_FIRST, _FIRST + number))
        pair = (source.pick(known), source.pick(known))
        if pair in found:
            break
        found.append(pair)
    return found


def _word(source: Source) -> Iterator[Trial]:
    """Merges in the order in which they were learned, not in that of the word."""
    pairs = _merges(source)
    tokens = [source.pick((97, 98)) for _ in range(source.pick((1, 2, 3, 4, 5)))]
    expected = tokens
    for number, pair in enumerate(pairs):
        expected = right.joined(expected, pair, _FIRST + number)
    numbered = {pair: _FIRST + number for number, pair in enumerate(pairs)}
    yield Trial(
        says=f"`merge_word({tokens}, {numbered})`",
        lines=(f"merges = {numbered}",),
        shown=f"list(merge_word({tokens}, merges))",
        right=expected,
        names=(f"{_FILE}.merge_word",),
    )


# the tokenizer


def _trained(source: Source) -> Iterator[Trial]:
    """Merges in order, how many there are, and that a second training begins anew."""
    text, most = _sentence(source), source.pick((1, 2, 3, 8))
    expected = right.merges(right.words_of(text), most)
    lines = ["tokenizer = BPETokenizer()", f"tokenizer.train({text!r}, {_FIRST + most})"]
    if source.pick((False, True)):
        lines.insert(1, f"tokenizer.train('cd cd', {_FIRST + 1})")
    for shown, value, label in (
        ("list(tokenizer.merges)", expected, "merges"),
        ("tokenizer.vocab_size", _FIRST + len(expected), "vocab_size"),
    ):
        yield Trial(
            says=f"`BPETokenizer`, trained on {text!r} to {_FIRST + most} tokens,",
            lines=tuple(lines),
            shown=shown,
            right=value,
            names=("BPETokenizer",),
            label=label,
        )


def _encoded(source: Source) -> Iterator[Trial]:
    """Word by word, the second time as well."""
    pairs, text = _merges(source), _sentence(source)
    expected = right.encoded(right.words_of(text), pairs)
    lines = [f"tokenizer = BPETokenizer({pairs})"]
    call = f"list(tokenizer.encode({text!r}))"
    says = f"`BPETokenizer({pairs}).encode({text!r})`"
    yield Trial(says=says, lines=tuple(lines), shown=call, right=expected, names=("BPETokenizer",))
    lines.append(f"tokenizer.encode({text!r}).append(0)")
    yield Trial(
        says=says,
        fault="gives something else once its first result was changed: both are one list",
        lines=tuple(lines),
        shown=call,
        right=expected,
        names=("BPETokenizer",),
        label="the second",
    )


def _returned(source: Source) -> Iterator[Trial]:
    """`decode(encode(x)) == x`, before training and after."""
    text = _text(source)
    pairs = _merges(source) if source.pick((False, True)) else []
    # what the tokens of é are joined to, when they are
    pairs = [(195, 169)] if source.pick((False, True)) else pairs
    given = str(pairs) if pairs else ""
    yield Trial(
        says=f"`decode(encode({text!a}))` of `BPETokenizer({given})`",
        lines=(f"tokenizer = BPETokenizer({given})", f"tokens = tokenizer.encode({text!a})"),
        shown="ascii(tokenizer.decode(tokens))",
        right=ascii(text),
        names=("BPETokenizer",),
    )


def _damaged(source: Source) -> Iterator[Trial]:
    for call, shown, expected in (
        ("decode([257])", "{}", Raises("ValueError")),
        ("decode([-1])", "{}", Raises("ValueError")),
        ("train('ab', 255)", "{}", Raises("ValueError")),
        ("decode([256, 255])", "ascii({})", "'ab\\ufffd'"),
    ):
        yield Trial(
            says=f"`BPETokenizer([(97, 98)]).{call}`",
            lines=("tokenizer = BPETokenizer([(97, 98)])",),
            shown=shown.format(f"tokenizer.{call}"),
            right=expected,
            names=("BPETokenizer",),
        )


CLAIMS = [
    Claim("10 to_text", "10", "10.bytes", _bytes, tries=30),
    Claim("10 CharTokenizer", "10", "10.characters", _characters, tries=30),
    Claim("10 CharTokenizer refuses", "10", "", _no_character, tries=1),
    Claim("10 count_pairs", "10", "10.pairs", _pairs, tries=20),
    Claim("10 merge_pair", "10", "10.merge", _merge, tries=40),
    Claim("10 PairIndex", "10", "10.index", _index, tries=40),
    Claim("10 learn_merges", "10", "10.learn", _learn, tries=40),
    Claim("10 merge_word", "10", "10.word", _word, tries=80),
    Claim("10 BPETokenizer encodes", "10", "10.tokenizer", _encoded, tries=20),
    Claim("10 BPETokenizer returns", "10", "10.tokenizer", _returned, tries=30),
    Claim("10 BPETokenizer refuses", "10", "10.tokenizer", _damaged, tries=1),
    Claim("10 BPETokenizer learns", "10", "10.learn", _trained, tries=20),
]
