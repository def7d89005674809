"""The judge of written functions, with functions that misbehave. Real children run them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tinytorch_milestones.corpora.functions import FAMILIES, HELD_OUT, Function, held_out_functions
from tinytorch_milestones.training.python_judge import Attempt, body_of, judge, same

pytestmark = [
    pytest.mark.usefixtures("nothing_survives"),
    pytest.mark.skipif(os.name != "posix", reason="needs processes as POSIX has them"),
]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

ADD = Function(next(f for f in FAMILIES if f.id == "add"), "add", ("x",), ("7",))
RIGHT = "\treturn x + 7"

HARMFUL = {
    "endless loop": "\twhile True:\n\t\tpass",
    "endless power": "\treturn 10 ** 10 ** 9",
    "10 GB": "\treturn len(bytes(10 << 30)) and x + 7",
    "a list of 10 GB": "\tv = [0] * (10 << 27)\n\treturn x + 7",
    "open to write": "\topen('{file}', 'w').write('x')\n\treturn x + 7",
    "open, caught": "\ttry:\n\t\topen('{file}', 'w')\n\tfinally:\n\t\treturn x + 7",
    "remove": "\timport os\n\tos.remove('{kept}')\n\treturn x + 7",
    "fork": "\timport os\n\tos.fork()\n\treturn x + 7",
    "start a program": "\timport os\n\tos.system('touch {file}')\n\treturn x + 7",
    "connect": "\timport socket\n\tsocket.create_connection(('127.0.0.1', 9))\n\treturn x + 7",
    "print a gigabyte": "\tfor i in range(10 ** 6):\n\t\tprint('x' * 1000)\n\treturn x + 7",
    "print a gigabyte at once": "\tprint('x' * 10 ** 9)\n\treturn x + 7",
    "return a lot": "\treturn [x] * 10 ** 6",
    "sys.exit": "\timport sys\n\tsys.exit()",
    "exit": "\texit()",
    "SystemExit": "\traise SystemExit",
    "leave at once": "\timport os\n\tos._exit(0)",
    "recursion": "\tdef f():\n\t\treturn f()\n\treturn f()",
    "crash": "\timport ctypes\n\tctypes.string_at(0)",
    "end the judge": "\timport os\n\tos.kill(os.getppid(), 9)\n\treturn x + 7",
    "end everything": "\timport os\n\tos.killpg(0, 9)\n\treturn x + 7",
    "sleep": "\timport time\n\ttime.sleep(100)\n\treturn x + 7",
    "close everything": "\timport os\n\tos.closerange(0, 256)\n\twhile True:\n\t\tpass",
    "escape": "\tfor c in ().__class__.__base__.__subclasses__():\n\t\tif 'wrap_close' in str(c):\n"
    "\t\t\tc.__init__.__globals__['system']('touch {file}')\n\treturn x + 7",
    "patch the judge": "\timport tinytorch_milestones.training.python_child as c\n"
    "\tc._calls = lambda p, r: ('right', '')\n\tc._armed = None\n"
    "\tc.Outcome = None\n\tc.repr = lambda v: '15'\n\treturn 1",
    "forge": "\timport os\n\tfor i in range(256):\n\t\ttry:\n"
    '\t\t\tos.write(i, b\'{{"number": 1, "why": "right", "returned": ["1"]}}\')\n'
    "\t\texcept OSError:\n\t\t\tpass\n\tos._exit(0)",
    "equal to everything": "\tclass E(int):\n\t\tdef __eq__(self, other):\n\t\t\treturn True\n"
    "\t\tdef __repr__(self):\n\t\t\treturn '15'\n\treturn E(x)",
}


@pytest.fixture
def harmful(tmp_path: Path) -> dict[str, str]:
    kept = tmp_path / "kept"
    kept.write_text("still here")
    names = {"file": str(tmp_path / "made"), "kept": str(kept)}
    return {name: body.format_map(names) for name, body in HARMFUL.items()}


@pytest.mark.parametrize(
    ("look", "fork"),
    [(True, True), pytest.param(False, True, marks=linux), (True, False)],
    ids=["as it is", "without a look at the text", "without forks"],
)
def test_harm_is_stopped_counted_wrong_and_touches_nobody(
    harmful: dict[str, str], tmp_path: Path, look: bool, fork: bool
) -> None:
    # a right one after each: none may suffer from its neighbour
    bodies = [body for one in harmful.values() for body in (one, RIGHT)]
    verdicts = judge([Attempt.of(ADD, body) for body in bodies], look=look, fork=fork)
    for name, wrong, right in zip(harmful, verdicts[::2], verdicts[1::2], strict=True):
        assert not wrong.right, name
        assert wrong.why != "right"
        assert wrong.detail, name
        assert right.right, f"the one after {name}: {right}"
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_text() == "still here"


@linux
def test_each_limit_has_its_name(harmful: dict[str, str]) -> None:
    expected = {
        "endless loop": "time",
        "endless power": "time",
        "10 GB": "memory",
        "open to write": "forbidden",
        "fork": "forbidden",
        "connect": "forbidden",
        "print a gigabyte": "output",
        "recursion": "error",
        "crash": "forbidden",
        "equal to everything": "wrong",
    }
    attempts = [Attempt.of(ADD, harmful[name]) for name in expected]
    found = [verdict.why for verdict in judge(attempts, look=False)]
    assert dict(zip(expected, found, strict=True)) == expected


@linux
def test_the_system_refuses_by_itself_what_no_hook_sees() -> None:
    bodies = [
        "\timport os\n\ttry:\n\t\tos.pipe()\n\texcept OSError:\n\t\treturn x + 7",
        "\ttry:\n\t\tbytearray(100 << 20)\n\texcept MemoryError:\n\t\treturn x + 7",
        "\tbytearray(10 << 20)\n\treturn x + 7",
    ]
    verdicts = judge([Attempt.of(ADD, body) for body in bodies], look=False, memory=50 << 20)
    assert [verdict.why for verdict in verdicts] == ["right"] * 3
    looping = judge([Attempt.of(ADD, HARMFUL["endless loop"])])[0]
    assert looping.detail.startswith("It calculated too long")


def test_right_answers_are_right() -> None:
    asked = [function for kind in HELD_OUT for function in held_out_functions(kind, 60)]
    verdicts = judge([Attempt.of(function, function.body) for function in asked])
    wrong = [f.text for f, verdict in zip(asked, verdicts, strict=True) if not verdict.right]
    assert wrong == []
    assert all(call.returned for call in verdicts[0].calls)


def test_wrong_answers_are_wrong_and_say_why() -> None:
    bodies = {
        "\treturn x + 8": ("wrong", "add(8) returned 16, not 15."),
        "\treturn x + 7.0": ("wrong", "add(8) returned 15.0, not 15."),
        "\treturn y + 7": ("error", "NameError: name 'y' is not defined"),
        "\tx + 7": ("wrong", "add(8) returned None, not 15."),
        "\treturn (": ("syntax", "was never closed"),
        "return x + 7": ("syntax", "no body"),
        "": ("syntax", "no body"),
        "\t" + "(" * 300 + "x" + ")" * 300: ("syntax", "nested"),
        "\treturn x + 7" + " " * 5000: ("syntax", "2000 characters"),
        "\treturn add": ("wrong", "It returned a function."),
        "\tv = []\n\tv.append(v)\n\treturn v": ("wrong", "nested"),
    }
    verdicts = judge([Attempt.of(ADD, body) for body in bodies])
    for (body, (why, detail)), verdict in zip(bodies.items(), verdicts, strict=True):
        assert (verdict.right, verdict.why) == (False, why), body
        assert detail in verdict.detail, (body, verdict.detail)


def test_other_ways_to_say_it_are_right() -> None:
    bodies = ["\treturn 7 + x", "\tr = x\n\tr += 7\n\treturn r", "    return sum([x, 7])\n\ndef f("]
    assert all(verdict.right for verdict in judge([Attempt.of(ADD, body) for body in bodies]))


def test_nothing_to_judge() -> None:
    assert judge([]) == []


def test_a_completion_ends_where_the_next_function_begins() -> None:
    assert body_of("\treturn 1\n\ndef g():\n\treturn 2\n") == "    return 1\n"
    assert body_of("\tif x:\n\n\t\treturn 1\n# no") == "    if x:\n\n        return 1\n"
    assert Attempt.of(ADD, "\treturn 1\n\ndef").source.endswith('"""\n    return 1\n')


def test_equal_results() -> None:
    assert same("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}")
    assert same("[0.1, 0.30000000000000004]", "[0.1, 0.3]")
    for one, other in (("1", "True"), ("1", "1.0"), ("[1]", "(1,)"), ("nan", "1"), ("((", "1")):
        assert not same(one, other), (one, other)
