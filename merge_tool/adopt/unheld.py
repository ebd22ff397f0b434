"""Which tenant tables a project hardly ever holds by the tenant column, because it keeps tenants apart there in another way, or forgets to.

A statement that is no exception on its table says little; one that differs from its like is more often wrong (Engler et al., *Bugs as
deviant behavior*, SOSP 2001). So what a first look finds on such a table is told as info until a person has read it.
"""

from __future__ import annotations

from collections import Counter

from merge_tool.adopt.evidence import Guess
from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import ContextPolicy, Policy, RoutePolicy, TablePolicy
from merge_tool.rulekit.project import Scoped

ALL = "*"
_FEW = 5  # statements on a table, fewer than which say nothing
_TABLE = 0.2
_MANY = 20  # decided statements of a project, fewer than which say nothing
_PROJECT = 0.4


def unheld_guess(index: ProjectIndex, guesses: dict[str, Guess], name: str) -> Guess:
    """`tables.unheld`: tables of whose statements at most one in five is held, or all where a project holds few at all.

    Args:
        index: of the project, whatever its policy.
        guesses: what was guessed of the policy so far.
    """
    judge = ProjectIndex(index.modules, index.unreadable, _policy(guesses, name))
    held: Counter[str] = Counter()
    left: Counter[str] = Counter()
    decided: Counter[bool] = Counter()
    for path in judge.modules:
        for verdict in judge.query_verdicts(path) if judge.is_checked(path) else ():
            if verdict.kind == "insert" or verdict.role not in ("main", "arm"):
                continue
            model = judge.models.find(verdict.entity)
            keeps = verdict.scoped >= Scoped.OPTIONAL
            if model is not None:
                (held if keeps else left)[model.table] += 1
            if verdict.scoped is not Scoped.UNDECIDED:
                decided[keeps] += 1
    column = judge.policy.column
    if decided.total() >= _MANY and decided[True] < _PROJECT * decided.total():
        why = (
            f"of {decided.total()} statements on tenants' tables that can be decided, {decided[True]} are held by {column}: "
            "tenants are kept apart in another way, or hardly"
        )
        return Guess((ALL,), "medium", why)
    few = sorted(
        table
        for table in left
        if held[table] + left[table] >= _FEW and held[table] <= _TABLE * (held[table] + left[table])
    )
    if not few:
        return Guess(why="every table with some statements is held in more than one of five")
    shown = ", ".join(f"{table} {held[table]} of {held[table] + left[table]}" for table in few[:4])
    return Guess(
        tuple(few),
        "low",
        f"few of their statements are held by {column} ({shown}): reached through other rows, or forgotten; read them, and take them out",
    )


def _policy(guesses: dict[str, Guess], name: str) -> Policy:
    """The policy that was guessed so far."""

    def values(key: str) -> tuple[str, ...]:
        return guesses.get(key, Guess()).values

    column = values("column")[0]
    return Policy(
        name=name,
        column=column,
        parameter=(*values("parameter"), column)[0],
        context=ContextPolicy(
            getters=values("context.getters"),
            requirers=values("context.requirers"),
            setters=values("context.setters"),
            session_factories=values("context.session_factories"),
        ),
        routes=RoutePolicy(dependencies=values("routes.dependencies")),
        tables=TablePolicy(tenant=values("tables.tenant"), shared=values("tables.shared")),
        checked_paths=values("checked_paths"),
        unchecked_paths=values("unchecked_paths"),
        strict=False,
    )
