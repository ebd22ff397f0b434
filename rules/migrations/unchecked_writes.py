"""A policy that lets writes through which it should not.

What it does
------------
Finds policies FOR ALL or UPDATE without WITH CHECK whose USING has an OR: rows that are meant to be read by all can be written by all.

Why is this bad?
----------------
PostgreSQL takes USING as the check where WITH CHECK is left out for ALL and UPDATE (https://www.postgresql.org/docs/current/sql-createpolicy.html, "Description"). A USING that shows shared rows (`OR bot_id IS NULL`) then lets a tenant write shared rows, and take its own rows out of the tenant.

Example
-------
    op.execute("CREATE POLICY p ON orders USING (bot_id = current_tenant() OR bot_id IS NULL)")

Use instead
-----------
    op.execute("CREATE POLICY p ON orders USING (bot_id = current_tenant() OR bot_id IS NULL) WITH CHECK (bot_id = current_tenant())")

Not reported
------------
Policies whose USING is the tenant alone, which checks writes just as well; FOR SELECT and DELETE, which have no check; restrictive policies; `true`, which another rule reports; policies that a later revision drops or alters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid, masked, policies

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


class UncheckedWrites(Rule):
    """See the module."""

    code = "TM8"
    name = "unchecked-writes"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports wide USING expressions that serve as the check of writes."""
        if module.path not in index.migrations().paths:
            return
        chain = index.chain()
        for step in index.migrations().upgrades_in(module.path):
            if step.sql is None or not chain.live(step):
                continue
            for item in chain.final(step) or policies(step.sql):
                if item.restrictive or item.check is not None or item.command not in ("ALL", "UPDATE"):
                    continue
                if item.using and re.search(r"\bOR\b", masked(item.using), re.IGNORECASE):
                    yield self.found(
                        step.path,
                        step.span,
                        f"the policy {item.name} on {item.table} has no WITH CHECK, and its USING lets more than the tenant's rows be written",
                    )

    INVALID = (
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f() OR bot_id IS NULL)')\n", (Expected(6, "the policy p on t has no WITH CHECK"),)),
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t FOR UPDATE TO app USING (bot_id = f() or shared)')\n", (Expected(6),)),
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f()) WITH CHECK (bot_id = f())')\n    op.execute('DROP POLICY p ON t')\n    op.execute('CREATE POLICY p ON t USING (bot_id = f() OR x)')\n", (Expected(8),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f() OR x)')\n    op.execute('ALTER POLICY p ON t WITH CHECK (bot_id = f())')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (name = $$this or that$$)')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f())')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t FOR SELECT USING (bot_id = f() OR bot_id IS NULL)')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f() OR bot_id IS NULL) WITH CHECK (bot_id = f())')\n"),
    )  # fmt: skip
