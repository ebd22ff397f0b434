"""The demo, as a newcomer runs it: all ten phases on the miniature, and what stands on the branch then."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.demo.builder import build_miniature

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]


def made_before() -> tuple[Path, dict[str, object]] | None:
    """The finished demo of `make demo`, if nothing that it is made of has changed since it began."""
    folder = ROOT / "demo"
    try:
        began = (folder / ".merge-tool-demo").stat().st_mtime
        data = json.loads((folder / "demo.json").read_text())
    except (OSError, ValueError):
        return None
    parts = [
        ROOT / "phases.yaml",
        *(item for name in ("merge_tool", "rules", "fixtures") for item in (ROOT / name).rglob("*")),
    ]
    changed = max(
        item.stat().st_mtime for item in parts if item.is_file() and "__pycache__" not in item.parts
    )
    return (folder, data) if changed < began and data.get("finished") else None


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The folder of a demo, and what it printed as JSON: that of `make demo` where it is of this very code, else one of its own."""
    made = made_before()
    if made is not None:
        return made
    folder = tmp_path_factory.mktemp("demo") / "made"
    done = subprocess.run(
        [sys.executable, "-m", "merge_tool", "demo", str(folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((folder / "demo.json").read_text())
    return folder, json.loads(done.stdout)


@pytest.fixture(scope="module")
def tree(demo: tuple[Path, dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The merge branch, checked out without git."""
    folder, fork = tmp_path_factory.mktemp("branch"), demo[0] / "fork"
    names = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname)", "refs/heads/merge"],
        cwd=fork,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    archive = subprocess.run(["git", "archive", *names], cwd=fork, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def test_all_stories_are_done_and_all_criteria_shown(demo: tuple[Path, dict[str, object]]) -> None:
    folder, data = demo
    stories, criteria = data["stories"], data["criteria"]
    assert isinstance(stories, list)
    assert isinstance(criteria, list)
    assert {item["status"] for item in stories} == {"done"}
    assert len({item["id"] for item in stories}) == 44
    assert {item["id"]: item["status"] for item in criteria} == dict.fromkeys(
        (item["id"] for item in criteria), "passed"
    )
    assert len(criteria) == 42
    assert all(item["evidence"] for item in criteria)
    assert data["finished"]
    reports = data["reports"]
    assert isinstance(reports, list)
    assert all(Path(path).stat().st_size > 1000 for path in reports)
    branches = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads"],
        cwd=folder / "fork",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [name.split("-")[0] for name in sorted(branches)] == ["backup", "main", "merge/upstream"]


def test_the_report_tells_what_the_demo_signed_and_edited(demo: tuple[Path, dict[str, object]]) -> None:
    reports = demo[1]["reports"]
    assert isinstance(reports, list)
    text = next(Path(path).read_text() for path in reports if path.endswith(".md"))
    assert "signed by the demo itself, nobody looked" in text
    assert "edited by the demo's own hands" in text


def test_what_is_out_of_scope_stayed_out(demo: tuple[Path, dict[str, object]], tree: Path) -> None:
    fork = demo[0] / "fork"
    # The Platega commit of upstream, by its own lines; the fork's own gateway files as they were.
    changed = subprocess.run(
        ["git", "show", "--format=", "-U0", "9bd1944b"],
        cwd=demo[0] / "upstream",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    added = [
        line[1:].strip()
        for line in changed.splitlines()
        if line.startswith("+") and not line.startswith("+++")
    ]
    added = [line for line in added if "platega" in line.casefold()]
    assert added
    text = "\n".join(path.read_text() for path in tree.rglob("*.py"))
    before = "\n".join(
        subprocess.run(
            ["git", "show", f"main:{path}"], cwd=fork, capture_output=True, text=True, check=True
        ).stdout
        for path in subprocess.run(
            ["git", "ls-tree", "-r", "--name-only", "main"],
            cwd=fork,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        if path.endswith(".py")
    )
    assert [line for line in added if line in text and line not in before] == []
    assert (tree / "_bmad-output" / "merge-implementation-guide.md").exists()
    assert (
        (tree / "_bmad-output" / "prd.md")
        .read_text()
        .startswith(
            subprocess.run(
                ["git", "show", "main:_bmad-output/prd.md"],
                cwd=fork,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.rstrip()
        )
    )


def test_the_documents_are_made_from_what_is_there(tree: Path) -> None:
    api = (tree / "docs" / "cabinet-api.md").read_text()
    assert "80 endpoints" in api
    assert "POST /cabinet/auth/email/login" in api
    assert "`get_cabinet_tenant`" in api
    assert "### Added" in (tree / "CHANGELOG.md").read_text()
    assert "FR-2.5" in (tree / "_bmad-output" / "prd.md").read_text()
    assert "mermaid" in (tree / "_bmad-output" / "architecture.md").read_text()


def test_the_cabinet_came_in_tenant_aware(demo: tuple[Path, dict[str, object]], tree: Path) -> None:
    files = [path for path in (tree / "app" / "cabinet").rglob("*.py") if "__pycache__" not in path.parts]
    assert len(files) == 31
    routes = 0
    for path in files:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                ast.unparse(item).startswith("router.") for item in node.decorator_list
            ):
                routes += 1
                assert "bot_id: int=Depends(get_cabinet_tenant)" in ast.unparse(node.args), (
                    f"{path}:{node.lineno}"
                )
    assert routes > 30
    handler = (tree / "app" / "cabinet" / "auth" / "jwt_handler.py").read_text()
    assert handler.count('"bot_id": bot_id') == 2
    assert 'payload.get("bot_id") != bot_id' in handler
    assert (
        "create_platega_payment"
        in (demo[0] / "upstream" / "app" / "cabinet" / "routes" / "balance.py").read_text()
    )
    assert "create_platega_payment" not in (tree / "app" / "cabinet" / "routes" / "balance.py").read_text()


TRY = """
import asyncio, os
from app.cabinet.auth.jwt_handler import create_access_token, get_token_payload
from app.database.database import AsyncSessionLocal, engine
from app.database.models import Base, Bot
from app.database.crud.bot_configuration import set_configuration
import app.cabinet.routes, app.webapi.app


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSessionLocal() as db:
        for number in (1, 2):
            db.add(Bot(id=number, name=f"bot {number}", bot_token=f"{number}:token"))
            await db.flush()
            await set_configuration(db, number, "cabinet.jwt_secret", f"secret of bot {number}, long enough for the algorithm")
        one = await create_access_token(7, 70, bot_id=1, db=db)
        two = await create_access_token(7, 70, bot_id=2, db=db)
        assert one != two
        assert (await get_token_payload(one, bot_id=1, db=db))["bot_id"] == 1
        assert await get_token_payload(one, bot_id=2, db=db) is None
        try:
            await create_access_token(7, 70, bot_id=3, db=db)
        except ValueError as error:
            print("refused:", error)


asyncio.run(main())
"""


def test_the_merged_application_imports_and_tokens_hold_to_their_tenant(tree: Path, tmp_path: Path) -> None:
    import os

    env = {
        **os.environ,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'try.db'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", TRY], cwd=tree, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "refused:" in done.stdout
    assert "3" in done.stdout


def test_dry_runs_predict_every_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fork = build_miniature(tmp_path).fork

    def verdicts(*args: str) -> list[tuple[str, str, str]]:
        capsys.readouterr()
        run([*args, "--json", "--repo", str(fork)])
        data = json.loads(capsys.readouterr().out)
        return [(item["path"], item["verdict"], item["reason"]) for item in data["files"]]

    predicted = verdicts("phase", "2", "--with-needed", "--dry-run")
    assert predicted
    assert not (fork / ".merge-tool").exists()
    assert verdicts("phase", "2", "--with-needed") == predicted


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["demo", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "column gone from the model",
        "no claim in the access token",
        "route without the dependency",
        "promo codes of all tenants",
        "cart without the tenant",
        "global INN",
        "tickets of all tenants",
    ],
)
def test_a_mutation_turns_its_criteria_red(
    demo: tuple[Path, dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """All 43 are tried by benchmarks/criteria_mutations.py."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    mutations = importlib.import_module("criteria_mutations")
    bench = mutations.open_bench(demo[0] / "fork", tmp_path)
    mutation = next(item for item in mutations.MUTATIONS if item.name == name)
    row = mutations.judge(bench, mutation)
    assert row["caught"], row
