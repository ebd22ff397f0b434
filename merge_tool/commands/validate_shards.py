"""`validate --shard K/N` and `--merge-shards`: one run in the parts of a CI matrix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from merge_tool.commands.validate_run import Asked, Seen

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache
    from merge_tool.lint.run import LintResult


def write_shard(asked: Asked, seen: Seen, cache: Cache | None, shard: str) -> None:
    """Does a part of the run and writes it on standard output, with the findings of the part's files for who looks into it.

    Raises:
        UserError: `shard` is not K/N, there is nothing to check, or no policy was named and the generic one fits nothing.
    """
    from merge_tool.errors import UserError
    from merge_tool.lint.results import read_row
    from merge_tool.lint.shards import lint_share, parse_share
    from merge_tool.lint.workers import default_jobs
    from merge_tool.report.json_findings import findings_data

    part = lint_share(
        asked.root,
        seen.files,
        seen.policy,
        parse_share(shard),
        report_on=seen.report_on,
        select=asked.select,
        ignore=asked.ignore,
        rule_folders=asked.folders,
        cache=cache,
        jobs=asked.jobs or default_jobs(),
    )
    if not seen.choice.known and part["models"] and not part["tenant_models"]:
        from merge_tool.commands.policy_choice import NAME_ONE

        raise UserError("no policy was named, and the generic one fits no model here", hint=NAME_ONE)
    found = [read_row(row) for row in (*part["found"], *part["unread"])]
    data = findings_data(found, len(part["wanted"]), part["seconds"]) | {"shard": part}
    typer.echo(json.dumps(data, indent=1))


def merged_shards(asked: Asked, files: Sequence[Path]) -> tuple[Asked, Seen, LintResult]:
    """Reads the parts and puts them together.

    Returns:
        what the shards were asked for, what they read, and what one run would have found. The files need not be here,
        unless `--since` has to read the merge base.

    Raises:
        UserError: a file cannot be read or is no shard, or the parts make no whole.
    """
    from merge_tool.commands.policy_choice import choose_policy
    from merge_tool.lint.shards import merged

    parts: dict[str, Any] = {}
    for path in files:
        name = str(path) if str(path) not in parts else f"{path} (named again)"
        parts[name] = _read(path)
    choice = choose_policy(asked.root, asked.policy, asked.plan)
    result = merged(parts, choice.policy)
    head = next(iter(parts.values()))
    asked = replace(asked, select=tuple(head["select"]), ignore=tuple(head["ignore"]))
    base = None
    if asked.since:
        from merge_tool.lint.since import read_base

        base = read_base(asked.root, asked.since)
    asked.note(f"policy: {choice.policy.name} ({choice.origin}); {len(parts)} shards")
    report_on = head["report_on"]
    return (
        asked,
        Seen(choice.policy, choice, (), None if report_on is None else frozenset(report_on), base),
        result,
    )


def _read(path: Path) -> Any:
    from merge_tool.errors import UserError

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the shard cannot be read: {error.strerror or error}", where=str(path)) from error
    except ValueError as error:
        raise UserError(f"this is no shard: {error}", where=str(path)) from error
    return data.get("shard") if isinstance(data, dict) else None
