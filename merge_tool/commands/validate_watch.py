"""`validate --watch`: runs again at each change, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.commands.validate_output import Format, note

if TYPE_CHECKING:
    from merge_tool.commands.validate_run import Asked

# What a person waits for after saving; editors write several files at once.
_DEBOUNCE_MS = 200


def watching(asked: Asked, once: Callable[[], int]) -> int:
    """Runs at once and at each change of the project.

    Args:
        once: one run; gives its exit code.

    Returns:
        the exit code of the last run.

    Raises:
        UserError: watchfiles is not installed.
    """
    return watch_loop(once, changes(asked.root), asked.kind)


def watch_loop(once: Callable[[], int], events: Iterable[object], kind: Format = Format.RICH) -> int:
    """Runs once, and again for each event, until they end or Ctrl-C comes.

    A file that is broken, or a policy that is just being written, ends no watch: the error is shown, and the next
    change is waited for.
    """
    from merge_tool.errors import ExitCode, MergeToolError
    from merge_tool.report.console import console

    code: int = ExitCode.CLEAN
    waiting = iter(events)
    try:
        while True:
            console().clear()
            try:
                code = once()
            except MergeToolError as error:
                code = error.exit_code
                note(f"error: {error}" + (f" ({error.hint})" if error.hint else ""), kind)
            note("waiting for changes; Ctrl-C ends", kind)
            if next(waiting, None) is None:
                return code
    except KeyboardInterrupt:
        return code


def matters(path: Path, root: Path) -> bool:
    """Whether a changed file may change findings: Python files, policies and plans, and what git tracks at all."""
    from merge_tool.lint.files import LEFT_OUT

    try:
        inside = path.relative_to(root)
    except ValueError:
        return False
    if inside.parts == (".git", "index"):  # a file is tracked now, or no more
        return True
    return path.suffix in (".py", ".yaml", ".yml") and not LEFT_OUT.intersection(inside.parts)


def changes(root: Path) -> Iterator[object]:
    """An event for each batch of changes that may matter.

    Raises:
        UserError: watchfiles is not installed.
    """
    from merge_tool.errors import UserError

    try:
        import watchfiles
    except ImportError as error:
        raise UserError(
            "--watch needs watchfiles, which is not installed", hint="pip install 'merge-tool[watch]'"
        ) from error
    base = root.resolve()
    return iter(
        watchfiles.watch(
            base,
            watch_filter=lambda _, path: matters(Path(path), base),
            debounce=_DEBOUNCE_MS,
            raise_interrupt=True,
        )
    )
