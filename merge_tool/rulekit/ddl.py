"""Reads the SQL that revisions run for row level security: what sqlglot knows too little of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = r'((?:[\w{}?%]+|"[^"]+")(?:\.(?:[\w{}?%]+|"[^"]+"))*)'
_ALTER = re.compile(
    rf"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s*\*?\s+([^;]*?\bROW\s+LEVEL\s+SECURITY[^;']*)", re.IGNORECASE
)  # fmt: skip
_ACTION = re.compile(r"\b(ENABLE|DISABLE|NO\s+FORCE|FORCE)\s+ROW\s+LEVEL\s+SECURITY", re.IGNORECASE)
_POLICY = re.compile(rf"\bCREATE\s+POLICY\s+{_NAME}\s+ON\s+{_NAME}", re.IGNORECASE)
_FOR = re.compile(r"\bFOR\s+(ALL|SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_TO = re.compile(r"\bTO\s+([\w\", {}?%]+?)\s*(?=\bUSING\b|\bWITH\b|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PolicyStatement:
    """One CREATE POLICY. `using` and `check` are the expressions, None where they are left out."""

    name: str
    table: str
    command: str
    restrictive: bool
    roles: str
    using: str | None
    check: str | None


def row_security(sql: str) -> Iterator[tuple[str, str]]:
    """The tables whose row level security a statement changes, each with `enable`, `disable`, `force` or `no force`."""
    for match in _ALTER.finditer(sql):
        for action in _ACTION.finditer(match[2]):
            yield plain_name(match[1]), " ".join(action[1].lower().split())


def policies(sql: str) -> Iterator[PolicyStatement]:
    """The policies that a statement creates."""
    for match in _POLICY.finditer(sql):
        rest = sql[match.end() :].partition(";")[0]
        using, check = _clause(rest, r"\bUSING\s*\("), _clause(rest, r"\bWITH\s+CHECK\s*\(")
        head = re.split(r"\bUSING\s*\(|\bWITH\s+CHECK\s*\(", rest, maxsplit=1, flags=re.IGNORECASE)[0]
        command, roles = _FOR.search(head), _TO.search(head)
        yield PolicyStatement(
            plain_name(match[1]),
            plain_name(match[2]),
            command[1].upper() if command else "ALL",
            re.search(r"\bAS\s+RESTRICTIVE\b", head, re.IGNORECASE) is not None,
            roles[1].strip() if roles else "",
            using,
            check,
        )


def plain_name(name: str) -> str:
    """A table's name without schema and quotes."""
    return name.rpartition(".")[2].strip('"')


def told(name: str) -> bool:
    """Whether a name is known: no hole, no placeholder of `format()`."""
    return bool(name) and not re.search(r"[{}?%]", name)


def always_true(expression: str) -> bool:
    """Whether an expression lets every row pass, whoever asks."""
    inner = expression.strip()
    while inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1].strip()
    return (
        re.fullmatch(r"true|1\s*=\s*1|true::bool(ean)?|'t(rue)?'::bool(ean)?", inner, re.IGNORECASE)
        is not None
    )


def _clause(text: str, opening: str) -> str | None:
    match = re.search(opening, text, re.IGNORECASE)
    if match is None:
        return None
    depth, quoted = 1, False
    for position in range(match.end(), len(text)):
        char = text[position]
        if char == "'":
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return text[match.end() : position].strip()
    return text[match.end() :].strip()
