"""Keys handed to Redis, through clients, wrapper classes and key builders, and whether a tenant stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame
from merge_tool.index.key_values import LETTER, Judged, KeyValues
from merge_tool.index.words import ALL_ARE_KEYS, CLIENT_PACKAGES, FIRST_IS_KEY, SCANS
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import KeyVerdict, Scoped
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Const,
    Items,
    Record,
    Ref,
    Star,
    Text,
    Unknown,
    Value,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_CLIENT_NAME = re.compile(r"(?:^|_)(redis|valkey)(?:$|_)", re.IGNORECASE)
_PREFIXES = frozenset(("prefix", "namespace", "ns"))
# Methods of a client that give a client; what the others give is a value.
_GIVE_CLIENTS = frozenset(
    ("pipeline", "from_url", "from_pool", "multi_exec", "client", "get_client", "pubsub")
)
_KEY_WORDS = ("key", "name", "keys", "names")
_MAX_DEPTH = 5
_HASHES = frozenset(
    ("hset", "hsetnx", "hget", "hdel", "hexists", "hincrby", "hincrbyfloat", "hstrlen", "hscan", "hscan_iter")
)


_COMMANDS = {
    "key": FIRST_IS_KEY | ALL_ARE_KEYS,
    "pattern": frozenset(("keys", "scan", "scan_iter", "delete_pattern", "delete_match")),
    "channel": frozenset(("publish", "spublish", "subscribe", "psubscribe", "ssubscribe")),
    "lock": frozenset(("lock",)),
}


def judge_keys(index: ProjectIndex, path: str, kind: str = "key") -> Iterator[KeyVerdict]:
    """The verdicts on the keys that a file's functions hand to clients; where a parameter is the key, on what callers pass."""
    judge = _KeyJudge(index)
    seen: set[tuple[str, Span, str]] = set()
    for function in index.modules[path].functions.values():
        for call in function.calls:
            if call.name not in _COMMANDS[kind]:
                continue
            if not judge.is_client(path, function, call):
                continue
            if kind == "key" and judge.in_field(path, function, call):
                continue
            for value in _keys(call) if kind == "key" else _names(call, kind):
                if isinstance(value, Const) and not isinstance(value.value, str | bytes):
                    continue
                for verdict in judge.judge(path, function, call.span, call.name, value, 0):
                    key = (verdict.path, verdict.span, verdict.key)
                    if key not in seen:
                        seen.add(key)
                        yield verdict


def client_calls(index: ProjectIndex, function: FunctionFacts) -> Iterator[Call]:
    """The calls by which a function itself hands a key, lock or channel to a client."""
    judge = _KeyJudge(index)
    names = frozenset().union(*_COMMANDS.values())
    for call in function.calls:
        if call.name in names and judge.is_client(function.path, function, call):
            yield call


def _keys(call: Call) -> Iterator[Value]:
    args = call.args if call.name in ALL_ARE_KEYS else call.args[:1]
    if not args:
        args = tuple(value for key, value in call.kwargs if key in _KEY_WORDS)
    for arg in args:
        if isinstance(arg, Items):
            yield from arg.items
        else:
            yield arg


def _names(call: Call, kind: str) -> Iterator[Value]:
    """The patterns, channels or names of locks that a call is given; a scan without a pattern takes all keys."""
    if kind == "pattern":
        given = call.argument(1 if call.name == "scan" else 0, "match", "pattern")
        if given is not None or not call.has_star:
            yield given if given is not None else Const("*")
    elif kind == "channel":
        args = call.args[:1] if call.name.endswith("publish") else call.args
        yield from args
        yield from (Const(key) for key, _ in call.kwargs if key and call.name.endswith("subscribe"))
        yield from (value for key, value in call.kwargs if key == "channel" and call.name.endswith("publish"))
    else:
        given = call.argument(0, "name")
        if given is not None:
            yield given


class _KeyJudge(KeyValues):
    def __init__(self, index: ProjectIndex) -> None:
        super().__init__(index)
        self._prefixing = frozenset(index.policy.keys.prefixing_clients)
        self._prefixing_names = frozenset(name.rpartition(".")[2] for name in self._prefixing)

    # ---- clients -------------------------------------------------------------------------------------------

    def is_client(self, path: str, function: FunctionFacts, call: Call) -> bool:
        """Whether a call is one of a raw Redis client, by its type, the policy, or, of unknown type, its name."""
        receiver = call.receiver
        if receiver is None:
            return False
        kind = self._index.types.type_of(path, function, receiver)
        if kind:
            bases = self._index.types.bases(kind)
            if any(
                base in self._prefixing or base.rpartition(".")[2] in self._prefixing_names for base in bases
            ):
                return False
            head = kind.partition(".")[0]
            owner, _, last = kind.rpartition(".")
            made_by = owner.rpartition(".")[2]
            if (made_by[:1].isupper() or made_by in _GIVE_CLIENTS) and last not in _GIVE_CLIENTS:
                return False  # `client.info().get("used_memory")`
            if head in CLIENT_PACKAGES and self._index.names.split(kind)[0] is None:
                return True
            if self._index.find_class(kind) is not None:
                return any(base.partition(".")[0] in CLIENT_PACKAGES for base in bases[1:])
        name = (
            receiver.dotted
            if isinstance(receiver, Ref)
            else receiver.name
            if isinstance(receiver, Attr)
            else ""
        )
        last = name.rpartition(".")[2]
        if name in self._index.policy.keys.clients or last in self._index.policy.keys.clients:
            return True
        if kind:
            return False
        if last in CLIENT_PACKAGES and self._index.resolve(path, name, function) in CLIENT_PACKAGES:
            return False  # the module itself
        return bool(last) and _CLIENT_NAME.search(last) is not None

    def in_field(self, path: str, function: FunctionFacts, call: Call) -> bool:
        """Whether the tenant stands in the field of a hash: `hset("tasks", f"{tenant}:{task}", …)`, `hscan("tasks", match=…)`."""
        if call.name not in _HASHES:
            return False
        given = (
            call.argument(2, "match")
            if call.name in ("hscan", "hscan_iter")
            else call.argument(1, "key", "field")
        )
        if given is None or isinstance(given, Const | Record):
            return False
        return self.scoped(given, Frame(path, function, {}, frozenset()), 0).scoped is Scoped.YES

    # ---- judging -------------------------------------------------------------------------------------------

    def judge(
        self,
        path: str,
        function: FunctionFacts,
        span: Span,
        command: str,
        value: Value,
        depth: int,
        trail: tuple[str, ...] = (),
        parameter: str = "",
    ) -> Iterator[KeyVerdict]:
        """Judges one key; where only callers know it, theirs."""
        frame = Frame(path, function, {}, frozenset())

        def verdict(key: str, scoped: Scoped, trail: tuple[str, ...]) -> KeyVerdict:
            return KeyVerdict(path, span, command, key, scoped, trail, parameter, _parts(value))

        if isinstance(value, Star):
            if not self._from_pattern(value.value, function):
                inner = value.value
                if (
                    isinstance(inner, Items | Choice | Unknown)
                    and self.scoped(inner, frame, 0).scoped is Scoped.YES
                ):
                    yield verdict("*", Scoped.YES, trail)
                else:
                    yield verdict("*", Scoped.UNDECIDED, (*trail, "the keys are built elsewhere"))
            return
        if isinstance(value, Choice):
            for arm in value.arms:
                yield from self.judge(path, function, span, command, arm, depth, trail, parameter)
            return
        if isinstance(value, Const) and value.value is None:
            return
        if self._from_pattern(value, function):
            return
        text = self.template(value, frame, 0)
        if any(fnmatchcase(text, pattern) for pattern in self._index.policy.keys.global_keys):
            yield verdict(text, Scoped.YES, (*trail, "declared as belonging to no tenant"))
            return
        judged = self.scoped(value, frame, 0)
        if judged.scoped is Scoped.YES:
            yield verdict(text, Scoped.YES, trail)
            return
        if self._client_prefixes(value, frame):
            yield verdict(
                text, Scoped.YES, (*trail, "its client puts a prefix before it, given where it is made")
            )
            return
        if LETTER.search(text):
            # What the key says stands here, so here is where the tenant is missing; a caller could only bring a prefix.
            judged = Judged(judged.scoped, False, judged.parameters)
            if judged.scoped is Scoped.UNDECIDED and not self._may_hide_prefix(value):
                judged = Judged(Scoped.NO, False, judged.parameters)
        if judged.parameters and depth < _MAX_DEPTH:
            at = verdict(text, judged.scoped, trail)
            yield from self._by_callers(at, function, value, judged, depth)
            return
        if judged.scoped is Scoped.UNDECIDED:
            trail = (*trail, "what the key is made of cannot be told from the text")
        yield verdict(text, judged.scoped, trail)

    def _by_callers(
        self, at: KeyVerdict, function: FunctionFacts, value: Value, judged: Judged, depth: int
    ) -> Iterator[KeyVerdict]:
        from merge_tool.index.passing import passed_for

        def verdict(scoped: Scoped, *why: str) -> KeyVerdict:
            return replace(at, scoped=scoped, reasons=(*at.reasons, *why))

        sites = [
            site
            for site in self._index.callers(self._index.qualified(function))
            if site.function is not function
        ]
        lacking = []
        holding = 0
        for site in sites:
            passed = [(name, passed_for(function, site.call, name)) for name in judged.parameters]
            outer = Frame(site.path, site.function, {}, frozenset())
            results = [self.scoped(item, outer, 0) for _, item in passed if item is not None]
            if any(result.scoped is Scoped.YES for result in results):
                holding += 1
            else:
                lacking.append((site, passed, results))
        if not judged.pure and not holding:
            yield verdict(Scoped.NO)
            return
        if not sites:
            reason = f"the key comes from the parameter {judged.parameters[0]}, and no caller is seen"
            yield verdict(Scoped.UNDECIDED, reason) if judged.pure else verdict(Scoped.NO)
            return
        reported = False
        place = f"{at.path}:{function.header.line}"
        step = (*at.reasons, f"handed to {function.name}() in {place}, which gives it to {at.command}()")
        for site, passed, _ in lacking:
            for name, item in passed:
                if item is None or (not judged.pure and len(passed) > 1 and name != passed[0][0]):
                    continue
                reported = True
                given = self._with(value, name, item)
                yield from self.judge(
                    site.path, site.function, site.call.span, at.command, given, depth + 1, step, name
                )
                break
        if lacking and not reported:
            yield verdict(Scoped.UNDECIDED, "callers hide the key in *args")

    def _client_prefixes(self, value: Value, frame: Frame) -> bool:
        """Whether a key is made with a prefix of the object that runs the command, which is no literal: `join(self._prefix, key)`."""
        for item in walk(value) if frame.function.class_name else ():
            own = isinstance(item, Ref) and item.dotted.startswith(("self.", "cls."))
            if own and isinstance(item, Ref) and _PREFIXES.intersection(words(item.last)):
                held = self._class_value(frame, item.dotted.partition(".")[2])
                if held is None or not all(isinstance(part, Const | Text) for part in walk(held[0])):
                    return True
        return False

    def _may_hide_prefix(self, value: Value) -> bool:
        """Whether a part of which nothing is known may bring the tenant: `self.prefix`, `namespace()`."""
        for item in walk(value):
            name = (
                item.dotted if isinstance(item, Ref) else item.name if isinstance(item, Attr | Call) else ""
            )
            if any(word in name.lower() for word in ("prefix", "namespace", "scope", "context")):
                return True
        return False

    def _with(self, value: Value, name: str, item: Value) -> Value:
        """The key with a caller's value in the parameter's place."""
        if isinstance(value, Ref):
            return item if value.dotted == name else value
        if isinstance(value, Text):
            return Text(tuple(self._with(part, name, item) for part in value.parts))
        return item

    def _from_pattern(self, value: Value, function: FunctionFacts) -> bool:
        """Keys that a scan gave: the scan's own pattern is what counts (another rule's)."""
        return any(isinstance(item, Call) and item.name in SCANS for item in walk(value))


def _parts(value: Value) -> tuple[str, ...]:
    """The last names of what a key is made of."""
    names = [
        item.last if isinstance(item, Ref) else item.name
        for item in walk(value)
        if isinstance(item, Ref | Attr)
    ]
    return tuple(dict.fromkeys(names))
