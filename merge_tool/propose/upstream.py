"""Where a fork's upstream is, where the two parted, and what each changed since."""

from __future__ import annotations

from dataclasses import dataclass

from merge_tool.errors import UserError, VcsError
from merge_tool.vcs.names import check_ref
from merge_tool.vcs.repo import Repository

_USUAL = ("main", "master", "develop", "dev", "trunk")


@dataclass(frozen=True, slots=True)
class Sides:
    """A fork and its upstream.

    Attributes:
        remote: upstream's remote.
        branch: upstream's branch.
        pinned: upstream's commit where the plan shall stop there, else "".
        upstream: upstream's commit.
        fork: the fork's commit.
        base: the commit where they parted, or upstream's commit that the last run recorded as a parent.
        why: how remote and branch were chosen.
    """

    remote: str
    branch: str
    pinned: str
    upstream: str
    fork: str
    base: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What upstream and the fork changed since they parted.

    Attributes:
        upstream: git's letter (A, M, D, T) by path, renames as a removed and an added file.
        renamed: new name to old name of upstream's renames.
        fork: paths that the fork changed.
        dropped: paths of `upstream` that the fork removed and has under no other name.
    """

    upstream: dict[str, str]
    renamed: dict[str, str]
    fork: frozenset[str]
    dropped: frozenset[str]

    def both(self) -> list[str]:
        """The paths that both sides changed."""
        return sorted(path for path in self.upstream if path in self.fork)


def find_sides(
    repo: Repository, *, remote: str = "", branch: str = "", commit: str = "", fork: str = "HEAD"
) -> Sides:
    """Finds upstream's remote, branch and commit, and the merge base.

    The remote is the one given, else the one called `upstream`, else the only one that is not `origin`. The branch is
    the one given, else that of the remote's HEAD, else the usual names, else the only one.

    Args:
        commit: upstream's commit, for a plan that stops there.
        fork: the fork's commit or branch.

    Raises:
        UserError: there is no such remote, or several that may be meant.
        VcsError: nothing was fetched from it yet, or the two have no common ancestor.
    """
    name, why = _remote(repo.remotes(), check_ref(remote) if remote else "")
    ours = repo.resolve(fork)
    if commit:
        theirs = repo.resolve(commit)
        chosen = check_ref(branch) if branch else known_branch(repo, name)
        return Sides(
            name, chosen, theirs, theirs, ours, repo.merge_base(ours, theirs), f"{why}; commit given"
        )
    if branch:
        chosen, told = check_ref(branch), "branch given"
    else:
        chosen, told = known_branch(repo, name), choose_branch(repo, name)[1]
    theirs = repo.try_resolve(f"refs/remotes/{name}/{chosen}") or ""
    if not theirs:
        raise VcsError(f"{name}/{chosen} is not here", hint=f"fetch it: git fetch {name} {chosen}")
    return Sides(name, chosen, "", theirs, ours, repo.merge_base(ours, theirs), f"{why}; {told}")


def choose_remote(repo: Repository, given: str = "") -> str:
    """Upstream's remote; see `find_sides`."""
    return _remote(repo.remotes(), check_ref(given) if given else "")[0]


def _remote(remotes: dict[str, str], given: str) -> tuple[str, str]:
    if given:
        if given not in remotes:
            raise UserError(f"there is no remote called {given}", hint=f"git remote add {given} URL")
        return given, "remote given"
    if "upstream" in remotes:
        return "upstream", "the remote called upstream"
    others = sorted(name for name in remotes if name != "origin")
    if len(others) == 1:
        return others[0], "the only remote beside origin"
    if others:
        raise UserError(
            f"upstream may be any of the remotes {', '.join(others)}", hint=f"say which: --remote {others[0]}"
        )
    raise UserError(
        "no remote of upstream is known here", hint="git remote add upstream URL && git fetch upstream"
    )


def known_branch(repo: Repository, remote: str) -> str:
    """The branch that `choose_branch` finds.

    Raises:
        VcsError: nothing of the remote is here, so that no branch can be chosen.
    """
    found = choose_branch(repo, remote)[0]
    if not found:
        raise VcsError(f"nothing of {remote} is here yet", hint=f"git fetch {remote}, or name the --branch")
    return found


def choose_branch(repo: Repository, remote: str) -> tuple[str, str]:
    """Upstream's branch and how it was found; ("", "") where nothing was fetched."""
    code, out, _ = repo.call("symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD")
    if code == 0:
        return out.decode().strip().removeprefix(f"{remote}/"), f"{remote}'s HEAD"
    prefix = f"refs/remotes/{remote}/"
    there = sorted(name.removeprefix(prefix) for name in repo.refs(prefix.rstrip("/")))
    for usual in _USUAL:
        if usual in there:
            return usual, f"{remote} has a branch {usual}"
    if len(there) == 1:
        return there[0], f"the only branch of {remote}"
    if there:
        raise UserError(
            f"upstream's branch may be any of {len(there)}: {', '.join(there[:8])}",
            hint=f"say which: --branch {there[0]}",
        )
    return "", ""


def find_changes(repo: Repository, sides: Sides) -> Changes:
    """Compares both sides with the base."""
    upstream = {path: status for status, path, _ in repo.diff_tree(sides.base, sides.upstream)}
    renamed = {
        path: old
        for status, path, old in repo.diff_tree(sides.base, sides.upstream, renames=True)
        if status == "R"
    }
    fork = {path for _, path, _ in repo.diff_tree(sides.base, sides.fork)}
    gone = {path for status, path, _ in repo.diff_tree(sides.base, sides.fork, renames=True) if status == "D"}
    dropped = {path for path in gone if upstream.get(path) in ("M", "T")}
    return Changes(upstream, renamed, frozenset(fork), frozenset(dropped))
