"""Shows whether a story's acceptance criteria hold: by findings, tests, the schema, or a signature. Never by assumption."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from merge_tool.actions.base import Context
from merge_tool.actions.criteria_live import live_criterion
from merge_tool.actions.model_text import migrated_indexes, table_text
from merge_tool.actions.test import run_nodes, run_tests
from merge_tool.actions.validate import lint_workspace, shown, split_codes
from merge_tool.errors import ActionError
from merge_tool.model.outcome import CriterionResult, CriterionStatus
from merge_tool.model.plan import CheckKind, Criterion
from merge_tool.model.source import Severity
from merge_tool.vcs.workspace import Workspace

_STATUS = {True: CriterionStatus.PASSED, False: CriterionStatus.FAILED}


def evaluate(ctx: Context, criteria: Sequence[Criterion]) -> tuple[CriterionResult, ...]:
    """The standing of each criterion on the branch as it is now, with its evidence."""
    ran = _run_together(ctx, criteria)
    return tuple(CriterionResult(item.id, *_with_database(ctx, item, ran)) for item in criteria)


def _with_database(
    ctx: Context, criterion: Criterion, ran: Mapping[str, tuple[bool, str]]
) -> tuple[CriterionStatus, str]:
    """The standing of a criterion's check, and of what must hold besides where a database is given: the worse of the two."""
    standing = _evaluate(ctx, criterion, ran)
    url = ctx.settings.database_url
    if criterion.with_database is None or not url or url.startswith("sqlite"):
        return standing
    live = live_criterion(ctx, replace(criterion, check=criterion.with_database))
    order = (CriterionStatus.FAILED, CriterionStatus.OPEN)
    status = next((item for item in order if item in (standing[0], live[0])), standing[0])
    return status, f"{standing[1]}; {live[1]}"


def _run_together(ctx: Context, criteria: Sequence[Criterion]) -> dict[str, tuple[bool, str]]:
    """One run of all the criteria's tests that are there, by node; a criterion whose node is missing runs its own."""
    nodes = [
        node
        for item in criteria
        if item.check.kind is CheckKind.TEST and item.check.options.get("coverage") is None
        for node in item.check.options.get("nodes", ())
        if ctx.workspace.matching([f"/{node.partition('::')[0]}"])
    ]
    if len(set(nodes)) < 2 or ctx.dry_run or ctx.settings.no_tests:
        return {}
    try:
        return run_nodes(ctx, list(dict.fromkeys(nodes)))
    except ActionError:
        return {}


def _evaluate(
    ctx: Context, criterion: Criterion, ran: Mapping[str, tuple[bool, str]]
) -> tuple[CriterionStatus, str]:
    options = criterion.check.options
    match criterion.check.kind:
        case CheckKind.VALIDATE:
            return _validate(ctx, tuple(options.get("select", ())), tuple(options.get("paths", ())))
        case CheckKind.SCHEMA:
            asked = bool(options.get("columns") or options.get("indexes"))
            problems = schema_problems(ctx.workspace, options) if asked or not options.get("live") else []
            if not problems and options.get("live"):
                return live_criterion(ctx, criterion)
            return _STATUS[not problems], "; ".join(
                problems
            ) or f"the model and the revisions of {options.get('table')} as text"
        case CheckKind.TEST:
            return _test(ctx, list(options.get("nodes", ())), options.get("coverage"), ran)
        case CheckKind.QUERY | CheckKind.EXPLAIN | CheckKind.KEYS | CheckKind.ALEMBIC | CheckKind.COUNT:
            return live_criterion(ctx, criterion)
        case CheckKind.GATE:
            signature = ctx.approvals.get(criterion.id)
            return (
                (CriterionStatus.SIGNED, signature)
                if signature
                else (CriterionStatus.OPEN, "waits for a signature")
            )


def _validate(ctx: Context, select: tuple[str, ...], paths: tuple[str, ...]) -> tuple[CriterionStatus, str]:
    known, unknown = split_codes(select)
    if unknown:
        return CriterionStatus.OPEN, f"this version has no rule {', '.join(unknown)}"
    count = len(ctx.workspace.matching(paths or ("*.py",)))
    if count == 0:
        return CriterionStatus.OPEN, f"no file matches {', '.join(paths)} yet"
    findings = lint_workspace(ctx.workspace, ctx.policy, known, paths)
    bad = [item for item in findings if item.severity is not Severity.INFO]
    command = f"merge-tool validate --select {','.join(select)} {' '.join(paths)}".replace(" --select  ", " ")
    if bad:
        return CriterionStatus.FAILED, f"{len(bad)} findings by `{command}`, the first: {shown(bad[0])}"
    undecided = f", {len(findings)} sites undecided" if findings else ""
    return CriterionStatus.PASSED, f"no finding in {count} files by `{command}`{undecided}"


def _test(
    ctx: Context, nodes: list[str], coverage: int | None, ran: Mapping[str, tuple[bool, str]]
) -> tuple[CriterionStatus, str]:
    missing = [node for node in nodes if not ctx.workspace.matching([f"/{node.partition('::')[0]}"])]
    if missing or not nodes:
        return CriterionStatus.OPEN, f"not on the branch yet: {', '.join(missing) or 'a test'}"
    if ctx.dry_run:
        return CriterionStatus.OPEN, f"would run pytest {' '.join(nodes)}"
    if ctx.settings.no_tests:
        return CriterionStatus.OPEN, f"not run: {ctx.settings.no_tests}"
    if coverage is None and len(nodes) == 1 and nodes[0] in ran:
        ok, summary = ran[nodes[0]]
        return _STATUS[ok], f"pytest {nodes[0]}: {summary}"
    try:
        ok, summary, _ = run_tests(ctx, nodes, coverage=coverage)
    except ActionError as error:
        return CriterionStatus.OPEN, str(error)
    return _STATUS[ok], f"pytest {' '.join(nodes)}: {summary}"


def schema_problems(workspace: Workspace, options: Mapping[str, Any]) -> list[str]:
    """What the models lack of a schema check's `table`, `columns` and `indexes`.

    A column is a name, or a mapping with `name` and optionally `type` and `nullable`.
    """
    table = str(options.get("table", ""))
    found = table_text(workspace, table)
    if found is None:
        return [f"no model has the table {table}"]
    problems = []
    for wanted in options.get("columns", ()):
        spec = {"name": wanted} if isinstance(wanted, str) else wanted
        column = found.columns.get(spec["name"])
        if column is None:
            problems.append(f"{table}.{spec['name']} is not in the model ({found.path}:{found.line})")
            continue
        if spec.get("type") and not _same_type(column.type, spec["type"]):
            problems.append(f"{table}.{column.name} is {column.type or 'untyped'}, not {spec['type']}")
        if spec.get("nullable") is not None and column.nullable is not spec["nullable"]:
            problems.append(f"{table}.{column.name} is {'' if column.nullable else 'not '}nullable")
    if missing := set(options.get("indexes") or ()) - found.indexes:
        missing -= migrated_indexes(workspace)
        problems += [f"the index {name} is in no model and no revision" for name in sorted(missing)]
    return problems


def _same_type(one: str, two: str) -> bool:
    """Whether two type expressions say the same: `sa.String(255)` and `String(255)`, `DateTime` and `DateTime()`."""
    clean = [re.sub(r"^\w+\.(?=\w)", "", text.replace(" ", "")).removesuffix("()") for text in (one, two)]
    return clean[0] == clean[1]
