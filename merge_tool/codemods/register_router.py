"""Includes a router in an application, once.

Before::

    def create_app() -> FastAPI:
        app = FastAPI()
        app.include_router(health.router)
        return app

After, with `app: app/web.py`, `router: app.cabinet.routes:router`::

    from app.cabinet.routes import router as cabinet_router

    def create_app() -> FastAPI:
        app = FastAPI()
        app.include_router(health.router)
        app.include_router(cabinet_router)
        return app

The call goes behind the last unconditional `include_router` of the function (or module) that builds the application.
A router that is included already, under whatever name, is left; a prefix that the router has itself is not repeated.
Left to a person: no application, or several; routers included in a loop that cannot be read.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import libcst as cst

from merge_tool.codemods.applications import CannotTellError, find_site, includes_in, scopes
from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.importing import (
    Resolver,
    bound_names,
    dotted,
    file_of,
    module_name,
    target_of,
    walk_scope,
)
from merge_tool.codemods.imports import ImportNeed, add_imports
from merge_tool.codemods.placing import insert_after
from merge_tool.codemods.style import line_limit, quote
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, Edit, NotDone

_PLAIN_PARTS = {"routes", "route", "router", "routers", "api", "endpoints", "views", "app", "src"}


@dataclass(frozen=True)
class Options:
    """Which router goes where.

    Attributes:
        app: the file that builds the application (or the router that gathers others).
        router: the router as `module:attribute`.
        prefix: the path before the router's own routes; empty: none.
    """

    app: str
    router: str
    prefix: str = ""

    def __post_init__(self) -> None:
        module, _, attribute = self.router.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute)):
            raise ValueError(f"router {self.router!r} is not of the form module:attribute")
        if self.prefix and (not self.prefix.startswith("/") or self.prefix.endswith("/")):
            raise ValueError(f"prefix {self.prefix!r} must start with a slash and not end with one")


class RegisterRouter(Codemod):
    """Adds the import and the `include_router` call; see the module."""

    name: ClassVar[str] = "register-router"
    Options: ClassVar[type] = Options

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Edits the file that the option `app` names, if it is among the chosen ones."""
        options: Options = self.options
        resolver = Resolver(project.files)
        module, _, attribute = options.router.partition(":")
        if options.app not in project.files:
            raise UserError(
                f"register-router: there is no file {options.app}",
                hint="name the file that builds the application",
            )
        defined = self._router(project, resolver, module, attribute)
        if options.app not in project.chosen(paths):
            return CodemodResult(not_done=(self._left(1, f"{options.app} is not among the chosen files"),))
        try:
            return self._edit(project, resolver, f"{module}.{attribute}", defined)
        except CannotTellError as error:
            return CodemodResult(not_done=(self._left(error.line, str(error)),))

    def _left(self, line: int, reason: str) -> NotDone:
        return NotDone(self.options.app, line, self.name, reason)

    def _router(self, project: Project, resolver: Resolver, module: str, attribute: str) -> str:
        """Where the router is defined. Raises `UserError` where the project has none of that name."""
        path = file_of(project.files, module)
        if not path:
            raise UserError(
                f"register-router: the project has no module {module}",
                hint="bring the router's file in first",
            )
        tree = resolver.tree(path)
        if tree is None:
            raise UserError(f"register-router: {path} does not parse", where=path)
        if attribute not in bound_names(tree):
            raise UserError(
                f"register-router: {path} binds no name {attribute}",
                hint="router: is module:attribute",
                where=path,
            )
        return resolver.definition(f"{module}.{attribute}")

    def _edit(self, project: Project, resolver: Resolver, target: str, defined: str) -> CodemodResult:
        path, text = self.options.app, project.files[self.options.app]
        tree = resolver.tree(path)
        if tree is None:
            raise CannotTellError("the file does not parse")
        if self._included(resolver, path, defined):
            return CodemodResult()
        for other in project.files:
            if (
                other != path
                and "include_router" in project.files[other]
                and (line := self._included(resolver, other, defined))
            ):
                raise CannotTellError(
                    f"{other}:{line} includes the router already; including it here too would serve its routes twice"
                )
        site = find_site(resolver, path, tree)
        prefix = self._prefix(resolver, defined)
        name, asname, present = self._names(resolver, path, tree, target, defined)
        keyword = f", prefix={quote(prefix, text)}" if prefix else ""
        call = f"{site.variable}.include_router({asname}{keyword})"
        module = insert_after(cst.parse_module(text), {site.line: call})
        edits = [Edit(path, site.line, self.name, f"include {asname}")]
        if not present:
            need = ImportNeed(target.rpartition(".")[0], name, asname if asname != name else "")
            package = path.endswith("__init__.py")
            module = add_imports(module, [need], module_name(path), package, line_limit(text))
            edits.insert(0, Edit(path, 1, self.name, f"import {asname}"))
        return CodemodResult({path: module.code}, tuple(edits))

    # ---- what is there -------------------------------------------------------------------------------------

    def _included(self, resolver: Resolver, path: str, defined: str) -> int:
        """The line of the call in `path` that includes the router; 0 where there is none."""
        tree = resolver.tree(path)
        if tree is None:
            return 0
        module = module_name(path)
        for body, imports in scopes(tree, path):
            lists = {
                target.id: node.value
                for node in walk_scope([*tree.body, *body])
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name) and isinstance(node.value, ast.List | ast.Tuple)
            }
            loops = {
                node.target.id: node.iter
                for node in walk_scope(body)
                if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
            }
            for call in includes_in(body):
                arguments: list[ast.expr] = [
                    *call.args[:1],
                    *(item.value for item in call.keywords if item.arg == "router"),
                ]
                for argument in list(arguments):
                    if isinstance(argument, ast.Name) and argument.id in loops:
                        source = loops[argument.id]
                        items = lists.get(source.id) if isinstance(source, ast.Name) else source
                        if isinstance(items, ast.List | ast.Tuple):
                            arguments += items.elts
                        elif path == self.options.app:
                            raise CannotTellError(
                                "routers are included in a loop whose list cannot be read", call.lineno
                            )
                for argument in arguments:
                    name = dotted(argument)
                    if name and resolver.definition(target_of(name, imports, module)) == defined:
                        return call.lineno
        return 0

    def _prefix(self, resolver: Resolver, defined: str) -> str:
        """The prefix to write: the option's, unless the router begins with it already."""
        prefix: str = self.options.prefix
        path, name = resolver.place(defined)
        tree = resolver.tree(path) if path else None
        if not prefix or tree is None:
            return prefix
        strings = {
            target.id: node.value.value
            for node in walk_scope(tree.body)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in walk_scope(tree.body):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if not any(isinstance(item, ast.Name) and item.id == name for item in targets):
                    continue
                given = next((item.value for item in node.value.keywords if item.arg == "prefix"), None)
                if given is None:
                    return prefix
                own = given.value if isinstance(given, ast.Constant) else strings.get(dotted(given))
                if not isinstance(own, str):
                    raise CannotTellError(
                        f"the prefix of the router in {path}:{node.lineno} cannot be read: {ast.unparse(given)}"
                    )
                return "" if f"{own}/".startswith(f"{prefix}/") else prefix
        return prefix

    def _names(
        self, resolver: Resolver, path: str, tree: ast.Module, target: str, defined: str
    ) -> tuple[str, str, bool]:
        """The router's name in its module, its name here, and whether it is imported here already."""
        imports = resolver.imports(path)
        for local, imported in imports.items():
            if resolver.definition(imported) == defined:
                return "", local, True
        module, _, attribute = target.rpartition(".")
        parts = [part for part in module.split(".") if part not in _PLAIN_PARTS] or module.split(".")
        wanted = [attribute] if attribute != "router" else []
        wanted += [f"{'_'.join(parts[-count:])}_router" for count in range(1, len(parts) + 1)]
        taken = (
            bound_names(tree)
            | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        )
        for name in wanted:
            if name not in taken:
                return attribute, name, False
        raise CannotTellError(f"the names {', '.join(wanted)} are all taken here")


_ROUTER = 'from fastapi import APIRouter\n\nrouter = APIRouter(prefix="/cabinet")\n'
_APP = """from fastapi import FastAPI

from app.webapi.routes import health


def create_app() -> FastAPI:
    app = FastAPI()
    app.include_router(health.router)  # first

    return app
"""
_DONE = """from fastapi import FastAPI

from app.cabinet.routes import router as cabinet_router
from app.webapi.routes import health


def create_app() -> FastAPI:
    app = FastAPI()
    app.include_router(health.router)  # first
    app.include_router(cabinet_router)

    return app
"""
_FILES = {
    "app/webapi/app.py": _APP,
    "app/webapi/routes/health.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
    "app/cabinet/routes/__init__.py": _ROUTER,
}
_OPTIONS = {"app": "app/webapi/app.py", "router": "app.cabinet.routes:router", "prefix": "/cabinet"}

EXAMPLES = (
    Example(_FILES, {"app/webapi/app.py": _DONE}, _OPTIONS),
    Example({**_FILES, "app/webapi/app.py": "x = 1\n"}, {}, _OPTIONS, not_done=("no application was found",)),
)

CODEMOD = RegisterRouter
