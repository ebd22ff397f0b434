"""State of the process that is keyed without the tenant.

What it does
------------
Finds dicts, lists and sets at the top of a module or in a class's body that functions fill, and looks for the tenant in the key, or
in what is put in.

Why is this bad?
----------------
The state outlives the request and serves all tenants: what one left there, the next one finds.

Example
-------
    pending = {}
    def remember(user_id, order):
        pending[user_id] = order

Use instead
-----------
    pending = {}
    def remember(bot_id, user_id, order):
        pending[bot_id, user_id] = order

Not reported
------------
Registries that are filled at import or by a `register` function; keys with the tenant, or by a whole object; constant keys in functions that deal with
no tenant's data; attributes that each object makes for itself. At most a `warning`: whether a key is unique over all tenants
is not told by the text. Keys that are the primary key of a tenant's table, or an id of no person where no tenant's data is seen, are an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Items,
    ModuleFacts,
    Project,
    Record,
    Ref,
    Rule,
    Valid,
    Value,
    knows_tenant,
    mentions_tenant,
    name_of,
    tenant_data,
    walk,
    words,
)

_MADE = frozenset(
    (
        "dict",
        "list",
        "set",
        "defaultdict",
        "OrderedDict",
        "deque",
        "Counter",
        "TTLCache",
        "LRUCache",
        "WeakValueDictionary",
    )
)
_FILLS = frozenset(("append", "add", "update", "setdefault", "extend", "insert", "appendleft"))
# Whoever they are, they come to several tenants, or their numbers are not the database's.
_PERSONS = frozenset(("user", "chat", "customer", "person", "account", "email", "phone", "telegram", "member", "owner", "order"))  # fmt: skip
_REGISTERS = frozenset(
    ("register", "registry", "decorator", "subscribe", "configure", "setup", "init", "handlers", "handler")
)


RUNS = {
    "app/models.py": "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"
    'class Run(Base):\n    __tablename__ = "runs"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n'
}


def _mutable(value: Value | None) -> bool:
    return isinstance(value, Record | Items) or (isinstance(value, Call) and value.name in _MADE)


class SharedState(Rule):
    """See the module."""

    code = "TC2"
    name = "shared-state"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports entries that functions put into shared state without a tenant."""
        shared = {name for name, value in module.top.variables.items() if _mutable(value) and "." not in name}
        classes = {
            f"{head}.{name}": owner.name
            for owner in module.classes.values()
            for name, value in owner.attributes.items()
            if _mutable(value) and name not in owner.instance and not name.startswith("__")
            for head in ("self", "cls", owner.name)
        }
        if not shared and not classes:
            return
        for function in module.functions.values():
            if function is module.top or any(word in _REGISTERS for word in words(function.qualname)):
                continue
            for base, key, value, span in self._filled(function):
                own = classes.get(base)
                if base not in shared and (own is None or not self._of_class(module, function, base)):
                    continue
                if base in shared and (function.parameter(base) is not None or base in function.variables):
                    continue
                parts = [item for item in (key, value) if item is not None]
                if any(mentions_tenant(item, policy, function) for item in parts):
                    continue
                if key is not None and self._built_with_tenant(index, function, key, policy):
                    continue
                data = tenant_data(index, function, policy, 1)
                if not data and (key is None or isinstance(key, Const)):
                    continue
                if data or self._by_person(key):
                    row = self._row(index, module, function, key)
                    unsure = row or ("" if data or self._of_person(key) else "its key is an id of no person")
                    yield self.found(
                        module.path,
                        span,
                        f"{base} is shared by all tenants, and is filled here without the tenant",
                        severity=Severity.INFO if unsure else None,
                        reason=[item for item in (unsure, data) if item],
                    )

    def _built_with_tenant(self, index: Project, function: FunctionFacts, key: Value, policy: Policy) -> bool:
        """Whether a function that makes the key deals with the tenant: `cache_key(model)`, which asks the context."""
        held = function.variables.get(key.dotted) if isinstance(key, Ref) else None
        for item in (*walk(key), *(walk(held) if held is not None else ())):
            made = index.callee(function.path, function, item) if isinstance(item, Call) else None
            if made is not None and knows_tenant(made, policy):
                return True
        return False

    def _by_person(self, key: Value | None) -> bool:
        """Whether the key is an id that a tenant gives out."""
        have = words(name_of(key))
        return bool(have) and (have[-1] == "id" or "user" in have or "chat" in have or "order" in have)

    def _of_person(self, key: Value | None) -> bool:
        return bool(_PERSONS.intersection(words(name_of(key))))

    def _row(self, index: Project, module: ModuleFacts, function: FunctionFacts, key: Value | None) -> str:
        """Says so where the key is the primary key of a tenant's table: no two tenants have it."""
        name = name_of(key)
        last = name.rpartition(".")[2]
        if not name or self._of_person(key):
            return ""
        for model in index.all_models():
            if len(model.primary) != 1 or not index.is_tenant_model(model.qualified):
                continue
            primary = model.primary[0]
            own = "_".join(words(model.name.removesuffix("Model")))
            called = {f"{own}_id", f"{model.table.rstrip('s')}_id"} if primary == "id" else {primary}
            if last in called or (
                last == primary == "id"
                and key is not None
                and self._is_row(index, module, function, key, model.qualified, own)
            ):
                return f"its key is the primary key of {model.name}, whose rows have one tenant each"
        return ""

    def _is_row(
        self,
        index: Project,
        module: ModuleFacts,
        function: FunctionFacts,
        key: Value,
        qualified: str,
        own: str,
    ) -> bool:
        holder = name_of(key).rpartition(".")[0]
        return bool(holder) and (
            index.type_name(module.path, function, Ref(holder)) == qualified
            or holder.rpartition(".")[2] in (own, own.rpartition("_")[2])
        )

    def _filled(self, function: FunctionFacts) -> Iterator[tuple[str, Value | None, Value | None, Span]]:
        for store in function.stores:
            if store.key is not None:
                yield store.base, store.key, store.value, store.span
        for call in function.calls:
            if call.name in _FILLS and call.receiver is not None and call.args:
                base = name_of(call.receiver)
                keyed = call.name in ("setdefault", "add", "append", "appendleft")
                yield base, call.args[0] if keyed else None, call.args[-1], call.span

    def _of_class(self, module: ModuleFacts, function: FunctionFacts, base: str) -> bool:
        head, _, name = base.partition(".")
        if head not in ("self", "cls"):
            return True
        owner = module.classes.get(function.class_name)
        return owner is not None and name in owner.attributes and name not in owner.instance

    INVALID = (
        Invalid('pending = {}\ndef remember(user_id, order):\n    pending[user_id] = order\n', (Expected(3, "pending is shared by all tenants"),)),
        Invalid('from collections import defaultdict\nseen = defaultdict(list)\nonline = set()\ndef note(user_id, text):\n    seen.setdefault(user_id, []).append(text)\n    online.add(user_id)\n', (Expected(5, "seen"), Expected(6, "online"))),
        Invalid('class Carts:\n    _carts: dict = {}\n    def put(self, user_id, cart):\n        self._carts[user_id] = cart\n    @classmethod\n    def drop(cls, chat_id):\n        cls._carts[chat_id] = None\n', (Expected(4, "self._carts"), Expected(7, "cls._carts"))),
        Invalid('from app.tenancy import get_current_tenant\ncache = {}\ndef load():\n    rows = find(get_current_tenant())\n    other = shape(rows)\n    cache["rows"] = build()\n', (Expected(6, "cache"),)),
        # A row's own primary key: no two tenants have it. A number that other systems give out is none.
        Invalid('from app.models import Run\nlive = {}\ndef hold(run: Run, task):\n    live[run.id] = task\ndef count(run_id):\n    live[run_id] = live.get(run_id, 0) + 1\n', (Expected(4, "live", Severity.INFO), Expected(6, "live", Severity.INFO)), RUNS),
        Invalid('live = {}\ndef hold(client_id, task):\n    live[client_id] = task\n', (Expected(3, "live", Severity.INFO),), RUNS),
        Invalid('live = {}\ndef hold(telegram_id, task):\n    live[telegram_id] = task\n', (Expected(3, "live"),), RUNS),
    )  # fmt: skip
    VALID = (
        Valid("from app.tenancy import get_current_tenant\n_SEEN = {}\ndef cache_key(user_id):\n    return (get_current_tenant(), user_id)\ndef f(user_id):\n    key = cache_key(user_id)\n    _SEEN[key] = 1\n"),
        Valid('pending = {}\ndef remember(bot_id, user_id, order):\n    pending[bot_id, user_id] = order\n'),
        Valid('pending = {}\ndef remember(bot_id, user_id, order):\n    key = f"{bot_id}:{user_id}"\n    pending[key] = order\n'),
        Valid('handlers = {}\nhandlers["a"] = 1\ndef register(handler_id):\n    def inner(function):\n        handlers[handler_id] = function\n        return function\n    return inner\n'),
        Valid('state = {"running": False}\ndef start():\n    state["running"] = True\n'),
        Valid('pending = {}\ndef remember(user_id):\n    pending = {}\n    pending[user_id] = 1\n    return pending\n'),
        Valid('class Cart:\n    items = []\n    def __init__(self):\n        self.items = []\n    def put(self, user_id):\n        self.items.append(user_id)\n'),
    )  # fmt: skip
