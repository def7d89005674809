"""Families of Python functions on lists and dictionaries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinytorch_milestones.corpora.family import Family, one


def _count(values: list[int]) -> int:
    return len(values)


LISTS = (
    one("total", "total add_up", "list", "Return the sum of {a}.",
        "return sum({a})", lambda a: int(math.fsum(a))),
    one("biggest", "biggest best", "list", "Return the largest item of {a}.",
        "return max({a})", lambda a: sorted(a)[-1]),
    one("least", "least worst", "list", "Return the smallest item of {a}.",
        "return min({a})", lambda a: sorted(a)[0]),
    one("spread", "spread span", "list", "Return the largest minus the smallest item of {a}.",
        "return max({a}) - min({a})", lambda a: sorted(a)[-1] - sorted(a)[0]),
    one("mean", "mean average", "list", "Return the mean of {a}.",
        "return sum({a}) / len({a})", lambda a: math.fsum(a) / _count(a)),
    one("first_items", "first_items front", "list", "Return the first {k} items of {a}.",
        "return {a}[:{k}]", lambda a, k: [v for i, v in enumerate(a) if i < k], "size"),
    one("last_items", "last_items back", "list", "Return the last {k} items of {a}.",
        "return {a}[-{k}:]", lambda a, k: a[::-1][:k][::-1], "size"),
    one("drop_items", "drop_items later", "list", "Return {a} without its first {k} items.",
        "return {a}[{k}:]", lambda a, k: [v for i, v in enumerate(a) if i >= k], "size"),
    one("add_each", "add_each lift", "list", "Add {k} to each item of {a}.",
        "return [v + {k} for v in {a}]", lambda a, k: list(map(k.__add__, a)), "number"),
    one("lower_each", "lower_each reduce", "list", "Subtract {k} from each item of {a}.",
        "return [v - {k} for v in {a}]", lambda a, k: [-(k - v) for v in a], "number"),
    one("scale_each", "scale_each grow", "list", "Multiply each item of {a} by {k}.",
        "return [v * {k} for v in {a}]", lambda a, k: list(map(k.__mul__, a)), "number"),
    one("keep_above", "keep_above high", "list", "Keep the items of {a} above {k}.",
        "return [v for v in {a} if v > {k}]", lambda a, k: list(filter(k.__lt__, a)), "number"),
    one("keep_below", "keep_below low", "list", "Keep the items of {a} below {k}.",
        "return [v for v in {a} if v < {k}]", lambda a, k: list(filter(k.__gt__, a)), "number"),
    one("keep_divisible", "keep_multiples fitting", "list",
        "Keep the items of {a} divisible by {k}.",
        "return [v for v in {a} if v % {k} == 0]",
        lambda a, k: [v for v in a if math.gcd(v, k) == k], "number"),
    one("without_value", "without skip", "list", "Return {a} without each {k}.",
        "return [v for v in {a} if v != {k}]", lambda a, k: list(filter(k.__ne__, a)), "number"),
    one("count_above", "how_many above", "list", "Count the items of {a} above {k}.",
        "t = 0\nfor v in {a}:\n\tif v > {k}:\n\t\tt += 1\nreturn t",
        lambda a, k: len([v for v in a if v > k]), "number"),
    one("count_below", "how_few below", "list", "Count the items of {a} below {k}.",
        "t = 0\nfor v in {a}:\n\tif v < {k}:\n\t\tt += 1\nreturn t",
        lambda a, k: len([v for v in a if v < k]), "number"),
    one("sum_above", "sum_above gather", "list", "Add up the items of {a} above {k}.",
        "t = 0\nfor v in {a}:\n\tif v > {k}:\n\t\tt += v\nreturn t",
        lambda a, k: sum(v for v in a if v > k), "number"),
    one("count_value", "count_value how_many", "list", "Count how often {k} is in {a}.",
        "return {a}.count({k})", lambda a, k: sum(v == k for v in a), "number"),
    one("has_value", "has found", "list", "Return True if {k} is in {a}.",
        "return {k} in {a}", lambda a, k: a.count(k) > 0, "number"),
    one("ascending", "ascending in_order", "list", "Return {a} sorted, smallest first.",
        "return sorted({a})", lambda a: sorted(a, reverse=True)[::-1]),
    one("descending", "descending ranked", "list", "Return {a} sorted, largest first.",
        "return sorted({a}, reverse=True)", lambda a: sorted(a)[::-1]),
    one("reversed_list", "turned flipped", "list", "Return {a} in reverse order.",
        "return {a}[::-1]", lambda a: list(reversed(a))),
    one("with_last", "with_last push", "list", "Return {a} with {k} at the end.",
        "return {a} + [{k}]", lambda a, k: [*a, k], "number"),
    one("with_first", "with_first lead", "list", "Return {a} with {k} in front.",
        "return [{k}] + {a}", lambda a, k: [k, *a], "number"),
    one("sum_of_squares", "energy square_sum", "list", "Add up the squares of {a}.",
        "t = 0\nfor v in {a}:\n\tt += v * v\nreturn t", lambda a: sum(v**2 for v in a)),
    one("multiply_all", "multiply_all product", "list", "Multiply all items of {a}.",
        "t = 1\nfor v in {a}:\n\tt *= v\nreturn t", math.prod),
    one("any_above", "any_above some", "list", "Return True if any item of {a} is above {k}.",
        "return any(v > {k} for v in {a})", lambda a, k: max(a) > k, "number"),
    one("all_above", "all_above each", "list", "Return True if all items of {a} are above {k}.",
        "return all(v > {k} for v in {a})", lambda a, k: min(a) > k, "number"),
    one("index_of", "index_of place", "list", "Return the index of {k} in {a}, or -1.",
        "if {k} in {a}:\n\treturn {a}.index({k})\nreturn -1",
        lambda a, k: next((i for i, v in enumerate(a) if v == k), -1), "number"),
    one("different", "different unique", "list", "Return the different items of {a}, sorted.",
        "return sorted(set({a}))", lambda a: sorted(dict.fromkeys(a))),
    one("clip_each", "clip_each cap", "list", "Return {a} with no item above {k}.",
        "return [min(v, {k}) for v in {a}]", lambda a, k: [k if v > k else v for v in a],
        "number"),
    one("add_lists", "merge pairs", "list list", "Add up {a} and {b} in pairs.",
        "return [v + w for v, w in zip({a}, {b})]",
        lambda a, b: [sum(pair) for pair in zip(a, b, strict=False)]),
    one("join_words", "join_words chain", "words", "Join {a} with '{k}' between.",
        "return '{k}'.join({a})", lambda a, k: "".join(w + k for w in a)[:-1], "mark"),
    one("lengths", "lengths sizes_of", "words", "List the lengths of {a}.",
        "return [len(w) for w in {a}]", lambda a: list(map(len, a))),
    one("long_words", "long_words longer", "words", "Keep the items of {a} over {k} letters long.",
        "return [w for w in {a} if len(w) > {k}]", lambda a, k: [w for w in a if w[k:]], "small"),
    one("first_of_each", "initials heads", "words", "List the first letter of each item of {a}.",
        "return [w[0] for w in {a}]", lambda a: [w[:1] for w in a]),
    one("tag_each", "tag_each extend", "words", "Put '{k}' at the end of each item of {a}.",
        "return [w + '{k}' for w in {a}]", lambda a, k: ["".join((w, k)) for w in a], "word"),
)  # fmt: skip

_Part = tuple[str, str, Callable[[int, int], Any]]

_KEEP: dict[str, _Part] = {
    "above": ("above {k}", "v > {k}", lambda v, k: v > k),
    "below": ("below {k}", "v < {k}", lambda v, k: v < k),
    "divisible": ("divisible by {k}", "v % {k} == 0", lambda v, k: v % k == 0),
}
_CHANGE: dict[str, _Part] = {
    "add": ("plus {m}", "v + {m}", lambda v, m: v + m),
    "subtract": ("minus {m}", "v - {m}", lambda v, m: v - m),
    "multiply": ("times {m}", "v * {m}", lambda v, m: v * m),
}
_UNSEEN = {("above", "subtract"), ("divisible", "add")}


def _keep_and_change(keep: str, change: str) -> Family:
    says, test, kept = _KEEP[keep]
    says_change, value, changed = _CHANGE[change]
    return one(
        f"kept-{keep}-{change}",
        "pick take",
        "list",
        f"List items of {{a}} {says}, each {says_change}.",
        f"return [{value} for v in {{a}} if {test}]",
        lambda a, k, m: [changed(v, m) for v in a if kept(v, k)],
        "number number",
        unseen=(keep, change) in _UNSEEN,
    )


KEPT = tuple(_keep_and_change(keep, change) for keep in _KEEP for change in _CHANGE)

TABLES = (
    one("lookup", "lookup fetch", "table", "Return {a} at '{k}', or {m} if it is missing.",
        "return {a}.get('{k}', {m})", lambda a, k, m: {k: m, **a}[k], "word number"),
    one("has_key", "has_key known", "table", "Return True if '{k}' is a key of {a}.",
        "return '{k}' in {a}", lambda a, k: k in list(a), "word"),
    one("entries", "entries how_big", "table", "Return how many keys {a} has.",
        "return len({a})", lambda a: sum(1 for _ in a)),
    one("sorted_keys", "sorted_keys index", "table", "Return the sorted keys of {a}.",
        "return sorted({a})", lambda a: sorted(k for k, _ in a.items())),
    one("value_sum", "value_sum worth", "table", "Add up the values of {a}.",
        "return sum({a}.values())", lambda a: sum(a[k] for k in a)),
    one("keys_above", "keys_above rich", "table", "List the keys of {a} with values above {k}.",
        "return [i for i, v in {a}.items() if v > {k}]",
        lambda a, k: [key for key in a if a[key] > k], "number"),
    one("scale_values", "scale_values multiply", "table", "Multiply each value of {a} by {k}.",
        "return {{i: v * {k} for i, v in {a}.items()}}",
        lambda a, k: dict(zip(a, (k * v for v in a.values()), strict=True)), "number"),
    one("raise_values", "raise_values add", "table", "Add {k} to each value of {a}.",
        "return {{i: v + {k} for i, v in {a}.items()}}",
        lambda a, k: dict(zip(a, (k + v for v in a.values()), strict=True)), "number"),
    one("set_key", "set_key put", "table", "Set '{k}' to {m} in {a} and return it.",
        "{a}['{k}'] = {m}\nreturn {a}", lambda a, k, m: {**a, k: m}, "word number"),
    one("without_key", "forget lose", "table", "Return {a} without the key '{k}'.",
        "return {{i: v for i, v in {a}.items() if i != '{k}'}}",
        lambda a, k: {key: a[key] for key in set(a) - {k}}, "word"),
    one("best_key", "best_key winner", "table", "Return the key of {a} with the largest value.",
        "return max({a}, key={a}.get)",
        lambda a: sorted((-v, i, key) for i, (key, v) in enumerate(a.items()))[0][2]),
    one("swap", "swap turn_around", "table", "Swap the keys and values of {a}.",
        "return {{v: i for i, v in {a}.items()}}",
        lambda a: dict(zip(a.values(), a.keys(), strict=True))),
    one("pair_up", "pair_up make_dict", "words list", "Make a dict with keys {a} and values {b}.",
        "return dict(zip({a}, {b}))",
        lambda a, b: {key: b[i] for i, key in enumerate(a[: len(b)])}),
    one("fill_keys", "fill_keys begin", "words", "Make a dict with keys {a} and each value {k}.",
        "return {{w: {k} for w in {a}}}", lambda a, k: dict.fromkeys(a, k), "number"),
)  # fmt: skip

COLLECTIONS = (*LISTS, *KEPT, *TABLES)
