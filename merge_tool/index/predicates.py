"""What a condition says about the tenant of a table: compared, compared on one branch, skipped for None, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.branches import kinds_told_apart
from merge_tool.index.entities import Frame, entity_of, strip
from merge_tool.index.related import is_null, other_side, text_compares
from merge_tool.index.rows import same_row
from merge_tool.index.ties import Ties
from merge_tool.index.words import ELEMENT, UNPACKED
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Scoped
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Compare,
    Const,
    Fork,
    Function,
    Items,
    Logic,
    Query,
    Record,
    Ref,
    Root,
    Star,
    Test,
    Unknown,
    Value,
    walk,
)

if TYPE_CHECKING:
    pass

_MAX_DEPTH = 6
_EQUAL = frozenset(("==", "in_", "is_", "is", "in", "any_", "__eq__", "is_not_distinct_from", "eq_"))


class Predicates(Ties):
    """Judges conditions for one project and policy."""

    # ---- what a condition says of one table ------------------------------------------------------------------

    def status(self, value: Value, frame: Frame, key: str, depth: int = 0) -> tuple[Scoped, str]:
        """How far a condition holds the table `key` to one tenant, and for `OPTIONAL` the name that decides it."""
        if depth > 4 * _MAX_DEPTH:
            return Scoped.NO, ""
        match value:
            case Star():
                return self.status(value.value, frame, key, depth + 1)
            case Compare():
                return self._compared(value, frame, key, depth)
            case Logic():
                return self._logic(value, frame, key, depth)
            case Items():
                return self._best([self.status(item, frame, key, depth + 1) for item in value.items])
            case Fork():
                kinds = [self.status(Items(arm), frame, key, depth) for arm in kinds_told_apart(value)]
                if (
                    kinds and min(kinds)[0] >= Scoped.OPTIONAL
                ):  # who is of no such kind is thought to be nobody
                    return min(kinds)
                return self._branches(
                    value.test,
                    self._best([self.status(item, frame, key, depth + 1) for item in value.then]),
                    self._best([self.status(item, frame, key, depth + 1) for item in value.orelse]),
                    value,
                    frame,
                )
            case Choice():
                results = [self.status(arm, frame, key, depth + 1) for arm in value.arms]
                if value.test is not None and len(results) == 2:
                    return self._branches(value.test, results[0], results[1], value, frame)
                return min(results, default=(Scoped.NO, ""))
            case Call():
                return self._helper(value, frame, key, depth)
            case Ref():
                if (bound := frame.bindings.get(value.dotted)) is not None:
                    return self.status(bound[0], bound[1], key, depth + 1)
                if (held := self._module_value(value, frame)) is not None:
                    return self.status(held[0], held[1], key, depth + 1)
                return Scoped.NO, ""
            case Query():
                return self._exists(value, frame, key, depth), ""
            case Unknown():
                return self._best(
                    [
                        self.status(item, frame, key, depth + 1)
                        for item in value.inside
                        if not isinstance(item, Query)
                    ]
                )
        return Scoped.NO, ""

    def _best(self, results: list[tuple[Scoped, str]]) -> tuple[Scoped, str]:
        return max(results, key=lambda item: item[0], default=(Scoped.NO, ""))

    def _branches(
        self, test: Test, then: tuple[Scoped, str], orelse: tuple[Scoped, str], value: Value, frame: Frame
    ) -> tuple[Scoped, str]:
        low, high = sorted((then, orelse), key=lambda item: item[0])
        if low[0] is high[0]:
            return low
        if high[0] in (Scoped.NO, Scoped.UNDECIDED):
            return high
        if high is then and test.present:
            if test.present in frame.present:
                return then
            if low[0] is Scoped.NO and self._is_tenant_value(test.present, value):
                bound = frame.bindings.get(test.present)
                if bound is not None and not self._may_be_none(bound[0], bound[1]):
                    return then
                return Scoped.OPTIONAL, test.present
        return (Scoped.PARTIAL, "") if low[0] < Scoped.PARTIAL else low

    def _may_be_none(self, value: Value, frame: Frame) -> bool:
        """Whether what a caller passes may be None, as far as can be told: a literal None, or an optional parameter."""
        if isinstance(value, Const):
            return value.value is None
        if isinstance(value, Ref):
            if value.dotted in frame.present:
                return False
            if (bound := frame.bindings.get(value.dotted)) is not None:
                return self._may_be_none(bound[0], bound[1])
            default = getattr(frame.function.parameter(value.dotted), "default", None)
            return isinstance(default, Const) and default.value is None
        if isinstance(value, Call):
            return value.name in {name.rpartition(".")[2] for name in self._index.policy.context.getters}
        return False

    def _is_tenant_value(self, name: str, value: Value) -> bool:
        """Whether a tested name is what the tenant column is compared with (so that None means: all tenants)."""
        if name.rpartition(".")[2] in (self._index.policy.parameter, self._column):
            return True
        for item in walk(value):
            sides = (item.left, item.right) if isinstance(item, Compare) else ()
            named = any(isinstance(side, Ref) and side.dotted == name for side in sides)
            if named and any(self._is_column(side) for side in sides):
                return True
        return False

    def _compared(self, value: Compare, frame: Frame, key: str, depth: int) -> tuple[Scoped, str]:
        if value.op in ("has", "any"):
            target = other_side(self._index, value.left, frame, key)
            return self.status(value.right, frame, target, depth + 1) if target else (Scoped.NO, "")
        if value.op == "in_" and isinstance(value.left, Call) and value.left.name == "tuple_":
            # tuple_(Event.tenant_id, Event.id).in_(select(…)): the rows are those that the select names.
            owners = [entity_of(self._index, frame, item) for item in value.left.args]
            if any(owner is not None and owner.key == key for owner in owners):
                return self._subquery_status(value.right, frame, depth), ""
        for side, other in ((value.left, value.right), (value.right, value.left)):
            side = strip(side)
            chosen = self._chosen(side, frame)
            if key in chosen and self._is_column(side):
                return self.value_status(other, frame) if value.op in _EQUAL else Scoped.NO, ""
            if self._is_column(side):
                owner = (
                    side.base
                    if isinstance(side, Attr)
                    else Ref(side.dotted.rpartition(".")[0])
                    if isinstance(side, Ref)
                    else side
                )
                entity = entity_of(self._index, frame, owner)
                if entity is None:
                    plain = strip(owner)
                    if isinstance(plain, Ref) and plain.dotted == key:
                        return self.value_status(other, frame) if value.op in _EQUAL else Scoped.NO, ""
                    continue
                if entity.key != key:
                    continue
                if value.op not in _EQUAL:
                    return Scoped.NO, ""
                beside = entity_of(self._index, frame, other)
                if beside is not None and (self._is_column(other) or beside.model is not None):
                    continue  # tenant = tenant, or the tenant's own row: an edge, see `equalities`
                if is_null(other):
                    return Scoped.YES, ""  # only the rows that belong to no tenant
                return self.value_status(other, frame), ""
            if value.op in _EQUAL and side is strip(value.left) and not is_null(other):
                entity = entity_of(self._index, frame, side)
                if entity is not None and entity.key == key and self.is_tenant_relation(side, entity):
                    return self.value_status(other, frame), ""
                if (
                    entity is not None
                    and entity.key == key
                    and self.names_tenant(side, entity)
                    and entity_of(self._index, frame, other) is None
                ):
                    return self.value_status(other, frame), ""
            if value.op == "in_" and side is strip(value.left):
                # User.id.in_(select(…) held to one tenant): the rows are, through the foreign key.
                entity = entity_of(self._index, frame, side)
                if entity is not None and entity.key == key and self._is_key_column(side, entity):
                    found = self._subquery_status(other, frame, depth)
                    if found > Scoped.NO:
                        return found, ""
        return Scoped.NO, ""

    def _chosen(self, side: Value, frame: Frame) -> tuple[str, ...]:
        """The tables of `kind.tenant_id` where `kind = Order if new else Archive`."""
        if not isinstance(side, Attr) or not isinstance(side.base, Choice):
            return ()
        found = [entity_of(self._index, frame, arm) for arm in side.base.arms]
        return tuple(item.key for item in found if item is not None)

    def _subquery_status(self, value: Value, frame: Frame, depth: int) -> Scoped:
        query = strip(value)
        if isinstance(query, Attr):  # subquery.c.user_id
            query = strip(query.base)
        if depth > 2 or not isinstance(query, Query):
            return Scoped.NO
        judge = self._index.statements
        lowest = Scoped.YES
        seen = False
        for flow in judge.flows(query, frame, 1):
            for verdict in judge.judge(flow):
                seen = True
                lowest = min(lowest, verdict.scoped)
            for scoped in judge.inner_scopes(
                flow
            ):  # what it reads from a subquery or a CTE is no table of its own
                seen = True
                lowest = min(lowest, scoped)
        return lowest if seen else Scoped.NO

    def _exists(self, query: Query, frame: Frame, key: str, depth: int) -> Scoped:
        """What `exists().where(Shared.tenant_id == t, Shared.item_id == Item.id)` is worth for `Item`: its rows are those that the tenant has a link to."""
        named = isinstance(query.root, Root) and query.root.kind == "exists"
        if depth > 2 or not (named or any(getattr(op, "name", "") == "exists" for op in query.ops)):
            return Scoped.NO
        lowest, tied = Scoped.YES, False
        for flow in self._index.statements.flows(query, frame, 1):
            statement = self._index.statements.read(flow)  # by itself: what is around is asked here
            inside = [item for item in statement.entities.values() if item.tenant and item.key != key]
            tied |= any(key in self.keys(value, where) for value, where in statement.conditions)
            lowest = min([lowest, *(item.scoped for item in inside)] if inside else [Scoped.NO])
        return lowest if tied else Scoped.NO

    def value_status(self, value: Value, frame: Frame) -> Scoped:
        """What comparing the tenant column with a value is worth: nothing with None, all else holds."""
        if is_null(value):
            return Scoped.NO
        if isinstance(value, Ref):
            bound = frame.bindings.get(value.dotted)
            if bound is not None:
                return self.value_status(bound[0], bound[1])
        return Scoped.YES

    def _logic(self, value: Logic, frame: Frame, key: str, depth: int) -> tuple[Scoped, str]:
        results = [self.status(item, frame, key, depth + 1) for item in value.items]
        if value.op == "and":
            return self._best(results)
        if value.op == "not":
            return Scoped.NO, ""
        high = self._best(results)
        if high[0] >= Scoped.OPTIONAL:
            others = [item for item, result in zip(value.items, results, strict=True) if result is not high]
            if any(self._skips_for_none(item) for item in others):
                return Scoped.OPTIONAL, self._tested(others)
        return min(results, key=lambda item: item[0], default=(Scoped.NO, ""))

    def _skips_for_none(self, value: Value) -> bool:
        """`tenant is None` or `Model.tenant.is_(None)` as one arm of an OR."""
        if not isinstance(value, Compare) or value.op not in ("is", "is_", "=="):
            return False
        if not is_null(value.right):
            return False
        left = strip(value.left)
        name = left.last if isinstance(left, Ref) else left.name if isinstance(left, Attr) else ""
        return name in (self._column, self._index.policy.parameter)

    def _tested(self, values: list[Value]) -> str:
        for value in values:
            if isinstance(value, Compare) and isinstance(value.left, Ref):
                return value.left.dotted
        return ""

    def _helper(self, call: Call, frame: Frame, key: str, depth: int) -> tuple[Scoped, str]:
        """A function of the project that returns a condition, or a list of them."""
        if depth > _MAX_DEPTH:
            return Scoped.NO, ""
        if call.name == "false" and not call.args:
            return Scoped.YES, ""  # no row at all
        if call.name == "text" and call.args:
            return (Scoped.YES if text_compares(call.args[0], self._column) else Scoped.NO), ""
        if call.name in ("has", "any") and call.receiver is not None:
            related = other_side(self._index, call.receiver, frame, key)
            held = next((value for name, value in call.kwargs if name == self._column), None)
            return (self.value_status(held, frame) if related and held is not None else Scoped.NO), ""
        if call.name in ("and_", "or_", "literal", "cast", "func"):
            return self._best([self.status(item, frame, key, depth + 1) for item in call.args])
        target = self._index.callee(frame.path, frame.function, call)
        if target is None or not target.returns:
            return Scoped.NO, ""
        inner = self.call_frame(target, call, frame)
        results = [self.status(item, inner, key, depth + 1) for item in target.returns]
        return min(results, key=lambda item: item[0])

    def call_frame(self, target: FunctionFacts, call: Call, frame: Frame) -> Frame:
        """The frame of a called function: its parameters bound to what the call passes."""
        from merge_tool.index.passing import passed_for

        bindings: dict[str, tuple[Value, Frame]] = {}
        for item in target.params:
            value = passed_for(target, call, item.name)
            if value is not None:
                bindings[item.name] = (value, frame)
        return Frame(target.path, target, bindings, frozenset())

    def _module_value(self, ref: Ref, frame: Frame) -> tuple[Value, Frame] | None:
        if frame.function.parameter(ref.dotted.partition(".")[0]) is not None:
            return None
        qualified = self._index.resolve(frame.path, ref.dotted, frame.function)
        module, inside = self._index.names.split(qualified) if qualified else (None, "")
        value = module.top.variables.get(inside) if module is not None else None
        if module is None or not isinstance(value, Compare | Logic | Items | Choice):
            return None
        return value, Frame(module.path, module.top, {}, frozenset())

    def opaque(self, value: Value, frame: Frame, depth: int = 0) -> Iterator[str]:
        """What in a condition cannot be seen through, said for people."""
        if depth > _MAX_DEPTH:
            return
        if isinstance(value, Star):
            inner = value.value
            if isinstance(inner, Ref):
                bound = frame.bindings.get(inner.dotted)
                if bound is None and self._module_value(inner, frame) is None:
                    yield f"the conditions *{inner.dotted} are built elsewhere"
                elif bound is not None:
                    yield from self.opaque(Star(bound[0]), bound[1], depth + 1)
            elif isinstance(inner, Unknown | Attr):
                yield "the conditions are built dynamically"
            elif isinstance(inner, Call) and self._index.callee(frame.path, frame.function, inner) is None:
                yield f"the conditions come from {inner.name or 'a call'}(), which this tool cannot see"
            elif isinstance(inner, Items | Choice):
                yield from self.opaque(inner, frame, depth + 1)
        elif isinstance(value, Ref):
            bound = frame.bindings.get(value.dotted)
            if bound is not None:
                yield from self.opaque(bound[0], bound[1], depth + 1)
            elif frame.function.parameter(value.dotted) is not None:
                yield f"the condition {value.dotted} is a parameter"
        elif isinstance(value, Compare):
            row = same_row(self._index, value, frame)
            if row:
                yield f"it names the row that {row} holds, whose tenant was settled where it was loaded"
        elif isinstance(value, Logic | Items):
            for item in value.items:
                yield from self.opaque(item, frame, depth + 1)
        elif isinstance(value, Choice):
            for arm in value.arms:
                yield from self.opaque(arm, frame, depth + 1)
        elif isinstance(value, Fork):
            for item in (*value.then, *value.orelse):
                yield from self.opaque(item, frame, depth + 1)
        elif isinstance(value, Unknown) and value.why == UNPACKED:
            yield "the condition is built dynamically"
        elif isinstance(value, Unknown) and value.why == ELEMENT:
            yield "the conditions are built dynamically"
        elif isinstance(value, Call) and self._index.callee(frame.path, frame.function, value) is None:
            name = self._index.callee_name(frame.path, frame.function, value)
            if (
                name
                and not name.startswith(("sqlalchemy", "sqlmodel"))
                and self._index.names.split(name)[0] is not None
            ):
                yield f"the condition comes from {value.name}(), which this tool cannot see"
        elif isinstance(value, Record | Function):
            return
