"""Makes a multi-tenant fork of the real upstream out of a clone of it, to try the plan on code nobody here wrote.

    python -m merge_tool.demo.real_fork CLONE DIR

The fork is one commit on top of `--base`: the tenancy layer of `fixtures/tenancy_layer`, the models `Bot` and
`BotConfiguration`, and a `bot_id` column with its index in every model class. Nothing of the upstream is kept in this project.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from merge_tool.bundled import bundled
from merge_tool.demo.builder import MAIN, run_git
from merge_tool.demo.recipe import read_tree
from merge_tool.errors import MergeToolError, UserError, VcsError

BASE = "3577054d79b773d935bd890840cbee9b159b6170"
UPSTREAM = "258a4a5cb45713b7fcd8f77e4bf3233737c5a204"
MODELS = "app/database/models.py"

_SHARED = frozenset({"bots", "bot_configurations"})
_TABLE = re.compile(r"""^(?P<indent>[ \t]+)__tablename__\s*=\s*["'](?P<table>\w+)["']""")
_BASE_LINE = re.compile(r"^Base\s*=|^class Base\(")
_TOP_LEVEL = re.compile(r"^[^\s#)\]}]")
_NEEDED = (
    "Boolean",
    "Column",
    "DateTime",
    "ForeignKey",
    "Index",
    "Integer",
    "JSON",
    "String",
    "UniqueConstraint",
    "func",
)
_MESSAGE = """Make the bot multi-tenant

Bots and their configuration, the tenant context and its middleware,
and bot_id in every table of a tenant.
"""


@dataclass(frozen=True)
class RealFork:
    """The two repositories that were made.

    Attributes:
        upstream: the upstream's work tree; its `main` is at `upstream_commit`.
        fork: the fork's work tree, on `main`, with the remote `upstream`, which it has not fetched.
        base: the id of the commit where the fork left.
        fork_commit: the id of the fork's one own commit.
        upstream_commit: the id of upstream's newest commit.
        tables: the tables that got `bot_id`.
    """

    upstream: Path
    fork: Path
    base: str
    fork_commit: str
    upstream_commit: str
    tables: tuple[str, ...]


def _quiet(message: str) -> None:
    """Tells nobody."""


def build_real_fork(
    clone: Path,
    target: Path,
    *,
    base: str = BASE,
    upstream_commit: str = UPSTREAM,
    progress: Callable[[str], None] = _quiet,
) -> RealFork:
    """Makes `target/upstream` and `target/fork` from a clone of an upstream.

    Args:
        clone: a git repository that holds both commits; it is only read.
        target: a folder, made if it is missing; it must be empty.
        base: the commit that the fork starts from.
        upstream_commit: what upstream's `main` points to.
        progress: called with one short line before each step.

    Raises:
        UserError: `target` is not empty, git is missing, or `app/database/models.py` has not the expected form.
        VcsError: `clone` is not a repository, does not know a commit, or git refused a step.
    """
    if shutil.which("git") is None:
        raise UserError("git is not installed", hint="install git 2.38 or newer")
    clone, target = clone.resolve(), target.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is not an empty folder", hint="name an empty folder, or remove it")
    base, upstream_commit = (_commit(clone, name) for name in (base, upstream_commit))
    upstream, fork = target / "upstream", target / "fork"
    _start(upstream, clone, upstream_commit, progress)
    # The base may be off upstream's own line, so it is taken from the clone.
    _start(fork, clone, base, progress)
    run_git(fork, {}, "remote", "add", "upstream", "../upstream")

    progress("fork: the tenancy layer")
    tables = _add_tenancy(fork)
    date = run_git(fork, {}, "show", "-s", "--format=%cI", base).strip()
    identity = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", "Fork"), ("EMAIL", "fork@example.org"), ("DATE", date))
    }
    run_git(fork, identity, "commit", "--quiet", "--no-verify", "--cleanup=strip", "--file=-", text=_MESSAGE)
    fork_commit = run_git(fork, {}, "rev-parse", "HEAD").strip()
    return RealFork(upstream, fork, base, fork_commit, upstream_commit, tables)


def tenant_models(source: str, appendix: str, *, where: str = MODELS) -> tuple[str, tuple[str, ...]]:
    """The text of models.py with `bot_id` in every model class and the text `appendix` behind `Base`.

    The new models come first in the file, since an upstream adds its own at the end. Lines that are there keep their form,
    so that a later merge meets only added lines.

    Args:
        source: the text of models.py.
        appendix: the classes Bot and BotConfiguration.
        where: the file's name, for errors.

    Returns:
        The new text, and the tables that got the column in the file's order.

    Raises:
        UserError: there is no `Base`, no model, a model with a bot_id already, or a name is not imported.
    """
    try:
        imported = {
            name.asname or name.name
            for node in ast.parse(source).body
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
    except SyntaxError as error:
        raise UserError(
            "not valid Python", where=f"{where}:{error.lineno}", hint="name another base commit with --base"
        ) from error
    missing = [name for name in _NEEDED if name not in imported]
    if missing:
        raise UserError(
            f"{', '.join(missing)} not imported", where=where, hint="name another base commit with --base"
        )
    if re.search(r"^\s+bot_id\s*[:=]", source, re.MULTILINE):
        raise UserError(
            "a model has bot_id already", where=where, hint="name a single-tenant commit with --base"
        )
    lines: list[str] = []
    tables: list[str] = []
    in_base = placed = False
    for line in source.splitlines(keepends=True):
        if in_base and _TOP_LEVEL.match(line):
            lines.append(appendix.strip("\n") + "\n\n\n")
            in_base, placed = False, True
        in_base = in_base or (not placed and bool(_BASE_LINE.match(line)))
        lines.append(line)
        found = _TABLE.match(line)
        if found and found["table"] not in _SHARED:
            tables.append(found["table"])
            lines += [
                f'{found["indent"]}bot_id = Column(Integer, ForeignKey("bots.id", ondelete="CASCADE"), nullable=False)\n',
                f'{found["indent"]}Index("idx_{found["table"]}_bot_id", bot_id)\n',
            ]
    if not placed or not tables:
        raise UserError(
            "no declarative Base with models behind it",
            where=where,
            hint="name another base commit with --base",
        )
    return "".join(lines), tuple(tables)


def _commit(clone: Path, name: str) -> str:
    if not clone.is_dir():
        raise VcsError(f"{clone} is not a folder", hint="name a clone of the upstream")
    try:
        run_git(clone, {}, "rev-parse", "--git-dir")
    except VcsError as error:
        raise VcsError(f"{clone} is not a git repository", hint="name a clone of the upstream") from error
    try:
        return run_git(
            clone, {}, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        ).strip()
    except VcsError as error:
        raise VcsError(
            f"the clone {clone} has no commit {name}", hint="fetch it there first, or name another commit"
        ) from error


def _start(path: Path, clone: Path, commit: str, progress: Callable[[str], None]) -> None:
    """Makes a repository whose `main` is at `commit`, with the history behind it and nothing else."""
    progress(f"{path.name}: {MAIN} at {commit[:8]}")
    path.mkdir(parents=True)
    run_git(path, {}, "init", "--quiet")
    for key, value in {
        "user.name": "Demo",
        "user.email": "demo@example.org",
        "commit.gpgSign": "false",
        "core.autocrlf": "false",
    }.items():
        run_git(path, {}, "config", key, value)
    run_git(path, {}, "fetch", "--quiet", "--no-tags", str(clone), commit)
    run_git(path, {}, "reset", "--quiet", "--hard", commit)


def _add_tenancy(fork: Path) -> tuple[str, ...]:
    layer = bundled("fixtures") / "tenancy_layer"
    models = fork / MODELS
    if not models.is_file():
        raise UserError(f"the base has no {MODELS}", hint="name another base commit with --base")
    text, tables = tenant_models(
        models.read_bytes().decode(), (layer / "models_appendix.txt").read_text(encoding="utf-8")
    )
    models.write_bytes(text.encode())
    names = [MODELS]
    for name, source in read_tree(layer / "files"):
        place = fork / name
        if place.exists():
            raise UserError(f"the base has {name} already", hint="name a single-tenant commit with --base")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.read_bytes())
        names.append(name)
    # Forced: the upstream's .gitignore begins with `*`.
    run_git(
        fork, {}, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", text="\0".join(names)
    )
    return tables


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this module.

    Returns:
        0, or the exit code of the error that was printed on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="python -m merge_tool.demo.real_fork", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("clone", type=Path, metavar="CLONE", help="a clone of the upstream; it is only read")
    parser.add_argument("target", type=Path, metavar="DIR", help="an empty or new folder")
    parser.add_argument("--base", default=BASE, metavar="COMMIT", help="where the fork starts (%(default)s)")
    parser.add_argument(
        "--upstream", default=UPSTREAM, metavar="COMMIT", help="upstream's newest commit (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        made = build_real_fork(
            options.clone,
            options.target,
            base=options.base,
            upstream_commit=options.upstream,
            progress=lambda line: _say(sys.stderr, line),
        )
    except MergeToolError as error:
        _say(sys.stderr, f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""))
        return int(error.exit_code)
    _say(sys.stdout, f"upstream  {made.upstream}  {made.upstream_commit}")
    _say(sys.stdout, f"fork      {made.fork}  {made.fork_commit}  ({len(made.tables)} tables with bot_id)")
    return 0


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
