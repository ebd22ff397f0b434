"""Writes a reversible Alembic revision for columns and indexes."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileVerdict, LedgerEntry, Outcome, OutcomeStatus, Verdict
from merge_tool.vcs.workspace import Workspace


@dataclass(frozen=True)
class ColumnSpec:
    """A column to add. A NOT NULL column on a table with rows needs `server_default` (or a literal `default`)."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    server_default: str | None = None


@dataclass(frozen=True)
class IndexSpec:
    """An index to add."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class Migration:
    """Writes one Alembic revision on top of the head: adds `columns` and `indexes` to `table`; its downgrade undoes it.

    `versions` is the folder of the revisions; by default it is found through `alembic.ini`. A revision that this
    action wrote before is left. Where the revisions have several heads, it joins them, and the ledger says so. Revisions are
    read, never executed.
    """

    kind: ClassVar[str] = "migration"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "message": "add promocode first_purchase_only",
        "table": "promocodes",
        "columns": [
            {"name": "first_purchase_only", "type": "Boolean", "nullable": False, "server_default": "false"}
        ],
    }

    message: str
    table: str
    columns: tuple[ColumnSpec, ...] = ()
    indexes: tuple[IndexSpec, ...] = ()
    versions: str = ""

    def run(self, ctx: Context) -> Outcome:
        """Writes the revision; see the class."""
        from merge_tool.database.heads import read_chain
        from merge_tool.database.revision import render_revision, revision_filename, style_of

        folder = self.versions.rstrip("/") or versions_folder(ctx.workspace)
        files = {
            path: ctx.workspace.read(path).decode("utf-8", "replace")
            for path in ctx.workspace.matching([f"/{folder}/*.py"])
        }
        marker = f"Story {ctx.story.id}: {self.message}"
        for path, text in files.items():
            if marker in text:
                return Outcome(
                    OutcomeStatus.DONE,
                    f"{path} is there already",
                    files=(FileVerdict(path, Verdict.UNCHANGED, "migration"),),
                )
        chain = read_chain(files)
        down = chain.heads[0] if len(chain.heads) == 1 else chain.heads or None
        columns = [vars_of(column) for column in self.columns]
        indexes = [vars_of(index) for index in self.indexes]
        text = render_revision(marker, self.table, columns, indexes, down, style=style_of(files))
        path = f"{folder}/{revision_filename(text, files)}"
        ctx.workspace.write(path, text.encode())
        after = ", ".join(chain.heads) or "nothing"
        ledger: tuple[LedgerEntry, ...] = ()
        if len(chain.heads) > 1:
            ledger = (
                LedgerEntry(path, "joins heads", f"the revisions had {len(chain.heads)} heads: {after}"),
            )
        if chain.missing:
            text_of = f"revisions follow {', '.join(chain.missing)}, which no file defines: Alembic refuses the folder"
            ledger = (*ledger, LedgerEntry(folder, "needs a person", text_of))
        summary = f"{path}: {len(columns)} columns, {len(indexes)} indexes on {self.table}, after {after}"
        verdict = FileVerdict(path, Verdict.GENERATED, "migration", marker)
        return Outcome(OutcomeStatus.DONE, summary, files=(verdict,), ledger=ledger)


def vars_of(spec: ColumnSpec | IndexSpec) -> dict[str, Any]:
    """A spec as the plain mapping that plans and codemod options use."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((n, getattr(spec, n)) for n in spec.__dataclass_fields__)
    }


def versions_folder(workspace: Workspace) -> str:
    """The folder of a project's Alembic revisions, from `script_location` of its alembic.ini.

    Raises:
        ActionError: there is no alembic.ini, or it names no folder of the repository.
    """
    for path in workspace.matching(["alembic.ini"]):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(workspace.read(path).decode("utf-8", "replace"))
            location = parser.get("alembic", "script_location")
        except configparser.Error as error:
            raise ActionError(f"{path} cannot be read: {error}", where=path) from error
        clean = location.replace("%(here)s/", "").removeprefix("./").strip("/")
        folder = str(PurePosixPath(path).parent / clean / "versions").removeprefix("./")
        if workspace.matching([f"/{folder}/**"]):
            return folder
    raise ActionError(
        "no Alembic environment was found",
        hint="name its folder of revisions in the story: versions: migrations/versions",
    )


ACTION = Migration
