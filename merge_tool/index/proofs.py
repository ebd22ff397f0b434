"""Which keys a function has shown to be the tenant's: looked up together with it, or their row compared before they are used.

A function that loads `Deal` by `id` and tenant, and then reads the tasks of that deal by the same `deal_id`, leaks nothing; neither
does one that hands `deal_id` to a function that does so, or that depends on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.doubts import checked_after, named_columns, owner_compared
from merge_tool.index.entities import Frame
from merge_tool.index.lookups import GETS, LookupJudge
from merge_tool.index.passing import passed_for
from merge_tool.index.permits import permitted_keys
from merge_tool.index.provenance import Provenance, spelled
from merge_tool.index.related import identifies, key_models
from merge_tool.index.rows import Rows
from merge_tool.index.ties import all_tenant_columns
from merge_tool.index.track import Memo
from merge_tool.model.plain import plain
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Model, Scoped
from merge_tool.rulekit.values import Attr, Call, Const, Query, Ref, Root, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 4
_ANY_LINE = 1 << 30
_ANY = "*"  # the rows of whatever table
_NAMING = frozenset(("select", "query", "exists", "update"))


@plain(eq=True)
class Proof:
    """One key that is the tenant's from a line on: `name` as written, the model whose primary key it is, how that is known.

    `needs` is the parameter without which it is not: `get(key, bot_id=None)` filters by the tenant where one is passed.
    """

    name: str
    model: str
    line: int
    how: str
    needs: str = ""


def written(value: Value) -> str:
    """A key as it is written, `deal_id`, `payload.deal_id` or `parse(deal_id)`, whatever type it is turned into; "" for all else."""
    value = spelled(value)
    if isinstance(value, Attr) and (base := written(value.base)):
        return f"{base}.{value.name}"
    if (
        isinstance(value, Call)
        and value.dotted
        and len(value.args) == 1
        and not value.kwargs
        and (inner := written(value.args[0]))
    ):
        return f"{value.dotted}({inner})"
    return value.dotted if isinstance(value, Ref) else ""


class Proofs:
    """Follows keys for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._rows = Rows.of(index)
        self._origin = Provenance(index)
        self._lookups = LookupJudge(index, index.statements)
        self._proved: Memo[tuple[str, str], tuple[Proof, ...]] = Memo(index.tracker)
        self._parents: Memo[tuple[str, str], tuple[tuple[Attr, str, int], ...]] = Memo(index.tracker)
        self._loaded: Memo[tuple[str, str], tuple[Proof, ...]] = Memo(index.tracker)

    def of_value(self, value: Value, frame: Frame, models: frozenset[str], line: int) -> str:
        """The same for a value that stands in a helper: the key that its caller hands in is looked for there."""
        for _ in range(_MAX_DEPTH):
            if why := self.of(frame.function, value, models, line):
                return why
            bound = frame.bindings.get(written(value))
            if bound is None:
                return ""
            (value, frame), line = bound, _ANY_LINE
        return ""

    def of(self, function: FunctionFacts, key: Value, models: frozenset[str], line: int) -> str:
        """How a key of one of these models (of any, where there are none) is known to be the tenant's before a line; "" where it is not."""
        name = written(key)
        for proof in self.proved(function) if name else ():
            if (
                proof.name == name
                and not proof.needs
                and proof.line < line
                and (proof.model in models or proof.model == _ANY or not models)
            ):
                return f"{name} was shown to be the tenant's before: {proof.how}"
        return ""

    def of_row(self, function: FunctionFacts, row: Value, model: Model) -> str:
        """How a row is known to be the tenant's by what it points at: the function looks `row.deal_id` up with the tenant; "" where not."""
        found = self._parents.ask_around(
            (function.path, function.qualname), (), lambda: tuple(self._find_parents(function))
        )
        for key, name, line in found:
            if name in key_models(model, key.name, self._index) and any(
                item is row for item in walk(key.base)
            ):
                return f"line {line} looks its {key.name} up with the tenant"
        return ""

    def _find_parents(self, function: FunctionFacts) -> Iterator[tuple[Attr, str, int]]:
        """The attributes of rows that a function looks other rows up by, with the tenant: of what model, at what line."""
        for value, model, line, held in self._named_values(function):
            key = spelled(value)
            if held == "" and isinstance(key, Attr):
                yield key, model, line

    def proved(self, function: FunctionFacts) -> tuple[Proof, ...]:
        """The keys that a function shows to be the tenant's, in whatever order."""
        return self._proved.ask_around(
            (function.path, function.qualname), (), lambda: tuple(self._find(function))
        )

    def _find(self, function: FunctionFacts) -> Iterator[Proof]:
        if function.name == "<module>":
            return
        for name, model, line, held in self._named(function):
            if held is not None:
                how = f"line {line} of {function.path} looks it up with its tenant, or its owner"
                yield Proof(name, model, line, how, held)
        for key, call in permitted_keys(self._index, function):
            if name := written(key):
                how = f"{call.name}() is asked about it at line {call.span.line}"
                yield Proof(name, _ANY, call.span.line, how)
        for call in function.calls:
            target = self._index.callee(function.path, function, call)
            if target is None or target is function:
                continue
            for proof in self.proved(target):
                needs = self._still_needed(function, target, call, proof.needs)
                if needs is not None and (name := self._passed(target, call, proof.name)):
                    yield Proof(name, proof.model, call.span.line, f"{target.name}() does, called at line {call.span.line}", needs)  # fmt: skip
            for proof in self._loads(target) if self._is_compared(function, call) else ():
                if name := self._passed(target, call, proof.name):
                    yield Proof(name, proof.model, call.span.line, f"the row that {target.name}() loads by it is compared")  # fmt: skip
        yield from self._by_dependencies(function)

    def _still_needed(
        self, function: FunctionFacts, target: FunctionFacts, call: Call, needs: str
    ) -> str | None:
        """What a proof of the target needs of this function's own callers: "" for nothing; None where the call does not pass it."""
        if not needs:
            return ""
        value = passed_for(target, call, needs)
        if value is None or (isinstance(value, Const) and value.value is None):
            return None
        own = function.parameter(value.dotted) if isinstance(value, Ref) else None
        optional = own is not None and isinstance(own.default, Const) and own.default.value is None
        return own.name if own is not None and optional else ""

    def _passed(self, target: FunctionFacts, call: Call, name: str) -> str:
        """What a call hands in for a parameter, or for an attribute of it, as it is written."""
        head, dot, rest = name.partition(".")
        if target.parameter(head) is None:
            return ""
        value = passed_for(target, call, head)
        text = written(value) if value is not None else ""
        return f"{text}{dot}{rest}" if text else ""

    def _is_compared(self, function: FunctionFacts, row: Call) -> bool:
        return self._rows.compared(function, row) or checked_after(
            function, row, all_tenant_columns(self._index)
        )

    # ---- what a function looks up ------------------------------------------------------------------------------

    def _named(self, function: FunctionFacts) -> Iterator[tuple[str, str, int, str | None]]:
        """Keys that a function's own statements name one row by: as written, the model, the line, and what must be passed so that the row is held: "" for nothing, None where it is not held."""
        for value, model, line, held in self._named_values(function):
            if name := written(value):
                yield name, model, line, held

    def _named_values(self, function: FunctionFacts) -> Iterator[tuple[Value, str, int, str | None]]:
        """The same with the keys themselves."""
        statements = self._index.statements
        frame = Frame(function.path, function, {}, frozenset())
        for sink in function.sinks:
            where = Frame(function.path, function, {}, frozenset(sink.present))
            for flow in statements.flows(sink.value, where, 0):
                if not isinstance(flow.root, Root) or flow.root.kind not in _NAMING:
                    continue
                statement = statements.read(flow)
                for entity in statement.entities.values():
                    model = self._index.models.by_name.get(entity.key.partition("@")[0])
                    if model is None or not self._index.models.is_tenant(model):
                        continue
                    named = list(named_columns(self._index, flow, statement, entity.key))
                    held = (
                        entity.scoped is Scoped.YES
                        or checked_after(function, flow.root, all_tenant_columns(self._index))
                        or bool(owner_compared(function, flow.root))
                        or any(
                            name in model.foreign_keys and self._origin.is_asker(value, inside)
                            for name, value, inside in named
                        )
                    )
                    optional = entity.parameter if entity.scoped is Scoped.OPTIONAL else ""
                    needs = "" if held else optional if function.parameter(optional) is not None else None
                    for name, value, inside in named:
                        if (
                            identifies(model, name, self._index)
                            and (key := _outside(value, inside, function)) is not None
                        ):
                            yield key, model.qualified, flow.root.span.line, needs
        for call in function.calls:
            if call.name not in GETS:
                continue
            found = self._lookups.read(function, call)
            if found is None or len(found.models) != 1 or found.key is None:
                continue
            if (key := _outside(found.key, frame, function)) is not None:
                yield (
                    key,
                    found.models[0].qualified,
                    call.span.line,
                    "" if self._is_compared(function, call) else None,
                )

    def _loads(self, function: FunctionFacts) -> tuple[Proof, ...]:
        """The parameters that a function loads one row by, which it gives back."""
        return self._loaded.ask_around(
            (function.path, function.qualname), (), lambda: tuple(self._find_loads(function))
        )

    def _find_loads(self, function: FunctionFacts) -> Iterator[Proof]:
        if not any(isinstance(item, Call | Query) for value in function.returns for item in walk(value)):
            return
        for name, model, line, _ in self._named(function):
            yield Proof(name, model, line, "")
        for call in function.calls:
            target = self._index.callee(function.path, function, call)
            if target is not None and target is not function and any(item is call for value in function.returns for item in walk(value)):  # fmt: skip
                for proof in self._loads(target):
                    if name := self._passed(target, call, proof.name):
                        yield Proof(name, proof.model, call.span.line, "")

    # ---- dependencies of FastAPI -------------------------------------------------------------------------------

    def _by_dependencies(self, function: FunctionFacts) -> Iterator[Proof]:
        """Keys of the path that something which the function depends on takes under the same name, and shows."""
        for item in function.params:
            for value in (item.default, item.annotation):
                for target in self._dependencies(function, value):
                    for proof in self.proved(target):
                        head = proof.name.partition(".")[0]
                        if function.parameter(head) is not None and target.parameter(head) is not None:
                            yield Proof(proof.name, proof.model, 0, f"{target.name}(), which it depends on, does")  # fmt: skip

    def _dependencies(self, function: FunctionFacts, value: Value | None) -> Iterator[FunctionFacts]:
        for item in walk(value) if value is not None else ():
            if isinstance(item, Call) and item.name in ("Depends", "Security"):
                target = item.argument(0, "dependency")
                if not isinstance(target, Ref | Attr):
                    continue
                name = self._index.types.name_of(function.path, function, target)
                found = self._index.function(name) if name else None
                if found is not None and found is not function:
                    yield found


def _outside(value: Value, frame: Frame, function: FunctionFacts) -> Value | None:
    """A key as the function itself has it, where a helper's parameter stands for it; None where it is none of its own."""
    for _ in range(_MAX_DEPTH):
        if frame.function is function:
            return value
        bound = frame.bindings.get(written(value))
        if bound is None:
            return None
        value, frame = bound
    return None
