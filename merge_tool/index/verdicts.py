"""All verdicts on the statements of one file; of several ways to one statement the worst is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.lookups import LookupJudge
from merge_tool.model.source import Span
from merge_tool.rulekit.project import QueryVerdict

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_ROLES = ("main", "arm", "nested", "joined")


def judge_module(index: ProjectIndex, path: str) -> Iterator[QueryVerdict]:
    """The verdicts on the statements that leave the functions of a file, one for each root and table, the worst way taken."""
    judge = index.statements
    worst: dict[tuple[str, Span, str], QueryVerdict] = {}
    lookups, inserts = LookupJudge(index, judge), judge.inserts
    for function in index.modules[path].functions.values():
        for sink in function.sinks:
            for verdict in judge.sink(path, function, sink):
                key = (verdict.path, verdict.span, verdict.entity.partition(" (")[0])
                known = worst.get(key)
                if known is None or _rank(verdict) < _rank(known):
                    worst[key] = verdict
        yield from lookups.lookups(function)
        yield from inserts.made(function)
        yield from inserts.bulk(function)
    yield from worst.values()


def _rank(verdict: QueryVerdict) -> tuple[int, int, int]:
    """Of two verdicts on one table of one statement the lower is told: the less held, the one that changes rows, the main table's."""
    return verdict.scoped, verdict.kind not in ("update", "delete"), _ROLES.index(verdict.role)
