"""Which functions only a worker, or a console, comes to, that goes through the rows of all tenants by design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import CallSite
from merge_tool.rulekit.tenants import says_tenant, takes_tenant
from merge_tool.rulekit.values import Call

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 8
_MANY = 12  # calls of one name, more than which say nothing
_WORKS = frozenset(
    "worker workers background scheduler schedulers scheduled cron crons crontab periodic beat sweeper reaper janitor poller daemon retention expired purge purged cleanup stale orphaned orphans prune vacuum gc cli reconciler reconcile reconciliation backfill seed seeds seeder seeders".split()  # noqa: SIM905
)


class Background:
    """Judges functions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._routes = {(route.function_path, route.function) for route in index.routes(places=False)}
        self._jobs = {
            (job.function_path, job.function): job.kind
            for job in index.jobs(places=False)
            if job.kind != "bot handler"  # whoever writes to the bot
        }
        self._known: Memo[tuple[str, str], str] = Memo(index.tracker)

    def behind(self, function: FunctionFacts) -> str:
        """What in the background alone comes to a function that names no tenant, said for people; else ""."""
        policy = self._index.policy
        if function.name == "<module>" or takes_tenant(function, policy):
            return ""
        if any(says_tenant(name, policy) for name in function.variables):
            return ""  # it goes through the tenants one by one
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
        if starts_application(function):
            return f"{function.name}(), when the application starts"
        found = [self._caller(site, depth) for site in self._sites(function)]
        return found[0] if found and all(found) else ""

    def _caller(self, site: CallSite, depth: int) -> str:
        if site.function.name == "<module>":
            return f"{site.path}, when it is run"
        return self._behind(site.function, depth + 1)

    def _sites(self, function: FunctionFacts) -> tuple[CallSite, ...]:
        """The calls of a function; where none can be told for sure, all calls by its name, if no other function has that."""
        index = self._index
        sites = index.checked_callers(index.qualified(function))
        if sites or sum(len(names) for _, names in index.tables.find("defined", function.name)) > 1:
            return sites
        named = tuple(item for item in index.calls_named(function.name) if index.is_checked(item.path))
        return named if len(named) <= _MANY else ()


def starts_application(function: FunctionFacts) -> bool:
    """`lifespan`, and what `@app.on_event("startup")` stands at."""
    if function.name == "lifespan":
        return True
    return any(isinstance(item, Call) and item.name == "on_event" for item in function.decorators)
