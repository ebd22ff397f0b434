"""Where a function is used in a project, and how: called, depended on, passed as a value."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.fastapi_callables import dependency_node, is_added, is_depends
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a function.

    Attributes:
        kind: `call`, `partial`, `depends`, `route` (given to `add_api_route`), `value` (anything else that passes the
            function itself on), `unsure` (the name may stand for another function), or `broken` (the file that
            mentions it does not parse).
        node: the name or attribute; None for `broken`.
        call: for `call` and `partial`, the call whose arguments the function gets.
        bound: whether the call gives `self` or `cls` by itself.
        reason: for `unsure` and `broken`, why.
    """

    kind: str
    path: str
    line: int
    module: Module | None = None
    node: ast.Name | ast.Attribute | None = None
    call: ast.Call | None = None
    bound: bool = False
    reason: str = ""


def uses_of(names: Names, module: Module, function: FunctionNode) -> list[Use]:
    """Every use of a function, through imports, re-exports, aliases, modules and instances, in order of place."""
    qualname = module.qualname[function]
    method = module.scope_of_definition(function).kind == "class"
    words, done = {function.name}, set[str]()
    found: dict[ast.AST, Use] = {}
    while words - done:
        done |= words
        for other in names.containing(words):
            words |= _import_aliases(other, words)
            for node in (item for word in sorted(words) for item in other.reads(word)):
                use = _use(names, other, node, (module.path, qualname), method)
                if use is not None:
                    found[node] = use
                    words |= _variable_aliases(other, node)
            for call in other.read_by_name(function.name):
                use = _by_name(names, other, call, (module.path, qualname))
                if use is not None:
                    found[call] = use
    broken = [
        Use("broken", path, 1, reason=f"the file {reason} and mentions {function.name}")
        for path, reason in names.broken.items()
        if function.name in names.files[path]
    ]
    return sorted(
        (use for use in [*found.values(), *broken] if use.kind != "alias"),
        key=lambda use: (use.path, use.line),
    )


def _by_name(names: Names, module: Module, call: ast.Call, wanted: tuple[str, str]) -> Use | None:
    """`getattr(owner, "name")` where that is the function, or may be."""
    owner = names.resolve(module, module.scope_of[call], call.args[0])
    thing = names.member(owner, wanted[1].rpartition(".")[2]) if owner is not None else None
    if owner is not None and (thing is None or (thing.path, thing.qualname) != wanted):
        return None
    reason = (
        f"{wanted[1].rpartition('.')[2]} is read by its name there (getattr), and who calls it is not known"
    )
    return Use("unsure", module.path, call.lineno, module, reason=reason)


def _import_aliases(module: Module, words: set[str]) -> set[str]:
    """The names by which a file imports one of the words under another name."""
    return {name for word in words for name in module.aliases().get(word, ())}


def _variable_aliases(module: Module, node: ast.AST) -> set[str]:
    match module.parents.get(node):
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _use(
    names: Names, module: Module, node: ast.Name | ast.Attribute, wanted: tuple[str, str], method: bool
) -> Use | None:
    thing = names.resolve(module, module.scope_of[node], node)
    if thing is None:
        return _perhaps(names, module, node, wanted) if method else None
    if (thing.path, thing.qualname) != wanted or thing.kind not in ("function", "unsure"):
        return None
    if thing.kind == "unsure":
        reason = "the name may stand for another function too"
        return Use("unsure", module.path, node.lineno, module, node, reason=reason)
    parent = module.parents[node]
    if isinstance(parent, ast.Call) and parent.func is node:
        return Use(
            "call",
            module.path,
            node.lineno,
            module,
            node,
            parent,
            bound=method and _binds(names, module, node),
        )
    if isinstance(parent, ast.Call) and is_depends(names, module, parent) and dependency_node(parent) is node:
        return Use("depends", module.path, node.lineno, module, node)
    if isinstance(parent, ast.keyword) and is_depends(names, module, module.parents[parent]):
        return Use("depends", module.path, node.lineno, module, node)
    if is_added(names, module, node):
        return Use("route", module.path, node.lineno, module, node)
    if isinstance(parent, ast.Call) and parent.args and parent.args[0] is node:
        called = names.resolve(module, module.scope_of[parent], parent.func)
        if called == Thing("external", "functools.partial"):
            bound = method and _binds(names, module, node)
            return Use("partial", module.path, node.lineno, module, node, parent, bound)
    if _is_alias(module, node):
        return Use("alias", module.path, node.lineno, module, node)
    return Use("value", module.path, node.lineno, module, node)


def _is_alias(module: Module, node: ast.AST) -> bool:
    """Whether the node is all of `name = node`, at the top of a file or in a function, the only binding of that name."""
    words = _variable_aliases(module, node)
    statement = module.parents[node]
    for name in words:
        for scope in {id(item): item for item in (module.scope, *module.body_of.values())}.values():
            bindings = scope.bindings.get(name, [])
            if any(item.node is statement for item in bindings):
                return len(bindings) == 1 and scope.kind != "class"
    return False


def _perhaps(
    names: Names, module: Module, node: ast.Name | ast.Attribute, wanted: tuple[str, str]
) -> Use | None:
    """A call of a method of that name on something whose class is not known."""
    if not isinstance(node, ast.Attribute) or node.attr != wanted[1].rpartition(".")[2]:
        return None
    owner = names.resolve(module, module.scope_of[node], node.value)
    if owner is not None:
        return _by_mixin(names, module, node, wanted, owner)
    reason = f"the class of what stands before .{node.attr} is not known"
    return Use("unsure", module.path, node.lineno, module, node, reason=reason)


def _by_mixin(
    names: Names, module: Module, node: ast.Attribute, wanted: tuple[str, str], owner: Thing
) -> Use | None:
    """The call of a method that the class at hand lacks, and a class that it is mixed into has from elsewhere."""
    if owner.kind != "instance" or not owner.path:
        return None
    methods = {names.method(item, node.attr) for item in names.mixed_in(owner)} - {None}
    reached = {(item.path, item.qualname) for item in methods if item is not None}
    if wanted not in reached:
        return None
    parent = module.parents[node]
    if len(reached) > 1:
        reason = f"{node.attr} is another method in each class that {owner.qualname} is mixed into"
        return Use("unsure", module.path, node.lineno, module, node, reason=reason)
    if isinstance(parent, ast.Call) and parent.func is node:
        return Use("call", module.path, node.lineno, module, node, parent, bound=True)
    return Use("value", module.path, node.lineno, module, node)


def _binds(names: Names, module: Module, node: ast.Name | ast.Attribute) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    owner = names.resolve(module, module.scope_of[node], node.value)
    return owner is not None and owner.kind == "instance"
