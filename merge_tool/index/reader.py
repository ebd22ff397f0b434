"""One file's facts: the flow reader over its tree, and the suppressions in its comments."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize

from merge_tool.index.flow import FlowReader
from merge_tool.index.names import module_name
from merge_tool.index.scripts import script_uses
from merge_tool.index.source import Source, read_source
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import Marker, ModuleFacts, Unreadable

_RECURSION = 8000
_IGNORE = re.compile(r"#\s*tenant:\s*ignore(?:\[([^\]]*)\])?[ \t]*[:\-–—]?[ \t]*(.*)")


def read_module(
    path: str, source: bytes | str, marker: str = "GLOBAL_QUERY", scripts: tuple[str, ...] = ()
) -> ModuleFacts | Unreadable:
    """Reads one file.

    Args:
        path: relative to the project's root, with forward slashes; the module's name comes from it.
        source: the file's bytes or text.
        marker: the comment that marks a statement as meant for all tenants.
        scripts: the Unicode scripts whose comments and docstrings are to be noted.

    Returns:
        its facts, or why it cannot be read. Never raises for what a file may hold.
    """
    parsed = read_source(path, source)
    if isinstance(parsed, Unreadable):
        return parsed
    name, is_package = module_name(path)
    package = name if is_package else name.rpartition(".")[0]
    reader = FlowReader(parsed, package)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))  # a chain of some hundred `elif` is deep, and no fault
    try:
        reader.read()
        markers = _markers(parsed, marker)
    except RecursionError:
        return Unreadable(path, "nested too deeply to be followed")
    finally:
        sys.setrecursionlimit(limit)
    return ModuleFacts(
        path,
        name,
        is_package,
        len(parsed.lines()),
        reader.scope.imports,
        tuple(reader.stars),
        tuple(reader.import_sites),
        reader.classes,
        reader.functions,
        markers,
        script_uses(parsed, scripts) if scripts else (),
    )


def _markers(source: Source, word: str) -> tuple[Marker, ...]:
    """The suppressions. Files without the words are not tokenized, which is slow."""
    pattern = re.compile(rf"#\s*{re.escape(word)}\b[ \t]*[:\-–—]?[ \t]*(.*)") if word else None
    text = source.text
    if not _IGNORE.search(text) and not (pattern and pattern.search(text)):
        return ()
    found: list[Marker] = []
    spans = _statement_lines(source.tree)
    lines = source.lines()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # pragma: no cover - the parser read the same text
        return ()
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        ignore = _IGNORE.match(token.string)
        marked = pattern.match(token.string) if pattern else None
        if ignore is None and marked is None:
            continue
        line, column = token.start
        own_line = not lines[line - 1][:column].strip()
        first, last = _covered(spans, lines, line, own_line)
        span = Span(line, column + 1, line, column + len(token.string) + 1)
        if ignore is not None:
            codes = tuple(code.strip() for code in (ignore.group(1) or "").split(",") if code.strip())
            found.append(Marker("ignore", codes, ignore.group(2).strip(), span, first, last))
        elif marked is not None:
            found.append(Marker("global", (), marked.group(1).strip(), span, first, last))
    return tuple(found)


def _statement_lines(tree: ast.Module) -> list[tuple[int, int]]:
    """First and last line of every simple statement, and of every compound statement's head."""
    spans: list[tuple[int, int]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        first = node.lineno
        last = node.end_lineno or first
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:
            head = [
                item
                for item in ast.iter_child_nodes(node)
                if not isinstance(item, ast.stmt | ast.excepthandler | ast.match_case)
            ]
            inside = [end for item in head for end in _ends(item)]
            first = min([first, *(item.lineno for item in getattr(node, "decorator_list", []))])
            last = max([node.lineno, *inside])
        elif isinstance(node, ast.Match):
            last = node.subject.end_lineno or first
        spans.append((first, last))
    return spans


def _ends(node: ast.AST) -> list[int]:
    """The last lines of an expression, or of the expressions in a node that has no place of its own (arguments, with items)."""
    end = getattr(node, "end_lineno", None)
    if isinstance(end, int):
        return [end]
    return [line for child in ast.iter_child_nodes(node) for line in _ends(child)]


def _covered(spans: list[tuple[int, int]], lines: list[str], line: int, own_line: bool) -> tuple[int, int]:
    """The statement that a comment stands in, or where it has a line of its own between statements, the next one."""
    around = [span for span in spans if span[0] <= line <= span[1]]
    if around:
        first, last = min(around, key=lambda span: span[1] - span[0])
        return first, last
    if own_line:
        number = line
        while number < len(lines) and (not lines[number].strip() or lines[number].lstrip().startswith("#")):
            if not lines[number].strip():
                return line, line
            number += 1
        following = [span for span in spans if span[0] == number + 1]
        if following:
            return following[0][0], max(span[1] for span in following)
    return line, line
