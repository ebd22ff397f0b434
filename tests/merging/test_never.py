"""The list of "never": what users of merge tools reported as defects. Each test fails on a merge that joins naively."""

from __future__ import annotations

import ast

import pytest

from merge_tool.merging.cascade import merge_file
from merge_tool.merging.model import Level, MergeResult, Step

LEVELS: tuple[Level, ...] = ("safe", "full")


def merge(base: str, ours: str, theirs: str, level: Level = "full", path: str = "file.py") -> MergeResult:
    return merge_file(base.encode(), ours.encode(), theirs.encode(), level=level, path=path)


def is_left(result: MergeResult) -> bool:
    return not result.clean and any(item.step is Step.LEFT for _, item in result.hunks)


@pytest.mark.parametrize("level", LEVELS)
def test_what_does_not_parse_is_not_called_clean(level: Level) -> None:
    """Both wrap the same lines; each alone parses, line by line they make nonsense."""
    base = "def f():\n    a()\n\n    b()\n"
    result = merge(
        base,
        "def f():\n    if x:\n        a()\n\n    b()\n",
        "def f():\n    a()\n    c()\n\n    b()\n",
        level,
    )
    if result.clean:
        ast.parse(result.data)
    else:
        assert b"<<<<<<<" in result.data
        assert b">>>>>>>" in result.data


def test_markers_left_are_told() -> None:
    result = merge("a = 1\n", "a = 2\n", "a = 3\n")
    assert is_left(result)
    assert result.left == 1


@pytest.mark.parametrize("level", LEVELS)
def test_one_side_removes_what_the_other_edits(level: Level) -> None:
    base = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
    assert is_left(merge(base, "def g():\n    return 2\n", base.replace("return 1", "return 3"), level))


@pytest.mark.parametrize("level", LEVELS)
def test_an_entry_removed_by_one_side_and_edited_by_the_other(level: Level) -> None:
    assert is_left(merge("x = {'a': 1, 'b': 2}\n", "x = {'b': 2}\n", "x = {'a': 5, 'b': 2}\n", level))


@pytest.mark.parametrize("level", LEVELS)
def test_a_definition_of_one_name_is_not_doubled(level: Level) -> None:
    base = "a = 1\n"
    ours = base + "\n\ndef f():\n    return 1\n"
    theirs = base + "\n\ndef f():\n    return 2\n"
    result = merge(base, ours, theirs, level)
    assert is_left(result)


def test_a_definition_added_in_two_places_is_not_called_clean() -> None:
    """The lines merge without a conflict: git calls this clean."""
    base = "a = 1\n\n\ndef m():\n    pass\n\n\nz = 2\n"
    ours = "def f():\n    return 1\n\n\n" + base
    theirs = base + "\n\ndef f():\n    return 1\n"
    result = merge(base, ours, theirs)
    assert not result.clean
    assert "doubled" in result.problem


@pytest.mark.parametrize("level", LEVELS)
def test_a_dict_key_is_not_doubled(level: Level) -> None:
    base = "x = {\n    'a': 1,\n}\n"
    ours = "x = {\n    'a': 1,\n    'b': 2,\n}\n"
    theirs = "x = {\n    'a': 1,\n    'c': 3,\n    'b': 4,\n}\n"
    assert is_left(merge(base, ours, theirs, level))


@pytest.mark.parametrize("level", LEVELS)
def test_an_entry_of_all_is_not_doubled_nor_joined_without_its_comma(level: Level) -> None:
    base = "__all__ = [\n    'a'\n]\n"
    ours = "__all__ = [\n    'a',\n    'b'\n]\n"
    theirs = "__all__ = [\n    'a',\n    'b',\n    'c'\n]\n"
    result = merge(base, ours, theirs, level)
    assert result.clean
    assert ast.literal_eval(result.data.decode().partition("= ")[2]) == ["a", "b", "c"]


@pytest.mark.parametrize("level", LEVELS)
def test_strings_are_not_joined_for_want_of_a_comma(level: Level) -> None:
    result = merge("x = ['a']\n", "x = ['a', 'b']\n", "x = ['a', 'c']\n", level)
    assert ast.literal_eval(result.data.decode()[4:]) == ["a", "b", "c"]
    result = merge(
        "x = [\n    'a'\n]\n", "x = [\n    'a',  # one\n    'b'\n]\n", "x = [\n    'a',\n    'c'\n]\n", level
    )
    if result.clean:
        assert ast.literal_eval(result.data.decode()[4:]) == ["a", "b", "c"]
        assert b"# one" in result.data


@pytest.mark.parametrize("level", LEVELS)
def test_a_comma_is_not_put_behind_a_comment(level: Level) -> None:
    base = "x = [\n    'a'  # first\n]\n"
    ours = "x = [\n    'a',  # first\n    'b'  # second\n]\n"
    theirs = "x = [\n    'a',  # first\n    'c'  # third\n]\n"
    result = merge(base, ours, theirs, level)
    assert result.clean
    assert ast.literal_eval(result.data.decode()[4:].replace("# ", "#")) == ["a", "b", "c"]
    assert [result.data.count(word) for word in (b"# first", b"# second", b"# third")] == [1, 1, 1]


@pytest.mark.parametrize("level", LEVELS)
def test_a_route_is_not_doubled(level: Level) -> None:
    base = "a = 1\n"
    ours = base + "\n\n@app.get('/x')\ndef f():\n    return 1\n"
    theirs = base + "\n\n@app.get('/x')\ndef g():\n    return 2\n"
    assert not merge(base, ours, theirs, level).clean


@pytest.mark.parametrize("level", LEVELS)
def test_statements_among_imports_are_kept(level: Level) -> None:
    base = "import os\nsetup()\nimport sys\n"
    ours = "import os\nimport abc\nsetup()\nimport sys\n"
    theirs = "import os\nimport re\nsetup()\nimport sys\n"
    result = merge(base, ours, theirs, level)
    assert result.clean
    assert result.data.count(b"setup()") == 1
    assert result.data.index(b"import os") < result.data.index(b"setup()") < result.data.index(b"import sys")
    assert {b"import abc", b"import re"} <= set(result.data.splitlines())


@pytest.mark.parametrize("level", LEVELS)
def test_imports_for_type_checking_stay_in_their_block(level: Level) -> None:
    base = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from a import A\n\nx = 1\n"
    ours = base.replace("    from a import A\n", "    from a import A\n    from b import B\n")
    theirs = base.replace("    from a import A\n", "    from a import A\n    from c import C\n")
    result = merge(base, ours, theirs, level)
    assert result.clean
    assert (
        b"if TYPE_CHECKING:\n    from a import A\n    from b import B\n    from c import C\n\nx"
        in result.data
    )


@pytest.mark.parametrize("level", LEVELS)
def test_imports_in_try_blocks_are_not_mixed(level: Level) -> None:
    base = "try:\n    import a\nexcept ImportError:\n    a = None\n"
    ours = base.replace("    import a\n", "    import a\n    import b\n")
    theirs = base.replace("    import a\n", "    import a\n    import c\n")
    result = merge(base, ours, theirs, level)
    assert (
        result.data == b"try:\n    import a\n    import b\n    import c\nexcept ImportError:\n    a = None\n"
    )


@pytest.mark.parametrize("level", LEVELS)
def test_an_import_that_one_side_removed_stays_where_the_other_needs_it(level: Level) -> None:
    base = "from m import a, b\n\nx = a()\n\ny = 1\n"
    ours = "from m import a\n\nx = a()\n\ny = 1\n"
    theirs = "from m import a, b, c\n\nx = a()\n\ny = b() + c()\n"
    result = merge(base, ours, theirs, level)
    if result.clean:
        assert result.data.startswith(b"from m import a, b, c\n")


@pytest.mark.parametrize("level", LEVELS)
def test_a_whole_import_that_is_still_used_is_not_lost(level: Level) -> None:
    base = "import logging\n\nlog = logging.getLogger()\n"
    ours = "import logging\nimport ipaddress\n\nlog = logging.getLogger()\n"
    theirs = "import structlog\n\nlog = logging.getLogger()\n"
    result = merge(base, ours, theirs, level)
    if result.clean:
        assert b"import logging\n" in result.data


@pytest.mark.parametrize("level", LEVELS)
def test_comments_are_not_dropped(level: Level) -> None:
    base = "import os\n"
    ours = "import os\n# for the paths\nimport sys\n"
    theirs = "import os\n# for the patterns\nimport re\n"
    result = merge(base, ours, theirs, level)
    assert b"# for the paths\nimport sys\n" in result.data
    assert b"# for the patterns\nimport re\n" in result.data


def test_a_comment_that_both_edit_is_left() -> None:
    assert is_left(merge("# a\nx = 1\n", "# b\nx = 1\n", "# c\nx = 1\n"))


@pytest.mark.parametrize("level", LEVELS)
def test_order_is_kept_where_it_means_something(level: Level) -> None:
    """Positional arguments, elements of a subscript, and code after a return."""
    assert is_left(merge("f(a)\n", "f(a, b)\n", "f(a, c)\n", level))
    assert is_left(merge("x: T[a]\n", "x: T[a, b]\n", "x: T[a, c]\n", level))
    base = "def f():\n    a()\n"
    assert is_left(merge(base, base + "    return 1\n", base + "    b()\n    c()\n", level))


@pytest.mark.parametrize("level", LEVELS)
def test_an_argument_is_not_given_twice(level: Level) -> None:
    assert is_left(merge("f(a)\n", "f(a, b=1)\n", "f(a, b=2)\n", level))
    assert is_left(
        merge("def f(a):\n    pass\n", "def f(a, b=1):\n    pass\n", "def f(a, b=2):\n    pass\n", level)
    )
    assert is_left(merge("f(a)\n", "f(a, b=1, c=2)\n", "f(a, c=3, b=1)\n", level))


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_argument_of_both_sides_stands_once(level: Level) -> None:
    result = merge("f(a)\n", "f(a, b=1)\n", "f(a, b=1, c=2)\n", level)
    assert result.data == b"f(a, b=1, c=2)\n"


@pytest.mark.parametrize("level", LEVELS)
def test_line_ends_marks_tabs_and_the_last_newline_come_through(level: Level) -> None:
    base, ours, theirs = (
        b"x = [\r\n\t1,\r\n]\r\n",
        b"x = [\r\n\t1,\r\n\t2,\r\n]\r\n",
        b"x = [\r\n\t1,\r\n\t3,\r\n]",
    )
    mark = b"\xef\xbb\xbf"
    result = merge_file(mark + base, mark + ours, mark + theirs, level=level)
    assert result.data == mark + b"x = [\r\n\t1,\r\n\t2,\r\n\t3,\r\n]"


def test_line_ends_that_one_side_changed_do_not_conflict() -> None:
    base, theirs = b"a = 1\nb = 2\nc = 3\n", b"a = 1\nb = 2\nc = 4\n"
    result = merge_file(base, b"a = 0\r\nb = 2\r\nc = 3\r\n", theirs)
    assert result.clean
    assert result.data == b"a = 0\r\nb = 2\r\nc = 4\r\n"


def test_a_mark_that_one_side_removed_is_removed() -> None:
    mark = b"\xef\xbb\xbf"
    result = merge_file(mark + b"a = 1\n\nb = 2\n", b"a = 1\n\nb = 2\n", mark + b"a = 1\n\nb = 3\n")
    assert result.data == b"a = 1\n\nb = 3\n"


def test_another_encoding_comes_through() -> None:
    head = "# -*- coding: cp1251 -*-\n"
    base, ours, theirs = (
        (head + text).encode("cp1251")
        for text in ("x = ['да']\n", "x = ['да', 'нет']\n", "x = ['да', 'может']\n")
    )
    result = merge_file(base, ours, theirs)
    assert result.data == (head + "x = ['да', 'нет', 'может']\n").encode("cp1251")


def test_an_encoding_that_lacks_a_character_of_the_other_side_is_left() -> None:
    base = "# coding: latin-1\nx = 'a'\n\ny = 1\n".encode("latin-1")
    ours = "# coding: latin-1\nx = 'a'\n\ny = 2\n".encode("latin-1")
    theirs = "# coding: utf-8\nx = 'да'\n\ny = 1\n".encode()
    result = merge_file(base, ours, theirs)
    if result.clean:
        assert result.data.decode("utf-8") == "# coding: utf-8\nx = 'да'\n\ny = 2\n"


def test_bytes_that_are_no_text_get_gits_merge() -> None:
    base, ours, theirs = b"x = '\xff'\n", b"x = '\xff'\ny = 1\n", b"x = '\xfe'\n"
    result = merge_file(base, ours, theirs)
    assert not result.clean
    assert b"\xff" in result.data
    assert b"\xfe" in result.data


@pytest.mark.parametrize("level", LEVELS)
def test_strings_and_docstrings_are_not_edited_as_code(level: Level) -> None:
    """Inside quotes nothing is an import, an entry or an argument."""
    base = '"""Doc.\n\nimport os\n"""\n'
    ours = '"""Doc.\n\nimport os\nimport sys\n"""\n'
    theirs = '"""Doc.\n\nimport os\nimport re\n"""\n'
    assert is_left(merge(base, ours, theirs, level))
    assert is_left(merge("x = 'f(a)'\n", "x = 'f(a, b=1)'\n", "x = 'f(a, c=1)'\n", level))


@pytest.mark.parametrize("path", ["data.json", "data.yaml", "notes.md", "noext"])
def test_other_files_get_gits_merge_alone(path: str) -> None:
    result = merge("[1]\n", "[1, 2]\n", "[1, 3]\n", path=path)
    assert is_left(result)
    assert b"<<<<<<< ours\n[1, 2]\n" in result.data


def test_a_binary_file_is_kept_as_ours_and_told() -> None:
    result = merge_file(b"a\0b", b"a\0c", b"a\0d", path="logo.png")
    assert result.data == b"a\0c"
    assert is_left(result)


@pytest.mark.parametrize("level", LEVELS)
def test_code_moved_out_by_one_side_is_not_mixed_with_edits_of_the_other(level: Level) -> None:
    base = "def f():\n    if a:\n        b()\n        c()\n"
    ours = "def f():\n    b()\n    c()\n"
    theirs = "def f():\n    if a:\n        b()\n        d()\n        c()\n"
    assert is_left(merge(base, ours, theirs, level))


@pytest.mark.parametrize("level", LEVELS)
def test_both_sides_adding_a_version_of_one_check_is_left(level: Level) -> None:
    base = "def f(user):\n    a()\n\n    z()\n"
    ours = base.replace(
        "a()\n", "a()\n    if user.blocked:\n        log('skipped', user.id)\n        return\n"
    )
    theirs = base.replace(
        "a()\n", "a()\n    if user.blocked:\n        log('left out', user.id)\n        return\n"
    )
    assert is_left(merge(base, ours, theirs, level))


@pytest.mark.parametrize(
    "broken",
    ["def f(:\n", "x = (\n", "'''\n", "\x00", "if x:\n", "x = '\n", "\ufeff\ufeff", "\x0c", "print 1\n"],
)
def test_broken_texts_crash_nothing(broken: str) -> None:
    for sides in (
        (broken, "a = 1\n", "b = 1\n"),
        ("a = 1\n", broken, "b = 1\n"),
        ("a = 1\n", "b = 1\n", broken),
    ):
        result = merge(*sides)
        assert isinstance(result.data, bytes)


@pytest.mark.parametrize("level", LEVELS)
def test_an_edit_within_a_bracket_that_the_other_side_replaced_is_not_lost(level: Level) -> None:
    assert is_left(merge("x = a['old']\n", "x = a.get('old')\n", "x = a['new']\n", level))
    assert is_left(merge("x = f(a)[0]\n", "x = f(b)\n", "x = f(a)[1]\n", level))


def test_lines_that_git_does_not_know_get_gits_merge() -> None:
    """Python ends a line at a carriage return alone, git does not: their line numbers would disagree."""
    result = merge("a = 1\rb = 2\n", "a = 3\rb = 2\n", "a = 1\rb = 4\n")
    assert not result.clean
    assert result.data.count(b"\r") == 3


@pytest.mark.parametrize("level", LEVELS)
def test_from_future_stays_first(level: Level) -> None:
    """The parser takes it anywhere, the compiler does not."""
    base = "import os\n\nx = os\n"
    ours = "import contextlib\nimport os\n\nx = os\n"
    theirs = "from __future__ import annotations\n\nimport os\n\nx = os\n"
    result = merge(base, ours, theirs, level)
    if result.clean:
        compile(result.data, "file.py", "exec")
    result = merge("", "import a\n", "from __future__ import annotations\n", level)
    if result.clean:
        compile(result.data, "file.py", "exec")


def test_what_git_merges_to_a_late_from_future_is_not_called_clean() -> None:
    base = "x = 1\n\ny = 2\n"
    theirs = "from __future__ import annotations\n" + base.replace("y = 2", "y = 3")
    result = merge(base, "import a\n" + base, theirs)
    if result.clean:
        compile(result.data, "file.py", "exec")
    docstring = "'''Doc.'''\n"
    moved = merge(docstring + base, "import a\n" + base, docstring + "\n" + theirs)
    if moved.clean:
        compile(moved.data, "file.py", "exec")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("x = ['a', 'c', 'x']\n", "x = ['a', 'c', 'm', 'x']\n", "x = ['a', 'c', 'd', 'x']\n", "x = ['a', 'c', 'd', 'm', 'x']\n"),
        ("x = ['c', 'a', 'x']\n", "x = ['c', 'a', 'm', 'x']\n", "x = ['c', 'a', 'd', 'x']\n", "x = ['c', 'a', 'd', 'm', 'x']\n"),
        ("x = ['x', 'b', 'a']\n", "x = ['x', 'b', 'm', 'a']\n", "x = ['x', 'b', 'd', 'a']\n", "x = ['x', 'b', 'm', 'd', 'a']\n"),
        ("A = 1\nX = 2\n", "A = 1\nM = 3\nX = 2\n", "A = 1\nD = 4\nX = 2\n", "A = 1\nD = 4\nM = 3\nX = 2\n"),
        ("from m import x\n", "from m import x, z\n", "from m import x, y\n", "from m import x, y, z\n"),
    ],
)  # fmt: skip
def test_an_order_that_both_sides_keep_is_kept(base: str, ours: str, theirs: str, merged: str) -> None:
    assert merge(base, ours, theirs, "safe").data.decode() == merged


@pytest.mark.parametrize("level", LEVELS)
def test_one_definition_under_two_names_is_left(level: Level) -> None:
    """Both sides mended the same thing; both together would be one too many."""
    body = "(text):\n    first = text.index('[')\n    last = text.rindex(']')\n    return text[first:last]\n"
    result = merge("x = 1\n", f"x = 1\n\n\ndef list_in{body}", f"x = 1\n\n\ndef array_in{body}", level)
    assert is_left(result)


@pytest.mark.parametrize("level", LEVELS)
def test_an_entry_that_both_sides_added_in_places_of_their_own_is_not_doubled(level: Level) -> None:
    base = "x = [('a', 1), ('b', 2), ('c', 3)]\n"
    ours = "x = [('a', 1), ('n', 0), ('b', 2), ('c', 3)]\n"
    theirs = "x = [('a', 1), ('b', 2), ('n', 0), ('c', 3)]\n"
    assert is_left(merge(base, ours, theirs, level))
