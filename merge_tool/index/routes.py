"""Routes of FastAPI, where their routers are mounted, and where on the way a tenant dependency stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from merge_tool.index.dependencies import TenantDependencies
from merge_tool.index.outlines import WEB
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Route
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Const,
    Items,
    Ref,
    Text,
    Value,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_METHODS = frozenset(("get", "post", "put", "delete", "patch", "options", "head", "trace"))
_MAX_MOUNTS = 64


@dataclass(slots=True, eq=False)
class _Router:
    """One `APIRouter(…)` or `FastAPI(…)`, by the call that makes it."""

    key: str
    prefix: str
    tenant: bool
    application: bool
    mounts: list[tuple[_Router, str, bool]] = field(
        default_factory=list
    )  # parent, prefix, tenant dependency on the mount
    guards: list[str] = field(default_factory=list)  # names of its dependencies, those of its mounts included


@dataclass(frozen=True, slots=True)
class _Mount:
    """One way from a router to the outside."""

    prefix: str
    tenant: bool
    by: str


class RouteReader:
    """Finds the routes of a project."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._dependencies = TenantDependencies(index)
        self._routers: dict[int, _Router] = {}

    def routes(self) -> Iterator[Route]:
        """Every route of the project."""
        functions = list(self._index.functions_in("web"))
        for function in functions:
            for call in function.calls:
                if call.name == "include_router" and call.receiver is not None:
                    self._include(function, call)
                elif call.name == "mount" and len(call.args) >= 2 and call.receiver is not None:
                    self._mount_app(function, call)
        for function in functions:
            yield from self._decorated(function)
            for call in function.calls:
                if call.name in ("add_api_route", "add_api_websocket_route") and call.receiver is not None:
                    yield from self._added(function, call)

    # ---- routers -------------------------------------------------------------------------------------------

    def router(
        self, path: str, function: FunctionFacts | None, value: Value | None, depth: int = 0
    ) -> _Router | None:
        """The router that an expression is: the constructor's call, a variable, or a function that returns one."""
        if value is None or depth > 10:
            return None
        if isinstance(value, Choice):
            for arm in value.arms:
                found = self.router(path, function, arm, depth + 1)
                if found is not None:
                    return found
            return None
        if isinstance(value, Call):
            name = self._index.callee_name(path, function, value)
            if self._is_router_class(name):
                return self._made(path, function, value, name)
            made = self._index.function(name) if name else None
            if made is not None:
                for returned in made.returns:
                    found = self.router(made.path, made, returned, depth + 1)
                    if found is not None:
                        return found
            return None
        if isinstance(value, Ref):
            return self._named(path, function, value.dotted, depth)
        if isinstance(value, Attr):
            return self._attribute(path, function, value, depth)
        return None

    def _named(self, path: str, function: FunctionFacts | None, dotted: str, depth: int) -> _Router | None:
        head, _, rest = dotted.partition(".")
        walker = function
        while walker is not None:
            held = walker.variables.get(dotted)
            if held is not None and not (isinstance(held, Ref) and held.dotted == dotted):
                return self.router(path, walker, held, depth + 1)
            if walker.parameter(dotted) is not None:
                return self._passed(walker, dotted)
            walker = self._index.modules[path].functions.get(walker.parent) if walker.parent else None
        if head == "self" and rest and function is not None and function.class_name:
            facts = self._index.modules[path].classes.get(function.class_name)
            held = (facts.instance.get(rest) or facts.attributes.get(rest)) if facts is not None else None
            init = self._index.modules[path].functions.get(f"{function.class_name}.__init__")
            return self.router(path, init, held, depth + 1) if held is not None else None
        qualified = self._index.resolve(path, dotted, function)
        module, inside = self._index.names.split(qualified) if qualified else (None, "")
        if module is None or not inside:
            return None
        held = module.top.variables.get(inside)
        if held is not None:
            return self.router(module.path, module.top, held, depth + 1)
        first, _, tail = inside.partition(".")
        owner = module.top.variables.get(first)
        if owner is not None and tail:
            return self._attribute(module.path, module.top, Attr(owner, tail), depth + 1)
        return None

    def _passed(self, function: FunctionFacts, name: str) -> _Router | None:
        """A router that is a parameter: it stands for every router that callers pass."""
        key = id(function.parameter(name))
        if key in self._routers:
            return self._routers[key]
        parameter = function.parameter(name)
        kind = parameter.annotation if parameter is not None else None
        declared = kind is not None and self._is_router_class(
            self._index.types.annotated(function.path, function, kind)
        )
        found = _Router(f"{function.path}:{function.header.line}", "", False, False)
        self._routers[key] = found
        for path, caller, value in self._index.values_of(function.path, function, Ref(name)):
            if caller is function:
                continue
            router = self.router(path, caller, value)
            if router is not None and all(parent is not router for parent, _, _ in found.mounts):
                found.mounts.append((router, "", False))
        if not found.mounts and not declared:
            del self._routers[key]
            return None
        return found

    def _attribute(
        self, path: str, function: FunctionFacts | None, value: Attr, depth: int
    ) -> _Router | None:
        owner = self._index.types.type_of(path, function, value.base)
        facts = self._index.find_class(owner) if owner else None
        if facts is None:
            return None
        held = facts.instance.get(value.name) or facts.attributes.get(value.name)
        init = self._index.modules[facts.path].functions.get(f"{facts.qualname}.__init__")
        return self.router(facts.path, init, held, depth + 1) if held is not None else None

    def _is_router_class(self, name: str) -> bool:
        if not name:
            return False
        for base in self._index.types.bases(name):
            head, _, last = base.rpartition(".")
            if last in ("APIRouter", "FastAPI") and (head.startswith("fastapi") or not head):
                return True
        return False

    def _made(self, path: str, function: FunctionFacts | None, call: Call, name: str) -> _Router:
        found = self._routers.get(id(call))
        if found is None:
            prefix = _text(call.argument(10_000, "prefix"))
            tenant = self._dependencies.any_tenant(path, function, call.argument(10_000, "dependencies"))
            bases = self._index.types.bases(name)
            application = any(base.endswith("FastAPI") for base in bases)
            found = _Router(f"{path}:{call.span.line}", prefix, tenant, application)
            found.guards.extend(
                self._dependencies.names(path, function, call.argument(10_000, "dependencies"))
            )
            self._routers[id(call)] = found
            self._by_class(found, name)
        return found

    def _by_class(self, router: _Router, name: str) -> None:
        """`class UserRouter(APIRouter)` that gives dependencies to `super().__init__(…)`: all of its routers have them."""
        owner = self._index.find_class(name)
        init = self._index.types.method(owner, "__init__") if owner is not None else None
        for call in init.calls if init is not None else ():
            receiver = call.receiver
            if call.name == "__init__" and isinstance(receiver, Call) and receiver.dotted == "super":
                assert init is not None  # it has calls
                depended = call.argument(10_000, "dependencies")
                router.tenant |= self._dependencies.any_tenant(init.path, init, depended)
                router.guards.extend(self._dependencies.names(init.path, init, depended))

    def _include(self, function: FunctionFacts, call: Call) -> None:
        parent = self.router(function.path, function, call.receiver)
        argument = call.argument(0, "router")
        children = argument.items if isinstance(argument, Items) else (argument,)
        for item in children:
            child = self.router(function.path, function, item)
            if child is None:
                continue
            if parent is None:
                parent = self._unknown_parent(function, call)
            depended = call.argument(10_000, "dependencies")
            tenant = self._dependencies.any_tenant(function.path, function, depended)
            child.guards.extend(self._dependencies.names(function.path, function, depended))
            child.mounts.append((parent, _text(call.argument(10_000, "prefix")), tenant))

    def _unknown_parent(self, function: FunctionFacts, call: Call) -> _Router:
        return _Router(f"{function.path}:{call.span.line}?", "", False, True)

    def _mount_app(self, function: FunctionFacts, call: Call) -> None:
        parent = self.router(function.path, function, call.receiver)
        child = self.router(function.path, function, call.args[1])
        if parent is not None and child is not None:
            # Dependencies of the outer application do not reach a mounted one; only the path does.
            child.mounts.append((_Router(parent.key, parent.prefix, False, True), _text(call.args[0]), False))

    def _mounts(self, router: _Router, seen: frozenset[int] = frozenset()) -> list[_Mount]:
        """Every way out of a router; its own prefix and dependencies included."""
        if id(router) in seen:
            return []
        own = "application" if router.application else "router"
        outer: list[_Mount] = []
        for parent, prefix, tenant in router.mounts:
            for mount in self._mounts(parent, seen | {id(router)}):
                by = mount.by or ("include_router" if tenant else "")
                outer.append(_Mount(mount.prefix + prefix, mount.tenant or tenant, by))
                if len(outer) >= _MAX_MOUNTS:
                    break
        if not outer:
            outer.append(_Mount("", False, ""))
        return [
            _Mount(
                item.prefix + router.prefix,
                item.tenant or router.tenant,
                item.by or (own if router.tenant else ""),
            )
            for item in outer
        ]

    # ---- routes --------------------------------------------------------------------------------------------

    def _decorated(self, function: FunctionFacts) -> Iterator[Route]:
        for decorator in function.decorators:
            if not isinstance(decorator, Call) or decorator.name not in WEB or decorator.receiver is None:
                continue
            outer = (
                self._index.modules[function.path].functions.get(function.parent)
                or self._index.modules[function.path].top
            )
            router = self.router(function.path, outer, decorator.receiver)
            if router is None:
                continue
            yield from self._route(decorator, function, router, function.path, outer, _methods(decorator))

    def _added(self, function: FunctionFacts, call: Call) -> Iterator[Route]:
        router = self.router(function.path, function, call.receiver)
        endpoint = call.argument(1, "endpoint")
        if router is None or endpoint is None:
            return
        name = self._index.types.name_of(function.path, function, endpoint)
        target = self._index.function(name) if name else None
        if target is not None:
            yield from self._route(call, target, router, function.path, function, _methods(call))

    def _route(
        self, call: Call, target: FunctionFacts, router: _Router, path: str, where: FunctionFacts, method: str
    ) -> Iterator[Route]:
        own_path = _text(call.argument(0, "path"))
        by = ""
        if self._dependencies.function_has_tenant(target):
            by = "parameter"
        elif self._dependencies.any_tenant(path, where, call.argument(10_000, "dependencies")):
            by = "decorator"
        elif self._dependencies.class_has_tenant(target):
            by = "class"
        elif self._dependencies.asked_in(target):
            by = "body"
        mounts = self._mounts(router)
        paths = tuple(dict.fromkeys(mount.prefix + own_path for mount in mounts))
        open_paths = (
            ()
            if by
            else tuple(dict.fromkeys(mount.prefix + own_path for mount in mounts if not mount.tenant))
        )
        if not by and not open_paths:
            by = next((mount.by for mount in mounts if mount.by), "router")
        span = call.span if path == target.path else Span(target.header.line, 1, target.header.line, 1)
        yield Route(
            method,
            paths,
            target.path,
            span,
            target.qualname,
            target.path,
            router.key,
            bool(by),
            by,
            open_paths,
            target.header.line,
            self._guards(call, target, router, path, where),
        )

    def _guards(
        self, call: Call, target: FunctionFacts, router: _Router, path: str, where: FunctionFacts
    ) -> tuple[str, ...]:
        names = [*self._dependencies.names(path, where, call.argument(10_000, "dependencies"))]
        names += self._dependencies.names_of(target)
        stack, seen = [router], {id(router)}
        while stack:
            item = stack.pop()
            names += item.guards
            for parent, _, _ in item.mounts:
                if id(parent) not in seen:
                    seen.add(id(parent))
                    stack.append(parent)
        return tuple(dict.fromkeys(names))


def _methods(call: Call) -> str:
    if call.name in _METHODS:
        return call.name.upper()
    if "websocket" in call.name:
        return "WEBSOCKET"
    methods = call.argument(10_000, "methods")
    names = [_text(item) for item in methods.items] if isinstance(methods, Items) else []
    return ",".join(name.upper() for name in names) or "GET"


def _text(value: Value | None) -> str:
    """A path or prefix as far as it can be read; a part that cannot is `{…}`."""
    if isinstance(value, Const):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, Text):
        return "".join(_text(part) or "{…}" for part in value.parts)
    return "{…}" if value is not None else ""
