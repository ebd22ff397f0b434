"""A small multi-tenant database in which nothing is wrong, and a role that the application would connect as."""

from __future__ import annotations

import psycopg

from tests.servers import PostgresDatabase

PINS = "bot_id = nullif(current_setting('app.current_tenant', true), '')::int"
TABLES = ("users", "orders")
SQL = """
CREATE TABLE bots (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE TABLE users (id serial PRIMARY KEY, bot_id int NOT NULL REFERENCES bots (id), telegram_id bigint, created_at timestamptz DEFAULT now(),
  CONSTRAINT uq_users UNIQUE (bot_id, telegram_id), CONSTRAINT uq_users_id UNIQUE (bot_id, id));
CREATE TABLE orders (id serial PRIMARY KEY, bot_id int NOT NULL REFERENCES bots (id), user_id int NOT NULL, code text, created_at timestamptz DEFAULT now(),
  CONSTRAINT fk_orders_user FOREIGN KEY (bot_id, user_id) REFERENCES users (bot_id, id) ON DELETE CASCADE);
""" + "".join(f"""
CREATE INDEX idx_{table}_bot_id ON {table} (bot_id);
CREATE INDEX idx_{table}_bot_id_created_at ON {table} (bot_id, created_at);
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON {table} USING ({PINS}) WITH CHECK ({PINS});
""" for table in TABLES)  # fmt: skip


def make_sample(database: PostgresDatabase, extra: str = "") -> PostgresDatabase:
    """Fills an empty database, then runs `extra`, in which {app} is the application's role; gives it as that role sees it."""
    app = f"app_{database.name}"
    with psycopg.connect(database.url("")) as connection:
        connection.execute(SQL.encode())
        connection.execute(f"CREATE ROLE {app} LOGIN".encode())
        connection.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}".encode()
        )
        connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {app}".encode())
        if extra:
            connection.execute(extra.replace("{app}", app).replace("{pins}", PINS).encode())
    return database.as_user(app)
