"""The pytest plugin, run on small projects: off, on, and let through."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

POLICY = "extends: generic\nname: little\ncolumn: org_id\nparameter: org_id\ntables: {shared: [orgs]}\n"
MODELS = """
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, sessionmaker

class Base(DeclarativeBase): ...

class Org(Base):
    __tablename__ = "orgs"
    id: Mapped[int] = mapped_column(primary_key=True)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("orgs.id"))
    title: Mapped[str] = mapped_column(default="")
    lines: Mapped[list["Line"]] = relationship(back_populates="order")

class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    order: Mapped[Order] = relationship(back_populates="lines")

engine = create_engine("sqlite://")
Session = sessionmaker(engine)
"""
QUERIES = """
from sqlalchemy import delete, func, insert, select, text, update
from little.models import Line, Order, Org

def all_orders(db):
    return db.scalars(
        select(Order)
    ).all()

def orders(db, org_id):
    return db.scalars(select(Order).where(Order.org_id == org_id)).all()

def by_key(db, key):
    return db.get(Order, key)

def rename(db, org_id):
    order = db.scalars(select(Order).where(Order.org_id == org_id)).first()
    order.title = "new"
    db.commit()
    return order.title, len(order.lines)

def core(db):
    return db.execute(select(func.count()).select_from(Order.__table__)).scalar()

def raw(db):
    return db.execute(text("SELECT title FROM orders WHERE id = :id"), {"id": 1}).all()

def raw_held(db, org_id):
    return db.execute(text("SELECT title FROM orders WHERE id = :id AND org_id = :org"), {"id": 1, "org": org_id}).all()

def change(db):
    db.execute(update(Order).values(title="x"))
    db.execute(delete(Line).where(Line.id == 5))

def joined(db, org_id):
    return db.execute(select(Line.id).join(Order, Line.order_id == Order.id).where(Order.org_id == org_id)).all()

def orgs(db):
    return db.scalars(select(Org)).all()

def nightly(db):
    # GLOBAL_QUERY: the nightly report counts the orders of all
    return db.scalar(select(func.count(Order.id)))
"""
CONFTEST = """
import pytest
from little.models import Base, Line, Order, Org, Session, engine

@pytest.fixture
def db():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session() as session:
        session.add(Org(id=1))
        session.add(Order(id=1, org_id=1, lines=[Line(org_id=1)]))
        session.commit()
        yield session
"""
PASSING = """
import pytest
from merge_tool.pytest_plugin import all_tenants
from sqlalchemy import select
from little import queries
from little.models import Order

def test_held(db):
    assert len(queries.orders(db, 1)) == 1
    assert queries.rename(db, 1) == ("new", 1)
    assert queries.raw_held(db, 1) == [("new",)]
    assert queries.joined(db, 1) == [(1,)]
    assert len(queries.orgs(db)) == 1
    assert queries.nightly(db) == 1

def test_own_statements_of_a_test(db):
    assert len(db.scalars(select(Order)).all()) == 1

def test_in_a_block(db):
    with all_tenants("the test counts all"):
        assert queries.core(db) == 1

@pytest.mark.all_tenants(reason="the test counts all")
def test_marked(db):
    assert queries.core(db) == 1
"""
LEAKS = {
    "all_orders(db)": ("queries.py:6 in all_orders: SELECT orders", "SELECT orders.id"),
    "by_key(db, 1)": ("in by_key: SELECT orders", "WHERE orders.id = ?"),
    "core(db)": ("in core: SELECT orders", "count(*)"),
    "raw(db)": ("in raw: SELECT orders", "SELECT title FROM orders WHERE id = ?"),
    "change(db)": ("in change: UPDATE orders", "UPDATE orders SET title=?"),
}


@pytest.fixture
def little(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with orders of organisations, and its policy."""
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".yaml", tenancy=POLICY)
    pytester.makefile(".ini", pytest="[pytest]\npythonpath = .\n")
    package = pytester.mkpydir("little")
    (package / "models.py").write_text(MODELS)
    (package / "queries.py").write_text(QUERIES)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly", *arguments)


def test_what_is_held_or_allowed_passes(little: pytest.Pytester) -> None:
    little.makepyfile(test_little=PASSING)
    found = run(little, "--tenant-guard")
    found.assert_outcomes(passed=4)
    found.stdout.fnmatch_lines(["tenant guard: policy little (tenancy.yaml), column org_id"])


@pytest.mark.parametrize("call", LEAKS)
def test_a_leak_fails_the_test_and_names_the_site(little: pytest.Pytester, call: str) -> None:
    little.makepyfile(test_little=f"from little import queries\n\ndef test_it(db):\n    queries.{call}\n")
    run(little).assert_outcomes(passed=1)
    found = run(little, "--tenant-guard")
    found.assert_outcomes(failed=1)
    said = found.stdout.str()
    for part in LEAKS[call]:
        assert part in said


def test_the_asynchronous_session_names_its_site_too(little: pytest.Pytester) -> None:
    (little.path / "little" / "later.py").write_text(
        """
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from little.models import Base, Order

async def everything(db):
    return (await db.execute(select(Order))).scalars().all()

async def main():
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as db:
        await everything(db)
    await engine.dispose()
"""
    )
    little.makepyfile(
        test_later="import asyncio\nfrom little import later\n\ndef test_it():\n    asyncio.run(later.main())\n"
    )
    found = run(little, "--tenant-guard")
    found.assert_outcomes(failed=1)
    assert "little/later.py:7 in everything: SELECT orders" in found.stdout.str()


def test_the_ini_option_puts_it_on(little: pytest.Pytester) -> None:
    little.makefile(".ini", pytest="[pytest]\npythonpath = .\ntenant_guard = true\n")
    little.makepyfile(test_little="from little import queries\n\ndef test_it(db):\n    queries.core(db)\n")
    run(little).assert_outcomes(failed=1)


def test_a_marker_without_a_reason_fails(little: pytest.Pytester) -> None:
    little.makepyfile(test_little="import pytest\n\n@pytest.mark.all_tenants\ndef test_it(): ...\n")
    found = run(little, "--tenant-guard")
    found.assert_outcomes(failed=1)
    assert "say why" in found.stdout.str()


def test_without_a_policy_it_says_what_to_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): ...")
    found = run(pytester, "--tenant-guard")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*no policy was named*tenancy.yaml*"])


def test_while_it_is_off_nothing_is_loaded() -> None:
    code = (
        "import sys, pytest\n"
        "pytest.main(['--version', '-p', 'merge_tool.pytest_plugin'])\n"
        "heavy = {'sqlalchemy', 'sqlglot', 'libcst', 'pydantic', 'yaml'} & {name.split('.')[0] for name in sys.modules}\n"
        "assert not heavy, heavy\n"
        "assert not [name for name in sys.modules if name.startswith('merge_tool.') and name != 'merge_tool.pytest_plugin']\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
