"""What a policy that nobody has vouched for takes for an error, and what it tells as info."""

from __future__ import annotations

import dataclasses

import pytest

from merge_tool.lint.run import lint_texts
from merge_tool.model.policy import TablePolicy
from merge_tool.rulekit import EXAMPLE_POLICY

MODELS = """\
from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import DeclarativeBase
class Base(DeclarativeBase): pass
class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False, index=True)
    name = Column(String)
"""
ROUTE = """\
from fastapi import APIRouter, Depends
from app.crud import one
from app.tenancy import get_current_tenant
router = APIRouter()
@router.get("/orders/{key}")
async def show(key: int, db=Depends(dict), bot_id: int = Depends(get_current_tenant)):
    return await one(db, key)
"""
CRUD = "from sqlalchemy import select\nfrom app.models import Order\nasync def one(db, key):\n    return await db.scalar(select(Order).where(Order.id == key))\n"
SWEEP = "from sqlalchemy import select\nfrom app.models import Order\nasync def pending(db, kind):\n    return await db.scalars(select(Order).where(Order.name == kind))\n"
WORK = "import asyncio\nfrom app.sweep import pending\nasync def main():\n    await pending(None, 'a')\nif __name__ == '__main__':\n    asyncio.run(main())\n"


def graded(code: str, files: dict[str, str], **policy: object) -> list[str]:
    """The severities of what one rule finds where the policy is not strict."""
    chosen = dataclasses.replace(EXAMPLE_POLICY, strict=False, **policy)  # type: ignore[arg-type]
    return [item.severity.value for item in lint_texts(files, chosen, select=(code,)).findings]


def test_a_strict_policy_takes_every_finding_as_it_is() -> None:
    files = {"app/a.py": 'import redis\nclient = redis.Redis()\nclient.get("a")\n'}
    assert graded("TK1", files) == ["info"]
    found = lint_texts(files, EXAMPLE_POLICY, select=("TK1",)).findings
    assert [item.severity.value for item in found] == ["error"]
    assert EXAMPLE_POLICY.strict


def test_what_is_missing_is_told() -> None:
    chosen = dataclasses.replace(EXAMPLE_POLICY, strict=False)
    [found] = lint_texts(
        {"app/a.py": 'import redis\nclient = redis.Redis()\nclient.get("a")\n'}, chosen, select=("TK1",)
    ).findings
    assert "knows the tenant" in found.reason[-1]
    assert "strict" in found.reason[-1]


@pytest.mark.parametrize(
    ("files", "severity"),
    [
        ({"app/crud.py": CRUD}, "error"),  # nobody is seen to call it: it may be anything
        ({"app/crud.py": CRUD, "app/web.py": ROUTE}, "error"),
        ({"app/sweep.py": SWEEP, "app/start.py": WORK}, "info"),
        ({"app/sweep.py": SWEEP.replace("kind):", "kind, bot_id):"), "app/start.py": WORK}, "error"),
        ({"app/sweep.py": SWEEP, "app/start.py": WORK, "app/web.py": ROUTE.replace("from app.crud import one", "from app.sweep import pending as one")}, "info"),
        ({"app/sweep.py": SWEEP, "app/start.py": WORK, "app/web.py": ROUTE.replace("from app.crud import one", "from app.sweep import pending").replace("one(", "pending(")}, "error"),
    ],
)  # fmt: skip
def test_a_query_counts_where_a_request_may_come_to_it(files: dict[str, str], severity: str) -> None:
    assert graded("TQ1", {"app/models.py": MODELS, **files}) == [severity]


def test_a_key_counts_where_the_tenant_is_known() -> None:
    cache = "import redis\nclient = redis.Redis()\ndef load(user_id{more}):\n    return client.get(f'cart:{{user_id}}')\n"
    assert graded("TK1", {"app/a.py": cache.format(more="")}) == ["info"]
    assert graded("TK1", {"app/a.py": cache.format(more=", bot_id")}) == ["error"]


def test_a_route_counts_among_routes_that_have_the_tenant() -> None:
    head = "from fastapi import APIRouter, Depends\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n"
    plain = "@router.get('/{name}')\nasync def {name}(service=Depends(dict)):\n    return service.{name}()\n"
    held = plain.replace("service=", "bot_id: int = Depends(get_current_tenant), service=")
    tenancy = "def get_current_tenant() -> int:\n    return 1\n"

    def routes(*shapes: str) -> list[str]:
        made = head + "".join(
            shape.replace("{name}", f"route{number}") for number, shape in enumerate(shapes)
        )
        return graded("TF1", {"app/web.py": made, "app/tenancy.py": tenancy})

    assert routes(plain, held, held) == ["error"]
    assert routes(plain, plain, plain, held) == ["info", "info", "info"]


def test_a_route_that_comes_to_an_open_statement_counts() -> None:
    files = {"app/models.py": MODELS, "app/crud.py": CRUD, "app/web.py": ROUTE.replace(", bot_id: int = Depends(get_current_tenant)", ""), "app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\n"}  # fmt: skip
    assert graded("TF1", files) == ["error"]


def test_unique_keys_count_that_people_choose() -> None:
    table = MODELS.replace("name = Column(String)", "{column} = Column(String, unique=True)")
    assert graded("TM4", {"app/models.py": table.replace("{column}", "slug")}) == ["error"]
    assert graded("TM4", {"app/models.py": table.replace("{column}", "agent_id")}) == ["info"]


def test_a_part_of_the_tenants_id_in_a_key_is_the_tenant() -> None:
    cache = "import redis\nclient = redis.Redis()\ndef load(bot_id, key):\n    return client.get(f'cart:{{{part}}}:{{key}}')\n"
    assert graded("TK1", {"app/a.py": cache.format(part="bot_id.value")}) == []
    assert graded("TK1", {"app/a.py": cache.format(part="key.value")}) == ["error"]


def test_an_admin_names_the_tenant_and_a_request_has_a_context_of_its_own() -> None:
    web = "from fastapi import APIRouter, Depends\nrouter = APIRouter()\ndef {guard}(): ...\n@router.get('/usage/{{bot_id}}')\nasync def usage(bot_id: int, who=Depends({guard}), service=Depends(dict)):\n    return service.usage(bot_id)\n"
    assert graded("TF3", {"app/web.py": web.format(guard="verify_admin_token")}) == ["info"]
    assert graded("TF3", {"app/web.py": web.format(guard="verify_token")}) == ["error"]


def test_an_optional_tenant_in_what_admins_alone_depend_on_is_not_decided() -> None:
    web = "from fastapi import APIRouter, Depends, Query\nfrom sqlalchemy import select\nfrom app.models import Order\nrouter = APIRouter()\ndef {guard}(): ...\nasync def listed(bot_id: int | None = Query(None), db=Depends(dict)):\n    query = select(Order)\n    if bot_id is not None:\n        query = query.where(Order.bot_id == bot_id)\n    return await db.execute(query)\n@router.get('/orders', dependencies=[Depends({guard})])\nasync def orders(found=Depends(listed)):\n    return found\n"
    assert graded("TQ7", {"app/models.py": MODELS, "app/web.py": web.format(guard="check_admin")}) == ["info"]
    assert graded("TQ7", {"app/models.py": MODELS, "app/web.py": web.format(guard="check_user")}) != ["info"]


def test_a_login_is_unique_over_all_tenants() -> None:
    table = MODELS.replace(
        "name = Column(String)", "email = Column(String, unique=True)\n    {column} = Column(String)"
    )
    assert graded("TM4", {"app/models.py": table.replace("{column}", "hashed_password")}) == ["info"]
    assert graded("TM4", {"app/models.py": table.replace("{column}", "phone")}) == ["error"]


def test_what_counts_over_all_beside_what_counts_for_one_is_not_decided() -> None:
    code = "from sqlalchemy import select\nfrom app.models import Order\nclass Orders:\n    async def {name}(self):\n        return await self.db.scalar(select(Order))\n    async def count_by_bot(self, bot_id):\n        return await self.db.scalar(select(Order).where(Order.bot_id == bot_id))\n"
    assert graded("TQ1", {"app/models.py": MODELS, "app/a.py": code.format(name="count_all")}) == ["info"]
    assert graded("TQ1", {"app/models.py": MODELS, "app/a.py": code.format(name="count_open")}) == ["error"]
    assert graded("TQ1", {"app/models.py": MODELS, "app/a.py": code.format(name="count_all_orders")}) == [
        "error"
    ]


def test_an_optional_tenant_that_every_caller_passes_is_not_decided() -> None:
    crud = "from sqlalchemy import select\nfrom app.models import Order\nasync def listed(db, bot_id=None):\n    query = select(Order)\n    if bot_id is not None:\n        query = query.where(Order.bot_id == bot_id)\n    return await db.execute(query)\n"
    use = "from app.crud import listed\nasync def show(db, bot_id{default}):\n    return await listed(db{passed})\n"
    models = {"app/models.py": MODELS, "app/crud.py": crud}
    assert graded("TQ7", {**models, "app/use.py": use.format(default="", passed=", bot_id")}) == ["info"]
    assert graded("TQ7", models) == ["warning"]
    assert "info" not in graded("TQ7", {**models, "app/use.py": use.format(default="", passed="")})
    assert "info" not in graded(
        "TQ7", {**models, "app/use.py": use.format(default="=None", passed=", bot_id")}
    )


@pytest.mark.parametrize("name", ["one_unscoped", "for_all_tenants"])
def test_what_says_by_its_name_that_it_is_for_all_is_not_decided(name: str) -> None:
    files = {
        "app/models.py": MODELS,
        "app/web.py": ROUTE.replace("one", name),
        "app/crud.py": CRUD.replace("one", name),
    }
    assert graded("TQ1", files) == ["info"]
    assert graded("TQ1", {"app/models.py": MODELS, "app/web.py": ROUTE, "app/crud.py": CRUD}) == ["error"]


def test_a_key_that_a_job_was_started_with_is_not_decided() -> None:
    mixed = "from celery import shared_task\nfrom sqlalchemy import select\nfrom app.crud import one\nfrom app.models import Order\n{decorator}async def work(db, key):\n    await one(db, key)\nasync def shown(db, key, bot_id):\n    await db.scalar(select(Order).where(Order.id == key, Order.bot_id == bot_id))\n    return await one(db, key)\n"
    files = {"app/models.py": MODELS, "app/crud.py": CRUD}
    assert graded("TQ1", {**files, "app/work.py": mixed.format(decorator="@shared_task\n")}) == ["info"]
    assert graded("TQ1", {**files, "app/work.py": mixed.format(decorator="")}) == ["error"]


@pytest.mark.parametrize(
    ("unheld", "severity"), [(("orders",), "info"), (("*",), "info"), (("users",), "error")]
)
def test_what_is_found_on_a_table_that_is_seldom_held_is_not_decided(
    unheld: tuple[str, ...], severity: str
) -> None:
    files = {"app/models.py": MODELS, "app/web.py": ROUTE, "app/crud.py": CRUD}
    assert graded("TQ1", files, tables=TablePolicy(unheld=unheld)) == [severity]
    in_hand = CRUD.replace("(db, key)", "(db, key, bot_id)")  # who has the tenant in hand forgot it
    assert graded("TQ1", {**files, "app/crud.py": in_hand}, tables=TablePolicy(unheld=unheld)) == ["error"]
    raw = "from sqlalchemy import text\nfrom app.crud import one\nasync def one(db, key):\n    return await db.scalar(text('SELECT * FROM orders WHERE id = :key'), {'key': key})\n"
    assert graded("TS1", {**files, "app/crud.py": raw}, tables=TablePolicy(unheld=unheld)) == [severity]


def test_a_tenant_that_is_read_from_a_request_and_then_asked_about_is_not_decided() -> None:
    middleware = "class Middleware:\n    def wanted(self, request):\n        return request.headers.get('X-Bot-Id')\n    async def dispatch(self, request, call_next):\n        bot_id = self.wanted(request)\n        if not {check}(request.state.user.id, bot_id):\n            return None\n        return await call_next(request)\n"
    assert graded("TF3", {"app/m.py": middleware.format(check="self.has_access")}) == ["info"]
    assert graded("TF3", {"app/m.py": middleware.format(check="self.touch")}) == ["warning"]
