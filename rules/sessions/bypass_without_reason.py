"""A way past row-level security or the tenant filter that nobody has given a reason for.

What it does
------------
Finds `SET row_security = off`, SET ROLE and SET SESSION AUTHORIZATION to a privileged role, RESET ROLE that undoes nothing, DISABLE and NO FORCE ROW LEVEL SECURITY,
settings such as `app.bypass_rls`, options such as `skip_tenant=True`, `include_all_tenants=True` or `bypass_rls=True`, and uses of the policy's
`bypasses` outside of their paths.

Why is this bad?
----------------
Past the filter every tenant's rows are read and written. Some work needs that; each such place is to be known, and few. A role that is a superuser or
has BYPASSRLS is held by no policy (https://www.postgresql.org/docs/current/ddl-rowsecurity.html, "Row Security Policies").

Example
-------
    await session.execute(select(Order), execution_options={"skip_tenant": True})

Use instead
-----------
    # in the policy: bypasses: [{name: app.db.system_session, paths: ["app/admin/**"], reason: "the platform's own reports"}]
    async with system_session() as session:
        await session.execute(select(Order))

Not reported
------------
What stands in a helper that the policy's `bypasses` name, and its uses within the entry's paths; an option or setting that an entry names, within its paths;
a suppression with a reason; an option that is handed on from a parameter; SET ROLE to a role that a policy names, or whose name says that it is held;
RESET ROLE beside a SET ROLE; revisions. A role that cannot be judged, and a helper that only calls itself a bypass, are an `info`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from merge_tool.model.policy import BypassPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Entry,
    Expected,
    Fork,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Op,
    Project,
    Query,
    Record,
    Ref,
    Rule,
    Valid,
    Value,
    last_part,
    matches_glob,
    module_value,
    name_of,
    text_of,
    walk,
    words,
)

HEAD = "from sqlalchemy import func, select, text\nfrom app.db import system_session\nfrom app.models import Order\n\nasync def f(s, role):\n"
DB = {
    "app/db.py": "def system_session():\n    return object()\n",
    "app/models.py": "class Order:\n    pass\n",
}
ENTRY = {"bypasses": (BypassPolicy("app.db.system_session", ("app/admin/**",), "reports"),)}

_RUNS = frozenset(("execute", "exec_driver_sql", "scalar", "scalars", "fetchval", "fetch", "fetchrow", "exec", "executemany"))  # fmt: skip
_OFF = r"'?(?:off|false|0|no)\b"
_ROW = re.compile(rf"\bSET\s+(?:SESSION\s+|LOCAL\s+)?row_security\s*(?:=|\bTO\b)\s*{_OFF}|\bset_config\s*\(\s*'row_security'\s*,\s*{_OFF}", re.I)  # fmt: skip
_ROLE = re.compile(r"(?:^|;)\s*SET\s+(?:SESSION\s+|LOCAL\s+)?(ROLE|SESSION\s+AUTHORIZATION)\s+(?:TO\s+|=\s*)?([^\s;]+)", re.I)  # fmt: skip
_RESET = re.compile(r"(?:^|;)\s*(RESET\s+(?:ROLE|SESSION\s+AUTHORIZATION))\b", re.I)
_TABLE = re.compile(r"\b(DISABLE|NO\s+FORCE)\s+ROW\s+LEVEL\s+SECURITY\b", re.I)
_ON = r"'?(?:on|true|t|1|yes)\b"
_OWN = re.compile(rf"\bSET\s+(?:SESSION\s+|LOCAL\s+)?([a-z_]\w*\.\w+)\s*(?:=|\bTO\b)\s*{_ON}|\bset_config\s*\(\s*'(\w+\.\w+)'\s*,\s*{_ON}", re.I)  # fmt: skip
_PRIVILEGED = frozenset("postgres root admin administrator superuser super rds owner bypass bypassrls service system sysadmin sa".split())  # fmt: skip  # noqa: SIM905
_HELD = frozenset("app application tenant tenants user users authenticated anon anonymous authenticator readonly reader ro restricted limited rls member customer client guest public web api".split())  # fmt: skip  # noqa: SIM905
_VERBS = frozenset(("skip", "bypass", "ignore", "disable", "without", "override"))
_FOR_ALL = frozenset(("all", "cross", "every", "any"))
_NOUNS = frozenset(("tenant", "tenants", "tenancy", "rls"))
_ASKS = frozenset("can is should has may check must test no not prevent forbid deny assert never cannot without validate reject log audit".split())  # fmt: skip  # noqa: SIM905


@lru_cache(maxsize=4096)
def _is_option(name: str, column: str) -> bool:
    """Whether an option's name says that the tenant is left out: `skip_tenant`, `bypass_rls`, `include_all_workspaces`."""
    said = words(name)
    own = [item for item in words(column) if item != "id"]
    nouns = _NOUNS.union(own, [f"{item}s" for item in own])
    noun = not nouns.isdisjoint(said) or said[-2:] == ["row", "security"] or "row_security" in name
    if not noun or len(said) < 2:
        return False
    if not _VERBS.isdisjoint(said[:1]) or "bypass" in said:
        return True
    return (
        not _FOR_ALL.isdisjoint(said[:2]) and said[-1] in nouns and (said[0] == "include" or "cross" in said)
    )


class BypassWithoutReason(Rule):
    """See the module."""

    code = "TR4"
    name = "bypass-without-reason"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports bypasses that no entry of the policy allows."""
        if "revision" in module.top.variables and "down_revision" in module.top.variables:
            return
        declared = {last_part(item.name): item for item in policy.bypasses}
        for function in module.functions.values():
            own = f"{module.module}.{function.qualname}"
            if any(own == item.name or own.startswith(f"{item.name}.") for item in policy.bypasses):
                continue
            found = [
                item
                for call in function.calls
                for item in self._call(index, policy, function, call, declared)
            ]
            found += self._stores(policy, function)
            found += self._steps(policy, function)
            found += self._injected(index, function, declared)
            yield from found
            if not found and _calls_itself_bypass(function, policy):
                message = f"{function.name}() calls itself a bypass; name it in the policy's bypasses, with the paths that may use it and a reason"
                yield self.found(
                    module.path,
                    function.header,
                    message,
                    severity=Severity.INFO,
                    reason=["only its name tells"],
                )

    def _call(
        self,
        index: Project,
        policy: Policy,
        function: FunctionFacts,
        call: Call,
        declared: dict[str, BypassPolicy],
    ) -> Iterator[Diagnostic]:
        path = function.path
        if call.name in declared:
            yield from self._helper(index, function, call, call.func, declared)
        if call.kwargs or call.name == "execution_options":
            for name in _options(call, policy):
                if not _allowed(policy, path, name):
                    yield self.found(
                        path, call.span, f"{name} leaves the tenant out here, and {_no_entry(name)}"
                    )
        if call.name in _RUNS and call.args:
            sql = _written(index, function, call.args[0])
            if sql:
                yield from self._sql(index, policy, function, call, sql)
        elif call.name == "set_config" and len(call.args) >= 2 and call.dotted.endswith("func.set_config"):
            sql = f"set_config('{text_of(call.args[0])}', '{_plain(call.args[1])}'"
            yield from self._sql(index, policy, function, call, sql)

    def _helper(
        self,
        index: Project,
        function: FunctionFacts,
        call: Call | None,
        target: Value,
        declared: dict[str, BypassPolicy],
    ) -> Iterator[Diagnostic]:
        dotted = name_of(target)
        item = declared.get(last_part(dotted))
        if item is None or any(matches_glob(function.path, pattern) for pattern in item.paths):
            return
        name = (
            index.callee_name(function.path, function, call)
            if call is not None
            else index.resolve(function.path, dotted, function)
        )
        reached = index.function(name) if name else None
        real = f"{index.modules[reached.path].module}.{reached.qualname}" if reached is not None else name
        if item.name not in (name, real, dotted):
            return
        span = call.span if call is not None else function.header
        yield self.found(
            function.path,
            span,
            f"{item.name} bypasses the tenant ({item.reason}); the policy allows it in {', '.join(item.paths)} only",
        )

    def _injected(
        self, index: Project, function: FunctionFacts, declared: dict[str, BypassPolicy]
    ) -> Iterator[Diagnostic]:
        """Helpers that come in as dependencies."""
        for parameter in function.params if declared else ():
            for part in (parameter.default, parameter.annotation):
                for item in walk(part) if part is not None else ():
                    if isinstance(item, Call) and item.name in ("Depends", "Security") and item.args:
                        yield from self._helper(index, function, None, item.args[0], declared)

    def _stores(self, policy: Policy, function: FunctionFacts) -> Iterator[Diagnostic]:
        """`session.info["skip_tenant"] = True`."""
        for store in function.stores:
            key = text_of(store.key)
            if (
                key
                and store.base.endswith((".info", "execution_options"))
                and _is_option(key, policy.column)
                and isinstance(store.value, Const)
                and store.value.value
                and not _allowed(policy, function.path, key)
            ):
                yield self.found(
                    function.path, store.span, f"{key} leaves the tenant out here, and {_no_entry(key)}"
                )

    def _steps(self, policy: Policy, function: FunctionFacts) -> Iterator[Diagnostic]:
        """`select(…).execution_options(skip_tenant=True)`."""
        for sink in function.sinks:
            stack = list(sink.value.ops) if isinstance(sink.value, Query) else []
            while stack:
                item = stack.pop()
                if isinstance(item, Fork):
                    stack += [*item.then, *item.orelse]
                elif isinstance(item, Op) and item.name == "execution_options":
                    for name in _options(item, policy):
                        if not _allowed(policy, function.path, name):
                            message = f"{name} leaves the tenant out here, and {_no_entry(name)}"
                            yield self.found(function.path, item.span, message)

    def _sql(
        self, index: Project, policy: Policy, function: FunctionFacts, call: Call, sql: str
    ) -> Iterator[Diagnostic]:
        path = function.path
        if _ROW.search(sql) and not _allowed(policy, path, "row_security"):
            yield self.found(
                path, call.span, f"row_security is set off here, and {_no_entry('row_security')}"
            )
        if (match := _TABLE.search(sql)) and not _allowed(policy, path, "row_security"):
            told = re.sub(r"\s+", " ", match[1].upper())
            yield self.found(
                path,
                call.span,
                f"{told} ROW LEVEL SECURITY outside of a revision, and {_no_entry('row_security')}",
            )
        for match in _OWN.finditer(sql):
            name = match[1] or match[2]
            speaks = "bypass" in words(name) or _is_option(last_part(name), policy.column)
            if speaks and not _allowed(policy, path, name):
                yield self.found(path, call.span, f"{name} is switched on here, and {_no_entry(name)}")
        if (match := _RESET.search(sql)) and not _allowed(policy, path, "role"):
            sets = any(
                _ROLE.search(_written(index, function, other.args[0]))
                for other in function.calls
                if other.name in _RUNS and other.args and other is not call
            )
            if not sets and not any(other is call for other in function.finals):
                told = re.sub(r"\s+", " ", match[1].upper())
                yield self.found(
                    path,
                    call.span,
                    f"{told} goes back to the role of the login, which policies may not hold, and {_no_entry('role')}",
                )
        if (match := _ROLE.search(sql)) and not _allowed(policy, path, "role"):
            yield from self._role(index, path, call, re.sub(r"\s+", " ", match[1].upper()), match[2])

    def _role(self, index: Project, path: str, call: Call, verb: str, written: str) -> Iterator[Diagnostic]:
        role = written.strip("\"';").lower()
        said = set(words(role))
        if role in ("none", "default"):
            message = f"SET {verb} {role.upper()} goes back to the role of the login, and {_no_entry('role')}"
            yield self.found(path, call.span, message)
        elif not _PRIVILEGED.isdisjoint(said):
            message = f"SET {verb} {role}: policies may not hold this role, and {_no_entry('role')}"
            yield self.found(path, call.span, message)
        elif _HELD.isdisjoint(said) and role not in index.once(self.code, lambda: _policy_roles(index)):
            told = "*" in role or role.startswith((":", "%", "$", "?", "{"))
            name = "a role chosen at run time" if told else role
            yield self.found(
                path,
                call.span,
                f"it cannot be told whether row-level security holds the role: SET {verb} {name}",
                severity=Severity.INFO,
                reason=["the role is not written here" if told else "no policy of a revision names it"],
            )

    INVALID = (
        Invalid(HEAD + "    await s.execute(text('SET row_security = off'))\n", (Expected(6, "row_security is set off here"),)),
        Invalid(HEAD + "    await s.execute(text('set local row_security to OFF'))\n", (Expected(6),)),
        Invalid(HEAD + "    await s.execute(select(func.set_config('row_security', 'off', True)))\n", (Expected(6),)),
        Invalid(HEAD + "    await s.execute(text(\"SELECT set_config('row_security', 'off', true)\"))\n", (Expected(6),)),
        Invalid("from sqlalchemy import text\nOFF = text('SET row_security = off')\ndef f(s):\n    s.execute(OFF)\n", (Expected(4),)),
        Invalid(HEAD + "    await s.execute(text('SET ROLE postgres'))\n", (Expected(6, "SET ROLE postgres"),)),
        Invalid(HEAD + "    await s.execute(text('SET LOCAL ROLE \"service_role\"'))\n", (Expected(6, "service_role"),)),
        Invalid(HEAD + "    await s.execute(text('SET SESSION AUTHORIZATION admin'))\n", (Expected(6, "SET SESSION AUTHORIZATION admin"),)),
        Invalid(HEAD + "    await s.execute(text('RESET ROLE'))\n", (Expected(6, "RESET ROLE goes back"),)),
        Invalid(HEAD + "    await s.execute(text('SET ROLE NONE'))\n", (Expected(6, "goes back"),)),
        Invalid(HEAD + "    await s.execute(text(f'SET ROLE {role}'))\n", (Expected(6, "a role chosen at run time", Severity.INFO),)),
        Invalid(HEAD + "    await s.execute(text('SET ROLE billing'))\n", (Expected(6, "SET ROLE billing", Severity.INFO),)),
        Invalid(HEAD + "    await s.execute(text('ALTER TABLE orders DISABLE ROW LEVEL SECURITY'))\n", (Expected(6, "DISABLE ROW LEVEL SECURITY outside of a revision"),)),
        Invalid(HEAD + "    await s.execute(text(\"SET LOCAL app.bypass_rls = 'on'\"))\n", (Expected(6, "app.bypass_rls is switched on"),)),
        Invalid(HEAD + "    await s.execute(select(Order).execution_options(skip_tenant=True))\n", (Expected(6, "skip_tenant leaves the tenant out"),)),
        Invalid(HEAD + "    await s.execute(select(Order), execution_options={'include_all_tenants': True})\n", (Expected(6, "include_all_tenants"),)),
        Invalid(HEAD + "    await s.execute(select(Order).execution_options(**{'bypass_rls': True}))\n", (Expected(6, "bypass_rls"),)),
        Invalid(HEAD + "    return await load(s, bypass_rls=True)\n", (Expected(6, "bypass_rls"),)),
        Invalid(HEAD + "    s.info['skip_tenant'] = True\n", (Expected(6, "skip_tenant"),)),
        Invalid(HEAD + "    await set_rls_context(s, bypass=True)\n", (Expected(6, "bypass leaves"),)),
        Invalid("def get_session_bypass_rls():\n    return make()\n", (Expected(1, "calls itself a bypass", Severity.INFO),)),
        Invalid(HEAD + "    async with system_session() as x:\n        pass\n", (Expected(6, "app.db.system_session bypasses the tenant (reports); the policy allows it in app/admin/** only"),), DB, ENTRY),
        Invalid("from fastapi import Depends\nfrom app import db\nasync def page(s=Depends(db.system_session)):\n    return s\n", (Expected(3, "app.db.system_session"),), DB, ENTRY),
        Invalid(HEAD + "    await s.execute(select(Order).execution_options(skip_tenant=True))\n", (Expected(6, "skip_tenant"),), DB, ENTRY, path="app/admin/a.py"),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "    async with system_session() as x:\n        pass\n", DB, ENTRY, path="app/admin/a.py"),
        Valid("from sqlalchemy import text\ndef system_session(s):\n    s.execute(text('SET row_security = off'))\n", {}, ENTRY, path="app/db.py"),
        Valid(HEAD + "    await s.execute(select(Order).execution_options(skip_tenant=True))\n", {}, {"bypasses": (BypassPolicy("skip_tenant", ("app/**",), "reports"),)}),
        Valid(HEAD + "    await s.execute(text('SET row_security = off'))  # tenant: ignore[TR4] the nightly export\n"),
        Valid(HEAD + "    await s.execute(text('SET row_security = on'))\n    await s.execute(text(\"SET LOCAL app.bypass_rls = 'off'\"))\n"),
        Valid(HEAD + "    await s.execute(text('SET LOCAL ROLE app_user'))\n    await s.execute(text('SET ROLE authenticated'))\n"),
        Valid(HEAD + "    await s.execute(text(f'SET ROLE {role}'))  # tenant: ignore[TR4] one role a tenant\n    try:\n        pass\n    finally:\n        await s.execute(text('RESET ROLE'))\n"),
        Valid(HEAD + "    await s.execute(select(Order).execution_options(skip_tenant=False, populate_existing=True, bypass_rls=role))\n"),
        Valid(HEAD + "    return load(s, all_tenants=True, ignore_errors=True, skip_locked=True)\n"),
        Valid("def can_bypass_rls(user):\n    return user.staff\n"),
        Valid("from other.db import system_session\ndef f():\n    return system_session()\n", DB, ENTRY),
        Valid(HEAD + "    print('SET row_security = off')\n    s.execute(text(\"INSERT INTO notes VALUES ('please SET ROLE postgres')\"))\n"),
        Valid("from alembic import op\nrevision = 'a'\ndown_revision = None\ndef upgrade():\n    op.execute('SET ROLE postgres')\n"),
    )  # fmt: skip


def _no_entry(name: str) -> str:
    return f"no entry of the policy's bypasses ({name}) gives a reason"


def _allowed(policy: Policy, path: str, name: str) -> bool:
    return any(
        item.name in (name, last_part(name)) and any(matches_glob(path, pattern) for pattern in item.paths)
        for item in policy.bypasses
    )


def _calls_itself_bypass(function: FunctionFacts, policy: Policy) -> bool:
    if "bypass" not in function.name:
        return False
    said = words(function.name)
    return "bypass" in said and _is_option(function.name, policy.column) and _ASKS.isdisjoint(said)


def _options(call: Call | Op, policy: Policy) -> Iterator[str]:
    """The options of a call that leave the tenant out, and are switched on."""
    for name, value in call.kwargs:
        if name == "execution_options":
            yield from _entries(value, policy)
        elif isinstance(value, Const) and value.value is True:
            by_call = name == "bypass" and not _NOUNS.isdisjoint(words(call.name))
            if by_call or _is_option(name, policy.column):
                yield name
    if call.name == "execution_options":
        for value in (*call.args, *(part for key, part in call.kwargs if not key)):
            yield from _entries(value, policy)


def _entries(value: Value, policy: Policy) -> Iterator[str]:
    for item in walk(value):
        if isinstance(item, Record):
            for entry in item.entries:
                if isinstance(entry, Entry) and isinstance(entry.value, Const) and entry.value.value:
                    name = text_of(entry.key)
                    if name and _is_option(name, policy.column):
                        yield name
        elif isinstance(item, Call) and item.name == "dict":
            yield from _options(item, policy)


def _written(index: Project, function: FunctionFacts, value: Value) -> str:
    """The SQL of a string, of `text(…)`, or of a constant; `*` for what is not a literal."""
    if isinstance(value, Call) and value.name in ("text", "DDL", "SQL") and value.args:
        return _written(index, function, value.args[0])
    if isinstance(value, Call) and value.receiver is not None and value.name in ("bindparams", "strip"):
        return _written(index, function, value.receiver)
    if isinstance(value, Ref):
        held = module_value(index, function.path, function, value)
        return _written(index, function, held) if not isinstance(held, Ref) else ""
    return text_of(value)


def _plain(value: Value) -> str:
    return str(value.value) if isinstance(value, Const) else "*"


def _policy_roles(index: Project) -> frozenset[str]:
    """The roles that the revisions' policies name, or that revisions say are held."""
    found: set[str] = set()
    for step in index.migrations().upgrades:
        if step.sql and re.search(r"\b(?:POLICY|ROLE)\b", step.sql, re.I):
            found |= {name.lower() for name in re.findall(r"\bTO\s+\"?(\w+)", step.sql, re.I)}
            found |= {
                name.lower() for name in re.findall(r"\bROLE\s+\"?(\w+)[^;]*\bNOBYPASSRLS", step.sql, re.I)
            }
    return frozenset(found)
