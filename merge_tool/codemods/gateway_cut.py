"""Takes pieces out of a file by libcst: statements, items of lists, arguments, branches, so that what stays is as it was."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from merge_tool.codemods.edits import EditError, Span, Start
from merge_tool.codemods.gateway_blocks import Blocks
from merge_tool.codemods.gateway_pieces import Piece
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.unused import drop_unused


def cut(text: str, pieces: Sequence[Piece], mentions: Callable[[str], bool], unused: set[str]) -> str:
    """The text of a file without some pieces.

    Args:
        text: the file.
        pieces: what goes; their nodes are of this text.
        mentions: whether a comment speaks of what goes, and so goes with it.
        unused: names whose last use may have gone; their imports go where that is so.

    Raises:
        EditError: libcst cannot parse the file, or a piece's place was not found in it.
    """
    try:
        parsed = cst.parse_module(text)
        wrapper = MetadataWrapper(parsed, unsafe_skip_copy=True)
        cutter = _Cutter(text, pieces, mentions)
        made = wrapper.visit(cutter)
        if cutter.waiting:
            kind, place = sorted(cutter.waiting, key=str)[0]
            raise EditError(f"the {kind} at line {place[0]} found no place to go from")
        return drop_unused(made, unused).code if unused else made.code
    except (cst.ParserSyntaxError, SyntaxError, RecursionError) as error:
        raise EditError(f"libcst cannot parse the file: {str(error).splitlines()[0]}") from error


class _Cutter(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, text: str, pieces: Sequence[Piece], mentions: Callable[[str], bool]) -> None:
        super().__init__()
        self.blocks = Blocks(mentions)
        self.aliases: dict[Start, set[tuple[str, str]]] = {}
        self.logs: dict[Span, list[int]] = {}
        self.waiting: set[tuple[str, Any]] = set()
        self.collapsed: set[int] = set()
        self.elifs: set[int] = set()
        self.held: list[Any] = []
        self.rows = sorted({row for piece in pieces for row in _rows(piece)})
        for piece in pieces:
            node: Any = piece.node
            if piece.kind == "alias":
                assert isinstance(piece.owner, ast.Import | ast.ImportFrom)
                start = start_of(text, piece.owner)
                self.aliases.setdefault(start, set()).add((node.name, node.asname or ""))
            elif piece.kind == "log":
                gone = [index for index, item in enumerate(node.args) if item in piece.gone]
                self.logs[span_of(text, node)] = gone
                self.waiting.add(("log", span_of(text, node)))
            elif piece.kind == "case":
                self.waiting.add(("case", start_of(text, node.body[0])))
            elif piece.kind == "keyword":
                self.waiting.add(("item", _inside(text, node.value)))
            elif piece.kind in ("item", "entry", "operand"):
                self.waiting.add((piece.kind, _inside(text, node)))
            else:
                kind = piece.kind if isinstance(node, ast.stmt) else f"{piece.kind} of a choice"
                whole = isinstance(node, ast.stmt | ast.ExceptHandler)
                place = start_of(text, node) if whole else span_of(text, node)
                self.waiting.add((kind, place))

    def span(self, node: cst.CSTNode) -> Span:
        found = self.get_metadata(PositionProvider, node)
        return (found.start.line, found.start.column, found.end.line, found.end.column)

    def take(self, kind: str, place: Any) -> bool:
        """Whether a piece of this kind goes there; it no longer waits."""
        if (kind, place) not in self.waiting:
            return False
        self.waiting.discard((kind, place))
        return True

    def on_visit(self, node: Any) -> bool:
        if isinstance(node, cst.If) and isinstance(node.orelse, cst.If):
            self.elifs.add(id(node.orelse))
        if not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return True
        # Only into statements in which a piece goes: the visit costs as much as the parse.
        first, _, last, _ = self.span(node)
        if decorators := getattr(node, "decorators", ()):
            first = self.span(decorators[0])[0]
        at = bisect_left(self.rows, first)
        return at < len(self.rows) and self.rows[at] <= last

    def on_leave(self, original: Any, updated: Any) -> Any:
        match updated:
            case cst.List() | cst.Tuple() | cst.Set():
                return self._display(original, updated)
            case cst.Dict():
                gone = [
                    isinstance(old, cst.DictElement | cst.StarredDictElement)
                    and self.take("entry", self.span(old.value))
                    for old in original.elements
                ]
                return _emptied(updated, gone, "rbrace") if any(gone) else updated
            case cst.Call():
                return self._call(original, updated)
            case cst.ClassDef():
                gone = [self.take("item", self.span(old.value)) for old in original.bases]
                if any(gone):
                    bases = kept(updated.bases, gone)
                    updated = updated.with_changes(bases=bases)
                    if not bases and not updated.keywords:
                        updated = updated.with_changes(
                            lpar=cst.MaybeSentinel.DEFAULT, rpar=cst.MaybeSentinel.DEFAULT
                        )
                return self._statement(original, updated)
            case cst.Subscript():
                gone = [
                    isinstance(old.slice, cst.Index) and self.take("item", self.span(old.slice.value))
                    for old in original.slice
                ]
                return updated.with_changes(slice=kept(updated.slice, gone)) if any(gone) else updated
            case cst.BooleanOperation():
                return self._operation(original, updated)
            case cst.IfExp():
                for kind, stays in (("body", updated.body), ("orelse", updated.orelse)):
                    if self.take(f"{kind} of a choice", self.span(original)):
                        return _bracketed_as(updated, stays)
            case cst.If():
                return self._if(original, updated)
            case cst.Match():
                return self._match(original, updated)
            case cst.Try() | cst.TryStar():
                gone = [self.take("handler of a choice", self.span(old)[:2]) for old in original.handlers]
                handlers = [item for item, goes in zip(updated.handlers, gone, strict=True) if not goes]
                return self._statement(original, self.blocks.attempt(updated.with_changes(handlers=handlers)))
            case cst.Else():
                return self.blocks.otherwise(updated)
            case cst.SimpleStatementLine():
                return self._line(original, updated)
            case cst.IndentedBlock() | cst.Module():
                return self.blocks.block(updated)
            case cst.BaseCompoundStatement():
                return self._statement(original, updated)
        return updated

    # ---- statements ----

    def _statement(self, original: Any, updated: Any) -> Any:
        if self.take("statement", self.span(original)[:2]):
            self.blocks.drop(updated)
        return updated

    def _line(self, original: Any, updated: Any) -> Any:
        smalls = []
        for old, new in zip(original.body, updated.body, strict=True):
            start = self.span(old)[:2]
            if self.take("statement", start):
                continue
            if start in self.aliases and isinstance(new, cst.Import | cst.ImportFrom):
                new = self._imported(new, self.aliases[start])
            smalls.append(new)
        if not smalls:
            return self.blocks.drop(updated)
        if len(smalls) < len(original.body):
            smalls[-1] = smalls[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return updated.with_changes(body=smalls)

    def _imported(self, node: Any, names: set[tuple[str, str]]) -> Any:
        gone = []
        for item in node.names:
            name = cst.Module([]).code_for_node(item.name)
            gone.append((name, item.evaluated_alias or "") in names)
        names_left = kept(node.names, gone)
        if names_left and getattr(node, "lpar", None) is None:
            names_left[-1] = names_left[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return node.with_changes(names=names_left)

    def _if(self, original: Any, updated: Any) -> Any:
        start = self.span(original)[:2]
        if id(original) in self.elifs:
            if self.take("statement", start):
                return cst.RemoveFromParent()
            if self.take("orelse", start):
                return updated.orelse or cst.RemoveFromParent()
            if self.take("body", start):
                return cst.Else(updated.body, leading_lines=updated.leading_lines)
            return updated
        if self.take("statement", start):
            return self.blocks.drop(updated)
        for kind, stays in (("body", updated.body), ("orelse", updated.orelse)):
            if self.take(kind, start):
                return self.blocks.instead(updated, stays)
        return self.blocks.condition(updated)

    def _match(self, original: Any, updated: Any) -> Any:
        cases = []
        for old, new in zip(original.cases, updated.cases, strict=True):
            body = old.body.body[0]
            first = body.body[0] if isinstance(body, cst.SimpleStatementLine) else body
            if not self.take("case", self.span(first)[:2]):
                cases.append(new)
        return self._statement(original, updated.with_changes(cases=cases))

    # ---- expressions ----

    def _display(self, original: Any, updated: Any) -> Any:
        gone = [self.take("item", self.span(old.value)) for old in original.elements]
        if not any(gone):
            return updated
        if isinstance(updated, cst.Set) and all(gone):
            return cst.parse_expression("set()")
        if not isinstance(updated, cst.Tuple):
            return _emptied(updated, gone, "rbracket" if isinstance(updated, cst.List) else "rbrace")
        elements = kept(updated.elements, gone)
        if isinstance(updated, cst.Tuple):
            if len(elements) == 1 and not isinstance(elements[0].comma, cst.Comma):
                elements[0] = elements[0].with_changes(comma=cst.Comma())
            if not elements and not updated.lpar:
                updated = updated.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return updated.with_changes(elements=elements)

    def _call(self, original: Any, updated: Any) -> Any:
        span = self.span(original)
        gone = [self.take("item", self.span(old.value)) for old in original.args]
        if self.take("log", span):
            for index in self.logs[span]:
                gone[index] = True
            text = without_fields(
                updated.args[0].value, [index - 1 for index in self.logs[span]], len(gone) - 1
            )
            if text is None:
                raise EditError(
                    f"the log line {span[0]} is written in a way that its part cannot be taken out of"
                )
            first = updated.args[0].with_changes(value=text)
            updated = updated.with_changes(args=[first, *updated.args[1:]])
        return updated.with_changes(args=kept(updated.args, gone)) if any(gone) else updated

    def _operation(self, original: Any, updated: Any) -> Any:
        left = self.take("operand", self.span(original.left)) or id(updated.left) in self.collapsed
        right = self.take("operand", self.span(original.right)) or id(updated.right) in self.collapsed
        if left and right:
            self.collapsed.add(id(updated))
            self.held.append(updated)
            return updated
        if left or right:
            return _bracketed_as(updated, updated.right if left else updated.left)
        return updated


def _rows(piece: Piece) -> set[int]:
    """The lines on which a piece's place may be found."""
    nodes = [piece.node, *piece.gone, *([piece.owner] if piece.owner is not None else [])]
    if isinstance(piece.node, ast.match_case):
        nodes += piece.node.body
    return {line for node in nodes if (line := getattr(node, "lineno", 0))}


def kept(items: Sequence[Any], gone: Sequence[bool]) -> list[Any]:
    """The items of a list that stay; what stood behind the last one stands behind the last that stays."""
    left = [item for item, goes in zip(items, gone, strict=True) if not goes]
    if left and left[-1] is not items[-1]:
        last = items[-1]
        changes = {"comma": _closing(left[-1].comma, last.comma)} if hasattr(last, "comma") else {}
        if hasattr(last, "whitespace_after_arg"):
            changes["whitespace_after_arg"] = last.whitespace_after_arg
        left[-1] = left[-1].with_changes(**changes)
    return left


def _emptied(node: Any, gone: Sequence[bool], bracket: str) -> Any:
    """A display without some items. The comment behind a last item stands before the bracket in libcst, and goes with it."""
    elements = kept(node.elements, gone)
    closing = getattr(node, bracket)
    space = closing.whitespace_before
    if gone[-1] and isinstance(space, cst.ParenthesizedWhitespace):
        own = next(
            (item.comma for item, goes in reversed([*zip(node.elements, gone, strict=True)]) if not goes),
            None,
        )
        held = own.whitespace_after if isinstance(own, cst.Comma) else None
        line = held.first_line if isinstance(held, cst.ParenthesizedWhitespace) else cst.TrailingWhitespace()
        closing = closing.with_changes(whitespace_before=space.with_changes(first_line=line))
    return node.with_changes(elements=elements, **{bracket: closing})


def _closing(own: Any, last: Any) -> Any:
    """The comma of the last item, with the comment of the item that is the last one now."""
    if not isinstance(last, cst.Comma) or not isinstance(last.whitespace_after, cst.ParenthesizedWhitespace):
        return last
    space = own.whitespace_after if isinstance(own, cst.Comma) else None
    held = (
        space.first_line
        if isinstance(space, cst.ParenthesizedWhitespace)
        else cst.TrailingWhitespace(newline=last.whitespace_after.first_line.newline)
    )
    return last.with_changes(whitespace_after=last.whitespace_after.with_changes(first_line=held))


def without_fields(node: Any, gone: Sequence[int], total: int) -> Any:
    """A text with `%s` fields without some of them and the words before each; None where that cannot be told."""
    parts: list[cst.SimpleString] = []
    _parts(node, parts)
    if not parts or any(not isinstance(part, cst.SimpleString) for part in parts):
        return None
    whole = "".join(part.value for part in parts)
    fields = list(re.finditer(r"%(?:%|[-#0 +]*\d*(?:\.\d+)?[sdrfxgia])", whole))
    fields = [item for item in fields if item[0] != "%%"]
    if len(fields) != total:
        return None
    cuts = []
    for index in gone:
        at = fields[index]
        start = max(whole.rfind(sign, 0, at.start()) for sign in (", ", "(", '"', "'"))
        ends = [found for sign in (", ", ")", '"', "'") if (found := whole.find(sign, at.end())) >= 0]
        end = min(ends)
        if any(start < other.start() < end for other in fields if other is not at):
            return None
        if whole.startswith(", ", start):
            cuts.append((start, end))
        elif whole.startswith(", ", end):
            cuts.append((start + 1, end + 2))
        else:
            return None
    offset, made = 0, {}
    for part in parts:
        value = list(part.value)
        for start, end in cuts:
            for position in range(max(start - offset, 0), min(end - offset, len(value))):
                value[position] = ""
        made[id(part)] = part.with_changes(value="".join(value))
        offset += len(part.value)
    return _rebuilt(node, made)


def _parts(node: Any, found: list[Any]) -> None:
    if isinstance(node, cst.ConcatenatedString):
        _parts(node.left, found)
        _parts(node.right, found)
    else:
        found.append(node)


def _rebuilt(node: Any, made: dict[int, Any]) -> Any:
    if isinstance(node, cst.ConcatenatedString):
        return node.with_changes(left=_rebuilt(node.left, made), right=_rebuilt(node.right, made))
    return made[id(node)]


def _bracketed_as(outer: Any, inner: Any) -> Any:
    """An expression in the brackets of the one that it stands for."""
    return inner.with_changes(lpar=outer.lpar, rpar=outer.rpar) if outer.lpar and not inner.lpar else inner


def _inside(text: str, node: ast.expr) -> Span:
    """The span as libcst has it: without the brackets of a tuple or a generator."""
    found = span_of(text, node)
    source = ast.get_source_segment(text, node) or ""
    if isinstance(node, ast.Tuple | ast.GeneratorExp) and source.startswith("("):
        return _stripped(source, found)
    return found


def _stripped(source: str, span: Span) -> Span:
    """The span of what stands between the brackets, blanks not counted."""
    parsed: Any = cst.parse_expression(source)
    wrapper = MetadataWrapper(
        cst.Module([cst.SimpleStatementLine([cst.Expr(parsed)])]), unsafe_skip_copy=True
    )
    place = wrapper.resolve(PositionProvider)[parsed]
    first, last = place.start, place.end
    start = (span[0] + first.line - 1, first.column + (span[1] if first.line == 1 else 0))
    end = (span[0] + last.line - 1, last.column + (span[1] if last.line == 1 else 0))
    return (*start, *end)
