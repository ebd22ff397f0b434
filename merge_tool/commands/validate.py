"""`validate`: the tenant linters."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.validate_output import Format, note, write

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache
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
            help="Files or folders to report on; default: what the policy has checked.",
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
) -> int:
    """Find the queries, keys, routes and tokens that would leak between tenants.

    The whole project is read (the files that git tracks, or all below a folder outside git); the report is on PATH or what
    the policy has checked. Nothing of the project is imported or run. What cannot be decided is told as info.

    Examples: merge-tool validate app/cabinet; merge-tool validate --format json --select TQ,TK1
    """  # fmt: skip
    from merge_tool.commands.policy_choice import NAME_ONE, choose_policy
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.lint.files import chosen_files, project_files
    from merge_tool.lint.run import LintResult, lint_paths
    from merge_tool.lint.workers import default_jobs

    if since and baseline is not None:
        raise UserError("--since and --baseline both say what is old", hint="give one of them")
    if update_baseline and baseline is None:
        raise UserError("--update-baseline needs the file", hint="add --baseline FILE")
    if as_json and output_format not in (Format.RICH, Format.JSON):
        raise UserError(
            f"--json and --format {output_format.value} ask for two forms", hint="give one of them"
        )
    kind = Format.JSON if as_json else output_format
    if statistics and (explain or kind is not Format.RICH):
        other = "--explain" if explain else f"--format {kind.value}"
        raise UserError(f"--statistics counts findings, {other} lists them", hint="give one of them")
    if explain and kind not in (Format.RICH, Format.JSON):
        raise UserError(
            "--format sarif has the steps in it already"
            if kind is Format.SARIF
            else f"--explain has no place in --format {kind.value}",
            hint="leave --explain out",
        )
    root = _root(repo)
    choice = choose_policy(root, policy, plan)
    chosen_policy = choice.policy
    files = project_files(root)
    report_on: set[str] | None = set(chosen_files(root, files, paths, Path.cwd())) if paths else None
    base = None
    if since:
        from merge_tool.lint.since import read_base

        base = read_base(root, since)
        files = sorted(
            {*files, *(path for path in base.changed if path.endswith(".py") and (root / path).is_file())}
        )
    note(f"policy: {chosen_policy.name} ({choice.origin})", kind)
    folders = tuple(rules or ())
    cache = None if no_cache else _cache(cache_dir)
    try:
        if base is not None and not base.changed:
            note(f"nothing changed since {since}", kind)
            result = LintResult((), 0, 0.0, ())
        else:
            everything = sorted({*files, *(report_on or ())})
            result = lint_paths(
                root,
                everything,
                chosen_policy,
                report_on=report_on,
                select=_split(select),
                ignore=_split(ignore),
                rule_folders=folders,
                cache=cache,
                jobs=jobs or default_jobs(),
            )
            if not choice.known and result.models and not result.tenant_models:
                raise UserError(
                    f"no policy was named, and none of the {result.models} models here has the column {chosen_policy.column} of the generic one",
                    hint=NAME_ONE,
                )
        findings = result.findings
        if base is not None and findings:
            from merge_tool.lint.since import before, new_findings

            old = before(
                base, chosen_policy, report_on, select=_split(select), ignore=_split(ignore), rule_folders=folders, cache=cache
            )  # fmt: skip
            findings = tuple(new_findings(old, findings, base.renamed))
            told_old = len(result.findings) - len(findings)
            note(
                f"brought in since {since} ({base.commit[:12]}): {len(findings)}; {told_old} were there before",
                kind,
            )
    finally:
        if cache is not None:
            cache.close()
    for text in (*result.notes, *([cache.note] if cache is not None and cache.note else ())):
        note(text, kind)
    gone: tuple[str, ...] = ()
    if baseline is not None:
        from merge_tool.lint.baseline import Reach, compare, read_baseline, write_baseline
        from merge_tool.lint.run import META

        reach = Reach(
            frozenset((*result.rules, *META)), frozenset(report_on) if report_on is not None else None
        )
        if update_baseline:
            count = write_baseline(baseline, findings, reach)
            note(f"{count} distinct finding{'s' * (count != 1)} in {baseline} now", kind)
            findings = ()
        else:
            compared = compare(findings, read_baseline(baseline), reach)
            findings, gone = compared.new, compared.gone
            note(f"{compared.known} finding{'s' * (compared.known != 1)} in the baseline", kind)
    told: Sequence[Rule] = ()
    if kind is Format.SARIF or statistics:
        from merge_tool.lint.loader import load_rules

        told = load_rules(folders)
    write(kind, result, findings, told, root, statistics=statistics, explain=explain)
    for entry in gone:
        note(f"gone, take it out of {baseline} (--update-baseline): {entry}", kind)
    order = list(FailOn)
    failing = [item for item in findings if order.index(FailOn(item.severity.value)) <= order.index(fail_on)]
    return ExitCode.FINDINGS if failing or gone else ExitCode.CLEAN


def _root(repo: Path) -> Path:
    from merge_tool.errors import UserError

    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the project's root with --repo")
    return repo


def _cache(folder: Path | None) -> Cache:
    from merge_tool.lint.cache import Cache, default_folder

    return Cache(folder if folder is not None else default_folder())


def _split(words: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for word in words or () for part in word.split(",") if part.strip())
