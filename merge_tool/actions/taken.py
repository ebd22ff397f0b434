"""What of a commit to pick came in with an earlier merge of the same run."""

from __future__ import annotations

from merge_tool.actions.base import Context
from merge_tool.model.outcome import FileVerdict, Verdict


def without_taken(ctx: Context, sha: str, base: str, theirs: str) -> tuple[str, tuple[FileVerdict, ...]]:
    """Takes out of a pick the files that this run has merged from an upstream that contains the commit.

    Their text holds the commit's change, and what upstream, codemods and people made of it since: picking it once more would
    meet all that as conflicts, or bring back what a later commit mended.

    Args:
        sha: the commit to pick.
        base, theirs: the trees before it and of it.

    Returns:
        `theirs` with those files as in `base`, and a verdict for each of them.
    """
    upstream = ctx.upstream
    if upstream is None or not ctx.repo.is_ancestor(sha, upstream.commit):
        return theirs, ()
    # A run's view of upstream has upstream's own text as the base of every file that was merged (see Runner._since_last_merge).
    first = ctx.repo.ls_tree(ctx.repo.tree_of(ctx.facts["merge_base"]))
    since, there, before = (
        ctx.repo.ls_tree(upstream.base),
        ctx.repo.ls_tree(upstream.tree),
        ctx.repo.ls_tree(base),
    )
    taken = [
        path
        for _, path, _ in ctx.repo.diff_tree(base, theirs)
        if since.get(path) == there.get(path) != first.get(path)
    ]
    if not taken:
        return theirs, ()
    why = f"came in with the merge of upstream {upstream.commit[:8]}"
    tree = ctx.repo.write_tree(theirs, {path: before.get(path) for path in taken})
    return tree, tuple(FileVerdict(path, Verdict.UNCHANGED, "git", why) for path in sorted(taken))
