"""The tenancy policy of a code base: what a tenant is there, and how its code carries one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PerTenantSetting:
    """A setting that belongs to a tenant: its field in the settings class, its key in the tenant's configuration."""

    field: str  # CABINET_JWT_SECRET
    key: str  # cabinet.jwt_secret
    accessors: tuple[str, ...] = ()  # methods of the settings object that read it: get_cabinet_jwt_secret
    # Git-style patterns of the files in which it is a tenant's own; empty: all. Elsewhere it still must not verify or sign.
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BypassPolicy:
    """A way past the tenant that is wanted: a helper by its dotted name, or the name of an option or a setting."""

    name: str  # app.db.system_session, skip_tenant, row_security, role
    paths: tuple[str, ...]  # git-style patterns of the files that may use it
    reason: str


@dataclass(frozen=True, slots=True)
class ContextPolicy:
    """The functions that carry the tenant, as dotted names."""

    getters: tuple[str, ...] = ()  # return the tenant or None
    requirers: tuple[str, ...] = ()  # return the tenant or raise
    setters: tuple[str, ...] = ()  # put the tenant into the context
    session_factories: tuple[str, ...] = ()  # give a session bound to a tenant by RLS


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """How a route gets its tenant. Names are dotted; the last part is enough where a project has one of that name."""

    dependencies: tuple[str, ...] = ()
    public: tuple[str, ...] = ()  # git-style patterns of "METHOD /path" or "/path" that need no tenant
    http_paths: tuple[str, ...] = ()  # git-style patterns of the files that hold routes to check; empty: all


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """Redis keys. A key is tenant-aware when the tenant stands in it, wherever: `{bot_id}:{key}`, `cart:{bot_id}:{user_id}`."""

    builders: tuple[str, ...] = ()  # functions that put the tenant into the key they return
    prefixing_clients: tuple[str, ...] = ()  # client classes that add the tenant themselves
    clients: tuple[
        str, ...
    ] = ()  # names of variables or attributes that hold a raw client, besides what is inferred
    global_keys: tuple[str, ...] = ()  # patterns of keys that belong to no tenant
    # Shapes of a tenant's keys on a live server: `{bot_id}` (or `{tenant}`) is the tenant, `{name}` one part, at the end the rest.
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """What log lines owe to the tenant. Empty: nothing is asked of them."""

    levels: tuple[
        str, ...
    ] = ()  # levels whose lines must name the tenant where it is in hand: error, warning, …


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """Which tables belong to a tenant. A model with the tenant column does; these lists say the rest."""

    tenant: tuple[str, ...] = ()  # table names that belong to a tenant even if their model lacks the column
    shared: tuple[str, ...] = ()  # table names that belong to none
    # those whose statements the project seldom holds by the column, "*" for all: findings on them are info while `strict` is false
    unheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompositeIndex:
    """Columns that an index must hold behind the tenant column. A demand on a named table; on `*`, every table that has them, advice."""

    columns: tuple[str, ...]
    table: str = "*"


@dataclass(frozen=True, slots=True)
class DatabasePolicy:
    """What the live database must look like.

    Attributes:
        tenants: the table of the tenants; empty: the one that most tenant columns point at.
        variable: the session variable that policies read, such as `app.current_tenant`; empty: what most of them read.
        index: the name of the index on the tenant column, with `{table}` and `{column}`; empty: any name.
        composites: further indexes that lead with the tenant column.
    """

    tenants: str = ""
    variable: str = ""
    index: str = ""
    composites: tuple[CompositeIndex, ...] = ()


@dataclass(frozen=True, slots=True)
class TransformPolicy:
    """One systematic change that the fork made, which a merge makes on base and theirs too. It is of one kind: a codemod, a
    table of names, or comments.

    Attributes:
        codemod: a codemod's name; `options` are its options.
        rename: identifiers by what the fork calls them; the whole word counts.
        suffixes: ends of identifiers by the fork's: `_kopeks: _cents`.
        strings: whether strings that are one renamed word, such as a column's name or a key, change too.
        comments: `strip`: the fork took comments out; `translated`: it wrote them in another language.
        scripts: Unicode scripts of the comments that `strip` is about; empty: all.
        docstrings: whether docstrings count as comments.
        paths: git-style patterns of the files that it is about; empty: all Python files.
        context: git-style patterns of files that the codemod reads in the fork's version and never edits.
    """

    codemod: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    rename: dict[str, str] = field(default_factory=dict)
    suffixes: dict[str, str] = field(default_factory=dict)
    strings: bool = False
    comments: str = ""
    scripts: tuple[str, ...] = ()
    docstrings: bool = True
    paths: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, with everything that it extends folded in.

    Attributes:
        column: the tenant column of models and tables.
        parameter: the name of the tenant parameter of functions.
        parameter_type: its annotation.
        claim: the claim of tokens that carries the tenant.
        bypasses: the ways past row-level security or the tenant filter that are wanted, where, and why.
        global_marker: the comment that marks a query as meant for all tenants (`# GLOBAL_QUERY: reason`).
        excluded_gateways: names of payment gateways that must never come in.
        forbidden_scripts: Unicode scripts that comments and docstrings must not use, such as `Cyrillic`.
        messages: keys of localised texts by meaning: `tenant_missing`, `tenant_mismatch`, `invalid_token`.
        texts: the dotted name of the class or function that looks a localised text up; empty: plain English text.
        strict: whether every finding counts as its rule gives it; else one that little shows is told as `info`, see `docs/design.md`.
        wrappers: git-style patterns of the files that may make engines and Redis clients; empty: what the linters infer.
        checked_paths: git-style patterns of the files that the linters check when no path is given; empty: all.
        unchecked_paths: git-style patterns of files that they leave out, such as tests and migrations.
        transforms: the fork's systematic changes, in the order in which it made them.
    """

    name: str = "generic"
    source: str = ""
    column: str = "tenant_id"
    parameter: str = "tenant_id"
    parameter_type: str = "int"
    claim: str = "tenant_id"
    context: ContextPolicy = field(default_factory=ContextPolicy)
    routes: RoutePolicy = field(default_factory=RoutePolicy)
    keys: KeyPolicy = field(default_factory=KeyPolicy)
    tables: TablePolicy = field(default_factory=TablePolicy)
    logs: LogPolicy = field(default_factory=LogPolicy)
    database: DatabasePolicy = field(default_factory=DatabasePolicy)
    settings: tuple[PerTenantSetting, ...] = ()
    bypasses: tuple[BypassPolicy, ...] = ()
    config_getter: str = ""  # dotted name of get_config_value(db, tenant, key)
    global_marker: str = "GLOBAL_QUERY"
    excluded_gateways: tuple[str, ...] = ()
    forbidden_scripts: tuple[str, ...] = ()
    messages: dict[str, str] = field(default_factory=dict)
    texts: str = ""
    strict: bool = True
    wrappers: tuple[str, ...] = ()
    checked_paths: tuple[str, ...] = ()
    unchecked_paths: tuple[str, ...] = ()
    transforms: tuple[TransformPolicy, ...] = ()
