"""The texts of one commit while transforms are made on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from merge_tool.codemods.text import SourceText, decode_source, parse_python
from merge_tool.merging.regions import align


class Tree:
    """Python texts of a commit.

    Args:
        files: their bytes by path; those that cannot be decoded are passed over.
        watched: the paths that will be merged.

    Attributes:
        texts: all of them with every transform made so far.
        accepted: the watched ones with those transforms only that fit what the fork did there.
    """

    def __init__(self, files: Mapping[str, bytes], watched: Collection[str] = ()) -> None:
        self.sources: dict[str, SourceText] = {}
        for path, data in files.items():
            try:
                self.sources[path] = decode_source(data)
            except ValueError:
                continue
        self.texts = {path: source.text for path, source in self.sources.items()}
        self.accepted = {path: self.texts[path] for path in watched if path in self.texts}

    def carried(self, path: str, made: Mapping[str, str]) -> str | None:
        """A watched text with one more transform; None where its edits cannot be told from those that were refused."""
        before, accepted, after = self.texts[path], self.accepted[path], made.get(path, self.texts[path])
        if accepted == before or after == before:
            return after if accepted == before else accepted
        text = line_merge(before, accepted, after)
        return text if text is not None and parses(text) else None

    def encoded(self, path: str) -> bytes | None:
        """A watched text in its file's form; None where its encoding lacks a character."""
        try:
            return self.sources[path].encode(self.accepted[path])
        except UnicodeEncodeError:
            return None


def parses(text: str) -> bool:
    """Whether a text is Python."""
    try:
        parse_python(text)
    except SyntaxError:
        return False
    return True


def line_merge(base: str, ours: str, theirs: str) -> str | None:
    """Both sides' changes line by line; None where they meet."""
    old, own, other = (text.splitlines(keepends=True) for text in (base, ours, theirs))
    pieces: list[str] = []
    for region in align(old, own, other):
        if region.kind == "conflict":
            return None
        pieces += other[slice(*region.theirs)] if region.kind == "theirs" else own[slice(*region.ours)]
    return "".join(pieces)
