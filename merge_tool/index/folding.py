"""Folds the revisions of a project, oldest first, into the tables that they leave."""

from __future__ import annotations

from dataclasses import replace

from merge_tool.index.ddlsteps import taken_apart
from merge_tool.rulekit.chain import Chain, ChainTable, Undo, unclear
from merge_tool.rulekit.ddl import PolicyStatement
from merge_tool.rulekit.schema import Migrations, SchemaColumn, SchemaKey, Step


def fold(migrations: Migrations) -> Chain:
    """What all upgrades come to. Branches of a chain are folded one after the other, as Alembic runs them."""
    folder = _Folder()
    undone = []
    for revision in migrations.revisions:
        up: list[Step] = []
        for step in revision.upgrade:
            parts = tuple(taken_apart(step))
            for part in parts:
                folder.apply(part, step)
            up.extend(parts)
        down = tuple(part for step in revision.downgrade for part in taken_apart(step))
        undone.append(Undo(revision, tuple(up), down))
    return Chain(
        folder.tables,
        tuple(folder.untold),
        tuple(folder.hidden),
        tuple(undone),
        frozenset(folder.replaced),
        folder.altered,
    )


class _Folder:
    def __init__(self) -> None:
        self.tables: dict[str, ChainTable] = {}
        self.untold: list[Step] = []
        self.hidden: list[Step] = []
        self.replaced: set[int] = set()
        self.altered: dict[int, PolicyStatement] = {}
        self._functions: dict[str, Step] = {}
        self._policies: dict[tuple[str, str], Step] = {}  # the step as it stands in the revision

    def apply(self, step: Step, source: Step) -> None:
        """Does one step; `source` is the revision's own step that it was taken from."""
        kind = step.kind
        if kind == "create_function":
            if step.name in self._functions:
                self.replaced.add(id(self._functions[step.name]))
            self._functions[step.name] = source
            return
        if kind == "drop_index" or (kind == "drop_constraint" and not step.table):
            for item in self.tables.values():
                if not step.table or step.table == item.name:
                    item.keys = [key for key in item.keys if key.name != step.name or not step.name]
            return
        if kind in ("update", "insert", "delete", "select"):
            return
        if unclear(step):
            (self.untold if kind == "row_security" or kind.endswith("_policy") else self.hidden).append(step)
            return
        if kind == "drop_table":
            gone = self.tables.pop(step.table, None)
            for name in gone.policies if gone is not None else ():
                self._drop_policy(step.table, name)
            return
        if kind == "rename_table":
            self._rename(step)
            return
        table = self.tables.setdefault(step.table, ChainTable(step.table))
        if kind == "create_table":
            table.made = True
        if kind in ("create_table", "add_column"):
            for column in step.columns:
                table.columns[column.name] = column
                table.keys.extend(_own_keys(column))
            table.keys.extend(step.keys)
        elif kind == "row_security":
            _switch(table, step)
        elif step.policy is not None:
            self._policy(table, step, source)
        else:
            _change(table, step)

    def _rename(self, step: Step) -> None:
        table = self.tables.pop(step.table, None)
        if table is not None and step.new:
            table.name = step.new
            self.tables[step.new] = table
            for name in table.policies:
                if (step.table, name) in self._policies:
                    self._policies[step.new, name] = self._policies.pop((step.table, name))

    def _policy(self, table: ChainTable, step: Step, source: Step) -> None:
        policy = step.policy
        if policy is None:
            return
        if policy.verb == "drop":
            table.policies.pop(policy.name, None)
            self._drop_policy(table.name, policy.name)
        elif policy.verb == "create":
            table.policies[policy.name] = (step, policy)
            self._policies[table.name, policy.name] = source
        elif policy.name in table.policies:
            first = table.policies[policy.name][1]
            if policy.renamed:
                kept = table.policies.pop(policy.name)
                table.policies[policy.renamed] = (kept[0], replace(kept[1], name=policy.renamed))
                if (table.name, policy.name) in self._policies:
                    self._policies[table.name, policy.renamed] = self._policies.pop((table.name, policy.name))
                return
            both = replace(
                first,
                roles=policy.roles or first.roles,
                using=first.using if policy.using is None else policy.using,
                check=first.check if policy.check is None else policy.check,
            )
            table.policies[policy.name] = (step, both)
            self._drop_policy(table.name, policy.name)
            self._policies[table.name, policy.name] = source
            self.altered[id(source)] = both

    def _drop_policy(self, table: str, name: str) -> None:
        source = self._policies.pop((table, name), None)
        if source is not None:
            self.replaced.add(id(source))


def _switch(table: ChainTable, step: Step) -> None:
    match step.name:
        case "enable":
            table.enabled = step
        case "disable":
            table.enabled = None
        case "force":
            table.forced = step
        case _:
            table.forced = None


def _change(table: ChainTable, step: Step) -> None:
    name = step.name
    match step.kind:
        case "drop_column":
            table.columns.pop(name, None)
            table.keys = [key for key in table.keys if name not in key.columns]
        case "drop_constraint":
            table.keys = [key for key in table.keys if key.name != name or not name]
        case "alter_column":
            column = table.columns.get(name)
            if column is not None and step.nullable is not None:
                column = table.columns[name] = replace(column, nullable=step.nullable)
            if column is not None and step.new:
                del table.columns[name]
                table.columns[step.new] = replace(column, name=step.new)
                table.keys = [_renamed(key, name, step.new) for key in table.keys]
        case _:
            table.keys.extend(step.keys)


def _renamed(key: SchemaKey, old: str, new: str) -> SchemaKey:
    return replace(key, columns=tuple(new if item == old else item for item in key.columns))


def _own_keys(column: SchemaColumn) -> list[SchemaKey]:
    """The keys that a column's own arguments make. Alembic gives no names to them."""
    own, found = (column.name,), []
    if column.unique or column.indexed:
        kind = "index" if column.indexed else "unique"
        found.append(SchemaKey(kind, own, column.path, column.span, unique=column.unique))
    if column.primary:
        found.append(SchemaKey("primary", own, column.path, column.span))
    if column.foreign:
        refers = (column.refers,) if column.refers else ()
        found.append(SchemaKey("foreign", own, column.path, column.span, target=column.foreign, refers=refers))  # fmt: skip
    return found
