"""The scopes of one Python file: which name is bound where, and in which scope each expression is evaluated.

Built with `ast` alone, because libcst's scopes cost a hundred times as much.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

from merge_tool.codemods.text import parse_python

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False, slots=True)
class Binding:
    """One place that binds a name.

    Attributes:
        kind: `import` (a module), `from` (a name of a module), `def`, `class`, `assign`, `param` or `other`.
        node: the statement or parameter that binds.
        module: for imports, the module as written, without its dots.
        name: for `from`, the name there; for `import`, empty.
        level: for `from`, the number of leading dots.
        value: for `assign`, the expression where one name takes all of it; else None.
    """

    kind: str
    node: ast.AST
    module: str = ""
    name: str = ""
    level: int = 0
    value: ast.expr | None = None


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension, and the names that it binds."""

    kind: str
    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)  # names declared global or nonlocal
    stars: list[Binding] = field(default_factory=list)  # from x import *

    def find(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds `name` as seen from here, by Python's rules, and its bindings there."""
        scope: Scope | None = self
        here = True
        while scope is not None:
            visible = here or scope.kind != "class"
            here = here and scope.kind == "comprehension"
            if visible and scope.elsewhere.get(name) == "global":
                while scope.parent is not None:
                    scope = scope.parent
            if visible and name in scope.bindings and name not in scope.elsewhere:
                return scope, scope.bindings[name]
            scope = scope.parent
        return None

    def function(self) -> Scope | None:
        """The innermost function or lambda around, this one included."""
        scope: Scope | None = self
        while scope is not None and scope.kind not in ("function", "lambda"):
            scope = None if scope.kind in ("module", "class") else scope.parent
        return scope


@dataclass(eq=False)
class Module:
    """One parsed file.

    Attributes:
        path: its path in the project.
        name: its dotted name, as its own imports and its place in the tree give it.
        package: whether it is an `__init__.py`.
        functions: every function by its qualified name (`Class.method`, `outer.inner`), in order.
        classes: every class by its qualified name.
    """

    path: str
    name: str
    package: bool
    text: str
    tree: ast.Module
    scope: Scope
    functions: dict[str, list[FunctionNode]] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)
    scope_of: dict[ast.AST, Scope] = field(
        default_factory=dict
    )  # where a Name, Attribute or Call is evaluated
    body_of: dict[ast.AST, Scope] = field(default_factory=dict)  # the scope that a function or class opens
    qualname: dict[ast.AST, str] = field(default_factory=dict)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    _reads: dict[str, list[ast.Name | ast.Attribute]] | None = None
    _aliases: dict[str, set[str]] | None = None
    _named: dict[str, list[ast.Call]] | None = None

    def aliases(self) -> dict[str, set[str]]:
        """What `from … import name as other` calls each name."""
        if self._aliases is None:
            self._aliases = {}
            scopes = [self.scope, *self.body_of.values()]
            for name, bindings in ((name, held) for scope in scopes for name, held in scope.bindings.items()):
                for binding in bindings:
                    if binding.kind == "from" and binding.name != name:
                        self._aliases.setdefault(binding.name, set()).add(name)
        return self._aliases

    def reads(self, name: str) -> list[ast.Name | ast.Attribute]:
        """Every place that reads the name, or an attribute of that name."""
        if self._reads is None:
            self._reads = {}
            for node in self.scope_of:
                if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                    self._reads.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(
                        node
                    )
        return self._reads.get(name, [])

    def read_by_name(self, name: str) -> list[ast.Call]:
        """Every `getattr(…, "name")`."""
        if self._named is None:
            self._named = {}
            for node in self.scope_of:
                match node:
                    case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(read)), *_]):
                        self._named.setdefault(read, []).append(node)
        return self._named.get(name, [])

    def calls(self) -> list[ast.Call]:
        """Every call, in order of place."""
        found = [node for node in self.scope_of if isinstance(node, ast.Call)]
        return sorted(
            found,
            key=lambda node: (
                node.lineno,
                node.col_offset,
                -(node.end_lineno or 0),
                -(node.end_col_offset or 0),
            ),
        )

    def scope_of_definition(self, node: FunctionNode | ast.ClassDef) -> Scope:
        """The scope that a function or class is defined in: where its bases, decorators and annotations are read."""
        return self.body_of[node].parent or self.scope

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around an expression."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def ancestors(self, node: ast.AST) -> list[ast.AST]:
        """The nodes around `node`, innermost first."""
        found = []
        while node in self.parents:
            node = self.parents[node]
            found.append(node)
        return found


def parse_module(path: str, name: str, text: str) -> Module:
    """Parses one file and finds its scopes.

    Raises:
        SyntaxError: not Python.
    """
    tree = parse_python(text)
    scope = Scope("module", tree, None)
    module = Module(path, name, path.rpartition("/")[2] == "__init__.py", text, tree, scope)
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            module.parents[child] = parent
    try:
        _Builder(module).body(tree.body, scope, "")
    except RecursionError as error:
        raise SyntaxError("nested too deeply") from error
    return module


class _Builder:
    """Walks a tree once, binding names and noting scopes."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def body(self, statements: list[ast.stmt], scope: Scope, prefix: str) -> None:
        for statement in statements:
            self.visit(statement, scope, prefix)

    def bind(self, scope: Scope, name: str, binding: Binding) -> None:
        while scope.kind == "comprehension" and scope.parent is not None and binding.kind == "walrus":
            scope = scope.parent
        scope.bindings.setdefault(name, []).append(binding)

    def visit(self, node: ast.AST, scope: Scope, prefix: str) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.function(node, scope, prefix)
            case ast.ClassDef():
                self.klass(node, scope, prefix)
            case ast.Lambda():
                self.arguments_outside(node.args, scope, prefix)
                inner = Scope("lambda", node, scope)
                self.parameters(node.args, inner)
                self.visit(node.body, inner, prefix)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehension(node, scope, prefix)
            case ast.Import() | ast.ImportFrom():
                self.imports(node, scope)
            case ast.Global() | ast.Nonlocal():
                for name in node.names:
                    scope.elsewhere[name] = "global" if isinstance(node, ast.Global) else "nonlocal"
            case _:
                self.plain(node, scope, prefix)

    def plain(self, node: ast.AST, scope: Scope, prefix: str) -> None:
        if isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
            self.module.scope_of[node] = scope
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                self.bind(scope, name, self.stored(node))
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                self.bind(scope, name, Binding("other", node))
            case ast.MatchMapping(rest=str(name)):
                self.bind(scope, name, Binding("other", node))
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope, prefix)

    def stored(self, node: ast.Name) -> Binding:
        parent = self.module.parents[node]
        match parent:
            case ast.Assign(targets=[target]) if target is node:
                return Binding("assign", parent, value=parent.value)
            case ast.AnnAssign(target=target) if target is node:
                return Binding("assign", parent, value=parent.value)
            case ast.NamedExpr():
                return Binding("walrus", parent)
        return Binding("other", node)

    def imports(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for item in node.names:
            if isinstance(node, ast.Import):
                name = item.asname or item.name.partition(".")[0]
                module = item.name if item.asname else name
                self.bind(scope, name, Binding("import", node, module=module))
            elif item.name == "*":
                scope.stars.append(
                    Binding("from", node, module=node.module or "", name="*", level=node.level)
                )
            else:
                found = Binding("from", node, module=node.module or "", name=item.name, level=node.level)
                self.bind(scope, item.asname or item.name, found)

    def function(self, node: FunctionNode, scope: Scope, prefix: str) -> None:
        self.bind(scope, node.name, Binding("def", node))
        for decorator in node.decorator_list:
            self.visit(decorator, scope, prefix)
        self.arguments_outside(node.args, scope, prefix)
        if node.returns is not None:
            self.visit(node.returns, scope, prefix)
        inner = Scope("function", node, scope)
        qualname = f"{prefix}{node.name}"
        self.module.functions.setdefault(qualname, []).append(node)
        self.module.qualname[node] = qualname
        self.module.body_of[node] = inner
        self.parameters(node.args, inner)
        self.body(node.body, inner, f"{qualname}.")

    def klass(self, node: ast.ClassDef, scope: Scope, prefix: str) -> None:
        self.bind(scope, node.name, Binding("class", node))
        for outside in (*node.decorator_list, *node.bases, *(item.value for item in node.keywords)):
            self.visit(outside, scope, prefix)
        inner = Scope("class", node, scope)
        qualname = f"{prefix}{node.name}"
        self.module.classes.setdefault(qualname, []).append(node)
        self.module.qualname[node] = qualname
        self.module.body_of[node] = inner
        self.body(node.body, inner, f"{qualname}.")

    def arguments_outside(self, arguments: ast.arguments, scope: Scope, prefix: str) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default, scope, prefix)
        for parameter in parameters_of(arguments):
            if parameter.annotation is not None:
                self.visit(parameter.annotation, scope, prefix)

    def parameters(self, arguments: ast.arguments, inner: Scope) -> None:
        for parameter in parameters_of(arguments):
            self.bind(inner, parameter.arg, Binding("param", parameter))

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope, prefix: str
    ) -> None:
        self.visit(node.generators[0].iter, scope, prefix)
        inner = Scope("comprehension", node, scope)
        for index, generator in enumerate(node.generators):
            self.visit(generator.target, inner, prefix)
            if index:
                self.visit(generator.iter, inner, prefix)
            for test in generator.ifs:
                self.visit(test, inner, prefix)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part, inner, prefix)


def parameters_of(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter in order, `*args` and `**kwargs` included."""
    found = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None:
        found.append(arguments.vararg)
    found += arguments.kwonlyargs
    if arguments.kwarg is not None:
        found.append(arguments.kwarg)
    return found


def defaults_of(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The default of each parameter that has one."""
    positional = [*arguments.posonlyargs, *arguments.args]
    found = {
        item.arg: default
        for item, default in zip(
            positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
        )
    }
    found |= {
        item.arg: default
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    }
    return found
