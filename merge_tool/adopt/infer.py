"""Guesses the tenancy policy of a code base. Text in, guesses out; nothing of it is imported or run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from merge_tool.adopt.column import candidates, choose_column, owner_of, project_models
from merge_tool.adopt.context import (
    claim_guess,
    context_guesses,
    dependency_guess,
    key_guesses,
    parameter_guesses,
)
from merge_tool.adopt.evidence import Findings, Guess, is_aside, place, some, stem
from merge_tool.adopt.schemas import schema_doubt
from merge_tool.adopt.tables import owned_tables, table_guesses, tenant_table
from merge_tool.adopt.unheld import unheld_guess
from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.rulekit.values import Ref

_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|API_KEY|WEBHOOK|_KEY$|CHAT_ID|SHOP_ID|MERCHANT)", re.IGNORECASE)
_ASIDE = (
    "tests",
    "test",
    "test_fixtures",
    "fixtures",
    "seeds",
    "seeders",
    "migrations",
    "alembic",
    "scripts",
    "examples",
    "samples",
    "notebooks",
    "evals",
    "benchmarks",
    "archive",
    "Archive",
    "docs",
    "versions",
    "site-packages",
    "node_modules",
)
_CONTAINERS = frozenset(("src", "backend", "server", "api", "apps", "packages", "services"))
_SHOWN = 6


def infer(files: Mapping[str, bytes | str] | Mapping[str, bytes], name: str) -> Findings:
    """Guesses a policy.

    Args:
        files: the project's Python files by path.
        name: what to call the policy.

    Returns:
        a guess for every key of a policy that can be told from code, with its evidence.
    """
    index = ProjectIndex.build(files, Policy(column="", name=name))
    models = project_models(index)
    found = candidates(index)
    column, multi, doubts = choose_column(found, len(models))
    best = found[0] if found else None
    guesses: dict[str, Guess] = {"column": column}
    paths = _path_guesses(index)
    schemas = schema_doubt(index, stem(column.value) if multi else "")
    doubts = (*doubts, schemas) if schemas else doubts
    if not multi:
        return Findings(
            name,
            len(files),
            len(index.unreadable),
            len(models),
            0,
            False,
            {**guesses, **paths},
            found[:5],
            doubts,
            owned_tables(index, owner_of(found) if found else None),
        )
    word = column.value
    tables, open_tables = table_guesses(index, word, best)
    tenants = tenant_table(models, best)
    owner = next((item.name for item in models if item.table == tenants), "")
    guesses |= parameter_guesses(index, word)
    guesses["claim"] = claim_guess(index, word)
    guesses |= context_guesses(index, word)
    guesses["routes.dependencies"] = dependency_guess(index, word, owner)
    guesses |= key_guesses(index, word)
    guesses |= tables
    guesses["settings"] = _settings(index, stem(word))
    guesses |= paths
    guesses["tables.unheld"] = unheld_guess(index, guesses, name)
    if open_tables:
        guesses["tables.open"] = Guess(
            open_tables,
            "low",
            f"{len(open_tables)} tables neither have {word} nor point at a table that has it; shared, or forgotten?",
        )
    return Findings(
        name,
        len(files),
        len(index.unreadable),
        len(models),
        best.models if best is not None else 0,
        True,
        guesses,
        found[:5],
        doubts,
    )


def _settings(index: ProjectIndex, word: str) -> Guess:
    """Fields of settings classes that look like one tenant's own: secrets and names of accounts elsewhere."""
    found: dict[str, str] = {}
    for module in index.modules.values():
        if is_aside(module.path):
            continue
        for facts in module.classes.values():
            if not any(isinstance(base, Ref) and base.last == "BaseSettings" for base in facts.bases):
                continue
            for name in facts.fields:
                if _SECRET.search(name):
                    found[name] = place(module.path, facts.span.line)
    if not found:
        return Guess(why="no settings class (pydantic BaseSettings) with secrets was found")
    why = f"{len(found)} secrets stand in settings classes; those that differ by {word} belong here"
    return Guess(tuple(sorted(found)), "low", why, some(found.values()))


def _path_guesses(index: ProjectIndex) -> dict[str, Guess]:
    """The folders that the product lies in, and those beside it."""
    aside: set[str] = set()
    products: dict[str, str] = {}
    whole = {parts[0] for path in index.modules if len(parts := PurePosixPath(path).parts) == 2}
    for path in index.modules:
        parts = PurePosixPath(path).parts
        for position, part in enumerate(parts[:-1]):
            if part in _ASIDE:
                aside.add(f"{part}/**" if position == 0 else f"**/{part}/**")
                break
        else:
            products[path] = _product(parts, whole)
    kept = _tied_folders(index, products)
    left = sorted(set(products.values()) - kept - {""})
    patterns = [f"{item}/**/*.py" if item else "/*.py" for item in sorted(kept)]
    plain = [item for item in patterns if re.fullmatch(r"[\w./*-]+", item)] if kept != {""} else []
    why = "folders with tables or routes, and those that imports tie to them"
    if left:
        why += f"; left out: {', '.join(left[:_SHOWN])}" + (" and more" if len(left) > _SHOWN else "")
    return {
        "checked_paths": Guess(
            tuple(plain), "medium" if plain else "none", why if plain else "all files lie at the top"
        ),
        "unchecked_paths": Guess(
            tuple(sorted(aside)),
            "high" if aside else "none",
            "tests, migrations and scripts that were found"
            if aside
            else "no folder of tests or migrations was found",
        ),
    }


def _tied_folders(index: ProjectIndex, products: dict[str, str]) -> set[str]:
    """The folders that hold a table or a route, and all that import them or that they import, over others perhaps."""
    ties: dict[str, set[str]] = {}
    for path, folder in products.items():
        for item in index.modules[path].import_sites:
            module, _ = index.names.split(item.target)
            other = products.get(module.path) if module is not None else None
            if other is not None and other != folder:
                ties.setdefault(folder, set()).add(other)
                ties.setdefault(other, set()).add(folder)
    seeds = {products[model.path] for model in project_models(index) if model.path in products}
    seeds |= {products[route.path] for route in index.routes() if route.path in products}
    kept, fresh = set(seeds), list(seeds or set(products.values()))
    while fresh:
        for other in ties.get(fresh.pop(), ()):
            if other not in kept:
                kept.add(other)
                fresh.append(other)
    return kept or set(products.values())


def _product(parts: tuple[str, ...], whole: set[str]) -> str:
    """The top folder; below `src`, `backend` and the like, which hold no file themselves, the folder in it; "" for files at the top.

    Args:
        whole: the top folders that hold files themselves.
    """
    if len(parts) == 1:
        return ""
    return "/".join(parts[:2]) if parts[0] in _CONTAINERS - whole else parts[0]
