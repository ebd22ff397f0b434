"""Where the facts of two texts of a file are the same, and where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from merge_tool.index.names import binding
from merge_tool.index.track import ALL
from merge_tool.index.watched import PARTS_OF_TOP, TOP
from merge_tool.rulekit.facts import FunctionFacts, ModuleFacts

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
        for name in (before.keys() | after.keys()) - ({TOP} if kind == "f" else set()):
            if name not in before or name not in after or not same(before[name], after[name]):
                found |= {(kind, name), (kind, ALL)}
        if list(before) != list(after):
            found.add((kind, ALL))
    found |= _changed_top(old.top, new.top)
    names = {
        name
        for facts in (old, new)
        for part in (facts.imports, facts.classes, facts.functions, facts.top.variables)
        for name in part
    }
    found |= {("n", name) for name in names if binding(old, name) != binding(new, name)}
    found |= {("m", name) for name in _PARTS if not same(getattr(old, name), getattr(new, name))}
    return found


def _changed_top(old: FunctionFacts, new: FunctionFacts) -> set[tuple[str, str]]:
    """The same for the top level: each part of it, and each variable, has a key of its own."""
    if same(old, new):
        return set()
    before, after = _top_parts(old), _top_parts(new)
    every = before.keys() | after.keys()
    found = {
        key for key in every if key not in before or key not in after or not same(before[key], after[key])
    }
    still = [key for key in before if key not in found]
    # What two parts share tells as much as the parts.
    if not same([before[key] for key in still], [after[key] for key in still]):
        found = set(every)
    if any(kind == "v" for kind, _ in found) or list(old.variables) != list(new.variables):
        found.add(("v", ALL))
    return found


def _top_parts(top: FunctionFacts) -> dict[tuple[str, str], object]:
    return {("t", name): getattr(top, name) for name in PARTS_OF_TOP} | {
        ("v", name): value for name, value in top.variables.items()
    }
