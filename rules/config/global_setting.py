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

from collections.abc import Callable, Iterable, Iterator

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
    carries,
    kept_and_signed,
    last_part,
    matches_glob,
    mentions_tenant,
    name_of,
    parameter_signs,
    says_signing,
    says_tenant,
    signing_calls,
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


def _is_own(path: str, item: PerTenantSetting) -> bool:
    return not item.paths or any(matches_glob(path, pattern) for pattern in item.paths)


def _says_signing(index: Project, function: FunctionFacts) -> bool:
    return any(says_signing(index, function, call) for call in function.calls)


def _holds(item: PerTenantSetting) -> Callable[[Value], bool]:
    """Whether a value is a read of the setting, however it is read."""

    def held(value: Value) -> bool:
        match value:
            case Ref(dotted):
                return item.field in dotted.split(".")
            case Attr(_, name):
                return name == item.field
            case Item(_, Const(key)):
                return key == item.field
            case Call():
                first = value.argument(0, "key")
                read = isinstance(first, Const) and first.value == item.field and value.name in _READERS
                return read or (value.name in item.accessors and value.receiver is not None)
            case _:
                return False

    return held


def _within(inner: Span, outer: Span) -> bool:
    start, end = (inner.line, inner.column), (inner.end_line, inner.end_column)
    return (outer.line, outer.column) <= start and end <= (outer.end_line, outer.end_column)


def _signs(
    module: ModuleFacts, index: Project, function: FunctionFacts, item: PerTenantSetting, span: Span
) -> bool:
    """Whether what is read at a place goes into a check or a signature: there, or where it is kept for."""
    held = _holds(item)
    calls = list(signing_calls(index, function, held))
    if any(_within(span, call.span) for call in calls):
        return True
    guard = any(carries(check, held) for check in function.checks)
    reads = [read.span for read in function.reads if read.name == item.field]
    for call in calls:
        before = [read for read in reads if (read.line, read.column) <= (call.span.line, call.span.column)]
        apart = not any(_within(read, call.span) for read in reads)
        # By way of a name: of several reads the last is the one; an accessor's call is no read, and stands alone.
        if apart and (span not in reads or not guard or (before and span == before[-1])):
            return True
    if any(
        parameter.default is not None
        and carries(parameter.default, held)
        and parameter_signs(index, function, parameter.name)
        for parameter in function.params
    ):
        return True
    if function is module.top:
        names = {name for name, value in module.top.variables.items() if carries(value, held)} | {
            name for name, target in module.imports.items() if last_part(target) == item.field
        }
        return bool(names) and any(
            True
            for other in module.functions.values()
            for _ in signing_calls(
                index, other, lambda value: isinstance(value, Ref) and value.dotted.partition(".")[0] in names
            )
        )
    if function.class_name and kept_and_signed(index, function, held):
        return True
    return any(carries(value, held) for value in function.returns) and any(
        True
        for site in index.calls_named(function.name)
        if index.callee(site.path, site.function, site.call) is function
        for _ in signing_calls(
            index, site.function, lambda value: isinstance(value, Call) and value.name == function.name
        )
    )


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
        if not policy.settings:
            return
        own = [item for item in policy.settings if _is_own(module.path, item)]
        other = [item for item in policy.settings if not _is_own(module.path, item)]
        yield from (found for found, _, _ in self._uses(module, index, policy, own))
        for found, function, item in self._uses(module, index, policy, other) if other else ():
            if _signs(module, index, function, item, found.span):
                yield found

    def _uses(
        self, module: ModuleFacts, index: Project, policy: Policy, wanted: list[PerTenantSetting]
    ) -> Iterator[tuple[Diagnostic, FunctionFacts, PerTenantSetting]]:
        """The reads of some settings, with the functions that they stand in."""
        fields = {item.field: item for item in wanted}
        accessors = {name: item for item in wanted for name in item.accessors}
        if not fields:
            return
        for function in module.functions.values():
            if self._is_getter(module, function, policy):
                continue
            if self._in_settings_class(module, function) and not (
                any(read.name in fields for read in function.reads) and _says_signing(index, function)
            ):
                continue
            inside = self._in_settings_class(module, function)
            for read in function.reads:
                item = fields.get(read.name)
                if item is None or (not inside and self._defines(module, read.span, item.field)):
                    continue
                if inside and not _signs(module, index, function, item, read.span):
                    continue
                if self._is_settings(module.path, function, read.base, item.field, index, policy):
                    what = f"{name_of(read.base) or 'settings'}.{read.name}"
                    yield self._told(module.path, read.span, what, item), function, item
            for call in function.calls if not inside else ():
                for found, item in self._called(module, function, call, fields, accessors, index, policy):
                    yield found, function, item
        for site in module.import_sites:
            item = fields.get(last_part(site.target))
            if item is not None and _named_settings(site.target.rpartition(".")[0]):
                yield self._told(module.path, site.span, site.target, item), module.top, item

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
    ) -> Iterator[tuple[Diagnostic, PerTenantSetting]]:
        item = accessors.get(call.name)
        if item is not None and call.receiver is not None:
            given = any(
                mentions_tenant(arg, policy, function)
                for arg in (*call.args, *(part for _, part in call.kwargs))
            )
            if not given and self._is_settings(
                module.path, function, call.receiver, call.name, index, policy
            ):
                yield self._told(module.path, call.span, f"{name_of(call.func)}()", item), item
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
            yield (
                self._told(module.path, call.span, f'{name or name_of(call.func)}("{field.field}")', field),
                field,
            )

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
        Invalid(HEAD + "from app.webapp import parse_webapp_init_data\ndef f(data):\n    if not settings.BOT_TOKEN:\n        raise ValueError\n    return parse_webapp_init_data(data, settings.BOT_TOKEN)\n", (Expected(6, 'settings.BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "from app.tg import check\ndef f(data):\n    return check(data, token=settings.BOT_TOKEN)\n", (Expected(4, 'settings.BOT_TOKEN'),), {**SETTINGS, "app/tg.py": "import hmac\ndef check(data, token):\n    return inner(token.encode(), data)\ndef inner(secret, data):\n    return hmac.new(secret, data).hexdigest()\n"}, POLICY),
        Invalid(HEAD + "import hmac, hashlib\ndef f(data, given):\n    token = settings.BOT_TOKEN\n    secret = hashlib.sha256(token.encode()).digest()\n    return hmac.compare_digest(hmac.new(secret, data, hashlib.sha256).hexdigest(), given)\n", (Expected(4, 'settings.BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid("import hmac, os\ndef f(data):\n    return hmac.new(os.environ['BOT_TOKEN'].encode(), data, 'sha256'), hmac.new(os.getenv('BOT_TOKEN', '').encode(), data, 'sha256')\n", (Expected(3, 'os.environ'), Expected(3, 'os.getenv')), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\ndef f(data):\n    return hmac.new((getattr(settings, 'BOT_TOKEN', '') or '').encode(), data, 'sha256')\n", (Expected(4, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\ndef f(data, token=settings.BOT_TOKEN):\n    return hmac.new(token.encode(), data, 'sha256')\n", (Expected(3, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\nTOKEN = settings.BOT_TOKEN\ndef f(data):\n    return hmac.new(TOKEN.encode(), data, 'sha256')\n", (Expected(3, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\nclass V:\n    def __init__(self):\n        self.token = settings.BOT_TOKEN\n    def check(self, data):\n        return hmac.new(self.token.encode(), data, 'sha256')\n", (Expected(5, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\nclass V:\n    def __init__(self, token):\n        self.token = token\n    def check(self, data):\n        return hmac.new(self.token.encode(), data, 'sha256')\ndef f():\n    return V(settings.BOT_TOKEN)\n", (Expected(9, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import hmac\ndef secret():\n    return settings.BOT_TOKEN.encode()\ndef f(data):\n    return hmac.new(secret(), data, 'sha256')\n", (Expected(4, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import asyncio\nasync def f(data):\n    return await asyncio.to_thread(check_webapp_signature, settings.BOT_TOKEN, data)\n", (Expected(4, 'BOT_TOKEN'),), SETTINGS, POLICY),
        Invalid(HEAD + "import jwt\ndef f(data):\n    return jwt.encode(data, settings.get_token(), 'HS256')\n", (Expected(4, 'settings.get_token()'),), SETTINGS, {**POLICY, "settings": (PerTenantSetting("BOT_TOKEN", "bots.bot_token", ("get_token",), ("app/cabinet/**",)),)}),
        Invalid("import hmac\nfrom pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    BOT_TOKEN: str = ''\n    def sign(self, data):\n        secret = (self.BOT_TOKEN or '').strip()\n        return hmac.new(key=secret.encode(), msg=data, digestmod='sha256')\n", (Expected(6, 'self.BOT_TOKEN'),), {}, POLICY, path="app/config.py"),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "import hmac\ndef f(data, bot_id):\n    return hmac.new(get_settings(bot_id).BOT_TOKEN.encode(), data, 'sha256')\n", SETTINGS, POLICY),
        Valid(HEAD + "def f(bot):\n    if bot.token == settings.BOT_TOKEN:\n        return None\n    return start(token=settings.BOT_TOKEN or ''), cache_key(f'x:{settings.BOT_TOKEN}')\n", SETTINGS, POLICY),
        Valid(HEAD + "from aiogram import Bot\ndef f(user):\n    bot = Bot(token=settings.BOT_TOKEN)\n    return verify_member(bot, user)\n", SETTINGS, POLICY),
        Valid(HEAD + "import hmac\ndef f(data, bot):\n    if settings.BOT_TOKEN:\n        return hmac.new(bot.token.encode(), data, 'sha256')\n", SETTINGS, POLICY),
        Valid(HEAD + "from app.start import start\ndef f():\n    return start(settings.BOT_TOKEN), sign_in(settings.BOT_TOKEN)\n", {**SETTINGS, "app/start.py": "import hmac\ndef start(token):\n    hmac.new(b'x', b'y')\n    return Bot(token)\n"}, POLICY),
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
