"""How much of a run's new code its tests executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merge_tool.actions.new_coverage import NewCoverage, measure
from tests.actions.test_actions import make

TESTS = "{kind: test, nodes: [tests], coverage: 80}"
NEW = "def used():\n    return 1\n\n\ndef unused():\n    a = 1\n    b = 2\n    c = 3\n    return a + b + c\n"


def test_only_new_lines_count_and_unknown_files_count_as_not_executed(tmp_path: Path) -> None:
    report = tmp_path / "coverage.json"
    files = {"a.py": {"executed_lines": [1, 2, 9], "missing_lines": [3, 8]}}
    report.write_text(json.dumps({"files": files}))
    found = measure(report, {"a.py": {1, 2, 3, 4}, "b.py": {1, 2}})
    assert found == NewCoverage(5, 2, (("b.py", 2), ("a.py", 1)))
    assert found.percent == pytest.approx(40)
    assert NewCoverage(0, 0).percent == 100


def test_new_code_without_tests_stops_the_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The fork's own file has no test either, but it is not new: it does not count.
    files = {
        "old.py": NEW,
        "tests/test_it.py": "import new\n\n\ndef test_it():\n    assert new.used() == 1\n",
    }
    project = make(tmp_path, capsys, "{kind: merge, paths: [new.py]}, " + TESTS, files)
    project.upstream.commit("new", {"new.py": NEW})
    text = " ".join(project.run("phase", "0", code=1).split())
    assert "42.9 % of 7 new statements covered" in text
    assert "new.py (4)" in text
    (project.worktree / "tests" / "test_it.py").write_text(
        "import new\n\n\ndef test_it():\n    assert new.used() == 1\n    assert new.unused() == 6\n"
    )
    assert "100.0 % of 7 new statements covered" in " ".join(project.run("continue").split())


def test_tests_that_end_early_are_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"tests/test_it.py": "import nowhere_to_be_found\n"}
    said = " ".join(make(tmp_path, capsys, TESTS, files).run("phase", "0", code=1).split())
    assert "1 failed" in said
    assert "install pytest-cov" not in said
