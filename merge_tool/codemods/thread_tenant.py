"""Gives functions the tenant parameter and passes it at every call, through all their callers.

Before:

    async def get_user(db, user_id):
        ...

    @router.get("/me")
    async def me(db: AsyncSession = Depends(get_db)):
        return await get_user(db, 1)

After:

    async def get_user(db, user_id, bot_id: int):
        ...

    @router.get("/me")
    async def me(db: AsyncSession = Depends(get_db), bot_id: int = Depends(get_current_tenant)):
        return await get_user(db, 1, bot_id=bot_id)

A call takes the tenant from a variable of that name around it, else from `self`, else the function around it gets the
parameter too: by the policy's dependency where FastAPI calls it, else from its own callers. Where one caller cannot
be mended (it is a callback, an override, under a decorator that may not hand arguments on, or its class is not
known), a required parameter would break it: then the function and all its callers are left, and the site is told.
With `context`, such functions ask the policy's context instead, and the rest of the chain is threaded.
With `optional`, the parameter is `bot_id: int | None = None`, old calls keep working, and only those sites are left.
Calls in tests never hold a function back.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods import context_examples, thread_examples
from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import made
from merge_tool.codemods.thread import Threading
from merge_tool.codemods.unscoped import unscoped_functions
from merge_tool.codemods.values import tenant_value
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, NotDone


@dataclass(frozen=True)
class ThreadTenantOptions:
    """What `thread-tenant` takes.

    Attributes:
        functions: dotted names of the functions and methods to give the tenant.
        unscoped: take also every function of the chosen files in which a statement on a tenant's table is not held to
            one tenant (the linters' own verdict, rule TQ1), and which has no tenant to hold it with.
        context: whether a function that cannot be given the tenant asks the policy's context for it (the first of
            `context.requirers`, which raises where there is none): one that a framework or an unknown caller calls, and,
            where nothing was passed, one of whose callers not all can be mended. Nothing is left because of a caller then.
        parameter: the parameter's name; empty: the policy's.
        optional: whether the parameter is `int | None = None`, so that old calls keep working.
        check_use: whether a function whose body does not read the parameter is left to a person: taking the tenant
            protects nothing. Off where another codemod, such as filter-query, brings the use.
    """

    functions: tuple[str, ...] = ()
    unscoped: bool = False
    context: bool = False
    parameter: str = ""
    optional: bool = False
    check_use: bool = False


class ThreadTenant(Codemod):
    """See the module."""

    name: ClassVar[str] = "thread-tenant"
    Options: ClassVar[type] = ThreadTenantOptions
    unsafe: ClassVar[str] = "functions that other repositories may call take another parameter"
    options: ThreadTenantOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Threads the tenant to the functions that stand in the chosen files; their callers change with them, anywhere."""
        names = Names(project.files)
        chosen = set(project.chosen(paths))
        if not self.options.functions and not self.options.unscoped:
            raise UserError(
                f"codemod {self.name}: no function was named", hint="give functions, or unscoped: true"
            )
        value = tenant_value(project.policy, self.options.parameter, self.options.optional)
        threading = Threading(names, self.name, [value], context_of(project, self.name, self.options.context))
        left: list[NotDone] = []
        for dotted in self.options.functions:
            thing = names.find(dotted)
            module = names.module(thing.path) if thing is not None and thing.path else None
            if thing is None or module is None or thing.kind not in ("function", "unsure"):
                raise UserError(
                    f"codemod {self.name}: the project has no function {dotted}",
                    hint="write its full dotted name",
                )
            found = module.functions[thing.qualname]
            if thing.path not in chosen:
                left.append(
                    NotDone(
                        thing.path, found[0].lineno, self.name, f"{dotted} stands outside the chosen files"
                    )
                )
            elif len(found) > 1:
                left.append(
                    NotDone(
                        thing.path,
                        found[0].lineno,
                        self.name,
                        f"{dotted} is defined more than once in its file",
                    )
                )
            else:
                threading.add(module, found[0])
                if self.options.check_use and not _uses(found[0], value.name):
                    left.append(
                        NotDone(
                            thing.path,
                            found[0].lineno,
                            self.name,
                            f"{dotted} takes {value.name}, but nothing in it uses it yet: hold what it reads and checks to the tenant",
                        )
                    )
        if self.options.unscoped:
            for path, qualname in unscoped_functions(project.files, project.policy, chosen, value.name):
                module = names.module(path)
                same = module.functions.get(qualname, []) if module is not None else []
                if module is not None and len(same) == 1:
                    threading.add(module, same[0])
        edits: dict[str, FileEdits] = {}
        threading.collect(edits)
        return made(project, names, self.name, edits, threading.edits, [*left, *threading.not_done])


def context_of(project: Project, codemod: str, wanted: bool) -> str:
    """The dotted name of what gives the tenant of the context or raises; empty where it is not wanted.

    Raises:
        UserError: the policy names none.
    """
    if not wanted:
        return ""
    if not project.policy.context.requirers:
        raise UserError(
            f"codemod {codemod}: context: the policy names no function that gives the tenant or raises",
            hint="name it under context.requirers",
        )
    return project.policy.context.requirers[0]


def _uses(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    """Whether a function's body reads a name; a parameter that it does not read protects nothing."""
    return any(
        isinstance(node, ast.Name) and node.id == name
        for statement in function.body
        for node in ast.walk(statement)
    )


__all__ = ["CODEMOD", "EXAMPLES", "ThreadTenant"]

EXAMPLES = (*thread_examples.EXAMPLES, *context_examples.EXAMPLES)

CODEMOD = ThreadTenant
