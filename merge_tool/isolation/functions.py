"""Which functions of a project query tenants' rows, and how a test calls each."""

from __future__ import annotations

from collections.abc import Iterator

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.crossing import Crossing
from merge_tool.isolation.inventing import Inventor, is_session
from merge_tool.isolation.model import Case, Expression, NotTested, Options
from merge_tool.isolation.places import is_away, keeps_queries
from merge_tool.plan.patterns import PathMatcher
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, Parameter
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Ref


class FunctionCases:
    """Makes the tests of query functions."""

    def __init__(self, index: ProjectIndex, options: Options) -> None:
        self._index = index
        self._options = options
        self._inventor = Inventor(index)
        self._crossing = Crossing(index)

    def cases(self) -> Iterator[Case | NotTested]:
        """A test, or the reason for none, for each function with a session that comes to a tenant's rows."""
        patterns = self._options.functions
        matcher = PathMatcher(tuple(patterns)) if patterns is not None else None
        endpoints = {(route.function_path, route.function) for route in self._index.routes()}
        for path, module in self._index.modules.items():
            if (
                (not matcher.matches(path))
                if matcher is not None
                else (is_away(path) or not keeps_queries(path))
            ):
                continue
            for function in module.functions.values():
                if self._is_tested(function) and (path, function.qualname) not in endpoints:
                    yield self._case(function)

    def _is_tested(self, function: FunctionFacts) -> bool:
        if function.name.startswith("_") or function.name == "<module>" or self._is_nested(function):
            return False
        module = self._index.modules[function.path]
        owner = module.classes.get(function.class_name) if function.class_name else None
        init = module.functions.get(f"{function.class_name}.__init__") if owner is not None else None
        takes = any(is_session(item) for item in function.params)
        holds = init is not None and any(is_session(item) for item in init.params)
        return (takes or holds) and self._touches(function)

    def _is_nested(self, function: FunctionFacts) -> bool:
        return function.qualname != (
            f"{function.class_name}.{function.name}" if function.class_name else function.name
        )

    def _touches(self, function: FunctionFacts, depth: int = 2) -> bool:
        """Whether it comes to a tenant's rows: by a statement, a constructor, a row that it is given, or a call."""
        for verdict in self._index.query_verdicts(function.path):
            model = self._index.models.find(verdict.entity)
            if verdict.function is function and model is not None and self._inventor.is_own(model):
                return True
        for parameter in function.params:
            model = self._index.models.find(self._inventor.type_of(function, parameter.annotation) or "?")
            if model is not None and self._inventor.is_own(model):
                return True
        for call in function.calls:
            model = self._index.models.find(self._index.callee_name(function.path, function, call) or "?")
            if model is not None and self._inventor.is_own(model):
                return True
            callee = self._index.callee(function.path, function, call) if depth else None
            if callee is not None and callee is not function and self._touches(callee, depth - 1):
                return True
        return False

    def _case(self, function: FunctionFacts) -> Case | NotTested:
        module = self._index.modules[function.path]
        what = f"{module.module}.{function.qualname}"
        line = function.header.line
        made = _Call(self._inventor, self._index)
        called = made.callee(function)
        if called is None:
            return NotTested(what, function.path, line, made.reason)
        arguments = made.arguments(function, bound=_is_bound(function))
        if arguments is None:
            return NotTested(what, function.path, line, made.reason)
        rows, names = self._inventor.rows_for(function)
        for model, columns in made.rows.items():
            rows.setdefault(model, {}).update(columns)
        lacking = self._inventor.lacking(function)
        crossing = tuple(name for name in self._crossing.models(function) if name not in lacking)
        text = f"{called}({', '.join(arguments)})"
        short = words(function.qualname.replace(".", "_"))
        return Case(
            "test_" + "_".join(short),
            "session",
            "",
            ("await " if function.is_async else "") + text,
            f"{function.path}:{line}",
            function.path,
            line,
            function.is_async,
            not made.own_only,
            made.names | names | set(rows) | lacking | set(crossing),
            rows,
            lacking=tuple(sorted(lacking)),
            crossing=crossing,
        )


class _Call:
    """The text of one call, put together."""

    def __init__(self, inventor: Inventor, index: ProjectIndex) -> None:
        self._inventor = inventor
        self._index = index
        self.names: set[str] = set()
        self.rows: dict[str, dict[str, str]] = {}
        self.own_only = False
        self.reason = ""

    def callee(self, function: FunctionFacts) -> str | None:
        """What is called: a function, `Class.method`, or `Class(db).method`."""
        module = self._index.modules[function.path].module
        if not function.class_name:
            self.names.add(f"{module}.{function.name}")
            return function.name
        facts = self._index.modules[function.path].classes.get(function.class_name)
        if facts is None or "." in function.class_name:
            self.reason = f"the class {function.class_name} cannot be imported"
            return None
        self.names.add(f"{module}.{facts.name}")
        if not _is_bound(function) or _decorated(function, "classmethod"):
            return f"{facts.name}.{function.name}"
        init = self._init(facts)
        arguments = self.arguments(init, bound=True) if init is not None else []
        if arguments is None:
            self.reason = f"a {facts.name} cannot be made: {self.reason}"
            return None
        return f"{facts.name}({', '.join(arguments)}).{function.name}"

    def _init(self, facts: ClassFacts) -> FunctionFacts | None:
        return self._index.types.method(facts, "__init__")

    def arguments(self, function: FunctionFacts, *, bound: bool) -> list[str] | None:
        """The arguments that must be given, or None with the reason kept."""
        found: list[str] = []
        for number, parameter in enumerate(function.params[1:] if bound else function.params):
            if parameter.kind in ("*", "**"):
                continue
            if parameter.default is not None and not self._wanted(parameter):
                continue
            made = self._inventor.argument(function, parameter)
            if isinstance(made, str):
                self.reason = made
                return None
            self._take(made)
            plain = parameter.kind == "positional" and parameter.default is None and len(found) == number
            found.append(made.text if plain else f"{parameter.name}={made.text}")
        return found

    def _wanted(self, parameter: Parameter) -> bool:
        """Whether an argument is given although there is a default: the tenant and the session always are."""
        policy = self._index.policy
        return parameter.name in (policy.parameter, policy.column) or is_session(parameter)

    def _take(self, made: Expression) -> None:
        self.names |= made.names
        self.own_only |= made.own_only
        for model, columns in made.rows.items():
            self.rows.setdefault(model, {}).update(columns)


def _is_bound(function: FunctionFacts) -> bool:
    return bool(function.class_name) and not _decorated(function, "staticmethod")


def _decorated(function: FunctionFacts, name: str) -> bool:
    return any(isinstance(item, Ref) and item.last == name for item in function.decorators)
