"""Endpoints read from routes as text."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from merge_tool.actions.endpoints import read_endpoints
from merge_tool.actions.green_runs import belongs
from merge_tool.plan.policy import load_policy

FILES = {
    "app/schemas/base.py": b"from pydantic import BaseModel\n\nclass Page(BaseModel):\n    page: int\n    total: int = 0\n",
    "app/schemas/items.py": b"""
from datetime import datetime
from typing import List, Optional
from pydantic import BaseModel, Field
from .base import Page

class Item(BaseModel):
    id: int
    title: str = Field(..., min_length=1)
    made_at: datetime
    parent: Optional["Item"] = None

class Items(Page):
    items: List[Item]

class NewItem(BaseModel):
    title: str
    price: float | None = None
""",
    "app/deps.py": b"def get_current_tenant(): ...\ndef get_user(): ...\n",
    "app/routes.py": b"""
from typing import Annotated
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, status
from sqlalchemy.ext.asyncio import AsyncSession
from app.deps import get_current_tenant, get_user
from app.schemas.items import Item, Items, NewItem

router = APIRouter(prefix="/items")

@router.get("", response_model=Items)
async def list_items(request: Request, page: int = Query(1, ge=1), kind: str | None = None, trace: Annotated[str, Header()] = "x",
                     db: AsyncSession = Depends(get_user), bot_id: int = Depends(get_current_tenant)):
    '''Lists | items.

    More words.
    '''

@router.post("", status_code=status.HTTP_201_CREATED)
async def add(item: NewItem, user=Depends(get_user), bot_id: int = Depends(get_current_tenant)) -> Item:
    raise HTTPException(status_code=status.HTTP_409_CONFLICT, detail="taken")

@router.delete("/{item_id:int}")
def drop(item_id: int):
    raise HTTPException(404)
""",
    "app/main.py": b"from fastapi import FastAPI\nfrom app.routes import router\napp = FastAPI()\napp.include_router(router, prefix='/api')\n",
    "app/broken.py": b"class (:\n",
}


def test_endpoints_have_parameters_tenant_answers_and_examples(tmp_path: Path) -> None:
    policy = load_policy("remnabot", root=tmp_path)
    found = read_endpoints(FILES, policy, {"app/routes.py"})
    assert [(item.method, item.path) for item in found] == [
        ("GET", "/api/items"), ("POST", "/api/items"), ("DELETE", "/api/items/{item_id:int}"),
    ]  # fmt: skip
    listed, added, dropped = found
    assert listed.summary == "Lists | items."
    assert [(p.name, p.place, p.required, p.default) for p in listed.parameters] == [
        ("page", "query", False, "1"), ("kind", "query", False, "None"), ("trace", "header", False, "'x'"),
        ("bot_id", "dependency", True, ""),
    ]  # fmt: skip
    assert (listed.tenant, listed.status, listed.errors) == ("get_current_tenant", 200, (401,))
    example = json.loads(listed.example)
    assert example["page"] == 1
    assert list(example["items"][0]) == ["id", "title", "made_at", "parent"]
    assert (added.status, added.response, added.errors) == (201, "Item", (401, 409))
    assert json.loads(added.body) == {"title": "text", "price": 1.0}
    assert (dropped.tenant, dropped.errors, dropped.parameters[0].place) == ("", (404,), "path")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("tests/test_a.py::test_b", True),
        ("tests/test_a.py::test_b[1]", True),
        ("tests/test_a.py", True),
        ("tests", True),
        ("tests/", True),
        ("tests/test_a.py::test_bc", False),
        ("tests/test_a.py::TestC::test_b", False),
        ("tests/test_ab.py", False),
        ("test", False),
    ],
)
def test_a_case_belongs_to_its_node(node: str, expected: bool) -> None:
    case = ET.Element("testcase", classname="tests.test_a", name="test_b[1-x]")
    assert belongs(case, node) is expected
    inside = ET.Element("testcase", classname="tests.test_a.TestC", name="test_b")
    assert belongs(inside, "tests/test_a.py::TestC::test_b")
    assert belongs(inside, "tests/test_a.py::TestC")
    assert not belongs(inside, "tests/test_a.py::test_b")
