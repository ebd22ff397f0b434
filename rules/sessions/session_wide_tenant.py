"""A tenant that stays on the connection.

What it does
------------
Finds `SET app.tenant = …` without LOCAL, `set_config(…, false)`, and any SET with a bind parameter.

Why is this bad?
----------------
The setting outlives the transaction. The pool hands the connection to the next request, which then works in the tenant before it. And
PostgreSQL refuses bind parameters in SET, so that values end up in the text (https://www.postgresql.org/docs/current/sql-set.html). Where the
function is no coroutine this is an `info`: psycopg2 fills values in before PostgreSQL sees them.

Example
-------
    await session.execute(text("SET app.current_tenant = '1'"))

Use instead
-----------
    await session.execute(text("SELECT set_config('app.current_tenant', :tenant, true)"), {"tenant": "1"})

Not reported
------------
SET LOCAL with a literal; settings without a dot, which are PostgreSQL's own; revisions. Where the third argument of `set_config` cannot be
told, the finding is an `info`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Call, Const, Expected, Invalid, ModuleFacts, Project, Rule, Text, Valid, Value

HEAD = "from sqlalchemy import func, select, text\nasync def use(session, tenant):\n"

_RUNS = frozenset(("execute", "exec_driver_sql", "scalar", "scalars", "fetchval", "fetch"))
_SET = re.compile(r"^\s*SET\s+(SESSION\s+|LOCAL\s+)?([\"\w]+\.[\"\w.]+)\s*(?:=|\bTO\b)\s*(.*)", re.I | re.S)
_CONFIG = re.compile(r"\bset_config\s*\(\s*'[^']*\.[^']*'\s*,.*,\s*([^,]+?)\s*\)", re.I | re.S)
# Settings of extensions that tune searches and logs; no tenant is kept in them.
_EXTENSIONS = frozenset(
    [
        "pg_trgm",
        "ivfflat",
        "hnsw",
        "vectors",
        "vchord",
        "paradedb",
        "pg_search",
        "auto_explain",
        "pg_stat_statements",
        "plpgsql",
        "timescaledb",
        "postgis",
        "pg_hint_plan",
        "pgaudit",
        "citus",
        "bm25",
    ]
)
_CLIENT = "psycopg2 fills the value in before PostgreSQL sees it; asyncpg and psycopg 3 do not (https://www.psycopg.org/psycopg3/docs/basic/from_pg2.html)"
_BIND = re.compile(r"^(:\w|%s|%\(|\$\d|\?)")


class SessionWideTenant(Rule):
    """See the module."""

    code = "TR1"
    name = "session-wide-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports settings that outlive their transaction."""
        if "revision" in module.top.variables and "down_revision" in module.top.variables:
            return
        for function in module.functions.values():
            for call in function.calls:
                if call.name == "set_config" and call.dotted.endswith("func.set_config"):
                    name, local = call.argument(0), call.argument(2)
                    dotted = (
                        isinstance(name, Const) and "." not in str(name.value) and isinstance(name.value, str)
                    )
                    if not dotted:
                        told = str(local.value) if isinstance(local, Const) else ""
                        yield from self._config(module.path, call, told)
                elif call.name in _RUNS and call.args:
                    yield from self._statement(module.path, call, _written(call.args[0]), function.is_async)

    def _statement(self, path: str, call: Call, sql: str, awaited: bool) -> Iterable[Diagnostic]:
        found = _SET.match(sql)
        if found is not None and found[2].strip('"').partition(".")[0].lower() not in _EXTENSIONS:
            local = (found[1] or "").strip().upper() == "LOCAL"
            if _BIND.match(found[3]):
                message = (
                    f"PostgreSQL refuses bind parameters in SET; use set_config('{found[2]}', :value, true)"
                )
                # psycopg2 puts the values in itself; asyncpg and psycopg 3 send them beside the statement.
                yield self.found(
                    path,
                    call.span,
                    message,
                    severity=None if awaited else Severity.INFO,
                    reason=[] if awaited else [_CLIENT],
                )
            elif not local:
                message = f"SET {found[2]} stays on the pooled connection; use set_config(…, true)"
                yield self.found(path, call.span, message)
        for match in _CONFIG.finditer(sql):
            yield from self._config(path, call, match[1])

    def _config(self, path: str, call: Call, local: str) -> Iterable[Diagnostic]:
        if local.lower() in ("false", "'f'", "'false'"):
            yield self.found(path, call.span, "set_config(…, false) stays on the pooled connection; use true")
        elif local.lower() not in ("true", "'t'", "'true'"):
            yield self.found(
                path,
                call.span,
                "it cannot be told whether this set_config ends with the transaction",
                severity=Severity.INFO,
                reason=["its third argument is no literal"],
            )

    INVALID = (
        Invalid(HEAD + "    await session.execute(text(\"SET app.tenant = '1'\"))\n", (Expected(3, "SET app.tenant stays"),)),
        Invalid(HEAD + "    await session.execute(text(f\"SET app.tenant = '{tenant}'\"))\n", (Expected(3, "stays"),)),
        Invalid(HEAD + "    await session.execute(text('SET SESSION app.tenant TO 1'))\n", (Expected(3, "stays"),)),
        Invalid(HEAD.replace("async def", "def") + "    session.execute(text('SET LOCAL app.tenant = :t'), {'t': tenant})\n", (Expected(3, "refuses bind parameters", Severity.INFO),)),
        Invalid(HEAD + "    await session.execute(text('SET LOCAL app.tenant = :t'), {'t': tenant})\n", (Expected(3, "refuses bind parameters"),)),
        Invalid(HEAD + "    await session.execute(text(\"SELECT set_config('app.tenant', :t, false)\"), {'t': tenant})\n", (Expected(3, "set_config(…, false)"),)),
        Invalid(HEAD + "    await session.execute(select(func.set_config('app.tenant', tenant, False)))\n", (Expected(3, "set_config(…, false)"),)),
        Invalid(HEAD + "    await session.execute(text(\"SELECT set_config('app.tenant', :t, :local)\"))\n", (Expected(3, "cannot be told", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "    await session.execute(text('SET pg_trgm.similarity_threshold = 0.3'))\n    await session.execute(text('SET hnsw.ef_search = 100'))\n"),
        Valid(HEAD + "    await session.execute(text(\"SET LOCAL app.tenant = '1'\"))\n"),
        Valid(HEAD + "    await session.execute(text(\"SELECT set_config('app.tenant', :t, true)\"), {'t': tenant})\n"),
        Valid(HEAD + "    await session.execute(select(func.set_config('app.tenant', str(tenant), True)))\n"),
        Valid(HEAD + "    await session.execute(text('SET statement_timeout = 100'))\n"),
        Valid(HEAD + "    await session.execute(text('SELECT 1'))\n"),
    )  # fmt: skip


def _written(value: Value) -> str:
    """The SQL of a string, of `text(…)`, or of a string that was put together; `{?}` for what is not a literal."""
    if isinstance(value, Call) and value.name in ("text", "DDL") and value.args:
        return _written(value.args[0])
    if isinstance(value, Call) and value.receiver is not None and value.name in ("bindparams", "strip"):
        return _written(value.receiver)
    if isinstance(value, Const):
        return value.value if isinstance(value.value, str) else "{?}"
    if isinstance(value, Text):
        return "".join(_written(part) for part in value.parts)
    return "{?}"
