"""Bodies for `perf/quantization.py` with other roundings and sums, loops over rows, and int64."""

BODIES = {
    "quantize": """
        places = np.floor(np.asarray(x, dtype=np.float64) / grid.scale + 0.5)
        places = np.minimum(np.maximum(places + grid.zero.astype(float), -128.0), 127.0)
        return places.astype(np.int8)
    """,
    "dequantize": """
        steps = q.astype(np.int16) - np.asarray(grid.zero, dtype=np.int16)
        return np.multiply(grid.scale, steps, dtype=np.float32)
    """,
    "affine_grid": """
        if low > 0:
            low = 0.0
        if high < 0:
            high = 0.0
        scale = (high - low) / 255 or float(SMALLEST)
        scale = max(scale, float(SMALLEST))
        zero = int(np.floor(127 - high / scale + 0.5))
    """,
    "symmetric_grid": """
        rows = weight.reshape(len(weight), -1)
        sizes = np.maximum(rows.max(axis=1), -rows.min(axis=1))
        if not per_channel:
            sizes = sizes.max(keepdims=True)
        scale = np.array([max(size, 127 * SMALLEST) / 127 for size in sizes])
        scale = scale.reshape(-1, *([1] * (weight.ndim - 1)))
    """,
    "integer_product": """
        for i, row in enumerate(a.astype(np.int64)):
            total[i] = (row * b).sum(axis=1)
    """,
    "QuantizedLinear.forward": """
        steps = quantize(rows, grid).astype(np.int16) - np.int16(grid.zero)
        y = np.zeros((len(rows), self.out_features), dtype=np.float32)
        each = np.broadcast_to(self.scale.data.ravel(), self.out_features)
        for o, codes in enumerate(self.codes.data.astype(np.int64)):
            y[:, o] = (steps @ codes) * (each[o] * np.float32(grid.scale))
            if self.bias is not None:
                y[:, o] += self.bias.data[o]
    """,
    "central_range": """
        ordered = np.sort(numbers, axis=None).astype(np.float64)
        places = np.arange(len(ordered))
        share = (100 - percent) / 200
        ends = np.array([share, 1 - share]) * (len(ordered) - 1)
        low, high = np.interp(ends, places, ordered)
    """,
    "replaced": """
        found = swap(name, value)
        if found is None:
            found = object.__new__(type(value))
            found.__dict__.update(
                {key: copied(names.get(id(item), ""), item) for key, item in vars(value).items()}
            )
        return found
    """,
    "quantize_model": """
        kinds = {
            Linear: lambda: QuantizedLinear(layer, ranges.get(name, None), per_channel=per_channel),
            Conv2d: lambda: QuantizedWeight(layer, per_channel=per_channel),
            Embedding: lambda: QuantizedWeight(layer, per_channel=per_channel),
        }
        make = kinds.get(type(layer))
        return make() if make else None
    """,
}
