"""A job that takes the tenant and is enqueued without it.

What it does
------------
Follows `.delay(…)`, `.apply_async(…)`, `.kiq(…)`, `add_task(f, …)`, `add_job(f, …)`, `enqueue(f, …)`, `enqueue_job("f", …)` and `send_task("f", …)`
to the job, and reports calls that pass nothing for its tenant parameter.

Why is this bad?
----------------
The job runs later and elsewhere, where no request says whose it is: it fails, or takes its default, and works for the wrong tenant or for all.

Example
-------
    send_invoice.delay(order_id)

Use instead
-----------
    send_invoice.delay(bot_id, order_id)

Not reported
------------
Arguments hidden in `*args` or `**kwargs`, or in a list that is built elsewhere; jobs that do not take the tenant; jobs that cannot be found.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Attr,
    Call,
    Const,
    Entry,
    Expected,
    FunctionFacts,
    Invalid,
    Items,
    ModuleFacts,
    Project,
    Record,
    Ref,
    Rule,
    Star,
    Valid,
    Value,
)
from merge_tool.rulekit.tenancy import holds_tenant, tenant_parameter

_METHODS = frozenset(
    ("si", "delay", "apply_async", "kiq", "send", "send_with_options", "defer", "defer_async")
)
_TAKERS = frozenset(
    ("add_task", "add_job", "enqueue", "enqueue_in", "enqueue_at", "run_in_executor", "submit")
)
_BY_NAME = frozenset(("enqueue_job", "send_task"))
# What stands between a job and its call: `job.kicker().with_labels(…).kiq(…)`, `job.s(…).set(…).apply_async()`.
_BETWEEN = frozenset(
    ("kicker", "with_labels", "with_task_id", "with_schedule_id", "with_broker", "set", "options")
)
_PACKED = frozenset(("apply_async", "send_task", "add_job", "send_with_options"))
_CONTEXT = frozenset(("self", "cls", "ctx", "context"))
JOB = "@app.task\ndef job(bot_id, order_id): ...\n"
CELERY = "from celery import Celery, chain, group\napp = Celery()\n"
LATER_TASK = "@app.task\ndef late(order_id, bot_id=None): ...\n"
LATER = "def job(order_id, bot_id=None): ...\n"


class EnqueueWithoutTenant(Rule):
    """See the module."""

    code = "TJ2"
    name = "enqueue-without-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the calls of a file that drop the tenant."""
        for function in module.functions.values():
            for call in function.calls:
                if call.name not in _METHODS and call.name not in _TAKERS and call.name not in _BY_NAME:
                    continue
                call = _signature(call)
                job, first = _job(index, function, call)
                name = tenant_parameter(job, policy) if job is not None else ""
                if job is not None and name and _drops(job, call, first, name, policy):
                    message = f"{job.name}() takes {name}, and {call.name}() enqueues it without"
                    yield self.found(module.path, call.span, message)

    INVALID = (
        Invalid(JOB + "def f(order_id):\n    job.delay(order_id)\n", (Expected(4, "job() takes bot_id, and delay() enqueues it without"),)),
        Invalid(LATER + "def f(tasks, order_id):\n    tasks.add_task(job, order_id)\n", (Expected(3, "add_task()"),)),
        Invalid(LATER + "def f(order_id):\n    job.apply_async(args=[order_id], countdown=3)\n", (Expected(3, "apply_async()"),)),
        Invalid(LATER + "def f(order_id):\n    job.apply_async(kwargs={'order_id': order_id})\n", (Expected(3, "apply_async()"),)),
        Invalid("from app.jobs import job\ndef f(scheduler):\n    scheduler.add_job(job, 'interval', args=(1,))\n", (Expected(3, "add_job()"),), {"app/jobs.py": LATER}),
        Invalid("async def f(pool):\n    await pool.enqueue_job('job', 1)\n", (Expected(2, "enqueue_job()"),), {"app/jobs.py": "async def job(ctx, order_id, bot_id=None): ...\n"}),
        Invalid(JOB + "def f(order_id):\n    job.delay(order_id=order_id)\n", (Expected(4, "delay()"),)),
        Invalid(CELERY + LATER_TASK + "def f(i):\n    late.s(i).apply_async(countdown=3)\n", (Expected(6, "s() enqueues it without"),)),
        Invalid(CELERY + LATER_TASK + "def f(ids):\n    group(late.si(i) for i in ids).delay()\n", (Expected(6, "si()"),)),
        Invalid(CELERY + LATER_TASK + "def f(i):\n    late.s(order_id=i).set(queue='x').delay()\n", (Expected(6, "s()"),)),
        Invalid("from celery import shared_task\n@shared_task(name='orders.late')\ndef other(order_id, bot_id=None): ...\ndef f(app, i):\n    app.send_task('orders.late', args=[i])\n", (Expected(5, "other() takes bot_id"),)),
        Invalid("from taskiq import InMemoryBroker\nbroker = InMemoryBroker()\n@broker.task\nasync def late(order_id, bot_id=None): ...\nasync def f(i):\n    await late.kicker().with_labels(a=1).kiq(i)\n", (Expected(6, "kiq()"),)),
    )  # fmt: skip
    VALID = (
        Valid(CELERY + LATER_TASK + "def f(i, bot_id):\n    late.s(i, bot_id).apply_async()\n    late.si(i, bot_id=bot_id).delay()\n"),
        # A chain hands the result of the job before to the next one.
        Valid(CELERY + LATER_TASK + "def f(i):\n    chain(find.s(i), late.s(i))()\n"),
        Valid(CELERY + LATER_TASK + "def f(i, bot_id):\n    late.s(i).apply_async(kwargs={'bot_id': bot_id})\n"),
        Valid(JOB + "def f(bot_id, order_id):\n    job.delay(bot_id, order_id)\n"),
        Valid(JOB + "def f(bot_id, order_id):\n    job.delay(order_id=order_id, bot_id=bot_id)\n"),
        Valid(JOB + "def f(args):\n    job.delay(*args)\n"),
        Valid(JOB + "def f(args):\n    job.apply_async(args=args)\n"),
        Valid(LATER + "def f(tasks, user):\n    tasks.add_task(job, 1, bot_id=user.bot_id)\n"),
        Valid(LATER + "def f(user):\n    job.apply_async((1, user.bot_id))\n"),
        Valid("def job(order_id): ...\ndef f():\n    job.delay(1)\n"),
        Valid("async def f(pool, bot_id):\n    await pool.enqueue_job('job', 1, bot_id)\n", {"app/jobs.py": "async def job(ctx, order_id, bot_id=None): ...\n"}),
        Valid("def f(scheduler, bot_id):\n    scheduler.add_job(job, 'interval', kwargs={'bot_id': bot_id, 'order_id': 1})\n" + LATER),
        Valid("def f(bus):\n    bus.send('job', 1)\n" + LATER),
    )  # fmt: skip


def _job(index: Project, function: FunctionFacts, call: Call) -> tuple[FunctionFacts | None, int]:
    """The job that a call enqueues, and the position of its first own argument in the call."""
    if call.name in _METHODS or call.name == "s":
        owner = call.receiver
        while isinstance(owner, Call) and owner.name in _BETWEEN:
            owner = owner.receiver
        return (_target(index, function, owner), 0) if isinstance(owner, Ref | Attr) else (None, 0)
    at = 1 if call.name in ("run_in_executor", "enqueue_in", "enqueue_at") else 0
    first = call.argument(at, "func", "function", "name")
    if call.name in _BY_NAME:
        if not isinstance(first, Const) or not isinstance(first.value, str):
            return None, 0
        last = first.value.rpartition(".")[2]
        jobs = [
            index.modules[item.function_path].functions[item.function] for item in index.jobs(places=False)
        ]
        found = [item for item in jobs if _is_named(item, first.value)] or [
            module.functions[last] for module in index.modules.values() if last in module.functions
        ]
        return (found[0] if len(found) == 1 else None), at + 1
    return (_target(index, function, first), at + 1) if isinstance(first, Ref | Attr) else (None, 0)


def _signature(call: Call) -> Call:
    """The call that holds the arguments: `job.s(1)` of `job.s(1).delay()`; with arguments of its own, the call itself."""
    owner = call.receiver
    while isinstance(owner, Call) and owner.name in _BETWEEN:
        owner = owner.receiver
    inner = isinstance(owner, Call) and owner.name == "s" and not call.args
    takes = {key for key, _ in call.kwargs} & {"args", "kwargs"}
    return owner if inner and not takes and isinstance(owner, Call) else call


def _is_named(function: FunctionFacts, name: str) -> bool:
    """Whether a decorator gives a job that name: `@shared_task(name="…")`."""
    return any(
        key in ("name", "actor_name", "task_name") and isinstance(value, Const) and value.value == name
        for item in function.decorators
        if isinstance(item, Call)
        for key, value in item.kwargs
    )


def _target(index: Project, function: FunctionFacts, value: Value) -> FunctionFacts | None:
    return index.callee(function.path, function, Call(value, (), (), function.header))


def _drops(job: FunctionFacts, call: Call, first: int, name: str, policy: Policy) -> bool:
    """Whether nothing is surely passed for the tenant."""
    if call.has_star:
        return False
    own = [item.name for item in job.params if item.kind == "positional"]
    if own and own[0] in _CONTEXT:
        own = own[1:]
    position = own.index(name) if name in own else 10_000
    if call.name in _PACKED:
        packed = call.argument(first, "args") if call.name != "add_job" else call.argument(99, "args")
        named = call.argument(first + 1, "kwargs") if call.name != "add_job" else call.argument(99, "kwargs")
        return _lacks_item(packed, position) and _lacks_entry(named, name)
    if any(key in (name, "kwargs", "args") for key, _ in call.kwargs):
        return False
    given = call.args[first:]
    if len(given) <= position:
        return True
    words = {key for key, _ in call.kwargs}
    needed = [
        item.name
        for item in job.params
        if item.name in own and item.default is None and item.name not in words
    ]
    # Too few for all: the one in the tenant's place is another's, unless it names the tenant.
    return len(given) < len(needed) and not any(holds_tenant(item, policy) for item in given)


def _lacks_item(value: Value | None, position: int) -> bool:
    if value is None or (isinstance(value, Const) and value.value is None):
        return True
    if not isinstance(value, Items) or any(isinstance(item, Star) for item in value.items):
        return False
    return len(value.items) <= position


def _lacks_entry(value: Value | None, name: str) -> bool:
    if value is None or (isinstance(value, Const) and value.value is None):
        return True
    if not isinstance(value, Record):
        return False
    return all(
        isinstance(item, Entry) and isinstance(item.key, Const) and item.key.value != name
        for item in value.entries
    )
