"""Where the constructor of a class is called in a project: by the class's name, by its subclasses, by `super()` and `cls`."""

from __future__ import annotations

import ast

from merge_tool.codemods.fastapi_callables import dependency_node, is_depends
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.uses import Use

# Calls that are given a class and make no object of it.
_ASKING = frozenset(
    {
        "isinstance",
        "issubclass",
        "cast",
        "hasattr",
        "getattr",
        "dir",
        "help",
        "len",
        "repr",
        "id",
        "hash",
        "print",
    }
)
_SPECS = frozenset({"spec", "spec_set"})


def constructor_uses(names: Names, module: Module, klass: ast.ClassDef) -> list[Use]:
    """Every place that makes an object of a class that has an `__init__`, or that calls this one, in order of place.

    Args:
        names: the project.
        module: the file of the class.
        klass: the class.

    Returns:
        Uses as those of a function; `bound` is true where the call gives `self` by itself.
    """
    own = Thing("class", f"{module.name}.{module.qualname[klass]}", module.path, module.qualname[klass])
    wanted = (module.path, f"{own.qualname}.__init__")
    found: dict[ast.AST, Use] = {}
    for thing in (own, *names.mixed_in(own)):
        constructor = names.method(thing, "__init__")
        home = names.module(thing.path)
        if home is None:
            continue
        if constructor is None or (constructor.path, constructor.qualname) == wanted:
            _by_name(names, thing, found)
            _by_itself(home, home.classes[thing.qualname][0], found)
        if (constructor is None or (constructor.path, constructor.qualname) != wanted) and thing != own:
            _by_super(names, home, thing, wanted, found)
    return sorted(found.values(), key=lambda use: (use.path, use.line))


def _by_name(names: Names, thing: Thing, found: dict[ast.AST, Use]) -> None:
    """The uses of the class by its name, also where a file calls it otherwise."""
    name = thing.qualname.rpartition(".")[2]
    words, done = {name}, set[str]()
    while words - done:
        done |= words
        for other in names.containing(words):
            for word in sorted(words):
                words |= other.aliases().get(word, set())
            for node in (item for word in sorted(words) for item in other.reads(word)):
                use = _use(names, other, node, thing)
                if use is not None:
                    found[node] = use
                    words |= _assigned(other, node)
            for call in other.read_by_name(name):
                owner = names.resolve(other, other.scope_of[call], call.args[0])
                named = names.member(owner, name) if owner is not None else None
                if owner is None or (named and (named.path, named.qualname) == (thing.path, thing.qualname)):
                    reason = f"{name} is read by its name there (getattr), and who makes objects of it is not known"
                    found[call] = Use("unsure", other.path, call.lineno, other, reason=reason)


def _use(names: Names, module: Module, node: ast.Name | ast.Attribute, wanted: Thing) -> Use | None:
    thing = names.resolve(module, module.scope_of[node], node)
    if thing is None or (thing.path, thing.qualname) != (wanted.path, wanted.qualname):
        return None
    if thing.kind not in ("class", "unsure"):
        return None
    parent = module.parents[node]
    if isinstance(parent, ast.Call) and parent.func is node:
        if thing.kind == "unsure":
            reason = "the name may stand for another class too"
            return Use("unsure", module.path, node.lineno, module, node, reason=reason)
        return Use("call", module.path, node.lineno, module, node, parent, bound=True)
    if isinstance(parent, ast.Attribute):
        outer = module.parents[parent]
        if parent.attr == "__init__" and isinstance(outer, ast.Call) and outer.func is parent:
            return Use("call", module.path, node.lineno, module, node, outer)
        return None
    if isinstance(parent, ast.Call) and is_depends(names, module, parent) and dependency_node(parent) is node:
        return Use("depends", module.path, node.lineno, module, node)
    if isinstance(parent, ast.Call) and parent.args and parent.args[0] is node:
        called = names.resolve(module, module.scope_of[parent], parent.func)
        if called == Thing("external", "functools.partial"):
            return Use("partial", module.path, node.lineno, module, node, parent, bound=True)
    if _assigned(module, node):
        return None
    return None if _only_named(module, node) else Use("value", module.path, node.lineno, module, node)


def _assigned(module: Module, node: ast.AST) -> set[str]:
    """The one name that is made to stand for the class too."""
    match module.parents.get(node):
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _only_named(module: Module, node: ast.AST) -> bool:
    """Whether the class is only named there: as a base, in an annotation, a type check, an `except` or a comparison."""
    inner, outer = node, module.parents[node]
    while isinstance(outer, ast.Subscript | ast.BinOp | ast.Tuple | ast.List):
        inner, outer = outer, module.parents[outer]
    match outer:
        case ast.ClassDef() | ast.arg() | ast.ExceptHandler() | ast.Compare() | ast.MatchClass() | ast.Expr():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return outer.returns is inner
        case ast.AnnAssign():
            return outer.annotation is inner
        case ast.keyword():
            return outer.arg in _SPECS
        case ast.Call():
            called = ast.unparse(outer.func).rpartition(".")[2]
            return called in _ASKING or called.endswith("Mock") or called == "create_autospec"
    return False


def _by_itself(module: Module, klass: ast.ClassDef, found: dict[ast.AST, Use]) -> None:
    """`cls(…)` in class methods; what else makes an object of the class it stands in is not followed."""
    for function in (item for item in klass.body if isinstance(item, FunctionNode)):
        first = next(iter([*function.args.posonlyargs, *function.args.args]), None)
        decorators = {ast.unparse(item) for item in function.decorator_list}
        if first is None or "staticmethod" in decorators:
            continue
        for call in (item for item in ast.walk(function) if isinstance(item, ast.Call)):
            match call.func:
                case ast.Name(id=name) if name == first.arg and "classmethod" in decorators:
                    found[call] = Use("call", module.path, call.lineno, module, call.func, call, bound=True)
                case (
                    ast.Attribute(value=ast.Name(id=name), attr="__class__")
                    | ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=name)])
                ) if name == first.arg:
                    reason = f"an object of the class of {name} is made there, which may be another class"
                    found[call] = Use("unsure", module.path, call.lineno, module, reason=reason)


def _by_super(
    names: Names, module: Module, thing: Thing, wanted: tuple[str, str], found: dict[ast.AST, Use]
) -> None:
    """`super().__init__(…)` in a subclass with an `__init__` of its own, where that is the one that is called."""
    klass = module.classes[thing.qualname][0]
    constructors = [item for item in klass.body if isinstance(item, FunctionNode) and item.name == "__init__"]
    above = [
        f"{held.qualname}.__init__"
        for held, home, node in names.lineage(thing)[1:]
        if "__init__" in home.body_of[node].bindings
    ]
    if wanted[1] not in above:
        return
    for call in (item for each in constructors for item in ast.walk(each) if isinstance(item, ast.Call)):
        match call.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                if len(set(above)) > 1 and above[0] != wanted[1]:
                    continue
                if len(klass.bases) > 1 and len(set(above)) > 1:
                    reason = f"super().__init__ of {thing.qualname} goes on to more than one constructor"
                    found[call] = Use("unsure", module.path, call.lineno, module, reason=reason)
                else:
                    found[call] = Use("call", module.path, call.lineno, module, call.func, call, bound=True)
