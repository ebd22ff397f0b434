"""The tenant's dependency in routes: the rewritten application answers 401 and 403, and every kind of route is known."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from merge_tool.codemods.base import Project, make_codemod
from merge_tool.errors import UserError
from tests.codemods.helpers import policy, reasons, run
from tests.codemods.test_tenant_jwt import importable

OPTIONS = {"dependency": "app.dependencies.get_cabinet_tenant"}
HEAD = "from fastapi import APIRouter, Depends, FastAPI\n\nfrom app.dependencies import get_cabinet_tenant\n\nrouter = APIRouter()\n\n\n"


def route(source: str, head: str = HEAD) -> tuple[str, list[str]]:
    files = {"app/dependencies.py": "def get_cabinet_tenant(): ...\n", "app/routes.py": head + source}
    result = run("add-route-dependency", files, OPTIONS)
    return result.texts.get("app/routes.py", head + source).removeprefix(head), reasons(result)


@pytest.mark.parametrize(
    "method", ["get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket"]
)
def test_every_method_is_a_route(method: str) -> None:
    new, left = route(f'@router.{method}("/")\nasync def one(): ...\n')
    assert new == f'@router.{method}("/")\nasync def one(bot_id: int = Depends(get_cabinet_tenant)): ...\n'
    assert left == []


@pytest.mark.parametrize(
    "source",
    [
        'def make() -> FastAPI:\n    app = FastAPI()\n\n    @app.get("/")\n    async def one(): ...\n',
        'def add(app: FastAPI):\n    @app.get("/")\n    async def one(): ...\n',
        'class Server:\n    def __init__(self):\n        self.router = APIRouter()\n\n    def add(self):\n        @self.router.get("/")\n        async def one(): ...\n',
        'class Own(APIRouter): ...\n\n\nown = Own()\n\n\n@own.get("/")\nasync def one(): ...\n',
        'async def one(): ...\n\n\nrouter.add_api_route("/", one)\n',
        'router.add_api_route("/", endpoint=one)\n\n\nasync def one(): ...\n',
        '@router.api_route("/", methods=["GET"])\nasync def one(): ...\n',
    ],
)
def test_every_way_to_register_a_route(source: str) -> None:
    new, left = route(source)
    assert new == source.replace("one():", "one(bot_id: int = Depends(get_cabinet_tenant)):")
    assert left == []


@pytest.mark.parametrize(
    "source",
    [
        '@router.get("/")\nasync def one(tenant: int = Depends(get_cabinet_tenant)): ...\n',
        '@router.get("/")\nasync def one(t: Annotated[int, Depends(get_cabinet_tenant)]): ...\n',
        "@cache.get\ndef one(): ...\n",
        "@mock.patch('x')\ndef one(): ...\n",
        "routes = aiohttp.web.RouteTableDef()\n\n\n@routes.get('name')\ndef one(): ...\n",
    ],
)
def test_what_has_it_or_is_no_route_is_left_alone(source: str) -> None:
    assert route(source) == (source, [])


def test_an_annotated_alias_is_the_house_way() -> None:
    files = {
        "app/aliases.py": "from typing import Annotated\n\nfrom fastapi import Depends\n\nfrom app.dependencies import get_cabinet_tenant\n\nTenant = Annotated[int, Depends(get_cabinet_tenant)]\n",
        "app/dependencies.py": "def get_cabinet_tenant(): ...\n",
        "app/routes.py": 'from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get("/a")\nasync def a(item: int, limit: int = 10): ...\n',
        "app/more.py": 'from fastapi import APIRouter\nfrom app.aliases import Tenant\n\nrouter = APIRouter()\n\n\n@router.get("/b")\nasync def b(tenant: Tenant): ...\n',
    }
    result = run("add-route-dependency", files, {**OPTIONS, "annotated_alias": "app.aliases.Tenant"})
    assert list(result.texts) == ["app/routes.py"]
    assert "from app.aliases import Tenant" in result.texts["app/routes.py"]
    assert "async def a(item: int, bot_id: Tenant, limit: int = 10)" in result.texts["app/routes.py"]


def test_only_the_chosen_files_are_edited_and_unreadable_ones_told() -> None:
    one = HEAD + '@router.get("/")\nasync def one(): ...\n'
    files = {
        "app/dependencies.py": "def get_cabinet_tenant(): ...\n",
        "app/a.py": one,
        "app/b.py": one,
        "app/c.py": "@router.get(\n",
    }
    codemod = make_codemod("add-route-dependency", OPTIONS)
    result = codemod.apply(Project(files, policy()), ["app/a.py", "app/c.py"])
    assert list(result.texts) == ["app/a.py"]
    assert [(item.path, "does not parse" in item.reason) for item in result.not_done] == [("app/c.py", True)]


def test_a_name_that_the_file_uses_otherwise_is_told() -> None:
    head = "from fastapi import APIRouter\n\nget_cabinet_tenant = 1\nrouter = APIRouter()\n\n\n"
    source = '@router.get("/")\nasync def one(): ...\n'
    assert route(source, head) == (source, ["the file uses the name get_cabinet_tenant for something else"])


APP = {
    "tenant_case/__init__.py": "",
    "tenant_case/context.py": "from contextvars import ContextVar\n\ncurrent = ContextVar('current', default=None)\n\n\ndef get_current_tenant():\n    return current.get()\n",
    "tenant_case/texts.py": "class Texts:\n    def __init__(self, language='fa'):\n        self.language = language\n\n    def get(self, item, default=None):\n        return f'{self.language}:{item}'\n",
    "tenant_case/models.py": "class User:\n    def __init__(self, id, bot_id):\n        self.id, self.bot_id = id, bot_id\n",
    "tenant_case/tokens.py": "import jwt\n\n\ndef decode(token):\n    return jwt.decode(token, 'k' * 40, algorithms=['HS256'])\n",
    "tenant_case/dependencies.py": (
        "from fastapi import Depends, HTTPException\n\nfrom .models import User\nfrom .tokens import decode\n\n\n"
        "async def find(user_id):\n    return {1: User(1, 10), 2: User(2, 20)}.get(user_id)\n\n\n"
        "def get_db():\n    return None\n\n\n"
        "async def get_user(token: str, db=Depends(get_db)) -> User:\n    payload = decode(token)\n    user = await find(payload['user'])\n"
        "    if not user:\n        raise HTTPException(404, 'no user')\n    return user\n"
    ),
    "tenant_case/routes.py": (
        "from fastapi import APIRouter, Depends\n\nfrom .dependencies import get_user\n\nrouter = APIRouter()\n\n\n"
        "@router.get('/me')\nasync def me(user=Depends(get_user)):\n    return user.id\n\n\n"
        "@router.get('/open')\nasync def open_one():\n    return 'open'\n"
    ),
}


def test_the_rewritten_application_refuses_what_it_must(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import httpx
    import jwt
    from fastapi import FastAPI

    base = policy()
    context = replace(base.context, getters=("tenant_case.context.get_current_tenant",))
    routes = replace(base.routes, dependencies=("tenant_case.context.get_current_tenant",))
    project = Project(APP, replace(base, context=context, routes=routes, texts="tenant_case.texts.Texts"))
    steps = [
        ("tenant-dependency", {"file": "tenant_case/dependencies.py", "name": "get_tenant"}),
        ("add-route-dependency", {"dependency": "tenant_case.dependencies.get_tenant"}),
    ]
    for name, options in steps:
        result = make_codemod(name, options).apply(project)
        assert result.texts
        assert result.not_done == ()
        project = project.with_texts(result.texts)
    with importable(tmp_path, dict(project.files), "tenant_case"):
        routes_module = importlib.import_module("tenant_case.routes")
        current = importlib.import_module("tenant_case.context").current
        app = FastAPI()
        app.include_router(routes_module.router)

        def get(path: str, tenant: int | None) -> tuple[int, object]:
            async def ask() -> httpx.Response:
                current.set(tenant)
                async with httpx.AsyncClient(
                    transport=httpx.ASGITransport(app), base_url="http://test"
                ) as client:
                    return await client.get(path)

            answer = asyncio.run(ask())
            return answer.status_code, answer.json()

        token = jwt.encode({"user": 1}, "k" * 40, algorithm="HS256")
        assert get("/open", 10) == (200, "open")
        assert get("/open", None) == (401, {"detail": "fa:cabinet.tenant_context_missing"})
        assert get(f"/me?token={token}", 10) == (200, 1)
        assert get(f"/me?token={token}", 20) == (403, {"detail": "fa:cabinet.tenant_mismatch"})
        assert get(f"/me?token={token}", None) == (401, {"detail": "fa:cabinet.tenant_context_missing"})
    messages = [record.message for record in caplog.records]
    assert any("path=/open" in item for item in messages)
    assert any("user_bot_id=10, bot_id=20" in item for item in messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": "app/none.py", "name": "get_tenant"}, r"no file app/none\.py"),
        ({"file": "app/a.py", "name": "get-tenant"}, "not a name of Python"),
        (
            {"file": "app/a.py", "name": "get_tenant", "detail_missing": "x ="},
            "detail_missing: not an expression",
        ),
    ],
)
def test_wrong_options_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run("tenant-dependency", {"app/a.py": "x = 1\n"}, options)


def test_a_user_class_without_the_column_is_told() -> None:
    files = {path: text for path, text in APP.items() if path != "tenant_case/models.py"}
    files["tenant_case/models.py"] = "class User:\n    id: int\n"
    result = run("tenant-dependency", files, {"file": "tenant_case/dependencies.py", "name": "get_tenant"})
    assert any("User has no bot_id" in item for item in reasons(result))
    assert "user.bot_id" not in result.texts["tenant_case/dependencies.py"]


def test_the_route_dependency_must_be_a_dotted_name() -> None:
    with pytest.raises(UserError, match="not a dotted name"):
        run("add-route-dependency", {"app/a.py": "x = 1\n"}, {"dependency": "get_tenant"})
