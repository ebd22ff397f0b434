"""Which expressions belong to an excluded gateway, and what a test on one comes to once it is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from merge_tool.rulekit import names_word

_TOKEN = re.compile(r"[A-Za-z0-9_]+")
_BEGINS = frozenset({"startswith", "endswith", "removeprefix", "removesuffix"})
_PLAIN = frozenset(
    {
        "any",
        "all",
        "len",
        "print",
        "str",
        "list",
        "tuple",
        "set",
        "dict",
        "sorted",
        "isinstance",
        "max",
        "min",
    }
)


class Gateway:
    """The words of the excluded gateways, asked of code."""

    def __init__(self, gateways: Sequence[str]) -> None:
        self.gateways = tuple(gateways)
        self._letters = tuple(item.lower().replace("_", "") for item in gateways)
        self.word = lru_cache(maxsize=4096)(self._word)

    def in_text(self, text: str) -> bool:
        """Whether a text holds the letters of a gateway at all."""
        letters = text.lower().replace("_", "")
        return any(item in letters for item in self._letters)

    def _word(self, text: str) -> bool:
        """Whether an identifier, or an identifier within a text, holds the word of a gateway."""
        if not self.in_text(text):
            return False
        return any(names_word(part, item) for part in _TOKEN.findall(text) for item in self.gateways)

    def key(self, node: ast.expr | None) -> bool:
        """Whether an expression is a literal of the gateway: `"platega"`, `"topup_platega"`, `f"platega:{id}"`; no sentence."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return not re.search(r"\s", node.value.strip()) and self.word(node.value)
        if isinstance(node, ast.JoinedStr):
            parts = [item for item in node.values if isinstance(item, ast.Constant)]
            return any(self.key(item) for item in parts)
        return False

    def about(self, node: ast.expr | None) -> bool:
        """Whether an expression names something of the gateway: `PlategaService()`, `settings.PLATEGA_ENABLED`."""
        match node:
            case ast.Name(id=name):
                return self.word(name)
            case ast.Attribute(attr=name, value=value):
                return self.word(name) or self.about(value)
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]
            ):
                return self.word(name)
            case ast.Call(func=ast.Name(id="bool"), args=[inner]):
                return self.about(inner)
            case ast.Call(func=function):
                return self.about(function)
            case ast.Await(value=inner) | ast.Starred(value=inner) | ast.Subscript(value=inner):
                return self.about(inner)
        return False

    def whole(self, node: ast.expr | None) -> bool:
        """Whether an item of a list, an entry or an argument is the gateway's alone."""
        if self.about(node) or self.key(node):
            return True
        match node:
            case ast.Starred(value=inner) | ast.Await(value=inner):
                return self.whole(inner)
            case ast.List(elts=items) | ast.Set(elts=items):
                return bool(items) and all(self.whole(item) for item in items)
            case ast.Tuple(elts=items):  # an item that is a tuple is a record: its first field names it
                return bool(items) and self.whole(items[0])
            case ast.Dict(values=values):
                return any(self.about(item) or self.key(item) for item in values)
            case ast.Call(func=function, args=arguments, keywords=words):
                if isinstance(function, ast.Name) and function.id in _PLAIN:
                    return False
                given = [*arguments, *(item.value for item in words)]
                return any(self.about(item) or self.key(item) for item in given)
        return False

    def truth(self, node: ast.expr) -> bool | None:
        """What a test comes to without the gateway; None where that is not known, or it asks something else."""
        if self.about(node):
            return False
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                found = self.truth(inner)
                return None if found is None else not found
            case ast.BoolOp(op=operator, values=values):
                found_all = [self.truth(item) for item in values]
                if isinstance(operator, ast.And):
                    return False if False in found_all else True if all(found_all) else None
                return True if True in found_all else None if None in found_all else False
            case ast.Compare(
                left=left, ops=[ast.Is() | ast.IsNot() as operator], comparators=[ast.Constant(value=None)]
            ):
                return isinstance(operator, ast.Is) if self.about(left) else None
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as operator], comparators=[right]):
                one = self.key(left) or self.about(left), self.key(right) or self.about(right)
                return isinstance(operator, ast.NotEq) if any(one) else None
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as operator], comparators=[right]):
                missing = isinstance(operator, ast.NotIn)
                if self.key(left) or self.about(left):
                    return missing
                if isinstance(right, ast.Tuple | ast.List | ast.Set) and right.elts:
                    return missing if all(self.key(item) or self.about(item) for item in right.elts) else None
                return None
            case ast.Call(func=ast.Attribute(attr=name), args=[argument]) if name in _BEGINS:
                return False if self.key(argument) else None
            case ast.Call(
                func=ast.Attribute(attr="in_"), args=[ast.List() | ast.Tuple() | ast.Set() as given]
            ):
                return False if given.elts and all(self.key(item) for item in given.elts) else None
        return None

    def left(self, tree: ast.AST, gone: Collection[int]) -> list[tuple[int, str]]:
        """The lines of a tree that name the gateway, with what names it; docstrings and the nodes `gone` do not count."""
        found = []
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            if id(node) in gone:
                continue
            children = list(ast.iter_child_nodes(node))
            if (
                isinstance(node, _DOCUMENTED)
                and node.body
                and ast.get_docstring(node, clean=False) is not None
            ):
                children.remove(node.body[0])
            waiting += children
            what = _identifier(node)
            if what and self.word(what):
                line: int = getattr(node, "lineno", 1)
                found.append(
                    (
                        (getattr(node, "end_lineno", 0) or line) if isinstance(node, ast.Attribute) else line,
                        what,
                    )
                )
        return sorted(set(found))


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _identifier(node: ast.AST) -> str:
    """What a node is called, or the text that it is; empty: neither."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.keyword(arg=str(name)) | ast.Constant(value=str(name)):
            return name
        case ast.ImportFrom(module=str(name)):
            return name
    return ""
