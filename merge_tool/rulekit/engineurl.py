"""The database URL that an engine is made with, as far as the text of the project tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Project
from merge_tool.rulekit.tenants import name_of
from merge_tool.rulekit.values import Attr, Call, Choice, Const, Entry, Item, Logic, Record, Ref, Text, Value

HIDDEN = "\0"  # stands for what is not written in the project
_URL = re.compile(r"(postgres(?:ql)?(?:\+\w+)?|\0)://([^:@/?]*)(?::[^@]*)?@", re.DOTALL)
_ENVIRONMENT = frozenset(("getenv", "get", "config", "env", "str", "setdefault", "pop", "environ"))
_WRAPS = frozenset(("make_url", "SecretStr", "PostgresDsn", "quote_plus", "quote", "strip", "replace", "get_secret_value", "render_as_string", "unicode_string", "set", "cast"))  # fmt: skip
_BUILDS = frozenset(("create", "URL", "build"))
_DEPTH = 8
_MOST = 8
_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Login:
    """One role that an engine may connect as; `default` where the environment may name another one."""

    role: str
    default: bool


@dataclass(slots=True)
class Reading:
    """What was come upon while a URL was read: the settings and variables of the environment that it is made of."""

    sources: set[str] = field(default_factory=set)
    steps: int = 0  # helpers that call each other would be read over and over


def logins(index: Project, function: FunctionFacts, call: Call, reading: Reading) -> list[Login]:
    """The roles that a call of `create_engine` or its like may connect as to PostgreSQL, as far as they are written.

    Args:
        index: the project.
        function: where the call stands.
        call: the call.
        reading: takes up what the URL is made of.
    """
    url = call.argument(0, "url", "name_or_url")
    texts = _texts(index, function, url, reading, _DEPTH) if url is not None else []
    found: dict[tuple[str, bool], Login] = {}
    for text, default in texts:
        match = _URL.match(text)
        role = match[2] if match is not None else ""
        if match is not None and HIDDEN not in role and role and (match[1] != HIDDEN or role == "postgres"):
            found[role, default] = Login(role, default)
    arguments = call.argument(10_000, "connect_args")
    if isinstance(arguments, Record) and any(text.startswith("postgres") for text, _ in texts):
        for entry in arguments.entries:
            if isinstance(entry, Entry) and isinstance(entry.key, Const) and entry.key.value == "user":
                found = {  # it takes the place of the URL's
                    (text, default): Login(text, default)
                    for text, default in _texts(index, function, entry.value, reading, _DEPTH)
                    if HIDDEN not in text
                }
    return list(found.values())


Texts = list[tuple[str, bool]]


def _texts(index: Project, function: FunctionFacts, value: Value, reading: Reading, depth: int) -> Texts:
    """What a value may be as text; with whether it is only the default of something that is read from outside."""
    reading.steps += 1
    if depth <= 0 or reading.steps > _STEPS:
        return [(HIDDEN, False)]

    def again(part: Value) -> Texts:
        return _texts(index, function, part, reading, depth - 1)

    match value:
        case Const(str() as text):
            return [(text, False)]
        case Text(parts):
            made: Texts = [("", False)]
            for part in parts:
                told = again(part)
                made = [(text + more, default or also) for text, default in made for more, also in told]
                made = made[:_MOST]
            return made
        case Logic(items=items) | Choice(arms=items):
            return [item for part in items for item in again(part)][:_MOST]
        case Call():
            return _of_call(index, function, value, reading, depth)
        case Item(base, Const(str() as key)) if name_of(base).endswith("environ"):
            reading.sources.add(f"environment {key}")
        case Ref(dotted):
            return _of_name(index, function, dotted, reading, depth)
        case Attr(base, name):
            return _of_attribute(index, function, base, name, reading, depth)
        case _:
            pass
    return [(HIDDEN, False)]


def _of_call(index: Project, function: FunctionFacts, call: Call, reading: Reading, depth: int) -> Texts:
    def again(part: Value) -> Texts:
        return _texts(index, function, part, reading, depth - 1)

    first = call.argument(0, "default", "drivername", "scheme", "key")
    if call.name == "Field":
        return [(text, True) for text, _ in again(first)] if first is not None else [(HIDDEN, False)]
    if (
        call.name in _BUILDS
        and (user := call.argument(1, "username", "user")) is not None
        and first is not None
    ):
        drivers, roles = again(first), again(user)
        made = [(f"{driver}://{role}@", one or two) for driver, one in drivers for role, two in roles]
        return made[:_MOST]
    if call.name in _ENVIRONMENT and isinstance(first, Const) and isinstance(first.value, str):
        reading.sources.add(f"environment {first.value}")
        other = call.argument(1, "default")
        return [(text, True) for text, _ in again(other)] if other is not None else [(HIDDEN, False)]
    if call.name in _WRAPS or call.dotted == "str":
        inner = call.receiver if isinstance(call.func, Attr) or call.name not in ("make_url", "SecretStr", "PostgresDsn", "quote_plus", "quote", "cast") else first  # fmt: skip
        inner = first if call.dotted == "str" else inner
        return again(inner) if inner is not None else [(HIDDEN, False)]
    target = index.callee(function.path, function, call)
    if target is None or target is function:
        return [(HIDDEN, False)]
    found = [item for part in target.returns for item in _texts(index, target, part, reading, depth - 1)]
    return found[:_MOST] or [(HIDDEN, False)]


def _of_name(index: Project, function: FunctionFacts, dotted: str, reading: Reading, depth: int) -> Texts:
    parameter = function.parameter(dotted.partition(".")[0])
    if parameter is not None and "." not in dotted:
        if parameter.default is None:
            return [(HIDDEN, False)]
        return [(text, True) for text, _ in _texts(index, function, parameter.default, reading, depth - 1)]
    base, _, name = dotted.rpartition(".")
    if base in ("self", "cls"):
        module = index.modules[function.path]
        return _of_class(index, f"{module.module}.{function.class_name}", name, reading, depth)
    qualified = index.resolve(function.path, dotted, function)
    owner, _, last = qualified.rpartition(".")
    here = index.modules[function.path]
    if not owner and dotted in here.top.variables:
        owner, last = here.module, dotted
    for module in index.named(owner) if owner else ():
        if module.module == owner and last in module.top.variables:
            held = module.top.variables[last]
            reading.sources.add(f"{owner}.{last}")
            if isinstance(held, Ref) and held.dotted == last:
                break
            return _texts(index, module.top, held, reading, depth - 1)
    return _of_attribute(index, function, Ref(base), name, reading, depth) if base else [(HIDDEN, False)]


def _of_attribute(
    index: Project, function: FunctionFacts, base: Value, name: str, reading: Reading, depth: int
) -> Texts:
    owner = index.type_name(function.path, function, base)
    return _of_class(index, owner, name, reading, depth) if owner else [(HIDDEN, False)]


def _of_class(index: Project, owner: str, name: str, reading: Reading, depth: int) -> Texts:
    """What a field or a property of a class gives; what a field holds is a default."""
    found = index.find_class(owner)
    if found is None:
        return [(HIDDEN, False)]
    reading.sources.add(f"{found.name}.{name}")
    module = index.modules[found.path]
    if name in found.attributes:
        held = _texts(index, module.top, found.attributes[name], reading, depth - 1)
        return [(text, True) for text, _ in held]
    method = module.functions.get(f"{found.qualname}.{name}")
    if method is None:
        return [(HIDDEN, False)]
    made = [item for part in method.returns for item in _texts(index, method, part, reading, depth - 1)]
    return made[:_MOST] or [(HIDDEN, False)]
