"""`init` and `sync` on real repositories: a first plan for any fork, a run of it, and the next plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from merge_tool.cli import run
from tests.gitrepo import GitRepo

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Shop(Base):
    __tablename__ = "shops"
    id: Mapped[int] = mapped_column(primary_key=True)


class Good(Base):
    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
"""
CRUD = """\
from sqlalchemy import select

from shop.models import Good, Order


async def find_goods(db, shop_id):
    return await db.scalars(select(Good).where(Good.shop_id == shop_id))


async def find_orders(db, shop_id):
    return await db.scalars(select(Order).where(Order.shop_id == shop_id))
"""


class Fork:
    """A fork with upstream's branch fetched; `upstream` adds commits there."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.theirs = GitRepo(path / "upstream")
        self.theirs.commit(
            "base",
            {
                "shop/models.py": MODELS,
                "shop/crud/goods.py": CRUD,
                "shop/old.py": "x = 1\n",
                "README.md": "a\n",
            },
        )
        self.theirs.git("clone", "--quiet", str(self.theirs.path), str(path / "fork"))
        self.repo = GitRepo(path / "fork")
        self.repo.git("remote", "rename", "origin", "upstream")
        self.path = self.repo.path

    def upstream(self, message: str, files: dict[str, str | bytes | None]) -> str:
        made = self.theirs.commit(message, files)
        self.repo.git("fetch", "--quiet", "upstream")
        return made

    def __call__(self, *args: str) -> tuple[int, str, str]:
        code = run([*args, "--repo", str(self.path)])
        out, err = self.capsys.readouterr()
        return code, out, err

    def json(self, *args: str, code: int = 0) -> dict[str, Any]:
        found, out, err = self(*args, "--json")
        assert found == code, err
        data: dict[str, Any] = json.loads(out)
        return data

    def coverage(self, *args: str) -> dict[str, str]:
        found = self.json("plan", "--coverage", *args)["coverage"]["files"]
        return {item["path"]: item["standing"] for item in found}

    def plan(self, name: str = "phases.yaml") -> dict[str, Any]:
        data: dict[str, Any] = yaml.safe_load((self.path / name).read_text(encoding="utf-8"))
        return data


@pytest.fixture
def fork(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fork:
    made = Fork(tmp_path, capsys)
    made.repo.commit("ours", {"shop/old.py": None, "README.md": "ours\n"})
    made.upstream(
        "theirs",
        {
            "shop/crud/goods.py": CRUD + "\n\nLIMIT = 5\n",
            "shop/crud/orders.py": "from shop.models import Order\n",
            "shop/old.py": "x = 2\n",
            "web/[id]/page.tsx": "export {}\n",
            "web/!important #1.css": "a {}\n",
            "docs/new.md": "new\n",
        },
    )
    return made


def test_every_changed_file_is_assigned_or_excluded_with_a_reason(fork: Fork) -> None:
    data = fork.json("init")
    assert data["files"] == 6
    assert data["excluded"] == ["shop/old.py"]
    assert data["multi_tenant"]
    assert yaml.safe_load((fork.path / "tenancy.yaml").read_text())["column"] == "shop_id"
    standing = fork.coverage()
    assert standing.pop("shop/old.py") == "excluded"
    assert set(standing.values()) == {"assigned"}
    assert len(standing) == 5
    code, out, _ = fork("plan", "--check")
    assert code == 0
    assert "holds together" in out


def test_the_proposed_plan_runs_to_its_end(fork: Fork) -> None:
    assert fork("init")[0] == 0
    last = fork.plan()["phases"][-1]["number"]
    code, _, err = fork("phase", str(last), "--with-needed")
    assert code == 1, err  # the review waits for a person
    review = fork.plan()["phases"][-1]["stories"][-1]["id"]
    code, _, err = fork("approve", review, "--name", "Ada", "--note", "read")
    assert code == 0, err
    code, _, err = fork("continue")
    assert code == 0, err
    branch = fork.repo.git("for-each-ref", "--format=%(refname:short)", "refs/heads/merge/")
    files = fork.repo.git("ls-tree", "-r", "-z", "--name-only", branch).split("\0")
    assert "web/[id]/page.tsx" in files
    assert "shop/crud/orders.py" in files
    assert "shop/old.py" not in files

    first = fork("sync")  # not taken in yet: the sync counts from the run's branch
    assert first[0] == 0
    assert "Nothing new" in first[1]
    fork.repo.git("merge", "--quiet", "--ff-only", branch)
    new = fork.upstream(
        "later",
        {
            "shop/crud/goods.py": CRUD + "\n\nLIMIT = 6\n",
            "shop/old.py": "x = 3\n",
            "shop/services/mail.py": "a = 1\n",
        },
    )
    data = fork.json("sync", code=1)
    assert [item["subject"] for item in data["commits"]] == ["later"]
    assert data["upstream"]["commit"] == new
    assert [item["path"] for item in data["exclusions"]] == ["shop/old.py"]
    assert data["unassigned"] == ["shop/services/mail.py"]
    assert list(data["by_story"].values()) == [["shop/crud/goods.py"]]

    name = f"sync-{new[:8]}.yaml"
    assert fork("sync", "--write")[0] == 0
    stories = {story["title"]: story for phase in fork.plan(name)["phases"] for story in phase["stories"]}
    again = next(story for story in stories.values() if story.get("files") == ["shop/crud/goods.py"])
    assert {"codemod": {"name": "filter-query"}} in again["actions"]
    assert any(story.get("files") == ["shop/services/mail.py"] for story in stories.values())
    assert fork.plan(name)["exclusions"]["paths"] == [
        {"pattern": "shop/old.py", "reason": "the fork removed it"}
    ]
    plan = ("--plan", str(fork.path / name))
    assert fork.coverage(*plan) == {
        "shop/crud/goods.py": "assigned",
        "shop/services/mail.py": "assigned",
        "shop/old.py": "excluded",
    }
    code, _, err = fork("phase", str(fork.plan(name)["phases"][-1]["number"]), "--with-needed", *plan)
    assert code == 1, err
    assert "LIMIT = 6" in fork.repo.git(
        "show",
        f"{fork.repo.git('for-each-ref', '--format=%(refname:short)', '--sort=-creatordate', '--count=1', 'refs/heads/merge/')}:shop/crud/goods.py",
    )


def test_editors_find_the_schemas_of_what_was_written(fork: Fork) -> None:
    import jsonschema

    assert fork("init")[0] == 0
    for name in ("phases.yaml", "tenancy.yaml"):
        text = (fork.path / name).read_text(encoding="utf-8")
        mark, _, where = text.partition("\n")[0].partition("$schema=")
        assert mark == "# yaml-language-server: "
        schema = json.loads((fork.path / where).read_text(encoding="utf-8"))
        jsonschema.validate(yaml.safe_load(text), schema)
    assert fork.repo.git("status", "--porcelain").splitlines() == ["?? phases.yaml", "?? tenancy.yaml"]


def test_an_active_run_comes_before_the_next_plan(fork: Fork) -> None:
    fork("init")
    assert fork("phase", "0")[0] == 0
    code, out, _ = fork("sync")
    assert code == 1
    assert "finish or abort the run" in out
    code, _, err = fork("sync", "--write")
    assert code == 2
    assert "cannot begin yet" in err


def test_what_is_there_is_not_overwritten(fork: Fork) -> None:
    (fork.path / "phases.yaml").write_text("mine\n")
    code, _, err = fork("init")
    assert code == 2
    assert "is there already" in err
    assert fork("init", "--dry-run")[0] == 0
    assert (fork.path / "phases.yaml").read_text() == "mine\n"
    assert fork("init", "--force")[0] == 0
    assert fork.plan()["policy"] == "tenancy.yaml"


def test_a_policy_that_is_there_is_taken(fork: Fork) -> None:
    (fork.path / "tenancy.yaml").write_text("extends: generic\nname: mine\ncolumn: shop_id\n")
    data = fork.json("init")
    assert data["written"] == [str((fork.path / "phases.yaml").resolve())]
    assert (fork.path / "tenancy.yaml").read_text().startswith("extends: generic\nname: mine")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--remote", "nobody"], "there is no remote called nobody"),
        (["--remote", "-x"], "not a name that git allows"),
        (["--branch", "gone"], "upstream/gone is not here"),
        (["--commit", "-x"], "does not name a commit"),
        (["--commit", "0123456789"], "there is no commit"),
    ],
)
def test_wrong_options_say_what_is_wrong(fork: Fork, args: list[str], message: str) -> None:
    for verb in ("init", "sync"):
        code, _, err = fork(verb, *args)
        assert code == 2
        assert message in err
        assert "mend" in err


def test_upstream_must_be_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = GitRepo(tmp_path / "alone")
    repo.commit("one", {"a.py": "a = 1\n"})
    for remotes, message in (
        ([], "no remote of upstream is known"),
        (["one"], "nothing of one is here yet"),
        (["one", "two"], "any of the remotes one, two"),
    ):
        for name in remotes:
            if name not in repo.git("remote").splitlines():
                repo.git("remote", "add", name, str(tmp_path))
        assert run(["init", "--repo", str(repo.path)]) == 2
        assert message in capsys.readouterr().err


def test_without_a_common_ancestor_the_mend_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = GitRepo(tmp_path / "copy")
    repo.commit("copied", {"a.py": "a = 1\n"})
    repo.git("switch", "--quiet", "--orphan", "other")
    other = repo.commit("theirs", {"a.py": "a = 1\n"})
    repo.git("update-ref", "refs/remotes/upstream/main", other)
    repo.git("remote", "add", "upstream", str(tmp_path))
    repo.switch("main")
    assert run(["init", "--repo", str(repo.path)]) == 2
    assert "git replace --graft" in capsys.readouterr().err


def test_a_single_tenant_fork_gets_a_plan_without_tenant_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fork = Fork(tmp_path, capsys)
    fork.repo.commit("plain", {"shop/models.py": "a = 1\n", "shop/crud/goods.py": None})
    fork.upstream("theirs", {"shop/services/a.py": "a = 2\n"})
    data = fork.json("init")
    assert not data["multi_tenant"]
    assert "codemod" not in (fork.path / "phases.yaml").read_text()
    assert fork("phase", "1", "--with-needed")[0] == 0


def test_nothing_new_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fork = Fork(tmp_path, capsys)
    code, out, _ = fork("init")
    assert code == 0
    assert "nothing that this fork lacks" in out
    assert not (fork.path / "phases.yaml").exists()
