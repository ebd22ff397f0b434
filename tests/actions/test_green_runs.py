"""Tests that were green on the very same files are not run again, and the evidence says where they ran."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from merge_tool.actions.green_runs import GreenRun, GreenRuns, comparable, suite_of
from merge_tool.actions.test import why_nothing
from merge_tool.programs import Result
from tests.actions.test_actions import make

KEY = ("tree", "python", "")


def case(home: str, name: str, *inside: str) -> ET.Element:
    found = ET.Element("testcase", {"classname": home, "name": name})
    found.extend(ET.Element(item) for item in inside)
    return found


CASES = (
    case("tests.a.test_one", "test_x"),
    case("tests.a.test_one", "test_y[1]", "skipped"),
    case("tests.b.test_two.TestZ", "test_z"),
)


def green(*nodes: str, coverage: str = "") -> GreenRuns:
    runs = GreenRuns()
    runs.note(GreenRun(KEY, nodes, CASES, coverage, "`pytest`"))
    return runs


@pytest.mark.parametrize(
    ("ran", "asked", "names"),
    [
        (["tests"], ["tests"], ["test_x", "test_y[1]", "test_z"]),
        (["tests"], ["tests/a/test_one.py::test_x"], ["test_x"]),
        (["tests"], ["tests/b/", "tests/a/test_one.py::test_x"], ["test_x", "test_z"]),
        (["tests/a", "tests/b/test_two.py"], ["tests/b/test_two.py::TestZ"], ["test_z"]),
        ([], [], ["test_x", "test_y[1]", "test_z"]),
        ([], ["tests/a/test_one.py"], ["test_x", "test_y[1]"]),
        # What the run did not hold, or may not have held:
        (["tests/a"], ["tests"], None),
        (["tests/a"], ["tests/b/test_two.py"], None),
        (["tests"], ["tests/c"], None),
        (["tests"], ["tests", "tests/a/test_one.py::test_gone"], None),
        (["tests"], ["tests/a/test_one.py::test_y[1]"], None),
        (["tests"], [], None),
        ([], ["tests"], None),
        (["tests/a/test_one.py::test_x"], ["tests/a/test_one.py"], None),
    ],
)
def test_a_run_stands_for_what_it_held(
    ran: Sequence[str], asked: Sequence[str], names: list[str] | None
) -> None:
    found = green(*ran).find(KEY, asked, coverage=False)
    assert (found and [item.get("name") for item in found[1]]) == names


def test_only_for_the_same_files_interpreter_and_database() -> None:
    for key in (("other", "python", ""), ("tree", "other", ""), ("tree", "python", "postgresql://")):
        assert green("tests").find(key, ["tests"], coverage=False) is None


def test_coverage_is_that_of_the_same_tests() -> None:
    assert green("tests").find(KEY, ["tests"], coverage=True) is None
    measured = green("tests", coverage="{}")
    assert measured.find(KEY, ["tests"], coverage=True)
    assert measured.find(KEY, ["tests/a", "tests"], coverage=True), "tests/a stands inside tests"
    assert measured.find(KEY, ["tests/a"], coverage=True) is None, "more tests cover more"


def test_the_suite_counts_what_was_skipped() -> None:
    suite = suite_of(CASES)
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "1", "0")


def test_arguments_that_choose_tests_are_not_comparable() -> None:
    assert comparable(["-v"])
    assert not comparable(["-k", "one"])


def counting(tmp_path: Path, verdict: str = "True") -> dict[str, str]:
    """A test that notes each of its runs, and the file that it notes them in."""
    text = f"def test_it():\n    with open({str(tmp_path / 'runs')!r}, 'a') as file:\n        file.write('x')\n    assert {verdict}\n"
    return {"tests/test_it.py": text, "tests/test_other.py": "def test_other():\n    pass\n"}


def test_the_same_tests_run_once_for_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = "{kind: test, nodes: [tests]}, {kind: test, nodes: [tests/test_it.py]}"
    project = make(tmp_path, capsys, actions, counting(tmp_path))
    said = " ".join(project.run("phase", "0").split())
    assert (tmp_path / "runs").read_text() == "x"
    assert "1 passed, 0 failed, 0 skipped (in `pytest tests` of story 0.1 on the same files)" in said


def test_other_files_are_tested_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    actions = "{kind: test, nodes: [tests]}, {kind: copy, paths: ['module/**']}, {kind: test, nodes: [tests]}"
    project = make(tmp_path, capsys, actions, counting(tmp_path))
    assert "on the same files" not in project.run("phase", "0")
    assert (tmp_path / "runs").read_text() == "xx"


def test_a_red_run_stands_for_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Something outside of the files may have been mended meanwhile.
    project = make(tmp_path, capsys, "{kind: test, nodes: [tests]}", counting(tmp_path, "False"))
    project.run("phase", "0", code=1)
    project.run("continue", code=1)
    assert (tmp_path / "runs").read_text() == "xx"


def test_why_pytest_wrote_nothing() -> None:
    said = "ERROR: usage: pytest [options]\npytest: error: unrecognized arguments: --cov=.\n  rootdir: /somewhere\n"
    problem, hint = why_nothing(Result(4, said))
    assert "unrecognized arguments: --cov=." in problem
    assert "pip install pytest-cov" in hint
    assert why_nothing(Result(1, "/bin/python: No module named pytest\n"))[0].endswith(
        "No module named pytest"
    )
    assert why_nothing(Result(3, ""))[0] == "code 3"


OLD = "def test_old():\n    import os\n    assert not os.path.exists('old.txt')\n"


def test_a_test_that_failed_before_the_story_does_not_stop_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"old.txt": "", "tests/test_old.py": OLD, "tests/test_fine.py": "def test_fine():\n    pass\n"}
    actions = "{kind: copy, paths: ['module/**']}, {kind: test, nodes: [tests]}"
    project = make(tmp_path / "new", capsys, actions, files)
    said = " ".join(project.run("phase", "0").split())
    assert "1 of the failures are older than the story" in said
    ledger = project.json("report", "--format", "json")["ledger"]
    assert [item["subject"] for item in ledger if item["what"] == "fails as before"] == [
        "tests.test_old::test_old"
    ]
    assert project.show("module/one.py"), "the story's own files are back"
    project = make(tmp_path / "all", capsys, actions.replace("[tests]", "[tests], fail_on: all"), files)
    assert "1 failed" in project.run("phase", "0", code=1)


def test_a_test_that_the_story_breaks_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = "import os\n\n\ndef test_it():\n    assert not os.path.exists('module')\n"
    files = {"old.txt": "", "tests/test_old.py": OLD, "tests/test_broken.py": broken}
    actions = "{kind: copy, paths: ['module/**']}, {kind: test, nodes: [tests]}"
    project = make(tmp_path, capsys, actions, files)
    said = " ".join(project.run("phase", "0", code=1).split())
    assert "2 failed" in said
    assert "1 of the failures are older" in said
    assert (project.worktree / "module" / "one.py").is_file()
    # With the story's own failure mended, the old one is left.
    (project.worktree / "tests" / "test_broken.py").write_text("def test_it():\n    pass\n")
    project.run("continue")
