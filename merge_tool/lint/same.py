"""Where the facts of two texts of a file are the same, and where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from merge_tool.index.names import binding
from merge_tool.index.track import ALL
from merge_tool.rulekit.facts import ModuleFacts

_PARTS = ("lines", "stars", "import_sites", "markers", "scripts")


def same(one: object, other: object) -> bool:
    """Whether two values have the same structure: equal parts in the same order, and the same objects shared among them.

    Facts are told apart by identity in places, so two objects that are equal here must be one object there as well.
    """
    pairs: list[tuple[object, object]] = [(one, other)]
    there: dict[int, int] = {}
    back: dict[int, int] = {}
    while pairs:
        a, b = pairs.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, tuple | list):
            assert isinstance(b, tuple | list)
            if len(a) != len(b):
                return False
            pairs.extend(zip(a, b, strict=True))
        elif isinstance(a, dict):
            assert isinstance(b, dict)
            if list(a) != list(b):
                return False
            pairs.extend(zip(a.values(), b.values(), strict=True))
        elif dataclasses.is_dataclass(a):
            known = there.get(id(a))
            if known is not None or id(b) in back:
                if known != id(b):
                    return False
                continue
            there[id(a)], back[id(b)] = id(b), id(a)
            names = [item.name for item in dataclasses.fields(a) if item.init]
            pairs.extend((getattr(a, name), getattr(b, name)) for name in names)
        elif isinstance(a, float | complex):
            if repr(a) != repr(b):  # -0.0 and nan
                return False
        elif a != b:
            return False
    return True


def changed_parts(old: ModuleFacts, new: ModuleFacts) -> set[tuple[str, str]]:
    """The kinds and names of keys (see `merge_tool.index.track`) under which the two differ."""
    found: set[tuple[str, str]] = set()
    tables: tuple[tuple[str, Mapping[str, object], Mapping[str, object]], ...] = (
        ("f", old.functions, new.functions),
        ("c", old.classes, new.classes),
        ("i", old.imports, new.imports),
    )
    for kind, before, after in tables:
        for name in before.keys() | after.keys():
            if name not in before or name not in after or not same(before[name], after[name]):
                found |= {(kind, name), (kind, ALL)}
        if list(before) != list(after):
            found.add((kind, ALL))
    names = {
        name
        for facts in (old, new)
        for part in (facts.imports, facts.classes, facts.functions, facts.top.variables)
        for name in part
    }
    found |= {("n", name) for name in names if binding(old, name) != binding(new, name)}
    found |= {("m", name) for name in _PARTS if not same(getattr(old, name), getattr(new, name))}
    return found
