"""Several heads in one chain of revisions.

What it does
------------
Counts the revisions that no other one follows, folder by folder.

Why is this bad?
----------------
Alembic refuses `upgrade head` where there are two. A deployment stops there, and the tables of the second branch stay without tenant column and policy.

Example
-------
    revision = "b2"
    down_revision = "a1"  # and c3.py follows a1 as well

Use instead
-----------
    revision = "d4"
    down_revision = ("b2", "c3")

Not reported
------------
Chains in different folders, which belong to different databases.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


class SeveralHeads(Rule):
    """See the module."""

    code = "TM16"
    name = "several-heads"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports every head where a folder has more than one."""
        if module.path not in index.migrations().paths:
            return
        folder = module.path.rpartition("/")[0]
        heads = [item for item in index.migrations().heads if item.path.rpartition("/")[0] == folder]
        if len(heads) < 2:
            return
        for head in heads:
            if head.path == module.path:
                others = ", ".join(item.id for item in heads if item is not head)
                yield self.found(
                    head.path,
                    head.span,
                    f"the revision {head.id} is one of {len(heads)} heads, beside {others}",
                )

    INVALID = (
        Invalid(REVISION + "    pass\n", (Expected(5, "the revision a1 is one of 2 heads, beside b2"), Expected(5, "beside a1", path="app/other.py")), {"app/other.py": REVISION.replace("a1", "b2") + "    pass\n"}),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    pass\n"),
        Valid(REVISION + "    pass\n", {"app/other.py": REVISION.replace("a1", "b2").replace("None", "'a1'") + "    pass\n"}),
        Valid(REVISION + "    pass\n", {"log/other.py": REVISION.replace("a1", "b2") + "    pass\n"}),
        Valid("revision = 1\n"),
    )  # fmt: skip
