"""SQL written as text in Python: where it is handed over, what of it is known, and whether its tables are held to one tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.index.texts import END
from merge_tool.index.words import JOINED
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Scoped, SqlVerdict
from merge_tool.rulekit.values import Call, Choice, Const, Item, Items, Ref, Text, Unknown, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex
    from merge_tool.index.sqltext import SqlReader, TableFound

_TAKERS = frozenset(
    """
    execute executemany exec_driver_sql fetch fetchrow fetchval fetch_all fetch_one fetch_val iterate
    execute_many executescript scalar scalars stream prepare cursor read_sql read_sql_query raw
    """.split()  # noqa: SIM905
)
_SENT = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*|\()*\s*(select|insert|update|delete|with|merge)\b", re.IGNORECASE | re.DOTALL)  # fmt: skip
_DEFINING = re.compile(r"\s*(create|alter|drop|set|reset|comment|grant|revoke|truncate|do|begin|show|vacuum|analyze|lock|notify|listen|pragma|explain|reindex|refresh)\b", re.IGNORECASE)  # fmt: skip
_TABLE_NEXT = re.compile(r"\b(from|join|update|into)\s+(only\s+)?[\"\w.]*$", re.IGNORECASE)
_NAMED = re.compile(r"%\((\w+)\)s")
_BOUND = ("placeholder", "param", "bind")
_MAX_TEXTS = 12


@dataclass(frozen=True, slots=True, eq=False)
class _Hole:
    """A part that is put in at run time."""

    value: Value
    function: FunctionFacts


_Pieces = tuple["str | _Hole", ...]


class SqlJudge:
    """Judges raw SQL for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._column = index.policy.column
        models = list(index.models.by_table.values())
        self._tables = {item.table.lower() for item in models if index.models.is_tenant(item)}
        self._tables |= {item.lower() for item in index.policy.tables.tenant if item != "*"}
        self._names = re.compile(
            rf"\b({'|'.join(map(re.escape, sorted(self._tables))) or '(?!)'})\b", re.IGNORECASE
        )
        self._compared = re.compile(
            rf"\b{re.escape(self._column)}\"?\s*(=|<>|!=|in\s*\()\s*'?$", re.IGNORECASE
        )
        self._reader: SqlReader | None = None

    def judge(self, path: str) -> Iterator[SqlVerdict]:
        """The verdicts on the SQL that the functions of a file hand over."""
        for function in self._index.modules[path].functions.values():
            receivers: dict[int, Value] | None = None
            for call in function.calls:
                value = self._sql(function, call)
                if value is None:
                    continue
                if receivers is None:
                    receivers = _receivers(function)
                receiver = receivers.get(id(call), call.receiver)
                if receiver is not None and self._index.statements.sessions.is_bound(function, receiver):
                    continue
                seen: set[SqlVerdict] = set()
                for pieces in self._texts(function, value):
                    seen.update(self._text(function, call, pieces))
                yield from sorted(seen, key=lambda item: (item.kind, item.what))

    def _sql(self, function: FunctionFacts, call: Call) -> Value | None:
        """The text that a call takes as SQL; None where it takes none."""
        if call.name == "text" and call.args:
            name = self._index.callee_name(function.path, function, call)
            return call.args[0] if name.startswith(("sqlalchemy", "sqlmodel")) else None
        if call.name not in _TAKERS or call.receiver is None:
            return None
        value = call.argument(0, "query", "statement", "sql", "sqltext")
        return value if isinstance(value, Const | Text | Choice | Ref) else None

    # ---- what is known of a text -------------------------------------------------------------------------------

    def _texts(self, function: FunctionFacts, value: Value) -> Iterator[_Pieces]:
        count = 0
        for _, where, item in self._index.values_of(function.path, function, value):
            for pieces in self._ways(where, item, 0):
                yield pieces
                count += 1
                if count >= _MAX_TEXTS:
                    return

    def _ways(self, function: FunctionFacts, value: Value, depth: int) -> Iterator[_Pieces]:
        if isinstance(value, Choice) and depth < 4:
            for arm in value.arms:
                yield from self._ways(function, arm, depth + 1)
        else:
            yield tuple(self._pieces(function, value, 0))

    def _pieces(self, function: FunctionFacts, value: Value, depth: int) -> Iterator[str | _Hole]:
        if isinstance(value, Const):
            if not isinstance(value.value, str):
                yield str(value.value)
            elif value.value != END:
                yield value.value
        elif isinstance(value, Text) and depth < 6:
            for part in value.parts:
                yield from self._pieces(function, part, depth + 1)
        elif isinstance(value, Ref) and depth < 6:
            held = self._constant(function, value)
            if held is not None:
                yield from self._pieces(*held, depth + 1)
            else:
                yield _Hole(value, function)
        elif isinstance(value, Unknown) and value.why == JOINED and _all_known(value):
            separator, *items = value.inside
            parts = items[0].items if items and isinstance(items[0], Items) else ()
            for number, part in enumerate(parts):
                if number:
                    yield from self._pieces(function, separator, depth + 1)
                yield from self._pieces(function, part, depth + 1)
        else:
            yield _Hole(value, function)

    def _constant(self, function: FunctionFacts, ref: Ref) -> tuple[FunctionFacts, Value] | None:
        """What a module's constant or a model's `__tablename__` holds."""
        if function.parameter(ref.dotted.partition(".")[0]) is not None:
            return None
        if ref.dotted.endswith((".__tablename__", ".__table__.name")):
            owner = ref.dotted.removesuffix(".__tablename__").removesuffix(".__table__.name")
            model = self._index.models.by_name.get(self._index.resolve(function.path, owner, function))
            return (function, Const(model.table)) if model is not None else None
        qualified = self._index.resolve(function.path, ref.dotted, function)
        module, inside = self._index.names.split(qualified) if qualified else (None, "")
        value = module.top.variables.get(inside) if module is not None else None
        if module is None or not isinstance(value, Const | Text):
            return None
        return module.top, value

    # ---- judging -----------------------------------------------------------------------------------------------

    def _text(self, function: FunctionFacts, call: Call, pieces: _Pieces) -> Iterator[SqlVerdict]:
        known = "".join(item if isinstance(item, str) else " " for item in pieces)
        if _DEFINING.match(known):
            return
        yield from self._interpolated(function, call, pieces)
        holes = [item for item in pieces if isinstance(item, _Hole)]
        if not _SENT.match(known):
            # Of a bare name that is no text at all nothing is said: it may be any statement object.
            if call.name == "text" and holes and not known.strip():
                yield self._told(function, call, "undecided", "", "the whole statement is built elsewhere")
            return
        if self._table_is_dynamic(pieces):
            yield self._told(function, call, "undecided", "", "the table is put in at run time")
            return
        if not self._names.search(known):
            return
        found = self._read(pieces)
        if found is None:
            named = sorted({item.lower() for item in self._names.findall(known)})
            yield self._told(function, call, "undecided", ", ".join(named), "it cannot be parsed")
            return
        for item in found:
            kind = "open" if item.scoped is Scoped.NO else "undecided"
            yield self._told(function, call, kind, item.table, item.why, item.verb)

    def _told(
        self, function: FunctionFacts, call: Call, kind: str, what: str, why: str, verb: str = ""
    ) -> SqlVerdict:
        return SqlVerdict(function.path, call.span, kind, what, verb, why)

    def _interpolated(self, function: FunctionFacts, call: Call, pieces: _Pieces) -> Iterator[SqlVerdict]:
        words = (self._column, self._index.policy.parameter)
        before = ""
        for piece in pieces:
            if isinstance(piece, str):
                before += piece
                continue
            name = piece.value.dotted if isinstance(piece.value, Ref) else ""
            is_bound = before.endswith((":", "$", "%", "@")) or any(word in name.lower() for word in _BOUND)
            is_bound |= isinstance(piece.value, Unknown) and piece.value.why == JOINED
            is_tenant = any(isinstance(item, Ref) and item.last in words for item in walk(piece.value))
            is_value = bool(re.search(r"[=(,<>]\s*'?$|\b(in|values)\s*$", before, re.IGNORECASE))
            if not is_bound and (self._compared.search(before) or (is_tenant and is_value)):
                yield self._told(function, call, "interpolated", name or self._column, self._type_of(piece))
            before += "?"

    def _type_of(self, hole: _Hole) -> str:
        """`int` where the value is declared so, and can carry no SQL."""
        if isinstance(hole.value, Call) and hole.value.dotted == "int":
            return "int"
        parameter = hole.function.parameter(hole.value.dotted) if isinstance(hole.value, Ref) else None
        kind = parameter.annotation if parameter is not None else None
        return "int" if isinstance(kind, Ref) and kind.dotted == "int" else ""

    def _table_is_dynamic(self, pieces: _Pieces) -> bool:
        before = ""
        for piece in pieces:
            if isinstance(piece, str):
                before += piece
                continue
            if _TABLE_NEXT.search(before):
                return True
            before += "?"
        return False

    def _read(self, pieces: _Pieces) -> list[TableFound] | None:
        from merge_tool.index.sqltext import HOLE, SqlReader

        if self._reader is None:
            models = self._index.models.by_table.values()
            foreign = {
                item.table.lower(): {item.columns.get(name, name): table.lower() for name, table in item.foreign_keys.items()}
                for item in models
            }  # fmt: skip
            self._reader = SqlReader(self._tables, self._column, foreign)
        parts = [item if isinstance(item, str) else f"{HOLE}{number}" for number, item in enumerate(pieces)]
        sql = _NAMED.sub(r":\1", "".join(parts))
        for way in (sql, sql.replace("%s", ":p"), re.sub(r"\?", ":p", sql.replace("%s", ":p"))):
            found = self._reader.read(way)
            if found is not None:
                return found
        return None


def _receivers(function: FunctionFacts) -> dict[int, Value]:
    """By `text(…)`, what executes it."""
    found: dict[int, Value] = {}
    for call in function.calls:
        if call.name in _TAKERS and call.receiver is not None and call.args:
            for item in walk(call.args[0]):
                if isinstance(item, Call) and item.name == "text":
                    found[id(item)] = call.receiver
    return found


def _all_known(value: Unknown) -> bool:
    return (
        len(value.inside) == 2
        and isinstance(value.inside[1], Items)
        and all(isinstance(item, Const | Text | Item) for item in value.inside[1].items)
    )
