"""Rewrites the tokens of one file: the claim, its check, and the secret of the tenant."""

from __future__ import annotations

import ast

from merge_tool.codemods.base import Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.jwt_sites import (
    JwtSite,
    compares_claim,
    jwt_sites,
    literal_payload,
    sets_claim,
    unconditional,
)
from merge_tool.codemods.logging_style import warning
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import made
from merge_tool.codemods.places import span_of, start_of
from merge_tool.codemods.scopes import FunctionNode, Module
from merge_tool.codemods.spelling import spell
from merge_tool.codemods.style import quote
from merge_tool.codemods.thread import Threading
from merge_tool.codemods.thread_checks import own_nodes
from merge_tool.codemods.values import session_value, tenant_value
from merge_tool.model.source import CodemodResult, Edit, NotDone

NAME = "tenant-jwt"


class JwtRewrite:
    """The edits of one file's tokens, and of all callers of its functions."""

    def __init__(
        self, names: Names, project: Project, module: Module, secret: str, claim: str, session: str
    ) -> None:
        self.names, self.project, self.secret_name, self.module = names, project, secret, module
        self.claim = claim or project.policy.claim
        self.tenant = tenant_value(project.policy)
        values = [self.tenant, *([session_value(session)] if secret else [])]
        self.threading = Threading(names, NAME, values)
        self.edits: dict[str, FileEdits] = {}
        self.own = self.edits.setdefault(module.path, FileEdits())
        self.done: list[Edit] = []
        self.left: list[NotDone] = []
        self.secrets: dict[tuple[FunctionNode, str], str] = {}  # variables that hold the secret already

    def run(self) -> CodemodResult:
        """Plans the callers, then the bodies; the edits of both are made at once."""
        sites = []
        for site in jwt_sites(self.names, self.module):
            if site.function is None:
                self.leave(
                    site.call, "the token is made or read outside any function, where no tenant is known"
                )
            elif not site.encodes and not site.verifies:
                self.leave(
                    site.call,
                    "the signature is not verified here, so a check of the claim would prove nothing",
                )
            else:
                sites.append(site)
        if not sites and not self.left:
            self.left.append(
                NotDone(self.module.path, 1, NAME, "no jwt.encode or jwt.decode was found in the file")
            )
        functions = dict.fromkeys(site.function for site in sites if site.function is not None)
        for function in functions:
            self.threading.add(self.module, function, made_async=bool(self.secret_name))
        self.threading.collect(self.edits, together=True)
        if self.threading.blocked() or self.accessor_problem():
            return made(self.project, self.names, NAME, {}, [], [*self.left, *self.threading.not_done])
        for site in sites:
            self.site(site)
        done = [*self.done, *self.threading.edits]
        return made(self.project, self.names, NAME, self.edits, done, [*self.left, *self.threading.not_done])

    def accessor_problem(self) -> bool:
        """Whether the file cannot name the secret's accessor; reported."""
        if not self.secret_name:
            return False
        self.accessor = spell(self.names, self.module, self.secret_name)
        if self.accessor.reason:
            self.left.append(NotDone(self.module.path, 1, NAME, self.accessor.reason))
        return bool(self.accessor.reason)

    def leave(self, node: ast.expr, reason: str) -> None:
        self.left.append(NotDone(self.module.path, node.lineno, NAME, reason))

    def edited(self, node: ast.expr, what: str) -> None:
        self.done.append(Edit(self.module.path, node.lineno, NAME, what))

    def site(self, site: JwtSite) -> None:
        """One encode or decode."""
        assert site.function is not None
        tenant = self.threading.local_name(site.function, self.tenant.name)
        if self.secret_name:
            self.secret(site, site.function, tenant)
        if site.encodes:
            self.encode(site, tenant)
        else:
            self.decode(site, tenant)

    def encode(self, site: JwtSite, tenant: str) -> None:
        """Adds the claim to the payload."""
        if sets_claim(self.module, site, self.claim):
            return
        if site.payload is None:
            self.leave(site.call, "what is encoded here is not known")
            return
        key = quote(self.claim, self.module.text)
        literal = literal_payload(self.module, site)
        if literal is not None:
            known = self.own.entries.setdefault(_dict_span(self.module, literal), [])
            if (key, tenant) not in known:
                known.append((key, tenant))
        else:
            self.own.call(span_of(self.module.text, site.call)).merged[site.payload[0]] = (key, tenant)
        self.edited(site.call, f"the token has the claim {self.claim}")

    def decode(self, site: JwtSite, tenant: str) -> None:
        """Checks the claim of what was decoded."""
        if compares_claim(site, self.claim):
            return
        error = "jwt.InvalidTokenError" if site.library == "jwt" else "jose.JWTError"
        spelled = spell(self.names, self.module, error)
        if spelled.reason:
            self.leave(site.call, spelled.reason)
            return
        statement = self.module.statement(site.call)
        target = _target(statement, site.call)
        if target is None and not unconditional(self.module, site.call):
            self.leave(
                site.call, "the token is decoded within a condition: the check has no sure place there"
            )
            return
        payload = target or self.free(site, "payload", "claims", "token_payload")
        refused = warning(
            self.names,
            self.module,
            self.own,
            "Token refused, it is not of this tenant",
            {self.tenant.name: tenant},
        )
        text = self.module.text
        check = (
            f"if {payload}.get({quote(self.claim, text)}) != {tenant}:\n    {refused}\n"
            f"    raise {spelled.code}({quote('The token is not of this tenant', text)})"
        )
        if target is not None:
            self.own.after.setdefault(start_of(text, statement), []).append(check)
        else:
            self.own.call(span_of(text, site.call)).hoisted = (payload, check)
        self.own.imports += spelled.needs
        self.edited(site.call, f"the claim {self.claim} is checked")

    def secret(self, site: JwtSite, function: FunctionNode, tenant: str) -> None:
        """Takes the secret from the tenant's configuration."""
        module, text = self.module, self.module.text
        if self.has_accessor(function):
            return
        if site.key is None:
            self.leave(site.call, "the secret of this call is not known")
            return
        index, key = site.key
        session = self.threading.local_name(function, "db")
        call = f"await {self.accessor.code}({session}, {tenant})"
        message = f"No JWT secret is configured for {self.tenant.name}={{{tenant}}}"
        bindings = module.body_of[function].bindings.get(key.id, []) if isinstance(key, ast.Name) else []
        if any(item.kind == "param" for item in bindings):
            self.leave(
                site.call,
                f"the secret comes from the callers of {function.name}: take it from the tenant's configuration there",
            )
            return
        self.own.imports += self.accessor.needs
        if isinstance(key, ast.Name) and len(bindings) == 1 and bindings[0].value is not None:
            value, name = bindings[0].value, key.id
            if (function, name) in self.secrets:
                return
            self.secrets[(function, name)] = name
            self.own.expressions[span_of(text, value)] = call
            holder = bindings[0].node
            assert isinstance(holder, ast.stmt)
            self.own.after.setdefault(start_of(text, holder), []).append(_check(name, message, text))
            replaced: ast.expr = value
        else:
            known = self.secrets.get((function, ast.unparse(key)))
            name = known or self.free(site, "secret", "tenant_secret", "jwt_secret")
            if known is None:
                self.secrets[(function, ast.unparse(key))] = name
                first = start_of(text, module.statement(site.call))
                self.own.before.setdefault(first, []).append(
                    f"{name} = {call}\n{_check(name, message, text)}"
                )
            self.own.call(span_of(text, site.call)).replaced[index] = name
            replaced = key
        self.own.unused |= {item.id for item in ast.walk(replaced) if isinstance(item, ast.Name)}
        self.edited(site.call, "the secret is the tenant's")

    def has_accessor(self, function: FunctionNode) -> bool:
        """Whether the function takes the tenant's secret already."""
        wanted = self.names.find(self.secret_name)
        dotted = wanted.dotted if wanted else self.secret_name
        for node in own_nodes(function):
            if isinstance(node, ast.Call) and node in self.module.scope_of:
                thing = self.names.resolve(self.module, self.module.scope_of[node], node.func)
                if thing is not None and thing.dotted == dotted:
                    return True
        return False

    def free(self, site: JwtSite, *wanted: str) -> str:
        """The first of some names that the function does not use."""
        assert site.function is not None
        used = {node.id for node in ast.walk(site.function) if isinstance(node, ast.Name)}
        used |= set(self.module.body_of[site.function].bindings) | set(self.module.scope.bindings)
        return next((name for name in wanted if name not in used), f"{wanted[0]}_")


def _check(name: str, message: str, text: str) -> str:
    return f"if not {name}:\n    raise ValueError(f{quote(message, text)})"


def _dict_span(module: Module, node: ast.Dict) -> tuple[int, int, int, int]:
    return span_of(module.text, node)


def _target(statement: ast.stmt, call: ast.Call) -> str | None:
    """The variable that takes all of the call's value."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=value)
        ) if value is call:
            return name
    return None
