"""`merge-tool validate` and `merge-tool rule`, as a shell runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from merge_tool.lint.loader import load_rules
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.report.github import github_lines
from merge_tool.report.sarif import sarif_data

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "merge_tool", *args], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.py").write_text(BAD)
    (tmp_path / "app" / "ok.py").write_text("x = 1\n")
    return tmp_path


def test_json_is_one_document_and_nothing_else(project: Path) -> None:
    done = run("validate", "--format", "json", cwd=project)
    data = json.loads(done.stdout)
    assert done.returncode == 1
    assert data["files"] == 2
    [found] = data["findings"]
    assert {key: found[key] for key in ("code", "severity", "path", "line", "column", "end_line", "fixable")} == {
        "code": "TK1", "severity": "error", "path": "app/a.py", "line": 3, "column": 1, "end_line": 3, "fixable": False,
    }  # fmt: skip
    assert isinstance(data["seconds"], float)
    assert "policy: generic" in done.stderr


def test_exit_codes(project: Path) -> None:
    assert run("validate", "app/ok.py", cwd=project).returncode == 0
    assert run("validate", "app", cwd=project).returncode == 1
    assert run("validate", "nowhere", cwd=project).returncode == 2
    assert run("validate", "--select", "ZZ", cwd=project).returncode == 2
    assert run("validate", "--policy", "no-such-policy", cwd=project).returncode == 2
    (project / "empty").mkdir()
    assert run("validate", "--repo", "empty", cwd=project).returncode == 2


def test_people_see_place_code_and_the_line(project: Path) -> None:
    done = run("validate", "--explain", cwd=project)
    assert "app/a.py:3:1: TK1 error:" in done.stdout
    assert 'client.get("a")' in done.stdout
    assert "1 error in 2 files" in done.stdout


def test_the_policy_that_the_projects_plan_names_is_used(project: Path) -> None:
    (project / "phases.yaml").write_text("policy: remnabot\n")
    assert "policy: remnabot (named by phases.yaml)" in run("validate", cwd=project).stderr


def test_baseline_from_first_run_to_ratchet(project: Path) -> None:
    assert run("validate", "--baseline", "b.json", cwd=project).returncode == 2
    assert run("validate", "--baseline", "b.json", "--update-baseline", cwd=project).returncode == 0
    assert run("validate", "--baseline", "b.json", cwd=project).returncode == 0
    (project / "app" / "a.py").write_text("x = 1\n")
    done = run("validate", "--baseline", "b.json", cwd=project)
    assert done.returncode == 1
    assert "gone" in done.stderr


def test_statistics(project: Path) -> None:
    assert "unprefixed-key" in run("validate", "--statistics", cwd=project).stdout


def test_nothing_of_the_project_is_run(project: Path) -> None:
    (project / "app" / "evil.py").write_text("open('ran', 'w')\n")
    (project / "rules").mkdir()
    (project / "rules" / "evil.py").write_text("open('ran', 'w')\n")
    run("validate", cwd=project)
    assert not (project / "ran").exists()


def test_rule_pages(tmp_path: Path) -> None:
    listed = run("rule", "--all", cwd=tmp_path)
    assert all(rule.code in listed.stdout for rule in load_rules())
    assert "Use instead" in run("rule", "tq1", cwd=tmp_path).stdout
    assert json.loads(run("rule", "TQ1", "--json", cwd=tmp_path).stdout)["name"] == "unscoped-select"
    assert run("rule", "ZZ9", cwd=tmp_path).returncode == 2
    assert run("rule", cwd=tmp_path).returncode == 2


HOSTILE = Diagnostic(
    "TK1", Severity.ERROR, "a,b:c\n::error::x.py", Span(1, 1, 1, 2), "100%\n::error::injected"
)


def test_github_annotations_cannot_be_injected() -> None:
    [line] = github_lines([HOSTILE])
    assert "\n" not in line
    assert line.startswith("::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax.py,line=1,")
    assert "100%25%0A" in line


SARIF_SHAPE = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "results": {
                        "items": {
                            "required": ["message", "ruleId", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                            },
                        }
                    }
                },
            },
        },
    },
}


def test_sarif_has_its_shape_and_its_rules() -> None:
    data = sarif_data([HOSTILE], load_rules())
    jsonschema.validate(data, SARIF_SHAPE)
    result = data["runs"][0]["results"][0]
    assert data["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "TK1"
    assert "\n" not in result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
