"""A request that goes on where the context holds no tenant.

What it does
------------
Finds dependencies that hand out what an optional getter of the policy gives, None too, and routes that use such a getter's result
without asking whether it is None.

Why is this bad?
----------------
Without a tenant the request should end in 401. Instead None goes on: filters are skipped, or rows are written that belong to nobody.

Example
-------
    def tenant_of_request() -> int:
        return get_current_tenant()

Use instead
-----------
    def tenant_of_request() -> int:
        bot_id = get_current_tenant()
        if bot_id is None:
            raise HTTPException(401)
        return bot_id

Not reported
------------
Results that are tested anywhere in the function; dependencies whose own result is declared optional; getters that are not declared
to give None and hold no ContextVar whose default is None; the policy's requirers.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    Ref,
    Rule,
    Valid,
    Value,
    last_part,
    module_value,
    name_of,
    walk,
)

TENANCY = {"app/tenancy.py": "def get_current_tenant() -> int | None:\n    return None\n"}
HEAD = "from fastapi import APIRouter, Depends, HTTPException\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n"


def _optional(value: Value | None) -> bool:
    """Whether an annotation allows None."""
    return value is not None and any(
        (isinstance(item, Ref) and item.last == "Optional")
        or (isinstance(item, Const) and item.value is None)
        for item in walk(value)
    )


def _gives_none(index: Project, function: FunctionFacts) -> bool:
    """Whether a getter that declares nothing gives what a ContextVar with the default None holds, or `get(None)` of any."""
    if function.result is not None or function.checks:
        return False
    for value in function.returns:
        if not isinstance(value, Call) or value.name != "get" or value.receiver is None:
            continue
        if value.args:
            return isinstance(value.args[0], Const) and value.args[0].value is None
        made = module_value(index, function.path, function, value.receiver)
        default = (
            made.argument(1, "default") if isinstance(made, Call) and made.name == "ContextVar" else None
        )
        return isinstance(default, Const) and default.value is None
    return False


class EmptyContext(Rule):
    """See the module."""

    code = "TF6"
    name = "empty-context"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenants that may be None and are not tested."""
        getters = {
            last_part(name): name
            for name in policy.context.getters
            if (made := index.function(name)) is not None
            and (_optional(made.result) or _gives_none(index, made))
        }
        if not getters:
            return
        routed = {route.function for route in index.routes_of(module.path)}
        depended = {last_part(name) for name in policy.routes.dependencies} - set(getters)
        for function in module.functions.values():
            if function.qualname in routed:
                yield from self._route(module, function, index, getters)
                continue
            given = [
                value
                for value in function.returns
                if isinstance(value, Call)
                and self._is_getter(index, function, value, getters)
                and not self._tested(function, value)
            ]
            if not given or _optional(function.result) or function.name in getters:
                continue
            if function.name in depended or self._is_dependency(index, function):
                for value in given:
                    message = f"{function.name}() hands out what {value.name}() gives, None too, instead of ending in 401"
                    yield self.found(module.path, value.span, message)

    def _route(
        self, module: ModuleFacts, function: FunctionFacts, index: Project, getters: dict[str, str]
    ) -> Iterable[Diagnostic]:
        for item in function.params:
            for value in (item.default, item.annotation):
                for part in walk(value) if value is not None else ():
                    if (
                        not isinstance(part, Call)
                        or part.name not in ("Depends", "Security")
                        or not part.args
                    ):
                        continue
                    name = last_part(name_of(part.args[0]))
                    if name in getters and not self._asked(function, item.name):
                        message = f'"{item.name}" is None where the context is empty: {name}() does not end in 401, and {function.name}() does not ask'
                        yield self.found(module.path, function.header, message)
        for call in function.calls:
            if self._is_getter(index, function, call, getters) and not self._tested(function, call):
                message = (
                    f"{call.name}() gives None where the context is empty, and {function.name}() does not ask"
                )
                yield self.found(module.path, call.span, message)

    def _is_getter(
        self, index: Project, function: FunctionFacts, call: Call, getters: dict[str, str]
    ) -> bool:
        return call.name in getters and index.callee_name(function.path, function, call) == getters[call.name]

    def _asked(self, function: FunctionFacts, name: str) -> bool:
        if any(name in call.present for call in function.calls):
            return True
        return any(
            isinstance(item, Ref) and item.dotted == name for test in function.checks for item in walk(test)
        ) or not any(
            isinstance(item, Ref) and item.dotted == name for call in function.calls for item in walk(call)
        )

    def _tested(self, function: FunctionFacts, call: Call) -> bool:
        names = {name for name, value in function.variables.items() if value is call}
        if any(names & set(item.present) for item in function.calls):
            return True
        tested = (*function.checks, *(value for fallback in function.fallbacks for value in fallback.values))
        if any(item is call for test in tested for item in walk(test)):
            return True
        # Given to a function that says by its name that it checks.
        return any(
            other.name.startswith(("require", "check", "ensure", "verify", "validate"))
            and any(arg is call for arg in other.args)
            for other in function.calls
        )

    def _is_dependency(self, index: Project, function: FunctionFacts) -> bool:
        for module in index.modules.values():
            if (
                function.name not in module.top.variables
                and function.name not in module.imports
                and module.path != function.path
            ):
                continue
            for other in module.functions.values():
                for item in other.params:
                    for value in (item.default, item.annotation):
                        for part in walk(value) if value is not None else ():
                            if (
                                isinstance(part, Call)
                                and part.name in ("Depends", "Security")
                                and part.args
                                and last_part(name_of(part.args[0])) == function.name
                            ):
                                return True
        return False

    INVALID = (
        Invalid(HEAD + 'def tenant() -> int:\n    return get_current_tenant()\n@router.get("/a")\ndef a(bot_id=Depends(tenant)):\n    return load(bot_id)\n', (Expected(5, "tenant() hands out what get_current_tenant() gives"),), TENANCY),
        Invalid(HEAD + '@router.get("/a")\ndef a(bot_id=Depends(get_current_tenant)):\n    return load(bot_id)\n', (Expected(5, '"bot_id" is None where the context is empty'),), TENANCY),
        Invalid(HEAD + '@router.get("/a")\ndef a():\n    bot_id = get_current_tenant()\n    return load(bot_id)\n', (Expected(6, "a() does not ask"),), TENANCY),
        Invalid(HEAD + 'def tenant():\n    return get_current_tenant()\n@router.get("/a")\ndef a(bot_id=Depends(tenant)):\n    return load(bot_id)\n', (Expected(5, "tenant() hands out"),), {"app/tenancy.py": "from contextvars import ContextVar\nheld = ContextVar('tenant', default=None)\ndef get_current_tenant():\n    return held.get()\n"}),
        Invalid(HEAD + '@router.get("/a")\ndef a():\n    return load(get_current_tenant())\n', (Expected(6, "a() does not ask"),), {"app/tenancy.py": "from contextvars import ContextVar\nheld = ContextVar('tenant')\ndef get_current_tenant():\n    return held.get(None)\n"}),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + '@router.get("/a")\ndef a():\n    return load(get_current_tenant())\n', {"app/tenancy.py": "from contextvars import ContextVar\nheld = ContextVar('tenant')\ndef get_current_tenant():\n    return held.get()\n"}),
        Valid(HEAD + '@router.get("/a")\ndef a():\n    return load(get_current_tenant())\n', {"app/tenancy.py": "from contextvars import ContextVar\nheld = ContextVar('tenant', default=None)\ndef get_current_tenant():\n    found = held.get()\n    if found is None:\n        raise LookupError\n    return found\n"}),
        Valid(HEAD + 'def tenant() -> int:\n    bot_id = get_current_tenant()\n    if bot_id is None:\n        raise HTTPException(401)\n    return bot_id\n@router.get("/a")\ndef a(bot_id=Depends(tenant)):\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + 'from typing import Optional\ndef tenant() -> Optional[int]:\n    return get_current_tenant()\n@router.get("/a")\ndef a(bot_id=Depends(tenant)):\n    return 1\n', TENANCY),
        Valid(HEAD + '@router.get("/a")\ndef a(bot_id=Depends(get_current_tenant)):\n    if not bot_id:\n        raise HTTPException(401)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/a")\ndef a():\n    bot_id = get_current_tenant()\n    if bot_id:\n        return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/a")\ndef a(bot_id=Depends(get_current_tenant)):\n    return load(bot_id)\n', {"app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\n"}),
        Valid(HEAD + 'def helper():\n    return get_current_tenant()\n', TENANCY),
    )  # fmt: skip
