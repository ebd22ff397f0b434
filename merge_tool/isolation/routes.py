"""Which routes a project has, and the request that a test makes of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.bodies import BodyMaker
from merge_tool.isolation.crossing import Crossing
from merge_tool.isolation.inventing import Inventor, in_list, is_session, needs_value
from merge_tool.isolation.model import Case, Expression, Guarded, NotTested, Options
from merge_tool.isolation.places import is_away
from merge_tool.isolation.setting import Setting
from merge_tool.plan.patterns import PathMatcher
from merge_tool.rulekit.facts import FunctionFacts, Parameter
from merge_tool.rulekit.matchers import matches_route, words
from merge_tool.rulekit.project import Route
from merge_tool.rulekit.values import Call, Const, Item, Items, Ref, Value

_GIVEN = frozenset(("Depends", "Security"))
_NO_BODY = frozenset(
    ("Request", "Response", "BackgroundTasks", "WebSocket", "HTTPConnection", "SecurityScopes")
)
_FORMS = frozenset(("Form", "File", "UploadFile"))
_PART = re.compile(r"\{([^}:]+)(?::[^}]*)?\}")


class RouteCases:
    """Makes the tests of routes."""

    def __init__(self, index: ProjectIndex, options: Options, setting: Setting) -> None:
        self._index = index
        self._options = options
        self._setting = setting
        self._inventor = Inventor(index)
        self._crossing = Crossing(index)
        self._bodies = BodyMaker(index, self._inventor)

    def chosen(self) -> list[Route]:
        """The routes to test, each once, in order of file and line."""
        patterns = self._options.routes
        matcher = PathMatcher(tuple(patterns)) if patterns is not None else None
        found: dict[tuple[str, str], Route] = {}
        for route in self._index.routes():
            if is_away(route.function_path) or (
                matcher is not None and not matcher.matches(route.function_path)
            ):
                continue
            found.setdefault((route.method, route.paths[0]), route)
        return sorted(found.values(), key=lambda item: (item.function_path, item.line, item.method))

    def cases(self) -> Iterator[Case | NotTested]:
        """A test, or the reason for none, for each route."""
        for route in self.chosen():
            what = f"{route.method} {route.paths[0]}"
            made = self._case(route)
            yield made if isinstance(made, Case) else NotTested(what, route.function_path, route.line, made)

    def guarded(self) -> Iterator[Guarded]:
        """The routes on which a tenant dependency stands."""
        for route in self.chosen():
            if "{…}" in route.paths[0] or route.method == "WEBSOCKET" or "," in route.method:
                continue
            if route.has_tenant and not self._is_public(route):
                yield Guarded(route.method, self._plain_path(route), self._needs_user(route))

    def unguarded(self) -> Iterator[NotTested]:
        """The routes that need no tenant, which no test asks for a refusal."""
        for route in self.chosen():
            if not route.has_tenant and not self._is_public(route):
                yield NotTested(
                    f"{route.method} {route.paths[0]} without a tenant", route.function_path, route.line,
                    "no tenant dependency stands on it (see TF1), so nothing says that it must refuse",
                )  # fmt: skip

    def _is_public(self, route: Route) -> bool:
        return all(
            matches_route(route.method, path, self._index.policy.routes.public) for path in route.paths
        )

    def _needs_user(self, route: Route) -> bool:
        user = self._setting.user
        if user is None:
            return False
        function = self._index.modules[route.function_path].functions[route.function]
        given = {self._inventor.type_of(function, item.annotation) for item in function.params}
        return user.name in route.guards or user.qualified in given

    def _plain_path(self, route: Route) -> str:
        return _PART.sub("1", route.paths[0]) or "/"

    def _case(self, route: Route) -> Case | str:
        if route.method == "WEBSOCKET":
            return "a websocket stays open; ask it by hand"
        if "," in route.method:
            return "it takes several methods"
        if "{…}" in route.paths[0]:
            return "its path is put together when the program runs"
        function = self._index.modules[route.function_path].functions[route.function]
        made = Expression("")
        path_names = _PART.findall(route.paths[0])
        values: dict[str, Expression] = {}
        query: list[str] = []
        body: list[tuple[str, str]] = []
        for parameter in function.params:
            if (
                parameter.kind in ("*", "**")
                or parameter.name in ("self", "cls")
                or self._is_given(parameter, function)
            ):
                continue
            found = self._argument(function, parameter, parameter.name in path_names)
            if isinstance(found, str):
                return found
            if found is None:
                continue
            place, name, expression = found
            _take(made, expression)
            if place == "path":
                values[name] = expression
            elif place == "query":
                query.append(f'"{name}": {expression.text}')
            else:
                body.append((name, expression.text))
        for name in path_names:
            if name not in values:
                values[name] = Expression("1")
        rows, names = self._inventor.rows_for(function)
        for model, columns in made.rows.items():
            rows.setdefault(model, {}).update(columns)
        lacking = self._inventor.lacking(function)
        crossing = tuple(name for name in self._crossing.models(function) if name not in lacking)
        text = self._request(route, values, query, body)
        foreign = "owner" in text and not made.own_only
        short = "_".join(words(route.function.replace(".", "_")))
        return Case(
            f"test_{short}", "http", f"{route.method} {route.paths[0]}", text, f"{route.function_path}:{route.line}",
            route.function_path, route.line, True, foreign, made.names | names | set(rows) | lacking | set(crossing), rows,
            lacking=tuple(sorted(lacking)), crossing=crossing,
        )  # fmt: skip

    def _request(
        self, route: Route, values: dict[str, Expression], query: list[str], body: list[tuple[str, str]]
    ) -> str:
        path = (
            _PART.sub(lambda match: "{" + values[match[1]].text.replace('"', "'") + "}", route.paths[0])
            or "/"
        )
        quoted = f'f"{path}"' if "{" in path else f'"{path}"'
        parts = [f'"{route.method}"', quoted]
        if query:
            parts.append(f"params={{{', '.join(query)}}}")
        if len(body) == 1 and body[0][0] != "!":
            parts.append(f"json={body[0][1]}")
        elif body:
            inner = ", ".join(f'"{name}": {text}' for name, text in body)
            parts.append(f"json={{{inner}}}")
        return f"await client.request({', '.join(parts)})"

    def _is_given(self, parameter: Parameter, function: FunctionFacts) -> bool:
        """Whether FastAPI makes the argument itself: a dependency, the request, the session."""
        default = parameter.default
        if isinstance(default, Call) and default.name in _GIVEN:
            return True
        kind = parameter.annotation
        if kind is None:
            return False
        if isinstance(kind, Item) and isinstance(kind.key, Items):
            return any(isinstance(item, Call) and item.name in _GIVEN for item in kind.key.items)
        qualified = self._index.types.annotated(function.path, function, kind)
        if isinstance(kind, Ref):
            module, inside = self._index.names.split(self._index.resolve(function.path, kind.dotted))
            alias = module.top.variables.get(inside) if module is not None and inside else None
            if isinstance(alias, Item) and isinstance(alias.key, Items):
                return any(isinstance(item, Call) and item.name in _GIVEN for item in alias.key.items)
        return qualified.rpartition(".")[2] in _NO_BODY or is_session(parameter)

    def _argument(
        self, function: FunctionFacts, parameter: Parameter, in_path: bool
    ) -> tuple[str, str, Expression] | str | None:
        """Where an argument goes, its name there, and its text; None where it may be left out; or why there is none."""
        default, marker = parameter.default, ""
        name = parameter.name
        if isinstance(default, Call):
            marker = default.name
            alias = default.argument(99, "alias")
            name = alias.value if isinstance(alias, Const) and isinstance(alias.value, str) else name
            required = needs_value(default, parameter.annotation)
        else:
            required = default is None
        if isinstance(parameter.annotation, Item) and isinstance(parameter.annotation.key, Items):
            for item in parameter.annotation.key.items:
                if isinstance(item, Call):
                    marker = item.name
        if marker in _FORMS or _named(parameter.annotation) in _FORMS:
            return f"{name}: a form or a file is uploaded"
        if marker in ("Header", "Cookie"):
            return f"{name}: a {marker.lower()} that nobody can invent" if required else None
        if in_path:
            made = self._inventor.of_column(function, parameter.name) or self._inventor.plain(
                function, parameter.annotation or Ref("str"), parameter.name
            )
            return made if isinstance(made, str) else ("path", parameter.name, made)
        if not required:
            return None
        body = self._bodies.body(function, parameter, self._inventor.type_of(function, parameter.annotation))
        if body is not None:
            return body if isinstance(body, str) else ("body", "json", body)
        known = self._inventor.of_column(function, parameter.name)
        found = (
            in_list(known, parameter.annotation)
            if known
            else self._inventor.plain(function, parameter.annotation, parameter.name)
        )
        if isinstance(found, str):
            return found
        kind = _named(parameter.annotation)
        place = "body" if marker == "Body" or kind in ("dict", "Dict", "list", "List") else "query"
        return place, name if marker != "Body" else "json", found


def _named(annotation: Value | None) -> str:
    if isinstance(annotation, Item):
        annotation = annotation.base
    return annotation.last if isinstance(annotation, Ref) else ""


def _take(made: Expression, more: Expression) -> None:
    made.names |= more.names
    made.own_only |= more.own_only
    for model, columns in more.rows.items():
        made.rows.setdefault(model, {}).update(columns)
