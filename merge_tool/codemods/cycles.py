"""Whether one more import at the top of a file would close a circle."""

from __future__ import annotations

import ast

from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import Binding, Module


def import_cycle(names: Names, module: Module, path: str) -> str:
    """The chain of files by which importing `path` at the top of `module` would come back to it; empty: none.

    A file that is imported there already closes no new circle.
    """
    if not path or path == module.path or path in imported_at_top(names, module):
        return ""
    waiting: list[tuple[str, tuple[str, ...]]] = [(path, (path,))]
    seen = {path}
    while waiting:
        current, chain = waiting.pop(0)
        other = names.module(current)
        for following in sorted(imported_at_top(names, other)) if other is not None else ():
            if following == module.path:
                return " imports ".join((*chain, following))
            package = following.endswith("__init__.py") and module.name.startswith(
                f"{names.module_name(following)}."
            )
            if following not in seen and not package:  # a package around the file is being imported already
                seen.add(following)
                waiting.append((following, (*chain, following)))
    return ""


def imported_at_top(names: Names, module: Module) -> set[str]:
    """The project's files that a file imports when it is imported itself."""
    found: set[str] = set()
    for statement in module.tree.body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        for node in ast.walk(statement) if isinstance(statement, (ast.If, ast.Try)) else (statement,):
            if isinstance(node, ast.Import):
                dotted = [item.name for item in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = names.absolute(module, Binding("from", node, node.module or "", "", node.level))
                dotted = [base, *(f"{base}.{item.name}" for item in node.names)]
            else:
                continue
            for name in dotted:
                parts = name.split(".")
                found |= {names.path_of(".".join(parts[:end])) for end in range(1, len(parts) + 1)}
    return found - {module.path, ""}
