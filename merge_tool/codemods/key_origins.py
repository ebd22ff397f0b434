"""Where the text of a key is written, from the call that takes it back to the literal, the variable or the builder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from merge_tool.codemods.names import Names
from merge_tool.codemods.places import span_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.tenancy import mentions
from merge_tool.index.words import ALL_ARE_KEYS, SCANS
from merge_tool.model.policy import Policy
from merge_tool.rulekit.project import KeyVerdict

_MAX_DEPTH = 6
_KEY_WORDS = ("key", "name", "keys", "names", "match", "pattern", "channel")
_TAKEN_APART = ("split", "rsplit", "partition", "rpartition", "removeprefix", "lstrip")


@dataclass(frozen=True)
class Origin:
    """One expression that must hold the tenant.

    Attributes:
        module: its file.
        node: the expression.
        function: the function around it; None at the top of a file or class.
        joined: whether it is the call of a builder that joins its arguments, so that the tenant becomes the first one.
    """

    module: Module
    node: ast.expr
    function: FunctionNode | None
    joined: bool = False


class LostKeyError(Exception):
    """The message says why a key's text cannot be found."""


class KeyPlaces:
    """Finds the origins of keys in one project."""

    def __init__(self, names: Names, policy: Policy) -> None:
        self._names = names
        self._policy = policy
        self._builders = frozenset(policy.keys.builders)

    def of(self, verdict: KeyVerdict) -> tuple[list[Origin], str]:
        """The expressions that make the key of a verdict hold the tenant, or why they cannot be told."""
        module = self._names.module(verdict.path)
        if module is None:
            return [], self._names.broken[verdict.path]
        call = self._call_at(module, verdict)
        if call is None:
            return [], "the call that takes the key was not found"
        try:
            keys = list(self._keys(module, call, verdict))
            if not keys:
                raise LostKeyError("the argument that is the key cannot be told")
            self._whole(module, call, verdict)
            found = [origin for key in keys for origin in self._origins(module, key, 0)]
        except LostKeyError as error:
            return [], str(error)
        return found, ""

    def _call_at(self, module: Module, verdict: KeyVerdict) -> ast.Call | None:
        span = verdict.span
        wanted = (span.line, span.column - 1, span.end_line, span.end_column - 1)
        for call in module.calls():
            if call.lineno == span.line and span_of(module.text, call) == wanted:
                return call
        return None

    def _keys(self, module: Module, call: ast.Call, verdict: KeyVerdict) -> Iterator[ast.expr]:
        """The arguments of a call that are keys without the tenant."""
        if verdict.parameter:
            given = self._passed(module, call, verdict.parameter)
            if given is not None:
                yield given
            return
        args = (
            call.args if verdict.command in ALL_ARE_KEYS or "subscribe" in verdict.command else call.args[:1]
        )
        if verdict.command == "scan":
            args = call.args[1:2]
        args = args or [word.value for word in call.keywords if word.arg in _KEY_WORDS]
        for arg in args:
            for item in arg.elts if isinstance(arg, ast.List | ast.Tuple) else (arg,):
                if isinstance(item, ast.Starred):
                    raise LostKeyError("the keys come in a star argument")
                if not mentions(item, self._policy):
                    yield item

    def _passed(self, module: Module, call: ast.Call, parameter: str) -> ast.expr | None:
        for word in call.keywords:
            if word.arg == parameter:
                return word.value
        thing = self._names.resolve(module, module.scope_of[call], call.func)
        target = self._function(thing.path, thing.qualname) if thing is not None and thing.path else None
        if target is None:
            return None
        owner, function = target
        positional = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
        in_class = owner.scope_of_definition(function).kind == "class"
        static = any(ast.unparse(item) == "staticmethod" for item in function.decorator_list)
        if in_class and not static:
            positional = positional[1:]
        if parameter not in positional:
            return None
        at = positional.index(parameter)
        if at >= len(call.args) or any(isinstance(item, ast.Starred) for item in call.args[: at + 1]):
            return None
        return call.args[at]

    def _function(self, path: str, qualname: str) -> tuple[Module, FunctionNode] | None:
        module = self._names.module(path)
        found = module.functions.get(qualname, []) if module is not None else []
        return (module, found[0]) if module is not None and len(found) == 1 else None

    def _whole(self, module: Module, call: ast.Call, verdict: KeyVerdict) -> None:
        """Refuses where a scan's keys are taken apart: what stands where in them changes."""
        if verdict.command not in SCANS or _result_unused(module, call):
            return
        function = _around(module, call)
        for node in ast.walk(function) if function is not None else ():
            if isinstance(node, ast.Attribute) and node.attr in _TAKEN_APART:
                raise LostKeyError(f"what the scan gives is taken apart (.{node.attr} on line {node.lineno})")

    # ---- origins ----

    def _origins(self, module: Module, node: ast.expr, depth: int) -> list[Origin]:
        if depth > _MAX_DEPTH:
            raise LostKeyError("the key comes a long way round")
        if isinstance(node, ast.IfExp):
            arms = (node.body, node.orelse)
            return [origin for arm in arms for origin in self._origins(module, arm, depth + 1)]
        if isinstance(node, ast.Constant):
            if node.value is None:
                return []
            if not isinstance(node.value, str):
                raise LostKeyError("the key is no text")
        if isinstance(node, ast.JoinedStr) and (begun := _first_name(node)) is not None:
            held = self._held(module, begun, depth)
            if held:
                return held  # the variable that it begins with gets the tenant
        if isinstance(node, ast.Name):
            return self._held(module, node, depth) or [_origin(module, node)]
        if isinstance(node, ast.Call):
            made = self._built(module, node, depth)
            if made:
                return made
        return [_origin(module, node)]

    def _held(self, module: Module, name: ast.Name, depth: int) -> list[Origin]:
        """The origins of a local variable that is given its key once; none where the name itself must be wrapped."""
        found = module.scope_of[name].find(name.id)
        if found is None or found[0].kind not in ("function", "comprehension"):
            return []
        _, bindings = found
        if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].value is None:
            return []
        value = bindings[0].value
        if isinstance(value, ast.Await) or not isinstance(
            value, ast.JoinedStr | ast.Constant | ast.Call | ast.BinOp | ast.IfExp | ast.Name
        ):
            return []
        if isinstance(value, ast.Call) and not self._built(module, value, depth):
            return [] if not _formats(value) else self._origins(module, value, depth + 1)
        return self._origins(module, value, depth + 1)

    def _built(self, module: Module, call: ast.Call, depth: int) -> list[Origin]:
        """The origins of what a builder of the project gives; none where it is not known."""
        thing = self._names.resolve(module, module.scope_of[call], call.func)
        if thing is None:
            return []
        target = self._function(thing.path, thing.qualname) if thing.path else None
        if target is None:
            return []
        owner, builder = target
        arguments = builder.args
        if arguments.vararg is not None and not (arguments.posonlyargs or arguments.args):
            return [_origin(module, call, joined=True)]
        if thing.dotted in self._builders:
            raise LostKeyError(f"{builder.name} joins its arguments in a way that is not known")
        gives = [
            item.value
            for item in ast.walk(builder)
            if isinstance(item, ast.Return) and item.value is not None and _around(owner, item) is builder
        ]
        if not gives or isinstance(builder, ast.AsyncFunctionDef):
            return []
        return [origin for value in gives for origin in self._origins(owner, value, depth + 1)]


def _origin(module: Module, node: ast.expr, joined: bool = False) -> Origin:
    if node not in module.scope_of:  # only names, attributes and calls have theirs
        opened = (module.body_of[item] for item in module.ancestors(node) if item in module.body_of)
        module.scope_of[node] = next(opened, module.scope)
    return Origin(module, node, _around(module, node), joined)


def _around(module: Module, node: ast.AST) -> FunctionNode | None:
    return next((item for item in module.ancestors(node) if isinstance(item, FunctionNode)), None)


def _result_unused(module: Module, call: ast.Call) -> bool:
    """Whether a call is a statement of its own: what it scans goes no further."""
    outer = module.parents.get(call)
    if isinstance(outer, ast.Await):
        outer = module.parents.get(outer)
    return isinstance(outer, ast.Expr)


def _first_name(node: ast.JoinedStr) -> ast.Name | None:
    first = node.values[0] if node.values else None
    held = first.value if isinstance(first, ast.FormattedValue) else None
    return held if isinstance(held, ast.Name) else None


def _formats(call: ast.Call) -> bool:
    """Whether a call is `"…".format(…)` or `"…".join(…)`."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in ("format", "join")
        and isinstance(call.func.value, ast.Constant)
        and isinstance(call.func.value.value, str)
    )
