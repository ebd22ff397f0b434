"""Row-level security of the tenant tables: enabled, forced, and policies that let a tenant see and write its own rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from merge_tool.database.live.catalog import Catalog, LivePolicy, LiveTable
from merge_tool.database.live.expressions import Holds, Reading, bodies, read_expression
from merge_tool.database.live.findings import LiveFinding, literal, qualified, quoted
from merge_tool.database.live.scope import Scope
from merge_tool.model.policy import Policy
from merge_tool.model.source import Severity

_READ = ("ALL", "SELECT", "UPDATE", "DELETE")
_WRITTEN = ("ALL", "INSERT", "UPDATE")


def check_security(catalog: Catalog, scope: Scope, policy: Policy) -> Iterator[LiveFinding]:
    """What row-level security of the tenant tables lacks."""
    known = bodies({item.name: item.source for item in catalog.functions})
    readings: dict[str, Reading] = {}

    def read(text: str) -> Reading:
        if text not in readings:
            readings[text] = read_expression(text, scope.column, known)
        return readings[text]

    tables = [item for item in scope.owned if scope.column in item.columns]
    for table in tables:
        for item in table.policies:
            for text in (item.using, item.check):
                if text is not None:
                    read(text)
    used = Counter(
        name for reading in readings.values() for name in reading.variables if reading.holds is Holds.PINNED
    )
    variable = policy.database.variable or (used.most_common(1)[0][0] if used else "app.current_tenant")
    for table in tables:
        yield from _table(table, scope.column, variable, readings, catalog)


def expression(table: LiveTable, column: str, variable: str) -> str:
    """The expression that holds rows of `table` to the session's tenant."""
    kind = table.columns[column].type
    setting = f"nullif(current_setting({literal(variable)}, true), '')"
    cast = "" if kind == "text" or kind.startswith("character varying") else f"::{kind}"
    return f"{quoted(column)} = {setting}{cast}"


def _table(
    table: LiveTable, column: str, variable: str, readings: Mapping[str, Reading], catalog: Catalog
) -> Iterator[LiveFinding]:
    name = qualified(table.name)
    if table.kind == "f":
        yield LiveFinding(
            "TM6",
            Severity.ERROR,
            table.name,
            "is a foreign table, which row-level security cannot bind",
            f"REVOKE ALL ON {name} FROM {quoted(catalog.role.name)};",
        )
        return
    pins = expression(table, column, variable)
    create = f"CREATE POLICY tenant_isolation ON {name} USING ({pins}) WITH CHECK ({pins});"
    if table.is_partition and not table.rls:
        if table.rights and not table.owned:
            yield LiveFinding(
                "TM6", Severity.ERROR, table.name, f"is a partition of {table.parents[0]} that {catalog.role.name} may use directly, past the parent's policies",
                f"REVOKE ALL ON {name} FROM {quoted(catalog.role.name)};",
            )  # fmt: skip
        elif table.owned:
            yield LiveFinding(
                "TM6", Severity.WARNING, table.name, f"is a partition of {table.parents[0]}, whose policies do not bind who names the partition itself",
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\nALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n{create}",
            )  # fmt: skip
        return
    if not table.rls:
        force = "" if table.forced else f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n"
        rest = "" if table.policies else create
        yield LiveFinding(
            "TM6", Severity.ERROR, table.name, "row-level security is not enabled" + (": its policies do nothing" if table.policies else ""),
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n{force}{rest}".rstrip(),
        )  # fmt: skip
    elif not table.forced:
        yield LiveFinding(
            "TM7", Severity.ERROR, table.name, f"row-level security is not forced: its owner {table.owner} sees all tenants" + (f", and {catalog.role.name} is its owner" if table.owned and not catalog.role.superuser else ""),
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;",
        )  # fmt: skip
    yield from _policies(table, variable, pins, create, readings, catalog)


def _policies(
    table: LiveTable,
    variable: str,
    pins: str,
    create: str,
    readings: Mapping[str, Reading],
    catalog: Catalog,
) -> Iterator[LiveFinding]:
    name, role = qualified(table.name), catalog.role
    applying = [item for item in table.policies if item.roles or role.superuser]
    permissive = [item for item in applying if item.permissive]
    if table.rls and not permissive:
        told = f"no policy lets {role.name} in" if table.policies else "row-level security has no policy"
        yield LiveFinding(
            "TM6", Severity.ERROR, table.name, f"{told}: nobody but who bypasses it sees a row", create
        )
    held = {
        part: any(_pinned(item.using if part == "using" else item.check or item.using, readings) for item in applying if not item.permissive and item.command == "ALL")
        for part in ("using", "check")
    }  # fmt: skip
    for item in permissive:
        yield from _policy(table, item, pins, readings, held)
    for item in applying:
        where = f"the policy {item.name}"
        for text in dict.fromkeys(text for text in (item.using, item.check) if text is not None):
            reading = readings[text]
            for what in reading.fragile:
                fixed = "falls back" in what
                yield LiveFinding(
                    "TM10",
                    Severity.ERROR if fixed else Severity.WARNING,
                    table.name,
                    f"{where} {what}",
                    _alter(name, item, pins),
                )
            if other := [each for each in reading.variables if each not in (variable, "?")]:
                yield LiveFinding(
                    "TM10",
                    Severity.ERROR,
                    table.name,
                    f"{where} reads {other[0]}; the tenant stands in {variable}",
                    _alter(name, item, pins),
                )


def _policy(
    table: LiveTable,
    item: LivePolicy,
    pins: str,
    readings: Mapping[str, Reading],
    held: Mapping[str, bool],
) -> Iterator[LiveFinding]:
    where, mend = f"the policy {item.name}", _alter(qualified(table.name), item, pins)
    if item.command in _READ and not held["using"]:
        yield from _open(table, where, "USING", item.using, readings, mend)
    if item.command in _WRITTEN and not held["check"]:
        if item.check is not None:
            if item.check != item.using or item.command == "INSERT":
                yield from _open(table, where, "WITH CHECK", item.check, readings, mend)
        elif item.command == "INSERT":
            yield LiveFinding(
                "TM8", Severity.ERROR, table.name, f"{where} FOR INSERT has no WITH CHECK", mend
            )
        else:
            pinned = _pinned(item.using, readings)
            yield LiveFinding(
                "TM8", Severity.WARNING if pinned else Severity.ERROR, table.name,
                f"{where} has no WITH CHECK" + (", so that writes hang on what USING says" if pinned else ": what USING shows can be written too"),
                mend,
            )  # fmt: skip


def _pinned(text: str | None, readings: Mapping[str, Reading]) -> bool:
    return text is not None and readings[text].holds is Holds.PINNED


def _open(
    table: LiveTable, where: str, part: str, text: str | None, readings: Mapping[str, Reading], mend: str
) -> Iterator[LiveFinding]:
    if text is None:
        yield LiveFinding(
            "TM9", Severity.ERROR, table.name, f"{where} has no {part}: it lets every row through", mend
        )
        return
    reading = readings[text]
    if reading.holds is Holds.OPEN:
        yield LiveFinding(
            "TM9", Severity.ERROR, table.name, f"{part} of {where} is open: {reading.why}", mend
        )
    elif reading.holds is Holds.UNKNOWN:
        yield LiveFinding(
            "TM9",
            Severity.INFO,
            table.name,
            f"cannot tell whether {part} of {where} holds rows to a tenant: {reading.why}",
        )


def _alter(name: str, item: LivePolicy, pins: str) -> str:
    using = f" USING ({pins})" if item.command in _READ else ""
    check = f" WITH CHECK ({pins})" if item.command in _WRITTEN else ""
    return f"ALTER POLICY {quoted(item.name)} ON {name}{using}{check};"
