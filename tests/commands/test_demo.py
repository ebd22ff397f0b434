"""The demo, as a newcomer runs it: phases 0 to 2 on the miniature, and what stands on the branch then."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.demo.builder import build_miniature

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The folder of a demo, and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("demo") / "made"
    done = subprocess.run(
        [sys.executable, "-m", "merge_tool", "demo", str(folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_all_stories_of_the_first_phases_are_done(demo: tuple[Path, dict[str, object]]) -> None:
    folder, data = demo
    stories = data["stories"]
    assert isinstance(stories, list)
    done = [item["id"] for item in stories if item["status"] == "done"]
    assert sorted(done) == sorted(
        ["0.1", "0.1.1", "0.2", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"]
    )
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


def test_the_cabinet_came_in_tenant_aware(demo: tuple[Path, dict[str, object]]) -> None:
    tree = demo[0] / "fork" / ".merge-tool" / "worktree"
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


def test_the_merged_application_imports_and_tokens_hold_to_their_tenant(
    demo: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    import os

    tree = demo[0] / "fork" / ".merge-tool" / "worktree"
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
