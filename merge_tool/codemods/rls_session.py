"""The listener that tells PostgreSQL the tenant at the begin of each transaction, put where sessions are made."""

from __future__ import annotations

import ast
from typing import Protocol

from merge_tool.codemods.base import Project
from merge_tool.codemods.edits import EditError, FileEdits, apply_edits
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.spelling import spell
from merge_tool.errors import UserError
from merge_tool.model.source import Edit, NotDone

_MAKERS = ("async_sessionmaker", "sessionmaker")


class Wishes(Protocol):
    """The options that are read."""

    @property
    def session(self) -> str: ...
    @property
    def setting(self) -> str: ...


def tell_tenant(
    project: Project, wishes: Wishes, codemod: str
) -> tuple[dict[str, str], list[Edit], list[NotDone]]:
    """The new text of the file that makes the sessions; nothing where the tenant is told already.

    Raises:
        UserError: the option names no file of the project, or the policy names no context getter.
    """
    told = [
        path
        for path, text in project.files.items()
        if "set_config(" in text and wishes.setting in text and not _revision(text)
    ]
    if told:
        return {}, [], []
    if not project.policy.context.getters:
        raise UserError(
            f"codemod {codemod}: the policy names no context getter", hint="add context.getters to the policy"
        )
    if wishes.session and wishes.session not in project.files:
        raise UserError(
            f"codemod {codemod}: session: there is no file {wishes.session}",
            hint="write its path from the root",
        )
    names = Names(project.files)
    sites = [wishes.session] if wishes.session else _makers(project)
    if len(sites) != 1:
        where = sites[0] if sites else min(project.files, default="")
        reason = (
            f"sessions are made in several files ({', '.join(sites)})" if sites else "no file makes sessions"
        )
        return (
            {},
            [],
            [NotDone(where, 1, codemod, f"{reason}: name the file (session) that is to tell the tenant")],
        )
    path = sites[0]
    module = names.module(path)
    if module is None:
        return {}, [], [NotDone(path, 1, codemod, names.broken[path])]
    return _written(names, module, project.policy.context.getters[0], wishes.setting, codemod)


def _written(
    names: Names, module: Module, getter: str, setting: str, codemod: str
) -> tuple[dict[str, str], list[Edit], list[NotDone]]:
    needs: list[ImportNeed] = []
    code: dict[str, str] = {}
    for dotted in (
        "sqlalchemy.event",
        "sqlalchemy.text",
        "sqlalchemy.engine.Connection",
        "sqlalchemy.orm.Session",
        "sqlalchemy.orm.SessionTransaction",
    ):
        spelled = spell(names, module, dotted)
        if spelled.reason:
            return (
                {},
                [],
                [NotDone(module.path, 1, codemod, f"the session cannot tell the tenant: {spelled.reason}")],
            )
        code[dotted.rpartition(".")[2]] = spelled.code
        needs += spelled.needs
    asked = spell(names, module, getter)
    inside = ""
    owner, _, last = getter.rpartition(".")
    if asked.reason:
        # The context imports this file in turn: it is asked for where it is used.
        inside, call = f"    from {owner} import {last}\n\n", last
    else:
        needs += asked.needs
        call = asked.code
    text = f"SELECT set_config('{setting}', :tenant, true)"
    listener = (
        f'@{code["event"]}.listens_for({code["Session"]}, "after_begin")\n'
        f"def tell_tenant(\n"
        f"    session: {code['Session']}, transaction: {code['SessionTransaction']}, connection: {code['Connection']}\n"
        f") -> None:\n"
        f'    """Tells PostgreSQL the tenant, for this transaction alone: a pooled connection must not carry it on."""\n'
        f"{inside}"
        f"    tenant = {call}()\n"
        f'    if tenant is not None and connection.dialect.name == "postgresql":\n'
        f'        connection.execute({code["text"]}("{text}"), {{"tenant": str(tenant)}})'
    )
    place = _place(module.tree)
    edits = FileEdits(imports=needs)
    edits.after[start_of(module.text, place)] = [listener]
    try:
        new = apply_edits(module.text, edits, module.name, module.package)
    except EditError as error:
        return {}, [], [NotDone(module.path, 1, codemod, str(error))]
    return (
        {module.path: new},
        [Edit(module.path, place.lineno, codemod, "tell the tenant of each transaction")],
        [],
    )


def _makers(project: Project) -> list[str]:
    """The files that make sessions, tests and revisions left out."""
    found = []
    for path, text in sorted(project.files.items()):
        if (
            "sessionmaker" not in text
            or path.startswith(("tests/", "test"))
            or "/tests/" in path
            or _revision(text)
        ):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        if any(_makes(item) for item in tree.body):
            found.append(path)
    return found


def _makes(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in _MAKERS


def _place(tree: ast.Module) -> ast.stmt:
    """The last statement that makes sessions, else the last import or the last statement."""
    makers = [item for item in tree.body if _makes(item)]
    imports = [item for item in tree.body if isinstance(item, ast.Import | ast.ImportFrom)]
    return (makers or imports or tree.body)[-1]


def _revision(text: str) -> bool:
    return "down_revision" in text
