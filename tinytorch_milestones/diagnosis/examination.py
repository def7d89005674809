"""The parent's side of an examination: run it in a sandbox, and say what an early end means."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from tinytorch_milestones import sandbox
from tinytorch_milestones.diagnosis.child import NOT_THERE, Found, Job
from tinytorch_milestones.errors import ImplementationError
from tinytorch_milestones.sandbox import Ending, Limits

ENTRY = "tinytorch_milestones.diagnosis.child:run"
_SECONDS = 40.0
_OUTPUT = 16 << 20


class Examined(msgspec.Struct, kw_only=True):
    """What the examination of some modules said."""

    found: list[Found]
    checked: list[str]  # modules that were gone through

    def guilty(self) -> list[str]:
        """Modules with something wrong, in the order of the course."""
        return sorted({found.module for found in self.found})

    def unfinished(self) -> list[str]:
        """Those of them that are missing or hold unsolved tasks, and nothing worse."""
        return [
            number
            for number in self.guilty()
            if {found.kind for found in self.found if found.module == number} <= set(NOT_THERE)
        ]


def examine(root: Path, modules: list[str], seconds: float = _SECONDS) -> Examined:
    """Try every claim about these modules on the code at `root`.

    Raises `ImplementationError` when the package cannot be used at all (it is missing, lies
    elsewhere, or borrows from another library).
    """
    examined = Examined(found=[], checked=[])
    if not modules or seconds <= 1:
        return examined
    limits = Limits(seconds=min(seconds, _SECONDS), output=_OUTPUT)
    child = sandbox.take(ENTRY, limits=limits)
    claim, done = "", False
    messages = child.run(msgspec.to_builtins(Job(root=str(root), modules=modules)), root)
    with closing(messages):
        for message in messages:
            if not isinstance(message, dict):
                continue
            if "refused" in message:
                refused = message["refused"]
                raise ImplementationError(refused["message"], refused["remedy"])
            if "claim" in message:
                claim = str(message["claim"])
            elif "found" in message:
                found = msgspec.convert(message["found"], Found)
                # an unsolved task is met by everything that leans on it
                if found.kind not in NOT_THERE or all(
                    found.message != one.message for one in examined.found
                ):
                    examined.found.append(found)
            elif "module" in message:
                examined.checked.append(str(message["module"]))
            done = done or "done" in message
    if not done:
        examined.found.append(_ended(claim, modules[0], child.ending))
    return examined


def _ended(claim: str, first: str, ending: Ending) -> Found:
    """The process is gone: whatever was being tried has ended it."""
    module = claim[:2] or first
    about = f"`{claim[3:]}` was tried" if claim else "it was imported"
    if ending.reason == "timeout":
        what = f"did not come to an end when {about}: is there a loop that never ends?"
    elif ending.truncated:
        what = f"printed more than anyone can read when {about}: remove the print."
    elif ending.reason == "memory":
        what = f"asked for more memory than there is when {about}."
    else:
        what = f"ended Python when {about}: does it call exit(), or crash?"
    return Found(module=module, claim=claim, message=f"Your code {what}", kind="ended")
