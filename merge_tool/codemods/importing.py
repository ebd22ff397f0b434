"""What imports bind in a file, followed to where a variable is defined; used where `names.py` would lose the variable for its value."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a file; None where it does not parse."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def module_name(path: str) -> str:
    """The dotted name under which a file is imported from the repository's root; a leading `src/` does not count."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if parts[:1] == ["src"]:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1:] == ["__init__"] else parts)


def package_name(path: str) -> str:
    """The dotted name of the package that relative imports in a file start from."""
    name = module_name(path)
    return name if PurePosixPath(path).name == "__init__.py" else name.rpartition(".")[0]


def file_of(files: Mapping[str, str], module: str) -> str:
    """The path of a module among `files`; "" where it is not there."""
    base = module.replace(".", "/")
    candidates = (f"{root}{base}{end}" for root in ("", "src/") for end in (".py", "/__init__.py"))
    return next((path for path in candidates if path in files), "")


def absolute(module: str, level: int, path: str) -> str:
    """The absolute name of what a `from` import at `level` names in the file at `path`."""
    if not level:
        return module
    parts = package_name(path).split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base)


def bound_imports(nodes: Iterable[ast.stmt], path: str) -> dict[str, str]:
    """What imports among `nodes` bind: local name to absolute dotted target. Conditions and `try` are looked into."""
    found: dict[str, str] = {}
    for node in walk_scope(nodes):
        if isinstance(node, ast.ImportFrom):
            base = absolute(node.module or "", node.level, path)
            found |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.partition(".")[0]
                found[alias.asname or head] = alias.name if alias.asname else head
    return found


def walk_scope(nodes: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Every node under `nodes` that belongs to the same scope: bodies of functions and classes are left out."""
    stack: list[ast.AST] = [*nodes]
    stack.reverse()
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        stack.extend(list(ast.iter_child_nodes(node))[::-1])


def bound_names(tree: ast.Module) -> set[str]:
    """Every name that something binds at module level."""
    names: set[str] = set()
    for node in walk_scope(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def target_of(name: str, imports: Mapping[str, str], module: str) -> str:
    """The absolute dotted name that `name` (possibly dotted) stands for; a name of the file itself gets its module."""
    head, _, rest = name.partition(".")
    base = imports.get(head, f"{module}.{head}" if module else head)
    return f"{base}.{rest}" if rest else base


class Resolver:
    """Follows names through the imports of a project, to where they are defined."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._trees: dict[str, ast.Module | None] = {}
        self._imports: dict[str, dict[str, str]] = {}

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree of a file, read once."""
        if path not in self._trees:
            self._trees[path] = parsed(self._files[path])
        return self._trees[path]

    def imports(self, path: str) -> dict[str, str]:
        """What the imports at the top of a file bind."""
        if path not in self._imports:
            tree = self.tree(path)
            self._imports[path] = bound_imports(tree.body, path) if tree else {}
        return self._imports[path]

    def definition(self, target: str) -> str:
        """The dotted name of the place where `target` is defined, through re-exports; `target` where that is unknown."""
        seen: set[str] = set()
        while target not in seen:
            seen.add(target)
            module, _, name = target.rpartition(".")
            path = file_of(self._files, module)
            if not path or file_of(self._files, target):
                break
            target = self.imports(path).get(name, target)
        return target

    def place(self, target: str) -> tuple[str, str]:
        """The file that defines `target` and its name there; ("", "") where the project does not define it."""
        module, _, name = self.definition(target).rpartition(".")
        path = file_of(self._files, module)
        return (path, name) if path else ("", "")
