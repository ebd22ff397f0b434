"""Whether a mapping of fields has the tenant among its keys: written out, put together, passed in, or a request's body."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from merge_tool.index.rows import is_row
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Const,
    Entry,
    Fork,
    Items,
    Record,
    Ref,
    Star,
    Unknown,
    Value,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_DUMPS = frozenset(("model_dump", "dict", "_asdict", "to_dict", "asdict", "dump"))


class Holds(Enum):
    """Whether a mapping has the tenant among its keys."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Mappings:
    """Reads mappings for one project."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index

    def holds(self, function: FunctionFacts, value: Value, names: set[str], depth: int = 0) -> Holds:
        """Whether the tenant is among the keys of a mapping, or of every mapping in a list of them."""
        if depth > 4:
            return Holds.UNKNOWN
        if not isinstance(value, Record) and self._put_in(function, value, names):
            return Holds.YES
        if isinstance(value, Record):
            return self.entries_hold(function, value.entries, names, depth)
        if isinstance(value, Items | Choice):
            parts = value.items if isinstance(value, Items) else value.arms
            return all_hold([self.holds(function, item, names, depth + 1) for item in parts])
        if isinstance(value, Star):
            return self.holds(function, value.value, names, depth + 1)
        if isinstance(value, Unknown) and len(value.inside) == 1:
            return self.holds(function, value.inside[0], names, depth + 1)
        if isinstance(value, Call) and value.name in _DUMPS:
            source = value.receiver if not value.args else value.args[0]
            kept = names - _excluded(value)
            return self.object_holds(function, source, kept) if source is not None else Holds.UNKNOWN
        if isinstance(value, Ref):
            return self._passed(function, value, names, depth)
        return Holds.UNKNOWN

    def _put_in(self, function: FunctionFacts, value: Value, names: set[str]) -> bool:
        """`data["bot_id"] = …`, `data.update(bot_id=…)` on a mapping that was not built here."""
        if any(item.name in names and is_row(item.target, value) for item in function.writes):
            return True
        for call in function.calls:
            if (
                call.name in ("update", "setdefault")
                and call.receiver is not None
                and is_row(call.receiver, value)
            ):
                keys = {key for key, _ in call.kwargs}
                for arg in call.args:
                    keys.update(str(item.value) for item in walk(arg) if isinstance(item, Const))
                if keys & names:
                    return True
        return False

    def entries_hold(
        self, function: FunctionFacts, entries: tuple[Value, ...], names: set[str], depth: int
    ) -> Holds:
        found = Holds.NO
        for entry in entries:
            if isinstance(entry, Fork):
                arms = [
                    self.entries_hold(function, arm, names, depth + 1) for arm in (entry.then, entry.orelse)
                ]
                if arms == [Holds.YES, Holds.YES]:
                    return Holds.YES
                found = Holds.UNKNOWN if set(arms) != {Holds.NO} else found
            elif isinstance(entry, Entry):
                inner = self._entry_holds(function, entry, names, depth)
                if inner is Holds.YES:
                    return Holds.YES
                found = Holds.UNKNOWN if inner is Holds.UNKNOWN else found
        return found

    def _entry_holds(self, function: FunctionFacts, entry: Entry, names: set[str], depth: int) -> Holds:
        key = entry.key
        if key is None:
            return self.holds(function, entry.value, names, depth + 1)
        if isinstance(key, Const):
            return Holds.YES if key.value in names else Holds.NO
        last = key.last if isinstance(key, Ref) else key.name if isinstance(key, Attr) else ""
        return Holds.YES if last in names else Holds.NO if last else Holds.UNKNOWN

    def _passed(self, function: FunctionFacts, value: Ref, names: set[str], depth: int) -> Holds:
        """A parameter: what the callers pass. Of `**fields`, the keywords that no other parameter takes."""
        parameter = function.parameter(value.dotted)
        if parameter is None:
            return Holds.UNKNOWN
        if parameter.kind == "**":
            own = {item.name for item in function.params}
            found = []
            for site in self._index.callers(self._index.qualified(function)):
                entries = tuple(Entry(Const(key) if key else None, item) for key, item in site.call.kwargs if key not in own)  # fmt: skip
                found.append(self.entries_hold(site.function, entries, names, depth + 1))
            return all_hold(found)
        passed = [
            self.holds(where, item, names, depth + 1)
            for _, where, item in self._index.values_of(function.path, function, value)
            if where is not function
        ]
        return all_hold(passed)

    def object_holds(self, function: FunctionFacts, value: Value, names: set[str]) -> Holds:
        """Whether an object, such as a request's body, has the tenant among its fields."""
        if isinstance(value, Record):
            return self.holds(function, value, names)
        kind = self._index.types.type_of(function.path, function, value)
        owner = self._index.find_class(kind) if kind else None
        if owner is None:
            return Holds.UNKNOWN
        for base in self._index.types.bases(kind):
            facts = self._index.find_class(base)
            if facts is not None and names & {*facts.fields, *facts.attributes}:
                return Holds.YES
            if facts is None and base.rpartition(".")[2] not in (
                "BaseModel",
                "SQLModel",
                "object",
                "Generic",
            ):
                return Holds.UNKNOWN
        return Holds.NO


def _excluded(call: Call) -> set[str]:
    """The fields that `model_dump(exclude={"bot"})` leaves out."""
    given = next((value for key, value in call.kwargs if key == "exclude"), None)
    return (
        {str(item.value) for item in walk(given) if isinstance(item, Const)} if given is not None else set()
    )


def all_hold(results: list[Holds]) -> Holds:
    """What several mappings come to together."""
    if not results:
        return Holds.UNKNOWN
    if Holds.NO in results:
        return Holds.NO
    return Holds.UNKNOWN if Holds.UNKNOWN in results else Holds.YES
