"""`perf/acceleration.py` otherwise: outer products, rows of places, threads made each time."""

BODIES = {
    "vectorized_matmul": """
        turned = np.ascontiguousarray(a.T)
        for s, (column, row) in enumerate(zip(turned, b, strict=True)):
            term = np.multiply.outer(column, row)
            np.add(c, term, out=c)
    """,
    "tiled_matmul": """
        def cuts(size):
            return [slice(start, min(size, start + tile)) for start in range(0, size, tile)]

        for along in cuts(k):
            for across in cuts(m):
                for down in cuts(n):
                    c[down, across] += vectorized_matmul(a[down, along], b[along, across])
    """,
    "im2col": """
        found = [window.reshape(-1) for channel in seen for line in channel for window in line]
        return np.stack(found)
    """,
    "col2im": """
        for r, s in np.ndindex(spots.shape[3:5]):
            spots[:, :, :, r, s] += parts[:, :, :, r, s]
    """,
    "in_parts": """
        size, more = divmod(count, number)
        results, errors = [None] * number, []

        def one(i):
            start = i * size + min(i, more)
            try:
                results[i] = work(slice(start, start + size + (i < more)))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(1, number)]
        for thread in threads:
            thread.start()
        one(0)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results
    """,
    "convolve": """
        inside = seen[:, :, :, part]
        for r in range(inside.shape[3]):
            columns = inside[:, :, :, r].reshape(matrix.shape[1], ow * n)
            line = matrix @ columns
            mine[:, r * ow * n : (r + 1) * ow * n] = line if bias is None else line + bias[:, None]
    """,
    "convolve_backward": """
        columns = seen.reshape(turned.shape[0], -1)
        total[...] = columns @ slopes.T
        back = (turned @ slopes).reshape(seen.shape)
        for u in range(kh):
            for v in range(kw):
                spots[:, u, v] += back[:, u, v]
    """,
    "gelu_block": """
        np.power(x, 3, out=t)
        np.multiply(t, 0.044715, out=t)
        np.add(t, x, out=t)
        np.multiply(t, ROOT, out=t)
        np.tanh(t, out=t)
        np.multiply(x, 0.5, out=y)
        t += 1
        np.multiply(y, t, out=y)
        t -= 1
    """,
    "Affine.forward": """
        z[mine] = rows[mine] @ weight.T if bias is None else rows[mine] @ weight.T + bias
        if curve:
            gelu_block(z[mine], t[mine], y[mine])
    """,
    "Affine.backward": """
        if curve:
            steep = np.empty_like(z[some])
            gelu_slope(z[some], t[some], steep)
            slope = slope * steep
        dw = dw + np.einsum("ij,ik->jk", slope, rows[some])
        db = db + np.ones(len(slope), dtype=slope.dtype) @ slope
        if dx is not None:
            dx[some] = slope @ weight
    """,
}
