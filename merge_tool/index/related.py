"""Conditions that speak of a table another way than by its columns: over a relationship, or as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from merge_tool.index.entities import EntityRef, Frame, entity_of
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Call, Const, Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


def other_side(index: ProjectIndex, value: Value, frame: Frame, key: str) -> str:
    """The table that `Order.user`, a relationship of the table `key`, leads to; "" where it is none of its relationships."""
    if not isinstance(value, Ref) or "." not in value.dotted:
        return ""
    entity = entity_of(index, frame, Ref(value.dotted.rpartition(".")[0]))
    if entity is None or entity.model is None or entity.key != key:
        return ""
    target = index.model(entity.model.relationships.get(value.last) or "")
    return target.qualified if target is not None else ""


def text_compares(value: Value, column: str) -> bool:
    """Whether a condition written as text, `text("bot_id = :b")`, compares the column on every way."""
    told = "".join(str(item.value) for item in walk(value) if isinstance(item, Const))
    if re.search(r"\bor\b", told, re.IGNORECASE):
        return False
    return re.search(rf"\b{re.escape(column)}\b\s*(=|in\b)", told, re.IGNORECASE) is not None


def is_null(value: Value) -> bool:
    """`None` or `null()`."""
    if isinstance(value, Const):
        return value.value is None
    return isinstance(value, Call) and value.name == "null"


def names_row(value: Value, key: Value, other: EntityRef) -> bool:
    """Whether `Run.workflow_id == Workflow.workflow_id` names one row of the other table: its whole primary key, which the
    column is called after. A foreign key in all but its declaration."""
    name, target = _last(value), _last(key)
    model = other.model
    if model is None or model.primary != (target,) or not name:
        return False
    if target != "id":
        return name == target or name.endswith(f"_{target}")
    stem = name.removesuffix("_id")
    said = {"_".join(words(model.name)), model.table, model.table.rstrip("s")}
    return stem != name and any(stem == item or stem.endswith(f"_{item}") for item in said if item)


def _last(value: Value) -> str:
    return value.last if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""


def identifies(model: Model, name: str, index: ProjectIndex) -> bool:
    """Whether a column names one row of a table over all tenants: its whole primary key, or one that is unique by itself."""
    if (name,) == model.primary or (not model.primary and name == "id"):
        return True
    return model.columns.get(name, name) in index.once("unique", lambda: _unique(index)).get(model.table, ())


def _unique(index: ProjectIndex) -> dict[str, set[str]]:
    """The columns of each table that are unique by themselves over all rows."""
    found: dict[str, set[str]] = {}
    for table in index.schema():
        named = {name for name, column in table.columns.items() if column.unique}
        named |= {
            key.columns[0] for key in table.keys if key.unique and len(key.columns) == 1 and not key.where
        }
        if named:
            found[table.table] = named
    return found


def key_models(model: Model, name: str, index: ProjectIndex) -> frozenset[str]:
    """The models whose rows a column of a table names: its own by its primary key, another's by a foreign key."""
    found: set[str] = set()
    if identifies(model, name, index):
        found.add(model.qualified)
    if name in model.foreign_keys:
        target = index.models.find(model.foreign_keys[name])
        if target is not None:
            found.add(target.qualified)
    return frozenset(found)
