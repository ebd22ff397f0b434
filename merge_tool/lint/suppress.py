"""Suppressions in comments: which findings they take away, and what is wrong with them themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from merge_tool.lint.run import NO_REASON, UNREADABLE, UNUSED
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit.facts import Marker

# What the marker for global queries speaks of: statements, raw SQL and relationships, not keys or routes.
_QUERY_TOPICS = ("TQ", "TS")


def suppress(
    findings: Iterable[Diagnostic],
    markers: Mapping[str, Sequence[Marker]],
    ran: Collection[str],
    known: Collection[str],
    policy: Policy,
    report_on: Collection[str],
) -> tuple[list[Diagnostic], list[Diagnostic], list[tuple[Diagnostic, str]]]:
    """Takes the suppressed findings out.

    Args:
        findings: all of them.
        markers: those of each file; a file without any may be absent.
        ran: codes of the rules that ran; a marker for a rule that did not run is not called unused.
        known: codes of all rules there are.
        policy: names the marker, for messages.
        report_on: the files whose markers are looked at.

    Returns:
        the findings that stay, the findings about the suppressions themselves, and the findings taken out, each with
        the reason that its suppression gives.
    """
    used: set[tuple[str, int]] = set()
    left: list[Diagnostic] = []
    taken: list[tuple[Diagnostic, str]] = []
    for item in findings:
        reasons = []
        for position, marker in enumerate(markers.get(item.path, ())):
            if _takes(marker, item) and (marker.reason or _is_meta(item)):
                used.add((item.path, position))
                reasons.append(marker.reason)
            elif _takes(marker, item):
                used.add((item.path, position))  # it would, had it a reason: T02 says so
        if reasons:
            taken.append((item, reasons[0]))
        else:
            left.append(item)
    about: list[Diagnostic] = []
    for path in report_on:
        for position, marker in enumerate(markers.get(path, ())):
            about.extend(_about(path, marker, (path, position) in used, ran, known, policy))
    return left, about, taken


def _is_meta(item: Diagnostic) -> bool:
    return item.code in (UNUSED, NO_REASON, UNREADABLE)


def _takes(marker: Marker, item: Diagnostic) -> bool:
    if (
        not marker.first <= item.span.line <= marker.last
        and not marker.first <= item.span.end_line <= marker.last
    ):
        return False
    if marker.keyword == "global":
        return item.code.startswith(_QUERY_TOPICS)
    return item.code in marker.codes


def _about(
    path: str, marker: Marker, used: bool, ran: Collection[str], known: Collection[str], policy: Policy
) -> Iterable[Diagnostic]:
    label = (
        f"# {policy.global_marker}"
        if marker.keyword == "global"
        else f"# tenant: ignore[{', '.join(marker.codes)}]"
    )
    if marker.keyword == "ignore" and not marker.codes:
        message = "a suppression names the rules it is for: # tenant: ignore[CODE] reason"
        yield Diagnostic(NO_REASON, Severity.ERROR, path, marker.span, message)
        return
    unknown = [code for code in marker.codes if code not in known]
    for code in unknown:
        yield Diagnostic(UNUSED, Severity.WARNING, path, marker.span, f"there is no rule {code}")
    if not marker.reason:
        yield Diagnostic(
            NO_REASON, Severity.ERROR, path, marker.span, f"{label} gives no reason, so it suppresses nothing"
        )
        return
    meant = (
        {code for code in ran if code.startswith(_QUERY_TOPICS)}
        if marker.keyword == "global"
        else set(marker.codes) - set(unknown)
    )
    could_run = bool(meant) and meant <= set(ran)
    if not used and could_run and not unknown:
        yield Diagnostic(UNUSED, Severity.WARNING, path, marker.span, f"{label} suppresses nothing here")
