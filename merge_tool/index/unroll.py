"""What strings a value can be where it is put together of constants: loops over tables, helpers that return SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from merge_tool.index.passing import passed_for
from merge_tool.index.words import COMPREHENSION, ELEMENT, UNPACKED
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.sqlsplit import HOLE
from merge_tool.rulekit.values import Call, Choice, Const, Fork, Items, Ref, Star, Text, Unknown, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX = 600  # ways that one call is unrolled
_DEPTH = 20
_SAME = frozenset(
    ("text", "DDL", "list", "tuple", "sorted", "reversed", "set", "str", "dedent", "literal_column")
)
_TRIM = frozenset(("strip", "lstrip", "rstrip", "lower", "execution_options", "bindparams"))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Where a value stands: the file, and what the function's parameters hold there."""

    path: str
    function: FunctionFacts | None = None
    params: Mapping[str, tuple[Value, Scene]] = field(default_factory=dict)


Bound = Mapping[int, str]  # loop variable (by its object) -> the element that it is now


class Unroller:
    """Unrolls values for one project."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index

    def strings(self, value: Value, scene: Scene, bound: Bound | None = None) -> list[tuple[str, Bound]]:
        """Every string that a value can be, with the loop variables that led to it; `HOLE` stands for what cannot be told."""
        return list(islice(self._strings(value, scene, bound or {}, _DEPTH), _MAX))

    def enter(self, scene: Scene, function: FunctionFacts, call: Call) -> Scene:
        """The scene inside a function that is called."""
        params = {
            item.name: (passed, scene)
            for item in function.params
            if (passed := passed_for(function, call, item.name)) is not None
        }
        return Scene(function.path, function, params)

    def _strings(self, value: Value, scene: Scene, bound: Bound, depth: int) -> Iterator[tuple[str, Bound]]:
        if id(value) in bound:
            yield bound[id(value)], bound
            return
        if depth <= 0:
            yield HOLE, bound
            return
        match value:
            case Const():
                yield (str(value.value) if value.value is not None else "", bound)
            case Text():
                yield from self._text(value.parts, scene, bound, depth)
            case Choice():
                for arm in value.arms:
                    yield from self._strings(arm, scene, bound, depth - 1)
            case Items():  # a loop variable that stands for all elements
                yield from self._each(value, value, scene, bound, depth)
            case Unknown() if value.why in (ELEMENT, COMPREHENSION) and value.inside:
                yield from self._each(value, value.inside[0], scene, bound, depth)
            case Ref():
                found = self._named(value, scene)
                if found is None:
                    yield HOLE, bound
                else:
                    yield from self._strings(found[0], found[1], bound, depth - 1)
            case Call():
                yield from self._call(value, scene, bound, depth)
            case _:
                yield HOLE, bound

    def _text(
        self, parts: tuple[Value, ...], scene: Scene, bound: Bound, depth: int
    ) -> Iterator[tuple[str, Bound]]:
        ways: list[tuple[str, Bound]] = [("", bound)]
        for part in parts:
            ways = [
                (done + text, after)
                for done, before in ways
                for text, after in self._strings(part, scene, before, depth - 1)
            ][:_MAX]
        yield from ways

    def _each(
        self, key: Value, source: Value, scene: Scene, bound: Bound, depth: int
    ) -> Iterator[tuple[str, Bound]]:
        for text, after in self._elements(source, scene, bound, depth - 1):
            yield text, {**after, id(key): text}

    def _elements(self, value: Value, scene: Scene, bound: Bound, depth: int) -> Iterator[tuple[str, Bound]]:
        if depth <= 0:
            yield HOLE, bound
            return
        match value:
            case Items():
                for item in value.items:
                    if isinstance(item, Star):
                        yield from self._elements(item.value, scene, bound, depth - 1)
                    elif isinstance(item, Fork):
                        for inner in (*item.then, *item.orelse):
                            yield from self._strings(inner, scene, bound, depth - 1)
                    else:
                        yield from self._strings(item, scene, bound, depth - 1)
            case Choice():
                for arm in value.arms:
                    yield from self._elements(arm, scene, bound, depth - 1)
            case Text():
                for part in value.parts:
                    yield from self._elements(part, scene, bound, depth - 1)
            case Ref():
                found = self._named(value, scene)
                if found is None:
                    yield HOLE, bound
                else:
                    yield from self._elements(found[0], found[1], bound, depth - 1)
            case Call() if value.name in _SAME and value.args:
                yield from self._elements(value.args[0], scene, bound, depth - 1)
            case Call():
                function = self._index.callee(scene.path, scene.function, value)
                for result in function.returns if function is not None else ():
                    if function is not None:
                        yield from self._elements(
                            result, self.enter(scene, function, value), bound, depth - 1
                        )
                if function is None or not function.returns:
                    yield HOLE, bound
            case _:
                yield HOLE, bound

    def _call(self, call: Call, scene: Scene, bound: Bound, depth: int) -> Iterator[tuple[str, Bound]]:
        if call.name in _TRIM and call.receiver is not None:
            yield from self._strings(call.receiver, scene, bound, depth - 1)
        elif call.name in _SAME and call.args:
            yield from self._strings(call.args[0], scene, bound, depth - 1)
        else:
            function = self._index.callee(scene.path, scene.function, call)
            if function is None or not function.returns:
                yield HOLE, bound
                return
            for result in function.returns:
                yield from self._strings(result, self.enter(scene, function, call), bound, depth - 1)

    def _named(self, ref: Ref, scene: Scene) -> tuple[Value, Scene] | None:
        if ref.dotted in scene.params:
            return scene.params[ref.dotted]
        qualified = self._index.resolve(scene.path, ref.dotted, scene.function)
        module, rest = self._index.names.split(qualified) if qualified else (None, "")
        if module is None or rest not in module.top.variables:
            return None
        return module.top.variables[rest], Scene(module.path, module.top)


def unpacked(value: Value, position: int, count: int) -> Value:
    """What one name of several is bound to when a tuple is unpacked, or an element of a list of tuples that was built here."""
    match value:
        case Items(items) if len(items) == count and not any(isinstance(item, Star | Fork) for item in items):
            return items[position]
        case Fork():
            then = tuple(unpacked(item, position, count) for item in value.then)
            orelse = tuple(unpacked(item, position, count) for item in value.orelse)
            if not any(isinstance(item, Unknown) for item in (*then, *orelse)):
                return Fork(value.test, then, orelse)
        case Choice():
            arms = tuple(unpacked(item, position, count) for item in value.arms)
            if not any(isinstance(item, Unknown) for item in arms):
                return Choice(arms, value.test)
        case Unknown(inside=(Items(items),)) if value.why == ELEMENT and items:
            parts = tuple(unpacked(item, position, count) for item in items)
            if not any(isinstance(item, Unknown) for item in parts):
                return Unknown(ELEMENT, (Items(parts),))
        case _:
            pass
    return Unknown(UNPACKED, (value,))
