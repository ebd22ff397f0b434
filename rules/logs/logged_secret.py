"""A tenant's secret in a log line.

What it does
------------
Reports calls of a logger that are handed a setting of the policy's per-tenant `settings`, or a name or attribute that ends in `password`,
`secret`, `token` or `api_key`.

Why is this bad?
----------------
Logs are read by people and services of all tenants. Whoever reads the line can act in the tenant's name.

Example
-------
    logger.info("connected with %s", bot.token)

Use instead
-----------
    logger.info("connected as bot %s", bot.id)

Not reported
------------
A part of it (`token[:4]`), its length, a mask or a hash of it, whether there is one (`bool(token)`, `has_token`), counts of tokens, tokens
that mark a place (`page_token`), and constants of classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import PerTenantSetting, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Attr,
    Call,
    Choice,
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Record,
    Ref,
    Rule,
    Star,
    Text,
    Valid,
    Value,
    words,
)
from merge_tool.rulekit.tenancy import is_setting, per_tenant_field
from merge_tool.rulekit.values import children

_LEVELS = frozenset(
    ("debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace", "success")
)
_LOGGERS = frozenset(("logger", "log", "logging", "structlog", "loguru"))
_SECRETS = frozenset(("password", "passwd", "secret", "token"))
_NOT_ITSELF = frozenset(("has", "is", "no", "need", "needs", "use", "with", "csrf", "max", "total", "min", "masked", "hashed", "redacted", "safe", "cancel", "cancellation"))  # fmt: skip
# `page_token` and `delta_token` are places in a list: only tokens of these kinds open anything.
_OPENING = frozenset(("access", "refresh", "auth", "oauth", "bot", "api", "bearer", "jwt", "session", "webhook", "reset", "user", "client", "login", "secret", "admin", "tenant", "app"))  # fmt: skip
SHOP = {"settings": (PerTenantSetting("SHOP_ID", "shop.id", ("get_shop_id",)),)}
LOG = "import logging\nlogger = logging.getLogger(__name__)\n"


class LoggedSecret(Rule):
    """See the module."""

    code = "TL2"
    name = "logged-secret"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the log calls of a file that are handed a secret."""
        for function in module.functions.values():
            for call in function.calls:
                if call.name not in _LEVELS or not _is_logger(call.receiver):
                    continue
                secret = next((told for item in _logged(call) if (told := _secret(item, policy))), "")
                if secret:
                    yield self.found(module.path, call.span, f"{secret} is written to the log")

    INVALID = (
        Invalid(LOG + "def f(bot):\n    logger.info('with %s', bot.token)\n", (Expected(4, "bot.token is written to the log"),)),
        Invalid(LOG + "def f(password):\n    logger.debug(f'try {password}')\n", (Expected(4, "password"),)),
        Invalid(LOG + "def f(settings):\n    logger.error('no: ' + settings.API_KEY)\n", (Expected(4, "settings.API_KEY"),)),
        Invalid(LOG + "def f(api_key):\n    logger.info('x', extra={'key': api_key})\n", (Expected(4, "api_key"),)),
        Invalid(LOG + "def f(settings):\n    logger.info('shop %s', settings.SHOP_ID)\n", (Expected(4, "SHOP_ID"),), policy=SHOP),
        Invalid(LOG + "def f(settings):\n    logger.info('shop %s', settings.get_shop_id())\n", (Expected(4, "SHOP_ID"),), policy=SHOP),
        Invalid("class A:\n    def f(self, user):\n        self.logger.info('%s', user.client_secret)\n", (Expected(3, "client_secret"),)),
    )  # fmt: skip
    VALID = (
        Valid(LOG + "def f(page_token, state):\n    logger.info('%s %s', page_token, state.delta_token)\n"),
        Valid(LOG + "def f(token):\n    logger.info('%s…', token[:4])\n"),
        Valid(LOG + "def f(token):\n    logger.info('%s %s', len(token), mask(token))\n"),
        Valid(LOG + "def f(token):\n    logger.info(f'{bool(token)} {token.id}')\n"),
        Valid(LOG + "def f(has_token, token_id, total_tokens, tokens, token_type):\n    logger.info('%s %s %s %s %s', has_token, token_id, total_tokens, tokens, token_type)\n"),
        Valid(LOG + "def f():\n    logger.info('bad password')\n"),
        Valid(LOG + "def f(bot):\n    bot.log_in(bot.token)\n    bot.info(bot.token)\n"),
        Valid(LOG + "def f(settings):\n    logger.info('shop %s', settings.SHOP_ID)\n"),
        Valid(LOG + "class Kind:\n    TOKEN = 'token'\ndef f():\n    logger.info('%s', Kind.TOKEN)\n"),
    )  # fmt: skip


def _is_logger(receiver: Value | None) -> bool:
    name = (
        receiver.last
        if isinstance(receiver, Ref)
        else receiver.name
        if isinstance(receiver, Attr | Call)
        else ""
    )
    return bool(_LOGGERS.intersection(words(name)))


def _logged(call: Call) -> Iterator[Value]:
    """What ends up in the line whole: arguments, parts of texts, values of mappings; not what a call makes of them."""
    stack: list[Value] = [
        *call.args,
        *(value for key, value in call.kwargs if key not in ("exc_info", "stack_info")),
    ]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, Text | Choice | Record | Star) or type(item).__name__ in (
            "Entry",
            "Fork",
            "Items",
        ):
            stack.extend(children(item))
        elif isinstance(item, Call) and item.name in ("str", "repr", "get_secret_value", "format"):
            stack.extend([*item.args, *([item.receiver] if item.receiver is not None else [])])


def _secret(value: Value, policy: Policy) -> str:
    field = per_tenant_field(value, policy)
    if field:
        return field
    name = value.dotted if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""
    if not name:
        return ""
    last = name.rpartition(".")[2]
    parts = words(last)
    if last.isupper() and not is_setting(value):
        return ""
    if (
        not parts
        or _NOT_ITSELF.intersection(parts)
        or not (parts[-1] in _SECRETS or parts[-2:] == ["api", "key"])
    ):
        return ""
    if parts[-1] == "token" and len(parts) > 1 and parts[-2] not in _OPENING:
        return ""
    return name
