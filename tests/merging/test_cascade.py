"""The cascade over whole files: what each step resolves, and what stays with a person."""

from __future__ import annotations

import pytest

from merge_tool.merging.cascade import merge_file
from merge_tool.merging.model import Level, MergeResult, Step


def merge(base: str, ours: str, theirs: str, level: Level = "safe", **more: object) -> MergeResult:
    return merge_file(base.encode(), ours.encode(), theirs.encode(), level=level, **more)  # type: ignore[arg-type]


def steps(result: MergeResult) -> list[str]:
    return [item.step.value for _, item in result.hunks]


def test_disjoint_lines_merge_without_a_step() -> None:
    result = merge("a = 1\n\nb = 2\n\nc = 3\n", "a = 9\n\nb = 2\n\nc = 3\n", "a = 1\n\nb = 2\n\nc = 8\n")
    assert result.clean
    assert result.data == b"a = 9\n\nb = 2\n\nc = 8\n"
    assert result.hunks == ()


def test_one_statement_changed_by_both_is_left_with_markers() -> None:
    result = merge("a = 1\n", "a = 2\n", "a = 3\n", "full")
    assert not result.clean
    assert result.data == b"<<<<<<< ours\na = 2\n||||||| base\na = 1\n=======\na = 3\n>>>>>>> theirs\n"
    assert [item.confidence for _, item in result.hunks] == [""]
    assert result.hunks[0][1].reason


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged", "step"),
    [
        pytest.param("f(a, b)\n", "f(\n    a,\n    b,\n)\n", "f(a, c)\n", "f(a, c)\n", "format", id="format of ours"),
        pytest.param("x = 'a'\n", 'x = "b"\n', "x = 'b'\n", 'x = "b"\n', "format", id="quotes"),
        pytest.param(
            "import os\n", "import os\nimport sys\n", "import os\nimport re\n", "import os\nimport re\nimport sys\n",
            "imports", id="imports in their order",
        ),
        pytest.param(
            "from m import a, c\n", "from m import a, b, c\n", "from m import a, c, d\n", "from m import a, b, c, d\n",
            "imports", id="names of one import",
        ),
        pytest.param(
            "from m import (\n    a,\n)\n", "from m import (\n    a,\n    b,\n)\n", "from m import (\n    a,\n    c,\n)\n",
            "from m import (\n    a,\n    b,\n    c,\n)\n", "imports", id="names in brackets",
        ),
        pytest.param("x = [1]\n", "x = [1, 2]\n", "x = [1, 3]\n", "x = [1, 2, 3]\n", "entries", id="list"),
        pytest.param(
            "x = {\n    'a': 1,\n}\n", "x = {\n    'a': 1,\n    'b': 2,\n}\n", "x = {\n    'a': 1,\n    'c': 3,\n}\n",
            "x = {\n    'a': 1,\n    'b': 2,\n    'c': 3,\n}\n", "entries", id="dict",
        ),
        pytest.param(
            "x = {\n    'a': 1\n}\n", "x = {\n    'a': 1,\n    'b': 2\n}\n", "x = {\n    'a': 1,\n    'c': 3\n}\n",
            "x = {\n    'a': 1,\n    'b': 2,\n    'c': 3\n}\n", "entries", id="dict without a last comma",
        ),
        pytest.param("f(a)\n", "f(a, b=1)\n", "f(a, c=2)\n", "f(a, b=1, c=2)\n", "arguments", id="keyword arguments"),
        pytest.param(
            "def f(a):\n    pass\n", "def f(a, b=1):\n    pass\n", "def f(a, c=2):\n    pass\n",
            "def f(a, b=1, c=2):\n    pass\n", "signatures", id="parameters",
        ),
        pytest.param(
            "def f(a, b: int):\n    pass\n", "def f(a, b: int, c=1):\n    pass\n", "def f(a, b: str):\n    pass\n",
            "def f(a, b: str, c=1):\n    pass\n", "signatures", id="a parameter and an annotation",
        ),
        pytest.param(
            "class E:\n    A = 1\n", "class E:\n    A = 1\n    B = 2\n", "class E:\n    A = 1\n    C = 3\n",
            "class E:\n    A = 1\n    B = 2\n    C = 3\n", "entries", id="members",
        ),
        pytest.param(
            "a = 1\nb = 2\nc = 3\n", "a = 9\nb = 2\nc = 3\n", "a = 1\nc = 3\n", "a = 9\nc = 3\n", "adjacent",
            id="an edit beside what is removed",
        ),
        pytest.param(
            "def f(a):\n    send(a)\n", "def f(a):\n    send(a, 1)\n", "def f(a):\n    if not ready:\n        return\n    send(a)\n",
            "def f(a):\n    if not ready:\n        return\n    send(a, 1)\n", "adjacent", id="a block beside an edit of other words",
        ),
        pytest.param(
            "a = 1\nb = 2\n", "a = 9\nb = 2\n", "a = 1\nb = 8\n", "a = 9\nb = 8\n", "adjacent", id="edits of neighbours",
        ),
        pytest.param(
            "f(a)\ng(b)\n", "f(a, 1)\ng(b)\n", "f(a, 1)\nif b:\n    g(b)\n", "f(a, 1)\nif b:\n    g(b)\n", "contained",
            id="one side did what the other did, and more",
        ),
    ],
)  # fmt: skip
def test_safe_steps(base: str, ours: str, theirs: str, merged: str, step: str) -> None:
    result = merge(base, ours, theirs)
    assert result.data.decode() == merged
    assert steps(result) == [step]
    assert [item.confidence for _, item in result.hunks] == ["safe"]
    turned_off = merge(base, ours, theirs, off=[step])
    assert not turned_off.clean
    assert steps(turned_off) == [Step.LEFT]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged", "step"),
    [
        pytest.param("a = 1\n", "a = 9\n", "a = 1\nlog(a)\n", "a = 9\nlog(a)\n", "adjacent"),
        pytest.param(
            "def f(a):\n    send(a)\n",
            "def f(a):\n    send(a, ready)\n",
            "def f(a):\n    if not ready:\n        return\n    send(a)\n",
            "def f(a):\n    if not ready:\n        return\n    send(a, ready)\n",
            "adjacent",
        ),
        pytest.param(
            "a = 1\n",
            "a = 1\n\n\ndef f():\n    pass\n",
            "a = 1\n\n\ndef g():\n    return 1\n",
            "a = 1\n\n\ndef f():\n    pass\n\n\ndef g():\n    return 1\n",
            "definitions",
        ),
        pytest.param(
            "x = f(1) + g(2)\n", "x = f(3) + g(2)\n", "x = f(1) + g(4)\n", "x = f(3) + g(4)\n", "tokens"
        ),
    ],
)
def test_steps_of_the_level_full(base: str, ours: str, theirs: str, merged: str, step: str) -> None:
    result = merge(base, ours, theirs, "full")
    assert result.data.decode() == merged
    assert steps(result) == [step]
    assert [item.confidence for _, item in result.hunks] == ["full"]
    assert not merge(base, ours, theirs).clean


def test_both_sides_added_the_file() -> None:
    same = merge_file(None, b"a = 1\n\nb = 2\n", b"a = 1\n\nb = 2\n")
    assert same.clean
    result = merge_file(None, b"import a\nimport b\n", b"import a\nimport c\n")
    assert result.data == b"import a\nimport b\nimport c\n"
    apart = merge_file(None, b"def f():\n    return 1\n", b"def g():\n    pass\n", level="full")
    assert not apart.clean
    assert b"<<<<<<< ours" in apart.data


def test_a_transform_of_the_fork_explains_what_conflicts() -> None:
    """The fork threads a parameter through; upstream edits the same line: with the transform on both, nothing conflicts."""
    base = "def get(db, key):\n    return db.find(key)\n"
    ours = "def get(db, key, bot_id):\n    return db.find(key, bot_id)\n"
    theirs = "def get(db, key):\n    return db.find_one(key)\n"

    def thread(text: str) -> str:
        return text.replace("(db, key)", "(db, key, bot_id)").replace("(key)\n", "(key, bot_id)\n")

    plain = merge(base, ours, theirs)
    assert not plain.clean
    result = merge(base, ours, theirs, transforms=[thread])
    assert result.clean
    assert result.data == b"def get(db, key, bot_id):\n    return db.find_one(key, bot_id)\n"
    assert steps(result) == ["transform"]
    assert not merge(base, ours, theirs, transforms=[thread], off=["transform"]).clean


def test_a_transform_that_breaks_the_text_is_not_used() -> None:
    result = merge("a = 1\n", "a = 2\n", "a = 3\n", transforms=[lambda text: text + "("])
    assert result.data.startswith(b"<<<<<<< ours\n")


def test_each_hunk_is_told_with_its_line() -> None:
    base = "x = [1]\n\nkeep = 0\n\ny = 1\n\nstay = 0\n\nz = [1]\n"
    ours = base.replace("x = [1]", "x = [1, 2]").replace("y = 1", "y = 2").replace("z = [1]", "z = [1, 2]")
    theirs = base.replace("x = [1]", "x = [1, 3]").replace("y = 1", "y = 3").replace("z = [1]", "z = [1, 3]")
    result = merge(base, ours, theirs)
    assert steps(result) == ["entries", "left", "entries"]
    lines = result.data.decode().split("\n")
    assert [lines[hunk.line - 1] for hunk, _ in result.hunks] == [
        "x = [1, 2, 3]",
        "<<<<<<< ours",
        "z = [1, 2, 3]",
    ]
    assert result.left == 1


def test_conflicts_of_one_statement_are_told_together() -> None:
    base = "x = {\n    'a': 1,\n    'b': 2,\n    'c': 3,\n    'd': 4,\n}\n"
    ours = base.replace("'a': 1,\n", "'a': 1,\n    'o': 1,\n").replace("'d': 4,\n", "'d': 4,\n    'p': 1,\n")
    theirs = base.replace("'a': 1,\n", "'a': 1,\n    's': 1,\n").replace(
        "'d': 4,\n", "'d': 4,\n    't': 1,\n"
    )
    result = merge(base, ours, theirs)
    assert result.clean
    assert steps(result) == ["entries", "entries"]
    assert [bool(item.text) for _, item in result.hunks] == [True, False]


def test_newer_syntax_than_this_python_is_merged() -> None:
    base = "type A = int\n\n\ndef f[T](x: T) -> T:\n    return g(x)\n"
    result = merge(base, base.replace("g(x)", "g(x, a=1)"), base.replace("g(x)", "g(x, b=2)"))
    assert result.data == base.replace("g(x)", "g(x, a=1, b=2)").encode()


def test_a_conflicted_file_costs_four_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    from merge_tool.merging import cascade, review

    count = 0
    real = cascade.parse

    def counted(text: str) -> object:
        nonlocal count
        count += 1
        return real(text)

    monkeypatch.setattr(cascade, "parse", counted)
    monkeypatch.setattr(review, "parse", counted)
    assert merge("x = [1]\n", "x = [1, 2]\n", "x = [1, 3]\n").clean
    assert count == 4


def test_a_blank_line_stands_between_definitions_of_both_sides() -> None:
    base = "class A:\n    def a(self):\n        return 1\n"
    ours = base + "\n    def b(self):\n        return 2\n"
    theirs = base + "\n    def c(self):\n        return 3\n"
    merged = merge_file(base.encode(), ours.encode(), theirs.encode(), level="full").data.decode()
    assert merged == ours + "\n    def c(self):\n        return 3\n"
    ours, theirs = (
        base.replace("class A:\n", f"class A:\n    def {name}(self):\n        return 9\n\n")
        for name in ("m", "n")
    )
    merged = merge_file(base.encode(), ours.encode(), theirs.encode(), level="full").data.decode()
    assert "        return 9\n\n    def n(self):\n        return 9\n\n    def a(self):\n" in merged
