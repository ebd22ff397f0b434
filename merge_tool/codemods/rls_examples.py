"""Examples of the codemod `enable-rls`."""

from __future__ import annotations

from merge_tool.codemods.base import Example

EXAMPLES = (
    Example(
        {
            "app/core/tenant_context.py": """def get_current_tenant() -> int | None:
    return None
""",
            "app/models.py": """from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)
    name = Column(String(255), nullable=False)


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, index=True, nullable=False)
""",
            "app/sessions.py": """from sqlalchemy.orm import sessionmaker

from app.db import engine

SessionLocal = sessionmaker(engine)
""",
            "migrations/versions/a1_start.py": '''"""start"""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("orders")
''',
        },
        {
            "migrations/versions/82ef7e31fe6b_keep_tenants_apart_by_row_level_security.py": '''"""keep tenants apart by row level security

Revision ID: 82ef7e31fe6b
Revises: a1

"""

import sqlalchemy as sa
from alembic import op

# revision identifiers, used by Alembic.
revision = '82ef7e31fe6b'
down_revision = 'a1'
branch_labels = None
depends_on = None

# Tables that get the column, parents first.
ADDED = (
    "orders",
)
PARENTS: dict[str, tuple[tuple[str, str, str], ...]] = {}
GUARDED = (
    "orders",
)
TENANT = "nullif(current_setting('app.current_tenant', true), '')::int"


def upgrade() -> None:
    connection = op.get_bind()
    op.create_table(
        "bots",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
    )
    for table in ADDED:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("bot_id", sa.Integer(), nullable=True))
        _fill(connection, table)
        with op.batch_alter_table(table) as batch:
            batch.alter_column("bot_id", existing_type=sa.Integer(), nullable=False)
            batch.create_index(f"idx_{table}_bot_id", ["bot_id"])
    if connection.dialect.name == "postgresql":
        for table in GUARDED:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(
                f"CREATE POLICY tenant_isolation ON {table} "
                f"USING (bot_id = {TENANT}) WITH CHECK (bot_id = {TENANT})"
            )


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for table in GUARDED:
            op.execute(f"DROP POLICY tenant_isolation ON {table}")
            op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in reversed(ADDED):
        with op.batch_alter_table(table) as batch:
            batch.drop_index(f"idx_{table}_bot_id")
            batch.drop_column("bot_id")
    op.drop_table("bots")


def _fill(connection: sa.Connection, table: str) -> None:
    """Gives the rows that are there the tenant of what they belong to; else the first tenant."""
    for own, parent, key in PARENTS.get(table, ()):
        connection.execute(
            sa.text(
                f"UPDATE {table} SET bot_id = (SELECT {parent}.bot_id FROM {parent} "
                f"WHERE {parent}.{key} = {table}.{own}) WHERE bot_id IS NULL"
            )
        )
    left = sa.text(f"SELECT 1 FROM {table} WHERE bot_id IS NULL LIMIT 1")
    if connection.execute(left).first() is not None:
        fill = sa.text(f"UPDATE {table} SET bot_id = :tenant WHERE bot_id IS NULL")
        connection.execute(fill, {"tenant": _first_tenant(connection)})


def _first_tenant(connection: sa.Connection) -> int:
    """The first tenant, made where there is none: a person gives it its name and token afterwards."""
    first = sa.text("SELECT min(id) FROM bots")
    tenant = connection.execute(first).scalar()
    if tenant is None:
        connection.execute(sa.text("INSERT INTO bots (name) VALUES ('first')"))
        tenant = connection.execute(first).scalar_one()
    return tenant
''',
            "app/sessions.py": '''from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import sessionmaker, Session, SessionTransaction

from app.core.tenant_context import get_current_tenant
from app.db import engine

SessionLocal = sessionmaker(engine)


@event.listens_for(Session, "after_begin")
def tell_tenant(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    """Tells PostgreSQL the tenant, for this transaction alone: a pooled connection must not carry it on."""
    tenant = get_current_tenant()
    if tenant is not None and connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('app.current_tenant', :tenant, true)"), {"tenant": str(tenant)})
''',
        },
    ),
    Example(
        {
            "app/models.py": """from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)
    name = Column(String(255), nullable=False)


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, index=True, nullable=False)
""",
        },
        {},
        not_done=("no file makes sessions", "no Alembic revision"),
    ),
)
