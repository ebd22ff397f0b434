"""Which functions FastAPI calls: routes and dependencies. It fills their parameters itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import Binding, FunctionNode, Module, Scope, defaults_of, parameters_of

METHODS = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route", "route", "websocket"}
)
_ADDERS = frozenset({"add_api_route", "add_api_websocket_route"})
_ROUTERS = frozenset(
    {"fastapi.FastAPI", "fastapi.APIRouter", "fastapi.routing.APIRouter", "fastapi.applications.FastAPI"}
)
_DEPENDS = frozenset(
    {"fastapi.Depends", "fastapi.Security", "fastapi.params.Depends", "fastapi.param_functions.Depends"}
)


@dataclass(frozen=True, slots=True)
class RouteDecorator:
    """A decorator that looks like a route's. `sure` is false where its router's class is not known."""

    node: ast.Call
    method: str
    sure: bool


def route_decorators(names: Names, module: Module, function: FunctionNode) -> list[RouteDecorator]:
    """The decorators of a function that register it as a FastAPI route."""
    scope = module.scope_of_definition(function)
    found = []
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Attribute)
            and decorator.func.attr in METHODS
        ):
            verdict = is_router(names, module, scope, decorator.func.value)
            if verdict is None and not _takes_path(decorator):
                continue
            if verdict is not False:
                found.append(RouteDecorator(decorator, decorator.func.attr, bool(verdict)))
    return found


def _takes_path(call: ast.Call) -> bool:
    first = (
        call.args[0]
        if call.args
        else next((item.value for item in call.keywords if item.arg == "path"), None)
    )
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and (first.value.startswith("/") or not first.value)
    )


def is_router(names: Names, module: Module, scope: Scope, node: ast.expr) -> bool | None:
    """Whether an expression is a FastAPI application or router; None where its class is not known."""
    thing = names.resolve(module, scope, node)
    if thing is None and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        thing = _attribute(names, module, scope, node)
    if thing is None:
        return None
    if thing.kind == "instance" and not thing.path:
        return thing.dotted in _ROUTERS
    if thing.kind == "instance":
        return True if _is_subclass(names, thing) else None
    return None if thing.kind in ("unsure", "external") else False


def _is_subclass(names: Names, thing: Thing) -> bool:
    for _, module, node in names.lineage(thing):
        scope = module.scope_of_definition(node)
        for base in node.bases:
            known = names.resolve(module, scope, base)
            if known is not None and known.dotted in _ROUTERS:
                return True
    return False


def _attribute(names: Names, module: Module, scope: Scope, node: ast.Attribute) -> Thing | None:
    """What `self.router` is, by the one assignment to it in its class."""
    owner = names.resolve(module, scope, node.value)
    if owner is None or owner.kind != "instance" or owner.path != module.path:
        return None
    values = [
        (item.value, module.scope_of.get(target.value))
        for item in ast.walk(module.tree)
        if isinstance(item, (ast.Assign, ast.AnnAssign)) and item.value is not None
        for target in (item.targets if isinstance(item, ast.Assign) else [item.target])
        if isinstance(target, ast.Attribute)
        and target.attr == node.attr
        and isinstance(target.value, ast.Name)
    ]
    if len(values) != 1 or values[0][1] is None:
        return None
    return names.resolve(module, values[0][1], values[0][0])


def is_depends(names: Names, module: Module, node: ast.AST) -> bool:
    """Whether a node is a call of FastAPI's `Depends` or `Security`."""
    if not isinstance(node, ast.Call) or node not in module.scope_of:
        return False
    last = (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )
    thing = names.resolve(module, module.scope_of[node], node.func) if last else None
    return thing.dotted in _DEPENDS if thing else last in ("Depends", "Security")


def dependency_of(names: Names, module: Module, call: ast.AST) -> Thing | None:
    """What `Depends(x)` depends on, where `call` is one."""
    if not isinstance(call, ast.Call) or not is_depends(names, module, call):
        return None
    node = dependency_node(call)
    return names.resolve(module, module.scope_of[call], node) if node is not None else None


def dependency_node(call: ast.Call) -> ast.expr | None:
    """The expression within `Depends(…)`."""
    if call.args:
        return call.args[0]
    return next((item.value for item in call.keywords if item.arg == "dependency"), None)


def depends_of_parameter(names: Names, module: Module, function: FunctionNode, name: str) -> ast.Call | None:
    """The `Depends(…)` by which FastAPI fills a parameter: its default, in its `Annotated[…]`, or in an alias of that."""
    default = defaults_of(function.args).get(name)
    if isinstance(default, ast.Call) and is_depends(names, module, default):
        return default
    annotation = next((item.annotation for item in parameters_of(function.args) if item.arg == name), None)
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Call) and is_depends(names, module, node):
            return node
    return None


def has_dependencies(names: Names, module: Module, function: FunctionNode) -> bool:
    """Whether FastAPI fills a parameter of the function: then nobody else can call it without giving that one."""
    return any(
        depends_of_parameter(names, module, function, item.arg) is not None
        for item in parameters_of(function.args)
    )


def alias_dependency(names: Names, module: Module, scope: Scope, annotation: ast.expr | None) -> Thing | None:
    """What `TenantId` depends on, where it is `TenantId = Annotated[int, Depends(x)]` in the project."""
    if not isinstance(annotation, (ast.Name, ast.Attribute)):
        return None
    found = definition(names, module, scope, annotation)
    if found is None:
        return None
    home, binding = found
    for node in ast.walk(binding.value) if binding.value is not None else ():
        if isinstance(node, ast.Call) and (thing := dependency_of(names, home, node)) is not None:
            return thing
    return None


def definition(
    names: Names, module: Module, scope: Scope, node: ast.Name | ast.Attribute, depth: int = 0
) -> tuple[Module, Binding] | None:
    """The one assignment at the top of a file that a name stands for, through imports."""
    if isinstance(node, ast.Attribute):
        owner = names.resolve(module, scope, node.value)
        if owner is None or owner.kind != "module" or not owner.path:
            return None
        return _variable(names, owner.path, node.attr, depth)
    found = scope.find(node.id)
    if found is None or len(found[1]) != 1 or depth > 20:
        return None
    binding = found[1][0]
    if binding.kind == "from":
        owner = names.find(names.absolute(module, binding))
        return _variable(names, owner.path, binding.name, depth) if owner and owner.path else None
    return (module, binding) if binding.kind == "assign" and found[0].kind == "module" else None


def _variable(names: Names, path: str, name: str, depth: int) -> tuple[Module, Binding] | None:
    module = names.module(path)
    return definition(names, module, module.scope, ast.Name(name, ast.Load()), depth + 1) if module else None


def is_added(names: Names, module: Module, node: ast.AST) -> bool:
    """Whether a name is given to `add_api_route`, which makes it a route."""
    call = module.parents.get(node)
    if isinstance(call, ast.keyword):
        call = module.parents.get(call)
    if isinstance(call, ast.Call) and call.func is node:
        return False
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Attribute)
        or call.func.attr not in _ADDERS
    ):
        return False
    return is_router(names, module, module.scope_of[call], call.func.value) is not False
