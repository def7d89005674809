"""Written with masks, case by case, and with loops where ours has one formula."""

BODIES = {
    "step": """
        fired = np.zeros_like(x)
        fired[x >= 0] = 1
        return fired
    """,
    "sigmoid": """
        result = np.empty_like(x)
        positive = x >= 0
        result[positive] = 1 / (1 + np.exp(-x[positive]))
        small = np.exp(x[~positive])
        result[~positive] = small / (1 + small)
        return result
    """,
    "relu": """
        result = x.copy()
        result[result < 0] = 0
        return result
    """,
    "tanh": """
        # two sigmoids, with expm1 for small numbers so that no digits are lost
        twice = np.expm1(-2 * np.abs(x))
        return np.copysign(-twice / (twice + 2), x)
    """,
    "gelu": """
        inner = (2 / math.pi) ** 0.5 * x * (1 + 0.044715 * np.square(x))
        return x / 2 + x * np.tanh(inner) / 2
    """,
    "softmax": """
        moved = np.moveaxis(x, axis, -1)
        rows = moved.reshape(-1, moved.shape[-1])
        result = np.empty_like(rows)
        for i, row in enumerate(rows):
            weights = np.exp(row - max(row))
            result[i] = weights / weights.sum()
        return np.moveaxis(result.reshape(moved.shape), -1, axis)
    """,
    "log_softmax": """
        largest = np.max(x, axis=axis, keepdims=True)
        total = np.exp(x - largest).sum(axis=axis, keepdims=True)
        return x - (largest + np.log(total))
    """,
}
