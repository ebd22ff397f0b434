"""Import statements: the union of what both sides import, without what either took out."""

from __future__ import annotations

from collections.abc import Sequence

from merge_tool.merging.brackets import Group, tree_of
from merge_tool.merging.entries import merge_group
from merge_tool.merging.lexer import Line, Token, logical_lines
from merge_tool.merging.model import Allowance, Left, Step
from merge_tool.merging.order import Order, sorted_as

Lines = Sequence[Line]


def is_import(line: Line) -> bool:
    """Whether a logical line is one import statement and nothing else."""
    texts = [token.text for token in line.tokens]
    if ";" in texts:
        return False
    return texts[0] == "import" or (texts[0] == "from" and "import" in texts)


def merge_import(base: Line | None, ours: Line, theirs: Line, allowance: Allowance) -> str:
    """One `from module import …` that both sides have; `base` None: both added it.

    The result has the brackets and line breaks of the side that has more lines.

    Raises:
        Left: one is another kind of import, or comments in it contradict.
    """
    own, other = _split(ours), _split(theirs)
    old = _split(base) if base is not None else None
    if own is None or other is None or (base is not None and old is None):
        raise Left("both sides edited one import statement")
    if not (own[0] == other[0] and (old is None or old[0] == own[0])) or own[3] != other[3]:
        raise Left("both sides edited one import statement")
    start = old[1] if old is not None else Group(own[1].opening, (), own[1].closing, ("(", ")"))
    allowance.take(Step.IMPORTS, f"both sides changed what is imported {' '.join(own[0])}")
    merged = merge_group(start, own[1], other[1], "imports", allowance, _never)
    bare = not (own[2] or other[2])
    frame = own if own[1].raw.count("\n") >= other[1].raw.count("\n") else other
    if bare or (not frame[2] and "\n" not in merged):
        text = merged.strip()
        text = " " + text[1:-1].strip().rstrip(",")
    elif not frame[2]:
        raise Left("both sides wrapped one import statement in different ways")
    else:
        text = merged
    line = ours if own is frame else theirs
    head = "".join(token.raw for token in line.tokens[: len(own[0])])
    comment = "".join(token.raw for token in line.tokens[-own[3] :]) if own[3] else ""
    spaced = theirs if base is not None and ours.before == base.before else ours
    return spaced.before + line.indent + head + text + comment + (ours.after or theirs.after)


def _never(*_: object) -> str:
    raise Left("both sides edited one imported name")


def _split(line: Line) -> tuple[tuple[str, ...], Group, bool, int] | None:
    """`(from module import, names as a group, whether in brackets, comments behind)`; None where it is no such line."""
    texts = [token.text for token in line.tokens]
    if texts[0] != "from" or "import" not in texts:
        return None
    at = texts.index("import") + 1
    rest = list(line.tokens[at:])
    comments = 0
    while rest and rest[-1].kind == "comment":
        rest.pop()
        comments += 1
    if not rest or rest[0].text == "*":
        return None
    if rest[0].text == "(":
        parts = tree_of(rest)
        if len(parts) == 1 and isinstance(parts[0], Group):
            return tuple(texts[:at]), parts[0], True, comments
        return None
    wrapped = [Token("op", "(", " "), Token(rest[0].kind, rest[0].text, ""), *rest[1:], Token("op", ")", "")]
    group = tree_of(wrapped)[0]
    assert isinstance(group, Group)
    return tuple(texts[:at]), group, False, comments


_FUTURE = ("", "")


class Module:
    """An import line as it is sorted: `from __future__` first, then `import a` before `from a import`, then by module."""

    def __init__(self, line: Line) -> None:
        texts = [token.text for token in line.tokens]
        self._kind = "0" if texts[0] == "import" else "1"
        self._module = "".join(texts[1 : texts.index("import")] if texts[0] == "from" else texts[1:])

    @property
    def key(self) -> tuple[str, ...]:
        """What is compared."""
        return _FUTURE if self._module == "__future__" else (self._kind, self._module)


def merge_import_block(base: Lines, ours: Lines, theirs: Lines, allowance: Allowance) -> str:
    """A stretch that holds nothing but import statements: their union, without what either side took out.

    They are put in order where the imports around them, on both sides, stand in one.

    Raises:
        Left: a side imports twice from one module, or one side removed what the other changed.
    """
    old, own, other = (
        {line.name or " ".join(line.key): line for line in side} for side in (base, ours, theirs)
    )
    if any(len(known) < len(side) for known, side in ((old, base), (own, ours), (other, theirs))):
        raise Left("one module is imported from twice")
    allowance.take(Step.IMPORTS, "both sides changed imports")
    found: list[tuple[str, Line, str]] = []
    for ident, line in own.items():
        text = _union(old.get(ident), line, other.get(ident), allowance)
        if text is not None:
            found.append((ident, line, text))
    places = list(other)
    for at, (ident, line) in enumerate(other.items()):
        if ident in own:
            continue
        text = _union(old.get(ident), None, line, allowance)
        if text is not None:
            above = set(places[:at])
            place = max((index + 1 for index, item in enumerate(found) if item[0] in above), default=0)
            while place < len(found) and found[place][0] not in other:
                place += 1
            found.insert(place, (ident, line, text))
    order = _order_in(allowance.around)
    if order is not None and not any(line.before for _, line, _ in found[1:]):
        found.sort(key=lambda item: order(Module(item[1])))
    # The sort is stable: where there is no order, this one line goes to the top all the same, since Python asks for it.
    found.sort(key=lambda item: Module(item[1]).key != _FUTURE)
    return "".join(text for _, _, text in found)


def _union(base: Line | None, ours: Line | None, theirs: Line | None, allowance: Allowance) -> str | None:
    """One import statement of the union; None where it is taken out."""
    if ours is None or theirs is None:
        kept = ours or theirs
        assert kept is not None
        if base is None or allowance.keep & set(kept.words):
            return kept.raw
        if kept.key != base.key:
            raise Left("one side removed an import, the other changed it")
        allowance.take(Step.IMPORTS, "one side took out an import", sure=False)
        return None
    if ours.key == theirs.key or (base is not None and theirs.key == base.key):
        return ours.raw
    if base is not None and ours.key == base.key:
        return theirs.raw
    return merge_import(base, ours, theirs, allowance)


def _order_in(texts: tuple[str, str]) -> Order | None:
    """The order in which the imports of both texts stand; None without one, or where one text holds none."""
    runs = [[Module(line) for line in _imports_in(text)] for text in texts]
    return sorted_as(runs) if all(len(run) > 1 for run in runs) else None


def _imports_in(text: str) -> list[Line]:
    """The import statements of a stretch; none where it does not begin and end at whole statements."""
    found = logical_lines(text)
    return [line for line in found[0] if is_import(line)] if found is not None else []
