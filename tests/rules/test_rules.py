"""Every example of every rule, exactly; and what every rule file owes its readers."""

from __future__ import annotations

import ast
import dataclasses
import textwrap
from pathlib import Path

import pytest

from merge_tool.bundled import bundled
from merge_tool.lint.loader import load_rules
from merge_tool.lint.run import lint_texts
from merge_tool.rulekit import EXAMPLE_POLICY, SECTIONS, Invalid, Rule, Valid

RULES = load_rules()
RULE_FILES = sorted(path for path in bundled("rules").rglob("*.py"))
INVALID = [
    pytest.param(rule, item, id=f"{rule.code}-{number}")
    for rule in RULES
    for number, item in enumerate(rule.INVALID)
]
VALID = [
    pytest.param(rule, item, id=f"{rule.code}-{number}")
    for rule in RULES
    for number, item in enumerate(rule.VALID)
]


def findings(rule: Rule, example: Valid | Invalid) -> list[tuple[str, int, str, str, str]]:
    policy = dataclasses.replace(EXAMPLE_POLICY, **example.policy)
    texts = {**example.project, example.path: example.code}
    result = lint_texts(texts, policy, report_on=set(texts), select=() if rule.meta else (rule.code,))
    return [
        (item.path, item.span.line, item.message, item.severity.value, item.code) for item in result.findings
    ]


@pytest.mark.parametrize(("rule", "example"), INVALID)
def test_invalid_example_gives_exactly_its_findings(rule: Rule, example: Invalid) -> None:
    found = [item for item in findings(rule, example) if item[4] == rule.code]
    wanted = [
        (item.path or example.path, item.line, item.message, (item.severity or rule.severity).value)
        for item in example.expected
    ]
    assert len(found) == len(wanted), found
    for (path, line, message, severity, _), (want_path, want_line, part, want_severity) in zip(
        found, wanted, strict=True
    ):
        assert (path, line, severity) == (want_path, want_line, want_severity), message
        assert part in message


@pytest.mark.parametrize(("rule", "example"), VALID)
def test_valid_example_is_silent(rule: Rule, example: Valid) -> None:
    assert [item for item in findings(rule, example) if item[4] == rule.code or not rule.meta] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_is_documented_and_has_examples(rule: Rule) -> None:
    assert list(rule.sections()) == list(SECTIONS)
    assert all(rule.sections().values())
    assert rule.title()
    assert rule.INVALID
    assert rule.VALID
    for heading in ("Example", "Use instead"):
        snippet = textwrap.dedent(rule.sections()[heading])
        if rule.code != "T04":
            compile(
                f"async def page():\n{textwrap.indent(snippet, '    ')}\n    ...",
                rule.code,
                "exec",
                ast.PyCF_ONLY_AST,
            )


def test_codes_and_names_are_unique() -> None:
    assert (
        len({rule.code for rule in RULES})
        == len(RULES)
        == len({rule.name for rule in RULES})
        == len(RULE_FILES)
    )


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_rule_files_import_only_what_rules_may(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [item.name for item in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            if name.startswith("merge_tool"):
                assert name.startswith(("merge_tool.rulekit", "merge_tool.model")), name
