"""What the endpoints of a FastAPI application take and give, read from its routes as text; nothing is imported or executed."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.actions.payloads import Payloads, named
from merge_tool.model.policy import Policy

if TYPE_CHECKING:
    from merge_tool.rulekit.project import Route

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PLUMBING = frozenset(
    (
        "Request",
        "Response",
        "WebSocket",
        "BackgroundTasks",
        "AsyncSession",
        "Session",
        "HTTPConnection",
        "SecurityScopes",
    )
)
_MARKERS = {"Query": "query", "Path": "path", "Header": "header", "Cookie": "cookie", "Body": "body", "Form": "form", "File": "form"}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One parameter of an endpoint. `place` is path, query, header, cookie, body, form or dependency."""

    name: str
    place: str
    type: str
    required: bool
    default: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One path operation.

    Attributes:
        method: `GET`, …
        path: the full path.
        summary: the docstring's first line.
        parameters: what a client sends, and the dependencies that it must satisfy.
        tenant: how the tenant comes in: the dependency's name, where it stands, or "" without one.
        status: the status of success.
        response: the response model; "" where none is declared.
        errors: the status codes that the function itself raises, and those of its tenant dependency.
        body: an example of the request's JSON, or "".
        example: an example of the response's JSON, or "".
        where: `path:line` of the function.
    """

    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    tenant: str
    status: int
    response: str
    errors: tuple[int, ...]
    body: str
    example: str
    where: str


def read_endpoints(
    files: Mapping[str, bytes], policy: Policy, chosen: Collection[str]
) -> tuple[Endpoint, ...]:
    """The endpoints whose functions stand in `chosen`, by path and method.

    Args:
        files: every Python file of the project: routers are mounted anywhere, and models stand anywhere.
    """
    from merge_tool.index.project import ProjectIndex

    index = ProjectIndex.build(files, policy)
    payloads = Payloads(files)
    trees: dict[str, ast.Module | None] = {}
    found: list[Endpoint] = []
    for route in index.routes():
        if route.function_path not in chosen:
            continue
        if route.function_path not in trees:
            trees[route.function_path] = payloads.tree(route.function_path)
        tree = trees[route.function_path]
        function = _function_at(tree, route) if tree is not None else None
        if function is not None:
            found += _endpoints(route, function, payloads, policy)
    return tuple(sorted(found, key=lambda item: (item.path, item.method)))


def _function_at(tree: ast.Module, route: Route) -> Function | None:
    name = route.function.rpartition(".")[2]
    same = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
    ]
    return next((node for node in same if node.lineno == route.line), same[0] if len(same) == 1 else None)


def _endpoints(route: Route, function: Function, payloads: Payloads, policy: Policy) -> Iterator[Endpoint]:
    keywords = _decorator_keywords(function)
    response = keywords.get("response_model") or (
        function.returns if not keywords.get("response_class") else None
    )
    status = _status(keywords.get("status_code")) or 200
    tenant = _tenant(route, function, policy)
    errors = set(_raised(function)) | ({401} if tenant else set())
    doc = (ast.get_docstring(function) or "").strip().partition("\n")[0]
    for path in route.paths:
        parameters = tuple(_parameters(function, path, payloads, route.function_path))
        bodies = [item for item in parameters if item.place == "body"]
        body = payloads.example(bodies[0].type, route.function_path) if len(bodies) == 1 else ""
        shown = ast.unparse(response) if response is not None else ""
        for method in route.method.split(","):
            yield Endpoint(
                method.strip(), path, doc, parameters, tenant, status, "" if shown == "None" else shown,
                tuple(sorted(errors)), body, payloads.example(shown, route.function_path) if shown else "",
                f"{route.function_path}:{function.lineno}",
            )  # fmt: skip


def _decorator_keywords(function: Function) -> dict[str, ast.expr]:
    """The keywords of the decorators that make it a route."""
    return {
        item.arg: item.value
        for node in function.decorator_list
        if isinstance(node, ast.Call)
        for item in node.keywords
        if item.arg
    }


def _tenant(route: Route, function: Function, policy: Policy) -> str:
    for argument, default in _arguments(function):
        name = _dependency(argument.annotation, default)
        if argument.arg == policy.column and name:
            return name
    return f"given by the {route.by}" if route.has_tenant else ""


def _arguments(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    plain = [*function.args.posonlyargs, *function.args.args]
    gap = len(plain) - len(function.args.defaults)
    for number, argument in enumerate(plain):
        yield argument, function.args.defaults[number - gap] if number >= gap else None
    yield from zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)


def _marker(annotation: ast.expr | None, default: ast.expr | None) -> ast.Call | None:
    """`Query(…)`, `Depends(…)` and the like: as the default, or in `Annotated[…]`."""
    if isinstance(default, ast.Call):
        return default
    if isinstance(annotation, ast.Subscript) and named(annotation.value) == "Annotated":
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        return next((item for item in inside[1:] if isinstance(item, ast.Call)), None)
    return None


def _dependency(annotation: ast.expr | None, default: ast.expr | None) -> str:
    call = _marker(annotation, default)
    if call is None or named(call.func) not in ("Depends", "Security"):
        return ""
    return ast.unparse(call.args[0]) if call.args else _type(annotation)


def _type(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Subscript) and named(annotation.value) == "Annotated":
        inside = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        return ast.unparse(inside[0]) if inside else ""
    return ast.unparse(annotation) if annotation is not None else ""


def _parameters(function: Function, path: str, payloads: Payloads, where: str) -> Iterator[Parameter]:
    for argument, default in _arguments(function):
        shown = _type(argument.annotation)
        if argument.arg in ("self", "cls") or (shown.rpartition(".")[2] in _PLUMBING and default is None):
            continue
        if dependency := _dependency(argument.annotation, default):
            if "db" not in argument.arg and "session" not in shown.lower():
                yield Parameter(argument.arg, "dependency", dependency, True)
            continue
        call = _marker(argument.annotation, default)
        place = _MARKERS.get(named(call.func), "") if call is not None else ""
        if not place and (f"{{{argument.arg}}}" in path or f"{{{argument.arg}:" in path):
            place = "path"
        if not place:
            place = (
                "body" if payloads.is_model(shown, where) else "form" if "UploadFile" in shown else "query"
            )
        value = _default(call, default, annotated=call is not None and call is not default)
        required = place == "path" or value is None
        yield Parameter(
            argument.arg, place, shown or "str", required, "" if required or value is None else value
        )


def _default(call: ast.Call | None, default: ast.expr | None, *, annotated: bool) -> str | None:
    """A parameter's default as text; None where it has none."""
    if call is None or annotated:
        return None if default is None else ast.unparse(default)
    value = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "default"), None)
    if value is None or (isinstance(value, ast.Constant) and value.value is ...):
        return None
    return ast.unparse(value)


def _status(value: ast.expr | None) -> int | None:
    """A status code: a number, or a name that ends in one as `status.HTTP_404_NOT_FOUND` does."""
    if isinstance(value, ast.Constant) and isinstance(value.value, int):
        return value.value
    digits = named(value).split("_")[1] if value is not None and named(value).startswith("HTTP_") else ""
    return int(digits) if digits.isdigit() else None


def _raised(function: Function) -> Iterator[int]:
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and named(node.exc.func) == "HTTPException"
        ):
            values = [
                *node.exc.args[:1],
                *(item.value for item in node.exc.keywords if item.arg == "status_code"),
            ]
            yield from (code for value in values if (code := _status(value)))
