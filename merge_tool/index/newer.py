"""Reads syntax that is newer than the Python that runs this tool, by writing it as the older Python has it.

A project on Python 3.14 is linted with Python 3.11 too. Lines stay where they are, and columns where that can be.
"""

from __future__ import annotations

import io
import re
import tokenize

_EXCEPT = re.compile(r"^([ \t]*except\*?)[ \t]([^():#\n]+,[^():#\n]+):", re.MULTILINE)
_ALIAS = re.compile(r"^([ \t]*)type[ \t]+([A-Za-z_]\w*)([ \t]*)(?=[\[=])", re.MULTILINE)


def written_for_older(text: str) -> str:
    """The text without type parameters (PEP 695, Python 3.12) and with `except A, B:` in parentheses (PEP 758, 3.14).

    Args:
        text: a file that this Python cannot parse.

    Returns:
        the text with `class A[T: B](C):` as `class A      (C):`, `type A = B` as `A = B`; unchanged where there is
        nothing of the kind, or where it cannot be split into tokens.
    """
    text = _EXCEPT.sub(r"\1(\2):", text)
    text = _ALIAS.sub(lambda found: f"{found[1]}{found[2]}{found[3]}     ", text)
    rows = text.split("\n")
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    place = 0
    while place < len(tokens) - 2:
        if tokens[place].string in ("class", "def") and tokens[place + 2].string == "[":
            place = _blanked(rows, tokens, place + 2)
        else:
            place += 1
    return "\n".join(rows)


def _closing(tokens: list[tokenize.TokenInfo], place: int) -> int:
    depth = 0
    for number in range(place, len(tokens)):
        if tokens[number].string in ("[", "(", "{"):
            depth += 1
        elif tokens[number].string in ("]", ")", "}"):
            depth -= 1
            if depth == 0:
                return number
    return len(tokens) - 1


def _blanked(rows: list[str], tokens: list[tokenize.TokenInfo], place: int) -> int:
    """Puts spaces in place of a bracket and what it holds; returns the token behind it. Over several lines, `\\` joins them."""
    end = _closing(tokens, place)
    (first, start), (last, stop) = tokens[place].start, tokens[end].end
    for line in range(first, last + 1):
        row = rows[line - 1]
        left = start if line == first else 0
        right = stop if line == last else len(row)
        blank = " " * (right - left)
        rows[line - 1] = row[:left] + (blank if line == last else blank[:-1] + "\\") + row[right:]
    return end + 1
