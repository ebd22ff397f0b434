"""A scratch database with the branch's Alembic revisions in it, made by the fork's own interpreter."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.programs import run_program

_DRIVER = Path(__file__).parent.parent / "database" / "alembic_driver.py"
_VARIABLES = (
    "DATABASE_URL",
    "SQLALCHEMY_DATABASE_URL",
    "SQLALCHEMY_DATABASE_URI",
    "DB_URL",
    "TEST_DATABASE_URL",
)
SECONDS = 900


@dataclass(frozen=True)
class Answer:
    """What the driver wrote: the steps done, the heads, the differences from the models, and an error or ""."""

    done: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    drift: tuple[str, ...]
    error: str


@contextmanager
def scratch(ctx: Context) -> Iterator[str]:
    """An empty database beside that of `--database-url`; yields its URL.

    Raises:
        ActionError: no PostgreSQL was given.
    """
    from merge_tool.database.live.scratch import scratch_database

    if not ctx.settings.database_url or ctx.settings.database_url.startswith("sqlite"):
        raise ActionError(
            "needs a PostgreSQL, on whose server a scratch database is made",
            hint="--database-url, or MERGE_TOOL_DATABASE_URL; the database named there is not touched",
        )
    with scratch_database(ctx.settings.database_url) as url:
        yield url


@contextmanager
def branch_database(ctx: Context) -> Iterator[str]:
    """A scratch database with all revisions of the branch applied; yields its URL.

    Raises:
        ActionError: no PostgreSQL was given, or a revision fails.
    """
    with scratch(ctx) as url:
        answer = run_alembic(ctx, url, [("upgrade", "heads")])
        if answer.error:
            raise ActionError(f"alembic upgrade heads fails: {answer.error}")
        yield url


def run_alembic(ctx: Context, url: str, steps: Sequence[tuple[str, str]]) -> Answer:
    """Runs Alembic in the worktree, on the database of `url` and no other.

    Raises:
        ActionError: there is no alembic.ini, or Alembic cannot be run by the fork's interpreter.
    """
    if ctx.worktree is None:
        raise ActionError("revisions need a checked-out branch")
    ini = next(iter(sorted(ctx.workspace.matching(["alembic.ini"]), key=len)), "")
    if not ini:
        raise ActionError("no alembic.ini is on the branch", hint="the check is for projects with Alembic")
    from merge_tool.database.dump import database_of, with_driver

    worktree = ctx.worktree()
    shown = with_driver(url, _driver(ctx))
    folder = worktree.path / Path(ini).parent
    with tempfile.TemporaryDirectory(prefix="merge-tool-alembic-") as place:
        answer = Path(place) / "answer.json"
        order: dict[str, Any] = {
            "ini": str(worktree.path / ini),
            "url": shown,
            "database": database_of(url),
            "steps": [list(step) for step in steps],
            "answer": str(answer),
        }
        env = dict.fromkeys(_VARIABLES, shown) | {
            "MERGE_TOOL_ALEMBIC": json.dumps(order),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(folder),
        }
        python = ctx.settings.python or sys.executable
        ctx.say("running " + ", ".join(f"alembic {step} {target}".strip() for step, target in steps))
        result = run_program([python, str(_DRIVER)], folder, env=env, timeout=SECONDS)
        try:
            said = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            last = (result.output.strip().splitlines() or [f"exit code {result.code}"])[-1]
            raise ActionError(
                f"alembic did not run: {last}",
                hint="name an interpreter with the fork's requirements by --python",
            ) from error
    from merge_tool.programs import mask

    done = tuple((step, target) for step, target in said["done"])
    return Answer(done, tuple(said["heads"]), tuple(map(mask, said["drift"])), mask(said["error"]))


def _driver(ctx: Context) -> str:
    """The driver that the fork installs for PostgreSQL, as its requirements name it; "" where they name none."""
    texts = [
        ctx.workspace.read(path).decode("utf-8", "replace").lower()
        for path in ctx.workspace.matching(
            ["/requirements*.txt", "/pyproject.toml", "/setup.cfg", "/Pipfile"]
        )
    ]
    for name, driver in (
        ("asyncpg", "asyncpg"),
        ("psycopg2", "psycopg2"),
        ("psycopg", "psycopg"),
        ("pg8000", "pg8000"),
    ):
        if any(name in text for text in texts):
            return driver
    return ""
