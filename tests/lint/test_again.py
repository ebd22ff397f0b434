"""Runs after a change: whatever is edited, they find what a run without a cache finds; and they look at little."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from merge_tool.index.reader import read_module
from merge_tool.lint import rounds
from merge_tool.lint.again import Again
from merge_tool.lint.cache import Cache
from merge_tool.lint.run import LintResult, lint_paths
from merge_tool.lint.same import changed_parts, same
from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.rulekit.facts import ModuleFacts

MINIATURE = Path(__file__).parents[2] / "fixtures" / "miniature"
ROUNDS = int(os.environ.get("MERGE_TOOL_EDIT_ROUNDS", "20"))
POLICIES = (
    Policy(column="bot_id", parameter="bot_id", claim="bot_id"),
    Policy(column="user_id", parameter="user_id", claim="user_id"),
    Policy(column="bot_id", parameter="bot_id", tables=TablePolicy(tenant=("users", "orders"))),
)
Edit = Callable[[list[str], random.Random], None]


def place(lines: list[str], chance: random.Random, pattern: str = "") -> int | None:
    """A random line that the pattern is found in."""
    found = [number for number, line in enumerate(lines) if re.search(pattern, line)]
    return chance.choice(found) if found else None


def replacing(pattern: str, *into: str) -> Edit:
    def edit(lines: list[str], chance: random.Random) -> None:
        at = place(lines, chance, pattern)
        if at is not None:
            lines[at] = re.sub(pattern, chance.choice(into), lines[at], count=1)

    return edit


def inserting(*texts: str, before: str = "") -> Edit:
    def edit(lines: list[str], chance: random.Random) -> None:
        at = place(lines, chance, before)
        if at is not None:
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            lines[at:at] = [f"{indent}{line}\n" for line in chance.choice(texts).split("\n")]

    return edit


def appending(*texts: str) -> Edit:
    def edit(lines: list[str], chance: random.Random) -> None:
        lines.append("\n" + chance.choice(texts))

    return edit


def delete(lines: list[str], chance: random.Random) -> None:
    at = place(lines, chance)
    if at is not None:
        del lines[at : at + chance.choice((1, 1, 1, 3))]


def swap(lines: list[str], chance: random.Random) -> None:
    at = place(lines, chance)
    if at:
        lines[at - 1], lines[at] = lines[at], lines[at - 1]


def drop_function(lines: list[str], chance: random.Random) -> None:
    at = place(lines, chance, r"^(async )?def |^class ")
    if at is not None:
        end = next((n for n in range(at + 1, len(lines)) if re.match(r"\S", lines[n])), len(lines))
        del lines[at:end]


EDITS: dict[str, Edit] = {
    "delete": delete,
    "swap": swap,
    "drop": drop_function,
    "comment": inserting("# a comment", ""),
    "name": replacing(r"\b(get|list|create|load|find|save)_(\w+)", r"\1_other_\2", r"\2"),
    "return": replacing(r"return .*", "return None", "return select(User)", "return bot_id"),
    "parameter": replacing(r"(def \w+\()", r"\1bot_id, ", r"\1self, bot_id=None, "),
    "call": replacing(r"\b(\w+)\(", r"make_\1(", r"super().\1("),
    "filter": replacing(r"\.(where|filter|filter_by)\([^()]*\)", "", ".where(True)"),
    "tenant": replacing(r"bot_id", "user_id", "tenant", "other"),
    "person": replacing(r"user_id", "bot_id"),
    "column": inserting("bot_id = Column(Integer, ForeignKey('bots.id'))", "bot_id: Mapped[int]", before=r"__tablename__|Column\(|mapped_column"),
    "table": replacing(r"__tablename__ = .*", '__tablename__ = "users"', '__tablename__ = "orders"', "__abstract__ = True"),
    "base": replacing(r"class (\w+)\(.*\):", r"class \1:", r"class \1(Base):", r"class \1(Base, TenantMixin):"),
    "router": replacing(r"APIRouter\(.*\)", "APIRouter()", "APIRouter(dependencies=[Depends(get_current_tenant)])", 'APIRouter(prefix="/x")'),
    "mount": replacing(r"include_router\(.*\)", "include_router(router)", "mount('/y', app)"),
    "route": replacing(r"@(\w+)\.(get|post|put|delete)\(", r"@\1.patch(", r"@\1.get('/z'", "@cache("),
    "depends": replacing(r"Depends\((\w+)\)", r"Depends(get_current_tenant)", r"\1"),
    "constant": replacing(r'"[a-z_:{}]+"', '"a:{bot_id}"', '"b"', 'f"c:{user_id}"'),
    "import": replacing(r"^from (\S+) import .*", r"from \1 import *", r"import \1"),
    "inside": inserting("from app.models import User as Person\nPerson.all()", before=r"^    \S"),
    "suppress": replacing(r"$", "  # tenant: ignore[TQ1] a reason", "  # tenant: ignore[TK1,TQ2]", "  # GLOBAL_QUERY: a reason"),
    "revision": replacing(r"(down_revision|revision)\b.*=.*", r'\1 = "a1"', r'\1 = "b2"'),
    "migrate": inserting("op.add_column('users', sa.Column('bot_id', sa.Integer()))", "op.execute('ALTER TABLE users ENABLE ROW LEVEL SECURITY')", before=r"op\."),
    "function": appending("async def added(db, bot_id):\n    return await db.execute(select(User).where(User.id == bot_id))\n"),
    "class": appending("class Added(Base):\n    __tablename__ = 'added'\n    id = Column(Integer, primary_key=True)\n", "class Further(UserRepository):\n    model = User\n"),
    "client": appending('import redis\nclient = redis.Redis()\nclient.get("a")\n'),
    "index": appending("Index('one', User.bot_id)\n"),
    "listener": appending("@event.listens_for(User, 'before_insert')\ndef stamp(mapper, connection, target):\n    target.bot_id = 1\n"),
    "caller": appending("def calls(db):\n    get_user(db, 1)\n    create_order(db, None)\n    UserService(db).load(bot_id=None)\n"),
    "variable": replacing(r"^(\w+) = .*", r"\1 = make()", r"\1 = APIRouter()", r"\1 = other = Settings()", r"\1 = None"),
    "more variables": appending("router = APIRouter(prefix='/w')\n", "User = Order\n", "client = redis = Redis()\n", "get_user = functools.partial(load, None)\n"),
    "broken": appending("def (:\n"),
}  # fmt: skip


class Project:
    """A project in memory, its cache, and how its runs went."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = {
            path.relative_to(MINIATURE).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(MINIATURE.rglob("*.py"))
        }

    def lint(self, policy: Policy, *, cached: bool, jobs: int = 1) -> LintResult:
        root = Path("/nowhere")
        cache = Cache(self.folder) if cached else None
        try:
            return lint_paths(
                root, sorted(self.texts), policy, cache=cache, jobs=jobs,
                read=lambda path: self.texts[path.relative_to(root).as_posix()].encode(),
            )  # fmt: skip
        finally:
            if cache is not None:
                cache.close()

    def edit(self, chance: random.Random) -> str:
        """Edits one file, seldom several; sometimes a file comes or goes."""
        told: list[str] = []
        for _ in range(chance.choice((1, 1, 1, 1, 2, 5))):
            kind = chance.choice((*EDITS, "new file", "lost file", "copy"))
            path = chance.choice(sorted(self.texts))
            if kind == "new file":
                self.texts[f"{path[:-3]}_new.py"] = "from app.models import *\n" + self.texts[path]
            elif kind == "lost file":
                del self.texts[path]
            elif kind == "copy":
                self.texts[path] += "\n" + self.texts[chance.choice(sorted(self.texts))]
            else:
                lines = self.texts[path].splitlines(keepends=True)
                EDITS[kind](lines, chance)
                self.texts[path] = "".join(lines)
            told.append(f"{kind} in {path}")
        return "; ".join(told)


def told(result: LintResult) -> object:
    return result.findings, result.files, result.rules, result.notes, result.models, result.tenant_models


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many files each run after a change looked at; None for a run over all."""
    found: list[int | None] = []
    real = rounds.look_again

    def noted(*args: object) -> Again | None:
        again = real(*args)  # type: ignore[arg-type]
        found.append(None if again is None else len(again.reached))
        return again

    monkeypatch.setattr(rounds, "look_again", noted)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_edit_the_same_is_found(seed: int, tmp_path: Path, looked: list[int | None]) -> None:
    chance = random.Random(seed)
    project = Project(tmp_path)
    policy = POLICIES[0]
    project.lint(policy, cached=True)
    sound = dict(project.texts)
    for _ in range(ROUNDS):
        what = project.edit(chance)
        if chance.random() < 0.05:
            policy = chance.choice(POLICIES)
        jobs = chance.choice((1, 1, 2))
        assert told(project.lint(policy, cached=True, jobs=jobs)) == told(
            project.lint(policy, cached=False)
        ), what
        if chance.random() < 0.15:  # else nothing is left of it after some rounds
            project.texts = dict(sound)
    assert sum(item is not None for item in looked) > ROUNDS // 8


def test_a_new_function_leads_to_few_files(tmp_path: Path, looked: list[int | None]) -> None:
    project = Project(tmp_path)
    project.lint(POLICIES[0], cached=True)
    paths = sorted(path for path in project.texts if not path.endswith("__init__.py"))
    for path in paths[::10]:
        project.texts[path] += "\n\nasync def added(db, bot_id):\n    return await helper(db, bot_id)\n"
        project.lint(POLICIES[0], cached=True)
    counts = sorted(item for item in looked if item is not None)
    assert len(counts) == len(paths[::10])
    assert counts[len(counts) // 2] <= 3


def test_routes_and_jobs_that_only_move_lead_to_no_other_file(
    tmp_path: Path, looked: list[int | None]
) -> None:
    project = Project(tmp_path)
    models = "from sqlalchemy import Column\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\nclass Order(Base):\n    __tablename__ = 'orders'\n    bot_id = Column()\n"
    routes = "from fastapi import APIRouter\nfrom sqlalchemy import select\nfrom app.models import Order\nrouter = APIRouter()\n@router.get('/{0}')\nasync def page_{0}(db):\n    return await db.execute(select(Order))\n"
    jobs = "from celery import shared_task\nfrom sqlalchemy import select\nfrom app.models import Order\n@shared_task\ndef work_{0}(db):\n    return db.execute(select(Order))\n"
    project.texts = {"app/models.py": models}
    for number in range(9):
        project.texts[f"app/routes{number}.py"] = routes.format(number)
        project.texts[f"app/jobs{number}.py"] = jobs.format(number)
    first = project.lint(POLICIES[0], cached=True)
    assert {"TQ1", "TF1", "TJ1"} <= {item.code for item in first.findings}
    for path in ("app/routes3.py", "app/jobs3.py"):
        project.texts[path] = "# one more line\n" + project.texts[path]
        assert told(project.lint(POLICIES[0], cached=True)) == told(project.lint(POLICIES[0], cached=False))
    assert looked == [1, 1]
    project.texts["app/routes3.py"] = project.texts["app/routes3.py"].replace("'/3'", "'/login'")
    project.lint(POLICIES[0], cached=True)
    assert looked[2] is None or looked[2] > 9  # what a route is called is a matter of all open ones


def facts(text: str) -> ModuleFacts:
    found = read_module("app/a.py", text)
    assert isinstance(found, ModuleFacts)
    return found


def test_parts_that_changed_are_told_apart() -> None:
    text = "from x import y\nA = 1\ndef f(a):\n    return g(a)\nclass C(B):\n    n = 1\n"
    assert changed_parts(facts(text), facts(text)) == set()
    new = changed_parts(facts(text), facts(text + "def h():\n    return 2\n"))
    assert new == {("f", "h"), ("t", "end_line"), ("f", "*"), ("n", "h"), ("m", "lines")}
    bound = changed_parts(facts(text), facts(text.replace("A = 1", "A = 2")))
    assert bound == {("v", "A"), ("v", "*")}
    further = changed_parts(facts(text), facts(text + "B = f(A)\n"))
    assert {("v", "B"), ("v", "*"), ("t", "calls"), ("n", "B")} <= further
    assert not {("v", "A"), ("t", "imports"), ("f", "f")} & further
    # The same call twice, and two calls: each part is alike, what they share is not.
    one = facts("a = f()\nb = a\n")
    other = facts("a = f()\nb = a\n")
    other.top.variables["b"] = facts("a = f()\n").top.variables["a"]  # type: ignore[index]
    assert {("v", "a"), ("v", "b"), ("t", "calls")} <= changed_parts(one, other)
    assert ("f", "f") in changed_parts(facts(text), facts(text.replace("g(a)", "g(b)")))
    assert {("i", "y"), ("n", "y")} <= changed_parts(facts(text), facts(text.replace("x import", "z import")))
    assert ("c", "C") in changed_parts(facts(text), facts(text.replace("n = 1", "n = 1.0")))
    assert not same((0.0, 1), (-0.0, 1))
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1})
