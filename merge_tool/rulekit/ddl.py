"""Reads the SQL that revisions run for row level security. sqlglot takes CREATE POLICY for a command that it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from merge_tool.rulekit.sqlsplit import masked, unfolded

_PART = r'(?:"(?:[^"]|"")+"|[\w$?%{}]+)'
NAME = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_ALTER = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}\s*\*?\s+(.*)", re.IGNORECASE | re.DOTALL
)
_ACTION = re.compile(r"\b(ENABLE|DISABLE|NO\s+FORCE|FORCE)\s+ROW\s+LEVEL\s+SECURITY", re.IGNORECASE)
_POLICY = re.compile(
    rf"(CREATE|ALTER|DROP)\s+POLICY\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{NAME}\s+ON\s+{NAME}", re.IGNORECASE
)
_FOR = re.compile(r"\bFOR\s+(ALL|SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_TO = re.compile(r"\bTO\s+([\w\"$, {}?%]+?)\s*$", re.IGNORECASE)
_CLAUSES = re.compile(r"\bUSING\s*\(|\bWITH\s+CHECK\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PolicyStatement:
    """One CREATE, ALTER or DROP POLICY (`verb`).

    Attributes:
        using, check: the expressions, None where they are left out.
        renamed: for `ALTER POLICY … RENAME TO`, the new name.
    """

    name: str
    table: str
    command: str
    restrictive: bool
    roles: str
    using: str | None
    check: str | None
    verb: str = "create"
    renamed: str = ""


def row_security(sql: str) -> Iterator[tuple[str, str]]:
    """The tables whose row level security a text changes, each with `enable`, `disable`, `force` or `no force`."""
    for part in unfolded(sql) if "SECURITY" in sql.upper() else ():
        match = _ALTER.match(part)
        for action in _ACTION.finditer(masked(match[2])) if match is not None else ():
            yield plain_name(match[1] if match else ""), " ".join(action[1].lower().split())


def policies(sql: str) -> Iterator[PolicyStatement]:
    """The policies that a text creates."""
    return (item for item in policy_statements(sql) if item.verb == "create")


def policy_statements(sql: str) -> Iterator[PolicyStatement]:
    """Every statement of a text that creates, alters or drops a policy, in order."""
    for part in unfolded(sql) if "POLICY" in sql.upper() else ():
        match = _POLICY.match(part)
        if match is None:
            continue
        rest = part[match.end() :]
        hidden = masked(rest)
        first = _CLAUSES.search(hidden)
        head = rest[: first.start()] if first else rest
        command, roles = _FOR.search(head), _TO.search(head)
        renamed = re.search(rf"\bRENAME\s+TO\s+{NAME}", head, re.IGNORECASE)
        yield PolicyStatement(
            plain_name(match[2]),
            plain_name(match[3]),
            command[1].upper() if command else "ALL",
            re.search(r"\bAS\s+RESTRICTIVE\b", head, re.IGNORECASE) is not None,
            roles[1].strip() if roles and not renamed else "",
            _clause(rest, hidden, r"\bUSING\s*\("),
            _clause(rest, hidden, r"\bWITH\s+CHECK\s*\("),
            match[1].lower(),
            plain_name(renamed[1]) if renamed else "",
        )


def plain_name(name: str) -> str:
    """A name without schema and quotes. PostgreSQL reads a name without quotes in lower case."""
    parts = re.findall(_PART, name)
    last = parts[-1] if parts else name
    return last[1:-1].replace('""', '"') if last.startswith('"') else last.lower()


def told(name: str) -> bool:
    """Whether a name is known: no hole, no placeholder of `format()`."""
    return bool(name) and not re.search(r"[{}?%]", name)


def always_true(expression: str) -> bool:
    """Whether an expression lets every row pass, whoever asks."""
    inner = expression.strip()
    while inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1].strip()
    return (
        re.fullmatch(
            r"true|not\s+false|(\d+)\s*=\s*\1|true::bool(ean)?|'t(rue)?'::bool(ean)?", inner, re.IGNORECASE
        )
        is not None
    )


def _clause(text: str, hidden: str, opening: str) -> str | None:
    match = re.search(opening, hidden, re.IGNORECASE)
    if match is None:
        return None
    depth = 1
    for position in range(match.end(), len(hidden)):
        if hidden[position] in "()":
            depth += 1 if hidden[position] == "(" else -1
            if depth == 0:
                return text[match.end() : position].strip()
    return text[match.end() :].strip()
