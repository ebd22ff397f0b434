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
    """Makes branch `branch` at the fork's commit (`-2` and so on behind the name where a branch of an earlier run has it), and dumps the database that `--database-url` names.

    Without a database URL no dump is made, and the ledger says so.
    """

    kind: ClassVar[str] = "backup"
    EXAMPLE: ClassVar[dict[str, Any]] = {"branch": "backup-before-upstream-merge-{date}"}

    branch: str
    database: bool = True

    def run(self, ctx: Context) -> Outcome:
        """Makes the backup; see the class."""
        done = [make_branch(ctx, free_name(ctx, check_ref(ctx.fill(self.branch))), ctx.facts["fork_commit"])]
        ledger: tuple[LedgerEntry, ...] = ()
        url = ctx.settings.database_url
        if self.database and url:
            from merge_tool.database.dump import dump_database, mask_url
            from merge_tool.database.preflight import ready

            target = ctx.settings.artifacts / "backups" / f"backup_db_{ctx.facts['run']}.sql"
            if ctx.dry_run:
                done.append(f"would dump {mask_url(url)} to {target.name}")
            else:
                ctx.say(f"dumping {mask_url(url)}")
                program, _ = ready(url, target.parent, ctx.settings.pg_dump)
                path = dump_database(url, target, pg_dump=program)
                done.append(f"database {mask_url(url)} dumped to {path} ({path.stat().st_size:,} bytes)")
        elif self.database:
            ledger = (
                LedgerEntry(
                    "database", "not dumped", "no --database-url (or MERGE_TOOL_DATABASE_URL) was given"
                ),
            )
            done.append("no database URL was given: no dump")
        return Outcome(OutcomeStatus.DONE, "; ".join(done), ledger=ledger)


def free_name(ctx: Context, name: str) -> str:
    """`name`, or the first of `name-2`, `name-3`, … that no branch at another commit has: a backup is never moved."""
    heads = ctx.repo.refs("refs/heads/")
    number, candidate = 1, name
    while heads.get(f"refs/heads/{candidate}", ctx.facts["fork_commit"]) != ctx.facts["fork_commit"]:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


ACTION = Backup
