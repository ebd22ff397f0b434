"""Findings as a JUnit report, which most CI systems show: a test suite a rule, a failed case a finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from merge_tool.model.source import Diagnostic, Severity
from merge_tool.model.text import one_line

# What XML 1.0 does not allow, however it is written (section 2.2 of the recommendation).
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(findings: Sequence[Diagnostic], rules: Sequence[str], seconds: float) -> str:
    """The report as XML.

    Args:
        findings: in order of place; what could not be decided becomes a skipped case.
        rules: the codes of the rules that ran; one without a finding is a passed case.
        seconds: wall time of the run.
    """
    suites = ElementTree.Element("testsuites", name="merge-tool validate", time=f"{seconds:.3f}")
    totals = {"tests": 0, "failures": 0, "skipped": 0}
    for code in dict.fromkeys((*rules, *(item.code for item in findings))):
        own = [item for item in findings if item.code == code]
        undecided = sum(item.severity is Severity.INFO for item in own)
        counts = {"tests": max(len(own), 1), "failures": len(own) - undecided, "skipped": undecided}
        attributes = {"name": code, "errors": "0"} | {key: str(value) for key, value in counts.items()}
        suite = ElementTree.SubElement(suites, "testsuite", attributes)
        for key, value in counts.items():
            totals[key] += value
        if not own:
            ElementTree.SubElement(suite, "testcase", classname=code, name="no finding")
        for item in own:
            place = f"{item.path}:{item.span.line}:{item.span.column}"
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=code,
                name=_legal(place),
                file=_legal(item.path),
                line=str(item.span.line),
            )
            kind = "skipped" if item.severity is Severity.INFO else "failure"
            result = ElementTree.SubElement(case, kind, message=_legal(item.message))
            if kind == "failure":
                result.set("type", item.severity.value)
                result.text = _legal("\n".join([f"{place}: {item.code} {item.message}", *item.reason]))
    for key, value in totals.items():
        suites.set(key, str(value))
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", "\n".join(one_line(line) for line in text.split("\n")))
