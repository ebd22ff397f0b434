"""A role that row level security does not hold.

What it does
------------
Finds CREATE or ALTER ROLE and USER with BYPASSRLS or SUPERUSER.

Why is this bad?
----------------
Such a role reads and writes the rows of all tenants, whatever the policies say (https://www.postgresql.org/docs/current/ddl-rowsecurity.html,
"Row Security Policies").

Example
-------
    op.execute("ALTER ROLE app BYPASSRLS")

Use instead
-----------
    op.execute("ALTER ROLE app NOBYPASSRLS")

Not reported
------------
NOBYPASSRLS and NOSUPERUSER.
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
_ROLE = re.compile(
    r"\b(?:CREATE|ALTER)\s+(?:ROLE|USER)\s+(\S+)\s[^;]*?\b(BYPASSRLS|SUPERUSER)\b", re.IGNORECASE
)


class BypassRowSecurity(Rule):
    """See the module."""

    code = "TM12"
    name = "bypass-row-security"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports roles that may bypass policies."""
        if module.path not in index.migrations().paths:
            return
        for step in index.migrations().upgrades_in(module.path):
            if step.sql is None:
                continue
            for match in _ROLE.finditer(step.sql):
                yield self.found(
                    step.path, step.span, f"the role {match[1]} gets {match[2].upper()}: no policy holds it"
                )

    INVALID = (
        Invalid(REVISION + "    op.execute('ALTER ROLE app BYPASSRLS')\n", (Expected(6, "the role app gets BYPASSRLS"),)),
        Invalid(REVISION + "    op.execute('CREATE USER app WITH LOGIN SUPERUSER')\n", (Expected(6, "SUPERUSER"),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    op.execute('ALTER ROLE app NOBYPASSRLS')\n"),
        Valid(REVISION + "    op.execute('CREATE ROLE app NOSUPERUSER LOGIN')\n"),
    )  # fmt: skip
