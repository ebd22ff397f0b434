"""How a project carries its tenant: context functions, dependencies, sessions, keys, claim, parameter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from merge_tool.adopt.evidence import (
    Guess,
    dotted,
    imported_as,
    is_aside,
    main_functions,
    place,
    some,
    speaks_of,
    stem,
)
from merge_tool.index.project import ProjectIndex
from merge_tool.index.words import CLIENT_PACKAGES
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Call, Const, Entry, Item, Items, Record, Ref, Text, Value, walk

_REQUIRES = frozenset(("require", "required", "ensure", "must", "raise", "assert", "expect"))
# What switches the tenant off, or takes it away, neither gives nor puts one.
_SWITCHES = frozenset(
    "bypass disable disabled enable enabled skip without ignore suppress clear reset unset is has".split()  # noqa: SIM905
)
_SETTING = ("set_config(", "set local ", "set session ", "set app.", "set search_path")
_FEW = 10  # routes from which on a share says something
_RARE = 0.2
_ANNOTATIONS = frozenset(("int", "str", "UUID", "uuid.UUID", "UUID4", "bytes"))


def context_guesses(index: ProjectIndex, column: str) -> dict[str, Guess]:
    """Getters, requirers, setters and session factories."""
    word = stem(column)
    variables = set(_variables(index, word))
    getters: dict[str, str] = {}
    requirers: dict[str, str] = {}
    setters: dict[str, str] = {}
    for function in main_functions(index):
        touched = {_touches(index, function, call, variables) for call in function.calls} - {""}
        at = place(function.path, function.header.line)
        if function.name == "<module>" or not touched or _SWITCHES.intersection(words(function.name)):
            continue
        name = dotted(index, function)
        if "set" in touched and _is_carrier(function):
            setters[name] = at
        elif "get" in touched and _is_carrier(function) and not _is_generator(function):
            (requirers if _requires(function) else getters)[name] = at
    _by_getters(index, getters, requirers)
    sessions = {
        dotted(index, item): place(item.path, item.header.line)
        for item in main_functions(index)
        if _binds_session(item, word)
    }
    source = f"{len(variables)} context variables name the {word}" if variables else ""
    return {
        "context.getters": _named(getters, f"read one of them; {source}"),
        "context.requirers": _named(requirers, "read one of them and raise where it is empty"),
        "context.setters": _named(setters, "set one of them"),
        "context.session_factories": _named(sessions, "give a session after telling the database the tenant"),
    }


def _named(found: dict[str, str], why: str, confidence: str = "high") -> Guess:
    if not found:
        return Guess(why="none was found")
    return Guess(tuple(sorted(found)), confidence, f"{len(found)} functions {why}", some(found.values()))


def _variables(index: ProjectIndex, word: str) -> Iterator[str]:
    for module in index.modules.values():
        for name, value in module.top.variables.items():
            for call in walk(value):
                if isinstance(call, Call) and call.name == "ContextVar":
                    first = call.argument(0, "name")
                    told = str(first.value) if isinstance(first, Const) else ""
                    if speaks_of(name, word) or speaks_of(told, word):
                        yield f"{module.module}.{name}"


def _touches(index: ProjectIndex, function: FunctionFacts, call: Call, variables: set[str]) -> str:
    if not variables or call.name not in ("get", "set") or not isinstance(call.receiver, Ref):
        return ""
    return call.name if index.resolve(function.path, call.receiver.dotted, function) in variables else ""


def _is_carrier(function: FunctionFacts) -> bool:
    """A short function of its own, no middleware or handler that happens to read the context."""
    return len(function.calls) <= 8 and function.name not in ("dispatch", "__call__", "__init__")


def _is_generator(function: FunctionFacts) -> bool:
    return any(isinstance(item, Ref) and "contextmanager" in item.last for item in function.decorators)


def _requires(function: FunctionFacts) -> bool:
    if _REQUIRES.intersection(words(function.name)):
        return True
    return any(call.name.endswith(("Error", "Exception", "Required", "Missing")) for call in function.calls)


def _by_getters(index: ProjectIndex, getters: dict[str, str], requirers: dict[str, str]) -> None:
    """`require_x` often asks `get_x` and raises."""
    known = {name.rpartition(".")[2] for name in getters}
    for function in main_functions(index):
        if function.name == "<module>" or len(function.calls) > 5 or not _requires(function):
            continue
        if any(call.name in known for call in function.calls) and (
            any(word in _REQUIRES for word in words(function.name))
        ):
            requirers.setdefault(dotted(index, function), place(function.path, function.header.line))


def _binds_session(function: FunctionFacts, word: str) -> bool:
    if function.name == "<module>":
        return False
    for call in function.calls:
        if call.name in ("text", "execute", "exec_driver_sql"):
            for item in (part for arg in call.args for part in walk(arg)):
                told = item.value if isinstance(item, Const) else ""
                if (
                    isinstance(told, str)
                    and any(sign in told.lower() for sign in _SETTING)
                    and speaks_of(told, word)
                ):
                    return "session" in function.name.lower() or "db" in words(function.name)
    return False


def dependency_guess(index: ProjectIndex, column: str, model: str) -> Guess:
    """Functions that routes depend on and that give the tenant."""
    word = stem(column)
    counts: Counter[str] = Counter()
    places: dict[str, str] = {}
    for function in main_functions(index):
        for name in _depended(index, function):
            counts[name] += 1
    for name in _of_classes(index):
        counts[name] += 1
    found: dict[str, str] = {}
    for name, count in counts.items():
        target = index.function(name) or _called(index, name)
        if target is None:
            continue
        if _gives_tenant(index, target, column, word, model):
            at = place(target.path, target.header.line)
            shown = name if target.name == "__call__" else index.qualified(target)
            found[imported_as(index, shown)] = at
            places[at] = f"{shown.rpartition('.')[2]} at {count} sites"
    if not found:
        return Guess(why="no function in a Depends(…) gives the tenant by its name or its result")
    told = ", ".join(list(places.values())[:4])
    share = _share(index, tuple(found))
    if share < _RARE:
        return Guess(
            why=f"{told}: too few of the routes have one of them ({share:.0%}), so most get their tenant in another way"
        )
    return Guess(
        tuple(sorted(found)),
        "medium",
        f"{len(found)} dependencies give the tenant: {told}",
        some(found.values()),
    )


def _called(index: ProjectIndex, name: str) -> FunctionFacts | None:
    """What runs for `Depends(ProjectMember())`: the `__call__` of the class."""
    owner = index.find_class(name)
    return index.types.method(owner, "__call__") if owner is not None else None


def _share(index: ProjectIndex, dependencies: tuple[str, ...]) -> float:
    """How many of the routes would have a tenant; 1 where there are too few to say."""
    routes = replace(index.policy.routes, dependencies=dependencies)
    judged = ProjectIndex(index.modules, index.unreadable, replace(index.policy, routes=routes)).routes()
    return sum(item.has_tenant for item in judged) / len(judged) if len(judged) >= _FEW else 1.0


def _of_classes(index: ProjectIndex) -> Iterator[str]:
    """Dependencies that class-based views declare as attributes."""
    for module in index.modules.values():
        if is_aside(module.path):
            continue
        for facts in module.classes.values():
            for value in (*facts.attributes.values(), *facts.fields.values()):
                yield from _targets(index, module.top, value)


def _depended(index: ProjectIndex, function: FunctionFacts) -> Iterator[str]:
    values: list[Value] = []
    for item in function.params:
        values += [held for held in (item.default, item.annotation) if held is not None]
    for call in function.calls:
        values += [value for key, value in call.kwargs if key == "dependencies"]
    if function.name == "<module>":
        values += [item for item in function.variables.values() if isinstance(item, Item)]
    for value in values:
        yield from _targets(index, function, value)


def _targets(index: ProjectIndex, function: FunctionFacts, value: Value) -> Iterator[str]:
    for part in walk(value):
        if isinstance(part, Call) and part.name in ("Depends", "Security"):
            target = part.argument(0, "dependency")
            if isinstance(target, Call):
                target = target.func
            if isinstance(target, Ref):
                name = index.types.name_of(function.path, function, target)
                if name:
                    yield name


def _gives_tenant(index: ProjectIndex, target: FunctionFacts, column: str, word: str, model: str) -> bool:
    kind = _called_result(index, target)
    if kind and index.find_class(kind) is not None and _says_column(index, kind, column):
        # Whatever it is called: what it gives is an object of the request that holds the tenant's id.
        return "service" not in words(target.name)
    if {"session", "db", "service", "repository", "repo", "client"}.intersection(words(target.name)):
        return speaks_of(target.name, word)
    if target.result is not None and _carries(
        index, _called_result(index, target), target, column, word, model
    ):
        return True
    if (
        model
        and target.result is not None
        and any(isinstance(item, Ref) and item.last == model for item in walk(target.result))
    ):
        return True  # the tenant itself, alone or beside the person: `tuple[User, Project]`
    if any(isinstance(item, Ref) and item.last == column for item in target.returns):
        return True
    asks = {"get", "current", "require", "verify", "resolve"}.intersection(words(target.name))
    return speaks_of(target.name, word) and bool(asks)


def _called_result(index: ProjectIndex, target: FunctionFacts) -> str:
    """The class that a dependency gives; of a factory, what the `__call__` of its product gives."""
    kind = index.types.annotated(target.path, target, target.result) if target.result is not None else ""
    owner = index.find_class(kind) if kind else None
    method = index.types.method(owner, "__call__") if owner is not None else None
    if method is not None and method.result is not None:
        return index.types.annotated(method.path, method, method.result)
    return kind


def _says_column(index: ProjectIndex, kind: str, column: str) -> bool:
    """Whether a plain class, no table, declares the tenant's column as a field."""
    if index.models.by_name.get(kind) is not None:
        return False
    owners = [index.find_class(base) for base in index.types.bases(kind)]
    return any(owner is not None and column in owner.fields for owner in owners)


def _carries(
    index: ProjectIndex, kind: str, target: FunctionFacts, column: str, word: str, model: str
) -> bool:
    """Whether a class is the tenant, or holds it: a context object, or the signed-in user with the tenant's column."""
    if not kind:
        return False
    if model and kind.rpartition(".")[2] == model:
        return True
    table = index.models.by_name.get(kind)
    if table is not None:
        signed_in = {"current", "authenticated", "active"}.intersection(words(target.name))
        return column in table.columns and bool(signed_in)
    for base in index.types.bases(kind):
        owner = index.find_class(base)
        for name in owner.fields if owner is not None else ():
            if name == column or words(name) == words(word):
                return True
    return False


def key_guesses(index: ProjectIndex, column: str) -> dict[str, Guess]:
    """Functions that build keys with the tenant in them, and clients that add it."""
    word = stem(column)
    builders: dict[str, str] = {}
    clients: dict[str, str] = {}
    for function in main_functions(index):
        if {"key", "keys", "prefix"}.intersection(words(function.name)) and any(
            isinstance(item, Text) and _holds(item, word) for item in function.returns
        ):
            builders[dotted(index, function)] = place(function.path, function.header.line)
    for module in index.modules.values():
        if is_aside(module.path):
            continue
        for facts in module.classes.values():
            holds = any(
                speaks_of(name, word) or (isinstance(value, Text) and _holds(value, word))
                for name, value in facts.instance.items()
            )
            if holds and _is_client(index, f"{module.module}.{facts.qualname}", facts.instance):
                name = imported_as(index, f"{module.module}.{facts.qualname}")
                clients[name] = place(module.path, facts.span.line)
    return {
        "keys.builders": _named(builders, f"return a key with the {word} in it", "medium"),
        "keys.prefixing_clients": _named(clients, f"hold a Redis client and the {word} (classes)", "medium"),
    }


def _is_client(index: ProjectIndex, name: str, held: object) -> bool:
    attributes = held if isinstance(held, dict) else {}
    kinds = [*index.types.bases(name), *(index.types.attribute_type(name, item) for item in attributes)]
    return any(kind.partition(".")[0] in CLIENT_PACKAGES for kind in kinds)


def _holds(value: Value, word: str) -> bool:
    return any(
        (isinstance(item, Ref) and speaks_of(item.dotted, word))
        or (isinstance(item, Call) and speaks_of(item.name, word))
        for item in walk(value)
    )


def claim_guess(index: ProjectIndex, column: str) -> Guess:
    """The claim that tokens carry the tenant in: keys of the payloads that `encode` is handed."""
    word = stem(column)
    counts: Counter[str] = Counter()
    places: dict[str, list[str]] = defaultdict(list)
    encodes = 0
    for function in main_functions(index):
        for call in function.calls:
            name = index.callee_name(function.path, function, call) if call.name == "encode" else ""
            if not (name.startswith(("jwt.", "jose.", "authlib."))):
                continue
            encodes += 1
            payload = call.argument(1 if name.startswith("authlib") else 0, "payload", "claims")
            if payload is None:
                continue
            for path, where, value in index.values_of(function.path, function, payload):
                for key, at in _claims(value, word, column):
                    counts[key] += 1
                    places[key].append(place(path, at or where.header.line))
    if not encodes:
        return Guess(why="no jwt.encode(…) of PyJWT, python-jose or Authlib was found")
    if not counts:
        return Guess(
            why=f"none of {encodes} jwt.encode(…) puts the {word} into its payload where it can be seen"
        )
    best, number = counts.most_common(1)[0]
    return Guess((best,), "high", f"{number} payloads of {encodes} jwt.encode(…) hold it", some(places[best]))


def _claims(value: Value, word: str, column: str) -> Iterator[tuple[str, int]]:
    for item in walk(value):
        if not isinstance(item, Record):
            continue
        for entry in walk(item):
            if isinstance(entry, Entry) and isinstance(entry.key, Const) and isinstance(entry.key.value, str):
                key = entry.key.value
                if key.isidentifier() and (key == column or speaks_of(key, word)):
                    yield key, 0


def parameter_guesses(index: ProjectIndex, column: str) -> dict[str, Guess]:
    """The tenant parameter of functions and its annotation."""
    word = stem(column)
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    places: dict[str, list[str]] = defaultdict(list)
    for function in main_functions(index):
        for item in function.params:
            if item.name == column or (speaks_of(item.name, word) and item.name.endswith("id")):
                counts[item.name] += 1
                places[item.name].append(place(function.path, function.header.line))
                kinds.update(_kinds(item.annotation))
    if not counts:
        why = f"no function has a parameter {column}"
        return {"parameter": Guess((column,), "low", why), "parameter_type": Guess(why=why)}
    best, number = counts.most_common(1)[0]
    others = ", ".join(f"{name} {count}" for name, count in counts.most_common(4)[1:])
    why = f"{number} functions have it" + (f"; others: {others}" if others else "")
    level = "high" if number * 2 > sum(counts.values()) else "medium"
    kind = kinds.most_common(1)
    return {
        "parameter": Guess((best,), level, why, some(places[best])),
        "parameter_type": Guess(
            (kind[0][0],) if kind else (),
            "high" if kind and kind[0][1] * 10 >= sum(kinds.values()) * 7 else "medium" if kind else "none",
            ", ".join(f"{name} {count}" for name, count in kinds.most_common(4)) or "no annotation was found",
        ),
    }


def _kinds(value: Value | None) -> Iterator[str]:
    if value is None:
        return
    items = value.items if isinstance(value, Items) else tuple(walk(value))
    for item in items:
        if isinstance(item, Ref) and item.dotted in _ANNOTATIONS:
            yield item.last
            return
