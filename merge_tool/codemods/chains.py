"""Statements built by a chain of calls, such as `select(A).join(B).where(…)`: read with `ast`, grown by libcst."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from merge_tool.codemods.chunks import edit_chunks, with_imports
from merge_tool.codemods.edits import Span, Start
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.lookups import Lookup
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import append, line_limit, one_per_line, plain, statements

FILTERS = ("where", "filter")
# Expressions that bind less tightly than a comparison, or as tightly.
_LOOSE = (cst.BooleanOperation, cst.Comparison, cst.IfExp, cst.Lambda, cst.NamedExpr, cst.UnaryOperation)
_PLACES = ("select_from", "join", "outerjoin", "join_from", "outerjoin_from")


@dataclass(frozen=True)
class Chain:
    """A statement: the call it starts with, and the calls of methods on it, innermost first, each with its name."""

    root: ast.Call
    links: tuple[tuple[str, ast.Call], ...]

    @property
    def end(self) -> ast.Call:
        """The outermost call."""
        return self.links[-1][1] if self.links else self.root

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """The calls of the methods of these names, in order."""
        return (call for name, call in self.links if name in names)

    def place(self) -> ast.Call:
        """The call behind which a filter goes: the last that says what is read, before any filter."""
        return next((call for name, call in reversed(self.links) if name in _PLACES), self.root)


def chain_from(module: Module, root: ast.expr) -> tuple[tuple[str, ast.Call], ...]:
    """The calls of methods on `root`, innermost first."""
    links = []
    node: ast.AST = root
    while isinstance(outer := module.parents.get(node), ast.Attribute) and outer.value is node:
        call = module.parents.get(outer)
        if not isinstance(call, ast.Call) or call.func is not outer:
            break
        links.append((outer.attr, call))
        node = call
    return tuple(links)


def held_in(statement: ast.stmt, value: ast.expr) -> str:
    """The variable that a statement gives `value` to, awaited or not; "" where it does something else with it."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
        given: ast.expr | None = statement.value
    elif isinstance(statement, ast.AnnAssign):
        target, given = statement.target, statement.value
    else:
        return ""
    if isinstance(given, ast.Await):
        given = given.value
    return target.id if given is value and isinstance(target, ast.Name) else ""


@dataclass
class ChainEdits:
    """What to add to the statements of one file.

    Attributes:
        conditions: conditions to add to a filter call that is there, as its last argument, by the call's span.
        filters: conditions to add as a `.where(…)` of their own behind a call, by the call's span.
        after: statements to put behind a statement, by its start.
        lookups: calls of `session.get` to write as a select, by the call's span.
        keywords: keyword arguments to add to calls, as code, by the call's span.
        entries: key and value to add to dict displays, as code, by the display's span.
        imports: names that the file then needs.
    """

    conditions: dict[Span, str] = field(default_factory=dict)
    filters: dict[Span, str] = field(default_factory=dict)
    after: dict[Start, str] = field(default_factory=dict)
    lookups: dict[Span, Lookup] = field(default_factory=dict)
    keywords: dict[Span, str] = field(default_factory=dict)
    entries: dict[Span, tuple[str, str]] = field(default_factory=dict)
    imports: list[ImportNeed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(self._places())

    def _places(self) -> tuple[dict[Any, Any], ...]:
        return (self.conditions, self.filters, self.after, self.lookups, self.keywords, self.entries)

    def rows(self) -> list[int]:
        """The lines on which the edits stand."""
        return [place[0] for known in self._places() for place in known]

    def taken_up(self, rows: range, by: int) -> ChainEdits:
        """The edits that start on some rows, by their places in a text that leaves `by` lines out before them."""
        return ChainEdits(
            {taken_up(place, by): edit for place, edit in self.conditions.items() if place[0] in rows},
            {taken_up(place, by): edit for place, edit in self.filters.items() if place[0] in rows},
            {(place[0] - by, place[1]): edit for place, edit in self.after.items() if place[0] in rows},
            {taken_up(place, by): edit for place, edit in self.lookups.items() if place[0] in rows},
            {taken_up(place, by): edit for place, edit in self.keywords.items() if place[0] in rows},
            {taken_up(place, by): edit for place, edit in self.entries.items() if place[0] in rows},
        )


def taken_up(place: Span, by: int) -> Span:
    """A place in a text that leaves `by` lines out before it."""
    return (place[0] - by, place[1], place[2] - by, place[3])


def grow(text: str, edits: ChainEdits, own: str = "", package: bool = False) -> str:
    """`text` with the edits made.

    Args:
        own: the file's dotted name, and `package` whether it is an `__init__.py`; for imports that are added.

    Raises:
        libcst.ParserSyntaxError: libcst cannot parse it.
    """

    def rewrite(part: str, rows: range, by: int, config: cst.PartialParserConfig) -> str:
        parsed = cst.parse_module(part, config=config)
        wrapper = MetadataWrapper(parsed, unsafe_skip_copy=True)
        taken = edits.taken_up(rows, by)
        return wrapper.module.visit(_Grow(parsed, taken, wrapper.resolve(PositionProvider), limit)).code

    limit = line_limit(text)
    made = edit_chunks(text, edits.rows(), rewrite)
    return with_imports(made, edits.imports, own, package, limit)


class _Grow(cst.CSTTransformer):
    def __init__(
        self, module: cst.Module, edits: ChainEdits, positions: Mapping[cst.CSTNode, Any], limit: int
    ) -> None:
        super().__init__()
        self.limit = limit
        self.lines = re.split(r"\r\n|\n|\r", module.code)
        self.module = module
        self.edits = edits
        self.positions = positions
        self.next_dot: dict[Span, Any] = {}  # the whitespace before the dot that follows a call

    def _span(self, node: cst.CSTNode) -> Span:
        place = self.positions[node]
        return (place.start.line, place.start.column, place.end.line, place.end.column)

    def _follows(self, node: cst.CSTNode) -> Span | None:
        """The span of the grown call whose method `node` calls."""
        if (
            isinstance(node, cst.Call)
            and isinstance(node.func, cst.Attribute)
            and isinstance(node.func.value, cst.Call)
        ):
            span = self._span(node.func.value)
            return span if span in self.edits.filters else None
        return None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if (span := self._follows(node)) is not None:
            self.next_dot[span] = node.func.dot.whitespace_before  # type: ignore[attr-defined]
        return True

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        if isinstance(original_node, cst.Call) and isinstance(updated_node, cst.Call):
            return self._call(original_node, updated_node)
        if isinstance(original_node, cst.Dict) and isinstance(updated_node, cst.Dict):
            return self._dict(original_node, updated_node)
        if isinstance(original_node, cst.SimpleStatementLine):
            start = self.positions[original_node].start
            if code := self.edits.after.get((start.line, start.column)):
                return cst.FlattenSentinel([updated_node, *statements(code, self.module)])
        return updated_node

    def _call(self, original: cst.Call, updated: cst.Call) -> cst.Call:
        span = self._span(original)
        if self._follows(original) is not None:
            # A comment behind the grown call stays on its line; the dot after it only breaks the line.
            function = cst.ensure_type(updated.func, cst.Attribute)
            dot = function.dot.with_changes(whitespace_before=_bare(function.dot.whitespace_before))
            updated = updated.with_changes(func=function.with_changes(dot=dot))
        if keyword := self.edits.keywords.get(span):
            updated = self._given(original, updated, keyword, span)
        if lookup := self.edits.lookups.get(span):
            return _selected(updated, lookup)
        if condition := self.edits.conditions.get(span):
            arguments, _ = append(
                updated.args,
                cst.Arg(cst.parse_expression(condition)),
                updated.whitespace_before_args,
                tail="whitespace_after_arg",
            )
            updated = updated.with_changes(args=arguments)
        if condition := self.edits.filters.get(span):
            before = self.next_dot.get(span)
            if before is None:
                own = updated.func.dot.whitespace_before if isinstance(updated.func, cst.Attribute) else None
                before = _bare(own)
            dot = cst.Dot(whitespace_before=before)
            bare = updated.with_changes(lpar=(), rpar=())
            return cst.Call(
                cst.Attribute(bare, cst.Name("where"), dot=dot),
                [cst.Arg(cst.parse_expression(condition))],
                lpar=updated.lpar,
                rpar=updated.rpar,
            )
        return updated

    def _given(self, original: cst.Call, updated: cst.Call, keyword: str, span: Span) -> cst.Call:
        """A call with one keyword argument more; one argument a line, where it becomes too long."""
        (argument,) = cst.ensure_type(cst.parse_expression(f"f({keyword})"), cst.Call).args
        arguments, _ = append(
            updated.args, argument, updated.whitespace_before_args, tail="whitespace_after_arg"
        )
        made = updated.with_changes(args=arguments)
        old, new = (self.module.code_for_node(item) for item in (original, made))
        line = self.lines[span[0] - 1]
        fits = len(line) + len(new) - len(old) <= self.limit or len(line) > self.limit
        if span[0] != span[2] or fits or len(line) - span[3] > 3:
            return made
        before, laid = one_per_line(made.args, self.module.default_indent, "whitespace_after_arg")
        return made.with_changes(whitespace_before_args=before, args=laid)

    def _dict(self, original: cst.Dict, updated: cst.Dict) -> cst.Dict:
        entry = self.edits.entries.get(self._span(original))
        if entry is None:
            return updated
        key, value = (cst.parse_expression(code) for code in entry)
        elements, closing = append(
            updated.elements,
            cst.DictElement(key, value),
            updated.lbrace.whitespace_after,
            updated.rbrace.whitespace_before,
        )
        return updated.with_changes(
            elements=elements, rbrace=updated.rbrace.with_changes(whitespace_before=closing)
        )


def _selected(call: cst.Call, lookup: Lookup) -> cst.Call:
    """`db.get(Model, key)` as `db.scalar(select(Model).where(Model.id == key, …))`; the key is kept as it is written."""
    key = call.args[1].value
    if isinstance(key, _LOOSE) and not key.lpar:
        key = key.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    code = f"{lookup.select}({lookup.model}).where({lookup.model}.{lookup.key} == None, {lookup.condition})"
    statement = cst.ensure_type(cst.parse_expression(code), cst.Call)
    first = cst.ensure_type(statement.args[0].value, cst.Comparison)
    target = first.comparisons[0].with_changes(comparator=key)
    compared = statement.args[0].with_changes(value=first.with_changes(comparisons=[target]))
    function = cst.ensure_type(call.func, cst.Attribute)
    return call.with_changes(
        func=function.with_changes(attr=cst.Name("scalar")),
        args=[cst.Arg(statement.with_changes(args=[compared, *statement.args[1:]]))],
        whitespace_before_args=cst.SimpleWhitespace(""),
    )


def _bare(whitespace: Any) -> Any:
    """A line break without comments; nothing where there is no break."""
    return (
        plain(whitespace) if isinstance(whitespace, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace("")
    )
