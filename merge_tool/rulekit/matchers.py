"""Small questions that many rules ask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", pattern)
    signs = {"**/": "(?:.*/)?", "/**": "(?:/.*)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(signs.get(part, re.escape(part)) for part in parts) + r"\Z")


def matches_glob(text: str, pattern: str) -> bool:
    """Whether `pattern` takes `text`: `*` stays within a part between slashes, `**` crosses them."""
    return _glob(pattern).match(text) is not None


def matches_route(method: str, path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns, each `METHOD /path` or `/path`, takes every method of a route."""
    for pattern in patterns:
        verb, _, rest = pattern.strip().rpartition(" ")
        verbs = method.split(",") if verb else [""]
        if all(item.upper() == verb.strip().upper() for item in verbs) and matches_glob(path or "/", rest):
            return True
    return False


def words(name: str) -> list[str]:
    """The words of an identifier or dotted name, in lower case: `PlategaService2` -> platega, service, 2."""
    return list(_words(name))


@lru_cache(maxsize=32_768)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name.replace("_", " ")))


def names_word(name: str, word: str) -> bool:
    """Whether an identifier holds a word (itself perhaps several): `platega_service` holds `platega`, `replatega` does not."""
    have, want = words(name), words(word)
    joined = "".join(want)
    if joined in have or joined == "".join(have):
        return True
    return any(
        have[start : start + len(want)] == want or "".join(have[start : start + 2]) == joined
        for start in range(len(have))
    )
