"""Raw SQL on a tenant's table without the tenant.

What it does
------------
Parses the SQL in `text("…")`, `session.execute("…")`, `op.execute("…")`, and of asyncpg, psycopg and other drivers' `fetch`, `fetchrow`, `execute`,
and finds tenants' tables that nothing in the statement holds to one tenant.

Why is this bad?
----------------
Raw SQL passes by every filter that the ORM side has: mixins, listeners, loader criteria. One statement reads or changes the rows of all.

Example
-------
    async def names(db):
        return await db.execute(text("SELECT name FROM users WHERE active"))

Use instead
-----------
    async def names(db, bot_id):
        return await db.execute(text("SELECT name FROM users WHERE active AND bot_id = :bot_id"), {"bot_id": bot_id})

Not reported
------------
A join on equal tenants, or along a foreign key of the models, to a table that is held; a subquery or CTE whose rows are filtered
outside; `CREATE`, `ALTER` and other definitions; `SELECT 1`; a text that is only a piece of a statement; a session that row level
security holds. What cannot be told is TS2's.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
"""
}
HEAD = "from sqlalchemy import text\n"


class UnscopedSql(Rule):
    """See the module."""

    code = "TS1"
    name = "unscoped-sql"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the tables of raw SQL that are not held."""
        told: set[tuple[str, Span]] = set()
        open_tables = [item for item in index.sql_verdicts(module.path) if item.kind == "open"]
        for verdict in open_tables:
            if (verdict.path, verdict.span) in told:
                continue
            told.add((verdict.path, verdict.span))
            beside = [
                item.what
                for item in open_tables
                if item.span == verdict.span and item.path == verdict.path and item is not verdict
            ]
            reason = [f"nor is {', '.join(dict.fromkeys(beside))} in the same statement"] if beside else []
            if verdict.verb == "INSERT":
                message = f"this SQL inserts into {verdict.what} without {policy.column}"
            else:
                message = f"this SQL's {verdict.verb} of {verdict.what} is not held to one tenant: no condition on {policy.column}"
            yield self.found(verdict.path, verdict.span, message, reason=reason)

    INVALID = (
        # One statement is told once, whatever it reads.
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('SELECT 1 FROM users u, orders o WHERE u.name = o.name'))\n", (Expected(3, "SELECT of"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    return await db.execute(text('SELECT id FROM users WHERE id = :id'), {'id': 1})\n",
                (Expected(3, "this SQL's SELECT of users is not held to one tenant: no condition on bot_id"),), MODELS),
        Invalid(HEAD + "Q = 'DELETE FROM orders'\nasync def f(db):\n    await db.execute(text(Q))\n", (Expected(4, "DELETE of orders"),), MODELS),
        Invalid("def f(session):\n    session.execute('UPDATE users SET id = 2 WHERE id = 1')\n", (Expected(2, "UPDATE of users"),), MODELS),
        Invalid("async def f(conn, i):\n    return await conn.fetchrow('SELECT * FROM users WHERE id = $1', i)\n", (Expected(2, "SELECT of users"),), MODELS),
        Invalid("def f(cursor, i):\n    cursor.execute('SELECT * FROM users WHERE id = %s', (i,))\n    cursor.execute('SELECT * FROM users WHERE id = %(id)s', {'id': i})\n    cursor.execute('SELECT * FROM users WHERE id = ?', (i,))\n",
                (Expected(2, "users"), Expected(3, "users"), Expected(4, "users")), MODELS),
        Invalid("from alembic import op\ndef upgrade():\n    op.execute('UPDATE users SET id = 1')\n", (Expected(3, "UPDATE of users"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('INSERT INTO orders (id) VALUES (:id)'), {'id': 1})\n", (Expected(3, "inserts into orders without bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM users WHERE bot_id = :b OR id = :i'))\n", (Expected(3, "SELECT of users"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM users WHERE bot_id = :b UNION ALL SELECT * FROM orders'))\n", (Expected(3, "SELECT of orders"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM orders o LEFT JOIN users u ON u.id = o.user_id AND u.bot_id = :b'))\n", (Expected(3, "SELECT of orders"),), MODELS),
        Invalid(HEAD + "async def f(db, n):\n    sql = 'SELECT * FROM users WHERE id > 3'\n    sql += f' LIMIT {n}'\n    await db.execute(text(sql))\n", (Expected(5, "SELECT of users"),), MODELS),
        Invalid(HEAD + "async def run(db, sql):\n    await db.execute(text(sql))\n\nasync def f(db):\n    await run(db, 'DELETE FROM users')\n", (Expected(3, "DELETE of users"),), MODELS),
        Invalid(HEAD + "from app.models import User\nasync def f(db):\n    await db.execute(text(f'DELETE FROM {User.__tablename__}'))\n", (Expected(4, "DELETE of users"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db, b):\n    await db.execute(text('SELECT id FROM users WHERE id = 3 AND bot_id = :b'), {'b': b})\n", MODELS),
        Valid("async def f(conn, b):\n    await conn.fetch('SELECT * FROM users WHERE bot_id = ANY($1)', b)\n    await conn.execute('DELETE FROM users u WHERE u.bot_id = $1::int', b)\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('SELECT o.* FROM orders o JOIN users u ON u.id = o.user_id WHERE u.bot_id = :b'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM orders o JOIN users u ON u.bot_id = o.bot_id WHERE u.bot_id = :b'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('WITH c AS (SELECT * FROM users) SELECT * FROM c WHERE c.bot_id = :b'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('SELECT (SELECT count(*) FROM orders o WHERE o.user_id = u.id) FROM users u WHERE u.bot_id = :b'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM countries'))\n    await db.execute(text('SELECT 1'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('ALTER TABLE users ADD COLUMN x int'))\n    await db.execute(text('CREATE INDEX i ON users (id)'))\n", MODELS),
        Valid(HEAD + "from sqlalchemy import select\nasync def f(db):\n    await db.execute(select(text('id')).order_by(text('users.id desc')))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(text('INSERT INTO orders (id, bot_id) VALUES (:id, :b)'), {'id': 1, 'b': 2})\n", MODELS),
        Valid(HEAD + "from app.tenancy import get_tenant_session\nasync def f(bot_id):\n    async with get_tenant_session(bot_id) as db:\n        await db.execute(text('SELECT * FROM users'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    # GLOBAL_QUERY: the nightly report counts all bots\n    await db.execute(text('SELECT count(*) FROM users'))\n", MODELS),
        Valid("async def f(message, logger, client):\n    await message.answer('update users')\n    logger.info('select * from users')\n    await client.execute('ping')\n", MODELS),
    )  # fmt: skip
