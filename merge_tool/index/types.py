"""What a value is an instance of, and so which method a call reaches."""

from __future__ import annotations

from merge_tool.index.names import Names
from merge_tool.index.track import Memo, Noted
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts
from merge_tool.rulekit.values import Attr, Call, Choice, Const, Function, Item, Logic, Ref, Unknown, Value

_MAX_DEPTH = 24
_WRAPPERS = frozenset(
    (
        "Optional",
        "Annotated",
        "Final",
        "ClassVar",
        "Mapped",
        "Type",
        "type",
        "InstanceOf",
        "Awaitable",
        "Coroutine",
        "Iterator",
        "AsyncIterator",
        "Generator",
        "AsyncGenerator",
    )
)


class Types:
    """Infers types from constructors, annotations, attributes and return annotations of a project."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._running: set[int] = set()  # values whose type is being looked for, against cycles
        self._attributes: Memo[tuple[str, str], str] = Memo(names.tracker)
        self._open = 0  # attributes whose type is being looked for
        self._kinds: Noted[tuple[str, str | int, int], str] = Noted(names.tracker)
        self._bases: Memo[str, tuple[str, ...]] = Memo(names.tracker)

    def name_of(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        """The absolute name of what an expression names: a function, class, method, or an external thing; "" if unknown."""
        if isinstance(value, Ref):
            return self._name_of_ref(path, function, value.dotted)
        if isinstance(value, Attr):
            owner = self.type_of(path, function, value.base)
            return self._member(owner, value.name) if owner else ""
        return ""

    def _name_of_ref(self, path: str, function: FunctionFacts | None, dotted: str) -> str:
        head, dot, _ = dotted.partition(".")
        if dot and self._is_local(function, head):
            owner = self.type_of(path, function, Ref(dotted.rpartition(".")[0]))
            return self._member(owner, dotted.rpartition(".")[2]) if owner else ""
        qualified = self._names.resolve(path, dotted, function)
        if not qualified or not dot:
            return qualified
        module, inside = self._names.split(qualified)
        if module is None or not inside or inside in module.functions or inside in module.classes:
            return qualified
        first, more, tail = inside.partition(".")
        if more and first in module.top.variables:
            owner = self.type_of(module.path, module.top, module.top.variables[first])
            parts = tail.split(".")
            for part in parts[:-1]:
                owner = self.attribute_type(owner, part) if owner else ""
            return self._member(owner, parts[-1]) if owner else qualified
        if more and first in module.classes:
            return self._member(f"{module.module}.{first}", tail) or qualified
        return qualified

    def _is_local(self, function: FunctionFacts | None, head: str) -> bool:
        if function is None or function.name == "<module>":
            return False
        return head in ("self", "cls") or head in function.variables or function.parameter(head) is not None

    def _member(self, owner: str, name: str) -> str:
        found = self._names.find_class(owner)
        if found is None:
            return f"{owner}.{name}"
        method = self.method(found, name)
        if method is not None:
            return f"{self._names.modules[method.path].module}.{method.qualname}"
        kind = self.attribute_type(owner, name)
        return kind or f"{owner}.{name}"

    def method(self, owner: ClassFacts, name: str) -> FunctionFacts | None:
        """A method by its name, looked for in the class and its bases within the project."""
        module = self._names.modules[owner.path]
        if name in owner.methods:
            return module.functions.get(f"{owner.qualname}.{name}")
        for base in self.bases(f"{module.module}.{owner.qualname}"):
            found = self._names.find_class(base)
            if found is not None and name in found.methods:
                return self._names.modules[found.path].functions.get(f"{found.qualname}.{name}")
        return None

    def next_method(self, owner: str, after: str, name: str) -> FunctionFacts | None:
        """What `super().name` reaches in a method of the class `after`, for an object of the class `owner`.

        The order is that of the bases as they are written, each before its own bases: Python's own for mixins that
        stand before one common base.
        """
        chain = self.bases(owner)
        start = chain.index(after) + 1 if after in chain else 0
        for base in chain[start:]:
            found = self._names.find_class(base)
            if found is not None and base != after and name in found.methods:
                return self._names.modules[found.path].functions.get(f"{found.qualname}.{name}")
        return None

    def bases(self, qualified: str) -> tuple[str, ...]:
        """A class and all its bases by absolute name, external ones included."""
        return self._bases.ask(qualified, self._find_bases, qualified)

    def _find_bases(self, qualified: str) -> tuple[str, ...]:
        found: list[str] = []
        stack = [qualified]
        while stack:
            name = stack.pop(0)
            if name in found or not name:
                continue
            found.append(name)
            owner = self._names.find_class(name)
            if owner is not None:
                for base in owner.bases:
                    base = base.base if isinstance(base, Item) else base
                    if isinstance(base, Ref):
                        stack.append(self._names.resolve(owner.path, base.dotted) or base.dotted)
        return tuple(found)

    def type_of(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        """The absolute name of the class (or external factory) whose instance a value is; "" where it cannot be told."""
        if (
            not self._running and not self._open
        ):  # else the answer may be one that a circle or the depth cut short
            name = value.dotted if isinstance(value, Ref) else id(value)
            return self._kinds.ask((path, name, id(function)), self._guarded, path, function, value)
        return self._guarded(path, function, value)

    def _guarded(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        if id(value) in self._running or len(self._running) > _MAX_DEPTH:
            return ""
        self._running.add(id(value))
        try:
            return self._type_of(path, function, value)
        finally:
            self._running.discard(id(value))

    def _type_of(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        if isinstance(value, Call):
            return self._type_of_call(path, function, value)
        if isinstance(value, Ref):
            return self._type_of_ref(path, function, value.dotted)
        if isinstance(value, Attr):
            owner = self.type_of(path, function, value.base)
            return self.attribute_type(owner, value.name) if owner else ""
        if isinstance(value, Choice):
            for arm in value.arms:
                found = self.type_of(path, function, arm)
                if found:
                    return found
        if isinstance(value, Unknown) and value.why == "declared" and value.inside:
            return self.annotated(path, function, value.inside[0])
        if isinstance(value, Logic) and value.python:
            for item in value.items:
                found = self.type_of(path, function, item)
                if found:
                    return found
        return ""

    def _type_of_call(self, path: str, function: FunctionFacts | None, call: Call) -> str:
        name = self.name_of(path, function, call.func)
        if not name:
            return ""
        owner = self._names.find_class(name)
        if owner is not None:
            return name
        target = self._names.find_function(name)
        if target is None:
            return name  # an external class or factory: redis.asyncio.from_url
        made = target.result.last if isinstance(target.result, Ref) else ""
        if target.class_name and made == "Self" and call.receiver is not None:
            owned = self.type_of(path, function, call.receiver) or self.name_of(path, function, call.receiver)
            if self._names.find_class(owned) is not None:
                return owned
        return self._result(target)

    def _result(self, target: FunctionFacts) -> str:
        """What a function gives: by its annotation, else by what it returns."""
        if target.result is not None:
            found = self.annotated(target.path, target, target.result)
            if found and found.rpartition(".")[2] not in ("Any", "object"):
                return found
        for value in target.returns:
            found = self.type_of(target.path, target, value)
            if found:
                return found
        return ""

    def _type_of_ref(self, path: str, function: FunctionFacts | None, dotted: str) -> str:
        head, dot, rest = dotted.partition(".")
        if head in ("self", "cls") and function is not None and function.class_name:
            owner = f"{self._names.modules[function.path].module}.{function.class_name}"
            for part in rest.split(".") if rest else ():
                owner = self.attribute_type(owner, part)
                if not owner:
                    return ""
            return owner
        if dot and self._is_local(function, head):
            owner = self._type_of_ref(path, function, head)
            for part in rest.split("."):
                owner = self.attribute_type(owner, part) if owner else ""
            return owner
        if function is not None and not dot:
            parameter = function.parameter(head)
            if parameter is not None:
                found = (
                    self.annotated(path, function, parameter.annotation)
                    if parameter.annotation is not None
                    else ""
                )
                if not found and isinstance(parameter.default, Call):
                    found = self._dependency_type(path, function, parameter.default)
                return found
            held = function.variables.get(head)
            if held is not None and not (isinstance(held, Ref) and held.dotted == head):
                found = self.type_of(path, function, held)
                if found:
                    return found
        qualified = self._names.resolve(path, dotted, function)
        module, inside = self._names.split(qualified) if qualified else (None, "")
        if module is None or not inside:
            return ""
        first, more, tail = inside.partition(".")
        held = module.top.variables.get(first)
        if held is None:
            return ""
        owner = self.type_of(module.path, module.top, held)
        for part in tail.split(".") if more else ():
            owner = self.attribute_type(owner, part) if owner else ""
        return owner

    def _dependency_type(self, path: str, function: FunctionFacts | None, default: Call) -> str:
        if default.name not in ("Depends", "Security") or not default.args:
            return ""
        inner = default.args[0]
        return (
            self.type_of(path, function, Call(inner, (), (), default.span)) if isinstance(inner, Ref) else ""
        )

    def attribute_type(self, owner: str, name: str) -> str:
        """The class of what an attribute of a class holds; "" where it cannot be told."""
        # An attribute that is made of itself has no type that could be told.
        return self._attributes.ask_around((owner, name), "", self._open_attribute_type, owner, name)

    def _open_attribute_type(self, owner: str, name: str) -> str:
        self._open += 1
        try:
            return self._find_attribute_type(owner, name)
        finally:
            self._open -= 1

    def _find_attribute_type(self, owner: str, name: str) -> str:
        for base in self.bases(owner):
            facts = self._names.find_class(base)
            if facts is None:
                continue
            module = self._names.modules[facts.path]
            if name in facts.fields:
                found = self.annotated(facts.path, None, facts.fields[name])
                if found:
                    return found
            init = module.functions.get(f"{facts.qualname}.__init__") or module.top
            for held in (facts.instance.get(name), facts.attributes.get(name)):
                if held is not None:
                    found = self.type_of(facts.path, init, held)
                    if found:
                        return found
            # Other methods may bind it too: `self.client = redis.from_url(…)` in `connect`.
            for method in sorted(facts.methods):
                function = module.functions.get(f"{facts.qualname}.{method}")
                held = function.variables.get(f"self.{name}") if function is not None else None
                if held is not None:
                    found = self.type_of(facts.path, function, held)
                    if found:
                        return found
            if name in facts.methods:  # a property
                function = module.functions.get(f"{facts.qualname}.{name}")
                if function is not None and any(
                    isinstance(item, Ref) and "property" in item.last for item in function.decorators
                ):
                    return self._result(function)
        return ""

    def annotated(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        """The class that an annotation names; `Optional[X]`, `X | None`, `Annotated[X, …]` and `AsyncIterator[X]` count as X."""
        if id(value) in self._running or len(self._running) > _MAX_DEPTH:
            return ""
        self._running.add(id(value))
        try:
            return self._annotated(path, function, value)
        finally:
            self._running.discard(id(value))

    def _annotated(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        if isinstance(value, Ref):
            if value.last == "Self" and function is not None and function.class_name:
                return f"{self._names.modules[function.path].module}.{function.class_name}"
            qualified = self._names.resolve(path, value.dotted, function)
            module, inside = self._names.split(qualified) if qualified else (None, "")
            if module is not None and inside in module.top.variables and inside not in module.classes:
                return self.annotated(module.path, module.top, module.top.variables[inside])
            return qualified
        if isinstance(value, Item) and isinstance(value.base, Ref):
            if value.base.last not in _WRAPPERS and value.base.last != "Union":
                return self.annotated(path, function, value.base)
            keys = getattr(value.key, "items", (value.key,))
            for key in keys:
                if not isinstance(key, Const):
                    return self.annotated(path, function, key)
        if isinstance(value, Logic):
            for item in value.items:
                if not isinstance(item, Const | Function):
                    return self.annotated(path, function, item)
        return ""
