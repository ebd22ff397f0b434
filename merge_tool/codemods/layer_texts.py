"""The texts of the files that `tenancy-layer` writes."""

from __future__ import annotations

from merge_tool.codemods.models import ColumnStyle
from merge_tool.model.policy import Policy


def context_text(policy: Policy, maker: str, asynchronous: bool) -> str:
    """The file of the context, with the policy's names. `maker`: the dotted name of what makes sessions; empty: none."""
    kind, name = policy.parameter_type, policy.parameter
    getter, requirer, setter = (
        names[0].rpartition(".")[2]
        for names in (policy.context.getters, policy.context.requirers, policy.context.setters)
    )
    reset = f"re{setter}" if setter.startswith("set_") else f"reset_{setter}"
    factory = (
        policy.context.session_factories[0].rpartition(".")[2] if policy.context.session_factories else ""
    )
    lines = [
        '"""The tenant of the running request, update or job.',
        "",
        "It is kept in a context variable, so that those that run side by side never see each other's.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
    ]
    if factory and maker:
        lines += [f"from contextlib import {'asynccontextmanager' if asynchronous else 'contextmanager'}"]
    lines += ["from contextvars import ContextVar, Token"]
    typing = ["AsyncIterator" if asynchronous else "Iterator"] if factory and maker else []
    lines += [f"from typing import {', '.join([*typing, 'Optional'])}"]
    if "." in kind:
        lines.insert(len(lines) - 1, f"import {kind.rpartition('.')[0]}")
    if factory and maker:
        session = "AsyncSession" if asynchronous else "Session"
        lines += ["", f"from sqlalchemy.{'ext.asyncio' if asynchronous else 'orm'} import {session}"]
    lines += [
        "",
        f'_current: ContextVar[Optional[{kind}]] = ContextVar("current_{name}", default=None)',
        "",
        "",
        "class TenantContextMissing(RuntimeError):",
        '    """Something that belongs to a tenant was asked for outside of any tenant\'s context."""',
        "",
        "",
        f"def {getter}() -> Optional[{kind}]:",
        f'    """The {name} of the context, or None where no tenant is set."""',
        "    return _current.get()",
        "",
        "",
        f"def {requirer}() -> {kind}:",
        f'    """The {name} of the context.',
        "",
        "    Raises:",
        "        TenantContextMissing: no tenant is set.",
        '    """',
        f"    {name} = _current.get()",
        f"    if {name} is None:",
        '        raise TenantContextMissing("no tenant is set in this context")',
        f"    return {name}",
        "",
        "",
        f"def {setter}({name}: {kind}) -> Token[Optional[{kind}]]:",
        f'    """Sets the tenant of the context; give the token back to `{reset}`."""',
        f"    return _current.set({name})",
        "",
        "",
        f"def {reset}(token: Token[Optional[{kind}]]) -> None:",
        f'    """Restores what was set before the matching `{setter}`."""',
        "    _current.reset(token)",
    ]
    if factory and maker:
        owner, _, variable = maker.rpartition(".")
        a = "async " if asynchronous else ""
        lines += [
            "",
            "",
            f"@{'async' if asynchronous else ''}contextmanager",
            f"{a}def {factory}({name}: {kind}) -> {'Async' if asynchronous else ''}Iterator[{session}]:",
            f'    """A session in the context of the tenant `{name}`. The caller commits; an error rolls back."""',
            f"    from {owner} import {variable}  # which asks this file for the tenant",
            "",
            f"    token = {setter}({name})",
            "    try:",
            f"        {a}with {variable}() as session:",
            "            yield session",
            "    finally:",
            f"        {reset}(token)",
        ]
    return "\n".join([*lines, ""])


def model_text(name: str, table: str, base: str, style: ColumnStyle) -> tuple[str, tuple[str, ...]]:
    """The class of the tenants in the manner of the file, and the types that it uses."""
    token = f"{name.lower()}_token"
    columns = [
        ("id", "int", "Integer", "primary_key=True"),
        ("name", "str", "String(255)", "nullable=False"),
        (token, "str", "String(128)", "nullable=False, unique=True"),
        ("is_active", "bool", "Boolean", "nullable=False, default=True"),
    ]
    lines = [f"class {name}({base}):", '    """A tenant."""', "", f'    __tablename__ = "{table}"', ""]
    for column, kind, written, rest in columns:
        left = f"{column}: Mapped[{kind}]" if style.mapped else column
        lines.append(f"    {left} = {style.call}({style.prefix}{written}, {rest})")
    return "\n".join(lines), ("Boolean", "Integer", "String")


def middleware_text(policy: Policy, home: str, owner: str, model: str, maker: str, header: str) -> str:
    """The file of the middleware."""
    name, kind = policy.parameter, policy.parameter_type
    setter = policy.context.setters[0].rpartition(".")[2]
    reset = f"re{setter}" if setter.startswith("set_") else f"reset_{setter}"
    sessions, _, variable = maker.rpartition(".")
    token = f"{model.lower()}_token"
    return f'''"""Finds the tenant of an HTTP request and sets it for the time of the request."""

from __future__ import annotations

import logging
from typing import Optional

from sqlalchemy import select
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from {home} import {reset}, {setter}
from {sessions} import {variable}
from {owner} import {model}

logger = logging.getLogger(__name__)

TENANT_HEADER = "{header}"


async def find_tenant(token: str) -> Optional[{kind}]:
    """The id of the active tenant with this token, or None."""
    async with {variable}() as session:
        return await session.scalar(select({model}.id).where({model}.{token} == token, {model}.is_active))


class TenantMiddleware:
    """Plain ASGI, so that the context reaches the endpoint and streaming bodies alike.

    An unknown token sets nothing: whether a route may run without a tenant is decided by its dependencies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = Headers(scope=scope).get(TENANT_HEADER) if scope["type"] in ("http", "websocket") else None
        {name} = await find_tenant(token) if token else None
        if {name} is None:
            if token:
                # The token itself is a secret and stays out of the log.
                logger.warning("Request with an unknown token of a tenant")
            await self.app(scope, receive, send)
            return
        before = {setter}({name})
        try:
            await self.app(scope, receive, send)
        finally:
            {reset}(before)
'''


def dependency_text() -> str:
    """The file of the dependency, before `tenant-dependency` has written it."""
    return '''"""What the routes ask for before they run."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)
'''
