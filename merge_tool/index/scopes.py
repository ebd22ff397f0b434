"""Whether a statement is held to one tenant: its predicates, joins and helpers, judged when all files are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from merge_tool.index.criteria import guarded
from merge_tool.index.doubts import doubt, told
from merge_tool.index.entities import Frame, entity_of, owner_class
from merge_tool.index.generic import Generics
from merge_tool.index.inserts import InsertJudge
from merge_tool.index.sessions import Sessions, is_core
from merge_tool.index.statements import StatementReader
from merge_tool.index.tables import Flow, Statement, TableUse
from merge_tool.index.ways import root_name, stepped, ways
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import QueryVerdict, Scoped
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Op,
    Query,
    Ref,
    Root,
    Sink,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_FLOWS = 48
_MAX_DEPTH = 6
_MAX_AGAIN = 1  # how often a helper is followed into itself
_MAX_NAMES = 4  # of the models behind `self.model` that a message names
_TABLE_METHODS = frozenset(("select", "insert", "update", "delete"))
# What a legacy Query ends in, where that makes another statement of it.
_ENDS = {"update": "update", "delete": "delete", "get": "get", "get_or_404": "get", "get_or_none": "get"}


def _written(value: Value) -> str:
    return value.dotted if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""


class StatementJudge:
    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._statements = StatementReader(index)
        self.generics = Generics(index)
        self.inserts = InsertJudge(index, self)
        self.sessions = Sessions(index)

    # ---- sinks ---------------------------------------------------------------------------------------------

    def sink(self, path: str, function: FunctionFacts, sink: Sink) -> Iterator[QueryVerdict]:
        """Judges what leaves at one place."""
        frame = Frame(path, function, {}, frozenset(sink.present))
        if sink.how == "return":
            # A function that hands a statement out is judged where its callers let it go, if there are any.
            if self._is_used_by_callers(function):
                return
            if isinstance(sink.value, Call):
                return
        if sink.how == "execute" and self._bound_session(path, function, sink):
            return
        extra: tuple[tuple[Value, Frame], ...] | None = ()
        if sink.how == "argument" and sink.call is not None:
            extra = self._added_by_callee(path, function, sink.call, sink.slot)
        end = _ENDS.get(sink.call.name, "") if sink.how == "execute" and sink.call is not None else ""
        for flow in self.flows(sink.value, frame, 0):
            if end == "get":
                continue  # see `LookupJudge`
            if isinstance(flow.root, Root) and flow.root.kind == "insert":
                yield from self.inserts.statement(flow, sink)
            if isinstance(flow.root, Root) and extra is not None:
                ops = (*flow.ops, *extra)
                kind = end if flow.root.kind == "query" else ""
                yield from self.judge(replace(flow, ops=ops, kind=kind, core=is_core(sink)))
            elif isinstance(flow.root, Root) and sink.call is not None:
                why = f"it is handed to {sink.call.name}(), which this tool cannot see"
                yield from self.judge(replace(flow, ops=(*flow.ops, (Unknown(why), flow.frame))))

    def _is_used_by_callers(self, function: FunctionFacts) -> bool:
        if self._index.checked_callers(self._index.qualified(function)):
            return True
        return bool(function.class_name) and self._index.called_by_super(function.name)

    def _bound_session(self, path: str, function: FunctionFacts, sink: Sink) -> bool:
        """Whether it runs on a session that RLS holds to one tenant."""
        if sink.call is None:
            return False
        receiver = sink.call.receiver
        return receiver is not None and self.sessions.is_bound(function, receiver)

    def _added_by_callee(
        self, path: str, function: FunctionFacts, call: Call, slot: int | str
    ) -> tuple[tuple[Value, Frame], ...] | None:
        """The steps that a project's function adds to a statement before it runs it; None where it cannot be seen."""
        from merge_tool.index.passing import passed_for

        target = self._index.callee(path, function, call)
        if target is None:
            name = self._index.callee_name(path, function, call)
            module, _ = self._index.names.split(name) if name else (None, "")
            external = bool(name) and module is None
            return () if external or call.dotted in ("print", "str", "list", "len") else None
        argument = (
            next((value for key, value in call.kwargs if key == slot), None)
            if isinstance(slot, str)
            else call.args[slot]
        )
        names = [item.name for item in target.params if passed_for(target, call, item.name) is argument]
        if not names:
            return None
        bindings = self._bindings(target, call, path, function)
        frame = Frame(target.path, target, bindings, frozenset())
        for sink in target.sinks:
            for item in map(stepped, ways(sink.value)):
                root = item.root if isinstance(item, Query) else item
                if isinstance(root, Ref) and root.dotted in names:
                    ops = item.ops if isinstance(item, Query) else ()
                    inner = Frame(target.path, target, bindings, frozenset(sink.present))
                    return tuple((op, inner) for op in ops)
        returned = [stepped(item) for value in target.returns for item in ways(value)]
        if any(isinstance(item, Query | Ref) and root_name(item) in names for item in returned):
            return ()  # it gives the statement back; what becomes of it is seen where that value goes
        return ((Unknown(f"{target.name}() keeps it", ()), frame),)

    def _bindings(
        self,
        target: FunctionFacts,
        call: Call,
        path: str,
        function: FunctionFacts,
        outer: Frame | None = None,
    ) -> Mapping[str, tuple[Value, Frame]]:
        from merge_tool.index.passing import passed_for

        where = outer or Frame(path, function, {}, frozenset(call.present))
        found: dict[str, tuple[Value, Frame]] = {}
        for item in target.params:
            value = passed_for(target, call, item.name)
            if value is not None:
                found[item.name] = (value, where)
        if target.class_name and call.receiver is not None and isinstance(call.receiver, Ref | Call):
            found["self"] = (call.receiver, where)
        return found

    def flows(
        self, value: Value, frame: Frame, depth: int, within: tuple[FunctionFacts, ...] = ()
    ) -> Iterator[Flow]:
        """Every way that a value can be a statement; helpers of the project are followed into their returns (`within`: those so far)."""
        count = 0
        for item in ways(value):
            for flow in self._flow(item, frame, depth, within):
                yield flow
                count += 1
                if count >= _MAX_FLOWS:
                    return

    def _flow(
        self, item: Value, frame: Frame, depth: int, within: tuple[FunctionFacts, ...]
    ) -> Iterator[Flow]:
        ops: tuple[tuple[Value, Frame], ...] = ()
        item = stepped(item)
        root = item
        if isinstance(item, Query):
            root = item.root
            ops = tuple((op, frame) for op in item.ops)
        if isinstance(root, Root):
            yield Flow(root, ops, frame)
            return
        if depth > _MAX_DEPTH:
            return
        if isinstance(root, Ref):
            bound = frame.bindings.get(root.dotted)
            if bound is not None:
                for flow in self.flows(bound[0], bound[1], depth + 1, within):
                    yield replace(flow, ops=(*flow.ops, *ops))
                return
            held = self._held(frame, root)
            if held is not None:
                for flow in self.flows(held[0], held[1], depth + 1, within):
                    yield replace(flow, ops=(*flow.ops, *ops))
                return
            entity = (
                entity_of(self._index, frame, Ref(root.dotted.rpartition(".")[0]))
                if root.last == "query"
                else None
            )
            if entity is not None and isinstance(item, Query) and item.ops:
                first = item.ops[0]
                span = first.span if isinstance(first, Op) else Span(1, 1, 1, 1)
                yield Flow(Root("query", (Ref(root.dotted.rpartition(".")[0]),), span), ops, frame)
            return
        if isinstance(root, Call):
            target = self._reached(frame, root)
            if target is None:
                made = self._table_method(root, frame)
                if made is not None:
                    yield Flow(made, ops, frame)
                else:
                    yield from self._unseen(root, ops, frame)
                return
            if within.count(target) > _MAX_AGAIN:
                return  # a walk through a tree calls itself in many places: each time as many ways more
            bindings = self._bindings(target, root, frame.path, frame.function, frame)
            inner = Frame(target.path, target, bindings, frozenset())
            for returned in target.returns:
                for flow in self.flows(returned, inner, depth + 1, (*within, target)):
                    trail = (
                        *flow.trail,
                        f"built by {target.name}() in {target.path}, called at {frame.path}:{root.span.line}",
                    )
                    site = flow.site or self._site(flow, target, root, frame)
                    yield replace(flow, ops=(*flow.ops, *ops), trail=trail, site=site)

    def _reached(self, frame: Frame, call: Call) -> FunctionFacts | None:
        """What a call reaches; `self.m()` and `super().m()` by the class that the outermost caller has in hand."""
        receiver = call.receiver
        if isinstance(receiver, Call) and receiver.dotted == "super" and frame.function.class_name:
            after = f"{self._index.modules[frame.path].module}.{frame.function.class_name}"
            return self._index.types.next_method(owner_class(self._index, frame) or after, after, call.name)
        if isinstance(receiver, Ref) and receiver.dotted in ("self", "cls") and "self" in frame.bindings:
            owner = self._index.find_class(owner_class(self._index, frame))
            found = self._index.types.method(owner, call.name) if owner is not None else None
            if found is not None:
                return found
        return self._index.callee(frame.path, frame.function, call)

    def _site(self, flow: Flow, target: FunctionFacts, call: Call, frame: Frame) -> tuple[Frame, Span] | None:
        """The call, where the root's table is one of the builder's object: else all of its callers would share one finding."""
        receiver = call.receiver
        if not target.class_name or (isinstance(receiver, Call) and receiver.dotted == "super"):
            return None
        columns = flow.root.columns if isinstance(flow.root, Root) else ()
        generic = any(isinstance(item, Ref) and item.dotted.startswith(("self.", "cls.")) for item in columns)
        return (frame, call.span) if generic else None

    def _unseen(self, call: Call, ops: tuple[tuple[Value, Frame], ...], frame: Frame) -> Iterator[Flow]:
        """A statement begun by something that cannot be seen: its tables are those of its conditions, and it is not decided."""
        if any(isinstance(op, Op) and op.name in ("where", "filter") for op, _ in ops):
            why = f"it begins with {call.name or 'a call'}(), which this tool cannot see"
            yield Flow(Root("select", (), call.span), (*ops, (Unknown(why), frame)), frame)

    def _table_method(self, call: Call, frame: Frame) -> Root | None:
        """`users.update()`, `User.__table__.delete()`: what a `Table` of the project makes is a statement too."""
        if call.name not in _TABLE_METHODS or call.receiver is None or (call.args and call.name != "select"):
            return None
        found = entity_of(self._index, frame, call.receiver)
        if found is None or found.model is None:
            return None
        is_table = found.model.is_table or "__table__" in _written(call.receiver)
        return Root(call.name, (call.receiver,), call.span) if is_table else None

    def _held(self, frame: Frame, ref: Ref) -> tuple[Value, Frame] | None:
        """A statement kept in a module's variable."""
        if frame.function.parameter(ref.dotted.partition(".")[0]) is not None:
            return None
        qualified = self._index.resolve(frame.path, ref.dotted, frame.function)
        module, inside = self._index.names.split(qualified) if qualified else (None, "")
        value = module.top.variables.get(inside) if module is not None else None
        if module is None or not isinstance(value, Query | Choice):
            return None
        return value, Frame(module.path, module.top, {}, frozenset())

    def judge(
        self,
        flow: Flow,
        around: frozenset[str] = frozenset(),
        depth: int = 0,
        role: str = "main",
        keeper: TableUse | None = None,
    ) -> Iterator[QueryVerdict]:
        """The verdicts on one flow.

        Args:
            around: the tables of the statement that it stands in.
            role: what it is there.
            keeper: the table that a foreign key of its own ties to this statement's rows, as in `Order.user_id.in_(select(…))`.
        """
        root = flow.root
        if not isinstance(root, Root) or depth > _MAX_DEPTH:
            return
        statement = self._statements.read(flow, around)
        for entity in statement.entities.values() if not flow.core else ():
            if entity.tenant and entity.scoped is not Scoped.YES and self._by_listener(entity, flow):
                entity.scoped = Scoped.YES
        yield from self._inside(statement, around, depth, role, keeper)
        if root.kind in ("union", "insert"):
            return
        if statement.arms:
            role = "arm"
        if statement.correlated and statement.outside:
            return
        judged = [
            item
            for item in statement.entities.values()
            if item.inner is None and (item.tenant or not item.known)
        ]
        main_is_open = any(item.primary and item.scoped < Scoped.OPTIONAL for item in judged)
        for entity in judged:
            if not entity.primary and main_is_open:
                continue  # the main table is told; held, it will often hold this one too
            scoped, reasons = entity.scoped, list(flow.trail)
            label = entity.label
            models = (
                () if entity.known else self.generics.models(flow.frame.path, flow.frame.function, entity.key)
            )
            if models and not any(map(self._index.models.is_tenant, models)):
                continue
            if models and scoped is Scoped.NO and not statement.opaque:
                names = [item.name for item in models if self._index.models.is_tenant(item)]
                shown = [*names[:_MAX_NAMES], *(["…"] if len(names) > _MAX_NAMES else [])]
                label = f"{label} ({', '.join(shown)})"
            elif not entity.known and not models and scoped is not Scoped.YES:
                scoped = Scoped.UNDECIDED
                reasons.append(f"what {entity.label} is cannot be told from the text")
            elif scoped is Scoped.NO and statement.opaque:
                scoped = Scoped.UNDECIDED
                reasons.extend(statement.opaque)
            elif scoped is Scoped.NO and (why := doubt(self._index, flow, statement, entity)):
                scoped = Scoped.UNDECIDED
                reasons.append(why)
            if keeper is not None and scoped < Scoped.OPTIONAL:
                if keeper.scoped < Scoped.OPTIONAL:
                    continue  # the table around it is told
                scoped = Scoped.UNDECIDED
                reasons.append(
                    f"other tenants' rows are read, and then kept out by {keeper.label}, which is held itself"
                )
            reasons.extend(told(self._index.policy.column, entity, scoped))
            frame, span = flow.site or (flow.frame, root.span)
            yield QueryVerdict(
                frame.path,
                span,
                flow.kind or root.kind,
                label,
                scoped,
                tuple(dict.fromkeys(reasons)),
                entity.parameter,
                frame.function,
                role if entity.primary else "joined",
            )

    def read(self, flow: Flow) -> Statement:
        """The tables and conditions of one flow, not judged."""
        return self._statements.read(flow, frozenset())

    def inner_scopes(self, flow: Flow) -> list[Scoped]:
        """How far the subqueries and CTEs are held that a statement reads from."""
        if not isinstance(flow.root, Root) or flow.root.kind in ("union", "insert"):
            return []
        tables = self._statements.read(flow, frozenset()).entities.values()
        return [item.scoped for item in tables if item.inner is not None]

    def _by_listener(self, entity: TableUse, flow: Flow) -> bool:
        """Whether a listener of the session adds the tenant to a statement for one of its tables."""
        guards = self._index.guards()
        model = self._index.models.by_name.get(entity.key.partition("@")[0]) if guards else None
        root = flow.root.kind if isinstance(flow.root, Root) else ""
        return model is not None and guarded(
            guards, model, flow.kind or root, legacy=root == "query", alias="@" in entity.key
        )

    def _inside(
        self,
        statement: Statement,
        around: frozenset[str],
        depth: int,
        role: str,
        keeper: TableUse | None,
    ) -> Iterator[QueryVerdict]:
        """The statements inside of one: subqueries that it reads from, those in its conditions, the arms of a UNION."""
        keys = around | set(statement.entities)
        inside: list[tuple[Value, Frame, str, TableUse | None]] = []
        tables = [item for item in statement.entities.values() if item.inner is None]
        for entity in statement.entities.values():
            if entity.inner is not None and entity.scoped < Scoped.YES and entity.frame is not None:
                beside = tables or len(statement.entities) > 1
                inside.append(
                    (entity.inner, entity.frame, "nested", None)
                    if beside
                    else (entity.inner, entity.frame, role, keeper)
                )
        keepers = self._statements.keepers(statement)
        for query, frame in statement.nested:
            as_what = "nested" if statement.entities else role
            inside.append((query, frame, as_what, keepers.get(id(query.root))))
        inside.extend((query, frame, "arm", None) for query, frame in statement.arms)
        for value, frame, as_what, kept_by in inside:
            for flow in self.flows(value, frame, depth + 1):
                yield from self.judge(flow, keys, depth + 1, as_what, kept_by)
