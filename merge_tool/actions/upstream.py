"""Upstream as the plan wants it: its tree with the excluded commits taken back."""

from __future__ import annotations

from merge_tool.actions.base import UpstreamView
from merge_tool.model.outcome import LedgerEntry
from merge_tool.model.plan import Plan
from merge_tool.vcs.repo import Entry, Repository
from merge_tool.vcs.three_way import merge_trees


def effective_upstream(repo: Repository, plan: Plan, commit: str, merge_base: str) -> UpstreamView:
    """Takes each excluded commit that came in since the merge base back from upstream's tree (newest first).

    A commit is taken back by a three-way merge of its reverse. A file where that conflicts keeps upstream's text, and
    the ledger says that a person must look at it.

    Raises:
        VcsError: upstream's commit is not here.
    """
    tree = repo.tree_of(commit)
    without: dict[str, str] = {}
    ledger: list[LedgerEntry] = []
    found: list[tuple[int, str, str]] = []
    for item in plan.excluded_commits:
        sha = repo.try_resolve(item.commit)
        if sha is None:
            ledger.append(
                LedgerEntry(item.commit, "excluded, not found", f"no such commit here; {item.reason}")
            )
        elif not repo.is_ancestor(sha, commit) or repo.is_ancestor(sha, merge_base):
            ledger.append(LedgerEntry(item.commit, "excluded, not in the range", item.reason))
        else:
            found.append((int(repo.text("rev-list", "--count", sha)), sha, item.reason))
    for _, sha, reason in sorted(found, reverse=True):
        parents = repo.parents(sha)
        before = repo.tree_of(parents[0]) if parents else repo.text("mktree", data=b"")
        reverse = merge_trees(repo, repo.tree_of(sha), tree, before)
        taken: dict[str, Entry | None] = {}
        new_entries, old_entries = repo.ls_tree(reverse.tree), repo.ls_tree(tree)
        for _, path, _ in repo.diff_tree(tree, reverse.tree):
            if path in reverse.conflicts:
                ledger.append(
                    LedgerEntry(
                        path,
                        "needs a person",
                        f"the excluded {sha[:8]} could not be taken back here: {reason}",
                    )
                )
                taken[path] = old_entries.get(path)
            else:
                without[path] = f"without {sha[:8]}: {reason}"
                ledger.append(LedgerEntry(path, "excluded commit taken back", f"{sha[:8]}: {reason}"))
        tree = repo.write_tree(
            reverse.tree, {path: entry for path, entry in taken.items() if new_entries.get(path) != entry}
        )
        ledger.append(LedgerEntry(sha[:8], "excluded", reason))
    return UpstreamView(commit, repo.tree_of(merge_base), tree, without, tuple(ledger))
