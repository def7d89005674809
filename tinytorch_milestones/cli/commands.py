"""The command tree. A group's file is read only when one of its commands is wanted."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

import click

from tinytorch_milestones import __version__

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80}

_HELP = """Build a small PyTorch in notebooks, and unlock the history of AI with it.

Commands look for the course at or above the current folder. What a command lists or shows, it
also prints as JSON with --json.

\b
Exit codes:
    0  done, passed or complete
    1  not passed, not complete, or it could not be done
    2  the command was not understood, or a name is unknown
    3  there is no course here
  130  stopped with Ctrl-C
"""


class SuggestingGroup(click.Group):
    """A group that answers a wrong command with the nearest right one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if (
            not name.startswith("-")
            and not ctx.resilient_parsing
            and self.get_command(ctx, name) is None
        ):
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.5)
            if near:
                hint = f"Did you mean {' or '.join(repr(n) for n in near)}?"
            else:
                hint = f"There are: {', '.join(known)}."
            raise click.UsageError(f"There is no command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """A group whose commands are imported when they are asked for."""

    def __init__(self, *args: Any, places: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        file, _, name = self._places[cmd_name].partition(":")
        command = getattr(import_module(f"tinytorch_milestones.cli.{file}"), name)
        assert isinstance(command, click.Command)
        return command


tito = LazyGroup(
    "tito",
    help=_HELP,
    context_settings=SETTINGS,
    params=[],
    places={
        "init": "course:init",
        "lab": "course:lab",
        "doctor": "course:doctor",
        "trust": "course:trust",
        "status": "course:status",
        "next": "course:next_",
        "module": "module:module",
        "checkpoint": "checkpoint:checkpoint",
        "milestone": "milestone:milestone",
        "data": "data:data",
    },
)
click.version_option(__version__, "-V", "--version", message="tito %(version)s")(tito)
