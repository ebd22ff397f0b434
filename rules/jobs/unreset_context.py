"""A tenant that is put into the context and not taken out again.

What it does
------------
Looks at every `ContextVar.set(…)` of the tenant, and every call of a setter (the policy's `context.setters`, and short functions that set the
variable), and reports functions that neither reset it in a `finally` nor do it for a `with`.

Why is this bad?
----------------
A worker, a pooled thread or a long-lived task goes on with the next job in the context of the tenant before. An exception is enough
where the reset does not stand in a `finally`.

Example
-------
    def job(bot_id):
        set_current_tenant(bot_id)
        work()

Use instead
-----------
    def job(bot_id):
        token = current_tenant.set(bot_id)
        try:
            work()
        finally:
            current_tenant.reset(token)

Not reported
------------
The setter itself; context managers and classes whose `__exit__` resets; a dependency of a route, whose context ends with the request;
`set(None)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from merge_tool.model.policy import ContextPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    Value,
    walk,
    words,
)
from merge_tool.rulekit.tenancy import speaks_of_tenant
from merge_tool.rulekit.tenants import last_parts

VAR = 'from contextvars import ContextVar\ncurrent_tenant = ContextVar("current_tenant", default=None)\n'
SETTER = {
    "app/tenancy.py": VAR
    + "def set_tenant(value):\n    current_tenant.set(value)\ndef clear_tenant():\n    current_tenant.set(None)\n"
}
HEAD = "from app.tenancy import set_tenant, clear_tenant\n"
_SETS = frozenset(("set", "bind", "use"))
_RESETS = frozenset(("reset", "clear", "unset", "restore", "pop", "delete"))


class UnresetContext(Rule):
    """See the module."""

    code = "TJ3"
    name = "unreset-context"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the functions of a file that leave the tenant in the context."""
        for function in module.functions.values():
            if function.name == "<module>" or not _sets_at_all(function, policy):
                continue
            if _is_setter(function, index, policy):
                continue
            sets = [call for call in function.calls if _sets(index, function, call, policy)]
            if not sets or _ends_with_request(index, function):
                continue
            if any(_resets(index, function, call, policy) for call in function.finals):
                continue
            if function.name in ("__enter__", "__aenter__") and _exit_resets(index, module, function, policy):
                continue
            later = [call for call in function.calls if _resets(index, function, call, policy)]
            if later:
                message = "the tenant is reset outside a finally: an exception leaves it in the context"
            else:
                message = "the tenant is put into the context and never taken out again"
            yield self.found(module.path, sets[0].span, message)

    INVALID = (
        Invalid(VAR + "def job(bot_id):\n    current_tenant.set(bot_id)\n    work()\n    more()\n", (Expected(4, "never taken out"),)),
        Invalid(VAR + "async def dispatch(request, call_next):\n    token = current_tenant.set(request.state.bot_id)\n    response = await call_next(request)\n    current_tenant.reset(token)\n    return response\n", (Expected(4, "outside a finally"),)),
        Invalid(HEAD + "async def job(bot_id):\n    set_tenant(bot_id)\n    await work()\n", (Expected(3, "never"),), SETTER),
        Invalid(HEAD + "async def job(bot_id):\n    for bot_id in bots():\n        set_tenant(bot_id)\n        await work()\n    clear_tenant()\n", (Expected(4, "outside a finally"),), SETTER),
        Invalid("from app.lib import put\ndef job(bot_id):\n    put(bot_id)\n    work()\n", (Expected(3, "never"),), policy={"context": ContextPolicy(setters=("app.lib.put",))}),
    )  # fmt: skip
    VALID = (
        Valid(VAR + "def job(bot_id):\n    token = current_tenant.set(bot_id)\n    try:\n        work()\n    finally:\n        current_tenant.reset(token)\n"),
        Valid(VAR + 'name = ContextVar("name")\ndef set_tenant(bot):\n    current_tenant.set(bot)\n    if bot:\n        name.set(bot.name)\n    else:\n        name.set(None)\n'),
        Valid(VAR + "def set_tenant(bot_id):\n    return current_tenant.set(bot_id)\n"),
        Valid(VAR + "from contextlib import contextmanager\n@contextmanager\ndef scope(bot_id):\n    token = current_tenant.set(bot_id)\n    try:\n        yield\n    finally:\n        current_tenant.reset(token)\n"),
        Valid(VAR + "class Scope:\n    def __enter__(self):\n        self.token = current_tenant.set(self.bot_id)\n    def __exit__(self, *args):\n        current_tenant.reset(self.token)\n"),
        Valid(VAR + "def logout():\n    current_tenant.set(None)\n    work()\n    more()\n"),
        Valid(HEAD + "async def job(bot_id):\n    set_tenant(bot_id)\n    try:\n        await work()\n    finally:\n        clear_tenant()\n", SETTER),
        Valid(HEAD + "async def job(bot_id):\n    try:\n        set_tenant(bot_id)\n        await work()\n    finally:\n        set_tenant(None)\n", SETTER),
        Valid('from contextvars import ContextVar\nlocale = ContextVar("locale")\ndef job(x):\n    locale.set(x)\n    work()\n    more()\n'),
        Valid(HEAD + "from fastapi import Depends, APIRouter\nrouter = APIRouter()\nasync def bot(bot_id: int):\n    set_tenant(bot_id)\n    await work()\n    return bot_id\n@router.get('/')\nasync def page(x=Depends(bot)): ...\n", SETTER),
        Valid("def f(cache, bot_id):\n    cache.set('a', bot_id)\n"),
    )  # fmt: skip


def _sets_at_all(function: FunctionFacts, policy: Policy) -> bool:
    return any(_may_set(call, policy) for call in function.calls)


def _may_set(call: Call, policy: Policy) -> bool:
    """Cheap: only names that can set are resolved."""
    name = call.name
    if name == "set" or name in last_parts(policy.context.setters):
        return True
    return _says_set(name) and speaks_of_tenant(name, policy)


@lru_cache(maxsize=32_768)
def _says_set(name: str) -> bool:
    return not _SETS.isdisjoint(words(name))


def _variable(index: Project, function: FunctionFacts, call: Call, policy: Policy) -> bool:
    """Whether a call is of a ContextVar of the tenant."""
    receiver = call.receiver
    if not isinstance(receiver, Ref):
        return False
    name = index.resolve(function.path, receiver.dotted, function)
    owner, _, last = name.rpartition(".")
    held: Value | None = None
    for module in index.named(owner):
        held = module.top.variables.get(last)
        break
    if held is None:
        return False
    made = [item for item in walk(held) if isinstance(item, Call) and item.name == "ContextVar"]
    return bool(made) and (
        speaks_of_tenant(last, policy)
        or any(
            isinstance(arg, Const) and speaks_of_tenant(str(arg.value), policy)
            for item in made
            for arg in item.args
        )
    )


def _empties(call: Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], Const) and not call.args[0].value


def _is_setter(function: FunctionFacts, index: Project, policy: Policy) -> bool:
    """A function whose whole business is to set: it ends when its caller goes on."""
    qualified = f"{index.modules[function.path].module}.{function.qualname}"
    if any(item == qualified or qualified.endswith(f".{item}") for item in policy.context.setters):
        return True
    own = [call for call in function.calls if call.name == "set" and _variable(index, function, call, policy)]
    return (
        bool(own)
        and (len(function.calls) <= 2 or all(call.name == "set" for call in function.calls))
        and bool({"set", "bind", "use", "enter"}.intersection(words(function.name)))
    )


def _sets(index: Project, function: FunctionFacts, call: Call, policy: Policy) -> bool:
    if _empties(call) or (not call.args and not call.kwargs) or not _may_set(call, policy):
        return False
    if call.name == "set":
        return _variable(index, function, call, policy)
    name = index.callee_name(function.path, function, call)
    if name in policy.context.setters:
        return True
    target = index.callee(function.path, function, call)
    if target is None or any(
        "contextmanager" in item.last for item in target.decorators if isinstance(item, Ref)
    ):
        return False
    return _is_setter(target, index, policy)


def _resets(index: Project, function: FunctionFacts, call: Call, policy: Policy) -> bool:
    """Whether a call takes the tenant out: `reset`, a clearing function, or a setter that is handed nothing or, at the end, the one before."""
    last = _empties(call) or any(item is call for item in function.finals)
    if call.name in ("reset", "set"):
        return (call.name == "reset" or last) and _variable(index, function, call, policy)
    if _RESETS.intersection(words(call.name)) and speaks_of_tenant(call.name, policy):
        return True
    return last and _may_set(call, policy)


def _exit_resets(index: Project, module: ModuleFacts, function: FunctionFacts, policy: Policy) -> bool:
    for name in ("__exit__", "__aexit__"):
        end = module.functions.get(f"{function.class_name}.{name}")
        if end is not None and any(_resets(index, end, call, policy) for call in end.calls):
            return True
    return False


def _ends_with_request(index: Project, function: FunctionFacts) -> bool:
    """A dependency or a route: each request has a context of its own, which ends with it."""
    for item in function.decorators:
        if isinstance(item, Call) and item.name in (
            "get",
            "post",
            "put",
            "patch",
            "delete",
            "api_route",
            "websocket",
        ):
            return True
    if any(
        isinstance(item.default, Call)
        and item.default.name in ("Depends", "Security", "Header", "Query", "Path")
        for item in function.params
    ):
        return True
    for module in index.modules.values():
        if function.name not in module.imports and module.path != function.path:
            continue
        for other in module.functions.values():
            for part in other.params:
                for value in (part.default, part.annotation):
                    for call in walk(value) if value is not None else ():
                        if isinstance(call, Call) and call.name in ("Depends", "Security") and call.args:
                            target = call.args[0]
                            if isinstance(target, Ref) and target.last == function.name:
                                return True
    return False
