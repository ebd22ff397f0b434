"""Several heads in one chain of revisions.

What it does
------------
Counts the revisions that no other one follows, folder by folder, and reports those that no branch label tells apart.

Why is this bad?
----------------
Alembic refuses `upgrade head` where there are two (https://alembic.sqlalchemy.org/en/latest/branches.html, "Working with Branches"). A
deployment stops there, and the tables of the second branch stay without tenant column and policy.

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
Chains in different folders, which belong to different databases. Heads with `branch_labels` of their own, whether they stand on the head
or on a revision before it: such branches are meant to last, and are upgraded as `heads` or `label@head` (same page, "Working with Branch
Labels"). `depends_on` merges nothing: a revision that another one depends on is a head still ("Branch Dependencies").
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, Migrations, ModuleFacts, Project, Rule, Valid

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)
PASS = REVISION + "    pass\n"
B2 = PASS.replace('"a1"', '"b2"').replace("None", "'a1'")
C3 = PASS.replace('"a1"', '"c3"').replace("None", "'a1'")


def _labelled(code: str, *labels: str) -> str:
    return code.replace("def upgrade", f"branch_labels = {labels!r}\ndef upgrade")


def _labels(migrations: Migrations) -> dict[str, frozenset[str]]:
    """The labels of each revision: its own, and those of all that it follows."""
    found: dict[str, frozenset[str]] = {}
    for item in migrations.revisions:  # parents first
        found[item.id] = frozenset(item.labels).union(*(found.get(parent, ()) for parent in item.parents))
    return found


class SeveralHeads(Rule):
    """See the module."""

    code = "TM16"
    name = "several-heads"
    severity = Severity.ERROR
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports heads of a folder that no label tells apart."""
        migrations = index.migrations()
        if module.path not in migrations.paths:
            return
        folder = module.path.rpartition("/")[0]
        heads = [item for item in migrations.heads if item.path.rpartition("/")[0] == folder]
        if len(heads) < 2:
            return
        labels = _labels(migrations)
        for head in heads:
            like = [item for item in heads if labels[item.id] == labels[head.id]]
            if head.path == module.path and len(like) > 1:
                others = ", ".join(item.id for item in like if item is not head)
                yield self.found(
                    head.path,
                    head.span,
                    f"the revision {head.id} is one of {len(like)} heads, beside {others}",
                )

    INVALID = (
        Invalid(PASS, (Expected(5, "the revision a1 is one of 2 heads, beside b2"), Expected(5, "beside a1", path="app/other.py")), {"app/other.py": REVISION.replace("a1", "b2") + "    pass\n"}),
        Invalid(B2, (Expected(5, "beside b2", path="app/c.py"), Expected(5, "beside c3")), {"app/a.py": _labelled(PASS, "cart"), "app/c.py": C3}),
        Invalid(B2, (Expected(6, "beside b2", path="app/c.py"), Expected(5, "beside c3")), {"app/a.py": PASS, "app/c.py": C3.replace("def upgrade", "depends_on = 'b2'\ndef upgrade")}),
        Invalid(B2.replace("'a1'", "('a1', 'z9')"), (Expected(5, path="app/c.py"), Expected(5, "beside c3")), {"app/a.py": PASS, "app/c.py": C3}),
    )  # fmt: skip
    VALID = (
        Valid(PASS),
        Valid(PASS, {"app/other.py": B2}),
        Valid(PASS, {"log/other.py": REVISION.replace("a1", "b2") + "    pass\n"}),
        Valid("revision = 1\n"),
        Valid(B2, {"app/a.py": PASS, "app/c.py": _labelled(C3, "cart")}),
        Valid(_labelled(PASS, "core"), {"app/b.py": _labelled(PASS.replace("a1", "b2"), "cart"), "app/c.py": C3.replace("'a1'", "'b2'")}),
        Valid(B2, {"app/a.py": PASS, "app/c.py": C3, "app/d.py": PASS.replace("a1", "d4").replace("None", "('b2', 'c3')")}),
        Valid(B2, {"app/a.py": PASS, "app/c.py": C3, "app/d.py": PASS.replace("a1", "d4").replace("None", "['b2', 'c3']")}),
        Valid(B2.replace("revision =", "revision: str =").replace("down_revision: str =", "down_revision: str | None ="), {"app/a.py": PASS}),
    )  # fmt: skip
