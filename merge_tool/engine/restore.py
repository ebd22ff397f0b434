"""The database's way back: the dump that the run made before it changed anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from merge_tool.engine.session import Session
from merge_tool.errors import UserError


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do. `shown` is the URL without its password; `safety` where the present state is kept first."""

    shown: str
    dump: Path
    size: int
    made: datetime
    safety: Path
    pg_dump: str
    psql: str

    def sentence(self, *, done: bool) -> str:
        """What is, or would be done."""
        went = "went" if done else "would go"
        kept = "is kept as" if done else "would be kept as"
        return (
            f"the database {self.shown} {went} back to {self.dump} of {self.made:%Y-%m-%d %H:%M} UTC ({self.size:,} bytes); "
            f"its present state {kept} {self.safety}"
        )


def plan_restore(session: Session, dump: Path | None = None) -> RestorePlan:
    """What `rollback --database` does: the dump, and whether everything is there that it needs.

    Args:
        dump: another dump than that of this run's backup.

    Raises:
        UserError: no database URL was given, or there is no dump.
        ActionError: the programs are missing or too old, the disk is too full, or the server is not reached.
    """
    from merge_tool.database.dump import check_dump, mask_url
    from merge_tool.database.preflight import ready

    url = session.settings.database_url
    if not url:
        raise UserError(
            "--database needs the database's URL", hint="--database-url, or MERGE_TOOL_DATABASE_URL"
        )
    folder = session.settings.artifacts / "backups"
    path = dump or folder / f"backup_db_{session.run.id}.sql"
    if not path.is_file():
        there = ", ".join(sorted(item.name for item in folder.glob("*.sql"))) if folder.is_dir() else ""
        raise UserError(
            f"there is no dump {path}",
            hint=(
                f"name one with --dump; there are {there}"
                if there
                else "story 0.1 makes it where MERGE_TOOL_DATABASE_URL is set; name another with --dump FILE"
            ),
        )
    check_dump(url, path)
    pg_dump, psql = ready(url, folder, session.settings.pg_dump)
    number = 1
    while (safety := folder / f"backup_db_{session.run.id}_before_rollback_{number}.sql").exists():
        number += 1
    state = path.stat()
    return RestorePlan(
        mask_url(url), path, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC), safety, pg_dump, psql
    )


def restore(session: Session, plan: RestorePlan) -> None:
    """Keeps the present state in a dump, then puts the database back, all or nothing.

    Raises:
        ActionError: one of the two failed; the database is as it was then.
    """
    from merge_tool.database.dump import dump_database, restore_database

    url = session.settings.database_url
    dump_database(url, plan.safety, pg_dump=plan.pg_dump)
    restore_database(url, plan.dump, psql=plan.psql)
    session.store.event(session.run.id, "database restored", plan.sentence(done=True))
