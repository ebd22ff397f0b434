"""Runs the tenant linters on the branch as it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.model.outcome import LedgerEntry, Outcome, OutcomeStatus
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.vcs.workspace import Workspace


@dataclass(frozen=True)
class Validate:
    """Runs the rules `select` (all by default) and stops the story on errors, so that a person mends them.

    `fail_on` says which: `new` (those that the story brought in, compared with the tree it started from), `all`, or
    `none` (they are told in the report only). `paths` are the files that are reported on.
    """

    kind: ClassVar[str] = "validate"
    EXAMPLE: ClassVar[dict[str, Any]] = {"select": ["TF1"], "paths": ["app/cabinet/**"], "fail_on": "all"}

    select: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    fail_on: Literal["new", "all", "none"] = "new"

    def run(self, ctx: Context) -> Outcome:
        """Runs the rules; see the class."""
        ctx.say("validating")
        known, unknown = split_codes(self.select)
        ledger = tuple(
            LedgerEntry(code, "not checked", "this version of merge-tool has no rule of that code")
            for code in unknown
        )
        if self.select and not known:
            return Outcome(
                OutcomeStatus.DONE,
                f"no rule for {', '.join(unknown)} in this version: nothing was checked",
                ledger=ledger,
            )
        findings = lint_workspace(ctx.workspace, ctx.policy, known, self.paths)
        errors = [item for item in findings if item.severity is Severity.ERROR]
        if self.fail_on == "new" and errors:
            before = lint_workspace(Workspace(ctx.repo, ctx.story_base), ctx.policy, known, self.paths)
            from merge_tool.lint.since import new_findings

            errors = new_findings(before, errors)
        counts = Counter(item.severity.value for item in findings)
        summary = (
            ", ".join(
                f"{counts[name]} {name}{'s' * (counts[name] != 1 and name != 'info')}"
                for name in ("error", "warning", "info")
                if counts[name]
            )
            or "no finding"
        )
        summary += f" of {', '.join(known)}" if known else ""
        summary += f"; no rule for {', '.join(unknown)} in this version" if unknown else ""
        details = tuple(shown(item) for item in (errors if errors and self.fail_on != "none" else findings))
        if errors and self.fail_on != "none":
            word = "new " if self.fail_on == "new" else ""
            return Outcome(
                OutcomeStatus.STOPPED,
                f"{len(errors)} {word}error{'s' * (len(errors) != 1)} ({summary} in all)",
                details=details,
                ledger=ledger,
            )
        if counts["error"]:
            summary += "; not held against this story" + (
                ", which brought none of them in" if self.fail_on == "new" else ""
            )
        return Outcome(OutcomeStatus.DONE, summary, details=details, ledger=ledger)


def split_codes(select: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The codes (or beginnings of codes) that this version has rules for, and those that it has none for.

    A plan may ask for rules that a later version brings; what was not checked is told, never counted as clean.
    """
    from merge_tool.lint.codes import picks
    from merge_tool.lint.loader import load_rules

    codes = [rule.code for rule in load_rules()]
    known = tuple(word for word in select if any(picks(word, code) for code in codes))
    return known, tuple(word for word in select if word not in known)


def lint_workspace(
    workspace: Workspace, policy: Policy, select: tuple[str, ...], paths: tuple[str, ...]
) -> tuple[Diagnostic, ...]:
    """The findings on a tree's files: the index is built over all of them, the report is on those that match."""
    from merge_tool.lint.run import lint_texts

    files = workspace.python_files()
    patterns = paths or policy.checked_paths
    report_on = [path for path in workspace.matching(patterns) if path in files] if patterns else list(files)
    return lint_texts(files, policy, report_on=report_on, select=select).findings


def shown(item: Diagnostic) -> str:
    """A finding as one line."""
    return f"{item.path}:{item.span.line}:{item.span.column}: {item.code} {item.message}"


ACTION = Validate
