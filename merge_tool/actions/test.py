"""Runs the fork's tests on the branch as it stands, in a subprocess."""

from __future__ import annotations

import re
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.actions.coverage import read_coverage
from merge_tool.actions.green_runs import GreenRun, belongs, comparable, suite_of
from merge_tool.actions.new_coverage import measure, new_lines
from merge_tool.errors import ActionError
from merge_tool.model.outcome import FileCoverage, LedgerEntry, Outcome, OutcomeStatus
from merge_tool.programs import Result, run_program
from merge_tool.vcs.workspace import Workspace
from merge_tool.vcs.worktree import Worktree


@dataclass(frozen=True)
class Test:
    """Runs `pytest NODES ARGS` in the worktree with the interpreter that `--python` names.

    `nodes` are test files, folders or node ids; those that are not on the branch (yet) are told, and a story none of
    whose nodes is there says so in the ledger. `fail_on` says which failures stop the story: `new` (those of tests that did not
    fail on the tree that the story started from; the others are told in the ledger) or `all`. `coverage` is the percentage of the
    new code's statements (lines that the fork did not have, tests aside) that the tests must execute; it needs pytest-cov there.
    This runs the fork's code.
    """

    kind: ClassVar[str] = "test"
    EXAMPLE: ClassVar[dict[str, Any]] = {"nodes": ["tests/cabinet"], "args": ["-q"]}

    nodes: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    coverage: int | None = None
    fail_on: Literal["new", "all"] = "new"

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
        if ctx.settings.no_tests:
            ledger = (*ledger, LedgerEntry("tests", "not run", ctx.settings.no_tests))
            return Outcome(OutcomeStatus.DONE, f"not run: {ctx.settings.no_tests}", ledger=ledger)
        measured: list[FileCoverage] = []
        known: list[str] | None = [] if self.fail_on == "new" else None
        ok, summary, output = run_tests(ctx, there, self.args, self.coverage, measured, known)
        status = OutcomeStatus.DONE if ok else OutcomeStatus.STOPPED
        reason = "it failed on the tree that the story started from, too"
        ledger = (*ledger, *(LedgerEntry(name, "fails as before", reason) for name in known or ()))
        return Outcome(
            status, summary, ledger=ledger, details=() if ok else (output[-6000:],), coverage=tuple(measured)
        )


def run_tests(
    ctx: Context,
    nodes: list[str],
    args: tuple[str, ...] = (),
    coverage: int | None = None,
    measured: list[FileCoverage] | None = None,
    known: list[str] | None = None,
) -> tuple[bool, str, str]:
    """Runs pytest on the checked-out branch.

    Args:
        measured: gets the measurement of the files that the run changed, where `coverage` is asked for.
        known: where it is a list, tests that failed on the story's first tree too are no failures; it gets their names.

    Returns:
        Whether all passed, a line with counts, and the end of the output.

    Raises:
        ActionError: pytest cannot be run there.
    """
    with run_pytest(ctx, nodes, args, coverage=coverage is not None) as ran:
        result, report = ran.result, ran.report
        total, failed, skipped = counts(ran.suite)
        ok = result.code == 0 and failed == 0 and total > skipped
        if known is not None and result.code == 1 and failed:
            failures = failing(ran.suite)
            known += sorted(failures & _failed_before(ctx, nodes, args))
            ok = failures <= set(known)
        ended = f"in {ran.source} on the same files" if ran.source else f"exit code {result.code}"
        said = f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped ({ended})"
        said += f"; {len(known)} of the failures are older than the story" if known else ""
        if coverage is not None:
            if not report.exists() and failed:
                return False, f"{said}; the tests ended before the coverage was measured", result.output
            if not report.exists():
                raise ActionError(
                    "the coverage was not measured",
                    hint="install pytest-cov beside the fork's requirements: pip install pytest-cov",
                )
            if measured is not None:
                tree = ctx.workspace.flush()
                changed = {path for _, path, _ in ctx.repo.diff_tree(ctx.facts["fork_commit"], tree)}
                measured += read_coverage(report, changed)
            found = measure(report, new_lines(ctx))
            said += (
                f"; {found.percent:.1f} % of {found.statements} new statements covered (wanted: {coverage} %)"
            )
            if found.percent < coverage:
                ok = False
                said += ", most left in " + ", ".join(f"{path} ({count})" for path, count in found.worst[:3])
        return ok, said, result.output


def failing(suite: ET.Element) -> set[str]:
    """The test cases of a JUnit suite that failed, as `module.Class::test`."""
    return {
        f"{case.get('classname', '')}::{case.get('name', '')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    }


def _failed_before(ctx: Context, nodes: list[str], args: tuple[str, ...]) -> set[str]:
    """Which tests fail in the same folder with the files that the story started from; none where pytest cannot be run there."""
    assert ctx.worktree is not None
    before = Workspace(ctx.repo, ctx.story_base)
    there = [node for node in nodes if before.matching([f"/{node.partition('::')[0]}"])]
    python = ctx.settings.python or sys.executable
    key = (ctx.story_base, python, ctx.settings.database_url)
    if (nodes and not there) or ctx.story_base == ctx.workspace.flush():
        return set()
    if comparable(args) and ctx.green_runs.find(key, there, coverage=False):
        return set()
    worktree = ctx.worktree()
    try:
        worktree.checkout(ctx.story_base)
        ctx.say(f"running pytest {' '.join(there)} on what the story started from")
        return failing(_run(ctx, worktree, python, there, args, None)[1])
    except ActionError:
        return set()
    finally:
        worktree.checkout(ctx.workspace.flush())


def run_nodes(ctx: Context, nodes: list[str]) -> dict[str, tuple[bool, str]]:
    """Runs several nodes at once, and judges each of them.

    Returns:
        For each node that the run told about: whether its tests passed (one at least, and none of them failed), and the counts.
        A node that is missing was not run: its file could not be collected, say.

    Raises:
        ActionError: pytest cannot be run there.
    """
    with run_pytest(ctx, nodes) as ran:
        cases = list(ran.suite.iter("testcase"))
        ended = f" (in {ran.source} on the same files)" if ran.source else ""
        found = {}
        for node in nodes:
            mine = [case for case in cases if belongs(case, node)]
            failed = sum(case.find("failure") is not None or case.find("error") is not None for case in mine)
            skipped = sum(case.find("skipped") is not None for case in mine)
            if mine:
                said = f"{len(mine) - failed - skipped} passed, {failed} failed, {skipped} skipped{ended}"
                found[node] = (not failed and len(mine) > skipped, said)
        return found


@dataclass(frozen=True)
class PytestRun:
    """How a run of pytest ended: its exit code and output, the suite of its JUnit file, and where the coverage's report stands.

    `source` says which earlier run showed it, where there was none now.
    """

    result: Result
    suite: ET.Element
    report: Path
    source: str = ""


@contextmanager
def run_pytest(
    ctx: Context, nodes: list[str], args: tuple[str, ...] = (), *, coverage: bool = False
) -> Iterator[PytestRun]:
    """Runs pytest on the checked-out branch, unless a green run of the same tests on the same files is known.

    Raises:
        ActionError: pytest cannot be run there.
    """
    if ctx.worktree is None:
        raise ActionError("tests need a checked-out branch")
    python = ctx.settings.python or sys.executable
    key = (ctx.workspace.flush(), python, ctx.settings.database_url)
    with tempfile.TemporaryDirectory(prefix="merge-tool-tests-") as folder:
        report = Path(folder) / "coverage.json"
        known = ctx.green_runs.find(key, nodes, coverage=coverage) if comparable(args) else None
        if known is not None:
            green, cases = known
            ctx.say(f"pytest {' '.join(nodes)}: shown by {green.called} on the same files")
            report.write_text(green.coverage, encoding="utf-8")
            yield PytestRun(Result(0, ""), suite_of(cases), report, green.called)
            return
        ctx.say(f"running pytest {' '.join(nodes)}")
        result, suite = _run(ctx, ctx.worktree(), python, nodes, args, report if coverage else None)
        if result.code == 0 and comparable(args):
            called = f"`pytest {' '.join(nodes)}` of story {ctx.story.id}".replace(" `", "`")
            measured = report.read_text(encoding="utf-8") if report.exists() else ""
            ctx.green_runs.note(GreenRun(key, tuple(nodes), tuple(suite.iter("testcase")), measured, called))
        yield PytestRun(result, suite, report)


def _run(
    ctx: Context,
    worktree: Worktree,
    python: str,
    nodes: list[str],
    args: tuple[str, ...],
    report: Path | None,
) -> tuple[Result, ET.Element]:
    """Runs pytest in the worktree as it stands; gives how it ended and the suite of its JUnit file. `report`: where to write the coverage."""
    with tempfile.TemporaryDirectory(prefix="merge-tool-tests-") as folder:
        junit = Path(folder) / "junit.xml"
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={junit}", *args]
        if report is not None:
            command += ["--cov=.", f"--cov-report=json:{report}", "--cov-fail-under=0"]
            command += _coverage_config(ctx, python, Path(folder))
        env = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(worktree.path)}
        env["COVERAGE_FILE"] = str(Path(folder) / ".coverage")
        if ctx.settings.database_url:
            env["TEST_DATABASE_URL"] = ctx.settings.database_url
        result = run_program([*command, "--", *nodes] if nodes else command, worktree.path, env=env)
        suite = _suite(junit)
    if suite is None:
        problem, hint = why_nothing(result)
        raise ActionError(f"pytest did not run: {problem}", hint=hint)
    return result, suite


def why_nothing(result: Result) -> tuple[str, str]:
    """Why pytest wrote nothing, and what to do."""
    lines = [line.strip() for line in result.output.splitlines() if line.strip()] or [f"code {result.code}"]
    problem = next((line for line in lines if re.search(r"(?<!^)\berror:", line)), lines[-1])
    if "--cov" in problem:
        return problem, "install pytest-cov beside the fork's requirements: pip install pytest-cov"
    return problem, "name an interpreter with the fork's requirements by --python"


def _coverage_config(ctx: Context, python: str, folder: Path) -> list[str]:
    """Options that make coverage follow greenlets, in which SQLAlchemy's async sessions run; nothing where the project says how.

    Without it, all that a function does behind its first `await` of a query would count as not executed.
    """
    own = ctx.workspace.matching(["/.coveragerc"])
    texts = [
        ctx.workspace.read(path)
        for path in ctx.workspace.matching(["/pyproject.toml", "/setup.cfg", "/tox.ini"])
    ]
    if own or any(b"coverage:" in text or b"tool.coverage" in text for text in texts):
        return []
    if run_program([python, "-c", "import greenlet"], folder).code != 0:
        return []
    config = folder / "coverage.ini"
    config.write_text("[run]\nconcurrency = thread,greenlet\n", encoding="utf-8")
    return [f"--cov-config={config}"]


def counts(suite: ET.Element) -> tuple[int, int, int]:
    """Tests, failures with errors, and skipped ones of a JUnit suite."""
    number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return number["tests"], number["failures"] + number["errors"], number["skipped"]


def _suite(junit: Path) -> ET.Element | None:
    """The suite of a JUnit file that pytest just wrote."""
    if not junit.exists():
        return None
    return ET.parse(junit).getroot().find("testsuite")  # noqa: S314 written by the pytest that we started


ACTION = Test
