"""Families of Python functions on whole numbers: arithmetic, conditions and loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinytorch_milestones.corpora.family import Family, one


def _sign(a: int) -> int:
    return -1 if a < 0 else int(a > 0)


def _power_above(a: int, k: int) -> int:
    powers: list[int] = [k**e for e in range(200)]
    return next(power for power in powers if power > a)


def _times_divisible(a: int, k: int) -> int:
    return max(e for e in range(60) if a % k**e == 0)


ARITHMETIC = (
    one("add", "add plus raised", "number", "Return {a} plus {k}.",
        "return {a} + {k}", lambda a, k: sum((a, k)), "number"),
    one("subtract", "subtract minus lower", "number", "Return {a} minus {k}.",
        "return {a} - {k}", lambda a, k: a + -k, "number"),
    one("rest", "rest missing remaining", "number", "Return {k} minus {a}.",
        "return {k} - {a}", lambda a, k: -(a - k), "number"),
    one("times", "times multiply scale", "number", "Return {a} times {k}.",
        "return {a} * {k}", lambda a, k: sum([a] * k), "number"),
    one("fits", "fits groups whole", "number", "Return how many whole times {k} fits into {a}.",
        "return {a} // {k}", lambda a, k: math.floor(a / k), "number"),
    one("remainder", "remainder left_over extra", "number",
        "Return the remainder of {a} divided by {k}.",
        "return {a} % {k}", lambda a, k: a - k * math.floor(a / k), "number"),
    one("power", "power raise_to", "number", "Return {a} to the power of {k}.",
        "return {a} ** {k}", lambda a, k: math.prod([a] * k), "small"),
    one("sum_of_two", "add both total", "number number", "Return the sum of {a} and {b}.",
        "return {a} + {b}", lambda a, b: sum((a, b))),
    one("difference", "subtract gap change", "number number", "Return {a} minus {b}.",
        "return {a} - {b}", lambda a, b: -(b - a)),
    one("product", "multiply product area", "number number", "Return {a} times {b}.",
        "return {a} * {b}", lambda a, b: math.prod((b, a))),
    one("weighted", "mix combine", "number number", "Return {a} plus {k} times {b}.",
        "return {a} + {k} * {b}", lambda a, b, k: sum([b] * k, a), "number"),
    one("linear", "cost linear fee", "number", "Return {k} times {a}, plus {m}.",
        "return {k} * {a} + {m}", lambda a, k, m: sum([a] * k, m), "small number"),
    one("mean_of_two", "average middle mean", "number number", "Return the mean of {a} and {b}.",
        "return ({a} + {b}) / 2", lambda a, b: a / 2 + b / 2),
    one("distance", "distance gap away", "number", "Return how far {a} is from {k}.",
        "return abs({a} - {k})", lambda a, k: max(a, k) - min(a, k), "number"),
    one("digits", "digits digit_sum", "amount", "Add up the digits of {a}.",
        "return sum(int(c) for c in str({a}))", lambda a: sum(a // 10**e % 10 for e in range(9))),
)  # fmt: skip

CONDITIONS = (
    one("above", "is_above over exceeds", "number", "Return True if {a} is above {k}.",
        "return {a} > {k}", lambda a, k: max(a, k) != k, "number"),
    one("below", "is_below under", "number", "Return True if {a} is below {k}.",
        "return {a} < {k}", lambda a, k: min(a, k) != k, "number"),
    one("at_least", "at_least enough", "number", "Return True if {a} is at least {k}.",
        "return {a} >= {k}", lambda a, k: max(a, k) == a, "number"),
    one("at_most", "at_most allowed", "number", "Return True if {a} is at most {k}.",
        "return {a} <= {k}", lambda a, k: min(a, k) == a, "number"),
    one("equals", "is_it same", "number", "Return True if {a} is {k}.",
        "return {a} == {k}", lambda a, k: not a - k, "number"),
    one("divisible", "divisible splits", "number", "Return True if {a} is divisible by {k}.",
        "return {a} % {k} == 0", lambda a, k: math.gcd(a, k) == k, "number"),
    one("even", "is_even even", "number", "Return True if {a} is even.",
        "return {a} % 2 == 0", lambda a: not a & 1),
    one("odd", "is_odd odd", "number", "Return True if {a} is odd.",
        "return {a} % 2 == 1", lambda a: bool(a & 1)),
    one("between", "between inside", "number", "Return True if {a} is from {k} to {m}.",
        "return {k} <= {a} <= {m}", lambda a, k, m: a in range(k, m + 1), "range"),
    one("both_above", "both_above both", "number number",
        "Return True if {a} and {b} are both above {k}.",
        "return {a} > {k} and {b} > {k}", lambda a, b, k: min(a, b) > k, "number"),
    one("one_above", "one_above either", "number number",
        "Return True if {a} or {b} is above {k}.",
        "return {a} > {k} or {b} > {k}", lambda a, b, k: max(a, b) > k, "number"),
    one("raised_to", "at_least no_less", "number", "Return {a}, but at least {k}.",
        "return max({a}, {k})", lambda a, k: sorted((a, k))[1], "number"),
    one("lowered_to", "at_most no_more", "number", "Return {a}, but at most {k}.",
        "return min({a}, {k})", lambda a, k: sorted((a, k))[0], "number"),
    one("clamp", "clamp keep limit", "number", "Return {a}, kept from {k} to {m}.",
        "return max({k}, min({a}, {m}))", lambda a, k, m: sorted((k, a, m))[1], "range"),
    one("larger", "larger more", "number number", "Return the larger of {a} and {b}.",
        "if {a} > {b}:\n\treturn {a}\nreturn {b}", lambda a, b: max(a, b)),
    one("smaller", "lower less", "number number", "Return the smaller of {a} and {b}.",
        "if {a} < {b}:\n\treturn {a}\nreturn {b}", lambda a, b: min(a, b)),
    one("no_sign", "positive unsigned", "number", "Return {a} without its sign.",
        "if {a} < 0:\n\treturn -{a}\nreturn {a}", lambda a: abs(a)),
    one("sign", "sign sign_of", "number", "Return 1, 0 or -1: the sign of {a}.",
        "if {a} == 0:\n\treturn 0\nreturn 1 if {a} > 0 else -1", _sign),
    one("label_above", "label rate", "number",
        "Return '{k}' if {a} is above {m}, else '{n}'.",
        "if {a} > {m}:\n\treturn '{k}'\nreturn '{n}'",
        lambda a, k, m, n: (n, k)[a > m], "word number word"),
    one("label_below", "label rate", "number",
        "Return '{k}' if {a} is below {m}, else '{n}'.",
        "if {a} < {m}:\n\treturn '{k}'\nreturn '{n}'",
        lambda a, k, m, n: (n, k)[a < m], "word number word"),
    one("cut_above", "discount reduce", "number", "Take {k} off {a} if it is above {m}.",
        "if {a} > {m}:\n\t{a} -= {k}\nreturn {a}",
        lambda a, k, m: a - k * (a > m), "number number"),
    one("raise_below", "top_up bonus", "number", "Add {k} to {a} if it is below {m}.",
        "if {a} < {m}:\n\t{a} += {k}\nreturn {a}",
        lambda a, k, m: a + k * (a < m), "number number"),
)  # fmt: skip

LOOPS = (
    one("sum_up_to", "sum_up_to triangle", "count", "Add up the numbers from 1 to {a}.",
        "t = 0\nfor i in range(1, {a} + 1):\n\tt += i\nreturn t", lambda a: a * (a + 1) // 2),
    one("factorial", "factorial orders", "count", "Multiply the numbers from 1 to {a}.",
        "t = 1\nfor i in range(1, {a} + 1):\n\tt *= i\nreturn t", math.factorial),
    one("multiples", "multiples steps_of", "count", "List the first {a} multiples of {k}.",
        "return [{k} * i for i in range(1, {a} + 1)]",
        lambda a, k: list(range(k, k * a + 1, k)), "number"),
    one("count_down", "count_down launch", "count", "List the numbers from {a} down to 1.",
        "return list(range({a}, 0, -1))", lambda a: sorted(range(1, a + 1))[::-1]),
    one("squares", "squares", "count", "List the squares of 1 to {a}.",
        "return [i * i for i in range(1, {a} + 1)]", lambda a: [i**2 for i in range(a + 1)][1:]),
    one("grow", "grow repeat_times", "number", "Multiply {a} by {k}, {m} times over.",
        "for i in range({m}):\n\t{a} *= {k}\nreturn {a}", lambda a, k, m: a * k**m,
        "number small"),
    one("power_above", "next_power beyond", "number", "Return the first power of {k} above {a}.",
        "t = 1\nwhile t <= {a}:\n\tt *= {k}\nreturn t", _power_above, "number"),
    one("times_divisible", "factors splits", "amount", "Count how often {k} divides {a}.",
        "t = 0\nwhile {a} % {k} == 0:\n\t{a} //= {k}\n\tt += 1\nreturn t",
        _times_divisible, "small"),
)  # fmt: skip

_Part = tuple[str, str, Callable[[int, int], Any]]

_FIRST: dict[str, _Part] = {
    "add": ("Add {k} to {a}", "{a} += {k}", lambda a, k: a + k),
    "subtract": ("Subtract {k} from {a}", "{a} -= {k}", lambda a, k: a - k),
    "multiply": ("Multiply {a} by {k}", "{a} *= {k}", lambda a, k: a * k),
    "divide": ("Divide {a} by {k} rounding down", "{a} //= {k}", lambda a, k: math.floor(a / k)),
}
_THEN: dict[str, _Part] = {
    "add": ("add {m}", "return {a} + {m}", lambda a, m: a + m),
    "subtract": ("subtract {m}", "return {a} - {m}", lambda a, m: a - m),
    "multiply": ("multiply by {m}", "return {a} * {m}", lambda a, m: a * m),
    "compare": ("tell if above {m}", "return {a} > {m}", lambda a, m: a > m),
}
# these two steps are never seen one after the other in training
_UNSEEN = {("subtract", "add"), ("multiply", "compare"), ("divide", "subtract")}


def _steps(first: str, then: str) -> Family:
    says, line, before = _FIRST[first]
    says_then, line_then, after = _THEN[then]
    return one(
        f"steps-{first}-{then}",
        "steps change work_out",
        "number",
        f"{says}, then {says_then}.",
        f"{line}\n{line_then}",
        lambda a, k, m: after(before(a, k), m),
        "number number",
        unseen=(first, then) in _UNSEEN,
    )


STEPS = tuple(_steps(first, then) for first in _FIRST for then in _THEN)

NUMBERS = (*ARITHMETIC, *CONDITIONS, *LOOPS, *STEPS)
