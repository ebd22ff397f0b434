"""`transforms learn`: the systematic changes of a fork, proposed for its policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.transforms.evidence import Proposal
    from merge_tool.vcs.repo import Repository

transforms = typer.Typer(
    name="transforms",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The systematic changes of a fork, which a merge makes on upstream's code too.",
    epilog="Examples: merge-tool transforms learn; merge-tool transforms learn --write",
)


@transforms.callback()
def _group() -> None:
    """A group even with one verb in it."""


@transforms.command("learn")
def learn(
    repo: options.Repo = Path(),
    base: Annotated[
        str, typer.Option("--base", metavar="REF", help="Upstream's commit; default: the merge base with upstream.", show_default=False)
    ] = "",
    fork: Annotated[str, typer.Option("--fork", metavar="REF", help="The fork's commit.")] = "HEAD",
    policy: options.PolicyName = "",
    plan: options.PlanFile = None,
    least: Annotated[int, typer.Option("--least", metavar="N", min=1, help="Only what was done in so many places.")] = 5,
    precision: Annotated[
        float, typer.Option("--precision", metavar="P", min=0.0, max=1.0, help="Only what was done in this share of the places where it could be.")
    ] = 0.5,
    write: Annotated[bool, typer.Option("--write", help="Write them into tenancy.yaml, or the file that --policy names.")] = False,
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Propose fork transforms from the difference between upstream's commit and the fork.

    Looks for renamed identifiers, parameters and arguments, predicates and prefixes of keys that were added again and again, and comments
    taken out or translated. For each it tells in how many places the fork made it, of how many it could have been made
    in. Nothing is imported or run.

    Examples: merge-tool transforms learn; merge-tool transforms learn --base v1.2 --fork main --json; merge-tool transforms learn --write
    """
    from merge_tool.commands.policy_choice import choose_policy
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say
    from merge_tool.transforms.learn import learn as look
    from merge_tool.transforms.learn import to_transforms
    from merge_tool.vcs.repo import Repository

    repository = Repository.open(repo)
    choice = choose_policy(repository.root, policy, plan)
    commit = repository.resolve(fork)
    if base:
        start = repository.resolve(base)
    else:
        from merge_tool.propose.upstream import find_sides

        start = repository.merge_base(commit, find_sides(repository).upstream)
    found = look(
        _files(repository, start), _files(repository, commit), choice.policy, least=least, precision=precision
    )
    declared = to_transforms(found)
    target = ""
    if write and declared:
        target = str(_write(repository.root, policy, choice.policy.name, declared))
    lines = [_line(item) for item in found]
    lines.append(
        f"base {start[:12]}, fork {commit[:12]}, policy {choice.policy.name} ({choice.origin}): {len(found)} proposed"
    )
    if target:
        lines.append(f"written to {target}")
    elif declared:
        lines += ["", _yaml(declared).rstrip(), "", "--write puts this into the policy"]
    data = {
        "base": start, "fork": commit, "policy": choice.policy.name, "written": target or None,
        "proposals": [_data(item) for item in found], "transforms": declared,
    }  # fmt: skip
    say(data, lines, as_json)
    return ExitCode.CLEAN


def _files(repository: Repository, commit: str) -> dict[str, bytes]:
    """Every Python file of a commit; no symbolic links."""
    entries = {
        path: entry
        for path, entry in repository.ls_tree(commit).items()
        if path.endswith(".py") and entry.mode.startswith("100")
    }
    blobs = repository.read_blobs(entry.oid for entry in entries.values())
    return {path: blobs[entry.oid] for path, entry in entries.items()}


def _data(item: Proposal) -> dict[str, Any]:
    return {
        "kind": item.kind, "what": item.what, "applied": item.applied, "could": item.could,
        "precision": round(item.precision, 3), "transform": dict(item.transform) or None, "note": item.note,
    }  # fmt: skip


def _line(item: Proposal) -> str:
    from merge_tool.model.text import one_line

    how = f"{item.applied} of {item.could} places ({item.precision:.0%})"
    more = f"; {item.note}" if item.note else ""
    return one_line(f"{item.kind}: {item.what}: {how}{more}")


def _yaml(declared: list[dict[str, object]]) -> str:
    """The key `transforms` as YAML; every value is JSON, which YAML reads."""
    lines = ["transforms:"]
    for item in declared:
        for number, (key, value) in enumerate(item.items()):
            lines.append(f"  {'-' if number == 0 else ' '} {key}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _write(root: Path, given: str, name: str, declared: list[dict[str, object]]) -> Path:
    """Adds the transforms at the end of the policy's file, or makes one that extends the policy.

    Raises:
        UserError: the file has transforms already, or cannot be written.
    """
    import re

    from merge_tool.commands.merge_file import write_file
    from merge_tool.commands.policy_choice import OWN
    from merge_tool.errors import UserError

    path = root / OWN
    if given and Path(given).suffix:
        path = root / given if (root / given).is_file() else Path(given)
    try:
        old = path.read_text(encoding="utf-8") if path.is_file() else f"extends: {name}\n"
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if re.search(r"^transforms\s*:", old, re.MULTILINE):
        raise UserError(
            f"{path} has transforms already",
            hint="take them out, or put in by hand what is missing; nothing was written",
        )
    end = "" if not old or old.endswith("\n") else "\n"
    write_file(path, f"{old}{end}{_yaml(declared)}".encode())
    return path
