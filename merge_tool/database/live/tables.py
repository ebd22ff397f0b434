"""A tenant table's own shape: the tenant column, its foreign key, indexes, unique keys, keys to other tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from merge_tool.database.live.catalog import Catalog, LiveForeignKey, LiveIndex, LiveTable
from merge_tool.database.live.findings import LiveFinding, listed, qualified, quoted
from merge_tool.database.live.scope import Scope
from merge_tool.model.policy import Policy
from merge_tool.model.source import Severity

# What is unique whoever made it: two tenants never have the same one.
_BY_NATURE = frozenset(
    ("uuid", "guid", "token", "hash", "secret", "sha256", "digest", "nonce", "jti", "fingerprint")
)
_IDENTIFIER = 63


def check_tables(catalog: Catalog, scope: Scope, policy: Policy) -> Iterator[LiveFinding]:
    """What the tables lack, and tables of which the policy does not say whose they are."""
    for table in scope.owned:
        if policy.column not in table.columns:
            yield _no_column(table, scope, catalog)
            continue
        yield from _column(table, scope, catalog)
        if table.kind == "f":
            continue
        yield from _indexes(table, policy)
        yield from _uniques(table, scope)
        yield from _foreign(table, scope, catalog)
    for table in scope.unclassified:
        yield _unclassified(table, scope)


def _type(catalog: Catalog, scope: Scope) -> str:
    tenants = catalog.tables.get(scope.tenants)
    key = next((item for item in tenants.indexes if item.primary), None) if tenants else None
    if tenants and key and len(key.columns) == 1:
        return tenants.columns[key.columns[0]].type
    others = [item.columns[scope.column].type for item in scope.owned if scope.column in item.columns]
    return max(set(others), key=others.count) if others else "integer"


def _key(catalog: Catalog, scope: Scope) -> str:
    tenants = catalog.tables.get(scope.tenants)
    key = next((item for item in tenants.indexes if item.primary), None) if tenants else None
    return key.columns[0] if key and len(key.columns) == 1 else "id"


def _no_column(table: LiveTable, scope: Scope, catalog: Catalog) -> LiveFinding:
    column = quoted(scope.column)
    to = (
        f" REFERENCES {qualified(scope.tenants)} ({quoted(_key(catalog, scope))}) ON DELETE CASCADE"
        if scope.tenants
        else ""
    )
    return LiveFinding(
        "TM1", Severity.ERROR, table.name, f"has no column {scope.column}, though the policy says that it is a tenant's",
        f"ALTER TABLE {qualified(table.name)} ADD COLUMN {column} {_type(catalog, scope)}{to};\n"
        f"-- fill it: UPDATE {qualified(table.name)} SET {column} = …;\n"
        f"ALTER TABLE {qualified(table.name)} ALTER COLUMN {column} SET NOT NULL;",
    )  # fmt: skip


def _column(table: LiveTable, scope: Scope, catalog: Catalog) -> Iterator[LiveFinding]:
    name, own = qualified(table.name), table.columns[scope.column]
    if own.nullable:
        yield LiveFinding(
            "TM2", Severity.ERROR, table.name, f"{scope.column} may be NULL: such rows belong to no tenant",
            f"-- first: SELECT count(*) FROM {name} WHERE {quoted(scope.column)} IS NULL;\n"
            f"ALTER TABLE {name} ALTER COLUMN {quoted(scope.column)} SET NOT NULL;",
        )  # fmt: skip
    if (
        own.default
        and "current_setting" not in own.default
        and "(" not in own.default
        and own.default != "NULL"
    ):
        yield LiveFinding(
            "TM13", Severity.WARNING, table.name,
            f"{scope.column} is filled with {own.default} where an INSERT leaves it out: rows of anybody go to one tenant",
            f"ALTER TABLE {name} ALTER COLUMN {quoted(scope.column)} DROP DEFAULT;",
        )  # fmt: skip
    if not scope.tenants:
        return
    key = next(
        (item for item in table.foreign if scope.column in item.columns and item.target == scope.tenants),
        None,
    )
    if key is None:
        elsewhere = next((item for item in table.foreign if item.columns == (scope.column,)), None)
        if elsewhere is None and any(
            scope.column in item.columns and scope.is_owned(item.target) for item in table.foreign
        ):
            return  # a composite key into a tenant's table holds it
        told = f" but to {elsewhere.target}" if elsewhere else ""
        wanted = _key(catalog, scope)
        yield LiveFinding(
            "TM5", Severity.ERROR if elsewhere is None else Severity.WARNING, table.name,
            f"{scope.column} is no foreign key to {scope.tenants}{told}: it may name a tenant that is not there",
            f"ALTER TABLE {name} ADD CONSTRAINT {quoted(_cut(f'fk_{table.bare}_{scope.column}'))} "
            f"FOREIGN KEY ({quoted(scope.column)}) REFERENCES {qualified(scope.tenants)} ({quoted(wanted)}) ON DELETE CASCADE;",
        )  # fmt: skip
    elif not key.validated:
        yield LiveFinding(
            "TM5", Severity.WARNING, table.name, f"the foreign key {key.name} is NOT VALID: older rows were never checked",
            f"ALTER TABLE {name} VALIDATE CONSTRAINT {quoted(key.name)};",
        )  # fmt: skip


def usable(table: LiveTable, columns: tuple[str, ...]) -> LiveIndex | None:
    """An index that is valid, holds all rows and begins with `columns`."""
    for item in table.indexes:
        if (
            item.valid
            and not item.predicate
            and item.columns[: len(columns)] == columns
            and "" not in item.columns[: len(columns)]
        ):
            return item
    return None


def _indexes(table: LiveTable, policy: Policy) -> Iterator[LiveFinding]:
    column, name = policy.column, qualified(table.name)
    pattern = policy.database.index
    wanted = _cut(
        (pattern or "idx_{table}_{column}").replace("{table}", table.bare).replace("{column}", column)
    )
    concurrently = "" if table.kind == "p" or table.is_partition else "CONCURRENTLY "
    make = f"CREATE INDEX {concurrently}{quoted(wanted)} ON {name} ({quoted(column)});"
    called = next((item for item in table.indexes if item.name == wanted), None)
    found = usable(table, (column,))
    if called is not None and not called.valid:
        yield LiveFinding(
            "TM3", Severity.ERROR, table.name, f"the index {wanted} is invalid: making it was cut off",
            f"REINDEX INDEX CONCURRENTLY {qualified(table.name.partition('.')[0] + '.' + wanted)};",
        )  # fmt: skip
    elif called is not None and usable(table, (column,)) is None:
        told = f"only rows where {called.predicate}" if called.predicate else f"({', '.join(called.columns)})"
        yield LiveFinding(
            "TM3", Severity.ERROR, table.name, f"the index {wanted} does not serve {column}: it holds {told}",
            f"DROP INDEX {qualified(table.name.partition('.')[0] + '.' + wanted)};\n{make}",
        )  # fmt: skip
    elif found is None:
        yield LiveFinding(
            "TM3",
            Severity.ERROR,
            table.name,
            f"no index begins with {column}: each query reads all tenants' rows",
            make,
        )
    elif pattern and called is None and not table.is_partition:
        yield LiveFinding(
            "TM3", Severity.WARNING, table.name, f"the index on {column} is called {found.name}, the policy asks for {wanted}", make
        )  # fmt: skip
    for item in policy.database.composites:
        columns = (column, *item.columns)
        if not (fnmatchcase(table.bare, item.table) or fnmatchcase(table.name, item.table)):
            continue
        advice = "*" in item.table
        missing = [each for each in item.columns if each not in table.columns]
        if missing and not advice:
            yield LiveFinding(
                "TM3",
                Severity.ERROR,
                table.name,
                f"has no column {missing[0]}, which the policy wants in an index",
            )
        elif not missing and usable(table, columns) is None:
            called_so = _cut(wanted + "_" + "_".join(item.columns))
            yield LiveFinding(
                "TM3", Severity.INFO if advice else Severity.ERROR, table.name, f"no index on ({', '.join(columns)}), which the policy asks for",
                f"CREATE INDEX {concurrently}{quoted(called_so)} ON {name} ({listed(columns)});",
            )  # fmt: skip


def _uniques(table: LiveTable, scope: Scope) -> Iterator[LiveFinding]:
    primary = next((item.columns for item in table.indexes if item.primary), ())
    inside = {column for key in table.foreign if scope.is_owned(key.target) for column in key.columns}
    for item in table.indexes:
        if not item.unique or scope.column in item.columns or set(item.columns) == set(primary):
            continue
        types = [table.columns[name].type for name in item.columns if name in table.columns]
        if inside.intersection(item.columns) or "uuid" in types:
            continue  # lies within one tenant by the key to another tenant's table, or is unique by nature
        if any(_BY_NATURE.intersection(name.lower().split("_")) for name in item.columns):
            continue
        shown = ", ".join(name or "an expression" for name in item.columns)
        name = qualified(table.name)
        schema = table.name.partition(".")[0]
        drop = (
            f"ALTER TABLE {name} DROP CONSTRAINT {quoted(item.constraint)};"
            if item.constraint
            else f"DROP INDEX {qualified(f'{schema}.{item.name}')};"
        )
        if "" in item.columns or item.predicate:
            head, _, rest = item.definition.partition(" USING ")
            method, _, tail = rest.partition(" (")
            new = f"{head} USING {method} ({quoted(scope.column)}, {tail};"
        else:
            new = f"ALTER TABLE {name} ADD CONSTRAINT {quoted(_cut(f'uq_{table.bare}_{scope.column}_' + '_'.join(item.columns)))} UNIQUE ({listed((scope.column, *item.columns))});"
        yield LiveFinding(
            "TM4", Severity.ERROR, table.name, f"UNIQUE ({shown}) by {item.name} holds over all tenants, not within {scope.column}", f"{drop}\n{new}"
        )  # fmt: skip


def _foreign(table: LiveTable, scope: Scope, catalog: Catalog) -> Iterator[LiveFinding]:
    held = {column for key in table.foreign if scope.column in key.columns for column in key.columns}
    for key in table.foreign:
        if scope.column in key.columns or not scope.is_owned(key.target) or held.issuperset(key.columns):
            continue
        target = catalog.tables[key.target]
        if scope.column not in target.columns:
            continue
        yield LiveFinding(
            "TM5", Severity.INFO, table.name,
            f"the foreign key {key.name} to {key.target} does not hold {scope.column}: a row can point into another tenant",
            _composite(table, key, target, scope.column),
        )  # fmt: skip


def _composite(table: LiveTable, key: LiveForeignKey, target: LiveTable, column: str) -> str:
    unique = _cut(f"uq_{target.bare}_{column}_{'_'.join(key.refers)}")
    action = re.search(r"( ON (?:UPDATE|DELETE) .*)?$", key.definition)
    rest = (action[1] or "") if action else ""
    return (
        f"ALTER TABLE {qualified(target.name)} ADD CONSTRAINT {quoted(unique)} UNIQUE ({listed((column, *key.refers))});\n"
        f"ALTER TABLE {qualified(table.name)} DROP CONSTRAINT {quoted(key.name)}, ADD CONSTRAINT {quoted(key.name)} "
        f"FOREIGN KEY ({listed((column, *key.columns))}) REFERENCES {qualified(target.name)} ({listed((column, *key.refers))}){rest};"
    )


def _unclassified(table: LiveTable, scope: Scope) -> LiveFinding:
    to = next((key.target for key in table.foreign if scope.is_owned(key.target)), "")
    hangs = f", but its rows hang on {to}, which is a tenant's" if to else ""
    return LiveFinding(
        "T03", Severity.WARNING, table.name,
        f"has no {scope.column}, and the policy names it neither a tenant's nor shared{hangs}",
        f"-- add the column as for {to}, or list {table.bare} in the policy's tables.shared" if to else f"-- list {table.bare} in the policy's tables.tenant or tables.shared",
    )  # fmt: skip


def _cut(name: str) -> str:
    """A name as long as PostgreSQL takes it."""
    return name.encode()[:_IDENTIFIER].decode("utf-8", "ignore")
