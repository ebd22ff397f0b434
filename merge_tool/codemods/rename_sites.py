"""Where names of a table stand in a project, and which of them cannot be renamed everywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from merge_tool.codemods.names import Names
from merge_tool.codemods.scopes import Module

# What hands keyword arguments on by their names, or makes attributes of them.
_HANDING = (
    "functools.",
    "types.SimpleNamespace",
    "unittest.mock.",
    "dataclasses.replace",
    "copy.replace",
    "asyncio.",
)
_READERS = frozenset({"getattr", "setattr", "hasattr", "delattr", "attrgetter"})


class Sites:
    """Looks every name up.

    Args:
        names: the project.
        table: new names by old names.
        chosen: the files that may change.
        strings: whether texts are renamed too.

    Attributes:
        held: the names that stay.
        told: what a person must know: path, line and reason.
    """

    def __init__(self, names: Names, table: Mapping[str, str], chosen: set[str], strings: bool) -> None:
        self.names = names
        self.table = table
        self.held: set[str] = set()
        self.told: list[tuple[str, int, str]] = []
        defined: set[str] = set()
        texts: list[tuple[str, int, str]] = []
        first: dict[str, tuple[str, int]] = {}
        for module in names.containing(set(table)):
            own = set(_identifiers(module))
            for old, line in sorted({(name, line) for name, line in places(module) if name in table}):
                first.setdefault(old, (module.path, line))
                if module.path not in chosen:
                    self._hold(old, module.path, line, "is used there, outside the chosen files")
            defined |= self._defined(module)
            self._outside(module, strings)
            self._collide(module, own)
            if module.path in chosen and not strings:
                texts += self._texts(module)
        for old in sorted(set(first) - defined):
            self._hold(old, *first[old], "is defined by no code of the project")
        self.told += [(path, line, reason) for path, line, reason in texts]
        self.told = sorted(set(self.told))

    def _hold(self, old: str, path: str, line: int, reason: str) -> None:
        self.held.add(old)
        self.told.append((path, line, f"{old} stays everywhere: it {reason}"))

    def _defined(self, module: Module) -> set[str]:
        found = {
            name
            for scope in (module.scope, *module.body_of.values())
            for name, bindings in scope.bindings.items()
            if name in self.table and any(item.kind not in ("import", "from") for item in bindings)
        }
        for node in module.scope_of:
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and node.attr in self.table
            ):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in self.table:
                found.add(node.id)  # in a comprehension or a lambda
        return found

    def _outside(self, module: Module, strings: bool) -> None:
        """Holds what a library gives or takes, what is a module, and what becomes a text."""
        for scope in (module.scope, *module.body_of.values()):
            for name, bindings in scope.bindings.items():
                for item in bindings:
                    if item.kind == "from" and item.name in self.table:
                        thing = self.names.imported(self.names.absolute(module, item), item.name)
                        line = getattr(item.node, "lineno", 1)
                        if thing is not None and thing.kind in ("external", "module"):
                            what = (
                                "a module" if thing.kind == "module" else "imported from outside the project"
                            )
                            self._hold(item.name, module.path, line, f"is {what}")
                    elif (
                        item.kind == "import" and name in self.table and not item.name and item.module == name
                    ):
                        self._hold(name, module.path, getattr(item.node, "lineno", 1), "is a module")
        for node, scope in module.scope_of.items():
            if isinstance(node, ast.Attribute) and node.attr in self.table:
                owner = self.names.resolve(module, scope, node.value)
                if owner is not None and owner.kind == "external":
                    self._hold(node.attr, module.path, node.lineno, f"is an attribute of {owner.dotted}")
            elif isinstance(node, ast.Call):
                given = [item for item in node.keywords if item.arg in self.table]
                if not given:
                    continue
                called = self.names.resolve(module, scope, node.func)
                written = ast.unparse(node.func)
                for word in given:
                    if (
                        called is not None
                        and called.kind == "external"
                        and not called.dotted.startswith(_HANDING)
                    ):
                        self._hold(
                            word.arg or "", module.path, node.lineno, f"is an argument of {called.dotted}"
                        )
                    elif written == "dict" and not strings:
                        self._hold(
                            word.arg or "",
                            module.path,
                            node.lineno,
                            "becomes a key of a dict, which is a text",
                        )

    def _collide(self, module: Module, own: set[str]) -> None:
        """Holds names whose new name means something else where the old one stands."""
        for old, new in self.table.items():
            if old in own and new in own:
                line = min(line for name, line in places(module) if name == new)
                self._hold(old, module.path, line, f"cannot become {new}, which is there already")
        for klass in (item for nodes in module.classes.values() for item in nodes):
            bound = module.body_of[klass].bindings
            for old, new in self.table.items():
                if old in bound and new in bound:
                    self._hold(
                        old, module.path, klass.lineno, f"cannot become {new}, which {klass.name} has already"
                    )

    def _texts(self, module: Module) -> Iterator[tuple[str, int, str]]:
        """Texts that hold an old name and stay as they are."""
        documented = {
            id(node.body[0].value)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(module.tree):
            if (
                not isinstance(node, ast.Constant)
                or not isinstance(node.value, str)
                or id(node) in documented
            ):
                continue
            if any(_read_as_name(outer) for outer in module.ancestors(node)[:3]):
                continue
            for old in sorted(self.table):
                if old in node.value:
                    yield module.path, node.lineno, f"a text names {old}: it is left"


def _identifiers(module: Module) -> Iterator[str]:
    """The names, attributes left out, that a file holds."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name


def places(module: Module) -> Iterator[tuple[str, int]]:
    """Every name of a file, attributes and keyword arguments too, with its line."""
    for node in ast.walk(module.tree):
        line = getattr(node, "lineno", 1)
        for part in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, part, None)
            if isinstance(value, str):
                yield value, line


def _read_as_name(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).rpartition(".")[2] in _READERS
    if isinstance(node, ast.Assign):
        return any(
            isinstance(item, ast.Name) and item.id in ("__all__", "__slots__") for item in node.targets
        )
    return False
