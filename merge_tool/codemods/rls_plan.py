"""What a revision must do so that each tenant table has its column, its index and row level security."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Protocol

from merge_tool.codemods.base import Project
from merge_tool.codemods.models import column_call, targets_of, value_of
from merge_tool.codemods.names import Names
from merge_tool.database.isolation import Added, Isolation, Swap, is_type
from merge_tool.index.project import ProjectIndex
from merge_tool.model.source import NotDone
from merge_tool.rulekit.chain import ChainTable
from merge_tool.rulekit.schema import SchemaTable

_KINDS = {"int": "Integer", "str": "String", "UUID": "Uuid", "uuid.UUID": "Uuid"}
_CODES = {"String": "sa.String(64)", "UUID": "sa.Uuid()"}
_VALUES = {
    "String": "'first'", "Text": "'first'", "Unicode": "'first'", "Boolean": "true", "Integer": "0", "BigInteger": "0", "SmallInteger": "0",
    "Float": "0", "Numeric": "0", "DateTime": "CURRENT_TIMESTAMP", "Date": "CURRENT_DATE", "JSON": "'{}'", "JSONB": "'{}'",
}  # fmt: skip


class Wishes(Protocol):
    """The options that the plan reads."""

    @property
    def setting(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def tenants(self) -> str: ...
    @property
    def message(self) -> str: ...


def plan_isolation(
    project: Project, chosen: set[str], wishes: Wishes, codemod: str, left: list[NotDone]
) -> Isolation | None:
    """What is to do; None where nothing is. What a person must look at goes to `left`."""
    policy = project.policy
    index = ProjectIndex.build(project.files, policy)
    chain = index.chain().tables
    schema = {item.table: item for item in index.schema() if item.table}
    own = [
        item
        for item in schema.values()
        if item.path in chosen and policy.column in item.columns and item.table not in policy.tables.shared
    ]
    tenants = wishes.tenants or next(
        (name for name in policy.tables.shared if name in schema and name != "alembic_version"), ""
    )
    own = [item for item in own if item.table != tenants]
    lacking = [item for item in own if policy.column not in _known(chain, item.table).columns]
    guarded = sorted(item.table for item in own if _known(chain, item.table).enabled is None)
    indexes = [
        (item.table, f"idx_{item.table}_{policy.column}")
        for item in own
        if item not in lacking and not _known(chain, item.table).leads(policy.column)
    ]
    swaps = list(dict.fromkeys(_swaps(own, chain, policy.column, codemod, left)))
    if not (lacking or guarded or indexes or swaps):
        return None
    kind = next((item.columns[policy.column].kind for item in own if item.columns[policy.column].kind), "")
    kind = kind or _KINDS.get(policy.parameter_type, "Integer")
    elsewhere = sorted(item.table for item in own if not _known(chain, item.table).made)
    for name in elsewhere:
        reason = f"no revision makes the table {name}: the revision passes over it where it is missing, so make it before"
        left.append(NotDone(schema[name].path, schema[name].span.line, codemod, reason))
    if not tenants:
        reason = "which table holds the tenants is not known: rows that are there can be given none"
        left.append(NotDone(min(item.path for item in own), 1, codemod, reason))
    holder = schema.get(tenants)
    made = tenants in chain and chain[tenants].made
    return Isolation(
        wishes.message,
        policy.column,
        kind,
        _CODES.get(kind, f"sa.{kind}()"),
        wishes.setting,
        wishes.policy,
        tenants,
        holder.primary[0] if holder is not None and holder.primary else "id",
        _columns(project, holder, codemod, left) if holder is not None and not made else (),
        _first(holder) if holder is not None else (),
        tuple(_in_order(lacking, {item.table for item in own})),
        tuple(sorted(indexes)),
        tuple(swaps),
        tuple(guarded),
        tuple(elsewhere),
    )


def _known(chain: Mapping[str, ChainTable], table: str) -> ChainTable:
    return chain.get(table) or ChainTable(table)


def _in_order(tables: Iterable[SchemaTable], owned: set[str]) -> list[Added]:
    """The tables with the relations by which a row finds its tenant, each behind those that it asks."""
    waiting = {
        item.table: [
            (column.name, column.foreign, column.refers or "id")
            for column in item.columns.values()
            if column.foreign in owned and column.foreign != item.table
        ]
        for item in sorted(tables, key=lambda found: found.table)
    }
    done: list[Added] = []
    while waiting:
        ready = [
            name
            for name, parents in waiting.items()
            if not any(parent in waiting for _, parent, _ in parents)
        ]
        # A circle of foreign keys: the table with the fewest open ones goes first, and asks only what is filled.
        ready = ready or [min(waiting, key=lambda name: (len(waiting[name]), name))]
        for name in ready:
            open_still = set(waiting) - set(ready) if name in waiting else set()
            parents = [item for item in waiting.pop(name) if item[1] not in open_still]
            done.append(Added(name, tuple(sorted(parents))))
    return done


def _swaps(
    tables: Iterable[SchemaTable],
    chain: Mapping[str, ChainTable],
    column: str,
    codemod: str,
    left: list[NotDone],
) -> Iterable[Swap]:
    """The unique keys that the models hold within a tenant, and the revisions over all."""
    tables = list(tables)
    pointed = {
        (found.foreign, found.refers) for item in tables for found in item.columns.values() if found.foreign
    }
    for item in tables:
        known = _known(chain, item.table)
        for key in item.keys:
            if (
                not key.unique
                or key.kind not in ("unique", "index")
                or key.columns[:1] != (column,)
                or len(key.columns) < 2
            ):
                continue
            rest = key.columns[1:]
            if any(old.unique and set(old.columns) == set(key.columns) for old in known.keys):
                continue
            for old in known.keys:
                if not old.unique or old.kind == "primary" or set(old.columns) != set(rest):
                    continue
                name = old.name or f"{item.table}_{'_'.join(rest)}_key"
                new = key.name or f"uq_{item.table}_{column}_{'_'.join(rest)}"
                if len(rest) == 1 and (item.table, rest[0]) in pointed:
                    reason = (
                        f"foreign keys point at {item.table}.{rest[0]}, so it stays unique over all tenants"
                    )
                    left.append(NotDone(item.path, key.span.line, codemod, reason))
                    break
                alone = item.columns.get(rest[0]) if len(rest) == 1 else None
                yield Swap(item.table, tuple(rest), new, name, old.kind, alone is not None and alone.indexed)
                break
            else:
                if known.made:
                    reason = f"the unique key of {item.table} on {', '.join(rest)} is not known from the revisions: swap it by hand"
                    left.append(NotDone(item.path, key.span.line, codemod, reason))


def _columns(project: Project, table: SchemaTable, codemod: str, left: list[NotDone]) -> tuple[str, ...]:
    """The columns of a table as code of a revision, as its model has them."""
    module = Names(project.files).module(table.path)
    nodes = module.classes.get(table.name, []) if module is not None else []
    found = []
    for item in nodes[0].body if nodes else ():
        call = column_call(value_of(item))
        name = next(iter(targets_of(item)), "")
        if call is None or not name:
            continue
        kinds = [part for part in call.args if not isinstance(part, ast.Constant)]
        code = _type(kinds[0]) if kinds else ""
        if not code:
            reason = (
                f"the type of {table.name}.{name} is not written out: add the column to the revision by hand"
            )
            left.append(NotDone(table.path, item.lineno, codemod, reason))
            continue
        known = table.columns.get(name)
        words = ["primary_key=True"] if known is not None and known.primary else []
        words += (
            [f"nullable={bool(known.nullable)}"]
            if known is not None and not known.primary and known.nullable is not None
            else []
        )
        words += ["unique=True"] if known is not None and known.unique else []
        found.append(f"sa.Column({', '.join([repr(name).replace(chr(39), chr(34)), code, *words])})")
    return tuple(found)


def _type(node: ast.expr) -> str:
    call = node if isinstance(node, ast.Call) else None
    target = call.func if call is not None else node
    name = (
        target.attr
        if isinstance(target, ast.Attribute)
        else target.id
        if isinstance(target, ast.Name)
        else ""
    )
    if not is_type(name):
        return ""
    given = (
        ", ".join([*map(ast.unparse, call.args), *map(ast.unparse, call.keywords)])
        if call is not None
        else ""
    )
    return f"sa.{name}({given})"


def _first(table: SchemaTable) -> tuple[tuple[str, str], ...]:
    """The values that a first row needs: of columns that may not be NULL and that nothing fills."""
    return tuple(
        (item.name, _VALUES.get(item.kind, "''"))
        for item in table.columns.values()
        if not item.primary and item.nullable is False and not item.fills
    )
