"""Comments and docstrings in a script that the policy forbids, such as Cyrillic."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from merge_tool.index.source import Source
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import ScriptUse

# Strings and comments in one pass of the regex engine: the tokenizer takes twenty times as long.
_PARTS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r"|(?P<comment>#[^\r\n]*)",
    re.DOTALL,
)
_RANGES = {
    "cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff",
    "hebrew": "\u0590-\u05ff",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "hiragana": "\u3040-\u309f",
    "katakana": "\u30a0-\u30ff",
    "thai": "\u0e00-\u0e7f",
    "devanagari": "\u0900-\u097f",
    "armenian": "\u0530-\u058f",
    "georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
}


@lru_cache(maxsize=32)
def _pattern(script: str) -> re.Pattern[str] | None:
    """Letters of a script; for one without a range here None: its letters are known by their Unicode names."""
    ranges = _RANGES.get(script.lower())
    return re.compile(f"[{ranges}]") if ranges else None


def uses_script(text: str, script: str) -> bool:
    """Whether a text holds a letter of a script."""
    pattern = _pattern(script)
    if pattern is not None:
        return pattern.search(text) is not None
    start = f"{script.upper()} "
    return any(unicodedata.name(char, "").startswith(start) for char in set(text) if ord(char) > 127)


def script_uses(source: Source, scripts: tuple[str, ...]) -> tuple[ScriptUse, ...]:
    """The comments and docstrings of a file in one of the scripts, by place.

    A file without a letter of them costs one search. Other strings are for users to read, and are left alone.
    """
    if source.ascii:
        return ()
    present = [script for script in scripts if uses_script(source.text, script)]
    if not present:
        return ()
    found = [*_comments(source, present), *_docstrings(source, present)]
    return tuple(sorted(found, key=lambda item: item.span))


def _comments(source: Source, scripts: list[str]) -> Iterator[ScriptUse]:
    text = source.text
    line, at = 1, 0
    for match in _PARTS.finditer(text):
        comment = match.group("comment")
        if comment is None or comment.isascii():
            continue
        script = next((item for item in scripts if uses_script(comment, item)), "")
        if not script:
            continue
        before = text[at : match.start()]
        line += before.count("\n") + before.count("\r") - before.count("\r\n")
        at = match.start()
        column = at - max(text.rfind("\n", 0, at), text.rfind("\r", 0, at))
        yield ScriptUse(script, "comment", Span(line, column, line, column + len(comment)))


def _docstrings(source: Source, scripts: list[str]) -> Iterator[ScriptUse]:
    stack: list[ast.AST] = [source.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                script = next((item for item in scripts if uses_script(str(first.value.value), item)), "")
                if script:
                    yield ScriptUse(script, "docstring", source.span(first.value))
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            stack.extend(item for item in getattr(node, name, ()) if isinstance(item, ast.AST))
