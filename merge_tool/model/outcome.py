"""What an action of a story came to, and what it did to each file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from merge_tool.model.source import Edit, NotDone


class Verdict(StrEnum):
    """What happened to one file."""

    COPIED = "copied"  # new here, taken from upstream as it is
    UPDATED = "updated"  # only upstream changed it, taken as it is
    MERGED = "merged"  # both sides changed it, merged without a conflict
    CONFLICTED = "conflicted"  # both sides changed it, markers left for a person
    RESOLVED = "resolved"  # a person resolved it
    DELETED = "deleted"
    PICKED = "picked"  # changed by a cherry-pick
    REWRITTEN = "rewritten"  # changed by a codemod
    GENERATED = "generated"  # written by the tool
    EXCLUDED = "excluded"  # left out on purpose, with the reason
    KEPT = "kept"  # the fork's own, upstream did not change it
    UNCHANGED = "unchanged"  # the same already


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """One file's verdict. `by` names the merge step, codemod or action; `reason` says why, for people."""

    path: str
    verdict: Verdict
    by: str = ""
    reason: str = ""


class OutcomeStatus(StrEnum):
    """How an action ended."""

    DONE = "done"
    STOPPED = "stopped"  # conflicts or findings wait for a person
    GATE = "gate"  # a signature is needed
    FAILED = "failed"  # it could not be done; `continue` tries again


class CriterionStatus(StrEnum):
    """Where an acceptance criterion stands. Never assumed: `open` until something shows it."""

    PASSED = "passed"
    FAILED = "failed"
    SIGNED = "signed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """A criterion's standing, and the command, test node, finding or signature that shows it."""

    id: str
    status: CriterionStatus
    evidence: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Something of upstream that was not taken, or not as it was, and why."""

    subject: str  # a path or a commit
    what: str  # "excluded", "already applied", "changed", …
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """One conflicted file. The ids name blobs; empty where that side has no such file.

    `kind` is git's word for it: `content`, `modify/delete`, `add/add`, `rename/rename`, `binary`, … or ours: `symlink`,
    `submodule`, `mode`, and `unparsable` and `unsound` for what git calls clean. `names` are the paths that git names
    with it, such as the three of a `rename/rename`; `note` is what a check found.
    The modes are git's (100644, 100755, 120000 symlink, 160000 submodule), of the merged file and of each side.
    """

    path: str
    kind: str
    base: str = ""
    ours: str = ""
    theirs: str = ""
    mode: str = "100644"
    ours_mode: str = ""
    theirs_mode: str = ""
    base_mode: str = ""
    names: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class MergedHunk:
    """One conflicting hunk and what became of it.

    `line` is its place in the merged file; `step` names what merged it, `left` where a person has to; `confidence` is
    `safe` or `full`, or "" for a hunk that is left.
    """

    path: str
    line: int
    step: str
    confidence: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Which lines of a changed file the tests ran: how many, and those that none of them did, as `3-5,9`."""

    path: str
    executed: int
    missing: str = ""

    @property
    def share(self) -> int:
        """The percentage of its lines that ran, rounded down: 100 only where all did."""
        whole = self.executed + len(self.missed())
        return 100 * self.executed // whole if whole else 100

    def missed(self) -> frozenset[int]:
        """The lines that no test ran."""
        pairs = [part.partition("-") for part in self.missing.split(",") if part]
        return frozenset(
            number for first, _, last in pairs for number in range(int(first), int(last or first) + 1)
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one action came to."""

    status: OutcomeStatus
    summary: str
    files: tuple[FileVerdict, ...] = ()
    edits: tuple[Edit, ...] = ()
    not_done: tuple[NotDone, ...] = ()
    criteria: tuple[CriterionResult, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    commit_notes: tuple[
        str, ...
    ] = ()  # lines for the commit message, such as "(cherry picked from commit …)"
    conflicts: tuple[Conflict, ...] = ()
    details: tuple[str, ...] = ()  # longer text for the report, one paragraph each
    hunks: tuple[MergedHunk, ...] = ()  # how each conflicting hunk was merged, or that it is left
    coverage: tuple[FileCoverage, ...] = ()  # of the files that the run changed, where it was measured
