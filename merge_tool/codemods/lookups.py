"""`session.get(Model, key)`, which takes no filter, written as a select of the same row that takes one."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.importing import bound_names, dotted
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.models import targets_of, value_of
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module, parameters_of

_MAKERS = ("Column", "mapped_column", "Field")
_SELECTS = ("sqlalchemy", "sqlalchemy.future", "sqlalchemy.sql", "sqlalchemy.sql.expression", "sqlmodel")
# What sessions are called where no annotation says what they are.
_SESSIONS = frozenset(("db", "session", "sess", "db_session", "async_session", "s"))


@dataclass(frozen=True)
class Lookup:
    """How one call is written anew: `receiver.scalar(select(model).where(model.key == …, condition))`.

    Attributes:
        model: the model as it is written in the call.
        select: how `select` is written in this file.
        key: the attribute of the primary key.
        condition: the condition on the tenant.
    """

    model: str
    select: str
    key: str
    condition: str


def primary_key(names: Names, model: Thing) -> str:
    """The attribute that is a model's whole primary key; "" where it has none, or several."""
    found = []
    for _, _, node in names.lineage(model):
        for item in node.body:
            value = value_of(item)
            if not isinstance(value, ast.Call) or dotted(value.func).rpartition(".")[2] not in _MAKERS:
                continue
            if any(
                word.arg == "primary_key"
                and isinstance(word.value, ast.Constant)
                and word.value.value is True
                for word in value.keywords
            ):
                found += targets_of(item)
    own = list(dict.fromkeys(found))
    return own[0] if len(own) == 1 else ""


def obstacle(module: Module, call: ast.Call) -> str:
    """Why a `get` cannot be written as a select; "" where it can."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "get":
        return "it raises where there is no row"
    if call.keywords or len(call.args) != 2 or any(isinstance(item, ast.Starred) for item in call.args):
        return "it has options"
    if isinstance(call.args[1], ast.Tuple | ast.List | ast.Dict | ast.Set):
        return "its key has several columns"
    written = ast.get_source_segment(module.text, call) or ""
    if "\n" in written and "#" in written:
        return "a comment may stand inside it"
    if not _is_session(module, call.func.value):
        return f"{ast.unparse(call.func.value)} is not known to be a session"
    return ""


def _is_session(module: Module, node: ast.expr) -> bool:
    """Whether an expression is a session: by the annotation of the parameter that it is, else by its name."""
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if isinstance(node, ast.Name):
        for outer in module.ancestors(node):
            if isinstance(outer, FunctionNode):
                own = [item for item in parameters_of(outer.args) if item.arg == node.id]
                if own and own[0].annotation is not None:
                    return "Session" in ast.unparse(own[0].annotation)
                if own:
                    break
    return last.lstrip("_") in _SESSIONS


def select_name(module: Module) -> tuple[str, ImportNeed | None]:
    """How `select` is written in a file, and the import that it needs for that; "" where the name is taken."""
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in _SELECTS:
            for alias in node.names:
                if alias.name == "select":
                    return alias.asname or "select", None
    for node in module.tree.body:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name == "sqlalchemy":
                return f"{alias.asname or 'sqlalchemy'}.select", None
    if "select" in bound_names(module.tree):
        return "", None
    return "select", ImportNeed("sqlalchemy", "select")
