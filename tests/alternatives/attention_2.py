"""Bodies for `core/attention.py` with comparisons, logarithms, loops over texts and other sums."""

BODIES = {
    "attention_loops": """
        seen = np.ones(s, dtype=bool) if mask is None else mask[i]
        for j in np.flatnonzero(seen)[::-1]:
            scores[j] = np.dot(q[i], k[j]) * d**-0.5
        total = np.logaddexp.reduce(scores)
        weights[i] = np.exp(scores - total)
        output[i] = (weights[i][:, np.newaxis] * v).sum(axis=0)
    """,
    "causal_mask": """
        places = np.arange(length)
        return places[:, np.newaxis] >= places
    """,
    "softmax_rows": """
        seen = np.broadcast_to(True if mask is None else mask, scores.shape)
        hidden = np.where(seen, scores, scores.dtype.type(-np.inf))
        top = hidden.max(axis=-1, keepdims=True)
        top[np.isneginf(top)] = 0
        shares = np.exp(hidden - top)
        total = shares.sum(axis=-1, keepdims=True)
        total[total == 0] = 1
        np.divide(shares, total, out=scores)
        return scores
    """,
    "attend": """
        d = q.shape[-1]
        batch = q.shape[:-2]
        weights = np.empty((*batch, q.shape[-2], k.shape[-2]), dtype=q.dtype)
        if out is None:
            out = np.empty((*batch, q.shape[-2], v.shape[-1]), dtype=q.dtype)
        for place in np.ndindex(batch):
            weights[place] = (q[place] * q.dtype.type(d**-0.5)) @ k[place].T
            seen = mask
            if mask is not None:
                seen = np.broadcast_to(mask, weights.shape)[place]
            softmax_rows(weights[place], seen)
            out[place] = weights[place] @ v[place]
        return out, weights
    """,
    "attend_backward": """
        slope = np.zeros_like(weights)
        reached = weights @ v
        for place in np.ndindex(weights.shape[:-1]):
            above = v[place[:-1]] - reached[place]
            slope[place] = weights[place] * (above @ g[place]) / math.sqrt(q.shape[-1])
    """,
    "split_heads": """
        new = x.reshape(b * t, parts, heads * d).swapaxes(0, 1)
        new = new.reshape(parts, b, t, heads, d)
        return new.swapaxes(2, 3)
    """,
    "MultiHeadAttention.forward": """
        every = self.qkv(x)
        mixed = function(every, mask=mask, heads=self.num_heads)
        result = self.out(mixed)
    """,
}
