from __future__ import annotations

import pytest

from merge_tool.database.heads import find_heads, read_chain, single_head
from merge_tool.errors import ActionError


def revision(identity: str, down: str) -> str:
    return f"revision = {identity!r}\ndown_revision = {down}\n"


def test_a_chain_has_one_head() -> None:
    files = {
        "v/a.py": revision("a", "None"),
        "v/b.py": "from typing import Union\nrevision: str = 'b'\ndown_revision: Union[str, None] = 'a'\n",
        "v/__init__.py": "",
    }
    assert find_heads(files) == ("b",)
    assert single_head(files) == "b"


def test_no_revision_has_no_head() -> None:
    assert find_heads({}) == ()
    assert single_head({"env.py": "x = 1\n"}) is None


def test_a_merge_revision_joins_heads() -> None:
    files = {"a": revision("a", "None"), "b": revision("b", "'a'"), "c": revision("c", "'a'")}
    assert find_heads(files) == ("b", "c")
    assert find_heads({**files, "d": revision("d", "('b', 'c')")}) == ("d",)


def test_names_of_module_constants_are_read() -> None:
    assert find_heads({"a": "PARENT = 'x'\nrevision, down_revision = 'y', PARENT\n"}) == ("y",)


def test_several_heads_are_named_with_their_files() -> None:
    with pytest.raises(ActionError, match=r"2 heads: b \(v/b.py\), c \(v/c.py\)"):
        single_head(
            {"v/a.py": revision("a", "None"), "v/b.py": revision("b", "'a'"), "v/c.py": revision("c", "'a'")}
        )


def test_a_revision_defined_twice_is_refused() -> None:
    with pytest.raises(ActionError, match=r"a is defined twice: in one\.py and in two\.py"):
        find_heads({"one.py": revision("a", "None"), "two.py": revision("a", "None")})


def test_a_circle_is_refused() -> None:
    with pytest.raises(ActionError, match="circle"):
        find_heads({"a.py": revision("a", "'b'"), "b.py": revision("b", "'a'")})


def test_missing_parents_are_told() -> None:
    assert read_chain({"a.py": revision("a", "'gone'")}).missing == ("gone",)


@pytest.mark.parametrize("down", ["make()", "f'{x}'", "3"])
def test_what_is_no_literal_is_refused_and_never_run(down: str) -> None:
    with pytest.raises(ActionError, match="not a literal") as caught:
        find_heads({"a.py": revision("a", down)})
    assert caught.value.where == "a.py:2"


def test_a_revision_that_would_raise_is_only_read() -> None:
    assert find_heads({"a.py": "raise SystemExit\n" + revision("a", "None")}) == ("a",)


def test_a_file_that_does_not_parse_is_an_error_with_its_line() -> None:
    with pytest.raises(ActionError) as caught:
        find_heads({"a.py": "revision = 'a'\ndef (:\n"})
    assert caught.value.where == "a.py:2"
