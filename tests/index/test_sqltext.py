"""Raw SQL as text: what its conditions hold, and that no text stops the reader."""

from __future__ import annotations

import pytest

from merge_tool.index.sqltext import SqlReader
from merge_tool.rulekit import Scoped

READER = SqlReader({"users", "orders"}, "bot_id", {"orders": {"user_id": "users"}})

HELD = [
    "SELECT * FROM users u WHERE u.bot_id = $1",
    "SELECT * FROM users WHERE bot_id IN (:a, :b)",
    "SELECT * FROM users WHERE bot_id = ANY(:ids)",
    "SELECT * FROM users WHERE (id = 1 OR id = 2) AND bot_id = :b",
    "SELECT * FROM users WHERE bot_id = :b AND id = 1 OR bot_id = :b AND id = 2",
    "SELECT * FROM users WHERE bot_id = current_setting('app.tenant')::int",
    "SELECT * FROM orders o JOIN users u ON u.id = o.user_id WHERE u.bot_id = :b",
    "SELECT * FROM orders JOIN users USING (bot_id) WHERE users.bot_id = :b",
    "SELECT * FROM orders o, users u WHERE o.user_id = u.id AND u.bot_id = 1",
    "SELECT * FROM (SELECT * FROM users) s WHERE s.bot_id = :b",
    "WITH c AS (SELECT * FROM users) SELECT * FROM c WHERE c.bot_id = 1",
    "SELECT * FROM orders WHERE user_id IN (SELECT id FROM users WHERE bot_id = :b)",
    "SELECT * FROM users u WHERE u.bot_id = :b AND EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id)",
    "DELETE FROM orders USING users WHERE orders.user_id = users.id AND users.bot_id = :b",
    "UPDATE users SET x = 1 WHERE bot_id = :b",
    "INSERT INTO users (id, bot_id) VALUES (1, 2)",
    "SELECT 1",
    "CREATE TABLE users (id int)",
]
OPEN = [
    ("SELECT * FROM users", "users"),
    ("SELECT * FROM users WHERE bot_id IS NOT NULL", "users"),
    ("SELECT * FROM users WHERE bot_id <> :b", "users"),
    ("SELECT * FROM users WHERE NOT bot_id = :b", "users"),
    ("SELECT * FROM users WHERE bot_id = :b OR id = 3", "users"),
    ("SELECT * FROM orders o LEFT JOIN users u ON u.id = o.user_id AND u.bot_id = :b", "orders"),
    ("SELECT * FROM orders o JOIN users u ON u.name = o.name WHERE u.bot_id = :b", "orders"),
    ("WITH c AS (SELECT * FROM users) SELECT * FROM c", "users"),
    ("SELECT id FROM users WHERE bot_id = :b UNION SELECT id FROM orders", "orders"),
    ("UPDATE users SET bot_id = :b", "users"),
    ("INSERT INTO users (id) VALUES (1)", "users"),
]


@pytest.mark.parametrize("sql", HELD)
def test_held(sql: str) -> None:
    assert READER.read(sql) == []


@pytest.mark.parametrize(("sql", "table"), OPEN)
def test_open(sql: str, table: str) -> None:
    found = READER.read(sql)
    assert found is not None
    assert [(item.table, item.scoped) for item in found] == [(table, Scoped.NO)]


@pytest.mark.parametrize(
    "sql", ["", ";;", "SELECT FROM WHERE ((", "'", "\0", "(" * 3000, "SELECT " + "1+" * 3000 + "1", "имя"]
)
def test_any_text_is_read_or_refused(sql: str) -> None:
    assert READER.read(sql) in (None, [])


@pytest.mark.parametrize("number", range(0, 240, 7))
def test_a_statement_that_breaks_off_is_read_or_refused(number: int) -> None:
    sql = "WITH c AS (SELECT u.id FROM users u WHERE u.bot_id = :b) SELECT o.id, (SELECT max(id) FROM users) FROM orders o JOIN c ON c.id = o.user_id WHERE o.id IN (SELECT 1) ORDER BY o.id LIMIT 3"
    found = READER.read(sql[:number])
    assert found is None or isinstance(found, list)
