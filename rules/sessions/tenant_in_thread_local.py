"""The tenant in a thread-local or a module global.

What it does
------------
Finds a `threading.local` at module level that holds the tenant, and a module variable named for the tenant that a function assigns anew.

Why is this bad?
----------------
All requests of an event loop run in one thread. Each overwrites the tenant of those that wait, which then go on in a tenant that is not theirs.

Example
-------
    _local = threading.local()
    def set_tenant(bot_id):
        _local.bot_id = bot_id

Use instead
-----------
    _tenant: ContextVar[int | None] = ContextVar("tenant", default=None)
    def set_tenant(bot_id):
        _tenant.set(bot_id)

Not reported
------------
`contextvars`; thread-locals that hold something else; names in capitals, which are constants. That a function assigns the module's variable
and not one of its own is inferred from the name alone, so this part is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Call, Const, Expected, Invalid, ModuleFacts, Project, Rule, Valid, names_word

LOCAL = "import threading\n_local = threading.local()\n"


class TenantInThreadLocal(Rule):
    """See the module."""

    code = "TR5"
    name = "tenant-in-thread-local"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports thread-locals and globals that carry the tenant."""
        holders: set[str] = set()
        plain: set[str] = set()
        for name, value in module.top.variables.items():
            if isinstance(value, Call) and value.name in ("local", "Local"):
                target = index.resolve(module.path, value.dotted)
                if target in ("threading.local", "_threading_local.local"):
                    holders.add(name)
            elif isinstance(value, Const) and _names_tenant(name, policy) and not name.isupper():
                plain.add(name)
        if not holders and not plain:
            return
        for function in module.functions.values():
            if function.name == "<module>":
                continue
            for name in function.variables:
                head, _, attribute = name.partition(".")
                if head in holders and (_names_tenant(attribute, policy) or _names_tenant(head, policy)):
                    yield self.found(
                        module.path,
                        function.header,
                        f"{function.qualname} keeps the tenant in the thread-local {name}, which all requests of a loop share",
                    )
                elif name in plain and function.parameter(name) is None:
                    yield self.found(
                        module.path,
                        function.header,
                        f"{function.qualname} keeps the tenant in the module's variable {name}, which all requests share",
                        severity=Severity.WARNING,
                    )

    INVALID = (
        Invalid(LOCAL + "def use(bot_id):\n    _local.bot_id = bot_id\n", (Expected(3, "use keeps the tenant in the thread-local _local.bot_id"),)),
        Invalid("from threading import local\ntenant = local()\ndef use(x):\n    tenant.value = x\n", (Expected(3, "tenant.value"),)),
        Invalid("_current_tenant = None\ndef use(x):\n    global _current_tenant\n    _current_tenant = x\n", (Expected(2, "the module's variable _current_tenant", Severity.WARNING),)),
    )  # fmt: skip
    VALID = (
        Valid("from contextvars import ContextVar\n_tenant = ContextVar('tenant', default=None)\ndef use(x):\n    _tenant.set(x)\n"),
        Valid(LOCAL + "def use(x):\n    _local.connection = x\n"),
        Valid("DEFAULT_TENANT = 1\ndef use(x):\n    return DEFAULT_TENANT\n"),
        Valid("current_tenant = None\ndef use(current_tenant):\n    current_tenant = current_tenant or 1\n"),
    )  # fmt: skip


def _names_tenant(name: str, policy: Policy) -> bool:
    return names_word(name, "tenant") or any(
        names_word(name, word) for word in (policy.column, policy.parameter)
    )
