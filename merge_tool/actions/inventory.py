"""The inventory of copied files: what each one is and holds, read from its text."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from merge_tool.actions.base import Context
from merge_tool.model.outcome import FileVerdict
from merge_tool.model.text import md_code, md_text

_VERBS = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket", "api_route"}
)


def render_inventory(ctx: Context, files: Sequence[FileVerdict]) -> str:
    """A Markdown list of the files with lines, routes, functions and classes of each, as upstream has them.

    Args:
        files: the copied files.
    """
    upstream = ctx.need_upstream()
    blobs = ctx.workspace.read_many(
        [item.path for item in files if (e := ctx.workspace.entry(item.path)) and e.is_file]
    )
    rows, total_lines, total_routes = [], 0, 0
    for item in sorted(files, key=lambda item: item.path):
        data = blobs.get(item.path, b"")
        lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        routes, what = describe(item.path, data)
        total_lines, total_routes = total_lines + lines, total_routes + routes
        note = md_text(item.reason) if item.reason else ""
        rows.append(f"| {md_code(item.path)} | {lines} | {routes or ''} | {what} | {note} |")
    head = [
        f"# Inventory: {md_text(ctx.story.title)}",
        "",
        f"{len(rows)} files copied from upstream commit {md_code(upstream.commit)} by story {ctx.story.id}: "
        f"{total_lines} lines, {total_routes} routes. They are single-tenant as listed here; the stories after this one change that.",
        "",
        "| file | lines | routes | holds | note |",
        "|---|---:|---:|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def describe(path: str, data: bytes) -> tuple[int, str]:
    """The number of routes in a Python file and a short Markdown text of its classes and functions; `(0, "")` for others."""
    if not path.endswith(".py"):
        return 0, ""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError) as error:
        return 0, f"does not parse: {md_text(str(error))}"
    names, routes = [], 0
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if any(_is_route(item) for item in node.decorator_list):
                routes += 1
            else:
                names.append(node.name)
    shown = ", ".join(md_code(name) for name in names[:6])
    return routes, shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _is_route(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VERBS
