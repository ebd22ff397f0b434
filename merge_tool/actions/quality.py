"""Code quality of the branch: every Python file parses, and ruff finds no name that is not defined."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.process import run_program
from merge_tool.errors import ActionError
from merge_tool.model.outcome import LedgerEntry, Outcome, OutcomeStatus
from merge_tool.vcs.workspace import parses


@dataclass(frozen=True)
class Quality:
    """Parses every Python file that matches `paths` (nothing is imported or executed), and runs `ruff check` on them.

    A file that does not parse stops the story. So do ruff's findings in files that the run changed; without ruff on
    the machine the ledger says that it was left out.
    """

    kind: ClassVar[str] = "quality"
    EXAMPLE: ClassVar[dict[str, Any]] = {"paths": ["app/**/*.py"]}

    paths: tuple[str, ...] = ()

    def run(self, ctx: Context) -> Outcome:
        """Checks; see the class."""
        files = ctx.workspace.python_files()
        chosen = [
            path
            for path in ctx.workspace.matching(self.paths or ctx.story.files or ("*.py",))
            if path in files
        ]
        ctx.say(f"parsing {len(chosen)} files")
        broken = [f"{path}: {problem}" for path in chosen if (problem := parses(path, files[path]))]
        details = list(broken)
        ledger: tuple[LedgerEntry, ...] = ()
        notes = [
            f"{len(chosen)} files parse"
            if not broken
            else f"{len(broken)} of {len(chosen)} files do not parse"
        ]
        ruff = _ruff()
        findings: list[str] = []
        if ruff is None:
            ledger = (LedgerEntry("ruff", "not run", "ruff is not installed beside merge-tool"),)
        elif ctx.dry_run or ctx.worktree is None:
            notes.append("would run ruff")
        else:
            findings = self._run_ruff(ctx, ruff, chosen)
            notes.append(f"ruff: {len(findings)} findings in changed files")
            details += findings
        status = OutcomeStatus.STOPPED if broken or findings else OutcomeStatus.DONE
        return Outcome(status, "; ".join(notes), details=tuple(details), ledger=ledger)

    def _run_ruff(self, ctx: Context, ruff: list[str], chosen: list[str]) -> list[str]:
        """Ruff's findings in the files that differ from the fork's commit, as `path:line: code message`."""
        changed = {path for _, path, _ in ctx.repo.diff_tree(ctx.facts["fork_commit"], ctx.workspace.flush())}
        targets = [path for path in chosen if path in changed]
        if not targets or ctx.worktree is None:
            return []
        worktree = ctx.worktree()
        command = [
            *ruff,
            "check",
            "--output-format=json",
            "--no-cache",
            "--exit-zero",
            "--force-exclude",
            "--",
            *targets,
        ]
        result = run_program(command, worktree.path)
        if result.code != 0:
            raise ActionError(f"ruff ended with code {result.code}: {result.output.strip()[-300:]}")
        items = json.loads(result.output[result.output.index("[") :])
        return [
            f"{item['filename'].removeprefix(str(worktree.path) + '/')}:{item['location']['row']}: {item['code']} {item['message']}"
            for item in items
        ]


def _ruff() -> list[str] | None:
    """The command that runs ruff, or None."""
    if find_spec("ruff") is not None:
        return [sys.executable, "-m", "ruff"]
    program = shutil.which("ruff")
    return [program] if program else None


ACTION = Quality
