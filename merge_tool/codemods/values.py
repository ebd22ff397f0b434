"""Values that are threaded through calls (the tenant, a database session), and where a place gets them from."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from merge_tool.codemods.fastapi_callables import alias_dependency, dependency_of, depends_of_parameter
from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import Binding, FunctionNode, Module, Scope, parameters_of
from merge_tool.model.policy import Policy


@dataclass(frozen=True, slots=True)
class Value:
    """A value to thread.

    Attributes:
        name: the parameter's name.
        annotation: its annotation as code.
        imports: dotted names that the annotation uses.
        default: the default of new parameters; empty: they are required.
        type_name: the last part of the class by which a parameter of another name is known to hold it; empty: only
            its name tells.
        dependencies: dotted names of the FastAPI dependencies that give it, the preferred one first. Empty: the one
            that the nearest functions of the project use for `type_name`.
        bare: those of the dependencies that are no dependencies by themselves, but functions of the context: taken where
            the project has no other.
        trusted: whether a value that the client may choose (a path or query parameter) must not be taken for it.
    """

    name: str
    annotation: str
    imports: tuple[str, ...] = ()
    default: str = ""
    type_name: str = ""
    dependencies: tuple[str, ...] = ()
    trusted: bool = False
    bare: tuple[str, ...] = ()


def tenant_value(policy: Policy, parameter: str = "", optional: bool = False) -> Value:
    """The tenant, as the policy has it."""
    getters = [name for name in policy.routes.dependencies if name in policy.context.getters]
    context = policy.context
    known = dict.fromkeys((*getters, *policy.routes.dependencies, *context.getters, *context.requirers))
    annotation = f"{policy.parameter_type} | None" if optional else policy.parameter_type
    return Value(
        parameter or policy.parameter,
        annotation,
        (),
        "None" if optional else "",
        "",
        tuple(known),
        trusted=True,
        bare=(*context.getters, *context.requirers),
    )


def session_value(dependency: str = "", name: str = "db") -> Value:
    """An asynchronous SQLAlchemy session."""
    dependencies = (dependency,) if dependency else ()
    return Value(
        name, "AsyncSession", ("sqlalchemy.ext.asyncio.AsyncSession",), "", "AsyncSession", dependencies
    )


def parameter_for(value: Value, function: FunctionNode) -> str:
    """The name of the parameter of a function that holds the value already; empty: none does."""
    parameters = parameters_of(function.args)
    if any(item.arg == value.name for item in parameters):
        return value.name
    typed = [item.arg for item in parameters if value.type_name and _last(item.annotation) == value.type_name]
    return typed[0] if typed else ""


def _last(annotation: ast.expr | None) -> str:
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Constant(value=str(text)):
            return text.rpartition(".")[2]
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _last(first)
    return ""


def from_request(names: Names, module: Module, function: FunctionNode, parameter: str) -> bool:
    """Whether a FastAPI function's parameter is filled from the request and not by a dependency."""
    if depends_of_parameter(names, module, function, parameter) is not None:
        return False
    scope = module.scope_of_definition(function)
    annotation = next(
        (item.annotation for item in parameters_of(function.args) if item.arg == parameter), None
    )
    return alias_dependency(names, module, scope, annotation) is None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a call gets a value: `code` has it; or `owner`, a function around, needs it as a parameter; or `reason` says why not."""

    code: str = ""
    owner: FunctionNode | None = None
    reason: str = ""


def source_at(
    names: Names, module: Module, call: ast.expr, value: Value, fastapi: frozenset[ast.AST]
) -> Source:
    """Where a call, or another expression, gets a value from.

    Args:
        names: the project.
        module: the file.
        call: the call or expression.
        value: the value.
        fastapi: the functions of this file that FastAPI calls.
    """
    scope = module.scope_of[call]
    found = scope.find(value.name)
    if found is not None and found[0].kind not in ("module", "class"):
        holder, bindings = found
        if any(item.kind == "param" for item in bindings):
            function = holder.node
            if (
                value.trusted
                and isinstance(function, FunctionNode)
                and function in fastapi
                and from_request(names, module, function, value.name)
            ):
                return Source(
                    reason=f"{value.name} of {function.name} comes from the request, so the client would choose the tenant"
                )
            return Source(code=value.name)
        if any(_surely_before(module, holder, item, call) for item in bindings):
            return Source(code=value.name)
        return Source(reason=f"{value.name} is set there, but perhaps not before this call")
    around = functions_around(scope)
    for function in around:
        held = parameter_for(value, function)
        if held and (seen := scope.find(held)) and seen[0].node is function:
            return Source(code=held)
    for function in around:
        if (
            (owner := self_attribute(module, function, value.name))
            and (seen := scope.find(owner))
            and seen[0].node is function
        ):
            return Source(code=f"{owner}.{value.name}")
    if not around:
        where = (
            "a lambda"
            if scope.function()
            else "a class body"
            if scope.kind == "class"
            else "the top of the file"
        )
        return Source(reason=f"the call stands in {where}, where no {value.name} is known")
    called = next((item for item in around if item in fastapi), around[-1])
    return Source(owner=called)


def functions_around(scope: Scope) -> list[FunctionNode]:
    """The functions whose body holds this scope, innermost first, up to one that no other function holds."""
    found: list[FunctionNode] = []
    current: Scope | None = scope
    while current is not None:
        if isinstance(current.node, FunctionNode):
            found.append(current.node)
        current = current.parent
    return found


def _surely_before(module: Module, holder: Scope, binding: Binding, call: ast.expr) -> bool:
    """Whether a binding is made on every way to the call."""
    around = module.ancestors(call)
    statement = module.statement(binding.node) if not isinstance(binding.node, ast.stmt) else binding.node
    if isinstance(statement, (ast.With, ast.AsyncWith, ast.For, ast.AsyncFor)):
        return statement in around and call not in ast.walk(getattr(statement, "iter", ast.Pass()))
    block = module.parents.get(statement)
    in_block = block is holder.node or block in around
    return (
        in_block
        and (statement.end_lineno or 0) < call.lineno
        and not isinstance(statement, (ast.Try, ast.If, ast.While))
    )


def self_attribute(module: Module, function: FunctionNode, name: str) -> str:
    """The name of `self`, where `__init__` of the function's class sets `self.<name>`, or a property of that name gives it."""
    scope = module.scope_of_definition(function)
    parameters = [*function.args.posonlyargs, *function.args.args]
    if scope.kind != "class" or not parameters or function.name == "__init__":
        return ""
    if any(
        isinstance(item, ast.Name) and item.id in ("staticmethod", "classmethod")
        for item in function.decorator_list
    ):
        return ""
    for binding in scope.bindings.get(name, []):
        if (
            isinstance(binding.node, FunctionNode)
            and function.name != name
            and any(
                isinstance(item, ast.Name) and item.id == "property" for item in binding.node.decorator_list
            )
        ):
            return parameters[0].arg
    for binding in scope.bindings.get("__init__", []):
        for node in ast.walk(binding.node):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=attr, ctx=ast.Store()) if attr == name:
                    return parameters[0].arg
    return ""


def dependency_for(names: Names, module: Module, value: Value) -> str:
    """The dotted name of the dependency by which a FastAPI function of this file gets the value; empty: none is known."""
    local = Counter(_dependencies_in(names, module, value))
    if value.dependencies:
        # What the file's functions use already comes first: the house's own dependency over the bare getter.
        used = [name for name, _ in local.most_common() if name in value.dependencies]
        found = [name for name in (*used, *value.dependencies) if not gives_none(names, name)]
        own = sorted(
            (name for name in found if names.find(name) is not None),
            key=lambda name: name in value.bare and name not in used,
        )
        return next(iter((*own, *found)), "")
    if local:
        return local.most_common(1)[0][0]
    folders = module.path.split("/")[:-1]
    for depth in range(len(folders), -1, -1):
        prefix = "/".join(folders[:depth])
        near: Counter[str] = Counter()
        for path, text in names.files.items():
            if (
                path.startswith(prefix)
                and "Depends" in text
                and value.type_name in text
                and (other := names.module(path))
            ):
                near.update(_dependencies_in(names, other, value))
        if near:
            return min(near, key=lambda name: (-near[name], name))
    return ""


def gives_none(names: Names, dotted: str) -> bool:
    """Whether a function hands out None where there is no value, as far as its head or its only statement tells."""
    thing = names.find(dotted)
    module = names.module(thing.path) if thing is not None and thing.kind == "function" else None
    found = module.functions.get(thing.qualname, []) if module is not None and thing is not None else []
    if len(found) != 1:
        return False
    function = found[0]
    if function.returns is not None:
        written = ast.unparse(function.returns).strip("'\"")
        return "Optional[" in written or "None" in [part.strip() for part in written.split("|")]
    if any(isinstance(node, ast.Raise) for node in ast.walk(function)):
        return False
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return any(
        item is None
        or (isinstance(item, ast.Constant) and item.value is None)
        or (isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr == "get")
        for item in returned
    )


def _dependencies_in(names: Names, module: Module, value: Value) -> list[str]:
    found = []
    if "Depends" not in module.text:
        return []
    for functions in module.functions.values():
        for function in functions:
            parameter = parameter_for(value, function)
            call = depends_of_parameter(names, module, function, parameter) if parameter else None
            thing = dependency_of(names, module, call) if call is not None else None
            if thing is not None:
                found.append(thing.dotted)
    return found
