"""Where a file builds a FastAPI application (or a router that gathers others), and where a router is included in it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.codemods.importing import Resolver, bound_imports, dotted, module_name, target_of, walk_scope

_APPLICATIONS = ("fastapi.FastAPI", "fastapi.applications.FastAPI")
_ROUTERS = ("fastapi.APIRouter", "fastapi.routing.APIRouter")


@dataclass(frozen=True)
class Site:
    """Where the call goes: `variable.include_router(…)` behind the statement that starts on `line`."""

    variable: str
    line: int


class CannotTellError(Exception):
    """Nothing is edited; the message says why. `line` is the site."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


def find_site(resolver: Resolver, path: str, tree: ast.Module) -> Site:
    """Where an `include_router` call belongs in a file.

    Raises:
        CannotTellError: no application is built there, or several are.
    """
    # A file that builds an application may also gather routers; the application is what is meant.
    candidates = _candidates(resolver, path, tree, _APPLICATIONS) or _candidates(
        resolver, path, tree, _ROUTERS
    )
    if not candidates:
        raise CannotTellError("no application was found here: no variable is a FastAPI()")
    most = max(count for count, _, _ in candidates)
    best = [(site, label) for count, site, label in candidates if count == most]
    if len(best) > 1:
        named = ", ".join(label for _, label in best)
        raise CannotTellError(f"several applications are built here: {named}", best[0][0].line)
    return best[0][0]


def _candidates(
    resolver: Resolver, path: str, tree: ast.Module, builders: Sequence[str]
) -> list[tuple[int, Site, str]]:
    """The variables that hold what `builders` make: how many routers each includes, where one more goes, a label."""
    candidates: list[tuple[int, Site, str]] = []
    module = module_name(path)
    owners: list[tuple[str, list[ast.stmt], ast.arguments | None]] = [("the module", tree.body, None)]
    owners += [
        (f"{node.name}()", node.body, node.args)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for label, body, arguments in owners:
        imports = {**resolver.imports(path), **bound_imports(body, path)}
        for variable in _app_variables(resolver, body, arguments, imports, module, builders):
            calls = [call for call in includes_in(body) if dotted(call.func) == f"{variable}.include_router"]
            built = arguments is None or variable not in {
                item.arg for item in ast.walk(arguments) if isinstance(item, ast.arg)
            }
            if not calls and not built:
                continue  # a function that is handed the application for something else
            site = _after_includes(body, variable, calls) if calls else _after_building(body, variable)
            candidates.append((len(calls), site, f"{label} line {site.line}"))
    return candidates


def scopes(tree: ast.Module, path: str) -> list[tuple[list[ast.stmt], dict[str, str]]]:
    """The body of the module and of each function, with the imports in force there."""
    top = bound_imports(tree.body, path)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(tree.body, top), *((node.body, {**top, **bound_imports(node.body, path)}) for node in functions)]


def includes_in(body: Sequence[ast.stmt]) -> list[ast.Call]:
    return [
        node
        for node in walk_scope(body)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "include_router"
    ]


def _app_variables(
    resolver: Resolver,
    body: Sequence[ast.stmt],
    arguments: ast.arguments | None,
    imports: dict[str, str],
    module: str,
    builders: Sequence[str],
) -> list[str]:
    """The variables of a scope that hold what `builders` make, in order."""

    def builds(node: ast.expr | None) -> bool:
        return (
            node is not None and bool(name := dotted(node)) and target_of(name, imports, module) in builders
        )

    def gives(node: ast.expr | None) -> bool:
        if isinstance(node, ast.Await):
            node = node.value
        if not isinstance(node, ast.Call):
            return False
        if builds(node.func):
            return True
        place, name = (
            resolver.place(target_of(dotted(node.func), imports, module)) if dotted(node.func) else ("", "")
        )
        other = resolver.tree(place) if place else None
        for item in other.body if other else []:
            if (
                isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                and item.name == name
                and item.returns is not None
            ):
                returned = (
                    item.returns.value if isinstance(item.returns, ast.Constant) else dotted(item.returns)
                )
                return (
                    isinstance(returned, str)
                    and target_of(returned, resolver.imports(place), module_name(place)) in builders
                )
        return False

    found: list[str] = []
    if arguments is not None:
        found += [
            item.arg
            for item in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            if builds(item.annotation)
        ]
    for node in walk_scope(body):
        if isinstance(node, ast.Assign) and gives(node.value):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and (builds(node.annotation) or gives(node.value))
        ):
            found.append(node.target.id)
    return list(dict.fromkeys(found))


def _after_includes(body: Sequence[ast.stmt], variable: str, calls: Sequence[ast.Call]) -> Site:
    """Behind the last unconditional call; where all stand under conditions, behind the statement that holds the last."""
    ids = {id(call) for call in calls}
    plain = [node for node in body if isinstance(node, ast.Expr) and id(node.value) in ids]
    if plain:
        return Site(variable, plain[-1].lineno)
    holder = next(node for node in reversed(body) if any(id(item) in ids for item in ast.walk(node)))
    if not _assigned(body[: body.index(holder) + 1], variable):
        raise CannotTellError(f"{variable} is not always there behind the last include_router", holder.lineno)
    return Site(variable, holder.lineno)


def _after_building(body: Sequence[ast.stmt], variable: str) -> Site:
    """Behind the application's construction and the middlewares that follow it, before anything that is mounted."""
    made = next((index for index, _ in enumerate(body) if _assigned(body[: index + 1], variable)), None)
    if made is None:
        line = next((node.lineno for node in body), 1)
        raise CannotTellError(f"{variable} is built under a condition", line)
    last = made
    for index in range(made + 1, len(body)):
        node = body[index]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func)
            if called == f"{variable}.mount":
                break
            if called.startswith(f"{variable}."):
                last = index
                continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Return):
            break
    return Site(variable, body[last].lineno)


def _assigned(body: Sequence[ast.stmt], variable: str) -> bool:
    """Whether `variable` is bound whichever way control goes through `body`."""
    for node in body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign) and node.value
            else []
        )
        if any(isinstance(item, ast.Name) and item.id == variable for item in targets):
            return True
        if isinstance(node, ast.If) and _assigned(node.body, variable) and _assigned(node.orelse, variable):
            return True
        if isinstance(node, ast.With | ast.AsyncWith) and _assigned(node.body, variable):
            return True
    return False
