"""Every kind of bad plan gives an error that says where, what and how to mend it."""

from __future__ import annotations

import re

import pytest

from merge_tool.errors import ExitCode, PlanError
from merge_tool.plan.load import load_plan, parse_plan
from tests.plan.registry import ACTIONS, GOOD, error_of, good

BATCHES = 'batches: {count: 2, patterns: ["app/**"], checkpoints: ["0.3"]}'
CHECK = 'check: {test: {nodes: ["tests/test_a.py::test_x"]}}'

# what it is: (text to replace in the good plan, its replacement, the text that the error points at, message part, hint part)
CASES: dict[str, tuple[str, str, str, str, str]] = {
    "version missing": ("version: 1\n", "", "title: Good", "'version' is missing", "version: 1"),
    "version of the future": ("version: 1", "version: 2", "2", "version 2 is not supported", "reads version 1"),
    "version as text": ("version: 1", 'version: "1"', '"1"', "is not supported", "reads version 1"),
    "version as truth": ("version: 1", "version: true", "true", "version true is not supported", "reads version 1"),
    "unknown key at the top": ("policy: generic", "polcy: generic", "polcy", "'polcy' is not a known key", "did you mean 'policy'"),
    "unknown key like no other": ("policy: generic", "zzz: {a: 1}", "zzz", "'zzz' is not a known key", "known are"),
    "title missing": ("title: Good\n", "", "version: 1", "'title' is missing", "add it"),
    "title empty": ("title: Good", 'title: ""', '""', "'title' is empty", "give it a value"),
    "title a list": ("title: Good", "title: [a]", "[a]", "'title' must be text, not a list", "give text"),
    "title with an escape": ("title: Good", r'title: "a\e[2Jb"', r'"a\e', "one line without control characters", "remove them"),
    "title without value": ("title: Good", "title:", "title", "'title' has no value", "give it one"),
    "remote with a dash": ("remote: upstream", "remote: --upload-pack=x", "--upload", "begins with a dash", "begin with a letter"),
    "branch with two dots": ("branch: main", "branch: a..b", "a..b", "not a name that git allows", "use letters"),
    "branch with a space": ("branch: main", "branch: a b", "a b", "not a name that git allows", "use letters"),
    "upstream commit with a dash": ("branch: main}", "branch: main, commit: -x}", "-x", "begins with a dash", "commit's hash"),
    "merge branch with a placeholder": ('"merge/{date}"}\nex', '"merge/{user}"}\nex', '"merge/{user', "{user} is not a placeholder", "{date}"),
    "merge branch that is a lock": ('"merge/{date}"}\nex', '"merge/x.lock"}\nex', '"merge/x', "not a name that git allows", "{date}"),
    "commit subject without id": ('"merge/{date}"}\nex', '"m", commit_subject: hi}\nex', "hi", "does not hold {id}", "add {id}"),
    "commit subject placeholder": ('"merge/{date}"}\nex', '"m", commit_subject: "{id} {x}"}\nex', '"{id} {x}"', "{x} is not a placeholder", "{title}"),
    "pull request of another kind": ('"merge/{date}"}\nex', '"m", pull_request: phas}\nex', "phas}", "'phas' is not allowed", "did you mean 'phase'"),
    "policy outside": ("policy: generic", "policy: ../../etc/x.yaml", "../../", "holds '..'", "bundled policy"),
    "exclusion without a reason": (', reason: not ours}\n  paths', "}\n  paths", '{commit: "9bd1944b"', "'reason' is missing", "add it"),
    "excluded commit of no kind": ('commit: "9bd1944b"', 'commit: "a b"', '"a b"', "does not name a commit", "commit's hash"),
    "excluded twice": ("  paths:", '    - {commit: "9bd1944bff", reason: x}\n  paths:', '"9bd1944bff"', "excluded twice", "remove one"),
    "excluded path outside": ('"vendor/**"', '"../vendor"', '"../vendor"', "holds '..'", "relative to the repository"),
    "phases missing": (GOOD[GOOD.index("phases:") :], "", "version", "'phases' is missing", "add it"),
    "phases empty": (GOOD[GOOD.index("phases:") :], "phases: []\n", "[]", "'phases' is empty", "add an entry"),
    "phases a mapping": (GOOD[GOOD.index("phases:") :], "phases: {a: 1}\n", "{a: 1}", "'phases' must be a list", "begin each entry"),
    "phase as text": ("  - number: 0", "  - hello\n  - number: 0", "hello", "a phase is a mapping", "number: 0"),
    "phase number negative": ("number: 0", "number: -1", "-1", "greater than or equal to 0", "change -1"),
    "phase number twice": ("  - number: 0", "  - {number: 0, title: x, stories: [{id: '0.9', title: x}]}\n  - number: 0", "number: 0\n    title: Setup", "phase 0 stands twice", "its own number"),
    "phase empty": ("phases:\n", "phases:\n  - {number: 1, title: x, stories: []}\n", "[]", "'stories' is empty", "add an entry"),
    "phase without stories": ("phases:\n", "phases:\n  - {number: 1, title: x}\n", "{number: 1", "'stories' is missing", "add it"),
    "story as text": ('      - id: "0.1"', '      - hello\n      - id: "0.1"', "hello", "a story is a mapping", "id:"),
    "story id a float": ('id: "0.1"', "id: 0.1", "0.1\n", "'id' must be text, but 0.1", 'quote it: "0.1"'),
    "story id keeps its zero": ('id: "0.1"', "id: 0.10", "0.10\n", "'id' must be text, but 0.10", 'quote it: "0.10"'),
    "story id of no form": ('id: "0.1"', 'id: "0.x"', '"0.x"', "'0.x' is not a story id", "such as 5.3"),
    "story id of another phase": ('id: "0.3"', 'id: "1.3"', '"1.3"', "story 1.3 stands in phase 0", "0.3"),
    "story id twice": ('id: "0.3"', 'id: "0.1"', '"0.1"\n        title: Third', "the story id '0.1' stands twice, first at line 15", "its own id"),
    "story title missing": ("        title: First\n", "", 'id: "0.1"', "'title' is missing", "add it"),
    "files as text": ("files: [app/a.py]", "files: app/a.py", "app/a.py\n", "'files' must be a list", "write [app/a.py]"),
    "file absolute": ("files: [app/a.py]", "files: [/etc/passwd]", "/etc", "it is absolute", "relative to the repository"),
    "file above": ("files: [app/a.py]", "files: [app/../../x]", "app/../", "holds '..'", "relative to the repository"),
    "file on a drive": ("files: [app/a.py]", 'files: ["C:/x"]', '"C:/x"', "it is absolute", "relative to the repository"),
    "file with a backslash": ("files: [app/a.py]", r"files: ['app\a.py']", r"'app\a", "holds a backslash", "'/' between folders"),
    "file with NUL": ("files: [app/a.py]", r'files: ["app/\0a.py"]', r'"app/\0', "holds a control character", "relative"),
    "file with a dash": ("files: [app/a.py]", 'files: ["--force"]', '"--force"', "begins with a dash", "relative"),
    "file in .git": ("files: [app/a.py]", "files: [.git/hooks/x]", ".git/", "is inside .git", "relative"),
    "file in .GIT": ("files: [app/a.py]", "files: [sub/.GIT/x]", "sub/.GIT", "is inside .git", "relative"),
    "file with an empty part": ("files: [app/a.py]", "files: [app//a.py]", "app//a", "empty part", "relative"),
    "dependency that is not there": ('depends_on: ["0.1"]', 'depends_on: ["0.11"]', '"0.11"', "depends on 0.11, which does not exist", "did you mean '0.1'"),
    "dependency twice": ('depends_on: ["0.1"]', 'depends_on: ["0.1", "0.1"]', '"0.1"]', "0.1 stands twice", "remove one"),
    "dependency as a float": ('depends_on: ["0.1"]', "depends_on: [0.1]", "0.1]", "must be text, but 0.1", 'quote it: "0.1"'),
    "dependency on itself": ('depends_on: ["0.2#1"]', 'depends_on: ["0.3"]', '["0.3"]', "0.3 → 0.3", "remove one of these"),
    "circle": ("files: [app/a.py]", 'depends_on: ["0.3"]', '["0.3"]\n', "0.1 → 0.3 → 0.2#1 → 0.1", "remove one of these"),
    "circle through a checkpoint": ('depends_on: ["0.2#1"]', 'depends_on: ["0.2"]', '["0.2"]', "circle", "checkpoints"),
    "batch that is not there": ('["0.2#1"]', '["0.2#3"]', '"0.2#3"', "it has 2 batches", 'write "0.2"'),
    "batch of a whole story": ('["0.2#1"]', '["0.1#1"]', '"0.1#1"', "it has no batches", 'write "0.1"'),
    "batch zero": ('["0.2#1"]', '["0.2#0"]', '"0.2#0"', "the number of a batch, from 1", '0.2#1'),
    "batch of no number": ('["0.2#1"]', '["0.2#a"]', '"0.2#a"', "the number of a batch, from 1", '0.2#1'),
    "batches of none": (BATCHES, 'batches: {count: 0, patterns: [a]}', "0, pat", "greater than or equal to 1", "change 0"),
    "batches without files": (BATCHES, "batches: {count: 2, patterns: []}", "[]}", "'patterns' is empty", "add an entry"),
    "more checkpoints than batches": ('checkpoints: ["0.3"]', 'checkpoints: ["0.3", "0.3", "0.3"]', '["0.3", "0.3"', "3 checkpoints for 2 batches", "one a batch"),
    "checkpoint that is not there": ('checkpoints: ["0.3"]', 'checkpoints: ["0.4"]', '"0.4"', "the checkpoint 0.4 is no story", "did you mean"),
    "estimate negative": ("estimate_hours: 2", "estimate_hours: -2", "-2", "greater than or equal to 0", "change -2"),
    "estimate infinite": ("estimate_hours: 2", "estimate_hours: .inf", ".inf", "'estimate_hours' must be a finite number", "finite"),
    "estimate as words": ("estimate_hours: 2", "estimate_hours: two", "two", "'estimate_hours' must be a number, not 'two'", "give a number"),
    "risk misspelt": ("estimate_hours: 2", "risk: hihg", "hihg", "'risk': 'hihg' is not allowed", "did you mean 'high'"),
    "date without quotes": ("estimate_hours: 2", "notes: 2026-01-03", "2026-01-03", "must be text, but 2026-01-03", 'quote it: "2026-01-03"'),
    "action unknown": ("- branch:", "- brnch:", "brnch", "unknown action 'brnch'", "did you mean 'branch'"),
    "action unknown by kind": ('- branch: {name: "merge/{date}"}', "- {kind: brnch}", "kind", "unknown action 'brnch'", "did you mean 'branch'"),
    "action of two kinds": ('- branch: {name: "merge/{date}"}', "- {branch: {name: x}, fetch: {}}", "{branch", "one key, its kind", "known are"),
    "action of none": ('- branch: {name: "merge/{date}"}', "- 7", "7", "one key, its kind", "known are"),
    "actions as a mapping": ("        actions:\n          - branch", "        actions: {a: 1}\n        task: |\n          - branch", "{a: 1}", "'actions' must be a list", "begin each entry"),
    "action field missing": ('- branch: {name: "merge/{date}"}', "- branch: {}", "branch", "'name' is missing", "add it"),
    "action field unknown": ('{name: "merge/{date}"}\n', "{name: x, strt: y}\n", "strt", "'strt' is not a known key", "did you mean 'start'"),
    "action body a list": ('- branch: {name: "merge/{date}"}', "- branch: [x]", "[x]", "must be a mapping", "mapping"),
    "action field of another type": ('- copy: {paths: ["app/a.py"]}', '- copy: {paths: [a], expect: many}', "many", "'expect' must be a whole number", "whole number"),
    "nested field unknown": ('- copy: {paths: ["app/a.py"]}', "- migration: {message: m, table: t, columns: [{name: a, typ: b}]}", "typ:", "'typ' is not a known key", "did you mean 'type'"),
    "take of no kind": ('merge: {paths: ["app/**"]}', "merge: {take: their}", "their}", "'their' is not allowed", "did you mean 'theirs'"),
    "branch action with a dash": ('- branch: {name: "merge/{date}"}', '- branch: {name: "-D"}', '"-D"', "begins with a dash", "{date}"),
    "branch action with a control character": ('- branch: {name: "merge/{date}"}', r'- branch: {name: "a\x01"}', r'"a\x01', "not a name that git allows", "{date}"),
    "start with a dash": ('- branch: {name: "merge/{date}"}', '- branch: {name: x, start: "--all"}', '"--all"', "begins with a dash", "commit's hash"),
    "backup branch of no form": ('- branch: {name: "merge/{date}"}', '- backup: {branch: "a:b"}', '"a:b"', "not a name that git allows", "{date}"),
    "fetch remote that is an option": ('- branch: {name: "merge/{date}"}', '- fetch: {remote: "-x"}', '"-x"', "begins with a dash", "letters"),
    "copy from outside": ('copy: {paths: ["app/a.py"]}', 'copy: {paths: ["../a.py"]}', '"../a', "holds '..'", "relative"),
    "inventory outside": ('copy: {paths: ["app/a.py"]}', 'copy: {paths: [a], inventory: /tmp/x}', "/tmp/x", "absolute", "relative"),
    "document outside": ('- branch: {name: "merge/{date}"}', "- document: {path: ../x.md, template: t}", "../x.md", "holds '..'", "relative"),
    "pick of an option": ('"2156f630"', '"--abort"', '"--abort"', "begins with a dash", "commit's hash"),
    "pick as a number": ('"2156f630"', "21566300", "21566300", "must be text, but 21566300", 'quote it: "21566300"'),
    "pick of a range": ('"2156f630"', '"a..b"', '"a..b"', "does not name a commit", "commit's hash"),
    "pick of an excluded commit": ('"2156f630"', '"9bd1944b4f"', "cherry_pick", "picks 9bd1944b4f, which the plan excludes as 9bd1944b", "remove it from"),
    "codemod unknown": ('- branch: {name: "merge/{date}"}', "- codemod: {name: tenant-jwd}", "tenant-jwd", "unknown codemod 'tenant-jwd'", "did you mean 'tenant-jwt'"),
    "rule code of no form": ("select: [TQ1]", "select: [tq1]", "tq1", "'tq1' is not a rule's code", "capital letters"),
    "criterion without an id": ('          - id: "0.3.1"\n            given: a', "          - given: a", "given: a", "'id' is missing", "add it"),
    "criterion id twice": ("            when: b", f"            when: b\n            then: c\n            {CHECK}\n          - id: '0.3.1'\n            given: x\n            when: y", "'0.3.1'", "the criterion id '0.3.1' stands twice", "its own id"),
    "criterion id of no form": ('id: "0.3.1"', 'id: "-x"', '"-x"', "'-x' is not an id", "letters"),
    "criterion without a check": (f"            {CHECK}\n", "", 'id: "0.3.1"', "'check' is missing", "add it"),
    "check unknown": (CHECK, "check: {tests: {}}", "tests", "unknown check 'tests'", "did you mean 'test'"),
    "check without nodes": (CHECK, "check: {test: {nodes: []}}", "[]", "'nodes' is empty", "add an entry"),
    "check node an option": (CHECK, 'check: {test: {nodes: ["--pdb"]}}', '"--pdb"', "begins with a dash", "path::test_name"),
    "check that writes": (CHECK, "check: {query: {sql: DELETE FROM users, expect: 0}}", "DELETE", "must only read", "SELECT"),
    "check of nothing": (CHECK, "check: {schema: {table: users}}", "{table", "asks for nothing", "name columns"),
    "check of no table": (CHECK, "check: {schema: {table: 'a; drop', columns: [x]}}", "'a; drop'", "is not a table's name", "database"),
    "key twice": ("policy: generic", "policy: generic\npolicy: other", "policy: other", "the key 'policy' stands twice", "remove one"),
    "tag": ("title: Good", "title: !!python/object:os.system x", "!!python", "is not allowed", "plain value"),
}  # fmt: skip


def place(text: str, part: str, start: int) -> str:
    """Where `part` stands in the plan: first from the replacement on, else last before it."""
    index = text.find(part, start)
    index = text.rindex(part, 0, start) if index < 0 else index
    line = text.count("\n", 0, index) + 1
    return f"plan.yaml:{line}:{index - (text.rfind(chr(10), 0, index) + 1) + 1}"


@pytest.mark.parametrize("name", CASES)
def test_bad_plan(name: str) -> None:
    old, new, at, message, hint = CASES[name]
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    error = error_of(text)
    problems = error.problems or (error,)
    found = [item for item in problems if message in item.message]
    assert found, f"{message!r} is not in {error}"
    assert hint in found[0].hint, found[0].hint
    assert re.fullmatch(r"plan\.yaml:\d+:\d+", found[0].where)
    assert found[0].where == place(text, at, GOOD.index(old))
    assert error.exit_code is ExitCode.USAGE
    assert message in str(error)


def test_the_good_plan_is_good() -> None:
    assert [story.id for story in good().stories()] == ["0.1", "0.2", "0.3"]


def test_all_problems_are_told_in_the_file_s_order() -> None:
    text = GOOD.replace("version: 1", "version: 3").replace("files: [app/a.py]", "files: [/x, ../y]")
    text = text.replace("- validate:", "- valdate:").replace("reason: not ours", "reson: x")
    error = error_of(text)
    assert "8 problems" in error.message  # each reason is missing and each reson unknown
    lines = [int(item.where.split(":")[1]) for item in error.problems]
    assert lines == sorted(lines)
    for part in ("version 3", "'reson'", "'/x'", "'../y'", "'valdate'"):
        assert any(part in item.message for item in error.problems)


def test_a_mistake_in_one_story_hides_none_in_another() -> None:
    text = GOOD.replace("title: First", "title: [x]").replace('"2156f630"', '"-x"')
    messages = [item.message for item in error_of(text).problems]
    assert len(messages) == 2  # and the reference to the story with the mistake is no third one


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is empty"),
        (b"- a\n- b\n", "a plan is a mapping"),
        (b"title: [a\n", "not valid YAML"),
        (b"title: a\n\tb: c\n", "not valid YAML"),
        (b"title: \xff\xfe\n", "not UTF-8"),
        (b"a: &a [*a]\n", "an alias contains itself"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)), "too many values"),
        (b"title: a\x00b\n", "control character"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"<<: {a: 1}\n", "merge keys"),
        (b"? [a]\n: b\n", "a key must be a plain word"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)  # fmt: skip
def test_bad_file(raw: bytes, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(raw, "plan.yaml", ACTIONS)
    assert message in str(caught.value)
    assert caught.value.where.startswith("plan.yaml")


def test_file_that_is_not_there(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError, match="No such file") as caught:
        load_plan(tmp_path / "none.yaml", ACTIONS, shown="none.yaml")
    assert (caught.value.where, caught.value.hint) == ("none.yaml", "check the path")


def test_codemod_names_are_not_checked_without_a_list() -> None:
    text = GOOD.replace('- branch: {name: "merge/{date}"}', "- codemod: {name: anything}")
    assert parse_plan(text.encode(), "plan.yaml", ACTIONS)
