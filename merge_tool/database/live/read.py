"""Reads a catalog from PostgreSQL's system tables: a handful of queries, whatever the number of tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from merge_tool.database.live.catalog import (
    Catalog,
    LiveColumn,
    LiveForeignKey,
    LiveFunction,
    LiveIndex,
    LivePolicy,
    LiveRole,
    LiveSequence,
    LiveTable,
    LiveView,
)
from merge_tool.errors import UserError

if TYPE_CHECKING:
    from psycopg import Connection

# Schemas that are the project's: neither the system's, nor somebody's temporary one, nor one of an extension.
_SCHEMAS = """
  SELECT n.oid, n.nspname FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
"""
_OWN = f"""
  WITH schemas AS ({_SCHEMAS}), own AS (
    SELECT c.*, s.nspname, s.nspname || '.' || c.relname AS name FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
"""
_BYPASS = "(SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = {owner})"
_TABLES = f"""{_OWN}
  SELECT name, relkind::text, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity, reltuples, relispartition,
    ARRAY(SELECT p FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE']) p
          WHERE has_table_privilege(%(role)s, own.oid, p) AND has_schema_privilege(%(role)s, relnamespace, 'USAGE')),
    pg_has_role(%(role)s, relowner, 'MEMBER')
  FROM own WHERE relkind IN ('r', 'p', 'f') ORDER BY name
"""
_COLUMNS = f"""{_OWN}
  SELECT name, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attgenerated <> ''
  FROM own JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE relkind IN ('r', 'p', 'f') ORDER BY name, a.attnum
"""
_INDEXES = f"""{_OWN}
  SELECT name, i.relname,
    ARRAY(SELECT coalesce(a.attname, '') FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(num, pos)
          LEFT JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum = k.num AND k.num > 0
          WHERE k.pos <= x.indnkeyatts ORDER BY k.pos),
    x.indisunique, x.indisprimary, x.indisvalid, coalesce(pg_get_expr(x.indpred, x.indrelid), ''), pg_get_indexdef(i.oid),
    coalesce((SELECT conname FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('u', 'p', 'x') LIMIT 1), '')
  FROM own JOIN pg_index x ON x.indrelid = own.oid JOIN pg_class i ON i.oid = x.indexrelid
  WHERE own.relkind IN ('r', 'p') ORDER BY name, i.relname
"""
_FOREIGN = f"""{_OWN}
  SELECT own.name, k.conname,
    ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY c(num, pos) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.num ORDER BY c.pos),
    n.nspname || '.' || t.relname,
    ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY c(num, pos) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.num ORDER BY c.pos),
    k.convalidated, pg_get_constraintdef(k.oid)
  FROM own JOIN pg_constraint k ON k.conrelid = own.oid AND k.contype = 'f'
  JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace ORDER BY own.name, k.conname
"""
_POLICIES = f"""{_OWN}
  SELECT name, p.polname, p.polpermissive,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r) END FROM unnest(p.polroles) r
          WHERE r = 0 OR pg_has_role(%(role)s, r, 'USAGE')),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
  FROM own JOIN pg_policy p ON p.polrelid = own.oid ORDER BY name, p.polname
"""
_PARENTS = f"""{_OWN}
  SELECT own.name, n.nspname || '.' || p.relname FROM own JOIN pg_inherits i ON i.inhrelid = own.oid
  JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace
  WHERE own.relkind IN ('r', 'p', 'f') ORDER BY own.name, i.inhseqno
"""
_VIEWS = f"""{_OWN}
  SELECT name, relkind::text, pg_get_userbyid(relowner),
    coalesce((SELECT option_value::boolean FROM pg_options_to_table(reloptions) WHERE option_name = 'security_invoker'), false),
    {_BYPASS.format(owner="own.relowner")},
    has_table_privilege(%(role)s, own.oid, 'SELECT') AND has_schema_privilege(%(role)s, relnamespace, 'USAGE'),
    ARRAY(SELECT DISTINCT n.nspname || '.' || t.relname FROM pg_rewrite w
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> own.oid
          JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace
          WHERE w.ev_class = own.oid AND t.relkind IN ('r', 'p', 'f', 'v', 'm'))
  FROM own WHERE relkind IN ('v', 'm') ORDER BY name
"""
_FUNCTIONS = f"""
  WITH schemas AS ({_SCHEMAS})
  SELECT s.nspname || '.' || p.proname, s.nspname || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    pg_get_userbyid(p.proowner), p.prosecdef, {_BYPASS.format(owner="p.proowner")},
    has_function_privilege(%(role)s, p.oid, 'EXECUTE') AND has_schema_privilege(%(role)s, s.oid, 'USAGE'),
    EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%%'),
    coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
  FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
  WHERE p.prokind IN ('f', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  ORDER BY 2
"""
_SEQUENCES = f"""{_OWN}
  SELECT own.name, n.nspname || '.' || t.relname, a.attname,
    has_sequence_privilege(%(role)s, own.oid, 'USAGE') OR d.deptype = 'i',
    coalesce((SELECT q.last_value::numeric / nullif(q.max_value, 0) FROM pg_sequences q
              WHERE q.schemaname = own.nspname AND q.sequencename = own.relname AND q.increment_by > 0), 0)::float
  FROM own JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = own.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  WHERE own.relkind = 'S' ORDER BY own.name
"""
_ROLE = """
  SELECT r.rolname, r.rolsuper, r.rolbypassrls,
    ARRAY(SELECT o.rolname FROM pg_roles o WHERE (o.rolsuper OR o.rolbypassrls) AND o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER') ORDER BY 1),
    ARRAY(SELECT c FROM pg_db_role_setting s, unnest(s.setconfig) c
          WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
  FROM pg_roles r WHERE r.rolname = %(role)s
"""
OLDEST = 120000


def read_catalog(connection: Connection[Any], *, role: str = "", schemas: Sequence[str] = ()) -> Catalog:
    """Reads what the database holds.

    Args:
        connection: as `reading` gives it.
        role: the application's role, whose rights count; empty: the role that is connected.
        schemas: the schemas to look at; empty: all that are the project's.

    Raises:
        UserError: there is no such role or schema, or the server is too old.
    """

    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query, parameters).fetchall()

    parameters: dict[str, Any] = {"schemas": list(schemas) or None, "role": role}
    found = connection.execute("SELECT current_database(), current_user").fetchone()
    assert found is not None  # a SELECT without FROM
    version = connection.info.server_version
    if version < OLDEST:
        raise UserError(f"PostgreSQL {version // 10000} is too old", hint="12 or later can be inspected")
    parameters["role"] = role or found[1]
    if not (told := rows(_ROLE)):
        raise UserError(f"the database has no role {role}", hint="name one of pg_roles with --role")
    there = {row[1] for row in rows(_SCHEMAS)}
    if unknown := sorted(set(schemas) - there):
        raise UserError(f"the database has no schema {unknown[0]}", hint=f"it has {', '.join(sorted(there))}")
    presets = dict(item.split("=", 1) for item in told[0][4])
    kinds: tuple[tuple[str, str, Any], ...] = (
        ("columns", _COLUMNS, LiveColumn),
        ("indexes", _INDEXES, LiveIndex),
        ("foreign", _FOREIGN, LiveForeignKey),
        ("policies", _POLICIES, LivePolicy),
    )
    parts: dict[str, defaultdict[str, list[Any]]] = {}
    for part, query, kind in kinds:
        parts[part] = defaultdict(list)
        for name, *values in rows(query):
            parts[part][name].append(kind(*(tuple(v) if isinstance(v, list) else v for v in values)))
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for name, parent in rows(_PARENTS):
        parents[name].append(parent)
    tables = {
        name: LiveTable(
            name, kind, owner, rls, forced, count, frozenset(rights), owned,
            {item.name: item for item in parts["columns"][name]}, tuple(parts["indexes"][name]),
            tuple(parts["foreign"][name]), tuple(parts["policies"][name]), tuple(parents[name]), partition,
        )
        for name, kind, owner, rls, forced, count, partition, rights, owned in rows(_TABLES)
    }  # fmt: skip
    body = "pg_get_function_sqlbody(p.oid)" if version >= 140000 else "NULL"
    functions = _FUNCTIONS.replace("pg_get_function_sqlbody(p.oid)", body)
    return Catalog(
        found[0], version, LiveRole(told[0][0], told[0][1], told[0][2], tuple(told[0][3]), presets), tables,
        tuple(LiveView(*row) for row in rows(_VIEWS)),
        tuple(LiveFunction(*row) for row in rows(functions)),
        tuple(LiveSequence(*row) for row in rows(_SEQUENCES)),
    )  # fmt: skip
