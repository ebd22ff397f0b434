"""Whether what a function does can come to a tenant's rows at all: its calls followed into the project."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.values import Call, Const, Query, Ref, Root, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 5
_BUILTIN = frozenset(dir(builtins))
_STORES = frozenset(
    "sqlalchemy sqlmodel redis aioredis motor pymongo beanie asyncpg psycopg psycopg2 aiosqlite sqlite3 databases tortoise peewee elasticsearch opensearchpy boto3 celery arq".split()  # noqa: SIM905
)
# Methods of strings, dicts, lists, dates, paths and loggers; none of them reads a table.
_PLAIN = frozenset(
    "lower upper strip lstrip rstrip split rsplit join format replace startswith endswith items keys values append copy isoformat strftime encode decode hexdigest info debug warning error exception critical total_seconds timestamp title capitalize isdigit exists is_file is_dir set_cookie delete_cookie model_dump model_validate url_for".split()  # noqa: SIM905
)


class Harmless:
    """Follows functions for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._known: Memo[tuple[str, str], bool] = Memo(index.tracker)
        self._apart: Memo[str, bool] = Memo(index.tracker)

    def is_apart(self, path: str) -> bool:
        """Whether a file, and all of the project that it imports, knows neither a tenant's table nor a database or Redis client."""
        return self._apart.ask(path, self._find_apart, path)

    def _find_apart(self, path: str) -> bool:
        holders = {
            model.path for model in self._index.all_models() if self._index.is_tenant_model(model.qualified)
        }
        if not holders:
            return False  # what a tenant's table is cannot be told
        stack, seen = [path], {path}
        while stack:
            here = stack.pop()
            if here in holders:
                return False
            for item in self._index.modules[here].import_sites:
                module, _ = self._index.names.split(item.target)
                if item.dynamic or (module is None and item.target.partition(".")[0] in _STORES):
                    return False
                if module is not None and module.path not in seen:
                    seen.add(module.path)
                    stack.append(module.path)
        return True

    def touches_nothing(self, function: FunctionFacts) -> bool:
        """Whether a route surely reads and writes no tenant's rows: all that it calls is seen, and nothing of it names a tenant's table.

        A body that does nothing yet, or that takes a dependency and leaves it unused, tells nothing: it is not taken for harmless.
        """
        if _does_nothing(function):
            return False
        used = {item.dotted.partition(".")[0] for item in _refs(function)}
        if any(
            item.name not in used
            for item in function.params
            for value in (item.default, item.annotation)
            if value is not None
            for part in walk(value)
            if isinstance(part, Call) and part.name in ("Depends", "Security")
        ):
            return False
        return self._harmless(function, 0)

    def _harmless(self, function: FunctionFacts, depth: int) -> bool:
        if depth > _MAX_DEPTH or (function.class_name and _does_nothing(function)):
            return False  # a method without a body is a protocol's: what answers is another class's
        # A cycle adds nothing.
        return self._known.ask_around((function.path, function.qualname), True, self._judge, function, depth)

    def _judge(self, function: FunctionFacts, depth: int) -> bool:
        return all(self._harmless_sink(function, item.value) for item in function.sinks) and all(
            self._harmless_call(function, call, depth) for call in _body(function)
        )

    def _harmless_sink(self, function: FunctionFacts, value: Value) -> bool:
        """A statement is harmless where every table in it is known, and is no tenant's."""
        if not any(isinstance(item, Query | Root) for item in walk(value)):
            return True
        models = [
            model
            for item in walk(value)
            if isinstance(item, Ref)
            for model in [self._model(function, item.dotted)]
            if model is not None
        ]
        return bool(models) and not any(models)

    def _model(self, function: FunctionFacts, dotted: str) -> bool | None:
        """Whether a name is a tenant's model; None where it is no model."""
        while dotted:
            model = self._index.models.by_name.get(self._index.resolve(function.path, dotted, function))
            if model is not None:
                return self._index.models.is_tenant(model)
            dotted = dotted.rpartition(".")[0]
        return None

    def _harmless_call(self, function: FunctionFacts, call: Call, depth: int) -> bool:
        target = self._index.callee(function.path, function, call)
        if target is not None:
            return self._harmless(target, depth + 1)
        name = self._index.callee_name(function.path, function, call)
        if name:
            if self._index.find_class(name) is not None:
                return not self._model(function, call.dotted)
            module, _ = self._index.names.split(name)
            if module is None and "." in name:
                return name.partition(".")[0] not in _STORES
        if call.receiver is not None and self._inherits_elsewhere(function, call.receiver):
            return True
        if call.receiver is None:
            return call.name in _BUILTIN and function.parameter(call.name) is None
        if call.name == "get":  # of a mapping; `session.get(User, 1)` names a class
            return not (
                call.args and isinstance(call.args[0], Ref) and call.args[0].last[:1].isupper()
            ) and not any(isinstance(item, Query) for item in walk(call))
        return call.name in _PLAIN

    def _inherits_elsewhere(self, function: FunctionFacts, receiver: Value) -> bool:
        """Whether an unseen method is one that a class of the project has from a package that stores nothing: `Settings().dict()`."""
        kind = self._index.types.type_of(function.path, function, receiver)
        if (
            not kind
            or self._index.find_class(kind) is None
            or self._index.models.by_name.get(kind) is not None
        ):
            return False
        bases = self._index.types.bases(kind)[1:]
        outside = [base for base in bases if self._index.find_class(base) is None]
        return bool(outside) and not any(base.partition(".")[0] in _STORES for base in outside)


def _body(function: FunctionFacts) -> list[Call]:
    """Its calls, without those of its decorators, defaults and annotations."""
    head = [*function.decorators]
    head += [
        item for parameter in function.params for item in (parameter.default, parameter.annotation) if item
    ]
    outside = {(item.span, item.name) for value in head for item in walk(value) if isinstance(item, Call)}
    return [call for call in function.calls if (call.span, call.name) not in outside]


def _does_nothing(function: FunctionFacts) -> bool:
    return not _body(function) and all(
        isinstance(item, Const) and item.value is None for item in function.returns
    )


def _refs(function: FunctionFacts) -> Iterator[Ref]:
    values: list[Value] = [
        *_body(function),
        *function.returns,
        *function.variables.values(),
        *function.checks,
    ]
    values += [item.value for item in function.sinks]
    for value in values:
        for item in walk(value):
            if isinstance(item, Ref):
                yield item
