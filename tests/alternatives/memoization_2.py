"""Bodies for `perf/memoization.py` with einsum, additive masks, other orders of sums."""

BODIES = {
    "put": """
        room = store[:, :, : length + new.shape[2]]
        room[:, :, length:] = new
        return room
    """,
    "attend_new": """
        late = np.arange(n)[np.newaxis] > np.arange(n - t, n)[:, np.newaxis]
        scores = np.einsum("...id,...jd->...ij", q, keys) / np.sqrt(q.dtype.type(q.shape[-1]))
        scores = np.where(late, q.dtype.type(-1e30), scores)
        scores = scores - np.max(scores, axis=-1)[..., np.newaxis]
        grown = np.exp(scores)
        return np.einsum("...ij,...jd->...id", grown, values) / grown.sum(axis=-1)[..., np.newaxis]
    """,
    "folded": """
        if norm is not None:
            bias = np.add(bias, norm.bias.data @ weight.T)
            weight = (weight.T * norm.weight.data[:, np.newaxis]).T
    """,
    "read_block": """
        found = attend_new(q, *cache.append(layer, k, v))
        out = block.out[0].reshape(block.heads, dim // block.heads, dim)
        added = np.einsum("bhtd,hde->bte", found, out).reshape(b * t, dim)
        x = np.add(x, added) + block.out[1]
        inner = cache.standard(x) @ block.up[0]
        inner += block.up[1]
        x = gelu_rows(inner) @ block.down[0] + (x + block.down[1])
    """,
    "read_on": """
        stand = np.arange(cache.length, cache.length + t)
        x = np.take(cache.table, tokens, axis=0)
        x = x + np.take(cache.places, stand, axis=0)[np.newaxis]
        layer = 0
        while layer < len(cache.blocks):
            x = read_block(x, cache.blocks[layer], cache, layer)
            layer += 1
        rows = cache.standard(np.reshape(x, (b * t, x.shape[2])))
    """,
    "agreeing": """
        low, high = 0, min(len(known), len(window) - 1)
        while low < high:
            middle = (low + high + 1) // 2
            if list(known[:middle]) == list(window[:middle]):
                low = middle
            else:
                high = middle - 1
        return low
    """,
    "window_start": """
        if length <= context_length:
            return 0
        return math.ceil((length - context_length) / stride) * stride
    """,
    "write_many": """
        rows, unread = texts.tolist(), texts
        for _ in range(count):
            last = cache.read(unread)[:, -1]
            for row, scores, rng in zip(rows, last, rngs):
                shares = probabilities(scores, temperature, top_k)
                row.append(int(rng.choice(np.arange(cache.vocab_size), p=shares)))
            unread = np.array(rows)[:, -1:]
        texts = np.array(rows)
    """,
}
