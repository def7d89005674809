"""Whose `tinytorch` runs: fresh imports, origins, forbidden libraries, and leaving no trace."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinytorch_milestones.errors import ImplementationError
from tinytorch_milestones.training.accounts import explain
from tinytorch_milestones.training.implementation import Implementation, reference_root

LAYERS = "tinytorch/core/layers.py"


@pytest.fixture(autouse=True)
def _no_tinytorch_left() -> Iterator[None]:
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] in ("tinytorch", "torch")]:
        del sys.modules[name]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course folder with a copy of the reference package."""
    folder = tmp_path / "course"
    shutil.copytree(
        reference_root() / "tinytorch",
        folder / "tinytorch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


def append(root: Path, file: str, text: str) -> None:
    path = root / file
    path.write_text(path.read_text() + text)


def fake_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text("class Linear:\n    pass\n")
    monkeypatch.syspath_prepend(str(folder))


def test_the_students_code_runs(root: Path) -> None:
    implementation = Implementation.student(root)
    with implementation.active() as fw:
        layer = fw.Linear(2, 1)
        assert type(layer).__module__ == "tinytorch.core.layers"
        assert Path(fw.path) == root / "tinytorch" / "__init__.py"
        assert Path(fw.module("core.layers").__file__) == root / LAYERS
        assert fw.exercised() == ["03"]
        assert {"Tensor", "Step", "Linear", "Sequential"} <= set(fw.names())


def test_another_tinytorch_on_the_path_does_not_win(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (other / "tinytorch").mkdir(parents=True)
    (other / "tinytorch" / "__init__.py").write_text("raise SystemExit('the wrong tinytorch')\n")
    monkeypatch.syspath_prepend(str(other))
    with Implementation.student(root).active() as fw:
        assert sys.modules["tinytorch"].__file__ == str(root / "tinytorch" / "__init__.py")
        assert fw.Linear(2, 1).weight.shape == (1, 2)


def test_a_package_that_is_a_link_to_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(root / "tinytorch", elsewhere)
    (root / "tinytorch").symlink_to(elsewhere, target_is_directory=True)
    with (
        pytest.raises(ImplementationError, match="was loaded from"),
        Implementation.student(root).active(),
    ):
        pass


def test_a_file_that_is_a_link_to_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "layers.py"
    shutil.move(root / LAYERS, elsewhere)
    (root / LAYERS).symlink_to(elsewhere)
    with (
        pytest.raises(ImplementationError, match=r"core\.layers was loaded from"),
        Implementation.student(root).active() as fw,
    ):
        fw.Linear(2, 1)


def test_a_course_reached_through_a_link_is_fine(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    with Implementation.student(tmp_path / "link").active() as fw:
        assert fw.Linear(2, 1).weight.shape == (1, 2)


@pytest.mark.parametrize(
    "code",
    [
        "import torch\n",
        "try:\n    import torch\nexcept Exception:\n    pass\n",
        "import importlib\nt = importlib.import_module('tor' + 'ch')\n",
        "def late():\n    from torch import Linear\n    return Linear\n",
    ],
)
def test_a_forbidden_library_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fake_torch(tmp_path / "site", monkeypatch)
    append(root, LAYERS, "\n" + code)
    with (
        pytest.raises(ImplementationError, match=r"layers\.py imports torch"),
        Implementation.student(root).active() as fw,
    ):
        fw.Linear(2, 1)


def test_a_forbidden_library_that_was_imported_before_is_found_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torch(tmp_path / "site", monkeypatch)
    __import__("torch")
    append(root, LAYERS, "\nimport sys\nborrowed = sys.modules['torch'].Linear\n")
    with (
        pytest.raises(ImplementationError, match=r"borrowed in .* comes from torch"),
        Implementation.student(root).active() as fw,
    ):
        fw.Linear(2, 1)


def test_the_user_may_have_that_library_in_the_kernel(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torch(tmp_path / "site", monkeypatch)
    with Implementation.student(root).active() as fw:
        fw.Linear(2, 1)
        torch = __import__("torch")
    assert torch.Linear is not None


@pytest.mark.parametrize(
    "code",
    [
        "import tinytorch_milestones",
        "from tinytorch_milestones.training.oracle import softmax",
        "def answers():\n    from tinytorch_milestones.data.images import read_mnist",
        "import importlib\n\ndef late(): importlib.import_module('tinytorch_milestones.training')",
        "import sys\n\njudge = sys.modules.get('tinytorch_milestones')",
        "PATH = '../tinytorch_milestones/data/bundled/mnist/t10k-labels-idx1-ubyte.gz'",
    ],
)
def test_the_judge_does_not_answer_for_the_student(root: Path, code: str) -> None:
    append(root, LAYERS, f"\n\n{code}\n")
    with (
        pytest.raises(ImplementationError, match=r"layers\.py uses tinytorch_milestones"),
        Implementation.student(root).active() as fw,
    ):
        _ = fw.Linear


def test_a_judge_that_is_smuggled_in_is_found(root: Path) -> None:
    code = "import sys\njudge = sys.modules['tinytorch_' + 'milestones']\n"
    append(root, LAYERS, f"\n\n{code}")
    with (
        pytest.raises(ImplementationError, match=r"judge in tinytorch/core/layers\.py comes"),
        Implementation.student(root).active() as fw,
    ):
        _ = fw.Linear


def test_a_docstring_may_speak_of_the_judge(root: Path) -> None:
    append(root, LAYERS, '\n\ndef note():\n    """Checked by tinytorch_milestones."""\n')
    with Implementation.student(root).active() as fw:
        assert fw.Linear(2, 1).weight.shape == (1, 2)


def test_a_class_from_elsewhere_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "borrowed_layers.py").write_text("class Linear:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    append(root, LAYERS, "\nfrom borrowed_layers import Linear\n")
    with (
        pytest.raises(ImplementationError, match="Linear was defined in"),
        Implementation.student(root).active() as fw,
    ):
        fw.Linear(2, 1)


def test_a_new_export_is_picked_up_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of the same size within the same second, which Python's own cache would miss."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    implementation = Implementation.student(root)
    append(root, LAYERS, "\nmarker = 1\n")
    with implementation.active() as fw:
        assert fw.module("core.layers").marker == 1
    path = root / LAYERS
    stamp = path.stat()
    path.write_text(path.read_text().replace("marker = 1", "marker = 2"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with implementation.active() as fw:
        assert fw.module("core.layers").marker == 2
    assert sys.modules["tinytorch.core.layers"].marker == 2  # the kernel goes on with it


def test_a_demo_puts_everything_back(root: Path) -> None:
    with Implementation.student(root).active() as fw:
        mine = fw.Linear
    modules, path, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    path_object = sys.path
    with Implementation.reference().active() as fw:
        assert fw.Linear is not mine
        sys.path.insert(0, "/nowhere")
    ours = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "tinytorch"}
    assert ours == {n: m for n, m in modules.items() if n.partition(".")[0] == "tinytorch"}
    assert sys.path is path_object
    assert sys.path == path
    assert sys.meta_path == finders
    assert sys.modules["tinytorch.core.layers"].Linear is mine


def test_a_demo_leaves_nothing_where_there_was_nothing() -> None:
    with Implementation.reference().active() as fw:
        fw.Linear(2, 1)
    assert not [n for n in sys.modules if n.partition(".")[0] == "tinytorch"]


def test_a_demo_that_fails_puts_everything_back_too(root: Path) -> None:
    with Implementation.student(root).active() as fw:
        mine = fw.Linear
    with pytest.raises(KeyboardInterrupt), Implementation.reference().active():
        raise KeyboardInterrupt
    assert sys.modules["tinytorch.core.layers"].Linear is mine


def test_a_package_that_does_not_import_changes_nothing(root: Path) -> None:
    with Implementation.student(root).active() as fw:
        mine = fw.Linear
    (root / "tinytorch" / "__init__.py").write_text("x = (\n")
    with (
        pytest.raises(ImplementationError, match=r"tinytorch/__init__\.py, line 1: SyntaxError"),
        Implementation.student(root).active(),
    ):
        pass
    assert sys.modules["tinytorch.core.layers"].Linear is mine


@pytest.mark.parametrize("code", ["raise SystemExit(0)", "1 / 0"])
def test_a_module_that_raises_on_import_is_named(root: Path, code: str) -> None:
    (root / LAYERS).write_text("x = 1\n" + code + "\n")
    with (
        pytest.raises(ImplementationError, match=r"layers\.py, line 2"),
        Implementation.student(root).active() as fw,
    ):
        fw.Linear(2, 1)


def test_what_is_missing_is_named(root: Path) -> None:
    (root / "tinytorch/core/activations.py").unlink()
    (root / LAYERS).write_text("x = 1\n")
    with Implementation.student(root).active() as fw:
        with pytest.raises(ImplementationError) as missing:
            _ = fw.Step
        assert "module 02" in missing.value.remedy
        with pytest.raises(ImplementationError, match=r"layers\.py has no Linear"):
            _ = fw.Linear
        assert "Tensor" in fw.names()
        assert "Linear" not in fw.names()


def test_no_package_at_all(tmp_path: Path) -> None:
    with (
        pytest.raises(ImplementationError, match="no tinytorch folder"),
        Implementation.student(tmp_path).active(),
    ):
        pass


def test_an_account_names_module_file_and_line(root: Path) -> None:
    path = root / "tinytorch/core/tensor.py"
    path.write_text(path.read_text().replace("return a - b", "return a - undefined_name"))
    implementation = Implementation.student(root)
    with implementation.active() as fw:
        with pytest.raises(NameError) as caught:
            _ = fw.Tensor([1.0]) - fw.Tensor([1.0])
        account = explain(caught.value, implementation)
    assert account.module == "01"
    assert account.file == "tinytorch/core/tensor.py"
    assert "undefined_name" in account.text


def test_a_run_that_is_closed_early_is_checked_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torch(tmp_path / "site", monkeypatch)
    code = """
def work():
    try:
        import importlib
        importlib.import_module("tor" + "ch")
    except Exception:
        pass
"""
    append(root, LAYERS, code)

    def run() -> Iterator[int]:
        with Implementation.student(root).active() as fw:
            fw.Linear(2, 1)
            fw.module("core.layers").work()
            yield 1

    steps = run()
    next(steps)
    with pytest.raises(ImplementationError, match="imports torch"):
        steps.close()  # type: ignore[attr-defined]


def test_a_borrowing_module_is_refused_before_anything_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torch(tmp_path / "site", monkeypatch)
    append(root, LAYERS, "\ndef late():\n    import torch\n    return torch\n")
    reached = []
    with (
        pytest.raises(ImplementationError, match="imports torch"),
        Implementation.student(root).active() as fw,
    ):
        reached.append(fw.Linear(2, 1))
    assert not reached
