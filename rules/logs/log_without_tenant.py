"""A log line that does not say whose it is.

What it does
------------
Where the policy's `logs.levels` names levels, looks at the log lines of these levels in functions that have the tenant in hand (a parameter
or a variable), and reports those that neither name it nor are written by a logger that was bound to it. Without `logs.levels` it says nothing.

Why is this bad?
----------------
Somebody asks why their orders fail, and the log has a thousand failures of all tenants. The tenant was there when the line was written.

Example
-------
    def charge(bot_id, order):
        logger.error("charge failed: %s", order.id)

Use instead
-----------
    def charge(bot_id, order):
        logger.error("charge failed: %s", order.id, extra={"bot_id": bot_id})

Not reported
------------
Projects whose log lines all carry the tenant: by a `logging.Filter`, a formatter, a `LoggerAdapter`, a record factory, a processor of structlog,
`bind_contextvars(bot_id=…)` or loguru's `contextualize`; loggers that are bound in the function; functions in which no tenant is at hand.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import LogPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Attr,
    Call,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    mentions_tenant,
    says_tenant,
    takes_tenant,
    words,
)
from merge_tool.rulekit.known import names_tenant_object

# The methods of a logger, and the level that each writes at.
_LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
_ASYNC = ("adebug", "ainfo", "awarning", "aerror", "aexception", "acritical")
_LOGGERS = frozenset(("logger", "log", "logging", "structlog", "loguru"))
ASKED = {"logs": LogPolicy(levels=("warning", "error"))}
LOG = "import logging\nlogger = logging.getLogger(__name__)\n"
LINE = "def charge(bot_id, order):\n    logger.error('no charge: %s', order.id)\n"


class LogWithoutTenant(Rule):
    """See the module."""

    code = "TL1"
    name = "log-without-tenant"
    severity = Severity.INFO

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the lines of a file that leave the tenant out."""
        asked = {"warning" if item.lower() == "warn" else item.lower() for item in policy.logs.levels}
        if not asked:
            return
        for function in module.functions.values():
            lines = [call for call in function.calls if self._level(call) in asked and _is_logger(call)]
            if not lines or not self._has_tenant(function, policy) or index.logs_name_tenant():
                continue
            for call in lines:
                if not self._names_it(function, call, policy):
                    message = f"{function.name}() knows the tenant, and this line of the log does not name it"
                    yield self.found(module.path, call.span, message)

    def _level(self, call: Call) -> str:
        return _LEVELS.get(call.name[1:] if call.name in _ASYNC else call.name, "")

    def _has_tenant(self, function: FunctionFacts, policy: Policy) -> bool:
        return takes_tenant(function, policy) or any(says_tenant(name, policy) for name in function.variables)

    def _names_it(self, function: FunctionFacts, call: Call, policy: Policy) -> bool:
        values = [*call.args, *(value for _, value in call.kwargs)]
        if call.receiver is not None:
            values.append(call.receiver)
        if any(says_tenant(key, policy) for key, _ in call.kwargs):
            return True
        if any(mentions_tenant(item, policy, function) for item in values):
            return True
        return names_tenant_object(values, policy) or any(not key for key, _ in call.kwargs)

    INVALID = (
        Invalid(LOG + LINE, (Expected(4, "charge() knows the tenant, and this line of the log does not name it"),), policy=ASKED),
        Invalid(LOG + "def f(order, db):\n    bot_id = order.bot_id\n    logger.warning(f'late: {order.id}')\n    return bot_id\n", (Expected(5, "f()"),), policy=ASKED),
        Invalid(LOG + "async def f(bot_id):\n    try:\n        await work(bot_id)\n    except Exception:\n        logger.exception('failed')\n", (Expected(7, "f()"),), policy=ASKED),
        Invalid("import structlog\nlog = structlog.get_logger()\nasync def f(bot_id):\n    await log.aerror('failed', order=1)\n", (Expected(4, "f()"),), policy=ASKED),
        Invalid("class A:\n    def f(self, bot_id):\n        self.logger.error('failed')\n", (Expected(3, "f()"),), policy=ASKED),
        Invalid(LOG + "import structlog\nstructlog.contextvars.bind_contextvars(request_id=1)\n" + LINE, (Expected(6, "charge()"),), policy=ASKED),
        Invalid(LOG + "class Quiet(logging.Filter):\n    def filter(self, record):\n        return 'health' not in record.msg\n" + LINE, (Expected(7, "charge()"),), policy=ASKED),
    )  # fmt: skip
    VALID = (
        Valid(LOG + LINE),
        Valid(LOG + "def f(bot_id):\n    logger.info('done')\n", policy=ASKED),
        Valid(LOG + "def f(order):\n    logger.error('no charge: %s', order.id)\n", policy=ASKED),
        Valid(LOG + "def f(bot_id):\n    logger.error('no charge for %s', bot_id)\n", policy=ASKED),
        Valid(LOG + "def f(bot_id):\n    logger.error(f'no charge for {bot_id}')\n", policy=ASKED),
        Valid(LOG + "def f(bot_id, order):\n    logger.error('no charge', extra={'bot_id': order.bot_id})\n", policy=ASKED),
        Valid("import structlog\nlog = structlog.get_logger()\ndef f(bot_id):\n    log.error('failed', bot_id=bot_id)\n", policy=ASKED),
        Valid("import structlog\nlog = structlog.get_logger()\ndef f(bot_id):\n    own = log.bind(bot_id=bot_id)\n    own.error('failed')\n", policy=ASKED),
        Valid(LOG + "def f(bot_id, extra):\n    logger.error('failed', **extra)\n", policy=ASKED),
        Valid(LOG + "class WithBot(logging.Filter):\n    def filter(self, record):\n        record.bot_id = current()\n        return True\n" + LINE, policy=ASKED),
        Valid(LOG + "class WithBot(logging.LoggerAdapter):\n    def process(self, message, kwargs):\n        return f'{get_current_tenant()} {message}', kwargs\n" + LINE, policy=ASKED),
        Valid(LOG + LINE, {"app/middleware.py": "import structlog\ndef dispatch(request):\n    structlog.contextvars.bind_contextvars(bot_id=request.state.x)\n"}, ASKED),
        Valid(LOG + LINE, {"app/middleware.py": "from loguru import logger\ndef dispatch(request):\n    with logger.contextualize(tenant=request.state.x): ...\n"}, ASKED),
        Valid(LOG + LINE, {"app/logs.py": "import structlog\ndef add_bot(logger, name, event):\n    event['bot_id'] = current()\n    return event\nstructlog.configure(processors=[add_bot])\n"}, ASKED),
        Valid(LOG + LINE, {"app/logs.py": "import logging\ndef record(*args):\n    made = logging.LogRecord(*args)\n    made.bot_id = current()\n    return made\nlogging.setLogRecordFactory(record)\n"}, ASKED),
        Valid("def f(bot_id, console):\n    console.error('failed')\n", policy=ASKED),
    )  # fmt: skip


def _is_logger(call: Call) -> bool:
    receiver = call.receiver
    name = receiver.last if isinstance(receiver, Ref) else ""
    if isinstance(receiver, Attr | Call):
        name = receiver.name
    return bool(_LOGGERS.intersection(words(name)))
