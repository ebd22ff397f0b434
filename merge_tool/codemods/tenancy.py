"""Where a tenant is at hand in a function, and which statements know it already."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from merge_tool.codemods.chains import Chain, chain_from
from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import FunctionNode, Module, Scope, defaults_of, parameters_of
from merge_tool.codemods.values import functions_around, self_attribute
from merge_tool.model.policy import Policy

_FILTERING = (
    "where",
    "filter",
    "filter_by",
    "having",
    "join",
    "outerjoin",
    "join_from",
    "outerjoin_from",
    "select_from",
)
_BEGINNINGS = ("select", "update", "delete", "exists")
_RUNNERS = ("execute", "scalar", "scalars", "stream", "stream_scalars", "exec", "execute_all", "run_sync")


@dataclass(frozen=True)
class Tenant:
    """The tenant as a function has it. `optional`: it may be None; `code`: how the function writes it."""

    function: ast.AST
    optional: bool
    code: str


class Tenancy:
    """Answers for one file."""

    def __init__(self, names: Names, policy: Policy, module: Module) -> None:
        self._names = names
        self._policy = policy
        self._module = module
        self._lines = module.text.splitlines()

    def at(self, node: ast.expr) -> Tenant | None:
        """The tenant that is at hand where an expression stands; None where there is none."""
        scope = self._module.scope_of.get(node)
        found = scope.find(self._policy.parameter) if scope else None
        name = self._policy.parameter
        if found is None or found[0].kind not in ("function", "lambda"):
            return self._of_object(scope) if scope is not None else None
        owner, bindings = found
        for binding in bindings:
            if (
                binding.kind == "param"
                and isinstance(binding.node, ast.arg)
                and isinstance(owner.node, FunctionNode)
            ):
                return Tenant(owner.node, _may_be_none(owner.node, binding.node), name)
        for binding in bindings:
            value = binding.value.value if isinstance(binding.value, ast.Await) else binding.value
            if (
                isinstance(value, ast.Call)
                and isinstance(binding.node, ast.stmt)
                and binding.node.lineno < node.lineno
            ):
                called = ast.unparse(value.func).rpartition(".")[2]
                context = self._policy.context
                for wanted, optional in ((context.requirers, False), (context.getters, True)):
                    if any(called == name.rpartition(".")[2] for name in wanted) and binding.node in getattr(
                        owner.node, "body", ()
                    ):
                        return Tenant(owner.node, optional, name)
        return None

    def _of_object(self, scope: Scope) -> Tenant | None:
        """The tenant that the object of a method holds."""
        for function in functions_around(scope):
            first = self_attribute(self._module, function, self._policy.parameter)
            seen = scope.find(first) if first else None
            if seen is not None and seen[0].node is function:
                return Tenant(function, self._may_lack(function), f"{first}.{self._policy.parameter}")
        return None

    def _may_lack(self, function: FunctionNode) -> bool:
        """Whether the constructor of a method's class takes a tenant that may be None, and keeps it as it is."""
        bindings = self._module.scope_of_definition(function).bindings
        if self._policy.parameter in bindings:
            return False  # a property, which asks the context
        for binding in bindings.get("__init__", []):
            for item in parameters_of(binding.node.args) if isinstance(binding.node, FunctionNode) else ():
                if item.arg == self._policy.parameter and isinstance(binding.node, FunctionNode):
                    return _may_be_none(binding.node, item)
        return False

    def checked(self, node: ast.expr, tenant: Tenant) -> bool:
        """Whether None is ruled out where an expression stands, by a test around it or one before it that leaves."""
        parameter = self._policy.parameter
        inner: ast.AST = node
        for outer in self._module.ancestors(node):
            if isinstance(outer, ast.If):
                test = ast.unparse(outer.test)
                if inner in outer.body and test in (f"{parameter} is not None", parameter):
                    return True
                if inner in outer.orelse and test in (f"{parameter} is None", f"not {parameter}"):
                    return True
            if isinstance(outer, ast.stmt | FunctionNode) and any(
                _rules_out(item, parameter) for item in _before(outer, inner)
            ):
                return True
            if outer is tenant.function:
                return False
            inner = outer
        return False

    # ---- statements that know the tenant -------------------------------------------------------------------

    def aware(self, chain: Chain) -> bool:
        """Whether a statement names the tenant, now or in a later step that is always taken, or is none of its affair."""
        if self._marked(chain.root) or self._in_tenant_session(chain.root) or self._handed_over(chain):
            return True
        if any(self._names_tenant(argument, chain.root) for argument in _filters(chain.links)):
            return True
        return any(certain for _, certain in self._later(chain))

    def one_branch(self, chain: Chain) -> int:
        """The line of a later step that filters on one branch only; 0 where there is none."""
        return next((line for line, certain in self._later(chain) if not certain), 0)

    def _marked(self, node: ast.expr) -> bool:
        statement = self._module.statement(node)
        end = node.end_lineno or node.lineno
        lines = self._lines[
            max(statement.lineno - 2, 0) : max(
                end, getattr(statement, "end_lineno", end) if not hasattr(statement, "body") else end
            )
        ]
        return any(self._policy.global_marker in line.partition("#")[2] for line in lines)

    def _in_tenant_session(self, node: ast.expr) -> bool:
        factories = {name.rpartition(".")[2] for name in self._policy.context.session_factories}
        for outer in self._module.ancestors(node):
            for item in outer.items if isinstance(outer, ast.With | ast.AsyncWith) else ():
                call = item.context_expr
                if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in factories:
                    return True
        return False

    def _handed_over(self, chain: Chain) -> bool:
        """Whether the statement goes to a function of its own together with the tenant."""
        outer = self._module.parents.get(chain.end)
        if isinstance(outer, ast.keyword):
            outer = self._module.parents.get(outer)
        if not isinstance(outer, ast.Call) or outer.func is chain.end:
            return False
        if isinstance(outer.func, ast.Attribute) and outer.func.attr in _RUNNERS:
            return False
        others = [
            item for item in (*outer.args, *(word.value for word in outer.keywords)) if item is not chain.end
        ]
        return any(mentions(item, self._policy) for item in others) and not self._forgets(outer)

    def _forgets(self, call: ast.Call) -> bool:
        """Whether the project's function that is called has the tenant as a parameter and does not filter what it is given.

        Where the tenant only narrows a statement inside, such as a subquery, what was handed over is as wide as before.
        """
        scope = self._module.scope_of.get(call)
        thing = self._names.resolve(self._module, scope, call.func) if scope is not None else None
        if thing is None or thing.kind != "function":
            return False
        module = self._names.module(thing.path)
        found = module.functions.get(thing.qualname, []) if module is not None else []
        return bool(found) and not any(
            all(item.arg != self._policy.parameter for item in parameters_of(node.args))
            or any(_used_outside(item, self._policy) for item in node.body)
            for node in found
        )

    def _names_tenant(self, node: ast.expr, at: ast.expr) -> bool:
        """Whether a condition names the tenant, itself or through the variable that holds it."""
        if mentions(node, self._policy):
            return True
        names = set(_held_conditions(node))
        function = next((item for item in self._module.ancestors(at) if isinstance(item, FunctionNode)), None)
        return function is not None and any(self._built_with_tenant(function, name) for name in names)

    def _built_with_tenant(self, function: ast.AST, name: str) -> bool:
        """Whether a variable is given the tenant in a condition: assigned, appended or added."""
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(item, ast.Name) and item.id == name for item in targets) and _condition(
                    node.value, self._policy
                ):
                    return True
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("append", "extend", "insert")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == name
                and any(_condition(item, self._policy) for item in node.args)
            ):
                return True
        return False

    def _later(self, chain: Chain) -> Iterator[tuple[int, bool]]:
        """The steps on the variable that holds the statement which name the tenant: line, and whether always taken."""
        statement = self._module.statement(chain.root)
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if value is not chain.end:
            return
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]  # type: ignore[attr-defined]
        names = {item.id for item in targets if isinstance(item, ast.Name)}
        function = next(
            (item for item in self._module.ancestors(chain.root) if isinstance(item, FunctionNode)), None
        )
        around = {id(item) for item in self._module.ancestors(statement)}
        for node in ast.walk(function) if function and names else ():
            if not (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Load)
                and node.id in names
                and node.lineno > statement.lineno
            ):
                continue
            later = Chain(ast.Call(node, [], []), chain_from(self._module, node))
            filtered = any(self._names_tenant(item, node) for item in _filters(later.links))
            if filtered or self._handed_over(Chain(later.links[-1][1] if later.links else node, ())):  # type: ignore[arg-type]
                holder = self._module.parents.get(self._module.statement(node))
                certain = id(holder) in around or (
                    isinstance(holder, ast.If) and mentions(holder.test, self._policy)
                )
                yield node.lineno, certain


def mentions(node: ast.AST, policy: Policy) -> bool:
    """Whether an expression names the tenant column of something, the tenant parameter, or is a keyword for it."""
    return any(
        (isinstance(item, ast.Attribute) and item.attr == policy.column)
        or (isinstance(item, ast.Name) and item.id == policy.parameter)
        or (isinstance(item, ast.keyword) and item.arg == policy.column)
        for item in ast.walk(node)
    )


def _used_outside(node: ast.AST, policy: Policy) -> bool:
    """Whether the tenant is used in other places than statements that begin there: `select(…)…where(…)`."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.Call) and _begins(item):
            continue
        if isinstance(item, ast.Name) and item.id == policy.parameter:
            return True
        if isinstance(item, ast.Attribute) and item.attr == policy.column:
            return True
        if isinstance(item, ast.keyword) and item.arg == policy.column:
            return True
        waiting += ast.iter_child_nodes(item)
    return False


def _begins(call: ast.Call) -> bool:
    """Whether a chain of calls begins with a statement of its own."""
    function: ast.expr = call
    while isinstance(function, ast.Call | ast.Attribute):
        if isinstance(function, ast.Call):
            name = ast.unparse(function.func).rpartition(".")[2] if _is_plain(function.func) else ""
            if name in _BEGINNINGS:
                return True
            function = function.func
        else:
            function = function.value
    return False


def _is_plain(node: ast.expr) -> bool:
    """`name` or `module.name`."""
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    )


def _held_conditions(node: ast.expr) -> Iterator[str]:
    """The variables that stand for whole conditions: `condition`, `*conditions`, `and_(*conditions)`."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Starred):
        yield from _held_conditions(node.value)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from _held_conditions(argument)


def _condition(node: ast.expr, policy: Policy) -> bool:
    return any(isinstance(item, ast.Attribute) and item.attr == policy.column for item in ast.walk(node))


def _filters(links: tuple[tuple[str, ast.Call], ...]) -> Iterator[ast.expr]:
    """The arguments of the calls that say which rows, of keywords such as `filter_by(tenant=…)` too."""
    for name, call in links:
        if name in _FILTERING:
            yield from call.args
            for word in call.keywords:
                yield ast.Call(ast.Name("filter_by", ast.Load()), [], [word])


def _may_be_none(function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: ast.arg) -> bool:
    default = defaults_of(function.args).get(parameter.arg)
    if isinstance(default, ast.Constant) and default.value is None:
        return True
    annotation = ast.unparse(parameter.annotation) if parameter.annotation else ""
    return (
        "Optional[" in annotation
        or "None" in annotation.replace("NoneType", "None").split(" | ")
        or "| None" in annotation
    )


def _before(outer: ast.AST, inner: ast.AST) -> list[ast.stmt]:
    """The statements of the block that holds `inner`, before it."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(outer, name, None)
        if isinstance(block, list) and inner in block:
            return block[: block.index(inner)]
    return []


def _rules_out(node: ast.stmt, parameter: str) -> bool:
    """`if tenant is None: raise` (or return, or give it a value), or `assert tenant is not None`, or `tenant = require()`."""
    if isinstance(node, ast.Assert):
        return ast.unparse(node.test) in (f"{parameter} is not None", parameter)
    if (
        isinstance(node, ast.If)
        and not node.orelse
        and ast.unparse(node.test) in (f"{parameter} is None", f"not {parameter}")
    ):
        last = node.body[-1]
        assigned = isinstance(last, ast.Assign) and any(
            isinstance(item, ast.Name) and item.id == parameter for item in last.targets
        )
        called = assigned and isinstance(last, ast.Assign) and "require" in ast.unparse(last.value)
        return isinstance(last, ast.Raise | ast.Return | ast.Continue | ast.Break) or called
    return False
