"""Where the key comes from that a statement names rows by: of a row that was read before, or of nobody knows where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, strip
from merge_tool.index.passing import passed_for
from merge_tool.index.rows import SENT_IN, Rows, model_of, owner_of
from merge_tool.index.ways import ways
from merge_tool.index.words import ELEMENT, UNPACKED
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.tenants import takes_tenant
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Item,
    Items,
    Query,
    Ref,
    Root,
    Unknown,
    Value,
    children,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_CALLERS = 2  # how far up a key that is a parameter is followed
_MANY = 25  # callers, more than which are not looked at
_DEPTH = 6
_SECRETS = frozenset(("token", "tokens", "secret", "jti", "nonce"))
_SECRET_PAIRS = frozenset(
    (("api", "key"), ("key", "hash"), ("hashed", "key"), ("access", "key"), ("session", "key"))
)
_SHOWN = frozenset(("prefix", "hash", "digest", "value", "key", "jti", "secret"))
_REQUESTS = frozenset(("BaseModel", "RootModel", "Schema", "BaseSchema", "SQLModel", "Struct", "Form"))
_SENT = frozenset(
    "create update patch edit in request req payload input schema form params query body filter filters sent new".split()  # noqa: SIM905
)
_SAME = frozenset(("str", "int", "UUID", "uuid"))
# How whoever is logged in is called.
ASKERS = frozenset(("user", "current", "principal", "me", "identity", "actor", "member", "account"))
_ACCOUNTS = frozenset(("user", "users", "account", "accounts", "admin", "admins", "person", "member"))
# What Flask-Login calls with the id that a session or a request names.
_LOADERS = frozenset(("user_loader", "request_loader", "header_loader"))
_LOGINS = frozenset(("email", "login", "username"))


def spelled(value: Value) -> Value:
    """A key without what only writes it another way: `str(user.id)`, `UUID(deal_id)`."""
    while isinstance(value, Call) and value.name in _SAME and len(value.args) == 1 and not value.kwargs:
        value = value.args[0]
    return value


def is_secret(column: str) -> bool:
    """Whether a column holds what only its owner was given: `token`, `refresh_jti`, `api_key`, `key_hash`."""
    said = words(column)
    if not said or said[-1] in ("id", "type", "name", "at", "count"):
        return False
    return bool(_SECRETS.intersection(said)) or any(pair in _SECRET_PAIRS for pair in pairwise(said))


def is_subject(model: Model, function: FunctionFacts) -> bool:
    """Whether a person is loaded whom a token or a session names: in `get_current_user`, in a loader of Flask-Login, or where a token is decoded."""
    if not _ACCOUNTS.intersection(words(model.name)):
        return False
    said = words(function.name)
    if any(isinstance(item, Ref) and item.last in _LOADERS for item in function.decorators):
        return True
    return {"current", "user"} <= set(said) or any(
        call.name in ("decode", "decode_token", "decode_access_token", "verify_token", "verify_access_token")
        for call in function.calls
    )


def is_credential(model: Model, column: str) -> bool:
    """Whether a key or token that somebody shows is looked up: `ApiKey.prefix`, `AccessToken.hash`."""
    said = words(model.name)
    keys = any(pair in _SECRET_PAIRS for pair in pairwise(said)) or bool(_SECRETS.intersection(said))
    return keys and bool(_SHOWN.intersection(words(column)))


def is_login(index: ProjectIndex, model: Model, column: str) -> bool:
    """Whether a person is looked up by what names one over all tenants, as a login does before it knows any."""
    if not _ACCOUNTS.intersection(words(model.name)) or not _LOGINS.intersection(words(column)):
        return False
    name = model.columns.get(column, column)
    tables = (table for table in index.schema() if table.table == model.table)
    return any(
        table.columns[name].unique or any(key.unique and key.columns == (name,) for key in table.keys)
        for table in tables
        if name in table.columns
    )


class Provenance:
    """Follows keys for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._rows = Rows.of(index)

    def of_key(
        self,
        value: Value,
        frame: Frame,
        depth: int = 0,
        models: frozenset[str] = frozenset(),
        line: int = 0,
    ) -> str:
        """What speaks for a key that is compared with a primary or a foreign key, said for people; "" where nothing does.

        Args:
            models: the absolute names of those whose rows it names; none where that is not known.
            line: where it is used.
        """
        value = spelled(strip(value))
        if depth > _DEPTH or isinstance(value, Query):
            return ""
        if models and (proved := self._index.proofs.of_value(value, frame, models, line)):
            return proved
        if isinstance(value, Ref) and (bound := frame.bindings.get(value.dotted)) is not None:
            return self.of_key(bound[0], bound[1], depth + 1, models, line)
        read = self._read_before(value) or self._of_row(value, frame, known=True)
        if read:
            return read
        if _is_worked_out(value, frame):
            return "its key is worked out in the function, in a way which this tool does not follow"
        if (
            isinstance(value, Ref)
            and frame.function.name.startswith("_")
            and (handed := self._by_callers(frame.function, value.dotted, depth, models))
        ):
            return handed
        if takes_tenant(frame.function, self._index.policy):
            return ""  # who has the tenant in hand and leaves it out forgot it
        if isinstance(value, Ref) and "." not in value.dotted:
            kind = model_of(self._index, frame.path, frame.function, value)
            row = self._index.models.by_name.get(kind) if kind else None
            if row is not None and self._index.models.is_tenant(row):
                return f"it names the {row.name} in hand, whose tenant was settled where that came from"
            return self._by_callers(frame.function, value.dotted, depth, models)
        return self._of_row(value, frame)

    def _read_before(self, value: Value) -> str:
        for item in walk(value):
            if isinstance(item, Query) and isinstance(item.root, Root):
                return (
                    f"its key is what the statement at line {item.root.span.line} read, which is judged there"
                )
        return ""

    def _of_row(self, value: Value, frame: Frame, *, known: bool = False) -> str:
        """`order.id`, `[item.order_id for item in items]`: keys that rows in hand hold; with `known` only rows of tenants' models."""
        for item in (value, *walk(value)):
            if isinstance(item, Ref | Attr) and (owner := owner_of(item)) is not None:
                name = item.last if isinstance(item, Ref) else item.name
                if name != "id" and not name.endswith(("_id", "uuid")):
                    continue
                rows = [self._row(row, frame, known) for row in _each(owner)]
                if rows and all(rows):
                    return (
                        f"its key is the {name} of {rows[0]}, whose tenant was settled where that came from"
                    )
        return ""

    def _row(self, owner: Value, frame: Frame, known: bool) -> str:
        """What a row in hand is called; "" for what came in with a request, and for what is no row."""
        written = owner.dotted if isinstance(owner, Ref) else ""
        if written in ("self", "cls") or set(written.lower().split(".")) & SENT_IN:
            return ""
        kind = model_of(self._index, frame.path, frame.function, owner) or self._element(owner, frame)
        model = self._index.models.by_name.get(kind) if kind else None
        if model is not None:
            return model.name if self._index.models.is_tenant(model) else ""
        if known:
            return ""
        if kind and self._index.find_class(kind) is not None:
            return "" if self._is_sent_in(kind, frame.function) else kind.rpartition(".")[2]
        if kind or not isinstance(owner, Ref) or "." in written:
            return ""
        return written if frame.function.parameter(written) is not None else ""

    def _is_sent_in(self, kind: str, function: FunctionFacts) -> bool:
        """Whether a class is what a request brings: a schema, where the function has a decorator or its name says so."""
        bases = {base.rpartition(".")[2] for base in self._index.types.bases(kind)}
        return bool(bases & _REQUESTS) and (
            bool(function.decorators) or bool(_SENT.intersection(words(kind.rpartition(".")[2])))
        )

    def _element(self, owner: Value, frame: Frame) -> str:
        """The class of an element of `orders: list[Order]`, a parameter or what a function says that it gives back."""
        if isinstance(owner, Item):
            held = owner.base
        elif isinstance(owner, Unknown) and owner.inside:
            held = owner.inside[0]
        else:
            return ""
        function = frame.function
        parameter = function.parameter(held.dotted) if isinstance(held, Ref) else None
        annotation = parameter.annotation if parameter is not None else None
        if isinstance(held, Call):
            target = self._index.callee(frame.path, function, held)
            if target is not None:
                annotation, function = target.result, target
        if not isinstance(annotation, Item | Items):
            return ""
        for item in walk(annotation):
            if isinstance(item, Ref):
                name = self._index.names.canonical(self._index.types.annotated(function.path, function, item))
                if name in self._index.models.by_name or self._index.find_class(name) is not None:
                    return name
        return ""

    def is_asker(self, value: Value, frame: Frame, depth: int = 0) -> bool:
        """Whether a value is the id of whoever is logged in: `current_user.id`, of a parameter; or all callers hand that in."""
        value = spelled(value)
        owner = owner_of(value, "id") or owner_of(value, "user_id")
        head = owner.dotted if isinstance(owner, Ref) else ""
        if head:
            return frame.function.parameter(head) is not None and bool(ASKERS.intersection(words(head)))
        if not isinstance(value, Ref) or "." in value.dotted or depth >= _CALLERS:
            return False
        if (bound := frame.bindings.get(value.dotted)) is not None:
            return self.is_asker(bound[0], bound[1], depth + 1)
        handed = self._handed_in(frame.function, value.dotted)
        return bool(handed) and all(self.is_asker(passed, where, depth + 1) for passed, where, _ in handed)

    def _handed_in(self, function: FunctionFacts, name: str) -> list[tuple[Value, Frame, int]]:
        """What the callers that are seen hand in for a parameter, and where; nothing where one cannot be told."""
        if function.parameter(name) is None or function.decorators:
            return []
        sites = self._index.likely_callers(function)
        found = []
        for site in sites if len(sites) <= _MANY else ():
            passed = passed_for(function, site.call, name)
            if passed is None:
                return []
            where = Frame(site.path, site.function, {}, frozenset(site.call.present))
            found.append((passed, where, site.call.span.line))
        return found

    def _by_callers(self, function: FunctionFacts, name: str, depth: int, models: frozenset[str]) -> str:
        """Whether all callers that are seen hand in the key of a row that they have."""
        handed = self._handed_in(function, name) if depth < _CALLERS else []
        if not handed or not all(
            self._is_of_job(passed, where) or self.of_key(passed, where, depth + 1, models, line)
            for passed, where, line in handed
        ):
            return ""
        return (
            f"every caller hands in, as {name}, the key of a row that it has, or has shown to be the tenant's"
        )

    def _is_of_job(self, value: Value, frame: Frame) -> bool:
        """Whether a key is what a job was started with: no request brings that, and who started it had it. A strict policy does not trust that."""
        return (
            not self._index.policy.strict
            and isinstance(value, Ref)
            and frame.function.parameter(value.dotted) is not None
            and any(
                job.function == frame.function.qualname and job.kind != "bot handler"
                for job in self._index.jobs_of(frame.path)
            )
        )

    def compared_by_callers(self, function: FunctionFacts, root: Value) -> bool:
        """Whether a function gives back what a statement reads, and all callers that are seen compare its tenant."""
        if not any(
            isinstance(value, Call | Query) and any(item is root for item in walk(value))
            for value in function.returns
        ):
            return False
        sites = self._index.checked_callers(self._index.qualified(function))
        if not 0 < len(sites) <= _MANY:
            return False
        for site in sites:
            if self._rows.compared(site.function, site.call):
                continue
            further, passed_on = self._rows.open_callers(site.function, site.call)
            if not passed_on or further:
                return False
        return True


def _each(value: Value) -> Iterator[Value]:
    """The values that a row in hand may be: the elements of a list that was built here, one on each way."""
    for item in ways(value):
        if (
            isinstance(item, Unknown)
            and item.why == ELEMENT
            and item.inside
            and isinstance(item.inside[0], Items)
        ):
            yield from ways(item.inside[0])
        else:
            yield item


def _is_worked_out(value: Value, frame: Frame) -> bool:
    """Whether a key has its origin in the function, unknown how, and not in what was handed to it: `seen[0]`, not `key`.

    What is unpacked counts as made in the function, whoever was asked for it, unless a request brought it.
    """
    unknown, items = False, [(value, False)]
    while items:
        item, unpacked = items.pop()
        head = item.dotted.partition(".")[0] if isinstance(item, Ref) else ""
        if head and (
            head.lower() in SENT_IN or (not unpacked and frame.function.parameter(head) is not None)
        ):
            return False  # Flask's `request` is no parameter
        here = isinstance(item, Unknown) and item.why == UNPACKED
        unknown |= here or (isinstance(item, Unknown) and not item.inside)
        items.extend((child, unpacked or here) for child in children(item))
    return unknown
