"""The examples of `thread-tests`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example
from merge_tool.model.policy import ContextPolicy

_APP = {
    "app/__init__.py": "",
    "app/core/__init__.py": "",
    "app/core/tenant_context.py": "def set_current_tenant(bot_id: int): ...\n",
    "app/crud.py": """async def get_user(db, user_id: int, bot_id: int): ...


async def count(db, bot_id: int | None = None): ...


class Users:
    async def load_user(self, user_id: int, bot_id: int): ...

    async def get(self, user_id: int, bot_id: int): ...
""",
}
_TENANT = {"context": ContextPolicy(setters=("app.core.tenant_context.set_current_tenant",))}

EXAMPLES = (
    Example(
        before={
            **_APP,
            "tests/conftest.py": '''"""Fixtures."""

import os

os.environ["X"] = "1"
''',
            "tests/test_users.py": '''from types import SimpleNamespace
from unittest.mock import AsyncMock, patch

import pytest

from app import crud
from app.crud import Users, count, get_user


async def get_user_stub(*args, **kwargs): ...


class FakeUsers:
    async def load_user(self, user_id):
        return user_id


async def test_calls(db, users):
    await get_user(db, 1)
    await get_user(db, 1, 2)
    await crud.get_user(
        db,
        1,
    )
    await count(db)
    await Users().load_user(1)
    await users.load_user(1)
    users.get(1)


async def test_fakes(monkeypatch):
    async def fake_get_user(db, user_id: int):
        return None

    async def other(db): ...

    def helper(x): ...

    monkeypatch.setattr(crud, "get_user", fake_get_user)
    monkeypatch.setattr("app.crud.count", lambda db: 3)
    monkeypatch.setattr("app.crud.count", lambda: 3)
    monkeypatch.setattr("app.crud.unrelated", helper)
    monkeypatch.setattr("app.crud.get_user", get_user_stub)
    with patch("app.crud.get_user", AsyncMock(side_effect=other)) as mocked:
        pass
    service = SimpleNamespace(load_user=lambda user_id, *rest: 1, helper=helper)
    service.count = lambda db: 1
    crud.get_user.assert_called_once_with(1, 2)
''',
        },
        after={
            "tests/conftest.py": '''"""Fixtures."""

import os

import pytest

os.environ["X"] = "1"


@pytest.fixture(autouse=True)
def tenant_context():
    """Every test runs in the context of one tenant."""
    from app.core.tenant_context import set_current_tenant

    set_current_tenant(1)
''',
            "tests/test_users.py": '''from types import SimpleNamespace
from unittest.mock import AsyncMock, patch

import pytest

from app import crud
from app.crud import Users, count, get_user


async def get_user_stub(*args, **kwargs): ...


class FakeUsers:
    async def load_user(self, user_id, bot_id=None):
        return user_id


async def test_calls(db, users):
    await get_user(db, 1, bot_id=1)
    await get_user(db, 1, 2)
    await crud.get_user(
        db,
        1,
        bot_id=1,
    )
    await count(db)
    await Users().load_user(1, bot_id=1)
    await users.load_user(1, bot_id=1)
    users.get(1)


async def test_fakes(monkeypatch):
    async def fake_get_user(db, user_id: int, bot_id=None):
        return None

    async def other(db, bot_id=None): ...

    def helper(x): ...

    monkeypatch.setattr(crud, "get_user", fake_get_user)
    monkeypatch.setattr("app.crud.count", lambda db, bot_id=None: 3)
    monkeypatch.setattr("app.crud.count", lambda bot_id=None: 3)
    monkeypatch.setattr("app.crud.unrelated", helper)
    monkeypatch.setattr("app.crud.get_user", get_user_stub)
    with patch("app.crud.get_user", AsyncMock(side_effect=other)) as mocked:
        pass
    service = SimpleNamespace(load_user=lambda user_id, *rest, bot_id=None: 1, helper=helper)
    service.count = lambda db, bot_id=None: 1
    crud.get_user.assert_called_once_with(1, 2)
''',
        },
        options={"conftest": "tests/conftest.py"},
        not_done=("get_user is called with bot_id now: look at assert_called_once_with",),
        policy=_TENANT,
    ),
)  # fmt: skip
