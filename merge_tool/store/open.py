"""Opens a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.store.reader import EngineSource, Nothing, SqliteSource, version_in
from merge_tool.store.schema import HEAD, REVISIONS
from merge_tool.store.store import Store
from merge_tool.store.trouble import newer, told, told_sqlite
from merge_tool.store.url import StateUrl, parse_url

if TYPE_CHECKING:
    from sqlalchemy import Engine


def open_store(url: str, project: str, *, create: bool = True) -> Store:
    """Opens the store at `url` and brings it to this version's form.

    Args:
        url: `sqlite:///FILE` or `postgresql://user:password@host/database`.
        project: what keys this repository's rows; other projects' rows are never seen.
        create: make the store where there is none. Without it nothing is made, and a store that is not there is empty.

    Raises:
        StateError: it cannot be opened: damaged, made by a newer version, no permission, no server, no driver.
    """
    where = parse_url(url)
    return _open_sqlite(where, project, create) if where.path else _open_postgres(where, project, create)


def _open_sqlite(url: StateUrl, project: str, create: bool) -> Store:
    assert url.path is not None
    with told_sqlite(url):
        if not url.path.exists() and not create:
            return Store(url, project, Nothing())
        url.path.parent.mkdir(parents=True, exist_ok=True)
        there = url.path.exists()
    source = SqliteSource(url)
    try:
        version = version_in(source) if there else ""
        if version and version not in REVISIONS:
            raise newer(url, version)
        if not version and not create:
            source.close()
            return Store(url, project, Nothing())
        if version != HEAD:
            _upgrade_sqlite(url)
        return Store(url, project, source)
    except BaseException:
        source.close()
        raise


def _upgrade_sqlite(url: StateUrl) -> None:
    from merge_tool.store.engine import sqlite_engine
    from merge_tool.store.migrate import upgrade

    with told(url):
        engine = sqlite_engine(url, create=True)
        try:
            upgrade(engine, url)
        finally:
            engine.dispose()


def _open_postgres(url: StateUrl, project: str, create: bool) -> Store:
    from merge_tool.store.engine import postgres_engine

    engine: Engine | None = None
    try:
        with told(url):
            engine = postgres_engine(url)
            version = _version_in(engine)
            if version and version not in REVISIONS:
                raise newer(url, version)
            if not version and not create:
                engine.dispose()
                return Store(url, project, Nothing())
            if version != HEAD:
                from merge_tool.store.migrate import upgrade

                upgrade(engine, url)
            return Store(url, project, EngineSource(url, engine), engine)
    except BaseException:
        if engine is not None:
            engine.dispose()
        raise


def _version_in(engine: Engine) -> str:
    from merge_tool.store.migrate import version_of

    with engine.connect() as connection:
        return version_of(connection)
