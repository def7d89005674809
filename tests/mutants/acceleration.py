"""Mistakes in `perf/acceleration.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_OUTER = "c += a[:, s, np.newaxis] * b[s]"
_TILE = "c[i : i + tile, j : j + tile] += vectorized_matmul(left, above)"
_COLUMNS = "return np.array(seen).reshape(c * kh * kw, oh * ow * n)"
_BACK = "spots[:, u, v] += parts[:, u, v]\n    ### END SOLUTION\n    return images_first(padded["
_EDGES = "edges = [count * i // number for i in range(number + 1)]"
_WAITING = "waiting = [(part, helpers().submit(work, part)) for part in others]"
_COLLECT = "results.append(work(part) if future.cancel() else future.result())"
_PRODUCT = "np.matmul(matrix, block, out=mine[:, places])"
_BIAS = "mine[:, places] += bias[:, np.newaxis]"
_TOTAL = "            total += block @ slopes[:, places].T\n            np.matmul(turned"
_TURNED = "np.matmul(turned, slopes[:, places], out=block)"
_SPOTS = "spots[:, u, v, rows] += parts[:, u, v]"
_TANH = "np.tanh(t, out=t)"
_SCALE = "t *= 0.044715 * ROOT"
_HALF = "    np.add(t, 1, out=y)\n    y *= x\n    y *= 0.5"
_AFFINE_BIAS = "z[some] += bias"
_CURVE = "gelu_block(z[some], t[some], y[some])"
_STEEP = "steep *= slope\n                    slope = steep"
_DW = "dw += slope.T @ rows[some]"
_DB = "db += slope.sum(axis=0)"

_FOUND = [
    (
        "last-term-only",
        _OUTER,
        _OUTER.replace("+=", "[...] ="),
        "the terms replace each other instead of adding up",
    ),
    (
        "element-by-element",
        _OUTER,
        "for i in range(len(a)):\n            c[i] += a[i, s] * b[s]",
        "a second loop in Python",
    ),
    ("numpy-product", _OUTER, "c[...] = a @ b", "numpy's own product, where it is to be built"),
    (
        "tiles-overwritten",
        _TILE,
        _TILE.replace("+=", "="),
        "only the last piece along k counts",
    ),
    (
        "edges-left-out",
        "for i in range(0, n, tile):",
        "for i in range(0, n - tile + 1, tile):",
        "the smaller tiles at the edge are forgotten",
    ),
    (
        "strip-not-tile",
        _TILE,
        (
            "if s == 0:\n                    c[i : i + tile, j : j + tile] += vectorized_matmul(\n"
            "                        a[i : i + tile], b[:, j : j + tile]\n                    )"
        ),
        "whole strips of the factors, which do not stay in the cache",
    ),
    (
        "images-before-places",
        _COLUMNS,
        "return seen.transpose(0, 1, 2, 5, 3, 4).reshape(c * kh * kw, oh * ow * n)",
        "columns go through the images first, then through the places",
    ),
    (
        "kernel-before-channels",
        _COLUMNS,
        "return seen.transpose(1, 2, 0, 3, 4, 5).reshape(c * kh * kw, oh * ow * n)",
        "rows in another order than the weights",
    ),
    (
        "pixels-overwritten",
        _BACK,
        _BACK.replace("+=", "="),
        "a pixel keeps the last number instead of the sum",
    ),
    (
        "all-at-once",
        _BACK,
        _BACK.replace("spots[:, u, v] += parts[:, u, v]", "pass\n    spots += parts"),
        "overlapping additions in one operation lose each other",
    ),
    (
        "last-one-forgotten",
        _EDGES,
        "edges = [count // number * i for i in range(number + 1)]",
        "what does not divide evenly is done by nobody",
    ),
    (
        "one-after-the-other",
        _WAITING,
        (
            "waiting = [(part, helpers().submit(work, part)) for part in others]\n"
            "    for _, future in waiting:\n"
            "        future.result()"
        ),
        "each part is waited for before the own one begins",
    ),
    (
        "results-not-awaited",
        _COLLECT,
        "results.append(future._result)",
        "results are taken before they are there",
    ),
    (
        "results-turned-round",
        "    return results\n    ### END SOLUTION",
        "    return results[::-1]\n    ### END SOLUTION",
        "the first part comes last",
    ),
    (
        "busy-helpers-awaited",
        _COLLECT,
        "results.append(future.result())",
        "a part that no helper has begun is waited for",
    ),
    (
        "done-twice",
        _COLLECT,
        "results.append(work(part))",
        "what was handed out is done here as well",
    ),
    (
        "taken-back-and-dropped",
        _COLLECT,
        "results += [] if future.cancel() else [future.result()]",
        "what no helper had begun is done by nobody",
    ),
    (
        "bias-forgotten-in-blocks",
        _BIAS,
        "pass",
        "the convolution's bias is not added",
    ),
    (
        "bias-for-places",
        _BIAS,
        "mine += bias[:, np.newaxis]",
        "each block adds the bias to every place again",
    ),
    (
        "first-block-only",
        _PRODUCT,
        "np.matmul(matrix, block, out=mine[:, : block.shape[1]])",
        "every block is written to the first places",
    ),
    ("weights-last-block", _TOTAL, _TOTAL.replace("+=", "="), "the blocks are not added up"),
    (
        "block-used-too-late",
        _TOTAL + ", slopes[:, places], out=block)",
        (
            "            np.matmul(turned, slopes[:, places], out=block)\n"
            "            total += block @ slopes[:, places].T"
        ),
        "the block is written over before it was used for the weights",
    ),
    (
        "pixels-replaced",
        _SPOTS,
        _SPOTS.replace("+=", "="),
        "overlapping windows replace each other",
    ),
    ("root-left-out", _SCALE, "t *= 0.044715", "one of the two terms is not scaled"),
    (
        "tanh-before-x",
        "    t *= x\n    " + _TANH,
        "    " + _TANH + "\n    t *= x",
        "tanh too early",
    ),
    ("gelu-unhalved", _HALF, _HALF.replace("0.5", "1"), "twice as large"),
    (
        "gelu-in-new-arrays",
        _HALF,
        "    y[...] = 0.5 * x * (1 + t)",
        "new arrays for every step",
    ),
    ("affine-bias-lost", _AFFINE_BIAS, "z[some] + bias", "the sum is computed and thrown away"),
    (
        "curve-over-itself",
        _CURVE,
        "gelu_block(z[some], t[some], z[some])\n                    y[some] = z[some]",
        "what the way back needs is written over",
    ),
    (
        "curve-slope-forgotten",
        _STEEP,
        "pass",
        "the way back passes the curve by",
    ),
    ("affine-weight-last", _DW, _DW.replace("+=", "="), "only the last block's gradient counts"),
    ("affine-bias-mean", _DB, "db += slope.mean(axis=0)", "a mean where the sum belongs"),
]

MUTANTS = [Mutant(name, "17_acceleration", old, new, wrong) for name, old, new, wrong in _FOUND]
