"""Which of a live database's tables belong to a tenant, and which table holds the tenants."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

from merge_tool.database.live.catalog import Catalog, LiveTable
from merge_tool.model.policy import Policy

# Tables that migration tools keep for themselves.
_TOOLS = (
    "alembic_version",
    "django_migrations",
    "schema_migrations",
    "flyway_schema_history",
    "spatial_ref_sys",
    "yoyo_*",
    "_yoyo_*",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The tables by whose they are. `tenants` is the qualified name of the tenants' own table, or ""."""

    owned: tuple[LiveTable, ...]
    unclassified: tuple[LiveTable, ...]
    shared: tuple[LiveTable, ...]
    tenants: str
    column: str

    def is_owned(self, name: str) -> bool:
        """Whether the table of that qualified name is a tenant's."""
        return any(item.name == name for item in self.owned)

    def table(self, name: str) -> LiveTable:
        """The table of that qualified name. Raises `KeyError` where there is none."""
        return {item.name: item for item in (*self.owned, *self.shared, *self.unclassified)}[name]


def scope_of(catalog: Catalog, policy: Policy) -> Scope:
    """Sorts the tables: one with the tenant column is a tenant's, and so is one that the policy lists or a partition of one."""
    tenants = _tenants(catalog, policy)
    owned, open_, shared = [], [], []
    for table in catalog.tables.values():
        if _named(table, policy.tables.shared) or _named(table, _TOOLS) or table.name == tenants:
            shared.append(table)
        elif policy.column in table.columns or _named(table, policy.tables.tenant):
            owned.append(table)
        else:
            open_.append(table)
    return Scope(tuple(owned), tuple(open_), tuple(shared), tenants, policy.column)


def _named(table: LiveTable, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(table.bare, item) or fnmatchcase(table.name, item) for item in patterns)


def _tenants(catalog: Catalog, policy: Policy) -> str:
    """The table that the policy names; else what most tenant columns point at; else the one that is called as the column is."""
    if policy.database.tenants:
        return next(
            (item.name for item in catalog.tables.values() if _named(item, (policy.database.tenants,))), ""
        )
    pointed = Counter(
        key.target
        for table in catalog.tables.values()
        for key in table.foreign
        if key.columns == (policy.column,)
    )
    if pointed:
        return pointed.most_common(1)[0][0]
    stem = policy.column.rpartition("_")[0] or policy.column
    names = (f"{stem}s", stem, f"{stem}es", f"{stem[:-1]}ies")
    found = [
        item.name
        for name in names
        for item in catalog.tables.values()
        if item.bare == name and policy.column not in item.columns
    ]
    return found[0] if found else ""
