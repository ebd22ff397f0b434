"""Rewrites one file of FastAPI dependencies: the tenant's own, and the check of users loaded by a token."""

from __future__ import annotations

import ast

from merge_tool.codemods.base import Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.fastapi_callables import (
    dependency_node,
    dependency_of,
    depends_of_parameter,
    has_dependencies,
)
from merge_tool.codemods.localized import localized
from merge_tool.codemods.logging_style import warning
from merge_tool.codemods.names import Names
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module, parameters_of
from merge_tool.codemods.spelling import fastapi_parameter, spell
from merge_tool.codemods.thread_checks import own_nodes
from merge_tool.codemods.token_users import TokenReaders, TokenUser
from merge_tool.model.source import Edit, NotDone

NAME = "tenant-dependency"


class DependencyRewrite:
    """The edits of the file that gets the dependency."""

    def __init__(
        self, names: Names, project: Project, module: Module, name: str, missing: str, mismatch: str
    ) -> None:
        self.names, self.policy, self.module = names, project.policy, module
        self.name, self.missing, self.mismatch = name, missing, mismatch
        self.edits = FileEdits()
        self.done: list[Edit] = []
        self.left: list[NotDone] = []
        # One gives None without a tenant, the other ends in 500: neither refuses a request as a dependency should.
        bare = (*self.policy.context.getters, *self.policy.context.requirers)
        self.getters = {thing.dotted for item in bare if (thing := names.find(item))} | set(bare)

    def leave(self, line: int, reason: str) -> None:
        self.left.append(NotDone(self.module.path, line, NAME, reason))

    def edited(self, line: int, what: str) -> None:
        self.done.append(Edit(self.module.path, line, NAME, what))

    def spelled(self, dotted: str) -> str:
        """How the file writes a name; its imports are added, and what hinders is reported."""
        found = spell(self.names, self.module, dotted)
        if found.reason:
            self.leave(1, found.reason)
        self.edits.imports += found.needs
        return found.code or dotted.rpartition(".")[2]

    def status(self, code: int, constant: str) -> str:
        """A status code as the file writes them."""
        return f"status.{constant}" if "status" in self.module.scope.bindings else str(code)

    def refusal(self, code: int, constant: str, meaning: str, english: str, given: str) -> str:
        """The code that raises an HTTPException."""
        text = localized(self.names, self.module, self.policy, meaning, english)
        if not given:
            self.edits.imports += text.needs
        detail = given or text.code
        exception = self.spelled("fastapi.HTTPException")
        return f"raise {exception}(\n    status_code={self.status(code, constant)},\n    detail={detail},\n)"

    def define(self) -> None:
        """Writes the dependency, where the file does not have it."""
        name, module = self.name, self.module
        if any(item.kind == "def" for item in module.scope.bindings.get(name, ())):
            return
        if name in module.scope.bindings:
            self.leave(1, f"the file uses the name {name} for something else")
            return
        tenant, kind = self.policy.parameter, self.policy.parameter_type
        getter, depends = self.spelled(self.policy.context.getters[0]), self.spelled("fastapi.Depends")
        # A WebSocket has no Request; HTTPConnection is what both are.
        request = self.spelled("fastapi.requests.HTTPConnection" if self.websockets() else "fastapi.Request")
        optional = f"Optional[{kind}]" if "Optional" in module.scope.bindings else f"{kind} | None"
        refused = warning(
            self.names, module, self.edits, "Request without a tenant refused", {"path": "request.url.path"}
        )
        raised = self.refusal(
            401,
            "HTTP_401_UNAUTHORIZED",
            "tenant_missing",
            "Tenant context is missing",
            self.missing,
        )
        code = (
            f"async def {name}(\n    request: {request},\n    {tenant}: {optional} = {depends}({getter}),\n) -> {kind}:\n"
            f'    """The tenant of the request; without one, the request is refused with 401."""\n'
            f"    if {tenant} is None:\n        {refused}\n{_indented(raised, 2)}\n    return {tenant}"
        )
        first = next(
            (item for item in module.tree.body if isinstance(item, (FunctionNode, ast.ClassDef))), None
        )
        if first is not None:
            self.edits.before.setdefault(start_of(module.text, first), []).append(code)
        elif module.tree.body:
            self.edits.after.setdefault(start_of(module.text, module.tree.body[-1]), []).append(code)
        else:
            self.leave(1, "the file is empty: write its first lines by hand")
        self.edited(first.lineno if first is not None else 1, f"{name} is defined")

    def websockets(self) -> bool:
        """Whether WebSocket routes stand in this file's folder or below."""
        folder = self.module.path.rpartition("/")[0]
        return any(
            ".websocket(" in text for path, text in self.names.files.items() if path.startswith(folder)
        )

    def replace(self) -> None:
        """Puts the new dependency in the place of the bare getter."""
        for call in self.module.calls():
            thing = dependency_of(self.names, self.module, call)
            node = dependency_node(call)
            if thing is None or node is None or thing.dotted not in self.getters or self.inside(call):
                continue
            self.edits.expressions[span_of(self.module.text, node)] = self.name
            if isinstance(node, ast.Name):
                self.edits.unused.add(node.id)  # its import goes where nothing else uses it
            self.edited(node.lineno, f"{self.name} instead of {ast.unparse(node)}")

    def inside(self, node: ast.AST) -> bool:
        """Whether a node belongs to the dependency itself."""
        return any(
            isinstance(item, FunctionNode) and item.name == self.name for item in self.module.ancestors(node)
        )

    def users(self) -> None:
        """Adds the tenant check where a user is loaded by a token."""
        readers = TokenReaders(self.names)
        for functions in self.module.functions.values():
            for function in functions:
                if has_dependencies(self.names, self.module, function) and function.name != self.name:
                    user = readers.user_of(self.module, function)
                    if user is not None and not self.checked(function, user.variable):
                        self.user(function, user)

    def checked(self, function: FunctionNode, variable: str) -> bool:
        """Whether the function compares the user's tenant already."""
        for node in own_nodes(function):
            if isinstance(node, ast.Compare):
                for part in ast.walk(node):
                    match part:
                        case ast.Attribute(value=ast.Name(id=name), attr=attr) if (name, attr) == (
                            variable,
                            self.policy.column,
                        ):
                            return True
        return False

    def user(self, function: FunctionNode, user: TokenUser) -> None:
        """Adds the check to one function."""
        variable, column = user.variable, self.policy.column
        if user.check is None:
            self.leave(
                user.line,
                f"{function.name} loads {variable} by a token, but nothing after it checks that there is one",
            )
            return
        if reason := self.lacks_column(function):
            self.leave(user.line, reason)
            return
        tenant = self.tenant_of(function)
        if not tenant:
            return
        values = {f"user_{column}": f"{variable}.{column}", self.policy.parameter: tenant}
        refused = warning(self.names, self.module, self.edits, "User of another tenant refused", values)
        last = user.check.body[-1]
        if isinstance(last, ast.Return):
            ending = ast.unparse(last)
        else:
            ending = self.refusal(
                403, "HTTP_403_FORBIDDEN", "tenant_mismatch", "Tenant mismatch", self.mismatch
            )
        code = f"\nif {variable}.{column} != {tenant}:\n    {refused}\n{_indented(ending, 1)}"
        self.edits.after.setdefault(start_of(self.module.text, user.check), []).append(code)
        self.edited(user.check.lineno, f"{function.name} checks the tenant of {variable}")

    def lacks_column(self, function: FunctionNode) -> str:
        """Why the user has no tenant; empty: it has one, or its class is not known."""
        scope = self.module.scope_of_definition(function)
        thing = self.names.class_of_annotation(self.module, scope, function.returns)
        if thing is None or not thing.path:
            return ""
        lineage = self.names.lineage(thing)
        column = self.policy.column
        if any(column in home.body_of[node].bindings or _sets(node, column) for _, home, node in lineage):
            return ""
        if any(f"{thing.qualname}.{column} =" in text for text in self.names.files.values()):
            return ""
        return f"{thing.qualname} has no {column}: the check would fail; add the column first"

    def tenant_of(self, function: FunctionNode) -> str:
        """The parameter of a function that holds the tenant, added if need be; empty: it cannot be."""
        accepted = self.getters | {f"{self.module.name}.{self.name}"}
        for parameter in parameters_of(function.args):
            call = depends_of_parameter(self.names, self.module, function, parameter.arg)
            thing = dependency_of(self.names, self.module, call) if call is not None else None
            written = dependency_node(call) if call is not None else None
            if (thing is not None and thing.dotted in accepted) or (
                isinstance(written, ast.Name) and written.id == self.name
            ):
                return parameter.arg
        name = self.policy.parameter
        bound = self.module.body_of[function]
        if name in bound.bindings or name in bound.elsewhere:
            self.leave(
                function.lineno,
                f"{function.name} has a {name} that does not come from the tenant's dependency",
            )
            return ""
        new, needs, reason = fastapi_parameter(
            self.names,
            self.module,
            function,
            name,
            self.policy.parameter_type,
            self.name,
            written=self.name,
        )
        if new is None:
            self.leave(function.lineno, reason)
            return ""
        self.edits.parameters.setdefault(start_of(self.module.text, function), []).append(new)
        self.edits.imports += needs
        self.edited(function.lineno, f"{function.name} takes {name}")
        return name


def _indented(code: str, depth: int) -> str:
    return "\n".join("    " * depth + line for line in code.split("\n"))


def _sets(node: ast.ClassDef, column: str) -> bool:
    """Whether a method of a class sets `self.<column>`."""
    return any(
        isinstance(item, ast.Attribute) and item.attr == column and isinstance(item.ctx, ast.Store)
        for item in ast.walk(node)
    )
