"""Where a file encodes and decodes JSON Web Tokens (PyJWT, python-jose), and what each site does about the tenant."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.thread_checks import own_nodes

_ENCODE = frozenset({"jwt.encode", "jwt.api_jwt.encode", "jose.jwt.encode"})
_DECODE = frozenset({"jwt.decode", "jwt.api_jwt.decode", "jose.jwt.decode"})
_PAYLOAD = ("payload", "claims")


@dataclass(frozen=True)
class JwtSite:
    """One call that encodes or decodes a token.

    Attributes:
        encodes: whether it encodes.
        library: `jwt` or `jose`.
        function: the function around it; None at the top of a file or in a lambda.
    """

    call: ast.Call
    encodes: bool
    library: str
    function: FunctionNode | None

    def argument(self, index: int, *keywords: str) -> tuple[int, ast.expr] | None:
        """The place among the call's arguments, and the value, of one given by position or keyword."""
        for place, item in enumerate(self.call.keywords):
            if item.arg in keywords:
                return len(self.call.args) + place, item.value
        if len(self.call.args) > index and not any(
            isinstance(item, ast.Starred) for item in self.call.args[: index + 1]
        ):
            return index, self.call.args[index]
        return None

    @property
    def payload(self) -> tuple[int, ast.expr] | None:
        """What is encoded."""
        return self.argument(0, *_PAYLOAD)

    @property
    def key(self) -> tuple[int, ast.expr] | None:
        """The secret."""
        return self.argument(1, "key")

    @property
    def verifies(self) -> bool:
        """Whether a decode checks the signature."""
        for item in self.call.keywords:
            if item.arg == "verify" and isinstance(item.value, ast.Constant) and item.value.value is False:
                return False
            if item.arg == "options" and isinstance(item.value, ast.Dict):
                for key, value in zip(item.value.keys, item.value.values, strict=True):
                    named = isinstance(key, ast.Constant) and key.value == "verify_signature"
                    if named and isinstance(value, ast.Constant) and value.value is False:
                        return False
        return True


def jwt_sites(names: Names, module: Module) -> list[JwtSite]:
    """Every encode and decode of a file, in order of place."""
    found = []
    for call in module.calls():
        if not isinstance(call.func, (ast.Name, ast.Attribute)):
            continue
        thing = names.resolve(module, module.scope_of[call], call.func)
        if thing is None or thing.kind != "external" or thing.dotted not in _ENCODE | _DECODE:
            continue
        around = module.scope_of[call].function()
        function = around.node if around is not None and isinstance(around.node, FunctionNode) else None
        found.append(JwtSite(call, thing.dotted in _ENCODE, thing.dotted.partition(".")[0], function))
    return found


def literal_payload(module: Module, site: JwtSite) -> ast.Dict | None:
    """The dict display that is encoded: in the call, or the one value of the variable that the call gives."""
    if site.payload is None:
        return None
    value = site.payload[1]
    if isinstance(value, ast.Name) and site.function is not None:
        bindings = module.body_of[site.function].bindings.get(value.id, [])
        if len(bindings) == 1 and bindings[0].kind == "assign" and bindings[0].value is not None:
            value = bindings[0].value
    return value if isinstance(value, ast.Dict) else None


def sets_claim(module: Module, site: JwtSite, claim: str) -> bool:
    """Whether the token gets the claim already."""
    literal = literal_payload(module, site)
    shown = literal or (site.payload[1] if site.payload else None)
    if isinstance(shown, ast.Dict) and any(
        isinstance(key, ast.Constant) and key.value == claim for key in shown.keys
    ):
        return True
    for node in own_nodes(site.function) if site.function is not None else ():
        match node:
            case ast.Subscript(slice=ast.Constant(value=key), ctx=ast.Store()) if key == claim:
                return True
            case ast.Call(func=ast.Attribute(attr="update" | "setdefault")) if claim in _words(node):
                return True
            case ast.Assign(value=ast.Dict() | ast.Call() as value) if literal is None and claim in _words(
                value
            ):
                return True
    return False


def _words(node: ast.AST) -> set[str]:
    """The keys that a dict display or a call names."""
    found = {
        item.value
        for item in ast.walk(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }
    return found | {item.arg for item in ast.walk(node) if isinstance(item, ast.keyword) and item.arg}


def compares_claim(site: JwtSite, claim: str) -> bool:
    """Whether the function compares the decoded claim with something."""
    function = site.function
    if function is None:
        return False
    taken = {
        target.id
        for node in own_nodes(function)
        if isinstance(node, ast.Assign) and claim in _strings(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    compared = [node for node in own_nodes(function) if isinstance(node, ast.Compare)]
    return any(claim in _strings(node) or taken & _names(node) for node in compared)


def _strings(node: ast.AST) -> set[str]:
    return {
        item.value
        for item in ast.walk(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }


def _names(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}


def unconditional(module: Module, call: ast.Call) -> bool:
    """Whether a call stands in a simple statement that always evaluates it."""
    statement = module.statement(call)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr, ast.AugAssign)):
        return False
    node: ast.AST = call
    conditional = (
        ast.BoolOp,
        ast.IfExp,
        ast.Lambda,
        ast.ListComp,
        ast.SetComp,
        ast.DictComp,
        ast.GeneratorExp,
    )
    while node is not statement:
        node = module.parents[node]
        if isinstance(node, conditional):
            return False
    return True
