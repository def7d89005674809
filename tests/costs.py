"""Pictures of what a network costs, as the recipes of MLPerf give them."""

from __future__ import annotations

from typing import Any

HOSTILE = "a\x00b\x1b[31m$x^2$\u202eקר 漢字 🐢 é \\frac{1}"


def pareto(*more: dict[str, Any]) -> dict[str, Any]:
    """A network that is made smaller in three steps."""
    points = [
        {"name": "float32", "bytes": 1_986_000, "accuracy": 0.958, "speed": 1.0},
        {"name": "half the units", "bytes": 874_000, "accuracy": 0.956, "speed": 2.3},
        {"name": "80% zeros", "bytes": 216_000, "accuracy": 0.9555, "speed": 2.2},
        {"name": "int8", "bytes": 81_000, "accuracy": 0.9555, "speed": 1.9},
    ]
    return {"kind": "pareto", "points": [*points, *more], "title": "24.5 times smaller on disk"}


def roofline(count: int = 5) -> dict[str, Any]:
    """Two layers with batches of several sizes."""
    points = [
        {"name": name, "label": str(4**i), "intensity": 0.5 * 3**i, "flops": 4e9 * 2**i / (j + 1)}
        for j, name in enumerate(("Linear 1", "Linear 3"))
        for i in range(count)
    ]
    return {
        "kind": "roofline",
        "flops": 1e11,
        "bandwidth": 2e10,
        "points": points,
        "noun": "batch",
        "title": "each layer under the roof",
    }


def race(slow: int, fast: int, *, of: int = 256, text: str = "There was a dog. ") -> dict[str, Any]:
    """Two writers, so many tokens far."""
    lanes = [
        {"name": name, "text": text * count, "tokens": count, "seconds": 0.01 * slow, "of": of}
        for name, count in (("without the cache", slow), ("with the cache", fast))
    ]
    if slow == fast == of:
        lanes[0]["rate"], lanes[1]["rate"] = 500.0, 8000.0
    return {"kind": "race", "prompt": "One day", "lanes": lanes, "title": "the same tokens"}


TABLE: dict[str, Any] = {
    "kind": "table",
    "columns": ["program", "median", "times as fast", ""],
    "rows": [["float32", "8.1 ms", "1", ""], ["int8", "9.0 ms", "0.90", "slower"]],
    "title": "1000 digits read",
}

INTERVALS: dict[str, Any] = {
    "kind": "intervals",
    "rows": [
        {"name": "float32", "told": "8.1 ms, 1,987 kB", "ratio": 1.0, "low": 1.0, "high": 1.0},
        {"name": "half the units", "told": "3.8 ms", "ratio": 2.13, "low": 2.0, "high": 2.2},
        {"name": "int8", "told": "9.0 ms, slower", "ratio": 0.9, "low": 0.85, "high": 0.93},
        {"name": "module 17", "told": "7.9 ms", "ratio": 1.03, "low": 0.95, "high": 1.3},
    ],
    "table": {key: TABLE[key] for key in ("columns", "rows")},
    "title": "1,000 digits read",
}
