"""Mistakes in `core/transformers.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_CENTRED = "z = x - row_means(x)"
_SCALE = "scale = 1 / np.sqrt(row_means(z * z) + eps)"
_STRETCHED = "y = z * weight"
_SUM_W = 'dw = np.einsum("ij,ij->j", g, z)'
_SUM_B = "db = g.sum(axis=0)"
_SLOPE = "slope = g * weight"
_ALONG = "dx = z * -row_means(slope * z)"
_COMMON = "dx -= row_means(slope)"
_INNER = "inner = self.gelu(self.up(rows))"
_OUTER = "rows = self.dropout(self.down(inner))"
_FOUND = "found = self.attention(self.norm1(x), mask=mask)"
_ADDED = "x = x + self.dropout(found)"
_THOUGHT = "return x + self.mlp(self.norm2(x))"
_TIED = "return rows @ model.token_embedding.weight.T"
_ROWS = "x = self.position_embedding(self.token_embedding(tokens))"
_DROPPED = "x = self.dropout(x)"
_MASK = "mask = causal_mask(t)"
_BLOCK = "x = block(x, mask=mask)"
_CHOSEN = "chosen = order[:top_k]"
_GROWN = "grown = np.exp((logits[chosen] - logits.max()) / temperature)"
_SHARES = "shares[chosen] = grown / grown.sum()"
_WINDOW = "window = tokens[-model.context_length :]"
_ASKED = "shares = model.next_probabilities(tokens, temperature, top_k)"
_DRAWN = "token = int(rng.choice(len(shares), p=shares))"

_MISTAKES = [
    ("gain-lost", _STRETCHED, "y = z * 1", "the weight is forgotten, in forward only"),
    (
        "variance-over-texts",
        _SCALE,
        "scale = 1 / np.sqrt((z * z).mean(axis=0).mean() + np.zeros((len(z), 1), z.dtype) + eps)",
        "one variance for all words",
    ),
    ("mean-down-the-rows", _CENTRED, "z = x - x.mean(axis=0)", "the mean of each feature"),
    ("mean-kept", _CENTRED, "z = x.copy()", "the mean is never taken away"),
    ("root-forgotten", _SCALE, _SCALE.replace("np.sqrt", ""), "divided by the variance"),
    (
        "eps-outside",
        _SCALE,
        "scale = 1 / (np.sqrt(row_means(z * z)) + eps)",
        "eps is added to the root, not under it",
    ),
    (
        "variance-unbiased",
        _SCALE,
        _SCALE.replace("row_means(z * z)", "row_means(z * z) * z.shape[1] / (z.shape[1] - 1)"),
        "divided by dim - 1",
    ),
    ("norm-in-place", _CENTRED, "z = x\n    z -= row_means(x)", "the words given are changed"),
    ("weight-slope-without-z", _SUM_W, "dw = g.sum(axis=0)", "the slope of a bias"),
    ("bias-slope-averaged", _SUM_B, "db = g.mean(axis=0)", "a mean where the sum belongs"),
    ("gain-lost-backward", _SLOPE, "slope = g * 1", "the way back does not know the weight"),
    ("backward-mean-kept", _COMMON, "pass", "what all features have in common is not taken away"),
    (
        "backward-stretch-kept",
        _ALONG,
        "dx = np.zeros_like(z)",
        "what lies along z is not taken away",
    ),
    (
        "backward-mean-after-scale",
        _COMMON + "\n    dx *= scale",
        "dx *= scale\n    " + _COMMON,
        "the mean is taken away unscaled",
    ),
    ("curve-forgotten", _INNER, "inner = self.up(rows)", "two Linears in a row are one Linear"),
    (
        "curve-last",
        _OUTER,
        "rows = self.gelu(self.dropout(self.down(inner)))",
        "a curve at the end",
    ),
    ("mlp-dropout-forgotten", _OUTER, "rows = self.down(inner)", "nothing is ever dropped"),
    ("residual-forgotten", _ADDED, "x = self.dropout(found)", "words are replaced"),
    ("mlp-residual-forgotten", _THOUGHT, "return self.mlp(self.norm2(x))", "words are replaced"),
    (
        "normalized-copy-carried-on",
        _FOUND,
        "x = self.norm1(x)\n        found = self.attention(x, mask=mask)",
        "what is found is added to the normalized copy",
    ),
    (
        "post-norm",
        _ADDED + "\n        " + _THOUGHT,
        "x = self.norm1(x + self.dropout(found))\n        return self.norm2(x + self.mlp(x))",
        "the norms stand behind the sums",
    ),
    ("norm-twice", _THOUGHT, _THOUGHT.replace("norm2", "norm1"), "norm2 is never used"),
    ("block-mask-lost", _FOUND, "found = self.attention(self.norm1(x))", "the mask stays outside"),
    (
        "tied-gradient-lost",
        _TIED,
        "return rows @ Tensor(model.token_embedding.weight.data.T)",
        "the table does not hear what its scores did wrong",
    ),
    ("positions-not-added", _ROWS, "x = self.token_embedding(tokens)", "no word knows its place"),
    ("mask-missing", _MASK, "mask = None", "every word sees the future"),
    ("mask-turned", _MASK, "mask = causal_mask(t).T", "every word sees only the future"),
    (
        "embedding-dropout-forgotten",
        _DROPPED,
        "pass",
        "the words that come in are never dropped",
    ),
    (
        "last-block-skipped",
        "for block in self.blocks:\n            " + _BLOCK,
        "for block in self.blocks[:-1]:\n            " + _BLOCK,
        "the last block has nothing to do",
    ),
    (
        "last-norm-forgotten",
        "x = self.norm(x)",
        "pass",
        "the scores are made from sums of any size",
    ),
    (
        "norm-after-every-block",
        _BLOCK,
        "x = self.norm(block(x, mask=mask))",
        "the last norm stands inside the loop",
    ),
    (
        "temperature-multiplied",
        _GROWN,
        _GROWN.replace("/ temperature", "* temperature"),
        "upside down",
    ),
    (
        "temperature-after-exp",
        _GROWN,
        "grown = np.exp(logits[chosen] - logits.max()) / temperature",
        "the temperature divides out again",
    ),
    ("largest-kept", _GROWN, "grown = np.exp(logits[chosen] / temperature)", "exp overflows"),
    (
        "top-k-keeps-one-more",
        _CHOSEN,
        "chosen = order[: None if top_k is None else top_k + 1]",
        "k + 1 tokens share",
    ),
    (
        "top-k-keeps-ties",
        _CHOSEN,
        "chosen = order if top_k is None else np.flatnonzero(logits >= logits[order[:top_k][-1]])",
        "of equal ones more than k share",
    ),
    (
        "top-k-after-softmax",
        _SHARES,
        "shares[chosen] = grown / np.exp((logits - logits.max()) / temperature).sum()",
        "the shares of the best do not add up to 1",
    ),
    (
        "top-k-of-the-worst",
        'order = np.argsort(-logits, kind="stable")',
        'order = np.argsort(logits, kind="stable")',
        "the worst tokens share",
    ),
    ("context-not-cropped", _WINDOW, "window = tokens", "a long text is refused"),
    ("context-from-the-start", _WINDOW, "window = tokens[: model.context_length]", "stands still"),
    ("dropout-while-writing", "model.eval()", "pass", "the same question, two answers"),
    ("mode-not-restored", "model.train()", "pass", "training goes on without dropout"),
    ("always-back-to-training", "if was_training:", "if True:", "a model in use drops again"),
    (
        "first-place-answers",
        "return logits.data[0, -1]",
        "return logits.data[0, 0]",
        "what comes after the first token",
    ),
    (
        "recorded-while-writing",
        "with no_grad():\n            logits = model(np.array([window]))",
        "logits = model(np.array([window]))",
        "everything is kept for a backward that never comes",
    ),
    ("always-the-best", _DRAWN, "token = int(shares.argmax())", "nothing is drawn"),
    (
        "seed-ignored",
        _DRAWN,
        "token = int(np.random.default_rng().choice(len(shares), p=shares))",
        "no text comes twice",
    ),
    ("prompt-only", "tokens.append(token)", "pass", "every token is drawn after the same prompt"),
    (
        "options-lost",
        _ASKED,
        "shares = model.next_probabilities(tokens)",
        "temperature and top-k are forgotten",
    ),
]

MUTANTS = [Mutant(name, "13_transformers", old, new, wrong) for name, old, new, wrong in _MISTAKES]
