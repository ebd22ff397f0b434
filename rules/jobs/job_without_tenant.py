"""A bot handler, task or scheduled job that reaches a tenant's rows without a tenant.

What it does
------------
Finds the functions that no request runs: handlers of Telegram bots (decorated, or registered by a call), tasks of Celery, Dramatiq, arq,
RQ, taskiq and the like, jobs of a scheduler, background tasks, and loops that `create_task` starts. It reports each once, where it is
defined, if it reads or writes a tenant's rows, itself or some calls deep, and nothing on the way knows the tenant.

Why is this bad?
----------------
No dependency of a route holds these functions: what they read is everybody's, and a bot answers one tenant's user with another's row.
Code that asks the context for the tenant fails there, or finds none.

Example
-------
    @app.task
    def send_reminders():
        for order in load_open_orders():
            remind(order)

Use instead
-----------
    @app.task
    def send_reminders():
        for bot_id in all_bots():
            with tenant(bot_id):
                for order in load_open_orders():
                    remind(order)

Not reported
------------
A function that takes the tenant, reads it from what it was handed (`bot.id`, `order.bot_id`), sets it or loops over all tenants; a middleware of
the router or dispatcher, a signal before tasks, a base class or decorator that puts the tenant into the context; rows of shared tables;
statements that a marker with a reason declares global; what row level security holds. A job that is handed a row's key is told as
`info`: whether whoever starts it may name that row cannot be seen here; so is a job whose name says that it clears up (`expire`, `scan`).
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, FunctionFacts, Invalid, Job, ModuleFacts, Project, Rule, Valid, words

FILES = {
    "app/models.py": """\
from sqlalchemy import Column, Integer
from sqlalchemy.orm import DeclarativeBase
class Base(DeclarativeBase): pass
class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
""",
    "app/crud.py": """\
from sqlalchemy import select
from app.models import Country, Order
from app.tenancy import require_current_tenant
async def all_orders(db):
    return (await db.execute(select(Order))).scalars().all()
async def open_orders(db, bot_id=None):
    query = select(Order)
    if bot_id is not None:
        query = query.where(Order.bot_id == bot_id)
    return (await db.execute(query)).scalars().all()
async def mine(db):
    return (await db.execute(select(Order).where(Order.bot_id == require_current_tenant()))).scalars().all()
async def countries(db):
    return (await db.execute(select(Country))).scalars().all()
async def everything(db):
    # GLOBAL_QUERY: counts for the operator of all bots
    return (await db.execute(select(Order))).scalars().all()
async def deeper(db):
    return await all_orders(db)
""",
    "app/tenancy.py": "def require_current_tenant() -> int: ...\ndef set_current_tenant(bot_id): ...\ndef tenant(bot_id): ...\n",
}
BOT = "from aiogram import Bot, Dispatcher, Router, BaseMiddleware\nfrom app import crud\nfrom app.models import Order\nfrom app.tenancy import set_current_tenant, tenant\nrouter = Router()\n"
TASK = "from celery import Celery\nfrom app import crud\nfrom app.models import Order\nfrom app.tenancy import set_current_tenant, tenant\ncelery = Celery()\n"
BRINGS = "class Tenants(BaseMiddleware):\n    async def __call__(self, handler, event, data):\n        set_current_tenant(data['bot'].id)\n        return await handler(event, data)\n"
# Jobs with these words in their names mostly clear up, or look for work, in all tenants at once.
_SWEEPS = frozenset(
    "cleanup clean clear expire expired purge prune sweep scan stale vacuum retention housekeeping enqueue dispatch reset".split()  # noqa: SIM905
)
_ROW_KEYS = ("_id", "_ids", "_uuid", "_pk")


class JobWithoutTenant(Rule):
    """See the module."""

    code = "TJ1"
    name = "job-without-tenant"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the jobs that a file defines."""
        for job in index.jobs_of(module.path):
            if job.covered:
                continue
            function = module.functions[job.function]
            in_request = job.kind == "background task"  # it runs in the context of the request that starts it
            way = index.open_way(function, not in_request)
            if way:
                yield self._told(job, function, way)

    def _told(self, job: Job, function: FunctionFacts, way: tuple[str, ...]) -> Diagnostic:
        key = "" if job.kind in ("bot handler", "loop") else _row_key(function)
        message = f"the {job.kind} {function.name}() reaches tenants' rows and knows no tenant: {way[-1]}"
        sweeps = job.kind != "bot handler" and bool(_SWEEPS.intersection(words(function.name)))
        if sweeps:
            message = f"the {job.kind} {function.name}() works on the rows of all tenants, as its name may mean: {way[-1]}"
        if key:
            message = f"the {job.kind} {function.name}() knows no tenant, only {key}: {way[-1]}"
        reasons = (f"registered at {job.registered}", *way)
        severity = Severity.INFO if key or sweeps else None
        return self.found(function.path, function.header, message, severity=severity, reason=reasons)

    INVALID = (
        Invalid(BOT + "@router.message()\nasync def show(message, db):\n    for row in await crud.all_orders(db):\n        await message.answer(row.id)\n", (Expected(7, "the bot handler show() reaches tenants' rows and knows no tenant: Order is read"),), FILES),
        Invalid(BOT + "async def show(callback, db, state):\n    return await crud.deeper(db)\ndef register(dp: Dispatcher):\n    dp.callback_query.register(show, lambda c: c.data == 'x')\n    dp.message.register(show)\n", (Expected(6, "the bot handler show()"),), FILES),
        Invalid(BOT + "def register(dp: Dispatcher):\n    from app.handlers import show\n    dp.message.register(show)\n", (Expected(2, "show()", path="app/handlers.py"),), {**FILES, "app/handlers.py": "from app import crud\nasync def show(message, db):\n    return await crud.all_orders(db)\n"}),
        # The tenant is not passed on where it could be.
        Invalid(BOT + "@router.callback_query(lambda c: True)\nasync def show(callback, db):\n    return await crud.open_orders(db)\n", (Expected(7, "open_orders() is called without bot_id"),), FILES),
        Invalid(BOT + "@router.message()\nasync def show(message, db, order: Order):\n    await crud.deeper(db)\n", (Expected(7, "show()"),), FILES),
        Invalid(BOT + BRINGS + "other = Router()\nother.message.middleware(Tenants())\n@router.message()\nasync def show(message, db):\n    return await crud.mine(db)\n", (Expected(13, "require_current_tenant() is asked"),), FILES),
        Invalid(BOT + BRINGS + "dp = Dispatcher()\ndp.message.middleware(Tenants())\n@router.callback_query()\nasync def show(message, db):\n    return await crud.mine(db)\n", (Expected(13, "require_current_tenant()"),), FILES),
        Invalid(TASK + "@celery.task\ndef remind(db):\n    return crud.all_orders(db)\n", (Expected(7, "the task remind()"),), FILES),
        Invalid(TASK + "@celery.task(bind=True)\ndef remind(self, db):\n    return crud.mine(db)\n", (Expected(7, "require_current_tenant() is asked"),), FILES),
        Invalid(TASK + "@celery.task\ndef remind(order_id):\n    return Session().get(Order, order_id)\n", (Expected(7, "knows no tenant, only order_id: Order is", Severity.INFO),), FILES),
        Invalid(TASK + "@celery.task\ndef delete_expired_orders(db):\n    return crud.all_orders(db)\n", (Expected(7, "as its name may mean", Severity.INFO),), FILES),
        # A base class that no task of these uses brings nothing.
        Invalid(TASK + "class TenantTask(celery.Task):\n    def __call__(self, *args, **kwargs):\n        set_current_tenant(kwargs.pop('tenant'))\n@celery.task\ndef remind(db):\n    return crud.mine(db)\n", (Expected(10, "the task remind()"),), FILES),
        Invalid("from telegram.ext import CommandHandler, ConversationHandler\nfrom app import crud\nasync def show(update, context):\n    await crud.all_orders(context.db)\ndef build(app):\n    app.add_handler(ConversationHandler(entry_points=[CommandHandler('show', show)]))\n", (Expected(3, "the bot handler show()"),), FILES),
        Invalid("import dramatiq\nfrom app import crud\n@dramatiq.actor\ndef remind(db):\n    return crud.all_orders(db)\n", (Expected(4, "the task remind()"),), FILES),
        Invalid("from app import crud\nfrom app.worker import broker\n@broker.task(schedule=[])\nasync def remind(db):\n    return await crud.all_orders(db)\n", (Expected(4, "the task remind()"),), FILES),
        Invalid("from arq import cron\nfrom app import crud\nasync def remind(ctx):\n    return await crud.all_orders(ctx['db'])\nasync def nightly(ctx):\n    await crud.deeper(ctx['db'])\nclass WorkerSettings:\n    functions = [remind]\n    cron_jobs = [cron(nightly, hour=3)]\n", (Expected(3, "the task remind()"), Expected(5, "the scheduled job nightly()")), FILES),
        Invalid("from app import crud\nasync def nightly(db):\n    await crud.deeper(db)\ndef start(scheduler):\n    scheduler.add_job(nightly, 'cron', hour=3)\n", (Expected(2, "the scheduled job nightly()"),), FILES),
        Invalid("from app import crud\nclass Jobs:\n    async def nightly(self):\n        await crud.deeper(self.db)\n    def start(self):\n        self.scheduler.add_job(self.nightly, 'cron', hour=3)\n", (Expected(3, "the scheduled job nightly()"),), FILES),
        Invalid("from app import crud\ndef work(db):\n    return crud.all_orders(db)\ndef route(tasks, db):\n    tasks.add_task(work, db)\n", (Expected(2, "the background task work()"),), FILES),
        Invalid("import asyncio\nfrom app import crud\nasync def loop(db):\n    while True:\n        await crud.all_orders(db)\n        await asyncio.sleep(60)\nasync def start(db):\n    asyncio.create_task(loop(db))\n", (Expected(3, "the loop loop()"),), FILES),
    )  # fmt: skip
    VALID = (
        Valid(BOT + "@router.message()\nasync def show(message, db, bot_id):\n    return await crud.open_orders(db, bot_id)\n", FILES),
        Valid(BOT + "@router.message()\nasync def show(message, db, bot: Bot):\n    return await crud.open_orders(db, bot.id)\n", FILES),
        Valid(BOT + "@router.message()\nasync def show(message, db):\n    return await crud.countries(db)\n", FILES),
        Valid(BOT + "@router.message()\nasync def show(message, db):\n    return await crud.everything(db)\n", FILES),
        Valid(BOT + "@router.message()\nasync def show(message, db, order: Order):\n    return await crud.open_orders(db, order.bot_id)\n", FILES),
        Valid(BOT + BRINGS + "dp = Dispatcher()\ndp.update.outer_middleware(Tenants())\n@router.message()\nasync def show(message, db):\n    return await crud.mine(db)\n", FILES),
        Valid(BOT + BRINGS + "router.message.middleware.register(Tenants())\n@router.message()\nasync def show(message, db):\n    return await crud.mine(db)\n", FILES),
        Valid(BOT + "dp = Dispatcher()\n@dp.update.outer_middleware()\nasync def bring(handler, event, data):\n    with tenant(data['bot'].id):\n        return await handler(event, data)\n@router.message()\nasync def show(message, db):\n    return await crud.mine(db)\n", FILES),
        Valid(BOT + "async def show(message, db):\n    set_current_tenant(message.bot.id)\n    return await crud.mine(db)\ndef register(dp):\n    dp.message.register(show)\n", FILES),
        Valid(TASK + "@celery.task\ndef remind(db):\n    for bot in bots(db):\n        with tenant(bot.id):\n            crud.mine(db)\n", FILES),
        Valid(TASK + "@celery.task\ndef remind(db):\n    for bot in bots(db):\n        crud.open_orders(db, bot.id)\n", FILES),
        Valid(TASK + "@celery.task\ndef remind(db, bot_id):\n    return crud.open_orders(db, bot_id)\n", FILES),
        Valid(TASK + "class TenantTask(celery.Task):\n    def __call__(self, *args, **kwargs):\n        set_current_tenant(kwargs.pop('tenant'))\n@celery.task(base=TenantTask)\ndef remind(db):\n    return crud.mine(db)\n", FILES),
        Valid("from celery import Celery, Task\nfrom app import crud\nfrom app.tenancy import set_current_tenant\nclass Own(Task):\n    def __call__(self, *args, **kwargs):\n        set_current_tenant(kwargs.pop('x'))\ncelery = Celery('a', task_cls=Own)\n@celery.task\ndef remind(db):\n    return crud.mine(db)\n", FILES),
        Valid(TASK + "from celery.signals import task_prerun\n@task_prerun.connect\ndef bring(task=None, kwargs=None, **rest):\n    set_current_tenant(kwargs['x'])\n@celery.task\ndef remind(db):\n    return crud.mine(db)\n", FILES),
        Valid(TASK + "def per_tenant(work):\n    def inner(*args):\n        for one in every():\n            with tenant(one):\n                work(*args)\n    return inner\n@celery.task\n@per_tenant\ndef remind(db):\n    return crud.mine(db)\n", FILES),
        Valid(TASK + "from elsewhere import TenantTask\n@celery.task(base=TenantTask, bind=True)\ndef remind(self, db):\n    return crud.mine(db)\n", FILES),
        Valid(TASK + "@celery.task\ndef remind(db):\n    run_for_all_tenants(crud.all_orders)\n    crud.all_orders(db)\n", FILES),
        Valid("from app import crud\ndef work(db):\n    return crud.mine(db)\ndef route(tasks, db):\n    tasks.add_task(work, db)\n", FILES),
        Valid("import asyncio\nfrom app import crud\nasync def once(db):\n    await crud.all_orders(db)\nasync def start(db):\n    asyncio.create_task(once(db))\n", FILES),
        # Not a bot's router, and not a job: nobody runs it but its callers.
        Valid("from app import crud\nasync def show(message, db):\n    return await crud.all_orders(db)\ndef setup(signals):\n    signals.message.register(show)\n", FILES),
        Valid("from app import crud\ndef plain(db):\n    return crud.all_orders(db)\n", FILES),
    )  # fmt: skip


def _row_key(function: FunctionFacts) -> str:
    """The first parameter that is a row's key, else ""."""
    return next((item.name for item in function.params if item.name.endswith(_ROW_KEYS)), "")
