"""Which calls of a function verify or sign with a value: a signature, a token, what a messenger's web view hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Project
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Entry,
    Fork,
    Function,
    Item,
    Items,
    Logic,
    Record,
    Ref,
    Star,
    Text,
    Value,
)

_NAMES = frozenset(("compare_digest", "HMAC"))
_QUALIFIED = frozenset(("hmac.new", "hmac.digest", "jwt.encode", "jwt.decode", "jose.jwt.encode", "jose.jwt.decode"))  # fmt: skip
_WORDS = frozenset(("verify", "verifies", "verifier", "signature", "sign", "signer", "signed", "hmac", "initdata"))  # fmt: skip
# What still holds the secret that it is made of; a client or a bot that was made with it does not sign.
_CARRIES = frozenset(
    "encode decode strip lstrip rstrip lower upper str bytes bytearray get_secret_value sha256 sha1 sha512 md5 blake2b digest hexdigest new "  # noqa: SIM905
    "b64decode b64encode urlsafe_b64encode urlsafe_b64decode unhexlify hexlify fromhex format join split getenv get cast copy first".split()
)
_LATER = frozenset(("to_thread", "partial", "run_in_executor", "run_in_threadpool", "run_sync", "submit"))
_DEPTH = 3

Holds = Callable[[Value], bool]


def carries(value: Value | None, holds: Holds) -> bool:
    """Whether a value is, or is only another form of, one that `holds` takes."""
    stack = [value] if value is not None else []
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if holds(item):
            return True
        if (
            isinstance(item, Ref) or id(item) in seen
        ):  # a receiver is made anew each time: its id says nothing
            continue
        seen.add(id(item))
        match item:
            case Call():
                if item.name in _CARRIES:
                    stack += [*item.args, *(part for _, part in item.kwargs)]
                    if item.receiver is not None:
                        stack.append(item.receiver)
            case Attr() | Item():
                stack.append(item.base)
            case Logic() | Items():
                stack.extend(item.items)
            case Text():
                stack.extend(item.parts)
            case Choice():
                stack.extend(item.arms)
            case Fork():
                stack += [*item.then, *item.orelse]
            case Star() | Entry():
                stack.append(item.value)
            case Record():
                stack.extend(item.entries)
            case Function():
                stack.append(item.body)
            case _:
                continue
    return False


def says_signing(index: Project, function: FunctionFacts, call: Call) -> bool:
    """Whether a call verifies or signs, by the name of what it calls."""
    said = words(call.name)
    if call.name in _NAMES or (not _WORDS.isdisjoint(said) and not {"in", "up", "out", "off"} & set(said)):
        return True
    if any(said[at : at + 2] == ["init", "data"] for at in range(len(said) - 1)):
        return True
    if call.name == "update":
        return isinstance(call.receiver, Call) and says_signing(index, function, call.receiver)
    if call.name in ("new", "digest", "encode", "decode"):
        return index.callee_name(function.path, function, call) in _QUALIFIED
    return "itsdangerous" in index.callee_name(function.path, function, call) if said[-1:] == ["serializer"] else False  # fmt: skip


def signing_calls(
    index: Project, function: FunctionFacts, holds: Holds, depth: int = _DEPTH
) -> Iterator[Call]:
    """The calls of a function that verify or sign with a value that `holds` takes, themselves or some calls deep.

    Args:
        index: the project.
        function: whose calls are looked at.
        holds: whether one value is the secret itself, such as a name or an attribute.
        depth: how many calls deep a parameter is followed.
    """
    for written in function.calls:
        call = _meant(written)
        slots: list[tuple[int | str, Value]] = [*enumerate(call.args), *call.kwargs]
        given = [(slot, value) for slot, value in slots if carries(value, holds)]
        if given and (
            says_signing(index, function, call)
            or (depth > 0 and any(_passed_on(index, function, call, slot, depth) for slot, _ in given))
        ):
            yield written


def _meant(call: Call) -> Call:
    """The call that `to_thread(verify, token)`, `partial(verify, token)` and their like will make."""
    at = 1 if call.name == "run_in_executor" else 0
    if call.name in _LATER and len(call.args) > at and isinstance(call.args[at], Ref):
        return Call(call.args[at], call.args[at + 1 :], call.kwargs, call.span)
    return call


def _passed_on(index: Project, function: FunctionFacts, call: Call, slot: int | str, depth: int) -> bool:
    target = index.callee(function.path, function, call)
    if target is None or target is function:
        return False
    positional = [item.name for item in target.params if item.kind == "positional"]
    if target.class_name and positional[:1] in (["self"], ["cls"]):
        positional = positional[1:]
    if isinstance(slot, int):
        if slot >= len(positional):
            return False
        slot = positional[slot]
    return parameter_signs(index, target, slot, depth - 1)


def parameter_signs(index: Project, function: FunctionFacts, name: str, depth: int = _DEPTH) -> bool:
    """Whether a function, or where it keeps the parameter on `self`, a method of its class, signs with a parameter."""

    def held(value: Value) -> bool:
        return isinstance(value, Ref) and value.dotted.partition(".")[0] == name

    if any(True for _ in signing_calls(index, function, held, depth)):
        return True
    return depth > 0 and function.name == "__init__" and bool(kept_and_signed(index, function, held, depth))


def kept_and_signed(
    index: Project, function: FunctionFacts, holds: Holds, depth: int = _DEPTH
) -> tuple[str, ...]:
    """The attributes of `self` that hold the secret and that a method of the function's class signs with."""
    module = index.modules[function.path]
    owner = module.classes.get(function.class_name)
    if owner is None:
        return ()
    kept = {
        f"{prefix}.{name}"
        for name, value in (*owner.instance.items(), *owner.attributes.items())
        if carries(value, holds)
        for prefix in ("self", "cls", owner.name)
    }
    if not kept:
        return ()

    def held(value: Value) -> bool:
        return isinstance(value, Ref) and ".".join(value.dotted.split(".")[:2]) in kept

    for name in sorted(owner.methods):
        method = module.functions.get(f"{owner.qualname}.{name}")
        if method is not None and any(True for _ in signing_calls(index, method, held, depth - 1)):
            return tuple(sorted(kept))
    return ()
