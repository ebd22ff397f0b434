"""A setting of one tenant read from the settings of the whole process.

What it does
------------
Finds reads of the fields that the policy lists as a tenant's own (`settings:`): attributes of the settings object under any name,
`getattr`, its accessor methods, `os.environ`, `os.getenv`, and imports of such a constant.

Why is this bad?
----------------
There is one value for all tenants: tokens of one are good at the other, receipts go out in the wrong name, signatures are checked with
another bot's secret.

Example
-------
    def sign(payload):
        return jwt.encode(payload, settings.get_cabinet_jwt_secret())

Use instead
-----------
    async def sign(db, bot_id, payload):
        return jwt.encode(payload, await get_config_value(db, bot_id, "cabinet.jwt_secret"))

Not reported
------------
The definition in the settings class and what the class does with it; the fallback in the policy's `config_getter`; an object that
was got for a tenant (`get_settings(bot_id).X`); files outside of the setting's `paths`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import PerTenantSetting, Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Attr,
    Call,
    ClassFacts,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Item,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    Value,
    last_part,
    matches_glob,
    mentions_tenant,
    name_of,
    says_tenant,
    walk,
    words,
)

_WORDS = frozenset(("settings", "setting", "config", "conf", "cfg", "configuration", "env", "environ"))
_READERS = frozenset(("getenv", "get", "pop", "setdefault", "config", "env", "str", "bool", "int"))
_ENVIRONMENT = frozenset(
    ("os.environ", "os.getenv", "decouple.config", "environs.Env", "starlette.config.Config", "os.environb")
)


def _named_settings(name: str) -> bool:
    return any(word in _WORDS for word in words(name))


def _settings_class(owner: ClassFacts) -> bool:
    return _named_settings(owner.name) or any("Settings" in name_of(base) for base in owner.bases)


SETTINGS = {
    "app/config.py": """\
import os
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    NALOGO_INN: str | None = None
    CABINET_JWT_SECRET: str = os.getenv("CABINET_JWT_SECRET", "")
    BOT_TOKEN: str = ""

    def get_cabinet_jwt_secret(self) -> str:
        return self.CABINET_JWT_SECRET or self.BOT_TOKEN

settings = Settings()

def get_settings() -> Settings:
    return settings
"""
}
HEAD = "from app.config import settings, get_settings, Settings\n"
POLICY = {
    "settings": (
        PerTenantSetting("NALOGO_INN", "nalogo.inn"),
        PerTenantSetting("CABINET_JWT_SECRET", "cabinet.jwt_secret", ("get_cabinet_jwt_secret",)),
        PerTenantSetting("BOT_TOKEN", "bots.bot_token", (), ("app/cabinet/**",)),
    ),
    "config_getter": "app.crud.get_config_value",
}


class GlobalSetting(Rule):
    """See the module."""

    code = "TC1"
    name = "global-setting"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports reads of per-tenant settings."""
        wanted = [
            item
            for item in policy.settings
            if not item.paths or any(matches_glob(module.path, pattern) for pattern in item.paths)
        ]
        if not wanted:
            return
        fields = {item.field: item for item in wanted}
        accessors = {name: item for item in wanted for name in item.accessors}
        for function in module.functions.values():
            if self._is_getter(module, function, policy) or self._in_settings_class(module, function):
                continue
            for read in function.reads:
                item = fields.get(read.name)
                if item is None or self._defines(module, read.span, item.field):
                    continue
                if self._is_settings(module.path, function, read.base, item.field, index, policy):
                    yield self._told(
                        module.path, read.span, f"{name_of(read.base) or 'settings'}.{read.name}", item
                    )
            for call in function.calls:
                yield from self._called(module, function, call, fields, accessors, index, policy)
        for site in module.import_sites:
            item = fields.get(last_part(site.target))
            if item is not None and _named_settings(site.target.rpartition(".")[0]):
                yield self._told(module.path, site.span, site.target, item)

    def _told(self, path: str, span: Span, what: str, item: PerTenantSetting) -> Diagnostic:
        message = f'{what} is one value for all tenants; it belongs to the tenant, as "{item.key}"'
        return self.found(path, span, message)

    def _called(
        self,
        module: ModuleFacts,
        function: FunctionFacts,
        call: Call,
        fields: dict[str, PerTenantSetting],
        accessors: dict[str, PerTenantSetting],
        index: Project,
        policy: Policy,
    ) -> Iterator[Diagnostic]:
        item = accessors.get(call.name)
        if item is not None and call.receiver is not None:
            given = any(
                mentions_tenant(arg, policy, function)
                for arg in (*call.args, *(part for _, part in call.kwargs))
            )
            if not given and self._is_settings(
                module.path, function, call.receiver, call.name, index, policy
            ):
                yield self._told(module.path, call.span, f"{name_of(call.func)}()", item)
            return
        if call.name not in _READERS:
            return
        first = call.argument(0, "key")
        field = fields.get(first.value) if isinstance(first, Const) and isinstance(first.value, str) else None
        if field is None or self._defines(module, call.span, field.field):
            return
        name = index.callee_name(module.path, function, call)
        environment = any(name == known or name.startswith(f"{known}.") for known in _ENVIRONMENT)
        receiver = call.receiver
        if environment or (
            receiver is not None
            and self._is_settings(module.path, function, receiver, field.field, index, policy)
        ):
            yield self._told(module.path, call.span, f'{name or name_of(call.func)}("{field.field}")', field)

    def _is_settings(
        self, path: str, function: FunctionFacts, base: Value, field: str, index: Project, policy: Policy
    ) -> bool:
        """Whether a value is the settings object of the process, or the environment."""
        if mentions_tenant(base, policy):
            return False
        if (
            isinstance(base, Call)
            and base.name in ("vars", "asdict", "model_dump", "dict")
            and (base.args or base.receiver)
        ):
            inner = base.receiver if base.name in ("model_dump", "dict") else base.args[0]
            return inner is not None and self._is_settings(path, function, inner, field, index, policy)
        dotted = name_of(base)
        inside = walk(base) if isinstance(base, Attr | Item) else ()
        if any(isinstance(item, Ref | Call) and _named_settings(name_of(item)) for item in inside):
            return True
        call = base if isinstance(base, Call) else Call(base, (), (), Span(1, 1, 1, 1))
        # The type is asked through a call of it: what the name means when it is called.
        meant = index.callee_name(path, function, call)
        owner = index.type_name(path, function, base)
        found = index.find_class(owner) if owner else None
        if found is None and meant:
            found = index.find_class(meant)
        if found is not None:
            if says_tenant(found.name, policy) or index.model(owner) is not None:
                return False
            known = field in found.fields or field in found.attributes or field in found.methods
            return _settings_class(found) or (known and _named_settings(dotted))
        if meant in _ENVIRONMENT or owner in _ENVIRONMENT:
            return True
        resolved = index.resolve(path, dotted, function) if dotted else ""
        return (
            resolved in _ENVIRONMENT
            or _named_settings(last_part(dotted))
            or _named_settings(last_part(resolved))
        )

    def _is_getter(self, module: ModuleFacts, function: FunctionFacts, policy: Policy) -> bool:
        if not policy.config_getter:
            return False
        own = f"{module.module}.{function.qualname}"
        return own == policy.config_getter or own.startswith(f"{policy.config_getter}.")

    def _in_settings_class(self, module: ModuleFacts, function: FunctionFacts) -> bool:
        owner = module.classes.get(function.class_name)
        return owner is not None and _settings_class(owner)

    def _defines(self, module: ModuleFacts, span: Span, field: str) -> bool:
        """Whether a place is the setting's own definition: in a class that has it, or at the top of a settings module."""
        for owner in module.classes.values():
            within = owner.span.line <= span.line <= owner.span.end_line
            if within and _settings_class(owner) and (field in owner.fields or field in owner.attributes):
                return True
        held = module.top.variables.get(field)
        return (
            held is not None
            and _named_settings(last_part(module.module))
            and not any(
                item.header.line <= span.line <= item.end_line
                for item in module.functions.values()
                if item is not module.top
            )
        )

    INVALID = (
        Invalid(HEAD + "def inn():\n    return settings.NALOGO_INN\n", (Expected(3, 'settings.NALOGO_INN is one value for all tenants; it belongs to the tenant, as "nalogo.inn"'),), SETTINGS, POLICY),
        Invalid(HEAD + "def inn(value=None):\n    value = value or getattr(settings, \"NALOGO_INN\", None)\n    return value\n", (Expected(3, 'NALOGO_INN'),), SETTINGS, POLICY),
        Invalid(HEAD + "def secret():\n    return settings.get_cabinet_jwt_secret()\n", (Expected(3, 'settings.get_cabinet_jwt_secret()'),), SETTINGS, POLICY),
        Invalid("import os\ndef inn():\n    return os.environ[\"NALOGO_INN\"] or os.getenv(\"NALOGO_INN\") or os.environ.get(\"NALOGO_INN\")\n", (Expected(3, 'os.environ.NALOGO_INN'), Expected(3, 'os.getenv("NALOGO_INN")'), Expected(3, 'os.environ.get("NALOGO_INN")'),), SETTINGS, POLICY),
        Invalid("from os import environ as e, getenv\ndef inn():\n    return e[\"NALOGO_INN\"] + getenv(\"NALOGO_INN\")\n", (Expected(3, 'NALOGO_INN'), Expected(3, 'os.getenv'),), SETTINGS, POLICY),
        Invalid(HEAD + "class Nalogo:\n    inn = settings.NALOGO_INN\n    def __init__(self, settings: Settings):\n        self.conf = settings\n    def get(self):\n        return self.conf.NALOGO_INN\n", (Expected(3, 'settings.NALOGO_INN'), Expected(7, 'conf.NALOGO_INN'),), SETTINGS, POLICY),
        Invalid("from app.config import settings as s\ndef inn():\n    x = s\n    return x.NALOGO_INN, s.get_cabinet_jwt_secret()\n", (Expected(4, 'NALOGO_INN'), Expected(4, 'get_cabinet_jwt_secret'),), SETTINGS, POLICY),
        Invalid(HEAD + "from fastapi import Depends\ndef inn(cfg: Settings = Depends(get_settings), other=Depends(get_settings)):\n    return cfg.NALOGO_INN, other.NALOGO_INN\n", (Expected(4, 'cfg.NALOGO_INN'), Expected(4, 'other.NALOGO_INN'),), SETTINGS, POLICY),
        Invalid(HEAD + "def inn(key=settings.NALOGO_INN):\n    return get_settings().NALOGO_INN, settings.model_dump()[\"NALOGO_INN\"]\n", (Expected(2, 'NALOGO_INN'), Expected(3, 'NALOGO_INN'), Expected(3, 'NALOGO_INN'),), SETTINGS, POLICY),
        Invalid("from app import config\ndef inn():\n    return config.settings.NALOGO_INN\n", (Expected(3, 'config.settings.NALOGO_INN'),), SETTINGS, POLICY),
        Invalid("from app.config import NALOGO_INN\n", (Expected(1, 'app.config.NALOGO_INN'),), SETTINGS, POLICY),
        Invalid("from app.config import settings\ntoken = settings.BOT_TOKEN\n", (Expected(2, "bots.bot_token"),), SETTINGS, POLICY, path="app/cabinet/auth/telegram.py"),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def inn(db, bot_id):\n    return await get_config_value(db, bot_id, \"nalogo.inn\")\n", SETTINGS, POLICY),
        Valid(HEAD + "def theme():\n    return settings.THEME, settings.BOT_TOKEN\n", SETTINGS, POLICY),
        Valid("async def secret(db, bot_id):\n    return await get_cabinet_jwt_secret(db, bot_id)\n", SETTINGS, POLICY),
        Valid("from app import crud\nasync def secret(db, bot_id):\n    return (await crud.get_cabinet_jwt_secret(db, bot_id)), get_settings(bot_id).NALOGO_INN\n", SETTINGS, POLICY),
        Valid("def inn(tenant_settings, bot):\n    return tenant_settings.NALOGO_INN, bot.NALOGO_INN\n", SETTINGS, POLICY),
        Valid("class Codes:\n    NALOGO_INN = 1\ndef code():\n    return Codes.NALOGO_INN\n", SETTINGS, POLICY),
        Valid(SETTINGS["app/config.py"], {}, POLICY, path="app/config.py"),
        Valid("import os\nNALOGO_INN = os.getenv(\"NALOGO_INN\")\n", {}, POLICY, path="app/settings.py"),
        Valid("from app.config import settings\nasync def get_config_value(db, bot_id, key):\n    return settings.NALOGO_INN\n", SETTINGS, POLICY, path="app/crud.py"),
        Valid("from app.config import settings\ndef inn():\n    return settings.NALOGO_INN\n", SETTINGS),
    )  # fmt: skip
