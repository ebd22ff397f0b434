"""JUnit reports."""

from __future__ import annotations

from xml.etree import ElementTree

from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.report.junit import junit_text


def found(code: str, severity: Severity, message: str, path: str = "app/a.py") -> Diagnostic:
    return Diagnostic(code, severity, path, Span(3, 1, 3, 5), message, False, ("because",))


def test_a_suite_a_rule_and_a_case_a_finding() -> None:
    items = [
        found("TQ1", Severity.ERROR, "leaks"),
        found("TQ1", Severity.INFO, "cannot tell"),
        found("TK1", Severity.WARNING, "key"),
    ]
    root = ElementTree.fromstring(junit_text(items, ["TF1", "TK1", "TQ1"], 1.5).encode())
    assert root.tag == "testsuites"
    assert {key: root.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "skipped": "1",
    }
    suites = {suite.get("name"): suite for suite in root}
    assert suites["TF1"].get("failures") == "0"
    assert len(suites["TF1"]) == 1
    [first, second] = suites["TQ1"]
    failure = first.find("failure")
    assert failure is not None
    assert failure.get("message") == "leaks"
    assert "because" in (failure.text or "")
    assert first.get("file") == "app/a.py"
    assert second.find("skipped") is not None


def test_what_xml_does_not_allow_is_replaced() -> None:
    text = junit_text(
        [found("TQ1", Severity.ERROR, 'a\x00b\x1b[31m<&>"', "we\udcffird <x>.py")], ["TQ1"], 0.0
    )
    root = ElementTree.fromstring(text.encode())
    case = root[0][0]
    assert "<&>" in (case.find("failure").get("message") or "")  # type: ignore[union-attr]
    assert "<x>.py" in (case.get("file") or "")
