"""Takes excluded payment gateways out of code: imports, registrations, settings, menu entries, branches.

Before::

    from app.services.platega_service import PlategaService

    class PaymentService(CommonMixin, PlategaMixin):
        def __init__(self):
            self.platega = PlategaService() if settings.is_platega_enabled() else None

        def methods(self):
            rows = ["card", "platega"]
            if settings.is_platega_enabled():
                rows.append("platega")
            return rows

After, with `gateways: [platega]`::

    class PaymentService(CommonMixin):
        def __init__(self):
            pass

        def methods(self):
            rows = ["card"]
            return rows

What goes names the gateway by a word of its own (`replatega` is no `platega`): imports, functions, classes, fields, assignments,
routes, calls that register or add something of it, items and entries of displays, bases, branches and cases that test for it, its part of
a log line. A name goes only where nothing that stays uses it, in the whole project, so that no name is left undefined; where something does,
the piece stays, and both places are told. Imports that nothing else used go too. The gateway's own files are no matter of a codemod:
leave them out or delete them. Tables stay: they go by a migration. Told and left: parameters, texts that users see, tests.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.edits import EditError
from merge_tool.codemods.gateway_cut import cut
from merge_tool.codemods.gateway_examples import EXAMPLES
from merge_tool.codemods.gateway_pieces import Piece, Reader
from merge_tool.codemods.gateway_plan import Removal, places
from merge_tool.codemods.gateway_words import Gateway
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class DropGatewayOptions:
    """What `drop-gateway` takes.

    Attributes:
        gateways: the names of the gateways; empty: the policy's `excluded_gateways`.
    """

    gateways: tuple[str, ...] = ()


class DropGateway(Codemod):
    """See the module."""

    name: ClassVar[str] = "drop-gateway"
    Options: ClassVar[type] = DropGatewayOptions
    unsafe: ClassVar[str] = "payments of the gateway that are under way are not handled any more"
    options: DropGatewayOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the chosen files; what other files use of them stays."""
        gateways = self.options.gateways or project.policy.excluded_gateways
        if not gateways:
            raise UserError(
                f"codemod {self.name}: no gateway was named",
                hint="give gateways, or excluded_gateways in the policy",
            )
        gateway = Gateway(gateways)
        names = Names(project.files)
        own = {path for path in project.files if gateway.in_text(path) and gateway.word(path)}
        pieces: list[Piece] = []
        left: list[NotDone] = []
        chosen = [path for path in project.chosen(paths) if gateway.in_text(project.files[path])]
        for path in chosen:
            if path in own:
                continue
            module = names.module(path)
            if module is None:
                left.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            pieces += Reader(names, module, gateway).read()
        return self._removed(project, names, gateway, own, chosen, pieces, left)

    def _removed(
        self,
        project: Project,
        names: Names,
        gateway: Gateway,
        own: set[str],
        chosen: list[str],
        pieces: list[Piece],
        left: list[NotDone],
    ) -> CodemodResult:
        """The pieces taken out, again without those of a file that cannot be cut."""
        refused: dict[str, str] = {}
        made: dict[tuple[str, frozenset[Piece]], str] = {}
        while True:
            removal = Removal(names, [item for item in pieces if item.path not in refused], own)
            texts: dict[str, str] = {}
            failed = {}
            for path, items in places(removal.pieces).items():
                module = names.module(path)
                assert module is not None
                unused = _imported_names(module.scope.bindings, items)
                key = (path, frozenset(items))
                try:
                    texts[path] = made[key] = (
                        made[key] if key in made else cut(module.text, items, gateway.word, unused)
                    )
                except EditError as error:
                    failed[path] = str(error)
            if not failed:
                break
            refused |= failed
        left += [NotDone(path, 1, self.name, reason) for path, reason in refused.items()]
        left += [
            NotDone(item.path, item.line, self.name, f"{item.what} stays: {why}")
            for item, why in removal.kept
        ]
        left += [
            NotDone(path, line, self.name, f"a test uses {name}, which goes")
            for path, line, name in removal.tests
        ]
        told = {(item.path, line) for item, _ in removal.kept for line in _lines(item.node)}
        for path in chosen:
            if path in own:
                continue
            module = names.module(path)
            if module is None:
                continue
            gone = [item for item in removal.pieces if item.path == path]
            lines = {id(node) for item in gone for tree in item.gone for node in ast.walk(tree)}
            lines |= {
                id(item.node.args[0])
                for item in gone
                if isinstance(item.node, ast.Call) and item.kind == "log"
            }
            left += [
                NotDone(path, line, self.name, f"it is still named there: {_short(what)}")
                for line, what in gateway.left(module.tree, lines)
                if (path, line) not in told
            ]
        edits = [Edit(item.path, item.line, self.name, f"take out {item.what}") for item in removal.pieces]
        edits.sort(key=lambda item: (item.path, item.line, item.description))
        texts = {path: text for path, text in texts.items() if text != project.files[path]}
        return CodemodResult(texts, tuple(dict.fromkeys(edits)), in_order(left))


def _imported_names(bindings: object, pieces: Sequence[Piece]) -> set[str]:
    """The imported names that the pieces use."""
    assert isinstance(bindings, dict)
    used = {
        node.id
        for piece in pieces
        for tree in piece.gone
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
    }
    return {
        name
        for name in used
        if name in bindings and all(item.kind in ("import", "from") for item in bindings[name])
    }


def _lines(node: ast.AST) -> range:
    first = getattr(node, "lineno", 0)
    return range(first, (getattr(node, "end_lineno", None) or first) + 1)


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 60 else f"{one[:57]}…"


__all__ = ["CODEMOD", "EXAMPLES", "DropGateway"]

CODEMOD = DropGateway
