"""A session that is used after its transaction ended, with a tenant that ended with it.

What it does
------------
Follows each session through a function: where the tenant was set for the transaction (`set_config(…, true)` or SET LOCAL, here or in a helper that is
given the session), and a `commit()` or `rollback()` came after it, finds the first use of the session that does not set it again.

Why is this bad?
----------------
What SET LOCAL and `set_config(…, true)` set lasts until the end of the transaction (PostgreSQL documentation, "SET" and "System Administration Functions").
The next statement begins a new one without a tenant: policies then hide every row, refuse the INSERT, or fail on the cast of the empty setting.

Example
-------
    await session.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": bot_id})
    session.add(Order(bot_id=bot_id))
    await session.commit()
    orders = await session.scalars(select(Order))

Use instead
-----------
    @event.listens_for(Session, "after_begin")
    def set_tenant(session, transaction, connection):
        connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": str(current_tenant())})

Not reported
------------
Projects that set it whenever a transaction begins, by a listener for `after_begin` or `begin`; a session that is closed after the commit.
Loops are read once: a commit at the end of a loop's body is not seen to end the tenant of its next round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Query,
    Ref,
    Rule,
    Text,
    Valid,
    Value,
    words,
)

HEAD = "from sqlalchemy import event, func, select, text\nfrom sqlalchemy.orm import Session\nfrom app.models import Order\nSET = \"SELECT set_config('app.tenant', :t, true)\"\n"
SETS = "    await session.execute(text(SET), {'t': bot_id})\n"
USE = "    await session.scalars(select(Order))\n"
LISTENER = '@event.listens_for(Session, "after_begin")\ndef begin(session, transaction, connection):\n    connection.execute(text(SET))\n'

_ENDS = frozenset(("commit", "rollback"))
_USES = frozenset(("execute", "scalar", "scalars", "stream", "stream_scalars", "get", "get_one", "query", "refresh", "flush", "merge", "exec"))  # fmt: skip
_LOCAL = re.compile(
    r"\bset_config\s*\(\s*'[\w]+\.[\w.]+'\s*,.*,\s*'?(?:true|t)'?\s*\)|^\s*SET\s+LOCAL\s+\"?\w+\.",
    re.I | re.S,
)
_BEGINS = frozenset(("after_begin", "begin", "after_transaction_create"))
_DEPTH = 3
# Words of helpers that set a tenant on the session that they are given.
_SETTERS = frozenset(
    [
        "set",
        "tenant",
        "tenancy",
        "rls",
        "context",
        "scope",
        "enter",
        "bind",
        "apply",
        "activate",
        "switch",
        "use",
        "org",
        "organization",
        "workspace",
    ]
)


class TenantLostAfterCommit(Rule):
    """See the module."""

    code = "TR2"
    name = "tenant-lost-after-commit"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the first use of a session after its tenant ended."""
        for function in module.functions.values():
            names = {call.name for call in function.calls}
            if names.isdisjoint(_ENDS) or not any(_may_set(call) for call in function.calls):
                continue
            found = list(self._follow(function, index))
            if found and not index.once(self.code, lambda: _set_at_begin(index)):
                yield from found

    def _follow(self, function: FunctionFacts, index: Project) -> Iterator[Diagnostic]:
        tenant: dict[str, bool] = {}  # session -> whether it has the tenant now; absent: never had one here
        ended: dict[str, Call] = {}
        told: set[str] = set()
        for call in sorted(function.calls, key=lambda item: (item.span.end_line, item.span.end_column)):
            own = _key(call.receiver)
            setting = {_key(item) for item in _sets(index, function, call, _DEPTH)}
            for session in setting:
                tenant[session] = True
            if own and call.name in _ENDS and tenant.get(own):
                tenant[own], ended[own] = False, call
            if not ended:
                continue
            used = {own} if call.name in _USES else {_key(item) for item in _given(index, function, call)}
            for session in used - setting - told:
                if session and tenant.get(session) is False:
                    told.add(session)
                    end = ended[session]
                    message = (
                        f"{session} has no tenant any more: the {end.name}() on line {end.span.line} ended"
                        " the transaction that it was set for"
                    )
                    yield self.found(function.path, call.span, message)

    INVALID = (
        Invalid(HEAD + "async def f(session, bot_id):\n" + SETS + "    await session.commit()\n" + USE, (Expected(8, "session has no tenant any more: the commit() on line 7"),)),
        Invalid(HEAD + "async def f(session, bot_id, order):\n" + SETS + "    await session.commit()\n    await session.refresh(order)\n", (Expected(8),)),
        Invalid(HEAD + "async def f(session, bot_id):\n    await session.execute(select(func.set_config('app.tenant', bot_id, True)))\n    await session.rollback()\n" + USE + USE, (Expected(8, "rollback()"),)),
        Invalid(HEAD + "async def f(session, bot_id):\n    await session.execute(text(f\"SET LOCAL app.tenant = '{bot_id}'\"))\n    await session.commit()\n" + USE, (Expected(8),)),
        Invalid(HEAD + "async def enter(db, bot_id):\n    await db.execute(text(SET), {'t': bot_id})\nasync def load(db):\n    return await db.scalars(select(Order))\nasync def f(session, bot_id):\n    await enter(session, bot_id)\n    await session.commit()\n    await load(session)\n", (Expected(12),)),
        Invalid(HEAD + "class Repo:\n    async def f(self, bot_id):\n        await self.session.execute(text(SET), {'t': bot_id})\n        await self.session.commit()\n        await self.session.scalars(select(Order))\n", (Expected(9, "self.session has no tenant"),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(session, bot_id):\n" + SETS + USE + "    await session.commit()\n"),
        Valid(HEAD + "async def f(session, bot_id):\n" + SETS + "    await session.commit()\n" + SETS + USE),
        Valid(HEAD + "async def f(session, bot_id):\n" + SETS + "    await session.commit()\n    await session.close()\n"),
        Valid(HEAD + LISTENER + "async def f(session, bot_id):\n" + SETS + "    await session.commit()\n" + USE),
        Valid(HEAD + "async def f(session, other, bot_id):\n" + SETS + "    await session.commit()\n    await other.scalars(select(Order))\n"),
        Valid(HEAD + "async def f(session, bot_id):\n    await session.commit()\n" + USE),
        Valid(HEAD + "async def f(session, bot_id):\n    await session.execute(text('SET LOCAL statement_timeout = 10'))\n    await session.commit()\n" + USE),
        Valid(HEAD + "async def enter(db, bot_id):\n    await db.execute(text(SET), {'t': bot_id})\nasync def f(session, bot_id):\n    await enter(session, bot_id)\n    await session.commit()\n    await enter(session, bot_id)\n" + USE),
    )  # fmt: skip


def _may_set(call: Call) -> bool:
    """Whether a call may give a transaction its tenant, told without following it: most functions are left at that."""
    if call.name in ("execute", "scalar", "exec_driver_sql", "scalars"):
        return bool(call.args) and not isinstance(call.args[0], Query)
    return not _SETTERS.isdisjoint(words(call.name))


def _sets(index: Project, function: FunctionFacts, call: Call, depth: int) -> Iterator[Value]:
    """The sessions whose transaction a call gives the tenant."""
    if (
        call.name in ("execute", "scalar", "exec_driver_sql", "scalars")
        and call.args
        and call.receiver is not None
    ):
        if _LOCAL.search(_sql(index, function, call.args[0])) or _by_function(call.args[0]):
            yield call.receiver
        return
    if depth <= 0 or call.name in _ENDS or not _may_set(call):
        return
    target = index.callee(function.path, function, call)
    if target is None or target is function:
        return
    inside = (
        {_key(item) for inner in target.calls for item in _sets(index, target, inner, depth - 1)}
        if len(target.calls) < 40
        else set()
    )
    for parameter in target.params if inside else ():
        if parameter.name in inside:
            passed = _passed(target, call, parameter.name)
            if passed is not None:
                yield passed


def _passed(target: FunctionFacts, call: Call, name: str) -> Value | None:
    positional = [item.name for item in target.params if item.kind == "positional"]
    if positional[:1] in (["self"], ["cls"]) and target.class_name:
        positional = positional[1:]
    return call.argument(positional.index(name) if name in positional else 10_000, name)


def _given(index: Project, function: FunctionFacts, call: Call) -> Iterator[Value]:
    """The sessions that a call hands to a function of the project which runs statements."""
    target = index.callee(function.path, function, call)
    if target is not None and target.sinks:
        yield from call.args
        yield from (value for _, value in call.kwargs)


def _key(value: Value | None) -> str:
    return value.dotted if isinstance(value, Ref) else ""


def _by_function(value: Value) -> bool:
    """Whether a statement calls `func.set_config(…, True)`."""
    from merge_tool.rulekit import walk

    for item in walk(value):
        if isinstance(item, Call) and item.name == "set_config":
            local = item.argument(2, "is_local")
            return isinstance(local, Const) and local.value is True
    return False


def _sql(index: Project, function: FunctionFacts, value: Value, depth: int = 0) -> str:
    """The SQL of a string, of `text(…)`, or of a constant of the module; `*` for what is not a literal."""
    if isinstance(value, Call) and value.name in ("text", "DDL") and value.args:
        return _sql(index, function, value.args[0], depth)
    if isinstance(value, Call) and value.receiver is not None and value.name in ("bindparams", "strip"):
        return _sql(index, function, value.receiver, depth)
    if isinstance(value, Const):
        return value.value if isinstance(value.value, str) else "*"
    if isinstance(value, Text):
        return "".join(_sql(index, function, part, depth) for part in value.parts)
    if isinstance(value, Ref) and depth < 3:
        owner = index.modules[function.path]
        held = owner.top.variables.get(value.dotted)
        if held is not None:
            return _sql(index, owner.top, held, depth + 1)
    return "*"


def _set_at_begin(index: Project) -> bool:
    """Whether a listener of the project does something whenever a transaction begins."""
    for module in index.modules.values():
        for function in module.functions.values():
            calls = (*(item for item in function.decorators if isinstance(item, Call)), *function.calls)
            for call in calls:
                if call.name in ("listens_for", "listen"):
                    name = call.argument(1, "identifier")
                    if isinstance(name, Const) and name.value in _BEGINS:
                        return True
    return False
