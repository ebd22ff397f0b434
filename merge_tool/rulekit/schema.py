"""What is known of a project's tables: as its models declare them, and as its Alembic revisions make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merge_tool.model.source import Span
from merge_tool.rulekit.ddl import PolicyStatement


@dataclass(frozen=True, slots=True, eq=False)
class SchemaColumn:
    """One column.

    Attributes:
        name: its name in the database.
        kind: the last part of the type's name: `Integer`, `UUID`; "" where it is not told.
        nullable: None where it cannot be told.
        foreign: the table that it points at, or "".
        fills: whether a server default fills rows that exist.
        refers: the column of the table that it points at, or "".
        generated: whether its default draws a value at random.
    """

    name: str
    path: str
    span: Span
    kind: str = ""
    nullable: bool | None = None
    primary: bool = False
    unique: bool = False
    indexed: bool = False
    foreign: str = ""
    fills: bool = False
    refers: str = ""
    generated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SchemaKey:
    """An index or a constraint. `kind` is `index`, `unique`, `primary` or `foreign`; a column "" is an expression.

    `target` and `refers` are the table and columns that a foreign key points at; `where` is what a partial index is held to.
    """

    kind: str
    columns: tuple[str, ...]
    path: str
    span: Span
    name: str = ""
    unique: bool = False
    target: str = ""
    refers: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SchemaTable:
    """One table as its model declares it.

    Attributes:
        tenant: whether its rows belong to a tenant; `listed` whether the policy's list says so.
        known: whether every base class was found.
        view: whether its `info` says that it is a view.
    """

    table: str
    name: str
    path: str
    span: Span
    columns: Mapping[str, SchemaColumn]
    keys: tuple[SchemaKey, ...]
    tenant: bool
    listed: bool
    shared: bool
    known: bool = True
    view: bool = False

    def leads(self, column: str) -> bool:
        """Whether an index of any kind begins with a column."""
        own = self.columns.get(column)
        if own is not None and (own.indexed or own.unique or self.primary[:1] == (column,)):
            return True
        return any(key.kind != "foreign" and key.columns[:1] == (column,) for key in self.keys)

    @property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key, in order."""
        for key in self.keys:
            if key.kind == "primary":
                return key.columns
        return tuple(item.name for item in self.columns.values() if item.primary)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation of a revision.

    Attributes:
        kind: Alembic's name of it: `create_table`, `add_column`, `execute`, …; of SQL that is taken apart also
            `create_policy`, `alter_policy`, `drop_policy`, `row_security` (`name` is `enable`, `no force`, …).
        table: the table that it works on; "" where it has none or none can be told.
        name: of the index or constraint.
        sql: the statement of `execute`, spaces squeezed, `{?}` where a part cannot be told; None where nothing can.
        nullable: of `alter_column`.
        new: the new name, of what is renamed.
        policy: of a statement on a policy.
    """

    kind: str
    table: str
    path: str
    span: Span
    columns: tuple[SchemaColumn, ...] = ()
    keys: tuple[SchemaKey, ...] = ()
    name: str = ""
    sql: str | None = None
    nullable: bool | None = None
    new: str = ""
    policy: PolicyStatement | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """One Alembic revision, its steps in the order in which they are written.

    Attributes:
        labels: its own `branch_labels`.
        refuses: whether the downgrade raises.
    """

    id: str
    parents: tuple[str, ...]
    path: str
    span: Span
    upgrade: tuple[Step, ...] = ()
    downgrade: tuple[Step, ...] = ()
    has_downgrade: bool = False
    labels: tuple[str, ...] = ()
    refuses: bool = False
    down_span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Migrations:
    """All revisions of a project, parents first."""

    revisions: tuple[Revision, ...] = ()
    heads: tuple[Revision, ...] = ()
    missing: tuple[str, ...] = ()
    paths: frozenset[str] = field(default_factory=frozenset)

    # Worked out when first asked for.
    _upgrades: tuple[Step, ...] | None = field(init=False, default=None)
    _by_path: dict[str, list[Step]] = field(init=False, default_factory=dict)

    @property
    def upgrades(self) -> tuple[Step, ...]:
        """The steps of all upgrades, oldest first."""
        if self._upgrades is None:
            found = tuple(step for item in self.revisions for step in item.upgrade)
            object.__setattr__(self, "_upgrades", found)
            for step in found:
                self._by_path.setdefault(step.path, []).append(step)
        return self._upgrades or ()

    def upgrades_in(self, path: str) -> tuple[Step, ...]:
        """Those of them that stand in a file."""
        return tuple(self._by_path.get(path, ())) if self.upgrades else ()
