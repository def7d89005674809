"""The Python of a `%%milestone run` cell: what it replaces of a run's settings and model."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tinytorch_milestones.errors import UnknownName


def run_cell(
    source: str,
    names: Mapping[str, object],
    known: Iterable[str],
    elsewhere: Collection[str] = (),
) -> dict[str, Any]:
    """Run the Python of a cell; the settings and the model it defined.

    known: the settings of this part; elsewhere: those of other parts, which are no mistake.

    Names it merely found are not taken for a choice: only what it bound itself counts. Raises
    `UnknownName` for a name that it binds, that is no setting, and that it makes no use of: such a
    line would do nothing, and a misspelt setting would be noticed after minutes or never.
    """
    settings = list(known)
    tree = ast.parse(source, "<%%milestone cell>")
    for name in _idle(tree):
        if name not in settings and name not in elsewhere:
            raise UnknownName("setting", name, settings)
    namespace = dict(names)
    before = {name: namespace.get(name) for name in settings}
    exec(compile(tree, "<%%milestone cell>", "exec"), namespace)
    return {
        name: namespace[name]
        for name in settings
        if name in namespace and namespace[name] is not before[name]
    }


def _idle(tree: ast.Module) -> list[str]:
    """Names given a value at the top of the cell that nothing in it reads."""
    bound = [
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
        if isinstance(target, ast.Name)
    ]
    read = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return [name for name in bound if name not in read and not name.startswith("_")]
