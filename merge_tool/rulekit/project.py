"""What rules may ask of a project. `merge_tool.index.project.ProjectIndex` answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Protocol, TypeVar

from merge_tool.model.plain import plain
from merge_tool.model.source import Span
from merge_tool.rulekit.chain import Chain
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts, Unreadable
from merge_tool.rulekit.schema import Migrations, SchemaTable
from merge_tool.rulekit.values import Call, Value

T = TypeVar("T")


@plain()
class Model:
    """One table: an ORM class or a `Table(…)`.

    Attributes:
        qualified: absolute name of the class or variable.
        columns: attribute -> name in the database.
        foreign_keys: attribute -> table that it points at.
        relationships: attribute -> name of the class on the other side, "" where it is not told.
        has_tenant: whether the tenant column is among the columns, mixins included.
        known: whether every base was found, so that `has_tenant` can be trusted.
        is_table: whether it is a `Table(…)`, not a class.
        primary: the attributes that are marked as the primary key.
    """

    qualified: str
    name: str
    table: str
    path: str
    span: Span
    columns: Mapping[str, str]
    foreign_keys: Mapping[str, str]
    relationships: Mapping[str, str]
    has_tenant: bool
    known: bool = True
    bases: tuple[str, ...] = ()
    is_table: bool = False
    primary: tuple[str, ...] = ()


@plain()
class Route:
    """One path operation of FastAPI.

    Attributes:
        method: `GET`, …, or `WEBSOCKET`; several are joined by a comma.
        paths: the full paths under which it is mounted; just its own where its router is mounted nowhere.
        path: the file.
        span: the decorator, or the call of `add_api_route`.
        function: qualname of the function in the file `function_path`.
        router: absolute name of the router.
        has_tenant: a tenant dependency stands on it or on everything above it, on every mount.
        by: where the dependency was found: `parameter`, `decorator`, `class`, `body`, `router`, `include_router`, `application`, or "".
        open_paths: the full paths that reach it without a tenant.
        line: the function's `def` line.
        guards: the names of all dependencies on the way to it, the last part of each.
    """

    method: str
    paths: tuple[str, ...]
    path: str
    span: Span
    function: str
    function_path: str
    router: str
    has_tenant: bool
    by: str
    open_paths: tuple[str, ...]
    line: int
    guards: tuple[str, ...] = ()


@plain()
class Job:
    """One function that no request runs: a handler of a bot, a task, a scheduled job, a loop.

    Attributes:
        kind: what it is, for people: `bot handler`, `task`, `scheduled job`, `background task` or `loop`.
        function_path, function: its file, and its qualified name there.
        registered: `path:line` of the call or decorator that makes it one.
        covered: a middleware, signal or base class puts the tenant into the context before it runs.
    """

    kind: str
    function_path: str
    function: str
    registered: str
    covered: bool


@plain()
class Guard:
    """A listener that adds the tenant to the statements of a session.

    Attributes:
        path, function: where it stands, by the qualified name in its file.
        event: what it listens for.
        targets: the models and bases that it names; empty for all.
        changes: whether UPDATE and DELETE are held too.
        optional: whether it does nothing where there is no tenant.
        faults: what else it leaves open: `calls`, `aliases`, `loaders`.
    """

    path: str
    function: str
    event: str
    targets: tuple[str, ...]
    changes: bool
    optional: bool
    faults: tuple[str, ...]


class Scoped(IntEnum):
    """How far a query is held to one tenant; the higher, the safer."""

    NO = 0
    PARTIAL = 1  # on one branch only
    UNDECIDED = 2
    OPTIONAL = 3  # skipped when the tenant is None
    YES = 4


@plain()
class QueryVerdict:
    """What came of one statement.

    Attributes:
        kind: `select`, `query`, `update`, `delete`, `get` (by primary key), `insert`, …; for a legacy Query, what it ends in.
        entity: the table or model that is, or is not, held to one tenant.
        reasons: the steps that led to the verdict.
        parameter: for `OPTIONAL`, the name whose absence skips the filter.
        role: `main`; `joined` for a table that a join or a condition brings in; `nested` for one of a subquery beside
            which the statement reads other tables; `arm` for one of a UNION's.
    """

    path: str
    span: Span
    kind: str
    entity: str
    scoped: Scoped
    reasons: tuple[str, ...] = ()
    parameter: str = ""
    function: FunctionFacts | None = None
    role: str = "main"


@plain()
class KeyVerdict:
    """What came of one key handed to Redis. `scoped` is `NO`, `UNDECIDED` or `YES`.

    Attributes:
        span: the call that is given the key: the command, or where only a caller knows the key, the caller's.
        key: the key as far as its text is known; `*` for the rest.
        parameter: the parameter of the called function that takes the key; "" where the call is the command itself.
        parts: the names of what is put into the key, as far as they are names.
    """

    path: str
    span: Span
    command: str
    key: str
    scoped: Scoped
    reasons: tuple[str, ...] = ()
    parameter: str = ""
    parts: tuple[str, ...] = ()


@plain()
class SqlVerdict:
    """What came of one statement that is written as text.

    Attributes:
        kind: `open` (a tenant's table is not held), `undecided`, or `interpolated` (the tenant is put into the text).
        what: the table; for `interpolated` what is put in; "" where not even that is known.
        verb: `SELECT`, `UPDATE`, `DELETE`, `INSERT`, or "".
        why: for `undecided` the reason; for `interpolated` `int` where the value is declared so.
    """

    path: str
    span: Span
    kind: str
    what: str
    verb: str = ""
    why: str = ""


@plain()
class CallSite:
    """One call, and where it stands."""

    path: str
    function: FunctionFacts
    call: Call


class Project(Protocol):
    """All files of a project, joined."""

    @property
    def modules(self) -> Mapping[str, ModuleFacts]:
        """The files that could be read, by path."""
        ...

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The files that could not."""
        ...

    def resolve(self, path: str, dotted: str, function: FunctionFacts | None = None) -> str:
        """The absolute name that `dotted` stands for in a file; "" where nothing binds it."""
        ...

    def function(self, qualified: str) -> FunctionFacts | None:
        """The function of an absolute name."""
        ...

    def find_class(self, qualified: str) -> ClassFacts | None:
        """The class of an absolute name."""
        ...

    def callee(self, path: str, function: FunctionFacts | None, call: Call) -> FunctionFacts | None:
        """The project's function that a call reaches, or None where it cannot be told."""
        ...

    def callee_name(self, path: str, function: FunctionFacts | None, call: Call) -> str:
        """The absolute name of what is called, external names included; "" where it cannot be told."""
        ...

    def type_name(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        """The absolute name of the class or factory that a value comes of; "" where it cannot be told."""
        ...

    def callers(self, qualified: str) -> tuple[CallSite, ...]:
        """The calls that reach a function."""
        ...

    def model(self, name: str) -> Model | None:
        """A model by absolute name, by class name or by table."""
        ...

    def is_tenant_model(self, name: str) -> bool:
        """Whether a model's rows belong to a tenant."""
        ...

    def all_models(self) -> tuple[Model, ...]:
        """Every model."""
        ...

    def unclassified_models(self) -> tuple[Model, ...]:
        """The models that neither carry the tenant column nor stand in a list of the policy."""
        ...

    def named(self, name: str) -> list[ModuleFacts]:
        """The files whose dotted name is, or ends in, that name, in order of path."""
        ...

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, worked out when it is first asked for; for what a rule has to know of the whole project.

        A rule keeps nothing of a project itself: what it was made of could change unseen.
        """
        ...

    def calls_named(self, name: str) -> tuple[CallSite, ...]:
        """All calls of something of that name, by file and line."""
        ...

    def times_imported(self, name: str) -> int:
        """How many imports name a module or something in it."""
        ...

    def routes(self, *, places: bool = True) -> tuple[Route, ...]:
        """Every route. Who looks at neither `span` nor `line`, and only compares `router`, asks without `places`: moves are nothing to it."""
        ...

    def why_open(self, route: Route) -> str:
        """What speaks for a route that has no tenant, said for people; "" where nothing does."""
        ...

    def why_harmless(self, function: FunctionFacts) -> str:
        """Why a handler can come to no tenant's rows, said for people; "" where it may."""
        ...

    def staff_of(self, function: FunctionFacts) -> str:
        """What keeps all but the platform's own staff out of a function, said for people; "" where nothing does."""
        ...

    def routes_of(self, path: str) -> tuple[Route, ...]:
        """The routes whose functions stand in a file. A rule that needs no others asks so: it is not asked again for theirs."""
        ...

    def jobs(self, *, places: bool = True) -> tuple[Job, ...]:
        """Every function that no request runs, each once; without `places` for who does not look at `registered`."""
        ...

    def jobs_of(self, path: str) -> tuple[Job, ...]:
        """The functions of a file that no request runs, each once."""
        ...

    def open_way(self, function: FunctionFacts, fresh: bool) -> tuple[str, ...]:
        """How a function reaches a tenant's rows where nothing on the way knows the tenant; empty where it does not.

        `fresh` says that nothing is in the context when it begins: what only reads the context is told too.
        """
        ...

    def logs_name_tenant(self) -> bool:
        """Whether every log line of the project carries the tenant: by a filter, a formatter, a bound context."""
        ...

    def guards(self) -> tuple[Guard, ...]:
        """The listeners that hold ORM statements to the tenant."""
        ...

    def compares_row(self, function: FunctionFacts, row: Value) -> bool:
        """Whether a function, or one that it hands a loaded row to, compares the row's tenant."""
        ...

    def query_verdicts(self, path: str) -> Iterable[QueryVerdict]:
        """What came of the statements that leave the functions of a file; a verdict may lie in another file."""
        ...

    def sql_verdicts(self, path: str) -> Iterable[SqlVerdict]:
        """What came of the SQL that a file's functions hand over as text."""
        ...

    def key_verdicts(self, path: str, kind: str = "key") -> Iterable[KeyVerdict]:
        """What came of what a file hands to Redis: its `key`s, `pattern`s of scans, `channel`s or `lock`s."""
        ...

    def values_of(
        self, path: str, function: FunctionFacts, value: Value
    ) -> Iterator[tuple[str, FunctionFacts, Value]]:
        """A value, or where it is a parameter, what the callers pass for it, some calls deep; with where each stands."""
        ...

    def schema(self) -> tuple[SchemaTable, ...]:
        """Every table that a model declares, with columns, indexes and constraints."""
        ...

    def migrations(self) -> Migrations:
        """The Alembic revisions of the project, with their steps."""
        ...

    def chain(self) -> Chain:
        """What all revisions come to: the tables at the end, and what each revision makes and takes back."""
        ...
