"""What ties the tables of a statement together: foreign keys, equal tenants, and keys that name the same row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.entities import EntityRef, Frame, entity_of, strip
from merge_tool.index.related import names_row
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Compare, Items, Logic, Query, Ref, Star, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


_NAMES = frozenset(
    "id uuid slug name key code subdomain domain host hostname handle identifier schema token".split()  # noqa: SIM905
)


def tenants_tables(index: ProjectIndex) -> frozenset[str]:
    """The tables that the tenant column points at: those of the tenants themselves."""
    return index.once("tenants_tables", lambda: frozenset(_pointed(index)))


def _pointed(index: ProjectIndex) -> Iterator[str]:
    for model in index.all_models():
        for name, table in model.foreign_keys.items():
            if index.policy.column in (name, model.columns.get(name)):
                yield table


def tenant_columns(index: ProjectIndex, model: Model) -> frozenset[str]:
    """The attributes of a table that hold the tenant: the policy's column; where it has none, what points at the tenants' table."""
    column = index.policy.column
    if model.has_tenant:
        return frozenset((column, *(name for name, real in model.columns.items() if real == column)))
    tables = tenants_tables(index)
    return frozenset(name for name, table in model.foreign_keys.items() if table in tables)


def all_tenant_columns(index: ProjectIndex) -> frozenset[str]:
    """All attributes that hold the tenant on some table of the project."""
    return index.once(
        "tenant_columns",
        lambda: frozenset(
            (
                index.policy.column,
                *(name for model in index.all_models() for name in tenant_columns(index, model)),
            )
        ),
    )


class Ties:
    """Reads the ties in conditions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._column = index.policy.column

    def equalities(self, value: Value, frame: Frame) -> Iterator[tuple[str, str]]:
        """Pairs of tables that a condition ties by a foreign key or by equal tenants. Only what always holds counts."""
        if isinstance(value, Star):
            yield from self.equalities(value.value, frame)
        elif (isinstance(value, Logic) and value.op == "and") or isinstance(value, Items):
            for item in value.items:
                yield from self.equalities(item, frame)
        elif isinstance(value, Compare) and value.op == "==":
            left, right = strip(value.left), strip(value.right)
            one, other = entity_of(self._index, frame, left), entity_of(self._index, frame, right)
            if (
                one is not None
                and other is not None
                and one.key != other.key
                and self._ties(left, one, right, other)
            ):
                yield one.key, other.key

    def _ties(self, left: Value, one: EntityRef, right: Value, other: EntityRef) -> bool:
        if self._is_column(left) or self._is_column(right):
            return True  # equal tenants, or the row of the tenant itself
        if self._is_foreign(left, one, other) or self._is_foreign(right, other, one):
            return True
        if self._same_owner(left, one, right, other):
            return True
        return names_row(left, right, other) or names_row(right, left, one)

    def _same_owner(self, left: Value, one: EntityRef, right: Value, other: EntityRef) -> bool:
        """Two foreign keys to one tenant's table that are equal: both rows belong to the same row of it."""
        if one.model is None or other.model is None:
            return False
        tables = {one.model.foreign_keys.get(column_of(left)), other.model.foreign_keys.get(column_of(right))}
        owner = self._index.models.find(tables.pop() or "") if len(tables) == 1 else None
        return owner is not None and owner.has_tenant and self._index.models.is_tenant(owner)

    def _is_foreign(self, value: Value, owner: EntityRef, other: EntityRef) -> bool:
        name = column_of(value)
        if owner.model is None or other.model is None:  # a subquery: its columns are not known by name
            return name == "id" or name.endswith("_id")
        table = owner.model.foreign_keys.get(name)
        if table is None:
            return False
        return table in (other.model.table, other.model.name)

    def keys(self, value: Value, frame: Frame) -> Iterator[str]:
        """The tables that a condition mentions outside of its subqueries."""
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, Query):
                continue
            if isinstance(item, Compare):
                for side in (item.left, item.right):
                    entity = entity_of(self._index, frame, side)
                    if entity is not None:
                        yield entity.key
            elif isinstance(item, Logic | Items):
                stack.extend(item.items)
            elif isinstance(item, Star):
                stack.append(item.value)

    def names_tenant(self, value: Value, entity: EntityRef) -> bool:
        """Whether a column of the table of the tenants itself says which tenant it is: `Tenant.id`, `Tenant.slug`."""
        name = column_of(value)
        if entity.model is None or entity.model.table not in tenants_tables(self._index):
            return False
        return name in entity.model.primary or bool(_NAMES.intersection(words(name)))

    def is_tenant_relation(self, value: Value, entity: EntityRef) -> bool:
        """Whether `Order.org` is the relationship to the tenant's own row, or the key of it under another name than the policy's."""
        if (
            entity.model is not None
            and not entity.model.has_tenant
            and column_of(value) in tenant_columns(self._index, entity.model)
        ):
            return True
        target = entity.model.relationships.get(column_of(value)) if entity.model is not None else None
        other = self._index.model(target) if target else None
        return other is not None and other.table in tenants_tables(self._index)

    def foreign_of(self, value: Value, frame: Frame) -> str:
        """The table whose foreign key or own key a column is, by its name in the statement; "" where it is none."""
        entity = entity_of(self._index, frame, strip(value))
        return entity.key if entity is not None and self._is_key_column(strip(value), entity) else ""

    def _is_key_column(self, value: Value, entity: EntityRef) -> bool:
        name = column_of(value)
        if entity.model is None:
            return False
        return name in entity.model.foreign_keys or name == "id" or name.endswith("_id")

    def _is_column(self, value: Value) -> bool:
        value = strip(value)
        return (isinstance(value, Ref) and "." in value.dotted and value.last == self._column) or (
            isinstance(value, Attr) and value.name == self._column
        )


def column_of(value: Value) -> str:
    """The last name of a column as it is written; "" where it is none."""
    return value.last if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""
