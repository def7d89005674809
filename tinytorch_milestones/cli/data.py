"""`tito data`: the data sets that milestones train on."""

from __future__ import annotations

import click

from tinytorch_milestones.cli import OK
from tinytorch_milestones.cli.commands import SuggestingGroup
from tinytorch_milestones.cli.output import MARKS, Cell, Screen, json_option, print_json


@click.group(cls=SuggestingGroup)
def data() -> None:
    """See which data sets are here, and fetch the others."""


@data.command(name="list")
@json_option
def list_(as_json: bool) -> int:
    """List the data sets, where they are, and what fetching one costs."""
    from tinytorch_milestones.data.places import locate, packed
    from tinytorch_milestones.data.sources import SOURCES
    from tinytorch_milestones.errors import TinyTorchError

    found = []
    for source in SOURCES:
        entry: dict[str, str | int] = {"name": source.name, "title": source.title}
        archive = packed(source)
        entry |= {"folder": "", "problem": "", "bundled": source.bundled}
        entry["archive"] = "" if archive is None else str(archive)
        try:
            entry["folder"] = str(locate(source.name))
        except TinyTorchError as problem:
            entry["problem"] = problem.message
        found.append(entry | {"megabytes": source.megabytes})
    if as_json:
        print_json(found)
        return OK
    rows: list[list[Cell]] = []
    for entry in found:
        if entry["bundled"]:
            where = "comes with the product"
        elif entry["folder"]:
            where = str(entry["folder"])
        elif entry["archive"]:
            where = f"{entry['archive']}, unpacked when it is first used"
        else:
            where = f"tito data fetch {entry['name']} ({entry['megabytes']} MB)"
        mark = MARKS["complete" if entry["folder"] else "ready" if entry["archive"] else "locked"]
        rows.append([mark, str(entry["name"]), str(entry["title"]), (where, "dim")])
    Screen().table(rows, indent=0)
    return OK


@data.command()
@click.argument("name")
def fetch(name: str) -> int:
    """Fetch a data set into your cache; one that was broken off goes on where it stopped."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from tinytorch_milestones.data import fetch as download

    screen = Screen(error=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=screen.console,
        disable=not screen.terminal,
    ) as bar:
        tasks = {}

        def report(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=total)
            bar.update(tasks[file], completed=done, total=total)

        folder = download(name, report)
    Screen().line(MARKS["complete"], f" {name} is in {folder}")
    return OK
