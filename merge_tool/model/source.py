"""What linters and codemods say about source text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from merge_tool.model.plain import plain


class Severity(StrEnum):
    """How bad a finding is. `info` marks what could not be decided, with the reason."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@plain(eq=True, order=True)
class Span:
    """A stretch of source text. Lines and columns count from 1; the end column is one past the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of one rule.

    Attributes:
        code: the rule's code, such as `TQ1`.
        path: the file, relative to the repository's root, with forward slashes.
        reason: the steps by which the rule came to it, for `--explain`.
        fixable: whether `validate --fix` mends it: never a rule's guess, but tried out by `--fix --diff`.
    """

    code: str
    severity: Severity
    path: str
    span: Span
    message: str
    fixable: bool = False
    reason: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[str, Span, str, str, tuple[str, ...]]:
        """The order in which findings are printed: by place, then by rule."""
        return (self.path, self.span, self.code, self.message, self.reason)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change that a codemod made. `line` is the line in the text before the change, from 1."""

    path: str
    line: int
    codemod: str
    description: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """One site that a codemod saw, did not change, and leaves to a person, with the reason."""

    path: str
    line: int
    codemod: str
    reason: str


@dataclass(frozen=True, slots=True)
class CodemodResult:
    """What a codemod did to a set of files.

    Attributes:
        texts: the new text of each file that changed, by path; files that did not change are absent.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    not_done: tuple[NotDone, ...] = ()
