"""What a name means: imports, re-exports and star imports followed through the files of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts

_MAX_HOPS = 24


class Names:
    """The modules of a project by every name that they can be imported by."""

    def __init__(self, modules: Mapping[str, ModuleFacts]) -> None:
        self.modules = modules
        self._by_name: dict[str, ModuleFacts] = {}
        self._cache: dict[tuple[str, str], str] = {}
        self._splits: dict[str, tuple[ModuleFacts | None, str]] = {}
        packages = {facts.module for facts in modules.values() if facts.is_package}
        for facts in modules.values():
            self._by_name.setdefault(facts.module, facts)
        for facts in modules.values():
            # `src/app/models.py` is imported as `app.models`: leading folders that are no packages are left out.
            parts = facts.module.split(".")
            for start in range(1, len(parts)):
                if ".".join(parts[:start]) in packages:
                    break
                self._by_name.setdefault(".".join(parts[start:]), facts)

    def module(self, name: str) -> ModuleFacts | None:
        """The module that is imported by that dotted name, or None where it is not of the project."""
        return self._by_name.get(name)

    def resolve(self, path: str, dotted: str, function: FunctionFacts | None = None) -> str:
        """The absolute dotted name that `dotted` stands for in a file.

        Args:
            path: the file.
            dotted: the name as written.
            function: the function in which it is written, for imports inside functions.

        Returns:
            `module.name` with re-exports followed; an external name such as `sqlalchemy.select`; "" where nothing
            binds the first part (a builtin, a parameter, a star import of an unknown module).
        """
        head, dot, rest = dotted.partition(".")
        if not head or path not in self.modules:
            return ""
        target = self._local_import(path, head, function)
        if not target:
            key = (path, head)
            if key not in self._cache:
                self._cache[key] = self._head(self.modules[path], head)
            target = self._cache[key]
        if not target:
            return ""
        return self.canonical(f"{target}.{rest}" if dot else target)

    def _local_import(self, path: str, head: str, function: FunctionFacts | None) -> str:
        functions = self.modules[path].functions
        while function is not None and function.name != "<module>":
            if head in function.imports:
                return function.imports[head]
            inner = f"{function.qualname}.{head}"
            if inner in functions:
                return f"{self.modules[path].module}.{inner}"
            function = functions.get(function.parent)
        return ""

    def _head(self, module: ModuleFacts, head: str) -> str:
        if head in module.imports:
            return module.imports[head]
        if head in module.classes or head in module.functions or head in module.top.variables:
            return f"{module.module}.{head}"
        for star in module.stars:
            other = self.module(star)
            if other is not None and other is not module:
                found = self._exported(other, head, {module.path})
                if found:
                    return found
        return ""

    def _exported(self, module: ModuleFacts, name: str, seen: set[str]) -> str:
        if module.path in seen:
            return ""
        seen.add(module.path)
        if name in module.classes or name in module.functions or name in module.top.variables:
            return f"{module.module}.{name}"
        if name in module.imports:
            return module.imports[name]
        for star in module.stars:
            other = self.module(star)
            if other is not None:
                found = self._exported(other, name, seen)
                if found:
                    return found
        return ""

    def split(self, qualified: str) -> tuple[ModuleFacts | None, str]:
        """The project's module that an absolute name begins with, and the rest of the name."""
        known = self._splits.get(qualified)
        if known is None:
            known = self._splits[qualified] = self._split(qualified)
        return known

    def _split(self, qualified: str) -> tuple[ModuleFacts | None, str]:
        head = qualified
        while head:
            module = self._by_name.get(head)
            if module is not None:
                return module, qualified[len(head) + 1 :]
            head = head.rpartition(".")[0]
        return None, qualified

    def canonical(self, qualified: str) -> str:
        """An absolute name with re-exports followed to where the thing is defined."""
        for _ in range(_MAX_HOPS):
            module, rest = self.split(qualified)
            if module is None or not rest:
                return qualified if module is None else module.module
            head, dot, tail = rest.partition(".")
            if head in module.classes or head in module.functions or head in module.top.variables:
                return f"{module.module}.{rest}"
            target = module.imports.get(head) or self._from_stars(module, head)
            if not target:
                return f"{module.module}.{rest}"
            following = f"{target}.{tail}" if dot else target
            if following == qualified:
                return qualified
            qualified = following
        return qualified

    def _from_stars(self, module: ModuleFacts, head: str) -> str:
        for star in module.stars:
            other = self.module(star)
            if other is not None:
                found = self._exported(other, head, {module.path})
                if found:
                    return found
        return ""

    def find_class(self, qualified: str) -> ClassFacts | None:
        """The class of an absolute name, or None."""
        module, rest = self.split(qualified)
        return module.classes.get(rest) if module is not None else None

    def find_function(self, qualified: str) -> FunctionFacts | None:
        """The function of an absolute name, or None."""
        module, rest = self.split(qualified)
        return module.functions.get(rest) if module is not None and rest else None


def all_functions(modules: Iterable[ModuleFacts]) -> Iterable[FunctionFacts]:
    """Every function of the modules, their top levels included."""
    for module in modules:
        yield from module.functions.values()
