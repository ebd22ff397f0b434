"""Which functions of a project hand keys to Redis, and how a test calls each for two tenants."""

from __future__ import annotations

from collections.abc import Iterator

from merge_tool.index.keys import client_calls
from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.inventing import Inventor, is_session
from merge_tool.isolation.model import Case, NotTested, Options
from merge_tool.isolation.places import is_away
from merge_tool.plan.patterns import PathMatcher
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Call, Ref


class KeyCases:
    """Makes the tests of Redis keys."""

    def __init__(self, index: ProjectIndex, options: Options) -> None:
        self._index = index
        self._options = options
        self._inventor = Inventor(index)
        self._clients: dict[tuple[str, str], bool] = {}

    def cases(self) -> Iterator[Case | NotTested]:
        """A test, or the reason for none, for each function whose own key knows the tenant or ought to."""
        patterns = self._options.keys
        matcher = PathMatcher(tuple(patterns)) if patterns is not None else None
        for path, module in self._index.modules.items():
            if is_away(path) or (matcher is not None and not matcher.matches(path)):
                continue
            for function in module.functions.values():
                hidden = function.name == "<module>" or function.name.startswith("_")
                if not hidden and not self._passes_key(function) and self._names_keys(function):
                    yield self._case(function)

    def _names_keys(self, function: FunctionFacts) -> bool:
        """Whether it makes keys: it hands them to a client itself, or to a wrapper that is given the whole key."""
        if self._has_client(function):
            return True
        for call in function.calls:
            callee = self._index.callee(function.path, function, call)
            if (
                callee is not None
                and callee is not function
                and self._passes_key(callee)
                and self._has_client(callee)
            ):
                return True
        return False

    def _has_client(self, function: FunctionFacts) -> bool:
        key = (function.path, function.qualname)
        if key not in self._clients:
            self._clients[key] = any(True for _ in client_calls(self._index, function))
        return self._clients[key]

    def _passes_key(self, function: FunctionFacts) -> bool:
        """Whether it is a wrapper that is given the whole key, and so answers for nothing."""
        return any(item.name in ("key", "name", "pattern", "channel", "keys") for item in function.params)

    def _case(self, function: FunctionFacts) -> Case | NotTested:
        module = self._index.modules[function.path]
        what, line = f"the keys of {module.module}.{function.qualname}", function.header.line
        names: set[str] = set()
        rows: dict[str, dict[str, str]] = {}
        called, before = self._callee(function, names)
        if not called:
            return NotTested(what, function.path, line, before)
        arguments = []
        bound = bool(function.class_name) and not _static(function)
        for parameter in function.params[1:] if bound else function.params:
            if parameter.kind in ("*", "**"):
                continue
            named = parameter.name in (self._index.policy.parameter, self._index.policy.column)
            if parameter.default is not None and not named and not is_session(parameter):
                continue
            made = self._inventor.argument(function, parameter, tenant="tenant")
            if isinstance(made, str):
                return NotTested(what, function.path, line, made)
            names |= made.names
            for model, columns in made.rows.items():
                rows.setdefault(model, {}).update(columns)
            plain = parameter.kind == "positional" and parameter.default is None
            arguments.append(made.text if plain else f"{parameter.name}={made.text}")
        text = f"{called}({', '.join(arguments)})"
        return Case(
            "test_keys_of_" + "_".join(words(function.qualname.replace(".", "_"))), "redis", "",
            ("await " if function.is_async else "") + text, f"{function.path}:{line}", function.path, line, function.is_async,
            False, names | set(rows), rows, (before,) if before else (),
        )  # fmt: skip

    def _callee(self, function: FunctionFacts, names: set[str]) -> tuple[str, str]:
        """What is called, and what must be awaited before it; or "" with why there is nothing."""
        module = self._index.modules[function.path]
        if not function.class_name:
            if function.qualname != function.name:
                return "", "it stands inside another function"
            names.add(f"{module.module}.{function.name}")
            return function.name, self._connecting(function, names)
        facts = module.classes.get(function.class_name)
        if facts is None or "." in function.class_name:
            return "", f"the class {function.class_name} cannot be imported"
        if _static(function):
            names.add(f"{module.module}.{facts.name}")
            return f"{facts.name}.{function.name}", self._connecting(function, names)
        for name, value in module.top.variables.items():
            if isinstance(value, Call) and isinstance(value.func, Ref) and value.func.dotted == facts.name:
                names.add(f"{module.module}.{name}")
                return f"{name}.{function.name}", self._connecting(function, names)
        init = self._index.types.method(facts, "__init__")
        wanted = [
            item
            for item in (init.params[1:] if init is not None else ())
            if item.default is None and item.kind not in ("*", "**")
        ]
        arguments = []
        for parameter in wanted:
            assert init is not None  # it has parameters
            made = self._inventor.argument(init, parameter, tenant="tenant")
            if isinstance(made, str):
                return "", f"a {facts.name} cannot be made: {made}"
            names |= made.names
            arguments.append(made.text)
        names.add(f"{module.module}.{facts.name}")
        return f"{facts.name}({', '.join(arguments)}).{function.name}", self._connecting(function, names)

    def _connecting(self, function: FunctionFacts, names: set[str]) -> str:
        """`await cache.connect()`, where the keys go through an object of the project that must be connected first."""
        for call in function.calls:
            receiver = call.receiver
            if not isinstance(receiver, Ref) or "." in receiver.dotted:
                continue
            qualified = self._index.resolve(function.path, receiver.dotted, function)
            module, inside = self._index.names.split(qualified) if qualified else (None, "")
            value = module.top.variables.get(inside) if module is not None and inside else None
            if module is None or not isinstance(value, Call):
                continue
            facts = self._index.find_class(self._index.callee_name(module.path, None, value))
            connect = self._connect(facts) if facts is not None else None
            if connect is not None:
                names.add(qualified)
                return f"{'await ' if connect.is_async else ''}{receiver.dotted}.{connect.name}()"
        return ""

    def _connect(self, facts: ClassFacts) -> FunctionFacts | None:
        for name in ("connect", "initialize", "init", "start"):
            found = self._index.types.method(facts, name)
            if found is not None and all(item.default is not None for item in found.params[1:]):
                return found
        return None


def _static(function: FunctionFacts) -> bool:
    return any(
        isinstance(item, Ref) and item.last in ("staticmethod", "classmethod") for item in function.decorators
    )
