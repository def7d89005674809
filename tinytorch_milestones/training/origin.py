"""Where imported code came from: the finder that imports one root's `tinytorch`, and the checks.

The finder is asked before anything on `sys.path`, so another `tinytorch` elsewhere cannot win, and
it compiles from source, because Python's own cache tells two exports of the same size apart only
when they are at least a second old.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from tinytorch_milestones.errors import ImplementationError

PACKAGE = "tinytorch"

FORBIDDEN = frozenset(
    {
        "torch",
        "torchvision",
        "functorch",
        "tensorflow",
        "tensorflow_core",
        "keras",
        "keras_core",
        "jax",
        "jaxlib",
        "flax",
        "haiku",
        "optax",
        "equinox",
        "sklearn",
        "mxnet",
        "autograd",
        "tinygrad",
        "paddle",
        "chainer",
        "theano",
        "aesara",
        "pytensor",
        "cupy",
        "mlx",
        "cntk",
        "caffe",
        "caffe2",
        "fastai",
        "lightning",
        "pytorch_lightning",
        "transformers",
        "xgboost",
        "lightgbm",
        "catboost",
        "onnx",
        "onnxruntime",
        "micrograd",
        "needle",
        "dynet",
        "mindspore",
        "oneflow",
        "jittor",
        "deepspeed",
        "accelerate",
        "skorch",
    }
)
"""Libraries whose work a student's framework must not borrow."""

JUDGE = "tinytorch_milestones"
"""What tests and judges a student's framework: it must not lean on that either."""

_JUDGE_REMEDY = (
    "The course's own tools are there to run and to check your framework. Take this out of the "
    "module's notebook, or keep it in a cell without `#| export`, and save it again."
)

_REMEDY = (
    "Take that import out of the module's notebook and save it again: "
    "numpy is all that tinytorch is built from."
)


class _FreshLoader(SourceFileLoader):
    """Compiles the source each time; reads and writes no bytecode cache."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class RootFinder:
    """Imports `tinytorch` from one root, and notices forbidden imports made by its code.

    `offences` holds one sentence for each, so that catching the exception does not hide it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = str(root / PACKAGE)
        self.offences: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top in FORBIDDEN:
            self._refuse_from_inside(top)
            return None
        if top != PACKAGE:
            return None
        if name == PACKAGE:
            folders: Sequence[str] = [str(self._root)]
        elif path is None:
            return None
        else:
            folders = path
        for folder in folders:
            # a new FileFinder each time: it would remember a folder's listing otherwise
            spec = FileFinder(folder, (_FreshLoader, [".py"])).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        raise ModuleNotFoundError(f"No module named {name!r} in {self._root}", name=name)

    def _refuse_from_inside(self, library: str) -> None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._prefix):
                file = Path(frame.f_code.co_filename).relative_to(self._root)
                offence = f"{file} imports {library}."
                self.offences.append(offence)
                raise ImplementationError(offence, _REMEDY)
            frame = frame.f_back


def loaded() -> dict[str, ModuleType]:
    """The `tinytorch` modules that are imported now."""
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name == PACKAGE or name.startswith(PACKAGE + ".")
    }


def check_modules(root: Path) -> None:
    """Refuse a loaded `tinytorch` module that does not lie below root/tinytorch."""
    for name, module in loaded().items():
        file = getattr(module, "__file__", None)
        if file is None or not inside(file, root):
            raise ImplementationError(
                f"{name} was loaded from {file or 'nowhere'}, not from {root / PACKAGE}.",
                "Remove whatever puts another tinytorch in its place, a link or a changed "
                "sys.modules, and run again.",
            )


def inside(file: str, root: Path) -> bool:
    """Whether a file, links followed, lies below root/tinytorch."""
    try:
        return Path(file).resolve().is_relative_to(root / PACKAGE)
    except (OSError, ValueError):
        return False


def check_sources(root: Path, seen: set[str]) -> None:
    """Refuse a loaded `tinytorch` module whose source imports, or that holds, a forbidden library.

    Reads the source, because a library that was imported before is not imported again. `seen`
    holds the names of modules whose source was read already, and is added to.
    """
    for full, module in loaded().items():
        file = Path(str(module.__file__))
        for library in () if full in seen else _imported(file):
            if library == JUDGE:
                raise ImplementationError(
                    f"{_short(file, root)} uses {JUDGE}, which judges it.", _JUDGE_REMEDY
                )
            if library in FORBIDDEN:
                raise ImplementationError(
                    f"{_short(file, root)} imports {library}.",
                    _REMEDY,
                )
        seen.add(full)
        for name, value in list(vars(module).items()):
            library = _library(value)
            # our finder signs what it imports with `__loader__`
            if library == JUDGE and not name.startswith("__"):
                raise ImplementationError(
                    f"{name} in {_short(file, root)} comes from {JUDGE}, which judges it.",
                    _JUDGE_REMEDY,
                )
            if library in FORBIDDEN:
                raise ImplementationError(
                    f"{name} in {_short(file, root)} comes from {library}.",
                    _REMEDY,
                )


def check_object(name: str, value: Any, root: Path) -> None:
    """Refuse a public name whose class or function was defined outside root/tinytorch."""
    home = getattr(value, "__module__", None) or type(value).__module__
    module = sys.modules.get(home) if isinstance(home, str) else None
    file = getattr(module, "__file__", None)
    if module is None or file is None or not inside(file, root):
        raise ImplementationError(
            f"{name} was defined in {file or home}, not in {root / PACKAGE}.",
            f"Write {name} in its module's notebook instead of importing it, and save it again.",
        )


def _short(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _library(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0]
    home = getattr(value, "__module__", None)
    return home.partition(".")[0] if isinstance(home, str) else ""


def _imported(file: Path) -> Iterator[str]:
    """Top-level names of everything that a source file imports, also inside functions.

    A string in it that names the judge's package or a place in it counts as well: a path to its
    files, or a key into `sys.modules`.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    texts = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if JUDGE in node.value and id(node) not in texts:
                yield JUDGE
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
            and _called(node.func) in ("import_module", "__import__")
        ):
            yield node.args[0].value.partition(".")[0]


def _docstrings(tree: ast.AST) -> set[int]:
    """Strings that stand alone, as docstrings do: they may speak of anything."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


__all__ = [
    "FORBIDDEN",
    "PACKAGE",
    "RootFinder",
    "check_modules",
    "check_object",
    "check_sources",
    "inside",
    "loaded",
]
