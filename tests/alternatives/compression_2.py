"""Bodies for `perf/compression.py` with one lexical sort, masks as numbers, and KL divergence."""

BODIES = {
    "sparsity": """
        zeros = total = 0
        for tensor in weights.values():
            for number in tensor.data.flat:
                zeros += not number
                total += 1
        return zeros / total
    """,
    "smallest": """
        places = np.lexsort((np.arange(sizes.size), sizes.ravel()))
        chosen |= np.isin(np.arange(sizes.size), places[:count])
    """,
    "magnitude_prune": """
        rows = {name: size.reshape(-1) for name, size in sizes.items()}
        whole = np.concatenate(list(rows.values()))
        found = smallest(whole, round(amount * whole.size))
        for name, row in rows.items():
            mine, found = found[: row.size], found[row.size :]
            if per_layer:
                mine = smallest(row, round(amount * row.size))
            kept[name] = (mine == 0).reshape(sizes[name].shape)
    """,
    "fine_tune": """
        for step in trainer.fit(loader, epochs=epochs):
            for name, tensor in masks.weights.items():
                np.copyto(tensor.data, 0, where=np.logical_not(masks.kept[name]))
            yield step
    """,
    "strongest": """
        axes = tuple(range(1, weight.ndim))
        squares = np.square(weight).sum(axis=axes)
        order = np.argsort(squares, kind="stable")
        return np.sort(order[len(order) - count :])
    """,
    "cut": """
        if tensor.ndim == 1:
            array = np.array([tensor.data[i] for i in outputs], dtype=tensor.data.dtype)
        else:
            array = tensor.data[np.ix_(outputs, inputs)]
        setattr(twin, name, Tensor(array, requires_grad=tensor.requires_grad))
    """,
    "columns_of": """
        return np.repeat(channels * area, area) + np.tile(np.arange(area), len(channels))
    """,
    "rank_for": """
        left = squares[::-1].cumsum()[::-1]
        allowed = (1 - energy) * left[0] + 1e-12 * left[0]
        return max(1, int((left > allowed).sum()))
    """,
    "low_rank": """
        narrow = np.einsum("r,ri->ri", s[:rank], vt[:rank])
        wide = np.array(u[:, :rank])
    """,
    "KnowledgeDistillation.soft_targets": """
        self.teacher.eval()
        with no_grad():
            logits = self.teacher(inputs)
            return Tensor(np.exp(log_softmax(logits / self.temperature).data))
    """,
    "KnowledgeDistillation.loss": """
        logs = log_softmax(student_logits / self.temperature)
        p = soft_targets.data
        entropy = -float((p * np.log(np.maximum(p, 1e-30))).sum(axis=-1).mean())
        divergence = (soft_targets * (Tensor(np.log(np.maximum(p, 1e-30))) - logs)).sum(axis=-1)
        soft = divergence.mean() + entropy
        return self.alpha * self.temperature**2 * soft + (1 - self.alpha) * hard
    """,
}
