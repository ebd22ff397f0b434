"""Elements of a bracket: entries of lists and dicts, arguments of a call, parameters, imported names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from merge_tool.merging.brackets import Element, Group
from merge_tool.merging.lexer import Token
from merge_tool.merging.model import Allowance, Left, Step
from merge_tool.merging.order import isort_order, order_of, sorted_as
from merge_tool.merging.sequence import Row, Spot, rows_and_spots

Role = Literal["call", "parameters", "imports", "subscript", "parenthesis", "entries"]
Parts = Sequence[Token | Group]
_STEPS: dict[str, Step] = {
    "call": Step.ARGUMENTS, "parameters": Step.SIGNATURES, "imports": Step.IMPORTS, "subscript": Step.TOKENS,
    "parenthesis": Step.ENTRIES, "entries": Step.ENTRIES,
}  # fmt: skip


def merge_group(
    base: Group, ours: Group, theirs: Group, role: Role, allowance: Allowance,
    merge_parts: Callable[[Parts, Parts, Parts, Allowance], str],
) -> str:  # fmt: skip
    """Merges one bracket that both sides have.

    Args:
        role: what the bracket is, by what stands before it.
        merge_parts: merges an element that both sides edited.

    Raises:
        Left: both sides changed the same element, or their elements cannot be put in order.
    """
    if ours.raw == theirs.raw or theirs.raw == base.raw:
        return ours.raw
    if ours.raw == base.raw:
        return theirs.raw
    if ours.key == base.key:
        return theirs.raw
    if theirs.key == base.key or ours.key == theirs.key:
        return ours.raw
    rows, spots = rows_and_spots(base.elements, ours.elements, theirs.elements)
    out: list[Element | tuple[str, Element]] = []
    for index, spot in enumerate(spots):
        out += _joined(spot, base.elements, role, allowance)
        if index < len(rows):
            row = rows[index]
            merged = _row(row, role, allowance, merge_parts)
            if merged is not None:
                out.append(merged)
    _take(rows, spots, role, allowance)
    _check_names(out, role)
    _check_counts(out, ours, theirs)
    return _render(out, base, ours, theirs, role)


def _take(
    rows: Sequence[Row[Element]], spots: Sequence[Spot[Element]], role: Role, allowance: Allowance
) -> None:
    """Notes the step, where both sides had a part in it."""
    own = any(row.ours is None or row.ours.key != row.base.key for row in rows) or any(s.ours for s in spots)
    other = any(row.theirs is None or row.theirs.key != row.base.key for row in rows) or any(
        s.theirs for s in spots
    )
    if own and other:
        named = all(
            item.name or role in ("entries", "imports")
            for spot in spots
            for item in (*spot.ours, *spot.theirs)
        )
        removed = any(row.ours is None or row.theirs is None for row in rows)
        allowance.take(
            _STEPS[role],
            f"both sides changed {_WORDS[role]}, each its own",
            sure=named and not removed and role != "subscript",
        )


_WORDS = {
    "call": "arguments of one call", "parameters": "parameters of one function", "imports": "imported names",
    "subscript": "one subscript", "parenthesis": "one parenthesis", "entries": "entries of one list",
}  # fmt: skip


def _row(
    row: Row[Element],
    role: Role,
    allowance: Allowance,
    merge_parts: Callable[[Parts, Parts, Parts, Allowance], str],
) -> Element | tuple[str, Element] | None:
    base, ours, theirs = row.base, row.ours, row.theirs
    if ours is None or theirs is None:
        kept = ours or theirs
        if kept is not None and kept.key != base.key:
            raise Left(f"one side removed {_show(base)}, the other changed it")
        if kept is not None and role == "imports" and base.key[-1] in allowance.keep:
            return kept
        return None
    if theirs.key == base.key or ours.key == theirs.key:
        return ours if ours.raw != base.raw or theirs.key != base.key else theirs
    if ours.key == base.key:
        return theirs
    if ours.trailing != theirs.trailing and not (
        ours.trailing == base.trailing or theirs.trailing == base.trailing
    ):
        raise Left(f"both sides changed the comment at {_show(base)}")
    text = merge_parts(base.parts, ours.parts, theirs.parts, allowance)
    return text, theirs if ours.trailing == base.trailing else ours


def _joined(spot: Spot[Element], base: Sequence[Element], role: Role, allowance: Allowance) -> list[Element]:
    if not spot.ours or not spot.theirs:
        return [*spot.ours, *spot.theirs]
    keys = {item.key for item in spot.ours}
    fresh = [item for item in spot.theirs if item.key not in keys]
    order, other_order = ([item.key for item in side] for side in (spot.ours, spot.theirs))
    if sorted(order) == sorted(other_order):
        if order != other_order and role != "imports":
            raise Left("both sides added the same in another order")
        return list(spot.ours)
    if len(fresh) < len(spot.theirs):
        allowance.take(Step.CONTAINED, "both sides added some of the same")
    own = [item for item in spot.ours if item.key not in {one.key for one in spot.theirs}]
    if not own:
        return list(spot.theirs)
    if role in ("subscript", "parenthesis"):
        raise Left(f"both sides added to {_WORDS[role]}")
    if role in ("call", "parameters") and not all(item.name for item in (*own, *fresh)):
        raise Left(f"both sides added {_WORDS[role]} that have no name")
    if role == "entries" and not any(item.trailing for item in (*spot.ours, *fresh)):
        at = base.index(spot.after) if spot.after in base else len(base)
        near = base[max(at - 1, 0) : at], base[at : at + 1]
        sides = spot.ours, fresh
        rule = order_of([*base[:at], *side, *base[at:]] for side in sides)
        if rule is None and all(near):
            rule = order_of([*near[0], *side, *near[1]] for side in sides)
        if rule is not None:
            return sorted([*spot.ours, *fresh], key=rule)
    return [*spot.ours, *fresh]


def _check_names(out: Sequence[Element | tuple[str, Element]], role: Role) -> None:
    seen: set[str] = set()
    for item in out:
        element = item[1] if isinstance(item, tuple) else item
        name = element.name or (" ".join(element.key) if role == "imports" else "")
        if name and name in seen and role != "subscript":
            raise Left(f"{name} would stand twice")
        seen.add(name)


def _check_counts(out: Sequence[Element | tuple[str, Element]], ours: Group, theirs: Group) -> None:
    """Refuses where both sides put the same element into places of their own."""
    counts = Counter(item.key for item in out if not isinstance(item, tuple))
    own, other = (Counter(item.key for item in side.elements) for side in (ours, theirs))
    for item in out:
        if not isinstance(item, tuple) and counts[item.key] > max(own[item.key], other[item.key]):
            raise Left(f"{_show(item)} would stand twice")


def _render(
    out: Sequence[Element | tuple[str, Element]], base: Group, ours: Group, theirs: Group, role: Role
) -> str:
    """The group's text: brackets of the side that has more lines, a comma between all elements."""
    frame = ours if ours.raw.count("\n") >= theirs.raw.count("\n") else theirs
    other = theirs if frame is ours else ours
    items = list(out)
    groups = ours.elements, theirs.elements
    if role == "imports" and (key := sorted_as(groups) or isort_order((base.elements, *groups))):
        items.sort(key=lambda item: key(item[1] if isinstance(item, tuple) else item))
    tail = frame.tail
    if [token.text for token in frame.tail] == [token.text for token in base.tail]:
        tail = other.tail if [t.text for t in other.tail] != [t.text for t in base.tail] else frame.tail
    elif [token.text for token in other.tail] not in (
        [t.text for t in base.tail],
        [t.text for t in frame.tail],
    ):
        raise Left("both sides changed the comment at the end of one bracket")
    sources = (base, ours, theirs)
    last_comma = any(group.elements and group.elements[-1].comma for group in (ours, theirs))
    pieces: list[str] = []
    for index, item in enumerate(items):
        element = item[1] if isinstance(item, tuple) else item
        raw = item[0] if isinstance(item, tuple) else element.raw
        was_first = any(group.elements and group.elements[0] is element for group in sources)
        pieces.append(_spaced(raw, index == 0, was_first, frame))
        if index < len(items) - 1 or last_comma:
            pieces.append(element.comma.raw if element.comma else ",")
        pieces.append("".join(token.raw for token in element.trailing))
    closing = frame.closing.raw
    if (
        "\n" not in closing
        and pieces
        and items
        and (items[-1][1] if isinstance(items[-1], tuple) else items[-1]).trailing
    ):
        raise Left("a comment would swallow the closing bracket")
    return frame.opening.raw + "".join(pieces) + "".join(token.raw for token in tail) + closing


def _spaced(raw: str, first: bool, was_first: bool, frame: Group) -> str:
    """An element with the space before it that its place in the result asks for."""
    bare = raw.lstrip(" \t\r\n\\")
    space = raw[: len(raw) - len(bare)]
    if frame.several_lines and "\n" not in space:
        own = frame.elements[0].raw
        lead = own[: len(own) - len(own.lstrip(" \t\r\n"))]
        return (lead if "\n" in lead else space) + bare
    if not frame.several_lines and "\n" not in space:
        if first and not was_first:
            return bare
        if not first and was_first:
            return " " + bare
    return raw


def _show(element: Element) -> str:
    text = " ".join(element.raw.split())
    return text if len(text) < 40 else text[:37] + "..."
