"""Writes the Alembic revision that gives tables their tenant and keeps tenants apart by row level security."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.database.revision import RevisionStyle, default_revision_id, revision_head

_CASTS = {
    "Integer": "::int",
    "SmallInteger": "::int",
    "BigInteger": "::bigint",
    "Uuid": "::uuid",
    "UUID": "::uuid",
}


@dataclass(frozen=True, slots=True)
class Added:
    """A table that lacks the tenant column. `parents`: column, parent table and its column, where rows belong by that."""

    table: str
    parents: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Swap:
    """A unique key that becomes unique within a tenant.

    Attributes:
        new, old: the names.
        kind: how the old one is made, `index` or `unique`.
        indexed: whether an index of the old name stays that is not unique.
    """

    table: str
    columns: tuple[str, ...]
    new: str
    old: str
    kind: str
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the revision does.

    Attributes:
        message: the docstring's first line.
        column: the tenant column, `kind` its type's name in SQLAlchemy, `type` the code of its type.
        setting: the session variable that the policies compare with.
        policy: the name of the policies.
        tenants: the table of the tenants; empty: not known.
        key: the primary key of that table.
        create: the columns of that table as code, where no revision makes it.
        first: the columns and values of the row to insert where it is empty and rows need a tenant, as code.
        added: the tables that get the column, parents first.
        indexes: table and name of indexes on the column, of tables that have the column but no index.
        swaps: unique keys.
        guarded: the tables that get row level security.
        elsewhere: the tables that no revision makes: they may be missing where the revision runs.
    """

    message: str
    column: str
    kind: str
    type: str
    setting: str
    policy: str
    tenants: str
    key: str
    create: tuple[str, ...]
    first: tuple[tuple[str, str], ...]
    added: tuple[Added, ...]
    indexes: tuple[tuple[str, str], ...]
    swaps: tuple[Swap, ...]
    guarded: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    index: str = "idx_{table}_{column}"


def is_type(name: str) -> bool:
    """Whether SQLAlchemy has a type of that name at its top."""
    import sqlalchemy

    found = getattr(sqlalchemy, name, None)
    return isinstance(found, type) and issubclass(found, sqlalchemy.types.TypeEngine)


def render_isolation(
    work: Isolation, down_revision: str | Sequence[str] | None, style: RevisionStyle | None = None
) -> str:
    """The source of the revision; its downgrade undoes all of it."""
    identity = default_revision_id(work.message, down_revision)
    lines = revision_head(work.message, identity, down_revision, style)
    lines += ["", *_constants(work), "", ""]
    lines += ["def upgrade() -> None:", *_indented(_upgrade(work)), "", ""]
    lines += ["def downgrade() -> None:", *_indented(_downgrade(work)), ""]
    for code in _helpers(work):
        lines += ["", *code, ""]
    return "\n".join(lines)


def _constants(work: Isolation) -> list[str]:
    lines = []
    if work.added:
        lines += ["# Tables that get the column, parents first."]
        lines += ["ADDED = (", *(f"    {_q(item.table)}," for item in work.added), ")"]
        belongs = [item for item in work.added if item.parents]
        if belongs:
            lines += ["# How a row finds its tenant: column, parent, its column."]
            lines += [
                "PARENTS = {",
                *(f"    {_q(item.table)}: {_tuple(item.parents)}," for item in belongs),
                "}",
            ]
        else:
            lines += ["PARENTS: dict[str, tuple[tuple[str, str, str], ...]] = {}"]
    if work.guarded:
        lines += ["GUARDED = (", *(f"    {_q(table)}," for table in work.guarded), ")"]
    if work.elsewhere:
        lines += ["# No revision makes these: the application does, so they may not be there yet."]
        lines += ["ELSEWHERE = (", *(f"    {_q(table)}," for table in work.elsewhere), ")"]
    cast = _CASTS.get(work.kind, "")
    if work.guarded:
        lines += [f"TENANT = \"nullif(current_setting({_sql(work.setting)}, true), ''){cast}\""]
    return lines


def _upgrade(work: Isolation) -> list[str]:
    lines = ["connection = op.get_bind()"]
    if work.create:
        lines += [
            "op.create_table(",
            f"    {_q(work.tenants)},",
            *(f"    {code}," for code in work.create),
            ")",
        ]
    there = _passing(work)
    column = _q(work.column)
    if work.added:
        known = [f"    if {column} not in _columns(connection, table):"] if work.elsewhere else []
        lines += [
            "for table in ADDED:",
            *there,
            *known,
            *_indented(
                [
                    "with op.batch_alter_table(table) as batch:",
                    f"    batch.add_column(sa.Column({column}, {work.type}, nullable=True))",
                ],
                2 if known else 1,
            ),
            "    _fill(connection, table)",
            "    with op.batch_alter_table(table) as batch:",
            f"        batch.alter_column({column}, existing_type={work.type}, nullable=False)",
            f"        batch.create_index({_index(work)}, [{column}])",
        ]
    for table, name in work.indexes:
        lines += _where(work, table, [f"op.create_index({_q(name)}, {_q(table)}, [{column}])"])
    for item in work.swaps:
        old, own = _q(item.old), _list(item.columns)
        steps = (
            [f"batch.drop_index({old})"]
            if item.kind == "index"
            else [f'batch.drop_constraint({old}, type_="unique")']
        )
        steps += [f"batch.create_index({old}, {own})"] if item.kind == "index" and item.indexed else []
        steps += [f"batch.create_index({_q(item.new)}, {_list((work.column, *item.columns))}, unique=True)"]
        lines += _where(
            work, item.table, [f"with op.batch_alter_table({_q(item.table)}) as batch:", *_indented(steps)]
        )
    if work.guarded:
        lines += [
            'if connection.dialect.name == "postgresql":',
            "    for table in GUARDED:",
            *_indented(there),
            '        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")',
            '        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")',
            "        op.execute(",
            f'            f"CREATE POLICY {work.policy} ON {{table}} "',
            f'            f"USING ({work.column} = {{TENANT}}) WITH CHECK ({work.column} = {{TENANT}})"',
            "        )",
        ]
    return lines


def _downgrade(work: Isolation) -> list[str]:
    there = _passing(work)
    column = _q(work.column)
    lines = ["connection = op.get_bind()"] if work.guarded or work.elsewhere else []
    if work.guarded:
        lines += [
            'if connection.dialect.name == "postgresql":',
            "    for table in GUARDED:",
            *_indented(there),
            f'        op.execute(f"DROP POLICY {work.policy} ON {{table}}")',
            '        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")',
            '        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")',
        ]
    for item in reversed(work.swaps):
        old, own = _q(item.old), _list(item.columns)
        steps = [f"batch.drop_index({_q(item.new)})"]
        steps += [f"batch.drop_index({old})"] if item.kind == "index" and item.indexed else []
        steps += [
            f"batch.create_index({old}, {own}, unique=True)"
            if item.kind == "index"
            else f"batch.create_unique_constraint({old}, {own})"
        ]
        lines += _where(
            work, item.table, [f"with op.batch_alter_table({_q(item.table)}) as batch:", *_indented(steps)]
        )
    for table, name in reversed(work.indexes):
        lines += _where(work, table, [f"op.drop_index({_q(name)}, table_name={_q(table)})"])
    if work.added:
        lines += [
            "for table in reversed(ADDED):",
            *there,
            "    with op.batch_alter_table(table) as batch:",
            f"        batch.drop_index({_index(work)})",
            f"        batch.drop_column({column})",
        ]
    if work.create:
        lines += [f"op.drop_table({_q(work.tenants)})"]
    return lines


def _passing(work: Isolation) -> list[str]:
    """Passes over the tables that are not there yet."""
    return ["    if not _is_there(connection, table):", "        continue"] if work.elsewhere else []


def _where(work: Isolation, table: str, lines: Sequence[str]) -> list[str]:
    """Statements on one table, where it is there."""
    if table not in work.elsewhere:
        return list(lines)
    return [f"if _is_there(connection, {_q(table)}):", *_indented(lines)]


def _helpers(work: Isolation) -> list[list[str]]:
    found = []
    if work.elsewhere:
        found.append(
            [
                "def _is_there(connection: sa.Connection, table: str) -> bool:",
                "    return table not in ELSEWHERE or sa.inspect(connection).has_table(table)",
            ]
        )
        if work.added:
            found.append(
                [
                    "def _columns(connection: sa.Connection, table: str) -> set[str]:",
                    '    return {item["name"] for item in sa.inspect(connection).get_columns(table)}',
                ]
            )
    if not work.added:
        return found
    column = work.column
    found.append(
        [
            "def _fill(connection: sa.Connection, table: str) -> None:",
            '    """Gives the rows that are there the tenant of what they belong to; else the first tenant."""',
            "    for own, parent, key in PARENTS.get(table, ()):",
            "        connection.execute(",
            "            sa.text(",
            f'                f"UPDATE {{table}} SET {column} = (SELECT {{parent}}.{column} FROM {{parent}} "',
            f'                f"WHERE {{parent}}.{{key}} = {{table}}.{{own}}) WHERE {column} IS NULL"',
            "            )",
            "        )",
            f'    left = sa.text(f"SELECT 1 FROM {{table}} WHERE {column} IS NULL LIMIT 1")',
            "    if connection.execute(left).first() is not None:",
            f'        fill = sa.text(f"UPDATE {{table}} SET {column} = :tenant WHERE {column} IS NULL")',
            '        connection.execute(fill, {"tenant": _first_tenant(connection)})',
        ]
    )
    if not work.tenants:
        found.append(
            [
                "def _first_tenant(connection: sa.Connection) -> int:",
                '    raise RuntimeError("say here which tenant the rows that are there belong to")',
            ]
        )
        return found
    names = ", ".join(name for name, _ in work.first)
    values = ", ".join(value for _, value in work.first)
    insert = (
        f"INSERT INTO {work.tenants} ({names}) VALUES ({values})"
        if names
        else f"INSERT INTO {work.tenants} DEFAULT VALUES"
    )
    select = f"SELECT min({work.key}) FROM {work.tenants}"
    found.append(
        [
            f"def _first_tenant(connection: sa.Connection) -> {'int' if work.kind != 'String' else 'str'}:",
            '    """The first tenant, made where there is none: a person gives it its name and token afterwards."""',
            f"    first = sa.text({_q(select)})",
            "    tenant = connection.execute(first).scalar()",
            "    if tenant is None:",
            f"        connection.execute(sa.text({_q(insert)}))",
            "        tenant = connection.execute(first).scalar_one()",
            "    return tenant",
        ]
    )
    return found


def _index(work: Isolation) -> str:
    name = work.index.format(table="{table}", column=work.column)
    return f'f"{name}"' if "{table}" in name else _q(name)


def _indented(lines: Sequence[str], steps: int = 1) -> list[str]:
    return [f"{'    ' * steps}{line}" if line else line for line in lines]


def _q(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _sql(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _list(items: Sequence[str]) -> str:
    return f"[{', '.join(_q(item) for item in items)}]"


def _strings(items: Sequence[str]) -> str:
    inner = ", ".join(_q(item) for item in items)
    return f"({inner},)" if len(items) == 1 else f"({inner})"


def _tuple(items: Sequence[Sequence[str]]) -> str:
    inner = ", ".join(_strings(item) for item in items)
    return f"({inner},)" if len(items) == 1 else f"({inner})"
