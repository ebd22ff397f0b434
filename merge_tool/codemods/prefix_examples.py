"""The examples of `prefix-keys`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_CACHE = """import redis.asyncio as redis


def cache_key(*parts):
    return ":".join(str(part) for part in parts)


class Cache:
    def __init__(self):
        self.client: redis.Redis = redis.from_url("redis://")

    async def get(self, key):
        return await self.client.get(key)

    async def set(self, key, value):
        await self.client.set(key, value)

    async def drop(self, *keys):
        await self.client.delete(*keys)

    async def drop_all(self, pattern):
        async for key in self.client.scan_iter(pattern):
            await self.client.delete(key)


cache = Cache()
"""
_HEAD = 'from app.cache import cache, cache_key\n\nSTATE = "state"\n\n\n'

EXAMPLES = (
    # Every shape of a key, where the tenant is at hand.
    Example(
        before={
            "app/__init__.py": "",
            "app/cache.py": _CACHE,
            "app/carts.py": _HEAD
            + '''async def load(user_id, bot_id):
    return await cache.get(f"cart:{user_id}")


async def save(user_id, value, bot_id):
    key = "cart:%s" % user_id
    await cache.set(key, value)
    print(key)


async def by_builder(user_id, bot_id):
    await cache.set(cache_key("seen", user_id), 1)  # when
    await cache.set(cache_key(
        "seen", user_id
    ), 1)


async def others(user, step, bot_id):
    await cache.get("step:" + step)
    await cache.get(STATE)
    await cache.get('{curly}')
    await cache.get("profile:{}".format(user.id))
    await cache.get("vip" if user.vip else f"plain:{user.id}")
    await cache.drop_all("profile:*")


async def right(user_id, bot_id):
    await cache.get(f"{bot_id}:cart:{user_id}")
    await cache.get(cache_key(bot_id, "seen", user_id))
''',
        },
        after={
            "app/carts.py": _HEAD
            + '''async def load(user_id, bot_id):
    return await cache.get(f"{bot_id}:cart:{user_id}")


async def save(user_id, value, bot_id):
    key = f"{bot_id}:" + "cart:%s" % user_id
    await cache.set(key, value)
    print(key)


async def by_builder(user_id, bot_id):
    await cache.set(cache_key(bot_id, "seen", user_id), 1)  # when
    await cache.set(cache_key(
        bot_id,
        "seen", user_id
    ), 1)


async def others(user, step, bot_id):
    await cache.get(f"{bot_id}:step:" + step)
    await cache.get(f"{bot_id}:{STATE}")
    await cache.get(f'{bot_id}:{{curly}}')
    await cache.get(f"{bot_id}:" + "profile:{}".format(user.id))
    await cache.get(f"{bot_id}:vip" if user.vip else f"{bot_id}:plain:{user.id}")
    await cache.drop_all(f"{bot_id}:profile:*")


async def right(user_id, bot_id):
    await cache.get(f"{bot_id}:cart:{user_id}")
    await cache.get(cache_key(bot_id, "seen", user_id))
''',
        },
    ),
    # The seed's shape for carts; a builder method and its callers get the tenant.
    Example(
        before={
            "app/__init__.py": "",
            "app/carts.py": '''import redis


class Carts:
    def __init__(self):
        self.redis = redis.Redis()

    def _key(self, user_id: int) -> str:
        return f"cart:{user_id}"

    def load(self, user_id: int):
        return self.redis.get(self._key(user_id))

    def drop(self, user_id: int):
        self.redis.delete(self._key(user_id))


carts = Carts()


def show(user_id: int, bot_id: int):
    return carts.load(user_id)
''',
        },
        options={"thread": True, "infix": ["cart:*"]},
        after={
            "app/carts.py": '''import redis


class Carts:
    def __init__(self):
        self.redis = redis.Redis()

    def _key(self, user_id: int, bot_id: int) -> str:
        return f"cart:{bot_id}:{user_id}"

    def load(self, user_id: int, bot_id: int):
        return self.redis.get(self._key(user_id, bot_id=bot_id))

    def drop(self, user_id: int, bot_id: int):
        self.redis.delete(self._key(user_id, bot_id=bot_id))


carts = Carts()


def show(user_id: int, bot_id: int):
    return carts.load(user_id, bot_id=bot_id)
''',
        },
    ),
    # One place without a tenant holds its family back, and no other.
    Example(
        before={
            "app/__init__.py": "",
            "app/cache.py": _CACHE,
            "app/jobs.py": _HEAD
            + '''async def read(bot_id):
    return await cache.get("rates:usd"), await cache.get("fees:usd")


async def write(value):
    await cache.set("rates:usd", value)


async def maybe(bot_id=None):
    await cache.get("limits")


async def dropped(name, bot_id):
    await cache.drop_all("pages:*")
    return name.split(":")


async def parsed(bot_id):
    return [key.split(":")[1] async for key in cache.client.scan_iter("visits:*")]
''',
        },
        after={
            "app/jobs.py": _HEAD
            + '''async def read(bot_id):
    return await cache.get("rates:usd"), await cache.get(f"{bot_id}:fees:usd")


async def write(value):
    await cache.set("rates:usd", value)


async def maybe(bot_id=None):
    await cache.get("limits")


async def dropped(name, bot_id):
    await cache.drop_all(f"{bot_id}:pages:*")
    return name.split(":")


async def parsed(bot_id):
    return [key.split(":")[1] async for key in cache.client.scan_iter("visits:*")]
''',
        },
        not_done=(
            "left with the other keys rates:usd, because of app/jobs.py:11",
            "no bot_id is known here (keys rates:usd)",
            "bot_id may be None here (keys limits)",
            "taken apart",
        ),
    ),
)  # fmt: skip
