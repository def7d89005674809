"""A short account of an exception that a student's code raised."""

from __future__ import annotations

import traceback
from pathlib import Path

import msgspec

from tinytorch_milestones.catalog import load
from tinytorch_milestones.errors import TinyTorchError
from tinytorch_milestones.training.implementation import Implementation
from tinytorch_milestones.training.origin import PACKAGE


class Account(msgspec.Struct, kw_only=True):
    """What went wrong, for people."""

    text: str
    module: str = ""  # number of the curriculum's module, "" when it was none of them
    file: str = ""  # below the root
    line: int = 0


def explain(error: BaseException, implementation: Implementation) -> Account:
    """One or two lines about an exception, and the module its innermost own line belongs to."""
    text = str(error)
    if isinstance(error, TinyTorchError):
        return Account(text=text)
    if not isinstance(error, NotImplementedError):
        kind = type(error).__name__
        text = f"{kind}: {text}" if text else kind
    account = Account(text=text or "not implemented yet")
    package = implementation.root / PACKAGE
    exports = {module.exports: module.number for module in load().modules}
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(package):
            account.file = str(file.relative_to(implementation.root))
            account.line = frame.lineno or 0
            account.module = exports.get(file.relative_to(package).as_posix(), account.module)
    if account.file:
        account.text += f" ({account.file}, line {account.line})"
    return account
