"""What the project index knows: names, models, calls, routes, and what it does with files that cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merge_tool.index.project import ProjectIndex
from merge_tool.index.reader import read_module
from merge_tool.model.policy import TablePolicy
from merge_tool.rulekit import EXAMPLE_POLICY, Unreadable


def build(**files: str) -> ProjectIndex:
    return ProjectIndex.build(
        {name.replace("__", "/") + ".py": text for name, text in files.items()}, EXAMPLE_POLICY
    )


def test_names_are_followed_through_imports_reexports_and_stars() -> None:
    index = ProjectIndex.build(
        {
            "app/__init__.py": "",
            "app/db/__init__.py": "from .models import *\nfrom .models import User as Person\n",
            "app/db/models.py": "class User: ...\nclass Order: ...\n",
            "app/use.py": "import app.db as d\nfrom app.db import Person, Order\nimport sqlalchemy as sa\ndef f():\n    from app.db.models import User as Inner\n",
        },
        EXAMPLE_POLICY,
    )
    assert index.resolve("app/use.py", "Person") == "app.db.models.User"
    assert index.resolve("app/use.py", "Order") == "app.db.models.Order"
    assert index.resolve("app/use.py", "d.User") == "app.db.models.User"
    assert index.resolve("app/use.py", "sa.select") == "sqlalchemy.select"
    assert index.resolve("app/use.py", "Inner") == ""
    assert index.resolve("app/use.py", "Inner", index.function("app.use.f")) == "app.db.models.User"


def test_import_circles_end() -> None:
    index = build(a="from b import x\n", b="from a import x\n")
    assert index.resolve("a.py", "x")


def test_a_source_folder_is_no_part_of_module_names() -> None:
    index = build(src__app__a="def f(): ...\n", src__app__b="from app.a import f\ndef g():\n    f()\n")
    assert [site.path for site in index.callers("src.app.a.f")] == ["src/app/b.py"]


def test_callers_are_found_through_aliases_methods_and_instances() -> None:
    index = build(
        app__s="class Base:\n    def save(self, x): ...\nclass Service(Base): ...\nservice = Service()\ndef plain(): ...\n",
        app__u="from app.s import service, Service, plain as p\ndef a():\n    service.save(1)\ndef b():\n    s = Service()\n    s.save(2)\ndef c(s: Service):\n    s.save(3)\n    p()\n",
    )
    assert [site.function.name for site in index.callers("app.s.Base.save")] == ["a", "b", "c"]
    assert [site.function.name for site in index.callers("app.s.plain")] == ["c"]


MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, declared_attr, relationship

class Base(DeclarativeBase): pass
class Tenant:
    bot_id: Mapped[int] = mapped_column(index=True)
class Declared:
    @declared_attr
    def bot_id(cls):
        return Column(Integer)
class User(Tenant, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
class Order(Declared, Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("users.id"))
    user = relationship("User")
class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
class Renamed(Base):
    __tablename__ = "renamed"
    id = Column(Integer, primary_key=True)
    tenant = Column("bot_id", Integer)
links = Table("links", MetaData(), Column("user_id", ForeignKey("users.id")), Column("bot_id", Integer))
"""


def test_models() -> None:
    index = build(app__models=MODELS)
    assert {name: index.is_tenant_model(name) for name in ("User", "Order", "Country", "Renamed", "links", "Nothing")} == {
        "User": True, "Order": True, "Country": False, "Renamed": True, "links": True, "Nothing": False,
    }  # fmt: skip
    order = index.model("orders")
    assert order is not None
    assert order.qualified == "app.models.Order"
    assert order.foreign_keys == {"user_id": "users"}
    assert order.relationships == {"user": "User"}


def test_policy_decides_which_tables_are_shared_or_a_tenants() -> None:
    policy = replace(EXAMPLE_POLICY, tables=TablePolicy(tenant=("countries",), shared=("users",)))
    index = ProjectIndex.build({"app/models.py": MODELS}, policy)
    assert index.is_tenant_model("Country")
    assert not index.is_tenant_model("User")


def test_routes_carry_full_paths_and_where_the_tenant_stands() -> None:
    index = build(
        app__tenancy="def get_current_tenant(): ...\n",
        app__users="from fastapi import APIRouter, Depends\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter(prefix='/users')\n@router.get('/{id}')\ndef one(id: int): ...\n@router.post('')\ndef new(bot_id=Depends(get_current_tenant)): ...\n",
        app__main="from fastapi import FastAPI, Depends\nfrom app import users\nfrom app.tenancy import get_current_tenant\ndef attach(app: FastAPI):\n    @app.get('/alias')\n    def alias(): ...\ndef create():\n    app = FastAPI()\n    app.include_router(users.router, prefix='/api', dependencies=[Depends(get_current_tenant)])\n    @app.get('/ping')\n    def ping(): ...\n    attach(app)\n    return app\n",
    )
    assert sorted((route.method, route.paths, route.by) for route in index.routes()) == [
        ("GET", ("/alias",), ""),
        ("GET", ("/api/users/{id}",), "include_router"),
        ("GET", ("/ping",), ""),
        ("POST", ("/api/users",), "parameter"),
    ]


UNREADABLE = {
    "syntax": (b"x = 1\ndef f(:\n", "invalid syntax", 2),
    "nul": (b"x = 1\ny = '\0'\n", "NUL byte", 2),
    "not-utf-8": (b"x = 1\ny = '\xff'\n", "wrong encoding", 2),
    "unknown-cookie": (b"# coding: klingon\n", "wrong encoding", 1),
    "utf-16": ("x = 1\n".encode("utf-16"), "wrong encoding", 1),
    "too-deep": (b"x = " + b"-" * 200_000 + b"1\n", "nested too deeply", 1),
    "too-many-brackets": (b"x = " + b"(" * 1000 + b")" * 1000 + b"\n", "too many nested parentheses", 1),
    "too-large": (b"#" * 10_000_001, "larger than 10 MB", 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_said_with_its_reason(name: str) -> None:
    data, reason, line = UNREADABLE[name]
    facts = read_module("a.py", data)
    assert isinstance(facts, Unreadable)
    assert reason in facts.reason
    assert facts.line == line


@pytest.mark.parametrize(
    "data",
    [
        "имя = 'рубль'\n".encode(),
        b"\xef\xbb\xbfx = 1\n",
        "# -*- coding: cp1251 -*-\nимя = 'рубль'\n".encode("cp1251"),
        b"x = 1\r\ny = 2\rz = 3\n",
        b"",
        b"x = '\\d'\n",
        b"x = " + b" + ".join(b"'a'" for _ in range(400)) + b"\n",
        b"def f(x):\n"
        + b"    if x == 0:\n        y = 0\n"
        + b"".join(b"    elif x == %d:\n        y = %d\n" % (n, n) for n in range(300)),
    ],
    ids=["utf-8", "bom", "cookie", "newlines", "empty", "stray-backslash", "long-sum", "long-elif"],
)
def test_what_python_reads_is_read(data: bytes) -> None:
    assert not isinstance(read_module("a.py", data), Unreadable)


def test_an_unreadable_file_does_not_stop_the_others() -> None:
    index = ProjectIndex.build({"a.py": b"def f(:\n", "b.py": b"def g(): ...\n"}, EXAMPLE_POLICY)
    assert [item.path for item in index.unreadable] == ["a.py"]
    assert index.function("b.g") is not None


def test_steps_that_pile_up_do_not_pile_up_cost() -> None:
    lines = ["x = ''", "y = []", "z = {}"] + ["x += 'a'", "y.append(1)", "z['k'] = 1"] * 4000
    facts = read_module("a.py", "\n".join(lines))
    assert not isinstance(facts, Unreadable)


def test_classes_that_inherit_from_themselves_end() -> None:
    index = build(
        a="class A(A): ...\nclass B(C): ...\nclass C(B):\n    x = C().x\n    def f(self):\n        self.x.get('k')\n        self.y = self.y.z()\n        self.y.get('k')\n"
    )
    assert list(index.key_verdicts("a.py")) == []


@pytest.mark.parametrize("target", ["Tenant.id", "models.Tenant.id", "tenants.c.id", "'tenants.id'"])
def test_a_foreign_key_may_name_a_class_or_a_table_object(target: str) -> None:
    files = {
        "app/models.py": "from sqlalchemy import Column, Integer, MetaData, Table\nfrom app.base import Base\nclass Tenant(Base):\n    __tablename__ = 'tenants'\n    id = Column(Integer, primary_key=True)\n",
        "app/tables.py": "from sqlalchemy import Column, Integer, MetaData, Table\ntenants = Table('tenants', MetaData(), Column('id', Integer, primary_key=True))\n",
        "app/base.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n",
        "app/user.py": f"from sqlalchemy import Column, ForeignKey, Integer\nfrom app import models\nfrom app.base import Base\nfrom app.models import Tenant\nfrom app.tables import tenants\nclass User(Base):\n    __tablename__ = 'users'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(ForeignKey({target}))\n",
    }
    index = ProjectIndex.build(files, EXAMPLE_POLICY)
    assert index.models.by_name["app.user.User"].foreign_keys == {"bot_id": "tenants"}


def test_what_a_package_binds_hides_its_module_of_that_name() -> None:
    files = {
        "app/db/__init__.py": "from app.db.client import Client\nclient = Client()\nfrom . import other\nfrom .made import made\n",
        "app/db/client.py": "class Client:\n    def load(self): ...\n",
        "app/db/other.py": "def load(): ...\n",
        "app/db/made.py": "def made(): ...\n",
        "app/use.py": "from app.db import client, made, other\nfrom app.db.client import Client\nimport app.db.other\ndef f():\n    client.load()\n    other.load()\n    made()\n    Client().load()\n",
    }
    index = ProjectIndex.build(files, EXAMPLE_POLICY)
    function = index.function("app.use.f")
    assert function is not None
    found = [index.callee(function.path, function, call) for call in function.calls]
    assert [item.qualname for item in found if item is not None] == [
        "Client.load",
        "load",
        "made",
        "Client.load",
    ]


@pytest.mark.parametrize("folder", ["venv/lib/python3.12/site-packages", "libs"])
def test_an_installed_copy_of_fastapi_is_fastapi(folder: str) -> None:
    files = {
        f"{folder}/fastapi/__init__.py": "from .routing import APIRouter\n",
        f"{folder}/fastapi/routing.py": "class APIRouter:\n    def get(self, path): ...\n",
        "app/web.py": "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/orders')\ndef orders(): ...\n",
    }
    index = ProjectIndex.build(files, EXAMPLE_POLICY)
    assert [item.paths for item in index.routes()] == ([("/orders",)] if "site-packages" in folder else [])
