"""A bot or client of one tenant that the whole process shares.

What it does
------------
Reports bots and clients that a module makes when it is imported, from a setting that belongs to a tenant (the policy's `settings`), and where
the tenant is a bot, every `Bot(token=settings…)` at module level.

Why is this bad?
----------------
There is one of it in the process, with one tenant's token. Messages and payments of all tenants go out in that one's name.

Example
-------
    from aiogram import Bot
    bot = Bot(token=settings.BOT_TOKEN)

Use instead
-----------
    from aiogram import Bot
    async def bot_of(bot_id):
        return Bot(token=await token_of(bot_id))

Not reported
------------
A client of a service that all tenants share; a bot made inside a function; where tenants are no bots, the project's one bot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import PerTenantSetting, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Call, Choice, Expected, Invalid, ModuleFacts, Project, Rule, Valid, Value, walk
from merge_tool.rulekit.tenancy import is_setting, per_tenant_field, tenant_words

BOTS = frozenset(("Bot", "TeleBot", "AsyncTeleBot", "TelegramClient", "Updater"))
SHOP = {"settings": (PerTenantSetting("SHOP_KEY", "shop.key", ("get_shop_key",)),)}


class SingletonBot(Rule):
    """See the module."""

    code = "TJ4"
    name = "singleton-bot"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports what the top level makes."""
        of_bots = "bot" in tenant_words(policy)
        if not of_bots and not policy.settings:
            return
        for name, held in module.top.variables.items():
            for call in _made(held):
                arguments = [*call.args, *(value for _, value in call.kwargs)]
                field = next(
                    (
                        told
                        for item in arguments
                        for part in walk(item)
                        if (told := per_tenant_field(part, policy))
                    ),
                    "",
                )
                if field and (call.name[:1].isupper() or call.name in ("from_url", "from_token", "connect")):
                    message = (
                        f"{name} is made once from {field}, which belongs to a tenant, and shared by all"
                    )
                    yield self.found(module.path, call.span, message)
                elif of_bots and call.name in BOTS and _from_library(index, module, call):
                    token = call.argument(0, "token")
                    if token is not None and any(is_setting(part) for part in walk(token)):
                        message = f"{name} is one bot for the whole process, and every tenant is a bot"
                        yield self.found(module.path, call.span, message)

    INVALID = (
        Invalid("from aiogram import Bot\nfrom app.config import settings\nbot = Bot(token=settings.BOT_TOKEN)\n", (Expected(3, "bot is one bot for the whole process"),)),
        Invalid('import os\nimport telebot\nbot = telebot.TeleBot(os.environ["BOT_TOKEN"])\n', (Expected(3, "one bot"),)),
        Invalid('import os\nfrom aiogram import Bot\nbot = Bot(os.getenv("T"))\n', (Expected(3, "one bot"),)),
        Invalid("from app.shop import Shop\nfrom app.config import settings\nshop = Shop(settings.SHOP_KEY)\n", (Expected(3, "SHOP_KEY, which belongs to a tenant"),), policy=SHOP),
        Invalid("from app.shop import Shop\nfrom app.config import settings\nshop = Shop(key=settings.get_shop_key())\n", (Expected(3, "SHOP_KEY"),), policy=SHOP),
        Invalid('from app.shop import Shop\nfrom app.config import settings\nshop = Shop(getattr(settings, "SHOP_KEY")) if settings.X else None\n', (Expected(3, "SHOP_KEY"),), policy=SHOP),
    )  # fmt: skip
    VALID = (
        Valid("from aiogram import Bot\nfrom app.config import settings\nbot = Bot(token=settings.BOT_TOKEN)\n", policy={"column": "org_id", "parameter": "org_id"}),
        Valid("from aiogram import Bot\ndef make(token):\n    return Bot(token=token)\n"),
        Valid("from app.models import Bot\nfrom app.config import settings\nbot = Bot(token=settings.BOT_TOKEN)\n"),
        Valid("from sentry import Client\nfrom app.config import settings\nclient = Client(settings.SENTRY_DSN)\n", policy=SHOP),
        Valid("from app.config import settings\nKEY_LENGTH = len(settings.SHOP_KEY)\n", policy=SHOP),
    )  # fmt: skip


def _made(value: Value) -> Iterator[Call]:
    for arm in value.arms if isinstance(value, Choice) else (value,):
        if isinstance(arm, Call):
            yield arm


def _from_library(index: Project, module: ModuleFacts, call: Call) -> bool:
    name = index.callee_name(module.path, module.top, call)
    return name.partition(".")[0] in ("aiogram", "telebot", "telegram", "telethon", "pyrogram")
