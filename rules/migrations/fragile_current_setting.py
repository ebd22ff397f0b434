"""A tenant setting that fails where it is not set.

What it does
------------
Finds `current_setting('app.…')` without the second argument `true`, and one that is cast without `nullif(…, '')`.

Why is this bad?
----------------
Without `missing_ok` the query fails where nothing was set; with it the answer is NULL, which no row equals
(https://www.postgresql.org/docs/current/functions-admin.html, "Configuration Settings Functions"). That NULL is seen only until the setting is
first used on a connection: a name with a dot is then a placeholder of the session
(https://www.postgresql.org/docs/current/runtime-config-custom.html, "Customized Options"), and goes back to its empty default at the end of
`SET LOCAL`'s transaction. It reads '' then, and the cast of '' to a number or UUID fails. (The pages do not say that it reads ''; it can be
seen on a server.)

Example
-------
    op.execute("CREATE POLICY p ON orders USING (bot_id = current_setting('app.current_tenant')::int)")

Use instead
-----------
    op.execute("CREATE POLICY p ON orders USING (bot_id = nullif(current_setting('app.current_tenant', true), '')::int)")

Not reported
------------
Settings of PostgreSQL's own, which have no dot; a setting that is compared as text; what a later revision drops or replaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)
_SETTING = re.compile(
    r"\bcurrent_setting\s*\(\s*('[^']*\.[^']*')\s*(?:::\s*text\s*)?(?:,\s*([^)]*?)\s*)?\)", re.IGNORECASE
)


class FragileCurrentSetting(Rule):
    """See the module."""

    code = "TM10"
    name = "fragile-current-setting"
    severity = Severity.WARNING
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports settings that fail where they are unset or empty."""
        if module.path not in index.migrations().paths:
            return
        chain = index.chain()
        for step in index.migrations().upgrades_in(module.path):
            if step.sql is None or not chain.live(step):
                continue
            for match in _SETTING.finditer(step.sql):
                nulled = re.search(r"nullif\s*\(\s*$", step.sql[: match.start()], re.IGNORECASE)
                after = step.sql[match.end() :].lstrip(" )")
                before = step.sql[: match.start()]
                cast = re.match(r"::\s*(?!text|varchar|character)\w", after, re.IGNORECASE) or re.search(
                    r"\bcast\s*\(\s*$", before, re.IGNORECASE
                )
                if match[2] is None or match[2].lower() not in ("true", "'t'", "'true'"):
                    yield self.found(
                        step.path,
                        step.span,
                        f"current_setting({match[1]}) without missing_ok fails where the setting is not set",
                    )
                elif cast and not nulled:
                    yield self.found(
                        step.path,
                        step.span,
                        f"current_setting({match[1]}, true) is cast without nullif(…, ''): once it was set it reads '', and the cast fails",
                    )

    INVALID = (
        Invalid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = current_setting(\'app.t\')::int)")\n', (Expected(6, "without missing_ok"),)),
        Invalid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = current_setting(\'app.t\', true)::int)")\n', (Expected(6, "without nullif"),)),
        Invalid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = (current_setting(\'app.t\', true))::uuid)")\n', (Expected(6, "without nullif"),)),
        Invalid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = CAST(current_setting(\'app.t\', true) AS int))")\n', (Expected(6),)),
        Invalid(REVISION + "    op.execute('CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$')\n    op.execute(\"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT current_setting('app.t')::int $$\")\n", (Expected(7, "missing_ok"),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = current_setting(\'app.t\')::int)")\n    op.execute("DROP POLICY p ON t")\n'),
        Valid(REVISION + "    op.execute(\"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT current_setting('app.t')::int $$\")\n    op.execute('CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$')\n"),
        Valid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id = nullif(current_setting(\'app.t\', true), \'\')::int)")\n'),
        Valid(REVISION + '    op.execute("CREATE POLICY p ON t USING (bot_id::text = current_setting(\'app.t\', true))")\n'),
        Valid(REVISION + '    op.execute("SELECT current_setting(\'server_version\')")\n'),
    )  # fmt: skip
