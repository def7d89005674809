"""Bodies for `perf/compression.py` by Python's sorting, loops, and other ways of choosing."""

BODIES = {
    "sparsity": """
        every = np.concatenate([tensor.data.ravel() for tensor in weights.values()])
        return 1.0 - np.count_nonzero(every) / len(every)
    """,
    "smallest": """
        flat = sizes.ravel().tolist()
        for place in sorted(range(len(flat)), key=flat.__getitem__)[:count]:
            chosen[place] = True
    """,
    "magnitude_prune": """
        if per_layer:
            for name, size in sizes.items():
                kept[name] = np.logical_not(smallest(size, round(amount * size.size)))
        else:
            ends = np.cumsum([size.size for size in sizes.values()])
            row = np.hstack([size.ravel() for size in sizes.values()])
            stay = np.logical_not(smallest(row, round(amount * len(row))))
            for (name, size), end in zip(sizes.items(), ends):
                kept[name] = stay[end - size.size : end].reshape(size.shape)
    """,
    "fine_tune": """
        steps = iter(trainer.fit(loader, epochs))
        while True:
            try:
                step = next(steps)
            except StopIteration:
                return
            for name, mask in masks.kept.items():
                masks.weights[name].data *= mask
            yield step
    """,
    "strongest": """
        norms = [float(np.linalg.norm(row.ravel().astype(np.float64))) for row in weight]
        places = sorted(range(len(norms)), key=lambda i: (norms[i], i))
        return np.array(sorted(places[len(norms) - count :]), dtype=np.int64)
    """,
    "cut": """
        array = np.take(tensor.data, outputs, axis=0)
        if tensor.ndim >= 2:
            array = np.take(array, inputs, axis=1)
        fresh = Tensor(np.array(array))
        fresh.requires_grad = tensor.requires_grad
        vars(twin)[name] = fresh
    """,
    "columns_of": """
        places = [c * area + i for c in channels.tolist() for i in range(area)]
        return np.array(places, dtype=int)
    """,
    "rank_for": """
        rank, held = 1, squares[0]
        while rank < len(squares) and held < energy * squares.sum() - 1e-12 * squares[0]:
            held += squares[rank]
            rank += 1
        return rank
    """,
    "low_rank": """
        narrow = vt[:rank]
        wide = u[:, :rank] @ np.diag(s[:rank])
    """,
    "KnowledgeDistillation.soft_targets": """
        with no_grad():
            logits = self.teacher.eval()(inputs).data
        scaled = logits / np.float32(self.temperature)
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return Tensor(powers / powers.sum(axis=-1, keepdims=True))
    """,
    "KnowledgeDistillation.loss": """
        t = self.temperature
        logs = log_softmax(student_logits * (1 / t))
        examples = logs.size // logs.shape[-1]
        soft = (soft_targets * logs).sum() * (-t * t / examples)
        return soft * self.alpha + hard - hard * self.alpha
    """,
}
