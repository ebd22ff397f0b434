"""Unique keys of tenants' tables that hold over all tenants, and what speaks for one; one judgement for rules and codemods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from merge_tool.model.policy import Policy
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.schema import SchemaKey, SchemaTable

_BY_NATURE = frozenset(
    "uuid guid token hash secret sha256 sha1 md5 digest nonce jti fingerprint encrypted ciphertext".split()  # noqa: SIM905
)
_GIVEN_OUT = frozenset(
    "payment invoice order bill transaction charge checkout correlation link request event message session subscription".split()  # noqa: SIM905
)
_PAYMENTS = frozenset(("stripe", "paypal", "braintree", "adyen", "paddle"))


@dataclass(frozen=True, slots=True, eq=False)
class GlobalKey:
    """One such key of a table. `doubt` is what speaks for it; "" where nothing does."""

    table: SchemaTable
    key: SchemaKey
    doubt: str


def global_keys(tables: Iterable[SchemaTable], policy: Policy) -> Iterator[GlobalKey]:
    """The unique keys without the tenant column, those aside that are unique by nature or lie within one tenant by a foreign key.

    Args:
        tables: all tables of the project.
    """
    tables = list(tables)
    owned = {item.table for item in tables if item.tenant}
    own_keys = {item.primary[0]: item.table for item in tables if item.tenant and len(item.primary) == 1}
    own_keys.pop("id", None)
    for table in tables:
        if not table.tenant or policy.column not in table.columns:
            continue
        keys = [key for key in table.keys if key.unique and key.kind in ("unique", "index")]
        keys += [
            SchemaKey("unique", (item.name,), item.path, item.span, unique=True)
            for item in table.columns.values()
            if item.unique and not item.primary
        ]
        for key in keys:
            if policy.column not in key.columns and not _is_within(table, key, owned, own_keys, policy):
                yield GlobalKey(table, key, _doubt(key))


def _is_within(
    table: SchemaTable, key: SchemaKey, owned: set[str], own_keys: dict[str, str], policy: Policy
) -> bool:
    if re.search(rf"\b{re.escape(policy.column)}\b\W*\s+IS\s+NULL", key.where, re.I):
        return True  # of the rows that belong to no tenant
    if set(key.columns) == set(table.primary):
        return True
    for name in key.columns:
        column = table.columns.get(name)
        if _BY_NATURE & set(words(name)) or (column is not None and column.kind.lower() == "uuid"):
            return True
        if column is not None and (column.generated or column.foreign in owned):
            return True
        if name != policy.column and own_keys.get(name, table.table) != table.table:
            return True  # called as the primary key of another tenant's table, a foreign key in all but its declaration
    return False


def _doubt(key: SchemaKey) -> str:
    if not key.columns or "" in key.columns:
        return "one of its parts is an expression, which may hold the tenant"
    said = [set(words(name)) for name in key.columns]
    if any(_PAYMENTS & have or ("id" in have and _GIVEN_OUT & have) for have in said):
        return "a payment system gives these ids out, each but once"
    return ""
