"""`codemod`: one codemod on the files of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.codemods.base import Codemod
    from merge_tool.model.source import CodemodResult


def codemod(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The codemod; --list names them.", show_default=False)
    ] = "",
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH…]",
            help="Files or folders to work on; default: the whole project.",
            show_default=False,
        ),
    ] = None,
    repo: options.Repo = Path(),
    policy: options.PolicyName = "",
    plan: options.PlanFile = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--options",
            "-o",
            metavar="JSON|KEY=VALUE",
            help="The codemod's options: a JSON object, or one option; may be repeated.",
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files; without it, the change is only shown.")
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive",
            "-i",
            help="Show each edit and ask: y makes it, n leaves it, a makes it and the rest, q leaves it and the rest, "
            "e opens it in your editor. What was accepted is written.",
        ),
    ] = False,
    allow_dirty: Annotated[
        bool,
        typer.Option(
            "--allow-dirty", help="Write although tracked files have changes that are not committed."
        ),
    ] = False,
    as_json: options.Json = False,
    list_all: Annotated[
        bool, typer.Option("--list", "--all", help="List the codemods with their options.")
    ] = False,
) -> int:
    """Rewrite code for many tenants, where it is sure; list the rest.

    The whole project is read, so that names resolve. PATH limits what is worked on; a parameter and its callers
    change together, wherever the callers stand. Without --write nothing is touched, and the change is shown as a diff
    on standard output; what is left to a person goes to standard error. The exit code is 1 where something is left.
    Most codemods are safe: nothing but the leak changes for who uses the code rightly. The others say why they are not,
    here, before they write, and under --list.

    Examples: merge-tool codemod filter-query app/crud --interactive; merge-tool codemod add-route-dependency app/api -o dependency=app.deps.get_tenant;
    merge-tool codemod thread-tenant -o functions=app.crud.user.get_user,app.crud.user.get_users --write
    """
    import sys

    from merge_tool.errors import ExitCode, UserError

    if list_all:
        _list(as_json)
        return ExitCode.CLEAN
    if not name:
        raise UserError("no codemod was named", hint="merge-tool codemod --list names them")

    from merge_tool.codemods.base import make_codemod
    from merge_tool.codemods.run import run_codemod
    from merge_tool.commands.policy_choice import NAME_ONE, choose_policy
    from merge_tool.commands.writing import refuse_dirty, write_all
    from merge_tool.lint.files import chosen_files, project_files

    if not repo.is_dir():
        raise UserError(f"{repo} is not a folder", hint="give the project's root with --repo")
    choice = choose_policy(repo, policy, plan)
    if not choice.known:
        raise UserError("no policy was named: a codemod must know what a tenant is here", hint=NAME_ONE)
    chosen_policy = choice.policy
    sys.stderr.write(f"policy: {chosen_policy.name} ({choice.origin})\n")
    made = make_codemod(name, _options(name, settings or []))
    if (write or interactive) and not allow_dirty:
        refuse_dirty(repo)
    known = project_files(repo)
    chosen = chosen_files(repo, known, paths, Path.cwd()) if paths else []
    files = {path: (repo / path).read_bytes() for path in sorted({*known, *chosen})}
    new, result = run_codemod(made, files, chosen, chosen_policy)
    if made.unsafe and new:
        sys.stderr.write(f"unsafe: {made.unsafe}\n")
    if interactive:
        new = _reviewed(made, files, new, result)
        write = True
    if write:
        write_all(repo, files, new)
    if as_json:
        _print_json(result, sorted(new), written=write)
    else:
        _print(made, files, new, result, written=write)
    return ExitCode.FINDINGS if result.not_done else ExitCode.CLEAN


def _reviewed(
    made: Codemod, files: dict[str, bytes], new: dict[str, bytes], result: CodemodResult
) -> dict[str, bytes]:
    """The files with the edits that the person at the terminal accepts; questions go to standard error."""
    import sys

    from merge_tool.commands.codemod_review import Review, open_editor
    from merge_tool.report.console import err_console, safe

    notes = err_console()
    colours = {"+": "green", "-": "red", "@": "cyan"}

    def ask(question: str) -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            sys.stderr.write("\n")
        return line

    def tell(text: str, kind: str) -> None:
        notes.print(safe(text, colours.get(kind, "")), soft_wrap=True)

    return Review(files, new, result.edits, made.joined, ask, tell, open_editor).run()


def _list(as_json: bool) -> None:
    import json
    from dataclasses import MISSING, fields

    from merge_tool.codemods.base import all_codemods

    found: list[dict[str, Any]] = []
    for name, kind in all_codemods().items():
        module = __import__(kind.__module__, fromlist=["__doc__"])
        summary = (module.__doc__ or "").strip().split("\n")[0]
        names = [
            item.name + ("" if item.default is MISSING and item.default_factory is MISSING else "?")
            for item in fields(kind.Options)
        ]
        found.append(
            {
                "name": name,
                "summary": summary,
                "options": names,
                "safe": not kind.unsafe,
                "unsafe": kind.unsafe,
            }
        )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for item in found:
        typer.echo(f"{item['name']}: {item['summary']}\n    options: {', '.join(item['options']) or 'none'}")
        if item["unsafe"]:
            typer.echo(f"    unsafe: {item['unsafe']}")


def _options(name: str, words: list[str]) -> dict[str, Any]:
    """The options of the command line: JSON objects, and `key=value` whose value is JSON or else text."""
    import json
    from dataclasses import fields

    from merge_tool.codemods.base import all_codemods
    from merge_tool.errors import UserError

    kinds = (
        {item.name: str(item.type) for item in fields(all_codemods()[name].Options)}
        if name in all_codemods()
        else {}
    )
    found: dict[str, Any] = {}
    for word in words:
        if word.lstrip().startswith("{"):
            try:
                given = json.loads(word)
            except json.JSONDecodeError as error:
                raise UserError(
                    f"--options: not JSON: {error}", hint='write {"key": "value"} or key=value'
                ) from error
            found |= given
            continue
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"--options: {word!r} has no =", hint='write {"key": "value"} or key=value')
        kind = kinds.get(key, "")
        if kind == "str":
            found[key] = value
            continue
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = [part for part in value.split(",") if part] if kind.startswith("tuple") else value
    return found


def _print_json(result: CodemodResult, files: list[str], *, written: bool) -> None:
    import json

    edits = [
        {"path": item.path, "line": item.line, "codemod": item.codemod, "description": item.description}
        for item in result.edits
    ]
    left = [
        {"path": item.path, "line": item.line, "codemod": item.codemod, "reason": item.reason}
        for item in result.not_done
    ]
    typer.echo(json.dumps({"edits": edits, "not_done": left, "files": files, "written": written}, indent=2))


def _print(
    made: Codemod, files: dict[str, bytes], new: dict[str, bytes], result: CodemodResult, *, written: bool
) -> None:
    """The diff on standard output, so that it can be piped; what else there is to say on standard error."""
    from merge_tool.model.text import one_line
    from merge_tool.report.console import err_console, safe

    if not written:
        from merge_tool.commands.writing import print_diff

        print_diff(files, new)
    notes = err_console()
    if written:
        for item in result.edits:
            notes.print(safe(one_line(f"{item.path}:{item.line}: {item.description}")), soft_wrap=True)
    for site in result.not_done:
        notes.print(safe(one_line(f"{site.path}:{site.line}: left: {site.reason}"), "yellow"), soft_wrap=True)
    what = f"{made.name}: {len(result.edits)} edits in {len(new)} files {'written' if written else 'shown'}"
    what += f", {len(result.not_done)} sites left to a person" if result.not_done else ""
    hint = "; --write applies them" if new and not written else ""
    notes.print(safe(what + hint, "bold"), soft_wrap=True)
