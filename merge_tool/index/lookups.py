"""Rows loaded by their primary key: `session.get(User, key)`, `query(User).get(key)`, `User.query.get(key)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.index.criteria import guarded
from merge_tool.index.doubts import of_parent, owner_compared
from merge_tool.index.entities import Frame, entity_of
from merge_tool.index.generic import Generics
from merge_tool.index.permits import row_permitted
from merge_tool.index.provenance import Provenance, is_subject
from merge_tool.index.rows import Rows
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Model, QueryVerdict, Scoped
from merge_tool.rulekit.values import Call, Const, Query, Ref, Root, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex
    from merge_tool.index.scopes import StatementJudge

GETS = frozenset(("get", "get_one", "get_or_404", "get_or_none", "get_one_or_none"))
_MAX_NAMES = 4
_SESSIONS = ("session", "db", "database", "s", "sess", "dbsession", "db_session", "conn")


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """What a call looks up: how the table is called, the models that it may be, the key."""

    label: str
    models: tuple[Model, ...]
    key: Value | None


class LookupJudge:
    """Judges lookups for one project and policy."""

    def __init__(self, index: ProjectIndex, statements: StatementJudge) -> None:
        self._index = index
        self._statements = statements
        self._rows = Rows.of(index)
        self._origin = Provenance(index)
        self._generics = Generics(index)

    def lookups(self, function: FunctionFacts) -> Iterator[QueryVerdict]:
        """The verdicts on a function's lookups of tenants' rows; `kind` is `get`."""
        for call in function.calls:
            if call.name not in GETS:
                continue
            found = self.read(function, call)
            if found is None or (found.models and not any(map(self._index.models.is_tenant, found.models))):
                continue
            scoped, reasons = self._judge(function, call, found)
            if scoped is not Scoped.YES:
                yield QueryVerdict(
                    function.path, call.span, "get", found.label, scoped, tuple(reasons), function=function
                )

    # ---- what is looked up -----------------------------------------------------------------------------------

    def read(self, function: FunctionFacts, call: Call) -> Lookup | None:
        """What a call looks up by its key; None where it is no lookup."""
        frame = Frame(function.path, function, {}, frozenset())
        receiver = call.receiver
        if isinstance(receiver, Query):
            if not isinstance(receiver.root, Root) or receiver.root.kind != "query":
                return None
            return self._of(frame, receiver.root.columns[0], call.argument(0, "ident"), True)
        if isinstance(receiver, Ref) and receiver.last == "query" and len(call.args) == 1:
            owner = Ref(receiver.dotted.rpartition(".")[0])
            return self._of(frame, owner, call.argument(0, "ident"), False)
        entity, key = call.argument(0, "entity"), call.argument(1, "ident")
        if entity is None or key is None:
            return self._active_record(frame, call, receiver)
        return self._of(frame, entity, key, self._is_session(function, receiver))

    def _active_record(self, frame: Frame, call: Call, receiver: Value | None) -> Lookup | None:
        """`User.get(1)` where no method of the project's answers to it."""
        if not isinstance(receiver, Ref) or len(call.args) != 1 or call.name not in ("get", "get_or_404"):
            return None
        found = self._model(frame, receiver)
        if (
            found is None
            or found.is_table
            or self._index.callee(frame.path, frame.function, call) is not None
        ):
            return None
        return None if found.known else Lookup(found.name, (found,), call.args[0])

    def _of(self, frame: Frame, entity: Value, key: Value | None, is_session: bool) -> Lookup | None:
        model = self._model(frame, entity)
        if model is not None:
            return Lookup(model.name, (model,), key)
        if not is_session or not isinstance(entity, Ref):
            return None
        if isinstance(key, Const) and not isinstance(key.value, int):
            return None
        models = self._generics.models(frame.path, frame.function, entity.dotted)
        tenants = [item.name for item in models if self._index.models.is_tenant(item)]
        names = ", ".join([*tenants[:_MAX_NAMES], *(["…"] if len(tenants) > _MAX_NAMES else [])])
        return Lookup(f"{entity.dotted} ({names})" if names else entity.dotted, models, key)

    def _model(self, frame: Frame, value: Value) -> Model | None:
        if not isinstance(value, Ref):
            return None
        found = entity_of(self._index, frame, value)
        if found is None or found.model is None:
            return None
        is_column = value.last in found.model.columns and value.last != found.model.name
        return None if is_column else found.model

    def _is_session(self, function: FunctionFacts, receiver: Value | None) -> bool:
        if receiver is None:
            return False
        kind = self._index.types.type_of(function.path, function, receiver)
        if kind:
            return kind.rpartition(".")[2] in (
                "AsyncSession",
                "Session",
                "async_scoped_session",
                "scoped_session",
            )
        return isinstance(receiver, Ref) and receiver.last.lower().lstrip("_") in _SESSIONS

    # ---- whether it is held ----------------------------------------------------------------------------------

    def _judge(self, function: FunctionFacts, call: Call, found: Lookup) -> tuple[Scoped, list[str]]:
        if call.receiver is not None and self._statements.sessions.is_bound(function, call.receiver):
            return Scoped.YES, []
        guards = self._index.guards()
        if guards and found.models and all(guarded(guards, item, "get") for item in found.models):
            return Scoped.YES, []
        words = (self._index.policy.column, self._index.policy.parameter)
        for item in walk(found.key) if found.key is not None else ():
            if isinstance(item, Ref) and item.last in words:
                return Scoped.YES, []
            if isinstance(item, Const) and item.value == self._index.policy.column:
                return Scoped.YES, []
        if self._rows.compared(function, call):
            return Scoped.YES, []
        callers, passed_on = self._rows.open_callers(function, call)
        if passed_on and not callers:
            return Scoped.YES, []
        if found.models and all(is_subject(model, function) for model in found.models):
            return Scoped.UNDECIDED, ["it loads whom a token was made for, before any tenant is known"]
        if not found.models:
            return Scoped.UNDECIDED, [f"what {found.label} is cannot be told from the text"]
        if found.key is not None:
            model = found.models[0]
            origin = self._rows.key_from(function.path, function, found.key, model.table, model.qualified)
            if origin == "row":
                return Scoped.YES, []
            if origin == "object":
                return Scoped.UNDECIDED, [
                    "its key is an attribute of another row, whose tenant is not known here"
                ]
            frame = Frame(function.path, function, {}, frozenset())
            why = self._origin.of_key(
                found.key,
                frame,
                models=frozenset(item.qualified for item in found.models),
                line=call.span.line,
            )
            why = why or owner_compared(function, call) or self._index.proofs.of_row(function, call, model)
            why = why or row_permitted(self._index, function, call)
            why = why or of_parent(self._index, self._origin, frame, call, model)
            if why:
                return Scoped.UNDECIDED, [why]
        reasons = [f"nothing compares the row's {self._index.policy.column} after it is loaded"]
        if callers:
            site = callers[0]
            reasons.append(
                f"{site.function.name}() gets the row at {site.path}:{site.call.span.line} and does not either"
            )
        return Scoped.NO, reasons
