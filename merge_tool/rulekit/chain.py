"""What a project's revisions come to when all of them have run, and what each of them makes and takes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merge_tool.rulekit.ddl import PolicyStatement
from merge_tool.rulekit.schema import Revision, SchemaColumn, SchemaKey, Step


@dataclass(slots=True, eq=False)
class ChainTable:
    """One table as the revisions leave it.

    Attributes:
        made: whether a revision creates it; else the revisions change a table that is made elsewhere.
        keys: indexes and constraints, those included that stand in columns.
        enabled, forced: the step that switched row level security on, or forced it, if it is still so.
        policies: by name, with the step that created or last altered it.
    """

    name: str
    made: bool = False
    columns: dict[str, SchemaColumn] = field(default_factory=dict)
    keys: list[SchemaKey] = field(default_factory=list)
    enabled: Step | None = None
    forced: Step | None = None
    policies: dict[str, tuple[Step, PolicyStatement]] = field(default_factory=dict)

    def leads(self, column: str) -> bool:
        """Whether an index of any kind begins with a column."""
        return any(key.kind != "foreign" and key.columns[:1] == (column,) for key in self.keys)


@dataclass(frozen=True, slots=True, eq=False)
class Undo:
    """One revision in single steps: what its upgrade does, and what its downgrade does."""

    revision: Revision
    up: tuple[Step, ...]
    down: tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The folded revisions.

    Attributes:
        tables: as they are at the end, by name.
        untold: policies and switches of row level security on tables that cannot be told.
        hidden: the steps of upgrades that may change any table: text that comes in at run time, `create_all`.
        undone: every revision, in order.
        replaced: the steps (by `id`) whose policy was dropped or replaced later on.
        altered: the policies that a step's ALTER POLICY leaves, by the step's `id`.
    """

    tables: Mapping[str, ChainTable]
    untold: tuple[Step, ...]
    hidden: tuple[Step, ...]
    undone: tuple[Undo, ...]
    replaced: frozenset[int]
    altered: Mapping[int, PolicyStatement]

    def final(self, step: Step) -> tuple[PolicyStatement, ...]:
        """The policy as it is behind a step that alters it; none for other steps."""
        found = self.altered.get(id(step))
        return (found,) if found is not None else ()

    def live(self, step: Step) -> bool:
        """Whether what a step's SQL created is still there at the end."""
        return id(step) not in self.replaced


def unclear(step: Step) -> bool:
    """Whether a step, taken apart, may change a table that cannot be told."""
    if step.kind in ("create_all", "execute"):
        return True
    if step.kind in ("update", "insert", "delete", "select", "drop_index", "create_function"):
        return False
    return not step.table or "{" in step.table or "%" in step.table
