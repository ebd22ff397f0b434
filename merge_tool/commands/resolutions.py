"""`resolutions`: what people decided in conflicts, kept for the next time and shared with the team."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.vcs.repo import Identity, Repository

resolutions = typer.Typer(
    name="resolutions",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="What people decided in conflicts: it is written again where the very same conflict comes back.",
    epilog="Examples: merge-tool resolutions list; merge-tool resolutions share --remote origin",
)
_Remote = Annotated[str, typer.Option("--remote", metavar="NAME", help="The git remote of the team.")]


@resolutions.command("list")
def list_(repo: options.Repo = Path(), as_json: options.Json = False) -> int:
    """List the recorded resolutions: key, file, place, who and when. With --json all texts, too.

    Example: merge-tool resolutions list
    """
    from dataclasses import asdict

    from merge_tool.actions.recorded import known_resolutions
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    found = sorted(known_resolutions(Repository.open(repo)).items(), key=lambda pair: (pair[1].path, pair[0]))
    lines = [
        f"{key[:12]} {item.path}" + (f", {item.scope}" if item.scope else "") + f": {item.by}, {item.at[:10]}"
        for key, item in found
    ]
    data = {"resolutions": [{"key": key, **asdict(item)} for key, item in found]}
    say(data, lines or ["no resolutions are recorded"], as_json)
    return ExitCode.CLEAN


@resolutions.command("forget")
def forget(
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY]...", help="Keys of `resolutions list`, or their beginnings.", show_default=False
        ),
    ] = None,
    path: Annotated[
        str, typer.Option("--path", metavar="FILE", help="All of this file.", show_default=False)
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    repo: options.Repo = Path(),
    as_json: options.Json = False,
) -> int:
    """Forget resolutions, so that their conflicts come to a person again.

    Examples: merge-tool resolutions forget 3f2a9c; merge-tool resolutions forget --path app/config.py
    """
    from merge_tool.actions.recorded import file_of, known_resolutions, shelf_of
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    if not (keys or path or every):
        raise UserError("which are to be forgotten?", hint="give a KEY, --path FILE or --all")
    opened = Repository.open(repo)
    known = known_resolutions(opened)
    gone = {key for key, item in known.items() if every or (path and item.path == path)}
    for word in keys or []:
        fitting = [key for key in known if key.startswith(word)]
        if not word or len(fitting) != 1:
            what = "fits no resolution" if not fitting else f"fits {len(fitting)} resolutions"
            raise UserError(f"the key {word!r} {what}", hint="see `merge-tool resolutions list`")
        gone.add(fitting[0])
    shelf = shelf_of(opened)
    names = set(shelf.files()) if every else {file_of(key) for key in gone}
    if names:
        shelf.change(dict.fromkeys(names), f"Forget {len(names)} resolutions\n", _who(opened))
    say({"forgotten": sorted(gone)}, [f"{len(gone)} forgotten"], as_json)
    return ExitCode.CLEAN


@resolutions.command("share")
def share(remote: _Remote = "origin", repo: options.Repo = Path(), as_json: options.Json = False) -> int:
    """Send the resolutions to a remote, joined with those that are there.

    They are kept under refs/merge-tool/resolutions, beside the branches. Example: merge-tool resolutions share
    """
    from merge_tool.actions.recorded import shelf_of
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    opened = Repository.open(repo)
    count = shelf_of(opened).push(remote, _who(opened), newer)
    say({"remote": remote, "shared": count}, [f"{remote} has {count} resolutions now"], as_json)
    return ExitCode.CLEAN


@resolutions.command("fetch")
def fetch(remote: _Remote = "origin", repo: options.Repo = Path(), as_json: options.Json = False) -> int:
    """Get the team's resolutions from a remote. Where two differ for one conflict, the newer stays.

    Example: merge-tool resolutions fetch --remote origin
    """
    from merge_tool.actions.recorded import shelf_of
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    opened = Repository.open(repo)
    came, went = shelf_of(opened).fetch(remote, _who(opened), newer)
    say(
        {"remote": remote, "came": came, "went": went},
        [f"{came} came from {remote}, {went} were forgotten there"],
        as_json,
    )
    return ExitCode.CLEAN


def newer(mine: bytes, theirs: bytes) -> bool:
    """Whether the other version of a resolution was made later; what is none never wins."""
    from merge_tool.merging.recorded import load

    try:
        other = load(theirs)
    except ValueError:
        return False
    try:
        return other.at > load(mine).at
    except ValueError:
        return True


def _who(repo: Repository) -> Identity:
    import time

    from merge_tool.vcs.repo import Identity

    name, email = repo.config("user.name", "merge-tool"), repo.config("user.email", "merge-tool@localhost")
    return Identity(name, email, int(time.time()))
