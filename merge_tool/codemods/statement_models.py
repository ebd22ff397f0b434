"""Which models a statement reads: in its first call, in joins, behind aliases, or only known at run time."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from merge_tool.codemods.chains import Chain
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.scopes import Module, Scope
from merge_tool.codemods.tenant_models import Ownership, TenantModels

_STATEMENTS = ("select", "update", "delete")
_JOINS = ("join", "outerjoin", "join_from", "outerjoin_from")


@dataclass(frozen=True)
class Entity:
    """A model in a statement, as it is written there."""

    model: Thing
    code: str


@dataclass
class Entities:
    """What a statement reads. `doubt` says why that is not known in full."""

    read: list[Entity] = field(default_factory=list)
    joined: list[Entity] = field(default_factory=list)
    outer: bool = False
    doubt: str = ""
    aliased: bool = False


class StatementReader:
    """Reads the statements of one file."""

    def __init__(self, names: Names, models: TenantModels, module: Module) -> None:
        self.names = names
        self.models = models
        self.module = module

    def statement(self, call: ast.Call) -> str:
        """`select`, `update`, `delete` or `exists` of SQLAlchemy; "" for any other call."""
        found = self.external(call.func)
        package, _, name = found.rpartition(".")
        return (
            name
            if package.partition(".")[0] in ("sqlalchemy", "sqlmodel") and name in (*_STATEMENTS, "exists")
            else ""
        )

    def external(self, node: ast.expr) -> str:
        thing = self._thing(node)
        return thing.dotted if thing and thing.kind == "external" else ""

    def _thing(self, node: ast.expr) -> Thing | None:
        """What a name stands for, unless it is a variable: those hold statements, which no import explains."""
        base = node
        while isinstance(base, ast.Attribute):
            base = base.value
        scope = self._scope(base) if isinstance(base, ast.Name) else None
        found = scope.find(base.id) if scope and isinstance(base, ast.Name) else None
        if scope is None or (
            found and any(item.kind not in ("import", "from", "class", "def") for item in found[1])
        ):
            return None
        return self.names.resolve(self.module, scope, node)

    def _scope(self, node: ast.expr) -> Scope | None:
        return next((scope for item in ast.walk(node) if (scope := self.module.scope_of.get(item))), None)

    # ---- what is read --------------------------------------------------------------------------------------

    def entities(self, kind: str, chain: Chain) -> Entities:
        found = Entities()
        arguments = list(chain.root.args)
        if kind == "exists":
            arguments += [argument for call in chain.calls("where", "select_from") for argument in call.args]
        for argument in (*arguments, *(item for call in chain.calls("select_from") for item in call.args)):
            self.read(argument, found, found.read)
        for name, call in chain.links:
            if name in _JOINS:
                found.outer |= name.startswith("outer") or any(
                    word.arg in ("isouter", "full") for word in call.keywords
                )
                for argument in call.args[: 2 if name.endswith("_from") else 1]:
                    self.read(argument, found, found.joined)
        joined = {item.model for item in found.joined}
        found.read = [item for item in found.read if item.model not in joined]
        return found

    def read(self, node: ast.expr, found: Entities, into: list[Entity]) -> None:
        """Notes the models that an expression names."""
        match node:
            case ast.Name() | ast.Attribute():
                self.named(node, found, into)
            case ast.Starred():
                found.doubt = found.doubt or ast.unparse(node)
            case ast.Call():
                inner = self.statement(node)
                if inner or any(
                    self.statement(item) for item in ast.walk(node) if isinstance(item, ast.Call)
                ):
                    return  # a statement of its own
                if self.external(node.func).endswith(".aliased"):
                    self._alias(node, found)
                    return
                if isinstance(node.func, ast.Attribute):
                    self.read(node.func.value, found, into)
                for argument in (*node.args, *(word.value for word in node.keywords)):
                    self.read(argument, found, into)
            case ast.Lambda():
                return
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.read(child, found, into)

    def named(self, node: ast.Name | ast.Attribute, found: Entities, into: list[Entity]) -> None:
        base: ast.expr = node
        while isinstance(base, ast.Name | ast.Attribute):
            thing = self._thing(base)
            if thing is not None and thing.kind == "class":
                if all(item.model != thing for item in into):
                    into.append(Entity(thing, ast.unparse(base)))
                return
            if thing is not None and thing.kind in ("external", "module"):
                return
            if isinstance(base, ast.Name):
                break
            base = base.value
        if not isinstance(base, ast.Name):
            self.read(base, found, into)
            return
        scope = self._scope(base)
        bound = scope.find(base.id) if scope else None
        if bound is None or bound[0].kind == "module":
            return
        values = [item.value for item in bound[1]]
        aliases = [
            item
            for item in values
            if isinstance(item, ast.Call) and self.external(item.func).endswith(".aliased")
        ]
        if aliases:
            self._alias(aliases[0], found)
        elif (
            node is base and any(item.kind in ("param", "other") or item.value is None for item in bound[1])
        ) or (
            node is base
            and any(isinstance(item, ast.Call) and "getattr" in ast.unparse(item.func) for item in values)
        ):
            found.doubt = found.doubt or base.id

    def _alias(self, call: ast.Call, found: Entities) -> None:
        """Notes an alias, unless it is known to be one of a table that is no tenant's."""
        inner = Entities()
        for argument in call.args[:1]:
            self.read(argument, inner, inner.read)
        if not inner.read or any(self.models.of(item.model) is not Ownership.NONE for item in inner.read):
            found.aliased = True
            found.doubt = found.doubt or ast.unparse(call)
