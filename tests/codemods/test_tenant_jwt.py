"""Tokens that carry a tenant: the rewritten code is run."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from merge_tool.codemods.base import Example, make_codemod
from merge_tool.codemods.tenant_jwt import EXAMPLES
from merge_tool.errors import UserError
from tests.codemods.helpers import reasons, run

FULL: Example = EXAMPLES[0]
OPTIONS = {"module": "app/tokens.py"}
KEY = "k" * 40


@contextmanager
def importable(root: Path, files: dict[str, str], package: str) -> Iterator[None]:
    """Files as an importable package, forgotten again afterwards."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in [item for item in sys.modules if item.partition(".")[0] == package]:
            del sys.modules[name]


def tokens_of(root: Path, text: str) -> ModuleType:
    with importable(root, {"jwt_case/__init__.py": "", "jwt_case/tokens.py": text}, "jwt_case"):
        return importlib.import_module("jwt_case.tokens")


def test_tokens_of_one_tenant_are_not_tokens_of_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {**FULL.before, **FULL.after}
    text = files["app/tokens.py"].replace(
        "from app.config import get_jwt_secret",
        "SECRETS = {1: 'a' * 40, 2: 'b' * 40}\n\n\nasync def get_jwt_secret(db, bot_id):\n    return SECRETS.get(bot_id)",
    )
    tokens = tokens_of(tmp_path, text)

    async def story() -> None:
        one = await tokens.create_token(5, 6, 1, None)
        two = await tokens.create_token(5, 6, bot_id=2, db=None)
        assert one != two
        assert (await tokens.decode_token(one, 1, None))["bot_id"] == 1
        assert await tokens.decode_token(one, 2, None) is None
        tokens.SECRETS[2] = tokens.SECRETS[1]  # even with the same secret the claim holds
        assert await tokens.decode_token(one, 2, None) is None
        old = tokens.jwt.encode({"sub": "5"}, tokens.SECRETS[1], algorithm="HS256")
        assert await tokens.decode_token(old, 1, None) is None
        with pytest.raises(ValueError, match="bot_id=3"):
            await tokens.create_token(5, 6, 3, None)
        with pytest.raises(tokens.jwt.InvalidTokenError):
            await tokens.subject(one, 2, None)

    asyncio.run(story())
    assert sum("not of this tenant" in record.message for record in caplog.records) == 3


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub": "1"}',
        "dict(sub='1')",
        "make()",
        "{**make()}",
    ],
)
def test_every_payload_gets_the_claim_once(payload: str, tmp_path: Path) -> None:
    text = f"import jwt\n\n\ndef make():\n    return {{'sub': '1'}}\n\n\ndef encode():\n    return jwt.encode({payload}, '{KEY}', algorithm='HS256')\n"
    result = run("tenant-jwt", {"app/tokens.py": text}, OPTIONS)
    tokens = tokens_of(tmp_path, result.texts["app/tokens.py"])
    found = tokens.jwt.decode(tokens.encode(7), KEY, algorithms=["HS256"])
    assert found == {"sub": "1", "bot_id": 7}


@pytest.mark.parametrize(
    "body",
    [
        "    data = {'a': 1}\n    data['bot_id'] = bot_id\n    return jwt.encode(data, 'k')\n",
        "    data = start()\n    data.update({'bot_id': bot_id})\n    return jwt.encode(data, 'k')\n",
        "    return jwt.encode({'bot_id': bot_id}, 'k')\n",
        "    data = dict(a=1, bot_id=bot_id)\n    return jwt.encode(data, 'k')\n",
    ],
)
def test_a_claim_that_is_there_is_left_alone(body: str) -> None:
    result = run("tenant-jwt", {"app/tokens.py": f"import jwt\n\n\ndef make(bot_id):\n{body}"}, OPTIONS)
    assert not result.texts


@pytest.mark.parametrize(
    "body",
    [
        "    data = jwt.decode(token, 'k')\n    if data['bot_id'] != bot_id:\n        raise ValueError\n    return data\n",
        "    data = jwt.decode(token, 'k')\n    tenant = data.get('bot_id')\n    if tenant != bot_id:\n        return None\n    return data\n",
    ],
)
def test_a_check_that_is_there_is_left_alone(body: str) -> None:
    result = run(
        "tenant-jwt", {"app/tokens.py": f"import jwt\n\n\ndef read(token, bot_id):\n{body}"}, OPTIONS
    )
    assert not result.texts


@pytest.mark.parametrize(
    ("head", "call", "error"),
    [
        ("import jwt", "jwt.decode(t, 'k')", "jwt.InvalidTokenError("),
        ("import jwt as pyjwt", "pyjwt.decode(t, 'k')", "raise InvalidTokenError("),
        ("from jwt import decode, InvalidTokenError", "decode(t, 'k')", "raise InvalidTokenError("),
        ("from jose import jwt", "jwt.decode(t, 'k')", "raise JWTError("),
    ],
)
def test_the_library_is_named_as_the_file_does(head: str, call: str, error: str) -> None:
    result = run("tenant-jwt", {"app/tokens.py": f"{head}\n\n\ndef read(t):\n    return {call}\n"}, OPTIONS)
    text = result.texts["app/tokens.py"]
    assert error in text
    if error.startswith("raise"):
        name = error.removeprefix("raise ").removesuffix("(")
        assert f"import {name}" in text or f", {name}" in text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = jwt.encode({}, 'k')\n", "outside any function"),
        ("def f(t):\n    return t and jwt.decode(t, 'k')\n", "within a condition"),
        ("def f(t):\n    if jwt.decode(t, 'k'):\n        return 1\n", "within a condition"),
        ("def f(t):\n    return jwt.decode(t, 'k', options={'verify_signature': False})\n", "not verified"),
        ("def f(t):\n    return t\n", "no jwt.encode or jwt.decode"),
    ],
)
def test_sites_without_a_sure_place_are_told(source: str, reason: str) -> None:
    result = run("tenant-jwt", {"app/tokens.py": f"import jwt\n\n\n{source}"}, OPTIONS)
    assert any(reason in item for item in reasons(result)), reasons(result)


def test_a_secret_that_callers_give_is_told_and_the_claim_still_made() -> None:
    text = "import jwt\n\n\nasync def f(db: AsyncSession, key):\n    return jwt.encode({'a': 1}, key)\n"
    result = run("tenant-jwt", {"app/tokens.py": text}, {**OPTIONS, "secret": "app.config.get_secret"})
    assert "'bot_id': bot_id" in result.texts["app/tokens.py"]
    assert any("comes from the callers" in item for item in reasons(result))


def test_one_caller_that_cannot_wait_holds_everything_back() -> None:
    files = {
        "app/tokens.py": "import jwt\n\n\ndef make(user):\n    return jwt.encode({'u': user}, 'k')\n",
        "app/use.py": "from app.tokens import make\n\n\nclass User:\n    @property\n    def token(self):\n        return make(self.id)\n",
    }
    result = run("tenant-jwt", files, {**OPTIONS, "secret": "app.config.get_secret"})
    assert not result.texts
    assert any("decorated by @property" in item for item in reasons(result))


def test_a_session_of_another_name_is_used() -> None:
    text = "import jwt\nfrom sqlalchemy.ext.asyncio import AsyncSession\n\n\nasync def make(session: AsyncSession):\n    return jwt.encode({}, 'k')\n"
    result = run("tenant-jwt", {"app/tokens.py": text}, {**OPTIONS, "secret": "app.config.get_secret"})
    new = result.texts["app/tokens.py"]
    assert "async def make(session: AsyncSession, bot_id: int):" in new
    assert "secret = await get_secret(session, bot_id)" in new
    assert "jwt.encode({'bot_id': bot_id}, secret)" in new


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UserError, match=r"no file app/none\.py"):
        run("tenant-jwt", {"app/tokens.py": ""}, {"module": "app/none.py"})
    with pytest.raises(UserError, match="module: is missing"):
        make_codemod("tenant-jwt", {})
