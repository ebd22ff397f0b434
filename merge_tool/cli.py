"""The command line: every verb, and the one boundary where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from merge_tool import __version__
from merge_tool.errors import ExitCode, MergeToolError

# verb: (module, function, panel). Modules are imported when their verb is used, so that start-up stays short.
VERBS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Begin"),
    "init": ("init", "init", "Begin"),
    "sync": ("sync", "sync", "Begin"),
    "doctor": ("doctor", "doctor", "Begin"),
    "plan": ("plan", "plan", "Begin"),
    "phase": ("run", "phase", "Run"),
    "story": ("run", "story", "Run"),
    "status": ("status", "status", "Run"),
    "report": ("report", "report", "Run"),
    "conflicts": ("conflicts", "conflicts", "Stops"),
    "resolve": ("conflicts", "resolve", "Stops"),
    "resolutions": ("resolutions", "resolutions", "Stops"),
    "continue": ("flow", "continue_run", "Stops"),
    "skip": ("flow", "skip", "Stops"),
    "approve": ("approve", "approve", "Stops"),
    "abort": ("flow", "abort", "Stops"),
    "rollback": ("rollback", "rollback", "Stops"),
    "validate": ("validate", "validate", "Code"),
    "rule": ("rule", "rule", "Code"),
    "policy": ("policy", "policy", "Code"),
    "codemod": ("codemod", "codemod", "Code"),
    "isolation": ("isolation", "isolation", "Code"),
    "merge-file": ("merge_file", "merge_file", "Code"),
    "schema": ("schema", "schema", "Servers"),
    "keys": ("keys", "keys", "Servers"),
    "lsp": ("lsp", "lsp", "Code"),
    "transforms": ("transforms", "transforms", "Code"),
    "merge-driver": ("merge_driver", "merge_driver", "Code"),
    "install-driver": ("install_driver", "install_driver", "Begin"),
}


def flowing(text: str | None) -> str:
    """A help text whose paragraphs are one line each, so that they wrap where the terminal ends and nowhere else.

    Paragraphs with indented lines or lists stay as they are written.
    """
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    laid_out = ("\n ", "\n-", "\n*", "\b")
    return "\n\n".join(
        item if any(mark in item for mark in laid_out) else item.replace("\n", " ") for item in paragraphs
    )


class LazyGroup(TyperGroup):
    """Lists all verbs, and imports the module of a verb when it is called or helped with."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands.update(dict.fromkeys(VERBS))  # type: ignore[arg-type] # only the names count: suggestions on a typo

    def list_commands(self, ctx: Any) -> list[str]:
        """Every verb, in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a verb, or None."""
        if cmd_name not in VERBS:
            return None
        module, function, panel = VERBS[cmd_name]
        target: Callable[..., Any] | typer.Typer = getattr(
            importlib.import_module(f"merge_tool.commands.{module}"), function
        )
        if isinstance(target, typer.Typer):  # a verb with verbs of its own
            group: Any = typer.main.get_command(target)
            group.name = cmd_name
            for inner in (group, *group.commands.values()):
                inner.help = flowing(inner.help)
            return group
        one = typer.Typer(add_completion=False)
        one.command(cmd_name, rich_help_panel=panel, no_args_is_help=False)(target)
        command = typer.main.get_command(one)
        command.name = cmd_name
        command.help = flowing(command.help)
        return command


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"merge-tool {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    name="merge-tool", cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keeps a multi-tenant fork taking from its single-tenant upstream, without one tenant ever seeing another's data.",
    epilog="Exit codes: 0 clean, 1 findings, conflicts or a gate, 2 usage, plan or policy, 3 a bug of ours, 130 interrupted.",
)  # fmt: skip


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """The options before the verb."""


def run(arguments: list[str] | None = None) -> int:
    """Runs a command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    try:
        result = app(arguments, standalone_mode=False)
        code = int(result) if isinstance(result, int) else ExitCode.CLEAN
        if code == ExitCode.INTERRUPTED:
            sys.stderr.write("\ninterrupted; what was recorded stays: merge-tool status\n")
        return code
    except MergeToolError as error:
        return _show(error)
    except typer.Abort:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        return _usage(error)
    except typer.Exit as error:
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CLEAN
    except Exception as error:  # noqa: BLE001 the one boundary: a bug of ours becomes a log and exit code 3
        return _bug(error)


def _usage(error: typer.TyperException) -> int:
    """Prints a usage error (or, for a bare command, its help)."""
    show = getattr(error, "show", None)
    if show is None:
        sys.stderr.write(f"error: {error}\n")
    else:
        show()
    return ExitCode.USAGE


def _show(error: MergeToolError) -> int:
    from merge_tool.model.text import printable

    lines = [f"error: {error}"]
    if error.hint:
        lines.append(f"  mend: {error.hint}")
    sys.stderr.write(printable("\n".join(lines)) + "\n")
    return error.exit_code


def _bug(error: Exception) -> int:
    from merge_tool.programs import mask

    if isinstance(error, OSError) and error.errno in (28, 122):  # no space, quota
        sys.stderr.write(
            f"error: {error.strerror}: {error.filename or 'the disk'}\n  mend: make room, then merge-tool continue\n"
        )
        return ExitCode.FINDINGS
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    log = Path(tempfile.gettempdir()) / f"merge-tool-{stamp}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    try:
        log.write_text(
            mask(f"merge-tool {__version__}, Python {sys.version}\n{' '.join(sys.argv)}\n\n{text}"),
            encoding="utf-8",
        )
        where = f"the log is {log}"
    except OSError:
        where = mask(text)
    sys.stderr.write(
        f"error: a bug in merge-tool: {type(error).__name__}; nothing recorded is lost\n  {where}\n"
    )
    return ExitCode.BUG
