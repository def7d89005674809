"""Mistakes in `core/attention.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_PAIR = "scores[j] = q[i] @ k[j] / math.sqrt(d)"
_SHARES = "shares = np.exp(scores - scores.max())"
_MASK = "return np.tril(np.ones((length, length), dtype=bool))"
_HIDE = "np.copyto(scores, -np.inf, where=~mask)"
_SHIFT = "scores -= row_max(scores)"
_DIVIDE = "scores /= row_sum(scores)"
_SCORES = "scores = q @ np.swapaxes(k, -1, -2)\n"
_SCALE = "    scores *= 1 / math.sqrt(q.shape[-1])\n"
_WEIGHTS = "weights = softmax_rows(scores, mask)"
_OUTPUT = "return np.matmul(weights, v, out=out), weights"
_SLOPE = "slope = g @ np.swapaxes(v, -1, -2)"
_MEAN = 'slope -= np.einsum("...ij,...ij->...i", slope, weights)[..., np.newaxis]'
_TIMES = "slope *= weights\n"
_FACTOR = "slope *= 1 / math.sqrt(q.shape[-1])\n"
_SPLIT = "return x.reshape(b, t, parts, heads, d).transpose(2, 0, 3, 1, 4)"
_ROWS = "rows = self.qkv(x.reshape(b * t, dim))"
_MIXED = "mixed = function(rows.reshape(b, t, 3 * dim), heads=self.num_heads, mask=mask)"
_RESULT = "result = self.out(mixed.reshape(b * t, dim)).reshape(b, t, dim)"

_LOOPS = [
    ("loops-unscaled", _PAIR, "scores[j] = q[i] @ k[j]", "the scores are not divided by sqrt(d)"),
    ("loops-by-d", _PAIR, "scores[j] = q[i] @ k[j] / d", "divided by d, not by its root"),
    (
        "loops-mask-turned",
        "if mask is None or mask[i, j]:",
        "if mask is None or mask[j, i % len(mask)]:",
        "the word looked at is taken for the one that looks",
    ),
    ("loops-overflow", _SHARES, "shares = np.exp(scores)", "large scores overflow"),
    (
        "loops-last-value",
        "output[i] += weights[i, j] * v[j]",
        "output[i] = weights[i, j] * v[j]",
        "the values replace each other instead of adding up",
    ),
]

_MASKS = [
    (
        "future-allowed",
        _MASK,
        "return np.triu(np.ones((length, length), dtype=bool))",
        "words see the future and not the past",
    ),
    (
        "mask-of-numbers",
        _MASK,
        "return np.tril(np.ones((length, length), dtype=np.float32))",
        "a mask of ones and zeros",
    ),
    (
        "blind-to-itself",
        _MASK,
        "return np.tril(np.ones((length, length), dtype=bool), -1)",
        "a word may not look at itself, the first one sees nothing",
    ),
    (
        "one-ahead",
        _MASK,
        "return np.tril(np.ones((length, length), dtype=bool), 1)",
        "a word sees the next one",
    ),
]

_SOFTMAX = [
    (
        "mask-inverted",
        _HIDE,
        "np.copyto(scores, -np.inf, where=mask)",
        "what may be seen is hidden",
    ),
    ("mask-ignored", _HIDE, "pass", "the mask is forgotten: the future leaks"),
    (
        "hidden-is-zero",
        _HIDE,
        "np.copyto(scores, 0, where=~mask)",
        "a hidden score becomes 0, which is a score like any other",
    ),
    (
        "hidden-but-finite",
        _HIDE,
        "np.copyto(scores, -10, where=~mask)",
        "-10 is small, but not small enough",
    ),
    ("overflow", _SHIFT, "pass", "the largest score is not taken away"),
    ("one-largest", _SHIFT, "scores -= scores.max()", "the largest of all rows, not of each"),
    (
        "masked-too-late",
        "    if mask is not None:\n        " + _HIDE + "\n    " + _SHIFT + "\n"
        "    np.exp(scores, out=scores)\n    " + _DIVIDE,
        "    " + _SHIFT + "\n    np.exp(scores, out=scores)\n    " + _DIVIDE + "\n"
        "    if mask is not None:\n        scores *= mask",
        "hidden after the softmax: the shares no longer add up to 1",
    ),
    (
        "wrong-axis",
        _DIVIDE,
        "scores /= scores.sum(axis=-2, keepdims=True)",
        "shares of a column add up to 1, not those of a row",
    ),
    (
        "not-in-place",
        "    " + _DIVIDE + "\n    return scores",
        "    return scores / row_sum(scores)",
        "a second array of the size of the scores",
    ),
]

_ATTEND = [
    ("unscaled", _SCALE, "", "the scores are not divided by sqrt(d)"),
    (
        "scaled-by-length",
        _SCALE,
        _SCALE.replace("q.shape[-1]", "k.shape[-2]"),
        "divided by the root of the number of words",
    ),
    (
        "columns-first",
        _WEIGHTS,
        (
            "weights = np.swapaxes(softmax_rows(np.swapaxes(scores, -1, -2)), -1, -2)\n"
            "    weights = weights if mask is None else weights * mask"
        ),
        "the softmax runs over the words that look",
    ),
    (
        "keys-exchanged",
        _SCORES,
        "scores = k @ np.swapaxes(q, -1, -2) if q.shape == k.shape else q @ k.swapaxes(-1, -2)\n",
        "queries and keys exchanged",
    ),
    ("values-are-keys", _OUTPUT, _OUTPUT.replace("v,", "k,"), "the mean of the keys"),
    ("mask-not-passed", _WEIGHTS, "weights = softmax_rows(scores)", "the mask is not passed on"),
    (
        "query-scaled-in-place",
        "    " + _SCORES + _SCALE,
        "    q *= 1 / math.sqrt(q.shape[-1])\n    " + _SCORES,
        "the caller's queries are changed",
    ),
    (
        "out-forgotten",
        _OUTPUT,
        "return weights @ v, weights",
        "the output is not written where it should be",
    ),
]

_BACKWARD = [
    ("mean-not-taken", _MEAN, "pass", "the weighted mean of the slopes is not taken away"),
    (
        "plain-mean",
        _MEAN,
        "slope -= slope.mean(axis=-1, keepdims=True)",
        "the mean of the slopes, not weighted",
    ),
    (
        "mean-over-columns",
        _MEAN,
        "slope -= (slope * weights).sum(axis=-2, keepdims=True)",
        "the mean of a column",
    ),
    ("weights-forgotten", _TIMES, "pass\n", "the slope of the softmax lacks its weights"),
    (
        "times-first",
        _MEAN + "\n    " + _TIMES,
        _TIMES + "    " + _MEAN + "\n",
        "multiplied by the weights before the mean is taken",
    ),
    ("scale-forgotten-back", _FACTOR, "pass\n", "the way back forgets the division by sqrt(d)"),
    ("values-by-keys", _SLOPE, "slope = g @ np.swapaxes(k, -1, -2)", "keys where values belong"),
    (
        "gradient-doubled",
        _FACTOR,
        "slope *= 2 / math.sqrt(q.shape[-1])\n",
        "queries and keys each get twice their gradient",
    ),
    (
        "slope-of-sigmoid",
        _MEAN + "\n    " + _TIMES,
        "slope *= weights * (1 - weights)\n",
        "the slope of a sigmoid: the other words' shares are forgotten",
    ),
]

_LAYERS = [
    (
        "heads-reshaped-only",
        _SPLIT,
        "return x.reshape(parts, b, heads, t, d)",
        "words, heads and texts are mixed up",
    ),
    (
        "heads-interleaved",
        _SPLIT,
        "return x.reshape(b, t, parts, d, heads).transpose(2, 0, 4, 1, 3)",
        "a head takes every n-th feature",
    ),
    (
        "parts-inside-heads",
        _SPLIT,
        "return x.reshape(b, t, heads, parts, d).transpose(3, 0, 2, 1, 4)",
        "query, key and value of one head side by side",
    ),
    (
        "heads-copied",
        _SPLIT,
        "return np.ascontiguousarray(x.reshape(b, t, parts, heads, d).transpose(2, 0, 3, 1, 4))",
        "a copy: what is written there is lost",
    ),
    ("layer-mask-lost", _MIXED, _MIXED.replace("mask=mask", "mask=None"), "the mask is lost"),
    (
        "one-head",
        _MIXED,
        _MIXED.replace("heads=self.num_heads", "heads=1"),
        "all features in one head",
    ),
    (
        "texts-mixed",
        _MIXED,
        (
            "mixed = function(rows.reshape(t, b, 3 * dim), heads=self.num_heads,"
            " mask=None if mask is None else mask[:b, :b])"
        ),
        "words of different texts look at each other",
    ),
    (
        "out-skipped",
        _RESULT,
        "result = mixed.reshape(b, t, dim)",
        "what the heads found is not mixed",
    ),
    (
        "not-recorded",
        _ROWS,
        "rows = Tensor(self.qkv(x.reshape(b * t, dim)).data)",
        "the graph is cut: queries, keys and values never learn",
    ),
    (
        "turned-around",
        _RESULT,
        "result = self.out(mixed.reshape(b * t, dim)).reshape(t, b, dim).transpose(0, 1)",
        "words and texts are exchanged at the end",
    ),
]

MUTANTS = [
    Mutant(name, "12_attention", old, new, wrong)
    for name, old, new, wrong in _LOOPS + _MASKS + _SOFTMAX + _ATTEND + _BACKWARD + _LAYERS
]
