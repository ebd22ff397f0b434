"""Makes the miniature's two git repositories, with a real history and the same ids at every build."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merge_tool.bundled import bundled
from merge_tool.demo.recipe import CommitRecipe, CommitSpec, read_base, read_commits
from merge_tool.errors import UserError, VcsError

MAIN = "main"

# Nothing of the user's own git settings may reach the ids: no signing, no line-end conversion, no hooks, no templates.
_SETTINGS = {
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.fsync": "none",
    "core.hooksPath": os.devnull,
    "core.precomposeUnicode": "true",
    "gc.auto": "0",
    "init.defaultBranch": MAIN,
    "init.templateDir": "",
    "merge.conflictStyle": "merge",
}


@dataclass(frozen=True)
class Miniature:
    """The two repositories that were made.

    Attributes:
        upstream: the upstream's work tree, on `main`.
        fork: the fork's work tree, on `main`, with the remote `upstream`, whose later commits it has not fetched.
        fork_point: the id of the commit where the fork left.
        upstream_head: the id of upstream's newest commit.
    """

    upstream: Path
    fork: Path
    fork_point: str
    upstream_head: str


def _quiet(message: str) -> None:
    """Tells nobody."""


def build_miniature(target: Path, *, progress: Callable[[str], None] = _quiet) -> Miniature:
    """Makes `target/upstream` and `target/fork` from the sources in `fixtures/miniature`.

    Args:
        target: a folder, made if it is missing; neither name may be taken in it.
        progress: called with one short line before each commit.

    Raises:
        UserError: a name is taken, or git is not installed.
        PlanError: a commit.yaml of the sources is wrong.
        VcsError: git refused a step; the message holds what it said.
    """
    sources = bundled("fixtures") / "miniature"
    target = target.resolve()
    upstream, fork = target / "upstream", target / "fork"
    for path in (upstream, fork):
        if path.exists():
            raise UserError(f"{path} exists already", hint="name an empty folder, or remove it")
    if shutil.which("git") is None:
        raise UserError("git is not installed", hint="install git 2.38 or newer")

    base = read_base(sources / "upstream")
    later = read_commits(sources / "upstream" / "commits") + read_commits(sources / "cabinet_commits")
    later.sort(key=lambda recipe: recipe.spec.when)
    own = read_commits(sources / "fork" / "commits")

    origin = _start(upstream)
    _make_all(origin, "upstream", base, progress)
    fork_point = origin.run("rev-parse", "HEAD").strip()
    run_git(
        target, {}, "clone", "--quiet", "--no-hardlinks", "--origin", "upstream", str(upstream), str(fork)
    )
    copy = _Repository(fork)
    _settle(copy)
    # The clone tracks upstream; the fork's own main belongs to nobody's remote.
    copy.run("branch", "--quiet", "--unset-upstream", MAIN)
    # `git fetch upstream main` alone follows no tags, and the commits to pick are named by tags here.
    copy.run("config", "remote.upstream.tagOpt", "--tags")

    _make_all(origin, "upstream", later, progress)
    _make_all(copy, "fork", own, progress)
    return Miniature(upstream, fork, fork_point, origin.run("rev-parse", "HEAD").strip())


def _make_all(
    repository: _Repository, name: str, recipes: Sequence[CommitRecipe], progress: Callable[[str], None]
) -> None:
    for number, recipe in enumerate(recipes, start=1):
        progress(f"{name}: {number}/{len(recipes)} {recipe.name}")
        repository.make(recipe)


def _start(path: Path) -> _Repository:
    path.mkdir(parents=True)
    repository = _Repository(path)
    repository.run("init", "--quiet")
    _settle(repository)
    return repository


def _settle(repository: _Repository) -> None:
    """Settings that the repository keeps, so that work in it does not depend on the user's own."""
    for key, value in {
        "user.name": "Demo",
        "user.email": "demo@example.org",
        "commit.gpgSign": "false",
        "core.autocrlf": "false",
    }.items():
        repository.run("config", key, value)


class _Repository:
    """One repository under construction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.branch = MAIN

    def run(self, *arguments: str, spec: CommitSpec | None = None, text: str | None = None) -> str:
        """Runs git here, as the author of `spec` and at its date if one is given."""
        identity = {} if spec is None else _identity(spec)
        return run_git(self.path, identity, *arguments, text=text)

    def make(self, recipe: CommitRecipe) -> None:
        """Makes the commit of `recipe`, and its tag."""
        spec = recipe.spec
        try:
            self._switch(spec.branch or MAIN)
            if spec.merge:
                self.run("merge", "--quiet", "--no-ff", "--no-commit", spec.merge)
            else:
                self._change(recipe)
            self.run(
                "commit",
                "--quiet",
                "--no-verify",
                "--cleanup=strip",
                "--file=-",
                spec=spec,
                text=spec.message,
            )
            if spec.tag:
                self.run("tag", spec.tag)
            self._switch(MAIN)
            if spec.merge:
                self.run("branch", "--quiet", "--delete", spec.merge)
        except VcsError as error:
            raise VcsError(
                f"commit {recipe.name} of the miniature: {error.message}", hint=error.hint
            ) from error

    def _change(self, recipe: CommitRecipe) -> None:
        spec = recipe.spec
        if spec.delete:
            self.run("rm", "--quiet", "--", *spec.delete)
        for name, source in recipe.files:
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())
        if recipe.files:
            # Forced: the miniature's .gitignore begins with `*`, like the real one's.
            names = "\0".join(name for name, _ in recipe.files)
            self.run("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", text=names)
        if recipe.patch:
            self.run("apply", "--index", "--whitespace=nowarn", str(recipe.patch.resolve()))
        for name in spec.executable:
            (self.path / name).chmod(0o755)
            self.run("update-index", "--chmod=+x", "--", name)

    def _switch(self, branch: str) -> None:
        if branch == self.branch:
            return
        known = self.run("branch", "--list", branch).strip()
        self.run("switch", "--quiet", *(() if known else ("--create",)), branch)
        self.branch = branch


def _identity(spec: CommitSpec) -> dict[str, str]:
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", spec.author), ("EMAIL", spec.email), ("DATE", spec.date))
    }


def run_git(path: Path, identity: Mapping[str, str], *arguments: str, text: str | None = None) -> str:
    """Runs git in `path`, away from the user's own settings, and gives what it printed.

    Args:
        path: the working directory.
        identity: more environment variables, such as author and date.
        arguments: git's own.
        text: standard input.

    Raises:
        VcsError: git ended with another code than 0; the message holds what it said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    for number, (key, value) in enumerate(_SETTINGS.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    done = subprocess.run(
        ["git", *arguments],
        cwd=path,
        env={**environment, **identity},
        input=None if text is None else text.encode(),
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise VcsError(f"`git {' '.join(arguments[:2])}` failed: {said}", hint="run it by hand to see more")
    return done.stdout.decode()
