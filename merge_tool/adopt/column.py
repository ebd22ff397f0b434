"""Which column carries the tenant: by how many tables have it, what it points at, and what queries compare it to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from merge_tool.adopt.evidence import (
    PERSON_WORDS,
    TENANT_WORDS,
    Candidate,
    Guess,
    is_aside,
    main_functions,
    place,
    some,
    speaks_of,
    stem,
)
from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Call, Compare, Op, Ref, Value, walk

_TAILS = ("_id", "_uuid", "_slug", "_key", "_pk", "Id")
_ENOUGH = 0.3
_ELSEWHERE = frozenset(
    "stripe paypal paddle braintree adyen lemonsqueezy external provider google github clerk auth0 okta azure aws salesforce hubspot shopify twilio whatsapp telegram".split()  # noqa: SIM905
)
_SHORT = 3  # letters of a name that is cut short: org for organization


@dataclass(slots=True)
class _Use:
    models: list[Model] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    same: int = 0
    places: list[str] = field(default_factory=list)


def project_models(index: ProjectIndex) -> list[Model]:
    """The product's tables, each once."""
    return [item for item in index.models.by_name.values() if not is_aside(item.path)]


def candidates(index: ProjectIndex) -> tuple[Candidate, ...]:
    """The columns that may be the tenant's, best first.

    A column is a candidate when two models or more have it and it names another thing: a foreign key, or a name that ends as
    one. Its score grows with the models, with the comparisons to a value of its own name, and where tables that other
    candidates point at carry it too: `users` has `org_id`, `organizations` has no `user_id`.
    """
    models = project_models(index)
    uses: dict[str, _Use] = defaultdict(_Use)
    for model in models:
        for name in model.columns:
            if name in model.foreign_keys or name.endswith(_TAILS):
                use = uses[name]
                use.models.append(model)
                target = model.foreign_keys.get(name, "")
                if target:
                    use.targets[target] = use.targets.get(target, 0) + 1
    _count_predicates(index, uses)
    least = 2 if len(models) > 6 else 1
    common = {name: use for name, use in uses.items() if len(use.models) >= least}
    tables = {model.table: model for model in models}
    found = []
    for name, use in common.items():
        targets = tuple(sorted(use.targets, key=use.targets.__getitem__, reverse=True))
        pointed = tables.get(targets[0]) if targets else None
        above = [
            other
            for other in (pointed.columns if pointed is not None else ())
            if other != name
            and other in common
            and len(common[other].models) * 2 >= len(use.models)
            and not _is_person(other)
        ]
        above.sort(key=lambda item: -len(common[item].models))
        score = _score(name, use, len(models), bool(above))
        found.append(
            Candidate(
                name,
                len(use.models),
                use.compared,
                use.same,
                targets,
                above[0] if above else "",
                round(score, 3),
                some(use.places),
                any(model.table.rstrip("s") in PERSON_WORDS for model in use.models),
            )
        )
    return tuple(sorted(found, key=lambda item: (-item.score, item.name)))


def _score(name: str, use: _Use, total: int, dominated: bool) -> float:
    share = len(use.models) / max(total, 1)
    queried = use.same / (use.same + 5)
    score = share * (1 + queried)
    if is_tenant_word(name):
        score *= 2.0 if "tenant" not in words(name) else 2.5
    if _is_person(name):
        score *= 0.2
    if dominated:
        score *= 0.5
    if not use.targets and not use.same:
        score *= 0.2  # it points at nothing, and nobody asks for it
    if _ELSEWHERE.intersection(words(name)):
        score *= 0.1  # another system's name for it: stripe_customer_id
    return score


def is_tenant_word(name: str) -> bool:
    """Whether a column's name is one that projects use for tenants."""
    return bool(TENANT_WORDS.intersection(words(name))) and not _is_person(name)


def _is_person(name: str) -> bool:
    return bool(PERSON_WORDS.intersection(words(name)))


def _count_predicates(index: ProjectIndex, uses: dict[str, _Use]) -> None:
    for function in main_functions(index):
        seen: set[int] = set()
        for value in _statements(function.sinks):
            for item in walk(value):
                if id(item) in seen:
                    continue
                seen.add(id(item))
                for name, other in _comparisons(item):
                    use = uses.get(name)
                    if use is None:
                        continue
                    use.compared += 1
                    if _same(other, name):
                        use.same += 1
                        use.places.append(place(function.path, function.header.line))


def _statements(sinks: tuple[object, ...]) -> Iterator[Value]:
    for sink in sinks:
        value = getattr(sink, "value", None)
        if isinstance(value, Value):
            yield value


def _comparisons(item: Value) -> Iterator[tuple[str, Value]]:
    """Column and other side of every equality, keywords of `filter_by` included."""
    if isinstance(item, Compare) and item.op in ("==", "in_", "is_", "eq"):
        for side, other in ((item.left, item.right), (item.right, item.left)):
            name = _last(side)
            if name and isinstance(side, Ref) and "." in side.dotted:
                yield name, other
                return
    elif isinstance(item, Op) and item.name == "filter_by":
        yield from ((key, value) for key, value in item.kwargs if key)


def _same(other: Value, name: str) -> bool:
    """Whether the other side is of the tenant by its own name: `tenant_id`, `ctx.organization.id`, `get_tenant()`."""
    for item in walk(other):
        text = item.dotted if isinstance(item, Ref) else item.name if isinstance(item, Attr | Call) else ""
        if text and (text.rpartition(".")[2] == name or speaks_of(text, stem(name))):
            return True
        if any(len(word) >= _SHORT and stem(name).startswith(word) for word in words(text)):
            return True
    return False


def _last(value: Value) -> str:
    return value.last if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""


def owner_of(found: tuple[Candidate, ...]) -> Candidate:
    """Where no column is a tenant's: the one that most tables have and most queries compare."""
    return max(found, key=lambda item: (item.models * (1 + item.same), item.name))


def choose_column(found: tuple[Candidate, ...], total: int) -> tuple[Guess, bool, tuple[str, ...]]:
    """The column, whether the project is multi-tenant at all, and the doubts, each with its counts."""
    if not found:
        return (
            Guess(why=f"no column that names another thing stands on 2 or more of {total} models"),
            False,
            (),
        )
    best = found[0]
    person = _is_person(best.name)
    share = best.models / max(total, 1)
    use = f"{best.models} of {total} models have {best.name}; {best.same} of its {best.compared} comparisons are to a value of that name"
    carries = not person and (
        (is_tenant_word(best.name) and (share >= 0.15 or best.same >= 3))
        or (share >= 0.5 and best.same * 2 >= best.compared > 5 and not best.below)
        # A name of its own, such as group_id: persons belong to it, and whoever asks, asks for just one.
        or (share >= _ENOUGH and best.over_people and best.same * 10 >= best.compared * 9 >= 45)
    )
    if not carries:
        owner = owner_of(found)
        told = f"the most common owner is {owner.name}, on {owner.models} of {total} models; {owner.same} of its {owner.compared} comparisons are to a value of that name"
        return Guess((), "none", told, owner.places), False, ()
    doubts = [
        f"{other.name} comes near: {other.models} of {total} models, {other.same} of {other.compared} comparisons to a value of that name"
        for other in found[1:4]
        if other.score * 2 >= best.score
    ]
    sure = share >= _ENOUGH and best.same >= 3 and not doubts
    level = "high" if sure else "medium" if share >= _ENOUGH or best.same >= 3 else "low"
    return Guess((best.name,), level, use, best.places), True, tuple(doubts)
