"""`isolation generate`: tests with two tenants for the routes, query functions and keys of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.isolation.model import Generated

isolation = typer.Typer(
    name="isolation",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Write tests with two tenants, which fail where one sees the other's rows, keys or receipts.",
    epilog="Examples: merge-tool isolation generate; merge-tool isolation generate --trial --python .venv/bin/python",
)


@isolation.callback()
def _group() -> None:
    """Keeps `generate` a verb of its own."""


@isolation.command("generate")
def generate(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="The project's root; default: --repo.", show_default=False),
    ] = None,
    repo: options.Repo = Path(),
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="The test file to write, in the project; tenant_world.py comes to stand beside it."),
    ] = "tests/integration/test_tenant_isolation.py",
    plan: options.PlanFile = None,
    policy_name: options.PolicyName = "",
    routes: Annotated[
        list[str] | None,
        typer.Option("--routes", metavar="PATTERN", help="Files whose routes are tested; may be repeated; default: all; none: no routes.", show_default=False),
    ] = None,
    functions: Annotated[
        list[str] | None,
        typer.Option("--functions", metavar="PATTERN", help="Files whose query functions are tested; default: where queries are kept; none: no functions.", show_default=False),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--keys", metavar="PATTERN", help="Files whose Redis keys are tested; default: all; none: no keys.", show_default=False),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="TABLE.COLUMN=VALUE", help="A value that rows must have, as JSON or text: users.telegram_id=1000.", show_default=False),
    ] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=TEXT", help="A header that a tenant's request carries; {column} is a column of the tenants' table.", show_default=False),
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial", help="Run the tests once on a copy (this runs the project's code), and list instead of write those that work for nobody."),
    ] = False,
    python: options.PythonPath = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that merge-tool did not write.")] = False,
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Write tests with two tenants for the routes, query functions and Redis keys of a project.

    The project is read, not run, unless --trial asks for it. Each test makes its call for the first tenant, with and
    without rows of a second one, which must make no difference and must stay as they are; requests without a tenant must
    get 401, a user of another tenant 403. What nobody can invent is listed with the reason, in the file and here. Exit
    code 0, also where something is left out.

    Examples: merge-tool isolation generate; merge-tool isolation generate ../shop --routes 'app/api/**' --functions none -o tests/test_isolation.py
    """  # fmt: skip
    from merge_tool.commands.policy_choice import NAME_ONE, choose_policy
    from merge_tool.commands.writing import write_all
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.isolation.generate import generate as make
    from merge_tool.isolation.model import MARK, Options
    from merge_tool.isolation.trial import tried
    from merge_tool.lint.files import project_files
    from merge_tool.vcs.names import check_path

    root = path if path is not None else repo
    files = {name: (root / name).read_bytes() for name in project_files(root)}
    if not files:
        raise UserError(f"no Python file under {root}", hint="give the project's root")
    choice = choose_policy(root, policy_name, plan)
    if not choice.known:
        raise UserError("no policy was named: a test must know what a tenant is here", hint=NAME_ONE)
    target = output if output.endswith(".py") else f"{output.rstrip('/')}/test_tenant_isolation.py"
    check_path(target)
    wanted = Options(
        target,
        _patterns(routes),
        _patterns(functions),
        _patterns(keys),
        rows=_rows(rows or []),
        headers=dict(_pair(word, "--header") for word in headers or []),
    )
    made = tried(files, choice.policy, wanted, root, python) if trial else make(files, choice.policy, wanted)
    old = {name: (root / name).read_bytes() for name in made.files if (root / name).is_file()}
    foreign = [name for name, data in old.items() if MARK not in data]
    if foreign and not force:
        raise UserError(
            f"{foreign[0]} was not written by merge-tool", hint="name another file with -o, or add --force"
        )
    write_all(root, old, {name: text.encode() for name, text in made.files.items()})
    if as_json:
        typer.echo(json.dumps(_data(made), indent=2))
    else:
        _print(made)
    return ExitCode.CLEAN


def _patterns(words: list[str] | None) -> tuple[str, ...] | None:
    """What an option means: None where it was not given, nothing for `none`."""
    if words is None:
        return None
    return tuple(word for word in words if word != "none")


def _pair(word: str, option: str) -> tuple[str, str]:
    from merge_tool.errors import UserError

    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UserError(f"{option}: {word!r} has no =", hint="write NAME=TEXT")
    return key, value


def _rows(words: list[str]) -> dict[str, dict[str, Any]]:
    from merge_tool.errors import UserError

    found: dict[str, dict[str, Any]] = {}
    for word in words:
        place, value = _pair(word, "--row")
        table, dot, column = place.rpartition(".")
        if not dot:
            raise UserError(f"--row: {word!r} names no column", hint="write TABLE.COLUMN=VALUE")
        try:
            found.setdefault(table, {})[column] = json.loads(value)
        except json.JSONDecodeError:
            found.setdefault(table, {})[column] = value
    return found


def _data(made: Generated) -> dict[str, Any]:
    left = [
        {"what": item.what, "path": item.path, "line": item.line, "reason": item.reason}
        for item in made.not_tested
    ]
    tests = [{"name": name, "site": site} for name, site in made.tested.items()]
    return {"files": sorted(made.files), "tests": tests, "not_tested": left, "notes": list(made.notes)}


def _print(made: Generated) -> None:
    from merge_tool.model.text import one_line
    from merge_tool.report.console import console, safe

    out = console()
    for item in made.not_tested:
        out.print(
            safe(one_line(f"{item.path}:{item.line}: left out: {item.what}: {item.reason}"), "yellow"),
            soft_wrap=True,
        )
    for note in made.notes:
        out.print(safe(one_line(f"note: {note}"), "yellow"), soft_wrap=True)
    files = ", ".join(sorted(made.files))
    out.print(
        safe(f"{len(made.tested)} tests written, {len(made.not_tested)} things left out: {files}", "bold"),
        soft_wrap=True,
    )
