"""Looks at the repository for a report: the changed lines, the findings before and after, and the reviewer's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import MergeToolError, VcsError
from merge_tool.model.policy import Policy
from merge_tool.report.changes import changes_of
from merge_tool.report.lines import Need, ReportData
from merge_tool.report.review_lines import Change, FindingLine, Review
from merge_tool.report.risk import rank
from merge_tool.report.sites import Sites, sites_of

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache
    from merge_tool.model.source import Diagnostic
    from merge_tool.vcs.repo import Repository

_WORST = {"error": 0, "warning": 1, "info": 2}


def reviewed(data: ReportData, repo: Repository, policy: Policy | None, note: str = "") -> ReportData:
    """The report with what the repository tells.

    Nothing of the repository is executed. What cannot be looked at is told in the review's notes, never as an error:
    a report on a clone that lost objects still tells its record.

    Args:
        policy: what a tenant is; None where it cannot be loaded: then there are no findings and no sites.
        note: why there is no policy.
    """
    try:
        before, after = span(data, repo)
        paths = None if data.phase is None else {item.path for item in data.files}
        changes = changes_of(repo, before, after, paths)
    except VcsError as error:
        review = Review("", "", notes=(f"the changes cannot be shown: {error}",))
        return replace(data, review=replace(review, risks=rank(data, (), (), None)))
    notes = [note] if note else []
    findings: tuple[FindingLine, ...] = ()
    rules: tuple[tuple[str, int, int], ...] = ()
    sites = None
    if policy is not None:
        try:
            findings, rules, sites = _checked(repo, before, after, changes, policy)
        except MergeToolError as error:
            notes.append(f"the linters did not run: {error}")
    risks = rank(data, changes, findings, sites, _missed(data, repo, after))
    review = Review(before, after, changes, risks, rules, findings, tuple(notes))
    return replace(data, needs=_by_risk(data, review), review=review)


def span(data: ReportData, repo: Repository) -> tuple[str, str]:
    """The commits or trees between which this report's stories worked.

    Returns:
        for the whole run, the fork's commit and the newest state of the branch; for a phase, the commit that its
        first story started from, and what its last one left. Both are the same where nothing was done yet.

    Raises:
        VcsError: the run's commits are not here.
    """
    parts = [part for story in data.stories for part in story.parts if part.base_commit]
    parts.sort(key=lambda part: (part.started_at is not None, part.started_at))
    first = data.run.fork_commit if data.phase is None or not parts else parts[0].base_commit
    last = data.run.tip or first
    if data.phase is not None:
        done = [part for part in parts if part.commit and part.finished_at]
        last = max(done, key=lambda part: part.finished_at or part.started_at).commit if done else first  # type: ignore[arg-type,return-value]
    open_trees = [
        part.steps[-1].tree_after
        for part in parts
        if not part.commit and part.steps and part.steps[-1].tree_after and part.status in ("stopped", "gate")
    ]
    for tree in reversed(open_trees):
        with suppress(VcsError):  # nothing names the tree of a stop, so git may have swept it away
            repo.ls_tree(tree)
            return repo.resolve(first), tree
    return repo.resolve(first), repo.resolve(last)


def _by_risk(data: ReportData, review: Review) -> tuple[Need, ...]:
    """What waits for a person: what holds the run up first, then the sites that were left, in the files' order of risk."""
    order = {item.path: number for number, item in enumerate(review.risks)}
    return tuple(
        sorted(
            data.needs,
            key=lambda item: (1, order.get(item.path, len(order))) if item.kind == "left" else (0, 0),
        )
    )


def _missed(data: ReportData, repo: Repository, after: str) -> dict[str, frozenset[int]]:
    """The lines that no test ran, of the files that are still as they were when that was measured, by path."""
    found: dict[str, frozenset[int]] = {}
    steps = [step for story in data.stories for part in story.parts for step in part.steps if step.coverage]
    now = repo.ls_tree(after) if steps else {}
    for step in steps:
        with suppress(VcsError):  # the tree of a step is kept by nothing but its story's commit
            then = repo.ls_tree(step.tree_after)
            for item in step.coverage:
                if then.get(item.path) == now.get(item.path):
                    found[item.path] = item.missed()
    return found


def _checked(
    repo: Repository, before: str, after: str, changes: Sequence[Change], policy: Policy
) -> tuple[tuple[FindingLine, ...], tuple[tuple[str, int, int], ...], Sites]:
    from merge_tool.lint.cache import Cache, default_folder
    from merge_tool.lint.since import new_findings
    from merge_tool.vcs.workspace import Workspace

    cache = Cache(default_folder())
    try:
        old, new = (Workspace(repo, tree).python_files() for tree in (before, after))
        earlier, later = (_lint(texts, policy, cache) for texts in (old, new))
        sites = sites_of(new, policy, cache)
    finally:
        cache.close()
    renamed = {item.old_path: item.path for item in changes if item.old_path}
    fresh = {id(item) for item in new_findings(earlier, later, renamed)}
    counts = Counter(item.code for item in earlier), Counter(item.code for item in later)
    rules = tuple((code, counts[0][code], counts[1][code]) for code in sorted(counts[0] | counts[1]))
    changed = {item.path for item in changes}
    lines = [
        FindingLine(
            item.code, item.severity.value, item.path, item.span.line, item.message, id(item) in fresh
        )
        for item in later
        if item.path in changed or id(item) in fresh
    ]
    lines.sort(key=lambda item: (not item.new, _WORST.get(item.severity, 3), item.path, item.line, item.code))
    return tuple(lines), rules, sites


def _lint(texts: Mapping[str, bytes], policy: Policy, cache: Cache) -> tuple[Diagnostic, ...]:
    from merge_tool.lint.run import checked, lint_paths

    if not checked(sorted(texts), policy):
        return ()
    root = Path("/")
    found = {root / path: text for path, text in texts.items()}
    return lint_paths(root, sorted(texts), policy, read=found.__getitem__, cache=cache).findings
