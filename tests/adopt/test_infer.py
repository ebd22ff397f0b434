"""`policy infer` and `policy check`, on small projects of the usual shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from merge_tool.adopt.check import check_policy
from merge_tool.adopt.infer import infer
from merge_tool.adopt.write import to_yaml
from merge_tool.model.policy import ContextPolicy, PerTenantSetting, Policy, TablePolicy
from merge_tool.plan.policy import load_policy

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

class Base(DeclarativeBase): ...

class Owned:
    @declared_attr
    def org_id(cls):
        return mapped_column(ForeignKey("organizations.id"))

class Organization(Base):
    __tablename__ = "organizations"
    id: Mapped[int] = mapped_column(primary_key=True)

class User(Owned, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

class Order(Owned, Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))

class Currency(Base):
    __tablename__ = "currencies"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
TENANCY = """\
from contextvars import ContextVar
from fastapi import Depends, HTTPException

current_org: ContextVar[int | None] = ContextVar("current_org", default=None)

def get_org() -> int | None:
    return current_org.get()

def require_org() -> int:
    org = get_org()
    if org is None:
        raise HTTPException(401)
    return org

def set_org(org_id: int) -> None:
    current_org.set(org_id)
"""
ROUTES = """\
import jwt
from fastapi import APIRouter, Depends
from sqlalchemy import select
from app.models import Order, User
from app.tenancy import require_org

router = APIRouter()

@router.get("/orders")
async def orders(db, org_id: int = Depends(require_org)):
    return await db.scalars(select(Order).where(Order.org_id == org_id))

async def users(db, org_id: int):
    return await db.scalars(select(User).where(User.org_id == org_id))

async def user(db, org_id: int, user_id: int):
    return await db.scalar(select(User).where(User.org_id == org_id, User.id == user_id))

def token(user_id, org_id: int):
    return jwt.encode({"sub": user_id, "org": org_id}, "s")
"""
PROJECT = {
    "app/models.py": MODELS,
    "app/tenancy.py": TENANCY,
    "app/routes.py": ROUTES,
    "tests/test_a.py": "x = 1\n",
}


def loaded(files: dict[str, str], folder: Path) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(to_yaml(infer(files, "Shop & Söhne")), encoding="utf-8")
    return load_policy(str(path), root=None)


def test_a_project_of_many_tenants_gives_its_policy(tmp_path: Path) -> None:
    policy = loaded(PROJECT, tmp_path)
    assert (policy.column, policy.parameter, policy.parameter_type, policy.claim) == (
        "org_id",
        "org_id",
        "int",
        "org",
    )
    assert policy.context.getters == ("app.tenancy.get_org",)
    assert policy.context.requirers == ("app.tenancy.require_org",)
    assert policy.context.setters == ("app.tenancy.set_org",)
    assert policy.routes.dependencies == ("app.tenancy.require_org",)
    assert policy.tables.tenant == ("lines",)
    assert policy.tables.shared == ("organizations",)
    assert policy.checked_paths == ("app/**/*.py",)
    assert policy.unchecked_paths == ("tests/**",)


def test_every_guess_has_its_evidence() -> None:
    text = to_yaml(infer(PROJECT, "shop"))
    assert "column: org_id  # high: 2 of 5 models have org_id; 3 of its 3 comparisons" in text
    assert "app/routes.py:" in text
    assert "currencies (app/models.py:" in text
    assert "#   session_factories:" in text


def test_a_project_of_one_tenant_says_so_and_names_the_owned_tables(tmp_path: Path) -> None:
    models = MODELS.replace("(Owned, Base)", "(Base)")
    routes = ROUTES.replace("Order.org_id == org_id", "Order.user_id == user_id").replace("org_id", "user_id")
    files = {"app/models.py": models, "app/routes.py": routes}
    found = infer(files, "shop")
    assert not found.multi_tenant
    assert set(found.owned) >= {"orders", "lines", "users"}
    assert "No tenant was found" in to_yaml(found)
    assert loaded(files, tmp_path).column == "tenant_id"


@pytest.mark.parametrize("files", [{"a.py": ""}, {"a.py": "def f(:\n"}, {"a\nb.py": MODELS}])
def test_odd_projects_give_a_policy_that_loads(files: dict[str, str], tmp_path: Path) -> None:
    assert loaded(files, tmp_path).name


def test_check_is_clean_where_all_is_told(tmp_path: Path) -> None:
    policy = loaded(PROJECT, tmp_path)
    assert [item.name for item in check_policy(PROJECT, policy)] == ["currencies"]


def test_check_tells_names_that_are_not_there() -> None:
    policy = Policy(
        column="org_id",
        context=ContextPolicy(getters=("app.tenancy.gone", "app.tenancy.get_org")),
        tables=TablePolicy(
            tenant=("lines",), shared=("organizations", "currencies", "nowhere", "alembic_version")
        ),
        settings=(PerTenantSetting("SHOP_KEY", "shop.key", ("get_shop_key",)),),
        checked_paths=("app/models.py", "src/**"),
    )
    found = {(item.key, item.name) for item in check_policy(PROJECT, policy)}
    assert found == {
        ("context.getters", "app.tenancy.gone"),
        ("tables.shared", "nowhere"),
        ("settings", "SHOP_KEY"),
        ("settings", "get_shop_key"),
        ("checked_paths", "src/**"),
        ("checked_paths", "app/routes.py"),
    }


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merge_tool", "policy", *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_commands(tmp_path: Path) -> None:
    for path, text in PROJECT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert json.loads(run("infer", "--json", cwd=tmp_path).stdout)["guesses"]["column"]["values"] == [
        "org_id"
    ]
    assert run("infer", "-o", "t.yaml", cwd=tmp_path).returncode == 0
    assert run("infer", "-o", "t.yaml", cwd=tmp_path).returncode == 2
    assert run("infer", "-o", "t.yaml", "--force", cwd=tmp_path).returncode == 0
    done = run("check", "--policy", "t.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert [item["name"] for item in json.loads(done.stdout)["findings"]] == ["currencies"]
    assert run("check", "--policy", "none.yaml", cwd=tmp_path).returncode == 2
    assert run("infer", "nowhere", cwd=tmp_path).returncode == 2
    assert "Examples" in run("infer", "--help", cwd=tmp_path).stdout


def test_a_tenant_by_another_name_is_told_by_who_belongs_to_it() -> None:
    models = """from sqlalchemy import Column, ForeignKey, Integer
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class Crew(Base):
    __tablename__ = "crews"
    id = Column(Integer, primary_key=True)
""" + "".join(
        f"class {name}(Base):\n    __tablename__ = '{name.lower()}s'\n    id = Column(Integer, primary_key=True)\n"
        "    crew_id = Column(ForeignKey('crews.id'))\n"
        for name in ("User", "Boat", "Trip")
    )
    queries = "from sqlalchemy import select\nfrom app.models import Boat, Trip, User\n" + "".join(
        f"def f{number}(db, crew_id):\n    return db.execute(select({name}).where({name}.crew_id == crew_id))\n"
        for number, name in enumerate(("User", "Boat", "Trip", "User", "Boat"))
    )
    found = infer({"app/models.py": models.encode(), "app/queries.py": queries.encode()}, "fleet")
    assert found.multi_tenant
    assert found.guesses["column"].values == ("crew_id",)
    alone = models.replace("class User", "class Mast").replace("'users'", "'masts'")
    asked = queries.replace("User", "Mast")
    assert not infer(
        {"app/models.py": alone.encode(), "app/queries.py": asked.encode()}, "fleet"
    ).multi_tenant


VIEWS = """\
from fastapi import APIRouter, Depends
from pydantic import BaseModel
router = APIRouter()

class LinkSession(BaseModel):
    org_id: int

def get_link_session() -> LinkSession: ...

class Base:
    session: LinkSession = Depends(get_link_session)

@view(router)
class Orders(Base):
    @router.get("/orders")
    def orders(self):
        return self.all()
"""


def test_a_dependency_of_class_based_views_is_found_by_what_it_gives() -> None:
    found = infer({"app/models.py": MODELS, "app/views.py": VIEWS}, "shop")
    assert found.guesses["routes.dependencies"].values == ("app.views.get_link_session",)


def test_a_dependency_that_few_routes_have_is_told_and_not_taken() -> None:
    routes = "".join(
        f'@router.get("/r{number}")\ndef r{number}(db=Depends(dict)):\n    return db.load()\n'
        for number in range(12)
    )
    found = infer({"app/models.py": MODELS, "app/views.py": VIEWS + routes}, "shop")
    guess = found.guesses["routes.dependencies"]
    assert guess.values == ()
    assert "too few of the routes have one of them (8%)" in guess.why


def test_checked_are_the_folders_that_imports_tie_to_the_tables() -> None:
    files = {
        "main.py": "from api.routes import orders\n",
        "api/__init__.py": "",
        "api/db/models.py": MODELS,
        "api/routes/orders.py": "from api.db.models import Order\n",
        **{f"api/services/s{number}.py": "from api.db.models import Order\n" for number in range(60)},
        "worker/run.py": "from api.routes import orders\n",
        "sdk/client.py": "import httpx\n",
        "api/tests/test_orders.py": "from api.routes import orders\n",
    }
    guesses = infer(files, "p").guesses
    assert guesses["checked_paths"].values == ("/*.py", "api/**/*.py", "worker/**/*.py")
    assert "left out: sdk" in guesses["checked_paths"].why
    assert guesses["unchecked_paths"].values == ("**/tests/**",)


def test_packages_beside_each_other_are_told_apart() -> None:
    files = {
        "packages/shop/models.py": MODELS,
        "packages/shop/web.py": "from shop.models import Order\n",
        "packages/site/main.py": "x = 1\n",
    }
    assert infer(files, "p").guesses["checked_paths"].values == ("packages/shop/**/*.py",)


STATEMENT = "def f{n}(db, key, org_id):\n    return db.scalars(select({model}).where({condition}))\n"


def statements(model: str, held: int, open_: int, start: int = 0) -> str:
    """Functions with as many statements on a model that hold the tenant, and that do not."""
    conditions = [f"{model}.org_id == org_id"] * held + [f"{model}.id == key"] * open_
    return "".join(
        STATEMENT.format(n=start + number, model=model, condition=condition)
        for number, condition in enumerate(conditions)
    )


@pytest.mark.parametrize(
    ("orders", "users", "unheld"),
    [
        ((0, 6), (30, 0), ("orders",)),
        ((1, 4), (30, 0), ("orders",)),
        ((2, 4), (30, 0), ()),
        ((0, 4), (30, 0), ()),  # too few to say anything
        ((2, 10), (2, 10), ("*",)),
        ((2, 4), (2, 4), ()),
    ],
)
def test_tables_that_are_seldom_held_are_named(
    orders: tuple[int, int], users: tuple[int, int], unheld: tuple[str, ...], tmp_path: Path
) -> None:
    head = "from sqlalchemy import select\nfrom app.models import Order, User\n"
    files = {
        "app/models.py": MODELS,
        "app/crud.py": head + statements("Order", *orders) + statements("User", *users, start=100),
    }
    assert infer(files, "p").guesses["tables.unheld"].values == unheld
    assert loaded(files, tmp_path).tables.unheld == unheld
