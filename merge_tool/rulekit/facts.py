"""What is known of one file, read in one pass: plain data, the same for the same text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from merge_tool.model.plain import plain
from merge_tool.model.source import Span
from merge_tool.rulekit.values import Attr, Call, Compare, Ref, Sink, Value, walk


@plain(eq=True)
class Unreadable:
    """Why a file could not be parsed, and where (1, 1 when the reason has no place)."""

    path: str
    reason: str
    line: int = 1
    column: int = 1


@plain()
class Parameter:
    """One parameter of a function. `kind` is `positional`, `keyword`, `*` or `**`."""

    name: str
    kind: str = "positional"
    annotation: Value | None = None
    default: Value | None = None


@plain()
class Write:
    """`target.name = value`; or `target["name"] = value`, where `target` is no mapping that is built here."""

    target: Value
    name: str
    value: Value


@plain()
class Read:
    """One read of an attribute that may be a setting: `settings.X`, `get_settings().x`, `os.environ["X"]`."""

    base: Value
    name: str
    span: Span


@plain()
class Store:
    """One entry that is set: `base[key] = value`; `base` is a dotted name as written. `key` None: `global base; base = value`."""

    base: str
    key: Value | None
    value: Value
    span: Span


@plain()
class Fallback:
    """A value that stands in where others give nothing: `a or b`, `a if test else b`, `getattr(x, "a", b)`."""

    values: tuple[Value, ...]
    span: Span


class Given:
    """The calls of a function by what they are handed as an argument."""

    __slots__ = ("_names", "_values")

    def __init__(self, calls: Iterable[Call]) -> None:
        self._names: dict[str, dict[int, Call]] = {}
        self._values: dict[int, dict[int, Call]] = {}
        for call in calls:
            for value in (*call.args, *(item for _, item in call.kwargs)):
                if isinstance(value, Ref):
                    self._names.setdefault(value.dotted, {})[id(call)] = call
                elif isinstance(value, Call | Attr):
                    self._values.setdefault(id(value), {})[id(call)] = call
                else:
                    for item in walk(value):
                        self._values.setdefault(id(item), {})[id(call)] = call

    def with_value(self, value: Value) -> Iterable[Call]:
        """The calls, in order, that are handed a name, or that very value, on some way of an argument."""
        if isinstance(value, Ref):
            return self._names.get(value.dotted, {}).values()
        return self._values.get(id(value), {}).values()


@plain()
class FunctionFacts:
    """One function, method, or the module's own top level (`name` is then ``<module>``).

    Attributes:
        qualname: dotted name inside the module, without `<locals>`: `Service.load`, `outer.inner`.
        header: from `def` to the colon's line, decorators not included.
        imports: names that imports inside it bind, as in `ModuleFacts.imports`.
        variables: what its names hold at its end.
        result: the annotation of what it returns.
        checks: comparisons that the tests of branches, loops and asserts make.
        reads: reads of attributes that may be settings, with their places.
        stores: entries of mappings and lists that it sets, and globals that it binds.
        fallbacks: values that stand in for others.
        writes: attributes, and entries of mappings it was given, that it sets.
        finals: those of its calls that stand in a `finally`.
        raises: whether it has a `raise`, on whatever path.
        constants_read: string constants used as keys: `x["k"]`, `x.get("k")`, `"k" in x`.
    """

    path: str
    name: str
    qualname: str
    class_name: str
    parent: str
    header: Span
    end_line: int
    is_async: bool
    params: tuple[Parameter, ...] = ()
    decorators: tuple[Value, ...] = ()
    calls: tuple[Call, ...] = ()
    returns: tuple[Value, ...] = ()
    sinks: tuple[Sink, ...] = ()
    imports: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    constants_read: frozenset[str] = frozenset()
    attributes_read: frozenset[str] = frozenset()
    result: Value | None = None
    checks: tuple[Value, ...] = ()
    writes: tuple[Write, ...] = ()
    reads: tuple[Read, ...] = ()
    stores: tuple[Store, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    finals: tuple[Call, ...] = ()
    raises: bool = False

    # Worked out when first asked for; no part of the facts.
    _compares: tuple[Compare, ...] | None = field(init=False, default=None)
    _given: Given | None = field(init=False, default=None)

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, or None."""
        for item in self.params:
            if item.name == name:
                return item
        return None

    def compares(self) -> tuple[Compare, ...]:
        """The comparisons in its `checks`, in order."""
        if self._compares is None:
            found = (item for check in self.checks for item in walk(check) if isinstance(item, Compare))
            self._compares = tuple(found)  # type: ignore[misc]  # it stays the same
        return self._compares

    def given(self) -> Given:
        """What its calls are given."""
        if self._given is None:
            self._given = Given(self.calls)  # type: ignore[misc]  # as above
        return self._given


@plain()
class ClassFacts:
    """One class. `attributes` are values bound in its body, `fields` its annotations, `instance` what methods bind on `self`."""

    path: str
    name: str
    qualname: str
    span: Span
    bases: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)
    fields: Mapping[str, Value] = field(default_factory=dict)
    instance: Mapping[str, Value] = field(default_factory=dict)
    methods: frozenset[str] = frozenset()


@plain(eq=True)
class ImportFact:
    """One imported name. `target` is absolute: `app.models.User`; `dynamic` for `import_module("…")`."""

    target: str
    span: Span
    dynamic: bool = False


@plain(eq=True)
class Marker:
    """A suppression in a comment. It covers the lines `first`..`last` of the statement that it stands at.

    Attributes:
        codes: the rules' codes; empty for the policy's marker for global queries.
        keyword: `ignore` or `global`.
    """

    keyword: str
    codes: tuple[str, ...]
    reason: str
    span: Span
    first: int
    last: int


@plain()
class ScriptUse:
    """A comment or docstring (`kind`) in a script that the policy forbids."""

    script: str
    kind: str
    span: Span


@plain()
class ModuleFacts:
    """One file that was read.

    Attributes:
        module: its dotted name by its path, `app.services.cart`.
        imports: name bound at module level -> absolute dotted target.
        stars: modules of `from x import *`.
        functions: by qualname; `<module>` is the top level.
    """

    path: str
    module: str
    is_package: bool
    lines: int
    imports: Mapping[str, str]
    stars: tuple[str, ...]
    import_sites: tuple[ImportFact, ...]
    classes: Mapping[str, ClassFacts]
    functions: Mapping[str, FunctionFacts]
    markers: tuple[Marker, ...] = ()
    scripts: tuple[ScriptUse, ...] = ()

    @property
    def top(self) -> FunctionFacts:
        """The module's own top level."""
        return self.functions["<module>"]
