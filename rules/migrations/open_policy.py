"""A policy that every row passes.

What it does
------------
Finds permissive policies whose USING or WITH CHECK is `true`.

Why is this bad?
----------------
Permissive policies are joined by OR: one that says `true` switches all other permissive ones off
(https://www.postgresql.org/docs/current/sql-createpolicy.html, "Parameters": PERMISSIVE, which is the default).

Example
-------
    op.execute("CREATE POLICY p ON orders USING (true)")

Use instead
-----------
    op.execute("CREATE POLICY p ON orders USING (bot_id = current_tenant()) WITH CHECK (bot_id = current_tenant())")

Not reported
------------
Restrictive policies, which only take away; policies that a later revision drops or alters. A policy `TO` a role is a warning: it may be meant for an administrator's.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid, always_true, policies

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


class OpenPolicy(Rule):
    """See the module."""

    code = "TM9"
    name = "open-policy"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports policies that are always true."""
        if module.path not in index.migrations().paths:
            return
        chain = index.chain()
        for step in index.migrations().upgrades_in(module.path):
            if step.sql is None or not chain.live(step):
                continue
            for item in chain.final(step) or policies(step.sql):
                for clause, expression in (("USING", item.using), ("WITH CHECK", item.check)):
                    if expression is not None and always_true(expression) and not item.restrictive:
                        named = item.roles and item.roles.lower() not in ("public", "current_user")
                        yield self.found(
                            step.path,
                            step.span,
                            f"{clause} of the policy {item.name} on {item.table} is true for every row",
                            severity=Severity.WARNING if named else None,
                        )
                        break

    INVALID = (
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t USING (true)')\n", (Expected(6, "USING of the policy p on t is true"),)),
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = 1) WITH CHECK ((TRUE))')\n", (Expected(6, "WITH CHECK"),)),
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t FOR ALL TO admin USING (true)')\n", (Expected(6, "", Severity.WARNING),)),
        Invalid(REVISION + "    op.execute('drop policy if exists p on t; create policy \"P x\" on \"public\".\"t\" as permissive for select to public using /* all */ ( (True) )')\n", (Expected(6, "USING of the policy P x on t"),)),
        Invalid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = 1)')\n    op.execute('ALTER POLICY p ON t USING (true)')\n", (Expected(7, "the policy p on t"),)),
        Invalid(REVISION + '    op.execute("""DO $do$ DECLARE t text; BEGIN\n FOR t IN SELECT unnest(ARRAY[\'a\', \'b\']) LOOP\n EXECUTE format($f$CREATE POLICY p ON %I USING (true)$f$, t);\n EXECUTE format(\'CREATE POLICY q ON %1$I USING (true)\', t); END LOOP; END $do$""")\n', (Expected(6, "the policy p on a"), Expected(6, "the policy p on b"), Expected(6, "the policy q on a"), Expected(6, "the policy q on b"))),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (true)')\n    op.execute('DROP POLICY IF EXISTS p ON public.t')\n    op.execute('CREATE POLICY p ON t USING (bot_id = f())')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (true)')\n    op.execute('ALTER POLICY p ON t USING (bot_id = f())')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (true)')\n    op.drop_table('t')\n"),
        Valid(REVISION + "    op.execute('COMMENT ON TABLE t IS $$CREATE POLICY p ON t USING (true)$$; -- CREATE POLICY p ON t USING (true);')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (name <> $$ USING (true) $$)')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t AS RESTRICTIVE USING (true)')\n"),
        Valid(REVISION + "    op.execute('CREATE POLICY p ON t USING (bot_id = f())')\n"),
    )  # fmt: skip
