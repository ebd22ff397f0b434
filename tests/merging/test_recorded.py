"""A resolution is written again only where the very same conflict stands in the very same place."""

from __future__ import annotations

import pytest

from merge_tool.merging.marked import read_marked
from merge_tool.merging.recorded import Recorded, conflicts_of, learn, load, replay


def conflict(ours: str, base: str, theirs: str) -> str:
    return f"<<<<<<< fork\n{ours}||||||| base\n{base}=======\n{theirs}>>>>>>> upstream\n"


HUNK = conflict("    return 2\n", "    return 1\n", "    return 3\n")
MARKED = f"import a\n\n\ndef f():\n    go()\n{HUNK}\n\nend = 1\n"
DONE = "import a\n\n\ndef f():\n    go()\n    return 5\n\n\nend = 1\n"


def known(path: str = "a.py", marked: str = MARKED, done: str = DONE) -> dict[str, Recorded]:
    found = learn(path, read_marked(marked), done, "Ann", "2026-01-01T00:00:00Z")
    return {item.key: item for item in found}


def test_the_same_conflict_is_resolved_the_same() -> None:
    done = replay("a.py", MARKED, known())
    assert done is not None
    assert (done.text, done.left) == (DONE, 0)
    [(line, item)] = done.used
    assert line == 6
    assert item is not None
    assert (item.scope, item.above, item.below, item.by) == ("def f", "go()", "end = 1", "Ann")


def test_edits_far_away_do_not_matter() -> None:
    done = replay("a.py", MARKED.replace("import a", "import b\nimport c"), known())
    assert done is not None
    assert done.text == DONE.replace("import a", "import b\nimport c")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", MARKED.replace("def f", "def g"), id="another function"),
        pytest.param("a.py", MARKED.replace("def f", "class A:\n  def f"), id="a method of that name"),
        pytest.param("b.py", MARKED, id="another file"),
        pytest.param("a.py", MARKED.replace("return 1", "return 0"), id="another base"),
        pytest.param("a.py", MARKED.replace("return 2", "return 22"), id="another side"),
        pytest.param("a.py", MARKED.replace("    return 3", "        return 3"), id="another indent"),
        pytest.param("a.py", MARKED.replace("go()", "stay()"), id="another line above"),
        pytest.param("a.py", MARKED.replace("end = 1", "end = 2"), id="another line below"),
        pytest.param("a.py", MARKED + MARKED.partition("def")[2].join(["def", ""]), id="twice in one file"),
    ],
)
def test_a_conflict_that_only_looks_alike_is_left(path: str, text: str) -> None:
    assert replay(path, text, known()) is None


def test_nothing_is_learned_where_other_text_was_edited() -> None:
    assert not known(done=DONE.replace("import a", "import a, b"))
    assert not known(done="else = 1\n")
    assert not known(marked="no conflict\n", done="no conflict\n")
    assert not known(marked="", done="")


def test_nothing_is_learned_where_it_is_not_certain_which_lines_are_meant() -> None:
    one, two = conflict("a\n", "b\n", "c\n"), conflict("d\n", "e\n", "f\n")
    marked = f"start\n{one}same\n{two}end\n"
    assert [item.text for item in known("t.txt", marked, "start\nx\nsame\ny\nend\n").values()] == [
        "x\n",
        "y\n",
    ]
    assert not known("t.txt", marked, "start\nsame\nsame\nend\n")


def test_markers_are_never_learned_and_never_read() -> None:
    assert not known(done=MARKED)
    [item] = known().values()
    bad = item.dump().replace(b"    return 5", b"<<<<<<< x")
    with pytest.raises(ValueError, match="markers"):
        load(bad)
    for data in (b"{}", b"[]", b"\xff", b"nothing", item.dump().replace(b'"Ann"', b"1")):
        with pytest.raises(ValueError):
            load(data)
    assert load(item.dump()) == item


def test_line_ends_are_those_of_the_file() -> None:
    done = replay("a.py", MARKED.replace("\n", "\r\n"), known())
    assert done is not None
    assert done.text == DONE.replace("\n", "\r\n")


def test_what_has_no_base_has_no_key() -> None:
    text = MARKED.replace("||||||| base\n    return 1\n", "")
    assert conflicts_of("a.py", read_marked(text)) == [None]
    assert not known(marked=text)


def test_a_long_signature_is_part_of_no_scope() -> None:
    text = MARKED.replace(
        "def f():", "class A:\n    def m(\n        self,\n    ) -> None:\n        if x:\n            pass"
    )
    text = text.replace("    go()\n", "").replace("    return", "        return")
    [item] = conflicts_of("a.py", read_marked(text))
    assert item is not None
    assert item.scope == "class A / def m"
