"""Writes tests with two tenants for the routes and query functions of the branch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError, UserError
from merge_tool.model.outcome import FileVerdict, LedgerEntry, Outcome, OutcomeStatus, Verdict


@dataclass(frozen=True)
class IsolationTests:
    """Writes the test file `path`, and beside it the support module `tenant_world.py`, from the branch as it stands.

    `routes`, `functions` and `keys` are git-style patterns of the files whose routes, query functions and Redis keys are
    tested; without them: all routes, the functions where queries are kept, all keys; an empty list leaves a kind out. `rows`
    gives rows of a table values that they must have, `headers` what a request of a tenant carries (`{column}` is a column
    of the tenants' own table), `settings` what attributes of the settings object are meanwhile, `mismatch` the statuses that a user of another tenant may get. With `trial`, the tests are
    run once with the fork's interpreter (this runs the fork's code): those whose call works for nobody are taken out and
    listed with the reason. A test that finds a leak stays, and fails in the story's `test`. A file that people wrote is kept as it is.
    """

    kind: ClassVar[str] = "isolation_tests"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "path": "tests/integration/test_cabinet_tenant_isolation.py",
        "routes": ["app/cabinet/**/*.py"],
        "functions": [],
        "rows": {"users": {"telegram_id": 1000}},
    }

    path: str
    routes: tuple[str, ...] | None = None
    functions: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    mismatch: tuple[int, ...] = (403,)
    trial: bool = True

    def run(self, ctx: Context) -> Outcome:
        """Writes them; see the class."""
        from merge_tool.isolation.model import MARK, Options

        if ctx.workspace.entry(self.path) is not None and MARK not in ctx.workspace.read(self.path):
            why = "it is there, and people wrote it: no test was generated"
            kept = FileVerdict(self.path, Verdict.KEPT, self.kind, why)
            return Outcome(OutcomeStatus.DONE, f"{self.path}: {why}", files=(kept,))
        from merge_tool.isolation.generate import generate
        from merge_tool.isolation.trial import tried

        options = Options(
            self.path, self.routes, self.functions, self.keys, rows=self.rows, headers=self.headers, settings=self.settings, mismatch=self.mismatch
        )  # fmt: skip
        files = ctx.workspace.python_files()
        try:
            if self.trial and not ctx.dry_run and ctx.worktree is not None:
                ctx.say("trying the isolation tests")
                made = tried(files, ctx.policy, options, ctx.worktree().path, ctx.settings.python)
            else:
                made = generate(files, ctx.policy, options)
        except UserError as error:
            raise ActionError(str(error), hint=error.hint or "", where=str(ctx.story.at)) from error
        verdicts = []
        for path, text in sorted(made.files.items()):
            changed = ctx.workspace.write(path, text.encode())
            verdicts.append(FileVerdict(path, Verdict.GENERATED if changed else Verdict.UNCHANGED, self.kind))
        ledger = tuple(
            LedgerEntry(f"{item.path}:{item.line} {item.what}", "not tested", item.reason)
            for item in made.not_tested
        )
        summary = f"{self.path}: {len(made.tested)} tests, {len(ledger)} things left out"
        return Outcome(OutcomeStatus.DONE, summary, files=tuple(verdicts), ledger=ledger, details=made.notes)


ACTION = IsolationTests
