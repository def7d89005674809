"""Mistakes in `core/tokenization.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_STRICT = 'return data.decode("utf-8", errors="surrogatepass")'
_MEND = 'return data.decode("utf-8", errors="replace")'
_KNOWN = "tokens.append(self.numbers[character])"
_HALVES = "tokens += [halves + byte // 16, halves + byte % 16]"
_SPELL = "for byte in to_bytes(character):"
_COUNT = "counts[pair] = counts.get(pair, 0) + times"
_FOUND = "if tokens[i] == pair[0] and i + 1 < len(tokens) and tokens[i + 1] == pair[1]:"
_TWO = "            i += 2\n"
_KEEP = "            self.words[number] = word\n"
_GONE = "changes[before] -= times"
_COME = "changes[after] += times"
_NEW = "                if merged in after:\n"
_PLACE = "self.places.setdefault(after, set()).add(number)"
_OLD = "        if count != -negative:"
_ONCE = "        if count < 2:\n            return\n"
_PUSH = "heappush(queue, (-index.counts[changed], changed))"
_NONE = "        if not known:\n            return tokens\n"
_EARLIEST = "earliest = min(known, key=merges.__getitem__)"
_JOIN = "tokens = merge_pair(tokens, earliest, merges[earliest])"
_FULL = "                if len(self.cache) >= self.most_cached:\n"
_REMEMBER = "self.cache[word] = merge_word(list(to_bytes(word)), self.merges)"
_ADD = "            tokens += self.cache[word]\n"
_DECODE = 'return to_text(b"".join([self.pieces[token] for token in tokens]))'

_BYTES = [
    ("damage-raises", _MEND, "raise", "bytes that are no text stop the program"),
    ("damage-dropped", _MEND, _MEND.replace("replace", "ignore"), "damage disappears silently"),
    ("everything-lost", _MEND, 'return "\\ufffd"', "one bad byte costs the whole text"),
    ("halves-refused", _STRICT, 'return data.decode("utf-8")', "halves of pairs become signs"),
    (
        "escaped",
        _MEND,
        _MEND.replace("replace", "backslashreplace"),
        "damaged bytes become the letters of a number",
    ),
    ("latin", _STRICT, 'return data.decode("latin-1")', "each byte becomes a character"),
]
_CHARACTERS = [
    ("code-points", _KNOWN, "tokens.append(ord(character))", "a character's number is its token"),
    (
        "halves-exchanged",
        _HALVES,
        "tokens += [halves + byte % 16, halves + byte // 16]",
        "the smaller half first",
    ),
    (
        "halves-among-characters",
        _HALVES,
        "tokens += [byte // 16, byte % 16]",
        "the halves use the tokens of characters",
    ),
    (
        "bytes-whole",
        _HALVES,
        "tokens.append(halves + byte)",
        "a token for each byte, beyond the vocabulary",
    ),
    (
        "first-byte-only",
        _SPELL,
        "for byte in to_bytes(character)[:1]:",
        "what is not ASCII loses bytes",
    ),
    ("code-point-spelled", _SPELL, "for byte in [ord(character)]:", "only numbers below 256 fit"),
    ("unknown-dropped", _HALVES, "pass", "unknown characters are left out"),
]
_PAIRS = [
    ("repeats-ignored", _COUNT, "counts[pair] = counts.get(pair, 0) + 1", "each word counts once"),
    ("last-word-wins", _COUNT, "counts[pair] = times", "a later word overwrites the count"),
    (
        "repeats-multiplied",
        _COUNT,
        "counts[pair] = counts.get(pair, 1) * times",
        "repeats are multiplied",
    ),
    (
        "pairs-once-a-word",
        "        for pair in pairwise(word):\n            counts",
        "        for pair in set(pairwise(word)):\n            counts",
        "a pair that stands twice in a word counts once",
    ),
    (
        "pairs-unordered",
        _COUNT,
        "pair = min(pair), max(pair)\n            " + _COUNT,
        "(a, b) and (b, a) are counted together",
    ),
]
_MERGE = [
    ("half-used-twice", _TWO, "            i += 1\n", "the right half is copied as well"),
    (
        "first-only",
        _TWO,
        "            return result + tokens[i + 2 :]\n",
        "only the first place is joined",
    ),
    (
        "end-unguarded",
        _FOUND,
        "if tokens[i] == pair[0] and tokens[i + 1] == pair[1]:",
        "reads behind the last token",
    ),
    (
        "last-token-lost",
        "while i < len(tokens):",
        "while i < len(tokens) - 1:",
        "the walk stops before the last token",
    ),
    (
        "either-order",
        _FOUND,
        "if i + 1 < len(tokens) and {tokens[i], tokens[i + 1]} == set(pair):",
        "(b, a) is joined as well",
    ),
    (
        "left-half-enough",
        _FOUND,
        "if tokens[i] == pair[0] and i + 1 < len(tokens):",
        "the right half is not compared",
    ),
]
_INDEX = [
    ("index-words-kept", _KEEP, "", "the words stay as they were"),
    ("index-old-kept", _GONE, "pass", "old pairs are never taken off"),
    ("index-new-missing", _COME, "pass", "new pairs are never counted"),
    ("index-one-each", _COME, "changes[after] += 1", "a word counts once, however often it occurs"),
    ("index-one-off", _GONE, "changes[before] -= 1", "a word is taken off once"),
    ("index-places-missing", _PLACE, "pass", "words with new pairs are not found again"),
    (
        "index-places-left-only",
        _NEW,
        "                if merged == after[0]:\n",
        "only pairs that begin with the new token are noted",
    ),
    (
        "index-sign",
        _GONE,
        "changes[before] += times",
        "old pairs are added once more",
    ),
]
_LEARN = [
    ("old-entries-used", _OLD, "        if count == 0:", "an entry with an old count is taken"),
    ("nothing-pushed", _PUSH, "pass", "pairs with new tokens never come up"),
    ("pushed-positive", _PUSH, _PUSH.replace("-index", "index"), "changed pairs come up last"),
    ("once-is-enough", _ONCE, "        if count < 1:\n            return\n", "learns by heart"),
    ("thrice-at-least", _ONCE, _ONCE.replace("2", "3"), "stops while pairs occur twice"),
    (
        "always-one-token",
        "index.merge(pair, token)",
        "index.merge(pair, 256)",
        "every merge makes the same token",
    ),
    ("never-a-heap", "heapify(queue)", "pass", "the first entry is taken for the best"),
    (
        "counted-once",
        "for changed in index.merge(pair, token):",
        "for changed in index.merge(pair, token)[:1]:",
        "only one of the pairs that changed is pushed",
    ),
    (
        "rarest-first",
        "queue = [(-count, pair)",
        "queue = [(count, pair)",
        "the smallest count comes first",
    ),
]
_WORD = [
    ("from-the-left", _EARLIEST, "earliest = known[0]", "joins what comes first in the word"),
    (
        "latest-first",
        _EARLIEST,
        "earliest = max(known, key=merges.__getitem__)",
        "joins what was learned last",
    ),
    ("smallest-pair", _EARLIEST, "earliest = min(known)", "orders pairs, not merges"),
    (
        "one-merge-only",
        _JOIN,
        "return merge_pair(tokens, earliest, merges[earliest])",
        "stops after one merge",
    ),
    ("no-merges", _NONE, "        return tokens\n", "a word stays bytes"),
]
_TOKENIZER = [
    (
        "cache-shared",
        _ADD,
        "            tokens = tokens + self.cache[word] if tokens else self.cache[word]\n",
        "the caller gets the cache's own list",
    ),
    ("cache-grows", _FULL, "                if False:\n", "the cache has no limit"),
    ("cache-forgotten", "if word not in self.cache:", "if True:", "nothing is looked up"),
    (
        "cache-empty",
        _REMEMBER + "\n" + _ADD,
        "pass\n            tokens += merge_word(list(to_bytes(word)), self.merges)\n",
        "nothing is remembered",
    ),
    (
        "code-points-encoded",
        _REMEMBER,
        "self.cache[word] = merge_word([ord(x) for x in word], self.merges)",
        "numbers of characters for bytes",
    ),
    (
        "half-characters",
        _DECODE,
        'return "".join(to_text(self.pieces[token]) for token in tokens)',
        "text is made of each token alone",
    ),
    (
        "spaces-between",
        _DECODE,
        _DECODE.replace('b""', 'b" "'),
        "a space between any two tokens",
    ),
    (
        "not-flat",
        _ADD,
        "            tokens.append(self.cache[word])\n",
        "a list of lists",
    ),
    ("merges-unused", "word)), self.merges)", "word)), {})", "what was learned is not used"),
]

MUTANTS = [
    Mutant(name, "10_tokenization", old, new, wrong)
    for group in (_BYTES, _CHARACTERS, _PAIRS, _MERGE, _INDEX, _LEARN, _WORD, _TOKENIZER)
    for name, old, new, wrong in group
]
