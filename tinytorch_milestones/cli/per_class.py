"""How each class fares, at the end of a run that tells classes of pictures apart."""

from __future__ import annotations

from collections.abc import Mapping

from tinytorch_milestones.cli.output import Screen

_PREFIX = "class."
_READABLE = 20  # classes; of more only the extremes are worth a line


def show_classes(screen: Screen, metrics: Mapping[str, float]) -> None:
    """The share of each class that was read right: bars in a terminal, words in a pipe."""
    shares = [
        (name.removeprefix(_PREFIX), value)
        for name, value in metrics.items()
        if name.startswith(_PREFIX)
    ]
    if not shares:
        return
    if len(shares) > _READABLE:
        shares = sorted(shares, key=lambda share: -share[1])
        half = _READABLE // 2
        shares = [*shares[:half], *shares[-half:]]
    if not screen.draws:
        told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares)
        screen.line(("Right of each class: ", "dim"), told, indent=2, hang=4)
        return
    from tinytorch_milestones.cli.plot import bars

    screen.line(("Right of each class, when all were asked last", "dim"), indent=2)
    for row in bars(shares, width=screen.width - 4, style="green"):
        row.pad_left(4)
        screen.console.print(row, no_wrap=True)
    screen.blank()
