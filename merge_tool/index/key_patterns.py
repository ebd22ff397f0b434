"""Commands that work on many keys at once: patterns, and the emptying of whole databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.keys import KeyJudge
from merge_tool.rulekit.project import KeyVerdict, Scoped
from merge_tool.rulekit.values import Const

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

# The place of the pattern: SCAN has the cursor before it.
_PATTERNS = {"keys": 0, "scan_iter": 0, "scan": 1, "psubscribe": 0}
_EMPTYING = frozenset(("flushdb", "flushall"))


def judge_patterns(index: ProjectIndex, path: str) -> Iterator[KeyVerdict]:
    """The verdicts on patterns that a file hands to Redis clients; emptying a database has the key `*` and is never scoped.

    A scan without a pattern goes over all keys: its key is `*`.
    """
    judge = KeyJudge(index)
    for function in index.modules[path].functions.values():
        for call in function.calls:
            place = _PATTERNS.get(call.name)
            if place is None and call.name not in _EMPTYING:
                continue
            if not judge.is_client(path, function, call):
                continue
            if place is None:
                yield KeyVerdict(path, call.span, call.name, "*", Scoped.NO)
                continue
            pattern = call.argument(place, "match", "pattern")
            if pattern is None and call.has_star:
                yield KeyVerdict(
                    path, call.span, call.name, "*", Scoped.UNDECIDED, ("the pattern is built elsewhere",)
                )
            elif pattern is None or (isinstance(pattern, Const) and pattern.value is None):
                yield KeyVerdict(path, call.span, call.name, "*", Scoped.NO)
            else:
                yield from judge.judge(path, function, call.span, call.name, pattern, 0)
