"""A run in parts says what one run says; parts that make no whole are refused."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from merge_tool.cli import run
from merge_tool.demo.builder import Miniature
from merge_tool.lint.cache import Cache
from merge_tool.lint.files import project_files
from merge_tool.lint.run import LintResult, lint_paths
from merge_tool.lint.shards import Share, lint_share, merged, of_share
from merge_tool.model.policy import Policy
from merge_tool.plan.policy import load_policy

NUMBERS = (1, 2, 3, 7)
POLICY = Policy(column="bot_id", parameter="bot_id", claim="bot_id", unchecked_paths=("migrations/**",))


def whole(result: LintResult) -> Any:
    """All that a run says, but for its time."""
    return (
        result.findings, result.files, result.rules, result.notes, result.models, result.tenant_models, result.suppressed,
    )  # fmt: skip


def in_parts(root: Path, policy: Policy, number: int, cache: Cache | None = None, **more: Any) -> LintResult:
    """The run in parts that went through JSON, put together in another order than they were made in."""
    parts = {
        f"{part}.json": json.loads(
            json.dumps(
                lint_share(root, project_files(root), policy, Share(part, number), cache=cache, **more)
            )
        )
        for part in range(number, 0, -1)
    }
    return merged(parts, policy)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_miniature_fork_in_parts(miniature: Miniature, tmp_path: Path, number: int) -> None:
    policy = load_policy("remnabot", root=miniature.fork)
    cache = Cache(tmp_path / "cache")
    files = project_files(miniature.fork)
    one = lint_paths(miniature.fork, files, policy, cache=cache)
    assert one.findings
    assert whole(in_parts(miniature.fork, policy, number, cache)) == whole(one)
    some = lint_paths(
        miniature.fork, files, policy, report_on=files[::3], select=("TQ", "TM", "T01"), cache=cache
    )
    parts = in_parts(miniature.fork, policy, number, cache, report_on=files[::3], select=("TQ", "TM", "T01"))
    assert whole(parts) == whole(some)


PIECES = (
    'import redis\nclient = redis.Redis()\ndef k{n}(x):\n    return client.get(f"a:{{x}}")\n',
    'from app.m0 import *\nclient.get("b{n}")  # tenant: ignore[TK1] one for all\n',
    "x = 1  # tenant: ignore[TQ1] nothing is here\n",
    "y = 1  # tenant: ignore[TK1]\n",
    "def broken(:\n",
    "from sqlalchemy import select\nfrom app.models import User\ndef f{n}(db, bot_id=None):\n    return db.scalar(select(User))\n",
    "from app.c{n} import call\ndef g(db):\n    return call(db, 'key{n}')\n",
    "from sqlalchemy import Column, Integer, String\nfrom app.models import Base\nclass Own{n}(Base):\n    __tablename__ = 't{n}'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n    name = Column(String, unique=True)\n",
    "async def empty(): ...\n",
)
MODELS = (
    "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import declarative_base\nBase = declarative_base()\n"
    "class User(Base):\n    __tablename__ = 'users'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n"
)
REVISION = (
    "from alembic import op\nimport sqlalchemy as sa\nrevision = 'r{n}'\ndown_revision = {down}\ndef upgrade():\n"
    "    op.create_table('t{n}', sa.Column('id', sa.Integer, primary_key=True), sa.Column('bot_id', sa.Integer))\n"
)


@pytest.mark.parametrize("seed", range(6))
def test_generated_trees_in_parts(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    (tmp_path / "app").mkdir()
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "app" / "models.py").write_text(MODELS)
    for n in range(chance.randrange(3, 14)):
        text = "".join(chance.choice(PIECES).format(n=n) for _ in range(chance.randrange(1, 3)))
        (tmp_path / "app" / f"m{n}.py").write_text(text)
    for n in range(4):  # several heads, most times: told of the whole project, once
        down = repr(f"r{chance.randrange(min(n, 2))}") if n else None
        (tmp_path / "migrations" / "versions" / f"v{n}.py").write_text(REVISION.format(n=n, down=down))
    one = lint_paths(tmp_path, project_files(tmp_path), POLICY)
    for number in NUMBERS:
        assert whole(in_parts(tmp_path, POLICY, number)) == whole(one)


def test_each_file_is_in_one_part() -> None:
    sizes = {f"f{n}": n % 5 for n in range(23)}
    for number in NUMBERS:
        dealt = [path for part in range(1, number + 1) for path in of_share(sizes, Share(part, number))]
        assert sorted(dealt) == sorted(sizes)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "app").mkdir(parents=True)
    for n, piece in enumerate(PIECES[:4]):
        (root / "app" / f"m{n}.py").write_text(piece.format(n=n))
    return root


def shards(root: Path, number: int, capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """The files that the shards of a run write."""
    names = []
    for part in range(1, number + 1):
        capsys.readouterr()
        assert (
            run(
                ["validate", "--repo", str(root), "--policy", "generic", "--shard", f"{part}/{number}", *args]
            )
            == 0
        )
        path = root.parent / f"{len(list(root.parent.iterdir()))}-{part}.json"
        path.write_text(capsys.readouterr().out)
        names.append(str(path))
    return names


def said(capsys: pytest.CaptureFixture[str], root: Path, *args: str, code: int) -> str:
    capsys.readouterr()
    result = run(["validate", "--repo", str(root), "--policy", "generic", *args])
    out, err = capsys.readouterr()
    assert result == code, err
    return out or err


def test_the_command_line_gives_the_same_in_every_form(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = shards(project, 3, capsys)
    for form in (
        (),
        ("--explain",),
        ("--statistics",),
        ("--format", "github"),
        ("--format", "sarif"),
        ("--fail-on", "error"),
    ):
        one, parts = (
            said(capsys, project, *form, code=1),
            said(capsys, project, "--merge-shards", *names, *form, code=1),
        )
        assert parts.split(" (")[0] == one.split(" (")[0]
    assert said(capsys, project, "app/m2.py", "--select", "TK1", code=0)
    names = shards(project, 2, capsys, "app/m2.py", "--select", "TK1")
    assert said(capsys, project, "--merge-shards", *names, code=0)


def test_the_baseline_is_asked_when_parts_are_put_together(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = str(project.parent / "baseline.json")
    names = shards(project, 2, capsys)
    said(capsys, project, "--merge-shards", *names, "--baseline", baseline, "--update-baseline", code=0)
    said(capsys, project, "--baseline", baseline, code=0)
    said(capsys, project, "--merge-shards", *names, "--baseline", baseline, code=0)
    (project / "app" / "m0.py").write_text("client = None\n")
    said(capsys, project, "--merge-shards", *shards(project, 2, capsys), "--baseline", baseline, code=1)


def test_parts_can_be_put_together_where_the_files_are_not(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = said(capsys, project, "--format", "github", code=1)
    names = shards(project, 2, capsys)
    (tmp_path / "elsewhere").mkdir()
    assert said(capsys, tmp_path / "elsewhere", "--merge-shards", *names, "--format", "github", code=1) == one


def test_parts_that_make_no_whole_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = shards(project, 2, capsys)

    def refused(*names: str, policy: str = "generic") -> str:
        capsys.readouterr()
        assert run(["validate", "--repo", str(project), "--policy", policy, "--merge-shards", *names]) == 2
        return capsys.readouterr().err

    assert "of 2 shards there is no 2" in refused(one)
    assert "holds the shard 1 already" in refused(one, two, one)
    assert "no shards to merge" in refused()
    assert "this is one of 3 shards" in refused(one, shards(project, 3, capsys)[1])
    assert "was asked for other paths" in refused(one, shards(project, 2, capsys, "app/m0.py")[1])
    assert "was asked for other paths" in refused(one, shards(project, 2, capsys, "--ignore", "TK1")[1])
    assert "are by the policy generic as it was, not by remnabot" in refused(one, two, policy="remnabot")
    odd = project.parent / "odd.json"
    odd.write_text("[]")
    assert "no shard of a known version" in refused(one, str(odd))
    odd.write_text("{")
    assert "this is no shard" in refused(one, str(odd))
    part = json.loads(Path(two).read_text())
    part["shard"]["same"]["code"] = "0"
    odd.write_text(json.dumps(part))
    assert "another version of merge-tool" in refused(one, str(odd))
    del part["shard"]["same"]
    odd.write_text(json.dumps(part))
    assert "a shard is broken" in refused(one, str(odd))
    (project / "app" / "m2.py").write_text("x = 2\n")
    assert "is of another state of the files" in refused(one, shards(project, 2, capsys)[1])


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_what_is_no_part_is_refused(project: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert "is no part of a whole" in said(capsys, project, f"--shard={text}", code=2)


def test_a_cache_that_was_copied_elsewhere_serves_the_next_run(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = said(capsys, project, "--format", "github", "--cache-dir", str(tmp_path / "cache"), code=1)
    shutil.copytree(tmp_path / "cache", tmp_path / "other" / "place")
    shutil.copytree(project, tmp_path / "checkout")

    def unexpected(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("merge_tool.lint.reading.read_module", unexpected)
    args = ("--format", "github", "--cache-dir", str(tmp_path / "other" / "place"))
    assert said(capsys, tmp_path / "checkout", *args, code=1) == first
    shards(tmp_path / "checkout", 2, capsys, "--cache-dir", str(tmp_path / "other" / "place"))
