"""Gives service classes the tenant: `__init__` takes it and keeps it, and every place that makes an object passes it.

Before::

    class ReceiptService:
        def __init__(self, client):
            self.client = client

    async def pay(db, bot_id: int):
        await ReceiptService(make_client()).send(db)

After, with `classes: [app.services.receipts.ReceiptService]`::

    class ReceiptService:
        def __init__(self, client, bot_id: int):
            self.bot_id = bot_id
            self.client = client

    async def pay(db, bot_id: int):
        await ReceiptService(make_client(), bot_id=bot_id).send(db)

Where an object is made takes the tenant from a variable or parameter of that name, from an object that has it, else the function around
gets it, constructors too, through all callers; methods read it as `self.bot_id`, as the other codemods do from then on. A class
without a constructor gets one. Objects that are made at the top of a file (singletons), classes that are passed on as values, and
constructors that are not the class's own alone hold everything back, and are told. With `context` they do not: the
parameter may be None, and the object asks the policy's context where it was made without a tenant, each time that it is used.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.constructor_examples import EXAMPLES
from merge_tool.codemods.constructor_stubs import Stub, stub_at
from merge_tool.codemods.constructors import ConstructorThreading, base_constructor, constructor_of
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order, made
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.thread_tenant import context_of
from merge_tool.codemods.values import tenant_value
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class TenantConstructorOptions:
    """What `tenant-constructor` takes.

    Attributes:
        classes: dotted names of the classes.
        configured: take also every class of the chosen files whose methods read a setting that the policy says is a tenant's own.
        context: whether an object that was made without a tenant asks the policy's context for it (the first of
            `context.requirers`) when it is used, and a function that cannot be given the tenant asks it too. Nothing is left
            because of a singleton or a caller then.
        optional: whether the parameter is `int | None = None`, so that old calls keep working.
    """

    classes: tuple[str, ...] = ()
    configured: bool = False
    context: bool = False
    optional: bool = False


class TenantConstructor(Codemod):
    """See the module."""

    name: ClassVar[str] = "tenant-constructor"
    Options: ClassVar[type] = TenantConstructorOptions
    unsafe: ClassVar[str] = "classes that other repositories may make objects of take another argument"
    options: TenantConstructorOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the classes that stand in the chosen files; who makes their objects changes with them, anywhere."""
        if not self.options.classes and not self.options.configured:
            raise UserError(
                f"codemod {self.name}: no class was named", hint="give classes, or configured: true"
            )
        names = Names(project.files)
        left: list[NotDone] = []
        wanted = self._wanted(names, project, set(project.chosen(paths)), left)
        stubs: dict[tuple[str, str], Stub] = {}
        for path, qualname in list(wanted):
            module = names.module(path)
            assert module is not None  # _wanted read it
            klass = module.classes[qualname][0]
            if constructor_of(klass) is not None:
                continue
            reason = base_constructor(names, module, klass)
            reason = f"{qualname} has {reason}" if reason else ""
            stub = stub_at(module, klass, project.policy.parameter)
            if not reason and stub is None:
                reason = f"{qualname} is written in a way that leaves no place for a constructor"
            if reason or stub is None:
                left.append(NotDone(path, klass.lineno, self.name, reason))
                wanted.remove((path, qualname))
            else:
                stubs[path, qualname] = stub
        while True:
            result, failed = self._run(project, wanted, stubs)
            lost = [key for key in failed if key in stubs]
            if not lost:
                return replace(result, not_done=in_order([*left, *result.not_done]))
            # A constructor that was only written for the tenant goes again where the tenant cannot come in.
            sites = {(path, name) for path, name in lost}
            left += [item for item in result.not_done if _tells_of(item, sites)]
            wanted = [key for key in wanted if key not in lost]
            stubs = {key: stub for key, stub in stubs.items() if key not in lost}

    def _run(
        self, project: Project, wanted: list[tuple[str, str]], stubs: dict[tuple[str, str], Stub]
    ) -> tuple[CodemodResult, list[tuple[str, str]]]:
        """One attempt; also the classes that could not be done."""
        policy = project.policy
        by_file: dict[str, list[Stub]] = {}
        for (path, _), stub in stubs.items():
            by_file.setdefault(path, []).append(stub)
        texts = {path: _with_stubs(project.files[path], found) for path, found in by_file.items()}
        now = project.with_texts(texts)
        names = Names(now.files)
        value = tenant_value(policy, optional=self.options.optional)
        threading = ConstructorThreading(
            names, self.name, [value], context_of(project, self.name, self.options.context)
        )
        roots = {}
        for path, qualname in wanted:
            module = names.module(path)
            assert module is not None
            constructor = constructor_of(module.classes[qualname][0])
            assert constructor is not None  # stubs saw to it
            threading.built.add(constructor)
            roots[constructor] = (module, (path, qualname))
        for constructor, (module, _) in roots.items():
            threading.add(module, constructor)
        edits: dict[str, FileEdits] = {}
        done = threading.collect(edits)
        result = made(now, names, self.name, edits, threading.edits, threading.not_done)
        failed = [key for constructor, (_, key) in roots.items() if constructor not in done]
        new = {**texts, **result.texts}
        if not result.texts and result.not_done:
            failed = list(wanted)

        def back(path: str, line: int) -> int:
            return line - sum(stub.lines for stub in by_file.get(path, ()) if stub.at < line)

        told = [replace(item, line=max(back(item.path, item.line), 1)) for item in result.edits]
        told += [
            Edit(path, stub.line, self.name, f"{qualname} gets a constructor")
            for (path, qualname), stub in stubs.items()
        ]
        told.sort(key=lambda item: (item.path, item.line, item.description))
        reasons = [replace(item, line=max(back(item.path, item.line), 1)) for item in result.not_done]
        return CodemodResult(new, tuple(told), tuple(reasons)), failed

    # ---- which classes ----

    def _wanted(
        self, names: Names, project: Project, chosen: set[str], left: list[NotDone]
    ) -> list[tuple[str, str]]:
        """The classes by file and qualified name; those that cannot be looked at go to `left`."""
        found: dict[tuple[str, str], None] = {}
        for dotted in self.options.classes:
            thing = names.find(dotted)
            module = names.module(thing.path) if thing is not None and thing.path else None
            if thing is None or module is None or thing.qualname not in module.classes:
                raise UserError(
                    f"codemod {self.name}: the project has no class {dotted}",
                    hint="write its full dotted name",
                )
            nodes = module.classes[thing.qualname]
            if thing.path not in chosen:
                reason = f"{dotted} stands outside the chosen files"
            elif len(nodes) > 1:
                reason = f"{dotted} is defined more than once in its file"
            else:
                found[thing.path, thing.qualname] = None
                continue
            left.append(NotDone(thing.path, nodes[0].lineno, self.name, reason))
        if self.options.configured:
            for path in sorted(chosen):
                text = project.files[path]
                if not any(item.field in text for item in project.policy.settings):
                    continue
                module = names.module(path)
                for qualname, nodes in module.classes.items() if module is not None else ():
                    if len(nodes) == 1 and _reads_settings(module, nodes[0], project.policy):
                        found[path, qualname] = None
        return list(found)


def _reads_settings(module: Module | None, klass: ast.ClassDef, policy: Policy) -> bool:
    """Whether a method reads a setting of the tenant; the settings class itself does not count."""
    fields = {item.field for item in policy.settings}
    declares = any(
        isinstance(item, ast.AnnAssign | ast.Assign) and fields & set(_targets(item)) for item in klass.body
    )
    if declares or module is None:
        return False
    return any(
        (isinstance(node, ast.Attribute) and node.attr in fields)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "getattr"
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Constant)
            and node.args[1].value in fields
        )
        for node in ast.walk(klass)
    )


def _targets(item: ast.AnnAssign | ast.Assign) -> list[str]:
    targets = item.targets if isinstance(item, ast.Assign) else [item.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _with_stubs(text: str, stubs: list[Stub]) -> str:
    for stub in sorted(stubs, key=lambda item: -item.at):
        text = stub.put(text)
    return text


def _tells_of(item: NotDone, sites: set[tuple[str, str]]) -> bool:
    return any(f"{name}.__init__" in item.reason or item.path == path for path, name in sites)


__all__ = ["CODEMOD", "EXAMPLES", "TenantConstructor"]

CODEMOD = TenantConstructor
