"""Keys that a function has shown to be the tenant's: what then hangs on them is told as info, and only that."""

from __future__ import annotations

import dataclasses

import pytest

from merge_tool.lint.run import lint_texts
from merge_tool.rulekit import EXAMPLE_POLICY

MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Tenant(Base):
    __tablename__ = "tenants"
    id = Column(Integer, primary_key=True)

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))

class Deal(Base):
    __tablename__ = "deals"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))
    user_id = Column(ForeignKey("users.id"))
    name = Column(String)

class Task(Base):
    __tablename__ = "tasks"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))
    deal_id = Column(ForeignKey("deals.id"))
    deal_name = Column(String)

class Link(Base):
    __tablename__ = "links"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))
    task_id = Column(ForeignKey("tasks.id"))

class Note(Base):
    __tablename__ = "notes"
    id = Column(Integer, primary_key=True)
    owner_id = Column(ForeignKey("tenants.id"))
"""
HEAD = "from uuid import UUID\nfrom fastapi import Depends, HTTPException\nfrom sqlalchemy import delete, exists, false, func, or_, select, update\nfrom app.models import Deal, Link, Note, Task, User\n"
GET = "async def get_deal(db, deal_id, bot_id):\n    return await db.scalar(select(Deal).where(Deal.id == deal_id, Deal.bot_id == bot_id))\n"
LOAD = (
    "async def load_deal(db, deal_id):\n    return await db.scalar(select(Deal).where(Deal.id == deal_id))\n"
)
TASKS = "    return await db.scalars(select(Task).where(Task.deal_id == deal_id))\n"


def severities(code: str, **policy: object) -> list[tuple[int, str]]:
    """Line and severity of what the query rules find in `app/checked.py`, lines counted behind the imports."""
    chosen = dataclasses.replace(EXAMPLE_POLICY, **policy)  # type: ignore[arg-type]
    files = {"app/models.py": MODELS, "app/checked.py": HEAD + code}
    result = lint_texts(files, chosen, report_on=["app/checked.py"], select=("TQ1", "TQ2", "TQ3", "TQ4"))
    return [(item.span.line - HEAD.count("\n"), item.severity.value) for item in result.findings]


@pytest.mark.parametrize(
    "before",
    [
        "    deal = await db.scalar(select(Deal).where(Deal.id == deal_id, Deal.bot_id == bot_id))\n",
        "    deal = (await db.execute(select(Deal).filter_by(id=UUID(deal_id), bot_id=bot_id))).scalar_one()\n",
        "    deal = await db.get(Deal, deal_id)\n    if deal.bot_id != bot_id:\n        raise HTTPException(404)\n",
        "    deal = await get_deal(db, deal_id, bot_id)\n",
        "    deal = await get_deal(db, bot_id=bot_id, deal_id=deal_id)\n",
        "    deal = await load_deal(db, deal_id)\n    if deal.bot_id != bot_id:\n        raise HTTPException(404)\n",
    ],
)
def test_what_hangs_on_a_key_that_was_looked_up_with_the_tenant_is_info(before: str) -> None:
    code = GET + LOAD + "async def tasks(db, deal_id, bot_id):\n" + before + TASKS
    found = [item for item in severities(code) if item[0] > 5]
    assert [severity for _, severity in found] == ["info"]


@pytest.mark.parametrize(
    "before",
    [
        "",
        # Another key, another table's key, a name that two tenants may both have, and a lookup that comes too late.
        "    await get_deal(db, other, bot_id)\n",
        "    await db.scalar(select(User).where(User.id == deal_id, User.bot_id == bot_id))\n",
        "    await db.scalar(select(Deal).where(Deal.name == deal_id, Deal.bot_id == bot_id))\n",
        "    await load_deal(db, deal_id)\n",
    ],
)
def test_a_key_that_nothing_shows_is_an_error(before: str) -> None:
    code = GET + LOAD + "async def tasks(db, deal_id, other, bot_id):\n" + before + TASKS
    assert [severity for line, severity in severities(code) if line > 5] == ["error"]
    late = (
        GET
        + "async def tasks(db, deal_id, bot_id):\n    found = await db.scalars(select(Task).where(Task.deal_id == deal_id))\n    await get_deal(db, deal_id, bot_id)\n    return found\n"
    )
    assert severities(late) == [(4, "error")]


def test_names_that_are_unique_in_a_tenant_alone_prove_nothing() -> None:
    code = "async def tasks(db, name, bot_id):\n    await db.scalar(select(Deal).where(Deal.name == name, Deal.bot_id == bot_id))\n    return await db.scalars(select(Task).where(Task.deal_name == name))\n"
    assert severities(code) == [(3, "error")]


def test_a_dependency_that_looks_the_key_up_shows_it() -> None:
    checked = "async def own_deal(deal_id: int, db=Depends(dict), bot_id: int = Depends(int)):\n    return await db.scalar(select(Deal).where(Deal.id == deal_id, Deal.bot_id == bot_id))\n"
    route = "async def tasks(deal_id: int, deal=Depends(own_deal), db=Depends(dict)):\n" + TASKS
    assert severities(checked + route) == [(4, "info")]
    assert severities(checked + route.replace("own_deal", "dict")) == [(4, "error")]


def test_the_persons_own_row_shows_its_key_too() -> None:
    code = "async def tasks(db, deal_id, current_user):\n    await db.scalar(select(Deal).where(Deal.id == deal_id, Deal.user_id == current_user.id))\n"
    assert [severity for _, severity in severities(code + TASKS)] == ["info", "info"]


def test_all_callers_of_a_private_function_count() -> None:
    inner = "async def _tasks(db, deal_id, bot_id):\n" + TASKS
    good = "async def outer(db, deal_id, bot_id):\n    await get_deal(db, deal_id, bot_id)\n    return await _tasks(db, deal_id, bot_id)\n"
    bad = "async def other(db, deal_id, bot_id):\n    return await _tasks(db, deal_id, bot_id)\n"
    assert severities(GET + inner + good) == [(4, "info")]
    assert severities(GET + inner + good + bad) == [(4, "error")]


@pytest.mark.parametrize(
    "keys",
    [
        "    ids = [task.id for task in made]\n",
        "    ids = [task.id for task, _ in pairs]\n",
        "    ids = []\n    for task, _ in pairs:\n        ids.append(task.id)\n",
    ],
)
def test_rows_that_the_function_made_name_their_own(keys: str) -> None:
    code = (
        "async def f(db, names, bot_id):\n    made, pairs = [], []\n    for name in names:\n        if name:\n            task = Task(bot_id=bot_id, deal_id=1)\n"
        "        else:\n            task = Task(bot_id=bot_id, deal_id=2)\n        made.append(task)\n        pairs.append((task, name))\n"
        + keys
        + "    await db.execute(update(Task).where(Task.id.in_(ids)).values(deal_id=3))\n"
    )
    assert [severity for _, severity in severities(code)] == ["info"]
    sent = "async def f(db, ids, bot_id):\n    await db.execute(update(Task).where(Task.id.in_(ids)).values(deal_id=3))\n"
    assert severities(sent) == [(2, "error")]


def test_a_key_of_the_tenants_table_under_another_name_holds() -> None:
    assert (
        severities(
            "async def f(db, bot_id):\n    return await db.scalars(select(Note).where(Note.owner_id == bot_id))\n",
            tables=TABLES,
        )
        == []
    )
    assert (
        severities(
            "def f(session, bot_id):\n    return session.query(Note).filter_by(owner_id=bot_id).all()\n",
            tables=TABLES,
        )
        == []
    )
    assert (
        severities("def f(session, bot_id):\n    session.add(Note(owner_id=bot_id))\n", tables=TABLES) == []
    )
    checked = "async def f(db, key, bot_id):\n    note = await db.get(Note, key)\n    if note.owner_id != bot_id:\n        raise LookupError\n    return note\n"
    assert severities(checked, tables=TABLES) == []
    assert severities(
        "async def f(db, key):\n    return await db.scalars(select(Note).where(Note.id == key))\n",
        tables=TABLES,
    ) == [(2, "error")]


TABLES = dataclasses.replace(EXAMPLE_POLICY.tables, tenant=("notes",))
OWN_OR_SHARED = "async def f(db, bot_id, shared):\n    linked = exists().where(Link.task_id == Task.id, {held})\n    return await db.scalars(select(Task).where(or_(Task.bot_id == bot_id, linked if shared else false())))\n"


def test_what_is_shared_with_the_tenant_by_a_link_is_held() -> None:
    assert severities(OWN_OR_SHARED.format(held="Link.bot_id == bot_id")) == []
    assert {severity for _, severity in severities(OWN_OR_SHARED.format(held="Link.id > 0"))} == {"error"}


def test_a_value_made_of_the_tenant_is_told_as_such() -> None:
    code = "async def f(db, name, bot_id):\n    key = f'{bot_id}:{name}'\n    return await db.scalars(select(Deal).where(Deal.name == key))\n"
    assert severities(code) == [(3, "info")]
    assert severities(code.replace("{bot_id}:", "")) == [(3, "error")]


def test_a_joined_row_that_was_read_before_holds_what_is_joined_to_it() -> None:
    code = "async def f(db, bot_id):\n    task = await db.scalar(select(Task).where(Task.bot_id == bot_id))\n    return await db.scalars(select(Deal).join(Task, Task.deal_id == Deal.id).where(Task.id == {key}))\n"
    assert severities(code.format(key="task.id")) == [(3, "info")]
    assert severities(code.format(key="key").replace("bot_id):", "bot_id, key):", 1)) == [(3, "error")]


def test_a_row_that_nothing_ties_to_the_table_beside_holds_nothing() -> None:
    code = "async def f(db, bot_id):\n    task = await db.scalar(select(Task).where(Task.bot_id == bot_id))\n    return await db.scalars(select(Deal, Task).where(Task.id == task.id{tie}))\n"
    assert (3, "error") in severities(code.format(tie=""))
    assert (3, "error") in severities(code.format(tie=", Deal.name == Task.deal_name"))
    assert (3, "error") not in severities(code.format(tie=", Deal.id == Task.deal_id"))


def test_what_a_request_brought_is_not_worked_out_by_the_function() -> None:
    code = "def f(db):\n    kind, ident = {source}\n    return db.scalars(select(Deal).where(Deal.id == ident))\n"
    assert severities(code.format(source="load(db)")) == [(3, "info")]
    assert severities(code.format(source="load(request.json)")) == [(3, "error")]
    assert severities(code.format(source="request.args['key'].split(':')")) == [(3, "error")]


def test_what_staff_alone_reads_is_not_decided() -> None:
    code = "async def f(db, user):\n    if {test}:\n        q = select(Deal)\n    else:\n        q = select(Deal).where(Deal.bot_id == user.bot_id)\n    return await db.execute(q.limit(3))\n"
    assert severities(code.format(test="user.is_super_admin")) == [(3, "info")]
    assert severities(code.format(test="user.is_active")) == [(3, "error")]
    turned = (
        code.replace("q = select(Deal)\n", "q = A\n")
        .replace("q = select(Deal).where(Deal.bot_id == user.bot_id)", "q = select(Deal)")
        .replace("q = A", "q = select(Deal).where(Deal.bot_id == user.bot_id)")
    )
    assert severities(turned.format(test="not user.is_super_admin")) == [(5, "info")]
    assert severities(turned.format(test="user.is_super_admin")) == [(5, "error")]


def test_a_row_whose_parent_is_looked_up_with_the_tenant_is_info() -> None:
    for load in ("await db.scalar(select(Task).where(Task.id == key))", "await db.get(Task, key)"):
        code = (
            "async def f(db, key, bot_id):\n    task = "
            + load
            + "\n    deal = await db.scalar(select(Deal).where(Deal.id == task.{column}, Deal.{held} == bot_id))\n    return task\n"
        )
        assert severities(code.format(column="deal_id", held="bot_id")) == [(2, "info")]
        assert (2, "error") in severities(code.format(column="deal_id", held="user_id"))
        assert (2, "error") in severities(code.format(column="deal_name", held="bot_id"))


def test_who_a_session_names_is_loaded_before_any_tenant_is_known() -> None:
    code = "{decorator}\ndef load(key):\n    return User.query.get(key)\n"
    assert severities(code.format(decorator="@manager.user_loader")) == [(3, "info")]
    assert severities(code.format(decorator="@manager.cached")) == [(3, "error")]


def test_a_lookup_whose_tenant_is_optional_shows_the_key_where_one_is_passed() -> None:
    get = "async def find_deal(db, deal_id, bot_id=None):\n    query = select(Deal).where(Deal.id == deal_id)\n    if bot_id is not None:\n        query = query.where(Deal.bot_id == bot_id)\n    return await db.scalar(query)\n"
    code = (
        get
        + "async def tasks(db, deal_id, bot_id{default}):\n    await find_deal(db, deal_id{passed})\n"
        + TASKS
    )
    for passed in (", bot_id", ", bot_id=bot_id"):
        assert [one for _, one in severities(code.format(default="", passed=passed))] == ["info"]
    assert [one for _, one in severities(code.format(default="", passed=""))] == ["error"]
    assert [one for _, one in severities(code.format(default="", passed=", None"))] == ["error"]
    assert [one for _, one in severities(code.format(default="=None", passed=", bot_id"))] == ["error"]
    handed_on = (
        code.format(default="=None", passed=", bot_id")
        .replace(TASKS, "")
        .replace("async def tasks", "async def ensure")
    )
    outer = "async def tasks(db, deal_id, bot_id):\n    await ensure(db, deal_id{passed})\n" + TASKS
    assert [one for _, one in severities(handed_on + outer.format(passed=", bot_id"))] == ["info"]
    assert [one for _, one in severities(handed_on + outer.format(passed=""))] == ["error"]


def test_elements_of_what_a_function_says_it_gives_back_are_rows() -> None:
    code = "async def mine(db, bot_id) -> list[{kind}]:\n    return await load(db, bot_id)\nasync def tasks(db, deal_id):\n    return await db.scalars(select(Task).where(Task.deal_id == deal_id))\nasync def all_tasks(db, bot_id):\n    for deal in await mine(db, bot_id):\n        await tasks(db, deal.id)\n"
    assert severities(code.format(kind="Deal")) == [(4, "info")]
    assert severities(code.format(kind="Any")) == [(4, "error")]


def test_a_row_that_is_compared_with_a_key_that_was_shown_is_info() -> None:
    code = GET + (
        "async def change(db, key, deal_id, bot_id):\n    await get_deal(db, {given}, bot_id)\n    task = await db.get(Task, key)\n    if task.{column} != deal_id:\n        raise HTTPException(404)\n    return task\n"
    )
    assert severities(code.format(given="deal_id", column="deal_id")) == [(5, "info")]
    assert severities(code.format(given="key", column="deal_id")) == [(5, "error")]
    assert severities(code.format(given="deal_id", column="id")) == [(5, "error")]


def test_a_column_that_is_unique_by_itself_names_one_row() -> None:
    models = MODELS.replace("    name = Column(String)\n", "    name = Column(String{unique})\n", 1)
    code = "async def f(db, name, bot_id):\n    await db.execute(update(Deal).where(Deal.name == name, Deal.bot_id == bot_id).values(name=name))\n    return await db.scalar(select(Deal).where(Deal.name == name))\n"
    for unique, severity in ((", unique=True", "info"), ("", "error")):
        files = {"app/models.py": models.format(unique=unique), "app/checked.py": HEAD + code}
        result = lint_texts(files, EXAMPLE_POLICY, report_on=["app/checked.py"], select=("TQ1",))
        assert [item.severity.value for item in result.findings] == [severity]


@pytest.mark.parametrize(
    "call", ["deal.check_access(user)", "deal.checkAuthorized()", "require_permission(user, deal)"]
)
def test_a_row_that_somebody_is_asked_about_is_not_decided(call: str) -> None:
    load = "async def f(db, deal_id, user):\n    deal = {load}\n    {call}\n    return deal\n"
    for how in ("await db.scalar(select(Deal).where(Deal.id == deal_id))", "await db.get(Deal, deal_id)"):
        assert severities(load.format(load=how, call=call), strict=False) == [(2, "info")]
        assert severities(load.format(load=how, call=call)) == [
            (2, "error")
        ]  # a strict policy takes no name's word
        for other in ("deal.touch(user)", "create_access_token(deal)", "deal.update_last_access()"):
            assert severities(load.format(load=how, call=other), strict=False) == [(2, "error")]
    by_callers = (
        LOAD + f"async def g(db, deal_id, user):\n    deal = await load_deal(db, deal_id)\n    {call}\n"
    )
    assert severities(by_callers, strict=False) == [(2, "info")]
    assert severities(
        by_callers + "async def h(db, deal_id):\n    return await load_deal(db, deal_id)\n", strict=False
    ) == [(2, "error")]


@pytest.mark.parametrize(
    ("before", "severity"),
    [
        ("await require_permission(user, deal_id)", "info"),
        ("await allowed_deals(current_user.id, 'read', [deal_id])", "info"),
        ("await require_permission(user, other)", "error"),
        ("await load(user, deal_id)", "error"),
        ("await create_access_token(user, deal_id)", "error"),
        ("await update_last_access(user, deal_id)", "error"),
        ("await require_permission(deal_id)", "error"),
    ],
)
def test_a_key_that_somebody_is_asked_about_with_a_person_is_not_decided(before: str, severity: str) -> None:
    code = f"async def tasks(db, deal_id, other, user, current_user):\n    {before}\n" + TASKS
    assert severities(code, strict=False) == [(3, severity)]
    assert severities(code) == [(3, "error")]


def test_rows_that_are_for_all_to_see_are_not_decided() -> None:
    models = MODELS.replace(
        "    name = Column(String)\n",
        "    name = Column(String)\n    is_public = Column(String)\n    visibility = Column(String)\n",
        1,
    )
    code = "async def f(db, wanted):\n    return await db.scalars(select(Deal).where({condition}))\n"
    for condition, severity in (
        ("Deal.is_public == True", "info"),
        ("Deal.is_public.is_(True)", "info"),
        ("Deal.visibility == Visibility.PUBLIC", "info"),
        ("Deal.visibility == 'public'", "info"),
        ("Deal.is_public == False", "error"),
        ("Deal.visibility == wanted", "error"),
    ):
        files = {"app/models.py": models, "app/checked.py": HEAD + code.format(condition=condition)}
        for strict, wanted in ((False, severity), (True, "error")):
            policy = dataclasses.replace(EXAMPLE_POLICY, strict=strict)
            result = lint_texts(files, policy, report_on=["app/checked.py"], select=("TQ1",))
            assert [item.severity.value for item in result.findings] == [wanted], condition


def test_self_is_the_class_that_it_stands_in() -> None:
    models = MODELS.replace(
        "class Task(Base):",
        "    def merge(self, other: Self, session):\n        from app.models import Task\n        return session.scalars(select(Task).where(Task.deal_id == other.id))\n\nclass Task(Base):",
        1,
    )
    models = "from typing import Self\nfrom sqlalchemy import select\n" + models
    (found,) = lint_texts({"app/models.py": models}, EXAMPLE_POLICY, select=("TQ1",)).findings
    assert found.severity.value == "info"
    assert "its key is the id of Deal" in found.message
