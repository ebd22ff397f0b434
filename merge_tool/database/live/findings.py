"""What is wrong in a live database, and the SQL that mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from merge_tool.model.source import Severity

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
# Words that PostgreSQL takes for its own where a name stands; a few more do no harm.
_RESERVED = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "constraint",
        "create",
        "current_date",
        "current_role",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "from",
        "grant",
        "group",
        "having",
        "in",
        "initially",
        "intersect",
        "into",
        "lateral",
        "leading",
        "limit",
        "localtime",
        "localtimestamp",
        "not",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "placing",
        "primary",
        "references",
        "returning",
        "select",
        "session_user",
        "some",
        "symmetric",
        "table",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "variadic",
        "when",
        "where",
        "window",
        "with",
    ]
)


@dataclass(frozen=True, slots=True)
class LiveFinding:
    """One finding.

    Attributes:
        code: that of the linter's rule about the same thing in code (`merge-tool rule CODE` tells more).
        subject: the table, view, function or role, as PostgreSQL names it.
        mend: SQL that mends it; "" where a person has to decide.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    mend: str = ""


def quoted(name: str) -> str:
    """A name as SQL writes it: quoted where it must be."""
    if _PLAIN.match(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str) -> str:
    """`schema.table` as SQL writes it; `public` is left out."""
    schema, _, table = name.partition(".")
    return quoted(table) if schema == "public" else f"{quoted(schema)}.{quoted(table)}"


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Names as SQL lists them."""
    return ", ".join(map(quoted, names))


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
