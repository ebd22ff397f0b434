"""What a live database lacks, for people, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from merge_tool.model.source import Severity
from merge_tool.model.text import md_code, md_text, one_line
from merge_tool.report.console import console, safe

if TYPE_CHECKING:
    from merge_tool.database.live.explain import Explained
    from merge_tool.database.live.findings import LiveFinding
    from merge_tool.database.live.inspect import Inspection

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def schema_data(
    url: str, policy: str, inspection: Inspection, explained: Sequence[Explained]
) -> dict[str, Any]:
    """The JSON document of `schema`; `url` has no password."""
    catalog, scope = inspection.catalog, inspection.scope
    return {
        "url": url,
        "policy": policy,
        "database": catalog.database,
        "server": f"{catalog.version // 10000}.{catalog.version % 10000}",
        "role": catalog.role.name,
        "tenants": scope.tenants,
        "tables": [
            {
                "name": item.name,
                "scope": "tenant"
                if item in scope.owned
                else "shared"
                if item in scope.shared
                else "unclassified",
                "rls": item.rls,
                "forced": item.forced,
                "policies": [policy.name for policy in item.policies],
            }
            for item in catalog.tables.values()
        ],
        "findings": [
            {
                "code": item.code,
                "severity": item.severity.value,
                "object": item.subject,
                "message": item.message,
                "sql": item.mend,
            }
            for item in inspection.findings
        ],
        "explain": [item.data() for item in explained],
    }


def print_schema(
    url: str, inspection: Inspection, explained: Sequence[Explained], *, sql: bool = True
) -> None:
    """Prints the findings, each with the SQL that mends it, and the queries with the index that each uses."""
    out = console()
    for item in inspection.findings:
        head = safe(f"{one_line(item.subject)}: ", "bold")
        head.append(safe(item.code, _STYLES[item.severity]))
        head.append(safe(f" {item.severity.value}: {one_line(item.message)}"))
        out.print(head, soft_wrap=True)
        for line in item.mend.splitlines() if sql else ():
            out.print(safe(f"      {one_line(line)}", "dim"), soft_wrap=True)
    for query in explained:
        out.print(safe(query.line(), "" if query.good else "yellow"), soft_wrap=True)
    out.print(safe(schema_line(url, inspection, explained)), soft_wrap=True)


def schema_line(url: str, inspection: Inspection, explained: Sequence[Explained]) -> str:
    """`2 errors in 25 tenant tables of postgresql://… as app`."""
    counts = Counter(item.severity.value for item in inspection.findings)
    found = ", ".join(
        f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}"
        for kind in ("error", "warning", "info")
        if counts[kind]
    )
    slow = sum(not item.good for item in explained)
    queries = f"; {len(explained)} queries, {slow} without a fitting index" if explained else ""
    return f"{found or 'no finding'} in {len(inspection.scope.owned)} tenant tables of {one_line(url)} as {one_line(inspection.catalog.role.name)}{queries}"


def render_schema_md(url: str, inspection: Inspection, explained: Sequence[Explained]) -> str:
    """The findings as a Markdown page: a table, then the SQL that mends them."""
    parts = [
        f"# Database schema of {md_code(inspection.catalog.database)}",
        "",
        md_text(schema_line(url, inspection, explained)) + ".",
        "",
    ]
    if inspection.findings:
        parts += ["| severity | object | code | finding |", "|---|---|---|---|"]
        parts += [
            f"| {item.severity.value} | {md_code(item.subject)} | {item.code} | {md_text(item.message)} |"
            for item in inspection.findings
        ]
        parts.append("")
    if mends := mending_sql(inspection.findings):
        fence = "```"
        while fence in mends:
            fence += "`"
        parts += ["## SQL that mends it", "", f"{fence}sql", mends, fence, ""]
    if explained:
        parts += ["## Queries", "", "| query | index | plan | ms |", "|---|---|---|---|"]
        parts += [
            f"| {md_code(item.sql)} | {md_text(', '.join(item.indexes)) or 'none'} | {md_text(item.verdict)} | {'' if item.milliseconds is None else f'{item.milliseconds:.2f}'} |"
            for item in explained
        ]
        parts.append("")
    return "\n".join(parts)


def mending_sql(findings: Sequence[LiveFinding]) -> str:
    """All SQL that mends the findings, each statement once."""
    from merge_tool.model.text import printable

    return "\n".join(dict.fromkeys(printable(item.mend) for item in findings if item.mend))
