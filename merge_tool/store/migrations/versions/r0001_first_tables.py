"""The first tables: runs, their stories, steps and results, signatures, the journal, the lock's holder."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_RUN = ["project", "run_id"]
_UNIT = [*_RUN, "story_id", "batch"]


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _own(table: str, *keys: str) -> list[SchemaItem]:
    """The primary key and the project, and what makes a row unique."""
    key = f"uq_{table}_{'_'.join(keys)}"
    unique = [sa.UniqueConstraint(*keys, name=key)] if keys else []
    return [
        sa.Column("seq", sa.Integer(), nullable=False),
        *_text("project"),
        sa.PrimaryKeyConstraint("seq", name=f"pk_{table}"),
        *unique,
    ]


def _belongs(table: str, names: list[str], owner: str, columns: list[str]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        names, [f"{owner}.{name}" for name in columns], name=f"fk_{table}_{owner}", ondelete="CASCADE"
    )


def _of_run(table: str, *keys: str) -> list[SchemaItem]:
    own = _own(table, *_RUN, *keys) if keys else _own(table)
    return [*own, *_text("run_id"), _belongs(table, _RUN, "merge_tool_run", ["project", "id"])]


def _of_unit(table: str, *keys: str) -> list[SchemaItem]:
    own = _own(table, *_UNIT, *keys) if keys else _own(table)
    owner = _belongs(table, _UNIT, "merge_tool_story", _UNIT)
    return [*own, *_text("run_id", "story_id"), *_whole("batch"), owner]


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "merge_tool_run",
        *_own("merge_tool_run", "project", "id"),
        *_text("id", "status", "started_at"),
        *_maybe("finished_at"),
        *_text("date", "plan_source", "plan_digest", "plan_json", "policy_name", "fork_ref", "fork_commit"),
        *_text("upstream_ref", "upstream_commit", "merge_base", "merge_branch", "tip", "worktree", "target"),
    )
    active = sa.text("status = 'active'")
    op.create_index(
        "ix_merge_tool_run_active",
        "merge_tool_run",
        ["project"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_table(
        "merge_tool_story",
        *_of_run("merge_tool_story", "story_id", "batch"),
        *_text("story_id"),
        *_whole("batch"),
        *_text("status", "base_commit", "commit"),
        *_maybe("started_at", "finished_at"),
        *_text("message"),
    )
    op.create_table(
        "merge_tool_step",
        *_of_unit("merge_tool_step", "index"),
        *_whole("index"),
        *_text("kind", "status", "tree_before", "tree_after", "summary"),
        *_maybe("outcome_json"),
        *_text("started_at"),
        *_maybe("finished_at"),
        *_whole("attempts"),
    )
    results: dict[str, list[sa.Column[Any]]] = {
        "merge_tool_file": _text("path", "verdict", "by", "reason"),
        "merge_tool_ledger": _text("subject", "what", "reason", "at"),
        "merge_tool_edit": [*_text("path"), *_whole("line"), *_text("codemod", "description")],
        "merge_tool_not_done": [*_text("path"), *_whole("line"), *_text("codemod", "reason")],
    }
    for table, columns in results.items():
        op.create_table(table, *_of_unit(table), *_whole("step"), *columns)
        op.create_index(f"ix_{table}_{'_'.join(_UNIT)}", table, _UNIT)
    op.create_table(
        "merge_tool_criterion",
        *_of_run("merge_tool_criterion", "id"),
        *_text("id", "story_id", "status", "evidence", "at"),
    )
    op.create_table(
        "merge_tool_approval",
        *_of_run("merge_tool_approval", "story_id", "gate"),
        *_text("story_id", "gate", "name", "email", "note", "at"),
    )
    op.create_table("merge_tool_event", *_of_run("merge_tool_event"), *_text("at", "kind", "text"))
    op.create_index("ix_merge_tool_event_project_run_id", "merge_tool_event", _RUN)
    op.create_table(
        "merge_tool_holder",
        *_own("merge_tool_holder", "project"),
        *_text("who", "command", "since"),
        *_whole("pid", "backend"),
    )


def downgrade() -> None:
    """Drops them; the rows are lost."""
    for name in (
        "holder",
        "event",
        "approval",
        "criterion",
        "not_done",
        "edit",
        "ledger",
        "file",
        "step",
        "story",
        "run",
    ):
        op.drop_table(f"merge_tool_{name}")
