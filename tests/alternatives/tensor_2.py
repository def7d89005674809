"""einsum and ufuncs with explicit outputs, copies instead of views."""

BODIES = {
    "to_array": """
        source = data.data if isinstance(data, Tensor) else data
        keeps = isinstance(source, (np.ndarray, np.generic))
        result = np.asarray(source) if keeps else np.asarray(source, dtype=None)
        if result.dtype.kind in "OSUMmcV":
            raise TypeError(f"not numbers: {source!r}")
        if not keeps:
            result = result.astype("f4")
        return result
    """,
    "Operation.__call__": """
        arrays = []
        for value in inputs:
            arrays.append(operand(value))
        result = Tensor(self.compute(arrays, options))
        record = Operation.tape
        if record is None:
            return result
        record(self, inputs, options, result)
        return result
    """,
    "broadcast_shape": """
        try:
            return np.broadcast_shapes(tuple(first), tuple(second))
        except ValueError:
            raise ValueError(f"{tuple(first)} and {tuple(second)} cannot be broadcast") from None
    """,
    "mul": "return np.multiply(a, b)",
    "sub": "return np.subtract(a, b)",
    "div": "return a * (1 / b) if np.ndim(a) and np.ndim(b) and np.all(b) else np.divide(a, b)",
    "matmul": """
        if not np.ndim(a) or not np.ndim(b):
            raise ValueError("use * for numbers")
        inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
        if a.shape[-1] != inner:
            raise ValueError(f"{a.shape[-1]} columns meet {inner} rows")
        if a.ndim == 1 and b.ndim == 1:
            return np.einsum("k,k->", a, b)
        if a.ndim == 1:
            return np.einsum("k,...km->...m", a, b)
        if b.ndim == 1:
            return np.einsum("...nk,k->...n", a, b)
        return np.einsum("...nk,...km->...nm", a, b, optimize=True)
    """,
    "transpose": """
        if max(axis0, axis1) >= a.ndim or min(axis0, axis1) < -a.ndim:
            raise ValueError("no such axis")
        return np.ascontiguousarray(np.swapaxes(a, axis1, axis0))
    """,
    "reshape": "return np.array(a, copy=True).reshape(shape)",
    "mean": """
        total = np.add.reduce(a, axis=axis, keepdims=keepdims)
        return total * (total.size / a.size)
    """,
    "max_": "return np.maximum.reduce(a, axis=None if axis is None else axis, keepdims=keepdims)",
    "exp": "return np.exp(np.asarray(a))",
    "less": "return np.less(a, b)",
    "greater": "return np.less(b, a)",
}
