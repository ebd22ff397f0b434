"""Follows values through a function: assignments, branches, loops, lists of conditions.

One reader goes once over a file and gives every function's calls, returns and the places where statements leave its
hands. Branches are followed both ways and joined again: what came in on one branch only is kept apart as a `Fork`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from merge_tool.index import control, expressions
from merge_tool.index.branches import KEPT, Env, dotted_of, holds_query
from merge_tool.index.scope import ClassScope, Scope, facts_of, keep
from merge_tool.index.source import Source
from merge_tool.index.texts import capped, combine
from merge_tool.index.unroll import unpacked
from merge_tool.index.words import UNPACKED
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ImportFact, Parameter, Store, Write
from merge_tool.rulekit.values import (
    Call,
    Const,
    Entry,
    Function,
    Items,
    Record,
    Ref,
    Root,
    Sink,
    Unknown,
    Value,
    walk,
)


class FlowReader:
    """Reads one file. `functions`, `classes`, `imports`, `stars` and `import_sites` hold what it found."""

    def __init__(self, source: Source, package: str) -> None:
        self.source = source
        self.package = package
        self.functions: dict[str, FunctionFacts] = {}
        self.classes: dict[str, ClassFacts] = {}
        self.stars: list[str] = []
        self.import_sites: list[ImportFact] = []
        self.scope = Scope("<module>", "<module>", "", "")
        self.outer_scopes: list[Scope] = []
        self.class_scopes: list[ClassScope] = []
        self.env = Env()

    # ---- running -------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Reads the whole file."""
        top = self.scope
        self.block(self.source.tree.body)
        self._finish_roots(top)
        lines = len(self.source.lines())
        self.functions["<module>"] = facts_of(
            self.source.path, top, dict(self.env.vars), Span(1, 1, 1, 1), lines, False, (), ()
        )

    def lookup_import(self, name: str) -> str:
        """The absolute target that an import bound to `name`, seen from here; "" where none did."""
        for scope in (self.scope, *reversed(self.outer_scopes)):
            if name in scope.imports:
                return scope.imports[name]
        return ""

    # ---- functions and classes -----------------------------------------------------------------------------

    def _function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        qualname: str,
        parent: str,
        outer: dict[str, Value],
    ) -> FunctionFacts:
        class_name = parent if parent in self.classes else self.scope.class_name
        scope = Scope(node.name, qualname, class_name, parent)
        saved = (self.scope, self.env)
        self.outer_scopes.append(self.scope)
        self.scope = scope
        self.env = Env(dict(outer))
        params = self.parameters(node.args)
        for item in params:
            self.env.vars.pop(item.name, None)
        decorators = tuple(self.value(item) for item in node.decorator_list)
        self.block(node.body)
        self._finish_roots(scope)
        header = self.source.header_span(node)
        facts = facts_of(
            self.source.path,
            scope,
            self.env.vars,
            header,
            node.end_lineno or node.lineno,
            isinstance(node, ast.AsyncFunctionDef),
            params,
            decorators,
            expressions.annotation(self, node.returns) if node.returns is not None else None,
        )
        self.scope, self.env = saved
        self.outer_scopes.pop()
        keep(self.functions, qualname, facts)
        return facts

    def parameters(self, args: ast.arguments) -> tuple[Parameter, ...]:
        """The parameters, with annotations and defaults."""
        found: list[Parameter] = []
        plain = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
        for arg, default in zip(plain, defaults, strict=True):
            found.append(self._parameter(arg, "positional", default))
        if args.vararg is not None:
            found.append(self._parameter(args.vararg, "*", None))
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            found.append(self._parameter(arg, "keyword", default))
        if args.kwarg is not None:
            found.append(self._parameter(args.kwarg, "**", None))
        return tuple(found)

    def _parameter(self, arg: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
        annotation = expressions.annotation(self, arg.annotation) if arg.annotation is not None else None
        return Parameter(arg.arg, kind, annotation, self.value(default) if default is not None else None)

    def _class(self, node: ast.ClassDef) -> None:
        prefix = self.scope.qualname if self.scope.name != "<module>" else ""
        outer = self.class_scopes[-1].facts.qualname if self.class_scopes else prefix
        qualname = f"{outer}.{node.name}" if outer else node.name
        bases = tuple(self.value(base) for base in node.bases)
        keywords = tuple((item.arg or "", self.value(item.value)) for item in node.keywords)
        for item in node.decorator_list:
            self.value(item)
        attributes: dict[str, Value] = {}
        fields: dict[str, Value] = {}
        instance: dict[str, Value] = {}
        methods = frozenset(
            item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        span = self.source.span(node)
        facts = ClassFacts(
            self.source.path,
            node.name,
            qualname,
            span,
            bases,
            keywords,
            attributes,
            fields,
            instance,
            methods,
        )
        self.classes[qualname] = facts
        saved = self.env
        self.env = saved.copy()
        before = set(self.env.vars)
        self.class_scopes.append(ClassScope(facts, instance))
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                fields[statement.target.id] = expressions.annotation(self, statement.annotation)
            self.statement(statement)
        self.class_scopes.pop()
        attributes.update(
            {
                name: value
                for name, value in self.env.vars.items()
                if name not in before or saved.vars.get(name) is not value
            }
        )
        self.env = saved

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A `def` statement: methods and functions of the top level are read later, inner ones now with what they see."""
        if self.class_scopes:
            facts = self.class_scopes[-1].facts
            self._method(node, facts)
            return
        if self.scope.name == "<module>":
            self._function(node, node.name, "", {})
            return
        qualname = f"{self.scope.qualname}.{node.name}"
        body = self._function(node, qualname, self.scope.qualname, self.env.vars)
        result = body.returns[0] if len(body.returns) == 1 else Unknown("a function with several returns")
        self.env.vars[node.name] = Function(qualname, tuple(item.name for item in body.params), result)

    def _method(self, node: ast.FunctionDef | ast.AsyncFunctionDef, facts: ClassFacts) -> None:
        saved, self.class_scopes = self.class_scopes, []
        read = self._function(node, f"{facts.qualname}.{node.name}", facts.qualname, {})
        instance = saved[-1].instance
        for name, value in read.variables.items():
            if name.startswith("self.") and name.count(".") == 1:
                instance.setdefault(name[5:], value)
        self.class_scopes = saved

    # ---- statements ----------------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Reads statements in order; what follows a `return` is read too, but joins nothing."""
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Reads one statement."""
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.discard(self.value(child), child)

    def value(self, node: ast.expr) -> Value:
        """What an expression is."""
        return expressions.read(self, node)

    def discard(self, value: Value, node: ast.expr) -> None:
        """A value that goes nowhere that is followed: a statement in it has left."""
        if holds_query(value):
            self.sink(value, "unused", self.source.span(node))

    def sink(self, value: Value, how: str, span: Span, call: Call | None = None, slot: int | str = 0) -> None:
        """Notes where a statement leaves."""
        self.scope.sinks.append(Sink(value, how, span, call, slot, tuple(sorted(self.env.present))))

    def _expr(self, node: ast.Expr) -> None:
        self.discard(self.value(node.value), node.value)

    def _assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.bind(target, value)

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        annotation = expressions.annotation(self, node.annotation)
        if node.value is not None:
            value = self.value(node.value)
            if isinstance(value, Unknown) or (not isinstance(value, KEPT) and not isinstance(value, Ref)):
                value = expressions.declared(annotation, value)
            self.bind(node.target, value)
        elif isinstance(node.target, ast.Name | ast.Attribute) and not self.class_scopes:
            self.bind(node.target, expressions.declared(annotation, None))

    def _aug_assign(self, node: ast.AugAssign) -> None:
        value = self.value(node.value)
        name = dotted_of(node.target)
        old = self.env.vars.get(name) if name else None
        if isinstance(old, Items) and isinstance(node.op, ast.Add):
            self.env.vars[name] = combine(node.op, old, value)
        elif isinstance(old, Record) and isinstance(node.op, ast.BitOr):
            self.env.vars[name] = Record((*old.entries, *_entries(value)))
        elif name:
            self.bind(node.target, combine(node.op, old if old is not None else Ref(name), value))
        else:
            self.value(node.target)

    def bind(self, target: ast.expr, value: Value) -> None:
        """Binds a target; unpacked tuples are followed where their length is known."""
        if isinstance(target, ast.Name):
            self.env.vars[target.id] = value
            if target.id in self.scope.globals:
                self.scope.stores.append(Store(target.id, None, value, self.source.span(target)))
            if target.id in self.env.present:
                self.env.present -= {target.id}
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Unknown(UNPACKED, (value,)))
        elif isinstance(target, ast.Tuple | ast.List):
            for position, item in enumerate(target.elts):
                self.bind(item, unpacked(value, position, len(target.elts)))
        elif isinstance(target, ast.Attribute):
            self.scope.writes.append(Write(self.value(target.value), target.attr, value))
            name = dotted_of(target)
            if name:
                self.env.vars[name] = value
        elif isinstance(target, ast.Subscript):
            name = dotted_of(target.value)
            key = self.value(target.slice)
            old = self.env.vars.get(name) if name else None
            if name:
                base = old.dotted if isinstance(old, Ref) else name
                self.scope.stores.append(Store(base, key, value, self.source.span(target)))
            if isinstance(old, Record):
                rest = Entry(None, Unknown("more entries than are followed"))
                self.env.vars[name] = Record(capped((*old.entries, Entry(key, value)), rest))
            else:
                held = self.value(target.value)
                if isinstance(key, Const) and isinstance(key.value, str):
                    self.scope.writes.append(Write(held, key.value, value))

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            value = self.value(node.value)
            self.scope.returns.append(value)
            if holds_query(value) or isinstance(value, Call):
                self.sink(value, "return", self.source.span(node.value))
        self.env.dead = True

    def _exit(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.discard(self.value(child), child)
        self.env.dead = True

    def _assert(self, node: ast.Assert) -> None:
        test, positive = expressions.test_of(self, node.test)
        if test.present and positive:
            self.env.present |= {test.present}

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            span = self.source.span(alias)
            self.import_sites.append(ImportFact(alias.name, span))
            if alias.asname:
                self.scope.imports[alias.asname] = alias.name
            else:
                head = alias.name.partition(".")[0]
                self.scope.imports[head] = head

    def _import_from(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self.package.split(".") if self.package else []
            parts = parts[: max(len(parts) - (node.level - 1), 0)]
            base = ".".join([*parts, base] if base else parts)
        for alias in node.names:
            target = f"{base}.{alias.name}" if base else alias.name
            self.import_sites.append(ImportFact(target, self.source.span(alias)))
            if alias.name == "*":
                self.stars.append(base)
            else:
                self.scope.imports[alias.asname or alias.name] = target

    def _global(self, node: ast.Global) -> None:
        self.scope.globals.update(node.names)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            name = dotted_of(target)
            self.env.vars.pop(name, None)

    # ---- ends ----------------------------------------------------------------------------------------------

    def _finish_roots(self, scope: Scope) -> None:
        """Statements that no sink took are noted too, so that none is passed over."""
        if not scope.roots:
            return
        taken: set[int] = set()
        for sink in scope.sinks:
            taken.update(id(item) for item in walk(sink.value) if isinstance(item, Root))
        for name, function in self.functions.items():
            if name.startswith(scope.qualname + "."):
                for sink in function.sinks:
                    taken.update(id(item) for item in walk(sink.value) if isinstance(item, Root))
        nested: set[int] = set()
        left = {key: query for key, query in scope.roots.items() if key not in taken}
        for query in left.values():
            nested.update(
                id(item) for item in walk(query) if isinstance(item, Root) and item is not query.root
            )
        for key, query in left.items():
            if key not in nested and isinstance(query.root, Root):
                scope.sinks.append(Sink(query, "unused", query.root.span))


def _entries(value: Value) -> tuple[Value, ...]:
    return value.entries if isinstance(value, Record) else (Entry(None, value),)


_HANDLERS: dict[type[ast.stmt], Callable[[FlowReader, Any], None]] = {
    ast.Expr: FlowReader._expr,
    ast.Assign: FlowReader._assign,
    ast.AnnAssign: FlowReader._ann_assign,
    ast.AugAssign: FlowReader._aug_assign,
    ast.Return: FlowReader._return,
    ast.Raise: control.read_raise,
    ast.Continue: FlowReader._exit,
    ast.Break: FlowReader._exit,
    ast.Assert: FlowReader._assert,
    ast.If: control.read_if,
    ast.For: control.read_for,
    ast.AsyncFor: control.read_for,
    ast.While: control.read_while,
    ast.With: control.read_with,
    ast.AsyncWith: control.read_with,
    ast.Try: control.read_try,
    ast.TryStar: control.read_try,
    ast.Match: control.read_match,
    ast.Import: FlowReader._import,
    ast.ImportFrom: FlowReader._import_from,
    ast.Delete: FlowReader._delete,
    ast.Global: FlowReader._global,
    ast.FunctionDef: FlowReader._define,
    ast.AsyncFunctionDef: FlowReader._define,
    ast.ClassDef: FlowReader._class,
}
