"""Names that the fork gave other names: one by one, and by their ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword

from merge_tool.merging.diff import changes
from merge_tool.merging.lexer import tokens_of
from merge_tool.transforms.evidence import Proposal

Pairs = Sequence[tuple[str, str]]


def renames(files: Pairs, least: int) -> Iterator[Proposal]:
    """Renamed identifiers.

    Args:
        files: `(base's text, fork's text)` of each file that both have.
        least: in how many places at least.
    """
    told: Counter[tuple[str, str]] = Counter()
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for old, new in files:
        before.update(_names(old))
        after.update(_names(new))
        if old != new:
            told.update(_replaced(old, new))
    found: dict[str, str] = {}
    for (old, new), _ in told.most_common():
        # A name that the fork has nowhere else than in its place, and that it did not swap with another.
        if old not in found and old not in found.values() and new not in found and after[new] > before[new]:
            found[old] = new
    ends = _suffixes(found, before, after)
    for (old, new), names in ends.items():
        could = sum(before[name] for name in names)
        applied = could - sum(min(after[name], before[name]) for name in names)
        if applied >= least:
            what = f"names that end with {old} end with {new}"
            yield Proposal("suffix", what, applied, could, {"suffixes": {old: new}}, f"{len(names)} names")
    for old, new in found.items():
        if any(old.endswith(end) and new == old.removesuffix(end) + other for end, other in ends):
            continue
        applied = before[old] - min(after[old], before[old])
        if told[old, new] >= least and applied >= least:
            yield Proposal("rename", f"{old} is called {new}", applied, before[old], {"rename": {old: new}})


def _names(text: str) -> Iterator[str]:
    return (piece for kind, piece in tokens_of(text) if kind == "name" and not iskeyword(piece))


def _replaced(old: str, new: str) -> Iterator[tuple[str, str]]:
    """`(name, what stands in its place)` where the code around it is the same."""
    one, other = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for change in changes(one, other):
        before = _tokens("".join(one[change.old_start : change.old_end]))
        after = _tokens("".join(other[change.new_start : change.new_end]))
        for inner in changes([piece for _, piece in before], [piece for _, piece in after]):
            was = before[inner.old_start : inner.old_end]
            now = after[inner.new_start : inner.new_end]
            if len(was) == len(now) == 1 and was[0][0] == now[0][0] == "name":
                pair = was[0][1], now[0][1]
                if not any(iskeyword(name) or name[0].isdigit() for name in pair):
                    yield pair


def _tokens(text: str) -> list[tuple[str, str]]:
    return [item for item in tokens_of(text) if item[0] not in ("space", "newline", "comment")]


def _suffixes(
    found: Mapping[str, str], before: Counter[str], after: Counter[str]
) -> dict[tuple[str, str], list[str]]:
    """Ends that several renamed names share, with all names of the base that have that end."""
    by_end: dict[tuple[str, str], set[str]] = defaultdict(set)
    for old, new in found.items():
        same = 0
        while same < min(len(old), len(new)) and old[same] == new[same]:
            same += 1
        cut = old.rfind("_", 0, same + 1)
        if cut > 0 and new[:cut] == old[:cut] and new[cut : cut + 1] == "_":
            by_end[old[cut:], new[cut:]].add(old)
    ends: dict[tuple[str, str], list[str]] = {}
    for (old, new), support in by_end.items():
        names = [name for name in before if name.endswith(old) and name != old]
        if len(support) >= 2 and 2 * sum(after[name] < before[name] for name in names) > len(names):
            ends[old, new] = names
    return ends
