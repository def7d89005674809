"""The command line of `%milestone`: which commands there are, how a line is read and completed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tinytorch_milestones.errors import TinyTorchError, UnknownName

if TYPE_CHECKING:
    from tinytorch_milestones.tracker import Tracker

# options with a value, and how it is read
_VALUES = {
    "epochs": int,
    "seed": int,
    "batch-size": int,
    "learning-rate": float,
    "part": str,
    "track": str,
}
# values that are settings of a recipe
_SETTINGS = ("epochs", "learning-rate", "batch-size", "seed")
_RUN = ("part", *_SETTINGS, "quick", "fast", "track")


class Known(NamedTuple):
    """A command that exists."""

    name: str
    usage: str
    help: str
    options: tuple[str, ...] = ()
    words: int = 0  # how many words it takes at most
    names: str = ""  # what its first word is: "milestone" or "module"


COMMANDS = (
    Known("start", "start", "welcome: what this is and what to do first", ("track",)),
    Known("next", "next", "what to do now", ("track",)),
    Known("list", "list [--track T]", "every milestone and where you stand", ("track",)),
    Known(
        "timeline",
        "timeline [--horizontal] [--track T]",
        "the milestones on a line of years",
        ("horizontal", "track"),
    ),
    Known("info", "info NAME", "its story, parts and gates", ("track",), 1, "milestone"),
    Known(
        "run",
        "run NAME [--part P] [--epochs N] [--seed N] [--quick] [--resume]",
        "run it with your code; --quick: a quarter of the epochs; --resume: go on after a stop",
        (*_RUN, "skip-checks", "resume"),
        2,
        "milestone",
    ),
    Known("demo", "demo NAME [--part P]", "watch it with the reference code", _RUN, 2, "milestone"),
    Known(
        "test",
        "test [NAME]",
        "check all that it needs, without training",
        ("track",),
        1,
        "milestone",
    ),
    Known(
        "diagnose",
        "diagnose NAME [--part P]",
        "find the module to blame when it does not pass",
        ("part", "track"),
        2,
        "milestone",
    ),
    Known(
        "play",
        "play [NAME] [--part P]",
        "draw or write for a network you trained",
        ("part", "track"),
        2,
        "milestone",
    ),
    Known("celebrate", "celebrate [NAME]", "look at what was won", ("track",), 1, "milestone"),
    Known(
        "status",
        "status [--detailed] [--track T]",
        "modules and milestones",
        ("detailed", "track"),
    ),
    Known("check", "check [NN]", "export and check a module as it was saved", (), 1, "module"),
    Known("help", "help", "this list"),
)
_BY_NAME = {command.name: command for command in COMMANDS}


class Command(msgspec.Struct):
    """One line, read and checked."""

    name: str
    words: list[str]
    options: dict[str, int | float | str | bool]

    def word(self, index: int, what: str) -> str:
        """The word at `index`. Raises `TinyTorchError` when it was left out."""
        if index < len(self.words):
            return self.words[index]
        raise TinyTorchError(
            f"Which {what}?", f"For example: %milestone {self.name} perceptron. See %milestone list"
        )

    def flag(self, name: str) -> bool:
        """Whether `--name` was given."""
        return bool(self.options.get(name, False))

    @property
    def part(self) -> str | None:
        """The part asked for, as `--part NAME` or as a second word."""
        chosen = self.options.get("part", self.words[1] if len(self.words) > 1 else None)
        return None if chosen is None else str(chosen)

    @property
    def track(self) -> str | None:
        """The track asked for."""
        chosen = self.options.get("track")
        return None if chosen is None else str(chosen)

    @property
    def overrides(self) -> dict[str, object]:
        """Settings of the recipe that were replaced."""
        return {
            name.replace("-", "_"): value
            for name, value in self.options.items()
            if name in _SETTINGS
        }


def parse(line: str, has_cell: bool = False) -> Command:
    """Read what follows `%milestone`; an empty line means `next`.

    Raises `UnknownName` for a command or option that does not exist and `TinyTorchError` for a
    value that cannot be used.
    """
    try:
        tokens = shlex.split(line)
    except ValueError as error:
        raise TinyTorchError(f"%milestone {line}: {error}.", "Close the quotation mark.") from error
    name = tokens.pop(0).lower() if tokens else "next"
    if name not in _BY_NAME:
        raise UnknownName("command", name, list(_BY_NAME))
    known = _BY_NAME[name]
    if has_cell and name not in ("run", "demo"):
        raise TinyTorchError(
            f"%%milestone {name} cannot be given a cell.",
            f"Write %milestone {name} with one percent sign; %%milestone run takes a cell.",
        )
    command = Command(name=name, words=[], options={})
    while tokens:
        token = tokens.pop(0)
        if not token.startswith("--"):
            command.words.append(token)
            continue
        option, equals, value = token[2:].replace("_", "-").partition("=")
        if option not in known.options:
            if not known.options:
                raise TinyTorchError(f"%milestone {name} takes no options, and got {token}.")
            raise UnknownName("option", option, known.options)
        if option not in _VALUES:
            command.options[option] = True
        elif equals or tokens:
            command.options[option] = _value(option, value if equals else tokens.pop(0))
        else:
            raise TinyTorchError(f"--{option} needs a value.", _example(option))
    if len(command.words) > known.words:
        extra = command.words[known.words]
        raise TinyTorchError(
            f"%milestone {name} does not know what to do with {extra!r}.",
            f"Write: %milestone {known.usage}",
        )
    return command


def _value(option: str, text: str) -> int | float | str:
    try:
        value: int | float | str = _VALUES[option](text)
    except ValueError:
        kind = "a whole number" if _VALUES[option] is int else "a number"
        raise TinyTorchError(
            f"--{option} is {text!r}, which is not {kind}.", _example(option)
        ) from None
    return value


def _example(option: str) -> str:
    examples = {"part": "trained", "track": "history", "epochs": "20", "learning-rate": "0.1"}
    return f"For example: --{option} {examples.get(option, '1')}"


def complete(tracker: Tracker, line: str, symbol: str) -> list[str]:
    """What could stand at the end of `line`, whose last word so far is `symbol`."""
    before = line[: len(line) - len(symbol)].split()
    magic, words = before[0].lstrip("%"), [w for w in before[1:] if not w.startswith("--")]
    if magic in ("hint", "after"):
        return _starting(list(tracker.tasks()), symbol)
    if not before[1:]:
        return _starting([command.name for command in COMMANDS], symbol)
    known = _BY_NAME.get(before[1])
    if known is None:
        return []
    if before[-1] == "--part":
        return _starting(_parts(tracker, words), symbol)
    if before[-1] == "--track":
        return _starting([track.id for track in tracker.catalog.tracks], symbol)
    if symbol.startswith("-"):
        return _starting([f"--{option}" for option in known.options], symbol)
    if len(words) == 1 and known.names == "milestone":
        return _starting(tracker.names(), symbol)
    if len(words) == 1 and known.names == "module":
        written = [module for module in tracker.catalog.modules if not module.coming]
        return _starting([m.number for m in written] + [m.id for m in written], symbol)
    if len(words) == 2 and known.words == 2:
        return _starting(_parts(tracker, words), symbol)
    return []


def _starting(candidates: list[str], symbol: str) -> list[str]:
    return [candidate for candidate in candidates if candidate.startswith(symbol)]


def _parts(tracker: Tracker, words: list[str]) -> list[str]:
    try:
        return [part.id for part in tracker.milestone(words[1]).parts]
    except (IndexError, UnknownName):
        return []
