"""Facts that note what is looked at; see `merge_tool.index.track`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from merge_tool.index.track import ALL, Tracker
from merge_tool.rulekit.facts import (
    FunctionFacts,
    Given,
    ImportFact,
    Marker,
    ModuleFacts,
    ScriptUse,
)
from merge_tool.rulekit.values import Compare

V = TypeVar("V")
TOP = "<module>"
SAME_IN_TOP = ("path", "name", "qualname", "class_name", "parent")  # for any text
PARTS_OF_TOP = tuple(
    item.name for item in fields(FunctionFacts) if item.init and item.name not in (*SAME_IN_TOP, "variables")
)


class Watched(dict[str, V]):
    """A mapping of a file's facts that notes which of its entries are looked at."""

    __slots__ = ("_kind", "_path", "_tracker")

    def __init__(self, data: Mapping[str, V], tracker: Tracker, path: str, kind: str) -> None:
        super().__init__(data)
        self._tracker = tracker
        self._path = path
        self._kind = kind

    def _all(self) -> None:
        self._tracker.seen.add((self._path, self._kind, ALL))

    def __getitem__(self, name: str) -> V:
        self._tracker.seen.add((self._path, self._kind, name))
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        self._tracker.seen.add((self._path, self._kind, name))
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._tracker.seen.add((self._path, self._kind, str(name)))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def __len__(self) -> int:
        self._all()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._all()
        return super().__eq__(other)

    __hash__ = None  # as of a dict

    def keys(self) -> Any:
        """As of a dict."""
        self._all()
        return super().keys()

    def values(self) -> Any:
        """As of a dict."""
        self._all()
        return super().values()

    def items(self) -> Any:
        """As of a dict."""
        self._all()
        return super().items()


class WatchedTop(FunctionFacts):
    """A module's top level, of which each variable has a key of its own, and each other part too.

    Others look there for one name, and its end moves with every line that is added.
    """

    __slots__ = ("_facts", "_tracker")

    def __init__(self, facts: FunctionFacts, tracker: Tracker) -> None:
        self._facts = facts
        self._tracker = tracker
        for name in SAME_IN_TOP:
            setattr(self, name, getattr(facts, name))
        self.variables = Watched(facts.variables, tracker, facts.path, "v")  # type: ignore[misc]  # nobody has seen it yet

    def compares(self) -> tuple[Compare, ...]:
        """As of the facts."""
        self._tracker.seen.add((self.path, "t", "checks"))
        return self._facts.compares()

    def given(self) -> Given:
        """As of the facts."""
        self._tracker.seen.add((self.path, "t", "calls"))
        return self._facts.given()


def _part_of_top(name: str) -> property:
    def part(self: WatchedTop) -> Any:
        self._tracker.seen.add((self.path, "t", name))
        return getattr(self._facts, name)

    return property(part)


for _name in PARTS_OF_TOP:
    setattr(WatchedTop, _name, _part_of_top(_name))


class WatchedModule(ModuleFacts):
    """A file's facts that note what of them is looked at. Path, module and kind of file are the same for any text."""

    __slots__ = ("_facts", "_tracker")

    def __init__(self, facts: ModuleFacts, tracker: Tracker) -> None:
        self._facts = facts
        self._tracker = tracker
        self.path = facts.path  # type: ignore[misc]  # nobody has seen it yet
        self.module = facts.module  # type: ignore[misc]
        self.is_package = facts.is_package  # type: ignore[misc]
        self.imports = Watched(facts.imports, tracker, facts.path, "i")  # type: ignore[misc]
        functions = dict(facts.functions)
        functions[TOP] = WatchedTop(functions[TOP], tracker)
        self.functions = Watched(functions, tracker, facts.path, "f")  # type: ignore[misc]
        self.classes = Watched(facts.classes, tracker, facts.path, "c")  # type: ignore[misc]

    def _part(self, name: str) -> Any:
        self._tracker.seen.add((self.path, "m", name))
        return getattr(self._facts, name)

    @property
    def lines(self) -> int:
        """As of the facts."""
        return int(self._part("lines"))

    @property
    def stars(self) -> tuple[str, ...]:
        """As of the facts."""
        found: tuple[str, ...] = self._part("stars")
        return found

    @property
    def import_sites(self) -> tuple[ImportFact, ...]:
        """As of the facts."""
        found: tuple[ImportFact, ...] = self._part("import_sites")
        return found

    @property
    def markers(self) -> tuple[Marker, ...]:
        """As of the facts."""
        found: tuple[Marker, ...] = self._part("markers")
        return found

    @property
    def scripts(self) -> tuple[ScriptUse, ...]:
        """As of the facts."""
        found: tuple[ScriptUse, ...] = self._part("scripts")
        return found


class WatchedModules(Mapping[str, ModuleFacts]):
    """The files of a project, each loaded when it is first asked for. Which files there are is no matter of a key."""

    def __init__(self, paths: Sequence[str], load: Callable[[str], ModuleFacts], tracker: Tracker) -> None:
        self._paths = dict.fromkeys(paths)
        self._load = load
        self._tracker = tracker
        self._have: dict[str, WatchedModule] = {}

    def __getitem__(self, path: str) -> ModuleFacts:
        found = self._have.get(path)
        if found is None:
            if path not in self._paths:
                raise KeyError(path)
            found = self._have[path] = WatchedModule(self._load(path), self._tracker)
        return found

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
