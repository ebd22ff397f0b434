"""What must never happen to a merge, by the way that people take: a story or a pick through the engine.

Each case is one in which git, or a tool that joins lines or nodes naively, gives a clean result that is wrong.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.merge_story import Case
from tests.project import BODY

NEW = "\n\ndef made():\n    return 1\n"
ENTRIES = "".join(f"    'e{n}',\n" for n in range(6))
KEYS = "".join(f"    'k{n}': {n},\n" for n in range(6))
USED = "import os\nimport re\n\nprint(re)\n" + BODY
UNSOUND = {
    "definition": (BODY, NEW.lstrip() + "\n\n" + BODY, BODY + NEW, "the definition made would stand 2 times"),
    "method": (
        "class A:\n    a = 1\n\n    def f(self):\n        pass\n\n    b = 2\n",
        "class A:\n    def g(self):\n        pass\n\n    a = 1\n\n    def f(self):\n        pass\n\n    b = 2\n",
        "class A:\n    a = 1\n\n    def f(self):\n        pass\n\n    b = 2\n\n    def g(self):\n        pass\n",
        "the definition A.g would stand 2 times",
    ),
    "import": (BODY, "import os\n" + BODY, BODY + "import os\n", "the import os would stand 2 times"),
    "key": (f"d = {{\n{KEYS}}}\n", f"d = {{\n    'n': 0,\n{KEYS}}}\n", f"d = {{\n{KEYS}    'n': 2,\n}}\n", "the key 'n' stands twice"),
    "entry": (
        f"__all__ = [\n{ENTRIES}]\n", f"__all__ = [\n    'n',\n{ENTRIES}]\n", f"__all__ = [\n{ENTRIES}    'n',\n]\n",
        "the entry 'n' would stand 2 times",
    ),
    "route": (
        BODY, "@app.get('/x')\ndef one():\n    pass\n\n\n" + BODY, BODY + "\n\n@app.get('/x')\ndef two():\n    pass\n",
        "the route /x would stand 2 times",
    ),
    "keyword": ("f(\n    a=1,\n    b=2,\n)\n", "f(\n    z=0,\n    a=1,\n    b=2,\n)\n", "f(\n    a=1,\n    b=2,\n    z=3,\n)\n", "the keyword z stands twice"),
    "parameter": (
        "def f(\n    a=1,\n    b=2,\n):\n    pass\n", "def f(\n    z=0,\n    a=1,\n    b=2,\n):\n    pass\n",
        "def f(\n    a=1,\n    b=2,\n    z=3,\n):\n    pass\n", "the parameter z stands twice",
    ),
    "import in use": (USED, USED.replace("import os\n", ""), USED + "print(os)\n", "one side removed os, and the other still uses it"),
    "function in use": (
        NEW + BODY, BODY, NEW + BODY + "print(made())\n", "one side removed made, and the other still uses it",
    ),
}  # fmt: skip


def kinds(case: Case, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Kind and cause of each conflict."""
    capsys.readouterr()
    case.run("conflicts", "--json")
    return [(item["kind"], item["cause"]) for item in json.loads(capsys.readouterr().out)["conflicts"]]


@pytest.mark.parametrize("pick", [False, True], ids=["merge", "pick"])
@pytest.mark.parametrize("name", UNSOUND)
def test_what_git_merges_wrongly_is_a_conflict_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, pick: bool
) -> None:
    base, ours, theirs, said = UNSOUND[name]
    case = Case(tmp_path, {"a.py": base}, {"a.py": ours}, {"a.py": theirs}, ["a.py"], pick=pick)
    assert case.code == 1
    assert said in " ".join("".join(capsys.readouterr()).split())
    [(kind, cause)] = kinds(case, capsys)
    assert kind == "unsound"
    assert said in cause
    assert case.run("continue") == 1, "nobody decided it, and the run goes on"
    assert case.run("resolve", "a.py", "--ours") == 0
    done, text = case.run("continue"), "".join(capsys.readouterr())
    # A run of picks alone may end with the remark that no story merged the file; the pick is done all the same.
    assert done == 0 or (pick and "no later merge brings them" in text), text
    assert case.tree()["a.py"].removeprefix("100644 ").strip() == ours.strip()


def test_what_a_person_finds_right_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, ours, theirs, _ = UNSOUND["import"]
    case = Case(tmp_path, {"a.py": base}, {"a.py": ours}, {"a.py": theirs}, ["a.py"])
    merged = (case.worktree / "a.py").read_text()
    assert merged.count("import os") == 2
    assert case.run("resolve", "a.py") == 0
    assert case.run("continue") == 0
    assert case.tree()["a.py"] == f"100644 {merged.rstrip()}"


def test_a_file_that_the_fork_renamed_is_looked_at_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, ours, theirs, _ = UNSOUND["definition"]
    for number, (own, other, paths) in enumerate(
        (
            ({"a.py": None, "b.py": ours}, {"a.py": theirs}, ["a.py"]),
            ({"a.py": ours}, {"a.py": None, "b.py": theirs}, ["b.py"]),
        )
    ):
        case = Case(tmp_path / str(number), {"a.py": base}, own, other, paths)
        assert case.code == 1
        assert [kind for kind, _ in kinds(case, capsys)] == ["unsound"]
        assert case.run("resolve", "b.py", "--theirs") == 0
        assert case.run("continue") == 0
        assert "b.py" in case.tree()


def test_a_union_driver_does_not_get_past_the_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`merge=union` never conflicts; it joins what both sides wrote."""
    base = {"a.py": "d = {'a': 1}\n", ".gitattributes": "*.py merge=union\n"}
    case = Case(tmp_path, base, {"a.py": "d = (\n"[:-1] + "1,\n 2)\n"}, {"a.py": "d = (3,\n 4)\n"}, ["a.py"])
    if case.code == 0:
        ast.parse(case.tree()["a.py"].partition(" ")[2])
    else:
        assert kinds(case, capsys)


BYTES = {
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "tabs": lambda text: f"if 1:\n\tpass\n{text}".encode(),
    "no newline": lambda text: text.rstrip("\n").encode(),
    "latin": lambda text: f"# -*- coding: latin-1 -*-\nname = '\xe9\xff'\n{text}".encode("latin-1"),
}


@pytest.mark.parametrize("level", ["", "full"])
@pytest.mark.parametrize("conflict", [False, True], ids=["clean", "by syntax"])
@pytest.mark.parametrize("form", BYTES)
def test_bytes_that_nobody_changed_come_through(
    tmp_path: Path, form: str, conflict: bool, level: str
) -> None:
    make = BYTES[form]
    text = f"x = [\n    'a',\n]\n{BODY}"
    ours, theirs = (
        (text.replace("'a',\n", "'a',\n    'b',\n"), text.replace("'a',\n", "'a',\n    'c',\n"))
        if conflict
        else (
            text.replace("VALUE_2 = 2\n", "VALUE_2 = 0\n"),
            text.replace("VALUE_18 = 18\n", "VALUE_18 = 0\n"),
        )
    )
    wanted = (
        text.replace("'a',\n", "'a',\n    'b',\n    'c',\n")
        if conflict
        else ours.replace("VALUE_18 = 18\n", "VALUE_18 = 0\n")
    )
    case = Case(
        tmp_path, {"a.py": make(text)}, {"a.py": make(ours)}, {"a.py": make(theirs)}, ["a.py"], level=level
    )
    assert case.code == 0
    branch = case.fork.git("for-each-ref", "--format=%(refname)", "refs/heads/merge").split()[-1]
    (tmp_path / "wanted").write_bytes(make(wanted))
    oid = case.fork.git("hash-object", "--no-filters", str(tmp_path / "wanted"))
    assert case.fork.git("rev-parse", f"{branch}:a.py") == oid


LEFT = {
    "a comment that both edit": ("# a\nx = 1\n", "# b\nx = 1\n", "# c\nx = 1\n"),
    "positional arguments": ("f(a)\n", "f(a, b)\n", "f(a, c)\n"),
    "one keyword with two values": ("f(a)\n", "f(a, b=1)\n", "f(a, b=2)\n"),
    "an entry removed and edited": ("x = {'a': 1, 'b': 2}\n", "x = {'b': 2}\n", "x = {'a': 5, 'b': 2}\n"),
    "a definition removed and edited": (
        "def f():\n    return 1\n\n\ndef g():\n    return 2\n", "def g():\n    return 2\n",
        "def f():\n    return 3\n\n\ndef g():\n    return 2\n",
    ),
    "one name defined twice": ("a = 1\n", f"a = 1\n{NEW}", f"a = 1\n{NEW.replace('1', '2')}"),
    "imports in a docstring": ('"""\nimport os\n"""\n', '"""\nimport os\nimport re\n"""\n', '"""\nimport os\nimport sys\n"""\n'),
    "code after a return": ("def f():\n    a()\n", "def f():\n    a()\n    return 1\n", "def f():\n    a()\n    b()\n    c()\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_nobody_can_know_is_left_at_either_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    base, ours, theirs = LEFT[name]
    for level in ("safe", "full"):
        case = Case(tmp_path / level, {"a.py": base}, {"a.py": ours}, {"a.py": theirs}, ["a.py"], level=level)
        assert case.code == 1
        assert "<<<<<<<" in (case.worktree / "a.py").read_text()
        assert case.run("continue") == 1


def test_a_statement_among_imports_and_every_comment_come_through(tmp_path: Path) -> None:
    base = "import os\nsetup()\nimport sys\n"
    case = Case(
        tmp_path,
        {"a.py": base, "b.py": "import os\n"},
        {"a.py": base.replace("os\n", "os\nimport abc\n"), "b.py": "import os\nimport sys  # why\n"},
        {"a.py": base.replace("os\n", "os\nimport re\n"), "b.py": "import os\nimport re  # for text\n"},
        ["*.py"],
    )
    assert case.code == 0
    text = case.tree()["a.py"]
    assert text.count("setup()") == 1
    assert text.index("import re") < text.index("setup()") < text.index("import sys")
    text = case.tree()["b.py"] + "\n"
    assert "import sys  # why\n" in text
    assert "import re  # for text\n" in text


@pytest.mark.parametrize(
    ("path", "base", "ours", "theirs"),
    [
        ("a.json", '["a"]\n', '["a", "b"]\n', '["a", "c"]\n'),
        ("a.yaml", "- a\n", "- a\n- b\n", "- a\n- c\n"),
        ("a.toml", "x = ['a']\n", "x = ['a', 'b']\n", "x = ['a', 'c']\n"),
        ("a.md", "import os\n", "import os\nimport re\n", "import os\nimport sys\n"),
    ],
)
def test_data_and_prose_are_not_merged_as_python(
    tmp_path: Path, path: str, base: str, ours: str, theirs: str
) -> None:
    case = Case(tmp_path, {path: base}, {path: ours}, {path: theirs}, [path], level="full")
    assert case.code == 1
    assert "<<<<<<< fork" in (case.worktree / path).read_text()
