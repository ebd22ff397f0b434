"""Bytes of a Python file to text and back, so that what is not edited comes back byte for byte."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass, replace

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a Python file. Line ends are as in the file; `bom` says whether a byte order mark stood first."""

    text: str
    encoding: str = "utf-8"
    bom: bool = False

    def encode(self, text: str | None = None) -> bytes:
        """`text` (default: this text) as the file's bytes.

        Raises:
            UnicodeEncodeError: the file's encoding lacks a character.
        """
        return (_BOM if self.bom else b"") + (self.text if text is None else text).encode(self.encoding)

    def with_text(self, text: str) -> SourceText:
        """The same kind of file with another text."""
        return replace(self, text=text)


def decode_source(raw: bytes) -> SourceText:
    """Decodes a Python file by its byte order mark or coding comment (PEP 263); UTF-8 without one.

    Raises:
        ValueError: the coding is unknown, the bytes are not of it, or they would not come back the same.
    """
    bom = raw.startswith(_BOM)
    body = raw[len(_BOM) :] if bom else raw
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except SyntaxError as error:
        if "missing" not in str(error):
            raise ValueError(str(error)) from error
        encoding = (
            "utf-8"  # the first lines name no coding and are not UTF-8: the decoding below tells the line
        )
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    try:
        source = SourceText(body.decode(encoding), encoding, bom)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not {encoding}: {error.reason}") from error
    if source.encode() != raw:
        raise ValueError(f"the bytes are not the ones that {encoding} writes for their text")
    return source


def parse_python(text: str) -> ast.Module:
    """`ast.parse` without the warnings of other people's code.

    Raises:
        SyntaxError: not Python; also for null bytes and for nesting deeper than the parser goes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "nested too deeply") from error
