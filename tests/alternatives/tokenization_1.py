"""A whole export: merges by str.replace, everything counted anew each time, no heap, no index."""

import codecs
import re
from collections import OrderedDict, defaultdict
from functools import reduce

import numpy as np

from .tensor import Tensor

KINDS = re.compile(
    r" ?(?:[^\W\d_]{1,32}|\d{1,32}|[^\s\w]{1,32}|_{1,32})|\s{1,32}(?!\S)|\s", re.UNICODE
)


def _mended(error):
    """Halves of surrogate pairs pass, one at a time; anything else becomes a sign."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError:
        return codecs.replace_errors(error)


codecs.register_error("mended", _mended)


def to_bytes(text):
    return b"".join(character.encode("utf-8", "surrogatepass") for character in text)


def to_text(data):
    return codecs.decode(bytes(data), "utf-8", "mended")


def _checked(tokens, size):
    values = tokens.numpy() if isinstance(tokens, Tensor) else tokens
    found = []
    for value in values:
        if not isinstance(value, (int, np.integer)) or value not in range(size):
            raise ValueError(f"{value} is none of {size} tokens")
        found.append(int(value))
    return found


class CharTokenizer:
    """The 16 halves are characters of a private alphabet; encoding is a translation."""

    def __init__(self, text=""):
        self.alphabet = "".join(sorted(OrderedDict.fromkeys(text)))
        self.table = dict(zip(self.alphabet, range(len(self.alphabet)), strict=True))

    @property
    def vocab_size(self):
        return 16 + len(self.alphabet)

    def encode(self, text):
        n = len(self.alphabet)
        return [
            token
            for x in text
            for token in (
                (self.table[x],)
                if x in self.table
                else tuple(n + int(digit, 16) for digit in to_bytes(x).hex())
            )
        ]

    def decode(self, tokens):
        n = len(self.alphabet)
        digits = ""
        for token in _checked(tokens, self.vocab_size):
            if token < n:
                # a lonely half in front makes an odd number of digits
                digits += "" if len(digits) % 2 == 0 else "f"
                digits += to_bytes(self.alphabet[token]).hex()
            else:
                digits += "0123456789abcdef"[token - n]
        return to_text(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def split_words(text):
    return [match.group() for match in KINDS.finditer(text)]


def count_pairs(words, repeats):
    found = defaultdict(int)
    for word, times in zip(words, repeats, strict=False):
        for i in range(1, len(word)):
            found[word[i - 1], word[i]] += times
    return found


def merge_pair(tokens, pair, merged):
    text = "".join(chr(token) for token in tokens)
    return [ord(x) for x in text.replace("".join(map(chr, pair)), chr(merged))]


class PairIndex:
    """Counts everything anew after each merge; places are found anew as well."""

    def __init__(self, words, repeats):
        self.words = [list(word) for word in words]
        self.repeats = tuple(repeats)
        self._look()

    def _look(self):
        self.counts = count_pairs(self.words, self.repeats)
        self.places = defaultdict(set)
        for number, word in enumerate(self.words):
            for i in range(len(word) - 1):
                self.places[word[i], word[i + 1]].add(number)

    def merge(self, pair, merged):
        before = dict(self.counts)
        self.words = [merge_pair(word, pair, merged) for word in self.words]
        self._look()
        return [
            other
            for other in {*before, *self.counts}
            if before.get(other, 0) != self.counts.get(other, 0)
        ]


def learn_merges(index, token, end):
    for number in range(token, end):
        found = [(-count, pair) for pair, count in index.counts.items() if count > 1]
        if not found:
            break
        negative, pair = sorted(found)[0]
        index.merge(pair, number)
        yield pair, -negative


def merge_word(tokens, merges):
    """All merges, one after the other."""
    return reduce(lambda word, pair: merge_pair(word, pair, merges[pair]), merges, list(tokens))


class BPETokenizer:
    """Pieces are kept by token in a dictionary; a cache of words as tuples."""

    most_cached = 1000

    def __init__(self, merges=()):
        self.merges, self.cache = {}, {}
        self.pieces = {byte: bytes((byte,)) for byte in range(256)}
        for left, right in merges:
            token = len(self.pieces)
            self.merges[left, right] = token
            self.pieces[token] = self.pieces[left] + self.pieces[right]

    @property
    def vocab_size(self):
        return 256 + len(self.merges)

    def train(self, text, vocab_size, on_merge=None):
        if vocab_size < 256:
            raise ValueError(f"{vocab_size} tokens are fewer than there are bytes")
        repeats = defaultdict(int)
        for word in split_words(text):
            repeats[word] += 1
        index = PairIndex([to_bytes(word) for word in repeats], repeats.values())
        learned = []
        for pair, count in learn_merges(index, 256, vocab_size):
            learned.append(pair)
            if on_merge:
                self.__init__(learned)
                on_merge(self.vocab_size - 1, count)
        self.__init__(learned)

    def _tokens(self, word):
        if word not in self.cache:
            while len(self.cache) >= self.most_cached:
                self.cache.pop(next(iter(self.cache)))  # the oldest one
            self.cache[word] = tuple(merge_word(to_bytes(word), self.merges))
        return self.cache[word]

    def encode(self, text):
        return [token for word in split_words(text) for token in self._tokens(word)]

    def decode(self, tokens):
        data = bytearray()
        for token in _checked(tokens, self.vocab_size):
            data.extend(self.pieces[token])
        return to_text(data)
