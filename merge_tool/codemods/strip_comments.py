"""Takes comments and docstrings in a forbidden script out, and leaves every other byte alone.

Before::

    # сумма со скидкой
    def total(order):
        \"\"\"Считает сумму.\"\"\"
        return order.price - order.discount  # скидка

After::

    def total(order):
        return order.price - order.discount

The scripts are the policy's `forbidden_scripts` (rule TX2). A function or class of which nothing else is left gets `pass`. Left to a person: a comment
that tells a tool something (`noqa`, `type:`, a suppression), the docstring of a route, which FastAPI shows to users, and every docstring
of a file that reads `__doc__`. Strings that users see are never changed; a file that holds some is reported once. With `listed`, nothing is
changed and every place is reported.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.fastapi_callables import route_decorators
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.text import parse_python
from merge_tool.index.scripts import uses_script
from merge_tool.model.source import CodemodResult, Edit, NotDone

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_DIRECTIVE = re.compile(
    r"#\s*(?:!|-\*-|type:|noqa|pragma|fmt:|isort:|pylint:|mypy:|pyright:|ruff:|nosec|tenant:|coding[:=])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StripCommentsOptions:
    """What `strip-comments` takes.

    Attributes:
        docstrings: whether docstrings go too.
        listed: whether the places are only listed.
    """

    docstrings: bool = True
    listed: bool = False


class StripComments(Codemod):
    """See the module."""

    name: ClassVar[str] = "strip-comments"
    Options: ClassVar[type] = StripCommentsOptions
    joined: ClassVar[bool] = False
    options: StripCommentsOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the chosen files."""
        scripts = project.policy.forbidden_scripts
        names = Names(project.files)
        texts: dict[str, str] = {}
        edits: list[Edit] = []
        left: list[NotDone] = []
        for path in project.chosen(paths):
            text = project.files[path]
            if text.isascii() or not any(uses_script(text, script) for script in scripts):
                continue
            module = names.module(path)
            if module is None:
                left.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            work = _FileWork(names, module, scripts, project.policy.global_marker, self.options)
            try:
                made = work.run()
            except (tokenize.TokenError, SyntaxError) as error:
                left.append(NotDone(path, 1, self.name, f"the file cannot be read by its tokens: {error}"))
                continue
            if made != text:
                texts[path] = made
            edits += [Edit(path, line, self.name, what) for line, what in work.done]
            left += [NotDone(path, line, self.name, why) for line, why in work.left]
        return CodemodResult(texts, tuple(edits), in_order(left))


class _FileWork:
    """One run on one file."""

    def __init__(
        self,
        names: Names,
        module: Module,
        scripts: Sequence[str],
        marker: str,
        options: StripCommentsOptions,
    ) -> None:
        self.names = names
        self.module = module
        self.scripts = scripts
        self.marker = marker
        self.options = options
        self.lines: list[str] = _LINES.findall(module.text)
        self.gone: set[int] = set()  # lines, from 0, that go whole
        self.done: list[tuple[int, str]] = []
        self.left: list[tuple[int, str]] = []

    def run(self) -> str:
        """The file's new text."""
        docstrings = list(self._docstrings())
        self._strings({id(node) for _, node in docstrings})
        self._comments()
        for owner, node in docstrings if self.options.docstrings else ():
            self._docstring(owner, node)
        text = "".join(line for number, line in enumerate(self.lines) if number not in self.gone)
        if _shape(text) != _shape(self.module.text):
            self.left.append((1, "taking the comments out would change the code"))
            self.done.clear()
            return self.module.text
        return text

    def _script(self, text: str) -> str:
        if text.isascii():
            return ""
        return next((item for item in self.scripts if uses_script(text, item)), "")

    # ---- comments ----

    def _comments(self) -> None:
        reader = io.StringIO(self.module.text, newline="").readline
        for token in tokenize.generate_tokens(reader):
            if token.type != tokenize.COMMENT or not (script := self._script(token.string)):
                continue
            line, column = token.start
            if self.options.listed:
                self.left.append((line, f"this comment is written in {script}"))
            elif _DIRECTIVE.match(token.string) or (self.marker and self.marker in token.string):
                self.left.append((line, f"this comment is written in {script} and tells a tool something"))
            else:
                self._take(line - 1, column, token.string)
                self.done.append((line, f"take out a comment in {script}"))

    def _take(self, number: int, column: int, comment: str) -> None:
        line = self.lines[number]
        before, end = line[:column], line[column + len(comment) :]
        if before.strip():
            self.lines[number] = before.rstrip() + end
        else:
            self.gone.add(number)

    # ---- docstrings ----

    def _docstrings(self) -> Iterator[tuple[ast.AST, ast.Constant]]:
        for node in ast.walk(self.module.tree):
            if isinstance(node, ast.Module | ast.ClassDef | FunctionNode) and node.body:
                first = node.body[0]
                if (
                    isinstance(first, ast.Expr)
                    and isinstance(first.value, ast.Constant)
                    and isinstance(first.value.value, str)
                ):
                    yield node, first.value

    def _docstring(self, owner: ast.AST, node: ast.Constant) -> None:
        script = self._script(str(node.value))
        if not script:
            return
        last = node.end_lineno or node.lineno
        reason = self._keeps(owner)
        head, tail = self.lines[node.lineno - 1], self.lines[last - 1]
        start = len(head.encode()[: node.col_offset].decode())
        end = len(tail.encode()[: node.end_col_offset or 0].decode())
        rest = tail[end:].strip()
        if self.options.listed:
            self.left.append((node.lineno, f"this docstring is written in {script}"))
        elif reason or head[:start].strip() or (rest and not rest.startswith("#")):
            why = reason or "shares its line with code"
            self.left.append((node.lineno, f"this docstring is written in {script}, and {why}"))
        else:
            self._drop(owner, node.lineno - 1, last, head[:start], tail[end:].lstrip(" \t"))
            self.done.append((node.lineno, f"take out a docstring in {script}"))

    def _drop(self, owner: ast.AST, first: int, last: int, indent: str, rest: str) -> None:
        """Takes the lines of a docstring out; a comment behind it stays, and a body that it was all of gets `pass`."""
        newline = (
            "\r\n"
            if self.lines[last - 1].endswith("\r\n")
            else "\n"
            if self.lines[last - 1].endswith("\n")
            else ""
        )
        alone = not isinstance(owner, ast.Module) and len(owner.body) == 1  # type: ignore[attr-defined]
        self.gone |= set(range(first, last))
        if alone or rest.strip():
            self.lines[first] = (
                f"{indent}{'pass' if alone else ''}{'  ' if alone and rest.strip() else ''}{rest.strip()}{newline}"
            )
            self.gone.discard(first)
            return
        # The empty line that set the docstring apart goes with it.
        if last < len(self.lines) and not self.lines[last].strip():
            self.gone.add(last)

    def _keeps(self, owner: ast.AST) -> str:
        """Why a docstring is read by somebody, "" where it is not."""
        if "__doc__" in self.module.text:
            return "the file reads __doc__"
        if isinstance(owner, FunctionNode) and route_decorators(self.names, self.module, owner):
            return "FastAPI shows it to users"
        return ""

    def _strings(self, docstrings: set[int]) -> None:
        """Reports the strings that users may see."""
        found = [
            node.lineno
            for node in ast.walk(self.module.tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and self._script(node.value)
        ]
        if found:
            count = f"{len(found)} string{'s' * (len(found) != 1)}"
            self.left.append(
                (min(found), f"{count} of this file that users may see hold {', '.join(self.scripts)}")
            )


def _shape(text: str) -> str:
    """The code of a text without its docstrings and `pass`."""
    tree = parse_python(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | FunctionNode):
            body = node.body
            if (
                body
                and isinstance(body[0], ast.Expr)
                and isinstance(body[0].value, ast.Constant)
                and isinstance(body[0].value.value, str)
            ):
                del body[0]
            if len(body) == 1 and isinstance(body[0], ast.Pass):
                body.clear()
    return ast.dump(tree)


EXAMPLES = (
    Example(
        before={
            "app/orders.py": '''"""Заказы."""

from fastapi import APIRouter

router = APIRouter()
# сумма со скидкой
# see the price list


def total(order):
    """Считает сумму.

    По строкам.
    """

    text = "# не комментарий"  # скидка
    return order.price, text  # kept


class Empty(Exception):
    """Пусто."""


class Kept:
    """Kept."""

    def f(self):
        """Да."""  # why
        return 1


@router.get("/")
async def show():
    """Показывает заказ."""
    x = 1  # noqa: F841 проверка
    return "Привет"
''',
        },
        after={
            "app/orders.py": '''from fastapi import APIRouter

router = APIRouter()
# see the price list


def total(order):
    text = "# не комментарий"
    return order.price, text  # kept


class Empty(Exception):
    pass


class Kept:
    """Kept."""

    def f(self):
        # why
        return 1


@router.get("/")
async def show():
    """Показывает заказ."""
    x = 1  # noqa: F841 проверка
    return "Привет"
''',
        },
        not_done=(
            "2 strings of this file that users may see hold Cyrillic",
            "FastAPI shows it to users",
            "tells a tool something",
        ),
    ),
    Example(
        before={"app/a.py": "x = 1  # да\n"},
        after={},
        options={"listed": True},
        not_done=("this comment is written in Cyrillic",),
    ),
)  # fmt: skip

CODEMOD = StripComments
