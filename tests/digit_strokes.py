"""How a hand draws the ten digits: strokes in a square from (0, 0) to (1, 1), y downwards."""

from __future__ import annotations

import math
from itertools import pairwise

Points = list[tuple[float, float]]


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Points:
    """Part of an ellipse around (x, y), angles in degrees, clockwise from the right."""
    count = 24
    angles = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [(x + wide * math.cos(a), y + high * math.sin(a)) for a in angles]


def line(*corners: tuple[float, float]) -> Points:
    """Straight from corner to corner."""
    count = 8
    return [
        (x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count)
        for (x0, y0), (x1, y1) in pairwise(corners)
        for i in range(count + 1)
    ]


DIGITS: dict[int, list[Points]] = {
    0: [arc(0.5, 0.5, 0.3, 0.5, -90, 270)],
    1: [line((0.35, 0.2), (0.52, 0.0), (0.5, 1.0))],
    2: [arc(0.5, 0.28, 0.32, 0.28, -170, 40) + line((0.72, 0.48), (0.15, 1.0), (0.88, 1.0))],
    3: [arc(0.45, 0.26, 0.33, 0.26, -150, 90) + arc(0.45, 0.75, 0.37, 0.25, -90, 150)],
    4: [line((0.55, 0.0), (0.1, 0.62), (0.9, 0.62)), line((0.66, 0.3), (0.64, 1.0))],
    5: [
        line((0.8, 0.0), (0.27, 0.0), (0.22, 0.45)) + arc(0.45, 0.69, 0.37, 0.31, -120, 140),
    ],
    6: [arc(0.75, 0.55, 0.6, 0.56, -95, -180) + arc(0.47, 0.73, 0.31, 0.27, 180, 540)],
    7: [line((0.12, 0.03), (0.85, 0.03), (0.4, 1.0))],
    8: [
        arc(0.5, 0.25, 0.26, 0.25, -60, -270)
        + arc(0.5, 0.75, 0.31, 0.25, -90, 270)
        + arc(0.5, 0.25, 0.26, 0.25, 90, -60)
    ],
    9: [arc(0.48, 0.28, 0.29, 0.28, 0, -360) + line((0.77, 0.28), (0.7, 1.0))],
}


def drawn(digit: int, left: float, top: float, size: float) -> list[Points]:
    """A digit at a place of a surface, `size` high."""
    return [[(left + size * x, top + size * y) for x, y in s] for s in DIGITS[digit]]
