"""Alembic's entry: runs the revisions on the connection and in the transaction that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from merge_tool.store.models import Base
from merge_tool.store.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
