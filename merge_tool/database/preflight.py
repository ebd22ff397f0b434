"""Checks before a dump or a restore: the programs, their versions against the server's, room on the disk."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from merge_tool.errors import ActionError, MergeToolError

_FOLDERS = "/usr/lib/postgresql"
_SPARE = 16 * 1024 * 1024


def find_client(name: str, server: int) -> str:
    """PostgreSQL's client program of that name or path that can work with a server of that major version.

    The one named is taken where it is new enough; else the newest of Debian's folders.

    Raises:
        ActionError: there is none, or none that is new enough.
    """
    places = (
        [name]
        if "/" in name
        else [name, *sorted(map(str, Path(_FOLDERS).glob(f"*/bin/{name}")), reverse=True)]
    )
    found = [(path, major(path)) for item in places if (path := shutil.which(item))]
    if not found:
        raise ActionError(
            f"{name} was not found",
            hint="install PostgreSQL's client programs (apt install postgresql-client), or give its path with MERGE_TOOL_PG_DUMP",
        )
    # psql works with newer servers too; pg_dump refuses them.
    fitting = [path for path, version in found if version >= server or Path(name).name != "pg_dump"]
    if not fitting:
        path, version = found[0]
        raise ActionError(
            f"{path} is of version {version}, the server of version {server}: a dump needs a pg_dump that is as new",
            hint=f"apt install postgresql-client-{server}, or give the path of another with MERGE_TOOL_PG_DUMP",
        )
    return fitting[0]


def major(program: str) -> int:
    """The major version that a PostgreSQL program tells; 0 where it tells none."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"(\d+)(?:\.\d+)?", said.rpartition(")")[2])
    return int(match[1]) if match else 0


def server_facts(url: str) -> tuple[int, int] | None:
    """The server's major version and the database's size in bytes; None for SQLite, or where psycopg is not there to ask.

    Raises:
        UserError: the server cannot be reached.
    """
    if url.startswith("sqlite"):
        return None
    try:
        import psycopg  # noqa: F401 the extra may not be installed; pg_dump works without it
    except ImportError:
        return None
    from merge_tool.database.live.connect import reading

    with reading(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return connection.info.server_version // 10000, int(row[0]) if row else 0


def check_room(folder: Path, size: int) -> None:
    """Refuses where a dump of a database of `size` bytes may not fit. Raises `ActionError`."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise ActionError(
            f"{folder} has {free // 1024**2:,} MB left, and the database is {size // 1024**2:,} MB large",
            hint="make room there first",
        )


def ready(url: str, folder: Path, pg_dump: str) -> tuple[str, str]:
    """The pg_dump to use, and the psql beside it.

    Args:
        folder: where the dump is to be written.
        pg_dump: name or path.

    Raises:
        ActionError: a program is missing or too old, the disk is too full, or the server is not reached.
    """
    try:
        facts = server_facts(url)
    except MergeToolError as error:
        raise ActionError(error.message, hint=error.hint) from error
    beside = str(Path(pg_dump).with_name("psql")) if "/" in pg_dump else "psql"
    if facts is None:
        return pg_dump, beside
    version, size = facts
    check_room(folder, size)
    program = find_client(pg_dump, version)
    psql = str(Path(program).with_name("psql"))
    return program, psql if shutil.which(psql) else beside
