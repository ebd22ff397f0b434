"""Finds the places where a project holds the tenant, and says how the text reads with one of them taken out.

Places are found on the syntax tree and cut out of the text by their positions, line breaks kept, so that every
other line keeps its number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from chains import CONDITION_STEPS, WRITES, Chains

from merge_tool.index.criteria import guarded
from merge_tool.index.dependencies import TenantDependencies
from merge_tool.rulekit import Model

MEMBERSHIP = frozenset(("in_", "is_", "any_", "__eq__"))


@dataclass(frozen=True, slots=True)
class Mutation:
    """One place of which the tenant is taken away.

    Attributes:
        kind: `predicate`, `filter_by`, `equality` (tenant = tenant), `constructor`, `key`, `dependency`, `claim`.
        first, last: lines of the statement around it.
        function: first and last line of the function around it.
        edits: what is cut: start and end in the text, and what comes in its place.
        rule: the code of the rule that must see it, or its beginning.
        excluded: why taking it away changes nothing that a rule should see; "" where it does.
    """

    kind: str
    path: str
    line: int
    first: int
    last: int
    function: tuple[int, int]
    name: str
    text: str
    edits: tuple[tuple[int, int, str], ...]
    rule: str
    excluded: str = ""

    def apply(self, source: str) -> str:
        """The file's text without this place."""
        for start, end, put in sorted(self.edits, reverse=True):
            source = (
                source[:start]
                + put
                + "\n" * (source.count("\n", start, end) - put.count("\n"))
                + source[end:]
            )
        return source


class Finder(Chains):
    """Finds the mutations of one file."""

    def find(self) -> Iterator[Mutation]:
        """Every place, each by itself."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Compare):
                yield from self._compare(node)
            elif isinstance(node, ast.Call):
                yield from self._call(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self._parameters(node)
            elif isinstance(node, ast.JoinedStr):
                yield from self._key(node)
            elif isinstance(node, ast.Dict):
                yield from self._claim(node)

    # ---- places ----------------------------------------------------------------------------------------------

    def _compare(self, node: ast.Compare) -> Iterator[Mutation]:
        if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
            return
        left, right = self._held(node.left, node), self._held(node.comparators[0], node)
        other = node.comparators[0] if left else node.left
        if (left or right) and isinstance(other, ast.Attribute) and other.attr == "id":
            name = ast.unparse(other.value)
            if name[:1].isupper():  # the table of the tenants itself
                text = f"ties it to {name}.id, the table of the tenants"
                yield self._made("equality", node, (0, 0, ""), "TQ5", text)
                return
        if left or right:
            yield from self._predicate(node, left or right, "equality" if left and right else "predicate")

    def _call(self, node: ast.Call) -> Iterator[Mutation]:
        func = node.func
        member = isinstance(func, ast.Attribute) and func.attr in MEMBERSHIP and bool(node.args)
        owner = self._held(func.value, node) if member and isinstance(func, ast.Attribute) else ""
        if owner and not (isinstance(node.args[0], ast.Constant) and node.args[0].value is None):
            yield from self._predicate(node, owner, "predicate")
        for item in node.keywords:
            if isinstance(func, ast.Attribute) and func.attr == "filter_by" and item.arg == self.column:
                edit = self._without(item, [*node.args, *node.keywords]) or self._without_step(node)
                yield self._made(
                    "filter_by", item.value, edit, self._write_rule(node), self._twin(node, item)
                )
            elif item.arg == self.column and self._is_model(func):
                edit = self._without(item, [*node.args, *node.keywords])
                edit = edit or (self._at(item), self._end(item), "")
                yield self._made("constructor", item.value, edit, "TQ4")
            elif item.arg == "dependencies" and isinstance(item.value, ast.List):
                yield from self._dependencies(item.value)

    def _is_model(self, func: ast.expr) -> bool:
        name = ast.unparse(func)
        if not name.rpartition(".")[2][:1].isupper():
            return False
        function = self.index.modules[self.path].top
        model = self.index.models.by_name.get(self.index.resolve(self.path, name, function))
        return model is not None and self.index.models.is_tenant(model)

    def _parameters(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Mutation]:
        routes = [
            route
            for route in self.index.routes()
            if route.function_path == self.path and route.line == node.lineno and route.has_tenant
        ]
        if not routes:
            return
        facts = self.index.modules[self.path].functions.get(routes[0].function)
        if facts is None:
            return
        judge = TenantDependencies(self.index)
        args = [*node.args.posonlyargs, *node.args.args]
        defaults = dict(zip([item.arg for item in args][::-1], node.args.defaults[::-1], strict=False))
        defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d}
        every = [*args, *node.args.kwonlyargs]
        holding = [
            item
            for item in every
            if (known := facts.parameter(item.arg)) is not None
            and judge._parameter_has_tenant(facts, known.annotation, known.default)
        ]
        twin = "another parameter is the tenant dependency too" if len(holding) > 1 else ""
        if not twin and routes[0].by in ("decorator", "router", "include_router", "application"):
            twin = f"the tenant dependency stands on the {routes[0].by} too"
        for item in holding:
            end = self._end(defaults.get(item.arg) or item)
            spans = [(self._at(other), self._end(defaults.get(other.arg) or other)) for other in every]
            place = every.index(item)
            if len(every) == 1:
                edit = (spans[0][0], end, "")
            elif place + 1 < len(every) and not (item in args and every[place + 1] not in args):
                edit = (spans[place][0], spans[place + 1][0], "")
            elif place > 0 and not (item not in args and every[place - 1] in args):
                edit = (spans[place - 1][1], end, "")
            else:
                continue
            yield self._made("dependency", item, edit, "TF1", twin)

    def _dependencies(self, node: ast.List) -> Iterator[Mutation]:
        judge = TenantDependencies(self.index)
        for item in node.elts:
            if not isinstance(item, ast.Call) or not item.args:
                continue
            name = ast.unparse(item.args[0])
            if self.index.policy.routes.dependencies and judge.is_tenant_name(name):
                edit = self._without(item, node.elts) or (self._at(item), self._end(item), "")
                yield self._made("dependency", item, edit, "TF1")

    def _key(self, node: ast.JoinedStr) -> Iterator[Mutation]:
        holding = [
            item
            for item in node.values
            if isinstance(item, ast.FormattedValue)
            and ast.unparse(item.value).rpartition(".")[2].strip("()") == self.index.policy.parameter
        ]
        if not holding or not any(
            verdict.scoped == 4 and verdict.span.line <= node.lineno <= verdict.span.end_line
            for verdict in self.index.key_verdicts(self.path)
        ):
            return
        twin = "the tenant stands in the key twice" if len(holding) > 1 else ""
        for item in holding:
            edit = (self._at(item.value), self._end(item.value), "'x'" if '"' in self._row(node) else "0")
            yield self._made("key", node, edit, "TK", twin)

    def _claim(self, node: ast.Dict) -> Iterator[Mutation]:
        function = self._function(node)
        if function is None or "jwt.encode(" not in ast.unparse(function):
            return
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == self.index.policy.claim:
                edit = (self._at(key), self._end(key), '"other_claim"')
                yield self._made("claim", value, edit, "TT1")

    # ---- predicates ------------------------------------------------------------------------------------------

    def _predicate(self, node: ast.expr, owner: str, kind: str) -> Iterator[Mutation]:
        step = self._step(node)
        if isinstance(self.parents.get(id(node)), ast.If | ast.Assert | ast.IfExp | ast.While) or (
            isinstance(self.parents.get(id(node)), ast.BoolOp | ast.UnaryOp) and step is None
        ):
            return  # Python's own comparison
        excluded = "an arm of an OR, of a CASE or under a NOT" if self._is_loose(node) else ""
        target: ast.AST = node
        parent = self.parents[id(target)]
        # The last member of an `and_` takes the whole of it away.
        while isinstance(parent, ast.Call) and len(parent.args) == 1 and not parent.keywords:
            if ast.unparse(parent.func).rpartition(".")[2] != "and_":
                break
            target, parent = parent, self.parents[id(parent)]
        edit: tuple[int, int, str] | None
        if isinstance(parent, ast.Call) and target is not parent.func:
            name = ast.unparse(parent.func).rpartition(".")[2]
            if name in ("append", "add", "insert") and len(parent.args) <= 2:
                statement = self.parents[id(parent)]
                edit = (self._at(statement), self._end(statement), "pass")
            elif name in CONDITION_STEPS and len(parent.args) == 1 and not parent.keywords:
                edit = self._without_step(parent)
            else:
                edit = self._without(target, [*parent.args, *parent.keywords])
        elif isinstance(parent, ast.List | ast.Tuple):
            edit = self._without(target, parent.elts)
        elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.BitAnd):
            other = parent.right if parent.left is target else parent.left
            edit = (self._at(parent), self._end(parent), ast.unparse(other))
        else:
            edit = None
        edit = edit or (self._at(target), self._end(target), "True")
        if self._in_class_body(node):
            excluded = excluded or "part of a model's definition"
        model = self.index.models.by_name.get(
            self.index.resolve(self.path, owner, self.index.modules[self.path].top)
        )
        if model is not None and not self.index.models.is_tenant(model):
            excluded = excluded or f"{owner} belongs to no tenant by the policy"
        excluded = excluded or self._twin(node, node) or self._held_by(node, owner)
        excluded = excluded or self._by_listener(model, node)
        yield self._made(kind, node, edit, self._write_rule(node, owner), excluded)

    def _by_listener(self, model: Model | None, node: ast.AST) -> str:
        """What the project says of a condition that one of its listeners adds to every statement besides."""
        head = self._select_of(node)
        kind = ast.unparse(head.func).rpartition(".")[2] if isinstance(head, ast.Call) else "select"
        guards = self.index.guards()
        if model is not None and guards and guarded(guards, model, kind, legacy=kind == "query"):
            return "a listener of the session adds the tenant too"
        return ""

    def _write_rule(self, node: ast.AST, owner: str = "") -> str:
        """Which rule must see it: TQ3 for UPDATE and DELETE, TQ5 where only a joined table has a tenant, any of the queries' rules else."""
        head = self._select_of(node)
        if not isinstance(head, ast.Call):
            return "TQ"
        name = ast.unparse(head.func).rpartition(".")[2]
        columns = " ".join(ast.unparse(item) for item in head.args)
        if name == "select" and owner and columns and owner.rpartition(".")[2] not in columns:
            model = self.index.models.by_name.get(
                self.index.resolve(self.path, columns.partition(".")[0], self.index.modules[self.path].top)
            )
            if model is not None and not self.index.models.is_tenant(model):
                return "TQ5"  # a table of a tenant that is only joined
        return "TQ3" if name in WRITES else "TQ"

    def _in_class_body(self, node: ast.AST) -> bool:
        item: ast.AST | None = node
        while item is not None:
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                names = {ast.unparse(deco).rpartition(".")[2] for deco in item.decorator_list}
                return bool(
                    names & {"declared_attr", "expression", "hybrid_property", "comparator", "directive"}
                )
            if isinstance(item, ast.ClassDef):
                return True
            item = self.parents.get(id(item))
        return False

    # ---- text ------------------------------------------------------------------------------------------------

    def _at(self, node: ast.AST) -> int:
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        return self._offset(line, column)

    def _end(self, node: ast.AST) -> int:
        return self._offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _offset(self, line: int, column: int) -> int:
        row = self.rows[line - 1]
        if row.isascii():
            return self.starts[line - 1] + column
        return self.starts[line - 1] + len(row.encode()[:column].decode("utf-8", "replace"))

    def _row(self, node: ast.expr) -> str:
        return self.source[self._at(node) : self._at(node) + 3]

    def _without(
        self, node: ast.AST, siblings: list[ast.AST] | list[ast.expr]
    ) -> tuple[int, int, str] | None:
        """One item of a list of arguments with its comma; None where it is the only one."""
        place = next(number for number, item in enumerate(siblings) if item is node)
        if len(siblings) == 1:
            return None
        if place + 1 < len(siblings):
            return self._at(node), self._open(siblings[place + 1]), ""
        return self._end(siblings[place - 1]), self._end(node), ""

    def _open(self, node: ast.AST) -> int:
        """Where an item starts, its parentheses included: just behind the comma before it."""
        at = self._at(node)
        while self.source[at - 1] in "( \n\t":
            at -= 1
        return at

    def _without_step(self, call: ast.Call) -> tuple[int, int, str]:
        """`.where(…)` taken off its statement."""
        assert isinstance(call.func, ast.Attribute)
        end = self._end(call)
        at = self._end(call)
        # Behind what it is called on, parentheses around that included, up to the dot of the step.
        at = self.source.rindex(f"{call.func.attr}", self._end(call.func.value), self._end(call.func))
        at = self.source.rindex(".", self._end(call.func.value), at)
        return at, end, ""

    def _function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        item: ast.AST | None = node
        while item is not None and not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            item = self.parents.get(id(item))
        return item

    def _made(
        self, kind: str, node: ast.AST, edit: tuple[int, int, str], rule: str, excluded: str = ""
    ) -> Mutation:
        function = self._function(node)
        item: ast.AST | None = node
        while item is not None and not isinstance(item, ast.stmt):
            item = self.parents.get(id(item))
        lines = (item.lineno, item.end_lineno or item.lineno) if isinstance(item, ast.stmt) else (1, 1)
        around = (function.lineno, function.end_lineno or 1) if function is not None else (1, len(self.rows))
        line: int = node.lineno  # type: ignore[attr-defined]
        text = ast.unparse(node)
        name = function.name if function is not None else ""
        return Mutation(kind, self.path, line, *lines, around, name, text, (edit,), rule, excluded)
