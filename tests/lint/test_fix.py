"""`validate --fix`: what it mends is mended by the linters' own word, all or nothing, and `fixable` says no more than that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from merge_tool.cli import run
from merge_tool.codemods.base import all_codemods
from merge_tool.codemods.mends import MENDS
from merge_tool.lint.loader import load_rules
from tests.gitrepo import GitRepo

POLICY = """\
extends: generic
name: own
column: bot_id
parameter: bot_id
claim: bot_id
context:
  getters: [app.deps.current]
routes:
  dependencies: [app.deps.get_tenant]
"""
MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(index=True)
    email: Mapped[str]
"""
CRUD = """\
from sqlalchemy import select

from app.models import User


async def one(db, bot_id: int, email):
    return await db.scalar(select(User).where(User.email == email))


async def kept(db, bot_id: int):
    return await db.scalar(select(User))  # tenant: ignore[TQ1] the nightly report counts all


async def nobody(db, email):
    return await db.scalar(select(User).where(User.email == email))


def legacy(session, bot_id: int):
    return session.query(User).first()
"""
API = """\
from fastapi import APIRouter, Depends

from app.crud import nobody
from app.deps import get_db

router = APIRouter()


@router.get("/users")
async def users(email: str, db=Depends(get_db)):
    return await nobody(db, email)


@router.get("/health")
async def health(bot_id: int):
    return bot_id
"""
FILES = {
    "tenancy.yaml": POLICY,
    "app/__init__.py": "",
    "app/deps.py": "def get_db(): ...\n\n\ndef current(): ...\n\n\ndef get_tenant() -> int:\n    return 1\n",
    "app/models.py": MODELS,
    "app/crud.py": CRUD,
    "app/api.py": API,
}
SELECT = ("--select", "TQ1,TF1,T01")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo")
    made.commit("base", FILES)
    return made


def validate(repo: GitRepo, capsys: pytest.CaptureFixture[str], *args: str, code: int = 1) -> str:
    capsys.readouterr()
    result = run(["validate", "--repo", str(repo.path), *SELECT, *args])
    out, err = capsys.readouterr()
    assert result == code, out + err
    return out if "--json" in args else out + err


def document(repo: GitRepo, capsys: pytest.CaptureFixture[str], *args: str, code: int = 1) -> Any:
    return json.loads(validate(repo, capsys, "--json", *args, code=code))


def sites(findings: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(item["code"], item["path"], item["line"]) for item in findings]


def test_fixable_is_true_exactly_for_what_a_fix_mends(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not [item for item in document(repo, capsys)["findings"] if item["fixable"]]  # not worked out
    before = document(repo, capsys, "--fix", "--diff")
    assert before["written"] is False
    assert sites(before["fixed"]) == [
        (item["code"], item["path"], item["line"]) for item in before["findings"] if item["fixable"]
    ]
    told = sites([item for item in before["findings"] if item["fixable"]])
    assert told == [("TF1", "app/api.py", 9), ("TQ1", "app/crud.py", 7)]
    assert len(before["findings"]) > len(told)
    assert not repo.git("status", "--porcelain")
    after = document(repo, capsys, "--fix")
    assert sites(after["fixed"]) == told
    assert after["written"] is True
    assert repo.git("diff", "--name-only").split() == ["app/api.py", "app/crud.py"]
    assert {item["code"] for item in after["findings"]} <= {"TF1", "TQ1"}
    repo.git("commit", "--quiet", "-am", "fixed")
    assert not [item for item in document(repo, capsys, "--fix", "--diff")["findings"] if item["fixable"]]


def test_only_the_sites_of_findings_are_edited(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    validate(repo, capsys, "--fix")
    crud = (repo.path / "app/crud.py").read_text()
    assert "select(User).where(User.email == email, User.bot_id == bot_id)" in crud
    assert "select(User))  # tenant: ignore[TQ1] the nightly report counts all" in crud
    assert "session.query(User).first()" in crud
    assert "bot_id: int = Depends(get_tenant)" in (repo.path / "app/api.py").read_text()


def test_what_remains_is_told_with_the_reason(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    told = validate(repo, capsys, "--fix")
    assert "mended 2 findings (add-route-dependency 1, filter-query 1) with 2 edits in 2 files" in told
    assert "TQ1 left by filter-query: a legacy query: add .filter(User.bot_id == bot_id)" in told
    assert "TQ1 left by thread-tenant: --unsafe-fixes tries thread-tenant" in told
    assert "comes from the request, so the client would choose the tenant" in told
    left = document(repo, capsys, "--fix", "--allow-dirty")["not_done"]
    assert {item["codemod"] for item in left} == {"add-route-dependency", "filter-query", "thread-tenant"}


def test_unsafe_fixes_thread_the_tenant_through_the_callers(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    after = document(repo, capsys, "--fix", "--unsafe-fixes")
    assert ("TQ1", "app/crud.py", 15) in sites(after["fixed"])
    assert "async def nobody(db, email, bot_id: int):" in (repo.path / "app/crud.py").read_text()
    assert "nobody(db, email, bot_id=bot_id)" in (repo.path / "app/api.py").read_text()
    assert sites(after["findings"]) == [("TF1", "app/api.py", 14), ("TQ1", "app/crud.py", 19)]


def test_a_preview_is_a_diff_that_applies_and_writes_nothing(
    repo: GitRepo, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    assert run(["validate", "--repo", str(repo.path), *SELECT, "--fix", "--diff"]) == 1
    out, err = capsysbinary.readouterr()
    assert b"would mend 2 findings" in err
    assert not repo.git("status", "--porcelain")
    patch = tmp_path / "fix.patch"
    patch.write_bytes(out)
    repo.git("apply", str(patch))
    assert repo.git("diff", "--name-only").split() == ["app/api.py", "app/crud.py"]


def test_a_second_fix_changes_nothing(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    validate(repo, capsys, "--fix")
    repo.git("commit", "--quiet", "-am", "fixed")
    assert "mended 0 findings with 0 edits in 0 files" in validate(repo, capsys, "--fix")
    assert not repo.git("status", "--porcelain")


def test_a_dirty_tree_is_refused(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.path / "app" / "deps.py").write_text(FILES["app/deps.py"] + "\n")
    assert "--allow-dirty" in validate(repo, capsys, "--fix", code=2)
    assert (repo.path / "app" / "crud.py").read_text() == CRUD
    validate(repo, capsys, "--fix", "--diff")
    validate(repo, capsys, "--fix", "--allow-dirty")
    assert (repo.path / "app" / "crud.py").read_text() != CRUD


def test_what_git_could_not_bring_back_is_not_written(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = repo.path / "app" / "fresh.py"
    fresh.write_text(CRUD)
    assert "app/fresh.py would be mended, but git does not track it" in validate(
        repo, capsys, "--fix", "--since", "HEAD", code=2
    )
    assert fresh.read_text() == CRUD
    validate(repo, capsys, "--fix", "--since", "HEAD", "--allow-dirty")
    assert fresh.read_text() != CRUD


def test_where_one_file_cannot_be_written_none_is(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "crud.py":
            raise PermissionError(13, "Permission denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    assert "nothing was written: Permission denied" in validate(repo, capsys, "--fix", code=2)
    assert not repo.git("status", "--porcelain", "--untracked-files=all")


def test_an_edit_that_does_not_satisfy_the_rule_is_not_made(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the tenant may be None, the filter would stand under a condition: one branch still leaks."""
    optional = CRUD.replace(
        "async def one(db, bot_id: int, email):\n    return await db.scalar(select(User).where(User.email == email))",
        "async def one(db, email, bot_id: int | None = None):\n    query = select(User)\n    return await db.scalar(query)",
    )
    assert optional != CRUD
    repo.commit("optional", {"app/crud.py": optional})
    after = document(repo, capsys, "--fix", "app/crud.py")
    assert after["written"] is False
    assert (repo.path / "app/crud.py").read_text() == optional
    assert "what filter-query writes here does not satisfy the rule" in {
        item["reason"] for item in after["not_done"]
    }


def test_with_since_only_new_findings_are_mended(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    more = (
        CRUD
        + "\n\nasync def new(db, bot_id: int):\n    return await db.scalar(select(User).where(User.id == 1))\n"
    )
    repo.commit("more", {"app/crud.py": more})
    after = document(repo, capsys, "--fix", "--since", "HEAD~1", code=0)
    assert sites(after["fixed"]) == [("TQ1", "app/crud.py", 23)]
    assert "select(User).where(User.email == email))" in (repo.path / "app/crud.py").read_text()


@pytest.mark.parametrize(
    "args", [("--diff",), ("--unsafe-fixes",), ("--fix", "--watch"), ("--fix", "--shard", "1/2")]
)
def test_what_does_not_go_together_is_refused(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], args: tuple[str, ...]
) -> None:
    validate(repo, capsys, *args, code=2)


def test_every_mend_is_a_codemod_for_rules_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    codes = {rule.code for rule in load_rules()}
    for mend in MENDS:
        assert mend.codemod in all_codemods()
        assert set(mend.codes) <= codes
    assert run(["rule", "TQ1"]) == 0
    assert (
        "`validate --fix` tries filter-query; `validate --fix --unsafe-fixes` tries thread-tenant too."
        in capsys.readouterr().out
    )
    assert run(["rule", "TX2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mended_by"] == []


def test_a_token_gets_its_claim_only_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = 'import jwt\n\n\ndef make(user_id, bot_id: int):\n    return jwt.encode({"sub": user_id}, "s")\n'
    repo = GitRepo(tmp_path / "tokens")
    repo.commit("base", {**FILES, "app/tokens.py": tokens})
    args = ["validate", "--repo", str(repo.path), "--select", "TT1", "--json", "--fix"]
    assert run(args) == 1
    assert json.loads(capsys.readouterr().out)["not_done"][0]["reason"] == "--unsafe-fixes tries tenant-jwt"
    assert run([*args, "--unsafe-fixes"]) == 0
    assert [item["codemod"] for item in json.loads(capsys.readouterr().out)["fixed"]] == ["tenant-jwt"]


def test_tokens_that_a_caller_holds_back_are_told_with_what_holds_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = GitRepo(tmp_path / "tokens")
    tokens = 'import jwt\n\n\ndef make(user_id):\n    return jwt.encode({"sub": user_id}, "s")\n\n\nmakers = {"a": make}\n'
    repo.commit("base", {**FILES, "app/tokens.py": tokens})
    args = ["validate", "--repo", str(repo.path), "--select", "TT1", "--json", "--fix", "--unsafe-fixes"]
    assert run(args) == 1
    [left] = json.loads(capsys.readouterr().out)["not_done"]
    assert left["line"] == 5
    assert "make is left with all its callers" in left["reason"]
    assert not repo.git("status", "--porcelain")


KEYS = """\
import redis.asyncio as redis

client = redis.Redis()


async def load(bot_id: int, user_id):
    return await client.get(f"cart:{user_id}")


async def other(bot_id: int):
    return await client.get("other:of:all")  # tenant: ignore[TK1] one for all


async def far(bot_id: int):
    return await client.get("far:away")
"""


def test_a_family_of_keys_is_mended_wherever_it_stands_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = "from app.keys import client\n\n\nasync def store(bot_id: int, user_id, cart):\n    await client.set(f'cart:{user_id}', cart)\n"
    repo = GitRepo(tmp_path / "keys")
    repo.commit("base", {**FILES, "app/keys.py": KEYS, "app/store.py": store})
    args = [
        "validate",
        "--repo",
        str(repo.path),
        "--select",
        "TK1",
        "--json",
        "--fix",
        "--unsafe-fixes",
        "app/store.py",
    ]
    assert run(args) == 0
    assert sites(json.loads(capsys.readouterr().out)["fixed"]) == [("TK1", "app/store.py", 5)]
    now = (repo.path / "app/keys.py").read_text()
    assert "{bot_id}:cart:{user_id}" in now
    assert "{bot_id}:cart:{user_id}" in (repo.path / "app/store.py").read_text()
    assert '"other:of:all"' in now
    assert '"far:away"' in now


def test_a_key_over_all_tenants_is_mended_where_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = GitRepo(tmp_path / "keys")
    models = "from sqlalchemy import Column, Integer, String\nfrom sqlalchemy.orm import declarative_base\n\nBase = declarative_base()\n\n\nclass Promo(Base):\n    __tablename__ = 'promos'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n    code = Column(String(20), unique=True)\n    name = Column(String(20), unique=True)\n"
    repo.commit("base", {"app/__init__.py": "", "app/models.py": models})
    args = [
        "validate",
        "--repo",
        str(repo.path),
        "--policy",
        "remnabot",
        "--select",
        "TM4",
        "--json",
        "--fix",
    ]
    assert run(args) == 1
    capsys.readouterr()
    assert run([*args, "--unsafe-fixes"]) == 0
    assert [item["codemod"] for item in json.loads(capsys.readouterr().out)["fixed"]] == [
        "tenant-uniques"
    ] * 2
    assert "UniqueConstraint('bot_id', 'code'" in (repo.path / "app/models.py").read_text()
