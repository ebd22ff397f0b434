"""What a file holds that a merge must neither lose nor double: counted on the statements of its tree."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator

from merge_tool.index.newer import written_for_older

Fact = tuple[str, ...]


def parse(text: str) -> ast.Module:
    """The text's tree, also where its syntax is newer than this Python.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "nested too deeply") from error
        except SyntaxError:
            older = written_for_older(text)
            if older == text:
                raise
            return ast.parse(older)


_PLAIN = frozenset({ast.Expr, ast.Return, ast.Raise, ast.Pass, ast.Assert, ast.Delete})
_ASSIGNMENTS = frozenset(
    {ast.Assign, ast.AnnAssign, ast.AugAssign}
)  # in a function they name nothing for others


def facts_of(tree: ast.Module) -> Counter[Fact]:
    """Definitions, imports, routes, `__all__` entries, keys of named dicts and names of a class or module, by scope.

    Returns:
        How often each stands there; the first word of a fact says what it is.
    """
    found: list[Fact] = []
    stack: list[tuple[str, bool, list[ast.stmt]]] = [("", False, tree.body)]
    while stack:
        scope, local, block = stack.pop()
        for node in block:
            kind = type(node)
            if kind in _PLAIN or (local and kind in _ASSIGNMENTS):
                continue
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.append(("definition", f"{scope}{node.name}"))
                if node.decorator_list:
                    found += _routes(node)
                stack.append((f"{scope}{node.name}.", kind is not ast.ClassDef, node.body))
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found += _imports(node, scope)
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                found += _assigned(node, scope)
            else:
                stack += [(scope, local, part) for part in blocks_of(node)]
    return Counter(found)


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        part = getattr(node, name, None)
        if isinstance(part, list):
            yield part
    for name in ("handlers", "cases"):
        for item in getattr(node, name, None) or ():
            yield item.body


def _routes(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Fact]:
    for item in node.decorator_list:
        if isinstance(item, ast.Call) and item.args and isinstance(item.func, ast.Attribute):
            first = item.args[0]
            if (
                isinstance(first, ast.Constant)
                and isinstance(first.value, str)
                and first.value.startswith("/")
            ):
                yield "route", item.func.attr, first.value


def _imports(node: ast.Import | ast.ImportFrom, scope: str) -> Iterator[Fact]:
    module = "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    for item in node.names:
        bound = item.asname or (item.name if module else item.name.partition(".")[0])
        yield "import", scope, module, item.name, bound


def _assigned(node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: str) -> Iterator[Fact]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if not isinstance(target, ast.Name):
            continue
        yield "name", f"{scope}{target.id}"
        value = node.value
        if isinstance(value, ast.Dict):
            for key in value.keys:
                if isinstance(key, ast.Constant):
                    yield "key", f"{scope}{target.id}", repr(key.value)
        elif target.id == "__all__" and isinstance(value, (ast.List, ast.Tuple)):
            for item in value.elts:
                if isinstance(item, ast.Constant):
                    yield "entry", "__all__", repr(item.value)


def names_used(tree: ast.AST) -> set[str]:
    """Every name that a tree reads."""
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def scopes_of(tree: ast.Module, wanted: set[str]) -> Iterator[tuple[str, ast.AST]]:
    """The nodes of the scopes that are asked for, by their names as `facts_of` writes them."""
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        scope, node = stack.pop()
        if scope in wanted:
            yield scope, node
        inner = [node]
        while inner:
            for block in blocks_of(inner.pop()):
                for child in block:
                    if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                        stack.append((f"{scope}{child.name}.", child))
                    else:
                        inner.append(child)
