"""Comments that the fork took out, or wrote in another language."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from merge_tool.codemods.text import parse_python
from merge_tool.index.scripts import uses_script
from merge_tool.merging.diff import changes
from merge_tool.merging.lexer import tokens_of
from merge_tool.transforms.base import Transform

# Comments that tools read: never taken out, never translated.
_DIRECTIVE = re.compile(
    r"#\s*(?:!|-\*-|type:|noqa|pragma|fmt:|isort:|pylint:|mypy:|pyright:|ruff:|nosec|tenant:|coding[:=])",
    re.IGNORECASE,
)
Piece = tuple[str, str]


class StripComments(Transform):
    """Takes comments out, and docstrings too; a line that held nothing else goes.

    Args:
        scripts: only comments with a letter of one of these Unicode scripts; empty: all.
        docstrings: whether docstrings go too, where something else is left of the block.
    """

    def __init__(
        self, scripts: tuple[str, ...], *, docstrings: bool = True, paths: tuple[str, ...] = ()
    ) -> None:
        self.scripts, self.docstrings, self.paths = scripts, docstrings, paths
        self.name = f"strip comments{' in ' + ', '.join(scripts) if scripts else ''}"

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """See the class."""
        found = {path: self.text(files[path]) for path in paths or files}
        return {path: text for path, text in found.items() if text != files[path]}

    def text(self, text: str) -> str:
        """One text without them; as it is where it does not parse."""
        try:
            doc_lines = _removable(parse_python(text)) if self.docstrings else set()
        except SyntaxError:
            return text
        kept: list[Piece] = []
        line = 1
        for kind, piece in tokens_of(text):
            gone = (kind == "comment" and self._goes(piece)) or (
                kind == "string" and line in doc_lines and self._in_scripts(piece)
            )
            kept.append(("gone", "") if gone else (kind, piece))
            line += piece.count("\n")
        return _joined(kept)

    def _goes(self, comment: str) -> bool:
        return not _DIRECTIVE.match(comment) and self._in_scripts(comment)

    def _in_scripts(self, text: str) -> bool:
        return not self.scripts or any(uses_script(text, script) for script in self.scripts)


class TranslateComments(Transform):
    """Puts the fork's wording in the place of each comment that it reworded; the wordings come from base and fork.

    A comment or docstring counts as reworded where the code around it is the same on both sides. What the fork wrote
    twice in different words is left.
    """

    def __init__(self, *, docstrings: bool = True, paths: tuple[str, ...] = ()) -> None:
        self.docstrings, self.paths = docstrings, paths
        self.name = "translate comments"
        self.words: dict[str, str] = {}

    def learn(self, base: Mapping[str, str], fork: Mapping[str, str]) -> None:
        """Reads the wordings."""
        told: dict[str, Counter[str]] = defaultdict(Counter)
        for path in base.keys() & fork.keys():
            if base[path] != fork[path]:
                for old, new in reworded(base[path], fork[path], docstrings=self.docstrings):
                    told[old][new] += 1
        self.words = {
            old: next(iter(new)) for old, new in told.items() if len(new) == 1 and next(iter(new)) not in told
        }

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """See the class."""
        found = {path: self.text(files[path]) for path in paths or files}
        return {path: text for path, text in found.items() if text != files[path]}

    def text(self, text: str) -> str:
        """One text in the fork's words."""
        docs = docstring_lines(text) if self.docstrings else set()
        pieces = []
        line = 1
        for kind, piece in tokens_of(text):
            if kind == "comment" or (kind == "string" and line in docs):
                pieces.append(self.words.get(piece, piece))
            else:
                pieces.append(piece)
            line += piece.count("\n")
        return "".join(pieces)


def reworded(base: str, fork: str, *, docstrings: bool = True) -> Iterator[tuple[str, str]]:
    """`(the base's comment, the fork's)` of each that stands at the same code in other words."""
    old, new = (_told(text, docstrings) for text in (base, fork))
    keys = [[key for key, _ in side] for side in (old, new)]
    at = there = 0
    for change in [*changes(*keys), None]:
        end = change.old_start if change else len(old)
        for (_, one), (_, other) in zip(old[at:end], new[there : there + end - at], strict=True):
            # One for one: where the number differs, which is which is not known.
            if len(one) == len(other):
                yield from ((a, b) for a, b in zip(one, other, strict=True) if a != b)
        if change:
            at, there = change.old_end, change.new_end


def _told(text: str, docstrings: bool) -> list[tuple[str, list[str]]]:
    """The logical pieces of code, each with the comments before it."""
    docs = docstring_lines(text) if docstrings else set()
    found: list[tuple[str, list[str]]] = []
    waiting: list[str] = []
    code: list[str] = []
    line = 1
    for kind, piece in tokens_of(text):
        if (kind == "comment" and not _DIRECTIVE.match(piece)) or (kind == "string" and line in docs):
            waiting.append(piece)
        elif kind == "newline":
            if code:
                found.append((" ".join(code), waiting))
                code, waiting = [], []
        elif kind != "space":
            code.append(piece)
        line += piece.count("\n")
    found.append((" ".join([*code, "end"]), waiting))
    return found


def docstring_lines(text: str) -> set[int]:
    """The first lines of docstrings; none where the text does not parse."""
    try:
        tree = parse_python(text)
    except SyntaxError:
        return set()
    return {node.lineno for node, _ in _docstrings(tree)}


def _removable(tree: ast.Module) -> set[int]:
    """The first lines of docstrings that are not all of their block, alone on their lines."""
    return {node.lineno for node, alone in _docstrings(tree) if not alone}


def _docstrings(tree: ast.Module) -> Iterator[tuple[ast.Expr, bool]]:
    """Docstrings, and whether nothing else is in their block."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                shares = len(node.body) > 1 and node.body[1].lineno == first.end_lineno
                yield first, shares or (len(node.body) == 1 and not isinstance(node, ast.Module))


def _joined(pieces: Sequence[Piece]) -> str:
    """The text without what is gone; a line of which nothing is left goes, blanks before a comment too."""
    lines: list[list[Piece]] = [[]]
    for kind, piece in pieces:
        lines[-1].append((kind, piece))
        if kind == "newline":
            lines.append([])
    out: list[str] = []
    for line in lines:
        if not any(kind == "gone" for kind, _ in line):
            out += [piece for _, piece in line]
            continue
        if all(kind in ("gone", "space", "newline") for kind, _ in line):
            continue
        text = "".join(piece for kind, piece in line if kind != "newline").rstrip(" \t")
        out.append(text + "".join(piece for kind, piece in line if kind == "newline"))
    return "".join(out)
