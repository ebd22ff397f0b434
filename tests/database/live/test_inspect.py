from __future__ import annotations

import psycopg
import pytest

from merge_tool.database.live.inspect import Inspection, inspect_database
from merge_tool.errors import UserError
from merge_tool.model.source import Severity
from merge_tool.plan.policy import load_policy
from tests.database.live.sample import PINS, make_sample
from tests.servers import PostgresDatabase

POLICY = load_policy("remnabot", root=None)


def inspect(database: PostgresDatabase, extra: str = "") -> Inspection:
    return inspect_database(make_sample(database, extra).url(), POLICY)


def found(inspection: Inspection) -> set[tuple[str, str, str]]:
    return {(item.code, item.severity.value, item.subject) for item in inspection.findings}


def test_a_database_in_order_has_no_finding(postgres_database: PostgresDatabase) -> None:
    inspection = inspect(postgres_database)
    assert inspection.findings == ()
    assert [item.name for item in inspection.scope.owned] == ["public.orders", "public.users"]
    assert inspection.scope.tenants == "public.bots"


# What is changed, and what must be said of it: code, severity, object, and a part of the message.
MUTATIONS = {
    "no column": ("ALTER TABLE users DROP COLUMN bot_id CASCADE; CREATE TABLE bot_things (id int); ", "T03", "warning", "public.users", "has no bot_id"),
    "nullable": ("ALTER TABLE orders ALTER bot_id DROP NOT NULL", "TM2", "error", "public.orders", "may be NULL"),
    "default tenant": ("ALTER TABLE orders ALTER bot_id SET DEFAULT 1", "TM13", "warning", "public.orders", "is filled with 1"),
    "no foreign key": ("ALTER TABLE users DROP CONSTRAINT users_bot_id_fkey", "TM5", "error", "public.users", "no foreign key to public.bots"),
    "not valid": ("ALTER TABLE users DROP CONSTRAINT users_bot_id_fkey; ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (bot_id) REFERENCES bots (id) NOT VALID", "TM5", "warning", "public.users", "NOT VALID"),
    "no index": ("DROP INDEX idx_orders_bot_id, idx_orders_bot_id_created_at", "TM3", "error", "public.orders", "no index begins with bot_id"),
    "index by another name": ("ALTER INDEX idx_orders_bot_id RENAME TO other", "TM3", "warning", "public.orders", "asks for idx_orders_bot_id"),
    "partial index": ("DROP INDEX idx_orders_bot_id, idx_orders_bot_id_created_at; CREATE INDEX idx_orders_bot_id ON orders (bot_id) WHERE code IS NULL", "TM3", "error", "public.orders", "only rows where"),
    "index on something else": ("DROP INDEX idx_orders_bot_id, idx_orders_bot_id_created_at; CREATE INDEX idx_orders_bot_id ON orders (code)", "TM3", "error", "public.orders", "(code)"),
    "no composite": ("DROP INDEX idx_orders_bot_id_created_at", "TM3", "info", "public.orders", "(bot_id, created_at)"),
    "global unique": ("ALTER TABLE orders ADD CONSTRAINT uq_code UNIQUE (code)", "TM4", "error", "public.orders", "UNIQUE (code) by uq_code"),
    "global unique index": ("CREATE UNIQUE INDEX uq_low ON orders (lower(code)) WHERE code <> ''", "TM4", "error", "public.orders", "an expression"),
    "simple foreign key": ("ALTER TABLE orders DROP CONSTRAINT fk_orders_user; ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users (id)", "TM5", "info", "public.orders", "into another tenant"),
    "not enabled": ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "TM6", "error", "public.orders", "its policies do nothing"),
    "not forced": ("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY", "TM7", "error", "public.orders", "not forced"),
    "no policy": ("DROP POLICY tenant_isolation ON orders", "TM6", "error", "public.orders", "has no policy"),
    "policy for nobody": ("DROP POLICY tenant_isolation ON orders; CREATE ROLE {app}_x; CREATE POLICY p ON orders TO {app}_x USING ({pins}) WITH CHECK ({pins})", "TM6", "error", "public.orders", "lets app_"),
    "true": ("CREATE POLICY p ON orders USING (true) WITH CHECK ({pins})", "TM9", "error", "public.orders", "USING of the policy p is open"),
    "or null": ("ALTER POLICY tenant_isolation ON orders USING ({pins} OR bot_id IS NULL)", "TM9", "error", "public.orders", "is open"),
    "fails open": ("ALTER POLICY tenant_isolation ON orders USING ({pins} OR nullif(current_setting('app.current_tenant', true), '') IS NULL)", "TM9", "error", "public.orders", "is open"),
    "own column": ("ALTER POLICY tenant_isolation ON orders USING (bot_id = coalesce(nullif(current_setting('app.current_tenant', true), '')::int, bot_id))", "TM9", "error", "public.orders", "is open"),
    "open check": ("ALTER POLICY tenant_isolation ON orders WITH CHECK (true)", "TM9", "error", "public.orders", "WITH CHECK of the policy"),
    "no check": ("DROP POLICY tenant_isolation ON orders; CREATE POLICY p ON orders USING ({pins})", "TM8", "warning", "public.orders", "has no WITH CHECK"),
    "open insert": ("CREATE POLICY p ON orders FOR INSERT WITH CHECK (bot_id > 0)", "TM9", "error", "public.orders", "WITH CHECK of the policy p"),
    "no missing_ok": ("ALTER POLICY tenant_isolation ON orders USING (bot_id = nullif(current_setting('app.current_tenant'), '')::int)", "TM10", "warning", "public.orders", "without missing_ok"),
    "no nullif": ("ALTER POLICY tenant_isolation ON orders USING (bot_id = current_setting('app.current_tenant', true)::int)", "TM10", "warning", "public.orders", "without nullif"),
    "another variable": ("ALTER POLICY tenant_isolation ON orders USING (bot_id = nullif(current_setting('app.tenant', true), '')::int)", "TM10", "error", "public.orders", "reads app.tenant"),
    "fixed fallback": ("ALTER POLICY tenant_isolation ON orders USING (bot_id = coalesce(nullif(current_setting('app.current_tenant', true), ''), '1')::int)", "TM10", "error", "public.orders", "falls back"),
    "another table": ("ALTER POLICY tenant_isolation ON orders USING (user_id IN (SELECT id FROM users))", "TM9", "info", "public.orders", "cannot tell"),
    "view": ("CREATE VIEW v AS SELECT * FROM orders; GRANT SELECT ON v TO {app}", "TM11", "error", "public.v", "whom no policy binds"),
    "view of a view": ("CREATE VIEW a WITH (security_invoker) AS SELECT * FROM orders; CREATE VIEW v AS SELECT * FROM a; GRANT SELECT ON v TO {app}", "TM11", "error", "public.v", "public.orders"),
    "materialized view": ("CREATE MATERIALIZED VIEW m AS SELECT * FROM orders; GRANT SELECT ON m TO {app}", "TM11", "error", "public.m", "all tenants"),
    "definer": ("CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT count(*) FROM orders'", "TM11", "error", "public.f", "SECURITY DEFINER"),
    "definer without path": ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "TM11", "warning", "public.f", "search_path"),
    "bypass": ("ALTER ROLE {app} BYPASSRLS", "TM12", "error", "app", "BYPASSRLS"),
    "superuser": ("ALTER ROLE {app} SUPERUSER", "TR6", "error", "app", "superuser"),
    "can become": ("CREATE ROLE {app}_b BYPASSRLS; GRANT {app}_b TO {app}", "TM12", "error", "app", "can become"),
    "owner": ("ALTER TABLE orders OWNER TO {app}", "TR6", "info", "app", "owns 1 tenant table"),
    "owner unforced": ("ALTER TABLE orders OWNER TO {app}; ALTER TABLE orders NO FORCE ROW LEVEL SECURITY", "TR6", "error", "app", "do not force"),
    "truncate": ("GRANT TRUNCATE ON orders TO {app}", "TR6", "info", "app", "TRUNCATE"),
    "preset": ("ALTER ROLE {app} SET app.current_tenant = '1'", "TT4", "error", "app", "app.current_tenant = 1"),
    "sequence": ("REVOKE ALL ON SEQUENCE orders_id_seq FROM {app}", "TR6", "warning", "public.orders_id_seq", "not draw"),
    "other schema": ("CREATE SCHEMA extra; CREATE TABLE extra.notes (id int PRIMARY KEY, bot_id int)", "TM6", "error", "extra.notes", "not enabled"),
    "child without the column": ("CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders (id))", "T03", "warning", "public.items", "hang on public.orders"),
    "partition": ("CREATE TABLE logs (id int, bot_id int NOT NULL REFERENCES bots (id)) PARTITION BY LIST (bot_id); CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1); CREATE INDEX idx_logs_bot_id ON logs (bot_id); ALTER TABLE logs ENABLE ROW LEVEL SECURITY; ALTER TABLE logs FORCE ROW LEVEL SECURITY; CREATE POLICY p ON logs USING ({pins}) WITH CHECK ({pins}); GRANT SELECT ON logs_1 TO {app}", "TM6", "error", "public.logs_1", "a partition of public.logs"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_change_for_the_worse_is_found(postgres_database: PostgresDatabase, name: str) -> None:
    extra, code, severity, subject, part = MUTATIONS[name]
    inspection = inspect(postgres_database, extra)
    subject = f"app_{postgres_database.name}" if subject == "app" else subject
    hits = [
        item
        for item in inspection.findings
        if (item.code, item.severity.value, item.subject) == (code, severity, subject)
    ]
    assert any(part in item.message for item in hits), inspection.findings


GOOD = {
    "a function gives the tenant": "CREATE FUNCTION cur() RETURNS int LANGUAGE sql STABLE AS $$SELECT nullif(current_setting('app.current_tenant', true), '')::int$$; ALTER POLICY tenant_isolation ON orders USING (bot_id = cur()) WITH CHECK (bot_id = cur())",
    "a subselect around it": "ALTER POLICY tenant_isolation ON orders USING (bot_id = (SELECT nullif(current_setting('app.current_tenant', true), '')::int)) WITH CHECK ({pins})",
    "an open policy for another role": "CREATE ROLE {app}_admin; CREATE POLICY p ON orders TO {app}_admin USING (true) WITH CHECK (true)",
    "a restrictive policy holds": "CREATE POLICY p ON orders AS RESTRICTIVE USING ({pins}) WITH CHECK ({pins}); CREATE POLICY q ON orders USING (true) WITH CHECK (true)",
    "one policy a command": "DROP POLICY tenant_isolation ON orders; CREATE POLICY a ON orders FOR SELECT USING ({pins}); CREATE POLICY b ON orders FOR INSERT WITH CHECK ({pins}); CREATE POLICY c ON orders FOR UPDATE USING ({pins}) WITH CHECK ({pins}); CREATE POLICY d ON orders FOR DELETE USING ({pins} AND code IS NULL)",
    "an invoker's view": "CREATE VIEW v WITH (security_invoker = true) AS SELECT * FROM orders; GRANT SELECT ON v TO {app}",
    "a view of shared tables": "CREATE VIEW v AS SELECT * FROM bots; GRANT SELECT ON v TO {app}",
    "unique by nature": "ALTER TABLE orders ADD token_hash text UNIQUE, ADD key uuid UNIQUE",
    "a unique key with the tenant": "ALTER TABLE orders ADD UNIQUE (code, bot_id)",
    "someone else's temporary things": "CREATE TEMPORARY TABLE t (bot_id int)",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_in_another_way_stays_silent(postgres_database: PostgresDatabase, name: str) -> None:
    assert inspect(postgres_database, GOOD[name]).findings == ()


@pytest.mark.parametrize("name", [
    "nullable", "default tenant", "no foreign key", "not valid", "no index", "partial index", "no composite", "global unique", "global unique index",
    "simple foreign key", "not enabled", "not forced", "no policy", "true", "or null", "open check", "no check", "open insert", "no nullif", "fixed fallback",
    "another variable", "view", "materialized view", "definer", "definer without path", "bypass", "superuser", "can become", "truncate", "preset", "sequence",
])  # fmt: skip
def test_the_sql_given_mends_it(postgres_database: PostgresDatabase, name: str) -> None:
    inspection = inspect(postgres_database, MUTATIONS[name][0])
    assert inspection.findings
    with psycopg.connect(postgres_database.url(""), autocommit=True) as connection:
        for finding in inspection.findings:
            assert finding.mend
            for statement in finding.mend.split(";\n"):
                lines = [line for line in statement.splitlines() if not line.startswith("--")]
                if lines:
                    connection.execute("\n".join(lines).encode())
    again = inspect_database(postgres_database.as_user(f"app_{postgres_database.name}").url(), POLICY)
    assert again.bad == ()


def test_names_are_quoted_where_they_must_be(postgres_database: PostgresDatabase) -> None:
    odd = 'we"ird; DROP TABLE users'
    quoted = odd.replace('"', '""')
    inspection = inspect(
        postgres_database,
        f'CREATE TABLE "{quoted}" (id int PRIMARY KEY, bot_id int); CREATE TABLE "Order" (bot_id int)',
    )
    mends = "\n".join(item.mend for item in inspection.findings)
    assert f'ALTER TABLE "{quoted}" ENABLE ROW LEVEL SECURITY' in mends
    assert 'ALTER TABLE "Order" ' in mends


def test_other_columns_and_types(postgres_database: PostgresDatabase) -> None:
    pins = "org_id = nullif(current_setting('my.org', true), '')::uuid"
    sql = (
        "CREATE TABLE organizations (id uuid PRIMARY KEY); CREATE TABLE notes (id int PRIMARY KEY, org_id uuid NOT NULL REFERENCES organizations (id));"
        "CREATE INDEX any_name ON notes (org_id); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;"
        f"CREATE POLICY p ON notes USING ({pins}) WITH CHECK ({pins}); CREATE TABLE more (id int PRIMARY KEY, org_id uuid NOT NULL REFERENCES organizations (id));"
    )
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute(sql.encode())
    import dataclasses

    policy = dataclasses.replace(load_policy("generic", root=None), column="org_id")
    inspection = inspect_database(postgres_database.url(), policy)
    assert inspection.scope.tenants == "public.organizations"
    of_more = [item for item in inspection.findings if item.subject == "public.more"]
    assert {item.code for item in of_more} == {"TM3", "TM6"}
    assert "nullif(current_setting('my.org', true), '')::uuid" in of_more[-1].mend + of_more[0].mend
    assert not [item for item in inspection.findings if item.subject == "public.notes"]


def test_nothing_can_be_written_and_errors_say_what_to_do(postgres_database: PostgresDatabase) -> None:
    from merge_tool.database.live.connect import reading

    make_sample(postgres_database)
    with pytest.raises(UserError, match="read-only"), reading(postgres_database.url()) as connection:
        connection.execute("INSERT INTO bots (name) VALUES ('x')")
    with (
        pytest.raises(UserError, match="timeout"),
        reading(postgres_database.url(), seconds=0.05) as connection,
    ):
        connection.execute("SELECT pg_sleep(5)")
    with pytest.raises(UserError, match="no role nobody_here"):
        inspect_database(postgres_database.url(), POLICY, role="nobody_here")
    with pytest.raises(UserError, match="no schema nowhere"):
        inspect_database(postgres_database.url(), POLICY, schemas=["nowhere"])
    for url in ("postgresql://me:s3cret@127.0.0.1:1/db", "sqlite:///x.db", "nonsense"):
        with pytest.raises(UserError) as caught:
            inspect_database(url, POLICY)
        assert "s3cret" not in str(caught.value) + caught.value.hint
        assert caught.value.hint


def test_a_role_is_looked_at_that_is_not_connected(postgres_database: PostgresDatabase) -> None:
    app = make_sample(postgres_database)
    assert inspect_database(postgres_database.url(), POLICY, role=app.user).findings == ()
    as_admin = inspect_database(postgres_database.url(), POLICY)
    assert [item.code for item in as_admin.findings if item.severity is Severity.ERROR] == ["TR6"]
    assert PINS  # the sample's own expression is what the policies hold
