"""Compares the models of the branch with what the plan's schema criteria ask for, and writes the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.criteria import schema_problems
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.model.plan import CheckKind
from merge_tool.model.text import md_code, md_text


@dataclass(frozen=True)
class Schema:
    """Checks every `schema` criterion of the plan, and the tenant column of every table, on the models as text.

    `report` names a Markdown file to write. A missing column or index stops the story.
    """

    kind: ClassVar[str] = "schema"
    EXAMPLE: ClassVar[dict[str, Any]] = {"report": "docs/merge/schema-report.md"}

    report: str = ""

    def run(self, ctx: Context) -> Outcome:
        """Checks; see the class."""
        rows, problems = [], []
        for story in ctx.plan.stories():
            for criterion in story.criteria:
                if criterion.check.kind is CheckKind.SCHEMA:
                    found = schema_problems(ctx.workspace, criterion.check.options)
                    problems += [f"AC {criterion.id}: {text}" for text in found]
                    rows.append(
                        f"| {criterion.id} | {md_text(criterion.then)} | {md_text('; '.join(found)) or 'holds'} |"
                    )
        files: tuple[FileVerdict, ...] = ()
        if self.report:
            text = "\n".join(
                [
                    f"# Schema of {md_code(ctx.facts['merge_branch'])}",
                    "",
                    "| criterion | asks | result |",
                    "|---|---|---|",
                    *rows,
                    "",
                ]
            )
            changed = ctx.workspace.write(self.report, text.encode())
            files = (FileVerdict(self.report, Verdict.GENERATED if changed else Verdict.UNCHANGED, "schema"),)
        status = OutcomeStatus.STOPPED if problems else OutcomeStatus.DONE
        return Outcome(
            status,
            f"{len(rows)} schema criteria, {len(problems)} problems",
            files=files,
            details=tuple(problems),
        )


ACTION = Schema
