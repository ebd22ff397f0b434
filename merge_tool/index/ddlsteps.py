"""Takes the SQL of a revision apart into the same steps that Alembic's operations give.

Read by the head of each statement and of each action, not by sqlglot: revisions hold holes (`ALTER TABLE {?} …`) and PostgreSQL's
own forms (policies, `CREATE INDEX CONCURRENTLY`), which it does not parse; a form that is not known here gives no step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from merge_tool.rulekit.ddl import NAME, plain_name, policy_statements, row_security
from merge_tool.rulekit.schema import SchemaColumn, SchemaKey, Step
from merge_tool.rulekit.sqlsplit import HOLE, masked, top_level

_I = re.IGNORECASE | re.DOTALL
_ALTER = re.compile(rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}\s*\*?\s+(.*)", _I)
_CREATE = re.compile(
    rf"CREATE\s+(?:UNLOGGED\s+|TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}\s*(.*)", _I
)
_INDEX = re.compile(
    rf"CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?:{NAME}\s+)?ON\s+(?:ONLY\s+)?{NAME}\s*(?:USING\s+\w+\s*)?\((.*)", _I
)  # fmt: skip
_DROP = re.compile(
    r"DROP\s+(TABLE|INDEX)\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?(.*?)(?:\s+(?:CASCADE|RESTRICT))?\s*$", _I
)
_ADD = re.compile(rf"ADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?{NAME}\s+(.*)", _I)
_KEY = re.compile(
    rf"(?:ADD\s+)?(?:CONSTRAINT\s+{NAME}\s+)?(UNIQUE|PRIMARY\s+KEY|FOREIGN\s+KEY)\s*(?:NULLS\s+(?:NOT\s+)?DISTINCT\s*)?\(([^)]*)\)(.*)", _I
)  # fmt: skip
_REFERENCES = re.compile(rf"\bREFERENCES\s+{NAME}\s*(?:\(([^)]*)\))?", _I)
_COLUMN = re.compile(rf"ALTER\s+(?:COLUMN\s+)?{NAME}\s+(SET|DROP)\s+NOT\s+NULL", _I)
_DROP_COLUMN = re.compile(rf"DROP\s+(CONSTRAINT\s+|COLUMN\s+)?(?:IF\s+EXISTS\s+)?{NAME}", _I)
_RENAME = re.compile(rf"RENAME\s+(?:COLUMN\s+)?{NAME}\s+TO\s+{NAME}", _I)
_RENAME_TABLE = re.compile(rf"RENAME\s+TO\s+{NAME}", _I)
_FUNCTION = re.compile(rf"CREATE\s+OR\s+REPLACE\s+FUNCTION\s+{NAME}", _I)
_NOT_COLUMNS = frozenset(("constraint", "check", "exclude", "unique", "primary", "foreign", "like", "table"))
_MAY_CHANGE = re.compile(r"(?:ALTER|CREATE|DROP)\b", re.IGNORECASE)


def taken_apart(step: Step) -> Iterator[Step]:
    """The steps that a step stands for; one of Alembic's own operations stands for itself."""
    if step.kind != "execute" or step.sql is None:
        yield step
        return
    sql = step.sql
    if not _MAY_CHANGE.match(sql):
        return
    if re.match(r"\w+\s+POLICY\b", sql, _I):
        for item in policy_statements(sql):
            yield replace(step, kind=f"{item.verb}_policy", table=item.table, name=item.name, policy=item)
    elif function := _FUNCTION.match(sql):
        yield replace(step, kind="create_function", name=plain_name(function[1]))
    elif alter := _ALTER.match(sql):
        table = plain_name(alter[1])
        for name, action in row_security(sql):
            yield replace(step, kind="row_security", table=name, name=action)
        for action in top_level(alter[2]):
            yield from _action(replace(step, table=table), action)
    elif create := _CREATE.match(sql):
        yield _create(step, create)
    elif made := _INDEX.match(sql):
        columns = _columns(_inside(made[4]))
        key = SchemaKey(
            "index", columns, step.path, step.span, plain_name(made[2] or ""), made[1] is not None
        )
        yield replace(step, kind="create_index", table=plain_name(made[3]), name=key.name, keys=(key,))
    elif drop := _DROP.match(sql):
        for name in top_level(drop[2]):
            plain = plain_name(name)
            if drop[1].upper() == "TABLE":
                yield replace(step, kind="drop_table", table=plain)
            else:
                yield replace(step, kind="drop_index", name=plain)


def _action(step: Step, action: str) -> Iterator[Step]:
    """What one action of ALTER TABLE does."""
    if key := _KEY.match(action):
        made = _key(step, key)
        kind = {"unique": "create_unique_constraint", "primary": "create_primary_key"}.get(
            made.kind, "create_foreign_key"
        )
        yield replace(step, kind=kind, name=made.name, keys=(made,))
    elif (added := _ADD.match(action)) and plain_name(added[1]) not in _NOT_COLUMNS:
        yield replace(step, kind="add_column", columns=(_column(step, plain_name(added[1]), added[2]),))
    elif column := _COLUMN.match(action):
        yield replace(
            step, kind="alter_column", name=plain_name(column[1]), nullable=column[2].upper() == "DROP"
        )
    elif renamed := _RENAME_TABLE.match(action):
        yield replace(step, kind="rename_table", new=plain_name(renamed[1]))
    elif (renamed := _RENAME.match(action)) and plain_name(renamed[1]) != "constraint":
        yield replace(step, kind="alter_column", name=plain_name(renamed[1]), new=plain_name(renamed[2]))
    elif dropped := _DROP_COLUMN.match(action):
        constraint = (dropped[1] or "").upper().startswith("CONSTRAINT")
        yield replace(
            step, kind="drop_constraint" if constraint else "drop_column", name=plain_name(dropped[2])
        )


def _create(step: Step, match: re.Match[str]) -> Step:
    table, rest = plain_name(match[1]), match[2]
    columns: list[SchemaColumn] = []
    keys: list[SchemaKey] = []
    for item in top_level(_inside(rest[1:])) if rest.startswith("(") else ():
        key = _KEY.match(item)
        first = re.match(rf"{NAME}\s+(.*)", item, _I)
        if item.startswith(HOLE) or item.upper().startswith("LIKE "):
            columns.append(SchemaColumn("*", step.path, step.span))
        elif key is not None:
            keys.append(_key(step, key))
        elif first is not None and plain_name(first[1]) not in _NOT_COLUMNS:
            columns.append(_column(step, plain_name(first[1]), first[2]))
    if not rest.startswith("("):  # CREATE TABLE … AS, PARTITION OF
        columns.append(SchemaColumn("*", step.path, step.span))
    return replace(step, kind="create_table", table=table, columns=tuple(columns), keys=tuple(keys))


def _column(step: Step, name: str, rest: str) -> SchemaColumn:
    hidden = masked(rest)
    primary = re.search(r"\bPRIMARY\s+KEY\b", hidden, re.IGNORECASE) is not None
    refers = _REFERENCES.search(rest)
    return SchemaColumn(
        name,
        step.path,
        step.span,
        re.split(r"\W", rest, maxsplit=1)[0],
        not primary and re.search(r"\bNOT\s+NULL\b", hidden, re.IGNORECASE) is None,
        primary,
        re.search(r"\bUNIQUE\b", hidden, re.IGNORECASE) is not None,
        False,
        plain_name(refers[1]) if refers else "",
        re.search(r"\bDEFAULT\b", hidden, re.IGNORECASE) is not None,
        plain_name(refers[2]) if refers and refers[2] else "",
    )


def _key(step: Step, match: re.Match[str]) -> SchemaKey:
    kind = match[2].split()[0].lower()
    refers = _REFERENCES.search(match[4])
    return SchemaKey(
        kind,
        _columns(match[3]),
        step.path,
        step.span,
        plain_name(match[1]) if match[1] else "",
        kind == "unique",
        plain_name(refers[1]) if refers else "",
        _columns(refers[2]) if refers and refers[2] else (),
    )


def _columns(text: str) -> tuple[str, ...]:
    """The columns of a list; "" for an expression."""
    found = []
    for item in top_level(text):
        plain = re.fullmatch(rf"{NAME}(?:\s+(?:ASC|DESC))?(?:\s+NULLS\s+(?:FIRST|LAST))?", item, _I)
        found.append(plain_name(plain[1]) if plain and HOLE not in item else "")
    return tuple(found)


def _inside(text: str) -> str:
    """The text up to the bracket that closes the one before it."""
    depth = 1
    for position, char in enumerate(masked(text)):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[:position]
    return text
