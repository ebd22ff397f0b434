"""Running the linters: what is checked, what is chosen, suppressions, baseline, and rules of a user's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from merge_tool.errors import UserError
from merge_tool.lint.baseline import Reach, compare, read_baseline, write_baseline
from merge_tool.lint.codes import picks
from merge_tool.lint.files import chosen_files, project_files
from merge_tool.lint.loader import load_rules
from merge_tool.lint.run import lint_paths, lint_texts
from merge_tool.rulekit import EXAMPLE_POLICY

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'


def git(root: Path, *args: str) -> None:
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b", *args],
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitignore").write_text("*\n")
    (tmp_path / "a.py").write_text(BAD)
    (tmp_path / "untracked.py").write_text(BAD)
    git(tmp_path, "add", "-f", "a.py")
    git(tmp_path, "commit", "-qm", "a")
    return tmp_path


def test_files_are_those_that_git_tracks_whatever_it_ignores(repo: Path) -> None:
    assert project_files(repo) == ["a.py"]


def test_files_outside_git_are_all_python_files(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "b.py").write_text("")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "c.py").write_text("")
    assert project_files(tmp_path) == ["x/b.py"]


def test_a_named_file_is_checked_even_untracked(repo: Path) -> None:
    assert chosen_files(repo, ["a.py"], [Path("untracked.py")], repo) == ["untracked.py"]


@pytest.mark.parametrize("path", ["nothing", "empty", "/"])
def test_a_path_with_nothing_to_check_is_an_error(repo: Path, path: str) -> None:
    (repo / "empty").mkdir()
    with pytest.raises(UserError):
        chosen_files(repo, ["a.py"], [Path(path)], repo)


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file to check"):
        lint_paths(tmp_path, [], EXAMPLE_POLICY)


def test_a_file_that_vanished_is_told(tmp_path: Path) -> None:
    result = lint_paths(tmp_path, ["gone.py"], EXAMPLE_POLICY)
    assert [(item.code, item.path) for item in result.findings] == [("T04", "gone.py")]
    assert result.files == 1


def codes(text: str, **options: object) -> list[str]:
    return [item.code for item in lint_texts({"a.py": text}, EXAMPLE_POLICY, **options).findings]  # type: ignore[arg-type]


def test_select_and_ignore_take_codes_beginnings_and_names() -> None:
    assert codes(BAD, select=("TK",)) == codes(BAD, select=("unprefixed-key",)) == ["TK1"]
    assert codes(BAD, select=("TQ",)) == codes(BAD, ignore=("TK1",)) == []
    with pytest.raises(UserError, match="ZZ"):
        codes(BAD, select=("ZZ",))


def test_what_cannot_be_read_is_told_whatever_is_selected() -> None:
    assert codes("def f(:", select=("TQ1",)) == ["T04"]


def test_suppressions_cover_the_statement_they_stand_at_and_no_more() -> None:
    head = "import redis\nclient = redis.Redis()\n"
    mark = "# tenant: ignore[TK1] one for all"
    assert codes(head + f'client.get("a")  {mark}\nclient.get("b")\n') == ["TK1"]
    assert codes(head + f'{mark}\nclient.get("a")\n') == []
    assert codes(head + f'x = [\n    1,  {mark}\n    client.get("a"),\n]\n') == []
    assert codes(head + f'def f():\n    {mark}\n    return client.get("a")\n') == []
    assert codes(head + f'def f():  {mark}\n    return client.get("a")\n') == ["T01", "TK1"]
    assert codes(head + f'{mark}\n\nclient.get("a")\n') == ["T01", "TK1"]
    assert codes(head + f'client.get("a")  {mark.replace("TK1", "TQ1")}\n') == ["TK1", "T01"]


def test_an_unused_suppression_of_a_rule_that_did_not_run_is_left_alone() -> None:
    assert codes("x = 1  # tenant: ignore[TK1] why\n", select=("T01", "TQ1")) == []


def test_same_input_same_output() -> None:
    texts = {f"m{number}.py": BAD for number in range(8)}
    first = lint_texts(texts, EXAMPLE_POLICY).findings
    assert first == lint_texts(dict(reversed(texts.items())), EXAMPLE_POLICY).findings
    found = [item.code for item in first]
    assert (found.count("TK1"), found.count("TX3"), len(found)) == (
        8,
        7,
        15,
    )  # one of the raw clients is the wrapper


def test_report_is_on_the_chosen_files_and_the_index_over_all() -> None:
    texts = {
        "m.py": "import redis\nclient = redis.Redis()\n",
        "use.py": 'from m import client\nclient.get("a")\n',
        "other.py": BAD,
    }
    result = lint_texts(texts, EXAMPLE_POLICY, report_on=["use.py"])
    assert [item.path for item in result.findings] == ["use.py"]
    assert result.files == 1


def test_baseline_passes_the_old_fails_the_new_and_names_the_gone(tmp_path: Path) -> None:
    old = lint_texts({"a.py": BAD}, EXAMPLE_POLICY).findings
    file = tmp_path / "baseline.json"
    assert write_baseline(file, old) == 1
    moved = lint_texts({"a.py": "\n\n" + BAD + 'client.get("b")\n'}, EXAMPLE_POLICY).findings
    compared = compare(moved, read_baseline(file))
    assert [item.message for item in compared.new] == ['the key "b" of get() does not hold the tenant']
    assert (compared.known, compared.gone) == (1, ())
    assert len(compare((), read_baseline(file)).gone) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "findings": [{}]}', '{"version": 99}'])
def test_what_is_no_baseline_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(UserError):
        read_baseline(file)


RULE = """\
from merge_tool.rulekit import Rule
class {name}(Rule):
    code = "{code}"
    name = "{slug}"
    def check(self, module, index, policy):
        yield self.found(module.path, next(iter(module.import_sites)).span, "an import")
"""


def test_rules_of_a_users_own_folder(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(RULE.format(name="Own", code="XX1", slug="own-import"))
    rules = load_rules((tmp_path,))
    assert [
        item.code for item in lint_texts({"a.py": BAD}, EXAMPLE_POLICY, select=("XX1",), rules=rules).findings
    ] == ["XX1"]
    assert not (tmp_path / "__pycache__").exists()
    assert "rules" not in sys.modules


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({"a.py": "x = 1\n"}, "defines one rule"),
        ({"a.py": "def f(:\n"}, "cannot be loaded"),
        ({"a.py": RULE.format(name="A", code="TQ1", slug="a")}, "TQ1 is defined twice"),
        ({"a.py": RULE.format(name="A", code="XX2", slug="unscoped-select")}, "defined twice"),
        ({"a.py": "from merge_tool.rulekit import Rule\nclass A(Rule): ...\n"}, "has no code"),
    ],
)
def test_a_rule_file_that_does_not_fit_is_named(tmp_path: Path, files: dict[str, str], part: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=part) as caught:
        load_rules((tmp_path,))
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize(
    ("word", "code", "picked"),
    [
        ("TQ1", "TQ1", True), ("TQ1", "TQ10", False), ("TQ10", "TQ10", True), ("TQ", "TQ10", True), ("tq1", "TQ1", True),
        ("T", "TQ1", True), ("T0", "T01", True), ("T01", "T01", True), ("", "TQ1", False), ("TM1", "TM13", False),
    ],
)  # fmt: skip
def test_a_code_is_one_rule_and_its_letters_are_a_topic(word: str, code: str, picked: bool) -> None:
    assert picks(word, code) is picked


def test_rules_are_listed_in_the_order_of_their_numbers() -> None:
    codes = [rule.code for rule in load_rules()]
    assert codes.index("TQ9") < codes.index("TQ10") < codes.index("TS1")


def test_a_baseline_keeps_what_a_narrower_run_did_not_look_at(tmp_path: Path) -> None:
    found = lint_texts({"a.py": BAD, "b.py": BAD + 'client.get("b")\n'}, EXAMPLE_POLICY).findings
    file = tmp_path / "baseline.json"
    write_baseline(file, found)
    every = read_baseline(file)
    narrow = Reach(frozenset({"TK1"}), frozenset({"b.py"}))
    gone = compare((), every, narrow).gone
    assert gone
    assert all(entry.startswith("b.py: TK1") for entry in gone)
    write_baseline(file, (), narrow)
    assert read_baseline(file) == {key: n for key, n in every.items() if key[:2] != ("b.py", "TK1")}
    lines = file.read_text().splitlines()
    assert len(lines) == len(read_baseline(file)) + 2  # one a line, so that branches merge


def test_a_meta_rule_is_ignored_by_its_name_too() -> None:
    assert codes("def f(:", ignore=("unreadable-file",)) == []
