from __future__ import annotations

import types

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from merge_tool.codemods.filter_examples import MODELS
from merge_tool.codemods.names import Names
from tests.codemods.helpers import reasons, run

IMPORTS = """from typing import Annotated, Optional

import sqlalchemy as sa
from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased, selectinload

from app import models
from app.models import Server, Ticket, User
"""


def files(function: str) -> dict[str, str]:
    return {"app/models.py": MODELS, "app/crud.py": f"{IMPORTS}\n\n{function}"}


def body_of(statements: str, parameters: str = "db, bot_id: int") -> str:
    lines = "".join(f"    {line}\n" if line else "\n" for line in statements.strip("\n").split("\n"))
    return f"def function({parameters}):\n{lines}"


def result_of(statements: str, parameters: str = "db, bot_id: int") -> str:
    """The function's new body; nothing may be left."""
    texts = files(body_of(statements, parameters))
    result = run("filter-query", texts)
    assert reasons(result) == []
    text = result.texts.get("app/crud.py", texts["app/crud.py"])
    body = text.split(f"def function({parameters}):\n")[1]
    return "\n".join(line.removeprefix("    ") for line in body.rstrip("\n").split("\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("q = select(Ticket)", "q = select(Ticket).where(Ticket.bot_id == bot_id)"),
        (
            "row = db.get(Ticket, key)",
            "row = db.scalar(select(Ticket).where(Ticket.id == key, Ticket.bot_id == bot_id))",
        ),
        (
            "row = self.session.get(models.Ticket, a if b else c)",
            "row = self.session.scalar(select(models.Ticket).where(models.Ticket.id == (a if b else c), models.Ticket.bot_id == bot_id))",
        ),
        (
            "q = sa.select(models.Ticket)",
            "q = sa.select(models.Ticket).where(models.Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(Ticket.id, func.count())",
            "q = select(Ticket.id, func.count()).where(Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(func.max(Ticket.id).label('m'))",
            "q = select(func.max(Ticket.id).label('m')).where(Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(Ticket).filter(Ticket.id == 1)",
            "q = select(Ticket).filter(Ticket.id == 1, Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(Ticket).filter_by(id=1)",
            "q = select(Ticket).where(Ticket.bot_id == bot_id).filter_by(id=1)",
        ),
        ("q = select(Ticket).limit(1)", "q = select(Ticket).where(Ticket.bot_id == bot_id).limit(1)"),
        ("q = select(Ticket).where(*given)", "q = select(Ticket).where(*given, Ticket.bot_id == bot_id)"),
        ("db.execute(delete(Ticket))", "db.execute(delete(Ticket).where(Ticket.bot_id == bot_id))"),
        ("q = update(Ticket).values(id=2)", "q = update(Ticket).where(Ticket.bot_id == bot_id).values(id=2)"),
        (
            "q = select(Ticket, User).join(User, User.id == Ticket.user_id)",
            "q = select(Ticket, User).join(User, User.id == Ticket.user_id).where(Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(Server).join(Ticket, Ticket.id == Server.id)",
            "q = select(Server).join(Ticket, Ticket.id == Server.id).where(Ticket.bot_id == bot_id)",
        ),
        (
            "q = select(Ticket).outerjoin(User, User.id == Ticket.user_id)",
            "q = select(Ticket).outerjoin(User, User.id == Ticket.user_id).where(Ticket.bot_id == bot_id)",
        ),
        (
            "q = (\n    select(Ticket)  # all\n    .order_by(Ticket.id)  # oldest first\n)",
            "q = (\n    select(Ticket)  # all\n    .where(Ticket.bot_id == bot_id)\n    .order_by(Ticket.id)  # oldest first\n)",
        ),
        (
            "q = select(Ticket).where(\n    Ticket.id == 1,  # this\n)",
            "q = select(Ticket).where(\n    Ticket.id == 1,  # this\n    Ticket.bot_id == bot_id,\n)",
        ),
    ],
)
def test_a_statement_gets_the_predicate(before: str, after: str) -> None:
    assert result_of(before) == after


@pytest.mark.parametrize(
    "statements",
    [
        "q = select(Server)",
        "q = select(func.now())",
        "q = select(Ticket).where(Ticket.bot_id == bot_id)",
        "q = select(Ticket).filter_by(bot_id=bot_id)",
        "q = select(Ticket).where(and_(Ticket.id == 1, Ticket.bot_id == bot_id))",
        "q = select(Ticket).where(owned_by(Ticket, bot_id))",
        "q = select(Ticket)\nq = q.where(Ticket.bot_id == bot_id)",
        "q = select(Ticket)\nif bot_id is not None:\n    q = q.where(Ticket.bot_id == bot_id)",
        "q = select(Ticket)\ndb.execute(q.where(Ticket.bot_id == bot_id))",
        "q = select(Ticket)\nq = scoped(q, bot_id)",
        "parts = [Ticket.id == 1]\nparts.append(Ticket.bot_id == bot_id)\nq = select(Ticket).where(*parts)",
        "parts = [Ticket.bot_id == bot_id]\nq = select(Ticket).where(and_(*parts))",
        "# GLOBAL_QUERY: for the owner\nq = select(Ticket)",
        "q = select(Ticket)  # GLOBAL_QUERY: for the owner",
        "with get_tenant_session(bot_id) as session:\n    session.execute(select(Ticket))",
        "row = db.get(Ticket, 1)\nif row.bot_id != bot_id:\n    raise Forbidden",
        "cache.get(Ticket)",
    ],
)
def test_what_knows_the_tenant_is_left(statements: str) -> None:
    assert result_of(statements) == statements


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ("db.get(User, 1, populate_existing=True)", "session.get(User, …) takes no filter"),
        ("db.get(User, (1, 2))", "its key has several columns"),
        ("db.get_one(User, 1)", "it raises where there is no row"),
        ("repository.get(User, 1)", "repository is not known to be a session"),
        ("db.get(\n    User,  # the user\n    1,\n)", "a comment may stand inside it"),
        ("db.query(User).all()", "a legacy query"),
        ("q = select(Ticket.id).subquery()", "is a subquery (.subquery)"),
        ("q = select(Server).where(Server.id.in_(select(Ticket.id)))", "inside a condition (.in_)"),
        ("q = select(Ticket.id).union(other)", "an arm of a set operation"),
        ("q = sa.union_all(select(Ticket.id), other)", "inside union_all()"),
        ("q = select(exists().where(Ticket.id == 1))", "exists() is a subquery"),
        ("T = aliased(Ticket)\nq = select(T)", "an alias is read"),
        ("q = select(Ticket, User)", "read without a join"),
        ("q = select(model)", "only known at run time: model"),
        ("q = select(Server).outerjoin(Ticket, Ticket.id == Server.id)", "an outer join"),
        ("q = select(Ticket)\nif x:\n    q = q.where(Ticket.bot_id == bot_id)", "on one branch only"),
    ],
)
def test_what_is_not_sure_is_left_with_a_reason(statements: str, reason: str) -> None:
    result = run("filter-query", files(body_of(statements, "db, model, other, bot_id: int")))
    assert result.texts == {}
    assert len(result.not_done) == 1
    assert reason in reasons(result)[0]


@pytest.mark.parametrize(
    "parameter", ["bot_id: Optional[int] = None", "bot_id: int | None = None", "bot_id=None"]
)
def test_a_tenant_that_may_be_none_filters_under_a_condition(parameter: str) -> None:
    after = "q = select(Ticket)\nif bot_id is not None:\n    q = q.where(Ticket.bot_id == bot_id)\nreturn q"
    assert result_of("q = select(Ticket)\nreturn q", f"db, {parameter}") == after
    inline = run("filter-query", files(body_of("db.execute(select(Ticket))", f"db, {parameter}")))
    assert inline.texts == {}
    assert "may be None here" in reasons(inline)[0]


@pytest.mark.parametrize(
    "guard",
    [
        "if bot_id is None:\n    raise ValueError",
        "if not bot_id:\n    return []",
        "assert bot_id is not None",
        "if bot_id is None:\n    bot_id = require_current_tenant()",
    ],
)
def test_a_guard_rules_none_out(guard: str) -> None:
    new = result_of(f"{guard}\ndb.execute(select(Ticket))", "db, bot_id: Optional[int] = None")
    assert new == f"{guard}\ndb.execute(select(Ticket).where(Ticket.bot_id == bot_id))"


@pytest.mark.parametrize(
    "parameters",
    ["db, bot_id: int = Depends(tenant)", "db, bot_id: Annotated[int, Depends(tenant)]", "db, *, bot_id"],
)
def test_the_tenant_may_come_from_a_dependency(parameters: str) -> None:
    assert result_of("q = select(Ticket)", parameters) == "q = select(Ticket).where(Ticket.bot_id == bot_id)"


def test_the_tenant_may_come_from_the_context() -> None:
    statements = "bot_id = require_current_tenant()\nq = select(Ticket)"
    assert result_of(statements, "db") == f"{statements}.where(Ticket.bot_id == bot_id)"


def test_a_function_without_a_tenant_is_none_of_its_affair() -> None:
    result = run("filter-query", files("def f(db):\n    return select(Ticket)\n\n\ndef g(bot_id): ...\n"))
    assert (result.texts, result.not_done) == ({}, ())


def test_an_inner_function_sees_the_tenant_of_the_outer_one() -> None:
    assert ".where(Ticket.bot_id == bot_id)" in result_of(
        "def inner():\n    return select(Ticket)\nreturn inner"
    )


def test_functions_of_other_libraries_are_not_statements() -> None:
    text = "from select import select\nfrom app.models import Ticket\n\n\ndef f(bot_id: int):\n    return select(Ticket)\n"
    assert run("filter-query", {"app/models.py": MODELS, "app/x.py": text}).texts == {}


def test_a_variable_that_is_assigned_many_times_is_read_quickly() -> None:
    steps = "\n".join(f"q = q.where(Ticket.id != {index}) if q.x else q.y(q.z(q))" for index in range(60))
    assert "select(Ticket).where(Ticket.bot_id == bot_id)" in result_of(f"q = select(Ticket)\n{steps}")


def test_line_ends_stay() -> None:
    texts = {
        path: text.replace("\n", "\r\n")
        for path, text in files(body_of("q = select(Ticket)\nreturn q", "bot_id=None")).items()
    }
    new = run("filter-query", texts).texts["app/crud.py"]
    assert new.count("\n") == new.count("\r\n") == texts["app/crud.py"].count("\n") + 2


def test_a_file_that_does_not_parse_is_told() -> None:
    result = run("filter-query", {"app/x.py": "def f(bot_id:\n"})
    assert "does not parse" in reasons(result)[0]


def test_only_chosen_files_are_edited() -> None:
    texts = files(body_of("q = select(Ticket)"))
    assert run("filter-query", texts, paths=["app/models.py"]).texts == {}


def test_the_other_tenant_s_rows_stay_out_of_sight() -> None:
    """The code before and after, run on a database with two tenants."""
    function = """def tickets(db, user_id, bot_id: int):
    rows = db.scalars(select(Ticket).join(User, User.id == Ticket.user_id).where(Ticket.user_id == user_id)).all()
    count = db.scalar(select(func.count()).select_from(Ticket))
    db.execute(update(Ticket).where(Ticket.user_id == user_id).values(user_id=9))
    db.execute(delete(Ticket).where(Ticket.id > 0))
    return [row.id for row in rows], count
"""
    texts = files(function)
    assert tickets(texts["app/crud.py"]) == (([1, 2], 2), [])
    assert tickets(run("filter-query", texts).texts["app/crud.py"]) == (([1], 1), [2])


def tickets(text: str) -> tuple[object, list[int]]:
    """What the function gives tenant 1, and the ids of the tickets that are there afterwards."""
    models = types.ModuleType("models")
    exec(MODELS, models.__dict__)
    space = dict(models.__dict__)
    exec(
        text.replace("from app import models\n", "").replace(
            "from app.models import Server, Ticket, User\n", ""
        ),
        space,
    )
    engine = sa.create_engine("sqlite://")
    try:
        space["Base"].metadata.create_all(engine)
        with Session(engine) as db:
            db.add_all(
                [
                    space["User"](id=1, bot_id=1),
                    space["Ticket"](id=1, user_id=1, bot_id=1),
                    space["Ticket"](id=2, user_id=1, bot_id=2),
                ]
            )
            db.flush()
            found = space["tickets"](db, 1, 1)
            return found, list(db.scalars(sa.text("SELECT id FROM tickets")))
    finally:
        engine.dispose()


def test_names_assigned_from_themselves_resolve_in_linear_time() -> None:
    """Each of many assignments of a variable from itself used to ask all the others in turn."""
    text = "def f(q):\n" + "    q = q.where(1)\n" * 40 + "    return q.x\n"
    names = Names({"a.py": text})
    module = names.module("a.py")
    assert module is not None
    assert [names.resolve(module, module.scope_of[call], call.func) for call in module.calls()] == [None] * 40


def test_a_lookup_brings_the_import_that_it_needs() -> None:
    text = "from app.models import Ticket\n\n\ndef f(own: Session, other: Cache, key, bot_id: int):\n    return own.get(Ticket, key)\n"
    result = run("filter-query", {"app/models.py": MODELS, "app/crud.py": text})
    assert result.texts["app/crud.py"].startswith("from sqlalchemy import select\n")
    assert (
        "own.scalar(select(Ticket).where(Ticket.id == key, Ticket.bot_id == bot_id))"
        in result.texts["app/crud.py"]
    )
    other = text.replace("own.get", "other.get")
    assert (
        "other is not known to be a session"
        in reasons(run("filter-query", {"app/models.py": MODELS, "app/crud.py": other}))[0]
    )
    taken = "def select(x): ...\n" + text
    assert (
        "select means something else"
        in reasons(run("filter-query", {"app/models.py": MODELS, "app/crud.py": taken}))[0]
    )


HELPER = """def narrowed(query, balance, bot_id: int):
    if balance is not None:
        query = query.where(User.balance >= balance)
    return {returned}


def listed(db, bot_id: int):
    query = select(User)
    query = narrowed(query, 1, bot_id=bot_id)
    return db.scalars(query)
"""


@pytest.mark.parametrize(
    ("returned", "filtered"),
    [
        ("query", True),
        ("query.where(User.id.in_(select(Ticket.user_id).where(Ticket.bot_id == bot_id)))", True),
        ("query.where(User.bot_id == bot_id)", False),
        ("by_tenant(query, bot_id)", False),
    ],
)
def test_a_helper_that_only_takes_the_tenant_does_not_filter(returned: str, filtered: bool) -> None:
    """A statement that goes through a helper with the tenant is filtered unless the helper filters it."""
    texts = files(HELPER.format(returned=returned))
    text = run("filter-query", texts).texts.get("app/crud.py", texts["app/crud.py"])
    assert ("select(User).where(User.bot_id == bot_id)" in text) is filtered
