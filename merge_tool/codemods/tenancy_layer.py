"""Writes what a single-tenant project lacks to have tenants at all: the context, the tenant's model, the middleware.

Nothing that is there is written over. By the policy's names, so for the policy `remnabot`:

- `app/core/tenant_context.py`: a context variable with its getter, requirer and setter, and a session that is bound to a tenant;
- the model of the tenants (`Bot`, table `bots`) in the file of the models, with the token by which a request finds it;
- `app/core/tenant_middleware.py`: sets the tenant for the time of a request, by the header `X-Bot-Token`, and is added to the application;
- the file of the dependency that gives the tenant or refuses the request, which `tenant-dependency` then writes.

The token is a secret that the tenant's clients hold. A project that knows its tenants otherwise, by a host name or the path of a webhook, writes
that into the middleware. Left to a person: several applications or none, a context file without one of the policy's functions, jobs and
handlers that no request starts: call the setter there.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.edits import EditError, FileEdits, apply_edits
from merge_tool.codemods.importing import bound_names, file_of
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.layer_examples import EXAMPLES
from merge_tool.codemods.layer_texts import context_text, dependency_text, middleware_text, model_text
from merge_tool.codemods.models import style_of, table_of
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.spelling import spell
from merge_tool.codemods.thread_checks import is_test
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class TenancyLayerOptions:
    """What `tenancy-layer` takes.

    Attributes:
        models: the file of the models; empty: the one with the most.
        model: the class of the tenants; empty: by the tenant column (`bot_id`: Bot).
        table: its table; empty: the first that the policy shares.
        header: the header that holds the tenant's token; empty: by the class.
        middleware: whether to write the middleware and add it to the application.
    """

    models: str = ""
    model: str = ""
    table: str = ""
    header: str = ""
    middleware: bool = True


class TenancyLayer(Codemod):
    """See the module."""

    name: ClassVar[str] = "tenancy-layer"
    Options: ClassVar[type] = TenancyLayerOptions
    options: TenancyLayerOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Adds the files that are missing; `paths` says only where the models and the application are looked for."""
        policy = project.policy
        if not (policy.context.getters and policy.context.requirers and policy.context.setters):
            raise UserError(
                f"codemod {self.name}: the policy does not name the functions of the context",
                hint="name context.getters, context.requirers and context.setters, each by its dotted name",
            )
        self.texts: dict[str, str] = {}
        self.edits: list[Edit] = []
        self.left: list[NotDone] = []
        names = Names(project.files)
        chosen = project.chosen(paths)
        home = self._context(project, names)
        model, owner = self._model(project, names, chosen)
        if self.options.middleware and model:
            self._middleware(project, names, home, owner, model, chosen)
        self._dependency(project)
        self.edits.sort(key=lambda item: (item.path, item.line, item.description))
        self.left.sort(key=lambda item: (item.path, item.line, item.reason))
        return CodemodResult(self.texts, tuple(self.edits), tuple(self.left))

    def _write(self, project: Project, path: str, text: str, what: str) -> None:
        """A new file, and the packages on the way to it where its neighbours are packages."""
        self.texts[path] = text
        self.edits.append(Edit(path, 1, self.name, what))
        folders = path.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            package = "/".join([*folders[:depth], "__init__.py"])
            top = f"{folders[0]}/__init__.py"
            known = package in project.files or package in self.texts
            if (
                not known
                and (depth > 1 or top in project.files)
                and not _has_modules(project, folders[:depth])
            ):
                self.texts[package] = ""
                self.edits.append(Edit(package, 1, self.name, "a package"))

    # ---- the parts ----

    def _context(self, project: Project, names: Names) -> str:
        """Writes the context; gives its module."""
        policy = project.policy
        module, _, _ = policy.context.getters[0].rpartition(".")
        path = file_of(project.files, module)
        if not path:
            maker, asynchronous = _session_maker(project, names)
            path = f"{_root(project)}{module.replace('.', '/')}.py"
            self._write(project, path, context_text(policy, maker, asynchronous), "the context of the tenant")
            if not maker and policy.context.session_factories:
                self.left.append(
                    NotDone(
                        path, 1, self.name, "no file makes sessions: the session of a tenant is not written"
                    )
                )
            return module
        tree = names.module(path)
        bound = bound_names(tree.tree) if tree is not None else set()
        for dotted in (*policy.context.getters, *policy.context.requirers, *policy.context.setters):
            owner, _, last = dotted.rpartition(".")
            if owner == module and last not in bound:
                self.left.append(NotDone(path, 1, self.name, f"{path} is there but has no {last}"))
        return module

    def _model(self, project: Project, names: Names, chosen: list[str]) -> tuple[str, str]:
        """Writes the model of the tenants; gives its class and module, empty where there is none."""
        policy = project.policy
        table = self.options.table or next(
            (name for name in policy.tables.shared if name != "alembic_version"), ""
        )
        found: list[tuple[int, str]] = []
        for path in chosen:
            if "__tablename__" not in project.files[path] or is_test(path):
                continue
            module = names.module(path)
            for qualname, nodes in module.classes.items() if module is not None else ():
                if table and table_of(nodes[0]) == table:
                    assert module is not None
                    return qualname, module.name
            if module is not None:
                found.append((sum(bool(table_of(nodes[0])) for nodes in module.classes.values()), path))
        path = self.options.models or (min(found, key=lambda item: (-item[0], item[1]))[1] if found else "")
        module = names.module(path) if path in project.files else None
        if self.options.models and module is None:
            raise UserError(
                f"codemod {self.name}: models: there is no file {path}", hint="write its path from the root"
            )
        models = (
            [nodes[0] for nodes in module.classes.values() if table_of(nodes[0])]
            if module is not None
            else []
        )
        if module is None or not models or not table:
            reason = (
                "no model has a table"
                if table
                else "the policy shares no table: name the one of the tenants (table)"
            )
            self.left.append(NotDone(path or min(project.files, default=""), 1, self.name, reason))
            return "", ""
        name = self.options.model or _class_name(policy)
        if name in module.scope.bindings:
            self.left.append(NotDone(path, 1, self.name, f"{path} uses the name {name} for something else"))
            return "", ""
        self._model_edits(module, models, name, table)
        return name, module.name

    def _model_edits(self, module: Module, models: list[ast.ClassDef], name: str, table: str) -> None:
        style = style_of(module.tree, models[0])
        base = next((ast.unparse(item) for item in models[0].bases if ast.unparse(item).endswith("Base")), "")
        base = base or ast.unparse(models[0].bases[-1]) if models[0].bases else "Base"
        text, kinds = model_text(name, table, base, style)
        edits = FileEdits(
            imports=[
                ImportNeed("sqlalchemy", kind)
                for kind in kinds
                if kind not in module.scope.bindings and not style.prefix
            ]
        )
        body = module.tree.body
        before = body.index(models[0]) - 1
        edits.after[start_of(module.text, body[before])] = [text]
        try:
            self.texts[module.path] = apply_edits(module.text, edits, module.name, module.package)
        except EditError as error:
            self.left.append(NotDone(module.path, models[0].lineno, self.name, str(error)))
            return
        self.edits.append(Edit(module.path, body[before].lineno, self.name, f"the model {name}"))

    def _middleware(
        self, project: Project, names: Names, home: str, owner: str, model: str, chosen: list[str]
    ) -> None:
        package = home.rpartition(".")[0]
        dotted = f"{package}.tenant_middleware" if package else "tenant_middleware"
        if any("set_current" in text and "Receive" in text for text in project.files.values()) or file_of(
            project.files, dotted
        ):
            return
        maker, asynchronous = _session_maker(project, names)
        if not maker or not asynchronous:
            reason = "no asynchronous session is known: write a middleware that sets the tenant of a request"
            self.left.append(NotDone(min(chosen, default=""), 1, self.name, reason))
            return
        header = self.options.header or f"X-{model}-Token"
        path = f"{_root(project)}{dotted.replace('.', '/')}.py"
        text = middleware_text(project.policy, home, owner, model, maker, header)
        self._write(project, path, text, "the middleware that sets the tenant")
        now = Names({**project.files, **self.texts})
        sites = [
            (module, node)
            for item in chosen
            if (module := now.module(item))
            for node in _applications(item, module)
        ]
        if len(sites) != 1:
            where = ", ".join(f"{module.path}:{node.lineno}" for module, node in sites)
            reason = f"several applications are made ({where})" if sites else "no application is made"
            self.left.append(NotDone(path, 1, self.name, f"{reason}: add the middleware by hand"))
            return
        module, node = sites[0]
        spelled = spell(now, module, f"{dotted}.TenantMiddleware")
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        edits = FileEdits(imports=list(spelled.needs))
        edits.after[start_of(module.text, node)] = [f"{ast.unparse(target)}.add_middleware({spelled.code})"]
        if spelled.reason:
            self.left.append(NotDone(module.path, node.lineno, self.name, spelled.reason))
            return
        self.texts[module.path] = apply_edits(module.text, edits, module.name, module.package)
        self.edits.append(Edit(module.path, node.lineno, self.name, "add the middleware"))

    def _dependency(self, project: Project) -> None:
        policy = project.policy
        bare = {*policy.context.getters, *policy.context.requirers}
        for dotted in policy.routes.dependencies:
            module = dotted.rpartition(".")[0]
            if dotted not in bare and module and not file_of(project.files, module):
                path = f"{_root(project)}{module.replace('.', '/')}.py"
                if path not in self.texts:
                    self._write(project, path, dependency_text(), "the file of the tenant's dependency")


def _root(project: Project) -> str:
    """`src/` where the packages stand there."""
    return (
        "src/"
        if any(path.startswith("src/") for path in project.files) and "src/__init__.py" not in project.files
        else ""
    )


def _has_modules(project: Project, folders: list[str]) -> bool:
    """Whether a folder holds modules without being a package: a namespace package, which stays one."""
    start = "/".join(folders) + "/"
    return any(path.startswith(start) and "/" not in path[len(start) :] for path in project.files)


def _class_name(policy: Policy) -> str:
    stem = policy.column.removesuffix("_id") or "tenant"
    return "".join(part.capitalize() for part in stem.split("_"))


def _session_maker(project: Project, names: Names) -> tuple[str, bool]:
    """The dotted name of what makes sessions, and whether they are asynchronous."""
    for path, text in sorted(project.files.items()):
        if "sessionmaker(" not in text or is_test(path) or "down_revision" in text:
            continue
        module = names.module(path)
        for node in module.tree.body if module is not None else ():
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and isinstance(node.targets[0], ast.Name)
            ):
                called = ast.unparse(node.value.func).rpartition(".")[2]
                asynchronous = called == "async_sessionmaker" or "AsyncSession" in ast.unparse(node.value)
                if called in ("async_sessionmaker", "sessionmaker") and module is not None:
                    return f"{module.name}.{node.targets[0].id}", asynchronous
    return "", False


def _applications(path: str, module: Module) -> list[ast.Assign | ast.AnnAssign]:
    """The statements that make an application of FastAPI."""
    if is_test(path) or "FastAPI(" not in module.text:
        return []
    return [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).rpartition(".")[2] == "FastAPI"
    ]


__all__ = ["CODEMOD", "EXAMPLES", "TenancyLayer"]

CODEMOD = TenancyLayer
