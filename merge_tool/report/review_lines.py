"""What the repository tells beside the store: changed lines, sites and findings in them, and the order to read them in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diff. `kind` is ` `, `-` or `+`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of a diff that stand together; `old` and `new` are the numbers of their first lines, from 1."""

    old: int
    new: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one path between the two trees.

    Attributes:
        status: git's letter: A, M, D, R (renamed) or T (another type).
        old_path: what a renamed file was called before, or "".
        note: why there are no hunks, for people; "" where there are.
        lines: the numbers of the added lines in the new text.
        old, new: the whole texts by lines, from which a highlighter knows where a string began; empty where there are no hunks.
    """

    path: str
    status: str
    old_path: str = ""
    added: int = 0
    removed: int = 0
    hunks: tuple[Hunk, ...] = ()
    note: str = ""
    lines: frozenset[int] = frozenset()
    old: tuple[str, ...] = field(default=(), repr=False)
    new: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding of the linters in the tree after; `new` where the tree before had none like it."""

    code: str
    severity: str
    path: str
    line: int
    message: str
    new: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to read a file with care: how much it weighs, what it says, and the line (0: the whole file).

    `kind` groups reasons: conflict, finding, left, merge, query, sql, key, route, schema, test, person, pick.
    """

    kind: str
    points: int
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class RiskLine:
    """One file in the reviewer's order. `level` is `high`, `medium` or `low`; the weightiest reason stands first."""

    path: str
    level: str
    score: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer reads beside the record.

    Attributes:
        before, after: the two trees (or commits) that are compared.
        changes: what differs, by path.
        risks: the changed files, the one that could leak most first.
        rules: every rule's count before and after, as (code, before, after).
        findings: those of the tree after that lie in changed files, new ones first.
        notes: what could not be looked at, and why.
    """

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    risks: tuple[RiskLine, ...] = ()
    rules: tuple[tuple[str, int, int], ...] = ()
    findings: tuple[FindingLine, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def levels(self) -> dict[str, int]:
        """How many files have each level of risk, the highest first."""
        found = Counter(item.level for item in self.risks)
        return {name: found[name] for name in ("high", "medium", "low") if found[name]}

    @property
    def counts(self) -> tuple[int, int]:
        """How many findings there are before and after."""
        return sum(item[1] for item in self.rules), sum(item[2] for item in self.rules)
