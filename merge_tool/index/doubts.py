"""What speaks for a statement that no condition holds to one tenant: then it is not decided, and the reason is told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, entity_of, strip
from merge_tool.index.permits import row_permitted
from merge_tool.index.provenance import (
    ASKERS,
    Provenance,
    is_credential,
    is_login,
    is_secret,
    is_subject,
    spelled,
)
from merge_tool.index.related import identifies, is_null, key_models
from merge_tool.index.rows import owner_of
from merge_tool.index.tables import Flow, Statement, TableUse
from merge_tool.index.ties import all_tenant_columns
from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model, Scoped
from merge_tool.rulekit.tenancy import tenant_words
from merge_tool.rulekit.tenants import mentions_tenant, takes_tenant
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Compare,
    Const,
    Items,
    Logic,
    Op,
    Ref,
    Root,
    Star,
    Value,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_TIES = frozenset(
    ("mapping", "member", "members", "membership", "memberships", "link", "association", "user", "users")
)
_INVITED = frozenset(("invitation", "invitations", "invite", "invites"))
_PERSONS = frozenset(("email", "user", "account", "person", "member", "subject", "sub", "identity"))
# Systems that give out ids, each but once.
_GIVEN_OUT = frozenset(
    "stripe paypal braintree adyen paddle lemonsqueezy twilio whatsapp shopify hubspot salesforce clerk auth0 cognito external".split()  # noqa: SIM905
)
_GIVEN_IDS = ("_sid", "_wamid", "_intent_id")
_COMPARED = frozenset(("==", "!=", "in", "not in", "is", "is not"))
_PUBLIC = frozenset(("public", "everyone"))
_SEEN = frozenset(("visibility", "visible", "access", "scope", "sharing", "privacy"))
_FEW_COLUMNS = 3
_EVERY = 1 << 30
_NAMED = frozenset(("==", "in_", "is_"))
_CHECKS = frozenset(
    "verify validate check require ensure assert authorize authorise access permission allowed belongs guard enforce member members membership".split()  # noqa: SIM905
)


def told(column: str, entity: TableUse, scoped: Scoped) -> Iterator[str]:
    """Why a table counts as not held."""
    if scoped is Scoped.NO:
        yield f"no condition compares {entity.label}.{column}, and no join ties {entity.label} to a table that is held to one tenant"
    elif scoped is Scoped.PARTIAL:
        yield f"{entity.label}.{column} is compared on one branch only"


def doubt(index: ProjectIndex, flow: Flow, statement: Statement, entity: TableUse) -> str:
    """What speaks for a table that nothing holds, said for people; "" where nothing does.

    Either the row's tenant is compared after it was loaded; or the table links persons to tenants, and is asked for one
    person's links; or it has no tenant column, and is asked for what belongs to one row of a table that has it.
    """
    compared = owner_compared(flow.frame.function, flow.root)
    if compared:
        return f"its {compared} is compared with the person who asks"
    if checked_after(flow.frame.function, flow.root, all_tenant_columns(index)):
        return f"the {index.policy.column} of what it loads is compared afterwards"
    if asked := row_permitted(index, flow.frame.function, flow.root):
        return asked
    model = index.models.by_name.get(entity.key.partition("@")[0])
    if model is None:
        return ""
    if shown := index.proofs.of_row(flow.frame.function, flow.root, model):
        return shown
    origin = Provenance(index)
    if parent := of_parent(index, origin, flow.frame, flow.root, model):
        return parent
    if origin.compared_by_callers(flow.frame.function, flow.root):
        return f"every caller that is seen compares the {index.policy.column} of what it gives back"
    pairs = list(named_columns(index, flow, statement, entity.key))
    line = flow.root.span.line if isinstance(flow.root, Root) else 0
    for name, value, frame in pairs:
        if _is_key(index, model, name) and (
            why := origin.of_key(value, frame, models=key_models(model, name, index), line=line)
        ):
            return why
    for key in statement.entities:
        beside = index.models.by_name.get(key.partition("@")[0])
        for name, value, frame in (
            named_columns(index, flow, statement, key)
            if beside is not None and key != entity.key and _tied(statement, key, entity.key)
            else ()
        ):
            if (
                beside is not None
                and _is_key(index, beside, name)
                and (why := origin.of_key(value, frame, models=key_models(beside, name, index), line=line))
            ):
                return f"it is joined to {beside.name} by {name}: {why}"
    for name, value, frame in pairs:
        if (
            not is_null(value)
            and not _is_key(index, model, name)
            and mentions_tenant(value, index.policy, frame.function)
        ):
            return f"its {name} is compared with a value that is made from the tenant"
    reads = isinstance(flow.root, Root) and flow.root.kind in ("select", "query") and not flow.kind
    open_to_all = (
        reads and not index.policy.strict
    )  # a shop's public page is the shop's own, where somebody vouches for the policy
    public = next((name for name, value, _ in pairs if open_to_all and _is_public(name, value)), "")
    if public:
        return f"only rows are read that are for all to see, by {public}"
    if takes_tenant(flow.frame.function, index.policy):
        return ""  # who has the tenant in hand and leaves it out forgot it
    named = {name for name, _, _ in pairs}
    for name, value, frame in pairs:
        if reads and name in model.foreign_keys and origin.is_asker(value, frame):
            return f"only the rows of the person who asks are read, by {name}"
        if _is_key(index, model, name) and is_subject(model, flow.frame.function):
            return "it loads whom a token was made for, before any tenant is known"
    for name in sorted(named):
        if is_secret(name) or is_credential(model, name):
            return f"its row is named by its {name}, which only its owner was given"
        if name.endswith(_GIVEN_IDS) or (
            _GIVEN_OUT.intersection(words(name))
            and name.endswith("_id")
            and name not in model.foreign_keys
            and name not in model.primary
        ):
            return f"its row is named by {name}, which another system gives out but once"
        if is_login(index, model, name):
            return f"a person is looked up by {name}, which names one over all tenants, as a login does"
    for name in sorted(named & set(model.foreign_keys)) if reads else ():
        if _links(index, model, name):
            return f"it asks for the links of one row to its tenants, by {name}"
    if (
        reads
        and _maps_persons(model, index.policy)
        and any(_PERSONS.intersection(words(name)) for name in named)
    ):
        return "the table says by its name which tenants a person belongs to, and is asked for one person's"
    for key in statement.entities if reads else ():
        beside = index.models.by_name.get(key.partition("@")[0])
        if (
            key != entity.key
            and beside is not None
            and _asked_for_person(index, flow, statement, key, beside)
        ):
            return f"it is tied to {beside.name}, which is asked for the tenants of one person"
    if not any(_has_column(index, key) for key in statement.entities):
        for name in sorted(named & set(model.foreign_keys)):
            owner = index.models.find(model.foreign_keys[name])
            if owner is not None and owner.has_tenant and index.models.is_tenant(owner):
                return f"the table has no {index.policy.column}; it asks for what belongs to one {owner.name}, by {name}, whose tenant was settled where that came from"
    return ""


def _is_public(name: str, value: Value) -> bool:
    """Whether a condition asks for what is for all to see: `is_public == True`, `visibility == Visibility.PUBLIC`."""
    said = value.value if isinstance(value, Const) else value.last if isinstance(value, Ref) else ""
    if _PUBLIC.intersection(words(name)):
        return said is True or said == 1
    return bool(_SEEN.intersection(words(name))) and bool(_PUBLIC.intersection(words(str(said))))


def _tied(statement: Statement, one: str, other: str) -> bool:
    """Whether joins or conditions tie two tables, over others perhaps; without a tie each row stands beside each."""
    reached, fresh = {one}, [one]
    while fresh:
        key = fresh.pop()
        for left, right, _ in statement.edges:
            for here, there in ((left, right), (right, left)):
                if here == key and there not in reached:
                    reached.add(there)
                    fresh.append(there)
    return other in reached


def _asked_for_person(index: ProjectIndex, flow: Flow, statement: Statement, key: str, model: Model) -> bool:
    """Whether a table beside says which persons belong to which tenants, and is held to one person."""
    named = {name for name, _, _ in named_columns(index, flow, statement, key)}
    if _maps_persons(model, index.policy) and any(_PERSONS.intersection(words(name)) for name in named):
        return True
    keys = set(model.foreign_keys)
    if len(keys) > 1 and len(model.columns) <= len(keys) + _FEW_COLUMNS and any(_is_person(index, model, name) for name in named & keys):  # fmt: skip
        return True  # a table of links, asked for one person's
    return any(_links(index, model, name) for name in named & keys)


def _is_person(index: ProjectIndex, model: Model, name: str) -> bool:
    target = index.models.find(model.foreign_keys[name])
    return bool(_PERSONS.intersection(words(target.name if target is not None else model.foreign_keys[name])))


def _maps_persons(model: Model, policy: Policy) -> bool:
    """Whether a table is named for the tie of persons to tenants: `UserTenantMapping`, `OrganizationMember`, `Invitation`."""
    have, want = words(model.name), tenant_words(policy)
    if _INVITED.intersection(have):
        return True
    speaks = any(have[at : at + len(want)] == want for at in range(len(have)) if want)
    return speaks and bool(_TIES.intersection(have))


def owner_compared(function: FunctionFacts, root: Value) -> str:
    """The attribute of what a statement loads that is compared with whoever is logged in: `row.owner_id != current_user.id`."""
    for item in function.compares():
        for side, other in ((item.left, item.right), (item.right, item.left)) if item.op in _COMPARED else ():
            side = spelled(side)
            if not isinstance(side, Attr):
                continue
            person = owner_of(spelled(other), "id") or owner_of(spelled(other), "user_id")
            asks = isinstance(person, Ref) and bool(ASKERS.intersection(words(person.dotted)))
            asks = asks or _is_person_key(spelled(other), function)
            if asks and any(part is root for part in walk(side.base)):
                return side.name
    return ""


def of_parent(index: ProjectIndex, origin: Provenance, frame: Frame, root: Value, model: Model) -> str:
    """What speaks for a row that is compared with the key of its parent: `row.deal_id != deal_id`; "" where nothing does."""
    for check in frame.function.checks:
        for item in walk(check):
            sides = ((item.left, item.right), (item.right, item.left)) if isinstance(item, Compare) and item.op in ("==", "!=") else ()  # fmt: skip
            for side, other in sides:
                side = spelled(side)
                if (
                    isinstance(side, Attr)
                    and side.name in model.foreign_keys
                    and any(part is root for part in walk(side.base))
                    and (
                        why := origin.of_key(
                            other, frame, models=key_models(model, side.name, index), line=_EVERY
                        )
                    )
                ):
                    return f"its {side.name} is compared: {why}"
    return ""


def _is_person_key(value: Value, function: FunctionFacts) -> bool:
    """Whether a value is a parameter that says which person asks: `user_id`, `actor_id`."""
    if not isinstance(value, Ref) or function.parameter(value.dotted) is None:
        return False
    said = words(value.dotted)
    return said[-1:] == ["id"] and bool((ASKERS | {"owner"}).intersection(said))


def checked_after(function: FunctionFacts, root: Value, columns: frozenset[str]) -> bool:
    """Whether the tenant column of what a statement loads is compared, or given to a function that checks it."""
    for item in function.compares():
        if item.op in _COMPARED:
            for side, other in ((item.left, item.right), (item.right, item.left)):
                if _of(side, root, columns) and not is_null(other):
                    return True
    return any(
        _is_check(call.name)
        and any(_of(value, root, columns) for value in (*call.args, *(item for _, item in call.kwargs)))
        for call in function.calls
    )


@lru_cache(maxsize=32_768)
def _is_check(name: str) -> bool:
    return bool(_CHECKS.intersection(words(name)))


def _of(value: Value, root: Value, columns: frozenset[str]) -> bool:
    return (
        isinstance(value, Attr) and value.name in columns and any(item is root for item in walk(value.base))
    )


def _links(index: ProjectIndex, model: Model, name: str) -> bool:
    """Whether a table says which rows belong to which tenants: its key is the tenant and one foreign key to a table of all tenants."""
    owner = index.models.find(model.foreign_keys[name])
    if name == index.policy.column or owner is None or index.models.is_tenant(owner):
        return False
    pair = {index.policy.column, model.columns.get(name, name)}
    if {model.columns.get(item, item) for item in model.primary} == pair:
        return True
    tables = (table for table in index.schema() if table.table == model.table)
    return any(key.unique and set(key.columns) == pair for table in tables for key in table.keys)


def _has_column(index: ProjectIndex, key: str) -> bool:
    model: Model | None = index.models.by_name.get(key.partition("@")[0])
    return model is None or (model.has_tenant and index.models.is_tenant(model))


def _is_key(index: ProjectIndex, model: Model, name: str) -> bool:
    known = name in model.primary or name in model.foreign_keys or name == "id" or name in model.relationships
    return known or identifies(model, name, index)


def named_columns(
    index: ProjectIndex, flow: Flow, statement: Statement, key: str
) -> Iterator[tuple[str, Value, Frame]]:
    """The columns of a table that are compared with a value from outside of the statement, always; with that value."""
    for op, where in flow.ops:
        if isinstance(op, Op) and op.name == "filter_by":
            yield from ((name, value, where) for name, value in op.kwargs if name and not is_null(value))
    for value, frame in statement.conditions:
        for item in _always(value):
            for given, other in ((item.left, item.right), (item.right, item.left)):
                side = _folded(given)
                if (
                    item.op in _NAMED
                    and _is_column_of(index, side, frame, key)
                    and not is_null(other)
                    and entity_of(index, frame, other) is None
                ):
                    plain = strip(side)
                    yield (
                        plain.last if isinstance(plain, Ref) else getattr(plain, "name", ""),
                        other,
                        frame,
                    )


def _folded(value: Value) -> Value:
    """The column in `func.lower(User.email)`: another spelling of it."""
    folds = isinstance(value, Call) and value.name in ("lower", "upper", "trim") and len(value.args) == 1
    return value.args[0] if folds and isinstance(value, Call) else value


def _is_column_of(index: ProjectIndex, value: Value, frame: Frame, key: str) -> bool:
    found = entity_of(index, frame, value)
    return found is not None and found.key == key


def _always(value: Value) -> Iterator[Compare]:
    if isinstance(value, Compare):
        yield value
    elif (isinstance(value, Logic) and value.op == "and") or isinstance(value, Items):
        for item in value.items:
            yield from _always(item)
    elif isinstance(value, Star):
        yield from _always(value.value)
