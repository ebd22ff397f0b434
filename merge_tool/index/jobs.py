"""The functions that no request runs: handlers of bots, tasks, scheduled jobs, loops; and what brings them a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts
from merge_tool.rulekit.known import puts_tenant
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.project import Job
from merge_tool.rulekit.tenancy import speaks_of_tenant
from merge_tool.rulekit.tenants import name_of
from merge_tool.rulekit.values import Attr, Call, Entry, Items, Record, Ref, Star, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_LIBRARIES = ("aiogram", "telebot", "telegram", "pyrogram", "telethon", "vkbottle", "maxapi")
_EVENTS = frozenset(
    "message edited_message channel_post edited_channel_post business_message inline_query chosen_inline_result callback_query shipping_query pre_checkout_query poll poll_answer my_chat_member chat_member chat_join_request message_reaction message_created message_callback bot_started on_message on_callback_query on_inline_query".split()  # noqa: SIM905
)
# python-telegram-bot: what is given to `add_handler`, alone or inside of a conversation.
_PTB_HANDLERS = frozenset(
    "CommandHandler MessageHandler CallbackQueryHandler InlineQueryHandler ChatMemberHandler PreCheckoutQueryHandler ShippingQueryHandler PollAnswerHandler TypeHandler".split()  # noqa: SIM905
)
_BROKERS = frozenset(
    "celery taskiq dramatiq broker rq arq huey procrastinate scheduler apscheduler streaq saq worker".split()  # noqa: SIM905
)
_TASKS = frozenset(("task", "shared_task", "actor", "periodic_task", "db_task", "db_periodic_task", "job"))
_SCHEDULED = frozenset(("scheduled_job", "repeat_every", "cron", "scheduled_task"))
_BEFORE_TASK = frozenset(("task_prerun", "before_task", "job_prerun"))
_MIDDLEWARE_BASES = frozenset(("Middleware", "TaskiqMiddleware"))
_MIDDLEWARE = frozenset(
    ("middleware", "outer_middleware", "inner_middleware", "register", "setup", "setup_middleware")
)
# What is looked at for what brings jobs their tenant.
_COVERING = _MIDDLEWARE | {"include_router", "include_routers", "Celery", "connect"}
_ANY = "*"


def read_jobs(index: ProjectIndex) -> tuple[Job, ...]:
    """Every such function of a project, each once, in the order of the files.

    What only a request starts (`create_task` of a function that ends) is left out: it takes what its caller has.
    """
    return tuple(_JobReader(index).jobs())


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    function: FunctionFacts
    registered: str
    way: tuple[str, str] = ("", "")  # router and event of a bot's handler


class _JobReader:
    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._policy = index.policy
        self._covers: set[tuple[str, str]] = set()  # routers and events whose middleware brings the tenant
        self._tasks_covered = False

    def jobs(self) -> Iterator[Job]:
        found: dict[int, _Found] = {}
        for function in self._index.functions_in("jobs"):
            for item in (*self._decorated(function), *self._registered(function)):
                found.setdefault(id(item.function), item)
        for module, owners in self._owners():
            for item in self._listed(module, owners):
                found.setdefault(id(item.function), item)
        if not found:
            return
        self._read_covers()
        for item in found.values():
            function = item.function
            yield Job(item.kind, function.path, function.qualname, item.registered, self._covered(item))

    def _owners(self) -> Iterator[tuple[ModuleFacts, list[ClassFacts]]]:
        """The files and classes that may list jobs or bring them the tenant."""
        for path, names in self._index.tables.find("job_classes"):
            module = self._index.modules[path]
            yield module, [module.classes[name] for name in names if name != "<module>"]

    # ---- where they are made jobs ----------------------------------------------------------------------------

    def _decorated(self, function: FunctionFacts) -> Iterator[_Found]:
        for item in function.decorators:
            target = item.func if isinstance(item, Call) else item
            name = target.last if isinstance(target, Ref) else ""
            place = f"{function.path}:{function.header.line}"
            if not isinstance(target, Ref) or name == "":
                continue
            event = name.removesuffix("_handler")
            if event in _EVENTS and "." in target.dotted and self._uses_bot_library(function.path):
                router, _ = _chain(target)
                yield _Found("bot handler", function, place, (self._router(function, router), event))
            elif name in _TASKS and self._is_broker(function, target):
                yield _Found("task", function, place)
            elif name in _SCHEDULED:
                yield _Found("scheduled job", function, place)

    def _registered(self, function: FunctionFacts) -> Iterator[_Found]:
        for call in function.calls:
            name = call.name
            place = f"{function.path}:{call.span.line}"
            if name == "register":
                router, parts = _chain(call.func)
                event = parts[-2].removesuffix("_handler") if len(parts) > 1 else ""
                if event in _EVENTS and self._uses_bot_library(function.path):
                    way = (self._router(function, router), event)
                    yield from self._to(
                        function, call.argument(0, "callback", "handler"), "bot handler", place, way
                    )
            elif name.startswith("register_") and name.endswith("_handler"):
                event = name.removeprefix("register_").removesuffix("_handler")
                if event in _EVENTS:
                    yield from self._to(
                        function, call.argument(0, "callback"), "bot handler", place, (_ANY, event)
                    )
            elif name in _PTB_HANDLERS and self._uses_bot_library(function.path):
                named = [value for key, value in call.kwargs if key == "callback"]
                for item in (*call.args, *named):
                    yield from self._to(function, item, "bot handler", place, (_ANY, _ANY))
            elif name == "add_job":
                yield from self._to(function, call.argument(0, "func"), "scheduled job", place)
            elif name == "add_task":
                yield from self._to(function, call.argument(0, "func"), "background task", place)
            elif name in ("enqueue", "enqueue_in", "enqueue_at"):
                at = 0 if name == "enqueue" else 1
                yield from self._to(function, call.argument(at, "f", "func"), "task", place)
            elif name in ("create_task", "ensure_future") and call.args and isinstance(call.args[0], Call):
                target = self._index.callee(function.path, function, call.args[0])
                if target is not None and any(item.name == "sleep" for item in target.calls):
                    yield _Found("loop", target, place)

    def _listed(self, module: ModuleFacts, owners: list[ClassFacts]) -> Iterator[_Found]:
        """What arq's `WorkerSettings` lists; saq's settings are a mapping of the same names."""
        for owner in owners:
            if "functions" in owner.attributes or "cron_jobs" in owner.attributes:
                yield from self._settings(module, owner.attributes, owner.span.line)
        for held in module.top.variables.values():
            if isinstance(held, Record):
                entries = {
                    str(getattr(item.key, "value", "")): item.value
                    for item in held.entries
                    if isinstance(item, Entry)
                }
                if "functions" in entries and "queue" in entries:
                    yield from self._settings(module, entries, 1)

    def _settings(self, module: ModuleFacts, held: object, line: int) -> Iterator[_Found]:
        for name, kind in (("functions", "task"), ("cron_jobs", "scheduled job")):
            listed = held.get(name) if isinstance(held, dict) else None
            items = listed.items if isinstance(listed, Items) else ()
            for item in items:
                if isinstance(item, Star):
                    continue
                if isinstance(item, Call):
                    item = item.argument(0, "coroutine", "function") or item
                yield from self._to(module.top, item, kind, f"{module.path}:{line}")

    def _to(
        self,
        function: FunctionFacts,
        value: Value | None,
        kind: str,
        place: str,
        way: tuple[str, str] = ("", ""),
    ) -> Iterator[_Found]:
        if not isinstance(value, Ref | Attr):
            return
        target = self._index.callee(
            function.path, function, Call(value, (), (), function.header)
        ) or self._index.function(self._index.resolve(function.path, name_of(value), function))
        if target is not None and target.name != "__init__":
            yield _Found(kind, target, place, way)

    def _uses_bot_library(self, path: str) -> bool:
        return any(
            target.split(".")[0] in _LIBRARIES for target in self._index.modules[path].imports.values()
        )

    def _is_broker(self, function: FunctionFacts, target: Ref) -> bool:
        if target.last in ("actor", "shared_task", "db_task", "db_periodic_task"):
            return True
        resolved = self._index.resolve(function.path, target.dotted, None)
        owner = Ref(target.dotted.rpartition(".")[0])
        kind = self._index.type_name(function.path, None, owner) if owner.dotted else ""
        return bool(_BROKERS.intersection(words(f"{target.dotted.lower()} {resolved.lower()} {kind}")))

    def _router(self, function: FunctionFacts, base: Value) -> str:
        """The absolute name of a router; `*` for a dispatcher and for one that was handed in."""
        kind = self._index.type_name(function.path, function, base)
        if kind.endswith("Dispatcher"):
            return _ANY
        if isinstance(base, Ref):
            name = self._index.resolve(function.path, base.dotted, function)
            is_local = function.parameter(base.dotted) is not None or base.dotted in ("self", "cls", "dp")
            return _ANY if is_local or not name else name
        module = self._index.modules[function.path]  # at the top level a name reads as what it holds
        held = next((name for name, value in module.top.variables.items() if value is base), "")
        return f"{module.module}.{held}" if held else _ANY

    # ---- what brings the tenant ------------------------------------------------------------------------------

    def _read_covers(self) -> None:
        parents: set[str] = set()  # routers that include others
        for function in self._index.functions_in("jobs"):
            for call in function.calls:
                if call.name not in _COVERING:
                    continue
                receiver = call.receiver
                if call.name in ("include_router", "include_routers") and receiver is not None:
                    parents.add(self._router(function, receiver))
                elif call.name in _MIDDLEWARE and call.args:
                    base, parts = _chain(call.func)
                    if any("middleware" in part for part in parts) and self._brings(function, call.args[0]):
                        self._add(function, base, parts)
                elif call.name == "Celery" and call.argument(10_000, "task_cls") is not None:
                    self._tasks_covered |= self._brings(function, call.argument(10_000, "task_cls"))
                elif call.name == "connect" and isinstance(receiver, Ref) and receiver.last in _BEFORE_TASK:
                    self._tasks_covered |= self._brings(function, call.args[0] if call.args else None)
            for item in function.decorators:
                written = name_of(item)
                if "middleware" in written and puts_tenant(function, self._policy):
                    base, parts = _chain(item.func if isinstance(item, Call) else item)
                    self._add(function, base, parts)
                if set(written.split(".")) & _BEFORE_TASK:
                    self._tasks_covered |= puts_tenant(function, self._policy)
        self._covers |= {(_ANY, event) for router, event in self._covers if router in parents}
        for module, owners in self._owners():
            for owner in owners:
                starts = owner.attributes.get("on_job_start")
                if starts is not None and self._brings(module.top, starts):
                    self._tasks_covered = True
                if any(name_of(base).rpartition(".")[2] in _MIDDLEWARE_BASES for base in owner.bases):
                    self._tasks_covered |= self._methods_bring(module, owner.qualname)

    def _add(self, function: FunctionFacts, base: Value, parts: list[str]) -> None:
        event = next((part for part in parts if part in _EVENTS), _ANY)
        self._covers.add((self._router(function, base), event))

    def _brings(self, function: FunctionFacts, value: Value | None) -> bool:
        """Whether a middleware, an instance or a function, puts the tenant into the context."""
        if value is None:
            return False
        kind = self._index.type_name(function.path, function, value)
        owner = self._index.find_class(kind) if kind else None
        if owner is not None:
            return self._methods_bring(self._index.modules[owner.path], owner.qualname)
        if isinstance(value, Ref):
            named = self._index.resolve(function.path, value.dotted, function)
            found = self._index.function(named) if named else None
            as_class = self._index.find_class(named) if named and found is None else None
            if as_class is not None:
                return self._methods_bring(self._index.modules[as_class.path], as_class.qualname)
            return found is not None and puts_tenant(found, self._policy)
        return False

    def _methods_bring(self, module: ModuleFacts, qualname: str) -> bool:
        return any(
            item.class_name == qualname and puts_tenant(item, self._policy)
            for item in module.functions.values()
        )

    def _covered(self, item: _Found) -> bool:
        function = item.function
        if item.kind == "bot handler":
            router, event = item.way
            return any(
                (over in (_ANY, router)) and (which in (_ANY, event) or event == _ANY)
                for over, which in self._covers
            )
        if item.kind in ("task", "scheduled job") and self._tasks_covered:
            return True
        for decorator in function.decorators:
            base = decorator.argument(99, "base") if isinstance(decorator, Call) else None
            if base is not None and (
                speaks_of_tenant(name_of(base), self._policy) or self._brings(function, base)
            ):
                return True
            made = (
                self._index.callee(function.path, None, decorator)
                if isinstance(decorator, Call)
                else self._index.function(self._index.resolve(function.path, name_of(decorator)))
            )
            if made is not None and any(
                inner.parent == made.qualname and puts_tenant(inner, self._policy)
                for inner in self._index.modules[made.path].functions.values()
            ):
                return True
        return False


def _chain(value: Value) -> tuple[Value, list[str]]:
    """What a dotted expression begins with, and the names behind: `dp` and `message`, `register` for `dp.message.register`.

    The router may itself be dotted: `self.dp` and `handlers.router` are cut where the first name of an event stands.
    """
    parts: list[str] = []
    while isinstance(value, Attr):
        parts.insert(0, value.name)
        value = value.base
    if isinstance(value, Ref):
        names = value.dotted.split(".")
        at = next(
            (
                number
                for number, name in enumerate(names)
                if number and (name.removesuffix("_handler") in _EVENTS or name in ("update", *_MIDDLEWARE))
            ),
            len(names) if parts else 1,
        )
        return Ref(".".join(names[:at])), [*names[at:], *parts]
    return value, parts
