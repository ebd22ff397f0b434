"""How a function that no request runs reaches a tenant's rows, where nothing on the way knows the tenant."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.index.lookups import GETS
from merge_tool.index.track import Memo
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts, Parameter
from merge_tool.rulekit.known import asks_context, brings_tenant, has_tenant, names_tenant_object
from merge_tool.rulekit.tenants import any_mentions_tenant
from merge_tool.rulekit.values import Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 7
_MAX_FUNCTIONS = 300  # looked at for one job: no job's own work is wider


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """What one function does itself: the first open thing it touches, and whom it calls without a tenant."""

    touches: str
    context: str
    calls: tuple[tuple[FunctionFacts, Span], ...]


class Reach:
    """Answers for one project and policy. Each function is read once; each job walks what it can reach, nearest first."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._policy = index.policy
        self._steps: Memo[int, _Step] = Memo(index.tracker)
        self._known: dict[int, bool] = {}
        self._params: dict[int, tuple[Parameter, ...]] = {}
        self._tenants = any(map(index.models.is_tenant, index.models.by_name.values()))

    def open_way(self, function: FunctionFacts, fresh: bool) -> tuple[str, ...]:
        """See `Project.open_way`."""
        if not self._tenants or self._has_tenant(function):
            return ()
        seen = {id(function)}
        queue: deque[tuple[FunctionFacts, tuple[str, ...]]] = deque([(function, ())])
        while queue:
            current, way = queue.popleft()
            step = self._step(current)
            if not (step.context or step.touches or step.calls):
                continue
            if current is not function and self._has_tenant(current):
                continue  # asked here and not before: most of what is called leads nowhere
            if step.context:
                if fresh:
                    return (*way, step.context)
                continue  # what it reads is held by the context that its caller brought
            if step.touches:
                return (*way, step.touches)
            if len(way) >= _MAX_DEPTH:
                continue
            for target, span in step.calls:
                if id(target) in seen or len(seen) > _MAX_FUNCTIONS:
                    continue
                seen.add(id(target))
                left_out = self._bringing(target)
                if left_out is not None and left_out.default is not None and self._touches(target):
                    return (
                        *way,
                        f"{target.name}() is called without {left_out.name} at {current.path}:{span.line}",
                    )
                if left_out is None:
                    queue.append((target, (*way, f"{target.name}(), called at {current.path}:{span.line}")))
        return ()

    def _bringing(self, function: FunctionFacts) -> Parameter | None:
        """The first parameter that brings a function its tenant."""
        return next(iter(self._all_bringing(function)), None)

    def _all_bringing(self, function: FunctionFacts) -> tuple[Parameter, ...]:
        known = self._params.get(id(function))
        if known is None:
            known = tuple(item for item in function.params if brings_tenant(item, self._policy))
            self._params[id(function)] = known
        return known

    def _has_tenant(self, function: FunctionFacts) -> bool:
        known = self._known.get(id(function))
        if known is None:
            known = self._known[id(function)] = has_tenant(function, self._policy)
        return known

    def _step(self, function: FunctionFacts) -> _Step:
        return self._steps.ask(id(function), self._find_step, function)

    def _find_step(self, function: FunctionFacts) -> _Step:
        asked = asks_context(function, self._policy)
        context = f"{asked}() is asked at {function.path}:{function.header.line}" if asked else ""
        touches = "" if asked else self._touches(function)
        calls = () if asked or touches else tuple(self._calls(function))
        return _Step(touches, context, calls)

    # ---- what one function does ------------------------------------------------------------------------------

    def _touches(self, function: FunctionFacts) -> str:
        for sink in function.sinks:
            receiver = sink.call.receiver if sink.call is not None else None
            if receiver is not None and self._index.statements.sessions.is_bound(function, receiver):
                continue
            name = self._tenant_model(function, sink.value)
            if name and not self._excused(function, sink.span) and not self._from_row(function, sink.value):
                return f"{name} is read or written at {function.path}:{sink.span.line}"
        for call in function.calls:
            if call.name in GETS and len(call.args) > 1 and isinstance(call.args[0], Ref):
                name = self._tenant_model(function, call.args[0])
                bound = call.receiver is not None and self._index.statements.sessions.is_bound(
                    function, call.receiver
                )
                held = bound or self._excused(function, call.span) or self._from_row(function, call.args[1])
                if name and not held:
                    return f"{name} is loaded by its key at {function.path}:{call.span.line}"
        return ""

    def _tenant_model(self, function: FunctionFacts, value: Value) -> str:
        for item in walk(value):
            if not isinstance(item, Ref) or not item.dotted[:1].isalpha():
                continue
            head = item.dotted if item.last[:1].isupper() else item.dotted.rpartition(".")[0]
            name = self._index.resolve(function.path, head, function) if head else ""
            if name and self._index.is_tenant_model(name):
                return name.rpartition(".")[2]
        return ""

    def _excused(self, function: FunctionFacts, span: Span) -> bool:
        """Whether a comment with a reason says that the statement is meant for all tenants."""
        return any(
            item.reason and item.first <= span.line <= item.last
            for item in self._index.modules[function.path].markers
        )

    def _from_row(self, function: FunctionFacts, value: Value) -> bool:
        """Whether a value is, or is read from, a tenant's row that a parameter brought."""
        for item in walk(value):
            if not isinstance(item, Ref):
                continue
            parameter = function.parameter(item.dotted.partition(".")[0])
            if parameter is not None and parameter.annotation is not None:
                kind = self._index.types.type_of(function.path, function, Ref(parameter.name))
                if kind and self._index.is_tenant_model(kind):
                    return True
        return False

    def _calls(self, function: FunctionFacts) -> Iterator[tuple[FunctionFacts, Span]]:
        from merge_tool.index.passing import leaves_out

        knows = self._has_tenant(function)
        for call in function.calls:
            target = self._index.callee(function.path, function, call)
            if target is None or target is function or self._excused(function, call.span):
                continue
            given = [*call.args, *(value for _, value in call.kwargs)]
            # A function that has no tenant in hand has been looked through for one: no argument can be it.
            if knows and any_mentions_tenant(given, self._policy, function):
                continue
            if knows and names_tenant_object(given, self._policy):
                continue
            if any(self._from_row(function, item) for item in given):
                continue
            if not all(leaves_out(target, call, item.name) for item in self._all_bringing(target)):
                continue
            yield target, call.span
