"""Bodies for `core/embeddings.py` with loops, counting, take and broadcasting the other way."""

BODIES = {
    "one_hot": """
        flat = rows.reshape(-1, count)
        flat[np.arange(len(flat)), indices.reshape(-1)] = 1
    """,
    "lookup_backward": """
        for row in set(flat.tolist()):
            total[row] = rows[flat == row].sum(axis=0)
    """,
    "Embedding.forward": """
        return Lookup.apply(self.weight, indices=as_indices(indices, len(self.weight.data)))
    """,
    "similarity": """
        found = np.empty((len(table), len(table)), dtype=table.dtype)
        for i, row in enumerate(table):
            for j, other in enumerate(table):
                found[i, j] = row @ other / (np.linalg.norm(row) * np.linalg.norm(other))
        return found
    """,
    "sinusoidal_positions": """
        for column in range(dim):
            wave = np.cos if column % 2 else np.sin
            table[:, column] = wave(np.arange(length) * 10000 ** -((column // 2) * 2 / dim))
    """,
}
