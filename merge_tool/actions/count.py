"""Counts the statements that the fork's tests send to one table: a lookup that is cached sends one, or none."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.programs import run_program

_PLUGIN = "merge_tool_count_plugin"


def count_statements(ctx: Context, nodes: list[str], table: str) -> tuple[bool, str, dict[str, int]]:
    """Runs pytest on `nodes`, and counts the SELECTs that name `table` in each test; those of fixtures do not count.

    Returns:
        Whether all passed, pytest's last line, and the statements by test.

    Raises:
        ActionError: pytest cannot be run there.
    """
    if ctx.worktree is None:
        raise ActionError("tests need a checked-out branch")
    worktree = ctx.worktree()
    python = ctx.settings.python or sys.executable
    with tempfile.TemporaryDirectory(prefix="merge-tool-count-") as folder:
        place = Path(folder)
        shutil.copy(Path(__file__).parent.parent / "database" / "count_plugin.py", place / f"{_PLUGIN}.py")
        answer = place / "counts.json"
        env = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join((str(worktree.path), folder)),
            "MERGE_TOOL_COUNT_TABLE": table,
            "MERGE_TOOL_COUNT_FILE": str(answer),
        }
        if ctx.settings.database_url:
            env["TEST_DATABASE_URL"] = ctx.settings.database_url
        ctx.say(f"counting statements of pytest {' '.join(nodes)}")
        command = [
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            _PLUGIN,
            "--",
            *nodes,
        ]
        result = run_program(command, worktree.path, env=env)
        last = (result.output.strip().splitlines() or [f"exit code {result.code}"])[-1].strip("= ")
        if not answer.exists():
            raise ActionError(
                f"pytest did not run: {last}",
                hint="name an interpreter with the fork's requirements by --python",
            )
        counts: dict[str, int] = json.loads(answer.read_text(encoding="utf-8"))
    return result.code == 0, last, counts
