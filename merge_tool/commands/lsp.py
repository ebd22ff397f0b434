"""`lsp`: the language server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.lsp.project import Project
    from merge_tool.model.policy import Policy


def lsp(
    plan: options.PlanFile = None,
    policy: options.PolicyName = "",
    cache_dir: Annotated[
        Path | None,
        typer.Option("--cache-dir", metavar="DIR", envvar="MERGE_TOOL_CACHE_DIR", help="Where facts are kept between runs.", show_default=False),
    ] = None,
) -> int:  # fmt: skip
    """Serve the tenant linters to an editor, over standard input and output (Language Server Protocol).

    Findings as you type, on the whole project; hovering shows the rule's page; quick fixes mend by codemods or ignore with a
    reason. Needs the extra `lsp`: pip install 'merge-tool[lsp]'.

    Example: merge-tool lsp --policy tenancy.yaml

    Neovim: vim.lsp.start({ name = "merge-tool", cmd = { "merge-tool", "lsp" }, root_dir = vim.fs.root(0, ".git") })
    """
    from merge_tool.errors import ExitCode, UserError

    try:
        from merge_tool.lsp.server import make_server
    except ImportError as error:
        raise UserError(
            f"lsp needs {error.name}, which is not installed", hint="pip install 'merge-tool[lsp]'"
        ) from error
    from merge_tool.commands.policy_choice import choose_policy
    from merge_tool.lint.cache import Cache, default_folder
    from merge_tool.lint.files import root_of
    from merge_tool.lsp.project import Project

    folder = cache_dir if cache_dir is not None else default_folder()

    def policy_of(root: Path) -> Policy:
        return choose_policy(root, policy, plan).policy

    def make(file: Path) -> Project:
        return Project(root_of(file), policy_of, lambda: Cache(folder))

    make_server(make).start_io()
    return ExitCode.CLEAN
