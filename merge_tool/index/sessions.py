"""Which sessions row level security holds to one tenant: those that the policy's factories give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.values import Call, Query, Ref, Root, Sink, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


class Sessions:
    """Judges sessions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._factories = frozenset(
            name.rpartition(".")[2] for name in index.policy.context.session_factories
        )

    def is_bound(self, function: FunctionFacts, receiver: Value) -> bool:
        """Whether a session is one that RLS holds to one tenant."""
        if isinstance(receiver, Query) and isinstance(receiver.root, Root):
            receiver = receiver.root.receiver or receiver
        return bool(self._factories) and self._from_factory(function.path, function, receiver, 0)

    def _from_factory(self, path: str, function: FunctionFacts, value: Value, depth: int) -> bool:
        if depth > 5:
            return False
        if isinstance(value, Call):
            if value.name in self._factories:
                return True
            if value.name in ("Depends", "Security") and value.args:
                target = value.args[0]
                if isinstance(target, Ref) and target.last in self._factories:
                    return True
                name = self._index.types.name_of(path, function, target)
                made = self._index.function(name) if name else None
                return made is not None and any(
                    self._from_factory(made.path, made, item, depth + 1) for item in made.returns
                )
            made = self._index.callee(path, function, value)
            return made is not None and any(
                self._from_factory(made.path, made, item, depth + 1) for item in made.returns
            )
        if isinstance(value, Ref):
            parameter = function.parameter(value.dotted)
            if parameter is not None:
                found = [item for item in (parameter.default, parameter.annotation) if item is not None]
                return any(
                    self._from_factory(path, function, item, depth + 1)
                    for part in found
                    for item in walk(part)
                    if isinstance(item, Call)
                )
            held = function.variables.get(value.dotted)
            if held is not None and not isinstance(held, Ref):
                return self._from_factory(path, function, held, depth + 1)
        return False


def is_core(sink: Sink) -> bool:
    """Whether a statement is run on a connection or an engine."""
    receiver = sink.call.receiver if sink.call is not None else None
    name = receiver.last.lower().lstrip("_") if isinstance(receiver, Ref) else ""
    return name in ("conn", "connection", "engine", "bind")
