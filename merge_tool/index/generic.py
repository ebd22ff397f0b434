"""Which models a repository's `self.model`, `cls` or `model` parameter stands for, in all of its subclasses and callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Call, Item, Items, Ref, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


class Generics:
    """Finds the models behind names that a class or a caller fills in."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._found: Memo[tuple[str, str, str], tuple[Model, ...]] = Memo(index.tracker)

    def models(self, path: str, function: FunctionFacts, dotted: str) -> tuple[Model, ...]:
        """The models that a name in a function stands for.

        Args:
            path: the function's file.
            dotted: `self.model`, `cls`, or a parameter's name.

        Returns:
            every model that a subclass, a type argument of a base, a constructor's call or a caller puts there; empty where none is seen.
        """
        # What leads back to itself brings no model.
        key = (path, function.qualname, dotted)
        return self._found.ask_around(key, (), self._find, path, function, dotted)

    def _find(self, path: str, function: FunctionFacts, dotted: str) -> tuple[Model, ...]:
        found = {item.qualified: item for item in self._models(path, function, dotted)}
        return tuple(found[name] for name in sorted(found))

    def _models(self, path: str, function: FunctionFacts, dotted: str) -> Iterator[Model]:
        head, _, rest = dotted.partition(".")
        if head in ("self", "cls") and function.class_name:
            owner = self._index.modules[path].classes.get(function.class_name)
            if owner is None:
                return
            if not rest:
                for item in (owner, *self._below(owner)):
                    model = self._index.models.by_name.get(self._name(item))
                    if model is not None:
                        yield model
            elif "." not in rest:
                yield from self._attribute(owner, rest)
        elif not rest and function.parameter(head) is not None:
            for where, caller, value in self._index.values_of(path, function, Ref(head)):
                model = self._model(where, caller, value)
                if model is not None:
                    yield model

    def _attribute(self, owner: ClassFacts, name: str) -> Iterator[Model]:
        typed = False
        family = (owner, *self._below(owner))
        names = frozenset(map(self._name, family))
        above = [self._index.find_class(base) for base in self._index.types.bases(self._name(owner))[1:]]
        for item in (*family, *(base for base in above if base is not None)):
            module = self._index.modules[item.path]
            for held in (item.attributes.get(name), item.instance.get(name)):
                if held is None:
                    continue
                init = module.functions.get(f"{item.qualname}.__init__", module.top)
                if isinstance(held, Ref) and init.parameter(held.dotted) is not None:
                    yield from self._constructed(item, init, held.dotted, names)
                    continue
                model = self._model(item.path, init, held)
                if model is not None:
                    typed = True
                    yield model
        if not typed:
            for item in family:
                for base in item.bases:
                    if isinstance(base, Item):
                        yield from self._type_arguments(item, base)

    def _type_arguments(self, item: ClassFacts, base: Item) -> Iterator[Model]:
        keys = base.key.items if isinstance(base.key, Items) else (base.key,)
        for key in keys:
            model = self._model(item.path, self._index.modules[item.path].top, key)
            if model is not None:
                yield model

    def _constructed(
        self, owner: ClassFacts, init: FunctionFacts, name: str, names: frozenset[str]
    ) -> Iterator[Model]:
        """What the constructors of the classes `names` pass, `super().__init__(User, session)` included."""
        from merge_tool.index.passing import passed_for

        for site in self._index.callers(self._index.qualified(init)):
            if self._index.callee_name(site.path, site.function, site.call) not in names:
                continue
            value = passed_for(init, site.call, name)
            model = self._model(site.path, site.function, value) if value is not None else None
            if model is not None:
                yield model
        for item in self._below(owner):
            if self._name(item) not in names:
                continue
            function = self._index.modules[item.path].functions.get(f"{item.qualname}.__init__")
            for call in function.calls if function is not None else ():
                if call.name == "__init__" and _is_super(call):
                    value = passed_for(init, call, name)
                    model = self._model(item.path, function, value) if value is not None else None
                    if model is not None:
                        yield model

    def _model(self, path: str, function: FunctionFacts | None, value: Value) -> Model | None:
        if not isinstance(value, Ref):
            return None
        return self._index.models.by_name.get(self._index.resolve(path, value.dotted, function))

    def _name(self, item: ClassFacts) -> str:
        return f"{self._index.modules[item.path].module}.{item.qualname}"

    def _below(self, owner: ClassFacts) -> list[ClassFacts]:
        return self._index.subclasses(self._name(owner))


def _is_super(call: Call) -> bool:
    return (
        isinstance(call.func, Attr) and isinstance(call.func.base, Call) and call.func.base.dotted == "super"
    )
