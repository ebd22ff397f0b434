"""Parameters and arguments added to every shape of signature and call: old calls by position keep their meaning."""

from __future__ import annotations

import inspect

import pytest

from merge_tool.codemods.edits import FileEdits, apply_edits
from merge_tool.codemods.parameters import NewParameter

REQUIRED = NewParameter("t", "int")
OPTIONAL = NewParameter("t", "int", "None")
BARE = NewParameter("t")

SHAPES = [
    ("def f(): ...", REQUIRED, "def f(t: int): ..."),
    ("def f(a): ...", REQUIRED, "def f(a, t: int): ..."),
    ("def f(a,): ...", REQUIRED, "def f(a, t: int,): ..."),
    ("def f(a, b=1): ...", REQUIRED, "def f(a, b=1, *, t: int): ..."),
    ("def f(a, b=1): ...", OPTIONAL, "def f(a, b=1, t: int = None): ..."),
    ("def f(a, b=1): ...", NewParameter("t", "", "0"), "def f(a, b=1, t=0): ..."),
    ("def f(a, *rest): ...", REQUIRED, "def f(a, *rest, t: int): ..."),
    ("def f(a, *rest, b): ...", REQUIRED, "def f(a, *rest, b, t: int): ..."),
    ("def f(a, *, b): ...", REQUIRED, "def f(a, *, b, t: int): ..."),
    ("def f(*, b=1): ...", REQUIRED, "def f(*, b=1, t: int): ..."),
    ("def f(a, **more): ...", REQUIRED, "def f(a, t: int, **more): ..."),
    ("def f(**more): ...", REQUIRED, "def f(t: int, **more): ..."),
    ("def f(a=1, **more): ...", REQUIRED, "def f(a=1, *, t: int, **more): ..."),
    ("def f(a, *, b, **more): ...", REQUIRED, "def f(a, *, b, t: int, **more): ..."),
    ("def f(a, *rest, **more): ...", OPTIONAL, "def f(a, *rest, t: int = None, **more): ..."),
    ("def f(a, /): ...", REQUIRED, "def f(a, /, t: int): ..."),
    ("def f(a=1, /): ...", REQUIRED, "def f(a=1, /, *, t: int): ..."),
    ("def f(a, /, b): ...", BARE, "def f(a, /, b, t): ..."),
    ("def f(a, b=1): ...", NewParameter("t", "T", before_defaults=True), "def f(a, t: T, b=1): ..."),
    ("def f(b=1): ...", NewParameter("t", "T", before_defaults=True), "def f(t: T, b=1): ..."),
    ("def f(\n    a,\n    b,\n): ...", REQUIRED, "def f(\n    a,\n    b,\n    t: int,\n): ..."),
    ("def f(\n    a,\n    b\n): ...", REQUIRED, "def f(\n    a,\n    b,\n    t: int\n): ..."),
    ("def f(\n    a\n): ...", REQUIRED, "def f(\n    a,\n    t: int\n): ..."),
    ("def f(\n    a,  # one\n): ...", REQUIRED, "def f(\n    a,  # one\n    t: int,\n): ..."),
    (
        "def f(\n    a,\n    # b: later\n): ...",
        REQUIRED,
        "def f(\n    a,\n    # b: later\n    t: int,\n): ...",
    ),
    ("def f(\n    a  # one\n): ...", REQUIRED, "def f(\n    a,  # one\n    t: int\n): ..."),
    ("def f(a,\n      b): ...", REQUIRED, "def f(a,\n      b,\n      t: int): ..."),
    ("def f(\n    a, b\n): ...", REQUIRED, "def f(\n    a, b, t: int\n): ..."),
    ("def f(\n    a=1,\n): ...", REQUIRED, "def f(\n    a=1,\n    *,\n    t: int,\n): ..."),
    ("def f(\n    a,\n    **more,\n): ...", REQUIRED, "def f(\n    a,\n    t: int,\n    **more,\n): ..."),
]


@pytest.mark.parametrize(("before", "new", "after"), SHAPES)
def test_each_shape_of_signature(before: str, new: NewParameter, after: str) -> None:
    got = apply_edits(before + "\n", FileEdits(parameters={(1, 0): [new]}))
    assert got == after + "\n"


@pytest.mark.parametrize(("before", "new", "after"), [item for item in SHAPES if not item[1].before_defaults])
def test_positions_of_the_old_parameters_stay(before: str, new: NewParameter, after: str) -> None:
    def names(source: str) -> list[tuple[str, object]]:
        space: dict[str, object] = {}
        exec(source, space)  # the shapes above
        function = space["f"]
        assert callable(function)
        return [(item.name, item.kind) for item in inspect.signature(function).parameters.values()]

    positional = [
        item
        for item in names(before)
        if item[1] in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    assert names(after)[: len(positional)] == positional
    assert ("t" in dict(names(after))) and [item for item in names(after) if item[0] != "t"] == names(before)


def test_a_line_that_grows_too_long_is_laid_out_one_parameter_a_line() -> None:
    before = "class A:\n    def f(self, first_parameter: int, second_parameter: int, third_parameter: int) -> str:\n        pass\n"
    got = apply_edits(
        before, FileEdits(parameters={(2, 4): [NewParameter("tenant_identifier", "int", "None")]})
    )
    assert got == (
        "class A:\n    def f(\n        self,\n        first_parameter: int,\n        second_parameter: int,\n        third_parameter: int,\n"
        "        tenant_identifier: int = None,\n    ) -> str:\n        pass\n"
    )


CALLS = [
    ("f()", "f(t=1)"),
    ("f(a)", "f(a, t=1)"),
    ("f(a,)", "f(a, t=1,)"),
    ("f(*a, **b)", "f(*a, **b, t=1)"),
    ("f(x for x in y)", "f((x for x in y), t=1)"),
    ("f(\n    a,\n    b,  # two\n)", "f(\n    a,\n    b,  # two\n    t=1,\n)"),
    ("f(\n    a\n)", "f(\n    a,\n    t=1\n)"),
    ("f(a,\n  b)", "f(a,\n  b,\n  t=1)"),
    ("f(g(\n    a\n))", "f(g(\n    a\n), t=1)"),
]


@pytest.mark.parametrize(("before", "after"), CALLS)
def test_each_shape_of_call(before: str, after: str) -> None:
    lines = before.split("\n")
    edits = FileEdits()
    edits.call((1, 0, len(lines), len(lines[-1]))).keywords["t"] = "1"
    assert apply_edits(before + "\n", edits) == after + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = f()", "x = await f()"),
        ("x = f().y", "x = (await f()).y"),
        ("x = f()[0]", "x = (await f())[0]"),
        ("x = f()(1)", "x = (await f())(1)"),
        ("x = (f())", "x = (await f())"),
        ("x = -f() ** 2", "x = -await f() ** 2"),
        ("x = [f() for _ in y]", "x = [await f() for _ in y]"),
    ],
)
def test_awaits_keep_their_meaning(before: str, after: str) -> None:
    column = before.index("f()")
    edits = FileEdits()
    edits.call((2, 4 + column, 2, 7 + column)).awaited = True
    got = apply_edits(f"async def g(y):\n    {before}\n", edits)
    assert got == f"async def g(y):\n    {after}\n"
