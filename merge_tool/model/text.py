"""Text from repositories made safe to show: control characters and terminal escapes become visible, Markdown stays Markdown."""

from __future__ import annotations

import unicodedata

# Characters that change the direction or joining of what follows: a file name may not use them to deceive a reader.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPECIAL = str.maketrans({char: "\\" + char for char in "\\`*_{}[]<>#|~$!&@"})


def printable(text: str) -> str:
    """`text` with control characters, lone surrogates and direction overrides written as `\\xNN` or `\\uNNNN`; tabs and newlines stay."""
    if text.isprintable():
        return text
    return "".join(char if char in "\t\n" else _visible(char) for char in text)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its word: `1 file`, `2 files`, `2 stories` (where `many` says so)."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def one_line(text: str) -> str:
    """`printable`, with newlines and tabs made visible too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _visible(char: str) -> str:
    if char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn"):
        return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
    return char


def md_text(text: str) -> str:
    """`text` as one line of Markdown prose: nothing in it is markup, and no @name mentions anybody."""
    return one_line(text).translate(_SPECIAL).replace("\\@", "@\u200b")


def md_code(text: str) -> str:
    """`text` as a Markdown code span that also holds inside a table cell."""
    line = one_line(text).replace("|", "\\|")
    ticks = "`"
    while ticks in line:
        ticks += "`"
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"
