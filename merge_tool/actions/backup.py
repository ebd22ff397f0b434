"""Keeps what is there before the merge: a branch, and a dump of the database where one is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.branch import make_branch
from merge_tool.model.outcome import LedgerEntry, Outcome, OutcomeStatus
from merge_tool.vcs.names import check_ref


@dataclass(frozen=True)
class Backup:
    """Makes branch `branch` at the fork's commit, and dumps the database that `--database-url` names.

    Without a database URL no dump is made, and the ledger says so.
    """

    kind: ClassVar[str] = "backup"
    EXAMPLE: ClassVar[dict[str, Any]] = {"branch": "backup-before-upstream-merge-{date}"}

    branch: str
    database: bool = True

    def run(self, ctx: Context) -> Outcome:
        """Makes the backup; see the class."""
        done = [make_branch(ctx, check_ref(ctx.fill(self.branch)), ctx.facts["fork_commit"])]
        ledger: tuple[LedgerEntry, ...] = ()
        url = ctx.settings.database_url
        if self.database and url:
            from merge_tool.database.dump import dump_database, mask_url

            target = ctx.settings.artifacts / "backups" / f"backup_db_{ctx.facts['run']}.sql"
            if ctx.dry_run:
                done.append(f"would dump {mask_url(url)} to {target.name}")
            else:
                ctx.say(f"dumping {mask_url(url)}")
                path = dump_database(url, target, pg_dump=ctx.settings.pg_dump)
                done.append(f"database {mask_url(url)} dumped to {path} ({path.stat().st_size:,} bytes)")
        elif self.database:
            ledger = (
                LedgerEntry(
                    "database", "not dumped", "no --database-url (or MERGE_TOOL_DATABASE_URL) was given"
                ),
            )
            done.append("no database URL was given: no dump")
        return Outcome(OutcomeStatus.DONE, "; ".join(done), ledger=ledger)


ACTION = Backup
