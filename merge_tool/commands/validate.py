"""`validate`: the tenant linters."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.validate_output import Format, write

if TYPE_CHECKING:
    from merge_tool.commands.validate_fix import Fixed
    from merge_tool.commands.validate_run import Asked, Found
    from merge_tool.rulekit.rule import Rule


class FailOn(StrEnum):
    """The least severity that makes the command fail."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="CODES",
        help="Rules to run: codes, beginnings of codes or names, with commas or repeated.",
    ),
]
Ignored = Annotated[list[str] | None, typer.Option("--ignore", metavar="CODES", help="Rules to leave out.")]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", metavar="DIR", help="A folder with rules of your own; its files are run as code."
    ),
]


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH…]",
            help="Files or folders to report on; default: what the policy has checked. With --merge-shards: the shards' files.",
            show_default=False,
        ),
    ] = None,
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    policy: options.PolicyName = "",
    output_format: Annotated[
        Format, typer.Option("--format", help="How findings are written.")
    ] = Format.RICH,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    select: Codes = None,
    ignore: Ignored = None,
    rules: Folders = None,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="REF",
            help="Report only what came in since the merge base with REF, in any file.",
        ),
    ] = "",
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="Findings that the file holds pass; entries that are gone fail until they are taken out.",
        ),
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Write the findings to the --baseline file and succeed.")
    ] = False,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Count findings by rule instead of listing them.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say by which steps each finding was come to.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least severity that makes the exit code 1.")
    ] = FailOn.WARNING,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=0, help="How many processes may work; 0: one a core.")
    ] = 0,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir",
            metavar="DIR",
            help="Where facts and findings are kept; it may be carried between machines.",
            envvar="MERGE_TOOL_CACHE_DIR",
            show_envvar=True,
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither use nor keep facts and findings of earlier runs.")
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Mend what codemods can mend safely, check it again, and tell what remains."
        ),
    ] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option(
            "--unsafe-fixes",
            help="With --fix: also change parameters with all their callers, and tokens and Redis keys, so that old ones are lost.",
        ),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="With --fix: show the change as a diff, and write nothing.")
    ] = False,
    allow_dirty: Annotated[
        bool,
        typer.Option(
            "--allow-dirty",
            help="With --fix: write although tracked files have changes that are not committed.",
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again at each change, until Ctrl-C; new files are taken too.")
    ] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Do the K-th of N parts of the work, and write it for --merge-shards.",
        ),
    ] = "",
    merge_shards: Annotated[
        bool,
        typer.Option(
            "--merge-shards", help="Put the parts that --shard wrote together: the same as one run."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notes and no progress, findings only.")
    ] = False,
) -> int:
    """Find the queries, keys, routes and tokens that would leak between tenants.

    The whole project is read (the files that git tracks, or all below a folder outside git); the report is on PATH or what
    the policy has checked. Nothing of the project is imported or run. What cannot be decided is told as info.

    In a CI matrix, `validate --shard K/N > K.json` in each job and `validate --merge-shards *.json` after them do what one
    run does, with its exit code; a shard itself exits with 0. The folder of --cache-dir can be carried from one CI run to
    the next, to any path and machine: what changed is worked out again, the rest is not.

    --fix makes an edit only where the rules, run again, say that the finding is gone; with --diff nothing is written, and
    with --json then `fixable` is true exactly on the findings that it would mend. Without --fix that is not worked out
    (it costs several times what the rules do), and `fixable` is false.

    Examples: merge-tool validate app/cabinet; merge-tool validate --format json --select TQ,TK1;
    merge-tool validate --fix --diff
    """  # fmt: skip
    from merge_tool.commands.validate_run import Asked, look, opened_cache, read
    from merge_tool.errors import ExitCode, UserError

    kind = Format.JSON if as_json else output_format
    if as_json and output_format not in (Format.RICH, Format.JSON):
        raise UserError(
            f"--json and --format {output_format.value} ask for two forms", hint="give one of them"
        )
    if (unsafe_fixes or diff or allow_dirty) and not fix:
        raise UserError("--unsafe-fixes, --diff and --allow-dirty are for --fix", hint="add --fix")
    _refuse_pairs(
        {
            "--since": bool(since), "--baseline": baseline is not None, "--fix": fix, "--watch": watch,
            "--shard": bool(shard), "--merge-shards": merge_shards, "--statistics": statistics,
        }
    )  # fmt: skip
    if update_baseline and baseline is None:
        raise UserError("--update-baseline needs the file", hint="add --baseline FILE")
    _refuse_form(kind, statistics=statistics, explain=explain, watch=watch, shard=bool(shard))
    asked = Asked(
        _root(repo), plan, policy, kind, quiet, () if merge_shards else tuple(paths or ()), _split(select), _split(ignore),
        tuple(rules or ()), since, baseline, update_baseline, jobs, cache_dir, no_cache, watch,
    )  # fmt: skip
    if watch:
        from merge_tool.commands.validate_watch import watching

        def once() -> int:
            with opened_cache(asked) as cache:
                return _told(asked, look(asked, read(asked), cache), None, fail_on, statistics, explain)

        return watching(asked, once)
    if fix and not diff and not allow_dirty:
        from merge_tool.commands.writing import refuse_dirty

        refuse_dirty(asked.root)
    if shard:
        from merge_tool.commands.validate_shards import write_shard

        with opened_cache(asked) as cache:
            write_shard(asked, read(asked), cache, shard)
        return ExitCode.CLEAN
    if merge_shards:
        from merge_tool.commands.validate_shards import merged_shards

        asked, seen, merged = merged_shards(asked, paths or [])
        with opened_cache(asked) as cache:
            found = look(asked, seen, cache, merged)
        return _told(asked, found, None, fail_on, statistics, explain)
    fixed: Fixed | None = None
    with opened_cache(asked) as cache:
        found = look(asked, read(asked), cache)
        if fix:
            from merge_tool.commands.validate_fix import fixing

            found, fixed = fixing(
                asked, found, cache, unsafe=unsafe_fixes, preview=diff, careful=not allow_dirty
            )
    return _told(asked, found, fixed, fail_on, statistics, explain)


def _told(
    asked: Asked, found: Found, fixed: Fixed | None, fail_on: FailOn, statistics: bool, explain: bool
) -> int:
    """Writes what a run came to, and gives the exit code."""
    from merge_tool.errors import ExitCode

    told: Sequence[Rule] = ()
    if asked.kind is Format.SARIF or statistics:
        from merge_tool.lint.loader import load_rules

        told = load_rules(asked.folders)
    write(
        asked.kind, found.result, found.findings, told, asked.root,
        statistics=statistics, explain=explain, fixed=fixed, quiet=asked.quiet,
    )  # fmt: skip
    for entry in found.gone:
        asked.note(f"gone, take it out of {asked.baseline} (--update-baseline): {entry}")
    order = list(FailOn)
    failing = any(order.index(FailOn(item.severity.value)) <= order.index(fail_on) for item in found.findings)
    return ExitCode.FINDINGS if failing or found.gone else ExitCode.CLEAN


# Options that do not go together, with the reason.
_PAIRS = (
    ("--since", "--baseline", "both say what is old"),
    ("--watch", "--fix", "mending while you type would be in your way"),
    ("--watch", "--shard", "a part of the work is for CI"),
    ("--watch", "--merge-shards", "shards are written once"),
    ("--watch", "--baseline", "the baseline is for CI"),
    ("--shard", "--merge-shards", "one writes what the other reads"),
    ("--shard", "--since", "only the merged run knows what is new: give it to --merge-shards"),
    ("--shard", "--baseline", "only the merged run knows what is gone: give it to --merge-shards"),
    ("--shard", "--fix", "mends need the whole run"),
    ("--shard", "--statistics", "give it to --merge-shards"),
    ("--merge-shards", "--fix", "the merged run reads no files"),
)


def _refuse_pairs(given: dict[str, bool]) -> None:
    from merge_tool.errors import UserError

    for one, other, why in _PAIRS:
        if given[one] and given[other]:
            raise UserError(f"{one} and {other} do not go together: {why}", hint="give one of them")


def _refuse_form(kind: Format, *, statistics: bool, explain: bool, watch: bool, shard: bool) -> None:
    from merge_tool.errors import UserError

    if statistics and (explain or kind is not Format.RICH):
        other = "--explain" if explain else f"--format {kind.value}"
        raise UserError(f"--statistics counts findings, {other} lists them", hint="give one of them")
    if watch and kind is not Format.RICH:
        raise UserError(f"--watch is for people, --format {kind.value} is not", hint="leave one of them out")
    if shard and kind not in (Format.RICH, Format.JSON):
        raise UserError("a shard is written as JSON", hint=f"give --format {kind.value} to --merge-shards")
    if explain and kind not in (Format.RICH, Format.JSON):
        raise UserError(
            "--format sarif has the steps in it already"
            if kind is Format.SARIF
            else f"--explain has no place in --format {kind.value}",
            hint="leave --explain out",
        )


def _root(repo: Path) -> Path:
    from merge_tool.errors import UserError

    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the project's root with --repo")
    return repo


def _split(words: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for word in words or () for part in word.split(",") if part.strip())
