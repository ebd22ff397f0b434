"""Codes of rules: letters for the topic, then a number."""

from __future__ import annotations


def picks(word: str, code: str) -> bool:
    """Whether a word of `--select` means a rule: its code, or the letters that codes begin with.

    `TQ1` is one rule and not TQ10; `TQ` is all on queries; `T0` is T01, T02, ….
    """
    word = word.upper()
    return bool(word) and (code == word or (code.startswith(word) and word[-1] not in "123456789"))


def in_order(code: str) -> tuple[str, int]:
    """What codes are sorted by: TQ2 comes before TQ10."""
    letters = code.rstrip("0123456789")
    return letters, int(code[len(letters) :] or 0)
