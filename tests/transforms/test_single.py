"""Transforms that look at one file: tables of names, and comments."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merge_tool.transforms.closeness import distance, match
from merge_tool.transforms.comments import StripComments, TranslateComments, reworded
from merge_tool.transforms.rename import Rename


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("price_kopeks = 1\n", "price_cents = 1\n"),
        ("user.balance_kopeks += add_kopeks(x)\n", "user.balance_cents += add_cents(x)\n"),
        ("f(amount_kopeks=amount_kopeks)\n", "f(amount_cents=amount_cents)\n"),
        ("x = f'{user.balance_kopeks:.2f} {{balance_kopeks}} a_kopeks'\n", "x = f'{user.balance_cents:.2f} {{balance_kopeks}} a_kopeks'\n"),
        ("x = f'{a_kopeks:{b_kopeks}}'\n", "x = f'{a_cents:{b_cents}}'\n"),
        ("x = f'{d[1:a_kopeks]!r}'\n", "x = f'{d[1:a_cents]!r}'\n"),
        ("# price_kopeks\n", "# price_kopeks\n"),
        ("x = 'price_kopeks'\n", "x = 'price_kopeks'\n"),
        ("_kopeks = kopeks = price_kopeks_2\n", "_kopeks = kopeks = price_kopeks_2\n"),
    ],
)  # fmt: skip
def test_a_suffix_is_renamed_in_names_and_nowhere_else(before: str, after: str) -> None:
    transform = Rename({}, {"_kopeks": "_cents"})
    assert transform.text(before) == after
    assert transform.text(after) == after
    ast.parse(after)


def test_whole_names_go_by_the_table_and_strings_only_when_they_are_names() -> None:
    transform = Rename({"get_user": "find_user"}, {"_kopeks": "_cents"}, strings=True)
    before = "get_user(x)\nget_user_by_id(x)\nc = Column('price_kopeks')\nd = 'the price_kopeks'\ne = b'a_kopeks'\n"
    after = "find_user(x)\nget_user_by_id(x)\nc = Column('price_cents')\nd = 'the price_kopeks'\ne = b'a_kopeks'\n"
    assert transform.run({"a.py": before, "b.py": "x = 1\n"}, ()) == {"a.py": after}


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(alphabet="ab_c{}'\"f:!\n#\\ ()"))
def test_odd_texts_crash_nothing_and_twice_is_once(text: str) -> None:
    transform = Rename({"a": "b"}, {"_c": "_d"}, strings=True)
    once = transform.text(text)
    assert transform.text(once) == once
    assert len(once) == len(text)


def test_comments_are_taken_out_and_what_tools_read_stays() -> None:
    before = (
        "#!/usr/bin/env python\n# сумма\nx = 1  # да\n\n\ndef f(a):  # noqa: E501\n    '''Считает.'''\n    # про a\n"
        "    return 'текст # да'  # why\n\n\ndef g():\n    '''Только это.'''\n"
    )
    after = (
        "#!/usr/bin/env python\nx = 1\n\n\ndef f(a):  # noqa: E501\n    return 'текст # да'  # why\n\n\n"
        "def g():\n    '''Только это.'''\n"
    )
    assert StripComments(("Cyrillic",)).text(before) == after
    assert "# why" not in StripComments(()).text(before)
    assert "Считает" in StripComments((), docstrings=False).text(before)
    assert StripComments(()).text("def f(:\n  # a\n") == "def f(:\n  # a\n"


def test_the_forks_wording_is_read_where_the_code_is_the_same() -> None:
    base = "# сумма\ntotal = 1  # штук\n\n\ndef f():\n    '''Считает.'''\n    return total\n"
    fork = "# the sum\ntotal = 1  # pieces\n\n\ndef f():\n    '''Counts.'''\n    return total\n"
    assert dict(reworded(base, fork)) == {
        "# сумма": "# the sum",
        "# штук": "# pieces",
        "'''Считает.'''": "'''Counts.'''",
    }
    transform = TranslateComments()
    transform.learn({"a.py": base}, {"a.py": fork})
    theirs = base.replace("return total", "# сумма\n    return total + 1  # новое")
    assert transform.run({"a.py": theirs}, ()) == {
        "a.py": fork.replace("return total", "# the sum\n    return total + 1  # новое")
    }


def test_a_comment_with_two_wordings_is_left() -> None:
    transform = TranslateComments()
    transform.learn({"a.py": "# да\nx = 1\n# да\ny = 2\n"}, {"a.py": "# yes\nx = 1\n# oui\ny = 2\n"})
    assert transform.words == {}


def test_a_directive_is_no_comment_to_reword() -> None:
    assert list(reworded("x = 1  # noqa\n", "x = 1  # type: ignore\n")) == []


def test_places_match_where_the_fork_has_the_same() -> None:
    before = "f(a)\n\ng(a)\n\nh(a)\n"
    after = "f(a, t=t)\n\ng(a, t=t)\n\nh(a, t=t)\n"
    fork = "f(a, t=t)\n\ng(a)\n\nlog()\nh(a, 1, t=t)\n"
    found = match(before, after, fork)
    assert (found.places, found.matched) == (3, 2)
    assert found.nearer == distance(before, fork) - distance(after, fork)
    assert match(before, before, fork).places == 0
    assert match(before, after, before).nearer < 0
