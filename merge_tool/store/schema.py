"""What a store's tables must be, known without importing what makes them."""

from __future__ import annotations

# Every revision under migrations/versions, oldest first. A test holds this against the folder.
REVISIONS = ("0001",)
HEAD = REVISIONS[-1]

# Own names throughout: a team may put the state into a database that holds other tables, and another alembic_version.
VERSION_TABLE = "merge_tool_version"
PREFIX = "merge_tool_"
