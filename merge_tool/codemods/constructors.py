"""Threads the tenant through constructors: `__init__` takes it and keeps it, every place that makes an object passes it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from merge_tool.codemods.constructor_uses import constructor_uses
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.spelling import spell
from merge_tool.codemods.thread import Threading
from merge_tool.codemods.thread_nodes import Node, optional
from merge_tool.codemods.uses import Use
from merge_tool.codemods.values import Source, Value, functions_around, source_at
from merge_tool.model.source import Edit

# Decorators that leave the constructor as it is written.
_KEEPING = frozenset({"final", "typing.final", "runtime_checkable", "typing.runtime_checkable"})


class ConstructorThreading(Threading):
    """A plan to give constructors, and what calls them, a value.

    Args:
        names: the project.
        codemod: the codemod's name.
        values: the value, alone.
        context: as for `Threading`. A constructor does not ask it, because objects are made where no tenant is known yet:
            the object asks when the value is read of it.
    """

    def __init__(self, names: Names, codemod: str, values: Sequence[Value], context: str = "") -> None:
        super().__init__(names, codemod, values, context)
        self.built: set[ast.AST] = set()  # the constructors that were asked for
        self.starting: set[ast.AST] = (
            set()
        )  # what runs when the application starts, before there is any tenant

    def uses(self, module: Module, function: FunctionNode) -> list[Use]:
        """Where a function is called; for a constructor, where objects are made."""
        klass = class_of(module, function)
        if klass is None:
            return super().uses(module, function)
        return constructor_uses(self.names, module, klass)

    def cannot_take(self, node: Node, name: str) -> str:
        """Why a function or constructor cannot get the parameter; empty: it can."""
        klass = class_of(node.module, node.function)
        if klass is None:
            return super().cannot_take(node, name)
        return cannot_keep(node.module, klass, node.function, name)

    def source(self, module: Module, call: ast.Call, value: Value, fastapi: frozenset[ast.AST]) -> Source:
        """Where a call gets the value: in a method of a class that is being given it, from the object."""
        scope = module.scope_of[call]
        found = scope.find(value.name)
        if found is None or found[0].kind in ("module", "class"):
            for function in functions_around(scope):
                first = _object(function)
                constructor = _constructor_around(module, function) if first else None
                if constructor in self.built and constructor is not function and constructor is not None:
                    seen = scope.find(first)
                    if seen is not None and seen[0].node is function:
                        return Source(code=f"{first}.{value.name}", owner=constructor)
        return source_at(self.names, module, call, value, fastapi)

    def _block_at(self, node: Node, module: Module, call: ast.Call, reason: str, soft: bool = False) -> None:
        if not functions_around(module.scope_of[call]):
            self.starting.add(node.function)
        super()._block_at(node, module, call, reason, soft)

    def _ask(self, node: Node) -> None:
        if class_of(node.module, node.function) is None:
            if node.function in self.starting or node.needs & self.starting:
                self.starting.add(node.function)
            else:
                super()._ask(node)
            return
        # The object asks when it is used; what could not pass the value is told.
        if node.lost or not node.added or spell(self.names, node.module, self.context).reason:
            return
        node.left += [
            replace(item, reason=f"{item.reason}; the object asks the context") for item in node.blocked
        ]
        node.blocked, node.needs, node.own = [], set(), False
        for name, (new, needs) in node.added.items():
            annotation = optional(node.module, new.annotation)
            node.added[name] = (replace(new, annotation=annotation, default="None"), needs)

    def _emit(self, node: Node, edits: dict[str, FileEdits]) -> list[Node]:
        callers = super()._emit(node, edits)
        klass = class_of(node.module, node.function)
        if klass is None or not node.added:
            return callers
        (name,) = node.added
        module, function = node.module, node.function
        file = edits.setdefault(module.path, FileEdits())
        lazy = bool(self.context) and node.added[name][0].default == "None"
        kept = f"_{name}" if lazy else name
        this = function.args.args[0].arg if function.args.args else function.args.posonlyargs[0].arg
        if not _stores(function, name):
            first, behind = _place(function)
            where = file.after if behind else file.before
            where.setdefault(start_of(module.text, first), []).insert(0, f"{this}.{kept} = {name}")
            told = f"{klass.name} keeps {name}"
            self.edits.append(Edit(module.path, function.lineno, self.codemod, told))
        if lazy:
            spelled = spell(self.names, module, self.context)
            file.imports += spelled.needs
            annotation = self.values[name].annotation.removesuffix(" | None")
            code = (
                f"@property\ndef {name}(self) -> {annotation}:\n"
                f'    """Of the tenant that the object was made for; else of the one in the context."""\n'
                f"    return {spelled.code}() if self.{kept} is None else self.{kept}"
            )
            file.after.setdefault(start_of(module.text, function), []).append(code)
        return callers


def class_of(module: Module, function: FunctionNode) -> ast.ClassDef | None:
    """The class whose constructor a function is; None: it is none."""
    scope = module.scope_of_definition(function)
    if function.name != "__init__" or not isinstance(scope.node, ast.ClassDef):
        return None
    return scope.node


def constructor_of(klass: ast.ClassDef) -> FunctionNode | None:
    """The `__init__` that a class itself defines, once."""
    found = [item for item in klass.body if isinstance(item, FunctionNode) and item.name == "__init__"]
    return found[0] if len(found) == 1 else None


def cannot_keep(module: Module, klass: ast.ClassDef, function: FunctionNode, name: str) -> str:
    """Why a class cannot be given a value by its constructor and keep it; empty: it can."""
    for decorator in klass.decorator_list:
        written = ast.unparse(decorator)
        if written not in _KEEPING:
            return f"{klass.name} is decorated by @{written}, which may make or call its constructor"
    if len([item for item in module.functions[module.qualname[function]] if item]) > 1:
        return f"{klass.name}.__init__ is defined more than once"
    if function.decorator_list:
        return f"{klass.name}.__init__ is decorated by @{ast.unparse(function.decorator_list[0])}"
    if not (function.args.args or function.args.posonlyargs):
        return f"{klass.name}.__init__ names no object"
    bound = module.body_of[klass].bindings
    if name in bound:
        return f"{klass.name} has a {name} of its own"
    if "__slots__" in bound:
        return f"{klass.name} has __slots__: add {name} there by hand"
    if "__new__" in bound:
        return f"{klass.name} has a __new__, which is given the same arguments"
    if name in module.body_of[function].bindings:
        return f"{klass.name}.__init__ sets a variable {name} of its own"
    first = function.body[0]
    if first.lineno == function.lineno:
        return f"the body of {klass.name}.__init__ stands on the line of its head"
    if any(_writes(item, name) for item in klass.body if item is not function):
        return f"{klass.name} sets {name} in another method too"
    return ""


def base_constructor(names: Names, module: Module, klass: ast.ClassDef) -> str:
    """What constructor a class without one inherits, or may inherit, in words; empty: none."""
    own = Thing("class", f"{module.name}.{module.qualname[klass]}", module.path, module.qualname[klass])
    inherited = names.method(own, "__init__")
    if inherited is not None:
        return f"the constructor of {inherited.qualname.rpartition('.')[0]}: give that class the tenant"
    for _, home, node in names.lineage(own):
        for base in node.bases:
            target = base.value if isinstance(base, ast.Subscript) else base
            thing = names.resolve(home, home.scope_of_definition(node), target)
            dotted = thing.dotted if thing else ast.unparse(target)
            if (thing is None or not thing.path) and dotted not in ("object", "abc.ABC", "typing.Generic"):
                return f"the constructor of {dotted}, outside the project"
    return ""


def _constructor_around(module: Module, function: FunctionNode) -> FunctionNode | None:
    scope = module.scope_of_definition(function)
    return constructor_of(scope.node) if isinstance(scope.node, ast.ClassDef) else None


def _object(function: FunctionNode) -> str:
    """The name of `self` in a method; empty: it is no method that has one."""
    parameters = [*function.args.posonlyargs, *function.args.args]
    plain = not any(
        isinstance(item, ast.Name) and item.id in ("staticmethod", "classmethod")
        for item in function.decorator_list
    )
    return parameters[0].arg if parameters and plain else ""


def _stores(function: FunctionNode, name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(function)
    )


def _writes(node: ast.stmt, name: str) -> bool:
    return isinstance(node, FunctionNode) and _stores(node, name)


def _place(function: FunctionNode) -> tuple[ast.stmt, bool]:
    """The statement that the assignment goes to, and whether behind it: after a docstring and a call of the base."""
    body = function.body
    at = 0
    for index, item in enumerate(body[:2]):
        match item:
            case ast.Expr(value=ast.Constant(value=str())):
                at = index + 1
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__"))):
                return item, True
    return (body[at], False) if at < len(body) else (body[-1], True)
