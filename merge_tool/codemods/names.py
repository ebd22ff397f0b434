"""What names stand for across a project: modules, re-exports, aliases, methods, instances. Files are parsed on demand."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from merge_tool.codemods.scopes import Binding, FunctionNode, Module, Scope, parameters_of, parse_module

_ROOTS = ("src/", "lib/", "python/", "backend/")
_MAX_DEPTH = 40
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Thing:
    """What an expression stands for.

    Attributes:
        kind: `function`, `class`, `module`, `instance` (of the class `dotted`), `external` (outside the project),
            or `unsure` (one of several, `dotted` being one of them).
        dotted: the full dotted name where it is defined.
        path: the project's file that defines it; empty outside the project.
        qualname: its name within that file.
    """

    kind: str
    dotted: str
    path: str = ""
    qualname: str = ""


class Names:
    """Resolves names over the Python files of a project."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.broken: dict[str, str] = {}  # files that do not parse, with the reason
        self._modules: dict[str, Module | None] = {}
        self._paths: dict[str, str] = {}
        self._tails: dict[str, str | None] = {}
        self._folders: set[str] = set()
        self._open: set[int] = set()  # lists of bindings that are being resolved
        self._words: dict[str, list[str]] | None = None
        self._mixed: dict[tuple[str, str], tuple[Thing, ...]] = {}
        for path in sorted(files, key=lambda item: (item.count("/"), item)):
            name = self.module_name(path)
            self._paths.setdefault(name, path)
            parts = name.split(".")
            self._folders.update(".".join(parts[:end]) for end in range(1, len(parts)))
            for start in range(1, len(parts)):
                tail = ".".join(parts[start:])
                # A tail that two files share names neither.
                self._tails[tail] = path if tail not in self._tails else None

    def module_name(self, path: str) -> str:
        """The dotted name of a file; a source root such as `src/` is not part of it."""
        for root in _ROOTS:
            if path.startswith(root) and f"{root}__init__.py" not in self.files:
                path = path[len(root) :]
                break
        name = path.removesuffix(".py").replace("/", ".")
        return name.removesuffix(".__init__") if path.endswith("/__init__.py") else name

    def path_of(self, dotted: str) -> str:
        """The file of a module by its dotted name, or empty."""
        return self._paths.get(dotted, "")

    def module(self, path: str) -> Module | None:
        """A file's scopes, or None where it does not parse; `broken` then tells why."""
        if path not in self._modules:
            try:
                self._modules[path] = parse_module(path, self.module_name(path), self.files[path])
            except SyntaxError as error:
                self._modules[path] = None
                self.broken[path] = f"does not parse: line {error.lineno or 1}: {error.msg}"
        return self._modules[path]

    def containing(self, words: set[str]) -> list[Module]:
        """The files that hold one of the words, parsed."""
        if self._words is None:
            self._words = {}
            for path, text in sorted(self.files.items()):
                for word in set(_WORD.findall(text)):
                    self._words.setdefault(word, []).append(path)
        found = sorted({path for word in words for path in self._words.get(word, ())})
        return [module for path in found if (module := self.module(path)) is not None]

    def find(self, dotted: str) -> Thing | None:
        """What a dotted name (module, function, class or method) stands for, through re-exports; None if unknown here."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            path = self.path_of(".".join(parts[:cut])) or (
                self._tails.get(".".join(parts[:cut])) or "" if cut > 1 else ""
            )
            if path:
                thing: Thing | None = Thing("module", self.module_name(path), path)
                for part in parts[cut:]:
                    thing = self.member(thing, part) if thing else None
                return thing
        return None

    def absolute(self, module: Module, binding: Binding) -> str:
        """The dotted name of the module that a `from` import names, with relative dots resolved."""
        if not binding.level:
            return binding.module
        parts = module.name.split(".")
        keep = len(parts) - binding.level + (1 if module.package else 0)
        return ".".join([*parts[: max(keep, 0)], *([binding.module] if binding.module else [])])

    def resolve(self, module: Module, scope: Scope, node: ast.expr, depth: int = 0) -> Thing | None:
        """What an expression evaluated in `scope` stands for; None where that is not known."""
        if depth > _MAX_DEPTH:
            return None
        match node:
            case ast.Name():
                found = scope.find(node.id)
                if found is None:
                    return self._star(module, node.id, depth)
                return self.of_bindings(module, *found, depth)
            case ast.Attribute():
                owner = self.resolve(module, scope, node.value, depth + 1)
                return self.member(owner, node.attr, depth + 1) if owner else None
            case ast.Call():
                made = self.resolve(module, scope, node.func, depth + 1)
                if made and made.dotted == "importlib.import_module" and len(node.args) == 1:
                    named = node.args[0]
                    known = isinstance(named, ast.Constant) and isinstance(named.value, str)
                    path = self.path_of(named.value) if known else ""  # type: ignore[attr-defined]
                    return self._module_thing(named.value) if path else None  # type: ignore[attr-defined]
                if made and made.kind in ("class", "external"):
                    return Thing("instance", made.dotted, made.path, made.qualname)
                return None
            case ast.Await():
                return None
        return None

    def of_bindings(
        self, module: Module, scope: Scope, bindings: list[Binding], depth: int = 0
    ) -> Thing | None:
        """What a name stands for that `bindings` bind in `scope`."""
        # `x = None` beside an import is the usual fallback of a missing package: it is nothing one can call.
        real = [
            item for item in bindings if not (item.kind == "assign" and isinstance(item.value, ast.Constant))
        ] or bindings
        if id(bindings) in self._open:  # `query = query.where(…)`: its own value says nothing new
            return None
        self._open.add(id(bindings))
        try:
            things = [self.of_binding(module, scope, item, depth + 1) for item in real]
        finally:
            self._open.discard(id(bindings))
        known = sorted({item for item in things if item}, key=lambda item: (item.kind, item.dotted))
        if not known:
            return None
        if len(known) == 1 and None not in things:
            if known[0].kind == "function" and len(real) > 1 and all(item.kind == "def" for item in real):
                return Thing("unsure", known[0].dotted, known[0].path, known[0].qualname)
            return known[0]
        functions = [item for item in known if item.kind in ("function", "class")] or known
        return Thing("unsure", functions[0].dotted, functions[0].path, functions[0].qualname)

    def of_binding(self, module: Module, scope: Scope, binding: Binding, depth: int = 0) -> Thing | None:
        """What one binding makes its name stand for."""
        if depth > _MAX_DEPTH:
            return None
        match binding.kind:
            case "import":
                return self._module_thing(binding.module)
            case "from":
                return self.imported(self.absolute(module, binding), binding.name, depth + 1)
            case "def" | "class":
                kind = "function" if binding.kind == "def" else "class"
                qualname = module.qualname[binding.node]
                return Thing(kind, f"{module.name}.{qualname}", module.path, qualname)
            case "assign" if binding.value is not None:
                # A variable of a method's class or a parameter may be rebound; one assignment is what we follow.
                return self.resolve(module, scope, binding.value, depth + 1)
            case "param":
                return self._parameter(module, scope, binding, depth)
        return None

    def imported(self, dotted: str, name: str, depth: int = 0) -> Thing | None:
        """What `from dotted import name` binds."""
        owner = self._module_thing(dotted)
        if owner.kind == "external":
            return Thing("external", f"{dotted}.{name}")
        return self.member(owner, name, depth + 1) or None

    def member(self, owner: Thing, name: str, depth: int = 0) -> Thing | None:
        """What `owner.name` stands for."""
        if depth > _MAX_DEPTH:
            return None
        if owner.kind == "external":
            return Thing("external", f"{owner.dotted}.{name}")
        if owner.kind == "module" and not owner.path:  # a namespace package
            path = self.path_of(f"{owner.dotted}.{name}")
            return (
                self._module_thing(f"{owner.dotted}.{name}")
                if path or self._is_namespace(f"{owner.dotted}.{name}")
                else None
            )
        if not owner.path:
            return None
        if owner.kind == "module":
            module = self.module(owner.path)
            if module is None:
                return None
            if name in module.scope.bindings:
                return self.of_bindings(module, module.scope, module.scope.bindings[name], depth + 1)
            path = self.path_of(f"{module.name}.{name}") if module.package else ""
            return Thing("module", f"{module.name}.{name}", path) if path else self._star(module, name, depth)
        if owner.kind in ("class", "instance"):
            return self.method(owner, name, depth)
        return None

    def method(self, owner: Thing, name: str, depth: int = 0) -> Thing | None:
        """The method `name` of a project's class, its own or inherited from the project."""
        for _, module, node in self.lineage(owner, depth):
            scope = module.body_of[node]
            if name in scope.bindings:
                bindings = scope.bindings[name]
                if any(item.kind == "def" for item in bindings):
                    return self.of_bindings(module, scope, bindings, depth + 1)
                return None
        return None

    def mixed_in(self, owner: Thing) -> tuple[Thing, ...]:
        """The project's classes that inherit a class, which may find a method elsewhere that a mixin calls on `self`."""
        key = (owner.path, owner.qualname)
        if key not in self._mixed:
            found = []
            for module in self.containing({owner.qualname.rpartition(".")[2]}):
                for qualname in module.classes:
                    thing = Thing("class", f"{module.name}.{qualname}", module.path, qualname)
                    above = self.lineage(thing)[1:]
                    if any((item[0].path, item[0].qualname) == key for item in above):
                        found.append(thing)
            self._mixed[key] = tuple(found)
        return self._mixed[key]

    def lineage(self, owner: Thing, depth: int = 0) -> list[tuple[Thing, Module, ast.ClassDef]]:
        """A project's class and its bases within the project, nearest first."""
        found: list[tuple[Thing, Module, ast.ClassDef]] = []
        waiting, seen = [owner], set()
        while waiting and depth <= _MAX_DEPTH:
            thing = waiting.pop(0)
            module = self.module(thing.path) if thing.path else None
            nodes = module.classes.get(thing.qualname, []) if module else []
            if module is None or len(nodes) != 1 or (thing.path, thing.qualname) in seen:
                continue
            seen.add((thing.path, thing.qualname))
            found.append((Thing("class", thing.dotted, thing.path, thing.qualname), module, nodes[0]))
            scope = module.scope_of_definition(nodes[0])
            bases = (self.resolve(module, scope, base, depth + 1) for base in nodes[0].bases)
            waiting += [base for base in bases if base and base.kind == "class"]
        return found

    def class_of_annotation(
        self, module: Module, scope: Scope, node: ast.expr | None, depth: int = 0
    ) -> Thing | None:
        """The class that an annotation names, through `Optional[…]`, `… | None`, `Annotated[…]` and quotes."""
        match node:
            case ast.Constant(value=str(text)):
                try:
                    inner = ast.parse(text, mode="eval").body
                except SyntaxError:
                    return None
                return (
                    self.class_of_annotation(module, scope, inner, depth + 1) if depth < _MAX_DEPTH else None
                )
            case ast.Subscript(value=(ast.Name(id=outer) | ast.Attribute(attr=outer)), slice=inner):
                if outer == "Annotated" and isinstance(inner, ast.Tuple) and inner.elts:
                    inner = inner.elts[0]
                if outer in ("Optional", "Annotated"):
                    return self.class_of_annotation(module, scope, inner, depth + 1)
                return None
            case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)):
                return self.class_of_annotation(module, scope, left, depth + 1)
            case ast.Name() | ast.Attribute():
                thing = self.resolve(module, scope, node, depth + 1)
                return thing if thing and thing.kind in ("class", "external") else None
        return None

    def _parameter(self, module: Module, scope: Scope, binding: Binding, depth: int) -> Thing | None:
        node = binding.node
        function = scope.node
        assert isinstance(node, ast.arg)
        outer = scope.parent
        if outer is None:
            return None
        if node.annotation is not None:
            found = self.class_of_annotation(module, outer, node.annotation, depth + 1)
            return Thing("instance", found.dotted, found.path, found.qualname) if found else None
        if (
            outer.kind == "class"
            and isinstance(function, FunctionNode)
            and parameters_of(function.args)[0] is node
        ):
            if any(
                isinstance(item, ast.Name) and item.id == "staticmethod" for item in function.decorator_list
            ):
                return None
            qualname = module.qualname[outer.node]
            return Thing("instance", f"{module.name}.{qualname}", module.path, qualname)
        return None

    def _module_thing(self, dotted: str) -> Thing:
        path = self.path_of(dotted)
        if path:
            return Thing("module", dotted, path)
        return Thing("module" if self._is_namespace(dotted) else "external", dotted)

    def _is_namespace(self, dotted: str) -> bool:
        """Whether a folder without `__init__.py` has this name."""
        return dotted in self._folders

    def _star(self, module: Module, name: str, depth: int) -> Thing | None:
        if depth > _MAX_DEPTH or name.startswith("_"):
            return None
        for binding in module.scope.stars:
            owner = self._module_thing(self.absolute(module, binding))
            if owner.kind == "module" and owner.path and (found := self.member(owner, name, depth + 1)):
                return found
        return None
