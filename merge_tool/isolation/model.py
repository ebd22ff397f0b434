"""What the generator works with and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merge_tool.rulekit.project import Model

MARK = b"Written by merge-tool"  # stands in the head of every file that is generated


@dataclass(frozen=True)
class Options:
    """What a person may say of the tests to write.

    Attributes:
        path: the test file to write, relative to the project's root.
        routes: git-style patterns of the files whose routes are tested; None: all; empty: none.
        functions: git-style patterns of the files whose query functions are tested; None: where queries are kept; empty: none.
        keys: git-style patterns of the files whose Redis keys are tested; None: all; empty: none.
        world: the support module beside the tests, without `.py`.
        rows: values that rows of a table must have: table -> column -> value. `{users: {telegram_id: 1000}}`.
        headers: headers that a request of a tenant carries; `{column}` is a column of the tenants' own table.
        settings: attributes of the settings object that have another value meanwhile: `{CABINET_ENABLED: true}`.
        crossed: whether rows of the second tenant that point at the first's are planted too; `uncrossed` names the tests without.
        leave_out: names of tests that are not to be written -> why.
        mismatch: the statuses that a user of another tenant may get.
    """

    path: str
    routes: tuple[str, ...] | None = None
    functions: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    world: str = "tenant_world"
    rows: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    crossed: bool = False
    uncrossed: frozenset[str] = frozenset()
    leave_out: Mapping[str, str] = field(default_factory=dict)
    mismatch: tuple[int, ...] = (403,)


@dataclass(frozen=True)
class NotTested:
    """Something that no test was written for, and why."""

    what: str
    path: str
    line: int
    reason: str


@dataclass(frozen=True)
class Origin:
    """A column that a value is compared with, or stored in.

    Attributes:
        how: `equal` where rows are looked up by it, `stored` where a row is made or changed with it.
        wraps: what is applied to the value first, outermost last: `.upper`, or the absolute name of a function.
    """

    model: Model
    column: str
    how: str
    wraps: tuple[str, ...] = ()


@dataclass
class Expression:
    """Python text for an argument, with what it needs.

    Attributes:
        names: absolute names to import.
        rows: what rows must have: model (absolute name) -> column -> text.
        own_only: it can be made for the tenant's own rows only.
        any_does: any other value of the type would do as well.
    """

    text: str
    names: set[str] = field(default_factory=set)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    own_only: bool = False
    any_does: bool = False


@dataclass
class Case:
    """One test: its name, what it says, and the call.

    Attributes:
        kind: `session`, `http` or `redis`.
        call: the expression that the inner function returns.
        awaited: whether the expression awaits something.
        site: `path:line` of what is tested.
        before: statements that stand before the call.
        lacking: the models (absolute names) of which neither tenant has a row.
        crossing: those of which the second tenant has a row that points at the first's rows.
    """

    name: str
    kind: str
    title: str
    call: str
    site: str
    path: str
    line: int
    awaited: bool
    foreign: bool = True
    names: set[str] = field(default_factory=set)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    crossing: tuple[str, ...] = ()

    @property
    def site_name(self) -> str:
        """What is tested, for people."""
        return self.title if self.kind == "http" else self.name.removeprefix("test_")


@dataclass(frozen=True)
class Guarded:
    """A route that must refuse a request without a tenant: method and a path with its parameters filled in."""

    method: str
    path: str
    needs_user: bool


@dataclass(frozen=True)
class Generated:
    """The files to write, and what became of each route and function.

    Attributes:
        files: path -> text.
        tested: names of the tests with what each tests.
        crossed: the tests with such rows.
        source: the folder that the project imports its own modules from, relative to its root; "" for the root.
    """

    files: Mapping[str, str]
    tested: Mapping[str, str]
    not_tested: tuple[NotTested, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""
    crossed: frozenset[str] = frozenset()
