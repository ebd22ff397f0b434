"""What is asked of a whole project: routes, jobs, verdicts on statements and keys, schema, revisions; each worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from merge_tool.index.track import ALL, UNPLACED, Answers, Memo, Tracker
from merge_tool.model.source import Diagnostic
from merge_tool.rulekit.chain import Chain
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import (
    CallSite,
    Guard,
    Job,
    KeyVerdict,
    QueryVerdict,
    Route,
    Scoped,
    SqlVerdict,
)
from merge_tool.rulekit.schema import Migrations, SchemaTable
from merge_tool.rulekit.tenants import takes_tenant
from merge_tool.rulekit.values import Value

if TYPE_CHECKING:
    from merge_tool.index.openings import Openings
    from merge_tool.index.project import ProjectIndex
    from merge_tool.index.proofs import Proofs
    from merge_tool.index.rawsql import SqlJudge
    from merge_tool.index.reach import Reach
    from merge_tool.index.scopes import StatementJudge

T = TypeVar("T")
_ALIKE = 3  # functions of one name that may be one method: declared, done, faked


class ProjectAnswers:
    """The part of a `ProjectIndex` that asks the readers and judges, and keeps what they answer."""

    def __init__(self, tracker: Tracker, answers: Answers | None) -> None:
        self.tracker = tracker
        self.answers = answers if answers is not None else Answers(tracker)
        self._once: Memo[str, Any] = Memo(self.tracker)
        self._routes_by_path: dict[str, list[Route]] | None = None
        self._jobs_by_path: dict[str, list[Job]] | None = None
        self._reach: Reach | None = None
        self._queries: Memo[str, tuple[QueryVerdict, ...]] = Memo(self.tracker)
        self._statements: StatementJudge | None = None
        self._sql: SqlJudge | None = None
        self._texts: Memo[str, tuple[SqlVerdict, ...]] = Memo(self.tracker)
        self._keys: Memo[tuple[str, str], tuple[KeyVerdict, ...]] = Memo(self.tracker)
        self._chain: Chain | None = None

    def _index(self) -> ProjectIndex:
        return cast("ProjectIndex", self)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, worked out when it is first asked for; for what a rule has to know of the whole project."""
        found: T = self._once.ask(key, make)
        return found

    def routes(self, *, places: bool = True) -> tuple[Route, ...]:
        """Every route, with where its tenant comes from; without `places` for who looks at neither `span` nor `line`, and at `router` only to compare it."""
        self.tracker.seen.add(("", "routes", ALL if places else UNPLACED))
        return self._all_routes()

    def routes_of(self, path: str) -> tuple[Route, ...]:
        """The routes whose functions stand in a file."""
        self.tracker.seen.add(("", "routes", path))
        if self._routes_by_path is None:
            self._routes_by_path = {}
            for route in self._all_routes():
                self._routes_by_path.setdefault(route.function_path, []).append(route)
        return tuple(self._routes_by_path.get(path, ()))

    def _all_routes(self) -> tuple[Route, ...]:
        from merge_tool.index.routes import RouteReader

        found: tuple[Route, ...] = self.answers.get(
            "routes", lambda: tuple(RouteReader(self._index()).routes())
        )
        return found

    def jobs_of(self, path: str) -> tuple[Job, ...]:
        """The functions of a file that no request runs, each once."""
        self.tracker.seen.add(("", "jobs", path))
        if self._jobs_by_path is None:
            self._jobs_by_path = {}
            for job in self.all_jobs():
                self._jobs_by_path.setdefault(job.function_path, []).append(job)
        return tuple(self._jobs_by_path.get(path, ()))

    def jobs(self, *, places: bool = True) -> tuple[Job, ...]:
        """Every function that no request runs, each once; without `places` for who does not look at `registered`."""
        self.tracker.seen.add(("", "jobs", ALL if places else UNPLACED))
        return self.all_jobs()

    def all_jobs(self) -> tuple[Job, ...]:
        """The same, for those that note themselves what they look at."""
        from merge_tool.index.jobs import read_jobs

        found: tuple[Job, ...] = self.answers.get("jobs", read_jobs, self._index())
        return found

    def open_way(self, function: FunctionFacts, fresh: bool) -> tuple[str, ...]:
        """How a function reaches a tenant's rows where nothing on the way knows the tenant; empty where it does not."""
        if self._reach is None:
            from merge_tool.index.reach import Reach

            self._reach = Reach(self._index())
        return self._reach.open_way(function, fresh)

    def logs_name_tenant(self) -> bool:
        """Whether every log line of the project carries the tenant: by a filter, a formatter, a bound context."""
        from merge_tool.index.logs import names_tenant

        return self.once("logs_name_tenant", lambda: names_tenant(self._index()))

    def guards(self) -> tuple[Guard, ...]:
        """The listeners that hold ORM statements to the tenant."""
        from merge_tool.index.criteria import read_guards

        return self.once("guards", lambda: read_guards(self._index()))

    def likely_callers(self, function: FunctionFacts) -> tuple[CallSite, ...]:
        """The calls of a function; of a method whose object's type cannot be told, those by its name, where few others have it."""
        index = self._index()
        sites = index.checked_callers(index.qualified(function))
        if sites or not function.class_name or len(words(function.name)) < 2:
            return sites
        if sum(len(names) for _, names in index.tables.find("defined", function.name)) > _ALIKE:
            return ()
        return tuple(site for site in index.calls_named(function.name) if index.is_checked(site.path))

    def compares_row(self, function: FunctionFacts, row: Value) -> bool:
        """Whether a function, or one that it hands a loaded row to, compares the row's tenant."""
        from merge_tool.index.rows import Rows

        return Rows.of(self._index()).compared(function, row)

    def query_verdicts(self, path: str) -> Iterable[QueryVerdict]:
        """What came of the statements that leave the functions of a file; a verdict may lie in another file."""
        from merge_tool.index.verdicts import judge_module

        return self._queries.ask(
            path, lambda: tuple(map(self._with_staff, judge_module(self._index(), path)))
        )

    def _with_staff(self, verdict: QueryVerdict) -> QueryVerdict:
        """What only the platform's own staff, or a worker in the background, comes to reads all tenants by design, or forgets one: the text does not tell."""
        if (
            verdict.scoped not in (Scoped.NO, Scoped.PARTIAL)
            or verdict.function is None
            or verdict.kind == "insert"
            or takes_tenant(verdict.function, self._index().policy)
        ):
            return verdict
        why = self.staff_of(verdict.function)
        if not why and verdict.scoped is Scoped.NO:
            why = self._worker_of(verdict.function)
        if not why:
            return verdict
        return replace(verdict, scoped=Scoped.UNDECIDED, reasons=(*verdict.reasons, why))

    def _worker_of(self, function: FunctionFacts) -> str:
        from merge_tool.index.background import Background

        behind = self.once("background", lambda: Background(self._index())).behind(function)
        return (
            f"only {behind} comes to it, which looks like work in the background, or at a console, for all tenants"
            if behind
            else ""
        )

    def why_open(self, route: Route) -> str:
        """What speaks for a route that has no tenant, said for people; "" where nothing does."""
        return self._all_openings().why(route)

    def why_harmless(self, function: FunctionFacts) -> str:
        """Why a handler can come to no tenant's rows, said for people; "" where it may."""
        return self._all_openings().harmless(function)

    def _all_openings(self) -> Openings:
        from merge_tool.index.openings import Openings

        return self.once("openings", lambda: Openings(self._index()))

    def staff_of(self, function: FunctionFacts) -> str:
        """What keeps all but the platform's own staff out of a function, said for people; "" where nothing does."""
        from merge_tool.index.staff import Staff

        staff = self.once("staff", lambda: Staff(self._index()))
        behind = staff.behind(function)
        return f"it stands behind {behind}, which looks like the platform's own staff" if behind else ""

    def graded(self, item: Diagnostic) -> Diagnostic:
        """A finding as it is, or as `info` where the policy is not strict and too little shows that a tenant was meant."""
        from merge_tool.index.evidence import Evidence

        return self.once("evidence", lambda: Evidence(self._index())).graded(item)

    @property
    def proofs(self) -> Proofs:
        """What is known of keys that functions have shown to be the tenant's."""
        from merge_tool.index.proofs import Proofs

        return self.once("proofs", lambda: Proofs(self._index()))

    @property
    def statements(self) -> StatementJudge:
        """The judge of statements, made when the first is asked for."""
        if self._statements is None:
            from merge_tool.index.scopes import StatementJudge

            self._statements = StatementJudge(self._index())
        return self._statements

    def sql_verdicts(self, path: str) -> Iterable[SqlVerdict]:
        """What came of the SQL that a file's functions hand over as text."""
        if self._sql is None:
            from merge_tool.index.rawsql import SqlJudge

            self._sql = SqlJudge(self._index())
        judge = self._sql
        return self._texts.ask(path, lambda: tuple(judge.judge(path)))

    def key_verdicts(self, path: str, kind: str = "key") -> Iterable[KeyVerdict]:
        """What came of what a file hands to Redis: its `key`s, `pattern`s of scans, `channel`s or `lock`s."""
        from merge_tool.index.keys import judge_keys

        return self._keys.ask((path, kind), lambda: tuple(judge_keys(self._index(), path, kind)))

    def schema(self) -> tuple[SchemaTable, ...]:
        """Every table that a model declares."""
        from merge_tool.index.schema import read_schema

        self.tracker.seen.add(("", "schema", ""))
        found: tuple[SchemaTable, ...] = self.answers.get("schema", read_schema, self._index())
        return found

    def migrations(self) -> Migrations:
        """The Alembic revisions of the project."""
        from merge_tool.index.migrations import read_migrations

        self.tracker.seen.add(("", "migrations", ""))
        found: Migrations = self.answers.get("migrations", read_migrations, self._index())
        return found

    def chain(self) -> Chain:
        """What all revisions come to."""
        revisions = self.migrations()  # asked each time, so that it is noted
        if self._chain is None:
            from merge_tool.index.folding import fold

            self._chain = fold(revisions)
        return self._chain
