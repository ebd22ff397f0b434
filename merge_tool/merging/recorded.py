"""Resolutions of people, kept by what was in conflict and where, so that the same conflict need not be decided twice.

git's rerere keeps a resolution by the text of the conflict alone, and so gives it to any conflict that looks alike. Here
the place counts too: the file, the definitions around the conflict, and the lines above and below it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import PurePosixPath

from merge_tool.merging.cascade import is_python
from merge_tool.merging.marked import Block, Marked, read_marked

_VERSION = "1"
_HEADER = re.compile(r"^(\s*)(?:async\s+def|def|class)\s+(\w+)")
_MARKER = re.compile(r"^(?:<{7,}|\|{7,}|>{7,})(?: .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Recorded:
    """One resolution.

    Attributes:
        path: the file that it was made in.
        scope: the definitions around the conflict, such as `class Config / def load`; "" outside of any.
        above, below: the nearest lines around the conflict that hold something.
        base, ours, theirs: the sides of the conflict; line ends are `\\n` in all texts.
        text: what a person wrote for it.
        by, at: who did, and when, as `2026-01-31T12:00:00Z`.
    """

    path: str
    scope: str
    above: str
    below: str
    base: str
    ours: str
    theirs: str
    text: str = ""
    by: str = ""
    at: str = ""

    @property
    def key(self) -> str:
        """What names the resolution: a hash over all but the text, the person and the time."""
        names = ("path", "scope", "above", "below", "base", "ours", "theirs")
        parts = [_VERSION, PurePosixPath(self.path).suffix, *(getattr(self, name) for name in names)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def dump(self) -> bytes:
        """The resolution as JSON, one key a line, for git to keep."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()


def load(data: bytes) -> Recorded:
    """Reads what `dump` wrote.

    Raises:
        ValueError: it is something else, or its text holds conflict markers.
    """
    found = json.loads(data)
    names = {item.name for item in fields(Recorded)}
    if (
        not isinstance(found, dict)
        or set(found) != names
        or not all(isinstance(item, str) for item in found.values())
    ):
        raise ValueError("no recorded resolution")
    made = Recorded(**found)
    if _MARKER.search(made.text):
        raise ValueError("a recorded resolution that holds conflict markers")
    return made


def conflicts_of(path: str, marked: Marked) -> list[Recorded | None]:
    """Each conflict of a marked text as the key to its resolution.

    None where there is no such key: without a base, or where the file has the same conflict twice.
    """
    made: list[Recorded | None] = []
    for place, piece in enumerate(marked.pieces):
        if isinstance(piece, Block):
            made.append(_conflict(path, marked, place, piece))
    count = Counter(item.key for item in made if item is not None)
    return [item if item is not None and count[item.key] == 1 else None for item in made]


def _conflict(path: str, marked: Marked, place: int, block: Block) -> Recorded | None:
    if block.base is None:
        return None
    above = "".join(piece.ours if isinstance(piece, Block) else piece for piece in marked.pieces[:place])
    below = "".join(piece.ours if isinstance(piece, Block) else piece for piece in marked.pieces[place + 1 :])
    lines = _plain(above).splitlines()
    first = next((line for line in _plain(block.ours + block.theirs).splitlines() if line.strip()), "")
    return Recorded(
        path,
        _scope(lines, first) if is_python(path) else "",
        next((line.strip() for line in reversed(lines) if line.strip()), ""),
        next((line.strip() for line in _plain(below).splitlines() if line.strip()), ""),
        _plain(block.base), _plain(block.ours), _plain(block.theirs),
    )  # fmt: skip


def _scope(above: list[str], first: str) -> str:
    """The headers of the definitions that a line stands in, the outermost first, by their indents."""
    depth = len(first) - len(first.lstrip())
    found: list[str] = []
    for line in reversed(above):
        indent = len(line) - len(line.lstrip())
        if not line.strip() or indent >= depth:
            continue
        if header := _HEADER.match(line):
            found.append(header.group(0).strip())
            depth = indent
        elif not line.lstrip().startswith(("#", ")", "]", "}")):
            depth = indent
    return " / ".join(reversed(found))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def learn(path: str, marked: Marked, final: str, by: str, at: str) -> list[Recorded]:
    """The resolutions that a person's file shows.

    Only where the text around the conflicts is as it was: a resolution may need what was edited elsewhere. And only where
    it is certain which lines stand for a conflict.

    Args:
        marked: the file as it was left to the person.
        final: the file as the person left it.
    """
    texts = _between(marked, final)
    if texts is None:
        return []
    return [
        replace(item, text=_plain(text), by=by, at=at)
        for item, text in zip(conflicts_of(path, marked), texts, strict=True)
        if item is not None and text is not None and not _MARKER.search(_plain(text))
    ]


def _between(marked: Marked, final: str) -> list[str | None] | None:
    """What stands for each conflict, None where that is not certain; None where other text was edited."""
    stable = [""]
    for piece in marked.pieces:
        if isinstance(piece, Block):
            stable.append("")
        else:
            stable[-1] += piece
    if len(stable) == 1:
        return None
    head, *middle, tail = stable
    if len(final) < len(head) + len(tail):
        return None
    if not (final.startswith(head) and final.endswith(tail)):
        return None
    start, end = len(head), len(final) - len(tail)
    first, at = [start], start
    for text in middle:  # the stretches between conflicts, each as early as it can stand
        at = final.find(text, at, end)
        if at < 0:
            return None
        first += [at, at + len(text)]
        at += len(text)
    first.append(end)
    last, at = [end], end
    for text in reversed(middle):  # and as late as it can
        at = final.rfind(text, start, at)
        last += [at + len(text), at]
    last.append(start)
    last.reverse()
    pairs = zip(
        zip(first[::2], first[1::2], strict=True), zip(last[::2], last[1::2], strict=True), strict=True
    )
    return [final[slice(*early)] if early == late else None for early, late in pairs]


@dataclass(frozen=True)
class Replayed:
    """A marked text after its recorded resolutions.

    Attributes:
        text: the new text.
        used: the resolution of each conflict, with the line in `text` where it begins; None where there is none.
    """

    text: str
    used: tuple[tuple[int, Recorded | None], ...]

    @property
    def left(self) -> int:
        """How many conflicts are left."""
        return sum(item is None for _, item in self.used)


def replay(path: str, text: str, known: Mapping[str, Recorded]) -> Replayed | None:
    """Writes known resolutions into a marked text; None where none fits.

    Args:
        known: resolutions by their keys.
    """
    marked = read_marked(text)
    keys = conflicts_of(path, marked)
    found = [known.get(item.key) if item is not None else None for item in keys]
    if not any(found):
        return None
    pieces: list[str] = []
    used: list[tuple[int, Recorded | None]] = []
    line, rest = 1, iter(found)
    for piece in marked.pieces:
        if isinstance(piece, Block):
            item = next(rest)
            used.append((line, item))
            out = marked.raw(piece) if item is None else _ends(item.text, marked.raw(piece))
        else:
            out = piece
        pieces.append(out)
        line += out.count("\n")
    return Replayed("".join(pieces), tuple(used))


def _ends(text: str, like: str) -> str:
    return text.replace("\n", "\r\n") if "\r\n" in like else text
