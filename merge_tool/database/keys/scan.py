"""Scans a live Redis for keys without a tenant: SCAN in small steps, never KEYS; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from merge_tool.database.dump import mask_url
from merge_tool.database.keys.templates import family, shapes_of
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy

SAMPLES = 5
MAX_FAMILIES = 5000


@dataclass(slots=True)
class Family:
    """Keys of one shape without a tenant.

    Attributes:
        samples: some of them, with control characters as they are.
        ttl: the least and greatest seconds to live of the samples; -1 where one lives on for ever.
        types: Redis's types of the samples.
    """

    name: str
    count: int = 0
    samples: list[str] = field(default_factory=list)
    ttl: tuple[int, int] | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found. `complete` is false where the limit of keys ended it."""

    seen: int
    owned: int
    shared: int
    foreign: int
    families: tuple[Family, ...]
    tenants: dict[str, int]
    complete: bool = True
    others: int = 0  # families beyond those that are told


def scan_keys(
    url: str, policy: Policy, *, match: str = "*", tenants: Collection[str] = (), batch: int = 500, rate: float = 0, limit: int = 0,
    say: Callable[[int], None] | None = None,
) -> Scan:  # fmt: skip
    """Looks at every key.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        match: only keys of this pattern.
        tenants: the tenants that there are; empty: whatever stands in a tenant's place is one.
        batch: how many keys a step asks for.
        rate: keys a second at most; 0: as fast as it goes.
        limit: stop after so many keys; 0: none.
        say: is told the number of keys seen, now and then.

    Raises:
        UserError: the policy has no templates, or the server cannot be reached.
    """
    if not policy.keys.templates:
        raise UserError(
            f"the policy {policy.name} has no keys.templates", hint='such as templates: ["{tenant}:{key}"]'
        )
    shapes = shapes_of(policy, tenants)
    families: dict[str, Family] = {}
    by_tenant: dict[str, int] = {}
    seen = owned = shared = foreign = others = 0
    complete = True
    with connected(url) as client:
        for raw in each_key(client, match, batch, rate):
            if limit and seen >= limit:
                complete = False
                break
            seen += 1
            if say is not None and seen % 10_000 == 0:
                say(seen)
            key = raw.decode("utf-8", "surrogateescape")
            if tenant := shapes.tenant(key):
                owned += 1
                by_tenant[tenant] = by_tenant.get(tenant, 0) + 1
            elif shapes.is_shared(key):
                shared += 1
            else:
                foreign += 1
                name = family(key)
                if name not in families and len(families) >= MAX_FAMILIES:
                    others += 1
                    continue
                found = families.setdefault(name, Family(name))
                found.count += 1
                if len(found.samples) < SAMPLES:
                    found.samples.append(key)
        ordered = sorted(families.values(), key=lambda item: (-item.count, item.name))
        for item in ordered[:100]:
            _look(client, item)
    return Scan(seen, owned, shared, foreign, tuple(ordered), by_tenant, complete, others)


def each_key(client: Any, match: str, batch: int, rate: float) -> Iterator[bytes]:
    """Each key once, by SCAN; on a cluster those of every primary."""
    known: set[int] = set()
    began, given = time.monotonic(), 0
    for key in client.scan_iter(match=match, count=batch):
        mark = hash(key)  # SCAN may give a key twice
        if mark in known:
            continue
        known.add(mark)
        yield key
        given += 1
        if rate and given % 50 == 0 and (ahead := given / rate - (time.monotonic() - began)) > 0:
            time.sleep(ahead)


def _look(client: Any, item: Family) -> None:
    """Types and times to live of the samples; a key that is gone by now has none."""
    lives, types = [], []
    for sample in item.samples:
        key = sample.encode("utf-8", "surrogateescape")
        if (left := client.ttl(key)) != -2:
            lives.append(left)
            types.append(client.type(key).decode())
    item.ttl = (min(lives), max(lives)) if lives else None
    item.types = tuple(sorted(set(types)))


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A client whose keys are bytes; one of a cluster where the server says that it is one.

    Raises:
        UserError: redis is missing, the URL is none, or the server refuses.
    """
    try:
        import redis
    except ImportError as error:
        raise UserError(
            f"the client redis cannot be imported: {error}", hint='pip install "merge-tool[redis]"'
        ) from error
    shown = mask_url(url)
    try:
        client: Any = redis.Redis.from_url(
            url, decode_responses=False, socket_connect_timeout=10, socket_timeout=30
        )
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{shown} is no URL of a Redis",
            hint="such as redis://:password@host:6379/0, rediss://… or unix:///path",
        ) from error
    try:
        if _is_cluster(client):
            client.close()
            client = redis.RedisCluster.from_url(
                url, decode_responses=False, socket_connect_timeout=10, socket_timeout=30
            )
        yield client
    except redis.AuthenticationError as error:
        raise UserError(f"{shown}: {_clean(error, url)}", hint="check user and password of the URL") from None
    except redis.RedisError as error:
        raise UserError(
            f"{shown}: {_clean(error, url)}",
            hint="check that the server runs, and the URL; the user needs SCAN, TTL and TYPE",
        ) from None
    finally:
        client.close()


def _is_cluster(client: Any) -> bool:
    import redis

    try:
        return bool(client.info("cluster").get("cluster_enabled"))
    except redis.AuthenticationError:
        raise
    except redis.ResponseError:
        return False  # a user that may not call INFO: taken for a single server


def _clean(error: Exception, url: str) -> str:
    from urllib.parse import unquote, urlsplit

    text = str(error) or type(error).__name__
    password = urlsplit(url).password or ""
    for item in {password, unquote(password)}:
        if item:
            text = text.replace(item, "***")
    return text.replace(url, mask_url(url))
