"""What a name means: imports, re-exports and star imports followed through the files of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from merge_tool.index.track import Noted, Tracker
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts
from merge_tool.rulekit.values import Value

_MAX_HOPS = 24

# Where packages are installed to: some repositories hold a whole environment.
_INSTALLED = frozenset(("site-packages", "dist-packages"))


def module_name(path: str) -> tuple[str, bool]:
    """A file's dotted module name by its path, and whether it is a package's `__init__`."""
    pure = PurePosixPath(path).with_suffix("")
    if pure.name == "__init__":
        return ".".join(pure.parts[:-1]), True
    return ".".join(pure.parts), False


class Names:
    """The modules of a project by every name that they can be imported by."""

    def __init__(self, modules: Mapping[str, ModuleFacts], tracker: Tracker | None = None) -> None:
        self.modules = modules
        self.tracker = tracker or Tracker()
        self._by_name: dict[str, str] = {}
        self._cache: dict[tuple[str, str], str] = {}
        self._resolved: Noted[tuple[str, str, int], str] = Noted(self.tracker)
        self._splits: Noted[str, tuple[str | None, str]] = Noted(self.tracker)
        self._ending: dict[str, list[str]] | None = None
        # Names come of paths alone, so that no file is loaded for them.
        named = {path: module_name(path) for path in modules}
        packages = {name for name, is_package in named.values() if is_package}
        for path, (name, _) in named.items():
            self._by_name.setdefault(name, path)
        for path, (name, _) in named.items():
            # `src/app/models.py` is imported as `app.models`: leading folders that are no packages are left out.
            parts = name.split(".")
            if _INSTALLED.intersection(parts):
                continue  # a copy of FastAPI in the repository is FastAPI all the same, not the project's own
            for start in range(1, len(parts)):
                if ".".join(parts[:start]) in packages:
                    break
                self._by_name.setdefault(".".join(parts[start:]), path)

    def module(self, name: str) -> ModuleFacts | None:
        """The module that is imported by that dotted name, or None where it is not of the project."""
        path = self._by_name.get(name)
        return self.modules[path] if path is not None else None

    def ending(self, name: str) -> list[ModuleFacts]:
        """The modules whose dotted name by their path is, or ends in, that name, in order of path."""
        if self._ending is None:
            self._ending = {}
            for path in self.modules:
                parts = module_name(path)[0].split(".")
                for start in range(len(parts)):
                    self._ending.setdefault(".".join(parts[start:]), []).append(path)
        return [self.modules[path] for path in self._ending.get(name, ())]

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
        return self._resolved.ask((path, dotted, id(function)), self._resolve, path, dotted, function)

    def _resolve(self, path: str, dotted: str, function: FunctionFacts | None) -> str:
        head, dot, rest = dotted.partition(".")
        if not head or path not in self.modules:
            return ""
        target = self._local_import(path, head, function)
        if not target:
            key = (path, head)
            known = self._cache.get(key)
            if known is None:
                module = self.modules[path]
                known = self._head(module, head)
                if self._own(module, head):
                    self._cache[key] = known
            self.tracker.seen.add((path, "n", head))
            target = known
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
        self.tracker.seen.add((module.path, "n", head))
        target = _imported(module, head)
        if target is not None:
            return target
        if _binds(module, head):
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
        self.tracker.seen.add((module.path, "n", name))
        if _binds(module, name):
            return f"{module.module}.{name}"
        target = _imported(module, name)
        if target is not None:
            return target
        for star in module.stars:
            other = self.module(star)
            if other is not None:
                found = self._exported(other, name, seen)
                if found:
                    return found
        return ""

    def split(self, qualified: str) -> tuple[ModuleFacts | None, str]:
        """The project's module that an absolute name begins with, and the rest of the name."""
        path, rest = self._splits.ask(qualified, self._split, qualified)
        return (self.modules[path] if path is not None else None), rest

    def _split(self, qualified: str) -> tuple[str | None, str]:
        head = qualified
        while head:
            path = self._by_name.get(head)
            if path is not None:
                rest = qualified[len(head) + 1 :]
                return self._hidden(head, path, rest) or (path, rest)
            head = head.rpartition(".")[0]
        return None, qualified

    def _hidden(self, head: str, path: str, rest: str) -> tuple[str, str] | None:
        """The package that binds the name of one of its modules anew, `db_client = DBClient()` beside `db_client.py`; else None.

        What the module itself defines is still meant by `package.module.name`.
        """
        package, dot, last = head.rpartition(".")
        parent = self._by_name.get(package) if dot else None
        if parent is None or parent == path:
            return None
        module = self.modules[parent]
        self.tracker.seen.add((parent, "n", last))
        if not _binds(module, last) and _imported(module, last) in (None, head):
            return None
        if rest:
            inside, first = self.modules[path], rest.partition(".")[0]
            self.tracker.seen.add((path, "n", first))
            if _binds(inside, first) or _imported(inside, first) is not None or inside.stars:
                return None
        return parent, f"{last}.{rest}" if rest else last

    def canonical(self, qualified: str) -> str:
        """An absolute name with re-exports followed to where the thing is defined."""
        for _ in range(_MAX_HOPS):
            module, rest = self.split(qualified)
            if module is None or not rest:
                return qualified if module is None else module.module
            head, dot, tail = rest.partition(".")
            self.tracker.seen.add((module.path, "n", head))
            if _binds(module, head):
                return f"{module.module}.{rest}"
            target = _imported(module, head) or self._from_stars(module, head)
            if not target:
                return f"{module.module}.{rest}"
            following = f"{target}.{tail}" if dot else target
            if following == qualified:
                return qualified
            qualified = following
        return qualified

    def _own(self, module: ModuleFacts, head: str) -> bool:
        """Whether a name is told by the module alone, without what it takes from others with a star."""
        return _imported(module, head) is not None or _binds(module, head) or not module.stars

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


def binding(module: ModuleFacts, name: str) -> tuple[str | None, bool]:
    """What a module's own top level makes of a name: the import that it stands for, and whether something there is called so.

    Of facts that note what is looked at, this is the key of kind `n`; looking here notes nothing.
    """
    return _imported(module, name), _binds(module, name)


def _imported(module: ModuleFacts, name: str) -> str | None:
    imports: dict[str, str] = module.imports  # type: ignore[assignment]  # a dict, or one that notes
    return dict.get(imports, name)


def _binds(module: ModuleFacts, name: str) -> bool:
    functions: dict[str, FunctionFacts] = module.functions  # type: ignore[assignment]  # as above
    classes: dict[str, ClassFacts] = module.classes  # type: ignore[assignment]
    if dict.__contains__(classes, name) or dict.__contains__(functions, name):
        return True
    variables: dict[str, Value] = dict.__getitem__(functions, "<module>").variables  # type: ignore[assignment]
    return dict.__contains__(variables, name)


def all_functions(modules: Iterable[ModuleFacts]) -> Iterable[FunctionFacts]:
    """Every function of the modules, their top levels included."""
    for module in modules:
        yield from module.functions.values()
