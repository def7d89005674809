"""Mistakes in `perf/memoization.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_WRITTEN = "store[:, :, length:end] = new"
_VIEW = "return store[:, :, :end]"
_SCALED = "scores *= 1 / math.sqrt(q.shape[-1])"
_HIDDEN = "scores[..., ~np.tri(t, n, n - t, dtype=bool)] = -np.inf"
_TOP = "scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)"
_SHARES = "scores /= np.add.reduce(scores, axis=-1, keepdims=True)"
_BIAS = "bias = bias + weight @ norm.bias.data"
_COLUMNS = "weight = weight * norm.weight.data"
_FOUND = "found = attend_new(q, *cache.append(layer, k, v))"
_SIDE = "found = found.transpose(0, 2, 1, 3).reshape(b * t, dim)"
_ADDED = "x = x + (np.dot(found, block.out[0]) + block.out[1])"
_INNER = "inner = gelu_rows(np.dot(cache.standard(x), block.up[0]) + block.up[1])"
_DOWN = "x += np.dot(inner, block.down[0]) + block.down[1]"
_ROWS = "x = cache.table[tokens] + cache.places[cache.length : cache.length + t]"
_LAYERS = "x = read_block(x, block, cache, layer)"
_LAST = "rows = cache.standard(x.reshape(b * t, -1))"
_COUNT = "count = min(len(known), len(window) - 1)"
_EQUAL = "if known[:count] == window[:count]:"
_FIRST = "return next(i for i in range(count) if known[i] != window[i])"
_MANY = "too_many = max(0, length - context_length)"
_UP = "return -(-too_many // stride) * stride"
_READ = "logits = cache.read(new)[:, -1]"
_DRAWN = "drawn.append(int(rng.choice(len(shares), p=shares)))"
_NEW = "new = np.array(drawn)[:, np.newaxis]"

_MISTAKES = [
    ("current-dropped", _VIEW, "return store[:, :, :length]", "the new words are not looked at"),
    ("all-of-the-store", _VIEW, "return store", "room that is still empty is looked at"),
    ("a-copy-each-time", _VIEW, "return store[:, :, :end].copy()", "the whole past is copied"),
    ("always-at-the-start", _WRITTEN, "store[:, :, : new.shape[2]] = new", "the past is lost"),
    ("one-of-the-new", _WRITTEN, "store[:, :, length] = new[:, :, 0]", "the rest of a prompt"),
    ("unscaled", _SCALED, "pass", "the scores are not divided by the root of d"),
    ("scaled-by-d", _SCALED, "scores *= 1 / q.shape[-1]", "divided by d instead of its root"),
    ("future-seen", _HIDDEN, "pass", "the words of a prompt look ahead"),
    ("triangle-at-the-left", _HIDDEN, _HIDDEN.replace("n - t,", "0,"), "the past is hidden"),
    ("one-too-far", _HIDDEN, _HIDDEN.replace("n - t,", "n - t + 1,"), "each sees the next one"),
    ("overflows", _TOP, "pass", "the largest score is not taken away"),
    ("shares-of-queries", _SHARES, _SHARES.replace("axis=-1", "axis=-2"), "the wrong sums"),
    ("norm-bias-lost", _BIAS, "pass", "the norm's bias is forgotten"),
    ("norm-weight-lost", _COLUMNS, "pass", "the norm's weight is forgotten"),
    ("folded-twice", _BIAS, _BIAS.replace("weight @", "(weight * norm.weight.data) @"), "twice"),
    ("layer-changed", _COLUMNS, "weight *= norm.weight.data", "the model's own weights change"),
    ("rows-scaled", _COLUMNS, "weight = (weight.T * weight[0, 0]).T", "rows, not columns"),
    (
        "no-past",
        _FOUND,
        "found = attend_new(q, k, v)\n    cache.append(layer, k, v)",
        "only the new",
    ),
    ("values-as-keys", _FOUND, _FOUND.replace("k, v", "v, k"), "keys and values change places"),
    ("layer-0-for-all", _FOUND, _FOUND.replace("layer,", "0,"), "one layer's cache for all"),
    ("heads-mixed", _SIDE, "found = found.reshape(b * t, dim)", "heads are not side by side"),
    ("replaced", _ADDED, "x = found @ block.out[0] + block.out[1]", "not added, replaced"),
    ("lent-changed", _ADDED, "x += found @ block.out[0] + block.out[1]", "x was lent"),
    ("second-norm-lost", _INNER, _INNER.replace("cache.standard(x)", "x"), "up without a norm"),
    ("curve-lost", _INNER, "inner = cache.standard(x) @ block.up[0] + block.up[1]", "no GELU"),
    ("down-bias-lost", _DOWN, "x += inner @ block.down[0]", "the last bias is forgotten"),
    ("place-0-for-all", _ROWS, "x = cache.table[tokens] + cache.places[:t]", "no word moves on"),
    ("place-of-the-first", _ROWS, "x = cache.table[tokens] + cache.places[cache.length]", "one"),
    ("first-block-only", _LAYERS, _LAYERS.replace("block,", "cache.blocks[0],"), "one block's"),
    ("layers-share", _LAYERS, _LAYERS.replace("layer)", "0)"), "all blocks use layer 0"),
    ("last-norm-lost", _LAST, "rows = x.reshape(b * t, -1)", "scores without a norm"),
    ("nothing-to-read", _COUNT, "count = min(len(known), len(window))", "asked twice, it fails"),
    ("only-lengths", _EQUAL, "if True:", "another text is taken for the same"),
    ("all-or-nothing", _FIRST, "return 0", "one other word, and all is forgotten"),
    ("window-by-half", _MANY, "too_many = max(0, length - context_length // 2)", "half is read"),
    ("never-full", _MANY, "too_many = 0", "there is no place for the word"),
    ("rounded-down", _UP, "return too_many // stride * stride", "still one word too many"),
    ("strides-counted", _UP, "return -(-too_many // stride)", "strides, not words"),
    ("all-read-again", _READ, "logits = cache.read(texts)[:, -1]", "the prompt is read twice"),
    ("first-place", _READ, "logits = cache.read(new)[:, 0]", "what comes after the first word"),
    ("one-rng-for-all", _DRAWN, _DRAWN.replace("rng.choice", "rngs[0].choice"), "shared numbers"),
    ("same-for-all", _NEW, "new = np.full((len(texts), 1), drawn[0])", "the first text's token"),
]

MUTANTS = [Mutant(name, "18_memoization", old, new, wrong) for name, old, new, wrong in _MISTAKES]
