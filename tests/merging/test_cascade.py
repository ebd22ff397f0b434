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
            "a = 1\n", "a = 1\n\n\ndef f():\n    pass\n", "a = 1\n\n\ndef g():\n    return 1\n",
            "a = 1\n\n\ndef f():\n    pass\n\n\ndef g():\n    return 1\n", "definitions", id="definitions",
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
        pytest.param("a = 1\nb = 2\n", "a = 9\nb = 2\n", "a = 1\nb = 8\n", "a = 9\nb = 8\n", "adjacent"),
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
