"""Inspects a live PostgreSQL against a tenancy policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.database.live.catalog import Catalog
from merge_tool.database.live.connect import reading
from merge_tool.database.live.findings import LiveFinding
from merge_tool.database.live.read import read_catalog
from merge_tool.database.live.rights import check_rights
from merge_tool.database.live.scope import Scope, scope_of
from merge_tool.database.live.security import check_security
from merge_tool.database.live.tables import check_tables
from merge_tool.model.policy import Policy
from merge_tool.model.source import Severity

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, worst first, and what it was found in."""

    findings: tuple[LiveFinding, ...]
    catalog: Catalog
    scope: Scope

    @property
    def bad(self) -> tuple[LiveFinding, ...]:
        """The findings that fail a check: all but the infos."""
        return tuple(item for item in self.findings if item.severity is not Severity.INFO)


def inspect_database(
    url: str, policy: Policy, *, role: str = "", schemas: Sequence[str] = (), seconds: float = 30.0
) -> Inspection:
    """Reads the database in one read-only transaction and compares it with the policy.

    Args:
        url: an SQLAlchemy URL of PostgreSQL.
        role: the application's role; empty: whoever the URL names.
        schemas: empty: all schemas of the project.
        seconds: the limit of each statement.

    Raises:
        UserError: the server cannot be reached or read.
    """
    with reading(url, seconds=seconds) as connection:
        catalog = read_catalog(connection, role=role, schemas=schemas)
    return inspect_catalog(catalog, policy)


def inspect_catalog(catalog: Catalog, policy: Policy) -> Inspection:
    """Compares a catalog with the policy."""
    scope = scope_of(catalog, policy)
    found = [
        finding
        for check in (check_tables, check_security, check_rights)
        for finding in check(catalog, scope, policy)
    ]
    unique = dict.fromkeys(found)
    return Inspection(
        tuple(sorted(unique, key=lambda item: (_ORDER[item.severity], item.subject, item.code))),
        catalog,
        scope,
    )
