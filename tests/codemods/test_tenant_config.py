from __future__ import annotations

import asyncio
import types
import warnings
from pathlib import Path

import pytest

from merge_tool.errors import UserError
from tests.codemods.helpers import reasons, run

TARGET = "app/database/crud/bot_configuration.py"
GETTER = """from typing import Any, Dict, Optional
from sqlalchemy.ext.asyncio import AsyncSession

VALUES = {}


async def get_config_value(db: AsyncSession, bot_id: int, config_key: str) -> Any:
    return VALUES.get((bot_id, config_key))
"""
SETTINGS = """from typing import Optional

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    BOT_TOKEN: str = ""
    NALOGO_INN: Optional[str] = None
    NALOGO_PASSWORD: Optional[str] = Field(None, description="secret")
    CABINET_JWT_SECRET: str

    def get_cabinet_jwt_secret(self) -> str:
        return self.CABINET_JWT_SECRET
"""
HELPERS = [
    {"name": "get_cabinet_jwt_secret", "returns": "Optional[str]", "key": "cabinet.jwt_secret"},
    {
        "name": "get_nalogo_config",
        "returns": "Dict[str, str]",
        "keys": {"inn": "nalogo.inn", "password": "nalogo.password"},
    },
    {"name": "get_limit", "returns": "int", "key": "limit"},
]
FIELDS = ["NALOGO_INN", "NALOGO_PASSWORD", "CABINET_JWT_SECRET"]


def helpers_in(
    files: dict[str, str], target: str = TARGET, helpers: list[dict[str, object]] = HELPERS
) -> str:
    result = run("tenant-config", files, {"target": target, "helpers": helpers})
    assert reasons(result) == []
    return result.texts[target]


def settings_of(text: str, fields: list[str] = FIELDS) -> str:
    result = run(
        "tenant-config",
        {"app/config.py": text},
        {"target": "app/config.py", "settings": "app/config.py", "deprecate": fields},
    )
    assert reasons(result) == []
    return result.texts["app/config.py"]


def load(text: str, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
    return module


def test_the_helpers_read_one_tenant() -> None:
    module = load(helpers_in({TARGET: GETTER}), "crud")
    module.VALUES.update({(1, "cabinet.jwt_secret"): "one", (2, "nalogo.inn"): 77, (2, "limit"): 5})
    assert asyncio.run(module.get_cabinet_jwt_secret(None, 1)) == "one"
    assert asyncio.run(module.get_cabinet_jwt_secret(None, 2)) is None
    assert asyncio.run(module.get_nalogo_config(None, 1)) == {}
    assert asyncio.run(module.get_nalogo_config(None, 2)) == {"inn": "77"}
    assert asyncio.run(module.get_limit(None, 2)) == 5
    with pytest.raises(LookupError, match="limit is not configured for bot_id=1"):
        asyncio.run(module.get_limit(None, 1))


def test_what_was_there_stays_byte_for_byte() -> None:
    assert helpers_in({TARGET: GETTER}).startswith(GETTER + "\n\nasync def get_cabinet_jwt_secret")


def test_a_function_that_is_there_is_left() -> None:
    text = GETTER + "\n\nasync def get_cabinet_jwt_secret(db, bot_id):\n    return 1\n"
    result = run("tenant-config", {TARGET: text}, {"target": TARGET, "helpers": HELPERS[:1]})
    assert (result.texts, result.not_done) == ({}, ())


def test_another_target_imports_the_getter() -> None:
    new = helpers_in({TARGET: GETTER, "app/other.py": "x = 1\n"}, "app/other.py")
    assert "\nfrom app.database.crud.bot_configuration import get_config_value\n" in new
    assert "from typing import Dict, Optional" in new


def test_an_import_that_would_close_a_circle_goes_into_the_function() -> None:
    new = helpers_in(
        {TARGET: "from app.config import settings\n" + GETTER, "app/config.py": "settings = 1\n"},
        "app/config.py",
        HELPERS[:1],
    )
    assert new.index("async def") < new.index(
        "    from app.database.crud.bot_configuration import get_config_value"
    )


def test_a_plain_getter_makes_plain_helpers() -> None:
    new = helpers_in(
        {TARGET: GETTER.replace("async def", "def").replace("-> Any", "-> Optional[str]")},
        helpers=HELPERS[:1],
    )
    assert "\ndef get_cabinet_jwt_secret(" in new
    assert '    return get_config_value(db, bot_id, "cabinet.jwt_secret")\n' in new


def test_a_getter_of_another_shape_is_left() -> None:
    text = "async def get_config_value(key):\n    return 1\n"
    assert (
        "no plain function"
        in reasons(run("tenant-config", {TARGET: text}, {"target": TARGET, "helpers": HELPERS}))[0]
    )


def test_deprecated_fields_warn_and_otherwise_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NALOGO_INN", "77")
    monkeypatch.setenv("CABINET_JWT_SECRET", "secret")
    module = load(settings_of(SETTINGS), "config")
    settings = module.Settings()  # loading and validating does not warn: warnings are errors here
    assert settings.model_dump() == {
        "BOT_TOKEN": "",
        "NALOGO_INN": "77",
        "NALOGO_PASSWORD": None,
        "CABINET_JWT_SECRET": "secret",
    }
    assert settings.BOT_TOKEN == ""
    settings.NALOGO_INN = "78"
    for read in (lambda: settings.NALOGO_INN, lambda: getattr(settings, "NALOGO_" + "INN")):
        with pytest.warns(DeprecationWarning, match="NALOGO_INN belongs to the tenant"):
            assert read() == "78"
    with pytest.warns(DeprecationWarning, match="CABINET_JWT_SECRET"):
        assert settings.get_cabinet_jwt_secret() == "secret"
    assert module.Settings.model_fields["NALOGO_PASSWORD"].description == "secret"
    assert module.Settings.model_fields["CABINET_JWT_SECRET"].is_required()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with monkeypatch.context() as patch:  # what an upstream's own tests do
            patch.setattr(settings, "NALOGO_INN", "79")
            assert settings.NALOGO_INN == "79"
        assert settings.NALOGO_INN == "78"


def test_the_warning_names_the_helper() -> None:
    files = {TARGET: GETTER, "app/config.py": SETTINGS}
    options = {"target": TARGET, "settings": "app/config.py", "helpers": HELPERS, "deprecate": FIELDS}
    text = run("tenant-config", files, options).texts["app/config.py"]
    assert 'deprecated="NALOGO_INN belongs to the tenant: use get_nalogo_config(db, bot_id)"' in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class Settings:\n    NALOGO_INN: str = ''\n", "no pydantic model"),
        (
            "from pydantic import BaseSettings\n\n\nclass Settings(BaseSettings):\n    NALOGO_INN: str = ''\n",
            "pydantic 1",
        ),
        ("x = 1\n", "no class declares NALOGO_INN"),
        (
            SETTINGS.replace("NALOGO_INN: Optional[str]", "NALOGO_INN: Annotated[str, Field()]"),
            "annotated in a way",
        ),
    ],
)
def test_what_cannot_be_deprecated_is_left(text: str, reason: str) -> None:
    options = {"target": "c.py", "settings": "c.py", "deprecate": ["NALOGO_INN"]}
    result = run("tenant-config", {"c.py": text}, options)
    assert result.texts == {}
    assert reason in reasons(result)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "gone.py", "helpers": HELPERS}, "no file gone.py"),
        ({"target": TARGET, "helpers": [{"name": "f", "returns": "str"}]}, "needs either key or keys"),
        ({"target": TARGET, "helpers": [{"name": "f", "returns": "Nope", "key": "k"}]}, "Nope is not known"),
        (
            {"target": TARGET, "helpers": [{"name": "f f", "returns": "str", "key": "k"}]},
            "no name of a function",
        ),
        ({"target": TARGET, "deprecate": ["X"]}, "deprecate needs settings"),
        (
            {"target": "app/x.py", "helpers": HELPERS},
            "has no function app.database.crud.bot_configuration.get_config_value",
        ),
    ],
)
def test_wrong_options_are_errors(options: dict[str, object], message: str) -> None:
    files = {"app/x.py": ""} if options["target"] == "app/x.py" else {TARGET: GETTER}
    with pytest.raises(UserError, match=message):
        run("tenant-config", files, options)
