"""Revisions are folded into steps: loops over constants and helpers that return SQL are unrolled."""

from __future__ import annotations

import pytest

from merge_tool.index.project import ProjectIndex
from merge_tool.lint.run import lint_texts
from merge_tool.rulekit import EXAMPLE_POLICY, always_true, policies, row_security
from merge_tool.rulekit.sqlsplit import statements

HEAD = 'from alembic import op\nimport sqlalchemy as sa\nrevision: str = "b2"\ndown_revision = "a1"\n'
LOOP = """TABLES = ("users", "orders")
def enable(table):
    return [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", "ALTER TABLE %s FORCE ROW LEVEL SECURITY" % table]
def upgrade():
    for table in (*TABLES, "bots"):
        for statement in enable(table):
            op.execute(sa.text(statement))
    with op.batch_alter_table("users") as batch:
        batch.create_index("ix", ["bot_id", "code"], unique=True)
"""


def test_loops_and_helpers_are_unrolled() -> None:
    index = ProjectIndex.build({"alembic/versions/b2.py": HEAD + LOOP}, EXAMPLE_POLICY)
    steps = index.migrations().upgrades
    changes = {change for step in steps for change in row_security(step.sql or "")}
    assert changes == {(table, act) for table in ("users", "orders", "bots") for act in ("enable", "force")}
    made = [(step.table, key.columns, key.unique) for step in steps for key in step.keys]
    assert made == [("users", ("bot_id", "code"), True)]


def test_chain_has_parents_first_and_says_what_is_missing() -> None:
    first = 'revision = "a1"\ndown_revision = None\ndef upgrade(): ...\n'
    second = 'revision = "b2"\ndown_revision = ("a1", "gone")\ndef upgrade(): ...\n'
    chain = ProjectIndex.build({"m/1.py": second, "m/2.py": first}, EXAMPLE_POLICY).migrations()
    assert [item.id for item in chain.revisions] == ["a1", "b2"]
    assert [item.id for item in chain.heads] == ["b2"]
    assert chain.missing == ("gone",)


def test_a_circle_of_revisions_ends() -> None:
    text = 'revision = "{}"\ndown_revision = "{}"\ndef upgrade(): ...\n'
    files = {"m/1.py": text.format("a", "b"), "m/2.py": text.format("b", "a")}
    chain = ProjectIndex.build(files, EXAMPLE_POLICY).migrations()
    assert {item.id for item in chain.revisions} == {"a", "b"}
    assert chain.heads == ()


def test_values_that_lead_to_themselves_end() -> None:
    text = (
        HEAD
        + "A = B\nB = A\ndef f(x):\n    return f(x)\ndef upgrade():\n    op.execute(A)\n    op.execute(f(A))\n"
    )
    steps = ProjectIndex.build({"m/1.py": text}, EXAMPLE_POLICY).migrations().upgrades
    assert [step.sql for step in steps] == [None, None]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT 1; SELECT ';' ;", ["SELECT 1", "SELECT ';'"]),
        ("DO $$ BEGIN a; b; END $$; x", ["DO $$ BEGIN a; b; END $$", "x"]),
        ("-- a;\nSELECT  1 /* ; */", ["SELECT 1"]),
        ("SELECT 'open", ["SELECT 'open"]),
        ("", []),
    ],
)
def test_statements(text: str, wanted: list[str]) -> None:
    assert statements(text) == wanted


def test_policies_are_read_with_nested_parentheses() -> None:
    sql = "CREATE POLICY p ON public.\"t\" AS RESTRICTIVE FOR UPDATE TO app USING (f(a) = (1)) WITH CHECK (a = ')')"
    (found,) = policies(sql)
    assert (found.name, found.table, found.command, found.restrictive) == ("p", "t", "UPDATE", True)
    assert (found.roles, found.using, found.check) == ("app", "f(a) = (1)", "a = ')'")
    assert always_true("(true)")
    assert not always_true("true_tenant(bot_id)")


def test_rules_on_migrations_report_where_other_rules_do_not() -> None:
    text = HEAD + "def upgrade():\n    op.execute('ALTER ROLE app BYPASSRLS')\n"
    policy = type(EXAMPLE_POLICY)(column="bot_id", unchecked_paths=("alembic/**",))
    files = {"alembic/versions/b2.py": text, "app/a.py": "x = 1\n"}
    assert [item.code for item in lint_texts(files, policy).findings] == ["TM12"]
    assert lint_texts(files, policy, report_on=["app/a.py"]).findings == ()


def test_the_steps_of_one_file() -> None:
    text = 'from alembic import op\nrevision = "{0}"\ndown_revision = {1}\ndef upgrade():\n    op.drop_table("{0}")\n    op.drop_table("z")\n'
    files = {"m/1.py": text.format("b", '"a"'), "m/2.py": text.format("a", "None")}
    found = ProjectIndex.build(files, EXAMPLE_POLICY).migrations()
    assert [step.path for step in found.upgrades] == ["m/2.py", "m/2.py", "m/1.py", "m/1.py"]
    assert found.upgrades_in("m/1.py") == found.upgrades[2:]
    assert found.upgrades_in("m/3.py") == ()
