"""Bodies for `core/transformers.py` with numpy's own means, other orders, and logarithms."""

BODIES = {
    "normalize": """
        left = x - x.mean(axis=-1, keepdims=True)
        scale = np.reciprocal(np.sqrt(np.square(left).mean(axis=-1, keepdims=True) + eps))
        z = left * scale
        y = z * weight + bias
    """,
    "normalize_backward": """
        dw, db = (g * z).sum(axis=0), np.einsum("ij->j", g)
        slope = g * weight * scale
        along = np.einsum("ij,ij->i", slope, z) / z.shape[1]
        dx = slope - slope.mean(axis=1, keepdims=True) - z * along[:, np.newaxis]
    """,
    "MLP.forward": """
        rows = self.up(rows)
        rows = self.gelu(rows)
        rows = self.down(rows)
        rows = self.dropout(rows)
    """,
    "TransformerBlock.forward": """
        x = self.dropout(self.attention(self.norm1(x), mask)) + x
        x = self.mlp(self.norm2(x)) + x
        return x
    """,
    "logits_of": """
        table = model.token_embedding if model.head is None else model.head
        return rows @ table.weight.T
    """,
    "GPT.forward": """
        x = self.dropout(self.position_embedding(self.token_embedding(Tensor(tokens))))
        places = np.arange(t)
        for i in range(len(self.blocks)):
            x = self.blocks[i](x, mask=places <= places[:, np.newaxis])
        x = self.norm(x)
    """,
    "probabilities": """
        k = len(logits) if top_k is None else min(top_k, len(logits))
        cold = logits / logits.dtype.type(temperature)
        chosen = np.lexsort((np.arange(len(logits)), -cold))[:k]
        total = np.logaddexp.reduce(cold[chosen])
        shares[chosen] = np.exp(cold[chosen] - total)
    """,
    "next_logits": """
        with no_grad():
            try:
                logits = model.eval()(np.array(tokens[-model.context_length :]).reshape(1, -1))
            finally:
                _ = model.train() if was_training else model.eval()
        return logits.data.reshape(-1, model.vocab_size)[-1]
    """,
    "write_on": """
        while count > 0:
            shares = model.next_probabilities(tokens, temperature=temperature, top_k=top_k)
            shares = shares.astype(float) / shares.sum(dtype=float)
            tokens += rng.multinomial(1, shares).nonzero()[0].tolist()
            yield tokens[-1]
            count -= 1
    """,
}
