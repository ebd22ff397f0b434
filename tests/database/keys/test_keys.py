from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
import redis

from merge_tool.cli import run
from merge_tool.database.keys.templates import family, shapes_of
from merge_tool.plan.policy import load_policy
from tests.servers import PostgresDatabase

POLICY = load_policy("remnabot", root=None)
MAP = "cart:{user_id}=cart:{bot_id}:{user_id}"


def keys(capsys: pytest.CaptureFixture[str], *args: str, code: int) -> str:
    assert run(["keys", *args]) == code
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "tenant"),
    [("7:a", "7"), ("7:a:b:c", "7"), ("cart:7:12", "7"), ("cart:12", ""), ("user:7", ""), ("7", ""), ("a7:b", ""), ("7:", ""), ("cart:7:1:2", "7")],
)  # fmt: skip
def test_templates_say_whose_a_key_is(key: str, tenant: str) -> None:
    assert shapes_of(POLICY).tenant(key) == tenant


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("cart:12", "cart:*"), ("a:b", "a:b"), ("session:6f9619ff-8b86-d011-b42d-00c04fc964ff", "session:*"),
        ("lock:user:7:job", "lock:user:*:job"), ("rate/1.2.3.4", "rate/*.*.*.*"), ("mail:a@b.org", "mail:*.org"), ("v2:x", "v2:x"),
    ],
)  # fmt: skip
def test_families_leave_the_ids_out(key: str, name: str) -> None:
    assert family(key) == name


def test_a_scan_tells_families_samples_and_lives(
    redis_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with redis.from_url(redis_url) as client:
        for number in range(30):
            client.set(f"cart:{number}", 1, ex=100)
            client.set(f"1:cart:{number}", 1)
        client.hset("session:abc", "a", 1)
        client.set(b"odd\xff\x1b[31m", 1)
        client.set("lock", 1)
    (tmp_path / "p.yaml").write_text("extends: remnabot\nkeys: {global_keys: [lock]}\n")
    data = json.loads(
        keys(capsys, "--url", redis_url, "--policy", str(tmp_path / "p.yaml"), "--json", code=1)
    )
    assert (data["keys"], data["tenant"], data["global"], data["without_tenant"]) == (63, 30, 1, 32)
    assert data["tenants"] == {"1": 30}
    cart = data["families"][0]
    assert (cart["family"], cart["count"], cart["types"], len(cart["samples"])) == (
        "cart:*",
        30,
        ["string"],
        5,
    )
    assert 0 < cart["ttl"][0] <= 100
    text = keys(capsys, "--url", redis_url, "--policy", "remnabot", code=1)
    assert "\x1b" not in text
    assert "33 of 63 keys" in text
    data = json.loads(
        keys(
            capsys,
            "--url",
            redis_url,
            "--policy",
            "remnabot",
            "--tenant",
            "2",
            "--match",
            "1:*",
            "--json",
            code=1,
        )
    )
    assert data["without_tenant"] == 30


def test_a_clean_redis_and_usage(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with redis.from_url(redis_url) as client:
        client.set("3:a", 1)
    keys(capsys, "--url", redis_url, "--policy", "remnabot", code=0)
    keys(capsys, "--policy", "remnabot", code=2)
    keys(capsys, "--url", "http://x", "--policy", "remnabot", code=2)
    assert run(["keys", "--url", "redis://:s3cr3t@127.0.0.1:1/0", "--policy", "remnabot"]) == 2
    shown = capsys.readouterr()
    assert "s3cr3t" not in shown.err
    assert "mend: check that the server runs" in shown.err


def test_a_migration_renames_and_overwrites_nothing(
    redis_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lookup = tmp_path / "users.csv"
    lookup.write_text("user_id,bot_id\n1,5\n2,6\n")
    args = ["migrate", "--url", redis_url, "--policy", "remnabot", "--map", MAP, "--lookup", str(lookup)]
    with redis.from_url(redis_url, decode_responses=True) as client:
        client.set("cart:1", "one", ex=500)
        client.rpush("cart:2", "a", "b")
        client.set("cart:3", "nobody's")
        client.set("other", "x")
        client.set("cart:6:2", "there already")
        before = sorted(client.keys("*"))
        text = keys(capsys, *args, code=1)
        assert "cart:1 → cart:5:1" in text
        assert "nothing was written" in text
        assert sorted(client.keys("*")) == before
        data = json.loads(keys(capsys, *args, "--write", "--json", code=1))
        assert data["renamed"] == {MAP: 1}
        assert data["taken"] == [{"old": "cart:2", "new": "cart:6:2"}]
        assert data["unknown"] == ["cart:3"]
        assert data["unmapped"] == 1
        assert client.get("cart:5:1") == "one"
        assert 0 < client.ttl("cart:5:1") <= 500
        assert client.lrange("cart:2", 0, -1) == ["a", "b"]
        assert client.get("cart:6:2") == "there already"
        client.delete("cart:6:2", "other")
        data = json.loads(
            keys(capsys, *args, "--write", "--tenant", "9", "--json", code=0)
        )  # again, and the rest
        assert data["renamed"] == {MAP: 2}
        assert client.lrange("cart:6:2", 0, -1) == ["a", "b"]
        assert client.get("cart:9:3") == "nobody's"
        assert json.loads(keys(capsys, *args, "--write", "--json", code=0))["renamed"] == {}


def test_a_migration_looks_tenants_up_in_the_database(
    redis_url: str, postgres_database: PostgresDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute("CREATE TABLE users (id int, bot_id int)")
        connection.execute("INSERT INTO users VALUES (1, 4), (2, NULL)")
    with redis.from_url(redis_url, decode_responses=True) as client:
        client.set("cart:1", 1)
        args = [
            "--policy",
            "remnabot",
            "--map",
            MAP,
            "--lookup-query",
            "user_id=SELECT id, bot_id FROM users",
            "--write",
        ]
        keys(capsys, "migrate", "--url", redis_url, "--database-url", postgres_database.url(), *args, code=0)
        assert client.keys("*") == ["cart:4:1"]


@pytest.mark.parametrize("mapping", ["cart", "a=b", "a:{x}=a:{bot_id}", "a=b:{bot_id}:{y}", "=x"])
def test_mappings_that_would_lose_something_are_refused(
    redis_url: str, capsys: pytest.CaptureFixture[str], mapping: str
) -> None:
    keys(capsys, "migrate", "--url", redis_url, "--policy", "remnabot", "--map", mapping, code=2)
