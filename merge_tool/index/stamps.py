"""What puts the tenant into new rows without their maker's doing: column defaults, constructors, listeners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Call, Const, Function, Ref, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_EVENTS = frozenset(("before_flush", "before_insert", "init", "before_attach", "transient_to_pending", "after_attach", "before_save"))  # fmt: skip
_DEFAULTS = ("default", "insert_default", "default_factory", "server_default")


class Stamps:
    """Says of each model whether its new rows get the tenant by themselves."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._column = index.policy.column
        self._listened: Memo[None, tuple[str, ...]] = Memo(index.tracker)
        self._known: Memo[str, bool] = Memo(index.tracker)

    def stamped(self, model: Model) -> bool:
        """Whether a default, a constructor of its own, or a listener sets the tenant column of a new row.

        A literal default does not count: it gives every row to the same tenant.
        """
        return self._known.ask(model.qualified, self._find, model)

    def _find(self, model: Model) -> bool:
        for owner in self._chain(model):
            module = self._index.modules[owner.path]
            declared = module.functions.get(f"{owner.qualname}.{self._column}")
            columns = [
                owner.attributes.get(self._column),
                *(declared.returns if declared is not None else ()),
            ]
            if any(isinstance(item, Call) and _has_default(item) for item in columns):
                return True
            init = module.functions.get(f"{owner.qualname}.__init__")
            if init is not None and self.sets(init):
                return True
        listened = self._listened.ask(None, self._targets)
        names = {model.qualified, *model.bases}
        return any(not target or target in names for target in listened)

    def _targets(self) -> tuple[str, ...]:
        """What listeners stamp; "" for all models."""
        return tuple(self._listeners())

    def _chain(self, model: Model) -> Iterator[ClassFacts]:
        for name in (model.qualified, *model.bases):
            found = self._index.find_class(name)
            if found is not None:
                yield found

    def _listeners(self) -> Iterator[str]:
        for function in self._index.functions_in("listens"):
            for item in function.decorators:
                if isinstance(item, Call) and item.name == "listens_for" and self.sets(function):
                    yield from self._target(function, item)
            for call in function.calls:
                if call.name == "listen" and len(call.args) >= 3:
                    name = self._index.types.name_of(function.path, function, call.args[2])
                    target = self._index.function(name) if name else None
                    if target is not None and self.sets(target):
                        yield from self._target(function, call)

    def _target(self, function: FunctionFacts, call: Call) -> Iterator[str]:
        event = call.argument(1, "identifier")
        if not isinstance(event, Const) or event.value not in _EVENTS:
            return
        target = call.argument(0, "target")
        name = self._index.resolve(function.path, target.dotted, function) if isinstance(target, Ref) else ""
        model = self._index.models.by_name.get(name)
        mixin = model is None and any(name in item.bases for item in self._index.models.by_name.values())
        yield name if model is not None or mixin else ""

    def sets(self, function: FunctionFacts, depth: int = 0) -> bool:
        """Whether a function, or one that it calls, sets the tenant column of something."""
        if any(item.name == self._column for item in function.writes):
            return True
        for call in function.calls:
            if call.name == "setattr" and len(call.args) == 3:
                name = call.args[1]
                if not isinstance(name, Const) or name.value == self._column:
                    return True
            elif depth < 2:
                target = self._index.callee(function.path, function, call)
                if target is not None and target is not function and self.sets(target, depth + 1):
                    return True
        return False


def _has_default(call: Call) -> bool:
    return any(key in _DEFAULTS and _tells_tenants_apart(value) for key, value in call.kwargs)


def _tells_tenants_apart(value: Value) -> bool:
    if isinstance(value, Function):
        return not isinstance(value.body, Const)
    if isinstance(value, Call) and value.name == "text":
        return not value.args or not isinstance(value.args[0], Const) or "(" in str(value.args[0].value)
    return not isinstance(value, Const)
