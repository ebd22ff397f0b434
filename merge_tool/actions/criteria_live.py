"""Criteria that a server shows: the schema and queries of a PostgreSQL, keys of a Redis, revisions tried out, statements counted.

Without a server a criterion stays open and says what it needs: nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from merge_tool.actions.alembic import try_revisions
from merge_tool.actions.base import Context
from merge_tool.actions.branch_database import branch_database
from merge_tool.actions.count import count_statements
from merge_tool.errors import ActionError, UserError
from merge_tool.model.outcome import CriterionStatus
from merge_tool.model.plan import CheckKind, Criterion

Standing = tuple[CriterionStatus, str]
NEEDS = "needs a PostgreSQL: --database-url, or MERGE_TOOL_DATABASE_URL"


def live_criterion(ctx: Context, criterion: Criterion) -> Standing:
    """The standing of a criterion of one of the kinds that need a server, with its evidence."""
    kind, options = criterion.check.kind, criterion.check.options
    if kind is CheckKind.COUNT:
        return _count(ctx, options)
    if kind is CheckKind.KEYS:
        return _keys(ctx, options)
    url = ctx.settings.database_url
    if not url or url.startswith("sqlite"):
        return CriterionStatus.OPEN, NEEDS
    if ctx.dry_run:
        return CriterionStatus.OPEN, f"would be asked of {_shown(url)}"
    judges = {CheckKind.SCHEMA: _schema, CheckKind.QUERY: _query, CheckKind.EXPLAIN: _explain}
    try:
        if kind is CheckKind.ALEMBIC:
            return _alembic(ctx, options)
        return judges[kind](ctx, options)
    except ActionError as error:
        hint = f" ({error.hint})" if error.hint else ""
        failed = error.message.startswith("alembic upgrade")
        return CriterionStatus.FAILED if failed else CriterionStatus.OPEN, f"{error}{hint}"
    except UserError as error:
        return CriterionStatus.OPEN, f"{error} ({error.hint})" if error.hint else str(error)


@contextmanager
def asked_database(ctx: Context, where: str) -> Iterator[tuple[str, str]]:
    """The URL of the database to ask, and what to call it."""
    if where == "given":
        yield ctx.settings.database_url, _shown(ctx.settings.database_url)
        return
    with branch_database(ctx) as url:
        yield url, "a scratch database with the branch's revisions"


def _shown(url: str) -> str:
    from merge_tool.database.dump import mask_url

    return mask_url(url)


def _schema(ctx: Context, options: Mapping[str, Any]) -> Standing:
    from merge_tool.database.live.inspect import inspect_database

    where, table, select = options.get("live", ""), options.get("table", ""), tuple(options.get("select", ()))
    with asked_database(ctx, where) as (url, called):
        role = ctx.settings.database_role
        found = inspect_database(url, ctx.policy, role=role)
        columns = {item.bare: set(item.columns) for item in found.catalog.tables.values()}
        indexes = {index.name for item in found.catalog.tables.values() for index in item.indexes}
    problems = []
    if table and table not in columns:
        problems.append(f"{called} has no table {table}")
    for wanted in options.get("columns", ()) if table in columns else ():
        name = wanted if isinstance(wanted, str) else wanted["name"]
        if name not in columns[table]:
            problems.append(f"{table} has no column {name}")
    problems += [f"there is no index {name}" for name in options.get("indexes", ()) if name not in indexes]
    counted = [
        item for item in found.bad
        if (not select or item.code.startswith(select))
        and (not table or item.subject.rpartition(".")[2] == table)
        # The role that made the scratch database is not the application's.
        and (where == "given" or role or item.subject != found.catalog.role.name)
    ]  # fmt: skip
    problems += [f"{item.subject}: {item.code} {item.message}" for item in counted]
    if not found.scope.owned and not table:
        problems.append(f"{called} has no tenant table")
    command = (
        f"merge-tool schema --url {_shown(ctx.settings.database_url)}"
        if where == "given"
        else f"the inspection of {called}"
    )
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        return CriterionStatus.FAILED, f"{command}: {'; '.join(problems[:5])}{more}"
    codes = f" of {', '.join(select)}" if select else ""
    about = table or f"{len(found.scope.owned)} tenant tables"
    there = [f"{len(options.get(name) or ())} {name}" for name in ("columns", "indexes") if options.get(name)]
    asked = f"{' and '.join(there)} asked for are there, " if there else ""
    return CriterionStatus.PASSED, f"{command}: {asked}no finding{codes} about {about}"


def _query(ctx: Context, options: Mapping[str, Any]) -> Standing:
    from merge_tool.database.live.ask import ask

    with asked_database(ctx, options.get("on", "given")) as (url, called):
        got = ask(url, options["sql"])
    expected = options.get("expect")
    sql = " ".join(str(options["sql"]).split())
    told = f"{sql} on {called} gives {got}"
    return (
        (CriterionStatus.PASSED, told)
        if _same(got, expected)
        else (CriterionStatus.FAILED, f"{told}, not {expected}")
    )


def _same(got: str | None, expected: object) -> bool:
    """Whether PostgreSQL's text of a value is what the plan expects."""
    if expected is None or got is None:
        return expected is None and got is None
    if isinstance(expected, bool):
        return got == ("t" if expected else "f")
    if isinstance(expected, int | float):
        try:
            return float(got) == float(expected)
        except ValueError:
            return False
    return got == str(expected)


def _explain(ctx: Context, options: Mapping[str, Any]) -> Standing:
    from merge_tool.database.live.ask import explain_tables

    where = options.get("on", "branch")
    with asked_database(ctx, where) as (url, called):
        explained = explain_tables(
            url, ctx.policy, tables=options.get("tables", ()), queries=options.get("queries", ()), limit=options.get("max_ms"), rows=where == "branch"
        )  # fmt: skip
    bad = [item for item in explained if not item.good]
    if bad:
        return CriterionStatus.FAILED, f"EXPLAIN on {called}: {'; '.join(item.line() for item in bad[:5])}"
    if not explained:
        return CriterionStatus.OPEN, f"{called} has no tenant table to explain queries of"
    times = [item.milliseconds for item in explained if item.milliseconds is not None]
    took = f", the slowest in {max(times):.2f} ms" if times else ""
    indexes = list(dict.fromkeys(name for item in explained for name in item.indexes))
    shown = ", ".join(indexes[:4]) + (", …" if len(indexes) > 4 else "")
    return (
        CriterionStatus.PASSED,
        f"EXPLAIN of {len(explained)} queries on {called}: each uses an index on the tenant ({shown}){took}",
    )


def _alembic(ctx: Context, options: Mapping[str, Any]) -> Standing:
    problems, told = try_revisions(ctx, options.get("down_to", ""), drift=options.get("drift", True))
    if problems:
        return CriterionStatus.FAILED, "; ".join(problems)
    return CriterionStatus.PASSED, told


def _keys(ctx: Context, options: Mapping[str, Any]) -> Standing:
    url = ctx.settings.redis_url
    if not url:
        return CriterionStatus.OPEN, "needs a Redis: MERGE_TOOL_REDIS_URL"
    if ctx.dry_run:
        return CriterionStatus.OPEN, f"would scan {_shown(url)}"
    from merge_tool.database.keys.scan import scan_keys

    try:
        scan = scan_keys(url, ctx.policy, match=options.get("match", "*"))
    except UserError as error:
        return CriterionStatus.OPEN, str(error)
    told = f"merge-tool keys --url {_shown(url)}: {scan.seen} keys, {scan.foreign} without a tenant"
    if scan.foreign:
        return (
            CriterionStatus.FAILED,
            f"{told}: {', '.join(f'{item.name} ({item.count})' for item in scan.families[:5])}",
        )
    if not scan.seen:
        return CriterionStatus.OPEN, f"{_shown(url)} holds no key: nothing is shown by that"
    return CriterionStatus.PASSED, told


def _count(ctx: Context, options: Mapping[str, Any]) -> Standing:
    nodes = list(options.get("nodes", ()))
    missing = [node for node in nodes if not ctx.workspace.matching([f"/{node.partition('::')[0]}"])]
    if missing:
        return CriterionStatus.OPEN, f"not on the branch yet: {', '.join(missing)}"
    if ctx.dry_run:
        return CriterionStatus.OPEN, f"would count the statements of pytest {' '.join(nodes)}"
    table, most = options["table"], options["at_most"]
    try:
        ok, summary, counts = count_statements(ctx, nodes, table)
    except ActionError as error:
        return CriterionStatus.OPEN, str(error)
    shown = f"pytest {' '.join(nodes)}: {summary}"
    if not ok:
        return CriterionStatus.FAILED, shown
    if not counts:
        return (
            CriterionStatus.OPEN,
            f"{shown}; no statement was seen, so nothing is counted (SQLAlchemy was not used)",
        )
    worst = max(counts, key=lambda name: counts[name])
    told = f"{shown}; at most {counts[worst]} statements on {table} in a test ({worst}), {most} are allowed"
    return (CriterionStatus.PASSED if counts[worst] <= most else CriterionStatus.FAILED), told
