"""Loops over single elements and sums in another order instead of numpy's own functions."""

BODIES = {
    "to_array": """
        if isinstance(data, Tensor):
            return to_array(data.data)
        given = isinstance(data, (np.ndarray, np.generic))
        made = np.array(data) if not given else np.asarray(data)
        if not (np.issubdtype(made.dtype, np.number) or made.dtype == bool):
            raise TypeError(f"cannot make a tensor of {data!r}")
        if np.issubdtype(made.dtype, np.complexfloating):
            raise TypeError("complex numbers are not supported")
        return made if given else np.array(made, dtype="float32")
    """,
    "broadcast_shape": """
        a, b = list(first), list(second)
        while len(a) < len(b):
            a.insert(0, 1)
        while len(b) < len(a):
            b.insert(0, 1)
        for i in range(len(a)):
            if a[i] == 1:
                a[i] = b[i]
            elif b[i] not in (1, a[i]):
                raise ValueError(f"cannot broadcast {first} with {second}")
        return tuple(a)
    """,
    "sub": "return a + (-b)",
    "div": """
        with np.errstate(all="ignore"):
            return np.true_divide(a, b)
    """,
    "pow_": "return np.power(a, b)",
    "neg": "return np.negative(a)",
    "matmul": """
        if np.ndim(a) < 1 or np.ndim(b) < 1:
            raise ValueError("a product of matrices needs at least a vector on each side")
        if a.shape[-1] != (b.shape[-2] if b.ndim >= 2 else b.shape[-1]):
            raise ValueError(f"cannot multiply {a.shape} with {b.shape}")
        left = a[None, :] if a.ndim == 1 else a
        right = b[:, None] if b.ndim == 1 else b
        total = None
        # one outer product for each inner index, added up from the last to the first
        for k in reversed(range(left.shape[-1])):
            part = left[..., :, k, None] * right[..., None, k, :]
            total = part if total is None else total + part
        if total is None:
            total = np.zeros((*left.shape[:-1], right.shape[-1]), dtype=np.result_type(a, b))
        if b.ndim == 1:
            total = total[..., 0]
        if a.ndim == 1:
            total = total[..., 0] if b.ndim == 1 else total[..., 0, :]
        return total
    """,
    "transpose": """
        order = list(range(a.ndim))
        if not (-a.ndim <= axis0 < a.ndim and -a.ndim <= axis1 < a.ndim):
            raise ValueError(f"no axes {axis0} and {axis1} in {a.shape}")
        order[axis0], order[axis1] = order[axis1], order[axis0]
        return a.transpose(order)
    """,
    "reshape": "return np.asarray(a).reshape(tuple(shape))",
    "sum_": """
        return np.add.reduce(a, axis=axis if axis is not None else tuple(range(np.ndim(a))),
                             keepdims=keepdims)
    """,
    "mean": """
        total = np.sum(a, axis=axis, keepdims=keepdims)
        return total / (np.size(a) // max(1, np.size(total)))
    """,
    "max_": """
        axes = tuple(range(np.ndim(a))) if axis is None else axis
        return -np.min(-a, axis=axes, keepdims=keepdims)
    """,
    "log": """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(a)
    """,
    "sqrt": """
        with np.errstate(invalid="ignore"):
            return a ** 0.5
    """,
    "less": "return b > a",
    "less_equal": "return b >= a",
    "greater": "return np.greater(a, b)",
    "greater_equal": "return np.logical_not(a < b)",
    "getitem": "return np.array(np.asarray(a)[index])",
}
