"""Raw SQL of which the linter cannot tell whose rows it reaches.

What it does
------------
Tells of raw SQL whose table, conditions or whole text come in at run time, and of SQL on a tenant's table that cannot be parsed.

Why is this bad?
----------------
It need not be. But nobody checks such a statement unless a person does, so it is told as `info` and never passed over.

Example
-------
    async def count(db, table):
        return await db.scalar(text(f"SELECT count(*) FROM {table}"))

Use instead
-----------
    async def count(db, bot_id):
        return await db.scalar(text("SELECT count(*) FROM users WHERE bot_id = :bot_id"), {"bot_id": bot_id})

Not reported
------------
A text that every caller passes as a literal, or that is a module's constant: those are read, and are TS1's. Definitions such as `CREATE TABLE`.
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


class UndecidableSql(Rule):
    """See the module."""

    code = "TS2"
    name = "undecidable-sql"
    severity = Severity.INFO

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Tells of raw SQL that cannot be decided; of that in revisions their own rule tells."""
        if module.path in index.migrations().paths:
            return
        for verdict in index.sql_verdicts(module.path):
            if verdict.kind == "undecided":
                about = f" on {verdict.what}" if verdict.what else ""
                message = f"cannot tell whether this SQL{about} is held to one tenant: {verdict.why}"
                yield self.found(verdict.path, verdict.span, message)

    INVALID = (
        Invalid(HEAD + "async def f(db, table):\n    await db.execute(text(f'SELECT count(*) FROM {table}'))\n", (Expected(3, "the table is put in at run time"),), MODELS),
        Invalid(HEAD + "async def f(db, sql):\n    await db.execute(text(sql))\n", (Expected(3, "the whole statement is built elsewhere"),), MODELS),
        Invalid(HEAD + "async def f(db, where):\n    await db.execute(text(f'SELECT * FROM users WHERE {where}'))\n", (Expected(3, "this SQL on users is held to one tenant: its conditions are put in at run time"),), MODELS),
        Invalid(HEAD + "async def f(db, conditions):\n    await db.execute(text('SELECT * FROM users WHERE ' + ' AND '.join(conditions)))\n", (Expected(3, "its conditions are put in at run time"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('SELECT FROM WHERE users (('))\n", (Expected(3, "on users is held to one tenant: it cannot be parsed"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(text('INSERT INTO users VALUES (1, 2)'))\n", (Expected(3, "it names no columns"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db):\n    await db.execute(text('SELECT * FROM users'))\n", MODELS),
        Valid(HEAD + "async def f(db, table):\n    await db.execute(text(f'ALTER TABLE {table} ADD COLUMN x int'))\n", MODELS),
        Valid(HEAD + "async def f(db, where):\n    await db.execute(text(f'SELECT * FROM users WHERE bot_id = :b AND {where}'))\n", MODELS),
        Valid(HEAD + "async def run(db, sql):\n    await db.execute(text(sql))\n\nasync def f(db):\n    await run(db, 'SELECT 1')\n", MODELS),
        Valid(HEAD + "async def f(db, statement):\n    await db.execute(statement)\n    await db.execute(text('SELECT 1'))\n", MODELS),
    )  # fmt: skip
