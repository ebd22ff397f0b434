"""Which new rows get no tenant although it is at hand, and what to add where they are made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from merge_tool.codemods.base import Project
from merge_tool.codemods.chains import Chain, ChainEdits, chain_from
from merge_tool.codemods.places import span_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.style import quote
from merge_tool.codemods.tenancy import Tenancy
from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.rulekit.project import QueryVerdict, Scoped


class Stamps:
    """The linters' verdicts on new rows (rule TQ4), asked for only where a file may make one."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @cached_property
    def _index(self) -> ProjectIndex:
        return ProjectIndex.build(self._project.files, self._project.policy)

    def rows(self, path: str) -> list[QueryVerdict]:
        """The new rows of a file that get no tenant, or perhaps none."""
        if path not in self._index.modules:
            return []
        return [
            item
            for item in self._index.query_verdicts(path)
            if item.kind == "insert" and item.path == path and item.scoped is not Scoped.YES
        ]


def stamp(
    module: Module, tenancy: Tenancy, policy: Policy, verdicts: list[QueryVerdict], changes: ChainEdits
) -> Iterator[tuple[int, bool, str]]:
    """Adds the tenant to new rows; yields the line of each, whether it is done, and what in words."""
    calls: dict[tuple[int, int], list[ast.Call]] = {}
    for item in module.calls():
        calls.setdefault((item.lineno, item.col_offset + 1), []).append(item)
    for verdict in verdicts:
        found = calls.get((verdict.span.line, verdict.span.column), [])
        # Of the calls that start there, the innermost is the one that is reported.
        call = min(found, key=lambda item: (item.end_lineno or 0, item.end_col_offset or 0), default=None)
        tenant = tenancy.at(call) if call is not None else None
        if call is None or tenant is None:
            continue
        where = call.lineno
        if verdict.scoped is Scoped.UNDECIDED:
            why = verdict.reasons[-1] if verdict.reasons else "it is built dynamically"
            yield where, False, f"the new row of {verdict.entity} may have its {policy.column} already: {why}"
            continue
        model = verdict.entity.rpartition(".")[2]
        reason = _add(module, call, policy.column, tenant.code, changes)
        if reason:
            yield where, False, f"the new row of {model} gets no {policy.column}: {reason}"
        else:
            yield where, True, f"give the new row of {model} its {policy.column}"


def _add(module: Module, call: ast.Call, column: str, code: str, changes: ChainEdits) -> str:
    """Adds the tenant where a row is made; gives the reason where it cannot."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "insert" in name.lower():
        return _add_values(module, call, column, code, changes)
    # The verdict knows the fields that are built elsewhere; a field of that name that is there holds no tenant.
    if any(isinstance(item, ast.Starred) for item in call.args) or _names(module, call, column):
        return "its fields are built elsewhere"
    if any(item.arg == column for item in call.keywords):
        return "what it is given is no tenant"
    changes.keywords[span_of(module.text, call)] = f"{column}={code}"
    return ""


def _names(module: Module, call: ast.Call, column: str) -> bool:
    """Whether fields are built elsewhere, and a text in the function is the column's name."""
    if not any(item.arg is None for item in call.keywords):
        return False
    around = next((item for item in module.ancestors(call) if isinstance(item, FunctionNode)), module.tree)
    return any(isinstance(item, ast.Constant) and item.value == column for item in ast.walk(around))


def _add_values(module: Module, call: ast.Call, column: str, code: str, changes: ChainEdits) -> str:
    chain = Chain(call, chain_from(module, call))
    values = next(chain.calls("values"), None)
    if values is None:
        return "its values are given where it runs"
    if any(item.arg is None for item in values.keywords):
        return "its values are built elsewhere"
    if values.keywords and not values.args:
        if any(item.arg == column for item in values.keywords):
            return "what it is given is no tenant"
        changes.keywords[span_of(module.text, values)] = f"{column}={code}"
        return ""
    rows = [values.args[0]] if len(values.args) == 1 else []
    if rows and isinstance(rows[0], ast.List | ast.Tuple):
        rows = list(rows[0].elts)
    elif rows and isinstance(rows[0], ast.ListComp):
        rows = [rows[0].elt]
    if not rows or not all(isinstance(item, ast.Dict) and None not in item.keys for item in rows):
        return "its values are built elsewhere"
    for item in rows:
        assert isinstance(item, ast.Dict)
        keys = [
            key.value if isinstance(key, ast.Constant) else key.attr if isinstance(key, ast.Attribute) else ""
            for key in item.keys
        ]
        if column not in keys:
            key = next((found for found in item.keys if isinstance(found, ast.Attribute)), None)
            written = f"{ast.unparse(key.value)}.{column}" if key is not None else quote(column, module.text)
            changes.entries[span_of(module.text, item)] = (written, code)
    return ""
