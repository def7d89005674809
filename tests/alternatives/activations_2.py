"""numpy's own helpers and in-place steps on fresh arrays."""

BODIES = {
    "step": "return np.heaviside(x, 1).astype(x.dtype)",
    "sigmoid": """
        with np.errstate(under="ignore"):
            return (0.5 * (1 + np.tanh(0.5 * x))).astype(x.dtype)
    """,
    "relu": "return np.where(x > 0, x, np.zeros((), dtype=x.dtype))",
    "tanh": """
        clipped = np.clip(x, -20, 20)
        return np.tanh(clipped)
    """,
    "gelu": """
        cubic = x**3
        cubic *= 0.044715
        cubic += x
        cubic *= math.sqrt(2 / math.pi)
        np.tanh(cubic, out=cubic)
        cubic += 1
        cubic *= x
        cubic *= 0.5
        return cubic
    """,
    "softmax": """
        result = x - np.amax(x, axis=axis, keepdims=True)
        np.exp(result, out=result)
        result /= np.add.reduce(result, axis=axis, keepdims=True)
        return result
    """,
    "log_softmax": """
        result = x - x.max(axis=axis, keepdims=True)
        result -= np.log(np.sum(np.exp(result), axis=axis, keepdims=True))
        return result
    """,
}
