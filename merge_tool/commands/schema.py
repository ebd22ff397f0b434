"""`schema`: a live PostgreSQL against the tenancy policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.database.live.explain import Explained

_EXAMPLE = "postgresql://user:password@host:5432/database"


def schema(
    url: Annotated[
        str,
        typer.Option("--url", metavar="URL", envvar="MERGE_TOOL_DATABASE_URL", help="The database; env:NAME takes it from that variable.", show_envvar=True, show_default=False),
    ] = "",
    url_file: Annotated[
        Path | None,
        typer.Option("--url-file", metavar="FILE", help="A file whose first line is the URL.", show_default=False),
    ] = None,
    policy: options.PolicyName = "",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="The application's role, whose rights count; default: whom the URL names.")
    ] = "",
    schemas: Annotated[
        list[str] | None, typer.Option("--schema", metavar="NAME", help="Only this schema; may be repeated. Default: all of the project's.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Plan the queries of the tenant tables, and say which index each uses.")
    ] = False,
    story: Annotated[
        str, typer.Option("--story", metavar="X.Y", help="With --explain: only tables that files of this story name.")
    ] = "",
    tables: Annotated[
        list[str] | None, typer.Option("--table", metavar="NAME", help="With --explain: only this table; may be repeated.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option("--queries", metavar="FILE", help="With --explain: the SQL of this file instead; parameters as :name or $1.", show_default=False)
    ] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="With --explain: run SELECTs too (EXPLAIN ANALYZE), for their time.")
    ] = False,
    values: Annotated[
        list[str] | None, typer.Option("--value", metavar="NAME=VALUE", help="A parameter's value for --analyze; 1=7 for $1; may be repeated.")
    ] = None,
    max_ms: Annotated[
        float | None, typer.Option("--max-ms", metavar="MS", help="With --analyze: longer is a finding.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="The limit of each statement.")] = 30.0,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="rich, md, json, or sql (only what mends it).")] = "rich",
    as_json: options.Json = False,
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
) -> int:  # fmt: skip
    """Inspect a live PostgreSQL: tenant columns, indexes, unique keys, row-level security and its policies, roles, views, functions.

    Everything is read in one read-only transaction with a time limit. Each finding comes with the SQL that mends it.
    The exit code is 1 where there is an error or a warning, or a query without an index.

    Example: merge-tool schema --url env:DATABASE_URL --policy remnabot --role app --explain
    """
    from merge_tool.commands.live import file_text, policy_of, print_text, story_tables
    from merge_tool.database.dump import mask_url
    from merge_tool.database.live.connect import read_url, reading
    from merge_tool.database.live.explain import (
        explain_queries,
        some_tenant,
        split_statements,
        tenant_queries,
    )
    from merge_tool.database.live.inspect import inspect_catalog
    from merge_tool.database.live.read import read_catalog
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.live import mending_sql, print_schema, render_schema_md, schema_data
    from merge_tool.report.summary import say

    form = "json" if as_json else form
    if form not in ("rich", "md", "json", "sql"):
        raise UserError(f"there is no format {form!r}", hint="rich, md, json or sql")
    if not explain and (story or tables or queries or analyze):
        raise UserError("--story, --table, --queries and --analyze go with --explain", hint="add --explain")
    target = read_url(url, url_file, example=_EXAMPLE)
    chosen = policy_of(repo, policy, plan)
    named = story_tables(repo, plan, story) if story else None
    text = file_text(queries) if queries is not None else ""
    with reading(target, seconds=timeout) as connection:
        catalog = read_catalog(connection, role=role, schemas=schemas or ())
        inspection = inspect_catalog(catalog, chosen)
        explained: tuple[Explained, ...] = ()
        if explain:
            only = tuple(tables or ())
            if named is not None:
                only = tuple(item.name for item in inspection.scope.owned if item.bare in named)
            given: dict[str, str] = {}
            for pair in values or ():
                name, _, given[name] = pair.partition("=")
            if text:
                asked = split_statements(text)
            elif named is not None and not only:
                asked = []
            else:
                asked = tenant_queries(inspection.scope, only)
                if analyze and (
                    tenant := some_tenant(connection, inspection.scope, chosen.database.variable)
                ):
                    given.setdefault("1", tenant)
            explained = explain_queries(
                connection, asked, inspection.scope, values=given, run=analyze, limit=max_ms
            )
    shown = mask_url(target)
    if form == "json":
        say(schema_data(shown, chosen.name, inspection, explained), [], True)
    elif form == "md":
        print_text(render_schema_md(shown, inspection, explained))
    elif form == "sql":
        print_text(mending_sql(inspection.findings) + "\n")
    else:
        print_schema(shown, inspection, explained)
    bad = inspection.bad or any(not item.good for item in explained)
    return ExitCode.FINDINGS if bad else ExitCode.CLEAN
