"""Edits of one file, gathered by place and made together by libcst, so that every other byte stays."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from merge_tool.codemods.chunks import edit_chunks, with_imports
from merge_tool.codemods.imports import ImportNeed, add_imports
from merge_tool.codemods.parameters import NewParameter, add_parameter
from merge_tool.codemods.style import append, line_limit, one_per_line, statements

Start: TypeAlias = tuple[int, int]
Span: TypeAlias = tuple[int, int, int, int]


class EditError(Exception):
    """The edits cannot be made; the message says why, for `not_done`."""


@dataclass
class CallEdit:
    """What changes at one call.

    Attributes:
        keywords: arguments to add, by name, as code.
        replaced: arguments to replace, by index, as code.
        merged: entries to merge into a mapping given as an argument, by index: `{**argument, "key": value}`.
        awaited: whether to await it.
        hoisted: the variable that takes the call's value in a statement of its own before the one it stands in, and the
            code that follows there; the variable stands instead of the call. Only within simple statements.
    """

    keywords: dict[str, str] = field(default_factory=dict)
    replaced: dict[int, str] = field(default_factory=dict)
    merged: dict[int, tuple[str, str]] = field(default_factory=dict)
    awaited: bool = False
    hoisted: tuple[str, str] | None = None


@dataclass
class FileEdits:
    """The edits of one file, by the places of `ast` (see `places.py`).

    Attributes:
        parameters: parameters to add to the function that starts there.
        made_async: functions to make async.
        calls: what changes at calls.
        expressions: expressions to replace, as code.
        rewrites: expressions to make anew from what they are once the edits inside them are made.
        entries: entries to add to dict displays, as code of key and value.
        before: statements to put before the statement that starts there, written with four spaces and `\\n`.
        after: the same, after it.
        imports: names that the file needs.
        unused: names whose last use may have gone; their imports go where that is so.
    """

    parameters: dict[Start, list[NewParameter]] = field(default_factory=dict)
    made_async: set[Start] = field(default_factory=set)
    calls: dict[Span, CallEdit] = field(default_factory=dict)
    expressions: dict[Span, str] = field(default_factory=dict)
    rewrites: dict[Span, Callable[[cst.BaseExpression], cst.BaseExpression]] = field(default_factory=dict)
    entries: dict[Span, list[tuple[str, str]]] = field(default_factory=dict)
    before: dict[Start, list[str]] = field(default_factory=dict)
    after: dict[Start, list[str]] = field(default_factory=dict)
    imports: list[ImportNeed] = field(default_factory=list)
    unused: set[str] = field(default_factory=set)

    def call(self, span: Span) -> CallEdit:
        """The edit of the call at `span`, made if need be."""
        return self.calls.setdefault(span, CallEdit())

    def places(self) -> dict[str, Mapping[Any, Any]]:
        """What changes by kind and place."""
        return {
            "function": {**self.parameters, **dict.fromkeys(self.made_async)},
            "call": self.calls,
            "expression": self.expressions,
            "rewrite": self.rewrites,
            "entry": self.entries,
            "before": self.before,
            "after": self.after,
        }

    def taken_up(self, rows: range, by: int) -> FileEdits:
        """The edits that start on some rows, by their places in a text that leaves `by` lines out before them."""

        def shifted(known: Mapping[Any, Any]) -> dict[Any, Any]:
            found = {}
            for place, edit in known.items():
                if place[0] in rows:
                    row = place[0] - by
                    found[(row, place[1], *((place[2] - by, place[3]) if len(place) == 4 else ()))] = edit
            return found

        return FileEdits(
            shifted(self.parameters),
            set(shifted(dict.fromkeys(self.made_async))),
            shifted(self.calls),
            shifted(self.expressions),
            shifted(self.rewrites),
            shifted(self.entries),
            shifted(self.before),
            shifted(self.after),
        )

    def __bool__(self) -> bool:
        return any(
            (
                self.parameters,
                self.made_async,
                self.calls,
                self.expressions,
                self.rewrites,
                self.entries,
                self.before,
                self.after,
                self.imports,
            )
        )


def apply_edits(text: str, edits: FileEdits, module_name: str = "", package: bool = False) -> str:
    """Makes the edits of one file.

    Args:
        text: the file's text.
        edits: what to change.
        module_name: the file's dotted name, for relative imports.
        package: whether it is an `__init__.py`.

    Raises:
        EditError: libcst cannot parse the file, or an edit's place was not found in it.
    """
    limit = line_limit(text)
    try:
        if edits.unused:
            made = cst.parse_module(_rewritten(text, edits, limit, 0, None))
            made = add_imports(made, edits.imports, module_name, package, limit)
            from merge_tool.codemods.unused import drop_unused

            return _same_end(text, drop_unused(made, edits.unused))
        rows = [place[0] for known in edits.places().values() for place in known]

        def rewrite(part: str, own: range, by: int, config: cst.PartialParserConfig) -> str:
            return _rewritten(part, edits.taken_up(own, by), limit, by, config)

        code = edit_chunks(text, rows, rewrite)
        return with_imports(code, edits.imports, module_name, package, limit)
    except LookupError as error:
        raise EditError(
            f"an edit found no place to stand: {error.args[0]}, so the statement is written in an unusual way"
        ) from error
    except (cst.ParserSyntaxError, SyntaxError, RecursionError, UnicodeError) as error:
        raise EditError(f"libcst cannot parse the file: {str(error).splitlines()[0]}") from error


def _same_end(text: str, made: cst.Module) -> str:
    code = made.code
    # libcst ends a file with a line end where a statement is added last; the file's own end is kept.
    if text and not text.endswith(("\n", "\r")) and code.endswith(made.default_newline):
        code = code[: -len(made.default_newline)]
    return code


def _rewritten(
    text: str, edits: FileEdits, limit: int, by: int, config: cst.PartialParserConfig | None
) -> str:
    """A file, or a part of it that starts `by` lines down, with the edits that stand in it."""
    parsed = cst.parse_module(text, config=config or cst.PartialParserConfig())
    wrapper = MetadataWrapper(parsed, unsafe_skip_copy=True)
    transformer = _Transformer(parsed, edits, limit)
    made = wrapper.visit(transformer)
    if transformer.waiting:
        line = min(place[1][0] for place in transformer.waiting) + by
        raise EditError(
            f"an edit at line {line} found no place to stand: the statement is written in an unusual way"
        )
    return made.code


class _Transformer(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, module: cst.Module, edits: FileEdits, limit: int) -> None:
        super().__init__()
        self.module = module
        self.edits = edits
        self.limit = limit
        self.lines = re.split(r"\r\n|\n|\r", module.code)
        self.waiting = {(kind, place) for kind, known in edits.places().items() for place in known}
        self.hoisted: list[tuple[str, Any, str]] = []
        self.rows = sorted({place[0] for _, place in self.waiting})

    def span(self, node: cst.CSTNode) -> Span:
        found = self.get_metadata(PositionProvider, node)
        return (found.start.line, found.start.column, found.end.line, found.end.column)

    def take(self, kind: str, place: Any) -> bool:
        """Whether an edit of this kind waits at this place; it no longer does."""
        if (kind, place) not in self.waiting:
            return False
        self.waiting.discard((kind, place))
        return True

    def on_visit(self, node: Any) -> bool:
        """Goes only into statements on whose lines an edit waits: the visit costs as much as the parse."""
        if not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return True
        first, _, last, _ = self.span(node)
        decorators = getattr(node, "decorators", ())
        if decorators:
            first = self.span(decorators[0])[0]
        at = bisect_left(self.rows, first)
        return at < len(self.rows) and self.rows[at] <= last

    def on_leave(self, original: Any, updated: Any) -> Any:
        if isinstance(original, cst.Call):
            updated = self.call(original, updated)
        elif isinstance(original, cst.Dict):
            updated = self.dict(original, updated)
        elif isinstance(original, cst.FunctionDef):
            updated = self.function(original, updated)
        if self.edits.rewrites and isinstance(original, cst.BaseExpression):
            span = self.span(original)
            if self.take("rewrite", span):
                return self.edits.rewrites[span](updated)
        if isinstance(original, (cst.Call, cst.Name, cst.Attribute)):
            span = self.span(original)
            if self.take("expression", span):
                return cst.parse_expression(self.edits.expressions[span])
            if (
                isinstance(original, cst.Attribute)
                and isinstance(updated.value, cst.Await)
                and not updated.value.lpar
            ):
                return updated.with_changes(value=_bracketed(updated.value))
        if (
            isinstance(original, cst.Subscript)
            and isinstance(updated.value, cst.Await)
            and not updated.value.lpar
        ):
            return updated.with_changes(value=_bracketed(updated.value))
        if isinstance(original, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return self.around(original, updated)
        return updated

    def around(self, original: Any, updated: Any) -> Any:
        """The statement with those put before and after it."""
        start = self.span(original)[:2]
        codes_before = self.edits.before.get(start, []) if self.take("before", start) else []
        codes_after = self.edits.after.get(start, []) if self.take("after", start) else []
        hoisted: list[Any] = []
        if isinstance(original, cst.SimpleStatementLine):
            for name, call, code in self.hoisted:
                target = cst.AssignTarget(cst.Name(name))
                hoisted.append(
                    cst.SimpleStatementLine([cst.Assign([target], call.with_changes(lpar=(), rpar=()))])
                )
                hoisted += statements(code, self.module)
            self.hoisted.clear()
        if not codes_before and not codes_after and not hoisted:
            return updated
        nested = start[1] > 0
        ahead = [*(item for code in codes_before for item in self.written(code, nested)), *hoisted]
        behind = [item for code in codes_after for item in self.written(code, nested)]
        return cst.FlattenSentinel([*ahead, updated, *behind])

    def written(self, code: str, nested: bool) -> list[Any]:
        """Statements from code. Empty lines at its start stand before the first one; definitions get two, methods one."""
        made: list[Any] = statements(code, self.module)
        blank = len(code) - len(code.lstrip("\n"))
        if isinstance(made[0], (cst.FunctionDef, cst.ClassDef)):
            blank = 1 if nested else 2
        made[0] = made[0].with_changes(leading_lines=[cst.EmptyLine(indent=False)] * blank)
        return made

    def function(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.span(original)[:2]
        if not self.take("function", start):
            return updated
        for new in self.edits.parameters.get(start, []):
            limit = self.limit - start[1]
            updated = add_parameter(updated, new, limit, self.module.default_indent)
        if start in self.edits.made_async and updated.asynchronous is None:
            updated = updated.with_changes(asynchronous=cst.Asynchronous())
        return updated

    def dict(self, original: cst.Dict, updated: cst.Dict) -> cst.Dict:
        span = self.span(original)
        if not self.take("entry", span):
            return updated
        elements, closing = list(updated.elements), updated.rbrace.whitespace_before
        for key, value in self.edits.entries[span]:
            element = cst.DictElement(cst.parse_expression(key), cst.parse_expression(value))
            elements, closing = append(elements, element, updated.lbrace.whitespace_after, closing)
        return updated.with_changes(
            elements=elements, rbrace=updated.rbrace.with_changes(whitespace_before=closing)
        )

    def call(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        span = self.span(original)
        if isinstance(updated.func, cst.Await) and not updated.func.lpar:
            updated = updated.with_changes(func=_bracketed(updated.func))
        if not self.take("call", span):
            return updated
        edit = self.edits.calls[span]
        arguments: list[Any] = list(updated.args)
        for index, code in edit.replaced.items():
            arguments[index] = arguments[index].with_changes(value=cst.parse_expression(code))
        for index, (key, value) in edit.merged.items():
            inner = self.module.code_for_node(arguments[index].value)
            arguments[index] = arguments[index].with_changes(
                value=cst.parse_expression(f"{{**{inner}, {key}: {value}}}")
            )
        if (
            edit.keywords
            and len(arguments) == 1
            and isinstance(arguments[0].value, cst.GeneratorExp)
            and not arguments[0].value.lpar
        ):
            arguments[0] = arguments[0].with_changes(value=_bracketed(arguments[0].value))
        for name, code in edit.keywords.items():
            argument = cst.Arg(
                cst.parse_expression(code),
                keyword=cst.Name(name),
                equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
            )
            arguments, _ = append(
                arguments, argument, updated.whitespace_before_args, tail="whitespace_after_arg"
            )
        made = updated.with_changes(args=arguments)
        if edit.keywords and span[0] == span[2]:
            made = self.wrapped(original, made, span)
        if edit.hoisted is not None:
            name, code = edit.hoisted
            self.hoisted.append((name, made, code))
            return cst.Name(name, lpar=made.lpar, rpar=made.rpar)
        if not edit.awaited:
            return made
        bare = made.with_changes(lpar=(), rpar=())
        return cst.Await(bare, lpar=made.lpar, rpar=made.rpar)

    def wrapped(self, original: cst.Call, made: cst.Call, span: Span) -> cst.Call:
        """A one-line call that its new arguments make too long, with one argument a line."""
        old, new = (self.module.code_for_node(item) for item in (original, made))
        line = self.lines[span[0] - 1]
        # Where more than a closing bracket follows on the line, breaking the call would not read well.
        if len(line) > self.limit or len(line) + len(new) - len(old) <= self.limit or len(line) - span[3] > 3:
            return made
        before, laid = one_per_line(made.args, self.module.default_indent, "whitespace_after_arg")
        return made.with_changes(whitespace_before_args=before, args=laid)


def _bracketed(node: Any) -> Any:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
