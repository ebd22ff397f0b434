"""Properties that every merge has, tried on texts and edits that nobody thought of."""

from __future__ import annotations

import ast
import re
from collections import Counter

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from merge_tool.merging.bindings import newly_unbound
from merge_tool.merging.cascade import merge_file
from merge_tool.merging.diff import changes
from merge_tool.merging.lexer import logical_lines, tokens_of
from merge_tool.merging.model import Level, MergeResult
from merge_tool.merging.regions import align
from merge_tool.transforms.rename import Rename
from merge_tool.transforms.replay import replay

LEVELS = st.sampled_from(["safe", "full"])
FAST = settings(max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.sampled_from(["a", "b", "user", "db", "log"])
VALUES = st.sampled_from(["1", "'x'", "f(a, b=1)", "[1, 2]", "{'k': 1, 'm': 2}", "a + b", "(1,)", "None"])


@st.composite
def statements(draw: st.DrawFn, number: int) -> str:
    """One statement of a module, with a number in its names so that no two are equal."""
    kind = draw(st.integers(0, 7))
    name, value = draw(NAMES), draw(VALUES)
    if kind == 0:
        return f"import m{number}\n"
    if kind == 1:
        return f"from p{number} import {name}, z\n"
    if kind == 2:
        return f"\n\ndef f{number}({name}, c: int = 1):\n    x = {value}\n\n    return x  # done {number}\n"
    if kind == 3:
        return f"\n\nclass C{number}(Base):\n    {name} = {value}\n    other: int = {number}\n"
    if kind == 4:
        return f"T{number} = {{\n    'one': {value},\n    'two': [\n        1,\n    ],\n}}\n"
    if kind == 5:
        return f"if flag{number}:\n    {name}.call({value})\nelse:\n    pass\n"
    if kind == 6:
        return f"# why {number}\n{name}{number} = {value}\n"
    return f"{name}{number}.call({value}, key{number}=2)\n"


@st.composite
def modules(draw: st.DrawFn, smallest: int = 1) -> list[str]:
    """The statements of a module."""
    count = draw(st.integers(smallest, 7))
    return [draw(statements(number)) for number in range(count)]


@st.composite
def edited(draw: st.DrawFn, module: list[str], places: list[int]) -> list[str]:
    """A module with some of its statements edited, removed or followed by a new one."""
    found = list(module)
    for place in places:
        how = draw(st.integers(0, 2))
        number = draw(st.integers(100, 999))
        if how == 0:
            found[place] = draw(statements(number))
        elif how == 1:
            found[place] = ""
        else:
            found[place] += draw(statements(number))
    return found


def merge(base: str, ours: str, theirs: str, level: Level) -> MergeResult:
    return merge_file(base.encode(), ours.encode(), theirs.encode(), level=level)


def sound(result: MergeResult) -> None:
    """What every result that is called clean must be."""
    if result.clean:
        ast.parse(result.data)
        assert not re.search(rb"^(<{7}|={7}$|>{7})", result.data, re.MULTILINE)
    else:
        assert result.problem or b"<<<<<<< ours" in result.data


@FAST
@given(modules(), modules(), LEVELS)
def test_one_side_alone(base: list[str], other: list[str], level: Level) -> None:
    b, x = "".join(base), "".join(other)
    assert merge(b, b, x, level).data == x.encode()
    assert merge(b, x, b, level).data == x.encode()
    assert merge(b, x, x, level).data == x.encode()


@FAST
@given(st.data(), LEVELS)
def test_edits_of_statements_apart_always_merge(data: st.DataObject, level: Level) -> None:
    """Between any two edits of different sides stands a statement that nobody touched."""
    base = data.draw(modules(smallest=4))
    cut = data.draw(st.integers(1, len(base) - 2))
    own = data.draw(st.sets(st.integers(0, cut - 1)))
    other = data.draw(st.sets(st.integers(cut + 1, len(base) - 1)))
    ours, theirs = data.draw(edited(base, sorted(own))), data.draw(edited(base, sorted(other)))
    result = merge("".join(base), "".join(ours), "".join(theirs), level)
    wanted = "".join([*ours[: cut + 1], *theirs[cut + 1 :]])
    assume(all(count == 1 for count in Counter(names(wanted)).values()))
    # A name that one side removes and the other begins to use is a conflict that no line shows.
    assume(not newly_unbound(wanted, "".join(ours), "".join(theirs)))
    assert result.clean
    assert ast.dump(ast.parse(result.data)) == ast.dump(ast.parse(wanted))


def names(text: str) -> list[str]:
    return re.findall(r"\b\w+\d{3}\b", text)


@FAST
@given(st.data(), LEVELS)
def test_any_edits_give_something_sound(data: st.DataObject, level: Level) -> None:
    base = data.draw(modules())
    ours, theirs = (
        data.draw(edited(base, sorted(data.draw(st.sets(st.integers(0, len(base) - 1)))))) for _ in range(2)
    )
    result = merge("".join(base), "".join(ours), "".join(theirs), level)
    sound(result)
    if result.clean:
        text = result.data.decode()
        for own, other in ((ours, theirs), (theirs, ours)):
            for before, after, theirs_too in zip(base, own, other, strict=True):
                if after != before and theirs_too == before:
                    for name in set(names(after)):
                        assert name in text, f"{name} is lost"


@FAST
@given(st.data(), LEVELS)
def test_the_sides_may_be_swapped(data: st.DataObject, level: Level) -> None:
    base = data.draw(modules())
    ours, theirs = (
        "".join(data.draw(edited(base, sorted(data.draw(st.sets(st.integers(0, len(base) - 1)))))))
        for _ in range(2)
    )
    one = merge("".join(base), ours, theirs, level)
    other = merge("".join(base), theirs, ours, level)
    assert one.clean == other.clean
    if one.clean:
        assert sorted(one.data.split()) == sorted(other.data.split())


@FAST
@given(
    st.text(alphabet="ab()[]{},'\"\n #:=\\\r\t"),
    st.text(alphabet="ab(),\n #='\r"),
    st.text(alphabet="ab(),\n #='"),
)
def test_odd_texts_crash_nothing(base: str, ours: str, theirs: str) -> None:
    sound_or_left = merge(base, ours, theirs, "full")
    assert isinstance(sound_or_left.data, bytes)


@FAST
@given(st.text(alphabet="ab()[]{},'\"\n #:=\\\r\t\f1.f"))
def test_the_lexer_keeps_every_byte(text: str) -> None:
    assert "".join(piece for _, piece in tokens_of(text)) == text
    found = logical_lines(text)
    if found is not None:
        assert "".join(line.raw for line in found[0]) + found[1] == text


@FAST
@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_a_diff_turns_one_text_into_the_other(old: list[str], new: list[str]) -> None:
    made: list[str] = []
    at = 0
    for change in changes(old, new):
        made += old[at : change.old_start] + new[change.new_start : change.new_end]
        at = change.old_end
    assert made + old[at:] == new


@FAST
@given(*[st.lists(st.sampled_from("abcd")) for _ in range(3)])
def test_regions_cover_all_three_sides(base: list[str], ours: list[str], theirs: list[str]) -> None:
    b = o = t = 0
    for region in align(base, ours, theirs):
        assert (region.base[0], region.ours[0], region.theirs[0]) == (b, o, t)
        b, o, t = region.base[1], region.ours[1], region.theirs[1]
        parts = base[slice(*region.base)], ours[slice(*region.ours)], theirs[slice(*region.theirs)]
        if region.kind == "stable":
            assert parts[0] == parts[1] == parts[2]
        elif region.kind == "ours":
            assert parts[0] == parts[2]
        elif region.kind == "theirs":
            assert parts[0] == parts[1]
        elif region.kind == "same":
            assert parts[1] == parts[2]
    assert (b, o, t) == (len(base), len(ours), len(theirs))


@FAST
@given(st.data(), LEVELS)
def test_a_fork_that_is_a_transform_takes_all_of_upstream(data: st.DataObject, level: Level) -> None:
    """Where the fork is T(base) and no more, the merge is T(theirs), whatever theirs is."""
    base = data.draw(modules())
    theirs = "".join(data.draw(edited(base, sorted(data.draw(st.sets(st.integers(0, len(base) - 1)))))))
    transform = Rename({"user": "member", "call": "ring", "z": "zz"}, {})
    old = "".join(base)
    fork = transform.text(old)
    result = merge_file(
        old.encode(), fork.encode(), theirs.encode(), level=level, transforms=[transform.text]
    )
    if old != fork:
        whole = replay(
            [transform], {"a.py": old.encode()}, {"a.py": fork.encode()}, {"a.py": theirs.encode()}, ["a.py"]
        )
        assert whole.shifts["a.py"].theirs.decode() == transform.text(theirs)
        again = merge_file(
            old.encode(), fork.encode(), theirs.encode(), level=level, shift=whole.shifts["a.py"]
        )
        assert again.data == result.data
    if theirs not in (old, fork) and result.hunks:
        assert result.data.decode() == transform.text(theirs)
