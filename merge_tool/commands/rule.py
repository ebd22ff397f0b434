"""`rule`: a rule's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.rulekit.rule import Rule


def rule(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE", help="A rule's code or name: TQ1, unscoped-select.", show_default=False
        ),
    ] = "",
    list_all: Annotated[bool, typer.Option("--all", help="List all rules.")] = False,
    rules: Annotated[
        list[Path] | None,
        typer.Option(
            "--rules", metavar="DIR", help="A folder with rules of your own; its files are run as code."
        ),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Show what a rule reports, why, and how to write it instead.

    Examples: merge-tool rule TQ1; merge-tool rule --all
    """  # fmt: skip
    import json

    from merge_tool.codemods.mends import mended_by
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.lint.loader import load_rules
    from merge_tool.report.console import console, safe

    if code and list_all:
        raise UserError(f"{code} is one rule, --all are all of them", hint="give one or the other")
    known = load_rules(tuple(rules or ()))
    if list_all:
        if as_json:
            typer.echo(json.dumps({"rules": [_data(item) for item in known]}, indent=2))
        else:
            for item in known:
                console().print(
                    safe(f"{item.code:<5} {item.severity.value:<8} {item.name:<30} {item.title()}"),
                    soft_wrap=True,
                )
        return ExitCode.CLEAN
    if not code:
        raise UserError("which rule?", hint="merge-tool rule CODE, or --all for a list")
    found = next((item for item in known if code.upper() == item.code or code == item.name), None)
    if found is None:
        raise UserError(
            f"there is no rule {code!r}", hint=f"the rules are {', '.join(item.code for item in known)}"
        )
    if as_json:
        typer.echo(json.dumps(_data(found), indent=2))
    else:
        out = console()
        out.print(safe(f"{found.code} {found.name} ({found.severity.value})", "bold"), soft_wrap=True)
        out.print()
        out.print(safe(found.page()), soft_wrap=True)
        if mended := mended_by(found.code):
            out.print()
            out.print(safe(mended), soft_wrap=True)
    return ExitCode.CLEAN


def _data(item: Rule) -> dict[str, Any]:
    from merge_tool.codemods.mends import mends_of

    return {
        "code": item.code,
        "name": item.name,
        "severity": item.severity.value,
        "title": item.title(),
        "sections": item.sections(),
        "mended_by": [{"codemod": mend.codemod, "safe": mend.safe} for mend in mends_of(item.code)],
    }
