"""Every error that a user can meet, each with its exit code and a hint that says how to mend it.

`merge_tool.cli` holds the one boundary that prints them. Anything that is not a `MergeToolError` is a bug of
ours: the boundary writes a log, prints its path and exits with `ExitCode.BUG`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process of this tool ends with."""

    CLEAN = 0
    FINDINGS = 1  # findings, conflicts left, or a gate stopped the run
    USAGE = 2  # wrong usage, plan or policy, or an input that cannot be worked on
    BUG = 3  # our bug; the log's path is printed
    INTERRUPTED = 130


class MergeToolError(Exception):
    """An error that a user can act on.

    Args:
        message: what is wrong, in one sentence, with the name of the thing concerned.
        hint: how to mend it; empty where the message says it already.
        where: the place as `file`, `file:line` or `file:line:column`; empty where there is none.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        """The message behind its place, as `place: message`."""
        return f"{self.where}: {self.message}" if self.where else self.message


class UserError(MergeToolError):
    """Wrong usage: an option, a path or a name that does not fit."""


class PlanError(MergeToolError):
    """A plan that cannot be run. `problems` holds every problem found, each with its own place."""

    def __init__(
        self, message: str, *, hint: str = "", where: str = "", problems: tuple[PlanError, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.problems = problems


class PolicyError(PlanError):
    """A tenancy policy that cannot be used."""


class VcsError(MergeToolError):
    """The repository cannot do what was asked: an unknown commit, a ref that moved, a dirty tree."""


class StateError(MergeToolError):
    """The tool's own state does not allow the step: no run, a stop that waits, a store that cannot be opened."""


class LockedError(StateError):
    """Another run holds the lock; the message names it."""

    exit_code = ExitCode.FINDINGS


class ActionError(MergeToolError):
    """An action of a story could not be done. The story stops; `continue` tries it again."""

    exit_code = ExitCode.FINDINGS
