"""Which functions only the platform's own staff comes to: they read all tenants' rows by design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.openings import staff_word
from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.operators import is_staff

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 3
_GUARDS = frozenset(("require", "check", "ensure", "verify", "assert", "must", "only", "guard", "enforce"))


class Staff:
    """Judges functions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._routes: dict[tuple[str, str], list[str]] = {}
        for route in index.routes(places=False):
            self._routes.setdefault((route.function_path, route.function), []).append(staff_word(route))
        self._known: Memo[tuple[str, str], str] = Memo(index.tracker)

    def behind(self, function: FunctionFacts, depth: int = 0) -> str:
        """What keeps all but staff out of a function: of its routes, a guard that it calls, or that of all its callers; else ""."""
        if depth > _MAX_DEPTH or function.name == "<module>":
            return ""
        # A cycle lets nobody in, and keeps nobody out.
        return self._known.ask_around((function.path, function.qualname), "", self._find, function, depth)

    def _find(self, function: FunctionFacts, depth: int) -> str:
        return self._own(function) or self._named(function) or self._callers(function, depth)

    def _own(self, function: FunctionFacts) -> str:
        routed = self._routes.get((function.path, function.qualname))
        if routed:
            return routed[0] if all(routed) else self._guard(function)
        return self._guard(function)

    def _named(self, function: FunctionFacts) -> str:
        """`admin_delete_key()` of a service, which no tenant is handed to: what the platform's own administration runs."""
        return f"{function.name}()" if function.name.lstrip("_").startswith("admin_") else ""

    def _guard(self, function: FunctionFacts) -> str:
        """A check that the function calls, and that asks `is_superuser` or the like."""
        for call in function.calls:
            if not _GUARDS.intersection(words(call.name)):
                continue
            target = self._index.callee(function.path, function, call)
            if target is not None and any(is_staff(name) for name in target.attributes_read):
                return f"{target.name}()"
        return ""

    def _callers(self, function: FunctionFacts, depth: int) -> str:
        if (function.path, function.qualname) in self._routes:
            return ""
        sites = self._index.likely_callers(function)
        found = [self.behind(site.function, depth + 1) for site in sites]
        return found[0] if found and all(found) else ""
