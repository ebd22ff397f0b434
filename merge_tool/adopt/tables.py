"""Which tables belong to a tenant without saying so, and which to none."""

from __future__ import annotations

from merge_tool.adopt.column import project_models
from merge_tool.adopt.evidence import Candidate, Guess, place, some, stem
from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.project import Model


def tenant_table(models: list[Model], best: Candidate | None) -> str:
    """The table of the tenants themselves: what the column points at, else the one named after it."""
    if best is None:
        return ""
    tables = {model.table for model in models}
    for target in best.targets:
        if target in tables:
            return target
    word = stem(best.name)
    plural = (f"{word}s", word, f"{word[:-1]}ies", f"{word}es")
    return next((name for name in plural if name in tables), "")


def lacking(models: list[Model], column: str, tenants: str) -> dict[str, str]:
    """Tables without the column that hang on a tenant's table by a foreign key, however far: table -> the key."""
    belongs = {model.table for model in models if _has(model, column)}
    found: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for model in models:
            if model.table in belongs or model.table == tenants or not model.table:
                continue
            for key, target in model.foreign_keys.items():
                if target in belongs:
                    found[model.table] = f"{key} -> {target}"
                    belongs.add(model.table)
                    changed = True
                    break
    return found


def _has(model: Model, column: str) -> bool:
    return column in model.columns or column in model.columns.values()


def table_guesses(
    index: ProjectIndex, column: str, best: Candidate | None
) -> tuple[dict[str, Guess], tuple[str, ...]]:
    """`tables.tenant`, `tables.shared`, and the tables of which nothing was told, with the places of their models."""
    models = project_models(index)
    at = {model.table: place(model.path, model.span.line) for model in models}
    tenants = tenant_table(models, best)
    hanging = lacking(models, column, tenants)
    guesses = {
        "tables.tenant": Guess(
            tuple(sorted(hanging)),
            "medium" if hanging else "none",
            f"{len(hanging)} tables lack {column} and point at one that has it ("
            + ", ".join(f"{table}.{key}" for table, key in sorted(hanging.items())[:4])
            + ")"
            if hanging
            else f"every table that points at a tenant's table has {column} itself",
            some(at[table] for table in sorted(hanging)),
        )
    }
    shared = (tenants,) if tenants and not _has_by_table(models, tenants, column) else ()
    guesses["tables.shared"] = Guess(
        shared,
        "high" if shared else "none",
        f"{tenants} is what {column} names"
        if shared
        else "the table of the tenants themselves was not found",
        some(at[table] for table in shared),
    )
    open_tables = sorted(
        {
            model.table
            for model in models
            if not _has(model, column) and model.table not in hanging and model.table not in shared
        }
    )
    return guesses, tuple(f"{table} ({at[table]})" for table in open_tables)


def _has_by_table(models: list[Model], table: str, column: str) -> bool:
    return any(model.table == table and _has(model, column) for model in models)


def owned_tables(index: ProjectIndex, best: Candidate | None) -> tuple[str, ...]:
    """For a project of one tenant: the tables that rows of people are in, and all that hangs on them."""
    if best is None:
        return ()
    models = project_models(index)
    target = tenant_table(models, best)
    own = {model.table for model in models if _has(model, best.name)}
    return tuple(sorted({*own, *lacking(models, best.name, target), *([target] if target else [])}))
