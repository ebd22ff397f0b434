"""`keys`: a live Redis against the tenancy policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.database.keys.migrate import Moves
    from merge_tool.database.keys.scan import Scan

_EXAMPLE = "redis://:password@host:6379/0"

Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", envvar="MERGE_TOOL_REDIS_URL", help="The Redis; env:NAME takes it from that variable.", show_envvar=True, show_default=False),
]  # fmt: skip
UrlFile = Annotated[
    Path | None,
    typer.Option(
        "--url-file", metavar="FILE", help="A file whose first line is the URL.", show_default=False
    ),
]
Match = Annotated[str, typer.Option("--match", metavar="PATTERN", help="Only keys of this pattern.")]
Batch = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="How many keys one SCAN asks for.")]
Rate = Annotated[
    float, typer.Option("--rate", min=0, metavar="N", help="Keys a second at most; 0: no limit.")
]

keys = typer.Typer(add_completion=False, invoke_without_command=True, no_args_is_help=False)


@keys.callback()
def scan(
    ctx: typer.Context,
    url: Url = "",
    url_file: UrlFile = None,
    policy: options.PolicyName = "",
    tenants: Annotated[
        list[str] | None,
        typer.Option("--tenant", metavar="T", help="A tenant that there is; others count as none. May be repeated; default: any."),
    ] = None,
    match: Match = "*",
    batch: Batch = 500,
    rate: Rate = 0,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Stop after so many keys; 0: all.")] = 0,
    as_json: options.Json = False,
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
) -> int:  # fmt: skip
    """Scan a live Redis for keys that hold no tenant, by family, with counts, samples and times to live.

    SCAN is used, never KEYS, and nothing is written. A key is a tenant's by the policy's keys.templates, and nobody's by
    its keys.global_keys. `keys migrate` gives old keys new names.

    Example: merge-tool keys --url env:REDIS_URL --policy remnabot --rate 5000
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from merge_tool.commands.live import policy_of
    from merge_tool.database.dump import mask_url
    from merge_tool.database.keys.scan import scan_keys
    from merge_tool.database.live.connect import read_url
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say

    target = read_url(url, url_file, example=_EXAMPLE)
    chosen = policy_of(repo, policy, plan)
    found = scan_keys(
        target, chosen, match=match, tenants=tenants or (), batch=batch, rate=rate, limit=limit, say=_progress
    )
    say(_scan_data(mask_url(target), found), _scan_lines(mask_url(target), found), as_json)
    return ExitCode.FINDINGS if found.foreign else ExitCode.CLEAN


@keys.command()
def migrate(
    mappings: Annotated[
        list[str],
        typer.Option("--map", metavar="OLD=NEW", help="Names with places in braces: 'cart:{user_id}=cart:{bot_id}:{user_id}'; may be repeated, the first that fits counts."),
    ],
    url: Url = "",
    url_file: UrlFile = None,
    policy: options.PolicyName = "",
    tenant: Annotated[str, typer.Option("--tenant", metavar="T", help="The tenant of keys of which the lookup says none.")] = "",
    lookup: Annotated[
        Path | None,
        typer.Option("--lookup", metavar="FILE", help="A CSV file; its first line names the place and the tenant: user_id,bot_id.", show_default=False),
    ] = None,
    lookup_query: Annotated[
        str, typer.Option("--lookup-query", metavar="PLACE=SQL", help="The same from --database-url: 'user_id=SELECT id, bot_id FROM users'.")
    ] = "",
    database_url: options.DatabaseUrl = "",
    write: Annotated[bool, typer.Option("--write", help="Rename the keys; without it, it is only said what would be done.")] = False,
    match: Match = "*",
    batch: Batch = 500,
    rate: Rate = 0,
    as_json: options.Json = False,
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
) -> int:  # fmt: skip
    """Give old keys without a tenant new names. A dry run, unless --write is given.

    Each key is renamed by one RENAMENX: type, value and time to live stay, no key is overwritten, and a run that was cut
    off can be done again. The exit code is 1 where keys without a tenant are left.

    Example: merge-tool keys migrate --url env:REDIS_URL --map 'cart:{user_id}=cart:{bot_id}:{user_id}' --tenant 1
    """
    from merge_tool.commands.live import policy_of
    from merge_tool.database.dump import mask_url
    from merge_tool.database.keys.migrate import looked_up, migrate_keys, read_lookup, read_mapping
    from merge_tool.database.live.ask import rows_of
    from merge_tool.database.live.connect import read_url
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say

    target = read_url(url, url_file, example=_EXAMPLE)
    chosen = policy_of(repo, policy, plan)
    ways = [read_mapping(item, chosen) for item in mappings]
    known = read_lookup(lookup) if lookup is not None else {}
    if lookup_query:
        place, _, sql = lookup_query.partition("=")
        if not sql:
            raise UserError(f"{lookup_query!r} is not PLACE=SQL", hint="user_id=SELECT id, bot_id FROM users")
        known |= looked_up(rows_of(read_url(database_url, None, "--database-url"), sql), place)
    moves = migrate_keys(
        target,
        chosen,
        ways,
        tenant=tenant,
        lookup=known,
        write=write,
        match=match,
        batch=batch,
        rate=rate,
        say=_progress,
    )
    say(_moves_data(mask_url(target), moves, write), _moves_lines(mask_url(target), moves, write), as_json)
    return ExitCode.FINDINGS if moves.left else ExitCode.CLEAN


def _progress(seen: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{seen:,} keys")


def _scan_data(url: str, found: Scan) -> dict[str, object]:
    from merge_tool.model.text import printable  # a key may hold any bytes

    return {
        "url": url,
        "keys": found.seen,
        "tenant": found.owned,
        "global": found.shared,
        "without_tenant": found.foreign,
        "complete": found.complete,
        "tenants": found.tenants,
        "families": [
            {
                "family": printable(item.name), "count": item.count, "samples": [printable(key) for key in item.samples],
                "ttl": list(item.ttl) if item.ttl else None, "types": list(item.types),
            }
            for item in found.families
        ],
    }  # fmt: skip


def _scan_lines(url: str, found: Scan) -> list[str]:
    from merge_tool.model.text import one_line

    lines = []
    for item in found.families:
        lives = (
            ""
            if item.ttl is None
            else ", no expiry"
            if item.ttl[0] == -1
            else f", expires in {item.ttl[0]}–{item.ttl[1]} s"
        )
        kinds = f", {'/'.join(item.types)}" if item.types else ""
        samples = ", ".join(map(one_line, item.samples[:3]))
        lines.append(f"{item.count:>8}  {one_line(item.name)}{kinds}{lives}; such as {samples}")
    if found.others:
        lines.append(f"{found.others:>8}  of further families")
    rest = "" if found.complete else " (stopped at --limit)"
    lines.append(
        f"{found.foreign} of {found.seen} keys of {url} hold no tenant; {found.owned} of {len(found.tenants)} tenants, {found.shared} global{rest}"
    )
    return lines


def _moves_data(url: str, moves: Moves, write: bool) -> dict[str, object]:
    from merge_tool.model.text import printable

    def pair(item: tuple[str, str]) -> dict[str, str]:
        return {"old": printable(item[0]), "new": printable(item[1])}

    return {
        "url": url, "written": write, "renamed": moves.renamed, "samples": [pair(item) for item in moves.samples],
        "taken": [pair(item) for item in moves.taken], "unknown": [printable(key) for key in moves.unknown], "unmapped": moves.unmapped,
        "failed": [{"key": printable(key), "reason": why} for key, why in moves.failed],
    }  # fmt: skip


def _moves_lines(url: str, moves: Moves, write: bool) -> list[str]:
    from merge_tool.model.text import one_line

    would = "" if write else "would be "
    lines = [f"  {one_line(old)} → {one_line(new)}" for old, new in moves.samples]
    lines += [f"{count} keys {would}renamed by {text}" for text, count in moves.renamed.items()]
    lines += [f"left: {one_line(old)}: {one_line(new)} is there already" for old, new in moves.taken[:20]]
    lines += [
        f"left: {one_line(key)}: nothing says its tenant (--tenant, --lookup)" for key in moves.unknown[:20]
    ]
    lines += [f"left: {one_line(key)}: {one_line(why)}" for key, why in moves.failed[:20]]
    if moves.unmapped:
        lines.append(f"{moves.unmapped} keys without a tenant fit no mapping")
    lines.append(
        f"{sum(moves.renamed.values())} keys of {url} {would}renamed, {moves.left} left without a tenant"
    )
    if not write and moves.renamed:
        lines.append("nothing was written; --write does it")
    return lines
