"""Whether a dependency of FastAPI is, or depends on, the tenant dependency of the policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.track import Memo
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.values import Attr, Call, Choice, Const, Function, Item, Items, Ref, Star, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


_HELPERS = 2  # how deep a helper is looked into that may ask for the tenant
_SHORT = 15  # calls, more than which no such helper has


class TenantDependencies:
    """Judges dependencies for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        routes = index.policy.routes
        self._wanted = frozenset(
            (*routes.dependencies, *index.policy.context.getters, *index.policy.context.requirers)
        )
        self._wanted_last = frozenset(name.rpartition(".")[2] for name in self._wanted)
        self._tenant_functions: Memo[str, bool] = Memo(index.tracker)

    def function_has_tenant(self, function: FunctionFacts) -> bool:
        """Whether a parameter of the function, or of what its parameters depend on, is the tenant dependency."""
        key = f"{function.path}:{function.qualname}"
        # A cycle of dependencies brings no tenant.
        return self._tenant_functions.ask_around(key, False, self._any_parameter, function)

    def _any_parameter(self, function: FunctionFacts) -> bool:
        return any(
            self._parameter_has_tenant(function, item.annotation, item.default) for item in function.params
        )

    def _parameter_has_tenant(
        self, function: FunctionFacts, annotation: Value | None, default: Value | None
    ) -> bool:
        if isinstance(default, Call):
            if self._is_depends(function.path, function, default):
                return self._depends_on_tenant(function.path, function, default, annotation)
            if self._given_by_call(function.path, function, default):
                return True
        return annotation is not None and self._annotation_has_tenant(function.path, function, annotation)

    def names(
        self, path: str, function: FunctionFacts | None, value: Value | None, depth: int = 0
    ) -> Iterator[str]:
        """The last names of the dependencies in `Depends(…)`, an annotation or a list of them, and of what these depend on."""
        for item in walk(value) if value is not None and depth < 4 else ():
            if not isinstance(item, Call) or item.name not in ("Depends", "Security"):
                continue
            target = item.argument(0, "dependency")
            if isinstance(target, Call):  # RoleGuard(Role.PLATFORM_ADMIN), require_role("superuser")
                for given in target.args:
                    if isinstance(given, Ref):
                        yield given.last
                    elif isinstance(given, Const) and isinstance(given.value, str):
                        yield given.value
                target = target.func
            if isinstance(target, Ref | Attr):
                yield target.last if isinstance(target, Ref) else target.name
                name = self._index.types.name_of(path, function, target)
                found = self._index.function(name) if name else None
                if found is not None:
                    yield from self.names_of(found, depth + 1)

    def names_of(self, function: FunctionFacts, depth: int = 0) -> Iterator[str]:
        """The last names of all that a function's parameters depend on; aliases of `Annotated` give their own name."""
        for item in function.params:
            for value in (item.default, item.annotation):
                yield from self.names(function.path, function, value, depth)
            if isinstance(item.annotation, Ref):
                yield item.annotation.last

    def asked_in(self, function: FunctionFacts, depth: int = 0) -> bool:
        """Whether a function calls a dependency of the policy itself, or a helper that does: `ctx = await resolve_tenant(user, header)`."""
        wanted = self._index.policy.routes.dependencies
        if not wanted:
            return False
        for call in function.calls:
            name = self._index.callee_name(function.path, function, call)
            if not name:
                continue
            if name in wanted or (call.name in self._wanted_last and self._is_reexport(name, wanted)):
                return True
            helper = self._index.function(name) if depth < _HELPERS else None
            if (
                helper is not None
                and helper is not function
                and len(helper.calls) <= _SHORT
                and self.asked_in(helper, depth + 1)
            ):
                return True
        return False

    def _is_reexport(self, name: str, wanted: tuple[str, ...]) -> bool:
        found = self._index.function(name)
        return found is not None and any(self._index.function(item) is found for item in wanted)

    def class_has_tenant(self, function: FunctionFacts) -> bool:
        """Whether the class of a method, or one that it is made of, declares the tenant dependency for all of its routes.

        Class-based views (`@cbv(router)`) write dependencies as attributes: `user: User = Depends(get_current_user)`.
        """
        if not function.class_name:
            return False
        name = f"{self._index.modules[function.path].module}.{function.class_name}"
        for base in self._index.types.bases(name):
            owner = self._index.find_class(base)
            if owner is None:
                continue
            for value in owner.attributes.values():
                if (
                    isinstance(value, Call)
                    and self._is_depends(owner.path, None, value)
                    and self._depends_on_tenant(owner.path, None, value, None)
                ):
                    return True
            if any(self._annotation_has_tenant(owner.path, None, kind) for kind in owner.fields.values()):
                return True
            init = self._index.modules[owner.path].functions.get(f"{owner.qualname}.__init__")
            if init is not None and self.function_has_tenant(init):
                return True
        return False

    def _given_by_call(self, path: str, function: FunctionFacts | None, call: Call) -> bool:
        """`ctx = require_role("admin")`: a function of the project that hands out `Depends(…)`, the same on every way."""
        name = self._index.callee_name(path, function, call)
        made = self._index.function(name) if name else None
        given = [item for item in made.returns if isinstance(item, Call)] if made is not None else []
        return (
            made is not None
            and len(given) == len(made.returns) > 0
            and all(
                self._is_depends(made.path, made, item)
                and self._depends_on_tenant(made.path, made, item, None)
                for item in given
            )
        )

    def _annotation_has_tenant(
        self, path: str, function: FunctionFacts | None, value: Value, depth: int = 0
    ) -> bool:
        if depth > 6:
            return False
        if isinstance(value, Item) and isinstance(value.base, Ref) and value.base.last == "Annotated":
            parts = value.key.items if isinstance(value.key, Items) else (value.key,)
            for part in parts[1:]:
                if (
                    isinstance(part, Call)
                    and self._is_depends(path, function, part)
                    and self._depends_on_tenant(path, function, part, parts[0])
                ):
                    return True
            return self._annotation_has_tenant(path, function, parts[0], depth + 1)
        if isinstance(value, Ref):
            qualified = self._index.resolve(path, value.dotted, function)
            module, inside = self._index.names.split(qualified) if qualified else (None, "")
            held = module.top.variables.get(inside) if module is not None else None
            if module is not None and held is not None and inside not in module.classes:
                return self._annotation_has_tenant(module.path, module.top, held, depth + 1)
        return False

    def _is_depends(self, path: str, function: FunctionFacts | None, call: Call) -> bool:
        if call.name in ("Depends", "Security"):
            return True
        name = self._index.callee_name(path, function, call)
        return name.rpartition(".")[2] in ("Depends", "Security")

    def any_tenant(
        self, path: str, function: FunctionFacts | None, value: Value | None, depth: int = 0
    ) -> bool:
        """Whether a `dependencies=[…]` holds the tenant dependency; a list in a variable is followed."""
        if value is None or depth > 5:
            return False
        if isinstance(value, Items):
            return any(self.any_tenant(path, function, item, depth + 1) for item in value.items)
        if isinstance(value, Star):
            return self.any_tenant(path, function, value.value, depth + 1)
        if isinstance(value, Choice):
            return all(self.any_tenant(path, function, arm, depth + 1) for arm in value.arms)
        if isinstance(value, Call) and self._is_depends(path, function, value):
            return self._depends_on_tenant(path, function, value, None)
        if isinstance(value, Call):
            return self._given_by_call(path, function, value)
        if isinstance(value, Ref):
            qualified = self._index.resolve(path, value.dotted, function)
            module, inside = self._index.names.split(qualified) if qualified else (None, "")
            if module is not None and inside in module.top.variables:
                return self.any_tenant(module.path, module.top, module.top.variables[inside], depth + 1)
        return False

    def _depends_on_tenant(
        self, path: str, function: FunctionFacts | None, call: Call, annotation: Value | None
    ) -> bool:
        target = call.argument(0, "dependency")
        if target is None:  # Depends() takes the annotation
            if (
                isinstance(annotation, Item)
                and isinstance(annotation.base, Ref)
                and annotation.base.last == "Annotated"
            ):
                parts = annotation.key.items if isinstance(annotation.key, Items) else (annotation.key,)
                annotation = parts[0]
            target = annotation
        return target is not None and self._target_has_tenant(path, function, target, 0)

    def _target_has_tenant(
        self, path: str, function: FunctionFacts | None, target: Value, depth: int
    ) -> bool:
        if depth > 6:
            return False
        if isinstance(target, Call):
            return self._made_has_tenant(path, function, target, depth)
        if isinstance(target, Function):
            inner = self._index.modules[path].functions.get(target.name)
            if inner is not None:
                return self.function_has_tenant(inner)
            called = [item for item in walk(target.body) if isinstance(item, Call)]
            return any(self.is_tenant_name(self._index.callee_name(path, function, item)) for item in called)
        name = self._index.types.name_of(path, function, target)
        if isinstance(target, Ref) and self.is_tenant_name(name or target.dotted):
            return True
        if not name:
            return False
        found = self._index.function(name)
        if found is not None:
            return self.function_has_tenant(found)
        owner = self._index.find_class(name)
        if owner is not None:
            init = self._index.types.method(owner, "__init__")
            return init is not None and self.function_has_tenant(init)
        module, inside = self._index.names.split(name)
        held = module.top.variables.get(inside) if module is not None else None
        return (
            module is not None
            and held is not None
            and self._target_has_tenant(module.path, module.top, held, depth + 1)
        )

    def _made_has_tenant(self, path: str, function: FunctionFacts | None, call: Call, depth: int) -> bool:
        """`Depends(make(…))`: a factory's inner function, a partial, or an instance with `__call__`."""
        if call.name == "partial" and call.args:
            return self._target_has_tenant(path, function, call.args[0], depth + 1)
        name = self._index.callee_name(path, function, call)
        if self.is_tenant_name(name):
            return True
        made = self._index.function(name) if name else None
        if made is not None:
            return any(
                self._target_has_tenant(made.path, made, item, depth + 1)
                for item in made.returns
                if not isinstance(item, Const)
            )
        owner = self._index.find_class(name) if name else None
        method = self._index.types.method(owner, "__call__") if owner is not None else None
        return method is not None and self.function_has_tenant(method)

    def is_tenant_name(self, name: str) -> bool:
        """Whether a name is one of the policy's tenant dependencies; without any in the policy, one that speaks of the tenant."""
        last = name.rpartition(".")[2]
        if self._wanted:
            return name in self._wanted or last in self._wanted_last
        word = self._index.policy.parameter.lower().removesuffix("_id")
        return bool(word) and word in last.lower()
