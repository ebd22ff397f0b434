"""The project index: the facts of all files, joined. Text in, answers out; nothing of the project is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from merge_tool.index.models import Models
from merge_tool.index.names import Names, all_functions
from merge_tool.index.reader import read_module
from merge_tool.index.types import Types
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts, Unreadable
from merge_tool.rulekit.project import (
    CallSite,
    KeyVerdict,
    Model,
    QueryVerdict,
    Route,
    Scoped,
    SqlVerdict,
)
from merge_tool.rulekit.schema import Migrations, SchemaTable
from merge_tool.rulekit.tenants import takes_tenant
from merge_tool.rulekit.values import Call, Choice, Const, Items, Ref, Value

if TYPE_CHECKING:
    from merge_tool.index.openings import Openings
    from merge_tool.index.rawsql import SqlJudge
    from merge_tool.index.scopes import StatementJudge
    from merge_tool.index.staff import Staff

_MAX_CALLER_DEPTH = 4


@lru_cache(maxsize=4096)
def _read_once(
    path: str, source: bytes | str, marker: str, scripts: tuple[str, ...] = ()
) -> ModuleFacts | Unreadable:
    """The facts of a file, read once a process: a run of stories checks the same files many times over."""
    return read_module(path, source, marker, scripts)


class ProjectIndex:
    """See `merge_tool.rulekit.project.Project` for what can be asked."""

    def __init__(
        self, modules: Mapping[str, ModuleFacts], unreadable: tuple[Unreadable, ...], policy: Policy
    ) -> None:
        self.modules = modules
        self.unreadable = unreadable
        self.policy = policy
        self.names = Names(modules)
        self.types = Types(self.names)
        self.models = Models(self.names, policy)
        self._callers: dict[str, tuple[CallSite, ...]] = {}
        self._calls_by_name: dict[str, list[CallSite]] | None = None
        self._aliases: dict[str, set[str]] = {}
        self._targets: dict[str, dict[int, list[CallSite]]] = {}
        self._derived: set[str] | None = None
        self._routes: tuple[Route, ...] | None = None
        self._queries: dict[str, tuple[QueryVerdict, ...]] = {}
        self._statements: StatementJudge | None = None
        self._sql: SqlJudge | None = None
        self._texts: dict[str, tuple[SqlVerdict, ...]] = {}
        self._keys: dict[tuple[str, str], tuple[KeyVerdict, ...]] = {}
        self._schema: tuple[SchemaTable, ...] | None = None
        self._migrations: Migrations | None = None
        self._openings: Openings | None = None
        self._staff: Staff | None = None

    @classmethod
    def build(cls, files: Mapping[str, bytes | str], policy: Policy) -> ProjectIndex:
        """Reads the files and joins them.

        Args:
            files: path relative to the project's root, with forward slashes -> bytes or text. All are taken as Python.
            policy: says what the tenant column is and which tables are shared.

        Returns:
            the index; files that cannot be read are in `unreadable`, and the rest is indexed all the same.
        """
        modules: dict[str, ModuleFacts] = {}
        unreadable: list[Unreadable] = []
        with no_collection():
            for path in sorted(files):
                facts = _read_once(path, files[path], policy.global_marker, policy.forbidden_scripts)
                if isinstance(facts, Unreadable):
                    unreadable.append(facts)
                else:
                    modules[path] = facts
        return cls(modules, tuple(unreadable), policy)

    # ---- names ---------------------------------------------------------------------------------------------

    def resolve(self, path: str, dotted: str, function: FunctionFacts | None = None) -> str:
        """The absolute name that `dotted` stands for in a file; "" where nothing binds it."""
        return self.names.resolve(path, dotted, function)

    def function(self, qualified: str) -> FunctionFacts | None:
        """The function of an absolute name, re-exports followed."""
        return self.names.find_function(qualified) or self.names.find_function(
            self.names.canonical(qualified)
        )

    def find_class(self, qualified: str) -> ClassFacts | None:
        """The class of an absolute name, re-exports followed."""
        return self.names.find_class(qualified) or self.names.find_class(self.names.canonical(qualified))

    def qualified(self, function: FunctionFacts) -> str:
        """A function's absolute name."""
        return f"{self.modules[function.path].module}.{function.qualname}"

    def model(self, name: str) -> Model | None:
        """A model by absolute name, by table, or by class name where just one class has it."""
        return self.models.find(name)

    def is_tenant_model(self, name: str) -> bool:
        """Whether a model's rows belong to a tenant; False where there is no such model."""
        model = self.models.find(name)
        return model is not None and self.models.is_tenant(model)

    def all_models(self) -> tuple[Model, ...]:
        """Every model."""
        return tuple(self.models.by_name.values())

    def unclassified_models(self) -> tuple[Model, ...]:
        """The models that neither carry the tenant column nor stand in a list of the policy."""
        return self.models.unclassified()

    # ---- calls ---------------------------------------------------------------------------------------------

    def callee_name(self, path: str, function: FunctionFacts | None, call: Call) -> str:
        """The absolute name of what a call reaches; "" where it cannot be told."""
        return self.types.name_of(path, function, call.func)

    def type_name(self, path: str, function: FunctionFacts | None, value: Value) -> str:
        """The absolute name of the class or factory that a value comes of; "" where it cannot be told."""
        return self.types.type_of(path, function, value)

    def callee(self, path: str, function: FunctionFacts | None, call: Call) -> FunctionFacts | None:
        """The project's function that a call reaches. A call of a class reaches its `__init__`."""
        qualified = self.callee_name(path, function, call)
        if qualified:
            found = self.names.find_function(qualified)
            if found is not None:
                return found
            owner = self.names.find_class(qualified)
            if owner is not None:
                return self.types.method(owner, "__init__")
        return None

    def callers(self, qualified: str) -> tuple[CallSite, ...]:
        """The calls that reach a function (absolute name), by file and line."""
        known = self._callers.get(qualified)
        if known is None:
            function = self.names.find_function(qualified)
            known = tuple(self._sites_of(function)) if function is not None else ()
            self._callers[qualified] = known
        return known

    def called_by_super(self, name: str) -> bool:
        """Whether some method calls `super().name(…)`; which class that reaches, only the object's own class says."""
        self._index_calls()
        assert self._calls_by_name is not None  # just made
        return any(
            isinstance(site.call.receiver, Call) and site.call.receiver.dotted == "super"
            for site in self._calls_by_name.get(name, ())
        )

    def _sites_of(self, function: FunctionFacts) -> Iterator[CallSite]:
        """Only calls by a name that can mean the function are resolved: resolving all of them would cost as much as parsing."""
        self._index_calls()
        assert self._calls_by_name is not None  # just made
        name = function.name
        if name == "__init__":
            name = function.class_name.rpartition(".")[2]
        wanted = {name, *self._aliases.get(name, ())}
        if function.name == "__init__":  # a subclass without its own __init__ reaches it too
            if self._derived is None:
                self._derived = {
                    item.name
                    for module in self.modules.values()
                    for item in module.classes.values()
                    if item.bases
                }
            wanted.update(self._derived)
        for word in sorted(wanted):
            if word not in self._targets:  # each call is resolved once, however many functions have its name
                reached: dict[int, list[CallSite]] = {}
                for site in self._calls_by_name.get(word, ()):
                    callee = self.callee(site.path, site.function, site.call)
                    if callee is not None:
                        reached.setdefault(id(callee), []).append(site)
                self._targets[word] = reached
            yield from self._targets[word].get(id(function), ())

    def _index_calls(self) -> None:
        if self._calls_by_name is not None:
            return
        self._calls_by_name = {}
        for caller in all_functions(self.modules.values()):
            for local, target in caller.imports.items():
                last = target.rpartition(".")[2]
                if last != local:
                    self._aliases.setdefault(last, set()).add(local)
            for call in caller.calls:
                self._calls_by_name.setdefault(call.name, []).append(CallSite(caller.path, caller, call))

    def values_of(
        self, path: str, function: FunctionFacts, value: Value
    ) -> Iterator[tuple[str, FunctionFacts, Value]]:
        """A value, or where it is a parameter, what the callers pass for it, a few calls deep; with where each stands."""
        yield from self._values_of(path, function, value, _MAX_CALLER_DEPTH, frozenset())

    def _values_of(
        self, path: str, function: FunctionFacts, value: Value, depth: int, seen: frozenset[str]
    ) -> Iterator[tuple[str, FunctionFacts, Value]]:
        if isinstance(value, Choice):
            for arm in value.arms:
                yield from self._values_of(path, function, arm, depth, seen)
            return
        parameter = function.parameter(value.dotted) if isinstance(value, Ref) else None
        if parameter is None or depth == 0:
            yield path, function, value
            return
        qualified = self.qualified(function)
        sites = self.callers(qualified) if qualified not in seen else ()
        passed = False
        for site in sites:
            argument = passed_for(function, site.call, parameter.name)
            if argument is not None:
                passed = True
                yield from self._values_of(site.path, site.function, argument, depth - 1, seen | {qualified})
        if not passed:
            yield path, function, value

    # ---- what rules ask --------------------------------------------------------------------------------------

    def routes(self) -> tuple[Route, ...]:
        """Every route, with where its tenant comes from."""
        if self._routes is None:
            from merge_tool.index.routes import RouteReader

            self._routes = tuple(RouteReader(self).routes())
        return self._routes

    def why_open(self, route: Route) -> str:
        """What speaks for a route that has no tenant, said for people; "" where nothing does."""
        if self._openings is None:
            from merge_tool.index.openings import Openings

            self._openings = Openings(self)
        return self._openings.why(route)

    def why_harmless(self, function: FunctionFacts) -> str:
        """Why a handler can come to no tenant's rows, said for people; "" where it may."""
        if self._openings is None:
            from merge_tool.index.openings import Openings

            self._openings = Openings(self)
        return self._openings.harmless(function)

    def staff_of(self, function: FunctionFacts) -> str:
        """What keeps all but the platform's own staff out of a function, said for people; "" where nothing does."""
        if self._staff is None:
            from merge_tool.index.staff import Staff

            self._staff = Staff(self)
        behind = self._staff.behind(function)
        return f"it stands behind {behind}, which looks like the platform's own staff" if behind else ""

    def query_verdicts(self, path: str) -> Iterable[QueryVerdict]:
        """What came of the statements that leave the functions of a file; a verdict may lie in another file."""
        if path not in self._queries:
            from merge_tool.index.scopes import judge_module

            self._queries[path] = tuple(map(self._with_staff, judge_module(self, path)))
        return self._queries[path]

    def _with_staff(self, verdict: QueryVerdict) -> QueryVerdict:
        """What only the platform's own staff comes to reads all tenants by design, or forgets one: the text does not tell."""
        if (
            verdict.scoped not in (Scoped.NO, Scoped.PARTIAL)
            or verdict.function is None
            or verdict.kind == "insert"
            or takes_tenant(verdict.function, self.policy)
        ):
            return verdict
        why = self.staff_of(verdict.function)
        if not why:
            return verdict
        return replace(verdict, scoped=Scoped.UNDECIDED, reasons=(*verdict.reasons, why))

    @property
    def statements(self) -> StatementJudge:
        """The judge of statements, made when the first is asked for."""
        if self._statements is None:
            from merge_tool.index.scopes import StatementJudge

            self._statements = StatementJudge(self)
        return self._statements

    def sql_verdicts(self, path: str) -> Iterable[SqlVerdict]:
        """What came of the SQL that a file's functions hand over as text."""
        if self._sql is None:
            from merge_tool.index.rawsql import SqlJudge

            self._sql = SqlJudge(self)
        if path not in self._texts:
            self._texts[path] = tuple(self._sql.judge(path))
        return self._texts[path]

    def key_verdicts(self, path: str, kind: str = "key") -> Iterable[KeyVerdict]:
        """What came of what a file hands to Redis: its `key`s, `pattern`s of scans, `channel`s or `lock`s."""
        if (path, kind) not in self._keys:
            from merge_tool.index.keys import judge_keys

            self._keys[path, kind] = tuple(judge_keys(self, path, kind))
        return self._keys[path, kind]

    def schema(self) -> tuple[SchemaTable, ...]:
        """Every table that a model declares."""
        if self._schema is None:
            from merge_tool.index.schema import read_schema

            self._schema = read_schema(self)
        return self._schema

    def migrations(self) -> Migrations:
        """The Alembic revisions of the project."""
        if self._migrations is None:
            from merge_tool.index.migrations import read_migrations

            self._migrations = read_migrations(self)
        return self._migrations


@contextmanager
def no_collection() -> Iterator[None]:
    """Keeps the collector of cycles from walking the growing facts again and again: they hold none, and it costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def passed_for(function: FunctionFacts, call: Call, name: str) -> Value | None:
    """What a call passes for a parameter: its argument, else the parameter's default, else None (left out or hidden in a star)."""
    positions = [item.name for item in function.params if item.kind == "positional"]
    bound = bool(positions) and positions[0] in ("self", "cls") and function.class_name
    if bound:
        positions = positions[1:]
    position = positions.index(name) if name in positions else 10_000
    found = call.argument(position, name)
    if found is not None:
        return found
    parameter = function.parameter(name)
    if parameter is None or call.has_star:
        return None
    if parameter.kind == "*":
        return Items(call.args[len(positions) :])
    return parameter.default


def leaves_out(function: FunctionFacts, call: Call, name: str) -> bool:
    """Whether a call surely passes nothing, or None, for a parameter."""
    if call.has_star:
        return False
    value = passed_for(function, call, name)
    return value is None or (isinstance(value, Const) and value.value is None)
