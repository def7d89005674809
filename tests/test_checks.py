"""`check` in a notebook, and the judge of a module in a real child."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinytorch_milestones import checks, sandbox
from tinytorch_milestones.checks import check, checkpoint_tests
from tinytorch_milestones.sandbox import Limits

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def fresh_kernel() -> None:
    checks.forget()


def divide(a: float) -> float:
    return a / 0


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


def raising(error: BaseException) -> Callable[[], None]:
    def test() -> None:
        raise error

    return test


# check


def test_a_test_that_passes(capsys: pytest.CaptureFixture[str]) -> None:
    points = check("01.sum", lambda: None, points=5)
    assert (type(points), points) == (float, 5.0)
    assert capsys.readouterr() == ("01.sum  passed  5 of 5 points\n", "")
    assert checks.passed("01.sum")


def test_a_stub_is_not_yet(capsys: pytest.CaptureFixture[str]) -> None:
    points = check("01.sum", raising(NotImplementedError("01.sum: add them up")))
    assert (type(points), points) == (float, 0.0)
    assert capsys.readouterr() == ("01.sum  not yet: add them up\n", "")
    assert not checks.passed("01.sum")
    # another task's stub keeps its name
    check("01.mean", raising(NotImplementedError("01.sum: add them up")))
    assert capsys.readouterr().out == "01.mean  not yet: 01.sum: add them up\n"


def test_a_failed_assertion_shows_its_message_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check("01.sum", raising(AssertionError("expected [1\n 2],\n  got 3: why"))) == 0.0
    assert capsys.readouterr().out == "01.sum  failed: expected [1 2], got 3: why\n"


def test_an_assertion_without_message_shows_itself(capsys: pytest.CaptureFixture[str]) -> None:
    check("01.sum", raising(AssertionError()))
    assert "this did not hold: `raise error`" in capsys.readouterr().out


def test_an_exception_shows_type_message_and_the_students_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def test_it() -> None:
        divide(1.0)

    check("01.sum", test_it)
    line = capsys.readouterr().out
    assert "ZeroDivisionError: " in line
    assert "in your line `return a / 0` (in divide" in line


def test_lines_of_libraries_are_not_blamed(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    def load(text: str) -> Any:
        return json.loads(text)

    check("01.sum", lambda: load("{"))
    assert "`return json.loads(text)`" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(0),
        GeneratorExit(),
        RecursionError(),
        MemoryError(),
        Unshowable(),
        OSError(2, "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nothing_is_raised(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("01.sum", raising(error)) == 0.0
    out, err = capsys.readouterr()
    assert out.startswith("01.sum  failed: ")
    assert (out.count("\n"), err) == (1, "")


def test_an_interrupt_passes_through() -> None:
    check("01.sum", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        check("01.sum", raising(KeyboardInterrupt()))
    assert not checks.passed("01.sum")


def test_nothing_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def test_it() -> None:
        print("noise", file=sys.stderr)

    check("01.sum", test_it)
    out, err = capsys.readouterr()
    assert err == ""
    assert "noise" in out


def test_an_enormous_message_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    check("01.sum", raising(ValueError("x " * 10_000_000)))
    assert len(capsys.readouterr().out) < 1000


def test_a_test_that_only_makes_a_generator_does_not_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def test_it() -> Any:
        yield 1

    assert check("01.sum", test_it) == 0.0
    assert "never run" in capsys.readouterr().out


def test_a_later_failure_takes_back_what_passed() -> None:
    check("01.sum", lambda: None)
    check("01.sum", raising(ValueError("broken again")))
    assert not checks.passed("01.sum")
    assert checks.results() == {"01.sum": "failed"}


def test_importing_check_is_light() -> None:
    code = "import sys, tinytorch_milestones.checks; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert not {"numpy", "msgspec", "nbdev", "IPython"} & set(result.stdout.decode().split())


# the judge

SQUARE = """\
def test_square():
    assert square(np.float32(3)) == 9, f"expected 9, got {square(3)}"
check("01.square", test_square, points=10)
"""
ZERO = """\
from tinytorch_milestones.checks import check
def test_zero():
    assert zero() == 0
check("01.zero", test_zero, points=10)
"""


class Course:
    """A folder with a package of one file, and the judge for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.core = root / "tinytorch" / "core"
        self.core.mkdir(parents=True)
        (root / "tinytorch" / "__init__.py").touch()
        (self.core / "__init__.py").touch()

    def judge(
        self,
        code: str | None,
        *,
        tests: dict[str, str] | None = None,
        seconds_per_test: float = 20.0,
        checkpoints: tuple[str, ...] = (),
        hidden: tuple[str, ...] = (),
    ) -> dict[str, tuple[str, str]]:
        if code is not None:
            (self.core / "tensor.py").write_text(code)
        cells = {"01.square": SQUARE, "01.zero": ZERO} if tests is None else tests
        job = {
            "root": str(self.root),
            "module": "01_tensor",
            "target": "core.tensor",
            "hidden": list(hidden),
            "tests": [
                {"id": id_, "title": "", "source": source, "cell_id": "", "points": 10}
                for id_, source in cells.items()
            ],
            "checkpoints": [{"id": number} for number in checkpoints],
            "seconds_per_test": seconds_per_test,
        }
        child = sandbox.spawn("tinytorch_milestones.checks.child:run", limits=Limits(seconds=60.0))
        messages: list[Any] = list(child.run(job, self.root))
        self.ending = child.ending
        return {one["id"]: (one["status"], one["message"]) for one in messages}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


GOOD = "import numpy as np\ndef square(x): return x * x\ndef zero(): return 0\n"


def test_good_code_passes(course: Course) -> None:
    assert course.judge(GOOD) == {"01.square": ("passed", ""), "01.zero": ("passed", "")}
    assert course.ending.reason == "finished"


def test_each_test_is_judged_by_itself(course: Course) -> None:
    code = "def square(x): return 7\ndef zero(): raise NotImplementedError('01.zero: nothing')\n"
    assert course.judge(code) == {
        "01.square": ("failed", "expected 9, got 7"),
        "01.zero": ("not_yet", "01.zero: nothing"),
    }


def test_an_error_names_the_students_line_and_cell(course: Course) -> None:
    code = "# %% ../../modules/01_tensor.ipynb #01-square\ndef square(x):\n    return x + '1'\n"
    status, message = course.judge(code)["01.square"]
    assert status == "failed"
    assert "`return x + '1'` (cell 01-square)" in message


def test_code_is_read_afresh_every_time(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    for value, status in (("3", "failed"), ("9", "passed"), ("4", "failed")):
        found = course.judge(f"def square(x): return {value}\ndef zero(): return 0\n")
        assert found["01.square"][0] == status
    assert not list(course.root.rglob("*.pyc"))


def test_bytecode_of_other_processes_is_not_believed(course: Course) -> None:
    course.judge("def square(x): return 9\ndef zero(): return 0\n")
    file = course.core / "tensor.py"
    stamp = file.stat().st_mtime
    py_compile.compile(str(file), doraise=True)
    file.write_text("def square(x): return 5\ndef zero(): return 0\n")
    # the same size within the same second is what bytecode files cannot tell apart
    os.utime(file, (stamp, stamp))
    found = course.judge(None)
    assert found["01.square"] == ("failed", "expected 9, got 5")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def square(:", "SyntaxError"),
        ("raise ValueError('no')", "ValueError: no"),
        ("import sys; sys.exit(0)", "sys.exit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import no_such_thing", "no_such_thing"),
    ],
)
def test_a_module_that_cannot_be_imported_fails_all(course: Course, code: str, reason: str) -> None:
    found = course.judge(code)
    assert set(found) == {"01.square", "01.zero"}
    for status, message in found.values():
        assert status == "failed"
        assert "tinytorch/core/tensor.py" in message
        assert reason in message


def test_a_module_that_was_not_exported(course: Course) -> None:
    course.judge(GOOD)
    real = course.core / "tensor.py"
    course.core = course.root
    real.unlink()
    found = course.judge(GOOD)
    assert all("not there yet" in message for _, message in found.values())


@pytest.mark.parametrize("where", ["", "def square(x):\n    "])
def test_leaving_at_once_gives_no_result(course: Course, where: str) -> None:
    assert course.judge(f"import os\n{where}os._exit(0)\n") == {}
    assert course.ending.reason == "exited"


@pytest.mark.parametrize("error", ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit"])
def test_every_exception_is_a_failure(course: Course, error: str) -> None:
    found = course.judge(f"def square(x): raise {error}\ndef zero(): return 0\n")
    assert found["01.square"][0] == "failed"
    assert found["01.zero"][0] == "passed"


@pytest.mark.skipif(os.name != "posix", reason="needs an interval timer")
def test_one_endless_test_does_not_take_the_others_with_it(course: Course) -> None:
    code = "def square(x):\n    while True:\n        pass\ndef zero(): return 0\n"
    found = course.judge(code, seconds_per_test=1.0)
    assert found["01.square"][0] == "failed"
    assert "`pass` (" in found["01.square"][1] or "`while True:` (" in found["01.square"][1]
    assert "loop that never ends" in found["01.square"][1]
    assert found["01.zero"] == ("passed", "")


def test_other_frameworks_are_refused(course: Course) -> None:
    (course.root / "torch.py").write_text("")
    found = course.judge("import torch\n" + GOOD)
    assert all("imports torch" in message for _, message in found.values())
    hidden = GOOD.replace("return x * x", "import torch; return x * x")
    found = course.judge(hidden)
    assert found["01.square"][0] == "failed"
    assert "imports torch" in found["01.square"][1]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_code_from_elsewhere_is_refused(course: Course, tmp_path: Path) -> None:
    course.judge(GOOD)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (course.root / "tinytorch").rename(elsewhere / "tinytorch")
    (course.root / "tinytorch").symlink_to(elsewhere / "tinytorch")
    found = course.judge(GOOD)
    assert [status for status, _ in found.values()] == ["failed", "failed"]
    assert all("instead of" in message for _, message in found.values())


def test_a_test_without_check_does_not_pass(course: Course) -> None:
    found = course.judge(GOOD, tests={"01.square": "def test_square(): pass\n"})
    assert found["01.square"][0] == "failed"
    other = "check('01.zero', lambda: None)\n"
    assert course.judge(GOOD, tests={"01.square": other})["01.square"][0] == "failed"


def test_tests_do_not_see_each_other(course: Course) -> None:
    tests = {
        "01.a": "square = lambda x: 5\ncheck('01.a', lambda: None)\n",
        "01.b": "def test():\n    assert square(2) == 4\ncheck('01.b', test)\n",
    }
    assert course.judge(GOOD, tests=tests)["01.b"] == ("passed", "")


def test_a_module_cannot_replace_numpy_in_the_tests(course: Course) -> None:
    code = "class np:\n    float32 = staticmethod(lambda x: x)\n" + GOOD.replace("import", "#")
    tests = {"01.a": "def test():\n    assert np.pi > 3\ncheck('01.a', test)\n"}
    assert course.judge(code, tests=tests)["01.a"] == ("passed", "")


def test_later_modules_are_hidden_from_a_module_and_shown_to_their_checkpoint(
    course: Course,
) -> None:
    (course.core / "losses.py").write_text("raise RuntimeError('half solved')\n")
    code = "def square(x):\n    from .losses import mse\n    return x * x\ndef zero(): return 0\n"
    assert course.judge(code)["01.square"][1].startswith("RuntimeError: half solved")
    status, message = course.judge(code, hidden=("core.losses",))["01.square"]
    assert status == "failed"
    assert "No module named" in message
    assert course.judge(GOOD, hidden=("core.losses",))["01.square"] == ("passed", "")


def test_a_fault_of_the_judge_is_not_told_as_the_students(
    course: Course,
) -> None:
    job = {"root": str(course.root), "checkpoints": [{"id": "no-such-checkpoint"}]}
    child = sandbox.spawn("tinytorch_milestones.checks.child:run", limits=Limits(seconds=60.0))
    (message,) = list(child.run(job, course.root))
    assert isinstance(message, dict)
    assert message["judge"].startswith("ModuleNotFoundError")


def test_checkpoints_report_every_test(course: Course) -> None:
    expected = checkpoint_tests("01")
    found = course.judge("raise ValueError('empty')\n", checkpoints=("01",))
    assert set(expected) <= set(found)
    assert all(found[id_][0] != "passed" for id_ in expected)
