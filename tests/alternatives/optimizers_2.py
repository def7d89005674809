"""Row by row instead of all at once, averages as a step towards the new, nothing reused."""

BODIES = {
    "descend": """
        if values.ndim == 0:
            values[()] = values[()] - lr * direction[()]
        else:
            for row in range(len(values)):
                np.subtract(values[row], direction[row] * lr, out=values[row : row + 1])
    """,
    "zero_grad": """
        while any(p.grad is not None for p in parameters):
            next(p for p in parameters if p.grad is not None).grad = None
    """,
    "take_step": """
        for i in range(len(optimizer.parameters)):
            values, gradient = optimizer.parameters[i].data, optimizer.parameters[i].grad
            if gradient is None:
                continue
            optimizer.state[i] = {**optimizer.state[i], "step": optimizer.state[i]["step"] + 1}
            optimizer.update(values, gradient, optimizer.state[i])
    """,
    "accelerate": """
        np.copyto(velocity, gradient - (-momentum) * velocity, casting="same_kind")
    """,
    "look_ahead": """
        ahead = np.copy(velocity)
        ahead *= momentum
        return ahead + gradient
    """,
    "add_decay": """
        pull = np.multiply(values, weight_decay)
        return np.add(pull, gradient)
    """,
    "adapt": """
        mean[...] = mean - (1 - beta1) * (mean - gradient)
        square[...] = square - (1 - beta2) * (square - np.square(gradient))
        usual = np.power(square / (1 - beta2**step), 0.5) + eps
        descend(values, mean / (1 - beta1**step) / usual, lr)
    """,
    "AdamW.update": """
        decay = self.weight_decay
        descend(values, decay * values, self.lr)
        self.weight_decay = 0.0
        try:
            super().update(values, gradient, state)
        finally:
            self.weight_decay = decay
    """,
    "state_dict": """
        for i in range(len(optimizer.parameters)):
            saved |= {f"{i}.{k}": np.array(v, copy=True) for k, v in optimizer.state[i].items()}
    """,
    "load_state_dict": """
        for i, parameter in enumerate(optimizer.parameters):
            fresh = {}
            for name in optimizer.state[i]:
                value = arrays[f"{i}.{name}"]
                fresh[name] = int(value) if value.dtype.kind == "i" else value.copy()
            optimizer.state[i] = fresh
    """,
}
