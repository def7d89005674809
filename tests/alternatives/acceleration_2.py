"""`perf/acceleration.py` with einsum, from the last to the first, row by row."""

BODIES = {
    "vectorized_matmul": """
        s = a.shape[1]
        while s > 0:
            s -= 1
            c += a[:, [s]] * b[[s], :]
    """,
    "tiled_matmul": """
        places = [(i, j) for j in range(0, m, tile) for i in range(0, n, tile)]
        for i, j in places:
            total = np.zeros_like(c[i : i + tile, j : j + tile])
            for s in range(0, k, tile):
                left, above = a[i : i + tile, s : s + tile], b[s : s + tile, j : j + tile]
                total += vectorized_matmul(left, above)
            c[i : i + tile, j : j + tile] = total
    """,
    "im2col": """
        c, kh, kw, oh, ow, n = seen.shape
        columns = np.empty((c * kh * kw, oh * ow * n), dtype=x.dtype)
        for row, place in enumerate(np.ndindex(c, kh, kw)):
            columns[row] = seen[place].ravel()
        return columns
    """,
    "col2im": """
        for a, u, v in np.ndindex(spots.shape[:3]):
            np.add(spots[a, u, v], parts[a, u, v], out=spots[a, u, v])
    """,
    "in_parts": """
        bounds = np.linspace(0, count, number + 1).astype(int).tolist()
        slices = [slice(bounds[i], bounds[i + 1]) for i in range(number)]
        futures = list(map(lambda part: helpers().submit(work, part), slices[1:]))
        results = [work(slices[0])]
        for part, future in zip(slices[1:], futures, strict=True):
            mine = future.cancel()
            results += [work(part)] if mine else [future.result()]
        return results
    """,
    "convolve": """
        start = 0
        for rows, places, block in blocks(seen[:, :, :, part]):
            y_block = np.einsum("ok,kp->op", matrix, block)
            if bias is not None:
                y_block += bias.reshape(-1, 1)
            mine[:, start : start + block.shape[1]] = y_block
            start += block.shape[1]
    """,
    "convolve_backward": """
        for rows, places, block in blocks(seen):
            total += np.einsum("kp,op->ko", block, slopes[:, places])
            back = np.dot(turned, slopes[:, places]).reshape(spots[:, :, :, rows].shape)
            for u, v in reversed(list(np.ndindex(kh, kw))):
                spots[:, u, v, rows] = spots[:, u, v, rows] + back[:, u, v]
    """,
    "gelu_block": """
        np.square(x, out=y)
        y *= 0.044715
        y += 1
        np.multiply(x, y, out=t)
        t *= ROOT
        np.tanh(t, out=t)
        np.multiply(x, t, out=y)
        y += x
        y /= 2
    """,
    "Affine.forward": """
        for row in range(mine.start, mine.stop):
            z[row] = weight @ rows[row]
            if bias is not None:
                z[row] += bias
        if curve:
            gelu_block(z[mine], t[mine], y[mine])
    """,
    "Affine.backward": """
        db_part = slope
        if curve:
            db_part = np.empty_like(slope)
            gelu_slope(z[some], t[some], db_part)
            db_part = db_part * slope
        for row, given in zip(db_part, rows[some], strict=True):
            dw += np.outer(row, given)
            db += row
        if dx is not None:
            dx[some] = np.einsum("no,oi->ni", db_part, weight)
    """,
}
