"""Whether a function may get another parameter, or become async, without a caller that we cannot see breaking."""

from __future__ import annotations

import ast

from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module

# Decorators that hand every argument on.
_PASSING = frozenset(
    {
        "staticmethod", "classmethod", "functools.wraps", "functools.lru_cache", "functools.cache", "typing.final",
        "contextlib.contextmanager", "contextlib.asynccontextmanager", "tenacity.retry", "typing_extensions.override",
        "typing.no_type_check", "warnings.deprecated", "typing_extensions.deprecated",
    }
)  # fmt: skip
# Of these, the ones under which a function may become async.
_ASYNC_SAFE = frozenset(
    {"staticmethod", "classmethod", "typing.final", "tenacity.retry", "typing_extensions.override"}
)
# Bases outside the project that call no method of ours by name.
_HARMLESS = frozenset(
    {
        "object", "abc.ABC", "typing.Generic", "typing.NamedTuple", "pydantic.BaseModel", "enum.Enum", "enum.StrEnum", "enum.IntEnum",
        "Exception", "ValueError", "RuntimeError", "dict", "list",
    }
)  # fmt: skip


def is_test(path: str) -> bool:
    """Whether a file is a test or a test's set-up: what fails there fails loudly, and no user meets it."""
    *folders, name = path.split("/")
    return (
        name.startswith("test_")
        or name in ("conftest.py", "tests.py")
        or name.endswith("_test.py")
        or "tests" in folders
    )


def cannot_take(names: Names, module: Module, function: FunctionNode, name: str, fastapi: bool) -> str:
    """Why a function cannot get a parameter called `name`; empty: it can."""
    qualname = module.qualname[function]
    if len(module.functions[qualname]) > 1:
        return f"{qualname} is defined more than once in the file"
    if reason := _decorated(names, module, function, _PASSING, fastapi):
        return reason
    scope = module.body_of[function]
    if name in scope.bindings:
        return f"{qualname} sets a variable {name} of its own"
    if name in scope.elsewhere:
        return f"{qualname} declares {name} as {scope.elsewhere[name]}"
    return _overridden(names, module, function)


def cannot_await(names: Names, module: Module, function: FunctionNode, fastapi: bool) -> str:
    """Why a plain function cannot become async; empty: it can."""
    qualname = module.qualname[function]
    if reason := _decorated(names, module, function, _ASYNC_SAFE, fastapi):
        return f"{reason}, so it cannot become async"
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(function)):
        return f"{qualname} is a generator, so it cannot become async"
    return _overridden(names, module, function)


def own_nodes(function: FunctionNode) -> list[ast.AST]:
    """The nodes of a function's body, without those of the functions in it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (FunctionNode, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return found


def _decorated(
    names: Names, module: Module, function: FunctionNode, known: frozenset[str], fastapi: bool
) -> str:
    if fastapi:
        return ""  # FastAPI reads the signature through its decorators, so they hand on what it passes
    scope = module.scope_of_definition(function)
    for decorator in function.decorator_list:
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        thing = names.resolve(module, scope, node)
        written = ast.unparse(node)
        dotted = thing.dotted if thing else written
        if dotted not in known and not (known is _PASSING and thing and _hands_on(names, thing)):
            return f"it is decorated by @{written}, which may not hand a new argument on"
    return ""


def _hands_on(names: Names, thing: Thing) -> bool:
    """Whether a decorator of the project wraps functions in one that takes `*args, **kwargs`."""
    module = names.module(thing.path) if thing.path and thing.kind == "function" else None
    found = module.functions.get(thing.qualname, []) if module else []
    if len(found) != 1:
        return False
    inner = [node for node in ast.walk(found[0]) if isinstance(node, FunctionNode) and node is not found[0]]
    innermost = [
        node for node in inner if not any(isinstance(child, FunctionNode) for child in own_nodes(node))
    ]
    return bool(innermost) and all(
        node.args.vararg is not None and node.args.kwarg is not None for node in innermost
    )


def _overridden(names: Names, module: Module, function: FunctionNode) -> str:
    """Why a method's signature is not its own to change; empty: it is, or it is no method."""
    scope = module.scope_of_definition(function)
    if scope.kind != "class" or not isinstance(scope.node, ast.ClassDef):
        return ""
    name, klass = function.name, scope.node
    if name.startswith("__") and name.endswith("__"):
        return f"{klass.name}.{name} is a special method, called by Python"
    own = Thing("class", f"{module.name}.{module.qualname[klass]}", module.path, module.qualname[klass])
    for thing, home, node in names.lineage(own):
        if thing != own and name in home.body_of[node].bindings:
            return f"{klass.name}.{name} overrides {thing.qualname}.{name}"
        for base in node.bases:
            target = base.value if isinstance(base, ast.Subscript) else base
            known = names.resolve(home, home.scope_of_definition(node), target)
            dotted = known.dotted if known else ast.unparse(target)
            if (known is None or not known.path) and dotted not in _HARMLESS:
                return f"{klass.name} has the base {dotted} outside the project, which may call {name}"
    for other in names.containing({name}):
        for qualname, nodes in other.classes.items():
            thing = Thing("class", f"{other.name}.{qualname}", other.path, qualname)
            for node in nodes:
                inherits = any(
                    (item[0].path, item[0].qualname) == (own.path, own.qualname)
                    for item in names.lineage(thing)[1:]
                )
                if inherits and name in other.body_of[node].bindings:
                    return f"{qualname}.{name} in {other.path} overrides it"
    return ""
