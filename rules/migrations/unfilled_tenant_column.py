"""A NOT NULL tenant column that rows lack.

What it does
------------
Finds a tenant column that is added as NOT NULL without a server default, or made NOT NULL before any row was filled.

Why is this bad?
----------------
The revision fails on a table with rows. Who meets that in production often gives every old row to a tenant by guess.

Example
-------
    op.add_column("orders", sa.Column("bot_id", sa.Integer(), nullable=False))

Use instead
-----------
    op.add_column("orders", sa.Column("bot_id", sa.Integer(), nullable=True))
    op.execute("UPDATE orders SET bot_id = 1")
    op.alter_column("orders", "bot_id", nullable=False)

Not reported
------------
Tables that the same revision creates; a column that this or an earlier revision fills by an UPDATE, or by a statement that cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Step, Valid, told

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


ADDED = '    op.add_column("t", sa.Column("bot_id", sa.Integer()))\n'
FILL = "    op.execute('UPDATE t SET bot_id = 1')\n"
FILLED = f'{REVISION}{ADDED}{FILL}    op.alter_column("t", "bot_id", nullable=False)\n'


_ANY = "*"


def _filled(step: Step, column: str) -> str:
    """The table whose tenant column a step fills; `*` where that cannot be told, "" where it fills none."""
    if step.kind == "update":
        return step.table if told(step.table) else _ANY
    if step.kind != "execute":
        return ""
    if step.sql is None:
        return _ANY
    found = re.search(
        rf"\bUPDATE\s+(?:ONLY\s+)?([^\s;]+).*?\bSET\b.*\b{re.escape(column)}\b",
        step.sql,
        re.IGNORECASE | re.DOTALL,
    )
    if found is None:
        return ""
    table = found[1].replace('"', "").rpartition(".")[2]
    return table if re.fullmatch(r"\w+", table) else _ANY


class UnfilledTenantColumn(Rule):
    """See the module."""

    code = "TM13"
    name = "unfilled-tenant-column"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenant columns that become NOT NULL while rows have none."""
        if module.path not in index.migrations().paths:
            return
        by_path = index.once(self.code, lambda: self._by_path(index, policy))
        yield from by_path.get(module.path, ())

    def _by_path(self, index: Project, policy: Policy) -> dict[str, list[Diagnostic]]:
        """All findings, by file: what was filled before is known after one walk through all revisions."""
        found: dict[str, list[Diagnostic]] = {}
        for item in self._all(index, policy):
            found.setdefault(item.path, []).append(item)
        return found

    def _all(self, index: Project, policy: Policy) -> Iterator[Diagnostic]:
        made: set[str] = set()
        filled: set[str] = set()
        for step in index.migrations().upgrades:
            if step.kind == "create_table":
                made.add(f"{step.path}:{step.table}")
            filled.add(_filled(step, policy.column))
            if step.table and f"{step.path}:{step.table}" in made:
                continue
            shown = step.table or "a table"
            for column in step.columns if step.kind == "add_column" else ():
                if column.name == policy.column and column.nullable is False and not column.fills:
                    yield self.found(
                        step.path,
                        step.span,
                        f"{policy.column} is added to {shown} as NOT NULL without a server default",
                    )
            if (
                step.kind == "alter_column"
                and step.name == policy.column
                and step.nullable is False
                and not filled & {_ANY, step.table}
            ):
                written = any(
                    item.name == policy.column
                    for function in index.modules[step.path].functions.values()
                    for item in function.writes
                )
                yield self.found(
                    step.path,
                    step.span,
                    f"{policy.column} of {shown} becomes NOT NULL, and no row was filled before",
                    severity=Severity.INFO if written else None,
                    reason=[f"the revision sets {policy.column} on objects, whose tables cannot be told"]
                    if written
                    else (),
                )
            added = re.search(
                rf"\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?\"?{re.escape(policy.column)}\"?\s[^,;]*",
                step.sql or "",
                re.IGNORECASE,
            )
            if (
                added
                and re.search(r"\bNOT\s+NULL\b", added[0], re.IGNORECASE)
                and not re.search(r"\bDEFAULT\b", added[0], re.IGNORECASE)
            ):
                yield self.found(
                    step.path, step.span, f"{policy.column} is added as NOT NULL without a default"
                )

    INVALID = (
        Invalid(f'{REVISION}{ADDED}    for row in rows():\n        row.bot_id = 1\n    op.alter_column("t", "bot_id", nullable=False)\n', (Expected(9, "becomes NOT NULL", Severity.INFO),)),
        Invalid(f'{REVISION}{ADDED}{FILL.replace("t SET", "other SET")}    op.alter_column("t", "bot_id", nullable=False)\n', (Expected(8, "bot_id of t becomes NOT NULL"),)),
        Invalid(REVISION + '    op.add_column("t", sa.Column("bot_id", sa.Integer(), nullable=False))\n', (Expected(6, "bot_id is added to t as NOT NULL"),)),
        Invalid(REVISION + '    with op.batch_alter_table("t") as batch:\n        batch.add_column(sa.Column("bot_id", sa.Integer(), nullable=False))\n', (Expected(7, "to t "),)),
        Invalid(REVISION + '    op.add_column("t", sa.Column("bot_id", sa.Integer()))\n    op.alter_column("t", "bot_id", nullable=False)\n', (Expected(7, "becomes NOT NULL"),)),
        Invalid(REVISION + "    op.execute('ALTER TABLE t ADD COLUMN bot_id int NOT NULL')\n", (Expected(6),)),
    )  # fmt: skip
    VALID = (
        Valid(f'{REVISION}{ADDED}{FILL.replace("UPDATE t", "UPDATE public.t")}    op.alter_column("t", "bot_id", nullable=False)\n'),
        Valid(f'{REVISION}{ADDED}    for t in tables():\n        op.execute(f"UPDATE {{t}} SET bot_id = 1")\n    op.alter_column("t", "bot_id", nullable=False)\n'),
        Valid(REVISION + '    op.add_column("t", sa.Column("bot_id", sa.Integer(), nullable=False, server_default="1"))\n'),
        Valid(FILLED),
        Valid(REVISION + '    op.create_table("t", sa.Column("id", sa.Integer()))\n    op.add_column("t", sa.Column("bot_id", sa.Integer(), nullable=False))\n'),
        Valid(REVISION + "    op.execute('ALTER TABLE t ADD COLUMN bot_id int NOT NULL DEFAULT 1')\n"),
        Valid(REVISION + '    op.add_column("t", sa.Column("note", sa.Integer(), nullable=False))\n'),
    )  # fmt: skip
