"""`Implementation`: the root whose `tinytorch` a run imports, and the proof that it is that one."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from tinytorch_milestones.catalog import Module, load
from tinytorch_milestones.errors import ImplementationError, TinyTorchError
from tinytorch_milestones.training.origin import (
    PACKAGE,
    RootFinder,
    check_modules,
    check_object,
    check_sources,
    loaded,
)
from tinytorch_milestones.workspace import shipped_root

ACCELERATION = "17"
"""The module that has faster kernels for all the others."""


def reference_root() -> Path:
    """The folder that holds the product's own, solved `tinytorch`.

    The repository root in a checkout, a data folder of the package in an installed wheel.
    """
    return shipped_root().resolve()


class Framework:
    """The `tinytorch` of one root, freshly imported. `fw.Linear` is the public name `Linear`.

    Public names are found through the catalog, in the file that the module exports, whatever the
    package's `__init__` says. Raises `ImplementationError` for a name that is not there yet, or
    that was defined elsewhere.
    """

    def __init__(self, root: Path, finder: RootFinder) -> None:
        self._root = root
        self._finder = finder
        self._homes: dict[str, Module] = {
            name: module for module in load().modules for name in module.public
        }
        self._exercised: set[str] = set()
        self._checked: set[str] = set()  # modules whose source was read
        self._found: dict[str, Any] = {}

    @property
    def path(self) -> str:
        """The file of the package that was imported."""
        return str(self._root / PACKAGE / "__init__.py")

    def module(self, name: str) -> ModuleType:
        """A module of the package: `module("core.layers")` is `tinytorch.core.layers`."""
        full = f"{PACKAGE}.{name}" if name else PACKAGE
        module = _import(full, self._root)
        if self._finder.offences or self._checked != set(loaded()):
            self.verify()
        return module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._found:
            return self._found[name]
        home = self._homes.get(name)
        if home is None:
            raise AttributeError(f"tinytorch has no public name {name!r}")
        file = self._root / PACKAGE / home.exports
        if not file.exists():
            raise ImplementationError(
                f"{name} is not there: {PACKAGE}/{home.exports} does not exist yet.",
                f"Save the notebook of module {home.number} {home.title} to export it.",
            )
        module = self.module(home.target)
        try:
            value = getattr(module, name)
        except AttributeError:
            raise ImplementationError(
                f"{PACKAGE}/{home.exports} has no {name}.",
                f"Module {home.number} {home.title} exports it: "
                "look for a cell that lost its `#| export`.",
            ) from None
        check_object(name, value, self._root)
        self._exercised.add(home.number)
        self._found[name] = value
        return value

    def names(self) -> dict[str, Any]:
        """Every public name that exists so far, for the namespace of a user's cell."""
        found: dict[str, Any] = {}
        for name, home in self._homes.items():
            if (self._root / PACKAGE / home.exports).exists():
                try:
                    found[name] = getattr(self, name)
                except ImplementationError:
                    if self._finder.offences:
                        raise
        return found

    def exercised(self) -> list[str]:
        """Numbers of the modules whose names this run asked for, in order."""
        return sorted(self._exercised)

    def verify(self) -> None:
        """Check the origin of everything that was imported, again.

        Raises `ImplementationError` when a module of another root is in use or a deep-learning
        library was called in.
        """
        if self._finder.offences:
            raise ImplementationError(
                self._finder.offences[0],
                "Take that import out of the module's notebook and save it again.",
            )
        check_modules(self._root)
        check_sources(self._root, self._checked)


class Implementation:
    """Whose code runs: a student's workspace, or the reference that ships with the product.

    accelerated: whether the kernels of its own module 17 are used while it is active. Whoever asks
    for a student's must know that they were proven. A run then counts calls into that module, so
    that its report says so.
    """

    def __init__(
        self, kind: Literal["yours", "reference"], root: Path, accelerated: bool = False
    ) -> None:
        self.kind: Literal["yours", "reference"] = kind
        self.root = root.resolve()
        self.accelerated = accelerated

    def __repr__(self) -> str:
        return f"Implementation({self.kind!r}, {str(self.root)!r})"

    @classmethod
    def student(cls, root: Path, accelerated: bool = False) -> Implementation:
        """The code exported in a workspace."""
        return cls("yours", root, accelerated)

    @classmethod
    def reference(cls, accelerated: bool = False) -> Implementation:
        """The product's own solution."""
        return cls("reference", reference_root(), accelerated)

    @property
    def path(self) -> str:
        """The package's file, to show whose code runs."""
        return str(self.root / PACKAGE / "__init__.py")

    @contextmanager
    def active(self) -> Iterator[Framework]:
        """Import `tinytorch` afresh from this root, and check at the end that it still is that one.

        A student's import stays in `sys.modules`, so that the kernel goes on with the code that
        was just run; for the reference `sys.modules` and `sys.path` are put back exactly.
        Raises `ImplementationError` for a package that is missing, does not import, lies elsewhere
        or leans on a forbidden library; nothing is left changed then.
        """
        if not (self.root / PACKAGE).is_dir():
            raise ImplementationError(
                f"{self.root} has no {PACKAGE} folder.",
                "Save a module's notebook to export it, or run `tito doctor`.",
            )
        modules_before = dict(sys.modules)
        path_before, path_entries = sys.path, list(sys.path)
        for name in loaded():
            del sys.modules[name]
        importlib.invalidate_caches()
        finder = RootFinder(self.root)
        sys.meta_path.insert(0, finder)
        keep = False
        try:
            framework = Framework(self.root, finder)
            framework.module("")
            framework.verify()
            # past this point the import is good: a student's stays, even if training then fails
            keep = self.kind == "yours"
            try:
                with _faster(framework) if self.accelerated else nullcontext():
                    yield framework
            except GeneratorExit:
                # a run that stopped early is as good as one that came to its end
                framework.verify()
                raise
            framework.verify()
        except ImplementationError:
            keep = False
            raise
        finally:
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            if not keep:
                _put_back(modules_before)
                path_before[:] = path_entries
                sys.path = path_before


def _faster(framework: Framework) -> AbstractContextManager[None]:
    """Its own kernels of module 17 in their places, for as long as it lasts."""
    accelerated: Callable[[], AbstractContextManager[None]] = framework.accelerated
    return accelerated()


def _put_back(modules: dict[str, ModuleType]) -> None:
    """Make `sys.modules` hold exactly what it held, keeping the dictionary itself."""
    for name in [name for name in sys.modules if name not in modules]:
        # others may have been loaded by whoever draws the run; they are good for the next one
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            del sys.modules[name]
    for name, module in modules.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module


def _import(name: str, root: Path) -> ModuleType:
    """Import; whatever goes wrong becomes an `ImplementationError` that names file and line."""
    try:
        return importlib.import_module(name)
    except TinyTorchError:
        raise
    except (Exception, SystemExit) as error:
        file, line = _place(error, root)
        where = f"{file}, line {line}" if line else file or name
        kind = type(error).__name__
        raise ImplementationError(
            f"{where}: {kind}: {error}" if str(error) else f"{where}: {kind}",
            "This stops the package from being imported: correct it in the module's notebook and "
            "save it again.",
        ) from error


def _place(error: BaseException, root: Path) -> tuple[str, int]:
    """The last line of the student's own code that an exception passed through."""
    package = root / PACKAGE
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename)
        if file.is_relative_to(package):
            return str(file.relative_to(root)), error.lineno or 0
    place = ("", 0)
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(package):
            place = (str(file.relative_to(root)), frame.lineno or 0)
    return place


__all__ = ["ACCELERATION", "Framework", "Implementation", "reference_root"]
