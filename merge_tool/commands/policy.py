"""`policy infer` and `policy check`: a first tenancy policy, and what a policy leaves open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options

policy = typer.Typer(
    name="policy",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Guess the tenancy policy of a code base, or say what a policy leaves open.",
    epilog="Examples: merge-tool policy infer -o tenancy.yaml; merge-tool policy check --policy tenancy.yaml",
)


@policy.command("infer")
def infer(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="The project's root; default: --repo.", show_default=False),
    ] = None,
    repo: options.Repo = Path(),
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    name: Annotated[str, typer.Option("--name", help="The policy's name; default: the folder's.")] = "",
    as_json: options.Json = False,
) -> int:
    """Guess a first tenancy policy from the code, every line with its evidence.

    Nothing of the project is imported or run. What was not found stands there commented out, to be filled in. Exit code 0,
    also for a project without tenants: the file then says so, and which tables would become a tenant's.

    Examples: merge-tool policy infer; merge-tool policy infer ../shop -o tenancy.yaml
    """  # fmt: skip
    from merge_tool.adopt.infer import infer as guess
    from merge_tool.adopt.write import to_data, to_yaml
    from merge_tool.errors import ExitCode, UserError

    root = path if path is not None else repo
    if output is not None and output.exists() and not force:
        raise UserError(f"{output} is there already", hint="name another file, or add --force")
    found = guess(_texts(root), name or root.resolve().name)
    text = to_yaml(found)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"cannot write {output}: {error.strerror or error}",
                hint="name a file in a folder that is there",
            ) from error
    if as_json:
        typer.echo(
            json.dumps({**to_data(found), "output": str(output) if output is not None else None}, indent=2)
        )
    elif output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(
            f"{output}: read it, fill in what is commented out, then merge-tool policy check --policy {output}"
        )
    return ExitCode.CLEAN


@policy.command("check")
def check(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="The project's root; default: --repo.", show_default=False),
    ] = None,
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    policy_name: options.PolicyName = "",
    as_json: options.Json = False,
) -> int:
    """Say which names of a policy the project does not have, and which tables and routes the policy leaves open.

    Exit code 1 where there is something to say.

    Examples: merge-tool policy check; merge-tool policy check --policy tenancy.yaml --json
    """
    from merge_tool.adopt.check import check_policy
    from merge_tool.commands.policy_choice import NAME_ONE, choose_policy
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.console import console, safe

    root = path if path is not None else repo
    texts = _texts(root)
    choice = choose_policy(root, policy_name, plan)
    if not choice.known:
        raise UserError("no policy was named, and none fits the models here", hint=NAME_ONE)
    chosen = choice.policy
    gaps = check_policy(texts, chosen)
    if as_json:
        data = [
            {"key": item.key, "name": item.name, "message": item.message, "where": item.where}
            for item in gaps
        ]
        typer.echo(json.dumps({"policy": chosen.name, "files": len(texts), "findings": data}, indent=2))
    else:
        out = console()
        for item in gaps:
            at = f" ({item.where})" if item.where else ""
            out.print(safe(f"{item.key}: {item.message}{at}"), soft_wrap=True)
        told = f"{len(gaps)} to mend" if gaps else "fits"
        out.print(safe(f"policy {chosen.name} ({choice.origin}): {told}; {len(texts)} files"), soft_wrap=True)
    return ExitCode.FINDINGS if gaps else ExitCode.CLEAN


def _texts(root: Path) -> dict[str, bytes]:
    """The project's Python files; one that cannot be read counts as empty, `validate` tells it."""
    from merge_tool.errors import UserError
    from merge_tool.lint.files import project_files

    found: dict[str, bytes] = {}
    for name in project_files(root):
        try:
            found[name] = (root / name).read_bytes()
        except OSError:
            found[name] = b""
    if not found:
        raise UserError(f"no Python file under {root}", hint="give the project's root")
    return found
