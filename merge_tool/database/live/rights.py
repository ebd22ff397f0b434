"""Ways past row-level security: the role itself, views, materialized views, functions of somebody else, settings and sequences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from merge_tool.database.live.catalog import Catalog, LiveFunction, LiveView
from merge_tool.database.live.findings import LiveFinding, listed, qualified, quoted
from merge_tool.database.live.scope import Scope
from merge_tool.model.policy import Policy
from merge_tool.model.source import Severity

_INVOKER = 150000  # views take security_invoker
_FULL = 0.9


def check_rights(catalog: Catalog, scope: Scope, policy: Policy) -> Iterator[LiveFinding]:
    """What the role may do past the policies."""
    yield from _role(catalog, scope, policy)
    yield from _views(catalog, scope)
    for item in catalog.functions:
        if item.definer:
            yield from _function(item, catalog, scope)
    for sequence in catalog.sequences:
        if not scope.is_owned(sequence.table):
            continue
        table = catalog.tables[sequence.table]
        if not sequence.usable and "INSERT" in table.rights:
            yield LiveFinding(
                "TR6", Severity.WARNING, sequence.name, f"{catalog.role.name} may insert into {sequence.table} but not draw from this sequence",
                f"GRANT USAGE ON SEQUENCE {qualified(sequence.name)} TO {quoted(catalog.role.name)};",
            )  # fmt: skip
        if sequence.used >= _FULL:
            yield LiveFinding(
                "TR6",
                Severity.WARNING,
                sequence.name,
                f"{sequence.used:.0%} of its values are used: all tenants share it",
                f"ALTER TABLE {qualified(sequence.table)} ALTER COLUMN {quoted(sequence.column)} TYPE bigint;",
            )


def _role(catalog: Catalog, scope: Scope, policy: Policy) -> Iterator[LiveFinding]:
    role = catalog.role
    name = quoted(role.name)
    other = "; if the application connects as somebody else, name that role with --role"
    if role.superuser:
        yield LiveFinding(
            "TR6",
            Severity.ERROR,
            role.name,
            f"the role is a superuser, whom no policy binds{other}",
            f"ALTER ROLE {name} NOSUPERUSER;",
        )
    elif role.bypass:
        yield LiveFinding(
            "TM12",
            Severity.ERROR,
            role.name,
            f"the role has BYPASSRLS: no policy binds it{other}",
            f"ALTER ROLE {name} NOBYPASSRLS;",
        )
    else:
        for power in role.powers:
            yield LiveFinding(
                "TM12",
                Severity.ERROR,
                role.name,
                f"the role can become {power}, whom no policy binds",
                f"REVOKE {quoted(power)} FROM {name};",
            )
        owned = [item.name for item in scope.owned if item.owned]
        if owned:
            bare = [item.name for item in scope.owned if item.owned and not item.forced]
            told = f"; {len(bare)} of them do not force row-level security" if bare else ""
            yield LiveFinding(
                "TR6", Severity.ERROR if bare else Severity.INFO, role.name,
                f"the role owns {len(owned)} tenant tables ({', '.join(owned[:3])}{', …' if len(owned) > 3 else ''}), and may switch their policies off{told}",
                f"-- make a role that owns nothing for the application: CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS;\n"
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(qualified(item) for item in owned)} TO app;",
            )  # fmt: skip
        cut = [item.name for item in scope.owned if "TRUNCATE" in item.rights and not item.owned]
        if cut:
            yield LiveFinding(
                "TR6", Severity.INFO, role.name, f"the role may TRUNCATE {len(cut)} tenant tables, which no policy stops",
                f"REVOKE TRUNCATE ON {', '.join(map(qualified, cut))} FROM {name};",
            )  # fmt: skip
    variable = policy.database.variable
    for key, value in role.presets.items():
        if value and (key == variable or (not variable and "tenant" in key and "." in key)):
            yield LiveFinding(
                "TT4",
                Severity.ERROR,
                role.name,
                f"sessions begin with {key} = {value}: who sets no tenant works as that one",
                f"ALTER ROLE {name} RESET {key};",
            )


def _views(catalog: Catalog, scope: Scope) -> Iterator[LiveFinding]:
    sources = {item.name: item.sources for item in catalog.views}

    def reaches(name: str, seen: frozenset[str] = frozenset()) -> list[str]:
        found: list[str] = []
        for item in sources.get(name, ()):
            if scope.is_owned(item):
                found.append(item)
            elif item in sources and item not in seen:
                found += reaches(item, seen | {item})
        return sorted(set(found))

    for view in catalog.views:
        if tables := reaches(view.name):
            yield from _view(view, tables, catalog)


def _view(view: LiveView, tables: list[str], catalog: Catalog) -> Iterator[LiveFinding]:
    name, role = qualified(view.name), catalog.role.name
    shown = ", ".join(tables[:3])
    if view.kind == "m":
        yield LiveFinding(
            "TM11", Severity.ERROR if view.readable else Severity.INFO, view.name,
            f"a materialized view holds rows of {shown} for all tenants, and no policy can bind it" + (f"; {role} may read it" if view.readable else ""),
            f"REVOKE ALL ON {name} FROM {quoted(role)}, PUBLIC;",
        )  # fmt: skip
        return
    if view.invoker:
        return
    past = view.bypass or any(
        catalog.tables[item].owner == view.owner and not catalog.tables[item].forced for item in tables
    )
    mend = f"ALTER VIEW {name} SET (security_invoker = true);"
    if catalog.version < _INVOKER:
        mend = f"-- PostgreSQL 15 has security_invoker; until then give it an owner whom policies bind:\nALTER VIEW {name} OWNER TO {quoted(role)};"
    severity = Severity.WARNING if not past else Severity.ERROR
    yield LiveFinding(
        "TM11", severity if view.readable else Severity.INFO, view.name,
        f"the view reads {shown} as its owner {view.owner}" + (", whom no policy binds" if past else "") + ": it has no security_invoker", mend,
    )  # fmt: skip


def _function(item: LiveFunction, catalog: Catalog, scope: Scope) -> Iterator[LiveFinding]:
    words = set(re.findall(r"\w+", item.source.lower()))
    tables = [table.name for table in scope.owned if table.bare.lower() in words]
    dynamic = "execute" in words
    past = item.bypass or any(
        catalog.tables[name].owner == item.owner and not catalog.tables[name].forced for name in tables
    )
    if tables or dynamic:
        what = f"works on {', '.join(tables[:3])}" if tables else "runs SQL that it puts together"
        yield LiveFinding(
            "TM11", (Severity.ERROR if past and tables else Severity.WARNING) if item.callable else Severity.INFO, item.name,
            f"SECURITY DEFINER: it {what} as {item.owner}" + (", whom no policy binds" if past else ""),
            f"ALTER FUNCTION {item.signature} SECURITY INVOKER;",
        )  # fmt: skip
    if not item.search_path and item.callable:
        yield LiveFinding(
            "TM11", Severity.WARNING, item.name, "SECURITY DEFINER without a search_path of its own: who calls it chooses the tables",
            f"ALTER FUNCTION {item.signature} SET search_path = pg_catalog, {listed((item.name.partition('.')[0],))};",
        )  # fmt: skip
