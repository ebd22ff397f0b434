"""What an expression of the checked code can be, as far as a reader of its text can tell.

The flow reader (`merge_tool.index.flow`) turns every expression into one of these values. They hold names as they
were written; `ProjectIndex` says later, with all files known, what a name means. They hold no syntax tree, so that
facts can be cached by the hash of a file's text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from operator import attrgetter
from typing import Any

from merge_tool.model.plain import plain
from merge_tool.model.source import Span


class Value:
    """Any value. Two values are the same only when they are one object."""

    __slots__ = ()


@plain()
class Unknown(Value):
    """What cannot be told from the text; `why` says what it is, for people."""

    why: str = "an expression"
    inside: tuple[Value, ...] = ()


@plain()
class Ref(Value):
    """A name, with attributes: `User`, `models.User.bot_id`, `self.session`."""

    dotted: str

    @property
    def last(self) -> str:
        """The part behind the last dot."""
        return self.dotted.rpartition(".")[2]


@plain()
class Const(Value):
    """A literal."""

    value: str | int | float | bool | bytes | complex | None


@plain()
class Attr(Value):
    """An attribute of something that is not a plain name: `aliased(User).bot_id`."""

    base: Value
    name: str


@plain()
class Item(Value):
    """A subscript: `base[key]`."""

    base: Value
    key: Value


@plain()
class Call(Value):
    """A call. `args` may hold `Star`; `**mapping` among `kwargs` has the key ``""``.

    `name` is the last part of what is called: `execute` for `self.db.execute(…)`.
    """

    func: Value
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]
    span: Span
    present: tuple[str, ...] = ()  # names known not to be None where the call stands

    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        # Every rule asks every call for its name, so it is told apart once.
        func = self.func
        if isinstance(func, Ref):
            self.name = func.dotted.rpartition(".")[2]  # type: ignore[misc]  # nobody has seen it yet
        elif isinstance(func, Attr):
            self.name = func.name  # type: ignore[misc]

    @property
    def dotted(self) -> str:
        """The callee as written where it is a plain dotted name, else ""."""
        return self.func.dotted if isinstance(self.func, Ref) else ""

    @property
    def receiver(self) -> Value | None:
        """What the method is called on: `self.db` for `self.db.execute(…)`; None for a plain function."""
        if isinstance(self.func, Attr):
            return self.func.base
        if isinstance(self.func, Ref) and "." in self.func.dotted:
            return Ref(self.func.dotted.rpartition(".")[0])
        return None

    def argument(self, position: int, *names: str) -> Value | None:
        """The argument at that position, or by one of these keywords; None where it is left out or hidden in a star."""
        for key, value in self.kwargs:
            if key in names:
                return value
        if position < len(self.args) and not any(isinstance(arg, Star) for arg in self.args[: position + 1]):
            return self.args[position]
        return None

    @property
    def has_star(self) -> bool:
        """Whether arguments are hidden in `*args` or `**kwargs`."""
        return any(isinstance(arg, Star) for arg in self.args) or any(not key for key, _ in self.kwargs)


@plain()
class Star(Value):
    """`*value` in a call or a list."""

    value: Value


@plain()
class Text(Value):
    """A string put together: f-string, `+`, `%`, `.format`, `join`."""

    parts: tuple[Value, ...]


@plain()
class Compare(Value):
    """`left op right`; `op` is Python's sign, or the method's name: `in_`, `is_`, `not_in`, …"""

    left: Value
    op: str
    right: Value


@plain()
class Logic(Value):
    """`and`, `or` or `not` over its items, SQL's (`and_(…)`, `&`) and Python's alike; `python` says which."""

    op: str
    items: tuple[Value, ...]
    python: bool = False


@plain(eq=True)
class Test:
    """The test of a branch.

    Attributes:
        present: the one name whose presence it tests (`x is not None`, `if x`), else "".
        kind_of: the one name whose kind it tests (`isinstance(x, …)`, `is_user(x)`, `x.kind == …`), else "".
    """

    present: str = ""
    text: str = ""
    kind_of: str = ""


@plain()
class Fork(Value):
    """Steps or items that came in on one branch only."""

    test: Test
    then: tuple[Value, ...]
    orelse: tuple[Value, ...]


@plain()
class Choice(Value):
    """One of several values, by the way that the control flow took. `test` where there are just two."""

    arms: tuple[Value, ...]
    test: Test | None = None


@plain()
class Items(Value):
    """A list, tuple or set that was built here; may hold `Star` and `Fork`."""

    items: tuple[Value, ...]


@plain()
class Entry(Value):
    """One entry of a mapping; `key` None is `**value`."""

    key: Value | None
    value: Value


@plain()
class Record(Value):
    """A dict that was built here; holds `Entry` and `Fork`."""

    entries: tuple[Value, ...]


@plain()
class Function(Value):
    """A lambda, or a function defined inside another."""

    name: str
    params: tuple[str, ...]
    body: Value


@plain()
class Root(Value):
    """Where a statement begins: `select(…)`, `session.query(…)`, `update(…)`, `exists(…)`, `union(…)`."""

    kind: str
    columns: tuple[Value, ...]
    span: Span
    receiver: Value | None = None


@plain()
class Op(Value):
    """One step of a statement: `.where(…)`, `.join(…)`."""

    name: str
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]
    span: Span


@plain()
class Query(Value):
    """A statement: its root and the steps (`Op`, `Fork`) in order. The root may be a parameter or a helper's call."""

    root: Value
    ops: tuple[Value, ...] = ()


@plain()
class Sink:
    """Where a statement leaves the function's hands.

    Attributes:
        how: `execute`, `argument`, `return`, `iterate` or `unused`.
        call: the call that takes it, for `execute` and `argument`.
        slot: position or keyword of the argument.
        present: names known not to be None there.
    """

    value: Value
    how: str
    span: Span
    call: Call | None = None
    slot: int | str = 0
    present: tuple[str, ...] = ()


def _call_parts(value: Call) -> Iterable[Value]:
    return (
        (value.func, *value.args, *(item for _, item in value.kwargs))
        if value.kwargs
        else (value.func, *value.args)
    )


# By the class itself: walks take a good part of a run, and a chain of `case` is gone through anew for each value.
_PARTS: dict[type[Value], Callable[[Any], Iterable[Value]]] = {
    Call: _call_parts,
    Query: lambda value: (value.root, *value.ops),
    Op: lambda value: (*value.args, *(item for _, item in value.kwargs)),
    Root: attrgetter("columns"),
    Attr: lambda value: (value.base,),
    Compare: attrgetter("left", "right"),
    Logic: attrgetter("items"),
    Items: attrgetter("items"),
    Text: attrgetter("parts"),
    Fork: lambda value: (*value.then, *value.orelse),
    Choice: attrgetter("arms"),
    Item: attrgetter("base", "key"),
    Star: lambda value: (value.value,),
    Entry: lambda value: (value.value,) if value.key is None else (value.key, value.value),
    Record: attrgetter("entries"),
    Function: lambda value: (value.body,),
    Unknown: attrgetter("inside"),
}


def children(value: Value) -> Iterable[Value]:
    """The values that a value is made of."""
    parts = _PARTS.get(type(value))
    return parts(value) if parts is not None else ()


def walk(value: Value) -> Iterator[Value]:
    """A value and everything in it, each object once."""
    yield value
    find = _PARTS.get
    parts = find(type(value))
    if parts is None:
        return
    seen = {id(value)}
    stack = [*parts(value)]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        parts = find(type(item))
        if parts is not None:
            stack += parts(item)


def walk_all(values: Iterable[Value]) -> Iterator[Value]:
    """Several values and everything in them, each object once: the arguments of calls in calls are the same objects."""
    find = _PARTS.get
    seen: set[int] = set()
    for value in values:
        stack = [value]
        while stack:
            item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            yield item
            parts = find(type(item))
            if parts is not None:
                stack += parts(item)
