"""The shape of a plan file: what may stand where. Types only; `merge_tool.plan.checks` knows what must fit together.

Standard dataclasses; their fields, defaults and descriptions are also the JSON Schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from merge_tool.model.plan import Risk
from merge_tool.plan.construct import Limit

_CLOSED = {"extra": "forbid"}  # a pydantic ConfigDict; unknown keys are errors

Text = Annotated[str, Limit(min_length=1)]
Hours = Annotated[float, Limit(ge=0)]
Count = Annotated[int, Limit(strict=True)]
Paths = tuple[Text, ...]


@dataclass(frozen=True)
class UpstreamShape:
    """Where upstream is."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    remote: Annotated[str, Limit("The git remote's name.")] = "upstream"
    branch: Annotated[str, Limit("The branch to take from.")] = "main"
    commit: Annotated[str, Limit("The commit to stop at; empty: the branch's newest.")] = ""


@dataclass(frozen=True)
class GitShape:
    """Names of branches and the form of commit messages; {date} is the run's first day as YYYYMMDD."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    merge_branch: Annotated[str, Limit("The branch that a run writes to.")] = "merge/upstream-main-{date}"
    backup_branch: Annotated[str, Limit("The branch that keeps the fork as it was.")] = (
        "backup-before-upstream-merge-{date}"
    )
    commit_subject: Annotated[str, Limit("With {id} and {title}.")] = "[Story-{id}] {title}"
    pull_request: Annotated[Literal["phase", "story"], Limit("One pull request a phase, or a story.")] = (
        "phase"
    )


@dataclass(frozen=True)
class EstimatesShape:
    """What the plan's source says of its sums."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    stated_total_hours: Annotated[Hours | None, Limit("The stated sum, to compare with the stories'.")] = None


@dataclass(frozen=True)
class ExcludedCommitShape:
    """A commit that must never come in."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    commit: Text
    reason: Text


@dataclass(frozen=True)
class ExcludedPathShape:
    """Files that no merge, copy or pick may bring in or change."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    pattern: Text
    reason: Text


@dataclass(frozen=True)
class ExclusionsShape:
    """What is left out, each with its reason."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    commits: tuple[ExcludedCommitShape, ...] = ()
    paths: tuple[ExcludedPathShape, ...] = ()


@dataclass(frozen=True)
class StrategyShape:
    """How merges and picks of a story treat some files. The first pattern that matches a file counts."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    pattern: Annotated[Text, Limit("A path or a git-style pattern.")]
    take: Annotated[
        Literal["theirs", "ours", "never", "generated"],
        Limit(
            "theirs, ours: whose lines win where both sides changed the same; never: the fork's file stays as it is; "
            "generated: upstream's file whole, to be made anew afterwards."
        ),
    ]
    made_by: Annotated[str, Limit("For generated files: the command that makes them anew.")] = ""


@dataclass(frozen=True)
class BatchesShape:
    """A story done in parts."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    count: Annotated[Count, Limit("The number of parts.", ge=1, le=1000)]
    patterns: Annotated[Paths, Limit("The files that are split over the parts.", min_length=1)]
    checkpoints: Annotated[
        Paths, Limit("Part by part, the story that must be done before the next part may start.")
    ] = ()


@dataclass(frozen=True)
class CriterionShape:
    """An acceptance criterion."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    id: Text
    given: Text
    when: Text
    then: Text
    check: Annotated[dict[str, Any], Limit("What proves it.")]
    with_database: Annotated[
        dict[str, Any],
        Limit("What must hold besides where --database-url names a PostgreSQL; not asked without."),
    ] = field(default_factory=dict)


@dataclass(frozen=True)
class StoryShape:
    """A story."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    id: Annotated[Text, Limit('Phase and number in quotes, such as "5.3" or "5.3.1".')]
    title: Text
    task: str = ""
    files: Annotated[Paths, Limit("Paths and git-style patterns.")] = ()
    depends_on: Annotated[Paths, Limit('Story ids; "5.3#1" is the first batch of 5.3.')] = ()
    estimate_hours: Hours = 0.0
    risk: Risk = Risk.MEDIUM
    notes: str = ""
    batches: BatchesShape | None = None
    strategies: Annotated[
        tuple[StrategyShape, ...],
        Limit("Files that merges and picks of this story treat in a way of their own."),
    ] = ()
    actions: Annotated[tuple[dict[str, Any], ...], Limit("Done in this order.")] = ()
    criteria: tuple[CriterionShape, ...] = ()


@dataclass(frozen=True)
class PhaseShape:
    """A phase."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    number: Annotated[Count, Limit(ge=0)]
    title: Text
    stories: Annotated[tuple[StoryShape, ...], Limit(min_length=1)]
    days: Annotated[str | int | float, Limit('The estimate in working days, such as "3-4".')] = ""


@dataclass(frozen=True)
class PlanShape:
    """A whole plan."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    version: Annotated[Literal[1], Limit("The format's version.")]
    title: Text
    phases: Annotated[tuple[PhaseShape, ...], Limit(min_length=1)]
    policy: Annotated[Text, Limit("A bundled tenancy policy's name, or a policy file of the repository.")] = (
        "generic"
    )
    upstream: UpstreamShape = field(default_factory=UpstreamShape)
    git: GitShape = field(default_factory=GitShape)
    estimates: EstimatesShape = field(default_factory=EstimatesShape)
    exclusions: ExclusionsShape = field(default_factory=ExclusionsShape)


@dataclass(frozen=True)
class ValidateCheck:
    """No finding of the selected rules under the paths."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    select: Annotated[Paths, Limit("Rule codes or their beginnings; empty: all.")] = ()
    paths: Annotated[Paths, Limit("Empty: the policy's checked paths.")] = ()


@dataclass(frozen=True)
class TestCheck:
    """The pytest nodes pass in the fork."""

    __test__: ClassVar[bool] = False  # no test class, whatever pytest makes of its name
    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    nodes: Annotated[Paths, Limit(min_length=1)]
    coverage: Annotated[
        Annotated[Count, Limit(ge=0, le=100)] | None, Limit("Least coverage in per cent.")
    ] = None


@dataclass(frozen=True)
class ColumnCheck:
    """A column, and optionally what it must be."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    name: Text
    type: Annotated[str, Limit("Its SQLAlchemy type, such as String(255); empty: any.")] = ""
    nullable: Annotated[bool, Limit(strict=True)] | None = None


@dataclass(frozen=True)
class SchemaCheck:
    """The table has the columns and indexes, in the models and revisions as text; with `live` also in a database, tenancy included."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    table: Annotated[str, Limit("The table; with `live` empty for all.")] = ""
    columns: tuple[Text | ColumnCheck, ...] = ()
    indexes: Paths = ()
    live: Annotated[
        Literal["", "branch", "given"],
        Limit(
            "branch: inspect a scratch database with the branch's revisions; given: that of --database-url."
        ),
    ] = ""
    select: Annotated[
        Paths, Limit("With live: codes of the findings that count, such as TM6; empty: all.")
    ] = ()


@dataclass(frozen=True)
class QueryCheck:
    """The read-only query on the live database gives what is expected."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    sql: Text
    expect: str | int | float | bool | None
    on: Annotated[
        Literal["given", "branch"], Limit("given: the database of --database-url; branch: a scratch one.")
    ] = "given"


@dataclass(frozen=True)
class ExplainCheck:
    """PostgreSQL can find the rows by an index on the tenant (EXPLAIN), and fast enough."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    tables: Annotated[Paths, Limit("Tenant tables; empty, and no queries: all of them.")] = ()
    queries: Annotated[Paths, Limit("SQL with parameters as :name or $1.")] = ()
    max_ms: Annotated[
        Annotated[float, Limit(ge=0)] | None, Limit("Run the SELECTs too; longer is a failure.")
    ] = None
    on: Annotated[
        Literal["given", "branch"], Limit("given: the database of --database-url; branch: a scratch one.")
    ] = "branch"


@dataclass(frozen=True)
class KeysCheck:
    """Each key on the Redis of MERGE_TOOL_REDIS_URL holds its tenant, or is one that the policy calls global."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    match: Annotated[str, Limit("Only keys of this pattern.")] = "*"


@dataclass(frozen=True)
class AlembicCheck:
    """On a scratch database the revisions go up, down and up with rows in the tables; one head; models agree."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    down_to: Annotated[
        str, Limit("The revision to go down to; empty: the fork's newest before the merge.")
    ] = ""
    drift: bool = True


@dataclass(frozen=True)
class CountCheck:
    """While the pytest nodes pass, the fork sends at most so many statements that name the table."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    nodes: Annotated[Paths, Limit(min_length=1)]
    table: Text
    at_most: Annotated[Count, Limit("In each test.", ge=0)]


@dataclass(frozen=True)
class GateCheck:
    """A person answers the question and signs."""

    __pydantic_config__: ClassVar[dict[str, str]] = _CLOSED
    question: Text


CHECK_TYPES: dict[str, type] = {
    "validate": ValidateCheck,
    "test": TestCheck,
    "schema": SchemaCheck,
    "query": QueryCheck,
    "explain": ExplainCheck,
    "keys": KeysCheck,
    "alembic": AlembicCheck,
    "count": CountCheck,
    "gate": GateCheck,
}
