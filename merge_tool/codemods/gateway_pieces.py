"""The pieces of a file that belong to an excluded gateway: each can go alone, and says which names go with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from merge_tool.codemods.gateway_words import Gateway
from merge_tool.codemods.importing import bound_names
from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import FunctionNode, Module, Scope, parameters_of

# ("global", path, name), ("attribute", "", name) of classes and objects, ("local", the function's place, name).
Symbol: TypeAlias = tuple[str, str, str]

_REGISTERS = frozenset(
    {
        "add", "append", "appendleft", "button", "connect", "include_router", "insert", "mount", "on", "push", "put", "register",
        "row", "setdefault", "subscribe", "use",
    }
)  # fmt: skip
_PREFIXES = ("add_", "register_", "include_", "setup_", "subscribe_")
# Calls from which one argument can go and the others stay.
_VARIADIC = frozenset({"include_routers", "or_", "union", "chain", "gather", "add_all", "extend"})
_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})


@dataclass(eq=False)
class Piece:
    """Something that can go.

    Attributes:
        kind: `statement`, `alias`, `item` (of a display, a call or the bases of a class), `entry` (of a dict), `operand`,
            `body` or `orelse` (what of an `if` or a conditional expression stays), `case`, `handler`, `keyword` or `log`.
        node: what goes, or for `body`, `orelse` and `log` what changes.
        gone: the trees that are no more.
        symbols: the names that go with it.
        needs: the names that must have gone, so that it can.
        what: it in words.
    """

    path: str
    line: int
    kind: str
    node: ast.AST
    gone: list[ast.AST]
    what: str
    symbols: set[Symbol] = field(default_factory=set)
    needs: set[Symbol] = field(default_factory=set)
    owner: ast.AST | None = None  # for aliases, the import


class Reader:
    """Reads the pieces of one file."""

    def __init__(self, names: Names, module: Module, gateway: Gateway) -> None:
        self.names = names
        self.module = module
        self.gateway = gateway
        self.pieces: list[Piece] = []

    def read(self) -> list[Piece]:
        """The pieces, none within another."""
        self._block(self.module.tree.body, self.module.scope)
        for piece in self.pieces:
            piece.symbols |= {symbol for tree in piece.gone for symbol in self._bound(tree)}
        return self.pieces

    def _bound(self, tree: ast.AST) -> Iterator[Symbol]:
        """What a tree binds for what stands around it."""
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    yield self._symbol(self.module.scope_of_definition(node), node.name)
                    continue
                case ast.Name(id=name, ctx=ast.Store()):
                    scope = self.module.scope_of.get(node)
                    if scope is not None and scope.kind not in ("comprehension", "class"):
                        yield self._symbol(scope, name)
                case ast.Import() | ast.ImportFrom() if tree is not node:
                    around = next(
                        (item for item in self.module.ancestors(node) if item in self.module.body_of), None
                    )
                    scope = self.module.body_of[around] if around is not None else self.module.scope
                    for item in node.names:
                        yield self._symbol(scope, (item.asname or item.name).partition(".")[0])
            waiting += ast.iter_child_nodes(node)

    def _take(
        self, kind: str, node: ast.AST, what: str, gone: list[ast.AST] | None = None, line: int = 0
    ) -> Piece:
        piece = Piece(
            self.module.path,
            line or getattr(node, "lineno", 1),
            kind,
            node,
            gone if gone is not None else [node],
            what,
        )
        self.pieces.append(piece)
        return piece

    # ---- statements ----

    def _block(self, body: list[ast.stmt], scope: Scope) -> None:
        for item in body:
            self._statement(item, scope)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.ClassDef():
                self._class(node, scope)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node, scope)
            case ast.Expr(value=value):
                self._expression_statement(node, value)
            case ast.If():
                self._if(node, scope)
            case ast.Match():
                self._expression(node.subject)
                gone = [case for case in node.cases if self._pattern(case.pattern)]
                if gone and len(gone) == len(node.cases):
                    self._take("statement", node, "the match on it")
                    return
                for case in node.cases:
                    if case in gone:
                        self._take("case", case, "its case", line=case.pattern.lineno)
                    else:
                        self._block(case.body, scope)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expression(child)
                for handler in getattr(node, "handlers", ()):
                    if self.gateway.about(handler.type) and len(node.handlers) > 1:  # type: ignore[attr-defined]
                        self._take("handler", handler, "its exception")
                    else:
                        self._block(handler.body, scope)
                for item in getattr(node, "items", ()):
                    self._expression(item.context_expr)
                for name in ("body", "orelse", "finalbody"):
                    self._block(getattr(node, name, []), scope)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        word = self.gateway.word
        source = isinstance(node, ast.ImportFrom) and word(node.module or "")
        gone = [item for item in node.names if source or word(item.name)]
        if not gone:
            return
        bound: set[str] = set()
        for item in gone:
            if item.name == "*":
                bound |= self._starred(node)
            else:
                bound.add(
                    item.asname
                    or (item.name if isinstance(node, ast.ImportFrom) else item.name.partition(".")[0])
                )
        what = f"the import of {', '.join(sorted(bound)) or ast.unparse(node)}"
        symbols = {self._symbol(scope, name) for name in bound}
        if len(gone) == len(node.names):
            self._take("statement", node, what).symbols = symbols
            return
        for item in gone:
            local = item.asname or item.name
            piece = self._take("alias", item, f"the import of {local}", line=node.lineno)
            piece.symbols, piece.owner = {self._symbol(scope, local.partition(".")[0])}, node

    def _starred(self, node: ast.Import | ast.ImportFrom) -> set[str]:
        """What `from … import *` binds."""
        binding = next((item for item in self.module.scope.stars if item.node is node), None)
        path = self.names.path_of(self.names.absolute(self.module, binding)) if binding is not None else ""
        other = self.names.module(path) if path else None
        return (
            {name for name in bound_names(other.tree) if not name.startswith("_")}
            if other is not None
            else set()
        )

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        decorated = any(self.gateway.whole(item) for item in node.decorator_list)
        if self.gateway.word(node.name) or decorated:
            self._take("statement", node, f"the function {node.name}").symbols = {
                self._symbol(scope, node.name)
            }
            return
        annotations = [node.returns, *(item.annotation for item in parameters_of(node.args))]
        for part in (*node.args.defaults, *node.args.kw_defaults, *node.decorator_list, *annotations):
            if part is not None:
                self._expression(part)
        self._block(node.body, self.module.body_of[node])

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        table = any(
            isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "__tablename__"
            for item in node.body
        )
        if table:
            return  # a table goes by a migration, not with its code
        if self.gateway.word(node.name):
            self._take("statement", node, f"the class {node.name}").symbols = {self._symbol(scope, node.name)}
            return
        for base in node.bases:
            if self.gateway.about(base):
                self._take("item", base, f"the base {ast.unparse(base)}")
        self._block(node.body, self.module.body_of[node])

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [
            item.id if isinstance(item, ast.Name) else item.attr
            for item in targets
            if isinstance(item, ast.Name | ast.Attribute)
        ]
        keyed = [item for item in targets if isinstance(item, ast.Subscript) and self.gateway.key(item.slice)]
        if len(names) == len(targets) and names and all(self.gateway.word(name) for name in names):
            piece = self._take("statement", node, f"what sets {', '.join(names)}")
            if not isinstance(node, ast.AugAssign):
                piece.symbols = {
                    self._symbol(scope, item.id)
                    if isinstance(item, ast.Name)
                    else ("attribute", "", item.attr)
                    for item in targets
                    if isinstance(item, ast.Name | ast.Attribute)
                }
        elif keyed and len(keyed) == len(targets):
            self._take("statement", node, f"what sets {ast.unparse(keyed[0])}")
        else:
            before = len(self.pieces)
            for part in (getattr(node, "annotation", None), node.value):
                if part is not None:
                    self._expression(part)
            if "__all__" in names:
                for piece in self.pieces[before:]:
                    if isinstance(piece.node, ast.Constant) and isinstance(piece.node.value, str):
                        piece.needs = {("global", self.module.path, piece.node.value)}

    def _expression_statement(self, node: ast.Expr, value: ast.expr) -> None:
        call = value.value if isinstance(value, ast.Await) else value
        if not isinstance(call, ast.Call):
            self._expression(value)
            return
        function = call.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else ""
        )
        given = [*call.args, *(item.value for item in call.keywords)]
        registers = name in _REGISTERS or name.startswith(_PREFIXES)
        if self.gateway.about(function):
            self._take("statement", node, f"the call of {ast.unparse(function)}")
        elif (
            registers
            and name not in _VARIADIC
            and any(self.gateway.whole(item) or self.gateway.truth(item) is False for item in given)
        ):
            self._take("statement", node, f"what {ast.unparse(function)} adds of it")
        elif name in _LOGS and (told := [item for item in call.args[1:] if self._asks(item)]):
            self._take("log", call, "its part of a log line", [*told])
        else:
            self._expression(value)

    def _asks(self, node: ast.expr) -> bool:
        return self.gateway.about(node) or self.gateway.truth(node) is not None

    def _if(self, node: ast.If, scope: Scope) -> None:
        truth = self.gateway.truth(node.test)
        if truth is None:
            self._expression(node.test)
            self._block(node.body, scope)
            self._block(node.orelse, scope)
        elif truth:
            self._take("body", node, "the test for it", [node.test, *node.orelse])
            self._block(node.body, scope)
        elif node.orelse:
            self._take("orelse", node, "its branch", [node.test, *node.body])
            self._block(node.orelse, scope)
        else:
            self._take("statement", node, "its branch")

    def _pattern(self, pattern: ast.pattern) -> bool:
        match pattern:
            case ast.MatchValue(value=value):
                return self.gateway.key(value) or self.gateway.about(value)
            case ast.MatchOr(patterns=patterns):
                return all(self._pattern(item) for item in patterns)
            case ast.MatchClass(cls=cls):
                return self.gateway.about(cls)
        return False

    # ---- expressions ----

    def _expression(self, node: ast.expr) -> None:
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                self._items(items, bool(items))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    known = key is not None and self.gateway.whole(key)
                    if known or (not isinstance(value, ast.Constant) and self.gateway.whole(value)):
                        self._take(
                            "entry",
                            value,
                            f"the entry {ast.unparse(key) if key else '**'}",
                            [*([key] if key else []), value],
                        )
                    else:
                        self._expression(value)
            case ast.Call(func=function, args=arguments, keywords=words):
                self._expression(function)
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                self._items(arguments, name in _VARIADIC)
                for word in words:
                    if word.arg is not None and self.gateway.word(word.arg):
                        needs: set[Symbol] = {("attribute", "", word.arg)}
                        self._take("keyword", word, f"the argument {word.arg}").needs = needs
                    else:
                        self._expression(word.value)
            case ast.Subscript(value=value, slice=inner):
                self._expression(value)
                parts = inner.elts if isinstance(inner, ast.Tuple) else []
                self._items(parts, not all(self.gateway.whole(item) for item in parts))
            case ast.BoolOp(op=operator, values=operands):
                drops = isinstance(operator, ast.And)
                gone = [item for item in operands if self.gateway.truth(item) is drops]
                for item in operands:
                    if item in gone and len(gone) < len(operands):
                        self._take("operand", item, f"the test {ast.unparse(item)}")
                    else:
                        self._expression(item)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                truth = self.gateway.truth(test)
                if truth is None:
                    for part in (test, body, orelse):
                        self._expression(part)
                else:
                    kept, dropped = (body, orelse) if truth else (orelse, body)
                    self._take("body" if truth else "orelse", node, "the choice for it", [test, dropped])
                    self._expression(kept)
            case _:
                for child in _inner(node):
                    self._expression(child)

    def _items(self, items: list[ast.expr], can_go: bool) -> None:
        for item in items:
            if can_go and self.gateway.whole(item):
                self._take("item", item, f"the item {_short(item)}")
            else:
                self._expression(item)

    def _symbol(self, scope: Scope, name: str) -> Symbol:
        return symbol_of(self.module, scope, name)


def symbol_of(module: Module, scope: Scope, name: str) -> Symbol:
    """The symbol that a name bound in a scope is."""
    if scope.elsewhere.get(name) == "global" or scope.kind == "module":
        return ("global", module.path, name)
    if scope.kind == "class":
        return ("attribute", "", name)
    place = f"{module.path}:{getattr(scope.node, 'lineno', 0)}:{getattr(scope.node, 'col_offset', 0)}"
    return ("local", place, name)


def _inner(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.comprehension | ast.keyword):
            yield from _inner(child)


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "…"
