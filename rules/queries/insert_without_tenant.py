"""A new row of a tenant's table without its tenant.

What it does
------------
Finds models that are constructed and given to a session, and `insert(…)` statements, where the tenant is neither passed nor set after.

Why is this bad?
----------------
Where the column may be NULL, the row belongs to nobody, or to everybody whose filter lets NULL through; where it may not, the insert fails in
production. A literal default gives every tenant's rows to one of them.

Example
-------
    async def create(db, user_id):
        db.add(Order(user_id=user_id))

Use instead
-----------
    async def create(db, user_id, bot_id):
        db.add(Order(user_id=user_id, bot_id=bot_id))

Not reported
------------
The tenant set after (`order.bot_id = …`, `setattr`), by the function that takes the row or by the callers that get it; the relationship to
the tenant's own row (`Order(bot=bot)`, `bot.orders.append(…)`); a column default that is no literal; a constructor of the model or a
`before_flush`, `before_insert` or `init` listener that sets it; a row that reaches no session; a session that row level security
holds. Fields that are built elsewhere (`Order(**data)`) are followed where they can be, and else told as `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Scoped, Valid

BODY = """\
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase, relationship

class Base(DeclarativeBase): pass

class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)
    orders = relationship("Order")

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("bots.id"))
    code = Column(String)
    bot = relationship("Bot")

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)

links = Table("links", MetaData(), Column("id", Integer), Column("bot_id", Integer))
"""
MODELS = {"app/models.py": BODY}
STAMPED = {"app/models.py": BODY.replace('ForeignKey("bots.id"))', 'ForeignKey("bots.id"), default=current)')}
DECLARED = {
    "app/models.py": BODY.replace(
        '    bot = relationship("Bot")\n',
        '    @declared_attr\n    def bot(cls):\n        return relationship("Bot")\n',
    ).replace("import DeclarativeBase,", "import DeclarativeBase, declared_attr,")
}
LITERAL = {"app/models.py": BODY.replace('ForeignKey("bots.id"))', 'ForeignKey("bots.id"), default=1)')}
LINES = {
    "app/models.py": BODY.replace(
        '    bot = relationship("Bot")\n', '    bot = relationship("Bot")\n    lines = relationship("Line")\n'
    )
    + """
class Line(Base):
    __tablename__ = "lines"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("bots.id"))
    order_id = Column(ForeignKey("orders.id"))
"""
}
HEAD = "from sqlalchemy import event, insert, select\nfrom app.models import Bot, Country, Order, links\n"
LISTENER = "from sqlalchemy import event\nfrom sqlalchemy.orm import Session\n@event.listens_for(Session, 'before_flush')\ndef stamp(session, context, instances):\n    for item in session.new:\n        if hasattr(item, 'bot_id'):\n            item.bot_id = current()\n"


class InsertWithoutTenant(Rule):
    """See the module."""

    code = "TQ4"
    name = "insert-without-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports new rows that get no tenant; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.kind != "insert":
                continue
            model = index.model(verdict.entity)
            if model is not None and model.known and not model.has_tenant:
                continue  # a table that the policy lists and that lacks the column: TM1 says so, where it can be mended
            if model is not None and not model.has_tenant:
                why = f"a base of {model.name} cannot be seen, and nothing else gives it the column"
                message = (
                    f"cannot tell whether this new row of {verdict.entity} gets its {policy.column}: {why}"
                )
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )
                continue
            if verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = (
                    f"cannot tell whether this new row of {verdict.entity} gets its {policy.column}: {why}"
                )
                severity = Severity.INFO
            else:
                message = f"a new row of {verdict.entity} gets no {policy.column}"
                severity = Severity.ERROR
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=verdict.reasons)

    INVALID = (
        Invalid(HEAD + "from app.models import Line\nasync def f(db, codes, bot_id):\n    order = Order(bot_id=bot_id)\n    order.lines = [Line(id=code) for code in codes]\n    db.add(order)\n", (Expected(6, "a new row of Line gets no bot_id"),), LINES),
        Invalid(HEAD + "from pydantic import BaseModel\nclass Body(BaseModel):\n    code: str\n    bot: int\nasync def f(db, body: Body):\n    db.add(Order(**body.model_dump(exclude={'bot'})))\n", (Expected(8, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    db.add(Order(code='a'))\n", (Expected(4, "a new row of Order gets no bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    order = Order(code='a')\n    order.code = 'b'\n    db.add(order)\n    await db.commit()\n    return order\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, codes):\n    db.add_all([Order(code=code) for code in codes])\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    rows = []\n    rows.append(Order(code='a'))\n    db.add_all(rows)\n", (Expected(5, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    data = {'code': 'a'}\n    db.add(Order(**data))\n", (Expected(5, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    db.add(Order(code='a', bot_id=None))\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "def make(code):\n    return Order(code=code)\n\nasync def f(db):\n    order = make('a')\n    db.add(order)\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "class Repo:\n    def __init__(self, session): self.session = session\n    def save(self, row):\n        self.session.add(row)\ndef f(db):\n    Repo(db).save(Order(code='a'))\n", (Expected(8, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(insert(Order).values(code='a'))\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(insert(Order).values([{'code': 'a', 'bot_id': 1}, {'code': 'b'}]))\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(insert(Order), [{'code': 'a'}])\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(conn):\n    await conn.execute(links.insert().values(id=3))\n", (Expected(4, "a new row of links"),), MODELS),
        Invalid("from sqlalchemy.dialects.postgresql import insert as pg_insert\nfrom app.models import Order\nasync def f(db):\n    await db.execute(pg_insert(Order).values(code='a').on_conflict_do_nothing())\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    await db.execute(insert(Order).from_select(['code'], select(Order.code).where(Order.bot_id == bot_id)))\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    db.add(Order(code='a'))\n", (Expected(4, "a new row of Order"),), LITERAL),
        Invalid(HEAD + "from pydantic import BaseModel\nclass Body(BaseModel):\n    code: str\nasync def f(db, body: Body):\n    db.add(Order(**body.model_dump()))\n", (Expected(7, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, data):\n    db.add(Order(**data))\n", (Expected(4, "its fields are built elsewhere", Severity.INFO),), MODELS),
        # A form may write the tenant into the row, and a logger does not.
        Invalid(HEAD + "def f(db, form):\n    order = Order()\n    form.populate_obj(order)\n    db.add(order)\n", (Expected(4, "populate_obj() may set it", Severity.INFO),), MODELS),
        Invalid(HEAD + "def f(db, log):\n    order = Order()\n    log.debug(order)\n    apply_discount(order)\n    cache.set('a', order)\n    db.add(order)\n", (Expected(4, "a new row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, rows):\n    await db.execute(insert(Order), rows)\n", (Expected(4, "cannot tell", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "from app.models import Line\nasync def f(db, codes, bot_id):\n    order = Order(bot_id=bot_id)\n    order.lines = [Line(id=code, bot_id=bot_id) for code in codes]\n    db.add(order)\n", LINES),
        Valid(HEAD + "async def f(db, key):\n    bot = Bot(id=key)\n    bot.orders = [Order(code='a')]\n    db.add(bot)\n", MODELS),
        Valid(HEAD + "async def f(db, body, bot):\n    db.add(Order(**body.model_dump(), bot=bot))\n    db.add(Order(code='a', bot=bot))\n", DECLARED),
        Valid(HEAD + "async def f(db):\n    db.add(Country())\n", MODELS, {"tables": TablePolicy(tenant=("countries",))}),
        Valid(HEAD + "async def f(db, bot_id):\n    db.add(Order(code='a', bot_id=bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot):\n    db.add(Order(code='a', bot=bot))\n", MODELS),
        Valid(HEAD + "async def f(db, bot: Bot):\n    bot.orders.append(Order(code='a'))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    order = Order(code='a')\n    order.bot_id = bot_id\n    db.add(order)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    order = Order(code='a')\n    setattr(order, 'bot_id', bot_id)\n    db.add(order)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id, codes):\n    for code in codes:\n        order = Order(code=code)\n        order.bot_id = bot_id\n        db.add(order)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    data = {'code': 'a'}\n    data['bot_id'] = bot_id\n    db.add(Order(**data))\n", MODELS),
        Valid(HEAD + "async def f(db, data, bot_id):\n    db.add(Order(**{**data, 'bot_id': bot_id}))\n    db.add(Order(**data, bot_id=bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, data, bot_id):\n    data['bot_id'] = bot_id\n    await db.execute(insert(Order).values(**data))\n", MODELS),
        Valid(HEAD + "async def f(db, body, bot_id):\n    data = body.model_dump()\n    data.update(bot_id=bot_id)\n    db.add(Order(**data))\n", MODELS),
        Valid(HEAD + "async def create(db, **fields):\n    db.add(Order(**fields))\n\nasync def f(db, bot_id):\n    await create(db, code='a', bot_id=bot_id)\n", MODELS),
        Valid(HEAD + "def make(code):\n    return Order(code=code)\n\nasync def f(db, bot_id):\n    order = make('a')\n    order.bot_id = bot_id\n    db.add(order)\n", MODELS),
        Valid(HEAD + "class Repo:\n    def __init__(self, session, bot_id): self.session, self.bot_id = session, bot_id\n    def save(self, row):\n        row.bot_id = self.bot_id\n        self.session.add(row)\ndef f(db, bot_id):\n    Repo(db, bot_id).save(Order(code='a'))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    db.add(Order(code='a'))\n    await db.execute(insert(Order).values(code='a'))\n", STAMPED),
        Valid(HEAD + "async def f(db):\n    db.add(Order(code='a'))\n", {**MODELS, "app/listen.py": LISTENER}),
        Valid(HEAD + "def show():\n    return Order(code='a').code\n", MODELS),
        Valid(HEAD + "async def f(db):\n    db.add(Country(id=3))\n    await db.execute(insert(Country).values(id=3))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id, rows):\n    await db.execute(insert(Order).values(code='a', bot_id=bot_id))\n    await db.execute(insert(Order).values({'code': 'a', Order.bot_id: bot_id}))\n    await db.execute(insert(Order), [{'code': row, 'bot_id': bot_id} for row in rows])\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    await db.execute(insert(Order).from_select(['code', 'bot_id'], select(Order.code, Order.bot_id).where(Order.bot_id == bot_id)))\n", MODELS),
        Valid(HEAD + "from app.tenancy import get_tenant_session\nasync def f(bot_id):\n    async with get_tenant_session(bot_id) as db:\n        db.add(Order(code='a'))\n", MODELS),
    )  # fmt: skip
