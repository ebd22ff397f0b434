"""A downgrade that does not undo what its upgrade did for tenants.

What it does
------------
Compares both functions of a revision. What the upgrade makes and leaves for tenants - tables with the tenant column, the column itself, indexes
and constraints that hold it, policies, row level security - the downgrade must take back.

Why is this bad?
----------------
After `alembic downgrade` and `upgrade` the revision meets its own remains and fails (`relation … already exists`, `policy … already exists`);
or the code of before runs on tables whose policies hide all rows from it. PostgreSQL has a default of deny: with row level security on and
no policy no row is seen (https://www.postgresql.org/docs/current/ddl-rowsecurity.html, "Row Security Policies").

Example
-------
    def upgrade():
        op.add_column("orders", sa.Column("bot_id", sa.Integer()))
    def downgrade():
        pass

Use instead
-----------
    def upgrade():
        op.add_column("orders", sa.Column("bot_id", sa.Integer()))
    def downgrade():
        op.drop_column("orders", "bot_id")

Not reported
------------
What is not for tenants: that is for the tests of the revisions. A downgrade that raises: it refuses on purpose, and nothing is left half done.
What goes with its table or column (PostgreSQL drops the indexes, constraints and policies of a table with it). Foreign keys, which go with the
column or are renamed by hand. Where a statement of the downgrade cannot be told, the finding is an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Step, Undo, Valid, told, unclear

HEAD = 'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\n'
ADDS = (
    HEAD
    + 'def upgrade():\n    op.add_column("orders", sa.Column("bot_id", sa.Integer()))\n    op.create_index(op.f("ix_orders_bot_id"), "orders", ["bot_id"])\n'
)
RLS = (
    HEAD
    + 'TABLES = ("orders", "users")\ndef upgrade():\n    for table in TABLES:\n        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")\n        op.execute(f"CREATE POLICY p_{table} ON {table} USING (bot_id = f())")\n'
)
UNDO = 'def downgrade():\n    for table in TABLES:\n        op.execute(f"DROP POLICY IF EXISTS p_{table} ON {table}")\n        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")\n'
TABLE = (
    HEAD
    + 'def upgrade():\n    op.create_table("orders", sa.Column("id", sa.Integer()), sa.Column("bot_id", sa.Integer()))\n'
)
_KEYS = frozenset(("create_index", "create_unique_constraint", "create_primary_key"))

Thing = tuple[str, str, str]  # what it is, its table, its name


def _made(steps: tuple[Step, ...], column: str) -> dict[Thing, tuple[Step, str]]:
    """What steps make for tenants and leave, each with the step and how it is called."""
    made: dict[Thing, tuple[Step, str]] = {}
    for step in steps:
        for thing in _taken(step, tuple(made)):
            made.pop(thing, None)
        table = step.table
        match step.kind:
            case "create_table" if any(item.name == column for item in step.columns):
                made["table", table, ""] = (step, f"the table {table}")
            case "add_column" if any(item.name == column for item in step.columns):
                made["column", table, column] = (step, f"the column {column} of {table}")
            case kind if kind in _KEYS:
                for key in step.keys:
                    if column in key.columns:
                        name = key.name or ", ".join(key.columns)
                        made["key", table, name] = (step, f"the {'index' if key.kind == 'index' else 'constraint'} {name} of {table}")  # fmt: skip
            case "create_policy":
                made["policy", table, step.name] = (step, f"the policy {step.name} of {table}")
            case "row_security" if step.name in ("enable", "force"):
                made[step.name, table, ""] = (step, f"{step.name.upper()} ROW LEVEL SECURITY on {table}")
            case _:
                pass
    return {thing: found for thing, found in made.items() if thing[1] and told(thing[1])}


def _taken(step: Step, made: tuple[Thing, ...]) -> list[Thing]:
    """Which of these things a step takes back, directly or with what it drops."""
    table, name = step.table, step.name
    match step.kind:
        case "drop_table":
            return [item for item in made if item[1] == table]
        case "rename_table":
            return [item for item in made if item[1] in (table, step.new)]
        case "drop_column":
            return [item for item in made if item[1] == table and item[0] in ("column", "key") and (item[2] == name or item[0] == "key")]  # fmt: skip
        case "alter_column" if step.new:
            return [item for item in made if item[1] == table and item[2] == name]
        case "drop_index" | "drop_constraint":
            return [item for item in made if item[0] == "key" and item[1] == (table or item[1]) and name in ("", item[2], "{?}")]  # fmt: skip
        case "drop_policy":
            return [("policy", table, name)]
        case "row_security":
            undone = {"disable": ("enable", "force"), "no force": ("force",)}.get(name, ())
            return [(item, table, "") for item in undone]
        case _:
            return []


class DowngradeWithoutUndo(Rule):
    """See the module."""

    code = "TM14"
    name = "downgrade-without-undo"
    severity = Severity.WARNING
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports what a downgrade leaves behind, by the place that made it."""
        if module.path not in index.migrations().paths:
            return
        for item in index.chain().undone:
            if item.revision.path == module.path and not item.revision.refuses:
                yield from self._compare(item, policy)

    def _compare(self, undo: Undo, policy: Policy) -> Iterable[Diagnostic]:
        made = _made(undo.up, policy.column)
        if not made:
            return
        taken = {thing for step in undo.down for thing in _taken(step, tuple(made))}
        if any(step.kind == "row_security" and step.name == "disable" for step in undo.down):
            off = {step.table for step in undo.down if step.kind == "row_security" and step.name == "disable"}
            taken |= {thing for thing in made if thing[0] == "force" and thing[1] in off}
        sites: dict[tuple[str, Span], list[str]] = {}
        for thing, (step, shown) in made.items():
            if thing not in taken:
                sites.setdefault((step.path, step.span), []).append(shown)
        unsure = any(unclear(step) for step in undo.down)
        reason = ["some statements of the downgrade cannot be told"] if unsure else []
        what = "the downgrade does nothing and leaves" if not undo.down else "the downgrade leaves"
        what = what if undo.revision.has_downgrade else "there is no downgrade, which leaves"
        for (path, span), shown_here in sites.items():
            rest = f" and {len(shown_here) - 3} more" if len(shown_here) > 3 else ""
            yield self.found(
                path,
                span,
                f"{what} {', '.join(shown_here[:3])}{rest}",
                severity=Severity.INFO if unsure else None,
                reason=reason,
            )

    INVALID = (
        Invalid(ADDS + "def downgrade():\n    pass\n", (Expected(6, "the downgrade does nothing and leaves the column bot_id of orders"), Expected(7, "the index ix_orders_bot_id of orders"))),
        Invalid(ADDS, (Expected(6, "there is no downgrade"), Expected(7))),
        Invalid(ADDS + 'def downgrade():\n    op.drop_index("ix_orders_bot_id", table_name="orders")\n', (Expected(6, "the downgrade leaves the column bot_id"),)),
        Invalid(RLS + "def downgrade(): ...\n", (Expected(8, "ENABLE ROW LEVEL SECURITY on orders, ENABLE ROW LEVEL SECURITY on users"), Expected(9, "the policy p_orders of orders, the policy p_users of users"))),
        Invalid(RLS + UNDO.replace("TABLES", '("orders",)'), (Expected(8, "on users"), Expected(9, "p_users"))),
        Invalid(TABLE + 'def downgrade():\n    op.drop_table("users")\n', (Expected(6, "the table orders"),)),
        Invalid(TABLE + "def downgrade():\n    op.execute(load())\n", (Expected(6, "the table orders", Severity.INFO),)),
        Invalid(RLS + 'def downgrade():\n    for table in load():\n        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")\n', (Expected(8, "", Severity.INFO), Expected(9, "", Severity.INFO))),
        Invalid(HEAD + "def upgrade():\n    op.execute('ALTER TABLE orders ADD COLUMN IF NOT EXISTS bot_id int; CREATE UNIQUE INDEX CONCURRENTLY u ON orders (bot_id, code)')\ndef downgrade():\n    op.execute('DROP INDEX u')\n", (Expected(6, "the column bot_id of orders"),)),
        Invalid(HEAD + "def upgrade():\n    op.execute('''DO $$ BEGIN -- open\n  IF true THEN CREATE POLICY p ON \"orders\" USING (true); END IF;\n END $$''')\ndef downgrade():\n    op.execute('drop policy q on orders')\n", (Expected(6, "the policy p of orders"),)),
    )  # fmt: skip
    VALID = (
        Valid(ADDS + 'def downgrade():\n    op.drop_index(op.f("ix_orders_bot_id"), table_name="orders")\n    op.drop_column("orders", "bot_id")\n'),
        Valid(ADDS + 'def downgrade():\n    with op.batch_alter_table("orders") as batch:\n        batch.drop_column("bot_id")\n'),
        Valid(ADDS + 'def downgrade():\n    raise NotImplementedError\n'),
        Valid(ADDS + 'def downgrade():\n    raise RuntimeError("one way")\n'),
        Valid(ADDS + "def downgrade():\n    op.execute('ALTER TABLE public.orders DROP COLUMN IF EXISTS bot_id CASCADE')\n"),
        Valid(RLS + UNDO),
        Valid(RLS + "def downgrade():\n    for table in TABLES:\n        op.drop_table(table)\n"),
        Valid(TABLE + 'def downgrade():\n    op.drop_table("orders")\n'),
        Valid(TABLE + "def downgrade():\n    op.execute('DROP TABLE IF EXISTS users, orders CASCADE')\n"),
        Valid(TABLE + '    op.drop_table("orders")\ndef downgrade():\n    pass\n'),
        Valid(HEAD + 'def upgrade():\n    op.add_column("orders", sa.Column("note", sa.String()))\ndef downgrade():\n    pass\n'),
        Valid(HEAD + 'def upgrade():\n    op.alter_column("orders", "bot_id", nullable=False)\ndef downgrade():\n    pass\n'),
        Valid(HEAD + "def upgrade():\n    op.execute('DROP POLICY p ON orders')\n    op.execute('CREATE POLICY p ON orders USING (f())')\n    op.execute('COMMENT ON TABLE orders IS $$CREATE POLICY q ON orders$$')\ndef downgrade():\n    op.execute('DROP POLICY p ON orders')\n"),
        Valid(HEAD + "def upgrade():\n    op.execute('UPDATE orders SET bot_id = 1')\ndef downgrade():\n    pass\n"),
    )  # fmt: skip
