"""What git merges without a conflict and what is wrong with it all the same."""

from __future__ import annotations

import pytest

from merge_tool.merging.afterwards import clean_problem
from merge_tool.merging.bindings import newly_unbound, unbound
from merge_tool.merging.cascade import merge_file

FILLER = "".join(f"value_{n} = {n}\n" for n in range(6))
NEW = "\n\ndef made():\n    return 1\n"


def problem(base: str, ours: str, theirs: str, merged: str) -> tuple[str, str]:
    return clean_problem(base.encode(), ours.encode(), theirs.encode(), merged.encode())


DOUBLED = {
    "definition": (FILLER, NEW.lstrip() + "\n\n" + FILLER, FILLER + NEW, "the definition made would stand 2 times (lines 1 and"),
    "import": (FILLER, "import os\n" + FILLER, FILLER + "import os\n", "the import os would stand 2 times"),
    "route": (
        FILLER, "@app.get('/x')\ndef one():\n    pass\n\n\n" + FILLER,
        FILLER + "\n\n@app.get('/x')\ndef two():\n    pass\n", "the route /x would stand 2 times",
    ),
    "key": (
        f"d = {{\n    'k': 1,\n{FILLER.replace(' = ', ': ').replace('value', '    1').replace(chr(10), ',' + chr(10))}}}\n",
        f"d = {{\n    'n': 0,\n    'k': 1,\n{FILLER.replace(' = ', ': ').replace('value', '    1').replace(chr(10), ',' + chr(10))}}}\n",
        f"d = {{\n    'k': 1,\n{FILLER.replace(' = ', ': ').replace('value', '    1').replace(chr(10), ',' + chr(10))}    'n': 2,\n}}\n",
        "the key 'n' stands twice",
    ),
    "keyword": ("f(\n    a=1,\n    b=2,\n)\n", "f(\n    z=0,\n    a=1,\n    b=2,\n)\n", "f(\n    a=1,\n    b=2,\n    z=3,\n)\n", "the keyword z stands twice"),
    "entry": (
        "__all__ = [\n    'a',\n    'b',\n    'c',\n]\n", "__all__ = [\n    'z',\n    'a',\n    'b',\n    'c',\n]\n",
        "__all__ = [\n    'a',\n    'b',\n    'c',\n    'z',\n]\n", "the entry 'z' would stand 2 times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBLED)
def test_what_each_side_added_in_its_own_place_is_not_called_clean(name: str) -> None:
    base, ours, theirs, said = DOUBLED[name]
    merged = naive(base, ours, theirs)
    kind, text = problem(base, ours, theirs, merged)
    assert kind == "unsound"
    assert said in text


def naive(base: str, ours: str, theirs: str) -> str:
    """A line merge: what git makes of it."""
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, side in (("ours", ours), ("base", base), ("theirs", theirs)):
            (Path(folder) / name).write_text(side)
            names.append(name)
        done = subprocess.run(
            ["git", "merge-file", "-p", *names], cwd=folder, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, "git sees a conflict: no test of a clean merge"
    return done.stdout


def test_a_name_that_one_side_removed_and_the_other_uses_is_told() -> None:
    base = "import os\nfrom m import a\n\nx = a()\n" + FILLER
    ours, theirs = base.replace("import os\n", ""), base + "y = os.sep\n"
    kind, text = problem(base, ours, theirs, naive(base, ours, theirs))
    assert (kind, text) == ("unsound", "one side removed os, and the other still uses it (line 10)")


def test_a_function_that_one_side_removed_and_the_other_calls_is_told() -> None:
    base = "def helper():\n    return 1\n\n\n" + FILLER + "\n\ndef g():\n    return 2\n"
    ours, theirs = (
        base.replace("def helper():\n    return 1\n\n\n", ""),
        base.replace("return 2", "return helper()"),
    )
    assert problem(base, ours, theirs, naive(base, ours, theirs))[0] == "unsound"
    assert not merge_file(base.encode(), ours.encode(), theirs.encode()).clean


def test_what_does_not_parse_is_told_and_what_a_side_had_is_not() -> None:
    assert problem("a\n", "b\n", "c\n", "def (:\n")[0] == "unparsable"
    assert problem("a\n", "def (:\n", "c\n", "def (:\n") == ("", "")
    twice = NEW + NEW
    assert problem(twice, twice + "x = 1\n", "y = 1\n" + twice, "y = 1\n" + twice + "x = 1\n") == ("", "")
    assert problem("", "print(nobody)\n", "", "print(nobody)\n") == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "@overload\ndef f(a: int): ...\n@overload\ndef f(a: str): ...\ndef f(a): ...\n",
        "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n",
        "try:\n    import a\nexcept ImportError:\n    a = None\n",
    ],
)
def test_what_may_stand_twice_is_clean(text: str) -> None:
    head = "from typing import overload\n"
    assert problem(head + text, head + text + "b = 1\n", "c = 1\n" + head + text, "c = 1\n" + head + text + "b = 1\n") == ("", "")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x\n", {"x"}),
        ("def f(a):\n    return a + b\n", {"b"}),
        ("b = 1\ndef f(a):\n    return a + b\n", set()),
        ("def f():\n    global g\n    g = 1\n\nprint(g)\n", set()),
        ("class A:\n    y = 1\n    z = y\n    def f(self):\n        return y\n", {"y"}),
        ("print([i for i in range(3) if i])\n", set()),
        ("try:\n    pass\nexcept E as error:\n    print(error)\n", {"E"}),
        ("from m import *\nx\n", set()),
        ("x: int\nprint(x, __file__, __class__)\n", set()),
        ("match p:\n    case {'a': v, **rest}:\n        print(v, rest)\n", {"p"}),
        ("import a.b as c, d.e\nprint(c, d)\n", set()),
        ("with open('f') as s, (yes := 1):\n    print(s, yes)\n", set()),
        ("not python(\n", set()),
    ],
)
def test_names_that_nothing_binds(text: str, names: set[str]) -> None:
    assert unbound(text) == names
    assert newly_unbound(text, text) == set()


def test_a_key_that_the_lines_double_beside_a_conflict_is_told() -> None:
    """Both sides moved the key up, each to a place of its own; the conflict further down has nothing to do with it."""
    middle = "".join(f"    'k{n}': {n},\n" for n in range(6))
    tail = "y = 2\nz = 3\n"
    base = f"f({{\n{middle}    'n': 0,\n}})\nx = [1,\n     2]\n{tail}"
    one, other = (
        middle.replace("    'k1'", "    'n': 0,\n    'k1'"),
        middle.replace("    'k3'", "    'n': 0,\n    'k3'"),
    )
    result = merge_file(
        base.encode(),
        f"f({{\n{one}}})\nx = [1, 2, 3]\n{tail}".encode(),
        f"f({{\n{other}}})\nx = [\n    1,\n    2,\n    3,\n]\n{tail}".encode(),
    )
    assert not result.clean
    assert "the key 'n' stands twice" in result.problem
