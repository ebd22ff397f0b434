"""An engine that connects as a role which row-level security does not hold.

What it does
------------
Reads the URL of each engine: literals, defaults of settings and of variables of the environment, `URL.create(…)`. Where the project uses row-level security
and the role is a superuser by its name, that is an error, or a warning where it is a default. Where Alembic connects with the same URL and a table
is not forced, that is an `info`.

Why is this bad?
----------------
Superusers and roles with BYPASSRLS always bypass row-level security, and so do the owners of tables, unless it is forced
(https://www.postgresql.org/docs/current/ddl-rowsecurity.html, "Row Security Policies"). The policies then hold in no query.

Example
-------
    engine = create_async_engine("postgresql+asyncpg://postgres:secret@db/app")

Use instead
-----------
    engine = create_async_engine(os.environ["APP_DATABASE_URL"])  # a role NOSUPERUSER NOBYPASSRLS that owns no table

Not reported
------------
Projects without row-level security; other databases; tests, scripts and revisions; roles that the project does not write; engines that share
their URL with Alembic where every table is forced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    Value,
    last_part,
    text_of,
    walk,
)
from merge_tool.rulekit.engineurl import Reading, logins

ENGINES = frozenset(("create_engine", "create_async_engine", "async_engine", "create_pool"))
_SUPER = frozenset(
    "postgres root admin administrator superuser supabase_admin rds_superuser rdsadmin cloudsqladmin cloudsqlsuperuser azure_superuser azure_pg_admin doadmin pgadmin sa".split()  # noqa: SIM905
)
_ASIDE = frozenset(("tests", "test", "scripts", "alembic", "migrations", "versions", "examples", "benchmarks", "tools", "revisions"))  # fmt: skip
_RLS = re.compile(r"\b(?:ENABLE|FORCE)\s+ROW\s+LEVEL\s+SECURITY\b", re.I)
ENV = "from alembic import context\nfrom sqlalchemy import create_engine\nfrom app.config import settings\ndef run():\n    with create_engine(settings.URL).connect() as c:\n        context.configure(connection=c)\n        context.run_migrations()\n"
REVISION = 'from alembic import op\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")\n'
SETTINGS = "from pydantic import Field\nfrom pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    URL: str = Field(default='postgresql://postgres:secret@h/db')\n    USER: str = 'postgres'\n    PASSWORD: str = ''\n    OWN: str = 'postgresql://app@h/db'\n    GIVEN: str\n    @property\n    def dsn(self) -> str:\n        return f'postgresql+asyncpg://{self.USER}:{self.PASSWORD}@h/db'\nsettings = Settings()\n"
RLS = {"alembic/versions/a1.py": REVISION, "app/config.py": SETTINGS}
FORCED = {**RLS, "alembic/versions/a1.py": REVISION + '    op.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")\n'}  # fmt: skip
HEAD = "import os\nfrom sqlalchemy import create_engine, URL\nfrom app.config import settings\n"


class PrivilegedEngine(Rule):
    """See the module."""

    code = "TR6"
    name = "privileged-engine"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports engines whose role is held by no policy."""
        if _ASIDE.intersection(module.path.split("/")[:-1]):
            return
        aliases = {name for name, target in module.imports.items() if last_part(target) in ENGINES}
        names = ENGINES | aliases
        for function in module.functions.values():
            if any(call.name in names for call in function.calls):
                yield from self._engines(function, index, names)

    def _engines(
        self, function: FunctionFacts, index: Project, names: frozenset[str]
    ) -> Iterator[Diagnostic]:
        for call in function.calls:
            if call.name not in names:
                continue
            if not index.callee_name(function.path, function, call).startswith(("sqlalchemy.", "sqlmodel.")):
                continue
            reading = Reading()
            found = [item for item in logins(index, function, call, reading) if item.role.lower() in _SUPER]
            if found:
                if index.once(self.code, lambda: _uses_rls(index)):
                    worst = min(found, key=lambda item: item.default)
                    told = "by default as" if worst.default else "as"
                    yield self.found(
                        function.path,
                        call.span,
                        f"this engine connects {told} {worst.role} (postgresql://{worst.role}:***@…), a superuser by its name: no policy holds it",
                        severity=Severity.WARNING if worst.default else None,
                        reason=["the environment may name another role"] if worst.default else [],
                    )
            elif reading.sources and reading.sources & index.once(
                f"{self.code} alembic", lambda: _alembic_sources(index)
            ):
                table = index.once(f"{self.code} unforced", lambda: _unforced(index))
                if table:
                    yield self.found(
                        function.path,
                        call.span,
                        f"this engine and Alembic connect with one URL: the role owns the tables, and {table} is not forced",
                        severity=Severity.INFO,
                        reason=["whether the role made the tables is not written in the project"],
                    )

    INVALID = (
        Invalid("from sqlalchemy.ext.asyncio import create_async_engine as make\ne = make('postgresql://postgres@h/db')\n", (Expected(2, "as postgres"),), RLS),
        Invalid(HEAD + "e = create_engine('postgresql://postgres:secret@h/db')\n", (Expected(4, "connects as postgres (postgresql://postgres:***@…)"),), RLS),
        Invalid("from sqlalchemy.ext import asyncio as sa\nURL = 'postgresql+asyncpg://root@h/db'\ne = sa.create_async_engine(URL)\n", (Expected(3, "as root"),), RLS),
        Invalid("from sqlalchemy.ext.asyncio import create_async_engine\ndef f():\n    return create_async_engine(url='postgres://rds_superuser:x@h/db')\n", (Expected(3, "rds_superuser"),), RLS),
        Invalid(HEAD + "e = create_engine(os.getenv('X', 'postgresql://postgres:secret@h/db'))\n", (Expected(4, "connects by default as postgres", Severity.WARNING),), RLS),
        Invalid(HEAD + "X = os.environ.get('X') or 'postgresql://admin:secret@h/db'\ndef f():\n    return create_engine(X)\n", (Expected(6, "as admin"),), RLS),
        Invalid(HEAD + "e = create_engine(settings.URL)\n", (Expected(4, "by default as postgres", Severity.WARNING),), RLS),
        Invalid(HEAD + "e = create_engine(settings.dsn)\n", (Expected(4, "by default as postgres", Severity.WARNING),), RLS),
        Invalid(HEAD + "def url():\n    return str(settings.URL).replace('a', 'b')\ndef f():\n    return create_engine(url())\n", (Expected(7, "by default", Severity.WARNING),), RLS),
        Invalid(HEAD + "e = create_engine(URL.create('postgresql+psycopg', username='postgres', password='x'))\n", (Expected(4, "as postgres"),), RLS),
        Invalid(HEAD + "USER = os.getenv('DB_USER', 'postgres')\ne = create_engine(f'postgresql://{USER}:{settings.PASSWORD}@h/db')\n", (Expected(5, "by default", Severity.WARNING),), RLS),
        Invalid(HEAD + "e = create_engine('postgresql://h/db', connect_args={'user': 'postgres'})\n", (Expected(4, "as postgres"),), RLS),
        Invalid(HEAD + "def f(url='postgresql://postgres@h/db'):\n    return create_engine(url)\n", (Expected(5, "by default", Severity.WARNING),), RLS),
        Invalid(HEAD + "from sqlalchemy import text\ndef f(c):\n    c.execute(text('ALTER TABLE a ENABLE ROW LEVEL SECURITY'))\ne = create_engine('postgresql://postgres@h/db')\n", (Expected(7,),), {"app/config.py": SETTINGS}),
        Invalid(HEAD + "e = create_engine(settings.OWN)\n", (Expected(4, "orders is not forced", Severity.INFO),), {**RLS, "alembic/env.py": ENV.replace("settings.URL", "settings.OWN")}),
        Invalid(HEAD + "e = create_engine(os.environ['DB'])\n", (Expected(4, "one URL", Severity.INFO),), {**RLS, "alembic/env.py": ENV.replace("settings.URL", "__import__('os').environ['DB']").replace("__import__('os')", "os").replace("from alembic", "import os\nfrom alembic")}),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "e = create_engine('postgresql://postgres:secret@h/db')\n", {"app/config.py": SETTINGS}),
        Valid(HEAD + "e = create_engine('postgresql://app:postgres@postgres/postgres')\n", RLS),
        Valid(HEAD + "e = create_engine('mysql://root:x@h/db'), create_engine('sqlite:///postgres')\n", RLS),
        Valid(HEAD + "e = create_engine(settings.GIVEN)\ndef f(url):\n    return create_engine(url)\n", RLS),
        Valid(HEAD + "e = create_engine('postgresql://postgres@h/db')\n", RLS, path="tests/conftest.py"),
        Valid(HEAD + "e = create_engine(settings.OWN)\n", {**FORCED, "alembic/env.py": ENV.replace("settings.URL", "settings.OWN")}),
        Valid(HEAD + "e = create_engine(settings.OWN)\n", {**RLS, "alembic/env.py": ENV}),
        Valid("from mine import create_engine\ne = create_engine('postgresql://postgres@h/db')\n", RLS),
        Valid(HEAD + "e = create_engine(URL.create('postgresql', username=os.environ['U']))\ne = create_engine(f'postgresql://{e}:postgres@h')\n", RLS),
        Valid("from sqlalchemy import create_engine\ndef f():\n    return create_engine(f())\ne = create_engine(e)\n", RLS),
    )  # fmt: skip


def _uses_rls(index: Project) -> bool:
    """Whether a revision, or other code, switches row-level security on."""
    if any(step.kind == "row_security" for step in index.migrations().upgrades):
        return True
    for module in index.modules.values():
        for function in module.functions.values():
            values: list[Value] = [*function.returns, *(arg for call in function.calls for arg in call.args)]
            if function is module.top:
                values += function.variables.values()
            if any(_RLS.search(text_of(item)) for value in values for item in walk(value)):
                return True
    return False


def _alembic_sources(index: Project) -> frozenset[str]:
    """The settings and variables of the environment that Alembic's URL is made of."""
    reading = Reading()
    for module in index.modules.values():
        if not module.path.endswith("env.py"):
            continue
        functions = list(module.functions.values())
        if not any(call.name == "run_migrations" for function in functions for call in function.calls):
            continue
        for function in functions:
            for call in function.calls:
                if call.name in ENGINES:
                    logins(index, function, call, reading)
                elif call.name == "set_main_option" and text_of(call.argument(0)) == "sqlalchemy.url":
                    url = call.argument(1)
                    if url is not None:
                        logins(index, function, type(call)(call.func, (url,), (), call.span), reading)
    return frozenset(reading.sources)


def _unforced(index: Project) -> str:
    """A table on which row-level security is on and not forced; "" where there is none, or that cannot be told."""
    if not index.migrations().revisions:
        return ""
    chain = index.chain()
    if any(step.kind == "row_security" and step.name == "force" for step in chain.untold):
        return ""
    tables = (name for name, item in sorted(chain.tables.items()) if item.enabled and not item.forced)
    return next(tables, "")
