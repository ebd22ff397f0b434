"""The tenant put into the text of SQL instead of being bound.

What it does
------------
Finds f-strings, `.format`, `%` and `+` that write the tenant's value into SQL: `f"… WHERE bot_id = {bot_id}"`.

Why is this bad?
----------------
Whoever can choose the value chooses the statement: `1 OR true` reads the rows of every tenant. Nothing else that the statement says then counts.

Example
-------
    async def names(db, bot_id):
        return await db.execute(text(f"SELECT name FROM users WHERE bot_id = {bot_id}"))

Use instead
-----------
    async def names(db, bot_id):
        return await db.execute(text("SELECT name FROM users WHERE bot_id = :bot_id"), {"bot_id": bot_id})

Not reported
------------
A module's constant; the name of a bound parameter (`:{name}`, `${number}`), a list of placeholders; definitions (`CREATE`, `ALTER`, `SET`), which take
no bound values. Where the value is declared `int`, or made one by `int(…)`, it is a `warning`: no SQL can come in by it as long as that is true.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
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


class InterpolatedTenant(Rule):
    """See the module."""

    code = "TS3"
    name = "interpolated-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenants that stand in the text."""
        for verdict in index.sql_verdicts(module.path):
            if verdict.kind == "interpolated":
                message = f"{verdict.what} is put into the SQL text: bind it as a parameter"
                severity = Severity.WARNING if verdict.why == "int" else Severity.ERROR
                yield self.found(verdict.path, verdict.span, message, severity=severity)

    INVALID = (
        Invalid(HEAD + "async def f(db, bot_id):\n    await db.execute(text(f'SELECT * FROM users WHERE bot_id = {bot_id}'))\n", (Expected(3, "bot_id is put into the SQL text"),), MODELS),
        Invalid(HEAD + "async def f(db, bot):\n    await db.execute(text(f\"SELECT * FROM users WHERE bot_id = '{bot}'\"))\n", (Expected(3, "bot is put"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    await db.execute(text('SELECT * FROM users WHERE bot_id = {}'.format(bot_id)))\n", (Expected(3, "bot_id is put"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    await db.execute(text('SELECT * FROM users WHERE bot_id = ' + str(bot_id)))\n", (Expected(3, "bot_id is put"),), MODELS),
        Invalid("def f(cursor, bot_id):\n    cursor.execute('DELETE FROM users WHERE bot_id = %s' % bot_id)\n", (Expected(2, "bot_id is put"),), MODELS),
        Invalid(HEAD + "async def f(db, user):\n    await db.execute(text(f'INSERT INTO users (id, bot_id) VALUES (1, {user.bot_id})'))\n", (Expected(3, "user.bot_id is put"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id: int):\n    await db.execute(text(f'SELECT * FROM users WHERE bot_id = {bot_id}'))\n", (Expected(3, "bot_id is put", Severity.WARNING),), MODELS),
        Invalid(HEAD + "from sqlalchemy import select\nfrom app.models import User\nasync def f(db, bot_id):\n    await db.execute(select(User).where(text(f'users.bot_id = {bot_id}')))\n", (Expected(5, "bot_id is put"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db, bot_id):\n    await db.execute(text('SELECT * FROM users WHERE bot_id = :b'), {'b': bot_id})\n", MODELS),
        Valid(HEAD + "BOT = 1\nasync def f(db):\n    await db.execute(text(f'SELECT * FROM users WHERE bot_id = {BOT}'))\n", MODELS),
        Valid(HEAD + "async def f(conn, n, bot_id):\n    await conn.fetch(f'SELECT * FROM users WHERE bot_id = ${n}', bot_id)\n    await conn.execute(text(f'SELECT * FROM users WHERE bot_id = :{n}'))\n", MODELS),
        Valid("def f(cursor, bots):\n    placeholders = ', '.join(['%s'] * len(bots))\n    cursor.execute(f'SELECT * FROM users WHERE bot_id IN ({placeholders})', bots)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    await db.execute(text(f'CREATE TABLE part_{bot_id} PARTITION OF users FOR VALUES IN ({bot_id})'))\n", MODELS),
        Valid(HEAD + "async def f(db, n):\n    await db.execute(text(f'SELECT * FROM users WHERE bot_id = :b LIMIT {n}'))\n", MODELS),
    )  # fmt: skip
