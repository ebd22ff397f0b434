"""`install-driver`: git calls merge-tool for Python files, in merges, rebases and cherry-picks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.merge_file import the_level

if TYPE_CHECKING:
    from merge_tool.vcs.driver import Scope


def install_driver(
    repo: options.Repo = Path(),
    local: Annotated[bool, typer.Option("--local", help="For this repository alone (the default).")] = False,
    everywhere: Annotated[
        bool, typer.Option("--global", help="For all repositories of this user.")
    ] = False,
    tracked: Annotated[
        bool,
        typer.Option("--gitattributes", help="Write the attributes to the tracked .gitattributes instead of .git/info/attributes."),
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take back what was written.")] = False,
    level: Annotated[
        str, typer.Option("--level", metavar="safe|full", help="As in merge-file; `git mergetool` always goes to full.")
    ] = "safe",
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="FILE|NAME", help="The policy whose transforms are made.", show_default="tenancy.yaml where it is there"),
    ] = "",
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Have git merge Python files with merge-tool, and offer it to `git mergetool --tool=merge-tool`.

    Writes git's configuration and a file of attributes, and says what it wrote; a second run changes nothing. From then on
    git merge, rebase and cherry-pick call the driver for every Python file that both sides changed.

    Examples: merge-tool install-driver; merge-tool install-driver --global --level full; merge-tool install-driver --uninstall
    """
    from merge_tool.commands.light import common_dir
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.plan.policy import find_policy
    from merge_tool.report.summary import say
    from merge_tool.vcs import driver

    if local and everywhere:
        raise UserError("--local and --global exclude each other", hint="give one of them")
    if tracked and (everywhere or uninstall):
        raise UserError(
            "--gitattributes is about one repository's own file, and --uninstall looks there anyway",
            hint="leave it out",
        )
    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the project's root with --repo")
    scope: Scope = "global" if everywhere else "local"
    if not everywhere:
        common_dir(repo)  # git's own words on a folder that is no repository do not say what to do
    if policy:
        found = find_policy(policy, root=repo)
        policy = policy if not Path(policy).suffix else str(found.resolve())
    if uninstall:
        done = driver.uninstall(repo.resolve(), scope)
        lines = [f"configuration ({scope}): {item}" for item in done.config]
        lines += [f"attributes: {item}" for item in done.attributes]
    else:
        wanted = driver.commands(the_level(level), policy)
        done = driver.install(repo.resolve(), scope, wanted, tracked=tracked)
        lines = [f"configuration ({scope}): {item}" for item in done.config]
        lines += [f"{done.attributes_file}: {item}" for item in done.attributes]
    data = {
        "scope": scope, "installed": not uninstall, "changed": bool(lines), "config": done.config, "attributes": done.attributes,
    }  # fmt: skip
    say(data, lines or ["nothing to do: everything is as wanted already"], as_json)
    return ExitCode.CLEAN
