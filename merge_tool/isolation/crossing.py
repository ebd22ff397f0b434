"""Of which models a row of the second tenant may be planted that points at the first tenant's rows.

Such a row shows that a filter by the user alone is not enough. It is planted only where every statement that a function reaches
on the model is held by the tenant as the linters see it: elsewhere the project relies on the parent's tenant, which is no leak.
"""

from __future__ import annotations

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.places import is_away
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Scoped

_HELD = frozenset((Scoped.YES, Scoped.OPTIONAL))


class Crossing:
    """Asks the index once for each file."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._verdicts: dict[str, dict[str, list[tuple[str, Scoped]]]] = {}

    def models(self, function: FunctionFacts) -> tuple[str, ...]:
        """The absolute names of the models, for what a function reaches."""
        found: dict[str, set[Scoped]] = {}
        self._collect(function, 3, found, set())
        names = []
        for qualified, verdicts in sorted(found.items()):
            model = self._index.models.find(qualified)
            if model is None or not verdicts <= _HELD or is_away(model.path) or model.is_table:
                continue
            column = self._index.policy.column
            if model.has_tenant and any(model.columns.get(name) != column for name in model.foreign_keys):
                names.append(qualified)
        return tuple(names)

    def _collect(
        self, function: FunctionFacts, depth: int, found: dict[str, set[Scoped]], seen: set[tuple[str, str]]
    ) -> None:
        place = (function.path, function.qualname)
        if place in seen:
            return
        seen.add(place)
        for qualified, scoped in self._of_file(function.path).get(function.qualname, ()):
            found.setdefault(qualified, set()).add(scoped)
        for call in function.calls if depth else ():
            callee = self._index.callee(function.path, function, call)
            if callee is not None:
                self._collect(callee, depth - 1, found, seen)

    def _of_file(self, path: str) -> dict[str, list[tuple[str, Scoped]]]:
        if path not in self._verdicts:
            found: dict[str, list[tuple[str, Scoped]]] = {}
            for verdict in self._index.query_verdicts(path):
                model = self._index.models.find(verdict.entity)
                if model is not None and verdict.function is not None and verdict.kind != "insert":
                    found.setdefault(verdict.function.qualname, []).append((model.qualified, verdict.scoped))
            self._verdicts[path] = found
        return self._verdicts[path]
