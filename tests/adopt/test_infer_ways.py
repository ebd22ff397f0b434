"""How a project carries its tenant, where it does so in a way of its own."""

from __future__ import annotations

import pytest

from merge_tool.adopt.infer import infer
from merge_tool.adopt.write import to_yaml

MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Project(Base):
    __tablename__ = "projects"
    id = Column(Integer, primary_key=True)

""" + "".join(
    f"class Table{number}(Base):\n    __tablename__ = 'table{number}'\n    id = Column(Integer, primary_key=True)\n"
    "    project_id = Column(ForeignKey('projects.id'))\n"
    for number in range(6)
)
READS = "from app.models import Table0\nfrom sqlalchemy import select\n" + "".join(
    f"def read{number}(db, project_id):\n    return db.scalars(select(Table0).where(Table0.project_id == project_id))\n"
    for number in range(6)
)
CALLED = """\
from fastapi import APIRouter, Depends
from app.models import Project
router = APIRouter()
class User: ...
class Member:
    async def __call__(self, project_name: str) -> tuple[User, Project]: ...
class Anybody:
    async def __call__(self, token: str) -> User: ...
@router.get("/a")
def a(both=Depends(Member())): ...
@router.get("/b")
def b(user=Depends(Anybody())): ...
"""
CONTEXT = """\
from contextvars import ContextVar
project = ContextVar("project_id")
project_filter_off = ContextVar("project_filter_off")
def get_project_id():
    return project.get()
def is_project_filter_off():
    return project_filter_off.get()
def set_project_id(value):
    project.set(value)
def clear_project_id():
    project.set(None)
def bypass_project_filter():
    project_filter_off.set(True)
"""


def project(**files: str) -> dict[str, str]:
    """The models and queries of a project, and more files, `_` standing for a slash."""
    more = {f"{name.replace('_', '/')}.py": text for name, text in files.items()}
    return {"app/models.py": MODELS, "app/reads.py": READS, **more}


def test_an_instance_that_gives_the_person_and_the_tenant_is_a_dependency() -> None:
    guess = infer(project(app_views=CALLED), "x").guesses["routes.dependencies"]
    assert guess.values == ("app.views.Member",)


def test_what_switches_the_tenant_off_is_no_getter_and_no_setter() -> None:
    guesses = infer(project(app_context=CONTEXT), "x").guesses
    assert guesses["context.getters"].values == ("app.context.get_project_id",)
    assert guesses["context.setters"].values == ("app.context.set_project_id",)


@pytest.mark.parametrize(
    "text",
    [
        "def engine(base, project_id):\n    return base.execution_options(schema_translate_map={None: project_id})\n",
        'def bind(db, project_id):\n    db.execute(f"SET search_path TO {project_id}")\n',
        "from sqlalchemy import text\ndef make(db, project_id):\n    db.execute(text(f'CREATE SCHEMA \"{project_id}\"'))\n",
    ],
)
def test_a_schema_for_each_tenant_is_told(text: str) -> None:
    found = infer(project(app_db=text), "x")
    assert [doubt for doubt in found.doubts if "a schema of its own (app/db.py:" in doubt]
    assert "# doubt: each tenant seems to have a schema of its own" in to_yaml(found)


@pytest.mark.parametrize(
    "text",
    [
        'def bind(db, name):\n    db.execute(f"SET search_path TO {name}")\n',
        'def bind(db):\n    db.execute("SET search_path TO public")\n',
        "def engine(base, name):\n    return base.execution_options(schema_translate_map={None: name})\n",
    ],
)
def test_a_schema_of_everybody_is_not_told(text: str) -> None:
    assert not [doubt for doubt in infer(project(app_db=text), "x").doubts if "schema" in doubt]


def test_a_schema_for_each_tenant_is_told_where_no_table_has_a_column() -> None:
    files = {
        "app/db.py": "def engine(base, tenant):\n    return base.execution_options(schema_translate_map={None: tenant})\n"
    }
    found = infer(files, "x")
    assert not found.multi_tenant
    assert "# doubt: each tenant seems to have a schema" in to_yaml(found)
