"""What a file is besides its text: encoding, byte order mark, line ends. Merged apart, so that none of it conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from merge_tool.codemods.text import SourceText, decode_source

T = TypeVar("T")


class UnwritableError(Exception):
    """A merged text that cannot be written in the encoding that its file has."""


@dataclass(frozen=True)
class Texts:
    """Three texts with the line ends they share, and the form that their merge will have.

    Attributes:
        ends: what `\\n` becomes again when the merge is written; None where line ends stand in the texts as they are.
        open_end: whether the merge ends without a line end; the texts have one all the same.
    """

    base: str
    ours: str
    theirs: str
    form: SourceText
    ends: str | None
    open_end: bool = False

    def encode(self, text: str) -> bytes:
        """A merged text as bytes.

        Raises:
            UnwritableError: the encoding lacks a character, or the text names another encoding than it has.
        """
        if self.open_end:
            text = text.removesuffix("\n").removesuffix("\r")
        if self.ends is not None:
            text = text.replace("\n", self.ends)
        try:
            data = self.form.encode(text)
            again = decode_source(data).text
        except ValueError as error:  # UnicodeEncodeError is one
            raise UnwritableError(f"the merge has no encoding: {error}") from error
        if again != text:
            raise UnwritableError("the merged text names another encoding than it has")
        return data


def three_way(base: T, ours: T, theirs: T) -> T | None:
    """The value that a merge has, None where both sides changed it differently."""
    if ours in (base, theirs):
        return theirs
    return ours if theirs == base else None


def read_texts(base: bytes, ours: bytes, theirs: bytes, *, new: bool = False) -> Texts:
    """Decodes three versions of a Python file.

    Args:
        new: there is no base, both sides added the file.

    Raises:
        ValueError: one cannot be decoded, both sides changed the encoding, or lines end in a way that git does not know.
    """
    own, other = decode_source(ours), decode_source(theirs)
    old = decode_source(base) if not new else own.with_text("")
    form = three_way((old.encoding, old.bom), (own.encoding, own.bom), (other.encoding, other.bom))
    if form is None:
        raise ValueError("both sides changed the encoding")
    texts = [old.text, own.text, other.text]
    if any(text.count("\r") > text.count("\r\n") for text in texts):
        raise ValueError("a carriage return stands alone: Python ends a line there, git does not")
    kinds = [_ends(text) for text in texts]
    ends = None
    if len({kind for kind in kinds if kind}) > 1 and "mixed" not in kinds:
        known = [kind or "\n" for kind in kinds]
        ends = three_way(known[0] if old.text else known[1], known[1], known[2])
        texts = [text.replace("\r\n", "\n") for text in texts]
    opens = [bool(text) and not text.endswith("\n") for text in texts]
    open_end = three_way(opens[0] if old.text else opens[1], opens[1], opens[2])
    texts = [
        text + ("\r\n" if kind == "\r\n" and ends is None else "\n") if is_open else text
        for text, kind, is_open in zip(texts, kinds, opens, strict=True)
    ]
    return Texts(texts[0], texts[1], texts[2], SourceText("", *form), ends, bool(open_end))


def _ends(text: str) -> str:
    """The line end that a text has throughout, "mixed", or "" where it has none."""
    crlf = text.count("\r\n")
    lf = text.count("\n") - crlf
    if crlf and lf:
        return "mixed"
    return "\r\n" if crlf else "\n" if lf else ""
