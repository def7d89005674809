"""Bodies for `perf/quantization.py` that reuse arrays, look places up, and add up halves."""

BODIES = {
    "quantize": """
        place = np.divide(x, grid.scale)
        np.around(place, out=place)
        place += grid.zero.astype(np.float32)
        place[place > 127] = 127
        place[place < -128] = -128
        return place.astype(np.int8)
    """,
    "dequantize": """
        return q * grid.scale - grid.zero * grid.scale
    """,
    "affine_grid": """
        ends = np.array([low, high, 0.0])
        low, high = ends.min(), ends.max()
        scale = (high - low) / (127 - -128)
        if scale < SMALLEST:
            scale = float(SMALLEST)
        zero = np.clip(np.rint((-128 * high - 127 * low) / (high - low or 1)), -128, 127)
    """,
    "symmetric_grid": """
        every = np.moveaxis(weight, 0, -1).reshape(-1, len(weight))
        largest = np.sqrt(np.square(every.astype(np.float64)).max(axis=0))
        if not per_channel:
            largest = largest.max()[np.newaxis]
        shape = (len(largest),) + (1,) * (weight.ndim - 1)
        scale = (np.where(largest > 0, largest, 1.0) / 127).reshape(shape)
        scale = np.clip(scale, SMALLEST, None)
    """,
    "integer_product": """
        left, right = np.float64(a), np.float64(b)
        total[...] = np.einsum("ik,jk->ij", left, right)
    """,
    "QuantizedLinear.forward": """
        q = quantize(rows, grid)
        lifted = np.ones(self.in_features, dtype=np.int8)
        shift = integer_product(lifted[np.newaxis], self.codes.data)[0] * int(grid.zero)
        y = np.subtract(integer_product(q, self.codes.data), shift, dtype=np.float32)
        y *= grid.scale
        y *= self.scale.data.reshape(1, -1)
        y = y if self.bias is None else y + self.bias.data
    """,
    "central_range": """
        low = np.quantile(numbers, 0.5 - percent / 200)
        high = np.quantile(numbers, 0.5 + percent / 200)
    """,
    "replaced": """
        answer = swap(name, value)
        if isinstance(answer, Layer):
            return answer
        answer = copy.copy(value)
        inside = dict(vars(value))
        while inside:
            attribute, item = inside.popitem()
            vars(answer)[attribute] = copied(names.get(id(item), name), item)
        return answer
    """,
    "quantize_model": """
        kind = type(layer)
        if kind is Conv2d or kind is Embedding:
            return QuantizedWeight(layer, per_channel)
        if kind is not Linear:
            return None
        expected = ranges[name] if name in ranges else None
        return QuantizedLinear(layer, input_range=expected, per_channel=per_channel)
    """,
}
