"""A reviewer's order: the changed files ranked by what could leak, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from merge_tool.model.outcome import MergedHunk, Verdict
from merge_tool.report.lines import ConflictLine, FileLine, ReportData
from merge_tool.report.review_lines import Change, FindingLine, Reason, RiskLine
from merge_tool.report.sites import TESTS, Sites

HIGH, MEDIUM = 40, 12
_LEVELS = ("high", "medium", "low")
_MOST = 60  # points that reasons of one kind may add up to: forty safe queries are no leak
_FINDING = {"error": 40, "warning": 20, "info": 10}
_NO_LEAK = (
    "TX2",
    "T0",
)  # scripts of comments, and the machinery's own: a fault, but no way from tenant to tenant
_HARMLESS = 3
# What a merge step leaves to chance, the surest first; unknown steps count as the least sure.
_STEP = {"git": 6, "transform": 8, "format": 6, "contained": 8, "imports": 8, "entries": 10, "recorded": 10, "arguments": 12,
         "signatures": 14, "definitions": 16, "adjacent": 20, "statements": 22, "tokens": 25}  # fmt: skip
_SENSITIVE = ("query", "sql", "key", "route")


def rank(
    data: ReportData,
    changes: Sequence[Change],
    findings: Sequence[FindingLine],
    sites: Sites | None,
    missed: Mapping[str, frozenset[int]] | None = None,
) -> tuple[RiskLine, ...]:
    """The changed files, and those that still wait for a person, the one that could leak most first.

    Args:
        data: the report's record of what was done to each file.
        changes: what differs between the tree before and the tree after.
        findings: the linters' findings in the tree after.
        sites: the sites of the tree after; None where they were not looked for.
        missed: the lines of each measured file that no test ran.
    """
    files = {item.path: item for item in data.files}
    by_path = {item.path: item for item in changes}
    conflicts = {item.path: item for item in data.conflicts}
    fresh: dict[str, list[FindingLine]] = {}
    for item in findings:
        if item.new:
            fresh.setdefault(item.path, []).append(item)
    left: dict[str, list[Reason]] = {}
    for site in data.not_done:
        text = f"{site.codemod} left a site to a person: {site.reason}"
        left.setdefault(site.path, []).append(Reason("left", 30, text, site.line))
    found = []
    for path in sorted({*by_path, *left, *(p for p, item in conflicts.items() if item.status == "open")}):
        change, line = by_path.get(path), files.get(path)
        reasons = [*_met(conflicts.get(path)), *left.get(path, ()), *_came(line, change, data)]
        reasons += _found(fresh.get(path, ()))
        touched = list(sites.within(path, change.lines)) if sites and change else []
        told = {item.line for item in fresh.get(path, ())}
        # What a finding has said already is not said again by its site.
        reasons += _folded(item for item in touched if item.points < MEDIUM or item.line not in told)
        measured = (missed or {}).get(path)
        if change and measured is not None:
            reasons += _unrun(change, measured, touched)
        else:
            reasons += _tests(path, change, sites, touched)
        if reasons:
            found.append(_line(path, reasons))
    return tuple(sorted(found, key=lambda item: (_LEVELS.index(item.level), -item.score, item.path)))


def _line(path: str, reasons: Iterable[Reason]) -> RiskLine:
    ordered = tuple(sorted(set(reasons), key=lambda item: (-item.points, item.line, item.text)))
    by_kind: dict[str, int] = {}
    for item in ordered:
        by_kind[item.kind] = min(by_kind.get(item.kind, 0) + item.points, max(_MOST, item.points))
    score = sum(by_kind.values())
    worst = ordered[0].points
    level = (
        "high"
        if worst >= HIGH or score >= 2 * HIGH
        else "medium"
        if worst >= MEDIUM or score >= HIGH
        else "low"
    )
    return RiskLine(path, level, score, ordered)


def _met(item: ConflictLine | None) -> Iterator[Reason]:
    """How both sides met in it."""
    if item is None:
        return
    if item.status == "open":
        yield Reason("conflict", 100, f"conflict ({item.kind}) not resolved yet")
    elif item.status == "resolved":
        yield Reason("conflict", 25, f"conflict ({item.kind}) resolved by {item.how or 'a person'}")
    for hunk in item.hunks:
        yield _hunk(hunk)


def _hunk(hunk: MergedHunk) -> Reason:
    points = _STEP.get(hunk.step, 25) + (15 if hunk.confidence == "full" else 0)
    sure = f", confidence {hunk.confidence}" if hunk.confidence else ""
    how = (
        f"merged by {hunk.step}{sure}"
        if hunk.step != "left"
        else "no step merged it, it was left to a person"
    )
    text = f"both sides changed it; {how}" + (f": {hunk.reason}" if hunk.reason else "")
    return Reason("merge", points, text, hunk.line)


def _came(line: FileLine | None, change: Change | None, data: ReportData) -> Iterator[Reason]:
    """How its content came in."""
    if change and line is None and data.phase is None:
        yield Reason("person", 25, "changed by commits that the tool did not make")
    if change and ("/versions/" in f"/{change.path}" or change.path.endswith(".sql")):
        yield Reason("schema", 15, "a revision of the database schema")
    if line is None:
        return
    if line.verdict == Verdict.MERGED:
        if "conflicts to" in line.by:
            yield Reason(
                "merge", 35, f"both sides changed the same lines; the story takes one side ({line.by})"
            )
        elif line.by == "git":
            yield Reason("merge", _STEP["git"], "both sides changed it; git merged them line by line")
        else:
            yield Reason("merge", _STEP.get(line.by, 25), f"both sides changed it; merged by {line.by}")
    elif line.verdict == Verdict.DELETED:
        yield Reason("merge", 5, "removed")
    elif line.verdict == Verdict.PICKED:
        yield Reason("pick", 6, "changed by a cherry-pick")
    if line.reason.startswith("without "):
        yield Reason("pick", 12, f"a commit was taken out of upstream's text: {line.reason}")
    codemods = dict.fromkeys(item.by for item in line.history if item.verdict == Verdict.REWRITTEN)
    if codemods:
        yield Reason("merge", 4, f"rewritten by {', '.join(codemods)}")


def _found(items: Iterable[FindingLine]) -> Iterator[Reason]:
    """One reason a rule; the report lists every finding elsewhere."""
    by_code: dict[str, list[FindingLine]] = {}
    for item in items:
        by_code.setdefault(item.code, []).append(item)
    for code, found in by_code.items():
        first, more = found[0], len(found) - 1
        points = _HARMLESS if code.startswith(_NO_LEAK) else _FINDING.get(first.severity, 10)
        said = f"new finding {code}: {first.message}" + (f" (and {more} more of {code})" if more else "")
        yield Reason("finding", points, said, first.line)


def _folded(items: Iterable[Reason]) -> Iterator[Reason]:
    """Sites of one kind that weigh the same, told once."""
    groups: dict[tuple[str, int], list[Reason]] = {}
    for item in items:
        groups.setdefault((item.kind, item.points), []).append(item)
    for (kind, points), found in groups.items():
        more = len(found) - 1
        said = found[0].text + (f" (and {more} more like it)" if more else "")
        yield Reason(kind, points, said, found[0].line)


def _tests(
    path: str, change: Change | None, sites: Sites | None, touched: Sequence[Reason]
) -> Iterator[Reason]:
    """What no test looks at. Without a measurement only this is known: whether a test names the module."""
    if change is None or sites is None or not change.lines or not path.endswith(".py") or TESTS.matches(path):
        return
    if sites.tested is None or path in sites.tested:
        return
    sensitive = sum(item.kind in _SENSITIVE for item in touched)
    text = "no test imports this module" + (
        f", and {sensitive} tenant sites in it changed" if sensitive else ""
    )
    yield Reason("test", 12 if sensitive else 4, text)


def _unrun(change: Change, missed: frozenset[int], touched: Sequence[Reason]) -> Iterator[Reason]:
    """Changed lines that the tests were measured not to run; the worse where a tenant's site is among them."""
    lines = sorted(change.lines & missed)
    if lines:
        sensitive = sum(item.line in missed for item in touched if item.kind in _SENSITIVE)
        text = f"no test runs {len(lines)} of its {len(change.lines)} changed lines"
        text += f", with {sensitive} tenant sites among them" if sensitive else ""
        yield Reason("test", 15 if sensitive else 4, text, lines[0])
