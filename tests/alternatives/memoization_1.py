"""Bodies for `perf/memoization.py` with loops over words and heads, and plain formulas."""

BODIES = {
    "put": """
        t = new.shape[2]
        for i in range(t):
            np.copyto(store[:, :, length + i], new[:, :, i])
        return store[..., : length + t, :]
    """,
    "attend_new": """
        found = np.empty((*q.shape[:-1], values.shape[-1]), dtype=q.dtype)
        for i in range(t):
            seen = n - t + i + 1
            scores = (keys[..., :seen, :] * q[..., i : i + 1, :]).sum(-1) / math.sqrt(q.shape[-1])
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            shares = shares / shares.sum(-1, keepdims=True)
            found[..., i, :] = (shares[..., np.newaxis] * values[..., :seen, :]).sum(-2)
        return found
    """,
    "folded": """
        if norm is not None:
            scaled = np.empty_like(weight)
            bias = bias.copy()
            for o, row in enumerate(weight):
                bias[o] += np.dot(row, norm.bias.data)
                scaled[o] = row * norm.weight.data
            weight = scaled
    """,
    "read_block": """
        keys, values = cache.append(layer, k, v)
        found = np.concatenate(
            [attend_new(q[:, h], keys[:, h], values[:, h]) for h in range(block.heads)], axis=-1
        )
        x = x + np.dot(found.reshape(b * t, dim), block.out[0]) + block.out[1]
        up = np.dot(cache.standard(x), block.up[0]) + block.up[1]
        x = x + np.dot(gelu_rows(up), block.down[0]) + block.down[1]
    """,
    "read_on": """
        x = np.stack([cache.table[tokens[:, i]] + cache.places[cache.length + i] for i in range(t)])
        x = np.swapaxes(x, 0, 1)
        for layer in range(len(cache.blocks)):
            x = read_block(x, cache.blocks[layer], cache, layer)
        rows = cache.standard(np.concatenate(list(x)))
    """,
    "agreeing": """
        count = 0
        for a, b in zip(known, window[:-1]):
            if a != b:
                break
            count += 1
        return count
    """,
    "window_start": """
        start = 0
        while length - start > context_length:
            start += stride
        return start
    """,
    "write_many": """
        texts = np.array(texts)
        for _ in range(count):
            scores = cache.read(texts[:, cache.length :])
            column = np.empty((len(texts), 1), dtype=texts.dtype)
            for i in range(len(texts)):
                shares = probabilities(scores[i, -1], temperature, top_k)
                column[i] = rngs[i].choice(cache.vocab_size, p=shares)
            texts = np.hstack([texts, column])
    """,
}
