"""What one statement, as a driver gets it, says of the tenant of each tenant table in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from merge_tool.index.sqltext import SqlReader
from merge_tool.rulekit.project import Scoped

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`"""
# The drivers' placeholders: %(name)s and %s, ?, $1 and $1::INTEGER, :name.
_BOUND = re.compile(rf"({_QUOTED})|%\((\w+)\)s|%s|\?|\$\d+|(?<!:):([A-Za-z_]\w*)")
_READ = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*|\()*\s*(select|insert|update|delete|with)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Open:
    """A tenants' table that a statement reads or changes for every tenant."""

    table: str
    verb: str


class StatementJudge:
    """Judges statements; each text once.

    Args:
        tables: the tenants' tables.
        foreign: table -> column -> table that it points at.
    """

    def __init__(
        self, tables: Collection[str], column: str, foreign: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._reader = SqlReader(tables, column, foreign)
        self._names = re.compile(
            rf"\b({'|'.join(map(re.escape, sorted(tables))) or '(?!)'})\b", re.IGNORECASE
        )
        self._judged: dict[str, tuple[Open, ...]] = {}

    def open_tables(self, sql: str) -> tuple[Open, ...]:
        """The tenants' tables of a statement that nothing in it holds to one tenant. What cannot be parsed gives none."""
        found = self._judged.get(sql)
        if found is None:
            if len(self._judged) > 10_000:
                self._judged.clear()
            found = self._judged[sql] = self._judge(sql)
        return found

    def _judge(self, sql: str) -> tuple[Open, ...]:
        if not _READ.match(sql) or not self._names.search(sql):
            return ()
        text = _BOUND.sub(lambda match: match[1] if match[1] else ":bound", sql)
        found = self._reader.read(text) or []
        return tuple(
            dict.fromkeys(
                Open(item.table, item.verb) for item in found if item.scoped in (Scoped.NO, Scoped.PARTIAL)
            )
        )
