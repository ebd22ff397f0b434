"""Mends findings by codemods, in memory, and believes only the linters' own word on what was mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from merge_tool.codemods.mends import MENDABLE, MENDS, Mend
from merge_tool.lint.moved import Moved
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Edit, NotDone, Severity

Texts = Mapping[str, bytes]
Lint = Callable[[Texts], Sequence[Diagnostic]]
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that stays although a codemod is for its rule: where it stands after the mends, and why it stays."""

    finding: Diagnostic
    codemod: str
    reason: str


@dataclass(slots=True)
class Mended:
    """What the codemods came to.

    Attributes:
        texts: the new bytes of each file that changes.
        mended: the findings that are gone, as they stood before, each with the codemod that did it.
        edits: what was changed; lines are those of the text that the codemod was given.
        left: the findings that stay.
        brought: findings that were not there before, which the mends brought in or brought to light.
    """

    texts: dict[str, bytes] = field(default_factory=dict)
    mended: list[tuple[Diagnostic, str]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    brought: tuple[Diagnostic, ...] = ()


@dataclass(slots=True, eq=False)
class _Live:
    """A finding on its way: as it stood first, as it stands now, and why each codemod left it."""

    first: Diagnostic
    now: Diagnostic
    reasons: dict[str, str] = field(default_factory=dict)


def mendable(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings that a codemod is there for. What the linters could not decide, no codemod is let loose on."""
    return [item for item in findings if item.code in MENDABLE and item.severity is not Severity.INFO]


def mend(
    files: Texts,
    policy: Policy,
    findings: Sequence[Diagnostic],
    everything: Sequence[Diagnostic],
    lint: Lint,
    *,
    unsafe: bool = False,
) -> Mended:
    """Mends what can be mended.

    After each codemod the linters are run again. An edit stays only if its finding is gone and nothing has come
    in its place; else the codemod is run again without that site. So a codemod's edits are all taken or none is.

    Args:
        files: every Python file of the project, by path; nothing is written.
        findings: what is to be mended.
        everything: all findings of the run on `files`; `findings` are among them.
        lint: the findings of a run on other texts.
        unsafe: whether codemods that are not safe are run too; see `merge_tool.codemods.mends.Mend`.
    """
    done = Mended()
    live = [_Live(item, item) for item in mendable(findings)]
    now: Sequence[Diagnostic] = everything
    for step in MENDS:
        wanted = [item for item in live if item.now.code in step.codes]
        if not wanted:
            continue
        if not step.safe and not unsafe:
            for item in wanted:
                item.reasons[step.codemod] = f"--unsafe-fixes tries {step.codemod}"
            continue
        now = _step(step, {**files, **done.texts}, policy, wanted, live, now, lint, done)
    done.texts = {path: data for path, data in done.texts.items() if files.get(path) != data}
    for item in live:
        done.left += [Left(item.now, codemod, reason) for codemod, reason in item.reasons.items()]
    done.brought = _brought(everything, now) if done.texts else ()
    return done


def _step(
    step: Mend,
    texts: Texts,
    policy: Policy,
    wanted: list[_Live],
    live: list[_Live],
    before: Sequence[Diagnostic],
    lint: Lint,
    done: Mended,
) -> Sequence[Diagnostic]:
    """Runs one codemod on the findings wanted, and again without those that it does not mend; takes what is mended."""
    from merge_tool.lint.mend_steps import run_step

    for _ in range(_ATTEMPTS):
        ran = run_step(step.codemod, texts, policy, [item.now for item in wanted])
        for item in wanted:
            item.reasons[step.codemod] = _reason(item.now, ran.left) or step.silent
        if not ran.texts:
            return before
        after = lint({**texts, **ran.texts})
        moves = {path: Moved(texts.get(path, b""), data) for path, data in ran.texts.items()}
        fresh = set(_brought(before, after))
        stands = {id(item): _stands(item.now, moves, after, fresh) for item in live}
        gone = [item for item in live if stands[id(item)] is None]
        useless = [item for item in wanted if stands[id(item)] is not None and ran.touches(item.now)]
        if useless:
            for item in useless:
                item.reasons[step.codemod] = f"what {step.codemod} writes here does not satisfy the rule"
            wanted = [item for item in wanted if item not in useless]
            if not wanted:
                return before
            continue
        if not gone:
            return before
        done.texts.update(ran.texts)
        done.edits += ran.edits
        done.mended += [(item.first, step.codemod) for item in gone]
        live[:] = [item for item in live if item not in gone]
        for item in live:
            item.now = stands[id(item)] or item.now
        return after
    return before


def _stands(
    item: Diagnostic, moves: Mapping[str, Moved], after: Iterable[Diagnostic], fresh: Collection[Diagnostic]
) -> Diagnostic | None:
    """The finding as it stands after some edits; None where it is gone and nothing has come in its place."""
    moved = moves.get(item.path)
    span = item.span if moved is None else moved.span(item.span)
    lines = range(span.line, span.end_line + 1)
    there = [
        other
        for other in after
        if other.path == item.path and other.span.line in lines
        and (other.code == item.code or (other in fresh and other.severity is not Severity.INFO))
    ]  # fmt: skip
    if not there:
        return None
    same = next((other for other in there if (other.code, other.message) == (item.code, item.message)), None)
    return same or replace(item, span=span)


def _brought(before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    known = Counter((item.code, item.path, item.message) for item in before)
    fresh = []
    for item in after:
        key = (item.code, item.path, item.message)
        known[key] -= 1
        if known[key] < 0:
            fresh.append(item)
    return tuple(fresh)


def _reason(item: Diagnostic, left: Iterable[NotDone]) -> str:
    """Why a codemod left the place of a finding, or ""."""
    lines = range(item.span.line, item.span.end_line + 1)
    near = [told.reason for told in left if told.path == item.path and told.line in lines]
    near += [told.reason for told in left if told.path == item.path and told.line <= 1]
    return near[0] if near else ""
