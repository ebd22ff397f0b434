"""Code quality of the branch: every Python file parses, and ruff finds no name that is not defined."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.model.outcome import LedgerEntry, Outcome, OutcomeStatus
from merge_tool.model.text import printable
from merge_tool.vcs.names import check_path
from merge_tool.vcs.workspace import parses


@dataclass(frozen=True)
class Quality:
    """Parses every Python file that matches `paths` (nothing is imported or executed), and runs `ruff check` on them.

    A file that does not parse stops the story. So do ruff's findings in files that the run changed: with `fail_on` `new`
    those that neither the fork nor upstream has in the same file, with `all` every one. Without ruff on the machine the
    ledger says that it was left out.
    """

    kind: ClassVar[str] = "quality"
    EXAMPLE: ClassVar[dict[str, Any]] = {"paths": ["app/**/*.py"]}

    paths: tuple[str, ...] = ()
    fail_on: Literal["new", "all"] = "new"

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
            findings, older = self._run_ruff(ctx, ruff, chosen)
            word = "new " if self.fail_on == "new" else ""
            notes.append(
                f"ruff: {len(findings)} {word}findings in changed files"
                + (f", {older} that the fork or upstream has too" if older else "")
            )
            details += findings
        status = OutcomeStatus.STOPPED if broken or findings else OutcomeStatus.DONE
        return Outcome(status, "; ".join(notes), details=tuple(details), ledger=ledger)

    def _run_ruff(self, ctx: Context, ruff: list[str], chosen: list[str]) -> tuple[list[str], int]:
        """Ruff's findings in the files that the run changed, as `path:line: code message`, and how many more either side had.

        A finding that the fork or upstream has in the same file, with the same message, is not the merge's.
        """
        tree = ctx.workspace.flush()
        changed = {path for _, path, _ in ctx.repo.diff_tree(ctx.facts["fork_commit"], tree)}
        targets = [path for path in chosen if path in changed]
        if not targets or ctx.worktree is None:
            return [], 0
        found = ruff_findings(ruff, ctx.worktree().path, targets)
        if self.fail_on == "all" or not found:
            return [item.shown for item in found], 0
        known = Counter[tuple[str, str]]()
        commits = [ctx.facts["fork_commit"], *([ctx.upstream.commit] if ctx.upstream else [])]
        suspects = sorted({item.path for item in found})
        for commit in commits:
            known |= Counter(item.key for item in self._of_side(ctx, ruff, commit, tree, suspects))
        new = []
        for item in found:
            known[item.key] -= 1
            if known[item.key] < 0:
                new.append(item.shown)
        return new, len(found) - len(new)

    def _of_side(
        self, ctx: Context, ruff: list[str], commit: str, tree: str, paths: list[str]
    ) -> list[RuffFinding]:
        """Ruff's findings in files as one side has them, by the configuration of the branch."""
        entries = ctx.repo.ls_tree(ctx.repo.tree_of(commit))
        settings = {path: entry for path, entry in ctx.repo.ls_tree(tree).items() if path.endswith(_SETTINGS)}
        wanted = {path: entries[path] for path in paths if path in entries and entries[path].is_file}
        blobs = ctx.repo.read_blobs(
            entry.oid for entry in (*settings.values(), *wanted.values()) if entry.is_file
        )
        with tempfile.TemporaryDirectory(prefix="merge-tool-ruff-") as folder:
            for path, entry in (settings | wanted).items():
                if entry.is_file:
                    target = Path(folder) / check_path(path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(blobs[entry.oid])
            return ruff_findings(ruff, Path(folder), sorted(wanted))


_SETTINGS = ("pyproject.toml", "ruff.toml")


@dataclass(frozen=True)
class RuffFinding:
    """One finding of ruff."""

    path: str
    line: int
    code: str
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding on another line."""
        return self.path, f"{self.code} {self.message}"

    @property
    def shown(self) -> str:
        """Such as `app/x.py:3: F401 …`."""
        return f"{self.path}:{self.line}: {self.code} {self.message}"


def ruff_findings(ruff: list[str], root: Path, targets: list[str]) -> list[RuffFinding]:
    """What `ruff check` says of files below `root`, by the configuration that it finds there.

    Raises:
        ActionError: ruff cannot be run, or its configuration is wrong.
    """
    if not targets:
        return []
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
    done = subprocess.run(command, cwd=root, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = printable(done.stderr.decode("utf-8", "replace")).strip()
        raise ActionError(
            f"ruff ended with code {done.returncode}: {said[-300:]}",
            hint="check the configuration of ruff in the fork",
        )
    top = root.resolve()
    return [
        RuffFinding(
            Path(item["filename"]).resolve().relative_to(top).as_posix(),
            item["location"]["row"],
            item["code"] or "syntax",
            printable(item["message"]),
        )
        for item in json.loads(done.stdout)
    ]


def _ruff() -> list[str] | None:
    """The command that runs ruff, or None."""
    if find_spec("ruff") is not None:
        return [sys.executable, "-m", "ruff"]
    program = shutil.which("ruff")
    return [program] if program else None


ACTION = Quality
