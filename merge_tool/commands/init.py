"""`init`: a first policy and a first plan for any fork."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.propose.stories import Proposal
    from merge_tool.propose.upstream import Changes, Sides
    from merge_tool.propose.write import Tenancy
    from merge_tool.vcs.repo import Repository

PLAN = "phases.yaml"

Remote = Annotated[
    str,
    typer.Option("--remote", metavar="NAME", help="Upstream's remote; default: `upstream`, else the only one beside origin.", show_default=False),
]  # fmt: skip
Branch = Annotated[
    str,
    typer.Option("--branch", metavar="NAME", help="Upstream's branch; default: that of the remote's HEAD.", show_default=False),
]  # fmt: skip
Commit = Annotated[
    str,
    typer.Option("--commit", metavar="REV", help="Stop at this commit of upstream; default: the branch's newest.", show_default=False),
]  # fmt: skip
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The plan's file; default: phases.yaml at the root."),
]
Limit = Annotated[int, typer.Option("--files", metavar="N", min=1, help="Files a story at most; a folder with more is done in batches.")]  # fmt: skip
Force = Annotated[bool, typer.Option("--force", help="Overwrite the plan that is there.")]


def init(
    repo: options.Repo = Path(),
    remote: Remote = "",
    branch: Branch = "",
    commit: Commit = "",
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="FILE|NAME", help="The tenancy policy; default: tenancy.yaml at the root, guessed from the code where it is not there."),
    ] = "",
    output: Output = None,
    files: Limit = 25,
    force: Force = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """In a fork: find upstream and the merge base, guess a policy, and write a first plan that assigns every changed file.

    Phases follow the layers of an application (configuration, models, data access, services, handlers, routes, front end, tests),
    stories its folders in import order. Files that the fork removed are excluded, with that reason. Nothing is fetched, and no
    code is imported or run.

    Examples: merge-tool init; merge-tool init --remote upstream --branch main --files 40
    """
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.propose.upstream import find_changes, find_sides
    from merge_tool.propose.write import to_yaml
    from merge_tool.report.summary import say
    from merge_tool.vcs.repo import Repository

    repository = Repository.open(repo)
    target = output if output is not None else repository.root / PLAN
    if target.exists() and not force and not dry_run:
        raise UserError(f"{target} is there already", hint="name another file with -o, or add --force")
    sides = find_sides(repository, remote=remote, branch=branch, commit=commit)
    changes = find_changes(repository, sides)
    if not changes.upstream:
        text = f"{sides.remote}/{sides.branch} ({sides.upstream[:12]}) has nothing that this fork lacks"
        say({"files": 0, "plan": None, "policy": None, "upstream": _sides(sides)}, [text], as_json)
        return ExitCode.CLEAN
    from merge_tool.propose.make import make_proposal, test_folders

    tenancy, policy_text = tenancy_of(repository, sides.fork, policy)
    proposal = make_proposal(repository, sides.upstream, changes, limit=files, say=_progress)
    text = to_yaml(
        f"Merge {sides.remote}/{sides.branch}",
        sides,
        changes,
        proposal,
        tenancy,
        tests=test_folders(repository, sides.fork),
    )
    texts = {target.resolve(): text}
    if policy_text:
        texts[(repository.root / tenancy.policy).resolve()] = policy_text
    written = sorted(str(path) for path in texts)
    if not dry_run:
        write_with_schemas(repository, texts, target.resolve())
    data = summary(sides, changes, proposal, tenancy) | {
        "plan": str(target),
        "policy": tenancy.policy,
        "written": [] if dry_run else written,
    }
    say(data, _lines(sides, changes, proposal, tenancy, target, bool(policy_text), dry_run), as_json)
    return ExitCode.CLEAN


def tenancy_of(repository: Repository, commit: str, given: str) -> tuple[Tenancy, str]:
    """The policy that a plan names, and its text where it is guessed now and has to be written."""
    from merge_tool.adopt.infer import infer
    from merge_tool.adopt.write import to_yaml
    from merge_tool.commands.policy_choice import OWN
    from merge_tool.plan.policy import load_policy
    from merge_tool.propose.make import python_texts
    from merge_tool.propose.write import Tenancy

    if given or (repository.root / OWN).is_file():
        known = load_policy(given or OWN, root=repository.root)
        return Tenancy(given or OWN, True, bool(known.routes.dependencies), bool(known.keys.builders)), ""
    _progress("guessing the tenancy policy")
    found = infer(python_texts(repository, commit), repository.root.name)
    guesses = found.guesses
    return Tenancy(
        OWN,
        found.multi_tenant,
        bool(guesses["routes.dependencies"].values) if "routes.dependencies" in guesses else False,
        bool(guesses["keys.builders"].values) if "keys.builders" in guesses else False,
    ), to_yaml(found, strict=True)


def write_with_schemas(repository: Repository, texts: dict[Path, str], plan: Path) -> None:
    """Writes a plan, and a policy where one is among the texts, each beginning with the line by which editors find its schema.

    The schemas are written below `.merge-tool/`, which git does not see. Source of the line: the YAML language server of
    Red Hat, which VS Code, Neovim, Zed, Helix and others run.
    """
    import json
    import os

    from merge_tool.actions.registry import action_types
    from merge_tool.codemods.base import all_codemods
    from merge_tool.plan.schema import plan_schema, policy_schema
    from merge_tool.vcs.worktree import FOLDER, exclude

    folder = repository.root.resolve() / FOLDER / "schemas"
    schemas = {
        "plan": plan_schema(action_types(), codemod_names=all_codemods()),
        "policy": policy_schema(),
    }
    exclude(repository)
    files = {folder / f"{kind}.json": json.dumps(data, indent=1).encode() for kind, data in schemas.items()}
    for path, text in texts.items():
        schema = folder / ("plan.json" if path == plan else "policy.json")
        where = Path(os.path.relpath(schema, path.parent)).as_posix()
        files[path] = f"# yaml-language-server: $schema={where}\n{text}".encode()
    write_files(files)


def write_files(written: dict[Path, bytes]) -> None:
    """Writes files, each in one step.

    Raises:
        UserError: one cannot be written.
    """
    from merge_tool.errors import UserError
    from merge_tool.files import write_atomic

    for path, data in written.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
        except OSError as error:
            raise UserError(
                f"cannot write {path}: {error.strerror or error}",
                hint="name a file in a folder that is there",
            ) from error


def summary(sides: Sides, changes: Changes, proposal: Proposal, tenancy: Tenancy) -> dict[str, Any]:
    """What was found and proposed, as plain data."""
    return {
        "upstream": _sides(sides),
        "files": len(changes.upstream),
        "changed_by_both": len(changes.both()),
        "excluded": sorted(changes.dropped),
        "multi_tenant": tenancy.multi,
        "phases": [
            {
                "number": number,
                "title": layer_title(layer),
                "files": proposal.counts[layer],
                "stories": [
                    {"title": part.title, "files": len(part.files), "changed_by_both": len(part.both), "batches": part.count, "risk": part.risk}
                    for part in parts
                ],
            }
            for number, (layer, parts) in enumerate(proposal.layers, 1)
        ],
    }  # fmt: skip


def layer_title(layer: Any) -> str:
    """A layer's title."""
    from merge_tool.propose.layers import TITLES

    return TITLES[layer]


def _sides(sides: Sides) -> dict[str, str]:
    return {
        "remote": sides.remote,
        "branch": sides.branch,
        "commit": sides.upstream,
        "merge_base": sides.base,
        "fork": sides.fork,
        "found_by": sides.why,
    }


def _lines(
    sides: Sides,
    changes: Changes,
    proposal: Proposal,
    tenancy: Tenancy,
    target: Path,
    guessed: bool,
    dry_run: bool,
) -> list[str]:
    from merge_tool.model.text import counted

    would = "would write" if dry_run else "wrote"
    lines = [
        f"Upstream: {sides.remote}/{sides.branch} at {sides.upstream[:12]} ({sides.why}); merge base {sides.base[:12]}",
        f"Changed: {counted(len(changes.upstream), 'file')}, {len(changes.both())} of them changed by the fork too",
    ]
    if changes.dropped:
        lines.append(f"Excluded: {counted(len(changes.dropped), 'file')} that the fork removed")
    kind = "multi-tenant" if tenancy.multi else "no tenant found: merges only, no tenant checks"
    lines.append(f"Policy: {tenancy.policy} ({'guessed now, ' if guessed else ''}{kind})")
    for number, (layer, parts) in enumerate(proposal.layers, 1):
        batches = sum(part.count for part in parts)
        lines.append(
            f"Phase {number}: {layer_title(layer)}: {counted(proposal.counts[layer], 'file')} in {counted(len(parts), 'story', 'stories')}"
            + (f" ({batches} parts)" if batches > len(parts) else "")
        )
    names = f"{target}" + (f" and {tenancy.policy}" if guessed else "")
    lines.append(f"{would} {names}")
    if not dry_run:
        lines.append("Next: read both, then merge-tool plan --coverage, and merge-tool phase 0")
    return lines


def _progress(text: str) -> None:
    import sys

    if sys.stderr.isatty():
        sys.stderr.write(f"{text} …\n")
