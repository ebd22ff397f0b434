"""`plan`: what will be done, in which order, and whether the plan holds together."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.model.plan import Plan
    from merge_tool.plan.coverage import Coverage
    from merge_tool.vcs.repo import Repository

Check = Annotated[
    bool, typer.Option("--check", help="Only check: the plan, its policy, and that its commits are here.")
]
Covered = Annotated[
    bool, typer.Option("--coverage", help="Say for every file that upstream changed which story takes it.")
]
Schema = Annotated[
    bool, typer.Option("--schema", help="Print the JSON Schema of plans (or of policies) for editors.")
]
Which = Annotated[
    str, typer.Argument(metavar="[plan|policy]", help="With --schema: of what.", show_default=False)
]


def plan(
    which: Which = "",
    repo: options.Repo = Path(),
    plan_file: options.PlanFile = None,
    check: Check = False,
    covered: Covered = False,
    schema: Schema = False,
    as_json: options.Json = False,
) -> int:
    """Show the plan: phases, stories in dependency order, estimates, acceptance criteria.

    Exit code 1 where `--coverage` finds files that no story takes and no exclusion names; 2 where the plan is wrong.

    Example: merge-tool plan --coverage
    """
    from merge_tool.errors import ExitCode, UserError

    if schema:
        if check or covered:
            raise UserError(
                "--schema prints the schema and nothing else", hint="leave --check and --coverage out"
            )
        return _schema(which or "plan")
    if which:
        raise UserError(f"unexpected argument {which!r}", hint="give a plan's file with --plan FILE")
    found, told = _load(repo, plan_file)
    result = _coverage(found, repo) if covered else None
    if check:
        _check(found, repo, told, result, as_json)
    else:
        _show(found, told, result, as_json)
    if result is None:
        return ExitCode.CLEAN
    from merge_tool.plan.coverage import Standing

    return ExitCode.FINDINGS if result[0].of(Standing.UNASSIGNED) else ExitCode.CLEAN


def _load(repo: Path, plan_file: Path | None) -> tuple[Plan, str]:
    """The plan, and a line that says which it is."""
    from merge_tool.bundled import bundled
    from merge_tool.commands.opening import plan_path, read_plan
    from merge_tool.errors import UserError

    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the fork's repository with --repo DIR")
    path = plan_path(_root(repo), plan_file)
    own = plan_file is None and path.resolve() == bundled("phases.yaml").resolve()
    return read_plan(path), f"Plan: the one bundled with merge-tool ({path})" if own else f"Plan: {path}"


def _root(repo: Path) -> Path:
    """The top of the repository that `repo` is in, or `repo` itself: a plan can be shown without a repository."""
    here = repo.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def _schema(which: str) -> int:
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.plan.schema import plan_schema, policy_schema

    if which == "policy":
        document = policy_schema()
    elif which == "plan":
        from merge_tool.actions.registry import action_types
        from merge_tool.codemods.base import all_codemods

        document = plan_schema(action_types(), codemod_names=all_codemods())
    else:
        raise UserError(f"there is no schema of {which!r}", hint="write --schema plan, or --schema policy")
    _print_json(document)
    return ExitCode.CLEAN


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _print(lines: list[str]) -> None:
    from merge_tool.report.console import console, flow, safe

    out = console()
    for line in lines:
        head, sign, tail = line.rpartition("  after ")  # what a story waits for stands together
        column = re.match(r"\s*\S*\s*", line)
        indent = column.end() if column and sign else 7
        flow(out, safe(head if sign else line), indent, safe(sign + tail) if sign else None)


def _check(
    found: Plan, repo: Path, told: str, result: tuple[Coverage, str, str] | None, as_json: bool
) -> None:
    """Checks what needs more than the plan's file: its policy, and that the commits it names are in the repository."""
    from merge_tool.commands.opening import read_policy
    from merge_tool.plan.references import check_commits
    from merge_tool.plan.yaml_source import raise_problems
    from merge_tool.report.plan import counts_line, coverage_lines, estimate_line

    policy = read_policy("", found, _root(repo))
    note = "its commits were not looked up: "
    if (_root(repo) / ".git").exists():
        from merge_tool.vcs.repo import Repository

        repository = Repository.open(repo)
        upstream = _upstream(found, repository)
        if upstream is None:
            note += f"{found.upstream.remote}/{found.upstream.branch} is not here (git fetch {found.upstream.remote})"
        else:
            raise_problems(check_commits(found, repository.try_resolve), found.source)
            note = ""
    else:
        note += "this is no git repository"
    if as_json:
        _print_json({**_data(found, result), "ok": True, "notes": [note] if note else []})
        return
    _print(
        [
            told,
            f"The plan holds together: {counts_line(found)}; policy {policy.name}",
            estimate_line(found),
            *([f"Note: {note}"] if note else []),
            *(coverage_lines(*result) if result else ()),
        ]
    )


def _upstream(found: Plan, repository: Repository) -> str | None:
    """Upstream's commit, or None where it is not here."""
    where = found.upstream
    return repository.try_resolve(where.commit or f"refs/remotes/{where.remote}/{where.branch}")


def _coverage(found: Plan, repo: Path) -> tuple[Coverage, str, str]:
    """Where upstream's changed files stand, the merge base and upstream's commit."""
    from merge_tool.errors import VcsError
    from merge_tool.plan.coverage import coverage
    from merge_tool.vcs.diff import changed_files
    from merge_tool.vcs.repo import Repository

    repository = Repository.open(repo)
    upstream = _upstream(found, repository)
    if upstream is None:
        where = found.upstream
        name = where.commit or f"{where.remote}/{where.branch}"
        raise VcsError(f"{name} is not here", hint=f"fetch it: git fetch {where.remote} {where.branch}")
    base = repository.merge_base("HEAD", upstream)
    return coverage(found, changed_files(repo, base, upstream)), base, upstream


def _data(found: Plan, result: tuple[Coverage, str, str] | None) -> dict[str, Any]:
    from merge_tool.report.plan import plan_data

    data = plan_data(found, result[0] if result else None)
    if result:
        data["coverage"] |= {"base": result[1], "upstream": result[2]}
    return data


def _show(found: Plan, told: str, result: tuple[Coverage, str, str] | None, as_json: bool) -> None:
    from merge_tool.report.plan import coverage_lines, plan_lines

    if as_json:
        _print_json(_data(found, result))
        return
    _print([told, *plan_lines(found), *(coverage_lines(*result) if result else ())])
