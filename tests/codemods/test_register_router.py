from __future__ import annotations

import pytest

from merge_tool.errors import UserError
from tests.codemods.helpers import reasons, run

CABINET = "app/cabinet/routes/__init__.py"
ROUTER = 'from fastapi import APIRouter\n\nPREFIX = "/cabinet"\nrouter = APIRouter(prefix=PREFIX)\n'
OPTIONS = {"app": "app/main.py", "router": "app.cabinet.routes:router"}


def app(text: str, router: str = ROUTER, **more: str) -> dict[str, str]:
    return {"app/main.py": text, CABINET: router, **more}


def result_of(text: str, router: str = ROUTER, **options: object) -> str:
    result = run("register-router", app(text, router), {**OPTIONS, **options})
    assert reasons(result) == []
    return result.texts.get("app/main.py", text)


@pytest.mark.parametrize(
    "included",
    [
        "from app.cabinet.routes import router as anything\n\napp = FastAPI()\napp.include_router(anything)\n",
        "from app.cabinet import routes\n\napp = FastAPI()\napp.include_router(routes.router, prefix='/x')\n",
        "import app.cabinet.routes\n\nweb = FastAPI()\nweb.include_router(app.cabinet.routes.router)\n",
        "from app.cabinet.routes import router as r\n\napp = FastAPI()\napp.include_router(router=r)\n",
        "from .cabinet.routes import router as r\n\nALL = [r]\napp = FastAPI()\nfor each in ALL:\n    app.include_router(each)\n",
        "def make():\n    from app.cabinet.routes import router\n    app = FastAPI()\n    if x:\n        app.include_router(router)\n",
    ],
)
def test_a_router_that_is_included_under_any_name_is_left(included: str) -> None:
    text = f"from fastapi import FastAPI\n{included}"
    assert result_of(text) == text


def test_a_re_exported_router_is_known() -> None:
    text = "from fastapi import FastAPI\nfrom app.cabinet import cabinet\n\napp = FastAPI()\napp.include_router(cabinet)\n"
    files = app(text, **{"app/cabinet/__init__.py": "from .routes import router as cabinet\n"})
    assert run("register-router", files, OPTIONS).texts == {}


def test_it_goes_behind_the_last_unconditional_call() -> None:
    text = """from fastapi import FastAPI

app = FastAPI()
app.include_router(one)
if debug:
    app.include_router(two)
app.mount("/", static)
"""
    assert "app.include_router(one)\napp.include_router(cabinet_router)\nif debug:" in result_of(text)


def test_calls_under_conditions_alone_put_it_behind_the_whole_statement() -> None:
    text = """from fastapi import FastAPI

def make() -> FastAPI:
    if small:
        app = FastAPI()
    else:
        app = FastAPI(title="big")
        app.include_router(one)
    return app
"""
    assert (
        "        app.include_router(one)\n    app.include_router(cabinet_router)\n    return app"
        in result_of(text)
    )


def test_an_application_that_may_not_be_there_is_left() -> None:
    text = "from fastapi import FastAPI\n\nif small:\n    app = FastAPI()\n    app.include_router(one)\n"
    assert reasons(run("register-router", app(text), OPTIONS)) == [
        "app is not always there behind the last include_router"
    ]


def test_without_any_call_it_goes_before_what_is_mounted() -> None:
    text = """from fastapi import FastAPI

app = FastAPI()
app.add_middleware(Cors)
app.mount("/", static)
"""
    assert "app.add_middleware(Cors)\napp.include_router(cabinet_router)\napp.mount" in result_of(text)


def test_an_application_made_by_a_function_of_the_project_is_one() -> None:
    files = app(
        "from app.base import build\n\n\ndef create():\n    app = build()\n    return app\n",
        **{"app/base.py": "from fastapi import FastAPI\n\n\ndef build() -> FastAPI: ...\n"},
    )
    assert (
        "app = build()\n    app.include_router(cabinet_router)"
        in run("register-router", files, OPTIONS).texts["app/main.py"]
    )


@pytest.mark.parametrize(
    ("prefix", "router", "call"),
    [
        ("/cabinet", ROUTER, "include_router(cabinet_router)"),
        ("/api", ROUTER, 'include_router(cabinet_router, prefix="/api")'),
        ("/cab", ROUTER, 'include_router(cabinet_router, prefix="/cab")'),
        (
            "/cabinet",
            "from fastapi import APIRouter\nrouter = APIRouter()\n",
            'include_router(cabinet_router, prefix="/cabinet")',
        ),
    ],
)
def test_a_prefix_is_not_doubled(prefix: str, router: str, call: str) -> None:
    assert call in result_of(
        'from fastapi import FastAPI\n\napp = FastAPI(title="x")\n', router, prefix=prefix
    )


def test_a_prefix_that_cannot_be_read_is_left() -> None:
    files = app(
        "from fastapi import FastAPI\n\napp = FastAPI()\n",
        "from fastapi import APIRouter\nrouter = APIRouter(prefix=make())\n",
    )
    (reason,) = reasons(run("register-router", files, {**OPTIONS, "prefix": "/cabinet"}))
    assert "the prefix of the router" in reason


def test_a_name_that_is_taken_gets_a_longer_one() -> None:
    text = "from fastapi import FastAPI\n\nauth_router = 1\napp = FastAPI()\n"
    files = {"app/main.py": text, "app/cabinet/auth.py": ROUTER}
    new = run("register-router", files, {"app": "app/main.py", "router": "app.cabinet.auth:router"}).texts[
        "app/main.py"
    ]
    assert "from app.cabinet.auth import router as cabinet_auth_router" in new
    assert "app.include_router(cabinet_auth_router)" in new


def test_an_import_that_is_there_is_used() -> None:
    text = "from fastapi import FastAPI\nfrom app.cabinet.routes import router as cab\n\napp = FastAPI()\n"
    assert result_of(text) == text + "app.include_router(cab)\n"


def test_line_ends_stay() -> None:
    text = "from fastapi import FastAPI\r\n\r\napp = FastAPI()\r\n"
    new = result_of(text)
    assert new.count("\r\n") == new.count("\n") == 6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n", "no application was found"),
        ("from fastapi import FastAPI\n\na = FastAPI()\nb = FastAPI()\n", "several applications"),
        (
            "from fastapi import FastAPI\n\napp = FastAPI()\nfor r in load():\n    app.include_router(r)\n",
            "in a loop",
        ),
        ("def broken(:\n", "does not parse"),
    ],
)
def test_what_is_not_sure_is_left(text: str, reason: str) -> None:
    result = run("register-router", app(text), OPTIONS)
    assert result.texts == {}
    assert reason in reasons(result)[0]


def test_a_router_included_elsewhere_is_left() -> None:
    other = "from fastapi import FastAPI\nfrom app.cabinet.routes import router\n\nweb = FastAPI()\nweb.include_router(router)\n"
    files = app("from fastapi import FastAPI\n\napp = FastAPI()\n", **{"app/other.py": other})
    assert "app/other.py:5 includes the router already" in reasons(run("register-router", files, OPTIONS))[0]


def test_a_file_that_is_not_chosen_is_not_edited() -> None:
    files = app("from fastapi import FastAPI\n\napp = FastAPI()\n")
    result = run("register-router", files, OPTIONS, paths=[CABINET])
    assert result.texts == {}
    assert "not among the chosen files" in reasons(result)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({**OPTIONS, "app": "gone.py"}, "no file gone.py"),
        ({**OPTIONS, "router": "app.gone:router"}, "no module app.gone"),
        ({**OPTIONS, "router": "app.cabinet.routes:gone"}, "binds no name gone"),
        ({**OPTIONS, "router": "app.cabinet.routes"}, "module:attribute"),
        ({**OPTIONS, "prefix": "cabinet"}, "must start with a slash"),
        ({"app": "app/main.py"}, "router"),
    ],
)
def test_wrong_options_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run("register-router", app("from fastapi import FastAPI\n\napp = FastAPI()\n"), options)
