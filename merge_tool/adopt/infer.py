"""Guesses the tenancy policy of a code base. Text in, guesses out; nothing of it is imported or run."""

from __future__ import annotations

import re
from collections import Counter
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
    "docs",
    "versions",
    "site-packages",
    "node_modules",
)


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
    tops: Counter[str] = Counter()
    aside: set[str] = set()
    weights = Counter(model.path for model in project_models(index))
    for path in index.modules:
        parts = PurePosixPath(path).parts
        for position, part in enumerate(parts[:-1]):
            if part in _ASIDE:
                aside.add(f"{part}/**" if position == 0 else f"**/{part}/**")
                break
        else:
            if len(parts) > 1:
                tops[_product(parts)] += 1 + 20 * weights[path]
    total = sum(tops.values())
    kept = sorted(name for name, count in tops.items() if count * 20 >= total)
    plain = [item for item in kept if re.fullmatch(r"[\w./-]+", item)]
    return {
        "checked_paths": Guess(
            tuple(f"{item}/**/*.py" for item in plain),
            "medium" if plain else "none",
            "folders with at least one file or table in twenty" if plain else "all files lie at the top",
        ),
        "unchecked_paths": Guess(
            tuple(sorted(aside)),
            "high" if aside else "none",
            "tests, migrations and scripts that were found"
            if aside
            else "no folder of tests or migrations was found",
        ),
    }


def _product(parts: tuple[str, ...]) -> str:
    """The top folder; below `src`, `backend` and the like the folder in it."""
    if len(parts) > 2 and parts[0] in ("src", "backend", "server", "api", "apps", "packages", "services"):
        return "/".join(parts[:2])
    return parts[0]
