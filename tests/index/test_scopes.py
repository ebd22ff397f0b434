"""Statements followed through a function, helpers, branches and joins: held to one tenant, or not."""

from __future__ import annotations

from typing import Any

import pytest

from merge_tool.index.scopes import StatementJudge
from merge_tool.lint.run import lint_texts
from merge_tool.rulekit import EXAMPLE_POLICY

MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase, relationship
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    name = Column(String)
class Sub(Base):
    __tablename__ = "subs"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))
    user = relationship("User")
"""
HEAD = """\
from sqlalchemy import select, func, and_, or_, union_all, exists, desc
from sqlalchemy.orm import aliased, selectinload
from app.models import User, Sub
"""

CASES = [
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    conds=[c for c in [User.bot_id==bot_id, User.name=="x"]]
    return await db.execute(select(User).where(*conds))
""",
        id="comprehension-over-known-conditions",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id,x):
    conds=[User.bot_id==bot_id]
    if x: conds.append(User.name==x)
    q=select(User)
    for c in conds:
        q=q.where(c)
    return await db.execute(q)
""",
        id="for-conds",
    ),
    pytest.param(
        "ok",
        """\
class R:
    def __init__(self,db,bot_id): self.db=db; self.bot_id=bot_id
    def _scope(self,q): return q.where(User.bot_id==self.bot_id)
    async def get(self,i):
        return await self.db.execute(self._scope(select(User).where(User.id==i)))
""",
        id="self-method-helper",
    ),
    pytest.param(
        "ok",
        """\
class B:
    def _scope(self,q,m): return q.filter(m.bot_id==self.bot_id)
class R(B):
    async def get(self,i):
        q=select(User).where(User.id==i)
        q=self._scope(q,User)
        return await self.db.execute(q)
""",
        id="base-class-helper",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    U=aliased(User)
    return await db.execute(select(U).where(U.bot_id==bot_id))
""",
        id="alias-ok",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id):
    U=aliased(User)
    return await db.execute(select(U).where(User.bot_id==bot_id))
""",
        id="alias-bad",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    c=select(User.id, User.bot_id).cte()
    return await db.execute(select(c.c.id).where(c.c.bot_id==bot_id))
""",
        id="cte-outer-filter",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id):
    c=select(User.id, User.bot_id).cte()
    return await db.execute(select(c.c.id))
""",
        id="cte-bad",
    ),
    pytest.param(
        "TQ6",
        """\
async def f(db,bot_id):
    return await db.execute(union_all(select(User.id).where(User.bot_id==bot_id), select(User.id)))
""",
        id="union-arm",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    try:
        q=select(User).where(User.bot_id==bot_id)
        r=await db.execute(q)
    except Exception:
        r=None
    return r
""",
        id="walrus/try",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id,k):
    q=select(User)
    match k:
        case 1: q=q.where(User.bot_id==bot_id)
        case _: q=q.where(User.name==k)
    return await db.execute(q)
""",
        id="match",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id,k):
    q=select(User)
    match k:
        case 1: q=q.where(User.bot_id==bot_id)
        case _: q=q.where(User.bot_id==k)
    return await db.execute(q)
""",
        id="match-ok",
    ),
    pytest.param(
        "info",
        """\
async def f(db,**kw):
    return await db.execute(select(User).filter_by(**kw))
""",
        id="dict-kwargs",
    ),
    pytest.param(
        "ok",
        """\
async def page(db,q,bot_id):
    return await db.execute(q.where(User.bot_id==bot_id).limit(3))
async def f(db,bot_id):
    return await page(db,select(User),bot_id)
""",
        id="paginate-helper-ok",
    ),
    pytest.param(
        "TQ1",
        """\
async def page(db,q,n):
    return await db.execute(q.limit(n))
async def f(db,bot_id):
    return await page(db,select(User),3)
""",
        id="paginate-helper-bad",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    q=select(User).where(User.bot_id==bot_id)
    t=await db.scalar(select(func.count()).select_from(q.subquery()))
    r=await db.execute(q)
    return t,r
""",
        id="count-over-query",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id):
    q=select(User)
    t=await db.scalar(select(func.count()).select_from(q.subquery()))
    q=q.where(User.bot_id==bot_id)
    r=await db.execute(q)
    return t,r
""",
        id="count-over-query-bad",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where(User.bot_id==bot_id, exists().where(Sub.user_id==User.id)))
""",
        id="exists-corr",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,i):
    return await db.scalar(select(exists().where(User.id==i)))
""",
        id="exists-alone",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id,admin):
    q=select(User)
    if admin:
        return await db.execute(q)
    q=q.where(User.bot_id==bot_id)
    return await db.execute(q)
""",
        id="early-return",
    ),
    pytest.param(
        "ok",
        """\
def outer(bot_id):
    q=select(User).where(User.bot_id==bot_id)
    async def run(db):
        return await db.execute(q)
    return run
""",
        id="nested-def",
    ),
    pytest.param(
        "TQ1",
        """\
Q=select(User)
async def f(db):
    return await db.execute(Q)
""",
        id="global-const-q",
    ),
    pytest.param(
        "ok",
        """\
async def f(session,bot_id):
    return (await session.scalars(select(User).where(User.bot_id==bot_id).order_by(desc(User.id)))).all()
""",
        id="session.get-chain",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(Sub).options(selectinload(Sub.user)).where(Sub.bot_id==bot_id))
""",
        id="selectinload",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where((User.bot_id==bot_id)&(User.id==3)))
""",
        id="ampersand",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where((User.bot_id==bot_id)|(User.id==3)))
""",
        id="pipe",
    ),
    pytest.param(
        "TQ7",
        """\
async def f(db,bot_id: int=None):
    q=select(User)
    if bot_id:
        q=q.where(User.bot_id==bot_id)
    return (await db.execute(q)).scalars().all()
""",
        id="opt-none-or",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id=None):
    if bot_id is None:
        bot_id = require_current_tenant()
    q=select(User).where(User.bot_id==bot_id)
    return await db.execute(q)
""",
        id="require-then",
    ),
    pytest.param(
        "TQ1",
        """\
def q(): return select(User)
""",
        id="return-bare-q-used-elsewhere",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(Sub,User).join(User, and_(User.name==Sub.id, User.bot_id==Sub.bot_id)).where(User.bot_id==bot_id))
""",
        id="join-tenant=tenant",
    ),
    pytest.param(
        "ok",
        """\
def scope(m,b): return [m.bot_id==b]
async def f(db,bot_id):
    return await db.execute(select(User).where(*scope(User,bot_id)))
""",
        id="in-helper-with-predicate-list",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id,x):
    q=select(User).where(User.bot_id==bot_id) if x else select(User)
    return await db.execute(q)
""",
        id="ternary",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where(getattr(User,"bot_id")==bot_id))
""",
        id="getattr",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where(bot_id==User.bot_id))
""",
        id="compare-reversed",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,ids):
    for i in ids:
        await db.execute(select(User).where(User.id==i))
""",
        id="loop-exec",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db):
    return [u for u in await db.scalars(select(User))]
""",
        id="for-rows-in-scalars",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    q=select(User).where(User.bot_id==bot_id)
    n=0
    while n<3:
        q=q.where(User.id>n)
        n+=1
    return await db.execute(q)
""",
        id="while-add",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    filters=(User.bot_id==bot_id, User.id>0)
    return await db.execute(select(User).filter(and_(*filters)))
""",
        id="tuple-of-conditions",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    kw={"bot_id":bot_id}
    return await db.execute(select(User).filter_by(**kw))
""",
        id="dict-filter",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id,more):
    c=[]
    c.extend([User.bot_id==bot_id])
    c+= [User.id>3]
    return await db.execute(select(User).where(*c))
""",
        id="extend",
    ),
    pytest.param(
        "ok",
        """\
async def f(db,bot_id):
    return await db.execute(select(User).where(or_(User.bot_id==bot_id, and_(User.bot_id==bot_id, User.id==1))))
""",
        id="or_-both",
    ),
    pytest.param(
        "ok",
        """\
def apply(query, *, tenant): return query.where(User.bot_id==tenant)
async def f(db,bot_id):
    stmt=apply(query=select(User), tenant=bot_id)
    return await db.execute(stmt)
""",
        id="caller-alias-kw",
    ),
    pytest.param(
        "TQ1",
        """\
async def f(db,bot_id,name):
    q=select(User)
    if name and bot_id:
        q=q.where(User.bot_id==bot_id)
    return await db.execute(q)
""",
        id="double-where-branch-opt-err",
    ),
]


@pytest.mark.parametrize(("want", "code"), CASES)
def test_flow(want: str, code: str) -> None:
    files = {"app/models.py": MODELS, "app/checked.py": HEAD + code}
    found = lint_texts(files, EXAMPLE_POLICY, report_on=["app/checked.py"], select=("TQ",)).findings
    assert {item.code if item.severity.value != "info" else "info" for item in found} == ({want} - {"ok"}), (
        found
    )


def test_helper_in_another_file_is_followed_and_reported_where_it_is_built() -> None:
    files = {
        "app/models.py": MODELS,
        "app/base.py": "from sqlalchemy import select\nfrom .models import User\ndef base():\n    return select(User)\n",
        "app/use.py": "from app.base import base\nfrom app.models import User\nasync def ok(db, bot_id):\n    return await db.execute(base().where(User.bot_id == bot_id))\n",
    }
    assert lint_texts(files, EXAMPLE_POLICY, report_on=list(files), select=("TQ1",)).findings == ()
    files["app/use.py"] += "async def bad(db):\n    return await db.execute(base())\n"
    [found] = lint_texts(files, EXAMPLE_POLICY, report_on=list(files), select=("TQ1",)).findings
    assert (found.path, found.span.line) == ("app/base.py", 4)
    assert any("app/use.py:6" in step for step in found.reason)


def test_column_counts_characters_not_bytes() -> None:
    code = HEAD + 'async def f(db):\n    return "рубль", await db.execute(select(User))\n'
    [found] = lint_texts(
        {"app/models.py": MODELS, "app/checked.py": code},
        EXAMPLE_POLICY,
        report_on=["app/checked.py"],
        select=("TQ1",),
    ).findings
    line = code.splitlines()[found.span.line - 1]
    assert line[found.span.column - 1 : found.span.end_column - 1] == "select(User)"


def test_a_walk_that_calls_itself_in_many_places_is_followed_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = "".join(f"    yield from walk(node.part{number})\n" for number in range(12))
    text = f"{HEAD}def walk(node):\n{again}def f(tree):\n    return [x for x in walk(tree)]\n"
    count = 0
    real = StatementJudge._flow

    def counted(*args: Any) -> Any:
        nonlocal count
        count += 1
        return real(*args)

    monkeypatch.setattr(StatementJudge, "_flow", counted)
    lint_texts({"app/models.py": MODELS, "app/a.py": text}, EXAMPLE_POLICY)
    assert 0 < count < 5000  # twelve to the power of seven, were nothing to stop it


def test_a_builder_that_calls_itself_is_seen_through() -> None:
    text = f"""{HEAD}
def build(query, depth):
    if depth:
        return build(query.where(User.name == "x"), depth - 1)
    return query
async def open_one(db):
    return await db.execute(build(select(User), 3))
async def held_one(db, bot_id):
    return await db.execute(build(select(User).where(User.bot_id == bot_id), 3))
"""
    result = lint_texts({"app/models.py": MODELS, "app/a.py": text}, EXAMPLE_POLICY, select=["TQ1"])
    lines = {item.span.line for item in result.findings}
    assert lines == {10}
