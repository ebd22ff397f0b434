"""Which functions only a worker, or a console, comes to, that goes through the rows of all tenants by design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.tenants import knows_tenant

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 3
_WORKS = frozenset(
    "worker workers background scheduler schedulers scheduled cron crons crontab periodic beat sweeper reaper janitor poller daemon retention expired purge purged cleanup stale orphaned orphans prune vacuum gc cli".split()  # noqa: SIM905
)


class Background:
    """Judges functions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._routes = {(route.function_path, route.function) for route in index.routes()}
        self._jobs = {
            (job.function_path, job.function): job.kind
            for job in index.jobs()
            if job.kind != "bot handler"  # whoever writes to the bot
        }
        self._known: Memo[tuple[str, str], str] = Memo(index.tracker)

    def behind(self, function: FunctionFacts) -> str:
        """What in the background alone comes to a function that names no tenant, said for people; else ""."""
        if function.name == "<module>" or knows_tenant(function, self._index.policy):
            return ""
        return self._behind(function, 0)

    def _behind(self, function: FunctionFacts, depth: int) -> str:
        if depth > _MAX_DEPTH or function.name == "<module>":
            return ""
        # A cycle starts nothing.
        return self._known.ask_around((function.path, function.qualname), "", self._find, function, depth)

    def _find(self, function: FunctionFacts, depth: int) -> str:
        at = (function.path, function.qualname)
        if at in self._routes:
            return ""
        given = [item for item in function.params if item.name not in ("self", "cls", "ctx", "context")]
        if at in self._jobs and (not given or self._jobs[at] in ("scheduled job", "loop")):
            return f"{self._jobs[at]} {function.name}()"
        for part in (*function.path.removesuffix(".py").split("/"), *function.qualname.split(".")):
            if _WORKS.intersection(words(part)):
                return part
        sites = self._index.callers(self._index.qualified(function))
        found = [self._behind(site.function, depth + 1) for site in sites]
        return found[0] if found and all(found) else ""
