"""Proposes transforms from the difference between the upstream's commit and the fork."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from merge_tool.codemods.text import decode_source
from merge_tool.index.scripts import uses_script
from merge_tool.merging.lexer import tokens_of
from merge_tool.model.policy import Policy
from merge_tool.transforms.comments import reworded
from merge_tool.transforms.evidence import Proposal
from merge_tool.transforms.learn_code import additions
from merge_tool.transforms.learn_names import renames
from merge_tool.transforms.rename import Rename

_SCRIPTS = ("Cyrillic", "Greek", "Han", "Hangul", "Hiragana", "Arabic", "Hebrew")


def learn(
    base: Mapping[str, bytes],
    fork: Mapping[str, bytes],
    policy: Policy,
    *,
    least: int = 5,
    precision: float = 0.5,
) -> list[Proposal]:
    """What the fork did throughout.

    Args:
        base, fork: the Python files of both commits by path. Nothing of them is imported.
        policy: says what a tenant is called; a codemod is proposed only for what it makes under that policy.
        least: in how many places a change must have been made.
        precision: in which share of the places where it could have been made.

    Returns:
        Proposals, those that a policy can declare first, then by the number of places.
    """
    files = {
        path: pair for path in sorted(base.keys() & fork.keys()) if (pair := _texts(base[path], fork[path]))
    }
    pairs = list(files.values())
    names = [item for item in renames(pairs, least) if item.precision >= precision]
    if names:
        # What else the fork did shows only where the names are the same.
        table = to_transforms(names)[0]
        renamed = Rename(table.get("rename", {}), table.get("suffixes", {}))  # type: ignore[arg-type]
        files = {path: (renamed.text(old), new) for path, (old, new) in files.items()}
    found = [*names, *_comments(list(files.values()), least), *additions(files, policy, least)]
    kept = [item for item in found if item.precision >= precision]
    return sorted(kept, key=lambda item: (not item.transform, -item.applied, item.what))


def to_transforms(proposals: Sequence[Proposal]) -> list[dict[str, object]]:
    """The proposals as a policy declares them: names in one table, codemods in the order in which they build on each other."""
    order = ["rename", "suffix", "comments", "parameter", "predicate", "key-prefix"]
    rename: dict[str, str] = {}
    suffixes: dict[str, str] = {}
    others: list[dict[str, object]] = []
    for item in sorted(
        proposals, key=lambda item: order.index(item.kind) if item.kind in order else len(order)
    ):
        if item.kind == "rename":
            rename |= item.transform["rename"]
        elif item.kind == "suffix":
            suffixes |= item.transform["suffixes"]
        elif item.transform and dict(item.transform) not in others:
            others.append(dict(item.transform))
    names: dict[str, object] = {}
    if rename:
        names["rename"] = rename
    if suffixes:
        names["suffixes"] = suffixes
    return ([names] if names else []) + others


def _texts(old: bytes, new: bytes) -> tuple[str, str] | None:
    try:
        return decode_source(old).text, decode_source(new).text
    except ValueError:
        return None


def _comments(pairs: Sequence[tuple[str, str]], least: int) -> Iterator[Proposal]:
    """Comments taken out, of one script or of all, and comments in other words."""
    before: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    words = 0
    for old, new in pairs:
        mine, theirs = _told(old), _told(new)
        before.update(mine)
        if old != new:
            other = len(list(reworded(old, new)))
            words += other
            gone.update(mine - theirs)
    total, lost = before.total(), gone.total()
    if words >= least:
        yield Proposal(
            "comments", "comments stand in other words", words, max(total, words), {"comments": "translated"}
        )
    if words * 2 > lost:
        return
    for script in _SCRIPTS:
        could = sum(count for text, count in before.items() if uses_script(text, script))
        applied = sum(count for text, count in gone.items() if uses_script(text, script))
        if (applied >= least and applied < 0.9 * lost) or (applied >= least and could < 0.9 * total):
            transform = {"comments": "strip", "scripts": [script]}
            yield Proposal("comments", f"comments in {script} are taken out", applied, could, transform)
            return
    if lost >= least:
        yield Proposal("comments", "comments are taken out", lost, total, {"comments": "strip"})


def _told(text: str) -> Counter[str]:
    return Counter(piece for kind, piece in tokens_of(text) if kind == "comment")
