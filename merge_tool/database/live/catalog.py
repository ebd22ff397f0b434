"""What a live PostgreSQL holds, as far as tenancy is concerned. Plain data; `merge_tool.database.live.read` fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """One column. `type` is PostgreSQL's spelling of it."""

    name: str
    type: str
    nullable: bool
    default: str = ""
    generated: bool = False


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """One index. A column "" is an expression; `predicate` is that of a partial index, or ""."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    primary: bool
    valid: bool
    predicate: str
    definition: str
    constraint: str = ""


@dataclass(frozen=True, slots=True)
class LiveForeignKey:
    """One foreign key; `target` is the qualified name of the table that it points at."""

    name: str
    columns: tuple[str, ...]
    target: str
    refers: tuple[str, ...]
    validated: bool
    definition: str


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """One policy of row-level security. `command` is ALL, SELECT, INSERT, UPDATE or DELETE; None where a part is not given."""

    name: str
    permissive: bool
    command: str
    roles: tuple[str, ...]
    using: str | None
    check: str | None


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One table.

    Attributes:
        name: qualified, as `schema.table`; `kind` is r (table), p (partitioned) or f (foreign).
        parents: the tables that it is a partition of, or inherits from.
        rights: what the role that is looked at may do: SELECT, INSERT, UPDATE, DELETE, TRUNCATE.
        owned: whether that role owns it, itself or through a role that it is a member of.
    """

    name: str
    kind: str
    owner: str
    rls: bool
    forced: bool
    rows: float
    rights: frozenset[str]
    owned: bool
    columns: Mapping[str, LiveColumn] = field(default_factory=dict)
    indexes: tuple[LiveIndex, ...] = ()
    foreign: tuple[LiveForeignKey, ...] = ()
    policies: tuple[LivePolicy, ...] = ()
    parents: tuple[str, ...] = ()
    is_partition: bool = False

    @property
    def bare(self) -> str:
        """The name without its schema."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class LiveView:
    """A view (`kind` v) or materialized view (m). `sources` are the tables and views it reads; `bypass`: its owner is bound by no policy."""

    name: str
    kind: str
    owner: str
    invoker: bool
    bypass: bool
    readable: bool
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveFunction:
    """A function. `search_path` is whether it sets one; `callable` whether the role may call it."""

    name: str
    signature: str
    owner: str
    definer: bool
    bypass: bool
    callable: bool
    search_path: bool
    source: str


@dataclass(frozen=True, slots=True)
class LiveSequence:
    """A sequence behind a column. `used` is the share of its values that are used up, `usable` whether the role may draw from it."""

    name: str
    table: str
    column: str
    usable: bool
    used: float


@dataclass(frozen=True, slots=True)
class LiveRole:
    """The role that is looked at. `powers` are roles that it can become and that are bound by no policy; `presets` settings it begins with."""

    name: str
    superuser: bool
    bypass: bool
    powers: tuple[str, ...] = ()
    presets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All of it. Names of tables are qualified; `version` is the server's, such as 150004."""

    database: str
    version: int
    role: LiveRole
    tables: Mapping[str, LiveTable] = field(default_factory=dict)
    views: tuple[LiveView, ...] = ()
    functions: tuple[LiveFunction, ...] = ()
    sequences: tuple[LiveSequence, ...] = ()
