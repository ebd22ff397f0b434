"""Keeps tenants apart in the database: an Alembic revision with row level security, and the session that tells the tenant.

The revision gives the tables that lack it the tenant column: it may be NULL at first, is filled from the row that a row belongs to by a
foreign key, else with the first tenant, and is NOT NULL then, with an index. Unique keys that the models hold within a tenant, and the
revisions over all, are swapped. Each tenant table gets ENABLE and FORCE ROW LEVEL SECURITY and one policy with USING and WITH CHECK::

    CREATE POLICY tenant_isolation ON orders
    USING (bot_id = nullif(current_setting('app.current_tenant', true), '')::int)
    WITH CHECK (bot_id = nullif(current_setting('app.current_tenant', true), '')::int)

Where the session is made, a listener tells PostgreSQL the tenant of the context at the begin of each transaction, so again after each commit,
for this transaction alone::

    @event.listens_for(Session, "after_begin")
    def tell_tenant(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        tenant = get_current_tenant()
        if tenant is not None and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('app.current_tenant', :tenant, true)"), {"tenant": str(tenant)})

What the revisions have done already is not done again. The models must have the column before: run `tenant-columns`. Revisions are
read, never executed. Left to a person: tables that no revision makes (the revision passes over those that are missing), unique keys whose old
name is not known. Several heads are joined, and told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.rls_examples import EXAMPLES
from merge_tool.codemods.rls_plan import plan_isolation
from merge_tool.codemods.rls_session import tell_tenant
from merge_tool.database.heads import read_chain, read_revision
from merge_tool.database.isolation import render_isolation
from merge_tool.database.revision import revision_filename, style_of
from merge_tool.errors import MergeToolError
from merge_tool.model.source import CodemodResult, Edit, NotDone

_REVISION = re.compile(r"^down_revision\s*(?::[^=\n]+)?=", re.MULTILINE)


@dataclass(frozen=True)
class EnableRlsOptions:
    """What `enable-rls` takes.

    Attributes:
        versions: the folder of the revisions; empty: where the project's revisions are.
        session: the file that makes the sessions; empty: the one file that calls `async_sessionmaker` or `sessionmaker`.
        setting: the session variable.
        policy: the name of the policies in the database.
        tenants: the table of the tenants; empty: the one that the policy shares.
        message: the first line of the revision.
    """

    versions: str = ""
    session: str = ""
    setting: str = "app.current_tenant"
    policy: str = "tenant_isolation"
    tenants: str = ""
    message: str = "keep tenants apart by row level security"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", self.setting):
            raise ValueError(f"setting {self.setting!r} is not of the form prefix.name")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.policy):
            raise ValueError(f"policy {self.policy!r} is not a name of SQL")


class EnableRls(Codemod):
    """See the module."""

    name: ClassVar[str] = "enable-rls"
    Options: ClassVar[type] = EnableRlsOptions
    unsafe: ClassVar[str] = (
        "a connection that tells no tenant sees no row any more, and the revision changes tables that have rows"
    )
    options: EnableRlsOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Writes the revision for the tables whose models stand in the chosen files, and the listener."""
        options = self.options
        chosen = set(project.chosen(paths))
        folder = options.versions.strip("/") or _folder(project.files)
        files = {path: text for path, text in project.files.items() if path.rpartition("/")[0] == folder}
        left: list[NotDone] = []
        if not folder:
            reason = "the project has no Alembic revision: name the folder that gets the first (versions=migrations/versions)"
            left.append(NotDone(min(project.files, default=""), 1, self.name, reason))
        edits: list[Edit] = []
        texts: dict[str, str] = {}
        heads = _heads(files, self.name, left)
        work = plan_isolation(project, chosen, options, self.name, left) if folder else None
        if work is not None:
            if len(heads) > 1:
                reason = f"the revisions had several heads ({', '.join(heads)}): the new one joins them"
                left.append(NotDone(folder, 1, self.name, reason))
            down = heads[0] if len(heads) == 1 else heads or None
            text = render_isolation(work, down, style_of(files))
            path = f"{folder}/{revision_filename(text, files)}"
            texts[path] = text
            edits.append(Edit(path, 1, self.name, f"keep tenants apart in {len(work.guarded)} tables"))
        told, done, open_sites = tell_tenant(project, options, self.name)
        return CodemodResult({**texts, **told}, (*edits, *done), (*left, *open_sites))


def _heads(files: Mapping[str, str], codemod: str, left: list[NotDone]) -> tuple[str, ...]:
    """The revisions that none follows. Where the chain has a fault that Alembic lives with, it is told, and read past."""
    try:
        return read_chain(files).heads
    except MergeToolError as error:
        path, _, line = error.where.rpartition(":")
        place = (path, int(line)) if line.isdigit() and path in files else (min(files), 1)
        left.append(NotDone(*place, codemod, f"the chain of revisions has a fault: {error}"))
    found = []
    for path, text in sorted(files.items()):
        with suppress(MergeToolError):
            if (revision := read_revision(path, text)) is not None:
                found.append(revision)
    followed = {parent for revision in found for parent in revision.parents}
    return tuple(sorted({revision.id for revision in found} - followed))


def _folder(files: Mapping[str, str]) -> str:
    """The folder with the most revisions; empty where there is none."""
    counts: dict[str, int] = {}
    for path, text in files.items():
        if "down_revision" in text and _REVISION.search(text):
            folder = path.rpartition("/")[0]
            counts[folder] = counts.get(folder, 0) + 1
    return min(counts, key=lambda folder: (-counts[folder], folder), default="")


__all__ = ["CODEMOD", "EXAMPLES", "EnableRls"]

CODEMOD = EnableRls
