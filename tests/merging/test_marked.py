"""Marked texts taken apart, and what a side of a conflict did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merge_tool.merging.intent import intent
from merge_tool.merging.marked import Block, read_marked

TEXT = "a\n<<<<<<< ours\nb\n||||||| base\nc\n=======\nd\n>>>>>>> theirs\ne\n"


def test_a_conflict_has_three_sides() -> None:
    marked = read_marked(TEXT)
    assert marked.pieces == ("a\n", Block(2, 8, "b\n", "c\n", "d\n"), "e\n")
    assert marked.with_blocks(marked.raw) == TEXT
    assert marked.replaced([1], lambda block: block.ours + block.theirs) == "a\nb\nd\ne\n"


def test_without_a_base_there_is_none() -> None:
    [block] = read_marked("<<<<<<< x\nb\n=======\n>>>>>>> y\n").blocks
    assert (block.ours, block.base, block.theirs) == ("b\n", None, "")


@pytest.mark.parametrize(
    "text",
    [
        "Heading\n=======\ntext\n",
        "<<<<<<< never ended\na\n=======\nb\n",
        "<<<<<<< x\na\n>>>>>>> y\n",
        "<<<<<<<<< x\na\n=======\nb\n>>>>>>> y\n",  # markers of two lengths
    ],
)
def test_what_is_no_conflict_is_text(text: str) -> None:
    assert read_marked(text).blocks == ()
    assert "".join(piece for piece in read_marked(text).pieces if isinstance(piece, str)) == text


def test_longer_markers_hold_shorter_ones_as_text() -> None:
    text = "<<<<<<<<< x\na\n=======\nb\n=========\nc\n>>>>>>>>> y\n"
    [block] = read_marked(text).blocks
    assert (block.ours, block.theirs) == ("a\n=======\nb\n", "c\n")


@given(st.text(alphabet="<|=>ab \n\r", max_size=200))
def test_any_text_is_its_pieces(text: str) -> None:
    marked = read_marked(text)
    assert marked.with_blocks(marked.raw) == text


@pytest.mark.parametrize(
    ("base", "side", "said"),
    [
        ("x = 1\n", "x = 1\n", "leaves it as it was"),
        ("x = 1\n", "", "removes `x = 1`"),
        ("", "def f():\n    pass\n", "adds def f"),
        ("", "a\nb\n", "adds 2 lines"),
        ("f(a)\n", "f(\n    a,\n)\n", "changes the layout only"),
        ("f(a)  # one\n", "f(a)  # two\n", "changes comments only"),
        ("f(a)\n", "f(b)\n", "renames a to b"),
        ("f(a)\n", "f(a, bot_id)\n", "adds bot_id"),
        ("f(a, b)\n", "f(a)\n", "removes b"),
        ("x = 1\n", "x = 1\ndef f():\n    return y\n", "adds the definition of f; adds y"),
        ("say('a')\n", "say('b')\n", "changes a text"),
        ("x = 1\n", "x = 2\n", "changes values or order"),
        ("f(  # не кончено\n", "f(a\n", "adds a"),
    ],
)
def test_what_a_side_did(base: str, side: str, said: str) -> None:
    assert intent(base, side) == said
