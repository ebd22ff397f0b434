"""Threading through calls: every way to call, every way to get the tenant, and all that must hold it back."""

from __future__ import annotations

import pytest

from merge_tool.codemods.base import Project, make_codemod
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from tests.codemods.helpers import reasons, run

CRUD = "def find(db): ...\n"


def threaded(caller: str, crud: str = CRUD, **more: str) -> tuple[str, str, list[str]]:
    """The new texts of the caller and of `find`, and the reasons of what was left."""
    files = {"app/__init__.py": "", "app/crud.py": crud, "app/use.py": caller, **more}
    result = run("thread-tenant", files, {"functions": ["app.crud.find"]})
    return result.texts.get("app/use.py", caller), result.texts.get("app/crud.py", crud), reasons(result)


@pytest.mark.parametrize(
    ("head", "call", "passed"),
    [
        ("from app.crud import find", "find(db)", "find(db, bot_id=bot_id)"),
        ("from app.crud import find as f", "f(db)", "f(db, bot_id=bot_id)"),
        ("from .crud import find", "find(db)", "find(db, bot_id=bot_id)"),
        ("from . import crud", "crud.find(db)", "crud.find(db, bot_id=bot_id)"),
        ("import app.crud", "app.crud.find(db)", "app.crud.find(db, bot_id=bot_id)"),
        ("import app.crud as c", "c.find(db)", "c.find(db, bot_id=bot_id)"),
        ("from app import crud as c", "c.find(db=db)", "c.find(db=db, bot_id=bot_id)"),
        ("from app.crud import *", "find(db)", "find(db, bot_id=bot_id)"),
        ("from app.crud import find\nsearch = find", "search(db)", "search(db, bot_id=bot_id)"),
        (
            "try:\n    from app.crud import find\nexcept ImportError:\n    find = None",
            "find(db)",
            "find(db, bot_id=bot_id)",
        ),
        ("from app.crud import find", "[find(x) for x in db]", "[find(x, bot_id=bot_id) for x in db]"),
        ("from app.crud import find", "(lambda: find(db))()", "(lambda: find(db, bot_id=bot_id))()"),
        ("from app.crud import find", "find(*db)", "find(*db, bot_id=bot_id)"),
        (
            "import functools\nfrom app.crud import find",
            "functools.partial(find, db)()",
            "functools.partial(find, db, bot_id=bot_id)()",
        ),
    ],
)
def test_every_way_to_name_a_function(head: str, call: str, passed: str) -> None:
    use, crud, left = threaded(f"{head}\n\n\ndef work(db):\n    return {call}\n")
    assert use == f"{head}\n\n\ndef work(db, bot_id: int):\n    return {passed}\n"
    assert crud == "def find(db, bot_id: int): ...\n"
    assert left == []


def test_re_exports_and_imports_inside_functions() -> None:
    more = {
        "app/api/__init__.py": "from .names import find as lookup\n",
        "app/api/names.py": "from app.crud import find\n",
    }
    use, _, left = threaded(
        "def work(db):\n    from app.api import lookup\n\n    return lookup(db)\n", **more
    )
    assert (
        use
        == "def work(db, bot_id: int):\n    from app.api import lookup\n\n    return lookup(db, bot_id=bot_id)\n"
    )
    assert left == []


@pytest.mark.parametrize(
    "body",
    [
        "def work(db, bot_id):\n    return find(db)\n",
        "def work(db):\n    bot_id = db.bot\n    return find(db)\n",
        "def work(db):\n    for bot_id in db:\n        find(db)\n",
        "def work(db):\n    with db as bot_id:\n        find(db)\n",
        "def work(db, *, bot_id=None):\n    def inner():\n        return find(db)\n    return inner\n",
    ],
)
def test_a_tenant_in_scope_is_passed_and_nothing_else_changes(body: str) -> None:
    use, _, left = threaded(f"from app.crud import find\n\n\n{body}")
    assert use == f"from app.crud import find\n\n\n{body}".replace("find(db)", "find(db, bot_id=bot_id)")
    assert left == []


def test_a_service_that_holds_the_tenant_passes_its_own() -> None:
    source = (
        "from app.crud import find\n\n\nclass Service:\n    def __init__(self, bot_id):\n        self.bot_id = bot_id\n\n"
        "    def work(self, db):\n        return find(db)\n"
    )
    use, _, left = threaded(source)
    assert use == source.replace("find(db)", "find(db, bot_id=self.bot_id)")
    assert left == []


def test_methods_are_followed_through_instances_singletons_and_annotations() -> None:
    service = "from app.crud import find\n\n\nclass Service:\n    def run(self, db):\n        return find(db)\n\n\nservice = Service()\n"
    use = (
        "from app.service import Service, service\n\n\ndef a(db):\n    return service.run(db)\n\n\ndef b(db, s: Service):\n    return s.run(db)\n\n\n"
        "def c(db):\n    return Service().run(db)\n\n\ndef d(db):\n    return Service.run(Service(), db)\n"
    )
    new, _, left = threaded(use, **{"app/service.py": service})
    assert left == []
    assert new.count("bot_id=bot_id)") == 4
    assert new.count("bot_id: int)") == 4


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def work(db):\n    return find(db)\n\n\nCALLBACKS = [work]\n", "passed on as a value"),
        ("x = find(None)\n", "the top of the file"),
        ("class A:\n    x = find(None)\n", "a class body"),
        ("x = lambda db: find(db)\n", "a lambda"),
        ("def work(db):\n    if db:\n        bot_id = 1\n    return find(db)\n", "perhaps not before"),
        ("def work(db):\n    find(db)\n    bot_id = 1\n", "perhaps not before"),
        ("@register\ndef work(db):\n    return find(db)\n", "decorated by @register"),
        ("class A:\n    def __call__(self, db):\n        return find(db)\n", "special method"),
        (
            "class B:\n    def go(self): ...\n\n\nclass A(B):\n    def go(self):\n        return find(1)\n",
            "A.go overrides B.go",
        ),
        (
            "class A:\n    def go(self):\n        return find(1)\n\n\nclass B(A):\n    def go(self): ...\n",
            "B.go in app/use.py overrides it",
        ),
        ("class A(Thread):\n    def go(self):\n        return find(1)\n", "base Thread outside the project"),
        (
            "def work(db):\n    return find(db)\n\n\ndef work(db, more):\n    return find(db)\n",
            "defined more than once",
        ),
        (
            "class A:\n    def go(self):\n        return find(1)\n\n\ndef use(a):\n    return a.go()\n",
            "the class of what stands before .go is not known",
        ),
        (
            "if True:\n    def find(db): ...\n\n\ndef work(db):\n    return find(db)\n",
            "may stand for another function",
        ),
    ],
)
def test_what_is_not_sure_holds_everything_back_and_is_told(source: str, reason: str) -> None:
    source = f"from app.crud import find\n\n\n{source}"
    use, crud, left = threaded(source)
    assert (use, crud) == (source, CRUD)
    assert any(reason in item for item in left), left
    assert any("find is left with all its callers" in item for item in left)


def test_a_shadowed_name_is_another_thing() -> None:
    source = "from app.crud import find\n\n\ndef work(find):\n    return find(1)\n"
    use, crud, left = threaded(source)
    assert use == source
    assert crud == "def find(db, bot_id: int): ...\n"
    assert left == []


def test_functions_that_do_not_depend_on_the_held_back_one_are_done() -> None:
    crud = "def find(db): ...\n\n\ndef other(db): ...\n"
    use = "from app.crud import find, other\n\n\ndef a(db):\n    return other(db)\n\n\nX = find(1)\n"
    result = run(
        "thread-tenant",
        {"app/crud.py": crud, "app/use.py": use},
        {"functions": ["app.crud.find", "app.crud.other"]},
    )
    assert "def other(db, bot_id: int)" in result.texts["app/crud.py"]
    assert "def find(db):" in result.texts["app/crud.py"]
    assert "other(db, bot_id=bot_id)" in result.texts["app/use.py"]


def test_new_callers_of_a_threaded_function_are_mended_later() -> None:
    crud = "def find(db, bot_id: int): ...\n"
    use = "from app.crud import find\n\n\ndef helper(db, bot_id: int):\n    return find(db, bot_id=bot_id)\n\n\ndef new(db):\n    return helper(db)\n"
    new, same, left = threaded(use, crud)
    assert same == crud
    assert new == use.replace("def new(db)", "def new(db, bot_id: int)").replace(
        "helper(db)\n", "helper(db, bot_id=bot_id)\n"
    )
    assert left == []


def test_tests_do_not_hold_a_function_back() -> None:
    more = {"tests/test_find.py": "from app.crud import find\n\n\ndef test_find():\n    assert find(1)\n"}
    _, crud, left = threaded("", **more)
    assert crud == "def find(db, bot_id: int): ...\n"
    assert left == ["the call of find cannot be mended: no bot_id is known there"]


def test_a_tenant_from_the_request_is_never_passed_on() -> None:
    source = (
        "from fastapi import APIRouter\nfrom app.crud import find\n\nrouter = APIRouter()\n\n\n"
        '@router.get("/{bot_id}")\ndef one(bot_id: int):\n    return find(1)\n'
    )
    use, crud, left = threaded(source)
    assert (use, crud) == (source, CRUD)
    assert any("the client would choose the tenant" in item for item in left)


def test_optional_keeps_old_calls_working() -> None:
    files = {
        "app/crud.py": "from typing import Optional\n\n\nasync def find(db, limit=1): ...\n",
        "app/use.py": "from app.crud import find\n\n\ndef handler(db):\n    return find(db, 2)\n\n\nregister(handler)\n",
    }
    result = run("thread-tenant", files, {"functions": ["app.crud.find"], "optional": True})
    assert "find(db, limit=1, bot_id: Optional[int] = None)" in result.texts["app/crud.py"]
    assert (
        "def handler(db, bot_id: int | None = None):\n    return find(db, 2, bot_id=bot_id)"
        in result.texts["app/use.py"]
    )
    assert reasons(result) == ["handler is passed on as a value, and who calls it is not known"]


def test_a_file_that_does_not_parse_holds_back_what_it_mentions() -> None:
    files = {"app/crud.py": CRUD, "app/use.py": "from app.crud import find\ndef (:\n    find(1)\n"}
    codemod = make_codemod("thread-tenant", {"functions": ["app.crud.find"]})
    from merge_tool.codemods.base import Project
    from tests.codemods.helpers import policy

    result = codemod.apply(Project(files, policy()))
    assert not result.texts
    assert any("does not parse: line 2" in item.reason for item in result.not_done)


def test_a_circle_of_imports_is_not_made() -> None:
    files = {
        "app/crud.py": CRUD,
        "app/core/tenant_context.py": "from app.use import me\n\n\ndef get_current_tenant(): ...\n",
        "app/use.py": 'from fastapi import APIRouter\nfrom app.crud import find\n\nrouter = APIRouter()\n\n\n@router.get("/")\ndef me():\n    return find(1)\n',
    }
    result = run("thread-tenant", files, {"functions": ["app.crud.find"]})
    assert not result.texts
    assert any("circle of imports" in item for item in reasons(result))


def test_functions_outside_the_chosen_files_are_left() -> None:
    result = run(
        "thread-tenant", {"app/crud.py": CRUD, "x.py": ""}, {"functions": ["app.crud.find"]}, ["x.py"]
    )
    assert reasons(result) == ["app.crud.find stands outside the chosen files"]


def test_an_unknown_function_is_an_error() -> None:
    with pytest.raises(UserError, match=r"no function app\.crud\.nothing"):
        run("thread-tenant", {"app/crud.py": CRUD}, {"functions": ["app.crud.nothing"]})


@pytest.mark.parametrize(("body", "left"), [("return db", 1), ("return db[bot_id]", 0)])
def test_a_tenant_that_is_taken_but_not_used_is_left_to_a_person_where_asked(body: str, left: int) -> None:
    project = Project(
        {"app/__init__.py": "", "app/crud.py": f"def find(db, bot_id: int):\n    {body}\n"},
        Policy(parameter="bot_id"),
    )
    for check_use, count in ((True, left), (False, 0)):
        codemod = make_codemod("thread-tenant", {"functions": ["app.crud.find"], "check_use": check_use})
        assert len(codemod.apply(project).not_done) == count
