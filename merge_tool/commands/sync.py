"""`sync`: what upstream has that is new since the last merge, and the next plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options
from merge_tool.commands.init import Branch, Commit, Limit, Remote

if TYPE_CHECKING:
    from merge_tool.model.plan import Plan
    from merge_tool.model.state import Run
    from merge_tool.plan.coverage import Coverage
    from merge_tool.propose.upstream import Changes, Sides
    from merge_tool.vcs.repo import Repository

SHOWN = 20


@dataclass(frozen=True)
class News:
    """What upstream has that the fork lacks.

    Attributes:
        commits: hash, date, author and subject of each commit, newest first, merges not counted.
        covered: where the changed files stand in the plan before; None without one.
        conflicts: the files that git alone would leave in conflict.
        open_run: what a run that is not over yet, or not merged yet, means for this; "" where there is none.
        blocked: whether no next plan can be made before that.
    """

    sides: Sides
    changes: Changes
    commits: list[dict[str, str]]
    covered: Coverage | None
    conflicts: list[str]
    open_run: str = ""
    blocked: bool = False


def sync(
    repo: options.Repo = Path(),
    plan_file: options.PlanFile = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch upstream's branch first.")] = False,
    remote: Remote = "",
    branch: Branch = "",
    commit: Commit = "",
    write: Annotated[
        bool, typer.Option("--write", help="Write the next plan (sync-COMMIT.yaml, or the file of -o).")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The next plan's file.")
    ] = None,
    files: Limit = 25,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Show what upstream has that is new since the last merge, and start the next plan from there.

    The end of a run records upstream's commit as a parent, so only what came after it is new. Tells the commits, the files by
    the story that took them before, what of the exclusions is touched, and what git alone would leave in conflict.

    With --write the stories whose files changed again come back with their codemods, checks and criteria, and files that no story
    knows get stories of their own; exclusions and policy stay. Resolutions that were recorded are used again. Exit code 0 where
    nothing is new or a plan was written, 1 where something is new.

    Examples: merge-tool sync --fetch; merge-tool sync --write && merge-tool phase 0 --plan sync-1a2b3c4d.yaml
    """
    from merge_tool.errors import ExitCode, StateError, UserError
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    repository = Repository.open(repo)
    plan, run, active = _before(repository, plan_file, state_url)
    if fetch:
        where = plan.upstream if plan is not None else None
        _fetch(
            repository, remote or (where.remote if where else ""), branch or (where.branch if where else "")
        )
    news = _news(repository, plan, run, active, remote, branch, commit)
    data: dict[str, Any] = _data(news)
    lines = _lines(news)
    if not write:
        if news.changes.upstream:
            lines.append("Next: merge-tool sync --write" if not news.blocked else f"First: {news.open_run}")
        say({**data, "plan": None}, lines, as_json)
        return ExitCode.FINDINGS if news.changes.upstream else ExitCode.CLEAN
    if not news.changes.upstream:
        say({**data, "plan": None}, lines, as_json)
        return ExitCode.CLEAN
    if news.blocked:
        raise StateError("the next plan cannot begin yet", hint=news.open_run)
    target = output if output is not None else repository.root / f"sync-{news.sides.upstream[:8]}.yaml"
    if target.exists() and not force:
        raise UserError(f"{target} is there already", hint="name another file with -o, or add --force")
    _write(repository, plan, news, target, files)
    lines += [f"wrote {target}", f"Next: read it, then merge-tool phase 0 --plan {target.name}"]
    say({**data, "plan": str(target)}, lines, as_json)
    return ExitCode.CLEAN


def _before(
    repository: Repository, plan_file: Path | None, state_url: str
) -> tuple[Plan | None, Run | None, bool]:
    """The plan before, the last run that ended well or still goes on, and whether it still goes on."""
    from merge_tool.actions.registry import action_types
    from merge_tool.commands.light import light_store
    from merge_tool.commands.opening import read_plan
    from merge_tool.model.state import RunStatus
    from merge_tool.plan.snapshot import plan_from_json

    with light_store(repository.root, state_url) as store:
        active = store.active_run() if store else None
        ended = [item for item in (store.runs() if store else ()) if item.status is RunStatus.FINISHED]
    last = max(ended, key=lambda item: item.started_at, default=None)
    run = active or last
    own = repository.root / "phases.yaml"
    if plan_file is not None:
        return read_plan(plan_file), run, active is not None
    if run is not None:
        plan = plan_from_json(run.plan_json, action_types(), name=f"the plan of run {run.id}")
        return plan, run, active is not None
    return (read_plan(own) if own.exists() else None), None, False


def _fetch(repository: Repository, remote: str, branch: str) -> None:
    from merge_tool.propose.upstream import choose_remote, known_branch

    name = choose_remote(repository, remote)
    repository.fetch(name, branch or known_branch(repository, name))


def _news(
    repository: Repository, plan: Plan | None, run: Run | None, active: bool, remote: str, branch: str, commit: str
) -> News:  # fmt: skip
    from merge_tool.plan.coverage import coverage
    from merge_tool.propose.upstream import find_changes, find_sides
    from merge_tool.vcs.three_way import merge_trees

    if plan is not None and not remote and plan.upstream.remote in repository.remotes():
        remote = plan.upstream.remote
        branch = branch or plan.upstream.branch
    open_run, fork, blocked = "", "HEAD", False
    if run is not None and active:
        open_run, blocked = f"finish or abort the run {run.id}: merge-tool status", True
        fork = run.tip
    elif run is not None and repository.try_resolve(run.tip) and not repository.is_ancestor(run.tip, "HEAD"):
        open_run, blocked = f"take the last run's branch in: git merge {run.merge_branch}", True
        fork = run.tip
    sides = find_sides(repository, remote=remote, branch=branch, commit=commit, fork=fork)
    changes = find_changes(repository, sides)
    merged = merge_trees(
        repository,
        repository.tree_of(sides.base),
        repository.tree_of(sides.fork),
        repository.tree_of(sides.upstream),
    )
    covered = coverage(plan, [(s, p) for p, s in changes.upstream.items()]) if plan is not None else None
    return News(
        sides, changes, _commits(repository, sides), covered, sorted(merged.conflicts), open_run, blocked
    )


def _commits(repository: Repository, sides: Sides) -> list[dict[str, str]]:
    out = repository.run(
        "log", "-z", "--no-merges", "--date=short", "--format=%H%x1f%ad%x1f%an%x1f%s", f"{sides.base}..{sides.upstream}"
    ).decode("utf-8", "replace")  # fmt: skip
    names = ("commit", "date", "author", "subject")
    return [dict(zip(names, item.split("\x1f"), strict=True)) for item in out.split("\0") if item]


def _data(news: News) -> dict[str, Any]:
    from merge_tool.plan.coverage import Standing

    sides, changes, covered = news.sides, news.changes, news.covered
    return {
        "upstream": {"remote": sides.remote, "branch": sides.branch, "commit": sides.upstream},
        "since": sides.base,
        "commits": news.commits,
        "files": [{"path": path, "status": status, "changed_by_both": path in changes.fork} for path, status in sorted(changes.upstream.items())],
        "by_story": {key: list(paths) for key, paths in covered.by_story().items()} if covered else {},
        "exclusions": [{"path": item.path, "reason": item.reason} for item in covered.of(Standing.EXCLUDED)] if covered else [],
        "unassigned": [item.path for item in covered.of(Standing.UNASSIGNED)] if covered else sorted(changes.upstream),
        "conflicts": news.conflicts,
        "first": news.open_run,
    }  # fmt: skip


def _lines(news: News) -> list[str]:
    from merge_tool.model.text import counted
    from merge_tool.plan.coverage import Standing

    sides, changes = news.sides, news.changes
    if not changes.upstream:
        return [f"Nothing new: {sides.remote}/{sides.branch} is at {sides.upstream[:12]}, which the fork has"]
    lines = [
        f"New in {sides.remote}/{sides.branch} at {sides.upstream[:12]}, since {sides.base[:12]}: "
        f"{counted(len(news.commits), 'commit')}, {counted(len(changes.upstream), 'file')} ({len(changes.both())} changed by the fork too); "
        f"git alone leaves {len(news.conflicts)} in conflict"
    ]
    lines += [f"  {item['commit'][:8]}  {item['date']}  {item['subject']}" for item in news.commits[:SHOWN]]
    if len(news.commits) > SHOWN:
        lines.append(f"  … and {len(news.commits) - SHOWN} more (--json has all)")
    if news.covered is None:
        return lines
    lines.append("By the story that took them before:")
    lines += [f"  {story}: {counted(len(paths), 'file')}" for story, paths in news.covered.by_story().items()]
    if left := news.covered.of(Standing.UNASSIGNED):
        lines.append(
            f"  no story: {counted(len(left), 'file')}, such as {', '.join(item.path for item in left[:4])}"
        )
    if out := news.covered.of(Standing.EXCLUDED):
        lines.append(
            f"Exclusions that upstream touched, left as the fork has them: {counted(len(out), 'file')}"
        )
        lines += [f"  {item.path}  {item.reason}" for item in out[:SHOWN]]
    return lines


def _write(repository: Repository, plan: Plan | None, news: News, target: Path, limit: int) -> None:
    from dataclasses import replace

    from merge_tool.commands.init import tenancy_of, write_with_schemas
    from merge_tool.propose.again import Again, repeat
    from merge_tool.propose.make import make_proposal, test_folders
    from merge_tool.propose.write import Kept, to_yaml

    kept, again = Kept(), Again((), frozenset(news.changes.upstream))
    sides, changes = news.sides, news.changes
    if plan is not None and news.covered is not None:
        kept = Kept(
            [(item.commit, item.reason) for item in plan.excluded_commits if not _is_past(repository, item.commit, sides.base)],
            [(item.pattern, item.reason) for item in plan.excluded_paths],
            plan.git.commit_subject,
        )  # fmt: skip
        again = repeat(plan, news.covered, changes, limit=limit)
    fresh = replace(changes, upstream={path: changes.upstream[path] for path in sorted(again.new)})
    proposal = make_proposal(repository, sides.upstream, fresh, limit=limit)
    tenancy, text = tenancy_of(repository, sides.fork, plan.policy if plan is not None else "")
    tests = test_folders(repository, sides.fork)
    made = to_yaml(
        f"Sync {sides.remote}/{sides.branch} {sides.upstream[:8]}",
        sides, changes, proposal, tenancy, tests=tests, kept=kept, again=again,
    )  # fmt: skip
    texts = {target.resolve(): made}
    if text:
        texts[(repository.root / tenancy.policy).resolve()] = text
    write_with_schemas(repository, texts, target.resolve())


def _is_past(repository: Repository, commit: str, base: str) -> bool:
    """Whether an excluded commit lies before the merge base: it was kept out then, and cannot come in now."""
    found = repository.try_resolve(commit)
    return found is not None and repository.is_ancestor(found, base)
