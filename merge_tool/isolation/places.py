"""Which files of a project are of interest, and how its modules are imported."""

from __future__ import annotations

from collections import Counter

from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.matchers import words

_PLACES = frozenset(
    (
        "crud",
        "repository",
        "repositories",
        "repo",
        "repos",
        "dao",
        "daos",
        "queries",
        "query",
        "store",
        "stores",
    )
)
_AWAY = frozenset(("tests", "test", "migrations", "alembic", "versions", "conftest", "scripts"))


def keeps_queries(path: str) -> bool:
    """Whether a file is, by its path, where a project keeps its query functions."""
    return any(_PLACES.intersection(words(part)) for part in path.removesuffix(".py").split("/"))


def is_away(path: str) -> bool:
    """Whether a file is a test, a migration or a script."""
    parts = path.removesuffix(".py").split("/")
    return bool(_AWAY.intersection(parts)) or parts[-1].startswith("test_")


def import_root(index: ProjectIndex) -> str:
    """The folder from which the project imports its own modules, as a dotted prefix: `src`, `server`, or "" for the root."""
    targets = {
        ".".join(target.split(".")[:2])
        for module in index.modules.values()
        for target in module.imports.values()
    }
    count: Counter[str] = Counter()
    for path, module in index.modules.items():
        if is_away(path):
            continue
        parts = module.module.split(".")
        for drop in range(min(3, len(parts) - 1)):
            if ".".join(parts[drop : drop + 2]) in targets:
                count[".".join(parts[:drop])] += 1
    return count.most_common(1)[0][0] if count else ""
