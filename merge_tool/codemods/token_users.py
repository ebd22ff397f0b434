"""Where a function loads a user by a token: the variable, and the check that it was found."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.jwt_sites import JwtSite, jwt_sites
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.thread_checks import own_nodes

_MAX_CALLS = 4


@dataclass(frozen=True)
class TokenUser:
    """A user that a function loads by a token.

    Attributes:
        variable: the variable that holds the user.
        line: where it is loaded.
        check: the statement that leaves the function where there is no user; None where there is none.
    """

    variable: str
    line: int
    check: ast.If | None


class TokenReaders:
    """Which functions of a project read a token, by themselves or through what they call."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._known: dict[tuple[str, str], bool] = {}
        self._sites: dict[str, list[JwtSite]] = {}

    def sites(self, module: Module) -> list[JwtSite]:
        """Where a file decodes tokens."""
        if module.path not in self._sites:
            found = jwt_sites(self.names, module) if "jwt" in module.text else []
            self._sites[module.path] = [site for site in found if not site.encodes]
        return self._sites[module.path]

    def reads(self, thing: Thing | None, depth: int = 0) -> bool:
        """Whether a function decodes a token."""
        if thing is None or thing.kind != "function" or depth > _MAX_CALLS:
            return False
        key = (thing.path, thing.qualname)
        if key not in self._known:
            self._known[key] = False  # for functions that call each other
            self._known[key] = self._looks(thing, depth)
        return self._known[key]

    def _looks(self, thing: Thing, depth: int) -> bool:
        module = self.names.module(thing.path)
        if module is None:
            return False
        for function in module.functions.get(thing.qualname, []):
            if any(site.function is function for site in self.sites(module)):
                return True
            for node in own_nodes(function):
                if isinstance(node, ast.Call) and node in module.scope_of:
                    called = self.names.resolve(module, module.scope_of[node], node.func)
                    if self.reads(called, depth + 1):
                        return True
        return False

    def user_of(self, module: Module, function: FunctionNode) -> TokenUser | None:
        """The user that a function loads by what a token says, and returns; None: it does not."""
        tainted: set[str] = set()
        loaded: dict[str, ast.Assign | ast.AnnAssign] = {}
        statements = [
            node
            for node in own_nodes(function)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
        ]
        for statement in sorted(statements, key=lambda node: node.lineno):
            value = statement.value
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            assigned = {
                item.id for target in targets for item in ast.walk(target) if isinstance(item, ast.Name)
            }
            call = value.value if isinstance(value, ast.Await) else value
            readers = (
                {node for node in ast.walk(value) if self._reads_token(module, node)}
                if value is not None
                else set()
            )
            used = (
                {item.id for item in ast.walk(value) if isinstance(item, ast.Name)}
                if value is not None
                else set()
            )
            if readers or used & tainted:
                tainted |= assigned
                if call not in readers and isinstance(value, ast.Await) and len(assigned) == 1:
                    loaded[next(iter(assigned))] = statement
        returned = [
            node.value.id
            for node in own_nodes(function)
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)
        ]
        for name in returned:
            if name in loaded:
                return TokenUser(name, loaded[name].lineno, _none_check(module, loaded[name], name))
        return None

    def _reads_token(self, module: Module, node: ast.AST) -> bool:
        """Whether a node is a call that gives what a token says."""
        if not isinstance(node, ast.Call) or node not in module.scope_of:
            return False
        if any(site.call is node for site in self.sites(module)):
            return True
        return self.reads(self.names.resolve(module, module.scope_of[node], node.func))


def _none_check(module: Module, loaded: ast.stmt, name: str) -> ast.If | None:
    """The `if not user:` after a statement in its block, which ends by leaving the function."""
    parent = module.parents[loaded]
    for block in (getattr(parent, field, None) for field in ("body", "orelse", "finalbody")):
        if not isinstance(block, list) or loaded not in block:
            continue
        for statement in block[block.index(loaded) + 1 :]:
            if isinstance(statement, ast.If) and _says_none(statement.test, name):
                return (
                    statement
                    if isinstance(statement.body[-1], (ast.Return, ast.Raise)) and not statement.orelse
                    else None
                )
    return None


def _says_none(test: ast.expr, name: str) -> bool:
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_says_none(value, name) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=found)):
            return found == name
        case ast.Compare(
            left=ast.Name(id=found), ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]
        ):
            return found == name
    return False
