"""A foreign key that lets a row point into another tenant.

What it does
------------
Finds foreign keys from one tenants' table to another that do not hold the tenant column: `user_id -> users.id`, where both tables have
`bot_id`. A key is reported once: on the model's column, and where a revision alone makes it, there.

Why is this bad?
----------------
The database takes an order of tenant A that names a user of tenant B: all that it asks is that such a user exists. Row level security does
not stop that either. PostgreSQL checks foreign keys past the policies
(https://www.postgresql.org/docs/current/ddl-rowsecurity.html, "Row Security Policies": referential integrity checks always bypass row
security), and the error tells whether the id exists in another tenant.

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

Use instead
-----------
    class Order(Base):
        __tablename__ = "orders"
        __table_args__ = (ForeignKeyConstraint(["bot_id", "user_id"], ["users.bot_id", "users.id"]),)
        bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
        user_id: Mapped[int]

Not reported
------------
Where fewer than half of a project's foreign keys hold the tenant, its code has to check it, and the finding is an `info`; else a `warning`.
Keys to shared tables and to the tenants' own table; the tenant column itself; a column that a composite key with the tenant covers too,
in the model or in a revision; a key whose parent columns hold the tenant. Where the parent's tenant may be NULL, the finding is an `info`:
a composite key cannot name rows that belong to no tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, SchemaKey, SchemaTable, Valid

HEAD = "from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, MetaData, Table, UniqueConstraint\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(ForeignKey("bots.id"), nullable=False)\n'
ORDER = 'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(ForeignKey("bots.id"), nullable=False)\n'
KEY = '    user_id = Column(ForeignKey("users.id"))\n'
PLAIN = "    user_id = Column(Integer)\n"
BOTH = '    __table_args__ = (ForeignKeyConstraint(["bot_id", "user_id"], ["users.bot_id", "users.id"]),)\n'
REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)
MAKES = REVISION + '    op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])\n'


def _foreign(table: SchemaTable) -> list[SchemaKey]:
    """The foreign keys of a model, those included that stand in columns."""
    keys = [key for key in table.keys if key.kind == "foreign"]
    keys += [
        SchemaKey("foreign", (item.name,), item.path, item.span, target=item.foreign, refers=(item.refers,))
        for item in table.columns.values()
        if item.foreign
    ]
    return keys


def _house_keeps_the_tenant(tables: Iterable[SchemaTable], column: str) -> bool:
    """Whether at least half of the foreign keys between tenants' tables hold the tenant."""
    tables = list(tables)
    known = {item.table for item in tables}
    keys = [key for table in tables for key in _foreign(table) if key.target in known]
    holding = sum(column in key.columns and len(key.columns) > 1 for key in keys)
    return holding > 0 and 2 * holding >= len(keys)


class ForeignKeyAcrossTenants(Rule):
    """See the module."""

    code = "TM5"
    name = "foreign-key-across-tenants"
    severity = Severity.INFO
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports foreign keys between tenants' tables that leave the tenant out."""
        tables = {
            item.table: item for item in index.schema() if item.tenant and policy.column in item.columns
        }
        own = [item for item in tables.values() if item.path == module.path]
        in_chain = module.path in index.migrations().paths
        if not own and not in_chain:
            return
        house = _house_keeps_the_tenant(tables.values(), policy.column)
        roots = {item.columns[policy.column].foreign for item in tables.values()}
        chain = index.chain().tables if index.migrations().revisions else {}
        for table in tables.values():
            made = [key for key in chain[table.table].keys if key.kind == "foreign"] if table.table in chain else []  # fmt: skip
            modelled = _foreign(table)
            covered = {
                (key.target, column)
                for key in (*modelled, *made)
                if policy.column in key.columns or policy.column in key.refers
                for column in key.columns
            }
            seen: set[tuple[str, tuple[str, ...]]] = set()
            for key in (*modelled, *made):
                here = (key.target, key.columns)
                if here in seen or not key.columns or "" in key.columns:
                    continue
                seen.add(here)
                parent = tables.get(key.target)
                if parent is None or key.target in roots or any((key.target, name) in covered for name in key.columns):  # fmt: skip
                    continue
                if key.path == module.path:
                    yield from self._report(table, key, parent, policy, house)

    def _report(
        self, table: SchemaTable, key: SchemaKey, parent: SchemaTable, policy: Policy, house: bool
    ) -> Iterator[Diagnostic]:
        free = parent.columns[policy.column].nullable is True
        why = f"rows of {parent.table} may belong to no tenant, which a composite key cannot name"
        reason = [why] if free else []
        if not house:
            reason.append("few foreign keys of the project hold the tenant: its code has to check it")
        shown = ", ".join(key.columns)
        yield self.found(
            key.path,
            key.span,
            f"the foreign key ({shown}) of {table.table} may point at a row of {parent.table} of another {policy.column}",
            severity=Severity.WARNING if house and not free else None,
            reason=reason,
        )

    INVALID = (
        # A house whose keys hold the tenant: one that does not was forgotten.
        Invalid(HEAD + USER + ORDER + PLAIN + BOTH + '    parent_id = Column(ForeignKey("orders.id"))\n', (Expected(14, "(parent_id)", Severity.WARNING),)),
        Invalid(HEAD + USER + ORDER + KEY, (Expected(12, "the foreign key (user_id) of orders may point at a row of users of another bot_id"),)),
        Invalid(HEAD + USER + ORDER + '    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))\n', (Expected(12),)),
        Invalid(HEAD + USER + ORDER + "    user_id = Column(ForeignKey(User.id))\n", (Expected(12),)),
        Invalid(HEAD + USER + ORDER + '    user_id = Column(ForeignKey("public.users.id"))\n', (Expected(12),)),
        Invalid(HEAD + USER + ORDER + PLAIN + '    __table_args__ = (ForeignKeyConstraint(["user_id"], ["users.id"]), {"schema": "x"})\n', (Expected(13),)),
        Invalid(HEAD + USER + '    parent_id = Column(ForeignKey("users.id"))\n', (Expected(8, "(parent_id) of users may point at a row of users"),)),
        Invalid(HEAD + USER.replace(", nullable=False", "") + ORDER + KEY, (Expected(12, "", Severity.INFO),)),
        Invalid(HEAD + USER + 'orders = Table("orders", MetaData(), Column("bot_id", Integer), Column("user_id", ForeignKey("users.id")))\n', (Expected(8),)),
        Invalid('from sqlmodel import Field, SQLModel\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\nclass Order(SQLModel, table=True):\n    bot_id: int\n    user_id: int = Field(foreign_key="user.id")\n', (Expected(7),)),
        Invalid(HEAD + USER + ORDER + KEY, (Expected(12),), {"alembic/versions/a1.py": MAKES}),
        Invalid(HEAD + USER + ORDER + PLAIN, (Expected(6, "(user_id) of orders", path="alembic/versions/a1.py"),), {"alembic/versions/a1.py": MAKES}),
        Invalid(HEAD + USER + ORDER + PLAIN, (Expected(6, "(user_id) of orders", path="alembic/versions/a1.py"),), {"alembic/versions/a1.py": REVISION + '    op.execute("ALTER TABLE ONLY orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES public.users(id) NOT VALID")\n'}),
        Invalid(HEAD + USER + ORDER + KEY + '    other = Column(Integer)\n    __table_args__ = (ForeignKeyConstraint(["bot_id", "other"], ["users.bot_id", "users.id"]),)\n', (Expected(12, "(user_id)", Severity.WARNING),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USER + ORDER + PLAIN + BOTH),
        Valid(HEAD + USER + ORDER + KEY + BOTH),
        Valid(HEAD + USER + ORDER + KEY, policy={"tables": TablePolicy(shared=("users",))}),
        Valid(HEAD + USER + ORDER + KEY, policy={"tables": TablePolicy(shared=("orders",))}),
        Valid(HEAD + USER.replace("    bot_id = Column(ForeignKey(\"bots.id\"), nullable=False)\n", "") + ORDER + KEY),
        Valid(HEAD + ORDER + '    city_id = Column(ForeignKey("cities.id"))\n'),
        Valid(HEAD + USER + ORDER.replace("bots.id", "users.bot_id")),
        Valid(HEAD + 'class Bot(Base):\n    __tablename__ = "bots"\n    id = Column(Integer, primary_key=True)\n' + ORDER),
        Valid(HEAD + USER + ORDER + KEY, {"alembic/versions/a1.py": REVISION + '    op.create_foreign_key("fk", "orders", "users", ["bot_id", "user_id"], ["bot_id", "id"])\n'}),
        Valid(HEAD + USER + ORDER + PLAIN, {"alembic/versions/a1.py": MAKES + '    op.drop_constraint("fk", "orders", type_="foreignkey")\n'}),
        Valid(HEAD + USER + ORDER + PLAIN, {"alembic/versions/a1.py": MAKES + '    op.drop_column("orders", "user_id")\n'}),
    )  # fmt: skip
