"""Compares the models of the branch with what the plan's schema criteria ask for, and writes the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.actions.criteria import schema_problems
from merge_tool.actions.criteria_live import NEEDS, asked_database
from merge_tool.errors import ActionError, UserError
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.model.plan import CheckKind
from merge_tool.model.text import md_code, md_text


@dataclass(frozen=True)
class Schema:
    """Checks every `schema` criterion of the plan, and the tenant column of every table, on the models as text.

    `report` names a Markdown file to write. A missing column or index stops the story. With `live`, and a PostgreSQL given
    by `--database-url`, the report also tells what `merge-tool schema` finds in a scratch database with the branch's
    revisions (`branch`) or in the given one (`given`); such findings stop nothing.
    """

    kind: ClassVar[str] = "schema"
    EXAMPLE: ClassVar[dict[str, Any]] = {"report": "docs/merge/schema-report.md"}

    report: str = ""
    live: Literal["", "branch", "given"] = ""

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
        told, lines, details = _inspected(ctx, self.live) if self.live else ("", [], ())
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
                    *lines,
                ]
            )
            changed = ctx.workspace.write(self.report, text.encode())
            files = (FileVerdict(self.report, Verdict.GENERATED if changed else Verdict.UNCHANGED, "schema"),)
        status = OutcomeStatus.STOPPED if problems else OutcomeStatus.DONE
        return Outcome(
            status,
            f"{len(rows)} schema criteria, {len(problems)} problems" + (f"; {told}" if told else ""),
            files=files,
            details=(*problems, *details),
        )


def _inspected(ctx: Context, where: str) -> tuple[str, list[str], tuple[str, ...]]:
    """What an inspection finds: a sentence, the report's lines about it, and the findings as lines."""
    url = ctx.settings.database_url
    if not url or url.startswith("sqlite"):
        return f"no database was inspected, that {NEEDS}", [], ()
    if ctx.dry_run:
        return "would inspect a database", [], ()
    from merge_tool.database.live.inspect import inspect_database

    try:
        with asked_database(ctx, where) as (asked, called):
            found = inspect_database(asked, ctx.policy, role=ctx.settings.database_role)
    except (ActionError, UserError) as error:
        return f"no database was inspected: {error}", [], ()
    findings = [
        item for item in found.findings if item.subject != found.catalog.role.name or where == "given"
    ]
    owned = {item.name for item in found.scope.owned}
    told = f"{called} has {len(owned)} tenant tables of {len(found.catalog.tables)}, {len(findings)} findings"
    lines = [
        f"## {md_text(called[:1].upper() + called[1:])}",
        "",
        "| table | of a tenant | findings |",
        "|---|---|---|",
    ]
    left = list(findings)
    for table in sorted(found.catalog.tables.values(), key=lambda item: item.name):
        mine = [
            item
            for item in findings
            if item.subject == table.name or item.subject.startswith(f"{table.name}.")
        ]
        left = [item for item in left if item not in mine]
        said = "; ".join(f"{item.code} {item.message}" for item in mine)
        lines.append(
            f"| {md_code(table.name)} | {'yes' if table.name in owned else 'no'} | {md_text(said) or 'none'} |"
        )
    lines += ["", *(f"- {md_code(item.subject)}: {item.code} {md_text(item.message)}" for item in left), ""]
    return told, lines, tuple(f"{item.subject}: {item.code} {item.message}" for item in findings)


ACTION = Schema
