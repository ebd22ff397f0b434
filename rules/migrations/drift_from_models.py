"""Models and revisions that differ on the tenant.

What it does
------------
Folds all revisions, oldest first, into the tables that they leave, and compares them with the models where the tenant is concerned: the
column itself, whether it may be NULL, and the indexes and unique constraints that hold it.

Why is this bad?
----------------
The code is written and checked by the models, the database is made by the revisions. A column that only the model has fails in production;
a NOT NULL or a UNIQUE that only the model has is not there, and rows of no tenant, or two of one, come in unseen.

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        bot_id: Mapped[int] = mapped_column(index=True)  # and no revision adds it

Use instead
-----------
    op.add_column("orders", sa.Column("bot_id", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_orders_bot_id", "orders", ["bot_id"])

Not reported
------------
Projects without revisions; tables that no revision makes, which may be made elsewhere; what only the revisions have, the column itself
aside: autogenerate drops no policy, and an index too many leaks nothing. Where a statement may have changed any table (text that comes in at run
time, `create_all`), or a revision of the chain is missing, all differences are one `info` at that place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    ChainTable,
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    SchemaTable,
    Valid,
)

HEAD = "from sqlalchemy import Column, Index, Integer, UniqueConstraint\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"
ORDER = 'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    code = Column(Integer)\n'
BOT = "    bot_id = Column(Integer, nullable=False)\n"
FREE = "    bot_id = Column(Integer)\n"
INDEXED = "    bot_id = Column(Integer, nullable=False, index=True)\n"
UNIQUE = '    __table_args__ = (UniqueConstraint("bot_id", "code", name="uq"),)\n'
CHAIN = 'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("code", sa.Integer()))\n'
ADDS = (
    CHAIN
    + '    op.add_column("orders", sa.Column("bot_id", sa.Integer(), nullable=False, server_default="1"))\n'
)
AT = "alembic/versions/a1.py"

Difference = tuple[str, Span, str]  # file, place, message


def _differences(table: SchemaTable, made: ChainTable, column: str) -> Iterator[Difference]:
    if "*" in made.columns:  # columns that cannot be told
        return
    own, other = table.columns.get(column), made.columns.get(column)
    if own is None:
        if other is not None and table.known:
            yield table.path, table.span, f"the revisions give {table.table} a column {column}, and the model lacks it"  # fmt: skip
        return
    if other is None:
        yield own.path, own.span, f"no revision gives {table.table} the column {column} that its model has"
        return
    in_key = any(key.kind == "primary" and column in key.columns for key in made.keys)
    if not own.primary and not in_key and None not in (own.nullable, other.nullable):
        if own.nullable is False and other.nullable:
            yield own.path, own.span, f"{column} of {table.table} is NOT NULL in the model, and the revisions let it be NULL"  # fmt: skip
        elif own.nullable and other.nullable is False:
            yield own.path, own.span, f"{column} of {table.table} may be NULL in the model, and the revisions make it NOT NULL"  # fmt: skip
    yield from _missing_keys(table, made, column)


def _missing_keys(table: SchemaTable, made: ChainTable, column: str) -> Iterator[Difference]:
    own = table.columns[column]
    wanted = [(key.columns, key.unique, key.name, key.path, key.span) for key in table.keys if key.kind in ("unique", "index")]  # fmt: skip
    if own.unique or own.indexed:
        wanted.append(((column,), own.unique, "", own.path, own.span))
    names = {key.name for key in made.keys if key.name}
    for columns, unique, name, path, span in wanted:
        if column not in columns or "" in columns or name in names:
            continue
        if unique:
            kept = any((key.unique or key.kind == "primary") and (set(key.columns) == set(columns) or "" in key.columns) for key in made.keys)  # fmt: skip
        else:
            kept = any(key.kind != "foreign" and (key.columns[: len(columns)] == columns or "" in key.columns) for key in made.keys)  # fmt: skip
        if not kept:
            what = "unique key" if unique else "index"
            yield path, span, f"no revision makes the {what} ({', '.join(columns)}) of {table.table} that its model has"  # fmt: skip


class DriftFromModels(Rule):
    """See the module."""

    code = "TM15"
    name = "drift-from-models"
    severity = Severity.WARNING
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports differences by the model, or once where the chain cannot be followed."""
        migrations = index.migrations()
        if not migrations.revisions:
            return
        tables = [item for item in index.schema() if not item.shared]
        in_chain = module.path in migrations.paths
        if not in_chain and not any(self._touches(item, module.path) for item in tables):
            return
        chain = index.chain()
        found = {
            item.table: tuple(_differences(item, chain.tables[item.table], policy.column))
            for item in tables
            if item.table in chain.tables and chain.tables[item.table].made
        }
        if not chain.hidden and not migrations.missing:
            for differences in found.values():
                for path, span, message in differences:
                    if path == module.path:
                        yield self.found(path, span, message)
            return
        names = sorted(name for name, differences in found.items() if differences)
        if chain.hidden:
            path, span = chain.hidden[0].path, chain.hidden[0].span
            why = "this statement cannot be told, and may change any table"
        else:
            first = next(item for item in migrations.revisions if set(item.parents) & set(migrations.missing))
            path, span = first.path, first.span
            why = f"the revision {', '.join(sorted(set(first.parents) & set(migrations.missing)))} that it follows is missing"
        if names and in_chain and module.path == path:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            message = f"it cannot be told whether models and revisions agree on {policy.column} of {shown}"
            yield self.found(path, span, message, severity=Severity.INFO, reason=[why])

    @staticmethod
    def _touches(table: SchemaTable, path: str) -> bool:
        return table.path == path or any(item.path == path for item in table.columns.values())

    INVALID = (
        Invalid(HEAD + ORDER + BOT, (Expected(8, "no revision gives orders the column bot_id that its model has"),), {AT: CHAIN}),
        Invalid(HEAD + ORDER, (Expected(4, "the revisions give orders a column bot_id, and the model lacks it"),), {AT: ADDS}),
        Invalid(HEAD + ORDER + BOT, (Expected(8, "NOT NULL in the model, and the revisions let it be NULL"),), {AT: CHAIN + '    op.add_column("orders", sa.Column("bot_id", sa.Integer()))\n'}),
        Invalid(HEAD + ORDER + FREE, (Expected(8, "may be NULL in the model, and the revisions make it NOT NULL"),), {AT: ADDS}),
        Invalid(HEAD + ORDER + FREE, (Expected(8, "may be NULL in the model"),), {AT: CHAIN + "    op.execute('ALTER TABLE orders ADD bot_id int; ALTER TABLE \"orders\" ALTER COLUMN bot_id SET NOT NULL')\n"}),
        Invalid(HEAD + ORDER + INDEXED, (Expected(8, "no revision makes the index (bot_id) of orders"),), {AT: ADDS}),
        Invalid(HEAD + ORDER + BOT + UNIQUE, (Expected(9, "no revision makes the unique key (bot_id, code) of orders"),), {AT: ADDS + '    op.create_index("ix", "orders", ["bot_id", "code"])\n'}),
        Invalid(HEAD + ORDER + INDEXED, (Expected(8, "the index (bot_id)"),), {AT: ADDS + '    op.create_index("ix", "orders", ["bot_id"])\n    op.drop_index("ix", table_name="orders")\n'}),
        Invalid(HEAD + ORDER + BOT, (Expected(8, "no revision gives orders"),), {AT: ADDS + '    op.drop_column("orders", "bot_id")\n'}),
        Invalid(HEAD + ORDER + BOT, (Expected(7, "agree on bot_id of orders", Severity.INFO, AT),), {AT: CHAIN + "    op.execute(load())\n    op.execute(more())\n"}),
        Invalid(HEAD + ORDER + BOT, (Expected(5, "agree on bot_id of orders", Severity.INFO, AT),), {AT: CHAIN.replace("down_revision = None", "down_revision = 'zz'")}),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + ORDER + BOT),
        Valid(HEAD + ORDER + BOT, {AT: ADDS}),
        Valid(HEAD + ORDER + BOT, {AT: ADDS + "    op.execute(load())\n"}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN + "    op.execute('ALTER TABLE IF EXISTS public.orders ADD COLUMN IF NOT EXISTS \"bot_id\" BIGINT NOT NULL DEFAULT 1, ADD COLUMN x numeric(3, 4)')\n"}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN + '    op.add_column("orders", sa.Column("bot_id", sa.Integer()))\n    op.execute("UPDATE orders SET bot_id = 1")\n    with op.batch_alter_table("orders") as batch:\n        batch.alter_column("bot_id", existing_type=sa.Integer(), nullable=False)\n'}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN + '    for table in ("orders", "users"):\n        op.add_column(table, sa.Column("bot_id", sa.Integer(), nullable=False))\n'}),
        Valid(HEAD + ORDER + BOT, {AT: ADDS.replace('"bot_id"', '"shop_id"') + '    op.alter_column("orders", "shop_id", new_column_name="bot_id")\n'}),
        Valid(HEAD + ORDER + BOT, {AT: ADDS.replace('"orders"', '"sales"') + '    op.rename_table("sales", "orders")\n'}),
        Valid(HEAD + ORDER + INDEXED, {AT: ADDS + '    op.create_index(op.f("ix_orders_bot_id"), "orders", ["bot_id"])\n'}),
        Valid(HEAD + ORDER + INDEXED, {AT: ADDS + "    op.execute('CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON public.orders USING btree (bot_id DESC NULLS LAST, code)')\n"}),
        Valid(HEAD + ORDER + BOT + UNIQUE, {AT: ADDS + '    op.create_unique_constraint("other", "orders", ["code", "bot_id"])\n'}),
        Valid(HEAD + ORDER + BOT + UNIQUE, {AT: ADDS + "    op.execute('ALTER TABLE orders ADD CONSTRAINT u UNIQUE (bot_id, code)')\n"}),
        Valid(HEAD + ORDER + BOT + UNIQUE, {AT: CHAIN.replace('sa.Column("code"', 'sa.Column("bot_id", sa.Integer(), nullable=False), sa.UniqueConstraint("bot_id", "code", name=op.f("uq")), sa.Column("code"')}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN.replace('"orders"', '"users"')}),
        Valid(HEAD + ORDER + INDEXED, {AT: CHAIN + '    op.execute(f"CREATE TABLE new ({columns()}, FOREIGN KEY (id) REFERENCES x(id))")\n    op.drop_table("orders")\n    op.rename_table("new", "orders")\n'}),
        Valid(HEAD + ORDER + INDEXED, {AT: CHAIN + '    op.execute("CREATE TABLE new AS SELECT * FROM orders")\n    op.drop_table("orders")\n    op.rename_table("new", "orders")\n'}),
        Valid(HEAD + "from sqlmodel import Field, SQLModel\nclass Order(SQLModel, table=True):\n    __tablename__ = 'orders'\n    id: int = Field(primary_key=True)\n    bot_id: int = Field(sa_column=Column(Integer))\n", {AT: CHAIN + '    op.add_column("orders", sa.Column("bot_id", sa.Integer()))\n'}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN.replace('sa.Column("code"', '*common(), sa.Column("code"')}),
        Valid(HEAD + ORDER + INDEXED, {AT: CHAIN.replace("def up", 'TENANT = "bot_id"\ndef up') + '    for table in ("orders",):\n        op.add_column(table, sa.Column(TENANT, sa.Integer()))\n        op.alter_column(table, TENANT, nullable=False)\n        op.create_index(f"ix_{table}", table, [TENANT])\n'}),
        Valid(HEAD + ORDER + BOT, {AT: CHAIN}, {"tables": TablePolicy(shared=("orders",))}),
    )  # fmt: skip
