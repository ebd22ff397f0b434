"""Runs the fork's tests on the branch as it stands, in a subprocess."""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.coverage import read_coverage
from merge_tool.actions.process import run_program
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileCoverage, LedgerEntry, Outcome, OutcomeStatus


@dataclass(frozen=True)
class Test:
    """Runs `pytest NODES ARGS` in the worktree with the interpreter that `--python` names.

    `nodes` are test files, folders or node ids; those that are not on the branch (yet) are told, and a story none of
    whose nodes is there says so in the ledger. `coverage` is the percentage that must be reached (needs pytest-cov).
    This runs the fork's code.
    """

    kind: ClassVar[str] = "test"
    EXAMPLE: ClassVar[dict[str, Any]] = {"nodes": ["tests/cabinet"], "args": ["-q"]}

    nodes: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    coverage: int | None = None

    def run(self, ctx: Context) -> Outcome:
        """Runs the tests; see the class."""
        paths = [node.partition("::")[0] for node in self.nodes]
        there = [
            node for node, path in zip(self.nodes, paths, strict=True) if ctx.workspace.matching([f"/{path}"])
        ]
        missing = [node for node in self.nodes if node not in there]
        ledger = tuple(LedgerEntry(node, "test not there", "no such file on this branch") for node in missing)
        if self.nodes and not there:
            return Outcome(
                OutcomeStatus.DONE, f"none of {len(missing)} test files is on this branch yet", ledger=ledger
            )
        if ctx.dry_run:
            return Outcome(OutcomeStatus.DONE, f"would run pytest {' '.join(there)}", ledger=ledger)
        measured: list[FileCoverage] = []
        ok, summary, output = run_tests(ctx, there, self.args, self.coverage, measured)
        status = OutcomeStatus.DONE if ok else OutcomeStatus.STOPPED
        return Outcome(
            status, summary, ledger=ledger, details=() if ok else (output[-6000:],), coverage=tuple(measured)
        )


def run_tests(
    ctx: Context,
    nodes: list[str],
    args: tuple[str, ...] = (),
    coverage: int | None = None,
    measured: list[FileCoverage] | None = None,
) -> tuple[bool, str, str]:
    """Runs pytest on the checked-out branch.

    Args:
        measured: is given the coverage of the files that the run changed, where `coverage` asks for a measurement.

    Returns:
        Whether all passed, a line with counts, and the end of the output.

    Raises:
        ActionError: pytest cannot be run there.
    """
    if ctx.worktree is None:
        raise ActionError("tests need a checked-out branch")
    worktree = ctx.worktree()
    python = ctx.settings.python or sys.executable
    with tempfile.TemporaryDirectory(prefix="merge-tool-tests-") as folder:
        junit = Path(folder) / "junit.xml"
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={junit}", *args]
        if coverage is not None:
            command += [
                "--cov=.",
                f"--cov-fail-under={coverage}",
                f"--cov-report=json:{Path(folder) / 'coverage.json'}",
            ]
        ctx.say(f"running pytest {' '.join(nodes)}")
        env = {
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(worktree.path), "COVERAGE_FILE": str(Path(folder) / "coverage"),
        }  # fmt: skip
        if ctx.settings.database_url:
            env["TEST_DATABASE_URL"] = ctx.settings.database_url
        result = run_program([*command, "--", *nodes] if nodes else command, worktree.path, env=env)
        counts = _counts(junit)
        if measured is not None and coverage is not None:
            changed = {
                path for _, path, _ in ctx.repo.diff_tree(ctx.facts["fork_commit"], ctx.workspace.flush())
            }
            measured += read_coverage(Path(folder) / "coverage.json", changed)
    if counts is None:
        last = next(
            (line for line in reversed(result.output.splitlines()) if line.strip()), f"code {result.code}"
        )
        raise ActionError(
            f"pytest did not run: {last.strip()}",
            hint="name an interpreter with the fork's requirements by --python",
        )
    total, failed, skipped = counts
    ok = result.code == 0 and failed == 0 and total > skipped
    return (
        ok,
        f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped (exit code {result.code})",
        result.output,
    )


def _counts(junit: Path) -> tuple[int, int, int] | None:
    """Tests, failures with errors, and skipped ones of a JUnit file that pytest just wrote."""
    if not junit.exists():
        return None
    suite = ET.parse(junit).getroot().find("testsuite")  # noqa: S314 written by the pytest that we started
    if suite is None:
        return None
    number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return number["tests"], number["failures"] + number["errors"], number["skipped"]


ACTION = Test
