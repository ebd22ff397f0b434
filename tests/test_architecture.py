"""The house's rules that a reader relies on: imports point downward, each library has one user."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "merge_tool"

# From the top; a room may import from those after it, and from itself.
ROOMS = [
    "__main__", "cli", "pytest_plugin", "commands", "lsp", "report", "engine", "actions", "lint", "propose", "adopt", "isolation", "guard",
    "transforms", "merging", "codemods", "index", "database", "demo",
    "vcs", "store", "plan", "rulekit", "bundled", "programs", "model", "files", "errors",
]  # fmt: skip
ONLY = {
    "git": {"vcs"},
    "sqlalchemy": {"store", "database", "guard", "pytest_plugin"},
    "alembic": {"store", "database"},
    "psycopg": {"database"},
    "redis": {"database"},
    "rich": {"report"},
    "libcst": {"codemods"},
    "pygls": {"lsp"},
    "lsprotocol": {"lsp"},
    "typer": {"commands", "cli"},
    "pygments": {"report"},
    "yaml": {"plan", "demo"},
}


def imports(path: Path) -> list[tuple[int, str]]:
    """Every imported module of a file with its line, those of inner functions and of type checking too."""
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, item.name) for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node.lineno, node.module))
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts and path != PACKAGE / "__init__.py"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward_and_libraries_have_one_user(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} has no place in the order of rooms"
    for line, name in imports(path):
        top = name.split(".")[0]
        if top in ONLY:
            assert room in ONLY[top], f"{path.name}:{line}: {room} may not import {top}"
        if top == "merge_tool" and "." in name:
            other = name.split(".")[1]
            assert ROOMS.index(other) >= ROOMS.index(room), (
                f"{path.name}:{line}: {room} imports {other}, which is above it"
            )


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count for path in FILES if (count := path.read_text().count("\n")) > 400
    }
    assert not long


def test_the_model_needs_only_the_standard_library() -> None:
    import sys

    for path in (PACKAGE / "model").glob("*.py"):
        for line, name in imports(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or top == "merge_tool", f"{path.name}:{line} imports {name}"
