"""The project index: the facts of all files, joined. Text in, answers out; nothing of the project is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from merge_tool.index.asking import ProjectAnswers
from merge_tool.index.models import Models
from merge_tool.index.names import Names
from merge_tool.index.outlines import Tables
from merge_tool.index.passing import passed_for
from merge_tool.index.reader import read_module
from merge_tool.index.track import Answers, Memo, Tracker
from merge_tool.index.types import Types
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts, Unreadable
from merge_tool.rulekit.matchers import matches_glob
from merge_tool.rulekit.project import CallSite, Model
from merge_tool.rulekit.values import Call, Choice, Ref, Value

if TYPE_CHECKING:
    pass

_MAX_CALLER_DEPTH = 4
T = TypeVar("T")
Place = tuple[str, str]  # a function's file and qualified name


@lru_cache(maxsize=4096)
def _read_once(
    path: str, source: bytes | str, marker: str, scripts: tuple[str, ...] = ()
) -> ModuleFacts | Unreadable:
    """The facts of a file, read once a process: a run of stories checks the same files many times over."""
    return read_module(path, source, marker, scripts)


class ProjectIndex(ProjectAnswers):
    """See `merge_tool.rulekit.project.Project` for what can be asked."""

    def __init__(
        self,
        modules: Mapping[str, ModuleFacts],
        unreadable: tuple[Unreadable, ...],
        policy: Policy,
        tracker: Tracker | None = None,
        tables: Tables | None = None,
        answers: Answers | None = None,
    ) -> None:
        """Joins files, given in order of path. Tables and answers are those of an earlier index that still hold."""
        self.modules = modules
        self.unreadable = unreadable
        self.policy = policy
        super().__init__(tracker or Tracker(), answers)
        self._tables = tables
        self.names = Names(modules, self.tracker)
        self.types = Types(self.names)
        self.models = self._all_models()
        self._callers: Memo[str, tuple[CallSite, ...]] = Memo(self.tracker)
        self._sites: Memo[str, tuple[CallSite, ...]] = Memo(self.tracker)
        self._targets: Memo[str, dict[Place, list[tuple[str, int]]]] = Memo(self.tracker)
        self._sites_in: Memo[tuple[str, str], tuple[CallSite, ...]] = Memo(self.tracker)
        self._checked_files: dict[str, bool] = {}
        self._below: dict[str, list[tuple[str, str]]] | None = None

    def _all_models(self) -> Models:
        models = Models(self.names, self.policy)
        for path, _ in self.tables.find("models"):
            for model in self.answers.get(f"models:{path}", models.of_file, path):
                models.add(model)
        models.link()
        return models

    @property
    def tables(self) -> Tables:
        """The outlines of all files."""
        if self._tables is None:
            self._tables = Tables.of(self.modules.values(), self.tracker)
        return self._tables

    def functions_in(self, table: str, key: str = "") -> Iterator[FunctionFacts]:
        """The functions that a table names, in order of path and place."""
        for path, names in self.tables.find(table, key):
            functions = self.modules[path].functions
            for name in names:
                yield functions[name]

    def named(self, name: str) -> list[ModuleFacts]:
        """The files whose dotted name is, or ends in, that name."""
        return self.names.ending(name)

    def calls_named(self, name: str) -> tuple[CallSite, ...]:
        """All calls of something of that name, by file and line."""
        return self._sites.ask(name, self._find_sites, name)

    def _find_sites(self, name: str) -> tuple[CallSite, ...]:
        return tuple(
            site
            for path, _ in self.tables.find("calls", name)
            for site in self._sites_in.ask((name, path), self._find_sites_in, name, path)
        )

    def _find_sites_in(self, name: str, path: str) -> tuple[CallSite, ...]:
        functions = self.modules[path].functions
        return tuple(
            CallSite(path, function, call)
            for qualname in self.tables.names("calls", name, path)
            for function in (functions[qualname],)
            for call in function.calls
            if call.name == name
        )

    def times_imported(self, name: str) -> int:
        """How many imports name a module or something in it."""
        return sum(len(names) for _, names in self.tables.find("imports", name))

    def subclasses(self, name: str) -> list[ClassFacts]:
        """The classes that have a class, by absolute name, among their bases."""
        if self._below is None:
            self._below = {}
            for path, _ in self.tables.find("bases"):
                for qualname, above in self.answers.get(f"bases:{path}", self.bases_in, path).items():
                    for base in above:
                        self._below.setdefault(base, []).append((path, qualname))
        self.tracker.seen.add(("", "below", name))
        return [self.modules[path].classes[qualname] for path, qualname in self._below.get(name, ())]

    def bases_in(self, path: str) -> dict[str, tuple[str, ...]]:
        """The classes of a file that have bases, with all of them."""
        module = self.modules[path]
        return {
            qualname: self.types.bases(f"{module.module}.{qualname}")[1:]
            for qualname, item in module.classes.items()
            if item.bases
        }

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
        return self._callers.ask(qualified, self._find_callers, qualified)

    def _find_callers(self, qualified: str) -> tuple[CallSite, ...]:
        function = self.names.find_function(qualified)
        return tuple(self._sites_of(function)) if function is not None else ()

    def checked_callers(self, qualified: str) -> tuple[CallSite, ...]:
        """Those of the callers that stand in files which the policy has checked: a test lets nothing go, and keeps nothing."""
        return tuple(site for site in self.callers(qualified) if self.is_checked(site.path))

    def is_checked(self, path: str) -> bool:
        """Whether the policy has a file checked."""
        known = self._checked_files.get(path)
        if known is None:
            take, leave = self.policy.checked_paths, self.policy.unchecked_paths
            known = (
                not take or any(matches_glob(path, item.removeprefix("/")) for item in take)
            ) and not any(matches_glob(path, item.removeprefix("/")) for item in leave)
            self._checked_files[path] = known
        return known

    def called_by_super(self, name: str) -> bool:
        """Whether some method calls `super().name(…)`; which class that reaches, only the object's own class says."""
        return bool(self.tables.find("supers", name))

    def _sites_of(self, function: FunctionFacts) -> Iterator[CallSite]:
        """Only calls by a name that can mean the function are resolved: resolving all of them would cost as much as parsing."""
        name = function.name
        if name == "__init__":
            name = function.class_name.rpartition(".")[2]
        wanted = {name}
        for _, names in self.tables.find("aliases", name):
            wanted.update(names)
        if function.name == "__init__":  # a subclass without its own __init__ reaches it too
            for _, names in self.tables.find("derived"):
                wanted.update(names)
        for word in sorted(wanted):
            targets = self._targets.ask(word, self._reached, word)
            for path, number in targets.get((function.path, function.qualname), ()):
                yield self._sites_in.ask((word, path), self._find_sites_in, word, path)[number]

    def _reached(self, word: str) -> dict[Place, list[tuple[str, int]]]:
        """The calls of a name by what they reach: each is resolved once, however many functions have that name."""
        reached: dict[Place, list[tuple[str, int]]] = {}
        for path, _ in self.tables.find("calls", word):
            self.tracker.seen.add(("", "reach", f"{word}:{path}"))
            for number, place in self.answers.get(f"reach:{word}:{path}", self.reach, word, path):
                reached.setdefault(place, []).append((path, number))
        return reached

    def reach(self, word: str, path: str) -> tuple[tuple[int, Place], ...]:
        """What the calls of a name in a file reach: the number of each call there, and the function's place."""
        found = []
        for number, site in enumerate(self._sites_in.ask((word, path), self._find_sites_in, word, path)):
            callee = self.callee(site.path, site.function, site.call)
            if callee is not None:
                found.append((number, (callee.path, callee.qualname)))
        return tuple(found)

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


@contextmanager
def no_collection() -> Iterator[None]:
    """Keeps the collector of cycles from walking the growing facts again and again: they hold none, and it costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # else the first collection walks all that was made meanwhile
            gc.enable()
