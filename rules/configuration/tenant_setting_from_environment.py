"""A tenant's own setting that is read from the process's settings.

What it does
------------
Finds reads of the fields in the policy's `settings`: `settings.NALOGO_INN`, `getattr(settings, "NALOGO_INN")`, the accessor methods that the policy
names, `os.environ["NALOGO_INN"]`, `os.getenv("NALOGO_INN")`, under whatever name the object was imported.

Why is this bad?
----------------
The process has one value and many tenants: one tenant's tokens are signed with another's secret, its receipts go out under another's tax number.

Example
-------
    secret = settings.get_cabinet_jwt_secret()

Use instead
-----------
    secret = await get_config_value(db, bot_id, "cabinet.jwt_secret")

Not reported
------------
The settings class's own methods; the module of the policy's `config_getter`, which may fall back to the process's value; fields that the policy does not
list; an object that is surely something else, such as a dataclass of the project with a field of that name.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import PerTenantSetting, Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    words,
)

_HOLDERS = {"settings", "config", "configuration", "conf", "cfg", "env", "environ", "environment"}


class TenantSettingFromEnvironment(Rule):
    """See the module."""

    code = "TC1"
    name = "tenant-setting-from-environment"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports reads of the policy's settings, and calls of their accessors."""
        if not policy.settings:
            return
        getter = index.function(policy.config_getter) if policy.config_getter else None
        if getter is not None and getter.path == module.path:
            return
        fields = {item.field: item for item in policy.settings}
        accessors = {name: item for item in policy.settings for name in item.accessors}
        for function in module.functions.values():
            for read in function.reads:
                setting = fields.get(read.name)
                if setting is not None and self._from_settings(index, module, function, read.base, read.name):
                    yield self._told(module, read.span, f"{read.base or '…'}.{read.name}", setting, policy)
            for call in function.calls:
                if call.name in accessors and not self._inside(index, function, call.name):
                    yield self._told(module, call.span, f"{call.name}()", accessors[call.name], policy)
                elif call.name in ("getenv", "get") and call.args:
                    first = call.args[0]
                    key = first.value if isinstance(first, Const) else None
                    name = index.callee_name(module.path, function, call)
                    if isinstance(key, str) and key in fields and name in ("os.getenv", "os.environ.get"):
                        yield self._told(module, call.span, f'{name}("{key}")', fields[key], policy)

    def _told(
        self, module: ModuleFacts, span: Span, what: str, setting: PerTenantSetting, policy: Policy
    ) -> Diagnostic:
        getter = policy.config_getter.rpartition(".")[2]
        where = f': read it with {getter}(…, "{setting.key}")' if getter else f" ({setting.key})"
        return self.found(
            module.path, span, f"{what} is the process's value of a setting that each tenant has{where}"
        )

    def _inside(self, index: Project, function: FunctionFacts, name: str) -> bool:
        """Whether a function is a method of the class that has the field or accessor itself."""
        if not function.class_name:
            return False
        owner = index.find_class(f"{index.modules[function.path].module}.{function.class_name}")
        return owner is not None and (
            name in owner.fields or name in owner.attributes or name in owner.methods
        )

    def _from_settings(
        self, index: Project, module: ModuleFacts, function: FunctionFacts, base: str, name: str
    ) -> bool:
        head = base.removesuffix("()")
        if head in ("self", "cls"):
            return not self._inside(index, function, name) and name.isupper()
        if _HOLDERS.intersection(words(head)):
            return True
        resolved = index.resolve(module.path, head, function)
        return bool(_HOLDERS.intersection(words(resolved)))

    INVALID = (
        Invalid("from app.config import settings\ndef send():\n    return settings.NALOGO_INN\n",
                (Expected(3, "settings.NALOGO_INN is the process's value of a setting that each tenant has: read it with get_config_value(…, \"nalogo.inn\")"),)),
        Invalid('from app.config import settings as s\ndef send():\n    return getattr(s, "NALOGO_INN", None)\n', (Expected(3, "s.NALOGO_INN"),)),
        Invalid("from app import config\ndef send():\n    return config.settings.get_jwt_secret()\n", (Expected(3, "get_jwt_secret() is the process's value"),)),
        Invalid('import os\ndef send():\n    return os.getenv("NALOGO_INN"), os.environ["NALOGO_INN"], os.environ.get("NALOGO_INN")\n',
                (Expected(3, 'os.getenv("NALOGO_INN")'), Expected(3, "os.environ.NALOGO_INN"), Expected(3, 'os.environ.get("NALOGO_INN")'))),
        Invalid("from app.config import get_settings\ndef send():\n    return get_settings().NALOGO_INN\n", (Expected(3, "get_settings().NALOGO_INN"),)),
        Invalid("from app.config import get_settings\ndef send(settings=Depends(get_settings)):\n    if settings.NALOGO_INN:\n        return 1\n", (Expected(3, "settings.NALOGO_INN"),)),
        Invalid("from app.config import settings\nINN = settings.NALOGO_INN\n", (Expected(2, "settings.NALOGO_INN"),)),
        Invalid("class Service:\n    def __init__(self, settings):\n        self.settings = settings\n    def inn(self):\n        return self.settings.NALOGO_INN\n", (Expected(5, "self.settings.NALOGO_INN"),)),
    )  # fmt: skip
    VALID = (
        Valid("from app.config import settings\ndef send():\n    return settings.DEBUG\n"),
        Valid("class Settings:\n    NALOGO_INN: str = ''\n    def get_jwt_secret(self):\n        return self.NALOGO_INN\n    def both(self):\n        return self.get_jwt_secret()\n"),
        Valid("async def get_config_value(db, bot_id, key):\n    from app.config import settings\n    return settings.NALOGO_INN\n", path="app/configuration.py"),
        Valid("def f(receipt):\n    return receipt.NALOGO_INN\n"),
        Valid("from app.configuration import get_config_value\nasync def f(db, bot_id):\n    return await get_config_value(db, bot_id, 'nalogo.inn')\n"),
        Valid("from app.config import settings\ndef f():\n    return settings.NALOGO_INN  # tenant: ignore[TC1] shown to operators only\n"),
    )  # fmt: skip
