"""The pydantic models of a project as examples of JSON, read from their text."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

_SAMPLES: dict[str, Any] = {
    "str": "text", "int": 1, "float": 1.0, "bool": True, "datetime": "2026-01-01T00:00:00Z", "date": "2026-01-01", "Decimal": "1.00",
    "UUID": "00000000-0000-0000-0000-000000000000", "EmailStr": "user@example.org", "Any": {}, "dict": {}, "Dict": {}, "object": {},
}  # fmt: skip
_LISTS = frozenset(("list", "List", "set", "Set", "tuple", "Tuple", "Sequence", "Iterable"))
_DEPTH = 4


def named(node: ast.expr | None) -> str:
    """The last part of a name: `status.HTTP_200_OK` is HTTP_200_OK; "" where it is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Payloads:
    """Finds models by the name that a file uses for them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._trees: dict[str, ast.Module | None] = {}
        self._homes: dict[str, list[str]] | None = None

    def tree(self, path: str) -> ast.Module | None:
        """A file's syntax tree; None where it has none."""
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(self._files[path])
            except (SyntaxError, ValueError, RecursionError, KeyError):
                self._trees[path] = None
        return self._trees[path]

    def is_model(self, shown: str, path: str) -> bool:
        """Whether a type, as a file writes it, is or holds a model."""
        return any(self._model(name, path) for name in _names(shown))

    def example(self, shown: str, path: str) -> str:
        """Indented JSON for a type as a file writes it; "" where nothing is known of it."""
        try:
            node = ast.parse(shown.strip("'\" "), mode="eval").body
        except (SyntaxError, ValueError):
            return ""
        value = self._value(node, path, 0)
        return "" if value in (None, {}) else json.dumps(value, indent=2, ensure_ascii=False)

    def _value(self, node: ast.expr, path: str, depth: int) -> Any:
        if isinstance(node, ast.Constant):
            return node.value if node.value is None else self._text(node.value, path, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._value(node.left, path, depth)
        if isinstance(node, ast.Subscript):
            return self._generic(node, path, depth)
        name = named(node)
        if name in _SAMPLES:
            return _SAMPLES[name]
        if name in _LISTS:
            return []
        found = self._model(name, path) if depth < _DEPTH else None
        if found is None:
            return {}
        home, klass = found
        return {field: self._value(kind, home, depth + 1) for field, kind in self._fields(home, klass, depth)}

    def _text(self, value: object, path: str, depth: int) -> Any:
        """A forward reference."""
        try:
            return self._value(ast.parse(str(value), mode="eval").body, path, depth)
        except (SyntaxError, ValueError):
            return {}

    def _generic(self, node: ast.Subscript, path: str, depth: int) -> Any:
        outer = named(node.value)
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in _LISTS:
            value = self._value(inside[0], path, depth)
            return [] if value == {} else [value]
        if outer == "Literal":
            return inside[0].value if isinstance(inside[0], ast.Constant) else "text"
        if outer in ("Optional", "Union", "Annotated", "ClassVar"):
            return self._value(inside[0], path, depth)
        return {}

    def _fields(self, path: str, klass: ast.ClassDef, depth: int) -> Iterator[tuple[str, ast.expr]]:
        """The fields of a model with those it inherits, in order."""
        for base in klass.bases:
            if depth < _DEPTH and (above := self._model(named(base), path)):
                yield from self._fields(*above, depth + 1)
        for node in klass.body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            if not node.target.id.startswith("_") and node.target.id != "model_config":
                yield node.target.id, node.annotation

    def _model(
        self, name: str, path: str, seen: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[str, ast.ClassDef] | None:
        """The file and class of a model that `path` calls `name`."""
        homes = self._index().get(name, [])
        if not homes or (name, path) in seen:
            return None
        home = path if path in homes else homes[0] if len(homes) == 1 else self._imported(name, path, homes)
        tree = self.tree(home) if home else None
        for node in tree.body if tree is not None else ():
            if isinstance(node, ast.ClassDef) and node.name == name:
                bases = [named(base) for base in node.bases]
                if any(
                    base in ("BaseModel", "RootModel", "SQLModel", "GenericModel") for base in bases
                ) or any(self._model(base, home, seen | {(name, path)}) for base in bases):
                    return home, node
        return None

    def _imported(self, name: str, path: str, homes: list[str]) -> str:
        """Which of several files of that class a file imports it from, by the end of the module's name; "" where unclear."""
        tree = self.tree(path)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.ImportFrom) and any(
                (item.asname or item.name) == name for item in node.names
            ):
                tail = (node.module or "").replace(".", "/")
                fits = [
                    home
                    for home in homes
                    if tail and home.removesuffix(".py").removesuffix("/__init__").endswith(tail)
                ]
                return fits[0] if len(fits) == 1 else ""
        return ""

    def _index(self) -> dict[str, list[str]]:
        """The files in which a class of each name stands at the top."""
        if self._homes is None:
            self._homes = {}
            for path, data in self._files.items():
                if b"class " in data and (tree := self.tree(path)) is not None:
                    for node in tree.body:
                        if isinstance(node, ast.ClassDef):
                            self._homes.setdefault(node.name, []).append(path)
        return self._homes


def _names(shown: str) -> Iterator[str]:
    """The names in a type."""
    try:
        tree = ast.parse(shown.strip("'\" ") or "None", mode="eval")
    except (SyntaxError, ValueError):
        return
    yield from (named(node) for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute)))
