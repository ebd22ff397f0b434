"""Which models belong to a tenant: those with the tenant column, in the class or a base of it, and those that the policy lists."""

from __future__ import annotations

import ast
from enum import Enum

from merge_tool.codemods.models import column_call, table_of, targets_of, value_of
from merge_tool.codemods.names import Names, Thing
from merge_tool.model.policy import Policy


class Ownership(Enum):
    """Whose rows a table holds."""

    NONE = "no tenant's, or unknown"
    TENANT = "one tenant's each"
    LISTED = "a tenant's by the policy, but the model lacks the column"


class TenantModels:
    """Answers by class; every class is read once."""

    def __init__(self, names: Names, policy: Policy) -> None:
        self._names = names
        self._policy = policy
        self._known: dict[tuple[str, str], Ownership] = {}

    def of(self, model: Thing) -> Ownership:
        """Whose rows the table of a class holds."""
        key = (model.path, model.qualname)
        if key not in self._known:
            self._known[key] = self._read(model)
        return self._known[key]

    def _read(self, model: Thing) -> Ownership:
        nodes = [node for _, _, node in self._names.lineage(model)]
        table = next((name for node in nodes if (name := table_of(node))), "")
        if table in self._policy.tables.shared:
            return Ownership.NONE
        if any(self._has_column(node) for node in nodes):
            return Ownership.TENANT
        return Ownership.LISTED if table and table in self._policy.tables.tenant else Ownership.NONE

    def _has_column(self, node: ast.ClassDef) -> bool:
        table = any(word.arg == "table" for word in node.keywords)  # SQLModel
        for item in node.body:
            if self._policy.column in targets_of(item):
                annotation = ast.unparse(item.annotation) if isinstance(item, ast.AnnAssign) else ""
                return table or column_call(value_of(item)) is not None or "Mapped[" in annotation
            if isinstance(item, ast.FunctionDef) and item.name == self._policy.column:  # @declared_attr
                return any("declared_attr" in ast.unparse(decorator) for decorator in item.decorator_list)
        return False
