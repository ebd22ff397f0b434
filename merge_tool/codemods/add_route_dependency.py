"""Gives every FastAPI route the tenant by a dependency.

Before:

    from ..dependencies import get_db

    @router.get("/me")
    async def me(user: User = Depends(get_user), db: AsyncSession = Depends(get_db)):
        ...

After:

    from ..dependencies import get_db, get_cabinet_tenant

    @router.get("/me")
    async def me(
        user: User = Depends(get_user), db: AsyncSession = Depends(get_db), bot_id: int = Depends(get_cabinet_tenant)
    ):
        ...

Routes that have the dependency are left alone, under whatever name they hold it. The functions of the policy's context, which
give None or end in 500 without a tenant, and the dependencies named in `replace` become the new one. A route whose parameter of that name comes from the request (a path or query parameter) is not
changed and reported: the client would choose the tenant there. So is a route that sets a variable of that name.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.fastapi_callables import (
    METHODS,
    alias_dependency,
    dependency_node,
    dependency_of,
    depends_of_parameter,
    is_added,
    route_decorators,
)
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import made
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module, parameters_of
from merge_tool.codemods.spelling import fastapi_parameter, spell
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class AddRouteDependencyOptions:
    """What `add-route-dependency` takes.

    Attributes:
        dependency: the dotted name of the dependency that gives the tenant or refuses the request.
        parameter: the parameter's name; empty: the policy's.
        annotated_alias: the dotted name of an `Annotated[int, Depends(…)]` alias to write instead; empty: none.
        replace: dotted names of dependencies that the new one takes the place of, besides the policy's getters and requirers.
    """

    dependency: str
    parameter: str = ""
    annotated_alias: str = ""
    replace: tuple[str, ...] = ()


class AddRouteDependency(Codemod):
    """See the module."""

    name: ClassVar[str] = "add-route-dependency"
    Options: ClassVar[type] = AddRouteDependencyOptions
    joined: ClassVar[bool] = False
    options: AddRouteDependencyOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on every route function of the chosen files."""
        if "." not in self.options.dependency:
            raise UserError(
                f"codemod {self.name}: dependency: {self.options.dependency!r} is not a dotted name",
                hint="write module and function, such as app.dependencies.get_tenant",
            )
        names = Names(project.files)
        _must_exist(names, project, self.options.dependency, self.name)
        run = _Run(names, project, self.options)
        for path in project.chosen(paths):
            text = project.files[path]
            if not any(f".{method}" in text for method in (*METHODS, "add_api_")):
                continue
            module = names.module(path)
            if module is None:
                run.left.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            for function in run.routes(module):
                lines = [function.lineno, *(item.lineno for item in function.decorator_list)]
                added = run.added.get(function, 0)
                if project.wants(path, min(lines), max(lines)) or project.wants(path, added, added):
                    run.route(module, function)
        return made(project, names, self.name, run.edits, run.done, run.left, together=False)


def _must_exist(names: Names, project: Project, dotted: str, codemod: str) -> None:
    """Refuses a dependency that the project should hold and does not: every route would import what is not there."""
    top = dotted.partition(".")[0]
    own = any(path == f"{top}.py" or path.startswith((f"{top}/", f"src/{top}/")) for path in project.files)
    if own and names.find(dotted) is None:
        raise UserError(
            f"codemod {codemod}: the project has no {dotted}",
            hint="write the full dotted name of the function that gives the tenant, and create it first",
        )


class _Run:
    def __init__(self, names: Names, project: Project, options: AddRouteDependencyOptions) -> None:
        self.names = names
        self.options = options
        self.parameter = options.parameter or project.policy.parameter
        self.type = project.policy.parameter_type
        self.wanted = self.full(options.dependency)
        # A bare getter gives None without a tenant, and refuses nothing: the new dependency is there for that.
        context = project.policy.context
        bare = (*options.replace, *context.getters, *context.requirers)
        self.replaced = {self.full(item) for item in bare} - {self.wanted}
        others = (self.full(item) for item in project.policy.routes.dependencies)
        self.accepted = ({self.wanted} | set(others)) - self.replaced
        self.edits: dict[str, FileEdits] = {}
        self.done: list[Edit] = []
        self.left: list[NotDone] = []
        self.added: dict[FunctionNode, int] = {}  # the line at which a function is given to add_api_route

    def full(self, dotted: str) -> str:
        """The name where it is defined, for one that may be a re-export."""
        found = self.names.find(dotted)
        return found.dotted if found else dotted

    def routes(self, module: Module) -> list[FunctionNode]:
        """The route functions of a file, in order; those that only look like one are reported."""
        found = {}
        for functions in module.functions.values():
            for function in functions:
                decorators = route_decorators(self.names, module, function)
                if any(item.sure for item in decorators):
                    found[function] = function.lineno
                elif decorators:
                    self.leave(
                        module,
                        function,
                        f"{function.name} looks like a route, but its router's class is not known",
                    )
        for node in module.scope_of:
            if isinstance(node, (ast.Name, ast.Attribute)) and is_added(self.names, module, node):
                thing = self.names.resolve(module, module.scope_of[node], node)
                home = module.functions.get(thing.qualname, []) if thing and thing.path == module.path else []
                if len(home) == 1:
                    found[home[0]] = home[0].lineno
                    self.added[home[0]] = node.lineno
                else:
                    reason = "the function given to add_api_route stands in another file or is not known: run on that file too"
                    self.left.append(NotDone(module.path, node.lineno, AddRouteDependency.name, reason))
        return sorted(found, key=lambda item: found[item])

    def leave(self, module: Module, function: FunctionNode, reason: str) -> None:
        self.left.append(NotDone(module.path, function.lineno, AddRouteDependency.name, reason))

    def route(self, module: Module, function: FunctionNode) -> None:
        """One route: left alone, upgraded, given the parameter, or reported."""
        scope = module.scope_of_definition(function)
        upgraded = False
        for parameter in parameters_of(function.args):
            call = depends_of_parameter(self.names, module, function, parameter.arg)
            thing = dependency_of(self.names, module, call) if call else None
            thing = thing or alias_dependency(self.names, module, scope, parameter.annotation)
            if thing is not None and thing.dotted in self.accepted:
                return
            if call is not None and thing is not None and thing.dotted in self.replaced:
                upgraded = self.upgrade(module, function, call) or upgraded
        if upgraded:
            return
        inner = module.body_of[function]
        if any(item.kind == "param" for item in inner.bindings.get(self.parameter, ())):
            call = depends_of_parameter(self.names, module, function, self.parameter)
            source = (
                f"Depends({ast.unparse(dependency_node(call) or call)})"
                if call
                else "the request, so the client would choose the tenant"
            )
            self.leave(module, function, f"{self.parameter} of {function.name} comes from {source}")
        elif self.parameter in inner.bindings or self.parameter in inner.elsewhere:
            self.leave(module, function, f"{function.name} sets a variable {self.parameter} of its own")
        else:
            self.add(module, function)

    def upgrade(self, module: Module, function: FunctionNode, call: ast.Call) -> bool:
        """Puts the new dependency in the place of an old one."""
        node = dependency_node(call)
        spelled = spell(self.names, module, self.options.dependency)
        if node is None or spelled.reason:
            self.leave(module, function, spelled.reason or "the dependency is written in an unusual way")
            return True
        edits = self.edits.setdefault(module.path, FileEdits())
        edits.expressions[span_of(module.text, node)] = spelled.code
        edits.imports += spelled.needs
        if isinstance(node, ast.Name):
            edits.unused.add(node.id)
        text = f"{function.name} takes {self.options.dependency.rpartition('.')[2]} instead of {ast.unparse(node)}"
        self.done.append(Edit(module.path, node.lineno, AddRouteDependency.name, text))
        return True

    def add(self, module: Module, function: FunctionNode) -> None:
        """Adds the parameter."""
        options = self.options
        new, needs, reason = fastapi_parameter(
            self.names,
            module,
            function,
            self.parameter,
            self.type,
            options.dependency,
            options.annotated_alias,
        )
        if new is None:
            self.leave(module, function, reason)
            return
        edits = self.edits.setdefault(module.path, FileEdits())
        edits.parameters.setdefault(start_of(module.text, function), []).append(new)
        edits.imports += needs
        self.done.append(
            Edit(
                module.path,
                function.lineno,
                AddRouteDependency.name,
                f"{function.name} takes {self.parameter}",
            )
        )


EXAMPLES = (
    Example(
        before={
            "app/__init__.py": "",
            "app/dependencies.py": """\
def get_db(): ...


def get_cabinet_tenant(): ...
""",
            "app/routes.py": """\
from fastapi import APIRouter, Depends

from app.core.tenant_context import get_current_tenant
from .dependencies import get_db
from .limits import limited

router = APIRouter()


@router.get("/me")
async def me(db=Depends(get_db)):
    return db


@router.post("/{item}")
@router.put("/{item}")
@limited
async def change(
    item: int,
    db=Depends(get_db),  # the session
):
    return item


@router.get("/none")
def none():
    return None


@router.get("/all")
async def everything(*, limit: int = 10, **rest):
    return limit


@router.delete("/old")
async def old(bot_id: int = Depends(get_current_tenant)):
    return bot_id


@router.get("/bots/{bot_id}")
async def of_bot(bot_id: int):
    return bot_id


@router.patch("/local")
async def local():
    bot_id = 1
    return bot_id


def helper():
    return router.get("/me")
""",
        },
        after={
            "app/routes.py": """\
from fastapi import APIRouter, Depends

from .dependencies import get_db, get_cabinet_tenant
from .limits import limited

router = APIRouter()


@router.get("/me")
async def me(db=Depends(get_db), bot_id: int = Depends(get_cabinet_tenant)):
    return db


@router.post("/{item}")
@router.put("/{item}")
@limited
async def change(
    item: int,
    db=Depends(get_db),  # the session
    bot_id: int = Depends(get_cabinet_tenant),
):
    return item


@router.get("/none")
def none(bot_id: int = Depends(get_cabinet_tenant)):
    return None


@router.get("/all")
async def everything(
    *,
    limit: int = 10,
    bot_id: int = Depends(get_cabinet_tenant),
    **rest,
):
    return limit


@router.delete("/old")
async def old(bot_id: int = Depends(get_cabinet_tenant)):
    return bot_id


@router.get("/bots/{bot_id}")
async def of_bot(bot_id: int):
    return bot_id


@router.patch("/local")
async def local():
    bot_id = 1
    return bot_id


def helper():
    return router.get("/me")
""",
        },
        options={"dependency": "app.dependencies.get_cabinet_tenant"},
        not_done=(
            "bot_id of of_bot comes from the request, so the client would choose the tenant",
            "local sets a variable bot_id of its own",
        ),
    ),
)

CODEMOD = AddRouteDependency
