"""Who is asked whether a row, or the row of a key, may be used: `row.check_access(user)`, `require_permission(user, deal_id)`.

What such a function does is not followed: it speaks for a statement, and does not hold it. A strict policy takes no name's word for
anything: there nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.rows import is_row
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Attr, Call, Items, Ref, Star, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_PERMITS = frozenset(
    "permission permissions permitted access authorize authorise authorized authorised authorization authorisation belongs ownership membership allowed acl rbac".split()  # noqa: SIM905
)
# Of `create_access_token`, `update_last_access` and the like, which ask nobody.
_ELSE = frozenset(
    "token tokens key keys url link log logs last time date update set record track touch grant revoke add remove create delete issue refresh save store".split()  # noqa: SIM905
)
_PERSONS = frozenset(
    [
        "user",
        "users",
        "current",
        "principal",
        "me",
        "identity",
        "actor",
        "member",
        "account",
        "person",
        "viewer",
        "owner",
        "auth",
        "caller",
    ]
)
_MANY = 25
_DEPTH = 2


def asks(name: str) -> bool:
    """Whether a function asks by its name what somebody may do: `has_access`, `require_permission`; not `create_access_token`."""
    said = words(name)
    return bool(_PERMITS.intersection(said)) and not _ELSE.intersection(said)


def row_permitted(index: ProjectIndex, function: FunctionFacts, row: Value, depth: int = 0) -> str:
    """The call that asks whether a loaded row may be used, in the function or in all callers that get the row; "" where none does."""
    for call in function.calls if not index.policy.strict else ():
        if not asks(call.name):
            continue
        given = [*call.args, *(value for _, value in call.kwargs)]
        if (call.receiver is not None and _holds(call.receiver, row)) or any(
            _holds(value, row) for value in given
        ):
            return f"{call.name}() is asked about it at {function.path}:{call.span.line}"
    if depth >= _DEPTH or not any(_holds(value, row) for value in function.returns):
        return ""
    sites = index.likely_callers(function)
    found = [
        row_permitted(index, site.function, site.call, depth + 1) for site in sites if len(sites) <= _MANY
    ]
    return f"every caller asks: {found[0]}" if found and all(found) else ""


def permitted_keys(index: ProjectIndex, function: FunctionFacts) -> Iterator[tuple[Value, Call]]:
    """The keys that a function hands, together with a person, to what says whether they may be used; and those calls."""
    for call in function.calls if not index.policy.strict else ():
        if not asks(call.name):
            continue
        given = [*call.args, *(value for _, value in call.kwargs)]
        flat = [part for value in given for part in (value.items if isinstance(value, Items) else (value,))]
        if not any(_PERSONS.intersection(words(_written(value))) for value in flat):
            continue
        for value in flat:
            plain = value.value if isinstance(value, Star) else value
            if not _PERSONS.intersection(words(_written(plain))):
                yield plain, call


def _holds(value: Value, row: Value) -> bool:
    return is_row(value, row) or any(item is row for item in walk(value))


def _written(value: Value) -> str:
    """A name as it is written; of what is no name, its last part."""
    if isinstance(value, Ref):
        return value.dotted
    if isinstance(value, Attr):
        return f"{_written(value.base)}.{value.name}"
    return value.name if isinstance(value, Call) else ""
