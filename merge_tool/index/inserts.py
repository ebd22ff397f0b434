"""New rows: constructors of models, `insert(…)`, bulk methods, and whether the tenant is put into them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, entity_of
from merge_tool.index.mappings import Holds, Mappings, all_hold
from merge_tool.index.rows import Rows, is_row, model_of, owner_of
from merge_tool.index.stamps import Stamps
from merge_tool.index.tables import Flow
from merge_tool.index.ties import tenant_columns
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model, QueryVerdict, Scoped
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Const,
    Entry,
    Fork,
    Item,
    Items,
    Op,
    Ref,
    Root,
    Sink,
    Value,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex
    from merge_tool.index.scopes import StatementJudge

_ADDERS = frozenset(
    "add add_all merge bulk_save_objects create save insert persist store add_and_commit append extend".split()  # noqa: SIM905
)
# What writes into an object that it is given: `form.populate_obj(row)`, `copy_fields(data, row)`.
_FILLERS = frozenset(["populate", "fill", "assign", "copy", "hydrate", "stamp"])
_READERS = frozenset(("model_validate", "from_orm", "parse_obj"))


class InsertJudge:
    """Judges new rows for one project and policy."""

    def __init__(self, index: ProjectIndex, statements: StatementJudge) -> None:
        self._index = index
        self._statements = statements
        self._rows = Rows.of(index)
        self._mappings = Mappings(index)
        self._stamps = Stamps(index)

    # ---- constructors ----------------------------------------------------------------------------------------

    def made(self, function: FunctionFacts) -> Iterator[QueryVerdict]:
        """The verdicts on the rows that a function makes by a model's constructor and gives to a session."""
        for call in function.calls:
            model = self._constructed(function, call)
            if model is None:
                continue
            holds = self._constructor_holds(function, call, model)
            if holds is Holds.YES or self._set_after(function, call, model) or self._stamps.stamped(model):
                continue
            scoped, reasons = self._given(function, call, model)
            if scoped is Scoped.YES:
                continue
            if holds is Holds.UNKNOWN:
                scoped, reasons = Scoped.UNDECIDED, ["its fields are built elsewhere"]
            yield self.verdict(function, call.span, "insert", model, scoped, reasons)

    def _constructed(self, function: FunctionFacts, call: Call) -> Model | None:
        reads = call.name in _READERS
        if not reads and not call.name[:1].isupper():
            return None
        name = call.dotted.rpartition(".")[0] if reads else call.dotted
        if not name or not name.rpartition(".")[2][:1].isupper():
            return None
        model = self._index.models.by_name.get(self._index.resolve(function.path, name, function))
        return (
            model
            if model is not None and self._index.models.is_tenant(model) and not model.is_table
            else None
        )

    def _names(self, model: Model) -> set[str]:
        """The attributes that set the tenant: the column's, and the relationship to the tenant's own table."""
        column = self._index.policy.column
        names = {column, *tenant_columns(self._index, model)}
        table = next((model.foreign_keys[name] for name in names if name in model.foreign_keys), "")
        for name, target in model.relationships.items():
            other = self._index.model(target or name)
            if (other is not None and table and other.table == table) or f"{name}_id" == column:
                names.add(name)
        return names

    def _constructor_holds(self, function: FunctionFacts, call: Call, model: Model) -> Holds:
        names = self._names(model)
        found = Holds.NO
        for key, value in call.kwargs:
            if key in names:
                return Holds.NO if isinstance(value, Const) and value.value is None else Holds.YES
            if not key or (key == "update" and call.name in _READERS):
                inner = self._mappings.holds(function, value, names)
                if inner is Holds.YES:
                    return Holds.YES
                found = Holds.UNKNOWN if inner is Holds.UNKNOWN else found
        if call.name in _READERS and call.args:
            inner = self._mappings.object_holds(function, call.args[0], names)
            return inner if inner is not Holds.NO else found
        return Holds.UNKNOWN if call.args else found

    def _set_after(self, function: FunctionFacts, row: Value, model: Model) -> bool:
        names = self._names(model)
        for item in function.writes:
            if item.name in names and is_row(item.target, row):
                return not (isinstance(item.value, Const) and item.value.value is None)
        for call in function.calls:
            if call.name == "setattr" and len(call.args) == 3 and is_row(call.args[0], row):
                name = call.args[1]
                if not isinstance(name, Const) or name.value in names:
                    return True
        return False

    def _given(
        self, function: FunctionFacts, row: Value, model: Model, depth: int = 0
    ) -> tuple[Scoped, list[str]]:
        """What becomes of a row: `NO` where a session takes it as it is, `YES` where none does, or someone stamps it first."""
        filled = ""
        for call in function.given().with_value(row):
            if call is row:
                continue
            if call.name in _ADDERS and call.receiver is not None:
                if self._by_owner(function, call, model) or self._statements.sessions.is_bound(
                    function, call.receiver
                ):
                    return Scoped.YES, []
                target = self._index.callee(function.path, function, call)
                if target is None and filled:
                    return Scoped.UNDECIDED, [f"{filled}() may set it, which this tool cannot see"]
                if target is None:
                    return Scoped.NO, [f"{call.name}() takes it at line {call.span.line}"]
            for target, name in self._rows.handed(function, call, row):
                if self._set_after(target, Ref(name), model):
                    return Scoped.YES, []
                if depth < 3:
                    scoped, reasons = self._given(target, Ref(name), model, depth + 1)
                    if scoped is Scoped.NO and filled:
                        return Scoped.UNDECIDED, [f"{filled}() may set it, which this tool cannot see"]
                    if scoped is not Scoped.YES:
                        return scoped, reasons
            if (
                _FILLERS.intersection(words(call.name))
                and self._index.callee(function.path, function, call) is None
            ):
                filled = call.name
        if any(is_row(value, row) for value in function.returns) and depth < 3:
            for site in self._index.callers(self._index.qualified(function)):
                if self._set_after(site.function, site.call, model):
                    continue
                scoped, reasons = self._given(site.function, site.call, model, depth + 1)
                if scoped is not Scoped.YES:
                    return scoped, [
                        *reasons,
                        f"{site.function.name}() gets it at {site.path}:{site.call.span.line}",
                    ]
        if where := self._related(function, row, model):
            return Scoped.NO, [where]
        return Scoped.YES, []

    def _related(self, function: FunctionFacts, row: Value, model: Model) -> str:
        """Where a row is put into a relationship of another row: `item.options = [Option(…)]`; "" where it is not.

        The session takes it along with that row. A relationship to the tenant's own row sets the column.
        """
        column = next((name for name in self._names(model) if name in model.foreign_keys), "")
        for item in function.writes:
            if not any(is_row(value, row) for value in walk(item.value)):
                continue
            other = self._index.models.by_name.get(
                model_of(self._index, function.path, function, item.target)
            )
            target = other.relationships.get(item.name) if other is not None else None
            if other is None or target is None or (column and other.table == model.foreign_keys[column]):
                continue
            if self._index.model(target) == model:
                return f"the relationship {other.name.rpartition('.')[2]}.{item.name} takes it"
        return ""

    def _by_owner(self, function: FunctionFacts, call: Call, model: Model) -> bool:
        """`bot.users.append(user)`: the relationship of the tenant's own row sets the column."""
        receiver = call.receiver
        owner = (
            owner_of(receiver) if receiver is not None and call.name in ("append", "extend", "add") else None
        )
        if owner is None:
            return False
        kind = self._index.types.type_of(function.path, function, owner)
        other = self._index.models.by_name.get(self._index.names.canonical(kind)) if kind else None
        column = next((name for name in self._names(model) if name in model.foreign_keys), "")
        return other is not None and bool(column) and other.table == model.foreign_keys[column]

    # ---- statements ------------------------------------------------------------------------------------------

    def statement(self, flow: Flow, sink: Sink) -> Iterator[QueryVerdict]:
        """The verdict on one `insert(…)`, and on its conflict target."""
        root = flow.root
        if not isinstance(root, Root) or not root.columns:
            return
        found = entity_of(self._index, flow.frame, root.columns[0])
        model = found.model if found is not None else None
        if model is None or not self._index.models.is_tenant(model):
            return
        names = self._names(model)
        steps = [(op, frame) for item, frame in flow.ops for op in _steps(item)]
        yield from self._conflicts(flow, steps, model, names)
        if self._stamps.stamped(model):
            return
        results: list[Holds] = []
        for op, frame in steps:
            if op.name == "values":
                results.append(self._values_hold(op, frame, names))
            elif op.name == "from_select" and op.args:
                told = [_last(item) for item in walk(op.args[0])]
                results.append(Holds.YES if names & set(told) else Holds.NO if isinstance(op.args[0], Items) else Holds.UNKNOWN)  # fmt: skip
        if sink.how == "execute" and sink.call is not None and len(sink.call.args) > 1:
            function = flow.frame.function
            results.append(self._mappings.holds(function, sink.call.args[1], names))
        if Holds.YES in results:
            return
        unseen = not results or Holds.UNKNOWN in results
        scoped = Scoped.UNDECIDED if unseen else Scoped.NO
        reasons = ["its values are built elsewhere"] if unseen else []
        yield self.verdict(flow.frame.function, root.span, "insert", model, scoped, reasons)

    def _values_hold(self, op: Op, frame: Frame, names: set[str]) -> Holds:
        entries = tuple(Entry(Const(key) if key else None, value) for key, value in op.kwargs)
        results = [self._mappings.entries_hold(frame.function, entries, names, 0)] if entries else []
        for arg in op.args:
            bound = frame.bindings.get(arg.dotted) if isinstance(arg, Ref) else None
            value, where = bound if bound is not None else (arg, frame)
            results.append(self._mappings.holds(where.function, value, names))
        return Holds.YES if Holds.YES in results else all_hold(results)

    def _conflicts(
        self, flow: Flow, steps: list[tuple[Op, Frame]], model: Model, names: set[str]
    ) -> Iterator[QueryVerdict]:
        for op, frame in steps:
            if op.name not in ("on_conflict_do_update", "on_conflict_do_nothing"):
                continue
            kind = "upsert" if op.name == "on_conflict_do_update" else "insert_or_ignore"
            given = dict(op.kwargs)
            where = given.get("where")
            if where is not None and names & {_last(item) for item in walk(where)}:
                continue
            target = given.get("index_elements") or given.get("constraint") or next(iter(op.args), None)
            if target is None:
                continue
            told = {_last(item) for item in walk(target)} - {""}
            held = {name for name in told if self._index.model(model.foreign_keys.get(name, "")) is not None and self._index.is_tenant_model(model.foreign_keys[name])}  # fmt: skip
            if names & told or held:
                continue
            words = [word.removesuffix("_id") for word in names]
            if "constraint" in given and any(word in name for word in words for name in told):
                continue
            sure = isinstance(target, Items) and all(isinstance(item, Const | Ref) and _last(item) for item in target.items)  # fmt: skip
            if sure and isinstance(target, Items):
                sure = all(
                    isinstance(item, Const) or "." in getattr(item, "dotted", "") for item in target.items
                )
            scoped = Scoped.NO if sure else Scoped.UNDECIDED
            what = (
                f"the conflict target is {', '.join(sorted(told))}"
                if told
                else "the conflict target is built elsewhere"
            )
            yield self.verdict(frame.function, op.span, kind, model, scoped, [what])

    # ---- bulk ------------------------------------------------------------------------------------------------

    def bulk(self, function: FunctionFacts) -> Iterator[QueryVerdict]:
        """The verdicts on `bulk_insert_mappings` and `bulk_update_mappings`."""
        for call in function.calls:
            if call.name not in ("bulk_insert_mappings", "bulk_update_mappings"):
                continue
            entity, mappings = call.argument(0, "mapper"), call.argument(1, "mappings")
            found = entity_of(self._index, Frame(function.path, function, {}, frozenset()), entity) if entity is not None else None  # fmt: skip
            model = found.model if found is not None else None
            if model is None or not self._index.models.is_tenant(model):
                continue
            if call.receiver is not None and self._statements.sessions.is_bound(function, call.receiver):
                continue
            if call.name == "bulk_insert_mappings":
                holds = self._mappings.holds(function, mappings, self._names(model)) if mappings is not None else Holds.UNKNOWN  # fmt: skip
                if holds is Holds.YES or self._stamps.stamped(model):
                    continue
                scoped = Scoped.NO if holds is Holds.NO else Scoped.UNDECIDED
                yield self.verdict(function, call.span, "bulk_insert", model, scoped, [])
            else:
                scoped = Scoped.UNDECIDED if mappings is None or self._of_rows(mappings) else Scoped.NO
                yield self.verdict(function, call.span, "bulk_update", model, scoped, [])

    def _of_rows(self, mappings: Value) -> bool:
        """Whether the keys come from rows that were loaded: `[{"id": user.id} for user in users]`; or cannot be seen."""
        entries = [item for item in walk(mappings) if isinstance(item, Entry) and item.key is not None]
        keys = [item for item in entries if isinstance(item.key, Const) and item.key.value == "id"]
        return not keys or all(
            owner_of(item.value, "id") is not None or isinstance(item.value, Item) for item in keys
        )

    def verdict(
        self, function: FunctionFacts, span: Span, kind: str, model: Model, scoped: Scoped, reasons: list[str]
    ) -> QueryVerdict:
        """A verdict on new rows of a model."""
        return QueryVerdict(function.path, span, kind, model.name, scoped, tuple(reasons), function=function)


def _steps(value: Value) -> Iterator[Op]:
    if isinstance(value, Op):
        yield value
    elif isinstance(value, Fork):
        for item in (*value.then, *value.orelse):
            yield from _steps(item)


def _last(value: Value) -> str:
    if isinstance(value, Const):
        return value.value if isinstance(value.value, str) else ""
    return value.last if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""
