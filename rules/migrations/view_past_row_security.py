"""A view or function that walks past row level security.

What it does
------------
In a project whose revisions use row level security, finds views over tenants' tables without `security_invoker`, materialized views over them,
and functions that are SECURITY DEFINER.

Why is this bad?
----------------
A view reads with the rights and policies of its owner unless it is a `security_invoker` one, which PostgreSQL has from version 15
(https://www.postgresql.org/docs/current/sql-createview.html, "Notes"), and a SECURITY DEFINER function runs with its owner's rights
(https://www.postgresql.org/docs/current/sql-createfunction.html, "Parameters").
Where the owner is not held by the policies, both show the rows of all tenants. A materialized view has no policies at all.

Example
-------
    op.execute("CREATE VIEW totals AS SELECT * FROM orders")

Use instead
-----------
    op.execute("CREATE VIEW totals WITH (security_invoker = true) AS SELECT * FROM orders")

Not reported
------------
Projects without row level security; what a later statement drops or makes anew; views over shared tables alone; SECURITY INVOKER functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Step, Valid, row_security

REVISION = 'from alembic import op\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")\n'
_VIEW = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:RECURSIVE\s+)?(MATERIALIZED\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?(\S+)(.*?)\bAS\b(.*)", re.I | re.S)  # fmt: skip
_FUNCTION = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\s+([^\s(]+)", re.I)
_DROPPED = re.compile(r"\bDROP\s+(?:MATERIALIZED\s+)?(?:VIEW|FUNCTION|PROCEDURE)\s+(?:IF\s+EXISTS\s+)?([^\s(]+)", re.I)  # fmt: skip
_INVOKER = re.compile(r"\bsecurity_invoker\b(?!\s*=\s*'?(?:false|off|0))", re.I)


def _made(sql: str) -> str:
    """The view or function that a statement makes or drops; "" where it does neither."""
    found = _VIEW.search(sql)
    if found is not None:
        return found[2].strip('"').lower()
    found = _FUNCTION.search(sql) or _DROPPED.search(sql)
    return found[1].strip('"').rstrip(";").lower() if found is not None else ""


def _known(index: Project) -> tuple[set[str], str, dict[str, Step]]:
    """The tenants' tables, none where none is held; what is altered in views; the last statement on each view and function."""
    steps = index.migrations().upgrades
    held = {table for step in steps for table, action in row_security(step.sql or "") if action == "enable"}
    if not held:
        return set(), "", {}
    owned = held | {item.table for item in index.schema() if item.tenant}
    altered = " ".join(step.sql for step in steps if step.sql and re.match(r"ALTER\s+VIEW", step.sql, re.I))
    return owned, altered, {_made(step.sql): step for step in steps if step.sql and _made(step.sql)}


class ViewPastRowSecurity(Rule):
    """See the module."""

    code = "TM11"
    name = "view-past-row-security"
    severity = Severity.WARNING
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports views and functions that run with their owner's rights."""
        if module.path not in index.migrations().paths:
            return
        owned, altered, last = index.once(self.code, lambda: _known(index))
        for step in index.migrations().upgrades_in(module.path) if owned else ():
            if step.sql is None or last.get(_made(step.sql), step) is not step:
                continue  # another one of that name takes its place, or it is dropped
            view = _VIEW.search(step.sql)
            if view is not None and owned & set(re.findall(r"\w+", view[4])):
                late = re.search(rf"\b{re.escape(view[2])}\b.*security_invoker", altered, re.I)
                if view[1]:
                    message = (
                        f"the materialized view {view[2]} holds rows of all tenants, and no policy guards it"
                    )
                    yield self.found(step.path, step.span, message)
                elif not _INVOKER.search(view[3]) and not late:
                    message = f"the view {view[2]} reads tenants' tables without security_invoker"
                    yield self.found(step.path, step.span, message)
            function = _FUNCTION.search(step.sql)
            if function is not None and re.search(r"\bSECURITY\s+DEFINER\b", step.sql, re.I):
                message = f"the function {function[1]} is SECURITY DEFINER: it runs with its owner's rights"
                yield self.found(step.path, step.span, message)

    INVALID = (
        Invalid(REVISION + '    op.execute("CREATE VIEW v AS SELECT 1 FROM orders")\n    op.execute("DROP VIEW v")\n    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n', (Expected(8, "the view v reads"),)),
        Invalid(REVISION + '    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n', (Expected(6, "the view v reads"),)),
        Invalid(REVISION + '    op.execute("CREATE OR REPLACE VIEW v WITH (security_invoker = false) AS SELECT 1 FROM orders")\n', (Expected(6),)),
        Invalid(REVISION + '    op.execute("CREATE MATERIALIZED VIEW v AS SELECT * FROM orders")\n', (Expected(6, "materialized"),)),
        Invalid(REVISION + '    op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$")\n', (Expected(6, "the function f "),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + '    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n    op.execute("DROP VIEW v")\n    op.execute("CREATE VIEW v WITH (security_invoker) AS SELECT * FROM orders")\n'),
        Valid(REVISION + '    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n    op.execute("DROP VIEW IF EXISTS v")\n'),
        Valid(REVISION + '    op.execute("CREATE VIEW v WITH (security_invoker = true) AS SELECT * FROM orders")\n'),
        Valid(REVISION + '    op.execute("CREATE VIEW v WITH (security_invoker) AS SELECT * FROM orders")\n'),
        Valid(REVISION + '    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n    op.execute("ALTER VIEW v SET (security_invoker = true)")\n'),
        Valid(REVISION + '    op.execute("CREATE VIEW v AS SELECT * FROM plans")\n'),
        Valid(REVISION + '    op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$")\n'),
        Valid(REVISION.replace("ENABLE", "DISABLE") + '    op.execute("CREATE VIEW v AS SELECT * FROM orders")\n'),
    )  # fmt: skip
