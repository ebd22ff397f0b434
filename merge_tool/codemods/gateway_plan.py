"""Which pieces of excluded gateways can go: those whose names nothing that stays still uses."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping

from merge_tool.codemods.gateway_pieces import Piece, Symbol, symbol_of
from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.thread_checks import is_test


class Removal:
    """The largest set of pieces that leaves no name without what it stands for.

    Args:
        names: the project.
        pieces: all pieces of the chosen files.
        own: the gateway's own files, whose uses hold nothing back: they go with it.

    Attributes:
        pieces: those that go.
        kept: those that stay, each with the reason.
        tests: what tests use of what goes, as path, line and name.
    """

    def __init__(self, names: Names, pieces: Iterable[Piece], own: set[str]) -> None:
        self.names = names
        self.pieces = list(pieces)
        self.kept: list[tuple[Piece, str]] = []
        self.tests: list[tuple[str, int, str]] = []
        self._own = own
        self._uses: dict[Symbol, list[tuple[str, int, ast.AST]]] = {}
        self._given: dict[Symbol, set[tuple[str, ast.AST]]] = {}
        self._read()
        self._settle()

    def _settle(self) -> None:
        """Keeps pieces until nothing that stays uses a name that goes."""
        nodes = {piece: [id(node) for tree in piece.gone for node in ast.walk(tree)] for piece in self.pieces}
        gone = Counter(item for found in nodes.values() for item in found)
        changed = True
        while changed:
            changed = False
            stays = []
            for piece in self.pieces:
                reason = self._held(piece, gone)
                if reason:
                    self.kept.append((piece, reason))
                    gone.subtract(nodes[piece])
                    changed = True
                else:
                    stays.append(piece)
            self.pieces = stays
        for symbol in {symbol for piece in self.pieces for symbol in piece.symbols}:
            if self._lost(symbol, gone):
                self.tests += [
                    (path, line, symbol[2])
                    for path, line, node in self._uses.get(symbol, ())
                    if not gone[id(node)] and is_test(path)
                ]

    def _lost(self, symbol: Symbol, gone: Counter[int]) -> bool:
        """Whether nothing binds a symbol any more."""
        given = self._given.get(symbol)
        return given is not None and all(gone[id(node)] for _, node in given)

    def _held(self, piece: Piece, gone: Counter[int]) -> str:
        """Why a piece cannot go; empty: it can."""
        for symbol in piece.needs:
            if not self._lost(symbol, gone):
                return f"what takes or gives {symbol[2]} stays, or is not known"
        for symbol in sorted(piece.symbols):
            uses = [
                (path, line)
                for path, line, node in self._uses.get(symbol, ())
                if not gone[id(node)] and not is_test(path)
            ]
            if uses and self._lost(symbol, gone):
                return f"{symbol[2]} is still used: {uses[0][0]}:{uses[0][1]}"
        return ""

    # ---- who binds and who uses ----

    def _read(self) -> None:
        wanted = {symbol for piece in self.pieces for symbol in (*piece.symbols, *piece.needs)}
        words = {symbol[2] for symbol in wanted if symbol[0] != "local"}
        local: dict[str, set[str]] = {}
        for kind, place, name in wanted:
            if kind == "local":
                local.setdefault(place.split(":")[0], set()).add(name)
        modules = {module.path: module for module in self.names.containing(words)}
        modules |= {path: module for path in local if (module := self.names.module(path)) is not None}
        for module in modules.values():
            known = words | local.get(module.path, set())
            if module.path not in self._own and any(name in module.text for name in known):
                self._bindings(module, wanted, known)
                self._module_uses(module, known)

    def _bindings(self, module: Module, wanted: set[Symbol], words: set[str]) -> None:
        for scope in (module.scope, *module.body_of.values()):
            for name in words & scope.bindings.keys():
                symbol = symbol_of(module, scope, name)
                if symbol in wanted:
                    for binding in scope.bindings[name]:
                        node = binding.node
                        if isinstance(node, ast.Import | ast.ImportFrom):
                            node = next(
                                item
                                for item in node.names
                                if (item.asname or item.name).partition(".")[0] == name
                            )
                        self._given.setdefault(symbol, set()).add((module.path, node))
        for node in module.scope_of:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in words:
                self._given.setdefault(("attribute", "", node.attr), set()).add((module.path, node))

    def _module_uses(self, module: Module, words: set[str]) -> None:
        for node, scope in module.scope_of.items():
            match node:
                case ast.Name(id=name, ctx=ast.Load()) if name in words:
                    found = scope.find(name)
                    symbol = (
                        symbol_of(module, found[0], name)
                        if found is not None
                        else ("global", module.path, name)
                    )
                    self._use(symbol, module, node.lineno, node)
                case ast.Attribute(attr=name, ctx=ast.Load()) if name in words:
                    owner = self.names.resolve(module, scope, node.value)
                    line = node.end_lineno or node.lineno
                    if owner is not None and owner.kind == "module":
                        self._use(("global", owner.path, name), module, line, node)
                    elif owner is None or owner.kind != "external":
                        self._use(("attribute", "", name), module, line, node)
        text = {name for name in words if f'"{name}' in module.text or f"'{name}" in module.text}
        for item in ast.walk(module.tree):
            match item:
                case ast.ImportFrom():
                    self._imported(module, item, words)
                case ast.keyword(arg=str(name)) if name in words:
                    self._use(("attribute", "", name), module, item.value.lineno, item)
                case ast.Call(
                    func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]
                ) if name in words:
                    self._use(("attribute", "", name), module, item.lineno, item)
                case ast.Constant(value=str(name)) if name in text:
                    # An entry of `__all__`, an annotation in quotes, the target of a relationship.
                    self._use(("global", module.path, name), module, item.lineno, item)

    def _imported(self, module: Module, node: ast.ImportFrom, words: set[str]) -> None:
        for item in node.names:
            if item.name in words:
                thing = self._source(module, node)
                self._use(("global", thing, item.name), module, node.lineno, item)

    def _source(self, module: Module, node: ast.ImportFrom) -> str:
        """The file that a `from` import reads."""
        parts = module.name.split(".")
        keep = len(parts) - node.level + (1 if module.package else 0)
        base = parts[: max(keep, 0)] if node.level else []
        found = self.names.find(".".join([*base, *([node.module] if node.module else [])]))
        return found.path if found is not None else ""

    def _use(self, symbol: Symbol, module: Module, line: int, node: ast.AST) -> None:
        self._uses.setdefault(symbol, []).append((module.path, line, node))


def places(pieces: Iterable[Piece]) -> Mapping[str, list[Piece]]:
    """Pieces by file."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.path, []).append(piece)
    return found
